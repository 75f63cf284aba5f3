// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "render/render.h"
#include "rendered.h"
#include "sample_report.h"

static const struct render_options utf8_80 = {.width = 80, .utf8 = true, .top = 10};
static const struct render_options ascii_80 = {.width = 80, .top = 10};

static void test_header(void **state)
{
	struct report *report = sample__empty(0);
	char *text;

	(void)state;
	sample__probe(report);
	report->loss.delivered = 655360;
	text = rendered(report, &ascii_80);
	assert_string_equal(
		text,
		"memtrace 0.1.0\n"
		"  target    -p 4242\n"
		"  traced    12.35 s from 2026-11-21 09:26:48 UTC, until the time given was over\n"
		"  host      db1, Linux 6.18.44 x86_64, 2 CPUs, pages of 4 KiB\n"
		"  seen      0 processes, 0 minor faults, 0 major faults, 0 stack-limit hits\n"
		"\n"
		"lost 0 of 655,360 records\n"
		"\nNo process did anything with memory that is traced.\n"
		"\n"
		"Probes in use\n"
		"  page faults  tp_btf/page_fault_user  misses faults of get_user_pages; what\n"
		"                                       nobody sees\n");
	free(text);
}

static void test_lost(void **state)
{
	struct report *report = sample__empty(0);
	char *text;

	(void)state;
	report->loss.delivered = 1000;
	report->loss.records = 1500;
	report->loss.fault_weight_max = 64;
	report->loss.by_cause[0].count = 1499;
	report->loss.by_cause[1].count = 1;
	text = rendered(report, &ascii_80);
	assert_has_lines(text,
			 "lost 1,500 of 2,500 records: ring_full_faults 1,499, filter_full 1\n"
			 "faults were sampled: a record stands for up to 64 of them\n");
	free(text);
}

/* Lost faults are in the check; what else is lost leaves a wrong picture, and is said so. */
static void test_lost_records(void **state)
{
	static const char words[] =
		"1,234 records were lost: sizes, counts and the list of processes may be wrong";
	struct render_options opt = {.width = 100, .colour = true};
	struct report *report = sample__full();
	char lines[256];
	char *text;

	(void)state;
	report->loss.records = report->loss.by_cause[0].count = 1234;
	report->loss.by_cause[1].cause = "undecodable";
	text = rendered(report, &opt);
	assert_has_not(text, "were lost");
	free(text);
	report = sample__full();
	report->loss.records = 1234;
	report->loss.by_cause[0] = (struct report_loss){"ring_full_records", 1200};
	report->loss.by_cause[1] = (struct report_loss){"probe_missed", 34};
	text = rendered(report, &opt);
	snprintf(lines, sizeof(lines), "probe_missed 34\033[0m\n\033[31m%s\033[0m\n", words);
	assert_has(text, lines);
	snprintf(lines, sizeof(lines), "\033[1mHeap\033[0m\n  \033[31m%s\033[0m\n", words);
	assert_has(text, lines);
	free(text);
	report = sample__full();
	report->loss.records = 1;
	report->loss.by_cause[1] = (struct report_loss){"probe_missed", 1};
	text = rendered(report, &ascii_80);
	assert_has_lines(
		text, "Heap\n"
		      "  1 record was lost: sizes, counts and the list of processes may be wrong\n"
		      "       now ");
	assert_tidy(text, 80);
	free(text);
}

