// SPDX-License-Identifier: GPL-2.0-or-later
/* What a run without end keeps: so many places, so many processes, and every count. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "events.h"
#include "model/places.h"
#include "report/build.h"
#include "report/report.h"

#define AREA 0x7f1000000000ULL
#define KEPT 0x7f2000000000ULL
#define SMALL 0x7f3000000000ULL
#define SEC 1000000000ULL
#define ROUNDS 20000U
#define PLACES_LIMIT 4200U /* 4096, and what is never summed up */
#define OTHER_THREAD (PID + 1)
#define FIRST_CHILD 10000U

static struct place *place_at(struct feed *feed, uint64_t start)
{
	struct place *place, *next;

	HASH_ITER (hh, feed__proc(feed)->faults.places, place, next)
		if (place->start == start && !place->folded)
			return place;
	return NULL;
}

static void assert_places(struct feed *feed, uint64_t minor, uint64_t major)
{
	const struct faults *faults = &feed__proc(feed)->faults;
	uint64_t by_place = 0, major_by_place = 0;
	const struct place *place, *next;

	HASH_ITER (hh, faults->places, place, next) {
		by_place += place->faults;
		major_by_place += place->major;
	}
	assert_int_equal(faults->minor, minor);
	assert_int_equal(faults->major, major);
	assert_int_equal(by_place, minor + major);
	assert_int_equal(major_by_place, major);
	assert_in_range(HASH_COUNT(faults->places), 1, PLACES_LIMIT);
}

static void unmap(struct feed *feed, uint64_t addr, uint64_t size, struct mt_flt flt)
{
	feed__call(feed, MT_KIND_MUNMAP, PID, ARGS(addr, size), 0, flt);
}

/* Map, touch two pages, the second is read from swap, unmap; the main thread's counters: flt. */
static void map_and_unmap(struct feed *feed, struct mt_flt flt)
{
	feed__mmap(feed, AREA, 4 * PAGE, RW, ANON, flt);
	feed__fault(feed, PID, AREA, flt);
	flt.min_flt++;
	feed__fault(feed, PID, AREA + PAGE, flt);
	flt.maj_flt++;
	unmap(feed, AREA, 4 * PAGE, flt);
}

static void churn(struct feed *feed, uint32_t rounds)
{
	struct flt flt = feed__thread(feed, PID)->flt;

	for (uint32_t i = 0; i < rounds; i++) {
		map_and_unmap(feed, FLT(flt.min + i, flt.maj + i));
		if (HASH_COUNT(feed__proc(feed)->faults.places) > PLACES_LIMIT)
			fail_msg("round %u: %u places", i,
				 HASH_COUNT(feed__proc(feed)->faults.places));
	}
}

static void test_places_are_bounded(void **state)
{
	struct feed *feed = *state;
	struct process *proc = feed__proc(feed);
	const struct place *kept;

	/* Smaller than all that goes, but mapped still. */
	feed__mmap(feed, KEPT, 8 * PAGE, RW, ANON, FLT(0, 0));
	feed__fault(feed, PID, KEPT, FLT(0, 0));
	unmap(feed, KEPT + 4 * PAGE, 4 * PAGE, FLT(1, 0));
	churn(feed, ROUNDS);
	assert_places(feed, ROUNDS + 1, ROUNDS);
	assert_int_equal(proc->check.unexplained + proc->check.not_counted, 0);
	places__measure(proc);
	kept = place_at(feed, KEPT);
	assert_non_null(kept);
	assert_true(kept->mapped && kept->faults == 1 && kept->pages_touched == 1);
	assert_int_equal(kept->mapped_bytes, 4 * PAGE);
	/* Its mapping finds it again: no second one. */
	feed__fault(feed, PID, KEPT + PAGE, FLT(ROUNDS + 1, ROUNDS));
	assert_int_equal(kept->faults, 2);
	assert_places(feed, ROUNDS + 2, ROUNDS);
}

