// SPDX-License-Identifier: GPL-2.0-or-later
/* Records with parts of their own sizes: what calls and signals go on with, frames, copied stacks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "events.h"

/* Of the first bytes of a call, in memory of exactly that size: its map_count, or -1. */
static int64_t call__map_count(struct mt_record *whole, size_t size)
{
	struct mt_record *record = malloc(size);
	int64_t map_count;
	struct event ev;

	whole->size_bytes = size;
	memcpy(record, whole, size);
	assert_int_equal(record__check(record, size), 0);
	record__decode(record, 0, &ev);
	map_count = ev.call.use ? (int64_t)ev.call.use->map_count : -1;
	free(record);
	return map_count;
}

/* Since 1.2, behind all else; half of it is none of it. */
static void test_call_use(void **state)
{
	struct mt_call_use call = {.call.hdr = record__header(MT_KIND_BRK, 0, 1, 1),
				   .use = {.map_count = 17}};
	struct mt_mmap_file_use mmap = {.mmap.call.hdr = record__header(MT_KIND_MMAP, 0, 1, 1),
					.mmap.file.name = "libc.so.6",
					.use = {.map_count = 18}};

	(void)state;
	for (size_t size = sizeof(call.call); size < sizeof(call); size++)
		assert_int_equal(call__map_count(&call.call.hdr, size), -1);
	assert_int_equal(call__map_count(&call.call.hdr, sizeof(call)), 17);
	mmap.mmap.call.hdr.flags = MT_CALL_FILE;
	for (size_t size = sizeof(mmap.mmap); size < sizeof(mmap); size++)
		assert_int_equal(call__map_count(&mmap.mmap.call.hdr, size), -1);
	assert_int_equal(call__map_count(&mmap.mmap.call.hdr, sizeof(mmap)), 18);
	/* Only an mmap has a file before it, whatever the flags say. */
	call.call.hdr.flags = MT_CALL_FILE;
	assert_int_equal(call__map_count(&call.call.hdr, sizeof(call)), 17);
}

static void test_signal_more(void **state)
{
	struct mt_signal_more whole = {
		.signal = {.hdr = record__header(MT_KIND_SIGNAL, 0, PID, PID), .addr = 8},
		.trap = MT_TRAP_PAGE_FAULT,
		.file_bytes = ~0ULL,
	};
	struct event ev;

	(void)state;
	for (size_t size = sizeof(whole.signal); size <= sizeof(whole); size++) {
		struct mt_record *record = malloc(size);

		whole.signal.hdr.size_bytes = size;
		memcpy(record, &whole, size);
		assert_int_equal(record__check(record, size), 0);
		record__decode(record, 0, &ev);
		assert_true(ev.signal->addr == 8);
		if (size < sizeof(whole)) {
			assert_null(ev.signal_more);
		} else {
			assert_int_equal(ev.signal_more->trap, MT_TRAP_PAGE_FAULT);
			assert_true(ev.signal_more->file_bytes == ~0ULL);
		}
		free(record);
	}
}

#define FRAMES 3

/* A stack of three frames, of which the last two repeat. */
static struct mt_stack *stack__new(void)
{
	size_t size = sizeof(struct mt_stack) + FRAMES * sizeof(struct mt_frame);
	struct mt_stack *stack = calloc(1, size);
	struct mt_frame *frames = (struct mt_frame *)(stack + 1);

	stack->hdr = record__header(MT_KIND_STACK, size, PID, PID);
	stack->depth_frames = 1 + 2 * 1000;
	stack->nr = FRAMES;
	for (uint32_t i = 0; i < FRAMES; i++) {
		frames[i] = (struct mt_frame){.ip = TEXT + i, .cycle = 1, .repeat = 1};
		strcpy(frames[i].symbol, i ? "odd" : "leaf");
	}
	frames[1].cycle = 2;
	frames[1].repeat = 1000;
	frames[2].cycle = 0;
	return stack;
}

static void test_stack_frames(void **state)
{
	struct mt_stack *stack = stack__new();
	struct event ev;

	(void)state;
	assert_int_equal(record__check(stack, stack->hdr.size_bytes), 0);
	record__decode(&stack->hdr, 0, &ev);
	assert_int_equal(ev.stack->nr, FRAMES);
	assert_true(stack__frames(ev.stack)[2].ip == TEXT + 2);
	assert_string_equal(stack__frames(ev.stack)[1].symbol, "odd");
	/* A byte less does not hold them, whatever the least size is. */
	stack->hdr.size_bytes--;
	assert_int_equal(record__check(stack, stack->hdr.size_bytes), -EBADMSG);
	free(stack);
}

static void test_stack_numbers(void **state)
{
	/* Times the size of a frame the last ones are nothing, or little, in 32 bits. */
	static const uint32_t wrong[] = {FRAMES + 1,  MT_STACK_MAX_FRAMES, MT_STACK_MAX_FRAMES + 1,
					 0x04000000U, 0x80000000U,	   UINT32_MAX};
	struct mt_stack *stack = stack__new();

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		stack->nr = wrong[i];
		assert_int_equal(record__check(stack, stack->hdr.size_bytes), -EBADMSG);
	}
	/* Fewer than there is room for may be of a later version. */
	stack->nr = 1;
	assert_int_equal(record__check(stack, stack->hdr.size_bytes), 0);
	stack->nr = FRAMES;
	stack->left_out_after = FRAMES;
	assert_int_equal(record__check(stack, stack->hdr.size_bytes), 0);
	stack->left_out_after = FRAMES + 1;
	assert_int_equal(record__check(stack, stack->hdr.size_bytes), -EBADMSG);
	free(stack);
}

