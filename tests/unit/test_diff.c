// SPDX-License-Identifier: GPL-2.0-or-later
/* Two reports compared: who belongs to whom, the sums, the changes, the order. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sample_diff.h"

static const struct diff_process *find(const struct diff *diff, const char *comm)
{
	const struct diff_process *found = NULL;

	for (size_t i = 0; i < diff->nr_processes; i++) {
		if (strcmp(diff->processes[i].comm, comm))
			continue;
		assert_null(found);
		found = &diff->processes[i];
	}
	assert_non_null(found);
	return found;
}

static void assert_values(const struct diff_process *process, enum diff_metric_id id, int64_t a,
			  int64_t b)
{
	const struct diff_row *row = diff_process__row(process, id);

	assert_int_equal(row->value[DIFF_A], a);
	assert_int_equal(row->value[DIFF_B], b);
}

static const struct diff_row *region(const struct diff_process *process, enum region region)
{
	const struct diff_row *row = diff_process__row(process, DIFF_BY_REGION);

	while (row->index != region)
		row++;
	assert_ptr_equal(row->metric, &diff_metrics[DIFF_BY_REGION]);
	return row;
}

static void assert_nr(const struct diff_process *process, uint64_t a, uint64_t b)
{
	assert_int_equal(process->nr[DIFF_A], a);
	assert_int_equal(process->nr[DIFF_B], b);
}

/* The table is whole: each metric has its path and its label, and rows have names. */
static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < NR_DIFF_METRICS; i++) {
		const struct diff_metric *metric = &diff_metrics[i];

		assert_non_null(metric->path);
		assert_non_null(metric->label);
		assert_int_equal(!metric->nr, !metric->name);
		assert_int_equal(!metric->name, !strchr(metric->path, '*'));
		assert_non_null(metric->get);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(metric->path, diff_metrics[k].path);
	}
}

/* By comm and exe; of what is left by comm. */
static void test_match(void **state)
{
	struct pair pair = pair__new(4, 4);
	const struct diff *diff;

	(void)state;
	pair__faults(pair__name(pair.a, 0, "web", "/usr/bin/web"), 100);
	pair__faults(pair__name(pair.a, 1, "old", "/usr/bin/old"), 10);
	pair__faults(pair__name(pair.a, 2, "sh", "/bin/dash"), 5);
	pair__faults(pair__name(pair.a, 3, "?", NULL), 7);
	pair__faults(pair__name(pair.b, 0, "?", NULL), 8);
	pair__faults(pair__name(pair.b, 1, "sh", "/bin/bash"), 6);
	pair__faults(pair__name(pair.b, 2, "new", "/usr/bin/web"), 20);
	pair__faults(pair__name(pair.b, 3, "web", "/usr/bin/web"), 150);
	diff = pair__compare(&pair);
	assert_int_equal(diff->nr_processes, 5);
	assert_nr(find(diff, "web"), 1, 1);
	assert_values(find(diff, "web"), DIFF_FAULTS, 100, 150);
	assert_string_equal(find(diff, "web")->exe[DIFF_A], "/usr/bin/web");
	assert_string_equal(find(diff, "web")->exe[DIFF_B], "/usr/bin/web");
	assert_nr(find(diff, "old"), 1, 0);
	assert_values(find(diff, "old"), DIFF_FAULTS, 10, 0);
	assert_null(find(diff, "old")->exe[DIFF_B]);
	assert_nr(find(diff, "new"), 0, 1);
	assert_values(find(diff, "new"), DIFF_FAULTS, 0, 20);
	assert_values(find(diff, "?"), DIFF_FAULTS, 7, 8);
	assert_values(find(diff, "sh"), DIFF_FAULTS, 5, 6);
	assert_string_equal(find(diff, "sh")->exe[DIFF_A], "/bin/dash");
	assert_string_equal(find(diff, "sh")->exe[DIFF_B], "/bin/bash");
	assert_nr(&diff->all, 4, 4);
	assert_values(&diff->all, DIFF_FAULTS, 122, 184);
	pair__free(&pair);
}

