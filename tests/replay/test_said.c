// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Of each workload the report of its recording says what the workload has said of itself. So what
 * is expected of the reports is more than what memtrace once made of them.
 */
#include "saved.h"

#include <glob.h>
#include <stdio.h>
#include <string.h>

/* What a check of a recording has at hand. */
struct replay {
	json_t *report;	 /* all rows of every table */
	json_t *said;	 /* the workload's first line; NULL: it says none */
	json_t *process; /* the one that said it, or the only one */
};

static void assert_totals(const struct replay *replay)
{
	assert_number(replay->said, "outside", 0);
	assert_number(replay->process, "faults.minor",
		      live__number(replay->said, "minor") + live__number(replay->said, "after"));
	assert_number(replay->process, "faults.major", live__number(replay->said, "major"));
}

static json_t *assert_mapping(const struct replay *replay, int64_t faults)
{
	json_t *row = live__mapping_at(replay->process, live__text(replay->said, "address"));

	assert_number(row, "faults", faults);
	assert_number(row, "mapped_bytes", live__number(replay->said, "bytes"));
	return row;
}

static const struct {
	const char *kind; /* as the workload calls it */
	const char *verdict;
} verdicts[] = {
	{"bus", "beyond_eof"},	 {"call", "null_pointer"},   {"freed", "freed"},
	{"hole", "hole"},	 {"pkey", "protection_key"}, {"noncanonical", "non_canonical"},
	{"rodata", "read_only"},
};

static const char *verdict_of(const char *kind)
{
	for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
		if (!strcmp(verdicts[i].kind, kind))
			return verdicts[i].verdict;
	fail_msg("no verdict on %s", kind);
	return NULL;
}

/* Those that were handled have said how many; the others died of one. */
static void check_badaccess(const struct replay *replay)
{
	const char *verdict = verdict_of(live__text(replay->said, "kind"));
	json_t *handled = json_object_get(replay->said, "handled"), *row;
	size_t i;

	assert_number(replay->process, "crashes.handled", json_integer_value(handled));
	assert_number(replay->process, "crashes.fatal", !handled);
	json_array_foreach(live__at(replay->process, "crashes.list"), i, row)
	{
		assert_string_equal(live__text(row, "verdict"), verdict);
		assert_number(row, "tid", live__number(replay->said, "tid"));
		if (strcmp(verdict, "non_canonical"))
			assert_string_equal(live__text(row, "address"),
					    live__text(replay->said, "address"));
		if (handled)
			assert_string_equal(live__text(row, "ip"), live__text(replay->said, "ip"));
		if (strcmp(live__text(replay->said, "access"), "exec"))
			assert_string_equal(live__text(row, "ip_symbol"),
					    live__text(replay->said, "symbol"));
		if (strcmp(verdict, "freed"))
			continue;
		assert_number(row, "freed.tid", live__number(replay->said, "freed_tid"));
		assert_number(row, "freed.size_bytes", live__number(replay->said, "freed_bytes"));
		assert_true(json_real_value(live__at(row, "freed.age_s")) >= 0.02);
	}
	assert_true(i > 0);
}

static void check_brksteps(const struct replay *replay)
{
	int64_t growth = live__number(replay->said, "growth_bytes");

	assert_totals(replay);
	assert_number(replay->process, "heap.calls.brk.count", live__number(replay->said, "calls"));
	assert_number(replay->process, "heap.calls.brk.failed", 2);
	assert_number(replay->process, "heap.calls.brk.bytes",
		      live__number(replay->said, "grown_bytes"));
	assert_number(replay->process, "heap.growth_bytes", growth);
	assert_number(replay->process, "heap.peak_bytes",
		      live__number(replay->process, "heap.brk_bytes") +
			      live__number(replay->process, "heap.anon_mmap_bytes") - growth +
			      live__number(replay->said, "peak_growth_bytes"));
	assert_number(replay->process, "faults.by_region.heap",
		      live__number(replay->said, "pages"));
}

static void check_limits(const struct replay *replay)
{
	const char *limit = live__text(replay->said, "limit_name");

	live__assert_limit_failures(replay->process, replay->said);
	if (!strcmp(limit, "none"))
		return;
	assert_number(live__limit(replay->process, limit), "limit",
		      live__number(replay->said, "limit"));
	assert_true(json_is_true(live__at(live__limit(replay->process, limit), "near")));
}

