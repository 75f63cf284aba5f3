/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ways to page faults that this kernel offers: the same workload through each gives the same
 * counts, and those are getrusage's. Which ways there are, memtrace doctor says; which there must
 * be, nobody: so a kernel with one way alone has its own counts compared only.
 */
#include "live.h"

#include <stdio.h>
#include <string.h>

#define ALL "-n 100000"

/*
 * The names of the ways that are offered; exact: from the chosen one on. One that is offered above
 * it is passed over for what it loses (fentry on 7.x, whose programs are skipped when preempted).
 */
static size_t list_ways(struct live *live, bool exact, const char *names[], size_t max)
{
	char path[128], options[256];
	bool passed_over = exact;
	json_t *doctor, *row;
	size_t i, nr = 0;

	live__report_path(live, path, sizeof(path));
	snprintf(options, sizeof(options), "doctor -F json -o %s", path);
	live__run_memtrace(live, options, 0);
	doctor = live__load_doctor(live, path);
	json_array_foreach(live__at(doctor, "probes"), i, row)
	{
		if (strcmp(live__text(row, "fact"), "page faults") ||
		    !json_is_true(live__at(row, "offered")))
			continue;
		passed_over &= !json_is_true(live__at(row, "chosen"));
		if (passed_over)
			continue;
		assert_true(nr < max);
		names[nr++] = json_string_value(json_array_get(live__at(row, "probes"), 0));
	}
	assert_true(nr > 0);
	return nr;
}

static size_t offered_ways(struct live *live, const char *names[], size_t max)
{
	return list_ways(live, true, names, max);
}

static bool reads_page_tables(const json_t *report)
{
	json_t *probe;
	size_t i;

	json_array_foreach(
		live__at(report, "probes"), i,
		probe) if (!strcmp(live__text(probe, "fact"),
				   "fault causes")) return strstr(live__text(probe, "via"),
								  "page tables");
	return false;
}

#define MAX_WAYS 8
#define MAX_WORDS 3

/* What a workload has done, as one way saw it. */
struct seen {
	const char *way;
	json_t *report, *process, *result;
};

/* All of them one after the other, by one memtrace: each in *ret. */
static void look(struct live *live, const char *way, const char *const *words, size_t nr,
		 struct seen *ret)
{
	struct live_run runs[MAX_WORDS] = {};
	char options[64];
	json_t *report;
	size_t i;

	assert_true(nr <= MAX_WORDS);
	for (i = 0; i < nr; i++)
		runs[i].words = words[i];
	snprintf(options, sizeof(options), ALL " --probe %s", way);
	report = live__trace_each(live, options, runs, nr);
	live__end_each(runs, nr);
	live__assert_sound(report, 0);
	for (i = 0; i < nr; i++) {
		ret[i] = (struct seen){way, report, runs[i].process, runs[i].result};
		assert_number(ret[i].result, "outside", 0);
		assert_number(ret[i].process, "faults.minor", live__number(ret[i].result, "minor"));
		assert_number(ret[i].process, "faults.major", live__number(ret[i].result, "major"));
	}
}

static void assert_same(const struct seen *a, const struct seen *b, const char *key,
			const char *words)
{
	const json_t *in_a = live__at(a->process, key), *in_b = live__at(b->process, key);

	if (!json_equal(in_a, in_b))
		fail_msg("%s: %s by %s: %s, by %s: %s", words, key, a->way,
			 json_dumps(in_a, JSON_COMPACT), b->way, json_dumps(in_b, JSON_COMPACT));
}

struct compared {
	const char *words;
	bool causes; /* these, too */
};

static void assert_alike(const struct seen *a, const struct seen *b,
			 const struct compared *compared)
{
	assert_same(a, b, "faults.minor", compared->words);
	assert_same(a, b, "faults.kernel", compared->words);
	assert_same(a, b, "faults.by_region", compared->words);
	if (compared->causes && reads_page_tables(a->report) && reads_page_tables(b->report))
		assert_same(a, b, "faults.by_cause", compared->words);
	if (json_is_object(live__at(a->process, "faults.by_access")) &&
	    json_is_object(live__at(b->process, "faults.by_access")))
		assert_same(a, b, "faults.by_access", compared->words);
}

