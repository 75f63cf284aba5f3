/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two recordings compared: the difference is that of what the workloads say they did. */
#include "live.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 128
#define MAX_WORKLOADS 3

/* The recordings a.mtr and b.mtr of a test. */
static const char *path_of(struct live *live, const char *name, char *path)
{
	snprintf(path, PATH_BYTES, "%s/%s.mtr", live->dir, name);
	return path;
}

/* Attached to workloads while they act, and gone before they end; their results. */
static void record_pids(struct live *live, const char *name, const char *const words[],
			json_t *results[])
{
	struct live_process *workloads[MAX_WORKLOADS], *memtrace;
	char path[PATH_BYTES], text[512];
	size_t nr = 0, used;

	used = (size_t)snprintf(text, sizeof(text), "record -o %s -p", path_of(live, name, path));
	for (; nr < MAX_WORKLOADS && words[nr]; nr++) {
		workloads[nr] = live__start_workload(live, words[nr]);
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%d", nr ? "," : " ",
					 workloads[nr]->pid);
	}
	memtrace = live__start_memtrace(live, text);
	live__await_tracing(memtrace);
	for (size_t i = 0; i < nr; i++) {
		live__say(workloads[i], "\n");
		results[i] = live__read_json(live, workloads[i]);
		assert_number(results[i], "outside", 0);
		assert_number(results[i], "after", 0);
	}
	assert_int_equal(kill(memtrace->pid, SIGINT), 0);
	assert_int_equal(live__exit_code(memtrace), 0);
	for (size_t i = 0; i < nr; i++) {
		live__close_stdin(workloads[i]);
		live__wait(workloads[i]);
	}
}

/* A command from its start to its exit. */
static json_t *record_command(struct live *live, const char *name, const char *words)
{
	char path[PATH_BYTES], text[512];
	struct live_process *memtrace;
	json_t *result;

	snprintf(text, sizeof(text), "record -q -o %s -- build/workloads/%s",
		 path_of(live, name, path), words);
	memtrace = live__start_memtrace(live, text);
	result = live__read_json(live, memtrace);
	assert_int_equal(live__exit_code(memtrace), 0);
	return result;
}

static json_t *compare(struct live *live, const char *a, const char *b)
{
	char out[PATH_BYTES], a_path[PATH_BYTES], b_path[PATH_BYTES], text[512];
	struct live_process *memtrace;

	live__report_path(live, out, sizeof(out));
	snprintf(text, sizeof(text), "diff %s %s -F json -o %s", path_of(live, a, a_path),
		 path_of(live, b, b_path), out);
	memtrace = live__run_memtrace(live, text, 0);
	assert_string_equal(live__err(memtrace), "");
	assert_string_equal(live__out(memtrace), "");
	return live__load_diff(live, out);
}

static json_t *process_of(json_t *diff, const char *comm)
{
	json_t *process, *found = NULL;
	size_t i;

	json_array_foreach(live__at(diff, "processes"), i, process)
	{
		if (strcmp(live__text(process, "comm"), comm))
			continue;
		assert_null(found);
		found = process;
	}
	assert_non_null(found);
	return found;
}

static double real(const json_t *json, const char *path)
{
	json_t *value = live__at(json, path);

	assert_true(json_is_number(value));
	return json_number_value(value);
}

static void assert_real(const json_t *json, const char *path, double expected)
{
	double is = real(json, path);

	if (fabs(is - expected) > 1e-9 * fabs(expected))
		fail_msg("%s is %.12g, not %.12g", path, is, expected);
}

/* a, b and change of a number; and what is reckoned from them where it adds up. */
static void assert_change(json_t *diff, const json_t *process, const char *path, int64_t a,
			  int64_t b)
{
	json_t *value = live__at(process, path);
	double a_s = real(diff, "a.session.duration_s"), b_s = real(diff, "b.session.duration_s");

	assert_number(value, "a", a);
	assert_number(value, "b", b);
	assert_number(value, "change", b - a);
	if (a > 0 && b >= 0)
		assert_real(value, "change_percent", (double)(b - a) / (double)a * 100);
	else
		assert_true(json_is_null(live__at(value, "change_percent")));
	if (!json_object_get(value, "a_per_s"))
		return;
	/* The durations of the document are rounded to a microsecond. */
	assert_true(fabs(real(value, "a_per_s") * a_s - (double)a) <=
		    1e-6 * fabs(real(value, "a_per_s")) + 1e-9);
	assert_true(fabs(real(value, "b_per_s") * b_s - (double)b) <=
		    1e-6 * fabs(real(value, "b_per_s")) + 1e-9);
	assert_real(value, "change_per_s", real(value, "b_per_s") - real(value, "a_per_s"));
}

