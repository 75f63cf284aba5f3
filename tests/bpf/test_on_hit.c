// SPDX-License-Identifier: GPL-2.0-or-later
/* The hook: its facts, how often it runs, and that nobody waits for it. */
#include "live.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MSEC 1000000LL
#define SEC (1000 * MSEC)

/* memtrace with a hook, and the rest in words, the first of which may be a verb. */
static struct live_process *start(struct live *live, const char *hook, const char *words)
{
	char *argv[32] = {(char *)live__memtrace()};
	char text[512];
	size_t nr = 1;

	snprintf(text, sizeof(text), "%s", words);
	for (char *word = strtok(text, " "); word && nr < 28; word = strtok(NULL, " ")) {
		if (nr == 2 || (nr == 1 && *word == '-')) {
			argv[nr++] = "--on-hit";
			argv[nr++] = (char *)hook;
		}
		argv[nr++] = word;
	}
	return live__start(live, argv);
}

static struct live_process *trace(struct live *live, const char *hook, const char *words,
				  const struct live_process *workload)
{
	struct live_process *memtrace;
	char text[320];

	snprintf(text, sizeof(text), "%s -f -p %d", words, workload->pid);
	memtrace = start(live, hook, text);
	live__await_tracing(memtrace);
	return memtrace;
}

static int64_t limit_ns(void)
{
	return live__now_ns() + LIVE_LIMIT_S *SEC * live__slowdown();
}

/* All of a file, once it is there: whoever makes it renames it when it is whole. */
static char *await_file(const char *path)
{
	int64_t limit = limit_ns();

	while (access(path, R_OK))
		live__wait_a_moment(limit);
	return live__read_file(path);
}

static size_t count_lines_of(const char *path)
{
	char *text = access(path, R_OK) ? NULL : live__read_file(path);
	size_t nr = text ? live__count_lines(text) : 0;

	free(text);
	return nr;
}

/* The line NAME=value is among them; expected NULL: none of that name is. */
static void assert_fact(const char *facts, const char *name, const char *expected)
{
	char wanted[512];
	const char *line = facts;

	snprintf(wanted, sizeof(wanted), "MEMTRACE_%s=", name);
	while (line && strncmp(line, wanted, strlen(wanted)))
		line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL;
	if (!expected) {
		assert_null(line);
		return;
	}
	if (!line)
		fail_msg("no %s in:\n%s", name, facts);
	snprintf(wanted + strlen(wanted), sizeof(wanted) - strlen(wanted), "%s\n", expected);
	assert_memory_equal(line, wanted, strlen(wanted));
}

static void assert_fact_number(const char *facts, const char *name, int64_t expected)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", (long long)expected);
	assert_fact(facts, name, text);
}

/* The hook has saved its facts while the workload, whose child has died, still waits. */
static char *facts_of(struct live *live, const char *options, const char *words, json_t **plan)
{
	struct live_path path = live__path(live, "facts");
	struct live_process *workload, *memtrace;
	char hook[512], *facts;

	snprintf(hook, sizeof(hook), "env | grep ^MEMTRACE_ >%s.new && mv %s.new %s", path.s,
		 path.s, path.s);
	workload = live__start_workload(live, words);
	memtrace = trace(live, hook, options, workload);
	live__say(workload, "\n");
	*plan = live__read_json(live, workload);
	facts = await_file(path.s);
	assert_int_equal(kill(workload->pid, 0), 0);
	unlink(path.s);
	kill(memtrace->pid, SIGINT);
	assert_int_equal(live__exit_code(memtrace), 0);
	return facts;
}

static void check_bad_access(struct live *live, const char *options, const char *words)
{
	json_t *plan;
	char *facts, text[256];

	facts = facts_of(live, options, words, &plan);
	assert_fact(facts, "EVENT", "crash");
	assert_fact(facts, "KIND", "read_only");
	assert_fact_number(facts, "PID", live__number(plan, "pid"));
	assert_fact_number(facts, "TID", live__number(plan, "tid"));
	assert_fact(facts, "PROCESS", "badaccess");
	assert_fact(facts, "COMM", "bad-worker");
	assert_fact(facts, "ADDRESS", live__text(plan, "address"));
	assert_fact(facts, "SIGNAL", "SIGSEGV");
	assert_fact(facts, "OUTCOME", "fatal");
	assert_fact_number(facts, "SKIPPED", 0);
	assert_fact(facts, "LIMIT_BYTES", NULL);
	assert_fact(facts, "CALL", NULL);
	snprintf(text, sizeof(text),
		 "badaccess[%d] tid %d \"bad-worker\" write to read-only mapping [anon] r--, in "
		 "badaccess_write() (fatal)",
		 (int)live__number(plan, "pid"), (int)live__number(plan, "tid"));
	assert_fact(facts, "TEXT", text);
	assert_non_null(strstr(facts, "\nMEMTRACE_STACK=badaccess_write;"));
	assert_non_null(strstr(facts, "build/workloads/badaccess\n"));
	free(facts);
}

