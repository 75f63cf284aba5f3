/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Many processes, many threads, two CPUs full of faults: nothing is lost, all is accounted. */
#include "live.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define ALL "-n 400000"
/* On a slow machine a part of them. */
#define MAX_PROCESSES 10000

static int compare(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/*
 * The processes of the report that are in the workload's list. A pid may have come round again
 * for somebody else's process: only children of the workload are taken.
 */
static void check_all_children(const json_t *report, const json_t *result)
{
	int64_t minor = 0, major = 0, own = live__number(result, "pid"), pid;
	size_t i, nr = 0, nr_pids = json_array_size(live__at(result, "pids"));
	static int64_t pids[MAX_PROCESSES];
	json_t *value;

	assert_true(nr_pids <= MAX_PROCESSES);
	json_array_foreach(live__at(result, "pids"), i, value) pids[i] = json_integer_value(value);
	qsort(pids, nr_pids, sizeof(*pids), compare);
	json_array_foreach(live__at(report, "processes"), i, value)
	{
		pid = live__number(value, "pid");
		if (live__number(value, "ppid") != own)
			continue;
		assert_non_null(bsearch(&pid, pids, nr_pids, sizeof(*pids), compare));
		nr++;
		minor += live__number(value, "check.kernel_minor");
		major += live__number(value, "check.kernel_major");
		assert_true(json_is_true(live__at(value, "check.ok")));
		assert_number(value, "end.exit_code", 0);
	}
	assert_int_equal(nr, nr_pids);
	assert_int_equal(minor, live__number(result, "minor_of_children"));
	assert_int_equal(major, live__number(result, "major_of_children"));
}

/* Under -a others run too: only what is ours is looked at, and that nothing was lost. */
static void test_many_processes(void **state)
{
	struct live_process *workload, *memtrace;
	struct live *live = *state;
	char path[128], text[256];
	json_t *report, *result, *process;
	int64_t minor;

	snprintf(text, sizeof(text), "manyprocs --processes %u --parallel 4 --pages 4",
		 MAX_PROCESSES / live__slowdown());
	workload = live__start_workload(live, text);
	live__report_path(live, path, sizeof(path));
	snprintf(text, sizeof(text), "-a -i 0 -F json -o %s " ALL, path);
	memtrace = live__start_memtrace(live, text);
	live__await_tracing(memtrace);
	live__say(workload, "\n");
	result = live__read_json(live, workload);
	kill(memtrace->pid, SIGINT);
	assert_int_equal(live__exit_code(memtrace), 0);
	report = live__load_report(live, path);
	live__assert_sound(report, workload->pid);
	process = live__process(report, workload->pid);
	minor = live__number(result, "minor") + live__number(result, "after");
	assert_number(result, "outside", 0);
	assert_number(process, "check.kernel_minor", minor);
	assert_number(process, "faults.minor", minor);
	check_all_children(report, result);
}

static void check_threads(struct live *live, const char *words)
{
	json_t *report, *process, *result, *thread;
	int64_t minor = 0;
	size_t i;

	report = live__trace_pid(live, ALL " -v", words, &result);
	live__assert_sound(report, 0);
	process = live__process(report, live__number(result, "pid"));
	assert_number(process, "faults.minor",
		      live__number(result, "minor") + live__number(result, "after"));
	assert_number(process, "faults.by_region.anon", live__number(result, "pages"));
	assert_true(json_array_size(live__at(process, "threads")) >= 1000);
	json_array_foreach(live__at(process, "threads"), i, thread) minor +=
		live__number(thread, "minor");
	assert_int_equal(minor, live__number(process, "faults.minor"));
}

static void test_thousand_threads(void **state)
{
	check_threads(*state, "threads --threads 1000 --pages 8 --stack 16K --prestart --hold");
	check_threads(*state, "threads --threads 1000 --pages 8 --stack 16K");
}

/* Both fault flat out, on the CPUs that memtrace itself needs. */
static void test_flat_out(void **state)
{
	struct live_process *workloads[2];
	json_t *report, *results[2], *process;
	struct live *live = *state;
	size_t i;

	for (i = 0; i < 2; i++)
		workloads[i] = live__start_workload(live, "fault --pages 400000");
	report = live__trace_pair(live, ALL, workloads, SIGINT, results);
	live__assert_sound(report, 0);
	for (i = 0; i < 2; i++) {
		process = live__process(report, workloads[i]->pid);
		assert_number(process, "faults.minor", live__number(results[i], "minor"));
		assert_number(live__mapping_at(process, live__text(results[i], "address")),
			      "pages_touched", 400000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		live_test(test_many_processes),
		live_test(test_thousand_threads),
		live_test(test_flat_out),
	};

	return cmocka_run_group_tests_name("scale", tests, NULL, NULL);
}
