/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes and threads: fork, copy on write, exec, exit, and what belongs to whom. */
#include "live.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define ALL "-n 100000"

static json_t *trace(struct live *live, const char *options, const char *words, json_t **ret_result)
{
	char text[128];
	json_t *report;

	snprintf(text, sizeof(text), ALL " %s", options);
	report = live__trace_pid(live, text, words, ret_result);
	live__assert_sound(report, 0);
	assert_number(*ret_result, "outside", 0);
	return report;
}

/* The target itself: the act, and what a fork leaves to be copied afterwards. */
static void assert_parent(const json_t *report, const json_t *result)
{
	const json_t *process = live__process(report, live__number(result, "pid"));

	assert_number(process, "faults.minor",
		      live__number(result, "minor") + live__number(result, "after"));
	assert_true(json_is_null(live__at(process, "end")));
}

/* A child that ended by itself: every fault since its fork, as the kernel counted them. */
static json_t *assert_child(const json_t *report, const json_t *child)
{
	json_t *process = live__process(report, live__number(child, "pid"));

	assert_number(process, "ppid", live__number(child, "ppid"));
	assert_number(process, "check.kernel_minor", live__number(child, "minor_in_all"));
	assert_number(process, "check.kernel_major", live__number(child, "major_in_all"));
	assert_number(process, "faults.minor", live__number(child, "minor_in_all"));
	assert_number(process, "end.exit_code", 0);
	return process;
}

static void check_forkcow(struct live *live, const char *words, size_t generations)
{
	json_t *report, *result, *children, *child, *row;
	size_t i;

	report = trace(live, "-f", words, &result);
	children = live__at(result, "children");
	assert_int_equal(json_array_size(children), generations);
	assert_int_equal(json_array_size(live__at(report, "processes")), generations + 1);
	assert_parent(report, result);
	json_array_foreach(children, i, child)
	{
		const json_t *process = assert_child(report, child);

		/* In the child's copy of the parent's mapping: the pages it wrote to. */
		row = live__mapping_at(process, live__text(result, "address"));
		assert_number(row, "pages_touched", live__number(result, "touched"));
		assert_number(row, "faults", live__number(result, "touched"));
		assert_number(row, "mapped_bytes", live__number(result, "bytes"));
		assert_string_equal(live__text(row, "region"), "anon");
	}
}

static void test_cow(void **state)
{
	check_forkcow(*state, "forkcow --pages 200 --touch 77", 1);
	check_forkcow(*state, "forkcow --pages 64 --touch 64", 1);
	check_forkcow(*state, "forkcow --pages 100 --touch 30 --generations 5", 5);
}

static void test_not_followed(void **state)
{
	json_t *report, *result;

	report = trace(*state, "", "forkcow --pages 64 --touch 10 --generations 2", &result);
	assert_int_equal(json_array_size(live__at(report, "processes")), 1);
	assert_number(live__process(report, live__number(result, "pid")), "children_not_traced", 1);
	assert_parent(report, result);
}

/* What ran in the child at the end: its faults on its own mapping, by the address it printed. */
static void check_program(const json_t *report, const json_t *result, int64_t pages)
{
	json_t *children = live__at(result, "children");
	json_t *program = live__at(result, "program"), *process, *row;
	int64_t pid = live__number(program, "pid");

	assert_int_equal(
		pid, live__number(json_array_get(children, json_array_size(children) - 1), "pid"));
	process = live__process(report, pid);
	assert_string_equal(live__text(process, "comm"), "fault");
	assert_non_null(strstr(live__text(process, "exe"), "build/workloads/fault"));
	/* All since the fork; nothing faults after the program's last count. */
	assert_number(process, "check.kernel_minor", live__number(program, "minor_in_all"));
	assert_number(process, "check.kernel_major", live__number(program, "major_in_all"));
	row = live__mapping_at(process, live__text(program, "address"));
	assert_number(row, "faults", pages);
	assert_number(row, "pages_touched", pages);
	assert_number(process, "end.exit_code", 0);
}

static void test_fork_exec(void **state)
{
	json_t *report, *result;

	report = trace(*state, "-f",
		       "forkcow --pages 64 --touch 10 -- build/workloads/fault --pages 300",
		       &result);
	assert_int_equal(json_array_size(live__at(report, "processes")), 2);
	assert_parent(report, result);
	check_program(report, result, 300);

	report = trace(*state, "-f", "forkcow --generations 3 -- build/workloads/fault --pages 100",
		       &result);
	assert_int_equal(json_array_size(live__at(report, "processes")), 4);
	check_program(report, result, 100);
}

/* A vfork child runs in its parent's memory: its faults are its own, the pages the parent's. */
static void test_vfork(void **state)
{
	json_t *report, *result, *child, *row, *process;

	report = trace(*state, "-f", "forkcow --vfork --pages 64 --touch 40", &result);
	assert_int_equal(json_array_size(live__at(report, "processes")), 2);
	assert_parent(report, result);
	child = json_array_get(live__at(result, "children"), 0);
	process = assert_child(report, child);
	row = live__mapping_at(process, live__text(result, "address"));
	assert_number(row, "faults", live__number(child, "minor"));

	report = trace(*state, "-f", "forkcow --vfork -- build/workloads/fault --pages 123",
		       &result);
	assert_parent(report, result);
	check_program(report, result, 123);
}

