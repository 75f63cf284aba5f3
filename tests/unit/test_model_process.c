// SPDX-License-Identifier: GPL-2.0-or-later
/* Lives: fork, exec, exit, ids that come round again, many of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <time.h>

#include "events.h"
#include "report/build.h"
#include "report/report.h"

#define AREA 0x7f1000000000ULL
#define CHILD 5000U
#define SEC 1000000000ULL

static void test_fork_copies(void **state)
{
	struct feed *feed = *state;
	struct process *parent = feed__proc(feed), *child;

	feed__mmap(feed, AREA, 8 * PAGE, RW, ANON, FLT(0, 0));
	feed__fork(feed, PID, CHILD, CHILD, 0, FLT(0, 0));
	child = feed__process_of(feed, CHILD);
	assert_int_equal(child->ppid, PID);
	assert_string_equal(child->comm, "worker");
	assert_string_equal(child->exe, "/usr/bin/worker");
	assert_true(child->start_known && child->start_boottime_ns == 7000000000ULL + CHILD);
	assert_int_equal(heap__bytes(child), heap__bytes(parent));
	assert_int_equal(child->heap.base_bytes, 0x21000 + 8 * PAGE);
	assert_int_equal(child->faults.minor, 0);
	assert_int_equal(child->stack.limit_bytes, STACK_LIMIT);
	/* Its counters begin at nothing; each has an address space of its own. */
	feed__fault_of(feed, CHILD, CHILD, AREA, MT_FAULT_WRITE, FLT(0, 0), 0);
	feed__fault_of(feed, CHILD, CHILD, AREA + PAGE, MT_FAULT_WRITE, FLT(1, 0), 0);
	feed__call(feed, MT_KIND_MUNMAP, PID, ARGS(AREA, 8 * PAGE), 0, FLT(0, 0));
	assert_int_equal(child->faults.by_region[REGION_ANON], 2);
	assert_int_equal(child->check.kernel_minor, 1);
	assert_int_equal(child->mirror.anon_bytes, 8 * PAGE);
	assert_int_equal(parent->mirror.anon_bytes, 0);
	assert_int_equal(parent->faults.minor, 0);
}

static void test_exec_resets(void **state)
{
	struct feed *feed = *state;
	struct process *proc = feed__proc(feed);

	feed__mmap(feed, AREA, 8 * PAGE, RW, ANON, FLT(0, 0));
	feed__fault(feed, PID, AREA, FLT(0, 0));
	feed__exec(feed, PID, 0x900000, FLT(31, 2));
	assert_string_equal(proc->comm, "fresh");
	assert_string_equal(proc->exe, "/bin/fresh");
	assert_int_equal(heap__bytes(proc), 0);
	assert_int_equal(proc->check.populated, 32);
	assert_int_equal(proc->check.unexplained, 0);
	assert_int_equal(proc->faults.minor, 1); /* what it did before stays */
	feed__map_program(feed);
	feed__fault(feed, PID, TEXT, FLT(31, 2));
	assert_int_equal(proc->faults.by_region[REGION_TEXT], 1);
	assert_ptr_equal(proc, feed__proc(feed));
}

/* The leader has ended; the thread that execs takes its id and keeps its own counters. */
static void test_exec_by_another_thread(void **state)
{
	struct feed *feed = *state;
	struct process *proc = feed__proc(feed);

	feed__fork(feed, PID, PID, PID + 7, 0, FLT(0, 0));
	feed__fault(feed, PID, HEAP, FLT(0, 0));
	for (uint32_t i = 0; i < 5; i++)
		feed__fault(feed, PID + 7, HEAP + i * PAGE, FLT(i, 0));
	feed__exit(feed, PID, PID, false, 0, FLT(1, 0));
	feed__exec(feed, PID + 7, HEAP, FLT(5, 0));
	assert_int_equal(HASH_COUNT(proc->threads), 1);
	assert_int_equal(feed__thread(feed, PID)->minor, 5);
	assert_false(feed__thread(feed, PID)->exited);
	feed__map_program(feed);
	feed__fault(feed, PID, HEAP, FLT(5, 0));
	feed__exit(feed, PID, PID, true, 0, FLT(6, 0));
	assert_int_equal(proc->faults.minor, 7);
	assert_int_equal(proc->faults.folded_minor + feed__thread(feed, PID)->minor, 7);
	assert_int_equal(proc->check.kernel_minor, 7);
	assert_int_equal(proc->check.unexplained + proc->check.not_counted, 0);
	assert_int_equal(proc->nr_threads_seen, 2);
}

