/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line: exit codes, messages, streams, endings, and no trace left behind. */
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Wrong usage: told on stderr, and nothing done. */
static void test_usage(void **state)
{
	static const char *const wrong[] = {
		"",
		"-p",
		"-p abc",
		"-p -1",
		"-p 0",
		"-p 1,,2",
		"-p 1 -d -1",
		"-p 1 -d x",
		"-p 1 -i -1",
		"-p 1 -i nan",
		"-p 1 -d inf",
		"-p 1 -n -5",
		"-p 1 -n 1.5",
		"-p 1 -d 1e300",
		"-p 1 -n 99999999999999999999999",
		"-p 1 -F nonsense",
		"-a -p 1",
		"--no-such-option",
	};
	size_t i;

	for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct live_process *memtrace = live__run_memtrace(*state, wrong[i], 2);

		assert_true(live__count_lines(live__err(memtrace)) >= 1);
		assert_string_equal(live__out(memtrace), "");
	}
}

static void test_help(void **state)
{
	struct live_process *memtrace;

	memtrace = live__run_memtrace(*state, "--help", 0);
	assert_non_null(strstr(live__out(memtrace), "--pid"));
	assert_non_null(strstr(live__out(memtrace), "--follow"));
	memtrace = live__run_memtrace(*state, "-h", 0);
	assert_non_null(strstr(live__out(memtrace), "--pid"));
	memtrace = live__run_memtrace(*state, "-?", 0);
	assert_non_null(strstr(live__out(memtrace), "--pid"));
	memtrace = live__run_memtrace(*state, "--version", 0);
	assert_non_null(strstr(live__out(memtrace), "memtrace"));
	assert_int_equal(live__count_lines(live__out(memtrace)), 1);
	assert_string_equal(live__out(live__run_memtrace(*state, "-V", 0)), live__out(memtrace));
}

/* A pid that was a process's a moment ago and is nobody's now. */
static void test_no_such_pid(void **state)
{
	struct live_process *gone = live__start_words(*state, "exits"), *memtrace;
	pid_t pid = gone->pid;
	char text[64];

	live__wait(gone);
	snprintf(text, sizeof(text), "-p %d", pid);
	memtrace = live__run_memtrace(*state, text, 1);
	assert_int_equal(live__count_lines(live__err(memtrace)), 1);
	snprintf(text, sizeof(text), "%d", pid);
	assert_non_null(strstr(live__err(memtrace), text));
	assert_string_equal(live__out(memtrace), "");

	/* One of two is not enough: nothing is half done. */
	snprintf(text, sizeof(text), "-p %d,%d", getpid(), pid);
	memtrace = live__run_memtrace(*state, text, 1);
	assert_int_equal(live__count_lines(live__err(memtrace)), 1);
	assert_string_equal(live__out(memtrace), "");
}

