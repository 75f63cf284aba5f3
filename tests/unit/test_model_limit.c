// SPDX-License-Identifier: GPL-2.0-or-later
/* Limits, what is held against them, and why calls failed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "events.h"
#include "model/failure.h"
#include "report/build.h"
#include "report/report.h"

#define MIB (1ULL << 20)
#define NONE UINT64_MAX
#define NO_FLT FLT(0, 0)

static void feed__memory(struct feed *feed, uint32_t overcommit)
{
	struct mt_memory rec = {
		.hdr = record__header(MT_KIND_MEMORY, sizeof(rec), 0, 0),
		.max_map_count = 100,
		.overcommit = overcommit,
		.commit_limit_bytes = 1000 * MIB,
		.committed_bytes = 600 * MIB,
		.total_bytes = 2000 * MIB,
		.swap_total_bytes = 100 * MIB,
	};

	feed__now(feed, &rec);
}

struct given {
	uint64_t as, data, memlock; /* soft limits */
	uint64_t total_mib, data_mib, locked_mib;
	uint32_t map_count;
	uint16_t flags;
};

static struct mt_use use_of(const struct given *given)
{
	return (struct mt_use){
		.total_pages = given->total_mib * MIB / PAGE,
		.data_pages = given->data_mib * MIB / PAGE,
		.locked_pages = given->locked_mib * MIB / PAGE,
		.map_count = given->map_count,
	};
}

static void feed__limits(struct feed *feed, const struct given *given)
{
	struct mt_limits rec = {
		.hdr = record__header(MT_KIND_LIMITS, sizeof(rec), PID, PID),
		.use = use_of(given),
	};

	rec.hdr.flags = given->flags;
	memset(rec.soft_bytes, 0xff, sizeof(rec.soft_bytes));
	memset(rec.hard_bytes, 0xff, sizeof(rec.hard_bytes));
	rec.soft_bytes[MT_LIMIT_AS] = given->as;
	rec.soft_bytes[MT_LIMIT_DATA] = given->data;
	rec.soft_bytes[MT_LIMIT_MEMLOCK] = given->memlock;
	rec.soft_bytes[MT_LIMIT_STACK] = STACK_LIMIT;
	feed__now(feed, &rec);
}

static void feed__use_call(struct feed *feed, enum mt_kind kind, const uint64_t arg[6], int64_t ret,
			   const struct given *given)
{
	struct mt_call_use rec = {
		.call = {.hdr = record__header(kind, sizeof(rec), PID, PID), .ret = ret},
		.use = use_of(given),
	};

	memcpy(rec.call.arg, arg, sizeof(rec.call.arg));
	feed__now(feed, &rec);
}

struct refusal {
	enum mt_kind kind;
	uint64_t arg[6];
	int err;
	enum failure_cause cause;
	struct given given;
	uint32_t overcommit;
};

#define MMAP(bytes, prot, flags)                                                                   \
	MT_KIND_MMAP,                                                                              \
	{                                                                                          \
		0, (bytes), (prot), (flags), -1ULL, 0                                              \
	}
#define FREE_GIVEN .as = NONE, .data = NONE, .memlock = NONE, .map_count = 50
#define AS_GIVEN(as_bytes, total)                                                                  \
	{                                                                                          \
		.as = (as_bytes), .data = NONE, .memlock = NONE, .total_mib = (total)              \
	}
#define DATA_GIVEN(bytes, total, used)                                                             \
	{                                                                                          \
		.as = NONE, .data = (bytes), .memlock = NONE, .total_mib = (total),                \
		.data_mib = (used)                                                                 \
	}
#define MAPS_GIVEN(count)                                                                          \
	{                                                                                          \
		.as = NONE, .data = NONE, .memlock = NONE, .map_count = (count)                    \
	}
#define LOCK_GIVEN(bytes)                                                                          \
	{                                                                                          \
		.as = NONE, .data = NONE, .memlock = (bytes)                                       \
	}
#define HUGE_BYTES (1ULL << 46)

