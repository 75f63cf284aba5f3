/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What becomes of exported events: files and pipes, readers that leave, recordings that are cut
 * off or have losses, and the memory that it takes.
 */
#include "recording.h"

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
		 live__path(*state, RECORDING_NAME).s);
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
		if (live__has(row, "kind", "fault") && live__has(row, "region", "anon"))
			break;
		json_decref(row);
	} while (true);
	assert_int_equal(live__address(row, "address"), live__address(result, "address"));
	json_decref(row);
	close(memtrace->out);
	memtrace->out = -1;
	assert_int_equal(live__exit_code(memtrace), 0);
	assert_int_equal(live__count_lines(live__err(memtrace)), 1);
	snprintf(text, sizeof(text), "report %s", live__path(*state, RECORDING_NAME).s);
	report = live__run_memtrace(*state, text, 0);
	assert_string_equal(live__err(report), "");
	assert_non_null(strstr(live__out(report), "until interrupted"));
}

static void record(struct live *live, const char *words)
{
	char text[512];

	snprintf(text, sizeof(text), "record -q --force -o %s %s",
		 live__path(live, RECORDING_NAME).s, words);
	live__run_memtrace(live, text, 0);
}

static void test_reader_leaves_export(void **state)
{
	struct live_process *memtrace;
	char text[256];

	/* Far more lines than a pipe holds. */
	record(*state, "-- build/workloads/fault --pages 4000");
	snprintf(text, sizeof(text), "export %s -F csv", live__path(*state, RECORDING_NAME).s);
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
	struct live_path path = live__path(*state, "out.csv");
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
		lines = live__read_file(path.s);
		there = strstr(lines, address);
		assert_null(strstr(lines, "of yesterday"));
		free(lines);
	} while (!there);
	kill(memtrace->pid, SIGINT);
	assert_int_equal(live__exit_code(memtrace), 0);
	lines = live__read_file(path.s);
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
	char *text = live__read_file(path);

	assert_string_equal(text, expected);
	free(text);
}

/* From a recording it is the whole file or none. */
static void test_file_is_whole(void **state)
{
	struct live_path out = live__path(*state, "out.ndjson"),
			 path = live__path(*state, RECORDING_NAME);
	struct live_process *memtrace;
	char *recording, *expected;
	struct stat st;
	FILE *file;
	int fd;

	record(*state, "-- build/workloads/fault --pages 4000 --order random");
	recording__export(*state, "ndjson", "export.ndjson");
	expected = live__read_file(live__path(*state, "export.ndjson").s);
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
	struct live_path path = live__path(*state, RECORDING_NAME);
	struct live_process *memtrace;
	char text[256], *all, *line, *rest;
	size_t nr = 0, nr_all;
	const char *at;
	struct stat st;

	record(*state, "-- build/workloads/fault --pages 100000 --order random");
	recording__export(*state, "ndjson", "export.ndjson");
	all = live__read_file(live__path(*state, "export.ndjson").s);
	nr_all = live__count_lines(all);
	assert_int_equal(stat(path.s, &st), 0);
	assert_int_equal(truncate(path.s, st.st_size / 2), 0);
	snprintf(text, sizeof(text), "export %s", path.s);
	memtrace = live__run_memtrace(*state, text, 0);
	assert_int_equal(live__count_lines(live__err(memtrace)), 1);
	assert_non_null(
		strstr(live__err(memtrace), RECORDING_NAME " is incomplete: it breaks off "));
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
	struct live_path path = live__path(*state, RECORDING_NAME);
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

	record(*state, "-- build/workloads/fault --pages 4000");
	snprintf(text, sizeof(text), "export %s -o /dev/full",
		 live__path(*state, RECORDING_NAME).s);
	memtrace = live__run_memtrace(*state, text, 1);
	assert_string_equal(live__err(memtrace),
			    "memtrace: cannot write /dev/full: No space left on device\n");
	memtrace = live__run_memtrace(
		*state, "-q -F csv -o /dev/full -- build/workloads/fault --pages 4000", 1);
	assert_string_equal(live__err(memtrace),
			    "memtrace: cannot write /dev/full: No space left on device\n");
}

static int64_t peak_of_export(struct live *live, const char *words)
{
	char text[256];

	record(live, words);
	snprintf(text, sizeof(text), "export %s -o /dev/null", live__path(live, RECORDING_NAME).s);
	return live__run_memtrace(live, text, 0)->peak_rss_bytes;
}

#define SLACK_BYTES (2 << 20)

static void check_same_peak(struct live *live, const char *few_words, const char *many_words)
{
	int64_t few = peak_of_export(live, few_words), many = peak_of_export(live, many_words);

	if (many > few + SLACK_BYTES)
		fail_msg("%lld bytes of %s, %lld of %s", (long long)few, few_words, (long long)many,
			 many_words);
}

/*
 * Enough to fill all buffers, and then four times as many events, ten times as many processes: they
 * take no more memory. Kept, a process would take a thousand bytes and more, a fault 24.
 */
static void test_constant_memory(void **state)
{
	check_same_peak(*state, "-- build/workloads/fault --pages 100000",
			"-- build/workloads/fault --pages 400000");
	check_same_peak(*state, "-f -- build/workloads/manyprocs --processes 800",
			"-f -- build/workloads/manyprocs --processes 8000");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* First: the peak of a process begins with that of its parent. */
		live_test(test_constant_memory),
		live_test(test_reader_leaves),
		live_test(test_reader_leaves_export),
		live_test(test_file_grows),
		live_test(test_file_is_whole),
		live_test(test_cut_off),
		live_test(test_losses),
		live_test(test_cannot_write),
	};

	return cmocka_run_group_tests_name("export_output", tests, NULL, NULL);
}