/* A program that a deploy has put elsewhere is the same one, where there is no doubt. */
static void test_elsewhere(void **state)
{
	static const struct {
		const char *a[2], *b[2];
		size_t nr;
	} cases[] = {
		{{"/opt/app-1/bin/app"}, {"/opt/app-2/bin/app"}, 1},
		{{"app"}, {"/opt/app-2/bin/app"}, 1},
		{{"/opt/app-1/bin/app (deleted)"}, {"/opt/app-1/bin/app"}, 1},
		/* a symbolic link, and its target */
		{{"/usr/bin/app"}, {"/usr/bin/app-check"}, 1},
		{{"/opt/1/app"}, {NULL}, 1},
		{{"/opt/"}, {"/usr/"}, 1},
		{{"/usr/bin/app-link", "/opt/1/app"}, {"/usr/bin/app-check", "/opt/2/app"}, 2},
		{{"/usr/bin/app", "/opt/1/app"}, {"/usr/bin/app-check", "/opt/2/app"}, 4},
		{{"/usr/bin/app", "/opt/1/app"}, {"/usr/bin/app-check", "/opt/1/app"}, 2},
		/* which of the two? */
		{{"/opt/1/app"}, {"/opt/2/app", "/opt/3/app"}, 3},
		{{"/opt/1/app", "/opt/2/app"}, {"/opt/3/app"}, 3},
		{{"/opt/1/a"}, {"/opt/1/b", "/opt/1/c"}, 3},
		{{"/opt/1/a", "/opt/1/b"}, {NULL}, 3},
		{{"/opt/1/a", "/opt/1/b"}, {"/opt/1/c", "/opt/1/d"}, 4},
		/* one of one name, and there is another, too */
		{{"/opt/1/app"}, {"/opt/2/app", "/opt/2/app2"}, 2},
		/* nothing is missing in B */
		{{"/opt/1/app"}, {"/opt/1/app", "/opt/2/app"}, 2},
		{{"/opt/1/app", "/opt/2/app"}, {"/opt/1/app", "/opt/3/app"}, 2},
		/* one each, though both are as many */
		{{"/opt/1/app", "/opt/1/app"}, {"/opt/2/app", "/opt/2/app"}, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t nr_a = cases[i].a[1] ? 2 : 1, nr_b = cases[i].b[1] ? 2 : 1;
		struct pair pair = pair__new(nr_a, nr_b);
		const struct diff *diff;

		for (size_t k = 0; k < nr_a; k++)
			pair__name(pair.a, k, "app", cases[i].a[k]);
		for (size_t k = 0; k < nr_b; k++)
			pair__name(pair.b, k, "app", cases[i].b[k]);
		diff = pair__compare(&pair);
		assert_int_equal(diff->nr_processes, cases[i].nr);
		if (cases[i].nr == 1) {
			assert_nr(&diff->processes[0], nr_a, nr_b);
			assert_string_equal(diff->processes[0].exe[DIFF_A], cases[i].a[0]);
			if (cases[i].b[0])
				assert_string_equal(diff->processes[0].exe[DIFF_B], cases[i].b[0]);
			else
				assert_null(diff->processes[0].exe[DIFF_B]);
		}
		pair__free(&pair);
	}
}

static void fill(struct report_process *process, uint64_t n)
{
	process->faults.total = 11 * n;
	process->faults.minor = 10 * n;
	process->faults.major = n;
	process->faults.by_region[REGION_ANON] = 8 * n;
	process->faults.by_region[REGION_TEXT] = 3 * n;
	process->check.known = true;
	process->check.lost = 2 * n;
	process->heap.growth_bytes = 5 - 4 * (int64_t)n;
	process->heap.peak_bytes = 100 * n;
	process->heap.rss_bytes = 200 * n;
	process->heap.peak_rss_bytes = 300 * n;
	process->heap.calls[CALL_MMAP] =
		(struct report_call){.count = 20 * n, .failed = n, .bytes = 4096 * n};
	process->stack.peak_bytes = 1000 * n;
	process->stack.hits_total = n;
}

/* Several of one program are summed; of peaks the largest is known as well. */
static void test_sums(void **state)
{
	struct pair pair = pair__new(3, 2);
	const struct diff_process *process;
	const struct diff_row *row;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		fill(&pair.a->processes[i], i + 1);
	for (size_t i = 0; i < 2; i++)
		fill(&pair.b->processes[i], 10 * (i + 1));
	pair.a->processes[2].ended = true;
	assert_int_equal(pair__compare(&pair)->nr_processes, 1);
	process = &pair.diff->processes[0];
	assert_nr(process, 3, 2);
	assert_values(process, DIFF_FAULTS, 66, 330);
	assert_values(process, DIFF_MINOR, 60, 300);
	assert_values(process, DIFF_MAJOR, 6, 30);
	assert_values(process, DIFF_LOST, 12, 60);
	assert_values(process, DIFF_HEAP_GROWTH, 15 - 24, 10 - 120);
	assert_values(process, DIFF_HEAP_PEAK, 600, 3000);
	assert_values(process, DIFF_HEAP_PEAK_LARGEST, 300, 2000);
	assert_values(process, DIFF_RSS, 600, 6000); /* nothing of the one that has ended */
	assert_values(process, DIFF_PEAK_RSS, 1800, 9000);
	assert_values(process, DIFF_PEAK_RSS_LARGEST, 900, 6000);
	assert_values(process, DIFF_STACK_PEAK, 6000, 30000);
	assert_values(process, DIFF_STACK_PEAK_LARGEST, 3000, 20000);
	assert_values(process, DIFF_STACK_HITS, 6, 30);
	/* Of the calls, mmap has changed most. */
	row = diff_process__row(process, DIFF_CALLS);
	assert_int_equal(row->index, CALL_MMAP);
	assert_values(process, DIFF_CALLS, 120, 600);
	assert_values(process, DIFF_CALL_BYTES, 6 * 4096, 30 * 4096);
	assert_values(process, DIFF_CALLS_FAILED, 6, 30);
	/* Of the regions anon, then text, then the rest as they are. */
	row = diff_process__row(process, DIFF_BY_REGION);
	assert_true(row[0].index == REGION_ANON && row[1].index == REGION_TEXT &&
		    row[2].index == REGION_DATA && row[10].index == REGION_OTHER);
	assert_int_equal(diff_row__change(&row[1]), 90 - 18);
	pair__free(&pair);
}

static void time_faults(struct report_process *process, uint64_t nr, uint64_t each_ns)
{
	process->faults.causes_known = process->faults.latency.known = true;
	process->faults.by_cause[CAUSE_COW] = nr;
	process->faults.latency.all = (struct report_latency){
		.samples = nr / 17,
		.p50_ns = each_ns,
		.p99_ns = 2 * each_ns,
		.max_ns = 3 * each_ns,
		.total_known = nr >= 17,
		.total_ns = nr >= 17 ? (double)(nr * each_ns) : 0,
	};
}

/* Of several processes the worst is told; one with too few faults to have been timed is none. */
static void test_latency(void **state)
{
	struct pair pair = pair__new(3, 2);
	const struct diff_process *process;

	(void)state;
	time_faults(&pair.a->processes[0], 3, 9000);
	time_faults(&pair.a->processes[1], 100, 1000);
	time_faults(&pair.a->processes[2], 50, 4000);
	time_faults(&pair.b->processes[0], 200, 3000);
	time_faults(&pair.b->processes[1], 2, 7000);
	process = &pair__compare(&pair)->processes[0];
	assert_values(process, DIFF_BY_CAUSE, 153, 202);
	assert_values(process, DIFF_LATENCY_P50, 4000, 3000);
	assert_values(process, DIFF_LATENCY_P99, 8000, 6000);
	assert_values(process, DIFF_LATENCY_MAX, 12000, 9000);
	assert_values(process, DIFF_LATENCY_TOTAL, 300000, 600000);
	assert_values(&pair.diff->all, DIFF_LATENCY_P99, 8000, 6000);
	pair__free(&pair);
	pair = pair__new(1, 1);
	time_faults(&pair.a->processes[0], 3, 9000);
	time_faults(&pair.b->processes[0], 34, 1000);
	process = &pair__compare(&pair)->processes[0];
	assert_values(process, DIFF_LATENCY_P50, DIFF_UNKNOWN, 1000);
	assert_values(process, DIFF_LATENCY_TOTAL, 0, 34000);
	pair__free(&pair);
}

/* What is not known of one is not known of the sum; and no number is made of it. */
static void test_unknown(void **state)
{
	struct pair pair = pair__new(2, 1);
	const struct diff_process *process;
	const struct diff_row *row;

	(void)state;
	pair.a->processes[0].heap.peak_rss_bytes = 4096;
	pair.b->processes[0].heap.peak_rss_bytes = 8192;
	process = &pair__compare(&pair)->processes[0];
	assert_values(process, DIFF_PEAK_RSS, DIFF_UNKNOWN, 8192);
	assert_values(process, DIFF_PEAK_RSS_LARGEST, DIFF_UNKNOWN, 8192);
	assert_values(process, DIFF_RSS, DIFF_UNKNOWN, DIFF_UNKNOWN);
	assert_values(process, DIFF_LOST, DIFF_UNKNOWN, DIFF_UNKNOWN);
	assert_values(process, DIFF_BY_CAUSE, DIFF_UNKNOWN, DIFF_UNKNOWN);
	assert_values(process, DIFF_LATENCY_P99, DIFF_UNKNOWN, DIFF_UNKNOWN);
	assert_values(process, DIFF_LATENCY_TOTAL, DIFF_UNKNOWN, DIFF_UNKNOWN);
	row = diff_process__row(process, DIFF_PEAK_RSS);
	assert_int_equal(diff_row__change(row), DIFF_UNKNOWN);
	assert_true(isnan(diff_row__number(row, DIFF_A)));
	assert_true(diff_row__number(row, DIFF_B) == 8192);
	assert_true(isnan(diff_row__rate(pair.diff, row, DIFF_B))); /* a peak has none */
	assert_true(diff_row__compared(pair.diff, row, DIFF_B) == 8192);
	row = diff_process__row(process, DIFF_LOST);
	assert_true(isnan(diff_row__rate(pair.diff, row, DIFF_A)));
	pair__free(&pair);
}

static void test_percent(void **state)
{
	(void)state;
	assert_true(diff__percent(2, 3) == 50);
	assert_true(diff__percent(4, 1) == -75);
	assert_true(diff__percent(7, 7) == 0);
	assert_true(diff__percent(7, 0) == -100);
	assert_true(isnan(diff__percent(0, 7)));
	assert_true(isnan(diff__percent(0, 0)));
	assert_true(isnan(diff__percent(-2, 2)));
	assert_true(isnan(diff__percent(2, -2)));
	assert_true(isnan(diff__percent(NAN, 2)));
	assert_true(isnan(diff__percent(2, NAN)));
}

/* Sums stay at the bounds of what a number holds. */
static void test_huge(void **state)
{
	struct pair pair = pair__new(2, 2);
	const struct diff_process *process;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		pair__faults(&pair.a->processes[i], UINT64_MAX);
		pair.a->processes[i].heap.growth_bytes = INT64_MIN;
		pair.a->processes[i].heap.peak_bytes = UINT64_MAX - 1;
		pair.b->processes[i].heap.growth_bytes = INT64_MAX;
	}
	process = &pair__compare(&pair)->processes[0];
	assert_values(process, DIFF_FAULTS, INT64_MAX, 0);
	assert_values(process, DIFF_HEAP_GROWTH, -INT64_MAX, INT64_MAX);
	assert_values(process, DIFF_HEAP_PEAK, INT64_MAX, 0);
	assert_int_equal(diff_row__change(diff_process__row(process, DIFF_HEAP_GROWTH)), INT64_MAX);
	assert_int_equal(diff_row__change(diff_process__row(process, DIFF_FAULTS)), -INT64_MAX);
	pair__free(&pair);
}

