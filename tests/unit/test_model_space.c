// SPDX-License-Identifier: GPL-2.0-or-later
/* What calls and snapshots do to a process's address space, its heap and their timelines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "events.h"
#include "model/name.h"

#define AREA 0x7f1000000000ULL
#define SEC 1000000000ULL

static void brk_to(struct feed *feed, uint64_t wished, uint64_t got)
{
	feed__call(feed, MT_KIND_BRK, PID, ARGS(wished), (int64_t)got, FLT(0, 0));
}

static void munmap_range(struct feed *feed, uint64_t addr, uint64_t size)
{
	feed__call(feed, MT_KIND_MUNMAP, PID, ARGS(addr, size), 0, FLT(0, 0));
}

static void test_brk_levels(void **state)
{
	struct feed *feed = *state;
	struct process *proc = feed__proc(feed);

	assert_int_equal(heap__brk_bytes(proc), 0x21000);
	brk_to(feed, 0, HEAP + 0x21000);
	assert_int_equal(heap__brk_bytes(proc), 0x21000);
	brk_to(feed, HEAP + 0x30000, HEAP + 0x30000);
	assert_int_equal(heap__brk_bytes(proc), 0x30000);
	assert_int_equal(proc->heap.calls[CALL_BRK].bytes, 0xf000);
	/* By bytes, within a page. */
	brk_to(feed, HEAP + 0x30001, HEAP + 0x30001);
	assert_int_equal(heap__brk_bytes(proc), 0x30001);
	assert_true(mirror__find(&proc->mirror, HEAP + 0x30fff)->region == REGION_HEAP);
	/* Refused: the answer is the break as it is. */
	brk_to(feed, HEAP + 0x90000000, HEAP + 0x30001);
	assert_int_equal(heap__brk_bytes(proc), 0x30001);
	assert_int_equal(proc->heap.calls[CALL_BRK].failed, 1);
	/* Smaller: what lies above is gone, the page of the break stays. */
	brk_to(feed, HEAP + 0x1001, HEAP + 0x1001);
	assert_int_equal(heap__brk_bytes(proc), 0x1001);
	assert_non_null(mirror__find(&proc->mirror, HEAP + 0x1fff));
	assert_null(mirror__find(&proc->mirror, HEAP + 0x2000));
	brk_to(feed, HEAP, HEAP);
	assert_int_equal(heap__brk_bytes(proc), 0);
	assert_null(mirror__find(&proc->mirror, HEAP));
	assert_int_equal(proc->heap.peak_bytes, 0x30001 + proc->mirror.anon_bytes);
	assert_int_equal(proc->heap.calls[CALL_BRK].count, 6);
}

/* Of a process that nobody has described only changes are known. */
static void test_brk_with_unknown_start(void **state)
{
	struct feed feed;
	struct process *proc;

	(void)state;
	feed__open(&feed);
	brk_to(&feed, HEAP + 0x5000, HEAP + 0x5000);
	proc = feed__proc(&feed);
	assert_int_equal(heap__brk_bytes(proc), 0);
	assert_int_equal(proc->heap.calls[CALL_BRK].bytes, 0);
	brk_to(&feed, HEAP + 0x7000, HEAP + 0x7000);
	assert_int_equal(heap__brk_bytes(proc), 0x2000);
	assert_int_equal(proc->heap.calls[CALL_BRK].bytes, 0x2000);
	brk_to(&feed, HEAP + 0x1000, HEAP + 0x1000);
	assert_int_equal(heap__brk_bytes(proc), 0);
	feed__close(&feed);
}

