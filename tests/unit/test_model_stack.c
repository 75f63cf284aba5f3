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

#include "signals.h"

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
	assert_int_equal(hit->asked_bytes, STACK_LIMIT + PAGE);
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

/* A bad access with all that the kernel says of it since 1.2; no mapping is there. */
static struct mt_signal_more access_at(uint32_t tid, uint64_t addr, uint64_t sp)
{
	struct mt_signal_more rec = signal__at(addr, SEGV_MAPERR, ERROR_WRITE);

	rec.signal.hdr.tid = tid;
	rec.signal.sp = sp;
	rec.signal.stack_vm_bytes = 0x21000;
	signal__set_vma(&rec, 0, 0, 0);
	return rec;
}

/* The hit that it is; NULL: it is none. It has a crash in any case. */
static const struct stack_hit *take(struct feed *feed, struct mt_signal_more rec)
{
	uint64_t before = feed__proc(feed)->stack.hits_total;
	const struct crash *crash = feed__crash(feed, &rec);
	bool is_hit = feed__proc(feed)->stack.hits_total != before;

	assert_int_equal(crash->verdict == VERDICT_STACK_OVERFLOW, is_hit);
	return is_hit ? stack__find_hit(feed__proc(feed), rec.signal.hdr.tid, feed->now_ns) : NULL;
}

static void assert_kind(const struct stack_hit *hit, enum stack_hit_kind kind, uint64_t size_bytes,
			uint64_t limit_bytes)
{
	assert_non_null(hit);
	assert_string_equal(stack_hit_kind__name(hit->kind), stack_hit_kind__name(kind));
	assert_int_equal(hit->size_bytes, size_bytes);
	assert_int_equal(hit->limit_bytes, limit_bytes);
}

/* Another mapping is too near for the kernel: 256 pages, counted from the page that is asked for.
 */
static void test_guard_gap(void **state)
{
	const uint64_t addr = STACK_START - 2 * PAGE + 8, end = (addr & ~(PAGE - 1)) - 255 * PAGE;
	struct feed *feed = *state;
	struct mt_signal_more rec = access_at(PID, addr, addr + 64);
	const struct crash *crash;

	feed__mmap(feed, end - PAGE, PAGE, PROT_READ, ANON, FLT(0, 0));
	assert_kind(take(feed, rec), HIT_GUARD_GAP, 0x21000, STACK_LIMIT);
	crash = crashes__last(feed__proc(feed));
	assert_true(crash->below.end == end && crash->fatal && crash->hit.died);
	assert_int_equal(stack__bytes(feed__proc(feed)), 0x21000);
	/* What cannot be accessed is not in the way: it was something else. */
	feed__call(feed, MT_KIND_MPROTECT, PID, ARGS(end - PAGE, PAGE, PROT_NONE), 0, FLT(0, 0));
	assert_kind(take(feed, rec), HIT_NO_MEMORY, 0x21000, STACK_LIMIT);
	/* A page farther away, neither. */
	feed__mmap(feed, end - 2 * PAGE, PAGE, RW, ANON, FLT(0, 0));
	feed__call(feed, MT_KIND_MUNMAP, PID, ARGS(end - PAGE, PAGE), 0, FLT(0, 0));
	assert_kind(take(feed, rec), HIT_NO_MEMORY, 0x21000, STACK_LIMIT);
	/* Beyond its limit it is the limit that counts. */
	rec.signal.stack_limit_bytes = 0x21000;
	assert_kind(take(feed, rec), HIT_MAIN_LIMIT, 0x21000, 0x21000);
	/* Not by the code that works on the stack. */
	rec = access_at(PID, addr, STACK_END - 8);
	assert_null(take(feed, rec));
	rec = access_at(PID, addr, HEAP + 8);
	assert_null(take(feed, rec));
}

