// SPDX-License-Identifier: GPL-2.0-or-later
/* What a process has unmapped lately: by which call, by whom, and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <errno.h>

#include <cmocka.h>

#include "model/name.h"
#include "report/crash.h"
#include "signals.h"

#define AREA 0x7e0000000000ULL
#define OTHER (PID + 1)

static void unmap(struct feed *feed, uint32_t tid, uint64_t addr, uint64_t size)
{
	feed__call(feed, MT_KIND_MUNMAP, tid, ARGS(addr, size), 0, FLT(0, 0));
}

static void assert_freed(struct feed *feed, uint64_t addr, uint64_t size, uint32_t tid)
{
	const struct unmapped_range *range = unmapped__find(feed__proc(feed), addr);

	assert_non_null(range);
	assert_int_equal(range->end - range->start, size);
	assert_int_equal(range->tid, tid);
}

static void assert_unknown(struct feed *feed, uint64_t addr)
{
	assert_null(unmapped__find(feed__proc(feed), addr));
}

static void test_verdict(void **state)
{
	struct feed *feed = *state;
	struct mt_signal_more rec = signal__at(AREA + 0x10, SEGV_MAPERR, ERROR_WRITE);
	const struct crash *crash;
	char *text;

	feed__mmap(feed, AREA, 16 * PAGE, RW, ANON, FLT(0, 0));
	unmap(feed, OTHER, AREA, 16 * PAGE);
	feed->now_ns += 12300000 - 1000;
	crash = feed__crash(feed, &rec);
	assert_int_equal(crash->verdict, VERDICT_FREED);
	assert_int_equal(crash->freed_ns, 12300000);
	assert_int_equal(crash->freed_tid, OTHER);
	assert_int_equal(crash->freed_bytes, 16 * PAGE);
	text = report_crash__text(crash);
	assert_string_equal(text, "freed 12.3 ms ago: 64.0 KiB unmapped by tid 4243 (write)");
	free(text);
	feed__mmap(feed, AREA, 16 * PAGE, RW, ANON, FLT(0, 0));
	unmap(feed, OTHER, AREA, 16 * PAGE);
	feed->now_ns += 108000 - 1000;
	text = report_crash__text(feed__crash(feed, &rec));
	assert_string_equal(text, "freed 0.108 ms ago: 64.0 KiB unmapped by tid 4243 (write)");
	free(text);
	/* Mapped again, it is not. */
	feed__mmap(feed, AREA, PAGE, PROT_READ, ANON, FLT(0, 0));
	rec.signal.code = SEGV_ACCERR;
	assert_int_equal(feed__crash(feed, &rec)->verdict, VERDICT_READ_ONLY);
	/* And made inaccessible it is mapped. */
	feed__call(feed, MT_KIND_MPROTECT, PID, ARGS(AREA, PAGE, PROT_NONE), 0, FLT(0, 0));
	assert_int_equal(feed__crash(feed, &rec)->verdict, VERDICT_NOT_READABLE);
}

static void test_file(void **state)
{
	struct feed *feed = *state;
	struct mt_signal_more rec = signal__at(AREA, SEGV_MAPERR, ERROR_EXEC);
	char *text;

	feed__map_file(feed, AREA, 4 * PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, 0, "plugin.so");
	unmap(feed, PID, AREA, 4 * PAGE);
	text = report_crash__text(feed__crash(feed, &rec));
	assert_string_equal(text, "freed 0.001 ms ago: 16.0 KiB of plugin.so unmapped by tid 4242 "
				  "(exec)");
	free(text);
}

/* A part is as large as it was, and a range of several mappings is several. */
static void test_parts(void **state)
{
	struct feed *feed = *state;

	feed__mmap(feed, AREA, 8 * PAGE, RW, ANON, FLT(0, 0));
	unmap(feed, PID, AREA + 2 * PAGE, 3 * PAGE - 5);
	assert_freed(feed, AREA + 2 * PAGE, 3 * PAGE, PID);
	assert_freed(feed, AREA + 5 * PAGE - 1, 3 * PAGE, PID);
	assert_unknown(feed, AREA + 5 * PAGE);
	assert_unknown(feed, AREA + 2 * PAGE - 1);
	feed__mmap(feed, AREA + 100 * PAGE, PAGE, PROT_READ, ANON, FLT(0, 0));
	unmap(feed, OTHER, AREA, 200 * PAGE);
	assert_freed(feed, AREA, 2 * PAGE, OTHER);
	assert_freed(feed, AREA + 6 * PAGE, 3 * PAGE, OTHER);
	assert_freed(feed, AREA + 100 * PAGE, PAGE, OTHER);
	assert_unknown(feed, AREA + 50 * PAGE);
	/* A call that failed has unmapped nothing. */
	feed__call(feed, MT_KIND_MUNMAP, PID, ARGS(HEAP, PAGE), -EINVAL, FLT(0, 0));
	assert_unknown(feed, HEAP);
}

