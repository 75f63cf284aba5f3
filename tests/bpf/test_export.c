/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The events themselves: live, and from a recording of the same run. The report of that recording,
 * the workload and getrusage are the judges.
 */
#include "live.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memtrace/record.h"
#include "recording/writer.h"

/* What a run leaves in the test's directory. */
#define RECORDING "run.mtr"
#define LIVE_LINES "live.ndjson"

struct path {
	char s[128];
};

static struct path in_dir(const struct live *live, const char *name)
{
	struct path path;

	snprintf(path.s, sizeof(path.s), "%s/%s", live->dir, name);
	return path;
}

static char *read_file(const char *path)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file = fopen(path, "r");

	if (!file)
		fail_msg("no %s", path);
	/* To its end: the text has no NUL. */
	if (getdelim(&text, &size, '\0', file) < 0)
		text = strdup("");
	fclose(file);
	return text;
}

static void export_as(struct live *live, const char *format, const char *name)
{
	char text[512];

	snprintf(text, sizeof(text), "export %s -F %s -o %s", in_dir(live, RECORDING).s, format,
		 in_dir(live, name).s);
	live__run_memtrace(live, text, 0);
}

/* Both formats, by somebody else's parsers; how many lines. */
static size_t compare_formats(struct live *live, const char *kind, const char *comm)
{
	struct path ndjson = in_dir(live, "export.ndjson"), csv = in_dir(live, "export.csv");
	char *argv[] = {"/usr/bin/python3",
			"tests/replay/compare_csv.py",
			ndjson.s,
			csv.s,
			(char *)kind,
			(char *)comm,
			NULL};
	struct live_process *python;

	export_as(live, "ndjson", "export.ndjson");
	export_as(live, "csv", "export.csv");
	python = live__start(live, argv);
	live__close_stdin(python);
	if (live__exit_code(python))
		fail_msg("the formats differ: %s", live__err(python));
	return strtoul(live__out(python), NULL, 10);
}

/* The lines of a file as an array, which the caller releases. */
static json_t *load_rows(const char *path)
{
	char *text = read_file(path), *line, *rest = text;
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
	char *live_lines = read_file(in_dir(live, LIVE_LINES).s), *exported;
	size_t nr = compare_formats(live, NULL, NULL), i;
	int64_t t_ns, before = INT64_MIN;
	json_t *rows, *row;

	exported = read_file(in_dir(live, "export.ndjson").s);
	assert_string_equal(exported, live_lines);
	free(exported);
	free(live_lines);
	rows = load_rows(in_dir(live, LIVE_LINES).s);
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
	snprintf(text, sizeof(text), "report %s -F json -n 0 -o %s", in_dir(live, RECORDING).s,
		 path);
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
		 workload->pid, in_dir(live, LIVE_LINES).s, in_dir(live, RECORDING).s, options);
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
		 in_dir(live, LIVE_LINES).s, in_dir(live, RECORDING).s, options, words);
	live__run_memtrace(live, text, code);
	*ret_report = load_report(live);
	live__assert_sound(*ret_report, 0);
	return check_lines(live);
}

static bool has(const json_t *row, const char *key, const char *value)
{
	const char *text = json_string_value(json_object_get(row, key));

	return text && !strcmp(text, value);
}

/* Rows of a process (0: of any) and kind, with a result; NULL: any. */
static int64_t count(const json_t *rows, int64_t pid, const char *kind, const char *result)
{
	int64_t nr = 0;
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) nr += has(row, "kind", kind) &&
					       (!pid || live__number(row, "pid") == pid) &&
					       (!result || has(row, "result", result));
	return nr;
}

