/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recordings that go through a pipe: to a report, to nobody, to somebody who does not read. */
#include "recording.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PATH_BYTES RECORDING_PATH_BYTES

static void test_pipe(void **state)
{
	struct live *live = *state;
	struct live_process *shell;
	char path[PATH_BYTES], script[512];
	json_t *report, *process;

	live__report_path(live, path, sizeof(path));
	snprintf(script, sizeof(script),
		 "sh -c 'while :; do :; done' & memtrace record -q -p $! -d 0.3 -o - | "
		 "memtrace report - -F json -o %s; code=$?; kill $!; exit $code",
		 path);
	shell = live__start_shell(live, script);
	assert_int_equal(live__exit_code(shell), 0);
	assert_string_equal(live__out(shell), "");
	assert_string_equal(live__err(shell), "");
	report = live__load_report(live, path);
	live__assert_sound(report, 0);
	assert_string_equal(live__text(report, "session.ended_by"), "duration");
	process = json_array_get(live__at(report, "processes"), 0);
	assert_string_equal(live__text(process, "comm"), "sh");
}

/* By a line of /proc/PID/status, in the format of scanf. */
static bool signal_is_in(pid_t pid, const char *format, int signo)
{
	char path[64], line[256];
	unsigned long long set = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, format, &set) == 1)
			break;
	if (file)
		fclose(file);
	return set >> (signo - 1) & 1;
}

/* Does a process of this group, which is not its first, wait for what a pipe brings? */
static bool group_has_reader(pid_t group)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	bool found = false;

	assert_non_null(dir);
	while (!found && (entry = readdir(dir))) {
		pid_t pid = atoi(entry->d_name);

		found = pid > 0 && pid != group && getpgid(pid) == group &&
			signal_is_in(pid, "SigCgt: %llx", SIGINT);
	}
	closedir(dir);
	return found;
}

/* Ctrl-C is for all of a pipeline: the recorder ends, and the report comes all the same. */
static void test_interrupted_pipe(void **state)
{
	struct live *live = *state;
	struct live_process *workload, *shell;
	char path[PATH_BYTES], script[512];
	int64_t limit_ns = live__now_ns() + LIVE_LIMIT_S * 1000000000LL;
	json_t *report, *result;

	workload = live__start_workload(live, "fault --pages 700");
	live__report_path(live, path, sizeof(path));
	snprintf(script, sizeof(script),
		 "memtrace record -p %d -o - | memtrace report - -F json -o %s", workload->pid,
		 path);
	shell = live__start_shell(live, script);
	live__await_tracing(shell);
	while (!group_has_reader(shell->pid))
		live__wait_a_moment(limit_ns);
	live__say(workload, "\n");
	result = live__read_json(live, workload);
	assert_int_equal(kill(-shell->pid, SIGINT), 0);
	live__wait(shell);
	report = live__load_report(live, path);
	live__assert_sound(report, 0);
	assert_string_equal(live__text(report, "session.ended_by"), "interrupt");
	assert_number(live__process(report, workload->pid), "faults.minor",
		      live__number(result, "minor"));
	/* "recording", "recorded", and no word of a report that is incomplete. */
	assert_int_equal(live__count_lines(live__err(shell)), 2);
}

/* A reader that has gone is a quiet end. */
static void test_closed_pipe(void **state)
{
	struct live *live = *state;
	struct live_process *workload = live__start_workload(live, "fault"), *memtrace;
	char text[128];

	snprintf(text, sizeof(text), "record -o - -p %d", workload->pid);
	memtrace = live__start_memtrace(live, text);
	live__await_tracing(memtrace);
	close(memtrace->out);
	memtrace->out = -1;
	assert_int_equal(live__exit_code(memtrace), 0);
	assert_int_equal(live__count_lines(live__err(memtrace)), 1);
}

static bool blocks_interrupt(pid_t pid)
{
	return signal_is_in(pid, "SigBlk: %llx", SIGINT);
}

/*
 * Nobody takes what is written: the first signal ends the run, and memtrace waits for the reader;
 * the second one ends memtrace. Where the reader goes on, nothing is missing.
 */
static void check_stuck_pipe(struct live *live, bool goes_on)
{
	struct live_process *workload, *memtrace;
	int64_t limit_ns = live__now_ns() + LIVE_LIMIT_S * 1000000000LL;
	char text[128], path[PATH_BYTES];
	json_t *report, *result;
	FILE *file;

	workload = live__start_workload(live, "fault --access read --pages 100000 --order random");
	snprintf(text, sizeof(text), "record -o - -p %d", workload->pid);
	memtrace = live__start_memtrace(live, text);
	live__await_tracing(memtrace);
	assert_true(blocks_interrupt(memtrace->pid));
	live__say(workload, "\n");
	result = live__read_json(live, workload);
	kill(memtrace->pid, SIGINT);
	while (blocks_interrupt(memtrace->pid))
		live__wait_a_moment(limit_ns);
	if (!goes_on) {
		kill(memtrace->pid, SIGINT);
		assert_int_equal(live__exit_code(memtrace), 128 + SIGINT);
		return;
	}
	assert_int_equal(live__exit_code(memtrace), 0);
	file = fopen(recording__path(live, path), "w");
	assert_non_null(file);
	assert_int_equal(fwrite(memtrace->out_text.text, 1, memtrace->out_text.len, file),
			 memtrace->out_text.len);
	fclose(file);
	report = recording__report_json(live, NULL);
	assert_number(live__process(report, live__number(result, "pid")), "faults.minor",
		      live__number(result, "minor"));
}

static void test_stuck_pipe(void **state)
{
	check_stuck_pipe(*state, true);
	check_stuck_pipe(*state, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		live_test(test_pipe),
		live_test(test_interrupted_pipe),
		live_test(test_closed_pipe),
		live_test(test_stuck_pipe),
	};

	return cmocka_run_group_tests_name("record_pipe", tests, NULL, NULL);
}
