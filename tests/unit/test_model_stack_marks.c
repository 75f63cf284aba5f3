// SPDX-License-Identifier: GPL-2.0-or-later
/* How deep threads' stacks were touched, and when that is not known exactly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/vocab.h"
#include "events.h"
#include "model/stack_mark.h"

#define THREAD (PID + 1)
#define STACK 0x7f1000001000ULL
#define SIZE (64 * PAGE)
#define END (STACK + SIZE)

/* A stack that is mapped while the process is traced. */
static void map_stack(struct feed *feed)
{
	feed__mmap(feed, STACK - PAGE, SIZE + PAGE, PROT_NONE, ANON | MAP_STACK, FLT(0, 0));
	feed__call(feed, MT_KIND_MPROTECT, PID, ARGS(STACK, SIZE, RW), 0, FLT(0, 0));
}

/* One that was there before. */
static void find_stack(struct feed *feed)
{
	feed__mapping(feed, MT_MAPPING_ANON, STACK - PAGE, STACK, PROT_NONE, "");
	feed__mapping(feed, MT_MAPPING_ANON, STACK, END, RW, "");
}

static void begin(struct feed *feed, uint32_t tid)
{
	feed__fork(feed, PID, PID, tid, END - 2000, FLT(0, 0));
}

static void touch(struct feed *feed, uint32_t tid, uint64_t pages)
{
	feed__fault(feed, tid, END - pages * PAGE + 100, FLT(0, 0));
}

static void mark(struct feed *feed, uint32_t tid, uint64_t pages, uint16_t flags)
{
	struct mt_stack_mark rec = {
		.hdr = record__header(MT_KIND_STACK_MARK, sizeof(rec), PID, tid),
		.start = STACK,
		.end = END,
		.lowest = END - pages * PAGE,
	};

	rec.hdr.flags = flags;
	feed__now(feed, &rec);
}

static const struct stack_mark *of(struct feed *feed, uint32_t tid)
{
	return &feed__thread(feed, tid)->stack;
}

static void assert_mark(struct feed *feed, uint32_t tid, uint64_t pages, const char *misses)
{
	const struct stack_mark *mark = of(feed, tid);

	assert_true(mark->start == STACK && mark->end == END);
	assert_true(stack_mark__peak_bytes(mark) == pages * PAGE);
	if (!misses)
		assert_null(stack_mark__misses(mark));
	else
		assert_non_null(strstr(stack_mark__misses(mark), misses));
}

static void test_new_thread(void **state)
{
	struct feed *feed = *state;

	map_stack(feed);
	begin(feed, THREAD);
	assert_true(stack_mark__peak_bytes(of(feed, THREAD)) == BYTES_UNKNOWN);
	assert_non_null(stack_mark__misses(of(feed, THREAD)));
	touch(feed, THREAD, 1);
	assert_mark(feed, THREAD, 1, NULL);
	touch(feed, THREAD, 40);
	touch(feed, THREAD, 3);
	assert_mark(feed, THREAD, 40, NULL);
	/* Not its own stack, nor anybody's. */
	feed__fault(feed, THREAD, STACK - 8, FLT(0, 0));
	feed__fault(feed, THREAD, HEAP, FLT(0, 0));
	assert_mark(feed, THREAD, 40, NULL);
	/* The main thread's is another matter. */
	assert_int_equal(of(feed, PID)->end, 0);
}

static void test_found_thread(void **state)
{
	struct feed *feed = *state;

	find_stack(feed);
	feed__thread_read(feed, THREAD, FLT(0, 0), END - 2000, 0);
	touch(feed, THREAD, 5);
	/* An old recording has no more than that. */
	assert_mark(feed, THREAD, 5, "at least");
	mark(feed, THREAD, 30, 0);
	assert_mark(feed, THREAD, 30, NULL);
	touch(feed, THREAD, 31);
	assert_mark(feed, THREAD, 31, NULL);
	mark(feed, THREAD, 31, MT_STACK_MARK_FINAL);
	assert_mark(feed, THREAD, 31, NULL);
}

/* Its stack pointer was never seen, but when tracing ended. */
static void test_last_moment(void **state)
{
	struct feed *feed = *state;

	find_stack(feed);
	feed__thread_read(feed, THREAD, FLT(0, 0), 0, 0);
	touch(feed, THREAD, 5);
	assert_int_equal(of(feed, THREAD)->end, 0);
	mark(feed, THREAD, 9, MT_STACK_MARK_FINAL);
	assert_mark(feed, THREAD, 9, NULL);
	/* Of a process and a thread that nobody knows. */
	mark(feed, 999, 9, 0);
	assert_null(process__find_thread(feed__proc(feed), 999));
}

static void test_labels(void **state)
{
	struct feed *feed = *state;

	find_stack(feed);
	feed__thread_read(feed, THREAD, FLT(0, 0), END - 2000, 0);
	mark(feed, THREAD, 20, MT_STACK_MARK_HUGE);
	assert_mark(feed, THREAD, 20, "huge");
	mark(feed, THREAD, 30, MT_STACK_MARK_LOCKED);
	assert_mark(feed, THREAD, 30, "locked");
	/* A fault is of a page that was touched. */
	touch(feed, THREAD, 32);
	assert_mark(feed, THREAD, 32, NULL);
	mark(feed, THREAD, 32, MT_STACK_MARK_HUGE | MT_STACK_MARK_LOCKED | MT_STACK_MARK_FINAL);
	assert_mark(feed, THREAD, 32, NULL);
}

