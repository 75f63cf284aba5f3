/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --slow: with a threshold that every fault takes, every fault is listed. */
#include "recording.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_LISTED 1000
#define EACH "--slow 0.001"

/* One of so many was picked, on each CPU: not more than one a CPU may be missing, or too many. */
static void assert_sampled(const json_t *process, int64_t minor)
{
	int64_t weight = live__number(process, "faults.latency_ns.weight");
	int64_t count = live__number(process, "faults.latency_ns.count");
	int64_t cpus = sysconf(_SC_NPROCESSORS_CONF);

	assert_in_range(count, minor / weight > cpus ? minor / weight - cpus : 0,
			minor / weight + cpus);
}

static void assert_listed(const json_t *process, const json_t *result)
{
	const json_t *list = live__at(process, "faults.slow.list");
	uint64_t start = live__address(result, "address");
	int64_t last = INT64_MAX, sum = 0;
	json_t *row;
	size_t i;

	json_array_foreach(list, i, row)
	{
		uint64_t addr = live__address(row, "address");
		int64_t took = live__number(row, "latency_ns");

		assert_in_range(addr, start, start + live__number(result, "bytes") - 1);
		assert_int_equal(live__number(row, "offset") & 4095, addr & 4095);
		assert_string_equal(live__text(row, "mapping"), "[anon]");
		assert_true(took > 0 && took <= last);
		last = took;
		sum += took;
	}
	assert_true(live__number(process, "faults.latency_ns.total") >= sum);
}

static void test_each_fault(void **state)
{
	json_t *result, *report, *process;
	int64_t total;

	report = live__trace_pid(*state, EACH, "fault --pages 3000 --order random --access both",
				 &result);
	live__assert_sound(report, 0);
	process = live__process(report, live__number(result, "pid"));
	total = live__number(result, "minor") + live__number(result, "major");
	assert_true(total >= 3000);
	assert_number(process, "faults.total", total);
	assert_number(process, "faults.slow.total", total);
	assert_int_equal(json_array_size(live__at(process, "faults.slow.list")), MAX_LISTED);
	assert_listed(process, result);
	/* Each was timed, and stands for itself. */
	assert_number(process, "faults.latency_ns.count", total);
}

static void test_none(void **state)
{
	json_t *result, *report, *process;

	report = live__trace_pid(*state, "--slow 4000000", "fault --pages 100", &result);
	process = live__process(report, live__number(result, "pid"));
	assert_number(process, "faults.total", 100);
	assert_number(process, "faults.slow.total", 0);
	report = live__trace_pid(*state, "", "fault --pages 100", &result);
	process = live__process(report, live__number(result, "pid"));
	assert_true(json_is_null(live__at(process, "faults.slow")));
}

/* Of a workload that has run to its end; what it said of itself. */
static json_t *record(struct live *live, const char *options, const char *words)
{
	struct live_process *workload = live__start_workload(live, words), *memtrace;
	char text[512], path[RECORDING_PATH_BYTES];
	json_t *result;

	snprintf(text, sizeof(text), "record --force -p %d -o %s %s", workload->pid,
		 recording__path(live, path), options);
	memtrace = live__start_memtrace(live, text);
	live__await_tracing(memtrace);
	result = live__finish_workload(live, workload);
	assert_int_equal(live__exit_code(memtrace), 0);
	return result;
}

static json_t *report_json(struct live *live, const char *options, const json_t *result)
{
	char text[512], path[RECORDING_PATH_BYTES];

	live__report_path(live, path, sizeof(path));
	snprintf(text, sizeof(text), "%s -F json -o %s", options, path);
	recording__report(live, text, NULL);
	return live__process(live__load_report(live, path), live__number(result, "pid"));
}

static const char *report_text(struct live *live, const char *options)
{
	return live__out(recording__report(live, options, NULL));
}

static void test_recorded(void **state)
{
	static const char words[] = "fault --pages 2000 --order random";
	json_t *result = record(*state, EACH, words), *process;
	int64_t timed;

	process = report_json(*state, EACH, result);
	/* The end of the workload's life is in it as well. */
	assert_true(live__number(process, "faults.slow.total") >= 2000);
	assert_number(process, "faults.slow.total", live__number(process, "faults.total"));
	assert_null(strstr(report_text(*state, EACH), "of those that were timed"));
	process = report_json(*state, "--slow 4000000", result);
	assert_number(process, "faults.slow.total", 0);
	process = report_json(*state, "", result);
	assert_true(json_is_null(live__at(process, "faults.slow")));

	/* Without the option there is the sample, and the report says so. */
	result = record(*state, "", words);
	process = report_json(*state, EACH, result);
	timed = live__number(process, "faults.latency_ns.count");
	assert_number(process, "faults.slow.total", timed);
	assert_sampled(process, live__number(process, "faults.minor"));
	if (live__number(process, "faults.latency_ns.weight") > 1)
		assert_non_null(strstr(report_text(*state, EACH), "of those that were timed"));
}

/* Major faults are all timed, whether they are asked for or not. */
static void test_major(void **state)
{
	json_t *result = record(*state, "", "filefault --cold --pages 64"), *process, *row;
	int64_t major = live__number(result, "major"), listed = 0;
	size_t i;

	assert_true(major > 0);
	process = report_json(*state, EACH, result);
	assert_number(process, "faults.by_cause.file_major", major);
	assert_number(process, "faults.latency_by_cause.file_major.count", major);
	json_array_foreach(live__at(process, "faults.slow.list"), i, row) listed +=
		!strcmp(live__text(row, "cause"), "file_major");
	assert_int_equal(listed, major);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		live_test(test_each_fault),
		live_test(test_none),
		live_test(test_recorded),
		live_test(test_major),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