static void test_no_memory(void **state)
{
	const uint64_t addr = STACK_START - 4 * PAGE;
	struct feed *feed = *state;
	struct mt_signal_more rec = access_at(PID, addr, addr);
	const struct stack_hit *hit;

	/* 100 pages mapped, four more wanted. */
	rec.use.total_pages = 100;
	rec.as_limit_bytes = 104 * PAGE;
	hit = take(feed, rec);
	assert_kind(hit, HIT_NO_MEMORY, 0x21000, STACK_LIMIT);
	assert_true(hit->as_limit_bytes == BYTES_UNKNOWN);
	rec.as_limit_bytes = 104 * PAGE - 1;
	hit = take(feed, rec);
	assert_int_equal(hit->as_limit_bytes, 104 * PAGE - 1);
	assert_int_equal(feed__proc(feed)->stack.peak_bytes, 0x21000);
	/* The kernel has found a mapping; or it could not look, for its lock was held. */
	signal__set_vma(&rec, addr, addr + PAGE, PROT_READ);
	assert_null(take(feed, rec));
	rec.signal.hdr.flags = 0;
	rec.signal.vma_end = 0;
	assert_kind(take(feed, rec), HIT_NO_MEMORY, 0x21000, STACK_LIMIT);
	/* Unlimited. */
	rec = access_at(PID, addr, addr);
	rec.signal.stack_limit_bytes = ~0ULL;
	assert_kind(take(feed, rec), HIT_NO_MEMORY, 0x21000, BYTES_UNKNOWN);
}

static void test_altstack(void **state)
{
	const uint64_t start = 0x7e1000001000ULL, size = 2 * PAGE;
	struct feed *feed = *state;
	struct mt_signal_more rec = access_at(THREAD, start - 8, start + 16);

	feed__mmap(feed, start, size, RW, ANON, FLT(0, 0));
	assert_null(take(feed, rec));
	rec.altstack_start = start;
	rec.altstack_bytes = size;
	assert_kind(take(feed, rec), HIT_ALTSTACK, size, size);
	rec.signal.sp = start - 256;
	rec.signal.addr = rec.signal.sp;
	assert_kind(take(feed, rec), HIT_ALTSTACK, size, size);
	/* A handler's wild access, above its stack, or by another stack. */
	rec.signal.sp = start + 16;
	rec.signal.addr = 8;
	assert_null(take(feed, rec));
	rec.signal.addr = start + size;
	assert_null(take(feed, rec));
	rec.signal.addr = start - 8;
	rec.signal.sp = start + size;
	assert_null(take(feed, rec));
	rec.signal.sp = STACK_START + 64;
	assert_null(take(feed, rec));
	/* The thread's own stack, directly below. */
	feed__mmap(feed, start - PAGE, PAGE, RW, ANON, FLT(0, 0));
	rec.signal.addr = start - PAGE - 8;
	rec.signal.sp = start - PAGE + 8;
	assert_null(take(feed, rec));
}

/* A large frame of a handler, above a guard; nobody else's memory may be where it ends. */
static void test_altstack_large_frame(void **state)
{
	const uint64_t start = 0x7e1000100000ULL, size = 2 * PAGE, far = 72 << 10;
	struct feed *feed = *state;
	struct mt_signal_more rec = access_at(PID, start - far + 64, start - far);

	rec.altstack_start = start;
	rec.altstack_bytes = size;
	feed__mmap(feed, start, size, RW, ANON, FLT(0, 0));
	assert_null(take(feed, rec));
	feed__mmap(feed, start - (1 << 20), 1 << 20, PROT_NONE, ANON, FLT(0, 0));
	rec.signal.code = SEGV_ACCERR;
	assert_kind(take(feed, rec), HIT_ALTSTACK, size, size);
	/* It jumped over a guard of one page; and then into memory. */
	feed__call(feed, MT_KIND_MUNMAP, PID, ARGS(start - (1 << 20), (1 << 20) - PAGE), 0,
		   FLT(0, 0));
	rec.signal.addr = start - 8;
	assert_kind(take(feed, rec), HIT_ALTSTACK, size, size);
	feed__mmap(feed, start - (1 << 20), (1 << 20) - PAGE, RW, ANON, FLT(0, 0));
	assert_null(take(feed, rec));
	/* Part of a larger mapping: what the guard guards is that. */
	feed__call(feed, MT_KIND_MUNMAP, PID, ARGS(start - (1 << 20), (1 << 20) - PAGE), 0,
		   FLT(0, 0));
	rec.altstack_start = start + PAGE;
	rec.altstack_bytes = PAGE;
	assert_true(!take(feed, rec) || crashes__last(feed__proc(feed))->hit.kind != HIT_ALTSTACK);
}

