// SPDX-License-Identifier: GPL-2.0-or-later
/* What happens, on the live view as soon as it has. */
#include "live.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* "12:03:07.114 " */
#define TIME_COLUMNS 13

static bool is_event(const char *line)
{
	static const char pattern[TIME_COLUMNS + 1] = "dd:dd:dd.ddd ";

	for (int i = 0; i < TIME_COLUMNS; i++)
		if (pattern[i] == 'd' ? line[i] < '0' || line[i] > '9' : line[i] != pattern[i])
			return false;
	return true;
}

/* The next one on standard output, without its time; until it comes. */
static const char *read_event(struct live_process *memtrace)
{
	const char *line;

	while ((line = live__read_line(memtrace, false)))
		if (is_event(line))
			return line + TIME_COLUMNS;
	return NULL;
}

static struct live_process *trace(struct live *live, const char *options,
				  const struct live_process *workload)
{
	struct live_process *memtrace;
	char text[256];

	snprintf(text, sizeof(text), "%s -f -p %d", options, workload->pid);
	memtrace = live__start_memtrace(live, text);
	live__await_tracing(memtrace);
	return memtrace;
}

static bool runs(const struct live_process *process)
{
	siginfo_t info = {};

	return !waitid(P_PID, process->pid, &info, WEXITED | WNOHANG | WNOWAIT) && !info.si_pid;
}

/* A child has died; its parent, whose trace goes on, waits to be told that the line has come. */
static void check_bad_access(struct live *live, const char *words)
{
	struct live_process *workload, *memtrace;
	char expected[256];
	json_t *plan;

	workload = live__start_workload(live, words);
	memtrace = trace(live, "-i 0.2", workload);
	live__say(workload, "\n");
	plan = live__read_json(live, workload);
	snprintf(expected, sizeof(expected),
		 "badaccess[%d] tid %d \"bad-worker\" null pointer: read of field at offset 24 "
		 "(0x18), in badaccess_read() (fatal)",
		 (int)live__number(plan, "pid"), (int)live__number(plan, "tid"));
	assert_string_equal(read_event(memtrace), expected);
	assert_true(runs(workload) && runs(memtrace));
	kill(memtrace->pid, SIGINT);
	assert_int_equal(live__exit_code(memtrace), 0);
}

static void test_bad_access(void **state)
{
	check_bad_access(*state, "badaccess --child --fatal --thread --kind null --offset 24");
}

/* The stack is that of the access, and not unwound yet when the handler has the process die. */
static void test_passed_on(void **state)
{
	check_bad_access(*state,
			 "badaccess --child --fatal --pass-on --thread --kind null --offset 24");
}