/* It prints no figures; these are in its source. */
static void check_demo(const struct replay *replay)
{
	json_t *hits = live__at(replay->process, "stack.hits");

	assert_string_equal(live__text(replay->process, "comm"), "demo");
	assert_int_equal(json_array_size(hits), 1);
	assert_string_equal(live__text(json_array_get(hits, 0), "kind"), "main_limit");
	assert_number(json_array_get(hits, 0), "limit_bytes", 2 << 20);
	assert_number(replay->process, "end.exit_code", 0);
	/* Six mappings of 4 MiB, in three threads one of 2 MiB, and what malloc has for a thread.
	 */
	assert_in_range(live__number(replay->process, "faults.by_region.anon"), 30 << 8,
			(30 << 8) + 16);
	assert_true(json_array_size(live__at(replay->process, "faults.timeline")) >= 4);
}

static void check_execchain(const struct replay *replay)
{
	json_t *row = live__mapping_at(replay->process, live__text(replay->said, "address"));

	assert_number(row, "faults", live__number(replay->said, "pages"));
	assert_number(replay->process, "end.exit_code", live__number(replay->said, "code"));
	assert_int_equal(json_array_size(live__at(replay->report, "processes")), 1);
}

static void check_exits(const struct replay *replay)
{
	assert_number(replay->process, "end.exit_code", 3);
}

static void check_fault_both(const struct replay *replay)
{
	int64_t pages = live__number(replay->said, "pages");

	assert_totals(replay);
	assert_number(replay->process, "faults.by_access.read", pages);
	assert_number(replay->process, "faults.by_access.write", pages);
	assert_number(assert_mapping(replay, 2 * pages), "pages_touched", pages);
}

static void check_fault_random(const struct replay *replay)
{
	json_t *row = assert_mapping(replay, live__number(replay->said, "pages"));

	assert_totals(replay);
	assert_number(row, "pages_touched", live__number(replay->said, "pages"));
	assert_string_equal(live__text(row, "pattern"), "scattered");
}

static void check_fault_start(const struct replay *replay)
{
	json_t *row = assert_mapping(replay, live__number(replay->said, "pages"));

	assert_string_equal(live__text(row, "pattern"), "strided");
	assert_number(replay->process, "end.exit_code", 0);
	/* From its first instruction; what went before, the fork, is not the program's. */
	assert_true(live__number(replay->process, "faults.minor") <=
		    live__number(replay->said, "minor_in_all"));
	assert_true(live__number(replay->process, "faults.by_region.text") > 0);
}

static void check_filefault(const struct replay *replay)
{
	int64_t minor = live__number(replay->said, "minor");
	int64_t major = live__number(replay->said, "major");
	json_t *row = assert_mapping(replay, minor + major);

	assert_totals(replay);
	assert_number(row, "major", major);
	assert_string_equal(live__text(row, "name"), live__text(replay->said, "path"));
	assert_string_equal(live__text(row, "region"), "file");
}

static void check_filefault_cold(const struct replay *replay)
{
	check_filefault(replay);
	assert_true(live__number(replay->said, "major") > 0);
}

static void check_forkcow(const struct replay *replay)
{
	json_t *children = live__at(replay->said, "children"), *child, *process, *row;
	size_t i;

	assert_totals(replay);
	assert_int_equal(json_array_size(live__at(replay->report, "processes")),
			 1 + json_array_size(children));
	json_array_foreach(children, i, child)
	{
		process = live__process(replay->report, live__number(child, "pid"));
		assert_number(process, "ppid", live__number(child, "ppid"));
		assert_number(process, "faults.minor", live__number(child, "minor_in_all"));
		row = live__mapping_at(process, live__text(replay->said, "address"));
		assert_number(row, "faults", live__number(replay->said, "touched"));
		assert_number(process, "end.exit_code", 0);
	}
}

static void check_forkcow_vfork(const struct replay *replay)
{
	json_t *program = live__at(replay->said, "program"), *process, *row;

	assert_totals(replay);
	process = live__process(replay->report, live__number(program, "pid"));
	assert_string_equal(live__text(process, "comm"), "fault");
	/* exec fills some of its pages itself. */
	assert_number(process, "check.kernel_minor", live__number(program, "minor_in_all"));
	row = live__mapping_at(process, live__text(program, "address"));
	assert_number(row, "faults", live__number(program, "pages"));
}

