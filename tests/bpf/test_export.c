/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The events themselves: live, and from a recording of the same run. The report of that recording,
 * the workload and getrusage are the judges.
 */
#include "recording.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a live run leaves in the test's directory, beside the recording. */
#define LIVE_LINES "live.ndjson"

/* Both formats, by somebody else's parsers; how many lines. */
static size_t compare_formats(struct live *live, const char *kind, const char *comm)
{
	struct live_path ndjson = live__path(live, "export.ndjson"),
			 csv = live__path(live, "export.csv");
	char *argv[] = {"/usr/bin/python3",
			"tests/replay/compare_csv.py",
			ndjson.s,
			csv.s,
			(char *)kind,
			(char *)comm,
			NULL};
	struct live_process *python;

	recording__export(live, "ndjson", "export.ndjson");
	recording__export(live, "csv", "export.csv");
	python = live__start(live, argv);
	live__close_stdin(python);
	if (live__exit_code(python))
		fail_msg("the formats differ: %s", live__err(python));
	return strtoul(live__out(python), NULL, 10);
}

/* The lines of a file as an array, which the caller releases. */
static json_t *load_rows(const char *path)
{
	char *text = live__read_file(path), *line, *rest = text;
	json_t *rows = json_array(), *row;
	json_error_t error;

	while ((line = strsep(&rest, "\n")) && *line) {
		row = json_loads(line, JSON_REJECT_DUPLICATES, &error);
		if (!row)
			fail_msg("%s in: %s", error.text, line);
		json_array_append_new(rows, row);
	}
	free(text);
	return rows;
}

/* Live lines and the export are the same, the two formats too, and the times go one way. */
static json_t *check_lines(struct live *live)
{
	char *live_lines = live__read_file(live__path(live, LIVE_LINES).s), *exported;
	size_t nr = compare_formats(live, NULL, NULL), i;
	int64_t t_ns, before = INT64_MIN;
	json_t *rows, *row;

	exported = live__read_file(live__path(live, "export.ndjson").s);
	assert_string_equal(exported, live_lines);
	free(exported);
	free(live_lines);
	rows = load_rows(live__path(live, LIVE_LINES).s);
	assert_int_equal(json_array_size(rows), nr);
	json_array_foreach(rows, i, row)
	{
		t_ns = live__number(row, "t_ns");
		assert_true(t_ns >= before);
		before = t_ns;
	}
	return rows;
}

static json_t *load_report(struct live *live)
{
	char path[128], text[512];

	live__report_path(live, path, sizeof(path));
	snprintf(text, sizeof(text), "report %s -F json -n 0 -o %s",
		 live__path(live, RECORDING_NAME).s, path);
	live__run_memtrace(live, text, 0);
	return live__load_report(live, path);
}

/* A workload's events, live and recorded; the lines, which the caller releases, and the report. */
static json_t *trace(struct live *live, const char *options, const char *words, json_t **ret_result,
		     json_t **ret_report)
{
	struct live_process *workload = live__start_workload(live, words), *memtrace;
	char text[512];

	snprintf(text, sizeof(text), "-p %d -i 0.2 -F ndjson -o %s --force --record %s %s",
		 workload->pid, live__path(live, LIVE_LINES).s, live__path(live, RECORDING_NAME).s,
		 options);
	memtrace = live__start_memtrace(live, text);
	live__await_tracing(memtrace);
	live__say(workload, "\n");
	*ret_result = live__read_json(live, workload);
	assert_int_equal(kill(memtrace->pid, SIGINT), 0);
	assert_int_equal(live__exit_code(memtrace), 0);
	assert_string_equal(live__out(memtrace), "");
	live__close_stdin(workload);
	live__wait(workload);
	*ret_report = load_report(live);
	live__assert_sound(*ret_report, 0);
	return check_lines(live);
}

/* A command's, which follows its own rules. */
static json_t *trace_command(struct live *live, const char *options, const char *words, int code,
			     json_t **ret_report)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "-i 0.2 -q -F ndjson -o %s --force --record %s %s -- build/workloads/%s",
		 live__path(live, LIVE_LINES).s, live__path(live, RECORDING_NAME).s, options,
		 words);
	live__run_memtrace(live, text, code);
	*ret_report = load_report(live);
	live__assert_sound(*ret_report, 0);
	return check_lines(live);
}