static void test_report_lists_the_sum(void **state)
{
	struct feed *feed = *state;
	uint64_t faults = 0, own = 0, summed = 0;
	const struct report_process *row;
	struct report *report;

	feed__mmap(feed, KEPT, 4 * PAGE, RW, ANON, FLT(0, 0));
	feed__fault(feed, PID, KEPT, FLT(0, 0));
	unmap(feed, SMALL, PAGE, FLT(1, 0)); /* of nothing: the fault's end is known */
	churn(feed, ROUNDS);
	assert_int_equal(report__build(feed->model, "1", 0, &report), 0);
	assert_int_equal(report->nr_processes, 1);
	row = &report->processes[0];
	for (size_t i = 0; i < row->faults.nr_mappings; i++) {
		const struct report_mapping *mapping = &row->faults.mappings[i];

		faults += mapping->faults;
		if (!strcmp(mapping->name, "[anon] (many)")) {
			summed++;
			assert_int_equal(mapping->region, REGION_ANON);
			assert_true(mapping->unmapped);
			/* All but the rows that are listed one by one. */
			assert_int_equal(mapping->faults,
					 2 * (ROUNDS - (row->faults.nr_mappings - 2)));
			assert_int_equal(mapping->major, mapping->faults / 2);
		} else if (mapping->start == KEPT) {
			own++;
			assert_string_equal(mapping->name, "[anon]");
			assert_false(mapping->unmapped);
			assert_int_equal(mapping->faults, 1);
		} else {
			assert_true(mapping->unmapped && mapping->faults == 2);
		}
	}
	assert_int_equal(summed, 1);
	assert_int_equal(own, 1);
	assert_int_equal(faults, row->faults.total);
	assert_int_equal(row->check.unexplained, 0);
	report__free(report);
}

/* A fault whose end is not known when its place becomes part of the sum: it ends there. */
static void test_pending_fault_is_summed(void **state)
{
	static const struct {
		struct mt_flt after;
		uint64_t minor, major;
	} ends[] = {{FLT(1, 0), 1, 0}, {FLT(0, 1), 0, 1}, {FLT(0, 0), 0, 0}};
	struct feed *feed = *state;
	uint64_t minor = 0, major = 0, not_counted = 0, major_before;
	uint32_t rounds = 0;

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		uint32_t tid = OTHER_THREAD + i;
		struct thread *thread;
		struct place *sum;

		feed__fork(feed, PID, PID, tid, 0, FLT(rounds, rounds));
		feed__mmap(feed, SMALL, PAGE, RW, ANON, FLT(rounds, rounds));
		feed__fault(feed, tid, SMALL, FLT(0, 0));
		thread = feed__thread(feed, tid);
		assert_int_equal(thread->pending.place->faults, 1);
		unmap(feed, SMALL, PAGE, FLT(rounds, rounds));
		churn(feed, 5000);
		rounds += 5000;
		assert_true(thread->pending.open);
		sum = thread->pending.place;
		assert_true(sum->folded);
		assert_places(feed, rounds + minor + 1, rounds + major);
		major_before = sum->major;
		minor += ends[i].minor;
		major += ends[i].major;
		not_counted += !ends[i].minor && !ends[i].major;
		feed__exit(feed, PID, tid, false, 0, ends[i].after);
		assert_places(feed, rounds + minor, rounds + major);
		assert_int_equal(sum->major, major_before + ends[i].major);
	}
	assert_int_equal(feed__proc(feed)->check.not_counted, not_counted);
	assert_int_equal(feed__proc(feed)->check.unexplained, 0);
}

/* One child in 1000 overflows its stack, 1 in 100 has a fault that nobody saw, 1 in 10 a major one.
 */
static void live_shortly(struct feed *feed, uint32_t i)
{
	uint32_t pid = FIRST_CHILD + i;

	feed__fork(feed, PID, pid, pid, 0, FLT(0, 0));
	feed__fault_of(feed, pid, pid, HEAP, 0, FLT(0, 0), 0);
	if (i % 1000 == 0)
		feed__overflow(feed, pid, FLT(1, 0));
	feed__exit(feed, pid, pid, true, 0, i % 10 == 1 ? FLT(0, 1) : FLT(1 + (i % 100 == 0), 0));
}

