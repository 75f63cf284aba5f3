// SPDX-License-Identifier: GPL-2.0-or-later
/* The cause of a fault from what the page table had, the mapping and how it ended; its latency. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "events.h"
#include "model/name.h"

#define AREA 0x7f1000000000ULL	 /* anonymous, with room for huge pages */
#define SHMEM 0x7f2000000000ULL	 /* likewise of tmpfs */
#define SHARED 0x7f3000000000ULL /* likewise of a file, shared */
#define BELOW_STACK (STACK_START - PAGE)
#define NOWHERE 0x10000000ULL
#define AREA_BYTES (8ULL << 20)

#define READ 0
#define WRITE MT_FAULT_WRITE
#define EXEC MT_FAULT_EXEC
#define PROT MT_FAULT_PROT

static struct feed *program(void **state)
{
	struct feed *feed = *state;

	feed__mmap(feed, AREA, AREA_BYTES, RW, ANON, FLT(0, 0));
	feed__map_file(feed, SHMEM, AREA_BYTES, RW, MAP_SHARED, MT_CALL_SHMEM, "shm");
	feed__map_file(feed, SHARED, AREA_BYTES, RW, MAP_SHARED, 0, "data.db");
	return feed;
}

static void fault_at(struct feed *feed, uint64_t addr, uint64_t flags, enum mt_entry entry,
		     struct mt_flt flt)
{
	feed__fault_of(feed, PID, PID, addr, flags | (uint64_t)entry << MT_FAULT_ENTRY_SHIFT, flt,
		       0);
}

static void counted(struct feed *feed, uint64_t addr, uint16_t flags, uint32_t weight)
{
	struct mt_counted rec = {
		.hdr = record__header(MT_KIND_COUNTED, sizeof(rec), PID, PID),
		.addr = addr,
		.ip = TEXT + 0x123,
		.weight = weight,
	};

	rec.hdr.flags = flags;
	feed__now(feed, &rec);
}

/* A record of the thread with its counters: all faults before it have ended. No more is to come. */
static void settle(struct feed *feed, struct mt_flt flt)
{
	feed__call(feed, MT_KIND_MADVISE, PID, ARGS(AREA, PAGE, MADV_NORMAL), 0, flt);
	assert_int_equal(faults__close_all(feed__proc(feed)), 0);
}

static struct faults *faults_of(struct feed *feed)
{
	return &feed__proc(feed)->faults;
}

/* All faults are of this cause. */
static void assert_cause(struct feed *feed, enum fault_cause cause, uint64_t nr)
{
	const struct faults *faults = faults_of(feed);
	uint64_t sum = 0;

	for (int i = 0; i < NR_CAUSES; i++)
		sum += faults->by_cause[i];
	if (faults->by_cause[cause] != nr || sum != nr || faults->minor + faults->major != nr)
		fail_msg("%s: %lu of %lu", fault_cause__name(cause), faults->by_cause[cause], sum);
}