static void test_pages(void **state)
{
	static const char *const less[] = {"fault --pages 500", NULL};
	static const char *const more[] = {"fault --pages 1300 --order random", NULL};
	json_t *a, *b, *diff, *process;

	record_pids(*state, "a", less, &a);
	record_pids(*state, "b", more, &b);
	diff = compare(*state, "a", "b");
	assert_int_equal(json_array_size(live__at(diff, "processes")), 1);
	process = live__at(diff, "processes");
	process = json_array_get(process, 0);
	assert_string_equal(live__text(process, "comm"), "fault");
	assert_string_equal(live__text(process, "state"), "both");
	assert_string_equal(live__text(process, "exe.a"), live__text(process, "exe.b"));
	assert_number(a, "pages", 500);
	assert_number(b, "pages", 1300);
	assert_change(diff, process, "faults.total", live__number(a, "minor"),
		      live__number(b, "minor"));
	assert_change(diff, process, "faults.minor", 500, 1300);
	assert_change(diff, process, "faults.major", 0, 0);
	assert_change(diff, process, "faults.lost", 0, 0);
	assert_change(diff, process, "faults.by_region.anon", 500, 1300);
	assert_change(diff, process, "faults.by_region.heap", 0, 0);
	assert_change(diff, process, "heap.growth_bytes", 0, 0);
	assert_change(diff, diff, "all.faults.total", 500, 1300);
	/* Whether the last page was a huge one may remain open. */
	assert_int_equal(live__number(process, "faults.by_cause.anon_zero.b") +
				 live__number(process, "faults.by_cause.anon_merged.b"),
			 1300);
	assert_true(live__number(process, "faults.latency_ns.p50.a") > 0);
	assert_true(live__number(process, "faults.latency_ns.total.b") > 0);

	/* The other way round the same with other signs, and a word on it. */
	diff = compare(*state, "b", "a");
	assert_change(diff, live__at(diff, "all"), "faults.total", 1300, 500);
	assert_string_equal(live__text(json_array_get(live__at(diff, "warnings"), 0), "code"),
			    "order");
}

static void test_heap(void **state)
{
	static const char *const less[] = {"brksteps --steps 65536,131072,-65536 --touch", NULL};
	static const char *const more[] = {"brksteps --steps 1048576,-524288,4096 --touch --fail 2",
					   NULL};
	json_t *a, *b, *diff, *process;

	record_pids(*state, "a", less, &a);
	record_pids(*state, "b", more, &b);
	diff = compare(*state, "a", "b");
	process = process_of(diff, "brksteps");
	assert_change(diff, process, "heap.calls.brk.count", live__number(a, "calls"),
		      live__number(b, "calls"));
	assert_change(diff, process, "heap.calls.brk.failed", 0, 2);
	assert_change(diff, process, "heap.calls.brk.bytes", live__number(a, "grown_bytes"),
		      live__number(b, "grown_bytes"));
	assert_change(diff, process, "heap.calls.mmap.count", 0, 0);
	assert_change(diff, process, "heap.growth_bytes", live__number(a, "growth_bytes"),
		      live__number(b, "growth_bytes"));
	assert_change(diff, process, "faults.by_region.heap", live__number(a, "pages"),
		      live__number(b, "pages"));
	/* Both had the same before they began. */
	assert_number(process, "heap.peak_bytes.change",
		      live__number(b, "peak_growth_bytes") - live__number(a, "peak_growth_bytes"));
}