static void test_faults(void **state)
{
	char *text = rendered(sample__full(), &ascii_80);

	(void)state;
	assert_has_lines(
		text, "  /usr/bin/postgres, parent 1, 2 threads, killed by SIGSEGV at 9.250 s\n");
	assert_has_lines(text,
			 "  2,000 faults: 1,990 minor, 10 major; user 1,900, kernel 100\n"
			 "  by access: read 500 (25.0%), write 1,500 (75.0%), exec 0 (0.0%)\n");
	assert_has_lines(text, "  fault rate  ___:::+++###  min 0/s, max 1,050/s\n"
			       "              0 s   4.00 s\n");
	assert_has_lines(text,
			 "  by region     faults      %\n"
			 "  heap           1,500  75.0%  #####################################\n"
			 "  file             499  24.9%  ############\n"
			 "  thread_stack       1   0.1%  #\n");
	assert_has_lines(
		text,
		"  run, pages  faults      %\n"
		"  [1]             30  75.0%  ###################################################\n"
		"  [2, 4)           0   0.0%\n"
		"  [4, 8)          10  25.0%  #################\n");
	free(text);
}

/* Three empty rows of a histogram become one, two stay what they are. */
static void test_empty_rows(void **state)
{
	struct report *report = sample__full();
	uint64_t *bins = report->processes[0].faults.run_pages_log2;
	char *text;

	(void)state;
	bins[2] = 0;
	bins[3] = 10;
	bins[7] = 40;
	text = rendered(report, &ascii_80);
	assert_has_lines(
		text,
		"  run, pages  faults      %\n"
		"  [1]             30  37.5%  ######################################\n"
		"  [2, 4)           0   0.0%\n"
		"  [4, 8)           0   0.0%\n"
		"  [8, 16)         10  12.5%  #############\n"
		"  ...\n"
		"  [128, 256)      40  50.0%  ###################################################\n"
		"\n");
	free(text);
	report = sample__full();
	report->processes[0].faults.run_pages_log2[31] = 1;
	text = rendered(report, &utf8_80);
	assert_has(text, "\n  \u2026\n  [2G, 4G) ");
	assert_tidy(text, 80);
	free(text);
}

/* One interval is no course of anything. */
static void test_one_interval(void **state)
{
	struct report *report = sample__full();
	char *text;

	(void)state;
	report->processes[0].faults.nr_timeline = 1;
	text = rendered(report, &ascii_80);
	assert_has_not(text, "fault rate");
	assert_has(text, "exec 0 (0.0%)\n\n  by region ");
	free(text);
}

static void test_mappings(void **state)
{
	struct render_options opt = {.width = 120, .utf8 = true, .top = 2};
	char *text = rendered(sample__full(), &opt);

	(void)state;
	assert_has_lines(
		text, "  by mapping                                       region          mapped  "
		      "faults  major      %  touched  cover  pattern\n");
	assert_has(text, " thread_stack  4.0 MiB    1,000 ");
	assert_has(text, " thread_stack  4.0 MiB*     700 ");
	assert_has_lines(text, "  and 1 more place: 400 faults\n"
			       "  * unmapped by now\n");
	/* Of three slices the two with most faults, by address. */
	assert_has(text, "\n  0x7f0000000000  1.0 MiB  /usr/lib");
	assert_has(text, "\n  0x7f0000200000  1.0 MiB  [heap]");
	assert_has_not(text, "0x7f0000100000");
	assert_has_lines(text, "  and 1 more slice with fewer faults each: 10 in all\n");
	assert_tidy(text, 120);
	free(text);
}

/* No more of a mapping is covered than there is: pages of several, one after another, are no part.
 */
static void test_cover(void **state)
{
	struct render_options opt = {.width = 120};
	struct report *report = sample__full();
	struct report_process *process = &report->processes[0];
	char *text;

	(void)state;
	process->faults.mappings[0].pages_touched = 1025;
	process->faults.mappings[1].several = true;
	process->faults.slices[0].pages_touched = 257;
	text = rendered(report, &opt);
	assert_has(text, "50.0%    1,025      -  -\n");
	assert_has(text, "35.0%      512      -  up\n");
	assert_has(text, "20.0%      512  50.0%  down\n");
	assert_has(text, "    1,000      -  #");
	assert_has(text, "      998  25.0%  #");
	free(text);
}