static const struct {
	uint64_t addr, flags;
	enum mt_entry entry;
	bool major;
	enum fault_cause cause;
} cases[] = {
	{AREA, WRITE, MT_ENTRY_NONE, false, CAUSE_ANON_ZERO},
	{AREA, READ, MT_ENTRY_NONE, false, CAUSE_ANON_ZERO},
	{AREA, WRITE, MT_ENTRY_NO_TABLE, false, CAUSE_ANON_MERGED}, /* nobody looked after it */
	{HEAP, WRITE, MT_ENTRY_NO_TABLE, false, CAUSE_ANON_ZERO},   /* no room for a huge page */
	{AREA, READ, MT_ENTRY_SWAP, true, CAUSE_SWAP_IN},
	{AREA, WRITE, MT_ENTRY_SWAP, false, CAUSE_SWAP_IN}, /* still in the swap cache */
	{SHMEM, READ, MT_ENTRY_SWAP, false, CAUSE_SWAP_IN},
	{AREA, READ, MT_ENTRY_MIGRATION, false, CAUSE_MIGRATION},
	{AREA, READ, MT_ENTRY_PROTNONE, false, CAUSE_NUMA_HINT},
	{AREA, WRITE | PROT, MT_ENTRY_PRESENT, false, CAUSE_COW},
	{DATA, WRITE | PROT, MT_ENTRY_PRESENT, false, CAUSE_COW},
	{AREA, READ | PROT, MT_ENTRY_PRESENT, false, CAUSE_PROTECTION},
	{SHARED, WRITE | PROT, MT_ENTRY_PRESENT, false, CAUSE_WRITE_NOTIFY},
	{SHMEM, WRITE | PROT, MT_ENTRY_PRESENT, false, CAUSE_WRITE_NOTIFY},
	{AREA, WRITE, MT_ENTRY_ALLOWED, false, CAUSE_RACED},
	{TEXT, EXEC, MT_ENTRY_NONE, false, CAUSE_FILE_MINOR},
	{TEXT, EXEC, MT_ENTRY_NONE, true, CAUSE_FILE_MAJOR},
	{DATA, READ, MT_ENTRY_NONE, false, CAUSE_FILE_MINOR},
	{DATA, WRITE, MT_ENTRY_NONE, false, CAUSE_COW}, /* a copy of the page at once */
	{DATA, WRITE, MT_ENTRY_NONE, true, CAUSE_FILE_MAJOR},
	{SHARED, WRITE, MT_ENTRY_NONE, false, CAUSE_FILE_MINOR},
	{SHARED, READ, MT_ENTRY_NONE, true, CAUSE_FILE_MAJOR},
	{SHARED, READ, MT_ENTRY_NO_TABLE, false, CAUSE_FILE_MERGED},
	{SHMEM, WRITE, MT_ENTRY_NONE, false, CAUSE_SHMEM},
	{SHMEM, READ, MT_ENTRY_NONE, true, CAUSE_SWAP_IN},
	{SHMEM, WRITE, MT_ENTRY_NO_TABLE, false, CAUSE_SHMEM_MERGED},
	{BELOW_STACK, WRITE, MT_ENTRY_NONE, false, CAUSE_STACK_GROWTH},
	{BELOW_STACK, WRITE, MT_ENTRY_UNKNOWN, false, CAUSE_STACK_GROWTH},
	{STACK_START, WRITE, MT_ENTRY_NONE, false, CAUSE_ANON_ZERO}, /* it has grown before */
	{NOWHERE, WRITE, MT_ENTRY_NONE, false, CAUSE_UNKNOWN},

	/* Without page tables. */
	{AREA, WRITE, MT_ENTRY_UNKNOWN, false, CAUSE_ANON_MERGED},
	{AREA, READ, MT_ENTRY_UNKNOWN, true, CAUSE_SWAP_IN},
	{AREA, WRITE | PROT, MT_ENTRY_UNKNOWN, false, CAUSE_COW},
	{SHARED, WRITE | PROT, MT_ENTRY_UNKNOWN, false, CAUSE_WRITE_NOTIFY},
	{AREA, READ | PROT, MT_ENTRY_UNKNOWN, false, CAUSE_PROTECTION},
	{TEXT, EXEC, MT_ENTRY_UNKNOWN, false, CAUSE_FILE_MERGED},
	{DATA, READ, MT_ENTRY_UNKNOWN, true, CAUSE_FILE_MERGED}, /* its file, or swap */
	{SHARED, READ, MT_ENTRY_UNKNOWN, true, CAUSE_FILE_MAJOR},
	{SHMEM, READ, MT_ENTRY_UNKNOWN, false, CAUSE_SHMEM_MERGED},
	{SHMEM, READ, MT_ENTRY_UNKNOWN, true, CAUSE_SWAP_IN},
	{NOWHERE, READ, MT_ENTRY_UNKNOWN, false, CAUSE_UNKNOWN},
};

static void test_causes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		void *own;
		struct feed *feed;

		feed__setup(&own);
		feed = program(&own);
		fault_at(feed, cases[i].addr, cases[i].flags, cases[i].entry, FLT(0, 0));
		if (cases[i].major)
			counted(feed, cases[i].addr, MT_COUNTED_MAJOR, 1);
		settle(feed, cases[i].major ? FLT(0, 1) : FLT(1, 0));
		assert_cause(feed, cases[i].cause, 1);
		assert_int_equal(faults_of(feed)->major, cases[i].major);
		feed__teardown(&own);
	}
}