/* Two of one program are summed; what is in one recording only is gone, or new. */
static void test_sums(void **state)
{
	static const char *const before[] = {"fault --pages 300", "fault --pages 70",
					     "populate --pages 40", NULL};
	static const char *const after[] = {"brksteps --steps 8192 --touch", "fault --pages 2000",
					    NULL};
	json_t *a[3], *b[2], *diff, *process;

	record_pids(*state, "a", before, a);
	record_pids(*state, "b", after, b);
	diff = compare(*state, "a", "b");
	assert_int_equal(json_array_size(live__at(diff, "processes")), 3);
	process = process_of(diff, "fault");
	assert_number(process, "processes.a", 2);
	assert_number(process, "processes.b", 1);
	assert_change(diff, process, "faults.total", 370, 2000);
	process = process_of(diff, "populate");
	assert_string_equal(live__text(process, "state"), "gone");
	assert_true(json_is_null(live__at(process, "exe.b")));
	assert_number(process, "processes.b", 0);
	assert_change(diff, process, "heap.calls.mmap.count",
		      live__number(process, "heap.calls.mmap.count.a"), 0);
	process = process_of(diff, "brksteps");
	assert_string_equal(live__text(process, "state"), "new");
	assert_change(diff, process, "faults.total", 0, 2);
	assert_number(diff, "all.processes.a", 3);
	assert_number(diff, "all.processes.b", 2);
}

/* Sorted by what is compared, whichever that is. */
static void assert_sorted(json_t *diff)
{
	const char *key = strcmp(live__text(diff, "compared_by"), "rate")
				  ? "faults.total.change"
				  : "faults.total.change_per_s";
	double before = INFINITY;
	json_t *process;
	size_t i;

	json_array_foreach(live__at(diff, "processes"), i, process)
	{
		double change = fabs(real(process, key));

		assert_true(change <= before);
		before = change;
	}
}

/* Whole runs of a command: compared by their totals, however long they took. */
static void test_whole_runs(void **state)
{
	json_t *diff, *process, *a, *b;
	const char *name;
	int64_t change = 0;
	json_t *region;

	a = record_command(*state, "a", "fault --pages 500");
	b = record_command(*state, "b", "fault --pages 30000");
	diff = compare(*state, "a", "b");
	assert_string_equal(live__text(diff, "compared_by"), "total");
	assert_string_equal(live__text(diff, "a.session.ended_by"), "target_exit");
	process = process_of(diff, "fault");
	assert_number(a, "minor", 500);
	assert_number(b, "minor", 30000);
	json_object_foreach(live__at(process, "faults.by_region"), name, region) change +=
		live__number(region, "change");
	assert_number(process, "faults.total.change", change);
	assert_number(process, "faults.minor.change",
		      change - live__number(process, "faults.major.change"));
	/* Anonymous are the pages, and those of the list of their numbers. */
	assert_number(process, "faults.by_region.anon.change", 29500 + 29);
	assert_true(real(process, "heap.peak_rss_bytes.change") >= 29000 * 4096);
	assert_sorted(diff);
}

/* A process that is attached to is not seen whole: by the second, unless both took as long. */
static void test_rate(void **state)
{
	static const char *const words[] = {"fault --pages 100", "fault --pages 200", NULL};
	char path[PATH_BYTES], text[256];
	json_t *results[2], *diff;
	double a_s, b_s;

	snprintf(text, sizeof(text), "record -q -d 0.1 -o %s -p %d", path_of(*state, "a", path),
		 getpid());
	live__run_memtrace(*state, text, 0);
	record_pids(*state, "b", words, results);
	diff = compare(*state, "a", "b");
	a_s = real(diff, "a.session.duration_s");
	b_s = real(diff, "b.session.duration_s");
	assert_string_equal(live__text(diff, "compared_by"),
			    fabs(a_s - b_s) > 0.05 * fmax(a_s, b_s) ? "rate" : "total");
	assert_sorted(diff);
	/* Twice as long at least: there is no doubt. */
	snprintf(text, sizeof(text), "record -q -d 0.4 -o %s -p %d", path_of(*state, "c", path),
		 getpid());
	live__run_memtrace(*state, text, 0);
	diff = compare(*state, "a", "c");
	a_s = real(diff, "a.session.duration_s");
	b_s = real(diff, "b.session.duration_s");
	assert_string_equal(live__text(diff, "compared_by"),
			    fabs(a_s - b_s) > 0.05 * fmax(a_s, b_s) ? "rate" : "total");
}