#define EXECER (PID + 7)

/* The check's terms, as a report has them: whatever came in, they add up. */
static void assert_check(struct feed *feed, struct report_check want)
{
	struct report_check check;
	struct report *report;

	assert_int_equal(report__build(feed->model, "1", 0, &report), 0);
	assert_int_equal(report->nr_processes, 1);
	check = report->processes[0].check;
	report__free(report);
	assert_int_equal(check.kernel_minor, want.kernel_minor);
	assert_int_equal(check.kernel_major, want.kernel_major);
	assert_int_equal(check.observed, want.observed);
	assert_int_equal(check.populated, want.populated);
	assert_int_equal(check.not_counted, want.not_counted);
	assert_int_equal(check.lost, want.lost);
	assert_int_equal(check.in_flight, want.in_flight);
	assert_int_equal(check.unexplained, want.unexplained);
	assert_int_equal(check.ok, !want.unexplained);
	assert_true((int64_t)(check.kernel_minor + check.kernel_major) ==
		    (int64_t)(check.observed + check.populated + check.lost) -
			    (int64_t)(check.not_counted + check.in_flight) +
			    (int64_t)check.unexplained);
}

/* The leader has ended. The thread that execs has had 5 faults, the last of them still open. */
static void thread_execs(struct feed *feed, bool leader_seen)
{
	uint32_t before = leader_seen ? 100 : 0;

	if (leader_seen)
		for (uint32_t i = 0; i < before; i++)
			feed__fault(feed, PID, HEAP + i % 32 * PAGE, FLT(i, 0));
	feed__fork(feed, PID, PID, EXECER, 0, FLT(before, 0));
	for (uint32_t i = 0; i < 5; i++)
		feed__fault(feed, EXECER, HEAP + i * PAGE, FLT(i, 0));
	feed__exit(feed, PID, PID, false, 0, FLT(before, 0));
}

/* It has the leader's id by now, and its own counters, at 7: the kernel sets up the new stack. */
static void kernel_sets_up(struct feed *feed, uint32_t lost)
{
	for (uint32_t i = 0; i < 2; i++)
		feed__fault_of(feed, PID, PID, STACK_END - 8 - i * PAGE,
			       MT_FAULT_WRITE | MT_FAULT_KERNEL, FLT(7 + i, 0), lost);
}

static void new_program_runs(struct feed *feed, struct mt_flt flt)
{
	feed__map_program(feed);
	feed__fault(feed, PID, HEAP, flt);
	flt.min_flt++;
	feed__exit(feed, PID, PID, true, 0, flt);
}

