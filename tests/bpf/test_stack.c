/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stack peaks and stack-limit hits; a bad access that is not one. */
#include "live.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define ALL "-n 100000"
#define PAGE ((int64_t)sysconf(_SC_PAGESIZE))

/* One overflow: the workload's plan, what its handler saw (if handled), and the report. */
struct overflow {
	json_t *report, *process, *plan, *seen;
	int code; /* of the workload, as a shell has it */
};

/* The workload's end is memtrace's: it is not interrupted. */
static void trace(struct live *live, const char *words, struct overflow *ret)
{
	bool handled = strstr(words, "--handled");
	struct live_process *workload, *memtrace;
	char path[128], text[512];

	workload = live__start_workload(live, words);
	live__report_path(live, path, sizeof(path));
	snprintf(text, sizeof(text), "-p %d -i 0 -F json -o %s " ALL, workload->pid, path);
	memtrace = live__start_memtrace(live, text);
	live__await_tracing(memtrace);
	live__say(workload, "\n");
	ret->plan = live__read_json(live, workload);
	ret->seen = handled ? live__read_json(live, workload) : NULL;
	ret->code = live__exit_code(workload);
	assert_int_equal(live__exit_code(memtrace), 0);
	ret->report = live__load_report(live, path);
	live__assert_sound(ret->report, 0);
	assert_string_equal(live__text(ret->report, "session.ended_by"), "target_exit");
	ret->process = live__process(ret->report, live__number(ret->plan, "pid"));
}

static json_t *only_hit(const json_t *process, const char *kind)
{
	json_t *hits = live__at(process, "stack.hits"), *hit;

	assert_int_equal(json_array_size(hits), 1);
	hit = json_array_get(hits, 0);
	assert_string_equal(live__text(hit, "kind"), kind);
	return hit;
}

/* The page that the main stack would have needed is the first one over the limit. */
static void check_main_hit(const struct overflow *overflow, int64_t limit)
{
	int64_t size, from_top;
	json_t *hit;

	hit = only_hit(overflow->process, "main_limit");
	assert_number(hit, "tid", live__number(overflow->plan, "tid"));
	assert_number(hit, "limit_bytes", limit);
	assert_number(overflow->process, "stack.limit_bytes", limit);
	from_top = (int64_t)(live__address(overflow->plan, "stack_end") -
			     live__address(hit, "address"));
	assert_true(from_top > limit && from_top <= limit + PAGE);
	/* Frames are smaller than a page: the stack has grown right up to the limit. */
	size = live__number(hit, "size_bytes");
	assert_true(size >= limit && size <= limit + PAGE);
	assert_number(overflow->process, "stack.peak_bytes", limit);
	if (!overflow->seen)
		return;
	assert_string_equal(live__text(hit, "address"), live__text(overflow->seen, "address"));
	assert_string_equal(live__text(hit, "sp"), live__text(overflow->seen, "sp"));
}

static void test_main_limit(void **state)
{
	struct overflow overflow;

	trace(*state, "stackover --limit 1M", &overflow);
	assert_int_equal(overflow.code, 128 + SIGSEGV);
	check_main_hit(&overflow, 1 << 20);
	assert_number(overflow.process, "end.signal", SIGSEGV);
	assert_true(json_is_null(live__at(overflow.process, "end.exit_code")));

	trace(*state, "stackover --limit 512K", &overflow);
	check_main_hit(&overflow, 512 << 10);
	trace(*state, "stackover --limit 8M", &overflow);
	check_main_hit(&overflow, 8 << 20);
}

static void test_main_handled(void **state)
{
	struct overflow overflow;

	trace(*state, "stackover --limit 1M --handled", &overflow);
	assert_int_equal(overflow.code, 0);
	check_main_hit(&overflow, 1 << 20);
	assert_number(overflow.process, "end.exit_code", 0);
}

static void check_thread_hit(const struct overflow *overflow, int64_t limit)
{
	uint64_t address, low = live__address(overflow->plan, "stack_start");
	json_t *hit;

	hit = only_hit(overflow->process, "thread_guard");
	assert_number(hit, "tid", live__number(overflow->plan, "tid"));
	assert_int_not_equal(live__number(hit, "tid"), live__number(overflow->process, "pid"));
	address = live__address(hit, "address");
	assert_true(address < low && address >= low - (uint64_t)PAGE);
	/* The guard page is taken out of the size that the thread was given. */
	assert_true(live__number(hit, "limit_bytes") >= limit - PAGE &&
		    live__number(hit, "limit_bytes") <= limit);
	assert_true(live__number(hit, "size_bytes") > limit / 2 &&
		    live__number(hit, "size_bytes") <= limit);
	if (!overflow->seen)
		return;
	assert_string_equal(live__text(hit, "address"), live__text(overflow->seen, "address"));
	assert_string_equal(live__text(hit, "sp"), live__text(overflow->seen, "sp"));
	assert_number(overflow->seen, "tid", live__number(hit, "tid"));
}

