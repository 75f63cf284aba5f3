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

#define MAX_CASES 8

static void check_fault_case(const struct live_run *run, const struct fault_case *expect)
{
	const json_t *process = run->process, *row;

	assert_totals(process, run->result);
	assert_sums(process);
	assert_number(process, "faults.total", expect->faults);
	assert_number(process, "faults.by_region.anon", expect->faults);
	assert_number(process, "faults.by_access.read", expect->reads);
	assert_number(process, "faults.by_access.write", expect->writes);
	assert_number(process, "faults.by_access.exec", 0);
	assert_number(process, "faults.kernel", expect->kernel);
	row = live__mapping_at(process, live__text(run->result, "address"));
	assert_number(row, "faults", expect->faults);
	assert_number(row, "major", 0);
	assert_number(row, "pages_touched", expect->pages);
	assert_number(row, "mapped_bytes", live__number(run->result, "bytes"));
	assert_string_equal(live__text(row, "region"), "anon");
	if (expect->pattern)
		assert_string_equal(live__text(row, "pattern"), expect->pattern);
}

/* One after the other, by one memtrace; they are let go. */
static void trace(struct live *live, struct live_run *runs, size_t nr)
{
	json_t *report = live__trace_each(live, ALL, runs, nr);

	live__end_each(runs, nr);
	live__assert_sound(report, 0);
}

static void check_fault_cases(struct live *live, const struct fault_case *cases, size_t nr)
{
	struct live_run runs[MAX_CASES] = {};
	size_t i;

	assert_true(nr <= MAX_CASES);
	for (i = 0; i < nr; i++)
		runs[i].words = cases[i].words;
	trace(live, runs, nr);
	for (i = 0; i < nr; i++)
		check_fault_case(&runs[i], &cases[i]);
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

	check_fault_cases(*state, cases, sizeof(cases) / sizeof(*cases));
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

	check_fault_cases(*state, cases, sizeof(cases) / sizeof(*cases));
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

	check_fault_cases(*state, &many, 1);
}

struct file_case {
	const char *options, *access;
};

static void check_file(const struct live_run *run, const char *access)
{
	const json_t *process = run->process, *result = run->result, *row;
	int64_t total = live__number(process, "faults.total");
	char key[64];

	assert_totals(process, result);
	assert_sums(process);
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

static void check_files(struct live *live, const struct file_case *cases, size_t nr)
{
	struct live_run runs[MAX_CASES] = {};
	char words[MAX_CASES][256];
	size_t i;

	assert_true(nr <= MAX_CASES);
	for (i = 0; i < nr; i++) {
		snprintf(words[i], sizeof(words[i]), "filefault --dir %s %s --access %s", live->dir,
			 cases[i].options, cases[i].access);
		runs[i].words = words[i];
	}
	trace(live, runs, nr);
	for (i = 0; i < nr; i++)
		check_file(&runs[i], cases[i].access);
}

static void test_file(void **state)
{
	static const struct file_case cases[] = {
		{"--map shared", "read"},   {"--map private", "read"}, {"--map shared", "write"},
		{"--map private", "write"}, {"--map private", "exec"},
	};

	check_files(*state, cases, sizeof(cases) / sizeof(*cases));
}

static void test_major(void **state)
{
	static const struct file_case cases[] = {
		{"--cold --pages 64", "read"},
		{"--cold --pages 64 --map private", "write"},
	};
	json_t *result;

	live__trace_pid(*state, ALL, "filefault --cold --pages 64", &result);
	/* On a file system that keeps its files in memory only there would be nothing to show. */
	assert_true(live__number(result, "major") > 0);
	check_files(*state, cases, 2);
}

static void test_shmem(void **state)
{
	struct live_run runs[] = {{.words = "shmem --pages 200 --kind anon"},
				  {.words = "shmem --pages 200 --kind memfd"}};
	const json_t *process, *row;
	size_t i;

	trace(*state, runs, 2);
	for (i = 0; i < 2; i++) {
		process = runs[i].process;
		assert_totals(process, runs[i].result);
		assert_sums(process);
		assert_number(process, "faults.by_region.shmem", 200);
		row = live__mapping_at(process, live__text(runs[i].result, "address"));
		assert_number(row, "faults", 200);
		assert_number(row, "pages_touched", 200);
		assert_string_equal(live__text(row, "region"), "shmem");
		/* Shared memory is not the heap. */
		assert_number(process, "heap.growth_bytes", 0);
	}
}

static void check_populate(struct live *live, struct live_run *runs, size_t nr)
{
	trace(live, runs, nr);
	for (size_t i = 0; i < nr; i++) {
		assert_number(runs[i].result, "minor", 100);
		assert_number(runs[i].process, "check.kernel_minor", 100);
		assert_number(runs[i].process, "check.explained.populated", 100);
		assert_number(runs[i].process, "check.observed", 0);
	}
}

static void test_populate(void **state)
{
	struct live_run runs[] = {{.words = "populate --pages 100 --by mmap"},
				  {.words = "populate --pages 100 --by mlock"}};

	check_populate(*state, runs, 2);
}

static void test_populate_by_madvise(void **state)
{
	struct live_run run = {.words = "populate --pages 100 --by madvise"};

	/* A kernel that knows the advice takes it for no memory at all. */
	if (madvise(NULL, 0, MADV_POPULATE_WRITE) && errno == EINVAL) {
		print_message("skip: MADV_POPULATE_WRITE is of Linux 5.14\n");
		skip();
	}
	check_populate(*state, &run, 1);
}

static void test_regions(void **state)
{
	struct live_run runs[] = {{.words = "brksteps --steps 409600 --touch"},
				  {.words = "stackgrow --bytes 1M"}};
	const json_t *process, *result;

	trace(*state, runs, 2);
	process = runs[0].process;
	assert_totals(process, runs[0].result);
	assert_number(process, "faults.by_region.heap", 100);
	assert_number(process, "faults.total", 100);
	assert_number(live__mapping_named(process, "[heap]"), "pages_touched", 100);

	process = runs[1].process;
	result = runs[1].result;
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