/* Its time is that of the day, as the clock on the wall has it. */
static void test_time(void **state)
{
	struct live *live = *state;
	struct live_process *workload, *memtrace;
	struct tm tm;
	int64_t before, after, told;
	struct timespec now;
	char text[32];
	const char *line;

	workload = live__start_workload(live, "badaccess --child --fatal");
	memtrace = trace(live, "-i 0", workload);
	clock_gettime(CLOCK_REALTIME, &now);
	before = now.tv_sec * 1000 + now.tv_nsec / 1000000;
	live__say(workload, "\n");
	line = live__read_line(memtrace, false);
	clock_gettime(CLOCK_REALTIME, &now);
	after = now.tv_sec * 1000 + now.tv_nsec / 1000000;
	assert_true(is_event(line));
	/* The clock may be turned a little while the session lasts; its day begins at midnight. */
	localtime_r(&now.tv_sec, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d ", &tm);
	snprintf(text + strlen(text), sizeof(text) - strlen(text), "%.8s", line);
	memset(&tm, 0, sizeof(tm));
	assert_non_null(strptime(text, "%Y-%m-%d %H:%M:%S", &tm));
	tm.tm_isdst = -1;
	told = mktime(&tm) * 1000 + strtol(line + 9, NULL, 10);
	if (told > after + 3600 * 1000)
		told -= 24 * 3600 * 1000;
	assert_true(told >= before - 50 && told <= after + 50);
	kill(memtrace->pid, SIGINT);
	assert_int_equal(live__exit_code(memtrace), 0);
}

static void test_stack_hit(void **state)
{
	struct live *live = *state;
	struct live_process *workload, *memtrace;
	const char *line, *where;
	unsigned int size, limit;
	char expected[128];
	int64_t depth;
	json_t *plan;

	workload = live__start_workload(live, "stackover --mode thread --limit 256K --child");
	memtrace = trace(live, "-i 0", workload);
	live__say(workload, "\n");
	plan = live__read_json(live, workload);
	line = read_event(memtrace);
	assert_non_null(line);
	assert_true(runs(workload) && runs(memtrace));
	snprintf(expected, sizeof(expected), "stackover[%d] tid %d \"stackover\" stack overflow: ",
		 (int)live__number(plan, "pid"), (int)live__number(plan, "tid"));
	assert_memory_equal(line, expected, strlen(expected));
	/* The guard page is taken out of the size that the thread was given. */
	assert_int_equal(sscanf(line + strlen(expected), "%u,%*u of %u,", &size, &limit), 2);
	assert_true(size >= 250 && size <= limit && limit <= 262);
	where = strstr(line, " bytes, guard page, in stackover_deeper() × ");
	assert_non_null(where);
	assert_string_equal(line + strlen(line) - strlen(" (fatal)"), " (fatal)");
	/* What the child had counted, as its parent says. */
	depth = live__number(live__read_json(live, workload), "depth");
	snprintf(expected, sizeof(expected), " × %d,%03d (fatal)", (int)(depth / 1000),
		 (int)(depth % 1000));
	if (depth < 1000)
		snprintf(expected, sizeof(expected), " × %d (fatal)", (int)depth);
	assert_string_equal(strstr(line, " × "), expected);
	kill(memtrace->pid, SIGINT);
	assert_int_equal(live__exit_code(memtrace), 0);
}

#define NR_FAILED 5000

/* The first three, and the number of the others: none is missing. */
static void test_storm(void **state)
{
	struct live *live = *state;
	struct live_process *workload, *memtrace;
	char words[128], first[128], more[64];
	unsigned int nr = 0, nr_more = 0;
	const char *line;

	snprintf(words, sizeof(words), "mmaps --count 1 --bad-mmap %d", NR_FAILED);
	workload = live__start_workload(live, words);
	memtrace = trace(live, "-i 0", workload);
	live__say(workload, "\n");
	live__read_json(live, workload);
	kill(memtrace->pid, SIGINT);
	snprintf(first, sizeof(first), "mmaps[%d] mmap of ", workload->pid);
	snprintf(more, sizeof(more), "mmaps[%d] and ", workload->pid);
	while ((line = read_event(memtrace))) {
		unsigned int thousands, ones;

		if (!strncmp(line, first, strlen(first))) {
			assert_non_null(strstr(line, " failed: ENOMEM, "));
			nr++;
			continue;
		}
		assert_memory_equal(line, more, strlen(more));
		if (sscanf(line + strlen(more), "%u,%u more failed calls: ", &thousands, &ones) ==
		    2)
			nr_more += thousands * 1000 + ones;
		else if (sscanf(line + strlen(more), "%u more failed calls: ", &ones) == 1)
			nr_more += ones;
	}
	assert_int_equal(live__exit_code(memtrace), 0);
	assert_int_equal(nr, 3);
	assert_int_equal(nr + nr_more, NR_FAILED);
}

static unsigned int count_events(const char *text)
{
	unsigned int nr = 0;

	for (const char *line = text; line && *line; line++) {
		nr += is_event(line);
		line = strchr(line, '\n');
		if (!line)
			break;
	}
	return nr;
}

/* Where there are no lines of intervals for the format or for -q, there are none of this kind. */
static void test_none(void **state)
{
	struct live *live = *state;
	struct live_process *memtrace;
	char path[128], text[256];
	json_t *report;

	memtrace =
		live__run_memtrace(live, "-q -- build/workloads/badaccess --fatal", 128 + SIGSEGV);
	assert_int_equal(count_events(live__out(memtrace)), 0);
	live__report_path(live, path, sizeof(path));
	snprintf(text, sizeof(text), "-o %s -F json -- build/workloads/badaccess --fatal", path);
	memtrace = live__run_memtrace(live, text, 128 + SIGSEGV);
	assert_int_equal(count_events(live__out(memtrace)), 0);
	report = live__load_report(live, path);
	assert_number(json_array_get(live__at(report, "processes"), 0), "crashes.fatal", 1);
	memtrace = live__run_memtrace(live, "-- build/workloads/badaccess --fatal", 128 + SIGSEGV);
	assert_int_equal(count_events(live__out(memtrace)), 1);
}

/* A recording shows the same lines, word for word. */
static void check_replay(struct live *live, const char *words, const char *where)
{
	struct live_process *memtrace;
	struct live_path path = live__path(live, "run.mtr");
	char text[256], *shown;
	const char *line;

	snprintf(text, sizeof(text), "-i 0 --record %s -- build/workloads/%s", path.s, words);
	memtrace = live__run_memtrace(live, text, 128 + SIGSEGV);
	line = read_event(memtrace);
	assert_non_null(line);
	assert_non_null(strstr(line, where));
	shown = strdup(line - TIME_COLUMNS);
	assert_null(read_event(memtrace));
	snprintf(text, sizeof(text), "report %s", path.s);
	memtrace = live__run_memtrace(live, text, 0);
	line = read_event(memtrace);
	assert_non_null(line);
	assert_string_equal(line - TIME_COLUMNS, shown);
	assert_null(read_event(memtrace));
	free(shown);
}

static void test_replay(void **state)
{
	check_replay(*state, "stackover --mode thread --limit 128K", ", in stackover_deeper() × ");
}

static void test_replay_passed_on(void **state)
{
	check_replay(*state, "badaccess --fatal --pass-on", ", in badaccess_read() (fatal)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		live_test(test_bad_access), live_test(test_passed_on),
		live_test(test_time),	    live_test(test_stack_hit),
		live_test(test_storm),	    live_test(test_none),
		live_test(test_replay),	    live_test(test_replay_passed_on),
	};

	setenv("COLUMNS", "250", 1);
	setenv("LC_ALL", "C.UTF-8", 1);
	return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
