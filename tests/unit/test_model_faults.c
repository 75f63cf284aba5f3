// SPDX-License-Identifier: GPL-2.0-or-later
/* How faults are counted: the kernel's counters decide, each fault has a place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>

#include "events.h"
#include "model/name.h"
#include "model/places.h"

#define AREA 0x7f1000000000ULL

static void settle(struct feed *feed, struct mt_flt flt)
{
	feed__call(feed, MT_KIND_MADVISE, PID, ARGS(AREA, PAGE, MADV_DONTNEED), 0, flt);
}

static void assert_faults(struct feed *feed, uint64_t minor, uint64_t major)
{
	const struct faults *faults = &feed__proc(feed)->faults;
	uint64_t by_region = 0, by_access = 0, by_place = 0, by_slice = 0;
	const struct place *place, *next_place;
	const struct slice *slice, *next_slice;

	assert_int_equal(faults->minor, minor);
	assert_int_equal(faults->major, major);
	/* Each sum is the same faults, counted another way. */
	for (int i = 0; i < NR_REGIONS; i++)
		by_region += faults->by_region[i];
	for (int i = 0; i < NR_ACCESSES; i++)
		by_access += faults->by_access[i];
	HASH_ITER (hh, faults->places, place, next_place)
		by_place += place->faults;
	HASH_ITER (hh, faults->pages.slices, slice, next_slice)
		by_slice += slice->faults;
	assert_int_equal(faults->user + faults->kernel, minor + major);
	assert_int_equal(by_region, minor + major);
	assert_int_equal(by_access, minor + major);
	assert_int_equal(by_place, minor + major);
	assert_int_equal(by_slice, minor + major);
}

static const struct check *check_of(struct feed *feed)
{
	return &feed__proc(feed)->check;
}

static void test_minor_and_major_by_counters(void **state)
{
	struct feed *feed = *state;

	feed__mmap(feed, AREA, 8 * PAGE, RW, ANON, FLT(0, 0));
	feed__fault(feed, PID, AREA, FLT(0, 0));
	assert_faults(feed, 1, 0); /* counted at once, as what most are */
	feed__fault(feed, PID, AREA + PAGE, FLT(1, 0));
	feed__fault(feed, PID, AREA + 2 * PAGE, FLT(1, 1)); /* the second was major */
	assert_faults(feed, 2, 1);
	settle(feed, FLT(2, 1));
	assert_faults(feed, 2, 1);
	assert_int_equal(check_of(feed)->kernel_minor, 2);
	assert_int_equal(check_of(feed)->kernel_major, 1);
	assert_int_equal(check_of(feed)->observed, 3);
	assert_int_equal(check_of(feed)->unexplained, 0);
	assert_int_equal(feed__thread(feed, PID)->major, 1);
	assert_int_equal(feed__proc(feed)->timeline.items[0].major, 1);
}

/* The counters wrap around at 32 bits. */
static void test_counters_wrap(void **state)
{
	struct feed *feed = *state;

	feed__thread_read(feed, 5000, FLT(UINT32_MAX, UINT32_MAX), 0, 0);
	feed__fault(feed, 5000, HEAP, FLT(UINT32_MAX, UINT32_MAX));
	feed__fault(feed, 5000, HEAP + PAGE, FLT(0, UINT32_MAX));
	feed__fault(feed, 5000, HEAP + 2 * PAGE, FLT(0, 0));
	assert_faults(feed, 2, 1);
	assert_int_equal(check_of(feed)->kernel_minor, 1);
	assert_int_equal(check_of(feed)->kernel_major, 1);
}

/* Both counters moved: the software event says which of them was the exception's. */
static void test_major_event_decides(void **state)
{
	struct feed *feed = *state;

	feed__fault(feed, PID, HEAP, FLT(0, 0));
	feed__major(feed, PID, HEAP + 123); /* the page counts, and not the byte */
	settle(feed, FLT(1, 1));
	assert_faults(feed, 0, 1);
	assert_int_equal(check_of(feed)->unexplained, 1);
	feed__fault(feed, PID, HEAP + PAGE, FLT(1, 1));
	feed__major(feed, PID, HEAP); /* another page: a fault without an exception */
	settle(feed, FLT(2, 2));
	assert_faults(feed, 1, 1);
	assert_int_equal(check_of(feed)->unexplained, 2);
	/* Told, but not counted: no major fault. */
	feed__fault(feed, PID, HEAP + 2 * PAGE, FLT(2, 2));
	feed__major(feed, PID, HEAP + 2 * PAGE);
	settle(feed, FLT(3, 2));
	assert_faults(feed, 2, 1);
	/* Without an exception before it. */
	feed__major(feed, PID, HEAP);
	settle(feed, FLT(3, 2));
	assert_faults(feed, 2, 1);
}