static void assert_order(const struct diff *diff, const char *const comms[], size_t nr)
{
	assert_int_equal(diff->nr_processes, nr);
	for (size_t i = 0; i < nr; i++)
		assert_string_equal(diff->processes[i].comm, comms[i]);
}

/* The largest change in faults first, whichever way it goes; of equals that of the heap's peak. */
static void test_sorting(void **state)
{
	static const char *const comms[] = {"gone", "less", "more", "heap", "a", "b"};
	struct pair pair = pair__new(6, 5);

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		pair__faults(pair__name(pair.a, i, comms[5 - i], "/x"), 1000);
		pair__faults(pair__name(pair.b, i, comms[5 - i], "/x"), 1000);
	}
	pair__faults(pair__name(pair.a, 5, "gone", "/x"), 52);
	pair__faults(&pair.b->processes[3], 1050); /* more */
	pair__faults(&pair.b->processes[4], 949);  /* less */
	pair.a->processes[2].heap.peak_bytes = 1;  /* heap */
	assert_order(pair__compare(&pair), comms, 6);
	pair__free(&pair);
}

/* Of recordings of different length, rates are compared, and decide the order. */
static void test_rates(void **state)
{
	static const char *const comms[] = {"less", "same", "level"};
	struct pair pair = pair__new(3, 3);
	const struct diff *diff;
	const struct diff_row *row;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		pair__faults(pair__name(pair.a, i, comms[2 - i], "/x"), 1000);
		pair__faults(pair__name(pair.b, i, comms[2 - i], "/x"), 3000);
	}
	pair.b->session.duration_s = 30;
	pair__faults(&pair.b->processes[2], 1200);
	pair.a->processes[1].heap.peak_bytes = pair.b->processes[1].heap.peak_bytes = 5000;
	pair.a->processes[1].heap.growth_bytes = 40;
	pair.b->processes[1].heap.growth_bytes = -60;
	diff = pair__compare(&pair);
	assert_int_equal(diff->basis, DIFF_BY_RATE);
	assert_string_equal(diff->processes[0].comm, "less"); /* 100 a second, 40 */
	row = diff_process__row(&diff->processes[0], DIFF_FAULTS);
	assert_true(diff_row__compared(diff, row, DIFF_A) == 100);
	assert_true(diff_row__compared(diff, row, DIFF_B) == 40);
	assert_true(diff_row__number(row, DIFF_B) == 1200);
	assert_int_equal(diff_row__change(row), 200);
	/* In all "less" has more than the two others have less. */
	row = diff_process__row(find(diff, "same"), DIFF_HEAP_PEAK);
	assert_true(diff_row__compared(diff, row, DIFF_A) == 5000);
	assert_true(diff_row__compared(diff, row, DIFF_B) == 5000);
	row = diff_process__row(find(diff, "same"), DIFF_HEAP_GROWTH);
	assert_true(diff_row__compared(diff, row, DIFF_A) == 4);
	assert_true(diff_row__compared(diff, row, DIFF_B) == -2);
	assert_int_equal(region(find(diff, "same"), REGION_HEAP)->value[DIFF_B], 3000);
	pair__free(&pair);
}

