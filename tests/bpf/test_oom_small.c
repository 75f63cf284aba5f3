/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Out of memory in a guest that has little of it, and cgroups of version 1 where its kernel still
 * has them: kills for the whole system and in a cgroup, and a limit that is reached without one.
 */
#include "oom.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* Beyond it, it is not the small guest of scripts/vm/check. */
#define SMALL_BYTES (1LL << 30)

static int64_t memory_bytes(void)
{
	return (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
}

static void needs_small_guest(void)
{
	live__needs_guest();
	if (memory_bytes() > SMALL_BYTES) {
		print_message("skip: this guest has too much memory\n");
		skip();
	}
}

static void needs_v1(void)
{
	needs_small_guest();
	if (cgroup__version() != 1) {
		print_message("skip: this kernel has no memory cgroups of version 1\n");
		skip();
	}
}

static void test_system_kill(void **state)
{
	const json_t *process, *kills, *kill;
	char command[96];
	json_t *report;

	needs_small_guest();
	snprintf(command, sizeof(command), "build/workloads/fault --pages %lld",
		 (long long)memory_bytes() / 4096);
	report = oom__trace_in(*state, NULL, command, 128 + SIGKILL);
	process = oom__process(report);
	assert_number(process, "end.signal", SIGKILL);
	assert_true(json_is_true(live__at(process, "oom.killed")));
	kills = live__at(process, "oom.kills");
	assert_true(json_array_size(kills) > 0);
	kill = json_array_get(kills, json_array_size(kills) - 1);
	assert_string_equal(live__text(kill, "scope"), "system");
	assert_true(json_is_null(live__at(kill, "cgroup")));
	oom__check_kill(kill, live__number(process, "pid"), "constraint=CONSTRAINT_NONE");
	assert_true(live__number(process, "oom.reclaim.system.count") > 0);
	assert_number(process, "oom.reclaim.cgroup.count", 0);
}

static void test_cgroup_kill(void **state)
{
	needs_v1();
	oom__check_cgroup_kill(*state);
}

static void test_other_is_killed(void **state)
{
	needs_v1();
	oom__check_other_is_killed(*state);
}

static void test_limit(void **state)
{
	needs_v1();
	oom__check_reclaim(*state, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		live_test(test_cgroup_kill),
		live_test(test_other_is_killed),
		live_test(test_limit),
		live_test(test_system_kill),
	};

	return cmocka_run_group_tests_name("oom_small", tests, NULL, NULL);
}