static void test_not_counted_by_the_kernel(void **state)
{
	struct feed *feed = *state;
	const struct place *place, *next;

	feed__fault(feed, PID, HEAP, FLT(0, 0));
	feed__fault(feed, PID, HEAP, FLT(0, 0)); /* interrupted by a signal, taken again */
	assert_faults(feed, 1, 0);
	assert_int_equal(check_of(feed)->not_counted, 1);
	assert_int_equal(check_of(feed)->observed, 2);
	settle(feed, FLT(1, 0));
	assert_faults(feed, 1, 0);
	assert_int_equal(check_of(feed)->not_counted, 1);
	HASH_ITER (hh, feed__proc(feed)->faults.places, place, next)
		assert_int_equal(place->pages_touched, 1);
	feed__fault(feed, PID, 0, FLT(1, 0)); /* a bad access */
	settle(feed, FLT(1, 0));
	assert_faults(feed, 1, 0);
	assert_int_equal(check_of(feed)->not_counted, 2);
	assert_int_equal(feed__proc(feed)->misses.nr, 0);
	assert_int_equal(check_of(feed)->unexplained, 0);
}

/* A reading from outside cannot tell that an exception has ended. */
static void test_read_during_an_exception(void **state)
{
	struct feed *feed = *state;

	feed__fault(feed, PID, HEAP, FLT(0, 0));
	feed__thread_read(feed, PID, FLT(0, 0), 0, MT_THREAD_FINAL);
	assert_faults(feed, 1, 0);
	assert_int_equal(check_of(feed)->not_counted, 0);
	feed__fault(feed, PID, HEAP + PAGE, FLT(1, 0));
	assert_faults(feed, 2, 0);
	assert_int_equal(check_of(feed)->unexplained, 0);
	feed__thread_read(feed, PID, FLT(2, 0), 0, MT_THREAD_FINAL);
	assert_false(feed__thread(feed, PID)->pending.open);
	/* Read a moment before the last record was made: it knows less. */
	feed__fault(feed, PID, HEAP + PAGE, FLT(5, 0));
	feed__thread_read(feed, PID, FLT(4, 0), 0, MT_THREAD_FINAL);
	assert_int_equal(check_of(feed)->kernel_minor, 5);
}

/* The first reading is dated at the attach but made after it: records in between know less. */
static void test_first_reading_came_late(void **state)
{
	struct feed *feed = *state;

	feed__thread_read(feed, 5000, FLT(10, 0), 0, 0);
	for (uint32_t i = 0; i < 5; i++)
		feed__fault(feed, 5000, HEAP + i * PAGE, FLT(8 + i, 0));
	feed__call(feed, MT_KIND_MADVISE, 5000, ARGS(0), 0, FLT(13, 0));
	assert_faults(feed, 5, 0);
	assert_int_equal(check_of(feed)->kernel_minor, 5);
	assert_int_equal(check_of(feed)->observed, 5);
	assert_int_equal(check_of(feed)->not_counted, 0);
}

static void test_populated(void **state)
{
	struct feed *feed = *state;

	feed__mmap(feed, AREA, 8 * PAGE, RW, ANON | MAP_POPULATE, FLT(8, 0));
	assert_int_equal(check_of(feed)->populated, 8);
	feed__call(feed, MT_KIND_MADVISE, PID, ARGS(AREA, PAGE, 23), 0, FLT(9, 0));
	feed__call(feed, MT_KIND_MLOCK, PID, ARGS(AREA, PAGE), 0, FLT(10, 1));
	assert_int_equal(check_of(feed)->populated, 11);
	assert_int_equal(check_of(feed)->unexplained, 0);
	/* A fault of the kernel in the middle of such a call ends nothing. */
	feed__fault_of(feed, PID, PID, HEAP, MT_FAULT_KERNEL, FLT(14, 1), 0);
	feed__mmap(feed, AREA, 8 * PAGE, RW, ANON | MAP_POPULATE, FLT(19, 1));
	assert_int_equal(check_of(feed)->populated, 19);
	assert_int_equal(check_of(feed)->unexplained, 0);
	assert_faults(feed, 1, 0);
	assert_int_equal(feed__proc(feed)->faults.kernel, 1);
	/* mlockall(MCL_FUTURE) makes every later call populate. */
	feed__mmap(feed, AREA, 8 * PAGE, RW, ANON, FLT(20, 1));
	assert_int_equal(check_of(feed)->unexplained, 1);
	feed__call(feed, MT_KIND_MLOCKALL, PID, ARGS(MCL_CURRENT | MCL_FUTURE), 0, FLT(22, 1));
	feed__call(feed, MT_KIND_BRK, PID, ARGS(HEAP + 0x22000), HEAP + 0x22000, FLT(23, 1));
	assert_int_equal(check_of(feed)->populated, 22);
	assert_int_equal(check_of(feed)->unexplained, 1);
	/* What the program's own code took is no call's. */
	feed__fault(feed, PID, HEAP, FLT(25, 1));
	assert_int_equal(check_of(feed)->unexplained, 3);
}