/* What the kernel raises where there is no room for the frame of one more handler. */
static struct mt_signal_more no_frame_at(uint64_t sp)
{
	struct mt_signal_more rec = access_at(THREAD, 0, sp);

	rec.signal.hdr.flags = 0;
	rec.signal.code = SI_KERNEL;
	rec.altstack_start = 0x7e1000001000ULL;
	rec.altstack_bytes = 64 * PAGE;
	return rec;
}

static void test_altstack_no_frame(void **state)
{
	const uint64_t start = 0x7e1000001000ULL, size = 64 * PAGE;
	struct feed *feed = *state;
	struct mt_signal_more rec = no_frame_at(start + 2 * PAGE);
	const struct stack_hit *hit = take(feed, rec);

	assert_kind(hit, HIT_ALTSTACK, size, size);
	assert_true(hit->no_frame && hit->died);
	assert_kind(take(feed, no_frame_at(start - 64)), HIT_ALTSTACK, size, size);
	/* There was room; another stack; general protection. */
	assert_null(take(feed, no_frame_at(start + size - 64)));
	assert_null(take(feed, no_frame_at(start + size)));
	assert_null(take(feed, no_frame_at(STACK_START + 64)));
	rec.trap = MT_TRAP_PROTECTION;
	assert_null(take(feed, rec));
}

/* Of the signal that had a handler, and then of its own: one, that the process dies of. */
static void test_altstack_no_frame_twice(void **state)
{
	struct feed *feed = *state;
	struct crashes *crashes = &feed__proc(feed)->crashes;
	struct mt_signal_more rec = no_frame_at(0x7e1000001000ULL + 2 * PAGE), access = rec;

	rec.signal.hdr.flags = MT_SIGNAL_HANDLED;
	assert_non_null(take(feed, rec));
	assert_int_equal(crashes->fatal, 0);
	rec.signal.hdr.flags = 0;
	feed__now(feed, &rec);
	assert_int_equal(crashes->fatal, 1);
	assert_int_equal(crashes->handled, 0);
	assert_hits(feed, 1);
	/* Handlers that each make a bad access. */
	access.signal.hdr.flags = MT_SIGNAL_HANDLED;
	access.signal.code = SEGV_MAPERR;
	access.signal.addr = 8;
	assert_null(take(feed, access));
	feed__now(feed, &rec);
	assert_int_equal(crashes->fatal, 2);
	assert_hits(feed, 2);
	assert_int_equal(crashes__last(feed__proc(feed))->verdict, VERDICT_STACK_OVERFLOW);
	assert_int_equal(crashes->list.items[1].verdict, VERDICT_STACK_OVERFLOW);
	assert_true(crashes->list.items[1].no_room);
	assert_true(feed__proc(feed)->stack.hits.items[1].time_ns ==
		    crashes->list.items[1].time_ns);
}

/* A frame that is larger than the thread's whole stack: it is known whose that is. */
static void test_over_own_guard(void **state)
{
	const uint64_t sp = THREAD_STACK - PAGE - (192 << 10);
	struct feed *feed = *state;
	struct mt_signal_more rec = access_at(THREAD, sp + 8, sp);

	/* The stack is 256 KiB: this is farther below it than it is large. */
	rec.signal.addr = rec.signal.sp = THREAD_STACK - (300 << 10);
	assert_null(take(feed, rec));
	feed__fork(feed, PID, PID, THREAD, THREAD_STACK + THREAD_SIZE - 64, FLT(0, 0));
	assert_kind(take(feed, rec), HIT_THREAD_GUARD, THREAD_SIZE, THREAD_SIZE);
	rec.signal.addr = THREAD_STACK - 2 * PAGE; /* the frame's other end */
	assert_kind(take(feed, rec), HIT_THREAD_GUARD, THREAD_SIZE, THREAD_SIZE);
	rec.signal.addr = rec.signal.sp - (128 << 10); /* not by this frame */
	assert_null(take(feed, rec));
	rec.signal.addr = rec.signal.sp = THREAD_STACK - (1 << 20) - 8;
	assert_null(take(feed, rec));
	/* Another thread's; and a stack that the thread has been switched to. */
	rec = access_at(PID, THREAD_STACK - (300 << 10), THREAD_STACK - (300 << 10));
	assert_null(take(feed, rec));
	rec.signal.hdr.tid = THREAD;
	feed__mmap(feed, rec.signal.sp & ~(PAGE - 1), PAGE, RW, ANON, FLT(0, 0));
	rec.signal.addr += 2 * PAGE;
	assert_null(take(feed, rec));
}

