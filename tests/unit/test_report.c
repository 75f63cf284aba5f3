// SPDX-License-Identifier: GPL-2.0-or-later
/* Rows from the model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>

#include "events.h"
#include "report/build.h"
#include "report/report.h"

#define AREA 0x7f1000000000ULL
#define SEC 1000000000ULL

static struct report *build(struct feed *feed)
{
	struct report *report;

	assert_int_equal(report__build(feed->model, "1.2.3", 4, &report), 0);
	return report;
}

static void test_empty(void **state)
{
	struct feed feed;
	struct report *report;

	(void)state;
	feed__open(&feed);
	report = build(&feed);
	assert_int_equal(report->nr_processes, 0);
	assert_int_equal(report->loss.records, 4);
	report__free(report);
	report__free(NULL);
	feed__close(&feed);
}

static void test_session_and_losses(void **state)
{
	struct feed *feed = *state;
	struct mt_losses losses = {
		.hdr = record__header(MT_KIND_LOSS, sizeof(losses), 0, 0),
		.lost = {10, 20, 30, 40},
		.delivered = 1000,
	};
	struct mt_probe probe = {
		.hdr = record__header(MT_KIND_PROBE, sizeof(probe), 0, 0),
		.fact = "faults",
		.via = "tp_btf",
		.misses = "one; two;  three",
	};
	struct report *report;

	feed__now(feed, &losses);
	feed__now(feed, &probe);
	probe.misses[0] = '\0';
	feed__now(feed, &probe);
	feed__tick(feed, MT_KIND_END, feed->model->session.start_ns + 5 *SEC / 2);
	report = build(feed);
	assert_string_equal(report->version, "1.2.3");
	assert_string_equal(report->host.kernel, "6.1.0");
	assert_string_equal(report->session.target, "pid 4242");
	assert_string_equal(report->session.ended_by, "duration");
	assert_true(report->session.duration_s == 2.5 && report->session.interval_s == 1);
	assert_int_equal(report->loss.records, 104);
	assert_int_equal(report->loss.delivered, 1000);
	assert_int_equal(report->nr_probes, 2);
	assert_int_equal(report->probes[0].nr_misses, 3);
	assert_string_equal(report->probes[0].misses[2], "three");
	assert_int_equal(report->probes[1].nr_misses, 0);
	report__free(report);
}

/* Whatever the sums count, they count the same faults. */
static void test_sums_agree(void **state)
{
	struct feed *feed = *state;
	struct report *report;
	const struct report_process *row;
	uint64_t mappings = 0, slices = 0, runs = 0, timeline = 0;

	feed__mmap(feed, AREA, 512 * PAGE, RW, ANON, FLT(0, 0));
	for (uint32_t i = 0; i < 512; i++)
		feed__fault(feed, PID, AREA + i * PAGE, FLT(i, 0));
	feed__fault(feed, PID, HEAP, FLT(512, 0));
	feed__major(feed, PID, HEAP);
	feed__fault(feed, PID, TEXT, FLT(512, 1));
	feed__tick(feed, MT_KIND_END, feed->model->session.start_ns + SEC);
	report = build(feed);
	row = &report->processes[0];
	for (size_t i = 0; i < row->faults.nr_mappings; i++)
		mappings += row->faults.mappings[i].faults;
	for (size_t i = 0; i < row->faults.nr_slices; i++)
		slices += row->faults.slices[i].faults;
	for (size_t i = 0; i < 32; i++)
		runs += row->faults.run_pages_log2[i];
	for (size_t i = 0; i < row->faults.nr_timeline; i++)
		timeline += row->faults.timeline[i].minor + row->faults.timeline[i].major;
	assert_int_equal(row->faults.total, 514);
	assert_true(row->faults.minor == 513 && row->faults.major == 1);
	assert_true(mappings == 514 && slices == 514 && runs == 514 && timeline == 514);
	assert_int_equal(row->faults.mappings[0].faults, 512);
	assert_int_equal(row->faults.mappings[0].pattern, PATTERN_UP);
	assert_string_equal(row->faults.mappings[0].name, "[anon]");
	assert_int_equal(row->faults.mappings[0].pages_touched, 512);
	assert_true(row->check.known && row->check.ok && row->check.in_flight == 1);
	assert_int_equal(row->check.kernel_minor + row->check.kernel_major +
				 row->check.not_counted + row->check.in_flight,
			 row->check.observed);
	assert_int_equal(row->heap.growth_bytes, 512 * PAGE);
	assert_true(row->start_s == 1.0 && !row->ended);
	report__free(report);
}

