/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Out of memory in a cgroup of version 2: kills, and limits that are reached without one. In guests
 * only. Of version 1, and of the whole system: test_oom_small.c.
 */
#include "oom.h"

static void needs_v2(void)
{
	live__needs_guest();
	if (cgroup__version() != 2) {
		print_message("skip: this guest has no memory cgroups of version 2\n");
		skip();
	}
}

static void test_cgroup_kill(void **state)
{
	needs_v2();
	oom__check_cgroup_kill(*state);
}

static void test_other_is_killed(void **state)
{
	needs_v2();
	oom__check_other_is_killed(*state);
}

static void test_max(void **state)
{
	needs_v2();
	oom__check_reclaim(*state, NULL);
}

static void test_high(void **state)
{
	needs_v2();
	oom__check_reclaim(*state, "memory.high");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		live_test(test_cgroup_kill),
		live_test(test_other_is_killed),
		live_test(test_max),
		live_test(test_high),
	};

	return cmocka_run_group_tests_name("oom", tests, NULL, NULL);
}
