/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The heap: break and anonymous mappings, calls and their failures, growth, peak, timeline. */
#include "live.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ALL "-n 100000"

static void assert_call(const json_t *process, const char *call, int64_t count, int64_t failed,
			int64_t bytes)
{
	char path[64];

	snprintf(path, sizeof(path), "heap.calls.%s.count", call);
	assert_number(process, path, count);
	snprintf(path, sizeof(path), "heap.calls.%s.failed", call);
	assert_number(process, path, failed);
	snprintf(path, sizeof(path), "heap.calls.%s.bytes", call);
	assert_number(process, path, bytes);
}

/* What the workload says of each of its calls is what the report has. */
static void assert_calls(const json_t *process, const json_t *result)
{
	const char *name;
	json_t *call;

	json_object_foreach(live__at(result, "calls"), name, call)
	{
		assert_call(process, name, live__number(call, "count"),
			    live__number(call, "failed"), live__number(call, "bytes"));
		if (live__number(call, "failed"))
			assert_int_equal(
				live__failures(process, name, (int)live__number(call, "errno")),
				live__number(call, "failed"));
	}
}

/* Peak is of break and mappings together: what there was at the start, and what came on top. */
static void assert_growth(const json_t *process, const json_t *result)
{
	int64_t now, growth;

	growth = live__number(process, "heap.growth_bytes");
	now = live__number(process, "heap.brk_bytes") +
	      live__number(process, "heap.anon_mmap_bytes");
	assert_int_equal(growth, live__number(result, "growth_bytes"));
	assert_number(process, "heap.peak_bytes",
		      now - growth + live__number(result, "peak_growth_bytes"));
}

/* They act one after the other, and are let go. */
static void trace(struct live *live, struct live_run *runs, size_t nr,
		  void (*check)(const json_t *process, const json_t *result))
{
	live__assert_sound(live__trace_each(live, ALL, runs, nr), 0);
	for (size_t i = 0; i < nr; i++) {
		assert_number(runs[i].result, "outside", 0);
		assert_number(runs[i].result, "after", 0);
		if (check)
			check(runs[i].process, runs[i].result);
	}
	live__end_each(runs, nr);
}

#define TRACE(live, runs, check) trace(live, runs, sizeof(runs) / sizeof((runs)[0]), check)

static void check_brk(const json_t *process, const json_t *result)
{
	assert_call(process, "brk", live__number(result, "calls"), live__number(result, "failed"),
		    live__number(result, "grown_bytes"));
	assert_growth(process, result);
	assert_number(process, "faults.by_region.heap", live__number(result, "pages"));
	assert_number(process, "faults.total", live__number(result, "pages"));
}

static void test_brk(void **state)
{
	struct live_run runs[] = {
		{.words = "brksteps --steps 65536"},
		{.words = "brksteps --steps 65536,131072,-65536,4096,-8192"},
		{.words = "brksteps --steps 1048576,-1048576,2097152 --touch"},
		{.words = "brksteps --steps 1048576,-524288,524288 --touch"},
	};

	TRACE(*state, runs, check_brk);
}

static void test_brk_fails(void **state)
{
	struct live_run runs[] = {{.words = "brksteps --steps 65536,4096 --fail 3"}};

	TRACE(*state, runs, check_brk);
	assert_int_equal(live__failures(runs[0].process, "brk", ENOMEM), 3);
}

/* The break is what the kernel has: /proc/PID/maps ends the heap there. */
static void test_brk_position(void **state)
{
	struct live_run runs[] = {{.words = "brksteps --steps 65536,131072,-65536 --touch"}};
	json_t *process, *breaks, *row;
	uint64_t last;

	TRACE(*state, runs, NULL);
	process = runs[0].process;
	breaks = live__at(runs[0].result, "breaks");
	last = strtoull(json_string_value(json_array_get(breaks, json_array_size(breaks) - 1)),
			NULL, 16);
	row = live__mapping_named(process, "[heap]");
	assert_int_equal(live__address(row, "start") + (uint64_t)live__number(row, "mapped_bytes"),
			 last);
	assert_int_equal(live__number(row, "mapped_bytes"),
			 live__number(process, "heap.brk_bytes"));
}

static void check_mmaps(const json_t *process, const json_t *result)
{
	assert_calls(process, result);
	assert_growth(process, result);
	assert_number(process, "faults.minor", live__number(result, "minor"));
}

static void test_mmap(void **state)
{
	struct live_run runs[] = {
		{.words = "mmaps --count 1 --bytes 4096"},
		{.words = "mmaps --count 16 --bytes 1M"},
		{.words = "mmaps --count 16 --bytes 64K --unmap 16"},
		{.words = "mmaps --count 5 --bytes 64K --unmap 2 --touch"},
	};

	TRACE(*state, runs, check_mmaps);
}