/* Rows of a process (0: of any) and kind, with a result; NULL: any. */
static int64_t count(const json_t *rows, int64_t pid, const char *kind, const char *result)
{
	int64_t nr = 0;
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) nr += live__has(row, "kind", kind) &&
					       (!pid || live__number(row, "pid") == pid) &&
					       (!result || live__has(row, "result", result));
	return nr;
}

/* A line of its own, or where the probe sees each fault's end a word. */
static bool is_major(const json_t *row)
{
	const char *detail = json_string_value(json_object_get(row, "detail"));

	return live__has(row, "kind", "major") ||
	       (live__has(row, "kind", "fault") && detail && strstr(detail, "major"));
}

static int64_t count_majors(const json_t *rows, int64_t pid)
{
	int64_t nr = 0;
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) nr +=
		is_major(row) && (!pid || live__number(row, "pid") == pid);
	return nr;
}

static json_t *find(const json_t *rows, const char *kind)
{
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) if (live__has(row, "kind", kind)) return row;
	fail_msg("no row of kind %s", kind);
	return NULL;
}

/* Each process has as many lines of faults as exceptions were seen, and of major ones. */
static void check_faults(const json_t *rows, const json_t *report)
{
	json_t *process;
	size_t i;

	assert_true(json_array_size(live__at(report, "processes")) > 0);
	json_array_foreach(live__at(report, "processes"), i, process)
	{
		int64_t pid = live__number(process, "pid");

		assert_int_equal(count(rows, pid, "fault", NULL),
				 live__number(process, "check.observed"));
		assert_int_equal(count_majors(rows, pid),
				 live__number(process, "check.kernel_major"));
	}
}

static void test_faults(void **state)
{
	json_t *result, *report, *rows, *row;
	uint64_t expected;
	size_t i, nr_merged = 0;

	rows = trace(*state, "", "fault --pages 3000", &result, &report);
	check_faults(rows, report);
	assert_int_equal(count(rows, 0, "fault", NULL),
			 live__number(result, "minor") + live__number(result, "major"));
	/* The touched pages, one after the other. */
	expected = live__address(result, "address");
	json_array_foreach(rows, i, row)
	{
		if (!live__has(row, "kind", "fault") || !live__has(row, "region", "anon"))
			continue;
		assert_int_equal(live__address(row, "address"), expected);
		assert_string_equal(live__text(row, "access"), "write");
		assert_string_equal(live__text(row, "comm"), "fault");
		/* The first of a page table: whether it maps a huge page comes out later. */
		if (!live__has(row, "cause", "anon_merged"))
			assert_string_equal(live__text(row, "cause"), "anon_zero");
		else
			nr_merged++;
		assert_number(row, "tid", live__number(result, "tid"));
		expected += (uint64_t)sysconf(_SC_PAGESIZE);
	}
	assert_int_equal(expected,
			 live__address(result, "address") + live__number(result, "bytes"));
	assert_true(nr_merged <= 3000 / 512 + 2);
	json_decref(rows);
}

static void test_major(void **state)
{
	json_t *result, *report, *rows, *row;
	size_t i;

	rows = trace(*state, "", "filefault --cold --pages 64", &result, &report);
	check_faults(rows, report);
	assert_true(live__number(result, "major") > 0);
	assert_int_equal(count_majors(rows, 0), live__number(result, "major"));
	json_array_foreach(rows, i, row)
	{
		if (!is_major(row))
			continue;
		assert_string_equal(live__text(row, "cause"), "file_major");
		assert_true(live__number(row, "latency_ns") > 0);
		assert_string_equal(live__text(row, "region"), "file");
		assert_string_equal(live__text(row, "name"), live__text(result, "path"));
	}
	json_decref(rows);
}

/* The bytes of the calls of a kind that succeeded. */
static int64_t sum_bytes(const json_t *rows, const char *kind)
{
	int64_t sum = 0;
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) if (live__has(row, "kind", kind) &&
					     live__text(row, "result")[0] != 'E') sum +=
		live__number(row, "size_bytes");
	return sum;
}