/* What the kernel was asked for, in what state it said no, and why. */
static const struct refusal refusals[] = {
	/* 200 MiB there, 56 more are the limit of 256; one page beyond. */
	{MMAP(56 * MIB + 1, RW, ANON), ENOMEM, FAILURE_RLIMIT_AS, AS_GIVEN(256 * MIB, 200), 0},
	{MMAP(56 * MIB, RW, ANON), ENOMEM, FAILURE_UNKNOWN, AS_GIVEN(256 * MIB, 200), 0},
	/* Both would do: the kernel looks at the address space first. */
	{MMAP(57 * MIB, RW, ANON),
	 ENOMEM,
	 FAILURE_RLIMIT_AS,
	 {.as = 256 * MIB, .data = MIB, .memlock = NONE, .total_mib = 200},
	 0},
	{MMAP(2 * MIB, RW, ANON), ENOMEM, FAILURE_RLIMIT_DATA, DATA_GIVEN(10 * MIB, 200, 9), 0},
	/* Read-only and shared memory is no data, nor is a stack. */
	{MMAP(2 * MIB, PROT_READ, ANON), ENOMEM, FAILURE_UNKNOWN, DATA_GIVEN(10 * MIB, 200, 9), 0},
	{MMAP(2 * MIB, RW, ANON | MAP_GROWSDOWN), ENOMEM, FAILURE_UNKNOWN,
	 DATA_GIVEN(10 * MIB, 200, 9), 0},
	{MT_KIND_BRK, {HEAP + 4 * MIB}, 0, FAILURE_RLIMIT_DATA, DATA_GIVEN(4 * MIB, 20, 2), 0},
	{MT_KIND_BRK,
	 {HEAP + 4 * MIB},
	 0,
	 FAILURE_RLIMIT_AS,
	 {.as = 22 * MIB, .data = NONE, .memlock = NONE, .total_mib = 20, .data_mib = 2},
	 0},
	{MT_KIND_BRK, {HEAP - PAGE}, 0, FAILURE_BAD_ARGUMENT, {FREE_GIVEN}, 0},
	/* The library is in the way. */
	{MT_KIND_BRK, {LIB + PAGE}, 0, FAILURE_ADDRESS_TAKEN, {FREE_GIVEN}, 0},
	/* A mapping more is allowed than vm.max_map_count has. */
	{MMAP(PAGE, RW, ANON), ENOMEM, FAILURE_MAX_MAP_COUNT, MAPS_GIVEN(101), 0},
	/* Not when a mapping is split, of which the middle goes. */
	{MT_KIND_MUNMAP, {HEAP + PAGE, PAGE}, ENOMEM, FAILURE_MAX_MAP_COUNT, MAPS_GIVEN(100), 0},
	{MT_KIND_MUNMAP, {HEAP + PAGE, PAGE}, ENOMEM, FAILURE_UNKNOWN, {FREE_GIVEN}, 0},
	{MT_KIND_MPROTECT,
	 {HEAP + PAGE, PAGE, PROT_READ},
	 ENOMEM,
	 FAILURE_MAX_MAP_COUNT,
	 MAPS_GIVEN(100),
	 0},
	{MT_KIND_MADVISE,
	 {HEAP + PAGE, PAGE, MADV_DONTFORK},
	 EAGAIN,
	 FAILURE_MAX_MAP_COUNT,
	 MAPS_GIVEN(100),
	 0},
	/* A move keeps some in reserve. */
	{MT_KIND_MREMAP,
	 {HEAP, PAGE, 2 * PAGE, MREMAP_MAYMOVE},
	 ENOMEM,
	 FAILURE_MAX_MAP_COUNT,
	 MAPS_GIVEN(97),
	 0},
	{MT_KIND_MREMAP, {HEAP, PAGE, 2 * PAGE, 0}, ENOMEM, FAILURE_ADDRESS_TAKEN, {FREE_GIVEN}, 0},
	{MT_KIND_MREMAP,
	 {HEAP, PAGE, 3 * MIB, MREMAP_MAYMOVE},
	 ENOMEM,
	 FAILURE_RLIMIT_DATA,
	 DATA_GIVEN(4 * MIB, 20, 2),
	 0},
	{MT_KIND_MREMAP, {LIB - PAGE, PAGE, PAGE, 0}, EFAULT, FAILURE_NOT_MAPPED, {FREE_GIVEN}, 0},
	/* RLIMIT_MEMLOCK: mlock says ENOMEM, what is to be locked from the start EAGAIN. */
	{MT_KIND_MLOCK, {HEAP, 3 * PAGE}, ENOMEM, FAILURE_RLIMIT_MEMLOCK, LOCK_GIVEN(2 * PAGE), 0},
	/* Where nothing is mapped, no limit is in the way. */
	{MT_KIND_MLOCK,
	 {HEAP + 0x20000, 3 * PAGE},
	 ENOMEM,
	 FAILURE_NOT_MAPPED,
	 LOCK_GIVEN(2 * PAGE),
	 0},
	{MT_KIND_MLOCK, {HEAP, PAGE}, EPERM, FAILURE_RLIMIT_MEMLOCK, LOCK_GIVEN(0), 0},
	{MMAP(2 * MIB, RW, ANON | MAP_LOCKED),
	 EAGAIN,
	 FAILURE_RLIMIT_MEMLOCK,
	 {.as = NONE, .data = NONE, .memlock = 4 * MIB, .locked_mib = 3},
	 0},
	{MT_KIND_MLOCKALL,
	 {MCL_CURRENT},
	 ENOMEM,
	 FAILURE_RLIMIT_MEMLOCK,
	 {.as = NONE, .data = NONE, .memlock = 4 * MIB, .total_mib = 5},
	 0},
	/* By default as much as there is memory and swap; or what is left to commit. */
	{MMAP(2101 * MIB, RW, ANON),
	 ENOMEM,
	 FAILURE_OVERCOMMIT,
	 {FREE_GIVEN},
	 OVERCOMMITS_IF_PLAUSIBLE},
	{MMAP(2100 * MIB, RW, ANON),
	 ENOMEM,
	 FAILURE_UNKNOWN,
	 {FREE_GIVEN},
	 OVERCOMMITS_IF_PLAUSIBLE},
	{MMAP(2101 * MIB, RW, ANON), ENOMEM, FAILURE_UNKNOWN, {FREE_GIVEN}, OVERCOMMITS_ALWAYS},
	{MMAP(2101 * MIB, RW, ANON | MAP_NORESERVE),
	 ENOMEM,
	 FAILURE_UNKNOWN,
	 {FREE_GIVEN},
	 OVERCOMMITS_IF_PLAUSIBLE},
	{MMAP(401 * MIB, RW, ANON | MAP_NORESERVE),
	 ENOMEM,
	 FAILURE_OVERCOMMIT,
	 {FREE_GIVEN},
	 OVERCOMMITS_NEVER},
	{MMAP(300 * MIB, RW, ANON), ENOMEM, FAILURE_UNKNOWN, {FREE_GIVEN}, OVERCOMMITS_NEVER},
	{MT_KIND_MPROTECT,
	 {LIB, PAGE, RW},
	 ENOMEM,
	 FAILURE_UNKNOWN,
	 {FREE_GIVEN},
	 OVERCOMMITS_NEVER},
	/* 128 TiB are all; 127 are not free in one piece. */
	{MMAP(2 * HUGE_BYTES, PROT_NONE, ANON),
	 ENOMEM,
	 FAILURE_ADDRESS_SPACE,
	 {FREE_GIVEN, .total_mib = 1},
	 0},
	{MMAP(2 * HUGE_BYTES - (MIB << 20), PROT_NONE, ANON),
	 ENOMEM,
	 FAILURE_ADDRESS_SPACE,
	 {FREE_GIVEN, .total_mib = 1},
	 0},
	{MMAP(HUGE_BYTES, PROT_NONE, ANON),
	 ENOMEM,
	 FAILURE_UNKNOWN,
	 {FREE_GIVEN, .total_mib = 1},
	 0},
	{MMAP(2 * MIB, RW, ANON | MAP_HUGETLB), ENOMEM, FAILURE_HUGE_PAGES, {FREE_GIVEN}, 0},
	{MT_KIND_MPROTECT, {HEAP, 64 * PAGE, RW}, ENOMEM, FAILURE_NOT_MAPPED, {FREE_GIVEN}, 0},
	{MT_KIND_MADVISE,
	 {LIB - PAGE, PAGE, MADV_DONTNEED},
	 ENOMEM,
	 FAILURE_NOT_MAPPED,
	 {FREE_GIVEN},
	 0},
	{MMAP(0, RW, ANON), EINVAL, FAILURE_BAD_ARGUMENT, {FREE_GIVEN}, 0},
	{MT_KIND_MUNMAP, {1, PAGE}, EINVAL, FAILURE_BAD_ARGUMENT, {FREE_GIVEN}, 0},
	{MT_KIND_MMAP,
	 {0, PAGE, RW, MAP_SHARED, 3, 0},
	 EACCES,
	 FAILURE_PERMISSION,
	 {FREE_GIVEN},
	 0},
	{MT_KIND_MMAP, {0, PAGE, RW, MAP_SHARED, 99, 0}, EBADF, FAILURE_BAD_FILE, {FREE_GIVEN}, 0},
	{MT_KIND_MMAP,
	 {LIB, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1ULL, 0},
	 EEXIST,
	 FAILURE_ADDRESS_TAKEN,
	 {FREE_GIVEN},
	 0},
	{MMAP(PAGE, RW, ANON), EPERM, FAILURE_PERMISSION, {FREE_GIVEN}, 0},
};