static void test_mremap(void **state)
{
	struct live_run runs[] = {
		{.words = "mmaps --count 4 --bytes 1M --grow 4"},
		{.words = "mmaps --count 4 --bytes 1M --shrink 3"},
		{.words = "mmaps --count 4 --bytes 1M --move 4"},
		{.words = "mmaps --count 6 --bytes 256K --grow 2 --move 3 --shrink 1 --unmap 3"},
	};

	TRACE(*state, runs, check_mmaps);
}

/* Faults follow a mapping that has moved: its pages are there already. */
static void test_mremap_mappings(void **state)
{
	struct live_run runs[] = {
		{.words = "mmaps --count 4 --bytes 256K --grow 1 --move 2 --touch"}};
	json_t *process, *mapping;
	size_t i;

	TRACE(*state, runs, NULL);
	process = runs[0].process;
	json_array_foreach(live__at(runs[0].result, "mappings"), i, mapping)
		assert_number(live__mapping_at(process, live__text(mapping, "address")),
			      "mapped_bytes", live__number(mapping, "bytes"));
	assert_number(process, "faults.by_region.anon", 4 * 64);
}

static void test_protect_and_advise(void **state)
{
	struct live_run runs[] = {
		{.words = "mmaps --count 3 --bytes 64K --protect 3"},
		{.words = "mmaps --count 3 --bytes 64K --dontneed 7 --touch"},
		{.words = "mmaps --count 1 --bytes 128K --arena 8"},
	};

	TRACE(*state, runs, check_mmaps);
}

static void test_failures(void **state)
{
	struct live_run runs[] = {
		{.words = "mmaps --count 1 --bad-mmap 2"},
		{.words = "mmaps --count 1 --bad-munmap 3"},
		{.words = "mmaps --count 1 --bad-mremap 4"},
		{.words = "mmaps --count 1 --bad-mprotect 5"},
		{.words = "mmaps --count 1 --bad-madvise 6"},
		{.words = "mmaps --count 3 --grow 1 --bad-mmap 1 --bad-munmap 1 --bad-mremap 1 "
			  "--bad-mprotect 1 --bad-madvise 1 --unmap 1"},
	};

	TRACE(*state, runs, check_mmaps);
}

static void test_quiet_heap(void **state)
{
	struct live_run runs[] = {{.words = "fault --pages 10"}};
	json_t *process;

	TRACE(*state, runs, NULL);
	process = runs[0].process;
	assert_number(process, "heap.growth_bytes", 0);
	assert_call(process, "brk", 0, 0, 0);
	assert_call(process, "mmap", 0, 0, 0);
	assert_call(process, "munmap", 0, 0, 0);
	assert_call(process, "mremap", 0, 0, 0);
	assert_call(process, "madvise", 0, 0, 0);
	assert_call(process, "mprotect", 0, 0, 0);
	assert_int_equal(json_array_size(live__at(process, "heap.failures")), 0);
}

/* The last point of the timeline is the end, and RSS holds what was touched. */
static void test_timeline(void **state)
{
	json_t *report, *process, *result, *points, *last;

	report = live__trace_pid(*state, ALL " -i 0.05", "mmaps --count 32 --bytes 1M --touch",
				 &result);
	live__assert_sound(report, 0);
	process = live__process(report, live__number(result, "pid"));
	points = live__at(process, "heap.timeline");
	assert_true(json_array_size(points) > 0);
	last = json_array_get(points, json_array_size(points) - 1);
	assert_number(last, "brk_bytes", live__number(process, "heap.brk_bytes"));
	assert_number(last, "anon_mmap_bytes", live__number(process, "heap.anon_mmap_bytes"));
	assert_true(live__number(process, "heap.anon_mmap_bytes") >= 32 << 20);
	assert_true(live__number(process, "heap.rss_bytes") >= 32 << 20);
	assert_number(process, "heap.rss_bytes", live__number(last, "rss_bytes"));
}

/* The break since the program's start, when that was traced too. */
static void test_command(void **state)
{
	json_t *report, *process, *result;
	int code;

	report = live__trace_command(*state, ALL, "brksteps --steps 1048576,-4096,65536 --fail 1",
				     &result, &code);
	assert_int_equal(code, 0);
	live__assert_sound(report, 0);
	process = live__process(report, live__number(result, "pid"));
	assert_true(live__number(process, "heap.brk_bytes") >=
		    live__number(result, "growth_bytes"));
	assert_true(live__number(process, "heap.peak_bytes") >=
		    live__number(result, "peak_growth_bytes"));
	assert_number(process, "heap.calls.brk.failed", 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		live_test(test_brk),
		live_test(test_brk_fails),
		live_test(test_brk_position),
		live_test(test_mmap),
		live_test(test_mremap),
		live_test(test_mremap_mappings),
		live_test(test_protect_and_advise),
		live_test(test_failures),
		live_test(test_quiet_heap),
		live_test(test_timeline),
		live_test(test_command),
	};

	return cmocka_run_group_tests_name("heap", tests, NULL, NULL);
}