static void compare(struct live *live, const struct compared *compared, size_t nr)
{
	const char *ways[MAX_WAYS], *words[MAX_WORDS];
	size_t nr_ways = offered_ways(live, ways, MAX_WAYS), i, j, k;
	struct seen seen[MAX_WAYS][MAX_WORDS];

	assert_true(nr <= MAX_WORDS);
	for (k = 0; k < nr; k++)
		words[k] = compared[k].words;
	for (i = 0; i < nr_ways; i++) {
		look(live, ways[i], words, nr, seen[i]);
		for (j = 0; j < i; j++)
			for (k = 0; k < nr; k++)
				assert_alike(&seen[j][k], &seen[i][k], &compared[k]);
	}
}

static void test_anon(void **state)
{
	static const struct compared compared[] = {
		{"fault --pages 1000 --order up", true},
		{"fault --pages 65 --order random", true},
	};

	compare(*state, compared, 2);
}

static void test_access(void **state)
{
	static const struct compared compared[] = {
		{"fault --pages 300 --access both", true},
		{"fault --pages 300 --access kernel", true},
	};

	compare(*state, compared, 2);
}

static void test_regions(void **state)
{
	const struct compared compared[] = {
		/* Where retries are major, not every way can tell them from what was swapped. */
		{"shmem --pages 200 --kind memfd", !live__retries_are_major()},
		{"brksteps --steps 409600 --touch", true},
		/* How much of it the stack had before is random: what it has not must grow. */
		{"stackgrow --bytes 1M", false},
	};

	compare(*state, compared, 3);
}

/* How many pages a fault maps is the page cache's matter: here each run has its own count. */
static void test_files(void **state)
{
	static const char *const words[] = {"filefault --map shared --access write",
					    "filefault --map private --access write",
					    "filefault --cold --pages 64"};
	const char *ways[MAX_WAYS];
	size_t nr = offered_ways(*state, ways, MAX_WAYS), i, j;
	struct seen seen[3];

	for (i = 0; i < nr; i++) {
		look(*state, ways[i], words, 3, seen);
		for (j = 0; j < 3; j++)
			assert_int_equal(live__number(seen[j].process, "faults.by_region.file"),
					 live__number(seen[j].process, "faults.total"));
	}
}

/* Many at once, on more threads than processors: nothing is lost, nothing counted twice. */
static void test_threads(void **state)
{
	static const char *const words[] = {"fault --pages 200000 --order random"};
	const char *ways[MAX_WAYS];
	size_t nr = offered_ways(*state, ways, MAX_WAYS), i;
	struct seen seen;

	for (i = 0; i < nr; i++)
		look(*state, ways[i], words, 1, &seen);
}

static void test_unavailable(void **state)
{
	static const char *const all[] = {"fentry", "tracepoint", "kprobe", "perf"};
	const char *ways[MAX_WAYS];
	size_t nr = list_ways(*state, false, ways, MAX_WAYS), i, j;
	struct live_process *memtrace;
	char options[64];

	for (i = 0; i < 4; i++) {
		for (j = 0; j < nr && strcmp(ways[j], all[i]); j++)
			;
		if (j < nr)
			continue;
		snprintf(options, sizeof(options), "--probe %s -d 0.1 -a", all[i]);
		memtrace = live__run_memtrace(*state, options, 77);
		assert_int_equal(live__count_lines(live__err(memtrace)), 1);
		assert_non_null(strstr(live__err(memtrace), all[i]));
	}
	memtrace = live__run_memtrace(*state, "--probe magic -a", 2);
	for (i = 0; i < 4; i++)
		assert_non_null(strstr(live__err(memtrace), all[i]));
}