static void test_exec_faults_under_the_leaders_id(void **state)
{
	struct feed *feed = *state;
	struct process *proc = feed__proc(feed);

	thread_execs(feed, true);
	kernel_sets_up(feed, 0);
	assert_int_equal(feed__thread(feed, PID)->minor, 2);
	/* The second was major; three more came without an exception, as two did before. */
	feed__major(feed, PID, STACK_END - 8 - PAGE);
	feed__exec(feed, EXECER, HEAP, FLT(11, 1));
	assert_int_equal(HASH_COUNT(proc->threads), 1);
	assert_false(feed__thread(feed, PID)->exited || feed__thread(feed, PID)->reborn);
	assert_int_equal(proc->nr_threads_seen, 2);
	new_program_runs(feed, FLT(11, 1));
	assert_int_equal(proc->faults.minor, 107);
	assert_int_equal(proc->faults.major, 1);
	assert_int_equal(proc->faults.kernel, 2);
	assert_int_equal(proc->faults.folded_minor + feed__thread(feed, PID)->minor, 107);
	assert_int_equal(proc->faults.folded_major + feed__thread(feed, PID)->major, 1);
	assert_check(feed, (struct report_check){
				   .kernel_minor = 112,
				   .kernel_major = 1,
				   .observed = 108,
				   .populated = 5,
			   });
}

/* The leader clears its tid in user memory after its exit record: that is not the new program. */
static void test_leader_faults_on_its_way_out(void **state)
{
	struct feed *feed = *state;
	struct process *proc = feed__proc(feed);

	thread_execs(feed, true);
	feed__fault_of(feed, PID, PID, HEAP, MT_FAULT_WRITE | MT_FAULT_KERNEL, FLT(100, 0), 0);
	assert_false(feed__thread(feed, PID)->reborn);
	feed__exec(feed, EXECER, HEAP, FLT(5, 0));
	new_program_runs(feed, FLT(5, 0));
	assert_int_equal(proc->check.populated, 0);
	assert_int_equal(proc->check.kernel_minor, 106);
}

/* And the end of that fault, which has no counters, is not that of a new program either. */
static void test_leader_faults_are_counted(void **state)
{
	struct mt_counted rec = {
		.hdr = record__header(MT_KIND_COUNTED, sizeof(rec), PID, PID),
		.addr = HEAP,
		.weight = 17,
	};
	struct feed *feed = *state;
	struct process *proc = feed__proc(feed);

	thread_execs(feed, true);
	feed__fault_of(feed, PID, PID, HEAP, MT_FAULT_WRITE | MT_FAULT_KERNEL, FLT(100, 0), 0);
	feed__now(feed, &rec);
	assert_false(feed__thread(feed, PID)->reborn);
	assert_true(feed__thread(feed, PID)->exited);
	assert_int_equal(HASH_COUNT(proc->threads), 2);
}

/* Some of those without an exception were lost, one exception came to nothing, one is open. */
static void test_exec_with_losses(void **state)
{
	struct feed *feed = *state;

	thread_execs(feed, true);
	kernel_sets_up(feed, 2);
	feed__fault_of(feed, PID, PID, STACK_END - 8, MT_FAULT_KERNEL, FLT(8, 0), 2);
	feed__exec(feed, EXECER, HEAP, FLT(9, 0));
	feed__map_program(feed);
	feed__fault(feed, PID, HEAP, FLT(12, 0));
	assert_check(feed, (struct report_check){
				   .kernel_minor = 112,
				   .observed = 109,
				   .populated = 0,
				   .not_counted = 1,
				   .lost = 2,
				   .in_flight = 1,
				   .unexplained = 3,
			   });
}

/* The thread that execs was never heard of. */
static void test_exec_by_an_unseen_thread(void **state)
{
	struct feed *feed = *state;

	feed__exit(feed, PID, PID, false, 0, FLT(0, 0));
	kernel_sets_up(feed, 0);
	feed__exec(feed, EXECER, HEAP, FLT(11, 0));
	new_program_runs(feed, FLT(11, 0));
	assert_int_equal(HASH_COUNT(feed__proc(feed)->threads), 1);
	assert_check(feed, (struct report_check){
				   .kernel_minor = 5,
				   .observed = 3,
				   .populated = 2,
			   });
}

static void test_exec_after_an_idle_leader(void **state)
{
	struct feed *feed = *state;

	thread_execs(feed, false);
	kernel_sets_up(feed, 0);
	feed__exec(feed, EXECER, HEAP, FLT(9, 0));
	new_program_runs(feed, FLT(9, 0));
	assert_check(feed, (struct report_check){
				   .kernel_minor = 10,
				   .observed = 8,
				   .populated = 2,
			   });
}