static void test_basis(void **state)
{
	static const struct {
		double a_s, b_s;
		bool whole_a, whole_b;
		enum diff_basis basis;
	} cases[] = {
		{10, 10, false, false, DIFF_BY_TOTAL},
		{10, 10.5, false, false, DIFF_BY_TOTAL},
		{9.5, 10, false, false, DIFF_BY_TOTAL},
		{10, 10.6, false, false, DIFF_BY_RATE},
		{9.4, 10, false, false, DIFF_BY_RATE},
		{1e-9, 1e9, false, false, DIFF_BY_RATE},
		{10, 20, true, false, DIFF_BY_RATE},
		{10, 20, false, true, DIFF_BY_RATE},
		{10, 20, true, true, DIFF_BY_TOTAL_WHOLE_RUNS},
		{10, 10, true, true, DIFF_BY_TOTAL},
		{0, 10, false, false, DIFF_BY_TOTAL_NO_TIME},
		{10, 0, true, true, DIFF_BY_TOTAL_NO_TIME},
		{0, 0, false, false, DIFF_BY_TOTAL_NO_TIME},
		{NAN, 1, false, false, DIFF_BY_TOTAL_NO_TIME},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pair pair = pair__new(1, 1);
		const struct diff_row *row;

		pair__faults(&pair.a->processes[0], 100);
		pair.a->session.duration_s = cases[i].a_s;
		pair.b->session.duration_s = cases[i].b_s;
		pair.a->session.whole_run = cases[i].whole_a;
		pair.b->session.whole_run = cases[i].whole_b;
		assert_int_equal(pair__compare(&pair)->basis, cases[i].basis);
		row = diff_process__row(&pair.diff->processes[0], DIFF_FAULTS);
		assert_int_equal(!(cases[i].a_s > 0),
				 isnan(diff_row__rate(pair.diff, row, DIFF_A)));
		pair__free(&pair);
	}
}

