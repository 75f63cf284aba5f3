/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lines while it runs, and which stream gets what. */
#include "live.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_interval_lines(void **state)
{
	struct live_process *workload = live__start_workload(*state, "fault"), *memtrace;
	char text[64], pid[32];
	const char *line;
	int lines = 0;

	snprintf(text, sizeof(text), "-i 0.05 -p %d", workload->pid);
	snprintf(pid, sizeof(pid), "%d", workload->pid);
	memtrace = live__start_memtrace(*state, text);
	/* A header, then lines for as long as it runs. */
	while (lines < 5 && (line = live__read_line(memtrace, false)))
		lines++;
	assert_int_equal(lines, 5);
	kill(memtrace->pid, SIGINT);
	assert_int_equal(live__exit_code(memtrace), 0);
	assert_non_null(strstr(live__out(memtrace), "lost 0 of"));
}

/* The interval that the end cuts short has its line, too. */
static void test_last_interval(void **state)
{
	struct live_process *workload = live__start_workload(*state, "fault"), *memtrace;
	const char *line;
	char text[64];
	int rows = 0;

	snprintf(text, sizeof(text), "-i 1 -p %d", workload->pid);
	memtrace = live__start_memtrace(*state, text);
	live__await_tracing(memtrace);
	assert_non_null(live__read_line(memtrace, false)); /* the header */
	assert_non_null(live__read_line(memtrace, false));
	live__say(workload, "\n");
	live__read_json(*state, workload);
	kill(memtrace->pid, SIGINT);
	assert_int_equal(live__exit_code(memtrace), 0);
	while ((line = live__read_line(memtrace, false)) && strncmp(line, "memtrace ", 9))
		rows++;
	assert_true(rows >= 1);
}

/* What does not fit into a block of lines is summed up. */
static void test_rest_of_block(void **state)
{
	char *const argv[] = {"/bin/sh", "-c", "while :; do /bin/true; done", NULL};
	struct live_process *memtrace;
	const char *line;
	size_t i, column;

	for (i = 0; i < 3; i++)
		live__start(*state, argv);
	memtrace = live__start_memtrace(*state, "-a -n 1 -i 0.2");
	line = live__read_line(memtrace, false);
	assert_non_null(line);
	assert_non_null(strstr(line, "comm"));
	column = (size_t)(strstr(line, "comm") - line);
	do {
		line = live__read_line(memtrace, false);
		assert_non_null(line);
	} while (!strstr(line, " more process"));
	assert_int_equal(strspn(line, " "), column);
	assert_int_equal(strncmp(line + column, "and ", 4), 0);
	assert_non_null(strstr(line, " faults/s"));
	assert_true(strlen(line) <= 80);
	kill(memtrace->pid, SIGINT);
	assert_int_equal(live__exit_code(memtrace), 0);
}

/* memtrace by a shell, which gives it the streams that a redirection says. */
static struct live_process *start_redirected(struct live *live, const char *options,
					     const char *redirection)
{
	char command[8192];
	char *const argv[] = {"/bin/sh", "-c", command, NULL};

	snprintf(command, sizeof(command), "exec %s %s %s", live__memtrace(), options, redirection);
	return live__start(live, argv);
}

/* With -o: lines to a terminal, the report alone to the file. */
static void check_lines_on_terminal(struct live *live, const char *format)
{
	struct live_process *workload = live__start_workload(live, "fault"), *memtrace;
	char path[128], options[256], redirection[64], shown[4096];
	size_t len = 0;
	ssize_t n = 1;
	char *text;
	int pty;

	pty = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(pty >= 0);
	assert_int_equal(grantpt(pty), 0);
	assert_int_equal(unlockpt(pty), 0);
	snprintf(redirection, sizeof(redirection), ">%s", ptsname(pty));
	live__report_path(live, path, sizeof(path));
	snprintf(options, sizeof(options), "-i 0.05 -F %s -o %s -p %d", format, path,
		 workload->pid);
	memtrace = start_redirected(live, options, redirection);
	shown[0] = '\0';
	/* A header and two lines; the read fails if memtrace ends before. */
	while (n > 0 && live__count_lines(shown) < 3) {
		n = read(pty, shown + len, sizeof(shown) - 1 - len);
		len += n > 0 ? (size_t)n : 0;
		shown[len] = '\0';
	}
	assert_true(n > 0);
	assert_non_null(strstr(shown, "minor/s"));
	kill(memtrace->pid, SIGINT);
	assert_int_equal(live__exit_code(memtrace), 0);
	close(pty);
	text = live__read_file(path);
	assert_null(strstr(text, "minor/s"));
	assert_non_null(strstr(text, "memtrace"));
	free(text);
}