static void test_anon_levels(void **state)
{
	struct feed *feed = *state;
	struct process *proc = feed__proc(feed);

	assert_int_equal(proc->mirror.anon_bytes, 0);
	/* A reservation counts when it may be written: malloc's arenas. */
	feed__mmap(feed, AREA, 64 * PAGE, PROT_NONE, ANON | MAP_NORESERVE, FLT(0, 0));
	assert_int_equal(proc->mirror.anon_bytes, 0);
	feed__call(feed, MT_KIND_MPROTECT, PID, ARGS(AREA, 10 * PAGE, RW), 0, FLT(0, 0));
	assert_int_equal(proc->mirror.anon_bytes, 10 * PAGE);
	assert_int_equal(heap__bytes(proc), 0x21000 + 10 * PAGE);
	feed__call(feed, MT_KIND_MPROTECT, PID, ARGS(AREA, PAGE, PROT_READ), 0, FLT(0, 0));
	assert_int_equal(proc->mirror.anon_bytes, 9 * PAGE);
	munmap_range(feed, AREA, 4 * PAGE);
	assert_int_equal(proc->mirror.anon_bytes, 6 * PAGE);
	/* Stacks, files and shared memory are no heap. */
	feed__mmap(feed, AREA + 0x100000, 8 * PAGE, RW, ANON | MAP_STACK, FLT(0, 0));
	feed__mmap(feed, AREA + 0x200000, 8 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, FLT(0, 0));
	feed__map_file(feed, AREA + 0x300000, 8 * PAGE, RW, MAP_PRIVATE, 0, "draft");
	assert_int_equal(proc->mirror.anon_bytes, 6 * PAGE);
	feed__call(feed, MT_KIND_MREMAP, PID, ARGS(AREA + 4 * PAGE, 6 * PAGE, 20 * PAGE, 1),
		   (int64_t)AREA + 0x400000, FLT(0, 0));
	assert_int_equal(proc->mirror.anon_bytes, 20 * PAGE);
	assert_null(mirror__find(&proc->mirror, AREA + 4 * PAGE));
	assert_int_equal(proc->heap.base_bytes, 0x21000);
	assert_int_equal(proc->heap.peak_bytes, 0x21000 + 20 * PAGE);
}

static void test_failed_calls(void **state)
{
	struct feed *feed = *state;
	struct process *proc = feed__proc(feed);

	for (int i = 0; i < 3; i++)
		feed__mmap(feed, (uint64_t)-ENOMEM, 64 * PAGE, RW, ANON, FLT(0, 0));
	feed__mmap(feed, (uint64_t)-EINVAL, 0, RW, ANON, FLT(0, 0));
	feed__call(feed, MT_KIND_MUNMAP, PID, ARGS(TEXT, PAGE), -EINVAL, FLT(0, 0));
	assert_int_equal(proc->heap.calls[CALL_MMAP].count, 4);
	assert_int_equal(proc->heap.calls[CALL_MMAP].failed, 4);
	assert_int_equal(proc->heap.calls[CALL_MMAP].bytes, 0);
	assert_int_equal(proc->limits.failures.nr, 3);
	assert_int_equal(proc->limits.failures.items[0].count, 3);
	assert_int_equal(proc->limits.failures.items[0].err, ENOMEM);
	assert_non_null(mirror__find(&proc->mirror, TEXT));
	assert_int_equal(proc->mirror.anon_bytes, 0);
}

/* Sizes of nothing, of everything, and at the top: the model keeps its order. */
static void test_absurd_calls(void **state)
{
	static const enum mt_kind kinds[] = {MT_KIND_MMAP,   MT_KIND_MUNMAP,  MT_KIND_BRK,
					     MT_KIND_MREMAP, MT_KIND_MADVISE, MT_KIND_MPROTECT,
					     MT_KIND_MLOCK,  MT_KIND_MLOCKALL};
	static const uint64_t odd[] = {
		0,	    1,	      PAGE,	    HEAP,     1ULL << 47,    1ULL << 63,
		UINT64_MAX, 0 - PAGE, 0 - 2 * PAGE, AREA + 1, STACK_END - 1, UINT32_MAX,
		0x7fffffff, 102,      103};
	struct feed *feed = *state;
	struct process *proc = feed__proc(feed);
	uint64_t seed = 3, arg[6];

	for (unsigned int round = 0; round < 20000; round++) {
		for (int i = 0; i < 6; i++)
			arg[i] = odd[random__below(&seed, 15)] + random__below(&seed, 2) * PAGE;
		feed__call(feed, kinds[random__below(&seed, 8)], PID, arg,
			   (int64_t)(odd[random__below(&seed, 15)]), FLT(0, 0));
		feed__fault(feed, PID, odd[random__below(&seed, 15)] & MT_FAULT_ADDR_MASK,
			    FLT(0, 0));
		for (struct vma *vma = mirror__first(&proc->mirror); vma && mirror__next(vma);
		     vma = mirror__next(vma))
			assert_true(vma->end <= mirror__next(vma)->start);
	}
	assert_int_equal(proc->faults.minor, 1); /* the last one: none of them was counted */
}