static void test_processes_between_two_ticks(void **state)
{
	const uint32_t lives = 40000;
	struct feed *feed = *state;
	struct model *model = feed->model;
	uint64_t minor = 0, major = 0, hits = 0, failed = 0, listed = 0;

	for (uint32_t i = 0; i < lives; i++) {
		live_shortly(feed, i);
		if (model->current.nr > 1100 || model->nr_processes > 16384 + 1100)
			fail_msg("life %u: %zu current, %zu listed", i, model->current.nr,
				 model->nr_processes);
		if (HASH_COUNT(model->by_pid) > model->nr_processes)
			fail_msg("life %u: %u pids", i, HASH_COUNT(model->by_pid));
	}
	assert_true(model->folded.processes > 0);
	feed__tick(feed, MT_KIND_TICK, model->session.start_ns + SEC);
	feed__tick(feed, MT_KIND_TICK, model->session.start_ns + 2 *SEC);
	assert_int_equal(model->current.nr, 1);
	assert_ptr_equal(model->current.items[0], feed__proc(feed));
	for (const struct process *proc = model->first; proc; proc = proc->next) {
		listed++;
		minor += proc->faults.minor;
		major += proc->faults.major;
		hits += proc->stack.hits_total;
		failed += proc->check.unexplained != 0;
	}
	assert_int_equal(listed, model->nr_processes);
	assert_int_equal(listed + model->folded.processes, lives + 1);
	assert_int_equal(minor + model->folded.minor, lives - lives / 10);
	assert_int_equal(major + model->folded.major, lives / 10);
	assert_int_equal(hits + model->folded.hits, lives / 1000);
	assert_int_equal(failed + model->folded.failed_checks, lives / 100);
	/* The parent is still there, and has children still. */
	live_shortly(feed, lives + 1);
	assert_int_equal(feed__process_of(feed, FIRST_CHILD + lives + 1)->ppid, PID);
}

/* The list is bounded by those with few faults; who had many is still listed. */
static void test_busy_processes_stay_listed(void **state)
{
	struct feed *feed = *state;
	const uint32_t busy = 5000;
	const struct process *proc;

	feed__fork(feed, PID, busy, busy, 0, FLT(0, 0));
	for (uint32_t i = 0; i < 16; i++)
		feed__fault_of(feed, busy, busy, HEAP + i * PAGE, 0, FLT(i, 0), 0);
	feed__exit(feed, busy, busy, true, 0, FLT(16, 0));
	for (uint32_t i = 1; i <= 40000; i++)
		live_shortly(feed, i);
	assert_true(feed->model->folded.processes > 0);
	/* Nor do those with something wrong become part of the sum. */
	assert_int_equal(feed->model->folded.hits, 0);
	assert_int_equal(feed->model->folded.failed_checks, 0);
	proc = feed__process_of(feed, busy);
	assert_int_equal(proc->faults.minor, 16);
	assert_int_equal(proc->check.unexplained, 0);
	assert_true(proc->ended && proc->retired);
}

static uint64_t nr_hit(const struct model *model)
{
	uint64_t nr = 0;

	for (const struct process *proc = model->first; proc; proc = proc->next)
		nr += proc->stack.hits_total > 0;
	return nr;
}

/* Even if each of them has something wrong the list is bounded; then hits stay before the rest. */
static void test_trouble_is_bounded(void **state)
{
	const uint32_t hit = 100, lives = 40000;
	struct feed *feed = *state;
	struct model *model = feed->model;

	for (uint32_t i = 0; i < lives; i++) {
		uint32_t pid = FIRST_CHILD + i;

		feed__fork(feed, PID, pid, pid, 0, FLT(0, 0));
		if (i % (lives / hit) == 0)
			feed__overflow(feed, pid, FLT(0, 0));
		/* a fault that nobody saw */
		feed__exit(feed, pid, pid, true, 0, FLT(1, 0));
		if (model->nr_processes > 16384 + 1100)
			fail_msg("life %u: %zu listed", i, model->nr_processes);
	}
	assert_true(model->folded.failed_checks > 0);
	assert_int_equal(model->folded.hits, 0);
	assert_int_equal(nr_hit(model), hit);
	/* And all that has hits can be too much, too. */
	for (uint32_t i = lives; i < 2 * lives; i++) {
		uint32_t pid = FIRST_CHILD + i;

		feed__fork(feed, PID, pid, pid, 0, FLT(0, 0));
		feed__overflow(feed, pid, FLT(0, 0));
		feed__exit(feed, pid, pid, true, 0, FLT(0, 0));
		if (model->nr_processes > 16384 + 1100 || model->current.nr > 1200)
			fail_msg("life %u: %zu listed, %zu current", i, model->nr_processes,
				 model->current.nr);
	}
	assert_int_equal(nr_hit(model) + model->folded.hits, hit + lives);
}