/* Whatever the names are: each process is in one row, once. */
static void test_partition(void **state)
{
	static const char *const comms[] = {"a", "b", "", "long-long-long"};
	static const char *const exes[] = {"/x/a", "/y/a", "/z/a (deleted)", "/x/b", "", "/", NULL};

	(void)state;
	for (unsigned int round = 0; round < 200; round++) {
		size_t nr_a = round % 7, nr_b = round % 11;
		struct pair pair = pair__new(nr_a, nr_b);
		uint64_t seed = round, nr[DIFF_SIDES] = {}, faults[DIFF_SIDES] = {};

		for (size_t i = 0; i < nr_a + nr_b; i++) {
			struct report *report = i < nr_a ? pair.a : pair.b;

			seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
			pair__faults(pair__name(report, i < nr_a ? i : i - nr_a,
						comms[seed >> 33 & 3], exes[(seed >> 40) % 7]),
				     1ULL << i);
		}
		pair__compare(&pair);
		for (size_t i = 0; i < pair.diff->nr_processes; i++)
			for (enum diff_side side = 0; side < DIFF_SIDES; side++) {
				const struct diff_process *process = &pair.diff->processes[i];

				nr[side] += process->nr[side];
				faults[side] +=
					diff_process__row(process, DIFF_FAULTS)->value[side];
			}
		assert_true(nr[DIFF_A] == nr_a && nr[DIFF_B] == nr_b);
		assert_int_equal(faults[DIFF_A], (1ULL << nr_a) - 1);
		assert_int_equal(faults[DIFF_B], ((1ULL << nr_b) - 1) << nr_a);
		assert_values(&pair.diff->all, DIFF_FAULTS, faults[DIFF_A], faults[DIFF_B]);
		pair__free(&pair);
	}
}

