// SPDX-License-Identifier: GPL-2.0-or-later
/* The main stack's growth, and which bad accesses are a stack at its limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>

#include "events.h"

#define LIMIT_ADDR (STACK_END - STACK_LIMIT)
#define THREAD (PID + 1)
#define THREAD_STACK 0x7f1000001000ULL
#define THREAD_SIZE (64 * PAGE)

static int open_program(void **state)
{
	struct feed *feed = malloc(sizeof(*feed));

	feed__open(feed);
	feed__session(feed, 1000000000);
	feed__program(feed);
	feed__mmap(feed, THREAD_STACK - PAGE, THREAD_SIZE + PAGE, PROT_NONE, ANON | MAP_STACK,
		   FLT(0, 0));
	feed__call(feed, MT_KIND_MPROTECT, PID, ARGS(THREAD_STACK, THREAD_SIZE, RW), 0, FLT(0, 0));
	*state = feed;
	return 0;
}

static int close_program(void **state)
{
	feed__close(*state);
	free(*state);
	return 0;
}

static void bad_access(struct feed *feed, uint32_t tid, int code, uint64_t addr, uint64_t sp)
{
	struct mt_signal rec = {
		.hdr = record__header(MT_KIND_SIGNAL, sizeof(rec), PID, tid),
		.signo = SIGSEGV,
		.code = code,
		.addr = addr,
		.sp = sp,
		.stack_limit_bytes = STACK_LIMIT,
		.stack_vm_bytes = STACK_LIMIT,
		.comm = "deep",
	};

	feed__fault(feed, tid, addr, FLT(0, 0));
	feed__now(feed, &rec);
}

static void assert_hits(struct feed *feed, uint64_t nr)
{
	assert_int_equal(feed__proc(feed)->stack.hits_total, nr);
	assert_int_equal(feed__proc(feed)->stack.hits.nr, nr);
}

static void test_growth(void **state)
{
	struct feed *feed = *state;
	struct process *proc = feed__proc(feed);

	assert_int_equal(stack__bytes(proc), 0x21000);
	assert_int_equal(proc->stack.peak_bytes, 0x21000);
	feed__fault(feed, PID, STACK_START - 8, FLT(0, 0));
	assert_int_equal(stack__bytes(proc), 0x22000);
	assert_int_equal(proc->faults.by_region[REGION_STACK], 1);
	/* To the last page that the limit allows, and no further. */
	feed__fault(feed, PID, LIMIT_ADDR, FLT(1, 0));
	assert_int_equal(stack__bytes(proc), STACK_LIMIT);
	feed__fault(feed, PID, LIMIT_ADDR - 1, FLT(2, 0));
	assert_int_equal(stack__bytes(proc), STACK_LIMIT);
	assert_int_equal(proc->stack.peak_bytes, STACK_LIMIT);
	assert_int_equal(proc->faults.by_region[REGION_OTHER], 1);
}

/* The kernel has refused, for another reason than the limit: there was no growth. */
static void test_growth_is_taken_back(void **state)
{
	struct feed *feed = *state;
	struct process *proc = feed__proc(feed);

	bad_access(feed, PID, SEGV_MAPERR, STACK_START - 64 * PAGE, STACK_START - 64 * PAGE);
	assert_int_equal(stack__bytes(proc), 0x21000);
	assert_int_equal(proc->stack.peak_bytes, 0x21000);
	assert_int_equal(proc->faults.minor, 0);
	assert_hits(feed, 0);
}

static void test_main_limit(void **state)
{
	struct feed *feed = *state;
	const struct stack_hit *hit;

	bad_access(feed, PID, SEGV_MAPERR, LIMIT_ADDR - 8, LIMIT_ADDR);
	assert_hits(feed, 1);
	hit = &feed__proc(feed)->stack.hits.items[0];
	assert_int_equal(hit->kind, HIT_MAIN_LIMIT);
	assert_int_equal(hit->tid, PID);
	assert_true(hit->addr == LIMIT_ADDR - 8 && hit->sp == LIMIT_ADDR);
	assert_int_equal(hit->size_bytes, STACK_LIMIT);
	assert_int_equal(hit->limit_bytes, STACK_LIMIT);
	assert_true(hit->time_ns == feed->now_ns);
	assert_string_equal(hit->comm, "deep");
	/* A large frame: its first access lies far above sp. */
	bad_access(feed, PID, SEGV_MAPERR, LIMIT_ADDR - 8, LIMIT_ADDR - (1 << 20));
	assert_hits(feed, 2);
}

static void test_thread_guard(void **state)
{
	struct feed *feed = *state;
	const struct stack_hit *hit;

	bad_access(feed, THREAD, SEGV_ACCERR, THREAD_STACK - 8, THREAD_STACK + 16);
	assert_hits(feed, 1);
	hit = &feed__proc(feed)->stack.hits.items[0];
	assert_int_equal(hit->kind, HIT_THREAD_GUARD);
	assert_int_equal(hit->tid, THREAD);
	assert_int_equal(hit->size_bytes, THREAD_SIZE);
	assert_int_equal(hit->limit_bytes, THREAD_SIZE);
	/* A guard of MADV_GUARD_INSTALL lies in the stack's own mapping. */
	feed__call(feed, MT_KIND_MADVISE, PID, ARGS(THREAD_STACK, PAGE, 102), 0, FLT(0, 0));
	bad_access(feed, THREAD, SEGV_ACCERR, THREAD_STACK + 8, THREAD_STACK + PAGE);
	assert_hits(feed, 2);
}