static void test_patterns(void **state)
{
	static const int steps[][8] = {
		{1, 2, 3, 4, 5, 6, 7, 8},
		{8, 7, 6, 5, 4, 3, 2, 1},
		{0, 10, 20, 30, 40, 50, 60, 70},
		{0, 50, 7, 30, 2, 60, 13, 41},
	};
	static const enum fault_pattern patterns[] = {PATTERN_UP, PATTERN_DOWN, PATTERN_STRIDED,
						      PATTERN_SCATTERED};
	struct feed *feed = *state;
	uint32_t minor = 0;

	for (size_t i = 0; i < 4; i++) {
		uint64_t area = AREA + i * SLICE_BYTES;
		struct report *report;

		feed__mmap(feed, area, 100 * PAGE, RW, ANON, FLT(minor, 0));
		for (int k = 0; k < 8; k++)
			feed__fault(feed, PID, area + steps[i][k] * PAGE, FLT(minor++, 0));
		report = build(feed);
		for (size_t k = 0; k < report->processes[0].faults.nr_mappings; k++)
			if (report->processes[0].faults.mappings[k].start == area)
				assert_int_equal(report->processes[0].faults.mappings[k].pattern,
						 patterns[i]);
		report__free(report);
	}
}

static void test_ends(void **state)
{
	struct feed *feed = *state;
	struct report *report;

	feed__fork(feed, PID, 5000, 5000, 0, FLT(0, 0));
	feed__exit(feed, 5000, 5000, true, SIGSEGV | 0x80, FLT(0, 0));
	feed__fork(feed, PID, 5001, 5001, 0, FLT(0, 0));
	feed__gone(feed, 5001);
	feed__exit(feed, PID, PID, true, 7 << 8, FLT(0, 0));
	report = build(feed);
	assert_int_equal(report->nr_processes, 3); /* no faults: by pid */
	assert_int_equal(report->processes[0].exit_code, 7);
	assert_int_equal(report->processes[0].exit_signal, 0);
	assert_int_equal(report->processes[1].exit_code, -1);
	assert_int_equal(report->processes[1].exit_signal, SIGSEGV);
	assert_int_equal(report->processes[1].ppid, PID);
	assert_true(report->processes[0].ended && report->processes[0].end_s > 0);
	assert_false(report->processes[0].end_lost || report->processes[1].end_lost);
	assert_true(report->processes[2].ended && report->processes[2].end_lost);
	report__free(report);
}

static void end_command(struct feed *feed, uint16_t session_flags, enum mt_ended_by ended_by,
			bool whole_run)
{
	struct mt_session session = {
		.hdr = record__header(MT_KIND_SESSION, sizeof(session), 0, 0),
	};
	struct mt_end end = {
		.hdr = record__header(MT_KIND_END, sizeof(end), 0, 0),
		.ended_by = ended_by,
	};
	struct report *report;

	feed__open(feed);
	session.hdr.flags = session_flags;
	feed__now(feed, &session);
	feed__now(feed, &end);
	report = build(feed);
	assert_int_equal(report->session.whole_run, whole_run);
	report__free(report);
	feed__close(feed);
}

/* A whole run is a command's, and up to its exit. */
static void test_whole_run(void **state)
{
	struct feed feed;

	(void)state;
	end_command(&feed, MT_SESSION_COMMAND, MT_ENDED_TARGET_EXIT, true);
	end_command(&feed, MT_SESSION_COMMAND, MT_ENDED_INTERRUPT, false);
	end_command(&feed, MT_SESSION_COMMAND, MT_ENDED_DURATION, false);
	end_command(&feed, MT_SESSION_COMMAND, MT_ENDED_CUT_OFF, false);
	end_command(&feed, 0, MT_ENDED_TARGET_EXIT, false);
}

static void test_interval(void **state)
{
	struct feed *feed = *state;
	struct report_interval row;
	uint64_t start_ns = feed->model->session.start_ns;

	feed__mmap(feed, AREA, 8 * PAGE, RW, ANON, FLT(0, 0));
	feed__fault(feed, PID, AREA, FLT(0, 0));
	feed__fault(feed, PID, AREA + PAGE, FLT(1, 0));
	feed__tick(feed, MT_KIND_TICK, start_ns + SEC);
	report__interval(feed->model, feed__proc(feed), &row);
	assert_true(row.t_s == 1 && row.length_s == 1 && row.minor == 2 && row.major == 0);
	assert_int_equal(row.heap_delta_bytes, 8 * PAGE);
	assert_true(row.rss_bytes == BYTES_UNKNOWN && !row.ended);
	assert_string_equal(row.comm, "worker");
	feed__call(feed, MT_KIND_MUNMAP, PID, ARGS(AREA, 8 * PAGE), 0, FLT(2, 0));
	feed__tick(feed, MT_KIND_TICK, start_ns + 2 *SEC);
	report__interval(feed->model, feed__proc(feed), &row);
	assert_true(row.minor == 0 && row.heap_delta_bytes == -8 * (int64_t)PAGE);
}