/* A frame larger than the guard lands below it; a wild sp does not make a hit. */
static void test_over_the_guard(void **state)
{
	const uint64_t below = THREAD_STACK - 3 * PAGE;
	struct feed *feed = *state;

	assert_kind(take(feed, access_at(THREAD, below, below)), HIT_THREAD_GUARD, THREAD_SIZE,
		    THREAD_SIZE);
	assert_kind(take(feed, access_at(THREAD, below, THREAD_STACK + 8)), HIT_THREAD_GUARD,
		    THREAD_SIZE, THREAD_SIZE);
	assert_null(take(feed, access_at(THREAD, THREAD_STACK - THREAD_SIZE - PAGE,
					 THREAD_STACK - THREAD_SIZE - PAGE)));
	assert_null(take(feed, access_at(THREAD, below, STACK_START + 8)));
	assert_null(take(feed, access_at(THREAD, below, 0)));
	assert_null(take(feed, access_at(THREAD, LIB + 0x2000, LIB + 0x2000)));
}

/* HotSpot's zones above the guard: one asked for by another call. */
static void test_zones(void **state)
{
	struct feed *feed = *state;
	struct mt_signal_more rec = access_at(THREAD, THREAD_STACK - 8, THREAD_STACK + 2 * PAGE);

	feed__mmap(feed, THREAD_STACK, 2 * PAGE, PROT_NONE, ANON | MAP_FIXED, FLT(0, 0));
	rec.signal.code = SEGV_ACCERR;
	rec.signal.hdr.flags = MT_SIGNAL_HANDLED;
	assert_kind(take(feed, rec), HIT_THREAD_GUARD, THREAD_SIZE - 2 * PAGE,
		    THREAD_SIZE - 2 * PAGE);
	assert_false(feed__proc(feed)->stack.hits.items[0].died);
	assert_true(feed__proc(feed)->stack.hits.items[0].handled);
	/* A page that is polled, far from any stack, is none. */
	feed__mmap(feed, LIB + 0x10000, PAGE, PROT_NONE, ANON, FLT(0, 0));
	feed__mmap(feed, LIB + 0x11000, PAGE, RW, ANON, FLT(0, 0));
	rec.signal.addr = LIB + 0x10000;
	rec.signal.sp = THREAD_STACK + 8 * PAGE;
	assert_null(take(feed, rec));
}

/* Installed by madvise before memtrace came: the mapping allows it, and the kernel did not. */
static void test_hidden_guard(void **state)
{
	struct feed *feed = *state;
	struct mt_signal_more rec = access_at(THREAD, THREAD_STACK + 8, THREAD_STACK + PAGE + 8);

	signal__set_vma(&rec, THREAD_STACK, THREAD_STACK + THREAD_SIZE, PROT_READ | PROT_WRITE);
	assert_kind(take(feed, rec), HIT_THREAD_GUARD, THREAD_SIZE - PAGE, THREAD_SIZE - PAGE);
	rec.signal.code = SEGV_ACCERR;
	assert_null(take(feed, rec));
	rec.signal.code = SEGV_MAPERR;
	rec.signal.sp = STACK_START + 8;
	assert_null(take(feed, rec));
}