/* What perf events do not tell is not there, and not zero. */
static void test_perf_admits(void **state)
{
	json_t *report, *process, *result;
	struct live_process *memtrace;

	report = live__trace_pid(*state, ALL " --probe perf", "fault --pages 100 --access write",
				 &result);
	live__assert_sound(report, 0);
	process = live__process(report, live__number(result, "pid"));
	assert_true(json_is_null(live__at(process, "faults.by_access")));
	assert_true(json_is_null(live__at(process, "faults.latency_ns")));
	assert_number(process, "faults.by_cause.anon_merged", 100);
	assert_number(process, "faults.by_region.anon", 100);
	memtrace = live__run_memtrace(*state, "--probe perf --slow 10 -q -- true", 0);
	assert_non_null(strstr(live__err(memtrace), "--slow lists nothing"));
}

/* Where each fault is timed there is a latency for each. */
static void test_latency(void **state)
{
	static const char *const words[] = {"fault --pages 500 --order up"};
	const char *ways[MAX_WAYS];
	size_t nr = offered_ways(*state, ways, MAX_WAYS), i;
	struct seen seen;

	for (i = 0; i < nr; i++) {
		if (strcmp(ways[i], "fentry") && strcmp(ways[i], "kprobe"))
			continue;
		look(*state, ways[i], words, 1, &seen);
		assert_number(seen.process, "faults.latency_ns.count", 500);
		assert_true(live__number(seen.process, "faults.latency_ns.p50") > 0);
	}
	if (strcmp(ways[0], "fentry")) {
		print_message("skip: this kernel offers no fentry\n");
		skip();
	}
}

/* "page-faults-min" or the like, of the probe in use. */
static const char *latency_probe(const json_t *report)
{
	json_t *probe;
	size_t i;

	json_array_foreach(live__at(report, "probes"), i, probe)
	{
		if (!strcmp(live__text(probe, "fact"), "fault latency"))
			return live__text(probe, "via");
	}
	return "";
}

#define MANY_THREADS 200
#define PAGES_EACH 50

/* One of so many on each CPU, or of each thread. */
static void check_sample(const json_t *process)
{
	int64_t weight = live__number(process, "faults.latency_ns.weight");
	int64_t count = live__number(process, "faults.latency_ns.count");
	int64_t minor = live__number(process, "faults.minor");

	assert_true(minor >= MANY_THREADS * PAGES_EACH);
	assert_in_range(count, minor / weight - MANY_THREADS, minor / weight + MANY_THREADS);
}

static json_t *trace_with_limit(struct live *live, const char *limit)
{
	struct live_process *workload, *memtrace;
	char path[128], script[512];
	json_t *report, *result;

	workload = live__start_workload(live, "threads --threads 200 --pages 50 --prestart");
	live__report_path(live, path, sizeof(path));
	snprintf(script, sizeof(script),
		 "ulimit %s && memtrace -p %d --probe tracepoint -F json -o %s " ALL, limit,
		 workload->pid, path);
	memtrace = live__start_shell(live, script);
	live__await_tracing(memtrace);
	result = live__finish_workload(live, workload);
	assert_int_equal(live__exit_code(memtrace), 0);
	report = live__load_report(live, path);
	live__assert_sound(report, 0);
	check_sample(live__process(report, live__number(result, "pid")));
	return report;
}

static void check_limit(struct live *live, const char *limit, const char *expected)
{
	const char *via = latency_probe(trace_with_limit(live, limit));

	if (!strstr(via, expected))
		fail_msg("ulimit %s: \"%s\" has no \"%s\"", limit, via, expected);
}

/* An event for each thread takes files: more than a process begins with, or may have at all. */
static void test_few_files(void **state)
{
	const char *ways[MAX_WAYS];
	size_t nr = offered_ways(*state, ways, MAX_WAYS), i;

	for (i = 0; i < nr && strcmp(ways[i], "tracepoint"); i++)
		;
	if (i == nr) {
		print_message("skip: this kernel offers no tracepoints of page faults\n");
		skip();
	}
	check_limit(*state, "-Sn 128", "one of 17");
	check_limit(*state, "-n 128", "all CPUs");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		live_test(test_anon),	 live_test(test_access),      live_test(test_regions),
		live_test(test_files),	 live_test(test_threads),     live_test(test_unavailable),
		live_test(test_latency), live_test(test_perf_admits), live_test(test_few_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