/* Processes that have given up their address space still report what they had. */
static void test_retired(void **state)
{
	struct feed *feed = *state;
	struct process *proc = feed__proc(feed);
	struct report *report;

	feed__mmap(feed, AREA, 8 * PAGE, RW, ANON, FLT(0, 0));
	feed__fault(feed, PID, AREA, FLT(0, 0));
	feed__exit(feed, PID, PID, true, 0, FLT(1, 0));
	process__retire(proc);
	report = build(feed);
	assert_int_equal(report->processes[0].heap.growth_bytes, 8 * PAGE);
	assert_int_equal(report->processes[0].heap.anon_mmap_bytes, 8 * PAGE);
	assert_int_equal(report->processes[0].faults.mappings[0].mapped_bytes, 8 * PAGE);
	assert_int_equal(report->processes[0].faults.mappings[0].pages_touched, 1);
	report__free(report);
}

/* Named and untouched mappings are not among those that only a size tells apart. */
static void test_anon_sizes(void **state)
{
	static const uint64_t sizes[] = {PAGE, 64 << 10, (1 << 20) - PAGE, 1 << 20, 1 << 20};
	static const unsigned int expected[REPORT_ANON_SIZES] = {1, 2, 1};
	struct feed *feed = *state;
	const struct report_anon_size *classes;
	struct report *report;
	uint64_t at = AREA;

	for (unsigned int i = 0; i < 5; i++, at += 1ULL << 30) {
		feed__mmap(feed, at, sizes[i], RW, ANON, FLT(i, 0));
		if (i == 4)
			feed__anon_name(feed, at, sizes[i], "named");
		feed__fault(feed, PID, at, FLT(i, 0));
	}
	feed__mmap(feed, at, PAGE, RW, ANON, FLT(5, 0));
	feed__call(feed, MT_KIND_MUNMAP, PID, ARGS(AREA, PAGE), 0, FLT(5, 0));
	report = build(feed);
	classes = report->processes[0].faults.anon_sizes;
	for (unsigned int i = 0; i < REPORT_ANON_SIZES; i++)
		assert_int_equal(classes[i].nr_mappings, expected[i]);
	assert_int_equal(classes[1].mapped_bytes, (64 << 10) + (1 << 20) - PAGE);
	assert_int_equal(classes[1].faults, 2);
	assert_int_equal(classes[2].ge_bytes, 1 << 20);
	assert_int_equal(classes[1].lt_bytes, 1 << 20);
	assert_int_equal(classes[REPORT_ANON_SIZES - 1].lt_bytes, 0);
	report__free(report);
}

static void probe(struct feed *feed, const char *fact, const char *via, uint32_t weight)
{
	struct mt_probe rec = {
		.hdr = record__header(MT_KIND_PROBE, sizeof(rec), 0, 0),
		.weight = weight,
	};

	snprintf(rec.fact, sizeof(rec.fact), "%s", fact);
	snprintf(rec.via, sizeof(rec.via), "%s", via);
	feed__now(feed, &rec);
}

/* Of each 17 of the faults of a cause one was timed; of the last cause none. */
static void sampled_faults(struct feed *feed, uint32_t weight)
{
	struct mt_counted counted = {
		.hdr = record__header(MT_KIND_COUNTED, sizeof(counted), PID, PID),
		.weight = weight,
	};

	feed__mmap(feed, AREA, 512 * PAGE, RW, ANON, FLT(0, 0));
	for (uint32_t i = 0; i < 51; i++) {
		feed__fault_of(feed, PID, PID, AREA + i * PAGE,
			       MT_FAULT_WRITE | (uint64_t)MT_ENTRY_NONE << MT_FAULT_ENTRY_SHIFT,
			       FLT(i, 0), 0);
		counted.addr = AREA + i * PAGE;
		feed->now_ns += 1000 * (i % weight);
		if (i % weight == weight - 1)
			feed__now(feed, &counted);
	}
	feed__fault_of(feed, PID, PID, TEXT,
		       MT_FAULT_EXEC | (uint64_t)MT_ENTRY_NONE << MT_FAULT_ENTRY_SHIFT, FLT(51, 0),
		       0);
	feed__tick(feed, MT_KIND_END, feed->model->session.start_ns + 2 *SEC);
}

