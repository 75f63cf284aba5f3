// SPDX-License-Identifier: GPL-2.0-or-later
/* Causes and latency of faults, as text and as JSON. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "render/render.h"
#include "rendered.h"
#include "sample_report.h"

static const struct render_options ascii_80 = {.width = 80, .top = 10};

static void test_causes(void **state)
{
	struct render_options wide = {.width = 100, .utf8 = true, .top = 10};
	char *text = rendered(sample__timed(), &ascii_80);
	struct report *report;

	(void)state;
	assert_has_lines(
		text, "  by cause    faults      %  timed  time %      p50      p99      max\n"
		      "  anon_zero    1,500  75.0%     88    2.6%   1.2 us   4.0 us  12.3 us\n"
		      "  huge           488  24.4%     29   39.9%  61.4 us   125 us   125 us\n"
		      "  file_major      10   0.5%     10   57.6%   950 us  20.3 ms  20.3 ms\n"
		      "  raced            2   0.1%      0       -        -        -        -\n"
		      "  488 huge pages mapped: 976.0 MiB\n"
		      "  besides: 3 invalid (ended in SIGSEGV or SIGBUS), 64 populated without an\n"
		      "  exception\n");
	free(text);
	text = rendered(sample__timed(), &wide);
	assert_has(text, "1.2 µs");
	assert_has(text, "1.02 µs to 2.05 µs");
	free(text);
	/* Of four there are no quantiles. */
	report = sample__timed();
	report->processes[0].faults.latency.by_cause[CAUSE_HUGE].samples = 4;
	text = rendered(report, &ascii_80);
	assert_has_lines(text,
			 "  huge           488  24.4%      4   39.9%       -        -   125 us\n");
	free(text);
	report = sample__timed();
	report->processes[0].faults.latency.by_cause[CAUSE_HUGE].samples = 5;
	text = rendered(report, &ascii_80);
	assert_has_lines(text,
			 "  huge           488  24.4%      5   39.9%  61.4 us   125 us   125 us\n");
	free(text);
}

/* Where it is not known of a fault whether it mapped a huge page. */
static void test_merged(void **state)
{
	static const enum fault_cause merged[] = {CAUSE_ANON_MERGED, CAUSE_FILE_MERGED,
						  CAUSE_SHMEM_MERGED};

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct report *report = sample__timed();
		char *text;

		report->processes[0].faults.by_cause[merged[i]] = 1;
		text = rendered(report, &ascii_80);
		assert_has_lines(text, "  at least 488 huge pages mapped: 976.0 MiB\n");
		free(text);
	}
}

/* Of older recordings, and where nothing times faults. */
static void test_unknown(void **state)
{
	struct report *report = sample__full();
	char *text;

	(void)state;
	report->processes[0].faults.latency.slow_ns = 1000;
	text = rendered(report, &ascii_80);
	assert_has_not(text, "by cause");
	assert_has_not(text, "timed");
	assert_has_lines(text, "  by region     faults      %\n");
	assert_has_lines(text, "  slow faults: latency was not measured\n");
	free(text);
	report = sample__timed();
	report->processes[0].faults.latency.known = false;
	text = rendered(report, &ascii_80);
	assert_has_lines(text, "  by cause    faults      %\n");
	assert_has_not(text, "p99");
	free(text);
}

static void test_latency(void **state)
{
	struct report *report;
	char *text = rendered(sample__timed(), &ascii_80);

	(void)state;
	assert_has_lines(
		text,
		"  latency: p50 1.3 us, p90 61.4 us, p99 950 us, max 20.3 ms\n"
		"  time in faults: about 76.5 ms in sum over its threads, 0.8% of the time that\n"
		"  it was traced\n"
		"  timed: 127 faults: each major one, each of 1.0 ms or longer, and one of\n"
		"  17 other minor ones, which stands for 17\n"
		"\n"
		"  latency             faults, about      %\n"
		"  1.02 us to 2.05 us          1,496  74.8%  ####################################\n"
		"  ...\n"
		"  32.8 us to 65.5 us            493  24.7%  ############\n"
		"  ...\n"
		"  1.05 ms to 2.10 ms             10   0.5%  #\n");
	free(text);
	report = sample__timed();
	report->processes[0].faults.latency.all.at_least = true;
	text = rendered(report, &ascii_80);
	assert_has(text, "  time in faults: at least 76.5 ms in sum");
	free(text);
	report = sample__timed();
	report->processes[0].faults.latency.weight = 1;
	report->processes[0].nr_threads = 1;
	text = rendered(report, &ascii_80);
	assert_has_lines(text, "  time in faults: 76.5 ms, 0.8% of the time that it was traced\n"
			       "  timed: every fault\n");
	assert_has_lines(text, "  latency             faults      %\n");
	free(text);
	report = sample__timed();
	report->processes[0].faults.latency.all = (struct report_latency){};
	report->processes[0].faults.latency.share_known = false;
	text = rendered(report, &ascii_80);
	assert_has_lines(text, "  latency: no fault was timed\n  timed: ");
	free(text);
	report = sample__timed();
	report->processes[0].faults.latency.minor_slow_ns = 0;
	report->processes[0].faults.latency.all.samples = 1;
	text = rendered(report, &ascii_80);
	assert_has_lines(text, "  timed: 1 fault: each major one, and one of 17 minor ones, which "
			       "stands for 17\n");
	free(text);
}

