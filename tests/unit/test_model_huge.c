// SPDX-License-Identifier: GPL-2.0-or-later
/* What a fault mapped where no table of pages was: told later, or by others, or never. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "events.h"
#include "report/build.h"
#include "report/report.h"

#define AREA 0x7f1000000000ULL
#define HUGE (2ULL << 20)
#define OTHER_TID (PID + 1)

static void fault_on(struct feed *feed, uint32_t tid, uint16_t cpu, uint16_t flags, uint64_t addr,
		     enum mt_entry entry, struct mt_flt flt)
{
	struct {
		struct mt_faults faults;
		struct mt_fault fault;
	} rec = {
		.faults = {.hdr = record__header(MT_KIND_FAULTS, sizeof(rec), PID, tid), .nr = 1},
		.fault = {.addr_flags =
				  addr | MT_FAULT_WRITE | (uint64_t)entry << MT_FAULT_ENTRY_SHIFT,
			  .flt = flt},
	};

	rec.faults.hdr.cpu = cpu;
	rec.faults.hdr.flags = flags;
	rec.fault.time_ns = feed->now_ns + 1000;
	feed__now(feed, &rec);
}

static void huge(struct feed *feed, uint32_t tid, uint64_t addr, uint64_t size_bytes)
{
	struct mt_huge rec = {
		.hdr = record__header(MT_KIND_HUGE, sizeof(rec), PID, tid),
		.addr = addr,
		.size_bytes = size_bytes,
	};

	feed__now(feed, &rec);
}

/* A fault at AREA that found no table, and what has been told of it before the next one. */
static void begin(struct feed *feed)
{
	feed__mmap(feed, AREA, 4 * HUGE, RW, ANON, FLT(0, 0));
	fault_on(feed, PID, 0, 0, AREA, MT_ENTRY_NO_TABLE, FLT(0, 0));
}

static void next(struct feed *feed, uint16_t cpu, uint16_t flags)
{
	fault_on(feed, PID, cpu, flags, AREA + HUGE - PAGE, MT_ENTRY_NONE, FLT(1, 0));
}

static void assert_counts(struct feed *feed, uint64_t nr_huge, uint64_t zero, uint64_t merged)
{
	const struct faults *faults = &feed__proc(feed)->faults;

	assert_int_equal(faults->by_cause[CAUSE_HUGE], nr_huge);
	assert_int_equal(faults->by_cause[CAUSE_ANON_ZERO], zero);
	assert_int_equal(faults->by_cause[CAUSE_ANON_MERGED], merged);
	assert_int_equal(faults->huge_bytes, nr_huge * HUGE);
}

static void test_told(void **state)
{
	struct feed *feed = *state;

	begin(feed);
	assert_counts(feed, 0, 0, 1);
	huge(feed, PID, AREA, HUGE);
	assert_counts(feed, 1, 0, 0);
	next(feed, 0, 0);
	assert_counts(feed, 1, 1, 0);
}

static void test_silence_is_a_small_page(void **state)
{
	struct feed *feed = *state;

	begin(feed);
	next(feed, 0, 0);
	assert_counts(feed, 0, 2, 0);
}

static void test_nobody_looked(void **state)
{
	struct feed *feed = *state;

	begin(feed);
	next(feed, 0, MT_FAULTS_MOVED);
	assert_counts(feed, 0, 1, 1);
}

/* It was on that CPU before, so that its faults there go on without the flag. */
static void test_other_cpu(void **state)
{
	struct feed *feed = *state;

	begin(feed);
	next(feed, 1, 0);
	assert_counts(feed, 0, 1, 1);
}

/* Unmapped before anybody looked. */
static void test_gone(void **state)
{
	struct feed *feed = *state;

	begin(feed);
	huge(feed, PID, AREA, 0);
	next(feed, 0, 0);
	assert_counts(feed, 0, 1, 1);
}