static void test_call_sizes(void **state)
{
	struct feed *feed = *state;
	struct process *proc = feed__proc(feed);

	feed__mmap(feed, AREA, 1, RW, ANON, FLT(0, 0));
	feed__mmap(feed, AREA, 8 * PAGE, RW, ANON, FLT(0, 0));
	munmap_range(feed, AREA, 1ULL << 46);
	assert_int_equal(proc->heap.calls[CALL_MMAP].bytes, 9 * PAGE);
	assert_int_equal(proc->heap.calls[CALL_MMAP].size_log2[12], 1);
	assert_int_equal(proc->heap.calls[CALL_MMAP].size_log2[15], 1);
	assert_int_equal(proc->heap.calls[CALL_MUNMAP].size_log2[46], 1);
	assert_null(proc->heap.calls[CALL_MREMAP].size_log2);
}

/* The same address space seen again: what was known of a mapping stays with it. */
static void test_snapshot_inherits(void **state)
{
	struct feed *feed = *state;
	struct process *proc = feed__proc(feed);
	uint64_t origin;

	feed__mmap(feed, AREA, 8 * PAGE, RW, ANON | MAP_STACK, FLT(0, 0));
	feed__mmap(feed, AREA + 0x100000, 8 * PAGE, RW, ANON, FLT(0, 0));
	origin = mirror__find(&proc->mirror, AREA + 0x100000)->origin;
	feed__fault(feed, PID, AREA + 0x100000, FLT(0, 0));
	feed__map_program(feed);
	assert_null(mirror__find(&proc->mirror, AREA)); /* the set replaces all */
	feed__mapping(feed, MT_MAPPING_ANON, AREA, AREA + 8 * PAGE, RW, "");
	feed__mapping(feed, MT_MAPPING_ANON, AREA + 0x100000, AREA + 0x108000, RW, "");
	assert_int_equal(mirror__find(&proc->mirror, AREA)->region, REGION_THREAD_STACK);
	assert_true(mirror__find(&proc->mirror, AREA + 0x100000)->origin == origin);
	assert_int_equal(proc->mirror.anon_bytes, 8 * PAGE);
	feed__fault(feed, PID, AREA + 0x101000, FLT(1, 0));
	assert_int_equal(HASH_COUNT(proc->faults.places), 1);
}