/* What the kernel does not count has no cause: taken again after a signal, or a bad access. */
static void test_not_counted(void **state)
{
	struct feed *feed = program(state);
	struct mt_signal bad = {
		.hdr = record__header(MT_KIND_SIGNAL, sizeof(bad), PID, PID),
		.flt = FLT(1, 0),
		.signo = SIGSEGV,
		.code = SEGV_MAPERR,
		.addr = NOWHERE,
		.sp = STACK_START,
	};

	fault_at(feed, AREA, WRITE, MT_ENTRY_NONE, FLT(0, 0));
	fault_at(feed, AREA, WRITE, MT_ENTRY_NONE, FLT(0, 0));
	assert_cause(feed, CAUSE_ANON_ZERO, 1);
	fault_at(feed, NOWHERE, READ, MT_ENTRY_NONE, FLT(1, 0));
	feed__now(feed, &bad);
	assert_cause(feed, CAUSE_ANON_ZERO, 1);
	assert_int_equal(faults_of(feed)->invalid, 1);
	/* Another signal than that of a fault. */
	bad.code = SI_KERNEL;
	feed__now(feed, &bad);
	assert_int_equal(faults_of(feed)->invalid, 1);
}

/* The mapping of a fault may be known later, also when it has turned out to be a major one. */
static void test_known_later(void **state)
{
	struct feed *feed = program(state);

	fault_at(feed, NOWHERE, READ, MT_ENTRY_NONE, FLT(0, 0));
	fault_at(feed, NOWHERE + PAGE, READ, MT_ENTRY_NONE, FLT(1, 0));
	counted(feed, NOWHERE + PAGE, MT_COUNTED_MAJOR, 1);
	settle(feed, FLT(1, 1));
	assert_cause(feed, CAUSE_UNKNOWN, 2);
	feed__map_program(feed);
	feed__mapping(feed, 0, NOWHERE, NOWHERE + 2 * PAGE, PROT_READ, "/usr/lib/late.so");
	fault_at(feed, NOWHERE, READ | PROT, MT_ENTRY_ALLOWED, FLT(1, 1));
	settle(feed, FLT(2, 1));
	assert_int_equal(faults_of(feed)->by_cause[CAUSE_UNKNOWN], 0);
	assert_int_equal(faults_of(feed)->by_cause[CAUSE_FILE_MINOR], 1);
	assert_int_equal(faults_of(feed)->by_cause[CAUSE_FILE_MAJOR], 1);
	assert_int_equal(faults_of(feed)->by_cause[CAUSE_RACED], 1);
}

static const struct histogram *latency_of(struct feed *feed, enum fault_cause cause)
{
	const struct histogram *histogram = faults_of(feed)->latency.by_cause[cause];

	assert_non_null(histogram);
	return histogram;
}

static void test_latency(void **state)
{
	struct feed *feed = program(state);
	const struct histogram *histogram;

	fault_at(feed, AREA, WRITE, MT_ENTRY_NONE, FLT(0, 0));
	feed->now_ns += 500;
	counted(feed, AREA + 123, 0, 17); /* the page counts, and not the byte */
	counted(feed, AREA, 0, 17);	  /* told twice: the first is its end */
	fault_at(feed, AREA + PAGE, WRITE, MT_ENTRY_NONE, FLT(1, 0)); /* not picked */
	fault_at(feed, AREA + 2 * PAGE, WRITE, MT_ENTRY_NONE, FLT(2, 0));
	counted(feed, AREA, 0, 17); /* of another page: without an exception */
	fault_at(feed, TEXT, EXEC, MT_ENTRY_NONE, FLT(3, 0));
	feed->now_ns += 3000000;
	counted(feed, TEXT, MT_COUNTED_MAJOR, 1);
	settle(feed, FLT(3, 1));
	histogram = latency_of(feed, CAUSE_ANON_ZERO);
	assert_int_equal(histogram->samples, 1);
	assert_int_equal(histogram->count, 17);
	assert_int_equal(histogram->sum, 17 * 1500);
	histogram = latency_of(feed, CAUSE_FILE_MAJOR);
	assert_int_equal(histogram->count, 1);
	assert_int_equal(histogram->max, 3001000);
	assert_int_equal(faults_of(feed)->latency.all->count, 18);
}