/* As in the tables: of four there are no quantiles. */
static void test_few_samples(void **state)
{
	struct report *report = sample__timed();
	char *text;

	(void)state;
	report->processes[0].faults.latency.all.samples = 4;
	text = rendered(report, &ascii_80);
	assert_has_lines(text, "  latency: max 20.3 ms, of 4 timed: too few for quantiles\n");
	assert_has_not(text, "p90");
	free(text);
	report = sample__timed();
	report->processes[0].faults.latency.all.samples = 5;
	text = rendered(report, &ascii_80);
	assert_has(text, "  latency: p50 1.3 us, p90 61.4 us, p99 950 us, max 20.3 ms\n");
	free(text);
}

static void test_share(void **state)
{
	static const struct {
		double share;
		const char *words;
	} cases[] = {
		{0, " 0.0% of the time"},	  {1e-11, " <0.1% of the time"},
		{0.00049, " <0.1% of the time"},  {0.0006, " 0.1% of the time"},
		{0.99999, " >99.9% of the time"}, {2.5, " 250.0% of the time"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct report *report = sample__timed();
		char *text;

		report->processes[0].faults.latency.share = cases[i].share;
		text = rendered(report, &(struct render_options){.width = 200});
		assert_has(text, cases[i].words);
		free(text);
	}
}

#define EXPLANATION "\n  what each cause means, and what to do: memtrace(8), CAUSES\n"

/* Once, at the first process that reads from a disk or swap. */
static void test_explanation(void **state)
{
	struct render_options coloured = {.width = 80, .colour = true};
	struct report *report = sample__timed();
	char *text = rendered(report, &coloured), *first;

	(void)state;
	assert_has(text, "\n  \033[2mwhat each cause means");
	free(text);
	report = sample__timed();
	report->processes[0].faults.by_cause[CAUSE_FILE_MAJOR] = 0;
	text = rendered(report, &ascii_80);
	assert_has_not(text, "CAUSES");
	free(text);
	report = sample__empty(2);
	for (int i = 0; i < 2; i++) {
		sample__faults(&report->processes[i]);
		sample__latency(&report->processes[i]);
	}
	report->processes[0].faults.by_cause[CAUSE_FILE_MAJOR] = 0;
	report->processes[0].faults.by_cause[CAUSE_SWAP_IN] = 1;
	text = rendered(report, &ascii_80);
	first = strstr(text, EXPLANATION);
	assert_non_null(first);
	assert_non_null(strstr(first, "by cause"));
	assert_null(strstr(first + 1, EXPLANATION));
	free(text);
}

static void test_slow(void **state)
{
	struct render_options opt = {.width = 80, .top = 1};
	struct report *report;
	char *text = rendered(sample__timed(), &ascii_80);

	(void)state;
	assert_has_lines(text,
			 "  3 faults took 1.0 ms or longer\n"
			 "  slow faults     took  cause       where                     code\n"
			 "   3.500000 s  20.3 ms  file_major  ../\\x1b[2Jindex+0x1234    "
			 "memset (libc.so.6)\n"
			 "   1.250000 s   1.0 ms  file_major  [anon]+0x2000             kernel\n"
			 "  and 1 more, not as slow\n");
	free(text);
	text = rendered(sample__timed(), &opt);
	assert_has_lines(text, "  and 2 more, not as slow\n");
	free(text);
	/* Not every minor fault of that length was timed. */
	report = sample__timed();
	report->processes[0].faults.latency.slow_ns = 999999;
	text = rendered(report, &ascii_80);
	assert_has_lines(text, "  3 faults took 1.0 ms or longer, of those that were timed; --slow "
			       "while tracing\n  times each\n");
	free(text);
	report = sample__timed();
	report->processes[0].faults.latency.slow_total = 0;
	text = rendered(report, &ascii_80);
	assert_has_lines(text, "  no fault took 1.0 ms or longer\n");
	assert_has_not(text, "slow faults  ");
	free(text);
	report = sample__timed();
	report->processes[0].faults.latency.slow_ns = 0;
	text = rendered(report, &ascii_80);
	assert_has_not(text, "faults took");
	free(text);
}

static void test_widths(void **state)
{
	(void)state;
	for (unsigned int width = 80; width <= 200; width += 20) {
		struct render_options opt = {.width = width, .utf8 = width % 40, .top = 10};
		char *text = rendered(sample__timed(), &opt);

		assert_tidy(text, width);
		free(text);
		text = rendered(sample__huge(), &opt);
		assert_tidy(text, width);
		free(text);
	}
}

static json_t *load(struct report *report)
{
	struct render_options all = {.width = 80};
	char *text = rendered_json(report, &all);
	json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	assert_non_null(root);
	free(text);
	return root;
}

static void assert_number(json_t *root, const char *path, json_int_t expected)
{
	assert_true(json_is_integer(json_at(root, path)));
	assert_int_equal(json_integer_value(json_at(root, path)), expected);
}

static void assert_null_at(json_t *root, const char *path)
{
	assert_true(json_is_null(json_at(root, path)));
}

static void test_json_causes(void **state)
{
	json_t *root = load(sample__timed()), *causes;

	(void)state;
	causes = json_at(root, "processes.0.faults.by_cause");
	assert_int_equal(json_object_size(causes), NR_CAUSES + 2);
	for (int i = 0; i < NR_CAUSES; i++)
		assert_non_null(json_object_get(causes, fault_cause__name((enum fault_cause)i)));
	assert_number(causes, "huge", 488);
	assert_number(causes, "cow", 0);
	assert_number(causes, "invalid", 3);
	assert_number(causes, "populated", 64);
	assert_number(root, "processes.0.faults.huge_bytes", 488 * 2 * MIB);
	json_decref(root);
	root = load(sample__full());
	assert_null_at(root, "processes.0.faults.by_cause");
	assert_null_at(root, "processes.0.faults.huge_bytes");
	assert_null_at(root, "processes.0.faults.latency_ns");
	assert_null_at(root, "processes.0.faults.latency_by_cause");
	assert_null_at(root, "processes.0.faults.latency_by_region");
	assert_null_at(root, "processes.0.faults.slow");
	json_decref(root);
}

static void test_json_latency(void **state)
{
	struct report *report = sample__timed();
	json_t *root = load(report), *latency;

	(void)state;
	latency = json_at(root, "processes.0.faults.latency_ns");
	assert_number(latency, "count", 127);
	assert_number(latency, "p99", 950271);
	assert_number(latency, "total", 76450000);
	assert_number(latency, "weight", 17);
	assert_true(json_real_value(json_at(latency, "share")) == 0.00826);
	assert_int_equal(json_array_size(json_at(latency, "histogram")), 3);
	assert_number(latency, "histogram.2.ge", 1 << 20);
	assert_number(latency, "histogram.2.count", 10);
	/* Only what was measured has a row. */
	latency = json_at(root, "processes.0.faults.latency_by_cause");
	assert_int_equal(json_object_size(latency), 3);
	assert_number(latency, "huge.p50", 61439);
	assert_int_equal(json_object_size(json_at(root, "processes.0.faults.latency_by_region")),
			 1);
	json_decref(root);
	report = sample__timed();
	report->processes[0].faults.latency.all = (struct report_latency){};
	report->processes[0].faults.latency.share_known = false;
	root = load(report);
	assert_number(root, "processes.0.faults.latency_ns.count", 0);
	assert_null_at(root, "processes.0.faults.latency_ns.p50");
	assert_null_at(root, "processes.0.faults.latency_ns.total");
	assert_null_at(root, "processes.0.faults.latency_ns.share");
	json_decref(root);
	root = load(sample__huge());
	assert_null_at(root, "processes.0.faults.latency_ns.total");
	json_decref(root);
}

static void test_json_slow(void **state)
{
	json_t *root = load(sample__timed()), *slow;

	(void)state;
	slow = json_at(root, "processes.0.faults.slow");
	assert_true(json_real_value(json_at(slow, "threshold_us")) == 1000.5);
	assert_number(slow, "total", 3);
	assert_int_equal(json_array_size(json_at(slow, "list")), 2);
	assert_number(slow, "list.0.latency_ns", 20266428);
	assert_string_equal(json_string_value(json_at(slow, "list.0.address")), "0x7f0000001234");
	assert_string_equal(json_string_value(json_at(slow, "list.0.cause")), "file_major");
	assert_string_equal(json_string_value(json_at(slow, "list.0.ip_mapping")), "libc.so.6");
	assert_number(slow, "list.0.ip_offset", 0x1000);
	assert_string_equal(json_string_value(json_at(slow, "list.1.mapping")), "[anon]");
	assert_number(slow, "list.1.offset", 0x2000);
	assert_string_equal(json_string_value(json_at(slow, "list.0.ip_symbol")), "memset");
	assert_number(slow, "list.0.ip_symbol_offset", 0x1f);
	assert_null_at(slow, "list.1.ip_symbol");
	assert_null_at(slow, "list.1.ip_mapping");
	assert_null_at(slow, "list.1.ip_offset");
	json_decref(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_few_samples),  cmocka_unit_test(test_share),
		cmocka_unit_test(test_explanation),  cmocka_unit_test(test_causes),
		cmocka_unit_test(test_merged),	     cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_latency),	     cmocka_unit_test(test_slow),
		cmocka_unit_test(test_widths),	     cmocka_unit_test(test_json_causes),
		cmocka_unit_test(test_json_latency), cmocka_unit_test(test_json_slow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