static void check_manyprocs(const struct replay *replay)
{
	json_t *pids = live__at(replay->said, "pids"), *pid, *process;
	int64_t minor = 0, major = 0;
	size_t i;

	assert_totals(replay);
	assert_int_equal(json_array_size(live__at(replay->report, "processes")),
			 1 + json_array_size(pids));
	json_array_foreach(pids, i, pid)
	{
		process = live__process(replay->report, json_integer_value(pid));
		minor += live__number(process, "faults.minor");
		major += live__number(process, "faults.major");
		assert_number(process, "ppid", live__number(replay->said, "pid"));
		assert_number(process, "end.exit_code", 0);
	}
	assert_number(replay->said, "minor_of_children", minor);
	assert_number(replay->said, "major_of_children", major);
}

static void check_mmaps(const struct replay *replay)
{
	static const char *const keys[] = {"count", "failed", "bytes"};
	json_t *mapping, *call;
	const char *name;
	char path[64];
	size_t i;

	assert_totals(replay);
	json_object_foreach(live__at(replay->said, "calls"), name, call)
	{
		for (i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
			snprintf(path, sizeof(path), "heap.calls.%s.%s", name, keys[i]);
			assert_number(replay->process, path, live__number(call, keys[i]));
		}
		assert_int_equal(
			live__failures(replay->process, name, (int)live__number(call, "errno")),
			live__number(call, "failed"));
	}
	assert_number(replay->process, "heap.growth_bytes",
		      live__number(replay->said, "growth_bytes"));
	json_array_foreach(live__at(replay->said, "mappings"), i, mapping)
		assert_number(live__mapping_at(replay->process, live__text(mapping, "address")),
			      "mapped_bytes", live__number(mapping, "bytes"));
}

static void check_populate(const struct replay *replay)
{
	int64_t pages = live__number(replay->said, "pages");

	assert_number(replay->said, "minor", pages);
	assert_number(replay->process, "check.kernel_minor", pages);
	assert_number(replay->process, "check.explained.populated", pages);
	assert_number(replay->process, "check.observed", 0);
}

static void check_shmem(const struct replay *replay)
{
	json_t *row = assert_mapping(replay, live__number(replay->said, "pages"));

	assert_totals(replay);
	assert_string_equal(live__text(row, "region"), "shmem");
	assert_number(replay->process, "heap.growth_bytes", 0);
}

static void check_stackgrow(const struct replay *replay)
{
	assert_totals(replay);
	assert_number(replay->process, "stack.peak_bytes",
		      live__number(replay->said, "stack_bytes"));
	assert_number(replay->process, "faults.by_region.stack",
		      live__number(replay->said, "minor"));
}

/* What was touched before tracing began, and after. */
static void check_stackmark(const struct replay *replay)
{
	json_t *rows = live__at(replay->process, "stack.threads"), *thread, *row;
	size_t i, j, nr_found = 0;

	assert_totals(replay);
	json_array_foreach(live__at(replay->said, "threads"), i, thread)
	{
		json_array_foreach(rows, j, row)
		{
			if (live__number(row, "tid") != live__number(thread, "tid"))
				continue;
			assert_number(row, "peak_bytes", live__number(thread, "peak_bytes"));
			assert_true(json_is_true(live__at(row, "exact")));
			nr_found++;
		}
	}
	assert_int_equal(nr_found, 3);
}

static json_t *only_hit(const struct replay *replay, const char *kind)
{
	json_t *hits = live__at(replay->process, "stack.hits"), *hit;

	assert_int_equal(json_array_size(hits), 1);
	hit = json_array_get(hits, 0);
	assert_string_equal(live__text(hit, "kind"), kind);
	assert_number(hit, "tid", live__number(replay->said, "tid"));
	return hit;
}

/* As many frames as it has counted, of its three functions in turn. */
static void check_recurse(const struct replay *replay)
{
	json_t *stack = live__at(only_hit(replay, "thread_guard"), "stack");
	json_t *frames = live__at(stack, "frames");
	int64_t nr = live__number(replay->said, "frames");

	assert_true(json_is_false(live__at(stack, "cut_off")));
	assert_number(json_array_get(frames, 0), "cycle", 3);
	assert_number(json_array_get(frames, 0), "repeat", nr / 3);
	/* What is left of the last turn, the thread's begin, and its two callers in the library. */
	assert_int_equal(json_array_size(frames), 3 + nr % 3 + 4);
	assert_number(stack, "depth", nr + 4);
}