static void test_tid_comes_round(void **state)
{
	struct feed *feed = *state;
	struct process *proc = feed__proc(feed);

	for (uint32_t round = 0; round < 3; round++) {
		feed__fork(feed, PID, PID, PID + 1, 0, FLT(0, 0));
		for (uint32_t i = 0; i < 10; i++)
			feed__fault(feed, PID + 1, HEAP + i * PAGE, FLT(i, 0));
		feed__exit(feed, PID, PID + 1, false, 0, FLT(10, 0));
	}
	assert_int_equal(proc->faults.minor, 30);
	assert_int_equal(feed__thread(feed, PID + 1)->minor, 10);
	assert_int_equal(proc->faults.folded_minor, 20);
	assert_int_equal(proc->check.kernel_minor, 30);
	assert_int_equal(proc->check.unexplained, 0);
	assert_int_equal(proc->nr_threads_seen, 4);
	/* Two runs of ten pages have ended with their threads, the third is open. */
	assert_int_equal(proc->faults.runs_log2[3], 20);
}

static void test_pid_comes_round(void **state)
{
	struct feed *feed = *state;
	struct process *first = feed__proc(feed), *second, *third;

	feed__fault(feed, PID, HEAP, FLT(0, 0));
	feed__exit(feed, PID, PID, true, 0, FLT(1, 0));
	feed__process(feed, PID, 9000000000ULL, HEAP, STACK_LIMIT);
	second = feed__proc(feed);
	assert_ptr_not_equal(first, second);
	assert_int_equal(second->faults.minor, 0);
	/* Its end was lost: a fork tells. */
	feed__fork(feed, CHILD, PID, PID, 0, FLT(0, 0));
	third = feed__proc(feed);
	assert_ptr_not_equal(second, third);
	assert_true(first->ended && second->ended && !third->ended);
	assert_true(second->end_lost && !first->end_lost);
	assert_int_equal(first->faults.minor, 1);
	assert_int_equal(feed->model->nr_processes, 4);
	/* Described again it is the same one. */
	feed__process(feed, PID, third->start_boottime_ns, HEAP, STACK_LIMIT);
	assert_ptr_equal(feed__proc(feed), third);
}

/* What is gone has ended, though its exit was lost; an exit that is told says more. */
static void test_gone(void **state)
{
	struct feed *feed = *state;
	struct process *proc = feed__proc(feed), *child;

	feed__gone(feed, CHILD);
	assert_int_equal(feed->model->nr_processes, 1);
	feed__fork(feed, PID, CHILD, CHILD, 0, FLT(0, 0));
	child = feed__process_of(feed, CHILD);
	feed__gone(feed, CHILD);
	assert_true(child->ended && child->end_lost && !proc->ended);
	assert_int_equal(child->end_ns, feed->now_ns);
	feed__exit(feed, PID, PID, true, 3 << 8, FLT(0, 0));
	feed__gone(feed, PID);
	assert_true(proc->ended && !proc->end_lost);
	assert_int_equal(proc->end_ns, feed->now_ns - 1000);
	assert_int_equal(proc->exit_code, 3 << 8);
	feed__exit(feed, CHILD, CHILD, true, 4 << 8, FLT(0, 0));
	assert_true(child->ended && !child->end_lost);
	assert_int_equal(child->exit_code, 4 << 8);
	assert_int_equal(feed->model->nr_processes, 2);
}