static void test_lines_on_terminal(void **state)
{
	check_lines_on_terminal(*state, "text");
	check_lines_on_terminal(*state, "json");
}

/* With -o and no terminal there are no lines. */
static void test_lines_nowhere(void **state)
{
	struct live_process *workload = live__start_workload(*state, "fault"), *memtrace;
	char path[128], options[256], *text;

	live__report_path(*state, path, sizeof(path));
	snprintf(options, sizeof(options), "-i 0.05 -d 0.3 -o %s -p %d", path, workload->pid);
	memtrace = live__run_memtrace(*state, options, 0);
	assert_string_equal(live__out(memtrace), "");
	text = live__read_file(path);
	assert_int_equal(strncmp(text, "memtrace ", 9), 0);
	assert_null(strstr(text, "minor/s"));
	free(text);
}

/* Standard streams that are closed: told where one is needed, and no file of ours in their place.
 */
static void test_missing_streams(void **state)
{
	static const char *const closed[] = {"<&-", ">&-", "2>&-", "<&- >&- 2>&-"};
	struct live *live = *state;
	struct live_process *memtrace;
	char path[128], options[256];
	size_t i;

	memtrace = start_redirected(live, "-q -- true", ">&-");
	assert_int_equal(live__exit_code(memtrace), 1);
	assert_string_equal(live__err(memtrace),
			    "memtrace: cannot write standard output: it is closed\n");
	for (i = 0; i < sizeof(closed) / sizeof(*closed); i++) {
		live__report_path(live, path, sizeof(path));
		/* Both streams of memtrace would be written: by -v, and by the command. */
		snprintf(options, sizeof(options),
			 "-v -F json -o %s -- sh -c 'echo out; echo err >&2; exit 3'", path);
		memtrace = start_redirected(live, options, closed[i]);
		assert_int_equal(live__exit_code(memtrace), 3);
		live__assert_sound(live__load_report(live, path), 0);
	}
}

/* A memtrace that does not run cannot empty its ring buffer: it says so. */
static void test_losses(void **state)
{
	struct live_process *workload, *memtrace;
	char path[128], options[256];
	json_t *report;
	int status;

	/* Reads: pages of zeroes, which take no memory. */
	workload = live__start_workload(*state, "fault --access read --pages 400000");
	live__report_path(*state, path, sizeof(path));
	snprintf(options, sizeof(options), "-i 0 -F json -o %s -p %d", path, workload->pid);
	memtrace = live__start_memtrace(*state, options);
	live__await_tracing(memtrace);
	kill(memtrace->pid, SIGSTOP);
	assert_int_equal(waitpid(memtrace->pid, &status, WUNTRACED), memtrace->pid);
	assert_true(WIFSTOPPED(status));
	live__say(workload, "\n");
	live__read_json(*state, workload);
	kill(memtrace->pid, SIGCONT);
	kill(memtrace->pid, SIGINT);
	assert_int_equal(live__exit_code(memtrace), 0);
	report = live__load_report(*state, path);
	assert_true(live__number(report, "loss.records") > 0);
	assert_non_null(strstr(live__err(memtrace), "\nmemtrace: lost "));
	assert_non_null(strstr(live__err(memtrace), " records: the report is incomplete\n"));
	assert_int_equal(live__count_lines(live__err(memtrace)), 2);
}

static void test_quiet(void **state)
{
	struct live_process *memtrace;

	memtrace = live__run_memtrace(*state, "-q -i 0.05 -- build/workloads/exits", 0);
	assert_string_equal(live__err(memtrace), "");
}

/* A reader that has gone is a quiet end; a full disk is told. */
static void test_closed_stdout(void **state)
{
	struct live_process *workload = live__start_workload(*state, "fault"), *memtrace;
	char text[64];
	int code;

	snprintf(text, sizeof(text), "-i 0.05 -p %d", workload->pid);
	memtrace = live__start_memtrace(*state, text);
	live__await_tracing(memtrace);
	close(memtrace->out);
	memtrace->out = -1;
	code = live__exit_code(memtrace);
	assert_true(code == 0 || code == 128 + SIGPIPE);
	assert_int_equal(live__count_lines(live__err(memtrace)), 1); /* "tracing", and no more */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		live_test(test_interval_lines), live_test(test_last_interval),
		live_test(test_rest_of_block),	live_test(test_lines_on_terminal),
		live_test(test_lines_nowhere),	live_test(test_missing_streams),
		live_test(test_losses),		live_test(test_quiet),
		live_test(test_closed_stdout),
	};

	return cmocka_run_group_tests_name("lines", tests, NULL, NULL);
}