static void test_causes(void **state)
{
	const struct failure *failure;

	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct refusal *refusal = &refusals[i];
		int64_t ret =
			refusal->kind == MT_KIND_BRK ? (int64_t)(HEAP + 0x21000) : -refusal->err;
		void *fed;
		struct feed *feed;

		feed__setup(&fed);
		feed = fed;
		feed__memory(feed, refusal->overcommit);
		feed__limits(feed, &refusal->given);
		feed__use_call(feed, refusal->kind, refusal->arg, ret, &refusal->given);
		failure = &feed__proc(feed)->limits.last_failure;
		if (failure->cause != refusal->cause)
			fail_msg("refusal %zu: %s, not %s", i, failure_cause__name(failure->cause),
				 failure_cause__name(refusal->cause));
		assert_true(failure->time_ns == feed->now_ns && failure->tid == PID);
		/* By a limit, it is told which: but for huge pages, of which it is not known. */
		if (failure_cause__is_limit(failure->cause) && failure->cause != FAILURE_HUGE_PAGES)
			assert_true(failure->limit != BYTES_UNKNOWN);
		else
			assert_true(failure->limit == BYTES_UNKNOWN);
		feed__teardown(&fed);
	}
}

/* Without what is known since 1.2, no limit is blamed. */
static void test_old_recordings(void **state)
{
	struct feed *feed = *state;
	const struct limits *limits = &feed__proc(feed)->limits;

	feed__call(feed, MT_KIND_MMAP, PID, ARGS(0, PAGE, RW, ANON, -1ULL, 0), -ENOMEM, NO_FLT);
	assert_int_equal(limits->last_failure.cause, FAILURE_UNKNOWN);
	feed__call(feed, MT_KIND_MUNMAP, PID, ARGS(1, PAGE), -EINVAL, NO_FLT);
	assert_int_equal(limits->last_failure.cause, FAILURE_BAD_ARGUMENT);
	assert_false(limits->known);
	assert_int_equal(limits->failures.nr, 2);
}