static void test_nameless_mappings(void **state)
{
	static const char *const names[] = {"[anon]", "[thread stack]", "[shmem]"};
	struct render_options opt = {.width = 100};
	struct report *report = sample__full();
	char *text;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		free(report->processes[0].faults.mappings[i].name);
		report->processes[0].faults.mappings[i].name = strdup(names[i]);
	}
	text = rendered(report, &opt);
	assert_has(text, "\n  [anon] 0x7f0000000000   thread_stack ");
	/* What is unmapped by now is nowhere. */
	assert_has(text, "\n  [thread stack]          thread_stack ");
	assert_has(text, "\n  [shmem] 0x7f0000200000  heap ");
	assert_tidy(text, 100);
	free(text);
	report = sample__full();
	free(report->processes[0].faults.mappings[0].name);
	report->processes[0].faults.mappings[0].name = strdup("[anon]");
	text = rendered(report, &ascii_80);
	/* Others are cut, and other columns go first: it is what tells them apart. */
	assert_has(text,
		   "\n  by mapping               region          mapped  faults  major  cover  ");
	assert_has(text, "\n  [anon] 0x7f0000000000    thread_stack ");
	free(text);
	/* With a column for it, it is not said twice. */
	opt = (struct render_options){.width = 200, .verbose = true};
	report = sample__full();
	free(report->processes[0].faults.mappings[0].name);
	report->processes[0].faults.mappings[0].name = strdup("[anon]");
	text = rendered(report, &opt);
	assert_has_not(text, "[anon] 0x");
	assert_has(text, "  0x7f0000000000  ");
	free(text);
}

static void test_heap(void **state)
{
	char *text = rendered(sample__full(), &utf8_80);

	(void)state;
	assert_has_lines(
		text, "       now      brk  anon mmap    growth      peak       RSS  peak RSS\n"
		      "  12.0 MiB  4.0 MiB    8.0 MiB  -3.0 MiB  15.0 MiB  20.0 MiB         -\n");
	assert_has_lines(
		text,
		"\n  at interval ends\n"
		"  heap        \u2581\u2581\u2581\u2588\u2588\u2588  min 8.0 MiB, max 12.0 MiB\n");
	/* The second sample of RSS could not be read. */
	assert_has_lines(text, "  RSS         \u2581\u2581\u2581     min 10.0 MiB, max 10.0 MiB\n");
	assert_has_lines(text, "  calls  count    bytes  failed\n"
			       "  brk        3  4.0 MiB       0\n"
			       "  mmap      40  8.0 MiB       3  ENOMEM 2, errno 4000 1\n");
	assert_has(text, "\n  mmap, bytes  calls      %\n"
			 "  [4K, 8K)        30  81.1%  \u2588");
	free(text);
}

