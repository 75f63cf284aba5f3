// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a recording may cost. Each bomb here is a few records that go on and on, as a small file can
 * have them: memory stays where it may be, and time is in proportion to the records.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <malloc.h>
#include <signal.h>
#include <time.h>

#include "base/clock.h"
#include "events.h"
#include "report/build.h"
#include "report/report.h"

#define MIB (1ULL << 20)
#define LIMIT_BYTES (8 * MIB)
#define LIMIT_STEPS 10000000ULL
#define MAX_RECORDS 150000U
#define AREA 0x7f1000000000ULL

/* The sanitizers' allocator does not say what it has given away. */
static uint64_t allocated_bytes(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

static void go_on(struct feed *feed, enum mt_kind kind)
{
	struct mt_tick rec = {.hdr = record__header(kind, sizeof(rec), 0, 0)};

	feed__now(feed, &rec);
}

static void map_one(struct feed *feed, uint32_t i)
{
	/* Neighbours that differ are not merged. */
	feed__mmap(feed, AREA + i * PAGE, PAGE, i % 2 ? RW : PROT_READ, ANON, FLT(0, 0));
}

static void snapshot_one(struct feed *feed)
{
	feed__mapping(feed, MT_MAPPING_FIRST | MT_MAPPING_ANON, AREA, AREA + PAGE, RW, "");
}

static void bomb_processes(struct feed *feed, uint32_t i)
{
	feed__fork(feed, PID, PID + 1 + i, PID + 1 + i, 0, FLT(0, 0));
}

static void bomb_one_pid(struct feed *feed, uint32_t i)
{
	feed__process(feed, PID, (uint64_t)i << 40, HEAP, STACK_LIMIT);
}

static void bomb_lives(struct feed *feed, uint32_t i)
{
	uint32_t pid = PID + 1 + i / 3;

	if (i % 3 == 0)
		feed__fork(feed, PID, pid, pid, 0, FLT(0, 0));
	else if (i % 3 == 1)
		feed__fault_of(feed, pid, pid, i * PAGE, 0, FLT(0, 0), 0);
	else
		feed__exit(feed, pid, pid, true, 0, FLT(1, 0));
}

static void bomb_threads(struct feed *feed, uint32_t i)
{
	feed__fault(feed, PID + i, AREA, FLT(0, 0));
}

/* Threads that exit, behind many that do not. */
static void bomb_exits(struct feed *feed, uint32_t i)
{
	if (i < 20000)
		feed__fork(feed, PID, PID, PID + 1 + i, 0, FLT(0, 0));
	else if (i % 2)
		feed__fork(feed, PID, PID, PID + 1 + i, 0, FLT(0, 0));
	else
		feed__exit(feed, PID, PID + i, false, 0, FLT(0, 0));
}

static void bomb_pages(struct feed *feed, uint32_t i)
{
	feed__fault(feed, PID, (uint64_t)i << 21, FLT(0, 0));
}

static void bomb_mappings(struct feed *feed, uint32_t i)
{
	if (i % 2)
		feed__fault(feed, PID, AREA + i / 2 * PAGE, FLT(0, 0));
	else
		map_one(feed, i / 2);
}

static void bomb_names(struct feed *feed, uint32_t i)
{
	char name[MT_PATH_BYTES];

	snprintf(name, sizeof(name), "/%u/%0220u", i, i);
	feed__mapping(feed, 0, AREA + 2 * i * PAGE, AREA + (2 * i + 1) * PAGE, PROT_READ, name);
}

/* Each doubles the mappings. */
static void bomb_duplicates(struct feed *feed, uint32_t i)
{
	uint64_t size = 64 * PAGE << (i - 64) % 32;

	if (i < 64)
		map_one(feed, i);
	else
		feed__call(feed, MT_KIND_MREMAP, PID,
			   ARGS(AREA, size, size, MREMAP_MAYMOVE | MREMAP_DONTUNMAP),
			   (int64_t)(AREA + size), FLT(0, 0));
}

static void bomb_forks(struct feed *feed, uint32_t i)
{
	if (i < 2000)
		map_one(feed, i);
	else
		bomb_processes(feed, i);
}

static void bomb_ticks(struct feed *feed, uint32_t i)
{
	if (i < 50)
		bomb_processes(feed, i);
	else
		go_on(feed, MT_KIND_TICK);
}

static void bomb_protections(struct feed *feed, uint32_t i)
{
	if (i < 20000)
		map_one(feed, i);
	else
		feed__call(feed, MT_KIND_MPROTECT, PID, ARGS(0, 1ULL << 50, i % 4), 0, FLT(0, 0));
}

static void bomb_guards(struct feed *feed, uint32_t i)
{
	if (i < 20000)
		map_one(feed, i);
	else
		feed__call(feed, MT_KIND_MADVISE, PID, ARGS(0, 1ULL << 50, 102 + i % 2), 0,
			   FLT(0, 0));
}

static void bomb_unmappings(struct feed *feed, uint32_t i)
{
	if (i < 20000)
		bomb_pages(feed, i);
	else
		feed__call(feed, MT_KIND_MUNMAP, PID, ARGS(1ULL << 55, 1ULL << 55), 0, FLT(0, 0));
}

/* Faults in the unknown, by many threads, which each snapshot looks up again. */
static void bomb_misses(struct feed *feed, uint32_t i)
{
	if (i < 20000)
		feed__fork(feed, PID, PID, PID + 1 + i, 0, FLT(0, 0));
	else if (i % 65)
		feed__fault(feed, PID + 1 + i % 20000, AREA + i % 65 * PAGE, FLT(0, 0));
	else
		snapshot_one(feed);
}

/* Places of every program. */
static void bomb_execs(struct feed *feed, uint32_t i)
{
	if (i % 3 == 0)
		feed__exec(feed, PID, HEAP, FLT(0, 0));
	else if (i % 3 == 1)
		snapshot_one(feed);
	else
		feed__fault(feed, PID, AREA, FLT(0, 0));
}

static void bomb_places(struct feed *feed, uint32_t i)
{
	if (i % 3 == 0)
		map_one(feed, i);
	else if (i % 3 == 1)
		feed__fault(feed, PID, AREA + (i - 1) * PAGE, FLT(0, 0));
	else
		feed__call(feed, MT_KIND_MUNMAP, PID, ARGS(AREA + (i - 2) * PAGE, PAGE), 0,
			   FLT(0, 0));
}

/* Whose text is below? */
static void bomb_data(struct feed *feed, uint32_t i)
{
	feed__mapping(feed, 0, AREA + 2 * i * PAGE, AREA + (2 * i + 1) * PAGE, RW, "/lib/data");
}

static void bomb_errors(struct feed *feed, uint32_t i)
{
	feed__call(feed, MT_KIND_MMAP + i % 6, PID, ARGS(1, 1), -1 - (int64_t)(i % 4000),
		   FLT(0, 0));
}

static void bomb_probes(struct feed *feed, uint32_t i)
{
	struct mt_probe rec = {.hdr = record__header(MT_KIND_PROBE, sizeof(rec), 0, 0),
			       .weight = i};

	feed__now(feed, &rec);
}

static void bomb_hits(struct feed *feed, uint32_t i)
{
	struct mt_signal rec = {
		.hdr = record__header(MT_KIND_SIGNAL, sizeof(rec), PID, PID + i),
		.signo = SIGSEGV,
		.code = SEGV_MAPERR,
		.addr = STACK_END - STACK_LIMIT - 8,
		.sp = STACK_END - STACK_LIMIT,
		.stack_limit_bytes = STACK_LIMIT,
	};

	feed__now(feed, &rec);
}

static const struct bomb {
	const char *name;
	void (*go_on)(struct feed *feed, uint32_t i);
	bool ends; /* the run, for what it takes */
} bombs[] = {
	{"processes", bomb_processes, true},
	{"one pid", bomb_one_pid, true},
	{"lives", bomb_lives, true},
	{"threads", bomb_threads, true},
	{"exits", bomb_exits, false},
	{"pages", bomb_pages, true},
	{"mappings", bomb_mappings, true},
	{"names", bomb_names, true},
	{"duplicates", bomb_duplicates, true},
	{"forks", bomb_forks, true},
	{"ticks", bomb_ticks, true},
	{"protections", bomb_protections, true},
	{"guards", bomb_guards, true},
	{"unmappings", bomb_unmappings, true},
	{"misses", bomb_misses, false},
	{"execs", bomb_execs, false},
	{"places", bomb_places, false},
	{"data", bomb_data, true},
	{"errors", bomb_errors, false},
	{"probes", bomb_probes, false},
	{"hits", bomb_hits, true},
};

/*
 * A step is a dozen ns, or a few dozen where memory is slow, and what is allocated is faulted in;
 * this is not a benchmark: squares are what it finds, which take a thousand times as long. A
 * sanitizer's allocator walks the stack at each call.
 */
#ifdef __SANITIZE_ADDRESS__
#define SLOWNESS 4
#else
#define SLOWNESS 1
#endif
#define RECORD_NS (5000 * SLOWNESS)
#define STEP_NS (300 * SLOWNESS)
#define BYTE_NS SLOWNESS

/* Where the machine had others to serve, another try may be quicker: none makes squares linear. */
#define TRIES 3

/* Whether the bomb took no more CPU time than its records, steps and bytes may. */
static bool check_bomb(struct feed *feed, const struct bomb *bomb, bool is_last_try)
{
	uint64_t before_bytes = allocated_bytes(), before_ns;
	struct model *model = feed->model;
	uint64_t most_bytes = 0, bytes = 0, taken_ns;
	uint32_t i;

	model->limits.bytes = LIMIT_BYTES;
	model->limits.steps = LIMIT_STEPS;
	before_ns = clock__read_ns(CLOCK_THREAD_CPUTIME_ID);
	for (i = 0; i < MAX_RECORDS && !model->session.ended; i++) {
		bomb->go_on(feed, i);
		if (i % 64 == 0 || model->session.ended)
			bytes = allocated_bytes();
		if (bytes > most_bytes)
			most_bytes = bytes;
	}
	taken_ns = clock__read_ns(CLOCK_THREAD_CPUTIME_ID) - before_ns;
	if (model->session.ended != bomb->ends)
		fail_msg("%s: %u records: %sended", bomb->name, i, bomb->ends ? "not " : "");
	if (bomb->ends)
		assert_int_equal(model->session.ended_by, MT_ENDED_TOO_COSTLY);
	/* One record may double what there is. */
	if (most_bytes > before_bytes + 2 * LIMIT_BYTES)
		fail_msg("%s: %llu MiB", bomb->name,
			 (unsigned long long)(most_bytes - before_bytes) / MIB);
	if (taken_ns <= i * RECORD_NS + model->usage.steps * STEP_NS + model->usage.bytes * BYTE_NS)
		return true;
	if (is_last_try)
		fail_msg("%s: %u records, %llu steps and %llu bytes took %llu ms", bomb->name, i,
			 (unsigned long long)model->usage.steps,
			 (unsigned long long)model->usage.bytes,
			 (unsigned long long)(taken_ns / NSEC_PER_MSEC));
	return false;
}

static void check_report(struct feed *feed, const struct bomb *bomb)
{
	struct report *report;

	assert_int_equal(report__build(feed->model, "0", 0, &report), 0);
	if (bomb->ends)
		assert_string_equal(report->session.ended_by, "too_costly");
	report__free(report);
}

static void test_bombs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bombs) / sizeof(bombs[0]); i++) {
		bool is_in_time = false;

		for (int try = 1; try <= TRIES && !is_in_time; try++) {
			struct feed *feed;

			feed__setup((void **)&feed);
			is_in_time = check_bomb(feed, &bombs[i], try == TRIES);
			check_report(feed, &bombs[i]);
			feed__teardown((void **)&feed);
		}
	}
}