static void test_exit_and_after(void **state)
{
	struct feed *feed = *state;
	struct process *proc = feed__proc(feed);
	uint64_t end_ns;

	feed__fault(feed, PID, HEAP, FLT(0, 0));
	feed__exit(feed, PID, PID, true, 3 << 8, FLT(1, 0));
	end_ns = feed->now_ns;
	assert_true(proc->ended && proc->end_ns == end_ns);
	assert_int_equal(proc->exit_code, 3 << 8);
	assert_int_equal(proc->heap.peak_rss_bytes, 64 << 20);
	assert_true(feed__thread(feed, PID)->exited);
	for (uint64_t i = 1; i <= 3; i++)
		feed__tick(feed, MT_KIND_TICK, feed->model->session.start_ns + i *SEC);
	assert_int_equal(feed->model->current.nr, 0);
	/* The kernel still clears a thread's tid; a reading comes late. */
	feed__fault_of(feed, PID, PID, HEAP + PAGE, MT_FAULT_KERNEL, FLT(1, 0), 0);
	feed__thread_read(feed, PID, FLT(2, 0), 0, MT_THREAD_FINAL);
	feed__exit(feed, PID, PID, true, 3 << 8, FLT(2, 0));
	assert_ptr_equal(feed__proc(feed), proc);
	assert_int_equal(proc->faults.minor, 2);
	assert_int_equal(proc->check.kernel_minor, 2);
	assert_int_equal(feed->model->nr_processes, 1);
}

/* Threads that ended are listed up to a number, their counts never lost. */
static void test_many_threads(void **state)
{
	struct feed *feed = *state;
	struct process *proc = feed__proc(feed);

	for (uint32_t i = 1; i <= 10000; i++) {
		feed__fork(feed, PID, PID, PID + i, 0, FLT(0, 0));
		feed__fault(feed, PID + i, HEAP, FLT(0, 0));
		feed__exit(feed, PID, PID + i, false, 0, FLT(1, 0));
	}
	assert_int_equal(proc->nr_threads_seen, 10001);
	assert_in_range(HASH_COUNT(proc->threads), 2, 5000);
	assert_int_equal(proc->faults.minor, 10000);
	assert_int_equal(proc->check.kernel_minor, 10000);
	assert_int_equal(proc->faults.folded_minor + HASH_COUNT(proc->threads) - 1, 10000);
}

static void test_child_not_followed(void **state)
{
	struct feed *feed = *state;
	struct report *report;

	for (uint32_t i = 0; i < 3; i++) {
		struct mt_fork rec = {
			.hdr = record__header(MT_KIND_FORK, sizeof(rec), PID, PID),
			.child_tgid = CHILD + i,
			.child_tid = CHILD + i,
			.flt = FLT(0, 0),
		};

		rec.hdr.flags = MT_FORK_NOT_FOLLOWED | (i == 2 ? MT_FORK_SHARED_MM : 0);
		feed__now(feed, &rec);
	}
	assert_int_equal(feed->model->nr_processes, 1);
	assert_int_equal(HASH_COUNT(feed->model->by_pid), 1);
	assert_int_equal(feed->model->current.nr, 1);
	assert_int_equal(feed__proc(feed)->nr_threads_seen, 1);
	assert_int_equal(report__build(feed->model, "1", 0, &report), 0);
	assert_int_equal(report->nr_processes, 1);
	assert_int_equal(report->processes[0].children_not_traced, 3);
	report__free(report);
	/* One that is followed is no such child. */
	feed__fork(feed, PID, CHILD, CHILD, 0, FLT(0, 0));
	assert_int_equal(feed->model->nr_processes, 2);
	assert_int_equal(feed__proc(feed)->nr_not_followed, 3);
	assert_int_equal(feed__process_of(feed, CHILD)->nr_not_followed, 0);
}

static void sample(struct feed *feed, uint64_t rss_bytes)
{
	struct mt_sample rec = {
		.hdr = record__header(MT_KIND_SAMPLE, sizeof(rec), PID, PID),
		.rss_bytes = rss_bytes,
	};

	feed__now(feed, &rec);
}