/* A fault that came to nothing took no time. */
static void test_latency_of_revoked(void **state)
{
	struct feed *feed = program(state);

	fault_at(feed, AREA, WRITE, MT_ENTRY_NONE, FLT(0, 0));
	counted(feed, AREA, 0, 17);
	settle(feed, FLT(0, 0));
	assert_null(faults_of(feed)->latency.by_cause[CAUSE_ANON_ZERO]);
}

/* Of a fault whose mapping is known later, the time goes where the fault does. */
static void test_latency_known_later(void **state)
{
	struct feed *feed = program(state);
	const struct latency *latency = &faults_of(feed)->latency;

	faults_of(feed)->latency.slow_ns = 1;
	for (uint32_t i = 0; i < 4; i++) {
		fault_at(feed, NOWHERE + i * PAGE, READ, MT_ENTRY_NONE, FLT(i, 0));
		counted(feed, NOWHERE + i * PAGE, 0, 17);
	}
	settle(feed, FLT(4, 0)); /* as for a report: all that are open count as they are */
	assert_int_equal(latency->by_cause[CAUSE_UNKNOWN]->samples, 4);
	fault_at(feed, NOWHERE + 4 * PAGE, READ, MT_ENTRY_NONE, FLT(4, 0));
	counted(feed, NOWHERE + 4 * PAGE, 0, 17);
	fault_at(feed, NOWHERE + 5 * PAGE, READ, MT_ENTRY_NONE, FLT(5, 0));
	counted(feed, NOWHERE + 5 * PAGE, 0, 17);
	fault_at(feed, NOWHERE + (1 << 20), READ, MT_ENTRY_NONE, FLT(6, 0));
	counted(feed, NOWHERE + (1 << 20), 0, 17);
	feed__map_program(feed);
	feed__mapping(feed, 0, NOWHERE, NOWHERE + 8 * PAGE, PROT_READ, "/usr/lib/late.so");
	assert_int_equal(latency->by_cause[CAUSE_FILE_MINOR]->samples, 2);
	assert_string_equal(name__text(latency->slow.items[4].name), "/usr/lib/late.so");
	assert_int_equal(latency->slow.items[5].region, REGION_FILE);
	assert_int_equal(latency->slow.items[5].offset, 5 * PAGE);
	assert_int_equal(latency->by_cause[CAUSE_UNKNOWN]->samples, 4);
	/* An exec: nothing more will be known of it. */
	feed__exec(feed, PID, HEAP, FLT(7, 0));
	feed__map_program(feed);
	fault_at(feed, TEXT, EXEC, MT_ENTRY_NONE, FLT(7, 0));
	assert_int_equal(latency->by_cause[CAUSE_UNKNOWN]->samples, 5);
	assert_int_equal(latency->all->samples, 7);
}

static void slow_fault(struct feed *feed, uint64_t addr, uint64_t took_ns, uint32_t weight,
		       struct mt_flt flt)
{
	fault_at(feed, addr, WRITE, MT_ENTRY_NONE, flt);
	feed->now_ns += took_ns - 1000;
	counted(feed, addr, 0, weight);
}

/* What was picked for being slow is listed; the distribution is that of what was picked blindly. */
static void test_slow(void **state)
{
	struct feed *feed = program(state);
	const struct latency *latency = &faults_of(feed)->latency;
	const struct slow_fault *slow;

	faults_of(feed)->latency.slow_ns = 5000;
	slow_fault(feed, AREA, 4999, 17, FLT(0, 0));
	slow_fault(feed, AREA + PAGE, 5000, 17, FLT(1, 0));
	slow_fault(feed, TEXT + PAGE + 8, 90000, 0, FLT(2, 0));
	slow_fault(feed, AREA + 3 * PAGE, 2000, 0, FLT(3, 0)); /* nobody saw its beginning */
	settle(feed, FLT(4, 0));
	assert_int_equal(latency->slow_total, 2);
	assert_int_equal(latency->slow.nr, 2);
	slow = &latency->slow.items[1];
	assert_int_equal(slow->latency_ns, 90000);
	assert_int_equal(slow->cause, CAUSE_COW);
	assert_int_equal(slow->offset, PAGE + 8);
	assert_string_equal(name__text(slow->name), "/usr/bin/worker");
	assert_int_equal(slow->ip, TEXT + 0x123);
	assert_int_equal(slow->ip_offset, 0x123);
	assert_int_equal(latency->by_cause[CAUSE_ANON_ZERO]->samples, 2);
	assert_int_equal(latency->by_cause[CAUSE_ANON_ZERO]->count, 34);
	assert_int_equal(latency->by_cause[CAUSE_COW]->count, 0);
	assert_int_equal(latency->by_cause[CAUSE_COW]->max, 90000);
}