/* What is counted is what is allocated, about: whatever kind of thing it is. */
static void test_usage_is_honest(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bombs) / sizeof(bombs[0]); i++) {
		uint64_t before = allocated_bytes(), bytes;
		struct feed *feed;

		feed__setup((void **)&feed);
		feed->model->limits.bytes = LIMIT_BYTES;
		feed->model->limits.steps = LIMIT_STEPS;
		for (uint32_t n = 0; n < 40000 && !feed->model->session.ended; n++)
			bombs[i].go_on(feed, n);
		bytes = allocated_bytes() - before;
		if (bytes > feed->model->usage.bytes + feed->model->usage.bytes / 8 + MIB)
			fail_msg("%s: %llu bytes are counted, %llu allocated", bombs[i].name,
				 (unsigned long long)feed->model->usage.bytes,
				 (unsigned long long)bytes);
		if (bytes && feed->model->usage.bytes > 3 * bytes + MIB)
			fail_msg("%s: %llu bytes are counted, just %llu allocated", bombs[i].name,
				 (unsigned long long)feed->model->usage.bytes,
				 (unsigned long long)bytes);
		feed__teardown((void **)&feed);
	}
}

/* And what has been given back is not counted any more. */
static void test_usage_goes_back(void **state)
{
	struct feed *feed = *state;
	uint64_t before = 0, vmas = 0;

	feed->model->forgets_ended = true;
	for (uint32_t round = 0; round < 20; round++) {
		for (uint32_t i = 0; i < 100; i++) {
			uint32_t pid = PID + 1 + i;

			feed__fork(feed, PID, pid, pid, 0, FLT(0, 0));
			feed__fork(feed, pid, pid, pid + 1000, 0, FLT(0, 0));
			feed__fault_of(feed, pid, pid, HEAP, 0, FLT(0, 0), 0);
			feed__fault_of(feed, pid, pid, 1ULL << 40, 0, FLT(1, 0), 0);
			feed__exit(feed, pid, pid + 1000, false, 0, FLT(0, 0));
			feed__exit(feed, pid, pid, true, 0, FLT(2, 0));
		}
		feed__tick(feed, MT_KIND_TICK, feed->now_ns + NSEC_PER_SEC);
		feed__tick(feed, MT_KIND_TICK, feed->now_ns + NSEC_PER_SEC);
		if (round == 10) {
			before = feed->model->usage.bytes;
			vmas = feed->model->usage.vmas;
		}
	}
	assert_true(before && before == feed->model->usage.bytes);
	assert_int_equal(feed->model->usage.vmas, vmas);
	assert_int_equal(feed->model->usage.vmas, feed__proc(feed)->mirror.nr);
}