static void test_stack(void **state)
{
	char *text = rendered(sample__full(), &ascii_80);
	struct report *report;

	(void)state;
	assert_has_lines(
		text,
		"  peak 8.0 MiB, 100.0% of the limit of 8.0 MiB  ####################\n"
		"  warning: the main thread has used 100.0% of its stack, 8.0 MiB of 8.0 MiB\n"
		"  warning: thread 4250 wor\\x1bker has used 85.9% of its stack, 220.0 KiB of\n"
		"    256.0 KiB\n"
		"  1 thread stack of which is not known how deep it was touched\n"
		"  thread stacks, most used first\n"
		"  thread  comm            stack       peak   used\n"
		"    4250  wor\\x1bker  256.0 KiB  220.0 KiB  85.9%  in a huge page: at most\n"
		"    4251  worker        8.0 MiB   12.0 KiB   0.1%\n"
		"  2 stack-limit hits:\n"
		"    3.201456 s  tid 4242 deep\\x1b[2J: main_limit: the main stack reached its\n"
		"                limit, 8.0 MiB of 8.0 MiB, at 0x7ffc1f3fefd8, sp 0x7ffc1f3fefe0\n"
		"    9.100000 s  tid 4250 worker: thread_guard: ran into the guard page of its\n"
		"                256.0 KiB stack, at 0x7f3e1f3fefd8, sp 0x7f3e1f3fefe0\n");
	free(text);
	report = sample__full();
	report->processes[0].stack.limit_bytes = BYTES_UNKNOWN;
	report->processes[0].stack.hits[0].limit_bytes = BYTES_UNKNOWN;
	report->processes[0].stack.hits_total = 1002;
	text = rendered(report, &ascii_80);
	assert_has_lines(text, "  peak 8.0 MiB, no limit\n");
	assert_has(text, "the main stack could not grow\n                beyond 8.0 MiB, at ");
	assert_has_lines(text, "  and 1,000 more\n");
	free(text);
	report = sample__full();
	report->processes[0].stack.hits[0].size_bytes = 264 * 1024;
	report->processes[0].stack.hits[0].limit_bytes = 300 * 1024;
	text = rendered(report, &ascii_80);
	assert_has(
		text,
		"main_limit: the main stack could not grow\n"
		"                beyond 264.0 KiB: the limit is 300.0 KiB, at 0x7ffc1f3fefd8, sp\n"
		"                0x7ffc1f3fefe0\n");
	free(text);
	/* A difference that does not show would read as none. */
	report = sample__full();
	report->processes[0].stack.hits[0].size_bytes -= 4096;
	text = rendered(report, &ascii_80);
	assert_has(text, "reached its\n                limit, 8.0 MiB of 8.0 MiB, at ");
	free(text);
}

static void test_check(void **state)
{
	struct report *report = sample__full();
	char *text = rendered(report, &ascii_80);

	(void)state;
	assert_has_lines(
		text, "Check against the kernel's own count: OK\n"
		      "  faults\n"
		      "   2,061  counted by the kernel: 2,051 minor, 10 major\n"
		      "   2,000  page-fault exceptions observed\n"
		      "     +64  populated without an exception (MAP_POPULATE, mlock, exec, ...)\n"
		      "      -3  not counted by the kernel (bad access, interrupted)\n"
		      "       0  unexplained\n");
	free(text);
	report = sample__full();
	report->processes[0].check.unexplained = -1;
	report->processes[0].check.ok = false;
	text = rendered(report, &ascii_80);
	assert_has_lines(text, "Check against the kernel's own count: NOT OK\n");
	assert_has_lines(text, "      -1  unexplained\n");
	free(text);
	/* Something populated what memtrace does not see: what that may be is told. */
	report = sample__full();
	report->processes[0].check.unexplained = 1024;
	report->processes[0].check.ok = false;
	text = rendered(report, &ascii_80);
	assert_has_lines(text,
			 "  +1,024  unexplained (direct I/O, io_uring or ptrace populate pages "
			 "unseen)\n");
	assert_tidy(text, 80);
	free(text);
}

static void test_lost_end(void **state)
{
	struct report *report = sample__empty(1);
	char *text;

	(void)state;
	report->processes[0].ended = report->processes[0].end_lost = true;
	report->processes[0].end_s = 1.5;
	text = rendered(report, &ascii_80);
	assert_has_lines(text, "  program not known, parent 1, 1 thread, gone by 1.500 s: how it "
			       "ended was lost\n");
	free(text);
}

static void test_no_faults(void **state)
{
	char *text = rendered(sample__empty(1), &ascii_80);

	(void)state;
	assert_has_lines(
		text,
		"== postgres (pid 4242) ======================================================"
		"===\n"
		"  program not known, parent 1, 1 thread, still running\n"
		"\n"
		"Page faults\n"
		"  none\n"
		"\n"
		"Heap\n"
		"  now  brk  anon mmap  growth  peak  RSS  peak RSS\n"
		"  0 B  0 B        0 B     0 B   0 B    -         -\n"
		"\n"
		"  no brk, mmap, munmap, mremap, madvise, mprotect or mlock\n"
		"\n"
		"Stack\n"
		"  peak 0 B, limit not known\n"
		"  no stack-limit hits\n"
		"\n"
		"Check against the kernel's own count: not possible\n");
	free(text);
}