/* Writing a core reads pages in that were not there, without an exception. */
static void test_core_dump_populates(void **state)
{
	static const struct {
		uint32_t exit_code;
		uint64_t populated, unexplained;
	} cases[] = {
		{SIGSEGV | 0x80, 20, 0},
		{SIGSEGV, 0, 20},
		{0, 0, 20},
		{0x80 << 8, 0, 20}, /* exit(128) is no core */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct feed feed;

		feed__open(&feed);
		feed__session(&feed, 1000000000);
		feed__program(&feed);
		feed__fault(&feed, PID, HEAP, FLT(0, 0));
		feed__exit(&feed, PID, PID, true, cases[i].exit_code, FLT(18, 3));
		assert_faults(&feed, 1, 0);
		assert_int_equal(check_of(&feed)->kernel_minor, 18);
		assert_int_equal(check_of(&feed)->kernel_major, 3);
		assert_int_equal(check_of(&feed)->observed, 1);
		assert_int_equal(check_of(&feed)->populated, cases[i].populated);
		assert_int_equal(check_of(&feed)->unexplained, cases[i].unexplained);
		feed__close(&feed);
	}
}

static void test_lost_are_explained(void **state)
{
	struct feed *feed = *state;

	feed__fault_of(feed, PID, PID, HEAP, 0, FLT(0, 0), 0);
	feed__fault_of(feed, PID, PID, HEAP + PAGE, 0, FLT(65, 0), 64);
	assert_int_equal(check_of(feed)->lost, 64);
	assert_int_equal(check_of(feed)->unexplained, 0);
	/* Only as many as were lost. */
	feed__fault_of(feed, PID, PID, HEAP + PAGE, 0, FLT(76, 0), 70);
	assert_int_equal(check_of(feed)->lost, 70);
	assert_int_equal(check_of(feed)->unexplained, 4);
	/* The counter of the CPU wraps around. */
	feed__fault_of(feed, PID, PID, HEAP, 0, FLT(77, 0), 70);
	assert_int_equal(feed->model->lost_unexplained, 0);
	assert_int_equal(check_of(feed)->kernel_minor, 77);
}