/* The kernel's mark (64 MiB, see feed__exit()) lags behind: a sample may have seen more. */
static void test_peak_rss(void **state)
{
	static const struct {
		uint64_t samples[3];
		bool told;
		uint64_t peak_bytes;
	} cases[] = {
		{{1 << 20, 2 << 20, 1 << 20}, true, 64 << 20},
		{{1 << 20, 80 << 20, 2 << 20}, true, 80 << 20},
		{{64 << 20, (64 << 20) + PAGE, 0}, true, (64 << 20) + PAGE},
		{{64 << 20, 64 << 20, 64 << 20}, true, 64 << 20},
		{{1 << 20, 80 << 20, 2 << 20}, false, BYTES_UNKNOWN},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mt_exit untold = {
			.hdr = record__header(MT_KIND_EXIT, sizeof(untold), PID, PID),
		};
		const struct heap *heap;
		struct feed feed;

		feed__open(&feed);
		feed__session(&feed, SEC);
		feed__program(&feed);
		heap = &feed__proc(&feed)->heap;
		for (size_t k = 0; k < 3; k++)
			sample(&feed, cases[i].samples[k]);
		assert_int_equal(heap->rss_bytes, cases[i].samples[2]);
		untold.hdr.flags = MT_EXIT_GROUP;
		if (cases[i].told)
			feed__exit(&feed, PID, PID, true, 0, FLT(0, 0));
		else
			feed__now(&feed, &untold);
		assert_true(heap->peak_rss_bytes == cases[i].peak_bytes);
		for (size_t k = 0; k < 3; k++)
			assert_true(heap->peak_rss_bytes >= cases[i].samples[k]);
		feed__close(&feed);
	}
}

static double processor_s(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

static double run_short_lives(uint32_t nr)
{
	struct feed feed;
	double start_s = processor_s();
	uint64_t minor = 0;

	feed__open(&feed);
	feed__session(&feed, SEC);
	feed__program(&feed);
	for (uint32_t i = 0; i < nr; i++) {
		uint32_t pid = 10000 + i;

		feed__fork(&feed, PID, pid, pid, 0, FLT(0, 0));
		feed__fault_of(&feed, pid, pid, HEAP, 0, FLT(0, 0), 0);
		feed__exit(&feed, pid, pid, true, 0, FLT(1, 0));
		if (i % 100 == 99)
			feed__tick(&feed, MT_KIND_TICK, feed.now_ns + SEC);
	}
	for (struct process *proc = feed.model->first; proc; proc = proc->next) {
		minor += proc->faults.minor;
		assert_int_equal(proc->check.unexplained, 0);
	}
	assert_int_equal(minor + feed.model->folded.minor, nr);
	assert_int_equal(feed.model->nr_processes + feed.model->folded.processes, nr + 1);
	assert_in_range(feed.model->current.nr, 1, 201);
	feed__close(&feed);
	return processor_s() - start_s;
}

/* Eight times as many take eight times as long; a quadratic loader would take 64 times. */
static void test_many_short_lives(void **state)
{
	double few_s = run_short_lives(1250), many_s = run_short_lives(10000);

	(void)state;
	assert_true(many_s < 24 * (few_s + 0.005));
	run_short_lives(40000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, feed__setup, feed__teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_fork_copies),
		TEST(test_exec_resets),
		TEST(test_exec_by_another_thread),
		TEST(test_exec_faults_under_the_leaders_id),
		TEST(test_exec_with_losses),
		TEST(test_leader_faults_on_its_way_out),
		TEST(test_leader_faults_are_counted),
		TEST(test_exec_by_an_unseen_thread),
		TEST(test_exec_after_an_idle_leader),
		TEST(test_tid_comes_round),
		TEST(test_pid_comes_round),
		TEST(test_gone),
		TEST(test_exit_and_after),
		TEST(test_many_threads),
		TEST(test_child_not_followed),
		cmocka_unit_test(test_peak_rss),
		cmocka_unit_test(test_many_short_lives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