static void check_stackover_main(const struct replay *replay)
{
	json_t *hit = only_hit(replay, "main_limit");
	int64_t limit = live__number(replay->said, "limit_bytes");

	assert_number(hit, "limit_bytes", limit);
	assert_number(replay->process, "stack.peak_bytes", limit);
	assert_number(replay->process, "end.exit_code", 0);
}

/* The first line is the plan; where a handler saw it, the second is what it saw. */
static void check_stackover_kind(const struct replay *replay, const char *kind)
{
	json_t *hit = only_hit(replay, kind);
	bool died = live__number(replay->process, "crashes.fatal");

	assert_true(json_boolean_value(live__at(hit, "died")) == died);
	assert_number(replay->process, "crashes.handled", !died);
	if (died)
		assert_number(replay->process, "end.signal", live__number(replay->said, "signal"));
	assert_true(json_array_size(live__at(hit, "stack.frames")) < 20);
	assert_true(live__number(hit, "stack.depth") > 50);
}

static void check_stackover_altstack(const struct replay *replay)
{
	check_stackover_kind(replay, "altstack");
	assert_number(only_hit(replay, "altstack"), "limit_bytes",
		      live__number(replay->said, "limit_bytes"));
}

static void check_stackover_as(const struct replay *replay)
{
	check_stackover_kind(replay, "no_memory");
	assert_number(only_hit(replay, "no_memory"), "as_limit_bytes",
		      live__number(replay->said, "as_limit_bytes"));
}

static void check_stackover_fiber(const struct replay *replay)
{
	check_stackover_kind(replay, "thread_guard");
	assert_number(only_hit(replay, "thread_guard"), "limit_bytes",
		      live__number(replay->said, "limit_bytes"));
}

static void check_stackover_gap(const struct replay *replay)
{
	uint64_t address = live__address(only_hit(replay, "guard_gap"), "address");
	uint64_t lowest = live__address(replay->said, "obstacle_end") + (256 << 12);

	check_stackover_kind(replay, "guard_gap");
	assert_true(address < lowest && address >= lowest - 4096);
}

static void check_stackover_null(const struct replay *replay)
{
	assert_int_equal(json_array_size(live__at(replay->process, "stack.hits")), 0);
	assert_number(replay->process, "end.signal", live__number(replay->said, "signal"));
}

static void check_stackover_thread(const struct replay *replay)
{
	uint64_t address = live__address(only_hit(replay, "thread_guard"), "address");
	uint64_t start = live__address(replay->said, "stack_start");

	assert_true(address < start && address >= start - 4096);
	assert_number(replay->process, "end.signal", live__number(replay->said, "signal"));
}

static void check_threads(const struct replay *replay)
{
	json_t *threads = live__at(replay->said, "threads"), *rows, *thread, *row;
	size_t i, j;

	assert_totals(replay);
	rows = live__at(replay->process, "threads");
	json_array_foreach(threads, i, thread)
	{
		size_t nr_found = 0;

		json_array_foreach(rows, j, row)
		{
			if (live__number(row, "tid") != live__number(thread, "tid"))
				continue;
			assert_number(row, "minor", live__number(thread, "minor"));
			nr_found++;
		}
		assert_int_equal(nr_found, 1);
		row = live__mapping_at(replay->process, live__text(thread, "address"));
		assert_number(row, "faults",
			      live__number(thread, "minor") - live__number(thread, "stack_minor"));
	}
}

static void check_totals(const struct replay *replay)
{
	int64_t populated = live__number(replay->process, "faults.by_cause.populated");

	assert_number(replay->said, "outside", 0);
	assert_number(replay->said, "after", 0);
	assert_number(replay->process, "faults.minor",
		      live__number(replay->said, "minor") - populated);
	assert_number(replay->process, "faults.major", live__number(replay->said, "major"));
}

/* It may begin as soon as the balancing is on, and go on. */
static void check_numahint(const struct replay *replay)
{
	assert_true(live__number(replay->said, "minor") >= 64);
	assert_true(live__number(replay->process, "faults.minor") >=
		    live__number(replay->said, "minor"));
}