static void test_regions_and_accesses(void **state)
{
	static const struct {
		uint64_t addr;
		enum region region;
	} cases[] = {
		{TEXT, REGION_TEXT},
		{DATA + 8, REGION_DATA},
		{BSS + PAGE, REGION_BSS},
		{HEAP, REGION_HEAP},
		{LIB, REGION_FILE},
		{STACK_END - 1, REGION_STACK},
		{VDSO, REGION_VDSO},
		{AREA, REGION_ANON},
		{AREA + PAGE, REGION_SHMEM},
		{AREA + 2 * PAGE, REGION_THREAD_STACK},
		{AREA + 3 * PAGE, REGION_FILE},
		{AREA + 4 * PAGE, REGION_SHMEM},
		{AREA + 8 * PAGE, REGION_FILE},
		{AREA + 5 * PAGE, REGION_TEXT},
		{AREA + 6 * PAGE, REGION_DATA},
		{AREA + 7 * PAGE, REGION_BSS},
		{AREA + 9 * PAGE, REGION_OTHER},
	};
	struct feed *feed = *state;
	const uint64_t *by_region = feed__proc(feed)->faults.by_region;
	uint32_t nr = sizeof(cases) / sizeof(cases[0]);

	feed__mmap(feed, AREA, PAGE, RW, ANON, FLT(0, 0));
	feed__mmap(feed, AREA + PAGE, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, FLT(0, 0));
	feed__mmap(feed, AREA + 2 * PAGE, PAGE, RW, ANON | MAP_STACK, FLT(0, 0));
	feed__map_file(feed, AREA + 3 * PAGE, PAGE, RW, MAP_SHARED, 0, "data.db");
	feed__map_file(feed, AREA + 4 * PAGE, PAGE, RW, MAP_SHARED, MT_CALL_SHMEM, "shm");
	feed__map_file(feed, AREA + 5 * PAGE, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, 0, "libz");
	feed__map_file(feed, AREA + 6 * PAGE, PAGE, RW, MAP_PRIVATE, 0, "libz");
	feed__mmap(feed, AREA + 7 * PAGE, PAGE, RW, ANON | MAP_FIXED, FLT(0, 0));
	feed__map_file(feed, AREA + 8 * PAGE, PAGE, RW, MAP_PRIVATE, 0, "draft.txt");
	for (uint32_t i = 0; i < nr; i++) {
		uint64_t before = by_region[cases[i].region];

		feed__fault(feed, PID, cases[i].addr, FLT(i, 0));
		assert_int_equal(by_region[cases[i].region], before + 1);
	}
	feed__fault_of(feed, PID, PID, TEXT, MT_FAULT_EXEC, FLT(nr, 0), 0);
	feed__fault_of(feed, PID, PID, TEXT, 0, FLT(nr + 1, 0), 0);
	assert_faults(feed, nr + 2, 0);
	assert_int_equal(feed__proc(feed)->faults.by_access[ACCESS_WRITE], nr);
	assert_int_equal(feed__proc(feed)->faults.by_access[ACCESS_EXEC], 1);
	assert_int_equal(feed__proc(feed)->faults.by_access[ACCESS_READ], 1);
}

/* One file is one place however often it is mapped; each mmap of memory is one of its own. */
static void test_places(void **state)
{
	struct feed *feed = *state;
	struct process *proc = feed__proc(feed);
	const struct place *place, *next;
	uint64_t files = 0;

	feed__map_file(feed, AREA, 4 * PAGE, PROT_READ, MAP_SHARED, 0, "data.db");
	feed__map_file(feed, AREA + 8 * PAGE, 4 * PAGE, PROT_READ, MAP_SHARED, 0, "data.db");
	feed__mmap(feed, AREA + 16 * PAGE, 4 * PAGE, RW, ANON, FLT(0, 0));
	feed__mmap(feed, AREA + 24 * PAGE, 4 * PAGE, RW, ANON, FLT(0, 0));
	for (uint32_t i = 0; i < 4; i++)
		feed__fault(feed, PID, AREA + i * 8 * PAGE, FLT(i, 0));
	assert_int_equal(HASH_COUNT(proc->faults.places), 3);
	places__measure(proc);
	HASH_ITER (hh, proc->faults.places, place, next) {
		if (!place->name)
			continue;
		files++;
		assert_string_equal(name__text(place->name), "data.db");
		assert_int_equal(place->faults, 2);
		assert_true(place->mapped_bytes == 8 * PAGE && place->start == AREA);
	}
	assert_int_equal(files, 1);
	/* What is unmapped keeps its count. */
	feed__call(feed, MT_KIND_MUNMAP, PID, ARGS(AREA, 64 * PAGE), 0, FLT(4, 0));
	places__measure(proc);
	HASH_ITER (hh, proc->faults.places, place, next)
		assert_false(place->mapped);
	assert_faults(feed, 4, 0);
}

static void test_miss_is_resolved_by_a_snapshot(void **state)
{
	struct feed *feed = *state;
	struct process *proc = feed__proc(feed);

	feed__fault(feed, PID, AREA, FLT(0, 0));
	feed__fault(feed, PID, AREA + PAGE, FLT(0, 1)); /* the first was major */
	assert_true(proc->wants_snapshot);
	assert_int_equal(proc->faults.by_region[REGION_OTHER], 2);
	assert_int_equal(proc->misses.nr, 2);
	feed__map_program(feed);
	assert_false(proc->wants_snapshot);
	assert_int_equal(proc->misses.nr, 2);
	feed__mapping(feed, MT_MAPPING_ANON, AREA, AREA + 4 * PAGE, RW, "");
	assert_int_equal(proc->misses.nr, 0);
	assert_int_equal(proc->faults.by_region[REGION_OTHER], 0);
	assert_int_equal(proc->faults.by_region[REGION_ANON], 2);
	assert_faults(feed, 1, 1);
	/* The second was still open when it moved; it goes from where it is now. */
	settle(feed, FLT(0, 1));
	assert_int_equal(proc->faults.by_region[REGION_ANON], 1);
	assert_faults(feed, 0, 1);
}