/* One by one up to a number, then the rest of the range in one. */
static void test_many_at_once(void **state)
{
	struct feed *feed = *state;

	for (int i = 0; i < 100; i++)
		feed__mmap(feed, AREA + 2 * i * PAGE, PAGE, RW, ANON, FLT(0, 0));
	unmap(feed, PID, AREA, 200 * PAGE);
	assert_int_equal(feed__proc(feed)->unmapped.nr, 16);
	assert_freed(feed, AREA, PAGE, PID);
	assert_freed(feed, AREA + 198 * PAGE, 170 * PAGE, PID);
}

static void test_other_calls(void **state)
{
	struct feed *feed = *state;

	feed__call(feed, MT_KIND_BRK, PID, ARGS(HEAP + 0x40000), HEAP + 0x40000, FLT(0, 0));
	feed__call(feed, MT_KIND_BRK, OTHER, ARGS(HEAP + 0x3000), HEAP + 0x3000, FLT(0, 0));
	assert_freed(feed, HEAP + 0x3000, 0x3d000, OTHER);
	assert_unknown(feed, HEAP + 0x2fff);
	feed__mmap(feed, AREA, 8 * PAGE, RW, ANON, FLT(0, 0));
	feed__call(feed, MT_KIND_MREMAP, PID, ARGS(AREA, 8 * PAGE, 6 * PAGE, 0), AREA, FLT(0, 0));
	assert_freed(feed, AREA + 6 * PAGE, 2 * PAGE, PID);
	assert_unknown(feed, AREA);
	feed__call(feed, MT_KIND_MREMAP, OTHER, ARGS(AREA, 6 * PAGE, 12 * PAGE, MREMAP_MAYMOVE),
		   (int64_t)(AREA + 0x100000), FLT(0, 0));
	assert_freed(feed, AREA, 6 * PAGE, OTHER);
	/* This one leaves a mapping. */
	feed__call(feed, MT_KIND_MREMAP, PID,
		   ARGS(AREA + 0x100000, 12 * PAGE, 12 * PAGE, MREMAP_MAYMOVE | 4),
		   (int64_t)(AREA + 0x200000), FLT(0, 0));
	assert_unknown(feed, AREA + 0x100000);
}

/* The oldest goes first. */
static void test_bounds(void **state)
{
	struct feed *feed = *state;
	struct process *proc = feed__proc(feed);

	for (unsigned int i = 0; i < MAX_UNMAPPED + 10; i++) {
		feed__mmap(feed, AREA + i * PAGE, PAGE, RW, ANON, FLT(0, 0));
		unmap(feed, PID, AREA + i * PAGE, PAGE);
	}
	assert_int_equal(proc->unmapped.nr, MAX_UNMAPPED);
	assert_unknown(feed, AREA);
	assert_unknown(feed, AREA + 9 * PAGE);
	assert_freed(feed, AREA + 10 * PAGE, PAGE, PID);
	assert_freed(feed, AREA + (MAX_UNMAPPED + 9) * PAGE, PAGE, PID);
	/* Of the same address the last one. */
	feed__mmap(feed, AREA + 500 * PAGE, 3 * PAGE, RW, ANON, FLT(0, 0));
	unmap(feed, OTHER, AREA + 500 * PAGE, 3 * PAGE);
	assert_freed(feed, AREA + 500 * PAGE, 3 * PAGE, OTHER);
}

/* Another program, another address space; a child has done nothing yet. */
static void test_exec_and_fork(void **state)
{
	struct feed *feed = *state;

	feed__mmap(feed, AREA, PAGE, RW, ANON, FLT(0, 0));
	unmap(feed, PID, AREA, PAGE);
	feed__fork(feed, PID, PID + 7, PID + 7, 0, FLT(0, 0));
	assert_null(unmapped__find(feed__process_of(feed, PID + 7), AREA));
	assert_freed(feed, AREA, PAGE, PID);
	feed__exec(feed, PID, HEAP, FLT(0, 0));
	assert_unknown(feed, AREA);
	assert_int_equal(feed__proc(feed)->unmapped.nr, 0);
}

static void test_hostile(void **state)
{
	static const uint64_t values[] = {0, 1, PAGE, HEAP, LIB, 1ULL << 63, ~0ULL - PAGE, ~0ULL};
	struct feed *feed = *state;
	uint64_t random = 1;

#define ANY (values[random__below(&random, sizeof(values) / sizeof(values[0]))])
	for (int i = 0; i < 3000; i++) {
		feed__call(feed, MT_KIND_MUNMAP, PID, ARGS(ANY, ANY), 0, FLT(0, 0));
		feed__call(feed, MT_KIND_MREMAP, PID, ARGS(ANY, ANY, ANY, i % 8), (int64_t)ANY,
			   FLT(0, 0));
		feed__call(feed, MT_KIND_BRK, PID, ARGS(ANY), (int64_t)ANY, FLT(0, 0));
		if (i % 100 == 0)
			feed__map_program(feed);
		(void)unmapped__find(feed__proc(feed), ANY);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, feed__setup, feed__teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_verdict),	  TEST(test_file),	  TEST(test_parts),
		TEST(test_many_at_once),  TEST(test_other_calls), TEST(test_bounds),
		TEST(test_exec_and_fork), TEST(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