static void test_latency(void **state)
{
	struct feed *feed = *state;
	const struct report_process *row;
	struct report *report;

	probe(feed, "fault causes", "page tables", 1);
	probe(feed, "fault latency", "a sample", 17);
	sampled_faults(feed, 17);
	report = build(feed);
	row = &report->processes[0];
	assert_true(row->faults.causes_known && row->faults.latency.known);
	assert_int_equal(row->faults.by_cause[CAUSE_ANON_ZERO], 51);
	assert_int_equal(row->faults.by_cause[CAUSE_FILE_MINOR], 1);
	assert_int_equal(row->faults.latency.weight, 17);
	assert_int_equal(row->faults.latency.all.samples, 3);
	assert_int_equal(row->faults.latency.all.max_ns, 17000);
	assert_int_equal(row->faults.latency.all.p50_ns, 17000);
	assert_int_equal(row->faults.latency.log2[14], 51);
	/* 51 of 17 us; the one that was not timed is taken for as long. */
	assert_true(row->faults.latency.by_cause[CAUSE_ANON_ZERO].total_ns == 51 * 17000);
	assert_false(row->faults.latency.by_cause[CAUSE_FILE_MINOR].total_known);
	assert_int_equal(row->faults.latency.by_cause[CAUSE_FILE_MINOR].samples, 0);
	assert_true(row->faults.latency.all.total_ns == 52 * 17000);
	/* It began a second after the trace. */
	assert_true(row->faults.latency.share > 0.00088 && row->faults.latency.share < 0.00089);
	assert_int_equal(row->faults.latency.slow_ns, 0);
	report__free(report);
}

static void one_fault(struct feed *feed, uint64_t addr, enum mt_entry entry, struct mt_flt flt,
		      uint64_t took_ns, uint16_t flags, uint32_t weight)
{
	struct mt_counted counted = {
		.hdr = record__header(MT_KIND_COUNTED, sizeof(counted), PID, PID),
		.addr = addr,
		.weight = weight,
	};

	counted.hdr.flags = flags;
	feed__fault_of(feed, PID, PID, addr,
		       MT_FAULT_WRITE | (uint64_t)entry << MT_FAULT_ENTRY_SHIFT, flt, 0);
	feed->now_ns += took_ns - 1000;
	if (took_ns)
		feed__now(feed, &counted);
	else
		feed->now_ns += 1000;
}

/*
 * Of one cause 30 major faults of 10 ms, timed all, and 34 minor ones, of which two were picked,
 * at 2 and 4 us; and 6 more of another cause, all minor, timed none.
 */
static void test_major_and_minor(void **state)
{
	struct feed *feed = *state;
	const struct report_latency *swap_in;
	const struct report_process *row;
	struct report *report;

	probe(feed, "fault causes", "page tables", 1);
	probe(feed, "fault latency", "a sample", 17);
	feed__mmap(feed, AREA, 512 * PAGE, RW, ANON, FLT(0, 0));
	for (uint32_t i = 0; i < 30; i++)
		one_fault(feed, AREA + i * PAGE, MT_ENTRY_SWAP, FLT(0, i), 10000000,
			  MT_COUNTED_MAJOR, 1);
	for (uint32_t i = 0; i < 34; i++)
		one_fault(feed, AREA + (30 + i) * PAGE, MT_ENTRY_SWAP, FLT(i, 30),
			  i % 17 ? 0
			  : i	 ? 4000
				 : 2000,
			  0, 17);
	for (uint32_t i = 0; i < 7; i++)
		one_fault(feed, AREA + (70 + i) * PAGE, MT_ENTRY_NONE, FLT(34 + i, 30), 0, 0, 0);
	feed__tick(feed, MT_KIND_END, feed->model->session.start_ns + 2 *SEC);
	report = build(feed);
	row = &report->processes[0];
	swap_in = &row->faults.latency.by_cause[CAUSE_SWAP_IN];
	assert_int_equal(row->faults.by_cause[CAUSE_SWAP_IN], 64);
	assert_int_equal(swap_in->samples, 32);
	assert_true(swap_in->total_ns == 30 * 1e7 + 34 * 3000);
	assert_true(row->faults.latency.by_region[REGION_ANON].total_ns == 30 * 1e7 + 41 * 3000);
	assert_true(row->faults.latency.all.total_ns == 30 * 1e7 + 41 * 3000);
	assert_false(swap_in->at_least || row->faults.latency.all.at_least);
	report__free(report);
}