/* A fault below the stack that nobody knew of is no proof that the stack has grown. */
static void test_miss_does_not_grow_the_stack(void **state)
{
	struct feed *feed = *state;
	struct process *proc = feed__process_of(feed, PID);

	mirror__clear(&proc->mirror);
	feed__fault(feed, PID, STACK_START - 64 * PAGE, FLT(0, 0));
	settle(feed, FLT(1, 0));
	feed__map_program(feed);
	assert_true(stack__bytes(proc) == STACK_END - STACK_START);
	assert_true(proc->stack.peak_bytes == STACK_END - STACK_START);
}

/* What was missed in the old program is not looked up in the new one. */
static void test_miss_does_not_outlive_exec(void **state)
{
	struct feed *feed = *state;
	struct process *proc = feed__proc(feed);

	feed__fault(feed, PID, AREA, FLT(0, 0));
	feed__exec(feed, PID, HEAP, FLT(1, 0));
	feed__map_program(feed);
	feed__mapping(feed, MT_MAPPING_ANON, AREA, AREA + PAGE, RW, "");
	assert_int_equal(proc->faults.by_region[REGION_OTHER], 1);
	assert_int_equal(proc->faults.by_region[REGION_ANON], 0);
	assert_faults(feed, 1, 0);
}

static void test_more_misses_than_are_kept(void **state)
{
	struct feed *feed = *state;
	struct process *proc = feed__proc(feed);

	for (uint32_t i = 0; i < 2 * MAX_MISSES; i++)
		feed__fault(feed, PID, AREA + i * PAGE, FLT(i, 0));
	feed__mapping(feed, MT_MAPPING_ANON, AREA, AREA + 1000 * PAGE, RW, "");
	assert_int_equal(proc->faults.by_region[REGION_OTHER], MAX_MISSES);
	assert_int_equal(proc->faults.by_region[REGION_ANON], MAX_MISSES);
	settle(feed, FLT(2 * MAX_MISSES, 0));
	assert_faults(feed, 2 * MAX_MISSES, 0);
}

static void test_pages_touched_and_runs(void **state)
{
	struct feed *feed = *state;
	struct process *proc = feed__proc(feed);
	bool fresh;
	struct slice *slice;

	feed__mmap(feed, AREA, 64 * PAGE, RW, ANON, FLT(0, 0));
	for (uint32_t i = 0; i < 8; i++) /* up, then the same again */
		feed__fault(feed, PID, AREA + i * PAGE, FLT(i, 0));
	for (uint32_t i = 0; i < 8; i++)
		feed__fault(feed, PID, AREA + 40 * PAGE - i * PAGE, FLT(8 + i, 0));
	feed__fault(feed, PID, AREA, FLT(16, 0));
	slice = pages__fault(&proc->faults.pages, AREA, &fresh);
	assert_false(fresh);
	pages__undo(slice, AREA, fresh);
	assert_int_equal(slice__touched(slice), 16);
	assert_int_equal(proc->faults.runs_log2[3], 16);
	/* Mapped anew: no page of it has been touched. */
	feed__mmap(feed, AREA, 4 * PAGE, RW, ANON | MAP_FIXED, FLT(17, 0));
	assert_int_equal(slice__touched(slice), 12);
	pages__clear_range(&proc->faults.pages, 0, UINT64_MAX);
	assert_int_equal(slice__touched(slice), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, feed__setup, feed__teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_minor_and_major_by_counters),
		TEST(test_counters_wrap),
		TEST(test_major_event_decides),
		TEST(test_not_counted_by_the_kernel),
		TEST(test_read_during_an_exception),
		TEST(test_first_reading_came_late),
		TEST(test_populated),
		cmocka_unit_test(test_core_dump_populates),
		TEST(test_lost_are_explained),
		TEST(test_regions_and_accesses),
		TEST(test_places),
		TEST(test_miss_is_resolved_by_a_snapshot),
		TEST(test_miss_does_not_grow_the_stack),
		TEST(test_miss_does_not_outlive_exec),
		TEST(test_more_misses_than_are_kept),
		TEST(test_pages_touched_and_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