static void test_thread_stacks(void **state)
{
	struct feed *feed = *state;
	struct process *proc = feed__proc(feed);

	/* By its stack pointer, where a guard lies below it. */
	feed__mmap(feed, AREA, 9 * PAGE, PROT_NONE, ANON, FLT(0, 0));
	feed__call(feed, MT_KIND_MPROTECT, PID, ARGS(AREA + PAGE, 8 * PAGE, RW), 0, FLT(0, 0));
	assert_int_equal(proc->mirror.anon_bytes, 8 * PAGE);
	feed__fork(feed, PID, PID, PID + 1, AREA + 9 * PAGE, FLT(0, 0));
	assert_int_equal(mirror__find(&proc->mirror, AREA + PAGE)->region, REGION_THREAD_STACK);
	assert_int_equal(proc->mirror.anon_bytes, 0);
	/* Without a guard it is a coroutine's, on the heap. */
	feed__mmap(feed, AREA + 0x100000, 8 * PAGE, RW, ANON, FLT(0, 0));
	feed__thread_read(feed, PID + 1, FLT(0, 0), AREA + 0x102000, 0);
	assert_int_equal(mirror__find(&proc->mirror, AREA + 0x100000)->region, REGION_ANON);
	/* With a guard of MADV_GUARD_INSTALL. */
	feed__call(feed, MT_KIND_MADVISE, PID, ARGS(AREA + 0x100000, PAGE, 102), 0, FLT(0, 0));
	feed__thread_read(feed, PID + 1, FLT(0, 0), AREA + 0x102000, 0);
	assert_int_equal(mirror__find(&proc->mirror, AREA + 0x102000)->region, REGION_THREAD_STACK);
	/* Stack pointers that point nowhere. */
	feed__thread_read(feed, PID + 1, FLT(0, 0), 1, 0);
	feed__thread_read(feed, PID + 1, FLT(0, 0), UINT64_MAX, 0);
	feed__thread_read(feed, PID + 1, FLT(0, 0), HEAP + 8, 0);
	assert_int_equal(mirror__find(&proc->mirror, HEAP)->region, REGION_HEAP);
}

static void test_timeline(void **state)
{
	struct feed *feed = *state;
	const struct timeline *timeline = &feed__proc(feed)->timeline;
	uint64_t start_ns = feed->model->session.start_ns;

	feed__fault(feed, PID, HEAP, FLT(0, 0));
	feed__fault(feed, PID, HEAP + PAGE, FLT(1, 0));
	feed__tick(feed, MT_KIND_TICK, start_ns + SEC);
	feed__mmap(feed, AREA, 8 * PAGE, RW, ANON,
		   FLT(1, 1)); /* the last one was major after all */
	feed__fault(feed, PID, AREA, FLT(1, 1));
	feed__tick(feed, MT_KIND_TICK, start_ns + 2 *SEC);
	assert_int_equal(timeline->nr, 3);
	assert_true(timeline->items[0].time_ns == start_ns + SEC);
	assert_int_equal(timeline->items[0].minor, 1);
	assert_int_equal(timeline->items[0].major, 1);
	assert_int_equal(timeline->items[0].anon_bytes, 0);
	assert_int_equal(timeline->items[0].brk_bytes, 0x21000);
	assert_int_equal(timeline->items[1].minor, 1);
	assert_int_equal(timeline->items[1].anon_bytes, 8 * PAGE);
	assert_true(timeline->items[1].rss_bytes == BYTES_UNKNOWN);
}

/* A run of many intervals: half of the points, each of twice the time, nothing lost. */
static void test_timeline_halves(void **state)
{
	struct feed *feed = *state;
	const struct timeline *timeline = &feed__proc(feed)->timeline;
	uint64_t start_ns = feed->model->session.start_ns, minor = 0, last_ns = 0;

	for (uint32_t i = 0; i < 10000; i++) {
		feed__fault(feed, PID, HEAP + i % 32 * PAGE, FLT(i, 0));
		feed__tick(feed, MT_KIND_TICK, start_ns + (i + 1) *SEC);
		assert_true(timeline->nr <= 2049);
	}
	/* The last is still open: it goes from the point where it was counted. */
	feed__call(feed, MT_KIND_MADVISE, PID, ARGS(0), 0, FLT(9999, 1));
	assert_int_equal(timeline->ticks_per_point, 8);
	for (size_t i = 0; i < timeline->nr; i++) {
		const struct point *point = &timeline->items[i];

		minor += point->minor;
		if (i + 1 < timeline->nr) {
			assert_true(point->time_ns == last_ns + 8 *SEC ||
				    point->time_ns == start_ns + 8 *SEC);
			last_ns = point->time_ns;
		}
	}
	assert_int_equal(minor, 9999);
	assert_int_equal(timeline->nr, 1251);
}