static void test_thread_guard(void **state)
{
	struct overflow overflow;

	trace(*state, "stackover --mode thread --limit 256K --handled", &overflow);
	assert_int_equal(overflow.code, 0);
	check_thread_hit(&overflow, 256 << 10);
	trace(*state, "stackover --mode thread --limit 64K", &overflow);
	assert_int_equal(overflow.code, 128 + SIGSEGV);
	check_thread_hit(&overflow, 64 << 10);
	assert_number(overflow.process, "end.signal", SIGSEGV);
}

static void test_no_hit(void **state)
{
	static const char *const words[] = {
		"stackover --mode null",
		"stackover --mode wild",
		"stackover --mode null --handled",
		"stackover --mode wild --handled",
	};
	struct overflow overflow;
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(*words); i++) {
		trace(*state, words[i], &overflow);
		assert_int_equal(overflow.code, overflow.seen ? 0 : 128 + SIGSEGV);
		assert_int_equal(json_array_size(live__at(overflow.process, "stack.hits")), 0);
	}
}

/* A signal that somebody sends is no bad access. */
static void test_sent_signal(void **state)
{
	struct live_process *workload, *memtrace;
	struct live *live = *state;
	char path[128], text[256];
	json_t *process;
	pid_t pid;

	workload = live__start_workload(live, "fault --idle");
	pid = workload->pid;
	live__report_path(live, path, sizeof(path));
	snprintf(text, sizeof(text), "-p %d -i 0 -F json -o %s", pid, path);
	memtrace = live__start_memtrace(live, text);
	live__await_tracing(memtrace);
	kill(pid, SIGSEGV);
	assert_int_equal(live__exit_code(workload), 128 + SIGSEGV);
	assert_int_equal(live__exit_code(memtrace), 0);
	process = live__process(live__load_report(live, path), pid);
	assert_int_equal(json_array_size(live__at(process, "stack.hits")), 0);
	assert_number(process, "end.signal", SIGSEGV);
}

static void test_command(void **state)
{
	struct overflow overflow = {};

	overflow.report = live__trace_command(*state, ALL, "stackover --limit 1M", &overflow.plan,
					      &overflow.code);
	assert_int_equal(overflow.code, 128 + SIGSEGV);
	live__assert_sound(overflow.report, 0);
	overflow.process = live__process(overflow.report, live__number(overflow.plan, "pid"));
	/* It has exec'ed itself under the limit, after it had set it. */
	check_main_hit(&overflow, 1 << 20);

	overflow.report = live__trace_command(*state, ALL, "stackover --mode thread --limit 128K",
					      &overflow.plan, &overflow.code);
	assert_int_equal(overflow.code, 128 + SIGSEGV);
	live__assert_sound(overflow.report, 0);
	overflow.process = live__process(overflow.report, live__number(overflow.plan, "pid"));
	check_thread_hit(&overflow, 128 << 10);
}

/* The kernel's own measure (VmStk) is the judge. */
static void test_peak(void **state)
{
	static const char *const words[] = {"stackgrow --bytes 256K", "stackgrow --bytes 1M",
					    "stackgrow --bytes 4M"};
	json_t *report, *process, *result;
	struct rlimit limit;
	int code;
	size_t i;

	getrlimit(RLIMIT_STACK, &limit);
	for (i = 0; i < sizeof(words) / sizeof(*words); i++) {
		report = live__trace_pid(*state, ALL, words[i], &result);
		live__assert_sound(report, 0);
		process = live__process(report, live__number(result, "pid"));
		assert_number(process, "stack.peak_bytes", live__number(result, "stack_bytes"));
		if (limit.rlim_cur != RLIM_INFINITY)
			assert_number(process, "stack.limit_bytes", (int64_t)limit.rlim_cur);
		assert_int_equal(json_array_size(live__at(process, "stack.hits")), 0);
	}
	report = live__trace_command(*state, ALL, "stackgrow --bytes 1M", &result, &code);
	process = live__process(report, live__number(result, "pid"));
	assert_number(process, "stack.peak_bytes", live__number(result, "stack_bytes"));
}

static void test_unlimited(void **state)
{
	char *argv[] = {"/bin/sh", "-c", "ulimit -s unlimited && exec build/workloads/fault --wait",
			NULL};
	struct live_process *workload, *memtrace;
	struct live *live = *state;
	char path[128], text[256];
	json_t *process;
	struct rlimit limit;

	getrlimit(RLIMIT_STACK, &limit);
	assert_true(limit.rlim_max == RLIM_INFINITY);
	workload = live__start(live, argv);
	live__read_json(live, workload);
	live__report_path(live, path, sizeof(path));
	snprintf(text, sizeof(text), "-p %d -i 0 -F json -o %s", workload->pid, path);
	memtrace = live__start_memtrace(live, text);
	live__await_tracing(memtrace);
	kill(memtrace->pid, SIGINT);
	assert_int_equal(live__exit_code(memtrace), 0);
	process = live__process(live__load_report(live, path), workload->pid);
	assert_true(json_is_null(live__at(process, "stack.limit_bytes")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		live_test(test_main_limit),   live_test(test_main_handled),
		live_test(test_thread_guard), live_test(test_no_hit),
		live_test(test_sent_signal),  live_test(test_command),
		live_test(test_peak),	      live_test(test_unlimited),
	};

	return cmocka_run_group_tests_name("stack", tests, NULL, NULL);
}
