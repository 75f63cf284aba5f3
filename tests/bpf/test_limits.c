/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Limits that a process runs into, and how close it is to each: what failed and why says the
 * workload, which made it so; what is in use says /proc.
 */
#include "live.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A number that follows a word in a file of /proc/PID. */
static int64_t proc_number(int64_t pid, const char *file, const char *word)
{
	char path[64], line[256];
	long long number = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%lld/%s", (long long)pid, file);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, word, strlen(word)))
			number = atoll(line + strlen(word));
	fclose(f);
	return number;
}

/* As many mappings as its maps have, but the kernel's own page. */
static int64_t proc_mappings(int64_t pid)
{
	char path[64], line[512];
	int64_t nr = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%lld/maps", (long long)pid);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		nr += !strstr(line, "[vsyscall]");
	fclose(f);
	return nr;
}

static int64_t sysctl(const char *name)
{
	char path[64];
	long long number = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	f = fopen(path, "re");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lld", &number), 1);
	fclose(f);
	return number;
}

static void assert_now(const json_t *process, const char *name, int64_t now)
{
	assert_number(live__limit(process, name), "now", now);
	assert_true(live__number(live__limit(process, name), "worst") >= now);
}

/* While the workload waits for its end: the same as the kernel's own words. */
static void assert_use(const json_t *process, int64_t pid)
{
	assert_now(process, "RLIMIT_AS", proc_number(pid, "status", "VmSize:") << 10);
	assert_now(process, "RLIMIT_DATA", proc_number(pid, "status", "VmData:") << 10);
	assert_now(process, "RLIMIT_MEMLOCK", proc_number(pid, "status", "VmLck:") << 10);
	assert_now(process, "vm.max_map_count", proc_mappings(pid));
	assert_number(live__limit(process, "vm.max_map_count"), "limit",
		      sysctl("vm/max_map_count"));
	assert_true(live__number(live__limit(process, "RLIMIT_AS"), "worst") >=
		    proc_number(pid, "status", "VmPeak:") << 10);
}

/* The closest first, then those without a limit. */
static void assert_sorted(const json_t *process)
{
	double before = 1e9;
	json_t *row;
	size_t i;

	json_array_foreach(live__at(process, "limits.table"), i, row)
	{
		const json_t *percent = live__at(row, "percent_worst");
		double now = json_is_null(percent) ? -1 : json_number_value(percent);

		assert_true(now <= before);
		before = now;
	}
}

/* The workloads are left waiting for their end, so that their state can be read. */
static void trace_limits(struct live *live, struct live_run *runs, size_t nr)
{
	json_t *report = live__trace_each(live, "", runs, nr);

	for (size_t i = 0; i < nr; i++) {
		live__assert_sound(report, runs[i].pid);
		live__assert_limit_failures(runs[i].process, runs[i].result);
		assert_use(runs[i].process, runs[i].pid);
		assert_sorted(runs[i].process);
	}
}

static void end_limits(struct live_run *runs, size_t nr)
{
	live__end_each(runs, nr);
	for (size_t i = 0; i < nr; i++)
		assert_int_equal(runs[i].code, 0);
}

/* It has set this limit for itself, and has come so close to it that the report warns. */
static void check_rlimit(const struct live_run *run, const char *proc_name)
{
	const json_t *row = live__limit(run->process, live__text(run->result, "limit_name"));

	assert_number(row, "limit", live__number(run->result, "limit"));
	assert_number(row, "limit", proc_number(run->pid, "limits", proc_name));
	assert_true(json_is_true(live__at(row, "near")) == (live__number(row, "limit") > 0));
	assert_true(live__number(row, "worst") <= live__number(row, "limit"));
}

static void test_rlimits(void **state)
{
	struct live_run runs[] = {{.words = "limits --of as --times 5"},
				  {.words = "limits --of data"},
				  {.words = "limits --of memlock"},
				  {.words = "limits --of memlock-zero"}};

	trace_limits(*state, runs, 4);
	check_rlimit(&runs[0], "Max address space");
	check_rlimit(&runs[1], "Max data size");
	check_rlimit(&runs[2], "Max locked memory");
	check_rlimit(&runs[3], "Max locked memory");
	end_limits(runs, 4);
}

static void test_map_count(void **state)
{
	struct live_run run = {.words = "limits --of map-count"};
	const json_t *row;

	trace_limits(*state, &run, 1);
	row = live__limit(run.process, "vm.max_map_count");
	assert_true(live__number(row, "worst") >= live__number(row, "limit"));
	assert_true(json_is_true(live__at(row, "near")));
	/* It is what is closest. */
	assert_true(row == json_array_get(live__at(run.process, "limits.table"), 0));
	end_limits(&run, 1);
}

static void test_no_limit_of_its_own(void **state)
{
	struct live_run runs[] = {{.words = "limits --of space"},
				  {.words = "limits --of nothing --times 7"},
				  {.words = "limits --of overcommit"}};
	size_t i, j, nr = sysctl("vm/overcommit_memory") ? 2 : 3;
	json_t *row;

	trace_limits(*state, runs, nr);
	for (i = 0; i < nr; i++) {
		json_array_foreach(live__at(runs[i].process, "limits.table"), j, row)
		{
			assert_true(json_is_false(live__at(row, "near")) ||
				    live__has(row, "source", "cgroup"));
		}
	}
	end_limits(runs, nr);
}