/* Those that were slow were all timed: their sum is exact, and no estimate is below it. */
static void test_slow_are_exact(void **state)
{
	struct feed *feed = *state;
	const struct report_latency *anon;
	const struct report_process *row;
	struct report *report;

	probe(feed, "fault causes", "page tables", 1);
	probe(feed, "fault latency", "a sample", 17);
	feed__proc(feed)->faults.latency.each_ns = 100000;
	feed__proc(feed)->faults.latency.slow_ns = 100000;
	feed__mmap(feed, AREA, 8192 * PAGE, RW, ANON, FLT(0, 0));
	/* 1100 slow ones, a hundred more than are listed, of which some were picked. */
	for (uint32_t i = 0; i < 1100; i++)
		one_fault(feed, AREA + i * PAGE, MT_ENTRY_NONE, FLT(i, 0), 200000, 0,
			  i % 17 ? 0 : 17);
	one_fault(feed, AREA + 2000 * PAGE, MT_ENTRY_NONE, FLT(1100, 0), 0, 0, 0);
	report = build(feed);
	row = &report->processes[0];
	anon = &row->faults.latency.by_cause[CAUSE_ANON_ZERO];
	assert_int_equal(row->faults.latency.slow_total, 1100);
	assert_true(anon->total_ns == 1100 * 2e5 && anon->at_least);
	assert_true(row->faults.latency.all.total_ns == 1100 * 2e5);
	assert_true(row->faults.latency.all.at_least);
	report__free(report);
	for (uint32_t i = 0; i < 99; i++)
		one_fault(feed, AREA + (2001 + i) * PAGE, MT_ENTRY_NONE, FLT(1101 + i, 0),
			  i % 33 ? 0 : 2000, 0, 17);
	feed__tick(feed, MT_KIND_END, feed->model->session.start_ns + 2 *SEC);
	report = build(feed);
	row = &report->processes[0];
	anon = &row->faults.latency.by_cause[CAUSE_ANON_ZERO];
	assert_int_equal(row->faults.by_cause[CAUSE_ANON_ZERO], 1200);
	assert_int_equal(anon->samples, 1103);
	assert_int_equal(anon->p50_ns, row->faults.latency.all.p50_ns);
	assert_true(anon->total_ns == 1100 * 2e5 + 100 * 2000);
	assert_true(row->faults.latency.all.total_ns == anon->total_ns);
	assert_false(anon->at_least || row->faults.latency.all.at_least);
	/* In the histogram each of the slow ones is one, and what was picked stands for 17. */
	assert_int_equal(row->faults.latency.log2[17], 1100);
	assert_int_equal(row->faults.latency.log2[10], 51);
	report__free(report);
}

/* Each is timed: the time is what was measured, and nothing is estimated. */
static void test_exact_latency(void **state)
{
	struct feed *feed = *state;
	const struct report_process *row;
	struct report *report;

	probe(feed, "fault causes", "none", 1);
	probe(feed, "fault latency", "each", 1);
	feed__proc(feed)->faults.latency.slow_ns = 1000;
	sampled_faults(feed, 1);
	report = build(feed);
	row = &report->processes[0];
	assert_false(row->faults.causes_known);
	assert_int_equal(row->faults.latency.all.samples, 51);
	assert_true(row->faults.latency.all.total_ns == 51 * 1000);
	assert_int_equal(row->faults.latency.slow_total, 51);
	assert_int_equal(row->faults.latency.nr_slow, 51);
	assert_true(row->faults.latency.slow[0].t_s < row->faults.latency.slow[50].t_s);
	assert_string_equal(row->faults.latency.slow[0].mapping, "[anon]");
	assert_null(row->faults.latency.slow[0].ip_mapping);
	report__free(report);
}

/* As in recordings from before. */
static void test_no_latency(void **state)
{
	struct feed *feed = *state;
	struct report *report;

	probe(feed, "fault latency", "none", 1);
	sampled_faults(feed, 17);
	report = build(feed);
	assert_false(report->processes[0].faults.causes_known);
	assert_false(report->processes[0].faults.latency.known);
	report__free(report);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, feed__setup, feed__teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		TEST(test_session_and_losses),
		TEST(test_sums_agree),
		TEST(test_patterns),
		TEST(test_ends),
		cmocka_unit_test(test_whole_run),
		TEST(test_interval),
		TEST(test_retired),
		TEST(test_anon_sizes),
		TEST(test_latency),
		TEST(test_major_and_minor),
		TEST(test_slow_are_exact),
		TEST(test_exact_latency),
		TEST(test_no_latency),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