/* Where each slow fault was timed it stands for itself, picked or not; so does a major one. */
static void test_each_slow(void **state)
{
	struct feed *feed = program(state);
	const struct latency *latency = &faults_of(feed)->latency;
	const struct latency_each *each;

	faults_of(feed)->latency.each_ns = 5000; /* nothing is listed */
	slow_fault(feed, AREA, 4999, 17, FLT(0, 0));
	slow_fault(feed, AREA + PAGE, 5000, 17, FLT(1, 0));
	slow_fault(feed, AREA + 2 * PAGE, 7000, 0, FLT(2, 0));
	slow_fault(feed, AREA + 3 * PAGE, 2000, 0, FLT(3, 0));
	fault_at(feed, TEXT, EXEC, MT_ENTRY_NONE, FLT(4, 0));
	counted(feed, TEXT, MT_COUNTED_MAJOR, 1);
	settle(feed, FLT(4, 1));
	each = &latency->each_by_cause[CAUSE_ANON_ZERO];
	assert_int_equal(each->nr, 2);
	assert_int_equal(each->sum_ns, 12000);
	assert_int_equal(latency->each_by_region[REGION_ANON].sum_ns, 12000);
	assert_int_equal(latency->by_cause[CAUSE_ANON_ZERO]->samples, 3);
	assert_int_equal(latency->by_cause[CAUSE_ANON_ZERO]->count, 17 + 2);
	assert_int_equal(latency->by_cause[CAUSE_ANON_ZERO]->sum, 17 * 4999 + 12000);
	assert_int_equal(latency->each_by_cause[CAUSE_FILE_MAJOR].nr, 1);
	assert_int_equal(latency->each_by_cause[CAUSE_FILE_MAJOR].sum_ns, 1000);
	assert_int_equal(latency->slow_total, 0);
}

/* The slowest are kept. */
static void test_many_slow(void **state)
{
	struct feed *feed = program(state);
	const struct latency *latency = &faults_of(feed)->latency;
	uint64_t least = UINT64_MAX;

	faults_of(feed)->latency.slow_ns = 1;
	for (uint32_t i = 0; i < MAX_SLOW_FAULTS + 100; i++)
		slow_fault(feed, AREA + i * PAGE, 2000 + i * 7919 % 1100, 1, FLT(i, 0));
	settle(feed, FLT(MAX_SLOW_FAULTS + 100, 0));
	assert_int_equal(latency->slow_total, MAX_SLOW_FAULTS + 100);
	assert_int_equal(latency->slow.nr, MAX_SLOW_FAULTS);
	for (size_t i = 0; i < latency->slow.nr; i++)
		if (latency->slow.items[i].latency_ns < least)
			least = latency->slow.items[i].latency_ns;
	/* 7919 is a prime: the latencies were 2000 to 3099, each once. */
	assert_int_equal(least, 2100);
}

/* Those of a way that sees each fault from its begin to its end, retries and all. */
static void timed(struct feed *feed, uint64_t addr, uint64_t flags, enum mt_entry entry,
		  struct mt_flt flt, uint64_t latency_outcome)
{
	struct {
		struct mt_faults faults;
		struct mt_timed_fault fault;
	} rec = {
		.faults = {.hdr = record__header(MT_KIND_TIMED_FAULTS, sizeof(rec), PID, PID),
			   .nr = 1},
		.fault = {.fault = {.addr_flags =
					    addr | flags | (uint64_t)entry << MT_FAULT_ENTRY_SHIFT,
				    .flt = flt},
			  .latency_outcome = latency_outcome},
	};

	feed->now_ns += 10000000;
	rec.fault.fault.time_ns = feed->now_ns + 1000;
	feed__now(feed, &rec);
}