static void test_reuse(void **state)
{
	struct feed *feed = *state;

	map_stack(feed);
	begin(feed, THREAD);
	touch(feed, THREAD, 40);
	/* As the C library does at a thread's end. */
	feed__call(feed, MT_KIND_MADVISE, THREAD, ARGS(STACK, 54 * PAGE, MADV_DONTNEED), 0,
		   FLT(0, 0));
	/* The next one begins before the end of this one is told. */
	begin(feed, THREAD + 1);
	feed__exit(feed, PID, THREAD, false, 0, FLT(0, 0));
	assert_mark(feed, THREAD, 40, NULL);
	assert_mark(feed, THREAD + 1, 10, "before");
	touch(feed, THREAD + 1, 12);
	assert_mark(feed, THREAD + 1, 12, NULL);
	feed__exit(feed, PID, THREAD + 1, false, 0, FLT(0, 0));
	begin(feed, THREAD + 2);
	assert_mark(feed, THREAD + 2, 12, "before");
	/* Mapped anew. */
	feed__call(feed, MT_KIND_MUNMAP, PID, ARGS(STACK - PAGE, SIZE + PAGE), 0, FLT(0, 0));
	map_stack(feed);
	begin(feed, THREAD + 3);
	touch(feed, THREAD + 3, 1);
	assert_mark(feed, THREAD + 3, 1, NULL);
}

/* Whose stack it was is not known, nor what is there of it. */
static void test_reuse_unknown(void **state)
{
	struct feed *feed = *state;

	find_stack(feed);
	begin(feed, THREAD);
	touch(feed, THREAD, 7);
	assert_mark(feed, THREAD, 7, "at least");
	mark(feed, THREAD, 9, MT_STACK_MARK_FINAL);
	assert_mark(feed, THREAD, 9, "before");
	touch(feed, THREAD, 11);
	assert_mark(feed, THREAD, 11, NULL);
}

static void test_own_guard(void **state)
{
	struct feed *feed = *state;

	map_stack(feed);
	begin(feed, THREAD);
	touch(feed, THREAD, 2);
	feed__call(feed, MT_KIND_MPROTECT, THREAD, ARGS(STACK, 4 * PAGE, PROT_NONE), 0, FLT(0, 0));
	assert_true(of(feed, THREAD)->start == STACK + 4 * PAGE);
	assert_true(stack_mark__peak_bytes(of(feed, THREAD)) == 2 * PAGE);
	/* Not where it stands, nor by a call that failed. */
	feed__call(feed, MT_KIND_MPROTECT, THREAD, ARGS(STACK, SIZE, PROT_NONE), 0, FLT(0, 0));
	feed__call(feed, MT_KIND_MPROTECT, THREAD, ARGS(STACK, 8 * PAGE, PROT_NONE), -12,
		   FLT(0, 0));
	assert_true(of(feed, THREAD)->start == STACK + 4 * PAGE);
}

static void test_fork_and_exec(void **state)
{
	struct mt_fork rec = {
		.hdr = record__header(MT_KIND_FORK, sizeof(rec), PID, THREAD),
		.child_tgid = PID + 10,
		.child_tid = PID + 10,
	};
	struct feed *feed = *state;
	const struct stack_mark *child;

	map_stack(feed);
	begin(feed, THREAD);
	touch(feed, THREAD, 20);
	feed__now(feed, &rec);
	child = &process__find_thread(feed__process_of(feed, PID + 10), PID + 10)->stack;
	assert_true(stack_mark__peak_bytes(child) == 20 * PAGE);
	feed__exec(feed, THREAD, HEAP, FLT(0, 0));
	assert_int_equal(of(feed, PID)->end, 0);
}

/* Of the many that come and go those are kept that came closest. */
static void test_kept(void **state)
{
	struct feed *feed = *state;
	const struct kept_mark *kept;
	uint32_t tid = THREAD, deep = 0;

	map_stack(feed);
	for (unsigned int i = 0; i < 4096 + 200; i++, tid++) {
		begin(feed, tid);
		touch(feed, tid, i == 30 ? 60 : 2);
		feed__call(feed, MT_KIND_MADVISE, tid, ARGS(STACK, SIZE, MADV_DONTNEED), 0,
			   FLT(0, 0));
		feed__exit(feed, PID, tid, false, 0, FLT(0, 0));
	}
	kept = feed__proc(feed)->stack.kept_marks.items;
	assert_int_equal(feed__proc(feed)->stack.kept_marks.nr, MAX_KEPT_MARKS);
	for (size_t i = 0; i < MAX_KEPT_MARKS; i++)
		deep += kept[i].tid == THREAD + 30 &&
			stack_mark__peak_bytes(&kept[i].mark) == 60 * PAGE;
	assert_int_equal(deep, 1);
}

#define test(name) cmocka_unit_test_setup_teardown(name, feed__setup, feed__teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_new_thread), test(test_found_thread),	 test(test_last_moment),
		test(test_labels),     test(test_reuse),	 test(test_reuse_unknown),
		test(test_own_guard),  test(test_fork_and_exec), test(test_kept),
	};

	return cmocka_run_group_tests_name("model_stack_marks", tests, NULL, NULL);
}
