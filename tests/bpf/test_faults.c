/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Page faults: counts, regions, access, mappings and patterns. getrusage is the judge. */
#include "live.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* All rows of every table. */
#define ALL "-n 100000"

struct fault_case {
	const char *words;
	const char *pattern; /* of the mapping; NULL: not looked at */
	int64_t faults;	     /* in the mapping */
	int64_t pages;
	int64_t reads, writes, kernel;
};

static void assert_totals(const json_t *process, const json_t *result)
{
	int64_t minor = live__number(result, "minor"), major = live__number(result, "major");

	/* The workload's promise: nothing but the act has faulted. */
	assert_number(result, "outside", 0);
	assert_number(result, "after", 0);
	assert_number(process, "faults.minor", minor);
	assert_number(process, "faults.major", major);
	assert_number(process, "faults.total", minor + major);
	assert_number(process, "check.kernel_minor", minor);
	assert_number(process, "check.kernel_major", major);
}

/* Each table that divides the faults adds up to their total. */
static void assert_sums(const json_t *process)
{
	int64_t total = live__number(process, "faults.total"), sum;
	const char *key;
	json_t *value;
	size_t i;

	assert_int_equal(live__number(process, "faults.user") +
				 live__number(process, "faults.kernel"),
			 total);
	sum = 0;
	json_object_foreach(live__at(process, "faults.by_region"), key, value) sum +=
		json_integer_value(value);
	assert_int_equal(sum, total);
	sum = 0;
	json_object_foreach(live__at(process, "faults.by_access"), key, value) sum +=
		json_integer_value(value);
	assert_int_equal(sum, total);
	sum = 0;
	json_array_foreach(live__at(process, "faults.by_mapping"), i, value) sum +=
		live__number(value, "faults");
	assert_int_equal(sum, total);
}

static void check_fault_case(struct live *live, const struct fault_case *expect)
{
	json_t *report, *process, *result, *row;

	report = live__trace_pid(live, ALL, expect->words, &result);
	live__assert_sound(report, 0);
	process = live__process(report, live__number(result, "pid"));
	assert_totals(process, result);
	assert_sums(process);
	assert_number(process, "faults.total", expect->faults);
	assert_number(process, "faults.by_region.anon", expect->faults);
	assert_number(process, "faults.by_access.read", expect->reads);
	assert_number(process, "faults.by_access.write", expect->writes);
	assert_number(process, "faults.by_access.exec", 0);
	assert_number(process, "faults.kernel", expect->kernel);
	row = live__mapping_at(process, live__text(result, "address"));
	assert_number(row, "faults", expect->faults);
	assert_number(row, "major", 0);
	assert_number(row, "pages_touched", expect->pages);
	assert_number(row, "mapped_bytes", live__number(result, "bytes"));
	assert_string_equal(live__text(row, "region"), "anon");
	if (expect->pattern)
		assert_string_equal(live__text(row, "pattern"), expect->pattern);
}

