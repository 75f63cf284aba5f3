/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Limits of a whole machine: those of memory cgroups, version 2 or 1, whichever is mounted, and
 * what the system commits to. In guests only: scripts/vm/run --cgroup v1 has the other version.
 */
#include "live.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIMIT_BYTES (48LL << 20)
#define LIMIT_TEXT "48M"
#define FEW_PAGES 2000	 /* 8 MiB */
#define MANY_PAGES 10800 /* 42 MiB */
/* Each CPU may have some pages in stock, which are counted as used; and it goes on meanwhile. */
#define SLACK_BYTES (2LL << 20)

/* Two, one in the other: the limit is that of the upper one, the process is in the lower one. */
struct cgroups {
	int version;
	char mount[64];
	char upper[128], lower[160];
};

static bool is_there(const char *path)
{
	return !access(path, F_OK);
}

static bool cgroups__find(struct cgroups *cgroups)
{
	if (is_there("/sys/fs/cgroup/memory/memory.usage_in_bytes")) {
		cgroups->version = 1;
		strcpy(cgroups->mount, "/sys/fs/cgroup/memory");
		return true;
	}
	cgroups->version = 2;
	strcpy(cgroups->mount, "/sys/fs/cgroup");
	return is_there("/sys/fs/cgroup/cgroup.subtree_control");
}

static void write_value(const char *dir, const char *name, const char *value)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "we");
	if (!f)
		fail_msg("%s", path);
	fprintf(f, "%s\n", value);
	assert_int_equal(fclose(f), 0);
}

/* -1: there is none of that name. */
static int64_t read_value(const char *dir, const char *name)
{
	char path[256];
	long long value = -1;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "re");
	if (!f)
		return -1;
	if (fscanf(f, "%lld", &value) != 1)
		value = -1;
	fclose(f);
	return value;
}

static void cgroups__make(struct cgroups *cgroups)
{
	live__needs_guest();
	if (!cgroups__find(cgroups)) {
		print_message("skip: no memory cgroups are mounted\n");
		skip();
	}
	snprintf(cgroups->upper, sizeof(cgroups->upper), "%s/memtrace-test-%d", cgroups->mount,
		 getpid());
	snprintf(cgroups->lower, sizeof(cgroups->lower), "%s/lower", cgroups->upper);
	assert_int_equal(mkdir(cgroups->upper, 0755), 0);
	if (cgroups->version == 1) {
		if (!read_value(cgroups->upper, "memory.use_hierarchy"))
			write_value(cgroups->upper, "memory.use_hierarchy", "1");
		write_value(cgroups->upper, "memory.limit_in_bytes", LIMIT_TEXT);
	} else {
		write_value(cgroups->upper, "cgroup.subtree_control", "+memory");
		write_value(cgroups->upper, "memory.max", LIMIT_TEXT);
	}
	assert_int_equal(mkdir(cgroups->lower, 0755), 0);
}

static void cgroups__remove(const struct cgroups *cgroups)
{
	assert_int_equal(rmdir(cgroups->lower), 0);
	assert_int_equal(rmdir(cgroups->upper), 0);
}

static json_t *row_of(const json_t *process, const char *name, const char *path)
{
	json_t *row;
	size_t i;

	json_array_foreach(live__at(process, "limits.table"), i, row)
	{
		if (!strcmp(live__text(row, "name"), name) &&
		    !strcmp(live__text(row, "scope"), path))
			return row;
	}
	fail_msg("no %s of %s in %s", name, path, json_dumps(live__at(process, "limits.table"), 0));
	return NULL;
}

static const char *name_of_max(const struct cgroups *cgroups)
{
	return cgroups->version == 1 ? "memory.limit_in_bytes" : "memory.max";
}

/* The process moves there before it becomes the workload, which waits; memtrace is outside. */
static struct live_process *start_in(struct live *live, const struct cgroups *cgroups,
				     const char *before, const char *words)
{
	struct live_process *workload;
	char script[1024];
	const char *line;

	snprintf(script, sizeof(script),
		 "echo $$ >%s/cgroup.procs && %s exec build/workloads/%s --wait", cgroups->lower,
		 before, words);
	workload = live__start_shell(live, script);
	line = live__read_line(workload, false);
	assert_non_null(line);
	assert_non_null(strstr(line, "ready"));
	return workload;
}