static void test_timed(void **state)
{
	struct feed *feed = program(state);
	const struct faults *faults = faults_of(feed);

	timed(feed, AREA, WRITE, MT_ENTRY_NO_TABLE, FLT(0, 0), MT_OUTCOME_TIMED | 700);
	/* MAJOR on an earlier leg: the exception is one, and it was counted as major. */
	timed(feed, TEXT, EXEC, MT_ENTRY_NONE, FLT(1, 0),
	      MT_OUTCOME_TIMED | MT_OUTCOME_MAJOR | 2000000);
	timed(feed, AREA + (2 << 20), WRITE, MT_ENTRY_NO_TABLE, FLT(1, 1),
	      MT_OUTCOME_TIMED | MT_OUTCOME_HUGE_PMD | 100000);
	timed(feed, HEAP, WRITE, MT_ENTRY_NONE, FLT(2, 1), 0); /* nobody saw its beginning */
	settle(feed, FLT(3, 1));
	assert_int_equal(faults->minor, 3);
	assert_int_equal(faults->major, 1);
	assert_int_equal(faults->by_cause[CAUSE_ANON_ZERO], 2);
	assert_int_equal(faults->by_cause[CAUSE_FILE_MAJOR], 1);
	assert_int_equal(faults->by_cause[CAUSE_HUGE], 1);
	assert_int_equal(faults->huge_bytes, 2 << 20);
	assert_int_equal(latency_of(feed, CAUSE_ANON_ZERO)->count, 1);
	assert_int_equal(latency_of(feed, CAUSE_ANON_ZERO)->max, 700);
	assert_int_equal(latency_of(feed, CAUSE_FILE_MAJOR)->max, 2000000);
	assert_int_equal(latency_of(feed, CAUSE_HUGE)->max, 100000);
	assert_int_equal(feed__proc(feed)->check.unexplained, 0);
	assert_int_equal(feed__proc(feed)->check.not_counted, 0);
}

/* 5.10 counts a write to shared memory as major for being retried: was anything read? */
static void test_retries(void **state)
{
	static const struct {
		uint64_t addr, flags, outcome;
		enum fault_cause at_next, at_end;
	} rows[] = {
		{SHMEM, WRITE, MT_OUTCOME_NOT_READ, CAUSE_SHMEM_MERGED, CAUSE_SHMEM},
		{SHMEM, WRITE, 0, CAUSE_SHMEM_MERGED, CAUSE_SWAP_IN},
		{SHMEM, READ, 0, CAUSE_SWAP_IN, CAUSE_SWAP_IN},
		{SHARED, WRITE, MT_OUTCOME_NOT_READ, CAUSE_FILE_MERGED, CAUSE_FILE_MINOR},
		{SHARED, WRITE, 0, CAUSE_FILE_MERGED, CAUSE_FILE_MAJOR},
		/* It waited for what another had begun to read. */
		{SHARED, READ, MT_OUTCOME_NOT_READ, CAUSE_FILE_MAJOR, CAUSE_FILE_MAJOR},
		{DATA, WRITE, MT_OUTCOME_NOT_READ, CAUSE_FILE_MAJOR, CAUSE_FILE_MAJOR},
	};
	uint64_t at_next[NR_CAUSES] = {0}, at_end[NR_CAUSES] = {0};
	struct feed *feed = program(state);
	struct mt_flt flt = FLT(0, 0);

	feed__proc(feed)->retries_are_major = true;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++, flt.maj_flt++) {
		fault_at(feed, rows[i].addr, rows[i].flags, MT_ENTRY_NONE, flt);
		at_next[rows[i].at_next]++;
	}
	settle(feed, flt);
	assert_memory_equal(faults_of(feed)->by_cause, at_next, sizeof(at_next));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++, flt.maj_flt++) {
		timed(feed, rows[i].addr, rows[i].flags, MT_ENTRY_NONE, flt,
		      MT_OUTCOME_MAJOR | rows[i].outcome);
		at_end[rows[i].at_end]++;
	}
	settle(feed, flt);
	for (int i = 0; i < NR_CAUSES; i++)
		assert_int_equal(faults_of(feed)->by_cause[i], at_next[i] + at_end[i]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, feed__setup, feed__teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_causes),
		TEST(test_not_counted),
		TEST(test_known_later),
		TEST(test_latency),
		TEST(test_latency_of_revoked),
		TEST(test_latency_known_later),
		TEST(test_slow),
		TEST(test_each_slow),
		TEST(test_many_slow),
		TEST(test_timed),
		TEST(test_retries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