/* Where no report will be, those that live are all there is, with or without ticks. */
static void test_the_ended_are_forgotten(void **state)
{
	const uint32_t lasting = 5000, lives = 20000;
	struct feed *feed = *state;
	struct model *model = feed->model;

	model->forgets_ended = true;
	feed__fork(feed, PID, lasting, lasting, 0, FLT(0, 0));
	for (uint32_t i = 0; i < lives; i++) {
		live_shortly(feed, i);
		/* 64, and those of the last tenth of a millisecond, of three records and more. */
		if (model->nr_processes > 100 || model->current.nr > 100 ||
		    HASH_COUNT(model->by_pid) > 100)
			fail_msg("life %u: %zu listed, %zu current, %u pids", i,
				 model->nr_processes, model->current.nr, HASH_COUNT(model->by_pid));
	}
	feed__tick(feed, MT_KIND_TICK, model->session.start_ns + SEC);
	feed__tick(feed, MT_KIND_TICK, model->session.start_ns + 2 *SEC);
	assert_int_equal(model->nr_processes, 2);
	assert_int_equal(model->folded.processes, lives);
	assert_ptr_equal(model->first, feed__proc(feed));
	assert_ptr_equal(model->first->next, feed__process_of(feed, lasting));
	/* And are still followed. */
	feed__fault_of(feed, lasting, lasting, HEAP, 0, FLT(0, 0), 0);
	assert_int_equal(feed__process_of(feed, lasting)->faults.by_region[REGION_HEAP], 1);
}

/*
 * What a busy system does all day long: a new thread maps a new file and new memory, touches it and
 * what is not there, fails in a new way, overflows its stack and ends; two processes come and go,
 * the end of one is lost; now and then the program is another one.
 */
static void live_busily(struct feed *feed, uint32_t i)
{
	uint32_t tid = 1000000 + i;
	uint64_t file = AREA + (2 * i + 1) * 16 * PAGE, memory = file + 16 * PAGE;
	struct mt_flt flt = FLT(i, 0);
	char name[32];

	/* All of one length: the last ones are kept. */
	snprintf(name, sizeof(name), "/srv/%06u", i);
	feed__fork(feed, PID, PID, tid, 0, flt);
	feed__map_file(feed, file, 4 * PAGE, PROT_READ, MAP_PRIVATE, 0, name);
	feed__mmap(feed, memory, PAGE << i % 4, RW, ANON, flt);
	feed__fault_of(feed, PID, tid, file, 0, FLT(0, 0), 0);
	feed__fault_of(feed, PID, tid, memory, MT_FAULT_WRITE, FLT(1, 0), 0);
	feed__fault_of(feed, PID, tid, KEPT + i * PAGE, 0, FLT(2, 0), 0);
	feed__call(feed, MT_KIND_MPROTECT, PID, ARGS(memory, PAGE, PROT_READ), -1 - (int)(i % 250),
		   flt);
	unmap(feed, file, 4 * PAGE, flt);
	unmap(feed, memory, PAGE << i % 4, flt);
	feed__exit(feed, PID, tid, false, 0, FLT(3, 0));
	feed__overflow(feed, PID, flt);
	live_shortly(feed, i);
	feed__fork(feed, PID, 2000000 + i, 2000000 + i, 0, flt);
	feed__gone(feed, 2000000 + i);
	if (i % 100 == 0) {
		feed__exec(feed, PID, HEAP, flt);
		feed__map_program(feed);
	}
}

/* What is allocated after so many rounds, and two ticks that let what has ended go. */
static uint64_t bytes_after(bool forgets, uint32_t rounds)
{
	struct feed feed;
	uint64_t bytes;

	feed__open(&feed);
	feed.model->forgets_ended = forgets;
	feed__session(&feed, SEC);
	feed__program(&feed);
	for (uint32_t i = 0; i < rounds; i++)
		live_busily(&feed, i);
	feed__tick(&feed, MT_KIND_TICK, feed.now_ns + SEC);
	feed__tick(&feed, MT_KIND_TICK, feed.now_ns + SEC);
	bytes = feed.model->usage.bytes;
	feed__close(&feed);
	return bytes;
}

/* However long a recorder runs, it takes what the processes that are alive take. */
static void test_forgetting_is_flat(void **state)
{
	(void)state;
	/* 200: those that ended and are waited for are fewer, lists for a report are longer. */
	assert_int_equal(bytes_after(true, 10000), bytes_after(true, 200));
	/* Who will be asked for a report keeps more, so the rounds are such that it could grow. */
	assert_true(bytes_after(false, 1000) > 10 * bytes_after(true, 1000));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, feed__setup, feed__teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_places_are_bounded),	       TEST(test_report_lists_the_sum),
		TEST(test_pending_fault_is_summed),    TEST(test_processes_between_two_ticks),
		TEST(test_busy_processes_stay_listed), TEST(test_trouble_is_bounded),
		TEST(test_the_ended_are_forgotten),    cmocka_unit_test(test_forgetting_is_flat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