/* By another thread that faults on the CPU: what it says holds, though the thread has moved. */
static void test_told_by_another(void **state)
{
	struct feed *feed = *state;

	begin(feed);
	huge(feed, PID, AREA, PAGE);
	assert_counts(feed, 0, 1, 0);
	fault_on(feed, PID, 0, MT_FAULTS_MOVED, AREA + HUGE, MT_ENTRY_NO_TABLE, FLT(1, 0));
	assert_counts(feed, 0, 1, 1);
	huge(feed, PID, AREA + HUGE, HUGE);
	fault_on(feed, PID, 1, MT_FAULTS_MOVED, AREA + 2 * HUGE, MT_ENTRY_NO_TABLE, FLT(2, 0));
	assert_counts(feed, 1, 1, 1);
	/* Not of the fault that it was told of last. */
	huge(feed, PID, AREA, HUGE);
	assert_counts(feed, 1, 1, 1);
}

/* What is said of a thread that has ended does not make another one of it. */
static void test_told_of_the_dead(void **state)
{
	struct feed *feed = *state;

	begin(feed);
	feed__fork(feed, PID, PID, OTHER_TID, 0, FLT(1, 0));
	feed__exit(feed, PID, PID, false, 0, FLT(1, 0));
	huge(feed, PID, AREA, HUGE);
	assert_counts(feed, 1, 0, 0);
	assert_true(feed__thread(feed, PID)->exited);
	assert_int_equal(feed__proc(feed)->nr_threads_seen, 2);
	huge(feed, OTHER_TID + 1, AREA, HUGE);
	assert_int_equal(feed__proc(feed)->nr_threads_seen, 2);
}

/* A mapping that is too small for one. */
static void test_no_room(void **state)
{
	struct feed *feed = *state;

	feed__mmap(feed, AREA, HUGE - PAGE, RW, ANON, FLT(0, 0));
	fault_on(feed, PID, 0, 0, AREA, MT_ENTRY_NO_TABLE, FLT(0, 0));
	assert_counts(feed, 0, 1, 0);
}

/* In a mapping that is known only later: what was told in between is not forgotten. */
static void test_miss(void **state)
{
	struct feed *feed = *state;

	fault_on(feed, PID, 0, 0, AREA, MT_ENTRY_NO_TABLE, FLT(0, 0));
	assert_int_equal(feed__proc(feed)->faults.by_cause[CAUSE_UNKNOWN], 1);
	huge(feed, PID, AREA, HUGE);
	assert_counts(feed, 1, 0, 0);
	fault_on(feed, PID, 0, 0, AREA + HUGE, MT_ENTRY_NO_TABLE, FLT(1, 0));
	fault_on(feed, PID, 0, 0, AREA + 2 * HUGE, MT_ENTRY_NO_TABLE, FLT(2, 0));
	fault_on(feed, PID, 0, 0, AREA + 3 * HUGE, MT_ENTRY_NO_TABLE, FLT(3, 0));
	/* The last one is open, in a mapping that has no room for a huge page. */
	feed__mapping(feed, MT_MAPPING_FIRST | MT_MAPPING_ANON, AREA, AREA + 3 * HUGE + PAGE, RW,
		      "");
	assert_counts(feed, 1, 3, 0);
	assert_int_equal(feed__proc(feed)->faults.by_cause[CAUSE_UNKNOWN], 0);
}

/* The one mapping's row, and what is touched of the slice that each of its pieces is. */
static void assert_touched(struct feed *feed, uint64_t faults, uint64_t pages,
			   enum fault_pattern pattern, const uint64_t slices[4])
{
	const struct report_process *row;
	struct report *report;
	size_t at = 0;

	assert_int_equal(report__build(feed->model, "1", 0, &report), 0);
	row = &report->processes[0];
	assert_int_equal(row->faults.nr_mappings, 1);
	assert_int_equal(row->faults.mappings[0].faults, faults);
	assert_int_equal(row->faults.mappings[0].pages_touched, pages);
	assert_int_equal(row->faults.mappings[0].pattern, pattern);
	for (uint64_t i = 0; i < 4; i++) {
		if (at == row->faults.nr_slices || row->faults.slices[at].start != AREA + i * HUGE)
			assert_int_equal(slices[i], 0);
		else
			assert_int_equal(row->faults.slices[at++].pages_touched, slices[i]);
	}
	assert_int_equal(at, row->faults.nr_slices);
	report__free(report);
}

