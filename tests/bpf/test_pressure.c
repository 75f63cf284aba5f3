/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processes that are short of memory: at the limit of their cgroup with swap to go to, and killed
 * there without. In guests only: on a machine with other users that is no experiment.
 */
#include "live.h"
#include "live_cgroup.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIMIT_BYTES (24 << 20)
#define PAGES 12000 /* 47 MiB */

/* The program is in the cgroup from its first instruction on; memtrace is not. */
static json_t *trace_in(struct live *live, const struct cgroup *cgroup, int code, char *out)
{
	struct live_process *shell;
	char script[1024], path[256];

	live__report_path(live, path, sizeof(path));
	snprintf(script, sizeof(script),
		 "memtrace -q -F json -n 1000 -o %s -- sh -c "
		 "'echo $$ >%s/cgroup.procs && exec build/workloads/fault --pages %d'",
		 path, cgroup->path, PAGES);
	shell = live__start_shell(live, script);
	live__wait(shell);
	assert_int_equal(live__exit_code(shell), code);
	snprintf(out, 4096, "%s", live__out(shell));
	return live__load_report(live, path);
}

static json_t *only_process(const json_t *report)
{
	const json_t *processes = live__at(report, "processes");

	assert_int_equal(json_array_size(processes), 1);
	return json_array_get(processes, 0);
}

static void test_swapping(void **state)
{
	struct cgroup cgroup = {};
	json_t *report, *process, *result;
	char out[4096];
	int64_t reclaimed;

	live__needs_guest();
	cgroup__make(&cgroup, LIMIT_BYTES);
	report = trace_in(*state, &cgroup, 0, out);
	reclaimed = cgroup__get(&cgroup, "memory.stat", "pgsteal");
	cgroup__remove(&cgroup);
	live__assert_sound(report, 0);
	process = only_process(report);
	live__assert_causes_add_up(process);
	result = json_loads(out, 0, NULL);
	assert_non_null(result);
	/* Every page is touched once, however often others go to swap meanwhile. */
	assert_true(live__number(process, "faults.by_cause.anon_zero") >= PAGES - 2);
	assert_true(reclaimed >= PAGES - LIMIT_BYTES / 4096);
	/* Its own count is of the touching alone. */
	assert_true(live__number(process, "faults.minor") >= live__number(result, "minor"));
	assert_true(live__number(process, "faults.major") >= live__number(result, "major"));
	json_decref(result);
}

static void test_killed(void **state)
{
	struct cgroup cgroup = {};
	json_t *report, *process;
	char out[4096];
	int64_t kills, faults;

	live__needs_guest();
	cgroup__make(&cgroup, LIMIT_BYTES);
	cgroup__set(&cgroup, "memory.swap.max", 0);
	report = trace_in(*state, &cgroup, 128 + SIGKILL, out);
	kills = cgroup__get(&cgroup, "memory.events", "oom_kill");
	faults = cgroup__get(&cgroup, "memory.stat", "pgfault");
	cgroup__remove(&cgroup);
	assert_int_equal(kills, 1);
	live__assert_sound(report, 0);
	process = only_process(report);
	live__assert_causes_add_up(process);
	assert_number(process, "end.signal", SIGKILL);
	/* It got as far as its limit let it, and the cgroup counted no less than it did there. */
	assert_true(live__number(process, "faults.by_cause.anon_zero") > LIMIT_BYTES / 4096 / 2);
	assert_true(live__number(process, "faults.by_cause.anon_zero") < PAGES);
	assert_true(faults >= live__number(process, "faults.by_cause.anon_zero"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {live_test(test_swapping), live_test(test_killed)};

	return cmocka_run_group_tests_name("pressure", tests, NULL, NULL);
}