/* As the workload counted them, with the errno that it saw. */
static void test_calls(void **state)
{
	json_t *result, *report, *rows, *call;
	const char *name;

	rows = trace(*state, "",
		     "mmaps --count 8 --grow 2 --move 3 --shrink 2 --protect 5 --dontneed 4 "
		     "--arena 3 --unmap 2 --touch --bad-mmap 2 --bad-munmap 3 --bad-mremap 4 "
		     "--bad-mprotect 5 --bad-madvise 6",
		     &result, &report);
	check_faults(rows, report);
	json_object_foreach(live__at(result, "calls"), name, call)
	{
		int64_t failed = live__number(call, "failed");

		assert_true(failed > 0);
		assert_int_equal(count(rows, 0, name, NULL), live__number(call, "count"));
		assert_int_equal(
			count(rows, 0, name, strerrorname_np((int)live__number(call, "errno"))),
			failed);
		assert_int_equal(sum_bytes(rows, name), live__number(call, "bytes"));
	}
	json_decref(rows);
}

static void test_lives(void **state)
{
	struct live *live = *state;
	json_t *report, *rows, *row, *process;
	int64_t own, nr_children = 0;
	size_t i;

	rows = trace_command(live, "-f", "manyprocs --processes 60 --pages 3 --code 7", 0, &report);
	check_faults(rows, report);
	own = live__number(find(rows, "exec"), "pid");
	assert_int_equal(count(rows, own, "fork", NULL), 60);
	assert_int_equal(count(rows, 0, "exit", "7"), 60);
	assert_int_equal(count(rows, own, "exit", "0"), 1);
	json_array_foreach(rows, i, row)
	{
		if (!live__has(row, "kind", "fork"))
			continue;
		process = live__process(report, live__number(row, "child_pid"));
		assert_number(process, "ppid", own);
		nr_children++;
	}
	assert_int_equal(json_array_size(live__at(report, "processes")), nr_children + 1);
	json_decref(rows);
}

static void test_signal(void **state)
{
	json_t *report, *rows, *row, *process, *hit;

	rows = trace_command(*state, "", "stackover --mode thread", 128 + SIGSEGV, &report);
	row = find(rows, "signal");
	process = json_array_get(live__at(report, "processes"), 0);
	hit = json_array_get(live__at(process, "stack.hits"), 0);
	assert_non_null(hit);
	assert_string_equal(live__text(row, "result"), "SIGSEGV");
	assert_non_null(strstr(live__text(row, "detail"), "hit=thread_guard"));
	assert_string_equal(live__text(row, "address"), live__text(hit, "address"));
	assert_number(row, "size_bytes", live__number(hit, "size_bytes"));
	assert_number(row, "tid", live__number(hit, "tid"));
	assert_int_equal(count(rows, 0, "exit", "SIGSEGV"), 2);
	json_decref(rows);
}

/* A program with such a name; the kernel keeps 15 bytes of it. */
static void check_name(struct live *live, const char *name, const char *in_python)
{
	char target[4096], path[256], out[128], mtr[128];
	char *argv[] = {(char *)live__memtrace(),
			"-q",
			"-F",
			"ndjson",
			"-o",
			out,
			"--force",
			"--record",
			mtr,
			"--",
			path,
			"--idle",
			NULL};

	strcpy(out, live__path(live, LIVE_LINES).s);
	strcpy(mtr, live__path(live, RECORDING_NAME).s);
	snprintf(path, sizeof(path), "%s/%s", live->dir, name);
	assert_non_null(realpath("build/workloads/fault", target));
	assert_int_equal(symlink(target, path), 0);
	assert_int_equal(live__exit_code(live__start(live, argv)), 0);
	assert_true(compare_formats(live, "exec", in_python) > 0);
}

static void test_strange_names(void **state)
{
	check_name(*state, "=1+1,\"x\"\n;-2", "=1+1,\"x\"\\n;-2");
	check_name(*state, "@\t'=\x1b[31m\xff\r", "@\\t'=\\x1b[31m\\ufffd\\r");
	check_name(*state, "-\xc3\xa9\xe2\x80\xae,", "-\\u00e9\\u202e,");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		live_test(test_faults), live_test(test_major),	live_test(test_calls),
		live_test(test_lives),	live_test(test_signal), live_test(test_strange_names),
	};

	return cmocka_run_group_tests_name("export", tests, NULL, NULL);
}