static void check_execs(struct live *live, const char *options, const char *words, int code)
{
	json_t *report, *process, *result;
	int exit_code;

	report = live__trace_command(live, options, words, &result, &exit_code);
	assert_int_equal(exit_code, code);
	live__assert_sound(report, 0);
	assert_int_equal(json_array_size(live__at(report, "processes")), 1);
	process = live__process(report, live__number(result, "pid"));
	assert_number(process, "end.exit_code", code);
	assert_true(json_is_null(live__at(process, "end.signal")) ||
		    live__number(process, "end.signal") == 0);
	assert_number(live__mapping_at(process, live__text(result, "address")), "faults",
		      live__number(result, "pages"));
}

static void test_exec(void **state)
{
	check_execs(*state, ALL, "execchain --execs 0 --pages 50", 0);
	check_execs(*state, ALL, "execchain --execs 5 --pages 50 --code 7", 7);
	check_execs(*state, ALL " -f", "execchain --execs 5 --pages 50 --code 7", 7);
}

/* A thread that execs becomes the process's first thread, by its tid. */
static void test_exec_by_thread(void **state)
{
	check_execs(*state, ALL, "execchain --execs 4 --pages 20 --thread --code 3", 3);
	check_execs(*state, ALL " -f", "execchain --execs 4 --pages 20 --thread --code 3", 3);
}

static void test_exec_of_target(void **state)
{
	json_t *report, *result, *process;

	report = trace(*state, "", "execchain --execs 3 --pages 44", &result);
	process = live__process(report, live__number(result, "pid"));
	assert_number(live__mapping_at(process, live__text(result, "address")), "pages_touched",
		      44);
}

static void test_exits(void **state)
{
	static const struct {
		const char *words;
		int code, signo;
	} cases[] = {
		{"exits --code 0", 0, 0},
		{"exits --code 1", 1, 0},
		{"exits --code 255", 255, 0},
		{"exits --signal 9", 128 + SIGKILL, SIGKILL},
		{"exits --signal 15", 128 + SIGTERM, SIGTERM},
		{"exits --signal 11", 128 + SIGSEGV, SIGSEGV},
		{"exits --signal 6", 128 + SIGABRT, SIGABRT},
	};
	json_t *report, *process;
	int exit_code;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		report = live__trace_command(*state, ALL, cases[i].words, NULL, &exit_code);
		assert_int_equal(exit_code, cases[i].code);
		live__assert_sound(report, 0);
		assert_int_equal(json_array_size(live__at(report, "processes")), 1);
		process = json_array_get(live__at(report, "processes"), 0);
		if (cases[i].signo)
			assert_number(process, "end.signal", cases[i].signo);
		else
			assert_number(process, "end.exit_code", cases[i].code);
		assert_int_equal(json_array_size(live__at(process, "stack.hits")), 0);
	}
}

static json_t *thread_row(const json_t *process, int64_t tid)
{
	json_t *row, *found = NULL;
	size_t i;

	json_array_foreach(live__at(process, "threads"), i, row)
	{
		if (live__number(row, "tid") != tid)
			continue;
		assert_null(found);
		found = row;
	}
	if (!found)
		fail_msg("no thread %lld", (long long)tid);
	return found;
}

/* Threads that run when memtrace comes, and go on: counts of each one, stacks, sums. */
static void test_threads(void **state)
{
	int64_t stack_minor = 0, minor = 0;
	json_t *report, *process, *result, *thread, *row;
	size_t i;

	report = trace(*state, "-v",
		       "threads --threads 8 --pages 100 --stack 64K --prestart --hold", &result);
	process = live__process(report, live__number(result, "pid"));
	assert_number(process, "faults.minor",
		      live__number(result, "minor") + live__number(result, "after"));
	json_array_foreach(live__at(result, "threads"), i, thread)
	{
		row = thread_row(process, live__number(thread, "tid"));
		assert_number(row, "minor", live__number(thread, "minor"));
		assert_number(row, "major", 0);
		assert_true(json_is_false(live__at(row, "exited")));
		row = live__mapping_at(process, live__text(thread, "address"));
		assert_number(row, "faults", 100);
		assert_number(row, "pages_touched", 100);
		stack_minor += live__number(thread, "stack_minor");
		minor += live__number(thread, "minor");
	}
	assert_true(stack_minor > 0);
	assert_number(process, "faults.by_region.thread_stack", stack_minor);
	assert_number(process, "faults.by_region.anon", 8 * 100);
	assert_true(minor <= live__number(process, "faults.minor"));
}