#define READ_ONLY "badaccess --child --fatal --thread --kind readonly"

static void test_bad_access(void **state)
{
	check_bad_access(*state, "-o /dev/null", READ_ONLY);
}

/* A handler has the process die at once, before the stack has been unwound. */
static void test_passed_on(void **state)
{
	check_bad_access(*state, "-o /dev/null", READ_ONLY " --pass-on");
}

/* A recorder's model keeps little; a hook knows as much. */
static void test_record(void **state)
{
	struct live *live = *state;
	char options[256];

	snprintf(options, sizeof(options), "record -o %s", live__path(live, "run.mtr").s);
	check_bad_access(live, options, READ_ONLY);
}

static void test_record_passed_on(void **state)
{
	struct live *live = *state;
	char options[256];

	snprintf(options, sizeof(options), "record -o %s", live__path(live, "run.mtr").s);
	check_bad_access(live, options, READ_ONLY " --pass-on");
}

static void test_stack_hit(void **state)
{
	json_t *plan;
	char *facts;

	facts = facts_of(*state, "-o /dev/null", "stackover --mode thread --limit 256K --child",
			 &plan);
	assert_fact(facts, "EVENT", "stack_hit");
	assert_fact(facts, "KIND", "thread_guard");
	assert_fact_number(facts, "PID", live__number(plan, "pid"));
	assert_fact_number(facts, "TID", live__number(plan, "tid"));
	assert_non_null(strstr(facts, "\nMEMTRACE_STACK=stackover_deeper × "));
	free(facts);
}

static void test_failed_call(void **state)
{
	json_t *result;
	char *facts;

	facts = facts_of(*state, "-o /dev/null", "mmaps --count 1 --bad-mmap 1", &result);
	assert_fact(facts, "EVENT", "limit");
	assert_fact(facts, "CALL", "mmap");
	assert_fact(facts, "ERRNO", "ENOMEM");
	assert_fact(facts, "SIGNAL", NULL);
	assert_fact(facts, "STACK", NULL);
	free(facts);
}

/* "1,234" after the words; fails without them. */
static long number_after(const char *text, const char *words)
{
	const char *at = strstr(text, words);
	long n = 0;

	if (!at)
		fail_msg("no '%s' in:\n%s", words, text);
	for (at += strlen(words); (*at >= '0' && *at <= '9') || *at == ','; at++)
		if (*at != ',')
			n = n * 10 + *at - '0';
	return n;
}

static long sum_of_lines(const char *text)
{
	long sum = 0;

	for (char *end; *text; text = end + (*end == '\n'))
		sum += strtol(text, &end, 10);
	return sum;
}

/* Four take three seconds; for all else that happens there is none, and it is counted. */
static void test_storm(void **state)
{
	char *argv[] = {"/bin/sh", "-c",
			"read go; while :; do build/workloads/mmaps --count 1 --bad-mmap 50 "
			">/dev/null; done",
			NULL};
	struct live *live = *state;
	struct live_path log = live__path(live, "log");
	struct live_process *shell = live__start(live, argv), *memtrace;
	int64_t begin, limit = limit_ns();
	char options[256], path[128], hook[256], *text;
	long nr, skipped;

	snprintf(hook, sizeof(hook), "echo $MEMTRACE_SKIPPED >>%s", log.s);
	live__report_path(live, path, sizeof(path));
	snprintf(options, sizeof(options), "-n 100000 -F json -o %s", path);
	memtrace = trace(live, hook, options, shell);
	begin = live__now_ns();
	live__say(shell, "\n");
	while (count_lines_of(log.s) < 4)
		live__wait_a_moment(limit);
	assert_true(live__now_ns() - begin >= 3 *SEC);
	kill(memtrace->pid, SIGINT);
	assert_int_equal(live__exit_code(memtrace), 0);
	text = live__read_file(log.s);
	nr = (long)live__count_lines(text);
	skipped = number_after(live__err(memtrace), ", and not for ");
	assert_true(sum_of_lines(text) <= skipped);
	assert_int_equal(nr + skipped,
			 live__sum(live__load_report(live, path), "heap.calls.mmap.failed"));
	free(text);
}

/* Its processes end with the test. */
static void adopt(struct live *live, pid_t leader)
{
	assert_true(live->nr_processes < LIVE_MAX_PROCESSES);
	live->processes[live->nr_processes++] =
		(struct live_process){.pid = leader, .in = -1, .out = -1, .err = -1};
}