/* Usage as memtrace had it at its end, while the workload still waits. */
static json_t *trace(struct live *live, struct live_process *workload, const char *options)
{
	struct live_process *memtrace;
	char path[128], text[512];
	json_t *report;

	live__report_path(live, path, sizeof(path));
	snprintf(text, sizeof(text), "-p %d -F json -o %s %s", workload->pid, path, options);
	memtrace = live__start_memtrace(live, text);
	live__await_tracing(memtrace);
	live__say(workload, "\n");
	live__read_json(live, workload);
	assert_int_equal(kill(memtrace->pid, SIGINT), 0);
	assert_int_equal(live__exit_code(memtrace), 0);
	report = live__load_report(live, path);
	live__assert_sound(report, workload->pid);
	return live__process(report, workload->pid);
}

static void assert_rows(const struct cgroups *cgroups, const json_t *process)
{
	const char *upper_path = cgroups->upper + strlen(cgroups->mount);
	const char *lower_path = cgroups->lower + strlen(cgroups->mount);
	const char *usage = cgroups->version == 1 ? "memory.usage_in_bytes" : "memory.current";
	const char *peak = cgroups->version == 1 ? "memory.max_usage_in_bytes" : "memory.peak";
	json_t *upper = row_of(process, name_of_max(cgroups), upper_path);
	json_t *lower = row_of(process, name_of_max(cgroups), lower_path);
	int64_t most = read_value(cgroups->upper, peak);

	assert_number(upper, "limit", LIMIT_BYTES);
	assert_true(json_is_null(live__at(lower, "limit")));
	assert_true(json_is_null(live__at(lower, "percent_worst")));
	assert_true(llabs(live__number(upper, "now") - read_value(cgroups->upper, usage)) <
		    SLACK_BYTES);
	assert_true(live__number(upper, "worst") <= LIMIT_BYTES);
	if (most >= 0)
		assert_true(llabs(live__number(upper, "worst") - most) < SLACK_BYTES);
	else
		assert_true(live__number(upper, "worst") >= live__number(upper, "now"));
}

static json_t *upper_row(const struct cgroups *cgroups, const json_t *process)
{
	return row_of(process, name_of_max(cgroups), cgroups->upper + strlen(cgroups->mount));
}

/* Seven eighths of the limit are anonymous memory. */
static void test_cgroup_near(void **state)
{
	struct live_process *workload;
	struct cgroups cgroups = {};
	char words[64];
	json_t *process, *row;

	cgroups__make(&cgroups);
	snprintf(words, sizeof(words), "fault --pages %d", MANY_PAGES);
	workload = start_in(*state, &cgroups, "", words);
	process = trace(*state, workload, "-i 0");
	assert_rows(&cgroups, process);
	row = upper_row(&cgroups, process);
	assert_true(json_is_true(live__at(row, "near")));
	assert_true(live__number(row, "held_bytes") >= MANY_PAGES * 4096LL - SLACK_BYTES);
	assert_true(live__number(row, "held_bytes") <= live__number(row, "now") + SLACK_BYTES);
	live__close_stdin(workload);
	live__wait(workload);
	cgroups__remove(&cgroups);
}

/* Full of page cache, which gives way: nothing to warn of. */
static void test_cgroup_full_of_cache(void **state)
{
	struct live_process *workload;
	struct cgroups cgroups = {};
	json_t *process, *row;
	char words[64], before[256];

	cgroups__make(&cgroups);
	snprintf(words, sizeof(words), "fault --pages %d", FEW_PAGES);
	snprintf(before, sizeof(before), "dd if=/dev/zero of=%s bs=1M count=64 status=none &&",
		 live__path(*state, "cache").s);
	workload = start_in(*state, &cgroups, before, words);
	process = trace(*state, workload, "-i 0");
	assert_rows(&cgroups, process);
	row = upper_row(&cgroups, process);
	assert_true(live__number(row, "worst") > LIMIT_BYTES / 10 * 9);
	assert_true(json_is_false(live__at(row, "near")));
	assert_true(live__number(row, "held_bytes") < LIMIT_BYTES / 2);
	live__close_stdin(workload);
	live__wait(workload);
	cgroups__remove(&cgroups);
}