static void assert_warned(struct pair *pair, const char *code, const char *text)
{
	const struct diff *diff = pair__compare(pair);

	assert_int_equal(diff->warnings.nr, 1);
	assert_string_equal(diff->warnings.items[0].code, code);
	assert_string_equal(diff->warnings.items[0].text, text);
	pair__free(pair);
	*pair = pair__new(1, 1);
}

static void set(char **string, const char *to)
{
	free(*string);
	*string = strdup(to);
}

static void test_warnings(void **state)
{
	struct pair pair = pair__new(1, 1);

	(void)state;
	assert_int_equal(pair__compare(&pair)->warnings.nr, 0);
	pair__free(&pair);
	pair = pair__new(1, 1);
	pair.b->session.ended_by = "too_costly";
	assert_warned(&pair, "incomplete", "B is incomplete: read no further than 10.00 s");
	pair.b->session.ended_by = "cut_off";
	assert_warned(&pair, "incomplete",
		      "B is incomplete: the recording breaks off after 10.00 s");
	pair.a->loss.records = 12;
	pair.a->loss.delivered = 1000;
	assert_warned(&pair, "lost", "A lost 12 of 1,012 records: its numbers may be wrong");
	pair.b->loss.fault_weight_max = 64;
	assert_warned(&pair, "sampled",
		      "faults of B were sampled: a record stands for up to 64 of them");
	pair.a->folded.processes = 1;
	pair.a->folded.minor = 1234;
	pair.a->folded.major = 1;
	assert_warned(&pair, "folded",
		      "A has 1 process that ended early summed up without a name: 1,235 faults are "
		      "not compared");
	pair.b->session.start_realtime_ns = pair.a->session.start_realtime_ns - 1;
	assert_warned(&pair, "order",
		      "B was recorded before A: perhaps the other way round was meant");
	set(&pair.b->host.name, "db2");
	assert_warned(&pair, "host", "different hosts: A is of db1, B of db2");
	set(&pair.b->host.kernel, "6.1.0");
	assert_warned(&pair, "kernel", "different kernels: A is of Linux 6.18.44, B of 6.1.0");
	set(&pair.b->host.arch, "aarch64");
	assert_warned(&pair, "arch", "different machines: A is of x86_64, B of aarch64");
	pair.b->host.cpus = 8;
	assert_warned(&pair, "cpus", "different machines: A had 2 CPUs, B 8");
	pair.b->host.page_bytes = 65536;
	assert_warned(&pair, "page_bytes",
		      "different page sizes: a fault is about 4.0 KiB in A, 64.0 KiB in B");
	sample__probe(pair.a);
	assert_warned(&pair, "probes", "different probes: A has 1, B 0");
	sample__probe(pair.a);
	sample__probe(pair.b);
	set(&pair.b->probes[0].via, "perf");
	assert_warned(&pair, "probes",
		      "different probes: page faults by tp_btf/page_fault_user in A, page faults "
		      "by perf in B");
	pair__free(&pair);
}