/* A real recording may be small and its processes large: of each byte some more may come. */
static void test_limits_grow(void **state)
{
	struct feed *feed = *state;
	struct model *model = feed->model;
	uint64_t bytes, steps;

	assert_true(model->limits.bytes == UINT64_MAX && model->limits.steps == UINT64_MAX);
	model__allow(model, 0);
	bytes = model->limits.bytes;
	steps = model->limits.steps;
	assert_in_range(bytes, 64 * MIB, 1024 * MIB);
	model__allow(model, MIB);
	assert_in_range(model->limits.bytes - bytes, 16 * MIB, 128 * MIB);
	assert_in_range(model->limits.steps - steps, 10 * MIB, 2000 * MIB);
}

/* The end for what it takes is one as others are: nothing after it is counted. */
static void test_end(void **state)
{
	struct feed *feed = *state;
	const struct process *proc = feed__proc(feed);
	struct report *report;

	feed__fault(feed, PID, HEAP, FLT(0, 0));
	feed__fault(feed, PID, HEAP + PAGE, FLT(1, 0));
	feed->model->limits.bytes = 1;
	feed__fault(feed, PID, HEAP + 2 * PAGE, FLT(2, 0));
	feed__fault(feed, PID, HEAP + 3 * PAGE, FLT(3, 0));
	feed__tick(feed, MT_KIND_END, feed->now_ns + NSEC_PER_SEC);
	assert_int_equal(proc->faults.minor, 3);
	assert_int_equal(report__build(feed->model, "0", 0, &report), 0);
	assert_string_equal(report->session.ended_by, "too_costly");
	assert_int_equal(report->processes[0].faults.total, 3);
	assert_true(report->processes[0].check.ok);
	assert_true(report->session.duration_s < 0.1);
	report__free(report);
}