static void test_orders(void **state)
{
	static const struct fault_case cases[] = {
		{"fault --pages 1000 --order up", "up", 1000, 1000, 0, 1000, 0},
		{"fault --pages 1000 --order down", "down", 1000, 1000, 0, 1000, 0},
		{"fault --pages 500 --order stride --stride 7", "strided", 500, 500, 0, 500, 0},
		{"fault --pages 1000 --order random --seed 42", "scattered", 1000, 1000, 0, 1000,
		 0},
		{"fault --pages 1 --order up", NULL, 1, 1, 0, 1, 0},
		/* A batch of records is full, and one beyond, and one short of it. */
		{"fault --pages 64 --order up", "up", 64, 64, 0, 64, 0},
		{"fault --pages 65 --order up", "up", 65, 65, 0, 65, 0},
		{"fault --pages 63 --order up", "up", 63, 63, 0, 63, 0},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check_fault_case(*state, &cases[i]);
}

static void test_access(void **state)
{
	static const struct fault_case cases[] = {
		{"fault --pages 300 --access read", "up", 300, 300, 300, 0, 0},
		{"fault --pages 300 --access write", "up", 300, 300, 0, 300, 0},
		/* The zero page first, then a copy of it. */
		{"fault --pages 300 --access both", NULL, 600, 300, 300, 300, 0},
		{"fault --pages 300 --access kernel", "up", 300, 300, 0, 300, 300},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check_fault_case(*state, &cases[i]);
}

static void test_idle(void **state)
{
	json_t *report, *process, *result;

	report = live__trace_pid(*state, ALL, "fault --idle", &result);
	live__assert_sound(report, 0);
	process = live__process(report, live__number(result, "pid"));
	assert_totals(process, result);
	assert_number(process, "faults.total", 0);
	assert_int_equal(json_array_size(live__at(report, "processes")), 1);
}

static void test_many(void **state)
{
	static const struct fault_case many = {
		"fault --pages 300000 --order random", "scattered", 300000, 300000, 0, 300000, 0};

	check_fault_case(*state, &many);
}

static void check_file(struct live *live, const char *options, const char *access)
{
	json_t *report, *process, *result, *row;
	char words[256], key[64];
	int64_t total;

	snprintf(words, sizeof(words), "filefault --dir %s %s --access %s", live->dir, options,
		 access);
	report = live__trace_pid(live, ALL, words, &result);
	live__assert_sound(report, 0);
	process = live__process(report, live__number(result, "pid"));
	assert_totals(process, result);
	assert_sums(process);
	total = live__number(process, "faults.total");
	row = live__mapping_at(process, live__text(result, "address"));
	assert_string_equal(live__text(row, "name"), live__text(result, "path"));
	assert_number(row, "faults", total);
	assert_number(row, "major", live__number(result, "major"));
	assert_number(row, "mapped_bytes", live__number(result, "bytes"));
	snprintf(key, sizeof(key), "faults.by_access.%s", access);
	assert_number(process, key, total);
	/* Code that is mapped after the program's start is text, or file: one of the two, all of
	 * it. */
	if (strcmp(access, "exec"))
		assert_string_equal(live__text(row, "region"), "file");
	snprintf(key, sizeof(key), "faults.by_region.%s", live__text(row, "region"));
	assert_number(process, key, total);
}

static void test_file(void **state)
{
	check_file(*state, "--map shared", "read");
	check_file(*state, "--map private", "read");
	check_file(*state, "--map shared", "write");
	check_file(*state, "--map private", "write");
	check_file(*state, "--map private", "exec");
}

static void test_major(void **state)
{
	json_t *result;

	live__trace_pid(*state, ALL, "filefault --cold --pages 64", &result);
	/* On a file system that keeps its files in memory only there would be nothing to show. */
	assert_true(live__number(result, "major") > 0);
	check_file(*state, "--cold --pages 64", "read");
	check_file(*state, "--cold --pages 64 --map private", "write");
}

static void test_shmem(void **state)
{
	static const char *const kinds[] = {"anon", "memfd"};
	json_t *report, *process, *result, *row;
	char words[64];
	size_t i;

	for (i = 0; i < 2; i++) {
		snprintf(words, sizeof(words), "shmem --pages 200 --kind %s", kinds[i]);
		report = live__trace_pid(*state, ALL, words, &result);
		live__assert_sound(report, 0);
		process = live__process(report, live__number(result, "pid"));
		assert_totals(process, result);
		assert_sums(process);
		assert_number(process, "faults.by_region.shmem", 200);
		row = live__mapping_at(process, live__text(result, "address"));
		assert_number(row, "faults", 200);
		assert_number(row, "pages_touched", 200);
		assert_string_equal(live__text(row, "region"), "shmem");
		/* Shared memory is not the heap. */
		assert_number(process, "heap.growth_bytes", 0);
	}
}

static void check_populate(struct live *live, const char *way)
{
	json_t *report, *process, *result;
	char words[64];

	snprintf(words, sizeof(words), "populate --pages 100 --by %s", way);
	report = live__trace_pid(live, ALL, words, &result);
	live__assert_sound(report, 0);
	process = live__process(report, live__number(result, "pid"));
	assert_number(result, "minor", 100);
	assert_number(process, "check.kernel_minor", 100);
	assert_number(process, "check.explained.populated", 100);
	assert_number(process, "check.observed", 0);
}

static void test_populate(void **state)
{
	check_populate(*state, "mmap");
	check_populate(*state, "mlock");
}

static void test_populate_by_madvise(void **state)
{
	/* A kernel that knows the advice takes it for no memory at all. */
	if (madvise(NULL, 0, MADV_POPULATE_WRITE) && errno == EINVAL) {
		print_message("skip: MADV_POPULATE_WRITE is of Linux 5.14\n");
		skip();
	}
	check_populate(*state, "madvise");
}

static void test_regions(void **state)
{
	json_t *report, *process, *result;

	report = live__trace_pid(*state, ALL, "brksteps --steps 409600 --touch", &result);
	live__assert_sound(report, 0);
	process = live__process(report, live__number(result, "pid"));
	assert_totals(process, result);
	assert_number(process, "faults.by_region.heap", 100);
	assert_number(process, "faults.total", 100);
	assert_number(live__mapping_named(process, "[heap]"), "pages_touched", 100);

	report = live__trace_pid(*state, ALL, "stackgrow --bytes 1M", &result);
	live__assert_sound(report, 0);
	process = live__process(report, live__number(result, "pid"));
	assert_totals(process, result);
	assert_number(process, "faults.by_region.stack", live__number(result, "minor"));
	assert_true(live__number(result, "minor") > 200);
	assert_number(live__mapping_named(process, "[stack]"), "faults",
		      live__number(result, "minor"));
}

/* From its first instruction: the mirror of the address space begins with the exec. */
static void test_command(void **state)
{
	json_t *report, *process, *result, *row;
	int code;

	report = live__trace_command(*state, ALL, "fault --pages 777 --order down", &result, &code);
	assert_int_equal(code, 0);
	live__assert_sound(report, 0);
	assert_string_equal(live__text(report, "session.ended_by"), "target_exit");
	process = live__process(report, live__number(result, "pid"));
	assert_sums(process);
	row = live__mapping_at(process, live__text(result, "address"));
	assert_number(row, "faults", 777);
	assert_number(row, "pages_touched", 777);
	assert_string_equal(live__text(row, "pattern"), "down");
	/* What a start takes: code, data, its own zeroed data, a stack. */
	assert_true(live__number(process, "faults.by_region.text") > 0);
	assert_true(live__number(process, "faults.by_region.data") > 0);
	assert_true(live__number(process, "faults.by_region.bss") > 0);
	assert_true(live__number(process, "faults.by_region.stack") > 0);
	assert_true(live__number(process, "faults.by_access.exec") > 0);
	assert_number(process, "faults.by_region.other", 0);
	assert_number(process, "end.exit_code", 0);
}

static void test_timeline(void **state)
{
	int64_t minor = 0, major = 0;
	json_t *report, *process, *result, *point;
	double before_s = 0;
	size_t i;

	report = live__trace_pid(*state, ALL " -i 0.05", "fault --pages 200000", &result);
	live__assert_sound(report, 0);
	process = live__process(report, live__number(result, "pid"));
	assert_totals(process, result);
	assert_true(json_array_size(live__at(process, "faults.timeline")) > 1);
	json_array_foreach(live__at(process, "faults.timeline"), i, point)
	{
		double t_s = json_number_value(live__at(point, "t_s"));

		assert_true(t_s > before_s);
		before_s = t_s;
		minor += live__number(point, "minor");
		major += live__number(point, "major");
	}
	assert_int_equal(minor, live__number(result, "minor"));
	assert_int_equal(major, 0);
}

static void test_two_targets(void **state)
{
	struct live_process *workloads[2];
	struct live *live = *state;
	json_t *report, *results[2];
	size_t i;

	workloads[0] = live__start_workload(live, "fault --pages 111");
	workloads[1] = live__start_workload(live, "fault --pages 222 --order random");
	report = live__trace_pair(live, ALL, workloads, SIGTERM, results);
	live__assert_sound(report, 0);
	assert_string_equal(live__text(report, "session.ended_by"), "interrupt");
	assert_int_equal(json_array_size(live__at(report, "processes")), 2);
	for (i = 0; i < 2; i++)
		assert_totals(live__process(report, workloads[i]->pid), results[i]);
	assert_number(live__process(report, workloads[0]->pid), "faults.minor", 111);
	assert_number(live__process(report, workloads[1]->pid), "faults.minor", 222);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		live_test(test_orders),
		live_test(test_access),
		live_test(test_idle),
		live_test(test_many),
		live_test(test_file),
		live_test(test_major),
		live_test(test_shmem),
		live_test(test_populate),
		live_test(test_populate_by_madvise),
		live_test(test_regions),

		live_test(test_command),
		live_test(test_timeline),
		live_test(test_two_targets),
	};

	return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