static void test_zombie(void **state)
{
	struct live_process *memtrace;
	char text[64], expected[128];
	siginfo_t info;
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	assert_true(pid > 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	snprintf(text, sizeof(text), "-p %d", pid);
	memtrace = live__run_memtrace(*state, text, 1);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	snprintf(expected, sizeof(expected), "memtrace: process %d has ended (it is a zombie)\n",
		 pid);
	assert_string_equal(live__err(memtrace), expected);
}

static void test_same_pid_twice(void **state)
{
	struct live_process *workload = live__start_workload(*state, "fault");
	char path[128], text[256];

	live__report_path(*state, path, sizeof(path));
	snprintf(text, sizeof(text), "-d 0.05 -i 0 -F json -o %s -p %d,%d", path, workload->pid,
		 workload->pid);
	live__run_memtrace(*state, text, 0);
	assert_int_equal(json_array_size(live__at(live__load_report(*state, path), "processes")),
			 1);
}

/* SIGINT ends memtrace; a target that was running before it came goes on. */
static void test_interrupt(void **state)
{
	static const int signals[] = {SIGINT, SIGTERM};
	struct live_process *workload, *memtrace;
	char text[64];
	size_t i;

	workload = live__start_workload(*state, "fault");
	for (i = 0; i < 2; i++) {
		snprintf(text, sizeof(text), "-i 0 -p %d", workload->pid);
		memtrace = live__start_memtrace(*state, text);
		live__await_tracing(memtrace);
		kill(memtrace->pid, signals[i]);
		assert_int_equal(live__exit_code(memtrace), 0);
		assert_non_null(strstr(live__out(memtrace), "lost 0 of"));
	}
	live__finish_workload(*state, workload);
	assert_int_equal(live__exit_code(workload), 0);
}

static void test_duration(void **state)
{
	struct live_process *workload = live__start_workload(*state, "fault"), *memtrace;
	json_t *report;
	char path[128], text[256];
	double duration_s;

	live__report_path(*state, path, sizeof(path));
	snprintf(text, sizeof(text), "-d 0.5 -i 0 -F json -o %s -p %d", path, workload->pid);
	memtrace = live__run_memtrace(*state, text, 0);
	assert_string_equal(live__out(memtrace), "");
	report = live__load_report(*state, path);
	live__assert_sound(report, 0);
	assert_string_equal(live__text(report, "session.ended_by"), "duration");
	duration_s = json_number_value(live__at(report, "session.duration_s"));
	/* Not before its time; how late depends on how busy the machine is. */
	assert_true(duration_s >= 0.5 && duration_s < 10);
}

/* A target that ends by itself. */
static void test_target_exit(void **state)
{
	struct live_process *workload = live__start_workload(*state, "exits --code 3"), *memtrace;
	pid_t pid = workload->pid;
	json_t *report, *process;
	char path[128], text[256];

	live__report_path(*state, path, sizeof(path));
	snprintf(text, sizeof(text), "-i 0 -F json -o %s -p %d", path, pid);
	memtrace = live__start_memtrace(*state, text);
	live__await_tracing(memtrace);
	live__close_stdin(workload);
	assert_int_equal(live__exit_code(workload), 3);
	assert_int_equal(live__exit_code(memtrace), 0);
	report = live__load_report(*state, path);
	live__assert_sound(report, 0);
	assert_string_equal(live__text(report, "session.ended_by"), "target_exit");
	process = live__process(report, pid);
	assert_number(process, "end.exit_code", 3);
}

static void test_json_on_stdout(void **state)
{
	struct live_process *memtrace;
	json_error_t error;
	json_t *report;

	memtrace = live__run_memtrace(*state, "-F json -- build/workloads/exits --signal 9",
				      128 + SIGKILL);
	report = json_loads(live__out(memtrace), 0, &error);
	assert_non_null(report);
	assert_number(report, "memtrace.schema", 1);
	json_decref(report);
}

static void test_text(void **state)
{
	struct live_process *memtrace;
	const char *text;

	memtrace = live__run_memtrace(*state, "-n 3 -i 0 -- build/workloads/demo --pause 20", 0);
	text = live__out(memtrace);
	assert_non_null(strstr(text, "lost 0 of"));
	assert_non_null(strstr(text, "main_limit"));
	/* Not a terminal: no colour, no control characters but newlines. */
	for (; *text; text++)
		assert_true((unsigned char)*text >= ' ' || *text == '\n' || *text == '\t');
}

static void test_cannot_write(void **state)
{
	struct live_process *memtrace;

	memtrace = live__run_memtrace(
		*state, "-i 0 -F json -o /dev/full -- build/workloads/fault --idle", 1);
	assert_non_null(strstr(live__err(memtrace), "/dev/full"));
	memtrace =
		live__run_memtrace(*state, "-i 0 -o /dev/full -- build/workloads/fault --idle", 1);
	assert_non_null(strstr(live__err(memtrace), strerror(ENOSPC)));
	/* Found out before the command runs. */
	memtrace = live__run_memtrace(*state,
				      "-o /no/such/dir/report -- build/workloads/fault --idle", 1);
	assert_non_null(strstr(live__err(memtrace), "/no/such/dir/report"));
	assert_string_equal(live__out(memtrace), "");
}

/* A name with an escape sequence, quotes and bytes that are not UTF-8. */
static void test_strange_name(void **state)
{
	static const char strange[] = "\033[31m\"'\\\xff\n<b>";
	struct live *live = *state;
	struct live_process *memtrace;
	char path[128], target[4096], report_path[128], *argv[12];
	json_t *report, *process;
	const char *c;
	int i;

	snprintf(path, sizeof(path), "%s/%s", live->dir, strange);
	assert_non_null(realpath("build/workloads/fault", target));
	assert_int_equal(symlink(target, path), 0);
	live__report_path(live, report_path, sizeof(report_path));
	for (i = 0; i < 2; i++) {
		char *const words[] = {(char *)live__memtrace(),
				       "-i",
				       "0",
				       "-F",
				       i ? "json" : "text",
				       "-o",
				       i ? report_path : "/dev/stderr",
				       "--",
				       path,
				       "--idle"};

		memcpy(argv, words, sizeof(words));
		argv[sizeof(words) / sizeof(*words)] = NULL;
		memtrace = live__start(live, argv);
		assert_int_equal(live__exit_code(memtrace), 0);
		for (c = live__err(memtrace); *c; c++)
			assert_true(*c == '\n' || *c == '\t' ||
				    ((unsigned char)*c >= ' ' && (unsigned char)*c != 0x7f));
	}
	report = live__load_report(live, report_path);
	process = json_array_get(live__at(report, "processes"), 0);
	assert_int_equal(strncmp(live__text(process, "comm"), "\033[31m\"'\\", 8), 0);
}

/* The ids of the BPF programs and maps that a process holds. */
static size_t held_ids(pid_t pid, const char *key, unsigned int *ids, size_t max)
{
	char command[256];
	size_t nr = 0;
	FILE *file;

	snprintf(command, sizeof(command), "grep -h '^%s:' /proc/%d/fdinfo/* 2>/dev/null", key,
		 pid);
	file = popen(command, "r");
	assert_non_null(file);
	while (nr < max && fscanf(file, "%*s %u", &ids[nr]) == 1)
		nr++;
	pclose(file);
	return nr;
}

/* The kernel frees what was held a moment after the last holder has gone. */
static void await_gone(const char *kind, const unsigned int *ids, size_t nr)
{
	char command[128];
	size_t i;
	int tries;

	for (i = 0; i < nr; i++) {
		snprintf(command, sizeof(command),
			 "PATH=$PATH:/usr/sbin:/sbin bpftool %s show id %u >/dev/null 2>&1", kind,
			 ids[i]);
		for (tries = 0; system(command) == 0; tries++) {
			if (tries == 1000)
				fail_msg("%s %u is still there", kind, ids[i]);
			usleep(10000);
		}
	}
}

static void check_no_trace(struct live *live, int signo)
{
	struct live_process *workload = live__start_workload(live, "fault"), *memtrace;
	unsigned int programs[64], maps[64];
	size_t nr_programs, nr_maps;
	char *before, *while_tracing, *after, text[64];

	before = live__read_file("/proc/mounts");
	assert_true(*before);
	snprintf(text, sizeof(text), "-i 0 -p %d", workload->pid);
	memtrace = live__start_memtrace(live, text);
	live__await_tracing(memtrace);
	while_tracing = live__read_file("/proc/mounts");
	nr_programs = held_ids(memtrace->pid, "prog_id", programs, 64);
	nr_maps = held_ids(memtrace->pid, "map_id", maps, 64);
	assert_true(nr_programs > 0 && nr_maps > 0);
	kill(memtrace->pid, signo);
	live__wait(memtrace);
	await_gone("prog", programs, nr_programs);
	await_gone("map", maps, nr_maps);
	after = live__read_file("/proc/mounts");
	assert_string_equal(before, while_tracing);
	assert_string_equal(before, after);
	free(before);
	free(while_tracing);
	free(after);
	/* The target has not noticed. */
	live__finish_workload(live, workload);
	assert_int_equal(live__exit_code(workload), 0);
}

static void test_no_trace(void **state)
{
	check_no_trace(*state, SIGINT);
	check_no_trace(*state, SIGKILL);
}

/* An ordinary user is told what is needed, on one line. */
static void test_not_root(void **state)
{
	struct live *live = *state;
	struct live_process *memtrace;
	char copy[128], command[4400];
	char *const argv[] = {"/usr/bin/setpriv",
			      "--reuid=65534",
			      "--regid=65534",
			      "--clear-groups",
			      copy,
			      "-p",
			      "1",
			      NULL};

	/* Where anyone may read it. */
	snprintf(copy, sizeof(copy), "%s/memtrace", live->dir);
	snprintf(command, sizeof(command), "cp %s %s && chmod 755 %s %s", live__memtrace(), copy,
		 live->dir, copy);
	assert_int_equal(system(command), 0);
	memtrace = live__start(live, argv);
	assert_int_equal(live__exit_code(memtrace), 1);
	assert_int_equal(live__count_lines(live__err(memtrace)), 1);
	assert_non_null(strstr(live__err(memtrace), "CAP_BPF"));
}

/* memtrace in surroundings that a shell makes for it alone; one line on stderr, with this in it. */
static void check_surroundings(struct live *live, const char *unshare, const char *prepare,
			       int code, const char *said)
{
	char script[4400];
	char *const argv[] = {"/usr/bin/unshare", (char *)unshare, "-f", "sh", "-c", script, NULL};
	struct live_process *memtrace;

	snprintf(script, sizeof(script), "%s && exec %s -a -d 1", prepare, live__memtrace());
	memtrace = live__start(live, argv);
	assert_int_equal(live__exit_code(memtrace), code);
	assert_int_equal(live__count_lines(live__err(memtrace)), 1);
	assert_non_null(strstr(live__err(memtrace), said));
}

/* The mounts are in a namespace that ends with the process. */
static void test_surroundings(void **state)
{
	check_surroundings(*state, "-m", "mount -t tmpfs none /sys/kernel/btf", 77, "no BTF");
	check_surroundings(*state, "-mp", "mount -t proc proc /proc", 77, "pid namespace");
	check_surroundings(*state, "-m", "ulimit -n 12", 1, "RLIMIT_NOFILE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		live_test(test_usage),	      live_test(test_help),
		live_test(test_no_such_pid),  live_test(test_same_pid_twice),
		live_test(test_interrupt),    live_test(test_duration),
		live_test(test_target_exit),  live_test(test_json_on_stdout),
		live_test(test_text),	      live_test(test_cannot_write),
		live_test(test_strange_name), live_test(test_zombie),
		live_test(test_no_trace),     live_test(test_not_root),
		live_test(test_surroundings),
	};

	return cmocka_run_group_tests_name("cli", tests, NULL, NULL);
}