/* That is not for a recording to say. */
static void test_claimed_end(void **state)
{
	struct feed *feed = *state;
	struct mt_end rec = {.hdr = record__header(MT_KIND_END, sizeof(rec), 0, 0),
			     .ended_by = MT_ENDED_TOO_COSTLY};

	feed__now(feed, &rec);
	assert_int_equal(feed->model->session.ended_by, MT_ENDED_CUT_OFF);
}

/* Times that run backwards, or are as far away as can be. */
static void test_times(void **state)
{
	struct feed *feed = *state;
	struct model *model = feed->model;
	uint64_t start_ns = model->session.start_ns;
	struct report *report;

	/* Half the clock's range is no small difference, in whichever sign. */
	feed__process(feed, 77, 0, HEAP, STACK_LIMIT);
	feed__process(feed, 77, 1ULL << 63, HEAP, STACK_LIMIT);
	assert_int_equal(model->nr_processes, 3);
	feed__tick(feed, MT_KIND_TICK, start_ns + 10 * NSEC_PER_SEC);
	feed__tick(feed, MT_KIND_TICK, start_ns + 2 * NSEC_PER_SEC);
	assert_int_equal(model->session.interval_ns, 0);
	feed__tick(feed, MT_KIND_TICK, start_ns + 11 * NSEC_PER_SEC);
	assert_int_equal(model->session.interval_ns, NSEC_PER_SEC);
	/* A run begins once. */
	feed__session(feed, 1);
	assert_int_equal(model->session.start_ns, start_ns);
	feed__tick(feed, MT_KIND_TICK, UINT64_MAX);
	feed__fault(feed, PID, HEAP, FLT(0, 0));
	feed__tick(feed, MT_KIND_END, 0);
	assert_int_equal(model->session.end_ns, UINT64_MAX);
	assert_int_equal(report__build(model, "0", 0, &report), 0);
	assert_true(report->session.duration_s > 1e10 && report->session.duration_s < 2e10);
	report__free(report);
}

