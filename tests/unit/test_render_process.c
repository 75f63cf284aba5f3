// SPDX-License-Identifier: GPL-2.0-or-later
/* The sections of a process in the report as text. */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_empty_rows),
		cmocka_unit_test(test_one_interval),
		cmocka_unit_test(test_many_points),
		cmocka_unit_test(test_mappings),
		cmocka_unit_test(test_cover),
		cmocka_unit_test(test_nameless_mappings),
		cmocka_unit_test(test_heap),
		cmocka_unit_test(test_stack),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_lost_end),
		cmocka_unit_test(test_no_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