static const struct judge {
	const char *name;
	void (*check)(const struct replay *replay);
} judges[] = {
	{"badaccess", check_totals},
	{"badaccess-barrier", check_totals},
	{"badaccess-bus", check_badaccess},
	{"badaccess-call", check_badaccess},
	{"badaccess-freed", check_badaccess},
	{"badaccess-hole", check_badaccess},
	{"badaccess-noncanonical", check_badaccess},
	{"badaccess-pkey", check_badaccess},
	{"badaccess-rodata", check_badaccess},
	{"brksteps", check_brksteps},
	{"demo", check_demo},
	{"execchain", check_execchain},
	{"execchain-thread", check_execchain},
	{"exits", check_exits},
	{"fault-both", check_fault_both},
	{"fault-random", check_fault_random},
	{"fault-start", check_fault_start},
	{"filefault-cold", check_filefault_cold},
	{"filefault-write", check_filefault},
	{"forkcow", check_forkcow},
	{"forkcow-vfork", check_forkcow_vfork},
	{"huge", check_totals},
	{"huge-drop", check_totals},
	{"huge-threads", check_totals},
	{"limits-as", check_limits},
	{"limits-data", check_limits},
	{"limits-memlock", check_limits},
	{"limits-nothing", check_limits},
	{"manyprocs", check_manyprocs},
	{"mmaps", check_mmaps},
	{"numahint", check_numahint},
	{"populate", check_populate},
	{"race", check_totals},
	{"shared", check_totals},
	{"shmem", check_shmem},
	{"slow", check_totals},
	{"stackgrow", check_stackgrow},
	{"recurse", check_recurse},
	{"stackmark", check_stackmark},
	{"stackover-altstack", check_stackover_altstack},
	{"stackover-as", check_stackover_as},
	{"stackover-fiber", check_stackover_fiber},
	{"stackover-gap", check_stackover_gap},
	{"stackover-main", check_stackover_main},
	{"stackover-null", check_stackover_null},
	{"stackover-thread", check_stackover_thread},
	{"swap", check_totals},
	{"swap-shmem", check_totals},
	{"threads", check_threads},
};
#define NR_JUDGES (sizeof(judges) / sizeof(judges[0]))

/* As live__assert_causes() has them. */
static const struct {
	const char *name;
	const char *expect;
} causes[] = {
	{"badaccess", "invalid=handled"},
	{"badaccess-barrier", "invalid=handled cow=minor"},
	{"huge", "huge=8 anon_zero=1"},
	{"huge-drop", "anon_merged=8 anon_zero=1"},
	{"huge-threads", "huge=8 anon_zero=any"},
	{"numahint", "numa_hint=any"},
	{"race", "anon_zero+raced=minor"},
	{"shared", "cow=pages"},
	{"slow", "anon_zero=pages"},
	{"swap", "swap_in=swapped"},
	{"swap-shmem", "swap_in=major shmem=minor"},
};

static void check_causes(const struct replay *replay, const char *name)
{
	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
		if (!strcmp(causes[i].name, name))
			live__assert_causes(replay->process, replay->said, causes[i].expect);
}

static void check_said(const struct judge *judge)
{
	json_t *lines = saved__parse(saved__read(judge->name, "said.json"));
	struct replay replay = {
		.report = saved__parse(saved__report_whole(judge->name, "-v -n 0 -F json")),
		.said = json_array_get(lines, 0),
	};

	live__assert_sound(replay.report, 0);
	assert_string_equal(live__text(replay.report, "host.name"), "example");
	replay.process = replay.said
				 ? live__process(replay.report, live__number(replay.said, "pid"))
				 : json_array_get(live__at(replay.report, "processes"), 0);
	judge->check(&replay);
	check_causes(&replay, judge->name);
	json_decref(replay.report);
	json_decref(lines);
}

static void test_said(void **state)
{
	(void)state;
	for (size_t i = 0; i < NR_JUDGES; i++)
		check_said(&judges[i]);
}

/* Each workload has a recording of its name, or of its name and a word more. */
static void test_every_workload(void **state)
{
	glob_t found;

	(void)state;
	assert_int_equal(glob("tests/workloads/*.c", 0, NULL, &found), 0);
	assert_true(found.gl_pathc > 10);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *name = strrchr(found.gl_pathv[i], '/') + 1;
		size_t len = strcspn(name, "."), j = 0;

		while (j < NR_JUDGES && (strncmp(judges[j].name, name, len) ||
					 (judges[j].name[len] && judges[j].name[len] != '-')))
			j++;
		/* faultclock is for guests that count instructions, and says nothing of itself. */
		if (j == NR_JUDGES && strcmp(name, "common.c") && strcmp(name, "faultclock.c"))
			fail_msg("no recording of %s", found.gl_pathv[i]);
	}
	globfree(&found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_said),
		cmocka_unit_test(test_every_workload),
	};

	return cmocka_run_group_tests_name("said", tests, saved__set_looks, NULL);
}