/* Beyond so many mappings in all a child's are not known; who has ended makes room first. */
static void test_forks_of_many_mappings(void **state)
{
	struct feed *feed = *state;
	size_t nr = feed__proc(feed)->mirror.nr;
	struct report *report;
	uint32_t pid = PID;

	feed->model->limits.vmas = 10 * nr;
	while (feed->model->nr_not_kept == 0 && pid < PID + 20) {
		pid++;
		feed__fork(feed, PID, pid, pid, 0, FLT(0, 0));
	}
	assert_int_equal(pid, PID + 10);
	assert_int_equal(feed__process_of(feed, pid - 1)->mirror.nr, nr);
	assert_int_equal(feed__process_of(feed, pid)->mirror.nr, 0);
	feed__fault_of(feed, pid, pid, HEAP, 0, FLT(0, 0), 0);
	assert_int_equal(feed__process_of(feed, pid)->faults.by_region[REGION_OTHER], 1);
	assert_int_equal(report__build(feed->model, "0", 0, &report), 0);
	assert_string_equal(report->loss.by_cause[MT_LOSS_READ].cause, "undecodable");
	assert_int_equal(report->loss.by_cause[MT_LOSS_READ].count, 1);
	assert_int_equal(report->loss.records, 1);
	report__free(report);
	/* The first child's mappings go when they are in the way. */
	feed__exit(feed, PID + 1, PID + 1, true, 0, FLT(0, 0));
	pid++;
	feed__fork(feed, PID, pid, pid, 0, FLT(0, 0));
	assert_int_equal(feed__process_of(feed, pid)->mirror.nr, nr);
	assert_int_equal(feed__process_of(feed, PID + 1)->mirror.nr, 0);
	assert_int_equal(feed->model->nr_not_kept, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, feed__setup, feed__teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bombs),
		cmocka_unit_test(test_usage_is_honest),
		TEST(test_usage_goes_back),
		TEST(test_limits_grow),
		TEST(test_end),
		TEST(test_claimed_end),
		TEST(test_times),
		TEST(test_forks_of_many_mappings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