/* memory.high holds back and kills nobody; it is changed while memtrace watches. */
static void test_cgroup_high(void **state)
{
	struct live_process *workload;
	struct cgroups cgroups = {};
	char words[64], value[32];
	json_t *process, *row;

	cgroups__make(&cgroups);
	if (cgroups.version == 1) {
		cgroups__remove(&cgroups);
		print_message("skip: version 1 of cgroups has no memory.high\n");
		skip();
	}
	snprintf(value, sizeof(value), "%lld", LIMIT_BYTES / 2);
	write_value(cgroups.lower, "memory.high", value);
	snprintf(words, sizeof(words), "fault --pages %d", FEW_PAGES);
	workload = start_in(*state, &cgroups, "", words);
	process = trace(*state, workload, "-i 0");
	row = row_of(process, "memory.high", cgroups.lower + strlen(cgroups.mount));
	assert_number(row, "limit", LIMIT_BYTES / 2);
	assert_true(live__number(row, "worst") >= FEW_PAGES * 4096LL - SLACK_BYTES);
	assert_true(json_is_false(live__at(row, "near")));
	live__close_stdin(workload);
	live__wait(workload);
	cgroups__remove(&cgroups);
}

/* Killed at the limit: the cgroup outlives it, and says so. */
static void test_cgroup_kill(void **state)
{
	struct live_process *workload, *memtrace;
	struct cgroups cgroups = {};
	char path[128], text[512];
	json_t *process, *row;
	pid_t pid;

	cgroups__make(&cgroups);
	if (cgroups.version == 2)
		write_value(cgroups.upper, "memory.swap.max", "0");
	else
		write_value(cgroups.upper, "memory.memsw.limit_in_bytes", LIMIT_TEXT);
	workload = start_in(*state, &cgroups, "", "fault --pages 20000");
	pid = workload->pid;
	live__report_path(*state, path, sizeof(path));
	snprintf(text, sizeof(text), "-p %d -F json -o %s", pid, path);
	memtrace = live__start_memtrace(*state, text);
	live__await_tracing(memtrace);
	live__say(workload, "\n");
	live__wait(workload);
	assert_int_equal(live__exit_code(workload), 128 + SIGKILL);
	assert_int_equal(live__exit_code(memtrace), 0);
	process = live__process(live__load_report(*state, path), pid);
	row = upper_row(&cgroups, process);
	/* Version 1 has met the limit with swap, and counts kills without those below. */
	if (cgroups.version == 1)
		row = row_of(process, name_of_max(&cgroups), cgroups.lower + strlen(cgroups.mount));
	else
		assert_true(live__number(row, "events") > 0 && json_is_true(live__at(row, "near")));
	assert_number(row, "oom_kills", 1);
	cgroups__remove(&cgroups);
}

static void test_overcommit_never(void **state)
{
	struct live *live = *state;
	struct live_process *workload;
	json_t *process, *row, *failure;
	size_t i;

	live__needs_guest();
	workload = live__start_workload(live, "limits --of overcommit --times 4");
	write_value("/proc/sys/vm", "overcommit_memory", "2");
	process = trace(live, workload, "-i 0");
	write_value("/proc/sys/vm", "overcommit_memory", "0");
	row = row_of(process, "vm.overcommit_memory", "system");
	assert_true(live__number(row, "now") > 0);
	assert_true(live__number(row, "limit") > live__number(row, "now"));
	assert_int_equal(json_array_size(live__at(process, "limits.failures")), 2);
	json_array_foreach(live__at(process, "limits.failures"), i, failure)
	{
		assert_string_equal(live__text(failure, "cause"), "overcommit");
		assert_number(failure, "count", 4);
		assert_number(failure, "limit", live__number(row, "limit"));
	}
	live__close_stdin(workload);
	live__wait(workload);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		live_test(test_cgroup_near),	  live_test(test_cgroup_full_of_cache),
		live_test(test_cgroup_high),	  live_test(test_cgroup_kill),
		live_test(test_overcommit_never),
	};

	return cmocka_run_group_tests_name("limits_guest", tests, NULL, NULL);
}