static void test_no_hits(void **state)
{
	struct feed *feed = *state;

	bad_access(feed, PID, SEGV_MAPERR, 0, STACK_START + 0x100);
	bad_access(feed, PID, SEGV_MAPERR, 8, STACK_START + 0x100);
	bad_access(feed, PID, SEGV_MAPERR, UINT32_MAX, STACK_START + 0x100);
	/* A wild address of a thread, just below the main stack's limit. */
	bad_access(feed, THREAD, SEGV_MAPERR, LIMIT_ADDR - 8, THREAD_STACK + 0x1000);
	/* Of the main thread, but far below its sp. */
	bad_access(feed, PID, SEGV_MAPERR, LIMIT_ADDR - 8, STACK_END - 0x100);
	/* Near its sp, in a guard that is nobody's: write to the program's text. */
	bad_access(feed, THREAD, SEGV_ACCERR, TEXT, TEXT + 8);
	/* The guard page, but from far away. */
	bad_access(feed, THREAD, SEGV_ACCERR, THREAD_STACK - 8, STACK_END - 0x100);
	bad_access(feed, PID, SEGV_MAPERR, MT_FAULT_ADDR_MASK, UINT64_MAX);
	bad_access(feed, PID, SEGV_MAPERR, UINT64_MAX >> 8, 0);
	assert_hits(feed, 0);
	assert_int_equal(feed__proc(feed)->stack.peak_bytes, 0x21000);
}

/* A runtime probes its guard far ahead of sp: a hit, if sp is in the stack that is guarded. */
static void test_guard_probed(void **state)
{
	const uint64_t far = 80 << 10, size = 4 << 20, base = 0x7f2000000000ULL;
	const uint64_t small = 0x7f3000000000ULL, small_size = 64 << 10;
	const uint64_t most = 1 << 20;
	struct feed *feed = *state;
	const struct stack_hit *hit;

	feed__mmap(feed, base - most, size + most, PROT_NONE, ANON | MAP_STACK, FLT(0, 0));
	feed__call(feed, MT_KIND_MPROTECT, PID, ARGS(base, size, RW), 0, FLT(0, 0));
	/* A guard, a small stack, and right above it the data of somebody else. */
	feed__mmap(feed, small - PAGE, small_size + PAGE, PROT_NONE, ANON | MAP_STACK, FLT(0, 0));
	feed__call(feed, MT_KIND_MPROTECT, PID, ARGS(small, small_size, RW), 0, FLT(0, 0));
	feed__map_file(feed, small + small_size, size, RW, MAP_SHARED, 0, "data.db");

	bad_access(feed, THREAD, SEGV_ACCERR, base - 8, base - 8 + far);
	assert_hits(feed, 1);
	hit = &feed__proc(feed)->stack.hits.items[0];
	assert_int_equal(hit->kind, HIT_THREAD_GUARD);
	assert_int_equal(hit->size_bytes, size);
	assert_true(hit->addr == base - 8 && hit->sp == base - 8 + far);
	/* Deep in the guard, and as far as counts. */
	bad_access(feed, THREAD, SEGV_ACCERR, base - far, base);
	bad_access(feed, THREAD, SEGV_ACCERR, base - 8, base - 8 + most);
	assert_hits(feed, 3);
	/* Farther than that. */
	bad_access(feed, THREAD, SEGV_ACCERR, base - 8, base - 8 + most + 1);
	bad_access(feed, THREAD, SEGV_ACCERR, base - 8, base - 8 + (2 << 20));
	/* As near as the first, but sp is in another mapping, in none, in the guard itself. */
	bad_access(feed, THREAD, SEGV_ACCERR, small - 8, small - 8 + far);
	bad_access(feed, THREAD, SEGV_ACCERR, base - 8, STACK_END - 0x100);
	bad_access(feed, THREAD, SEGV_ACCERR, base - 8, small + small_size + size + far);
	bad_access(feed, THREAD, SEGV_ACCERR, base - 2 * far, base - far);
	/* Above sp there is nothing to probe. */
	bad_access(feed, THREAD, SEGV_ACCERR, small - 8, small - 8 - far);
	assert_hits(feed, 3);
	/* Of the small stack itself a probe is one. */
	bad_access(feed, THREAD, SEGV_ACCERR, small - PAGE, small + small_size - 8);
	assert_hits(feed, 4);
}

static void test_hits_are_bounded(void **state)
{
	struct feed *feed = *state;

	for (int i = 0; i < MAX_STACK_HITS + 10; i++)
		bad_access(feed, PID, SEGV_MAPERR, LIMIT_ADDR - 8, LIMIT_ADDR);
	assert_int_equal(feed__proc(feed)->stack.hits.nr, MAX_STACK_HITS);
	assert_int_equal(feed__proc(feed)->stack.hits_total, MAX_STACK_HITS + 10);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_program, close_program)
	const struct CMUnitTest tests[] = {
		TEST(test_growth),	 TEST(test_growth_is_taken_back),
		TEST(test_main_limit),	 TEST(test_thread_guard),
		TEST(test_no_hits),	 TEST(test_hits_are_bounded),
		TEST(test_guard_probed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