static void test_growsdown(void **state)
{
	const uint64_t end = 0x7e2000000000ULL, start = end - 4 * PAGE;
	struct feed *feed = *state;
	struct mt_signal_more rec;
	const struct stack_hit *hit;

	feed__mmap(feed, start, 4 * PAGE, RW, ANON | MAP_GROWSDOWN, FLT(0, 0));
	feed__fault(feed, THREAD, start - PAGE, FLT(0, 0));
	assert_true(mirror__find(&feed__proc(feed)->mirror, start - PAGE));
	assert_int_equal(feed__proc(feed)->stack.peak_bytes, 0x21000);
	rec = access_at(THREAD, start - 2 * PAGE, start - 2 * PAGE);
	rec.signal.stack_limit_bytes = 5 * PAGE;
	rec.signal.flt = FLT(1, 0); /* the fault has been counted: the stack has grown */
	hit = take(feed, rec);
	assert_kind(hit, HIT_MAIN_LIMIT, 5 * PAGE, 5 * PAGE);
	assert_true(hit->growsdown);
	assert_int_equal(feed__proc(feed)->stack.peak_bytes, 0x21000);
}

/* A fault each microsecond, and what came before the pause does not count. */
static void test_growth_rate(void **state)
{
	struct feed *feed = *state;
	struct mt_signal_more rec = access_at(PID, STACK_END - 0x91000 - 8, STACK_END - 0x91000);
	const struct stack_hit *hit;

	rec.signal.stack_limit_bytes = 0x91000;
	feed__fault(feed, PID, STACK_START + PAGE, FLT(0, 0));
	feed->now_ns += 200000000;
	for (uint64_t page = 1; page <= 112; page++)
		feed__fault(feed, PID, STACK_START - page * PAGE, FLT((uint32_t)page, 0));
	feed__fault(feed, PID, STACK_START, FLT(113, 0)); /* above: it has not grown */
	hit = take(feed, rec);
	assert_kind(hit, HIT_MAIN_LIMIT, 0x21000, 0x91000);
	assert_int_equal(hit->growth_bytes, 113 * PAGE);
	assert_int_equal(hit->growth_ns, 113000);
	/* Long after it there is nothing to tell; nor of another thread. */
	feed->now_ns += 200000000;
	assert_int_equal(take(feed, rec)->growth_ns, 0);
	rec = access_at(THREAD, THREAD_STACK - 8, THREAD_STACK);
	rec.signal.code = SEGV_ACCERR;
	assert_int_equal(take(feed, rec)->growth_ns, 0);
}

static void test_growth_of_thread(void **state)
{
	struct feed *feed = *state;
	struct mt_signal_more rec = access_at(THREAD, THREAD_STACK - 8, THREAD_STACK);
	const struct stack_hit *hit;

	rec.signal.code = SEGV_ACCERR;
	for (uint64_t i = 1; i <= THREAD_SIZE / PAGE; i++)
		feed__fault(feed, THREAD, THREAD_STACK + THREAD_SIZE - i * PAGE,
			    FLT((uint32_t)i, 0));
	/* The guard page's own. */
	feed__fault(feed, THREAD, THREAD_STACK - 8, FLT(THREAD_SIZE / PAGE, 0));
	hit = take(feed, rec);
	assert_int_equal(hit->growth_bytes, THREAD_SIZE);
	assert_int_equal(hit->growth_ns, 1000 * (THREAD_SIZE / PAGE + 1));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_program, close_program)
	const struct CMUnitTest tests[] = {
		TEST(test_growth),
		TEST(test_growth_is_taken_back),
		TEST(test_main_limit),
		TEST(test_thread_guard),
		TEST(test_no_hits),
		TEST(test_hits_are_bounded),
		TEST(test_guard_probed),
		TEST(test_guard_gap),
		TEST(test_no_memory),
		TEST(test_altstack),
		TEST(test_over_the_guard),
		TEST(test_zones),
		TEST(test_hidden_guard),
		TEST(test_growsdown),
		TEST(test_growth_rate),
		TEST(test_growth_of_thread),
		TEST(test_altstack_large_frame),
		TEST(test_altstack_no_frame),
		TEST(test_altstack_no_frame_twice),
		TEST(test_over_own_guard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