/* Neither tracing nor the end of the run waits for it, and it goes on. */
static void test_slow_hook(void **state)
{
	struct live *live = *state;
	struct live_path path = live__path(live, "pid");
	struct live_process *workload, *memtrace;
	char options[256], report_path[128], hook[512], *text;
	json_t *report;
	pid_t pid;

	snprintf(hook, sizeof(hook),
		 "echo $$ >%s.new && mv %s.new %s; exec sleep 600 >/dev/null 2>&1", path.s, path.s,
		 path.s);
	live__report_path(live, report_path, sizeof(report_path));
	snprintf(options, sizeof(options), "-F json -o %s", report_path);
	workload = live__start_workload(live, "badaccess --child --fatal");
	memtrace = trace(live, hook, options, workload);
	live__say(workload, "\n");
	live__read_json(live, workload);
	text = await_file(path.s);
	pid = (pid_t)strtol(text, NULL, 10);
	free(text);
	assert_true(pid > 0);
	adopt(live, pid);
	kill(memtrace->pid, SIGINT);
	assert_int_equal(live__exit_code(memtrace), 0);
	assert_int_equal(kill(pid, 0), 0);
	assert_int_equal(getsid(pid), pid);
	report = live__load_report(live, report_path);
	live__assert_sound(report, 0);
}

static void test_output(void **state)
{
	struct live *live = *state;
	struct live_process *workload, *memtrace;
	json_error_t error;
	json_t *report;

	workload = live__start_workload(live, "badaccess --child --fatal");
	memtrace = trace(live, "echo one $MEMTRACE_EVENT; echo two $MEMTRACE_EVENT >&2", "-F json",
			 workload);
	live__say(workload, "\n");
	do {
		assert_non_null(live__read_line(memtrace, true));
	} while (!strstr(live__err(memtrace), "two crash\n"));
	kill(memtrace->pid, SIGINT);
	assert_int_equal(live__exit_code(memtrace), 0);
	assert_non_null(strstr(live__err(memtrace), "one crash\n"));
	report = json_loads(live__out(memtrace), 0, &error);
	assert_non_null(report);
	json_decref(report);
}

/* The command's is memtrace's, whatever the hook's is; what happened last has its hook. */
static void check_exit_code(struct live *live, const char *hook, const char *words, int code,
			    const char *told)
{
	struct live_process *memtrace;
	char text[256];

	snprintf(text, sizeof(text), "-i 0 -o /dev/null -- build/workloads/%s", words);
	memtrace = start(live, hook, text);
	live__close_stdin(memtrace);
	assert_int_equal(live__exit_code(memtrace), code);
	if (told)
		assert_non_null(strstr(live__err(memtrace), told));
	else
		assert_string_equal(live__err(memtrace), "");
}

static void test_exit_code(void **state)
{
	check_exit_code(*state, "echo hooked", "exits --code 42", 42, NULL);
	check_exit_code(*state, "echo hooked", "stackover --limit 1M", 128 + SIGSEGV, "hooked\n");
	check_exit_code(*state, "exit 9", "badaccess --fatal", 128 + SIGSEGV,
			"memtrace: --on-hit: 'exit 9' ended with status 9 (this is told once)\n");
	check_exit_code(*state, "/no/such/hook", "badaccess --fatal", 128 + SIGSEGV,
			"memtrace: --on-hit: '/no/such/hook' ended with status 127 (this is told "
			"once)\n");
	check_exit_code(*state, "kill -9 $$", "badaccess --fatal", 128 + SIGSEGV,
			"memtrace: --on-hit: 'kill -9 $$' was ended by signal 9 (this is told "
			"once)\n");
}

/* A hook that crashes is seen, and runs no hook. */
static void test_crash_of_hook(void **state)
{
	struct live *live = *state;
	struct live_path log = live__path(live, "log"), program = live__path(live, "hookcrash");
	struct live_process *workload, *memtrace;
	char hook[512], cwd[256], target[512], *text;
	const char *line;

	assert_non_null(getcwd(cwd, sizeof(cwd)));
	snprintf(target, sizeof(target), "%s/build/workloads/badaccess", cwd);
	assert_int_equal(symlink(target, program.s), 0);
	snprintf(hook, sizeof(hook), "echo $MEMTRACE_PROCESS >>%s; %s --fatal >/dev/null; true",
		 log.s, program.s);
	workload = live__start_workload(live, "badaccess --child --fatal");
	memtrace = start(live, hook, "-a -i 0");
	live__await_tracing(memtrace);
	live__say(workload, "\n");
	do {
		line = live__read_line(memtrace, false);
		assert_non_null(line);
	} while (!strstr(line, " hookcrash["));
	kill(memtrace->pid, SIGINT);
	assert_int_equal(live__exit_code(memtrace), 0);
	text = live__read_file(log.s);
	assert_non_null(strstr(text, "badaccess\n"));
	assert_null(strstr(text, "hookcrash"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		live_test(test_bad_access),    live_test(test_record),
		live_test(test_passed_on),     live_test(test_record_passed_on),
		live_test(test_stack_hit),     live_test(test_failed_call),
		live_test(test_storm),	       live_test(test_slow_hook),
		live_test(test_output),	       live_test(test_exit_code),
		live_test(test_crash_of_hook),
	};

	setenv("LC_ALL", "C.UTF-8", 1);
	return cmocka_run_group_tests_name("on_hit", tests, NULL, NULL);
}