static void test_levels(void **state)
{
	struct limit_level level = {};

	(void)state;
	limit_level__note(&level, 10, 100);
	limit_level__note(&level, 5, 100);
	assert_true(level.now == 5 && level.limit == 100 && level.worst == 10);
	/* Half of a smaller limit is closer than a tenth. */
	limit_level__note(&level, 5, 10);
	assert_true(level.worst == 5 && level.worst_limit == 10);
	limit_level__note(&level, 40, NO_LIMIT);
	assert_true(level.worst == 5 && level.limit == NO_LIMIT && level.now == 40);
	level = (struct limit_level){};
	limit_level__note(&level, 7, NO_LIMIT);
	limit_level__note(&level, 3, NO_LIMIT);
	assert_true(level.worst == 7 && level.worst_limit == NO_LIMIT);
	limit_level__note(&level, 1, 1000);
	assert_true(level.worst == 1 && level.worst_limit == 1000);
	limit_level__note(&level, 1, 0);
	assert_true(level.worst == 1 && level.worst_limit == 0);
}

static void test_use(void **state)
{
	struct feed *feed = *state;
	const struct limits *limits = &feed__proc(feed)->limits;
	struct given given = {.as = 100 * MIB, .data = NONE, .memlock = NONE, .map_count = 10};

	feed__memory(feed, 0);
	given.total_mib = 30;
	feed__limits(feed, &given);
	given.total_mib = 70;
	given.map_count = 20;
	feed__use_call(feed, MT_KIND_MMAP, ARGS(0, 40 * MIB, RW, ANON, -1ULL, 0), 0x7f2000000000,
		       &given);
	given.total_mib = 30;
	given.map_count = 10;
	feed__use_call(feed, MT_KIND_MUNMAP, ARGS(0x7f2000000000, 40 * MIB), 0, &given);
	assert_true(limits->held[HELD_AS].now == 30 * MIB);
	assert_true(limits->held[HELD_AS].worst == 70 * MIB);
	assert_true(limits->held[HELD_MAP_COUNT].now == 10);
	assert_true(limits->held[HELD_MAP_COUNT].worst == 20);
	assert_true(limits->held[HELD_MAP_COUNT].limit == 100);
	/* A child has what its parent has now, and has had no more; a program starts anew. */
	feed__fork(feed, PID, PID + 7, PID + 7, 0, NO_FLT);
	assert_true(feed__process_of(feed, PID + 7)->limits.held[HELD_AS].worst == 30 * MIB);
	feed__exec(feed, PID, HEAP, NO_FLT);
	assert_false(limits->held[HELD_AS].known);
	assert_true(limits->known && limits->soft_bytes[MT_LIMIT_AS] == 100 * MIB);
}