static const char *name_at(struct process *proc, uint64_t addr)
{
	return name__text(mirror__find(&proc->mirror, addr)->name);
}

/* What prctl names stays anonymous memory, and is one place wherever it lies. */
static void test_anon_names(void **state)
{
	struct feed *feed = *state;
	struct process *proc = feed__proc(feed);
	struct mt_flt flt = FLT(0, 0);
	uint64_t addrs[] = {AREA + 0x2000, AREA + 0x3000, AREA + 0x8000};
	struct place *place;

	feed__mmap(feed, AREA, 0x10000, RW, MAP_PRIVATE | MAP_ANONYMOUS, flt);
	feed__anon_name(feed, AREA + 0x2000, 0x2000, "cache");
	feed__anon_name(feed, AREA + 0x8000, 0x1000, "cache");
	feed__anon_name(feed, LIB, 0x1000, "not this");
	assert_string_equal(name_at(proc, AREA + 0x3fff), "[anon:cache]");
	assert_string_equal(name_at(proc, AREA + 0x4000), "");
	assert_string_equal(name_at(proc, LIB), "/usr/lib/libc.so.6");
	for (unsigned int i = 0; i < 3; i++, flt.min_flt++)
		feed__fault(feed, PID, addrs[i], flt);
	place = mirror__find(&proc->mirror, AREA + 0x2000)->place;
	assert_ptr_equal(place, mirror__find(&proc->mirror, AREA + 0x8000)->place);
	assert_int_equal(place->faults, 3);
	assert_int_equal(place->region, REGION_ANON);
	assert_int_equal(proc->mirror.anon_bytes, 0x10000);
	/* A snapshot says the same. */
	feed__mapping(feed, MT_MAPPING_FIRST | MT_MAPPING_ANON, AREA + 0x2000, AREA + 0x4000, RW,
		      "[anon:cache]");
	assert_string_equal(name_at(proc, AREA + 0x2000), "[anon:cache]");
	assert_int_equal(mirror__find(&proc->mirror, AREA + 0x2000)->region, REGION_ANON);
	feed__anon_name(feed, AREA + 0x2000, 0x2000, "");
	assert_string_equal(name_at(proc, AREA + 0x2000), "");
}

static void test_names(void **state)
{
	struct names *names = names__new(NULL);
	struct name *path = names__get(names, 8, 1, 5, "/usr/lib/libc.so.6");
	struct name *base = names__get(names, 8, 1, 5, "libc.so.6");
	struct name *other = names__get(names, 8, 1, 6, "libc.so.6");
	struct name *device = names__get(names, 8, 2, 5, "libc.so.6");

	(void)state;
	assert_ptr_equal(path, base);
	assert_ptr_not_equal(path, other);
	assert_ptr_not_equal(path, device);
	assert_string_equal(name__text(base), "/usr/lib/libc.so.6");
	assert_string_equal(name__text(NULL), "");
	assert_null(name__hold(NULL));
	name__put(NULL);
	/* The path came later. */
	name__put(names__get(names, 8, 2, 5, "/opt/libc.so.6"));
	assert_string_equal(name__text(device), "/opt/libc.so.6");
	name__put(names__get(names, 0, 0, 0, ""));
	name__put(names__get(names, 0, 0, 0, "/"));
	name__put(path);
	assert_string_equal(name__text(base), "/usr/lib/libc.so.6");
	name__put(base);
	name__put(other);
	names__free(names); /* device is still held: freed with the table */
	names__free(NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, feed__setup, feed__teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_brk_levels),	      cmocka_unit_test(test_brk_with_unknown_start),
		TEST(test_anon_levels),	      TEST(test_failed_calls),
		TEST(test_absurd_calls),      TEST(test_call_sizes),
		TEST(test_snapshot_inherits), TEST(test_thread_stacks),
		TEST(test_timeline),	      TEST(test_timeline_halves),
		TEST(test_anon_names),	      cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