static struct live_process *diff_text(struct live *live, const char *rest, int code)
{
	char a[PATH_BYTES], b[PATH_BYTES], text[512];

	snprintf(text, sizeof(text), "diff %s %s %s", path_of(live, "a", a), path_of(live, "b", b),
		 rest);
	return live__run_memtrace(live, text, code);
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no '%s' in:\n%s", part, text);
}

static void test_text(void **state)
{
	static const char *const less[] = {"fault --pages 500", NULL};
	static const char *const more[] = {"fault --pages 1300", NULL};
	struct live_process *memtrace;
	char path[PATH_BYTES];
	struct stat st;
	json_t *result;
	FILE *file;

	record_pids(*state, "a", less, &result);
	record_pids(*state, "b", more, &result);
	memtrace = diff_text(*state, "", 0);
	assert_has(live__out(memtrace), ": B compared with A\n");
	assert_has(live__out(memtrace), "/a.mtr\n");
	assert_has(live__out(memtrace), "/b.mtr\n");
	assert_has(live__out(memtrace), "1 process, 500 minor faults, 0 major faults");
	assert_has(live__out(memtrace), "1 process, 1,300 minor faults, 0 major faults");
	assert_has(live__out(memtrace), "\nA lasted ");
	assert_null(strchr(live__out(memtrace), '\033'));
	assert_string_equal(live__err(memtrace), "");

	/* One of two from a pipe; and what was cut off is told, and compared as far as it goes. */
	path_of(*state, "b", path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size - 8), 0);
	memtrace = diff_text(*state, "", 0);
	assert_has(live__out(memtrace), "warning: B is incomplete: ");
	assert_has(live__err(memtrace), "/b.mtr is incomplete: ");
	assert_int_equal(live__count_lines(live__err(memtrace)), 1);

	/* Not a recording, or none there: one line that names it, and nothing written. */
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("# not a recording\n", file);
	fclose(file);
	memtrace = diff_text(*state, "-F json", 1);
	assert_string_equal(live__out(memtrace), "");
	assert_int_equal(live__count_lines(live__err(memtrace)), 1);
	assert_has(live__err(memtrace), "/b.mtr");
	assert_int_equal(unlink(path), 0);
	memtrace = diff_text(*state, "", 1);
	assert_int_equal(live__count_lines(live__err(memtrace)), 1);
	assert_has(live__err(memtrace), "/b.mtr: No such file");
	memtrace = diff_text(*state, "-F csv", 2);
	assert_int_equal(live__count_lines(live__err(memtrace)), 1);
}

/* One recording from a pipe, and without any privilege. */
static void test_pipe(void **state)
{
	struct live *live = *state;
	struct live_process *shell;
	char script[1024], path[PATH_BYTES];

	record_command(live, "a", "fault --pages 500");
	record_command(live, "b", "fault --pages 500");
	path_of(live, "b", path);
	snprintf(script, sizeof(script),
		 "cp %s %s/memtrace && chmod 755 %s && chmod 644 %s/*.mtr && "
		 "setpriv --reuid=65534 --regid=65534 --clear-groups sh -c "
		 "'cat %s/a.mtr | %s/memtrace diff - %s -F json'",
		 live__memtrace(), live->dir, live->dir, live->dir, live->dir, live->dir, path);
	shell = live__start_shell(live, script);
	assert_int_equal(live__exit_code(shell), 0);
	assert_string_equal(live__err(shell), "");
	assert_has(live__out(shell), "\"file\":\"standard input\"");
	assert_has(live__out(shell), "\"kind\":\"diff\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		live_test(test_pages), live_test(test_heap),	   live_test(test_sums),
		live_test(test_rate),  live_test(test_whole_runs), live_test(test_text),
		live_test(test_pipe),
	};

	return cmocka_run_group_tests_name("diff", tests, NULL, NULL);
}