static void feed__use_signal(struct feed *feed, uint64_t addr, const struct given *given)
{
	struct mt_signal_more rec = {
		.signal = {.hdr = record__header(MT_KIND_SIGNAL, sizeof(rec), PID, PID),
			   .signo = SIGSEGV,
			   .code = SEGV_MAPERR,
			   .addr = addr,
			   .sp = addr,
			   .stack_limit_bytes = NONE},
		.as_limit_bytes = given->as,
		.use = use_of(given),
	};

	feed__now(feed, &rec);
}

/* Stacks grow without a call. */
static void test_growth(void **state)
{
	struct feed *feed = *state;
	const struct limits *limits = &feed__proc(feed)->limits;
	struct given given = {.as = 100 * MIB, .data = NONE, .memlock = NONE, .map_count = 10};

	given.total_mib = 30;
	feed__limits(feed, &given);
	feed__fault(feed, PID, STACK_START - MIB, NO_FLT);
	assert_true(limits__as_level(limits).worst == 31 * MIB);
	feed__fault(feed, PID, STACK_START - 2 * MIB, FLT(1, 0));
	assert_true(limits__as_level(limits).now == 32 * MIB);
	/* It was not counted: the stack has not grown by it. */
	feed__fault(feed, PID, STACK_START - 2 * MIB - PAGE, FLT(2, 0));
	feed__fault(feed, PID, STACK_START - MIB, FLT(2, 0));
	assert_true(limits__as_level(limits).worst == 32 * MIB);
	/* A call has the growth in what it says; what was there before it, was there. */
	given.total_mib = 12;
	feed__use_call(feed, MT_KIND_MUNMAP, ARGS(0x7f2000000000, 20 * MIB), 0, &given);
	assert_true(limits__as_level(limits).worst == 32 * MIB);
	assert_true(limits__as_level(limits).now == 12 * MIB);
	feed__fork(feed, PID, PID + 7, PID + 7, 0, NO_FLT);
	feed__fault(feed, PID, STACK_START - 5 * MIB, FLT(3, 0));
	assert_true(limits__as_level(limits).now == 15 * MIB);
	assert_true(limits__as_level(&feed__process_of(feed, PID + 7)->limits).now == 12 * MIB);
	/* At a bad access it is told. */
	given.total_mib = 99;
	feed__use_signal(feed, STACK_START - 40 * MIB, &given);
	assert_true(limits__as_level(limits).worst == 99 * MIB);
	feed__exec(feed, PID, HEAP, NO_FLT);
	assert_false(limits__as_level(limits).known);
	/* Of a limit that nobody has told, nothing is known by growth. */
	feed__map_program(feed);
	feed__fault(feed, PID, STACK_START - MIB, FLT(4, 0));
	assert_false(limits__as_level(limits).known);
}