/* A line of its own, or where the probe sees each fault's end a word. */
static bool is_major(const json_t *row)
{
	const char *detail = json_string_value(json_object_get(row, "detail"));

	return has(row, "kind", "major") ||
	       (has(row, "kind", "fault") && detail && strstr(detail, "major"));
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

	json_array_foreach(rows, i, row) if (has(row, "kind", kind)) return row;
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
		if (!has(row, "kind", "fault") || !has(row, "region", "anon"))
			continue;
		assert_int_equal(live__address(row, "address"), expected);
		assert_string_equal(live__text(row, "access"), "write");
		assert_string_equal(live__text(row, "comm"), "fault");
		/* The first of a page table: whether it maps a huge page comes out later. */
		if (!has(row, "cause", "anon_merged"))
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

	json_array_foreach(rows, i,
			   row) if (has(row, "kind", kind) && live__text(row, "result")[0] != 'E')
		sum += live__number(row, "size_bytes");
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
		if (!has(row, "kind", "fork"))
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

	strcpy(out, in_dir(live, LIVE_LINES).s);
	strcpy(mtr, in_dir(live, RECORDING).s);
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

/*
 * Lines come while it runs, and when nobody reads them any more it ends as if it had been asked to:
 * the recording beside them is whole.
 */
static void test_reader_leaves(void **state)
{
	struct live_process *workload = live__start_workload(*state, "fault"), *memtrace;
	json_t *result, *row;
	struct live_process *report;
	char text[256];

	snprintf(text, sizeof(text), "-p %d -i 0.05 -F ndjson --record %s", workload->pid,
		 in_dir(*state, RECORDING).s);
	memtrace = live__start_memtrace(*state, text);
	live__await_tracing(memtrace);
	live__say(workload, "\n");
	result = live__read_json(*state, workload);
	do {
		const char *line = live__read_line(memtrace, false);

		if (!line)
			fail_msg("it ended: %s", live__err(memtrace));
		row = json_loads(line, 0, NULL);
		assert_non_null(row);
		if (has(row, "kind", "fault") && has(row, "region", "anon"))
			break;
		json_decref(row);
	} while (true);
	assert_int_equal(live__address(row, "address"), live__address(result, "address"));
	json_decref(row);
	close(memtrace->out);
	memtrace->out = -1;
	assert_int_equal(live__exit_code(memtrace), 0);
	assert_int_equal(live__count_lines(live__err(memtrace)), 1);
	snprintf(text, sizeof(text), "report %s", in_dir(*state, RECORDING).s);
	report = live__run_memtrace(*state, text, 0);
	assert_string_equal(live__err(report), "");
	assert_non_null(strstr(live__out(report), "until interrupted"));
}

static void record(struct live *live, const char *name, const char *words)
{
	char text[512];

	snprintf(text, sizeof(text), "record -q --force -o %s %s", in_dir(live, name).s, words);
	live__run_memtrace(live, text, 0);
}

static void test_reader_leaves_export(void **state)
{
	struct live_process *memtrace;
	char text[256];

	/* Far more lines than a pipe holds. */
	record(*state, RECORDING, "-- build/workloads/fault --pages 4000");
	snprintf(text, sizeof(text), "export %s -F csv", in_dir(*state, RECORDING).s);
	memtrace = live__start_memtrace(*state, text);
	assert_int_equal(strncmp(live__read_line(memtrace, false), "time,t_ns,pid,", 14), 0);
	close(memtrace->out);
	memtrace->out = -1;
	assert_int_equal(live__exit_code(memtrace), 0);
	assert_string_equal(live__err(memtrace), "");
}

/* A live run's file can be followed, and what was there before is gone at once. */
static void test_file_grows(void **state)
{
	struct live_process *workload = live__start_workload(*state, "fault"), *memtrace;
	struct path path = in_dir(*state, "out.csv");
	char text[256], address[64], *lines;
	json_t *result;
	FILE *file;
	bool there;

	file = fopen(path.s, "w");
	assert_non_null(file);
	fputs("of yesterday\n", file);
	fclose(file);
	snprintf(text, sizeof(text), "-p %d -F csv -o %s", workload->pid, path.s);
	memtrace = live__start_memtrace(*state, text);
	live__await_tracing(memtrace);
	live__say(workload, "\n");
	result = live__read_json(*state, workload);
	snprintf(address, sizeof(address), ",fault,%s,anon,", live__text(result, "address"));
	do {
		usleep(1000); /* the test's alarm ends it */
		lines = read_file(path.s);
		there = strstr(lines, address);
		assert_null(strstr(lines, "of yesterday"));
		free(lines);
	} while (!there);
	kill(memtrace->pid, SIGINT);
	assert_int_equal(live__exit_code(memtrace), 0);
	lines = read_file(path.s);
	assert_non_null(strstr(lines, address));
	assert_string_equal(lines + strlen(lines) - 2, "\r\n");
	free(lines);
}

/* The first half of the recording by a pipe, until it is read. */
static struct live_process *export_half(struct live *live, const char *out, const char *recording,
					size_t size)
{
	struct live_process *memtrace;
	char text[256];
	int waiting;

	snprintf(text, sizeof(text), "export - -o %s", out);
	memtrace = live__start_memtrace(live, text);
	assert_int_equal(write(memtrace->in, recording, size), size);
	do {
		usleep(1000);
		assert_int_equal(ioctl(memtrace->in, FIONREAD, &waiting), 0);
	} while (waiting);
	return memtrace;
}

static void check_file(const char *path, const char *expected)
{
	char *text = read_file(path);

	assert_string_equal(text, expected);
	free(text);
}

/* From a recording it is the whole file or none. */
static void test_file_is_whole(void **state)
{
	struct path out = in_dir(*state, "out.ndjson"), path = in_dir(*state, RECORDING);
	struct live_process *memtrace;
	char *recording, *expected;
	struct stat st;
	FILE *file;
	int fd;

	record(*state, RECORDING, "-- build/workloads/fault --pages 4000 --order random");
	export_as(*state, "ndjson", "export.ndjson");
	expected = read_file(in_dir(*state, "export.ndjson").s);
	assert_int_equal(stat(path.s, &st), 0);
	recording = malloc((size_t)st.st_size);
	fd = open(path.s, O_RDONLY);
	assert_int_equal(read(fd, recording, (size_t)st.st_size), st.st_size);
	close(fd);
	file = fopen(out.s, "w");
	fputs("of yesterday\n", file);
	fclose(file);

	memtrace = export_half(*state, out.s, recording, (size_t)st.st_size / 2);
	check_file(out.s, "of yesterday\n");
	kill(memtrace->pid, SIGKILL);
	live__wait(memtrace);
	check_file(out.s, "of yesterday\n");

	memtrace = export_half(*state, out.s, recording, (size_t)st.st_size / 2);
	check_file(out.s, "of yesterday\n");
	assert_int_equal(write(memtrace->in, recording + st.st_size / 2,
			       (size_t)(st.st_size - st.st_size / 2)),
			 st.st_size - st.st_size / 2);
	live__close_stdin(memtrace);
	assert_int_equal(live__exit_code(memtrace), 0);
	check_file(out.s, expected);
	free(recording);
	free(expected);
}

/* What there is, and on stderr that it is not all. */
static void test_cut_off(void **state)
{
	struct path path = in_dir(*state, RECORDING);
	struct live_process *memtrace;
	char text[256], *all, *line, *rest;
	size_t nr = 0, nr_all;
	const char *at;
	struct stat st;

	record(*state, RECORDING, "-- build/workloads/fault --pages 100000 --order random");
	export_as(*state, "ndjson", "export.ndjson");
	all = read_file(in_dir(*state, "export.ndjson").s);
	nr_all = live__count_lines(all);
	assert_int_equal(stat(path.s, &st), 0);
	assert_int_equal(truncate(path.s, st.st_size / 2), 0);
	snprintf(text, sizeof(text), "export %s", path.s);
	memtrace = live__run_memtrace(*state, text, 0);
	assert_int_equal(live__count_lines(live__err(memtrace)), 1);
	assert_non_null(strstr(live__err(memtrace), RECORDING " is incomplete: it breaks off "));
	/* Its lines are lines of the whole, in the same order. */
	rest = memtrace->out_text.text;
	for (at = all; (line = strsep(&rest, "\n")) && *line; nr++) {
		at = strstr(at, line);
		if (!at)
			fail_msg("not of the whole: %s", line);
		at += strlen(line);
	}
	assert_true(nr > 0 && nr < nr_all);
	free(all);
}

static void write_recording(const char *path, uint64_t lost)
{
	struct mt_session session = {
		.hdr = {.time_ns = 1000, .size_bytes = sizeof(session), .kind = MT_KIND_SESSION},
		.page_bytes = 4096,
	};
	struct mt_losses losses = {
		.hdr = {.time_ns = 2000, .size_bytes = sizeof(losses), .kind = MT_KIND_LOSS},
		.lost = {[MT_LOSS_RING_FAULTS] = lost},
		.delivered = 1000,
	};
	struct mt_end end = {
		.hdr = {.time_ns = 3000, .size_bytes = sizeof(end), .kind = MT_KIND_END}};
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	struct writer *writer;
	uint64_t bytes;

	assert_int_equal(writer__new(fd, &writer), 0);
	assert_int_equal(writer__push(writer, &session, sizeof(session)), 0);
	assert_int_equal(writer__push(writer, &losses, sizeof(losses)), 0);
	assert_int_equal(writer__push(writer, &end, sizeof(end)), 0);
	assert_int_equal(writer__finish(writer, &bytes), 0);
	writer__free(writer);
	close(fd);
}

static void test_losses(void **state)
{
	struct path path = in_dir(*state, RECORDING);
	struct live_process *memtrace;
	char text[256];

	snprintf(text, sizeof(text), "export %s -F csv", path.s);
	write_recording(path.s, 24);
	memtrace = live__run_memtrace(*state, text, 0);
	assert_string_equal(live__err(memtrace),
			    "memtrace: lost 24 of 1,024 records: the export is incomplete\n");
	assert_non_null(strstr(live__out(memtrace), ",loss,,,,24,,,,,,ring_full_faults=24,,\r\n"));
	write_recording(path.s, 0);
	memtrace = live__run_memtrace(*state, text, 0);
	assert_string_equal(live__err(memtrace), "");
	assert_int_equal(live__count_lines(live__out(memtrace)), 1);
}

static void test_cannot_write(void **state)
{
	struct live_process *memtrace;
	char text[256];

	record(*state, RECORDING, "-- build/workloads/fault --pages 4000");
	snprintf(text, sizeof(text), "export %s -o /dev/full", in_dir(*state, RECORDING).s);
	memtrace = live__run_memtrace(*state, text, 1);
	assert_string_equal(live__err(memtrace),
			    "memtrace: cannot write /dev/full: No space left on device\n");
	memtrace = live__run_memtrace(
		*state, "-q -F csv -o /dev/full -- build/workloads/fault --pages 4000", 1);
	assert_string_equal(live__err(memtrace),
			    "memtrace: cannot write /dev/full: No space left on device\n");
}

static int64_t peak_of_export(struct live *live, const char *name)
{
	char text[256];

	snprintf(text, sizeof(text), "export %s -o /dev/null", in_dir(live, name).s);
	return live__run_memtrace(live, text, 0)->peak_rss_bytes;
}

#define SLACK_BYTES (2 << 20)

/*
 * Enough to fill all buffers, and then four times as many events, ten times as many processes: they
 * take no more memory. Kept, a process would take a thousand bytes and more, a fault 24.
 */
static void test_constant_memory(void **state)
{
	int64_t few, many;

	record(*state, "few.mtr", "-- build/workloads/fault --pages 100000");
	record(*state, "many.mtr", "-- build/workloads/fault --pages 400000");
	few = peak_of_export(*state, "few.mtr");
	many = peak_of_export(*state, "many.mtr");
	if (many > few + SLACK_BYTES)
		fail_msg("%lld bytes for few faults, %lld for many", (long long)few,
			 (long long)many);
	record(*state, "few.mtr", "-f -- build/workloads/manyprocs --processes 800");
	record(*state, "many.mtr", "-f -- build/workloads/manyprocs --processes 8000");
	few = peak_of_export(*state, "few.mtr");
	many = peak_of_export(*state, "many.mtr");
	if (many > few + SLACK_BYTES)
		fail_msg("%lld bytes for few processes, %lld for many", (long long)few,
			 (long long)many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* First: the peak of a process begins with that of its parent. */
		live_test(test_constant_memory),
		live_test(test_faults),
		live_test(test_major),
		live_test(test_calls),
		live_test(test_lives),
		live_test(test_signal),
		live_test(test_strange_names),
		live_test(test_reader_leaves),
		live_test(test_reader_leaves_export),
		live_test(test_file_grows),
		live_test(test_file_is_whole),
		live_test(test_cut_off),
		live_test(test_losses),
		live_test(test_cannot_write),
	};

	return cmocka_run_group_tests_name("export", tests, NULL, NULL);
}