/* What it says of its largest address space is what it was at worst; it has ended by itself. */
static json_t *check_peak(struct live *live, const char *words)
{
	json_t *result, *report, *process;
	int exit_code;

	report = live__trace_command(live, "-i 0 -n 100000", words, &result, &exit_code);
	assert_int_equal(exit_code, 0);
	process = live__process(report, live__number(result, "pid"));
	assert_number(live__limit(process, "RLIMIT_AS"), "worst",
		      live__number(result, "peak_bytes"));
	json_object_set(process, "said", result);
	return process;
}

/* Not only calls make an address space larger: so does the stack. */
static void test_stack_growth(void **state)
{
	json_t *process = check_peak(*state, "stackgrow --bytes 7M");

	assert_true(live__number(live__limit(process, "RLIMIT_AS"), "worst") >= 8 << 20);
}

/* What the kernel joins is mapped once. */
static void test_neighbours(void **state)
{
	json_t *process = check_peak(*state, "limits --of neighbours --times 20000"), *row;
	int64_t bytes = 0, by_size = 0, mapped = live__number(process, "said.mapped_bytes");
	size_t i;

	assert_true(mapped == 20000LL << 14);
	json_array_foreach(live__at(process, "faults.by_mapping"), i, row)
	{
		if (live__has(row, "region", "anon") && !json_is_true(live__at(row, "unmapped")))
			bytes += live__number(row, "mapped_bytes");
	}
	json_array_foreach(live__at(process, "faults.anon_by_size"), i, row) by_size +=
		live__number(row, "mapped_bytes");
	/* It has some more of its own. */
	assert_in_range(bytes, mapped, mapped + (4 << 20));
	assert_in_range(by_size, mapped, mapped + (4 << 20));
}

/* It gives the capability up after memtrace has looked: that a call fails says so. */
static void test_memlock_given_up(void **state)
{
	json_t *process, *row, *result, *report;
	int exit_code;

	report = live__trace_command(*state, "-i 0", "limits --of memlock", &result, &exit_code);
	assert_int_equal(exit_code, 0);
	process = live__process(report, live__number(result, "pid"));
	live__assert_limit_failures(process, result);
	row = live__limit(process, "RLIMIT_MEMLOCK");
	assert_true(json_is_true(live__at(row, "near")));
	assert_true(json_is_true(live__at(row, "holds")));
	assert_true(json_real_value(live__at(row, "percent_worst")) >= 80);
}

static void assert_capable(const json_t *process, const json_t *result)
{
	json_t *row = live__limit(process, "RLIMIT_MEMLOCK");

	assert_number(row, "limit", live__number(result, "limit"));
	assert_number(row, "worst", 4 * live__number(result, "limit"));
	assert_true(json_is_false(live__at(row, "near")));
	assert_true(json_is_false(live__at(row, "holds")));
	assert_true(json_is_null(live__at(row, "percent_worst")));
}

/* Who has the capability is told so: by what it may lock, or as memtrace has looked. */
static void test_memlock_capable(void **state)
{
	struct live_process *run;
	json_t *report, *result;
	int exit_code;

	report = live__trace_command(*state, "-i 0", "limits --of capable", &result, &exit_code);
	assert_int_equal(exit_code, 0);
	assert_capable(live__process(report, live__number(result, "pid")), result);
	report = live__trace_pid(*state, "-i 0", "limits --of capable", &result);
	assert_capable(live__process(report, live__number(result, "pid")), result);
	run = live__run_memtrace(*state, "-i 0 -- build/workloads/limits --of capable", 0);
	assert_non_null(strstr(live__out(run), "does not hold: CAP_IPC_LOCK"));
	assert_null(strstr(live__out(run), "400.0%"));
}

/* What was reached before memtrace came is in the kernel's own mark. */
static void test_peak_before(void **state)
{
	struct live_process *workload, *memtrace;
	struct live *live = *state;
	json_t *report, *row;
	char path[128], text[256];

	workload = live__start_workload(live, "limits --of as");
	live__say(workload, "\n");
	live__read_json(live, workload);
	live__report_path(live, path, sizeof(path));
	snprintf(text, sizeof(text), "-p %d -i 0 -d 0.1 -F json -o %s", workload->pid, path);
	memtrace = live__start_memtrace(live, text);
	assert_int_equal(live__exit_code(memtrace), 0);
	report = live__load_report(live, path);
	row = live__limit(live__process(report, workload->pid), "RLIMIT_AS");
	assert_number(row, "worst", proc_number(workload->pid, "status", "VmPeak:") << 10);
	assert_number(row, "limit", proc_number(workload->pid, "limits", "Max address space"));
}

/* A recording tells the same. */
static void test_recorded(void **state)
{
	struct live *live = *state;
	struct live_process *recorder;
	char text[512], path[128];
	json_t *report, *process;

	snprintf(text, sizeof(text), "record -q -o %s -- build/workloads/limits --of nothing",
		 live__path(live, "limits.mtr").s);
	recorder = live__run_memtrace(live, text, 0);
	assert_non_null(strstr(live__out(recorder), "failures"));
	live__report_path(live, path, sizeof(path));
	snprintf(text, sizeof(text), "report -F json -o %s %s", path,
		 live__path(live, "limits.mtr").s);
	live__run_memtrace(live, text, 0);
	report = live__load_report(live, path);
	process = json_array_get(live__at(report, "processes"), 0);
	live__assert_limit_failures(process, json_loads(live__out(recorder), 0, NULL));
	assert_true(json_array_size(live__at(process, "limits.table")) >= 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		live_test(test_rlimits),
		live_test(test_map_count),
		live_test(test_no_limit_of_its_own),
		live_test(test_peak_before),
		live_test(test_stack_growth),
		live_test(test_neighbours),
		live_test(test_memlock_given_up),
		live_test(test_memlock_capable),
		live_test(test_recorded),
	};

	return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
