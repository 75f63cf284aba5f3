/* SPDX-License-Identifier: GPL-2.0-or-later */
/* memtrace -- CMD: CMD runs as it would without memtrace, and its exit code is memtrace's. */
#include "live.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void test_command_that_cannot_start(void **state)
{
	struct live *live = *state;
	struct live_process *memtrace;
	char text[256];
	int fd;

	memtrace = live__run_memtrace(live, "-- /no/such/program", 127);
	assert_non_null(strstr(live__err(memtrace), "/no/such/program"));
	memtrace = live__run_memtrace(live, "-- no-such-program-in-the-path", 127);
	assert_non_null(strstr(live__err(memtrace), "no-such-program-in-the-path"));

	snprintf(text, sizeof(text), "%s/plain", live->dir);
	fd = open(text, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	close(fd);
	snprintf(text, sizeof(text), "-- %s/plain", live->dir);
	memtrace = live__run_memtrace(live, text, 126);
	assert_non_null(strstr(live__err(memtrace), "plain"));
	live__run_memtrace(live, "-- /tmp", 126);
}

static void test_exit_code(void **state)
{
	live__run_memtrace(*state, "-q -o /dev/null -- build/workloads/exits --code 42", 42);
	live__run_memtrace(*state, "-q -o /dev/null -- build/workloads/exits --signal 15",
			   128 + SIGTERM);
	live__run_memtrace(*state, "-q -o /dev/null -- true", 0); /* by PATH */
}

static void test_pass_through(void **state)
{
	struct live *live = *state;
	struct live_process *memtrace;
	char path[128], text[256];

	live__report_path(live, path, sizeof(path));
	snprintf(text, sizeof(text), "-i 0 -o %s -- /bin/cat", path);
	memtrace = live__start_memtrace(live, text);
	live__say(memtrace, "one\n");
	assert_string_equal(live__read_line(memtrace, false), "one");
	live__say(memtrace, "two\nthree");
	live__close_stdin(memtrace);
	assert_int_equal(live__exit_code(memtrace), 0);
	assert_string_equal(live__out(memtrace), "one\ntwo\nthree");
}

/* A new program starts with what its parent gives it: no signal held back, no file left open. */
static void check_same(struct live *live, const char *command)
{
	struct live_process *alone, *memtrace;
	char text[512];

	alone = live__start_words(live, command);
	live__close_stdin(alone);
	live__wait(alone);
	snprintf(text, sizeof(text), "-q -i 0 -o /dev/null -- %s", command);
	memtrace = live__run_memtrace(live, text, 0);
	assert_string_equal(live__out(memtrace), live__out(alone));
	assert_string_equal(live__err(memtrace), live__err(alone));
}

static void test_environment(void **state)
{
	check_same(*state,
		   "/bin/grep -E Sig(Blk|Ign|Cgt)|NoNewPrivs|Cap|Seccomp /proc/self/status");
	check_same(*state, "/bin/ls /proc/self/fd");
	check_same(*state, "/usr/bin/env");
	check_same(*state, "/bin/cat /proc/self/limits");
	check_same(*state, "/bin/cat /proc/self/oom_score_adj /proc/self/cgroup");
	check_same(*state, "/bin/pwd");
	check_same(*state, "/usr/bin/nice");
}

/* What the terminal sends to all, the command takes as it likes; memtrace waits for its end. */
static void test_signal_to_group(void **state)
{
	struct live *live = *state;
	struct live_process *memtrace;
	char *argv[] = {(char *)live__memtrace(),
			"-i",
			"0",
			"-F",
			"json",
			"-o",
			"/dev/null",
			"--",
			"/bin/sh",
			"-c",
			"trap 'echo caught; exit 5' INT; echo ready; read line",
			NULL};

	memtrace = live__start(live, argv);
	assert_string_equal(live__read_line(memtrace, false), "ready");
	/* Its own group, as a shell makes one of it: see live__start(). */
	assert_int_equal(kill(-memtrace->pid, SIGINT), 0);
	assert_string_equal(live__read_line(memtrace, false), "caught");
	assert_int_equal(live__exit_code(memtrace), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		live_test(test_command_that_cannot_start),
		live_test(test_exit_code),
		live_test(test_pass_through),
		live_test(test_environment),
		live_test(test_signal_to_group),
	};

	return cmocka_run_group_tests_name("command", tests, NULL, NULL);
}