/* Also the most that there may be, and one more, with room for both. */
static void test_stack_most(void **state)
{
	size_t size = sizeof(struct mt_stack) + (MT_STACK_MAX_FRAMES + 1) * sizeof(struct mt_frame);
	struct mt_stack *stack = calloc(1, size);
	struct mt_frame *frames = (struct mt_frame *)(stack + 1);

	(void)state;
	stack->hdr = record__header(MT_KIND_STACK, size, PID, PID);
	for (uint32_t i = 0; i <= MT_STACK_MAX_FRAMES; i++)
		frames[i].cycle = frames[i].repeat = 1;
	stack->nr = MT_STACK_MAX_FRAMES;
	assert_int_equal(record__check(stack, size), 0);
	stack->nr++;
	assert_int_equal(record__check(stack, size), -EBADMSG);
	free(stack);
}

static void check_frame(size_t offset, size_t size, int byte, int err)
{
	struct mt_stack *stack = stack__new();
	struct mt_frame *frames = (struct mt_frame *)(stack + 1);

	memset((char *)&frames[1] + offset, byte, size);
	assert_int_equal(record__check(stack, stack->hdr.size_bytes), err);
	free(stack);
}

static void test_stack_each_frame(void **state)
{
	struct mt_frame frame;

	(void)state;
	check_frame(offsetof(struct mt_frame, symbol), sizeof(frame.symbol), 'x', -EBADMSG);
	check_frame(offsetof(struct mt_frame, symbol), sizeof(frame.symbol) - 1, 'x', 0);
	check_frame(offsetof(struct mt_frame, file), sizeof(frame.file), 'x', -EBADMSG);
	check_frame(offsetof(struct mt_frame, file), sizeof(frame.file) - 1, 'x', 0);
	/* A recursion that ends behind the last frame, and one that never was. */
	check_frame(offsetof(struct mt_frame, cycle), 1, FRAMES, -EBADMSG);
	check_frame(offsetof(struct mt_frame, cycle), sizeof(frame.cycle), 0xff, -EBADMSG);
	check_frame(offsetof(struct mt_frame, repeat), sizeof(frame.repeat), 0, -EBADMSG);
	check_frame(offsetof(struct mt_frame, repeat), sizeof(frame.repeat), 0xff, 0);
}

static void test_stack_mark(void **state)
{
	static const struct {
		uint64_t start, end, lowest;
		int err;
	} cases[] = {
		{PAGE, 3 * PAGE, 2 * PAGE, 0},
		{PAGE, 3 * PAGE, PAGE, 0},
		{PAGE, 3 * PAGE, 3 * PAGE, 0},
		{0, UINT64_MAX, 0, 0},
		{PAGE, 3 * PAGE, 3 * PAGE + 1, -EBADMSG},
		{PAGE, 3 * PAGE, PAGE - 1, -EBADMSG},
		{PAGE, PAGE, PAGE, -EBADMSG},
		{3 * PAGE, PAGE, 2 * PAGE, -EBADMSG},
	};
	struct mt_stack_mark rec = {.hdr = record__header(MT_KIND_STACK_MARK, sizeof(rec), 1, 1)};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rec.start = cases[i].start;
		rec.end = cases[i].end;
		rec.lowest = cases[i].lowest;
		assert_int_equal(record__check(&rec, sizeof(rec)), cases[i].err);
	}
}

/* What the loader goes by when it reads the map: within it, always. */
static void test_stack_copy(void **state)
{
	static const struct {
		uint32_t slot, nr_chunks;
		uint64_t start;
		int err;
	} cases[] = {
		{0, 1, STACK_END - PAGE, 0},
		{MT_STACK_SMALL_SLOTS, MT_STACK_DEEP_CHUNKS, PAGE, 0},
		{MT_STACK_CHUNKS - 1, 1, PAGE, 0},
		{0, MT_STACK_DEEP_CHUNKS + 1, PAGE, -EBADMSG},
		{MT_STACK_CHUNKS - 1, 2, PAGE, -EBADMSG},
		{MT_STACK_CHUNKS, 0, PAGE, -EBADMSG},
		{UINT32_MAX, 1, PAGE, -EBADMSG},
		{1, UINT32_MAX, PAGE, -EBADMSG},
		{0, 1, PAGE + 8, -EBADMSG},
	};
	struct mt_stack_copy rec = {.hdr = record__header(MT_KIND_STACK_COPY, sizeof(rec), 1, 1)};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rec.slot = cases[i].slot;
		rec.nr_chunks = cases[i].nr_chunks;
		rec.start = cases[i].start;
		assert_int_equal(record__check(&rec, sizeof(rec)), cases[i].err);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_call_use),     cmocka_unit_test(test_signal_more),
		cmocka_unit_test(test_stack_frames), cmocka_unit_test(test_stack_numbers),
		cmocka_unit_test(test_stack_most),   cmocka_unit_test(test_stack_each_frame),
		cmocka_unit_test(test_stack_mark),   cmocka_unit_test(test_stack_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