/* What one way tells apart another does not: no change is made of that. */
static void test_causes(void **state)
{
	struct pair pair = pair__new(1, 1);
	const struct diff_process *process;

	(void)state;
	time_faults(&pair.a->processes[0], 40, 1000);
	time_faults(&pair.b->processes[0], 60, 1000);
	sample__probe(pair.a);
	sample__probe(pair.b);
	set(&pair.a->probes[0].fact, "fault causes");
	set(&pair.b->probes[0].fact, "fault causes");
	process = &pair__compare(&pair)->processes[0];
	assert_values(process, DIFF_BY_CAUSE, 40, 60);
	set(&pair.b->probes[0].via, "mappings");
	diff__free(pair.diff);
	process = &pair__compare(&pair)->processes[0];
	assert_values(process, DIFF_BY_CAUSE, DIFF_UNKNOWN, DIFF_UNKNOWN);
	assert_values(&pair.diff->all, DIFF_BY_CAUSE, DIFF_UNKNOWN, DIFF_UNKNOWN);
	assert_values(process, DIFF_LATENCY_P50, 1000, 1000);
	/* After that of the probes. */
	assert_int_equal(pair.diff->warnings.nr, 2);
	assert_string_equal(pair.diff->warnings.items[1].code, "causes");
	pair__free(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),	  cmocka_unit_test(test_match),
		cmocka_unit_test(test_elsewhere), cmocka_unit_test(test_sums),
		cmocka_unit_test(test_latency),	  cmocka_unit_test(test_causes),
		cmocka_unit_test(test_unknown),	  cmocka_unit_test(test_percent),
		cmocka_unit_test(test_huge),	  cmocka_unit_test(test_sorting),
		cmocka_unit_test(test_rates),	  cmocka_unit_test(test_basis),
		cmocka_unit_test(test_partition), cmocka_unit_test(test_warnings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