static void test_summary(void **state)
{
	struct render_options opt = {.width = 80, .top = 2};
	struct report *report = sample__empty(4);
	char *text;

	(void)state;
	sample__faults(&report->processes[0]);
	sample__heap(&report->processes[0]);
	sample__check(&report->processes[0]);
	report->processes[3].faults.total = 3;
	text = rendered(report, &opt);
	assert_has_lines(
		text, "Processes, most faults first\n"
		      "   pid  comm      minor  major   heap  growth    RSS  stack  hits  check\n"
		      "  4242  postgres  1,990     10  12.0M   -3.0M  20.0M      0     0  OK\n"
		      "  4243  postgres      0      0      0       0      -      0     0  -\n"
		      "  and 2 more processes: 3 faults, 0 stack-limit hits, 0 failed checks\n");
	assert_has(text, "(pid 4243)");
	assert_has_not(text, "(pid 4244)");
	assert_has_lines(text, "2 more processes not shown: -n 0 shows all\n");
	free(text);
	opt.top = 0;
	report = sample__empty(4);
	text = rendered(report, &opt);
	assert_has(text, "(pid 4245)");
	free(text);
}

/* What went wrong comes before what was busy, in the table and in the choice of the sections. */
static void test_trouble_first(void **state)
{
	struct render_options opt = {.width = 80, .top = 3};
	struct report *report = sample__empty(5);
	char *text;

	(void)state;
	sample__faults(&report->processes[0]);
	sample__check(&report->processes[0]);
	for (size_t i = 1; i < 5; i++)
		report->processes[i].check.known = true;
	report->processes[2].check.ok = true;
	sample__stack(&report->processes[3]);
	sample__stack(&report->processes[4]);
	report->processes[4].check.ok = true;
	text = rendered(report, &opt);
	assert_has_lines(
		text,
		"Processes: stack-limit hits, then failed checks, then most faults\n"
		"   pid  comm      minor  major  heap  growth  RSS  stack  hits  check\n"
		"  4245  postgres      0      0     0       0    -   8.0M     2  NOT OK\n"
		"  4246  postgres      0      0     0       0    -   8.0M     2  OK\n"
		"  4243  postgres      0      0     0       0    -      0     0  NOT OK\n"
		"  and 2 more processes: 2,000 faults, 0 stack-limit hits, 0 failed checks\n");
	assert_has(text, "(pid 4245)");
	assert_has(text, "(pid 4246)");
	assert_has(text, "(pid 4243)");
	assert_has_not(text, "(pid 4242)");
	free(text);
	opt.top = 1;
	report = sample__empty(3);
	sample__stack(&report->processes[1]);
	report->processes[2].check.known = true;
	sample__stack(&report->processes[2]);
	text = rendered(report, &opt);
	assert_has_lines(text,
			 "  and 2 more processes: 0 faults, 2 stack-limit hits, 1 failed check\n");
	free(text);
}

static void test_escapes(void **state)
{
	struct report *report = sample__full();
	struct report_process *process = &report->processes[0];
	char *text;

	(void)state;
	free(process->comm);
	process->comm = strdup("\033]0;x\007\xff");
	free(process->exe);
	process->exe = strdup("/tmp/\u202etxt\n");
	free(process->faults.mappings[0].name);
	process->faults.mappings[0].name = strdup("\xc2\x9b"
						  "2J");
	free(report->session.target);
	report->session.target = strdup("-- ./a\rb");
	text = rendered(report, &utf8_80);
	assert_has(text, "\\x1b]0;x\\x07\\xff (pid 4242)");
	assert_has(text, "  /tmp/\\xe2\\x80\\xaetxt\\x0a, parent 1");
	assert_has(text, "  \\xc2\\x9b2J");
	assert_has(text, "  target    -- ./a\\x0db\n");
	assert_tidy(text, 80);
	free(text);
}