/* Threads that are born and end while traced; their last faults count as well. */
static void test_threads_born(void **state)
{
	json_t *report, *process, *result, *thread, *row;
	size_t i;

	report = trace(*state, "-v", "threads --threads 20 --pages 50", &result);
	process = live__process(report, live__number(result, "pid"));
	assert_number(process, "faults.minor",
		      live__number(result, "minor") + live__number(result, "after"));
	assert_number(process, "faults.by_region.anon", 20 * 50);
	json_array_foreach(live__at(result, "threads"), i, thread)
	{
		row = thread_row(process, live__number(thread, "tid"));
		/* It also ends, which its own count does not see. */
		assert_true(live__number(row, "minor") >= live__number(thread, "minor_in_all"));
		assert_true(json_is_true(live__at(row, "exited")));
	}
}

/* The sum over all children is what the kernel gives their parent. */
static void check_many(struct live *live, const char *words, size_t nr)
{
	int64_t minor = 0, major = 0, pid;
	json_t *report, *result, *process;
	size_t i;

	report = trace(live, "-f", words, &result);
	assert_parent(report, result);
	assert_int_equal(json_array_size(live__at(report, "processes")), nr + 1);
	json_array_foreach(live__at(report, "processes"), i, process)
	{
		pid = live__number(process, "pid");
		if (pid == live__number(result, "pid"))
			continue;
		minor += live__number(process, "check.kernel_minor");
		major += live__number(process, "check.kernel_major");
		assert_number(process, "ppid", live__number(result, "pid"));
		assert_number(process, "end.exit_code", 0);
	}
	assert_int_equal(minor, live__number(result, "minor_of_children"));
	assert_int_equal(major, live__number(result, "major_of_children"));
}

static void test_children(void **state)
{
	check_many(*state, "manyprocs --processes 300 --parallel 8 --pages 10", 300);
	check_many(*state, "manyprocs --processes 50 --parallel 4 --pages 3 -- /bin/true", 50);
}

/* The threads of a process end in any order, the first one not always last: its code is its own. */
static void test_ends_with_threads(void **state)
{
	json_t *report, *result, *process, *thread;
	size_t i, j;

	report = trace(*state, "-f -v",
		       "manyprocs --processes 500 --parallel 4 --pages 2 --threads 3 --code 9",
		       &result);
	assert_int_equal(json_array_size(live__at(report, "processes")), 501);
	json_array_foreach(live__at(report, "processes"), i, process)
	{
		if (live__number(process, "pid") == live__number(result, "pid"))
			continue;
		assert_number(process, "end.exit_code", 9);
		assert_int_equal(json_array_size(live__at(process, "threads")), 4);
		json_array_foreach(live__at(process, "threads"), j, thread)
			assert_true(json_is_true(live__at(thread, "exited")));
	}
	assert_parent(report, result);
}

#define NR_LOST 10

/* Of those whose exits the ring buffer could not hold, memtrace knows in the end that they did. */
static void test_lost_ends(void **state)
{
	struct live_process *workload, *memtrace, *ends[NR_LOST];
	int64_t nr_lost = 0, pids[NR_LOST];
	json_t *report, *end;
	char text[256], path[128];
	int status;

	live__report_path(*state, path, sizeof(path));
	snprintf(text, sizeof(text), "-a -i 0 -n 100000 -F json -o %s", path);
	memtrace = live__start_memtrace(*state, text);
	live__await_tracing(memtrace);
	workload = live__start_workload(*state, "brksteps --fail 60000");
	for (int i = 0; i < NR_LOST; i++)
		ends[i] = live__start_workload(*state, "exits");
	kill(memtrace->pid, SIGSTOP);
	assert_int_equal(waitpid(memtrace->pid, &status, WUNTRACED), memtrace->pid);
	live__say(workload, "\n");
	live__read_json(*state, workload);
	/* What room the last call has left may be enough for one. */
	for (int i = 0; i < NR_LOST; i++) {
		pids[i] = ends[i]->pid;
		live__close_stdin(ends[i]);
		assert_int_equal(live__exit_code(ends[i]), 0);
	}
	kill(memtrace->pid, SIGCONT);
	kill(memtrace->pid, SIGINT);
	assert_int_equal(live__exit_code(memtrace), 0);
	report = live__load_report(*state, path);
	for (int i = 0; i < NR_LOST; i++) {
		end = live__at(live__process(report, pids[i]), "end");
		assert_true(json_is_object(end));
		nr_lost += json_is_null(json_object_get(end, "exit_code"));
	}
	assert_in_range(nr_lost, NR_LOST - 1, NR_LOST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		live_test(test_cow),
		live_test(test_not_followed),
		live_test(test_fork_exec),
		live_test(test_vfork),
		live_test(test_exec),
		live_test(test_exec_by_thread),
		live_test(test_exec_of_target),
		live_test(test_exits),
		live_test(test_lost_ends),
		live_test(test_threads),
		live_test(test_threads_born),
		live_test(test_children),
		live_test(test_ends_with_threads),
	};

	return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