static const struct report_limit *memlock_row(struct report *report)
{
	const struct report_process *row = &report->processes[0];

	for (size_t i = 0; i < row->limits.nr; i++)
		if (!strcmp(row->limits.table[i].name, "RLIMIT_MEMLOCK"))
			return &row->limits.table[i];
	fail();
	return NULL;
}

static void assert_memlock(struct feed *feed, double percent, bool near, bool holds)
{
	struct report *report;

	assert_int_equal(report__build(feed->model, "1", 0, &report), 0);
	assert_true(memlock_row(report)->percent == percent);
	assert_int_equal(memlock_row(report)->near, near);
	assert_int_equal(memlock_row(report)->holds, holds);
	report__free(report);
}

/* CAP_IPC_LOCK: as it was read, as a call failed, as more was locked than the limit allows. */
static void test_capability(void **state)
{
	struct feed *feed = *state;
	struct given given = {.as = NONE, .data = NONE, .memlock = 4 * MIB, .total_mib = 30};

	given.flags = MT_LIMITS_READ | MT_LIMITS_IPC_LOCK;
	feed__limits(feed, &given);
	assert_memlock(feed, 0, false, false);
	given.locked_mib = 4;
	feed__use_call(feed, MT_KIND_MLOCK, ARGS(HEAP, 4 * MIB), 0, &given);
	assert_memlock(feed, -1, false, false);
	feed__use_call(feed, MT_KIND_MLOCK, ARGS(HEAP, PAGE), -ENOMEM, &given);
	assert_memlock(feed, 100, true, true);
	/* In a user namespace a process may have it, and yet not for this. */
	feed__limits(feed, &given);
	assert_memlock(feed, 100, true, true);
	/* The next program: it is not known, until it locks more than it may. */
	feed__exec(feed, PID, HEAP, NO_FLT);
	given.flags = 0;
	given.locked_mib = 0;
	feed__limits(feed, &given);
	given.locked_mib = 4;
	feed__use_call(feed, MT_KIND_MLOCK, ARGS(HEAP, 4 * MIB), 0, &given);
	assert_memlock(feed, 100, false, true);
	/* A lower limit than what is locked proves nothing. */
	given.memlock = 2 * MIB;
	feed__limits(feed, &given);
	assert_memlock(feed, 200, false, true);
	given.locked_mib = 5;
	feed__use_call(feed, MT_KIND_MLOCK, ARGS(HEAP, 5 * MIB), 0, &given);
	assert_memlock(feed, -1, false, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_causes),
		cmocka_unit_test_setup_teardown(test_old_recordings, feed__setup, feed__teardown),
		cmocka_unit_test(test_levels),
		cmocka_unit_test_setup_teardown(test_use, feed__setup, feed__teardown),
		cmocka_unit_test_setup_teardown(test_growth, feed__setup, feed__teardown),
		cmocka_unit_test_setup_teardown(test_capability, feed__setup, feed__teardown),
	};

	return cmocka_run_group_tests_name("model_limit", tests, NULL, NULL);
}