static void test_widths(void **state)
{
	static const unsigned int widths[] = {80, 100, 132, 200};

	(void)state;
	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
		struct render_options opt = {
			.width = widths[i], .utf8 = i % 2 == 0, .verbose = i > 1};
		struct report *report = sample__empty(12);
		char *text;

		for (size_t p = 0; p < 12; p++) {
			report->processes[p].pid = 4194304;
			report->processes[p].faults.minor = UINT64_MAX;
			report->processes[p].heap.growth_bytes = INT64_MIN;
		}
		text = rendered(report, &opt);
		assert_tidy(text, widths[i]);
		free(text);
		text = rendered(sample__full(), &opt);
		assert_tidy(text, widths[i]);
		free(text);
		text = rendered(sample__huge(), &opt);
		assert_tidy(text, widths[i]);
		free(text);
	}
}

static void test_verbose_and_colour(void **state)
{
	struct render_options opt = {.width = 80, .utf8 = true, .verbose = true};
	char *text = rendered(sample__full(), &opt);

	(void)state;
	assert_has(text, "Threads, most faults first\n"
			 "  thread  comm    minor  major      %\n"
			 "    4250  worker  1,500     10  75.5%  exited  ");
	assert_null(strchr(text, '\033'));
	free(text);
	opt.colour = true;
	text = rendered(sample__full(), &opt);
	assert_has(text, "\033[1mHeap\033[0m\n");
	assert_has(text, "\033[32mOK\033[0m\n");
	free(text);
}

static void test_many_points(void **state)
{
	struct report *report = sample__empty(1);
	struct report_process *process = &report->processes[0];
	char *text;

	(void)state;
	process->faults.total = process->faults.minor = 12345;
	process->faults.nr_timeline = 3200;
	process->faults.timeline = calloc(3200, sizeof(*process->faults.timeline));
	for (size_t i = 0; i < 3200; i++)
		process->faults.timeline[i].t_s = (double)(i + 1);
	/* A spike of one interval in a hundred columns of them is still seen. */
	process->faults.timeline[3199].minor = 12345;
	text = rendered(report, &ascii_80);
	assert_has_lines(text,
			 "  fault rate  _______________________________#  min 0/s, max 12,345/s\n"
			 "              0 s                      53m 20s\n");
	free(text);
}

static void test_stream_error(void **state)
{
	struct report_interval row = {.comm = "x", .length_s = 1};
	struct report *report = sample__full();
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(full);
	assert_int_equal(render_text__report(report, &utf8_80, full), -ENOSPC);
	assert_int_equal(render_text__interval_header(&utf8_80, full), -ENOSPC);
	assert_int_equal(render_text__interval(&row, &utf8_80, full), -ENOSPC);
	/* and where every write goes through at once */
	fclose(full);
	full = fopen("/dev/full", "w");
	setvbuf(full, NULL, _IONBF, 0);
	assert_int_equal(render_text__report(report, &utf8_80, full), -ENOSPC);
	fclose(full);
	report__free(report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header),	      cmocka_unit_test(test_lost),
		cmocka_unit_test(test_faults),	      cmocka_unit_test(test_mappings),
		cmocka_unit_test(test_heap),	      cmocka_unit_test(test_stack),
		cmocka_unit_test(test_check),	      cmocka_unit_test(test_lost_end),
		cmocka_unit_test(test_no_faults),     cmocka_unit_test(test_summary),
		cmocka_unit_test(test_trouble_first), cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_widths),	      cmocka_unit_test(test_verbose_and_colour),
		cmocka_unit_test(test_many_points),   cmocka_unit_test(test_stream_error),
		cmocka_unit_test(test_empty_rows),    cmocka_unit_test(test_one_interval),
		cmocka_unit_test(test_cover),	      cmocka_unit_test(test_nameless_mappings),
		cmocka_unit_test(test_lost_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