/* All pages of a huge page are touched, once it is sure that there was one and it counts. */
static void test_touches_all(void **state)
{
	struct feed *feed = *state;

	begin(feed);
	huge(feed, PID, AREA, HUGE);
	assert_touched(feed, 1, 1, PATTERN_NONE, (uint64_t[4]){1});
	fault_on(feed, PID, 0, 0, AREA + HUGE, MT_ENTRY_NO_TABLE, FLT(1, 0));
	assert_touched(feed, 2, 513, PATTERN_NONE, (uint64_t[4]){512, 1});
	/* Counted already when it is told. */
	feed__call(feed, MT_KIND_MADVISE, PID, ARGS(AREA, PAGE, MADV_NORMAL), 0, FLT(2, 0));
	huge(feed, PID, AREA + HUGE, HUGE);
	assert_touched(feed, 2, 1024, PATTERN_NONE, (uint64_t[4]){512, 512});
	/* Taken twice: the kernel does not count the first. */
	for (int i = 0; i < 2; i++) {
		fault_on(feed, PID, 0, 0, AREA + 2 * HUGE, MT_ENTRY_NO_TABLE, FLT(2, 0));
		huge(feed, PID, AREA + 2 * HUGE, HUGE);
	}
	fault_on(feed, PID, 0, 0, AREA + 3 * HUGE, MT_ENTRY_NO_TABLE, FLT(3, 0));
	assert_touched(feed, 4, 3 * 512 + 1, PATTERN_NONE, (uint64_t[4]){512, 512, 512, 1});
	assert_int_equal(feed__proc(feed)->check.not_counted, 1);
}

/* A small page of it was touched before, and one fault is the step of a huge page on. */
static void test_touched_before(void **state)
{
	struct feed *feed = *state;

	feed__mmap(feed, AREA, 4 * HUGE, RW, ANON, FLT(0, 0));
	for (int i = 0; i < 4; i++) {
		fault_on(feed, PID, 0, 0, AREA + i * HUGE, MT_ENTRY_NO_TABLE, FLT(i, 0));
		huge(feed, PID, AREA + i * HUGE, HUGE);
	}
	feed__call(feed, MT_KIND_MADVISE, PID, ARGS(AREA, 4 * HUGE, MADV_DONTNEED), 0, FLT(4, 0));
	assert_touched(feed, 4, 2048, PATTERN_NONE, (uint64_t[4]){512, 512, 512, 512});
	fault_on(feed, PID, 0, 0, AREA + PAGE, MT_ENTRY_NO_TABLE, FLT(4, 0));
	huge(feed, PID, AREA + PAGE, HUGE);
	fault_on(feed, PID, 0, 0, AREA + HUGE, MT_ENTRY_NO_TABLE, FLT(5, 0));
	assert_touched(feed, 6, 2048, PATTERN_UP, (uint64_t[4]){512, 512, 512, 512});
}

/* What was mapped is gone by the time it is told. */
static void test_unmapped_meanwhile(void **state)
{
	struct feed *feed = *state;

	begin(feed);
	feed__call(feed, MT_KIND_MUNMAP, PID, ARGS(AREA, 4 * HUGE), 0, FLT(1, 0));
	huge(feed, PID, AREA, HUGE);
	assert_touched(feed, 1, 1, PATTERN_NONE, (uint64_t[4]){0});
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, feed__setup, feed__teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_told),
		TEST(test_silence_is_a_small_page),
		TEST(test_nobody_looked),
		TEST(test_other_cpu),
		TEST(test_gone),
		TEST(test_told_by_another),
		TEST(test_told_of_the_dead),
		TEST(test_no_room),
		TEST(test_miss),
		TEST(test_touches_all),
		TEST(test_touched_before),
		TEST(test_unmapped_meanwhile),
	};

	return cmocka_run_group_tests_name("model_huge", tests, NULL, NULL);
}
