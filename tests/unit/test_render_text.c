// SPDX-License-Identifier: GPL-2.0-or-later
/* The report as text: its header, what was lost, the table of processes; any width, any string. */
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
		cmocka_unit_test(test_lost_records),  cmocka_unit_test(test_summary),
		cmocka_unit_test(test_trouble_first), cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_widths),	      cmocka_unit_test(test_verbose_and_colour),
		cmocka_unit_test(test_stream_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
