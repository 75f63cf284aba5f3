// SPDX-License-Identifier: GPL-2.0-or-later
/* The facts that a hook gets, and when one is run; with hooks that are processes of this test. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/vocab.h"
#include "cmd/on_hit.h"
#include "report/notice.h"

#define SEC 1000000000ULL

static struct report_notice example(void)
{
	return (struct report_notice){
		.event = "stack_hit",
		.kind = "thread_guard",
		.realtime_ns = 1795253208123456789ULL,
		.pid = 4242,
		.tid = 4250,
		.comm = "redis-server",
		.thread = "bio\nfree",
		.exe = "/usr/bin/redis\x1b[2J",
		.words = "stack overflow: 4,096 of 4,096 bytes, guard page",
		.outcome = "handled",
		.handled = true,
		.address_known = true,
		.address = 0x7f0000001000,
		.ip = 0x401000,
		.signal = SIGSEGV,
		.size_bytes = 4096,
		.limit_bytes = 4096,
		.where = "in f() × 12",
		.stack = "f × 12;main",
	};
}

static void assert_facts(const struct report_notice *row, const char *const *expected)
{
	struct hook_facts facts = {};
	size_t nr = 0;

	assert_int_equal(hook_facts__fill(&facts, row), 0);
	for (; expected[nr]; nr++) {
		bool found = false;

		for (size_t i = 0; i < facts.nr; i++)
			found |= !strcmp(facts.items[i], expected[nr]);
		if (!found)
			fail_msg("no %s", expected[nr]);
	}
	assert_int_equal(facts.nr, nr);
	hook_facts__release(&facts);
}

static void test_facts(void **state)
{
	static const char *const expected[] = {
		"MEMTRACE_TIME=2026-11-21T09:26:48.123456Z",
		"MEMTRACE_EVENT=stack_hit",
		"MEMTRACE_KIND=thread_guard",
		"MEMTRACE_PID=4242",
		"MEMTRACE_TID=4250",
		"MEMTRACE_PROCESS=redis-server",
		"MEMTRACE_COMM=bio\\x0afree",
		"MEMTRACE_EXE=/usr/bin/redis\\x1b[2J",
		"MEMTRACE_TEXT=redis-server[4242] tid 4250 \"bio\\x0afree\" stack overflow: 4,096 "
		"of 4,096 bytes, guard page, in f() × 12 (handled)",
		"MEMTRACE_OUTCOME=handled",
		"MEMTRACE_ADDRESS=0x7f0000001000",
		"MEMTRACE_IP=0x401000",
		"MEMTRACE_SIGNAL=SIGSEGV",
		"MEMTRACE_SIZE_BYTES=4096",
		"MEMTRACE_LIMIT_BYTES=4096",
		"MEMTRACE_STACK=f × 12;main",
		NULL,
	};
	struct report_notice row = example();

	(void)state;
	assert_facts(&row, expected);
}

/* What is not known is absent, not empty and not 0. */
static void test_facts_unknown(void **state)
{
	static const char *const expected[] = {
		"MEMTRACE_TIME=1970-01-01T00:00:00.000000Z",
		"MEMTRACE_EVENT=limit",
		"MEMTRACE_PID=1",
		"MEMTRACE_TID=1",
		"MEMTRACE_TEXT=?[1] x",
		NULL,
	};
	struct report_notice row = {
		.event = "limit",
		.pid = 1,
		.tid = 1,
		.words = "x",
		.size_bytes = BYTES_UNKNOWN,
		.limit_bytes = BYTES_UNKNOWN,
	};

	(void)state;
	assert_facts(&row, expected);
}

/* What hooks have printed: their standard error is a pipe, their standard output is that, too. */
struct hooks {
	struct on_hit on_hit;
	int pipe[2];
	int stderr_fd;
	char text[4096];
};

static void hooks__open(struct hooks *hooks, const char *command)
{
	*hooks = (struct hooks){};
	on_hit__init(&hooks->on_hit, command);
	assert_int_equal(pipe(hooks->pipe), 0);
	hooks->stderr_fd = dup(STDERR_FILENO);
	dup2(hooks->pipe[1], STDERR_FILENO);
	close(hooks->pipe[1]);
}

/* All of them have ended by now, and have been reaped. */
static const char *hooks__close(struct hooks *hooks)
{
	size_t len = 0;
	ssize_t n;

	on_hit__finish(&hooks->on_hit, false);
	fflush(stderr);
	dup2(hooks->stderr_fd, STDERR_FILENO);
	close(hooks->stderr_fd);
	while ((n = read(hooks->pipe[0], hooks->text + len, sizeof(hooks->text) - len - 1)) > 0)
		len += n;
	close(hooks->pipe[0]);
	return hooks->text;
}

/* The hook's end; not its time: that is given to it. */
static void hooks__await_end(struct hooks *hooks, uint64_t now_ns)
{
	siginfo_t info;

	assert_int_not_equal(hooks->on_hit.pid, 0);
	assert_int_equal(waitid(P_PID, hooks->on_hit.pid, &info, WEXITED | WNOWAIT), 0);
	on_hit__poll(&hooks->on_hit, now_ns);
}

#define PRINT "echo $MEMTRACE_TID $MEMTRACE_SKIPPED"

static void take(struct hooks *hooks, uint32_t tid, bool handled, uint64_t now_ns)
{
	struct report_notice row = example();

	row.tid = tid;
	row.handled = handled;
	row.outcome = handled ? "handled" : "fatal";
	on_hit__take(&hooks->on_hit, &row, now_ns);
}

/* One a second: of what comes in between the last one, the others counted. */
static void test_once_a_second(void **state)
{
	struct hooks hooks;

	(void)state;
	hooks__open(&hooks, PRINT);
	take(&hooks, 1, true, 10 *SEC);
	hooks__await_end(&hooks, 10 *SEC);
	for (uint32_t tid = 2; tid <= 9; tid++)
		take(&hooks, tid, true, 10 *SEC + tid);
	assert_int_equal(hooks.on_hit.pid, 0);
	assert_int_equal(on_hit__due_ns(&hooks.on_hit), 11 *SEC);
	on_hit__poll(&hooks.on_hit, 11 *SEC - 1);
	assert_int_equal(hooks.on_hit.pid, 0);
	on_hit__poll(&hooks.on_hit, 11 *SEC);
	hooks__await_end(&hooks, 11 *SEC);
	assert_false(on_hit__is_busy(&hooks.on_hit));
	take(&hooks, 10, true, 12 *SEC);
	hooks__await_end(&hooks, 12 *SEC);
	assert_string_equal(hooks__close(&hooks), "1 0\n9 7\n10 0\n"
						  "memtrace: --on-hit: '" PRINT
						  "' was run 3 times, and not for 7 more\n");
}

/* While one runs, none is started, however long it takes; what is merged counts. */
static void test_one_at_a_time(void **state)
{
	struct report_notice more = {.event = "stack_hit", .more = 100};
	struct hooks hooks;

	(void)state;
	hooks__open(&hooks, "echo $MEMTRACE_TID $MEMTRACE_SKIPPED; kill -STOP $$");
	take(&hooks, 1, true, SEC);
	take(&hooks, 2, true, 5 *SEC);
	take(&hooks, 3, true, 9 *SEC);
	on_hit__take(&hooks.on_hit, &more, 9 *SEC);
	on_hit__poll(&hooks.on_hit, 100 *SEC);
	assert_int_equal(hooks.on_hit.nr_started, 1);
	assert_int_equal(on_hit__due_ns(&hooks.on_hit), UINT64_MAX);
	/* It ends, once it has printed. */
	waitid(P_PID, hooks.on_hit.pid, &(siginfo_t){}, WSTOPPED);
	kill(hooks.on_hit.pid, SIGCONT);
	hooks__await_end(&hooks, 100 *SEC);
	assert_int_equal(hooks.on_hit.nr_started, 2);
	waitid(P_PID, hooks.on_hit.pid, &(siginfo_t){}, WSTOPPED);
	kill(hooks.on_hit.pid, SIGCONT);
	hooks__await_end(&hooks, 100 *SEC);
	assert_non_null(strstr(hooks__close(&hooks), "1 0\n3 100\n"));
}

/* A process dies just once. */
static void test_fatal_goes_first(void **state)
{
	struct hooks hooks;

	(void)state;
	hooks__open(&hooks, PRINT);
	take(&hooks, 1, true, SEC);
	hooks__await_end(&hooks, SEC);
	take(&hooks, 2, true, SEC);
	take(&hooks, 3, false, SEC);
	take(&hooks, 4, true, SEC);
	on_hit__poll(&hooks.on_hit, 2 *SEC);
	hooks__await_end(&hooks, 2 *SEC);
	assert_non_null(strstr(hooks__close(&hooks), "1 0\n3 2\n"));
}

static void take_limit(struct hooks *hooks, uint32_t tid, uint64_t realtime_ns, uint64_t now_ns)
{
	struct report_notice row = {
		.event = "limit",
		.realtime_ns = realtime_ns,
		.pid = 4242,
		.tid = tid,
		.words = "mmap failed",
	};

	on_hit__take(&hooks->on_hit, &row, now_ns);
}

/* A call that has failed is nothing beside that, whichever comes first. */
static void test_fatal_before_limit(void **state)
{
	struct hooks hooks;

	(void)state;
	hooks__open(&hooks, PRINT);
	take(&hooks, 1, true, SEC);
	hooks__await_end(&hooks, SEC);
	take_limit(&hooks, 2, UINT64_MAX, SEC);
	take(&hooks, 3, false, SEC);
	take(&hooks, 4, false, SEC);
	take_limit(&hooks, 5, UINT64_MAX, SEC);
	on_hit__poll(&hooks.on_hit, 2 *SEC);
	hooks__await_end(&hooks, 2 *SEC);
	assert_non_null(strstr(hooks__close(&hooks), "1 0\n4 3\n"));
}

/* By when it happened: one that a line counts comes with that line. */
static void test_last_by_its_time(void **state)
{
	struct hooks hooks;

	(void)state;
	hooks__open(&hooks, PRINT);
	take_limit(&hooks, 1, 10, SEC);
	hooks__await_end(&hooks, SEC);
	take_limit(&hooks, 2, 20, SEC);
	take_limit(&hooks, 3, 40, SEC);
	take_limit(&hooks, 4, 30, SEC);
	on_hit__poll(&hooks.on_hit, 2 *SEC);
	hooks__await_end(&hooks, 2 *SEC);
	assert_non_null(strstr(hooks__close(&hooks), "1 0\n3 2\n"));
}

/* Bad accesses that are handled are not for it. */
static void test_not_for_handled(void **state)
{
	struct report_notice row = example();
	struct hooks hooks;

	(void)state;
	hooks__open(&hooks, PRINT);
	row.event = "crash";
	on_hit__take(&hooks.on_hit, &row, SEC);
	assert_false(on_hit__is_busy(&hooks.on_hit));
	row.handled = false;
	on_hit__take(&hooks.on_hit, &row, SEC);
	hooks__await_end(&hooks, SEC);
	assert_string_equal(hooks__close(&hooks), "4250 0\n");
}

/* What happens to a hook, or to a child of it, does not run another. */
static void test_not_for_hooks(void **state)
{
	struct report_notice row = example();
	struct hooks hooks;
	pid_t pid;

	(void)state;
	hooks__open(&hooks, PRINT);
	take(&hooks, 1, true, SEC);
	pid = hooks.on_hit.pid;
	hooks__await_end(&hooks, SEC);
	row.pid = pid;
	on_hit__take(&hooks.on_hit, &row, 5 *SEC);
	row.pid = 4242;
	row.forebears[0] = 4241;
	row.forebears[1] = pid;
	row.nr_forebears = 2;
	on_hit__take(&hooks.on_hit, &row, 5 *SEC);
	assert_false(on_hit__is_busy(&hooks.on_hit));
	assert_int_equal(hooks.on_hit.nr_skipped, 0);
	assert_string_equal(hooks__close(&hooks), "1 0\n");
}

/* It is told once; the hook goes on being run. */
static void test_failure_is_told_once(void **state)
{
	struct hooks hooks;

	(void)state;
	hooks__open(&hooks, "exit 3");
	for (uint64_t i = 1; i <= 3; i++) {
		take(&hooks, 1, true, i *SEC);
		hooks__await_end(&hooks, i *SEC);
	}
	assert_int_equal(hooks.on_hit.nr_started, 3);
	assert_string_equal(hooks__close(&hooks),
			    "memtrace: --on-hit: 'exit 3' ended with status 3 (this is told "
			    "once)\n");
}

/* Of an outer memtrace's hook; other variables stay. */
static void test_environment(void **state)
{
	struct report_notice row = example();
	struct hooks hooks;

	(void)state;
	setenv("MEMTRACE_STACK", "old", 1);
	setenv("MEMTRACE_PID", "old", 1);
	setenv("MEMTRACE_MINE", "kept", 1);
	hooks__open(&hooks, "env | grep ^MEMTRACE_ | grep -c old; echo ${MEMTRACE_STACK-unset} "
			    "$MEMTRACE_PID $MEMTRACE_MINE");
	row.stack = NULL;
	on_hit__take(&hooks.on_hit, &row, SEC);
	hooks__await_end(&hooks, SEC);
	assert_string_equal(hooks__close(&hooks), "0\nunset 4242 kept\n");
	unsetenv("MEMTRACE_STACK");
	unsetenv("MEMTRACE_PID");
	unsetenv("MEMTRACE_MINE");
}

/* A new program's usual state, whatever ours is: no signal held back or ignored, no file open. */
static void test_state(void **state)
{
	struct hooks hooks;
	sigset_t all, before;

	(void)state;
	sigfillset(&all);
	signal(SIGPIPE, SIG_IGN);
	/* Of the signals up to 28: libc keeps some to itself, and those may come ignored. */
	hooks__open(&hooks, "sed -nE 's/^Sig(Blk|Ign):.*(.{7})$/\\1 \\2/p' /proc/self/status; "
			    "ls /proc/self/fd; set -- $(cat /proc/$$/stat); "
			    "test $6 = $$ && echo session; cat");
	sigprocmask(SIG_BLOCK, &all, &before);
	take(&hooks, 1, true, SEC);
	sigprocmask(SIG_SETMASK, &before, NULL);
	signal(SIGPIPE, SIG_DFL);
	hooks__await_end(&hooks, SEC);
	assert_string_equal(hooks__close(&hooks), "Blk 0000000\nIgn 0000000\n"
						  "0\n1\n2\n3\nsession\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_facts),
		cmocka_unit_test(test_facts_unknown),
		cmocka_unit_test(test_once_a_second),
		cmocka_unit_test(test_one_at_a_time),
		cmocka_unit_test(test_fatal_goes_first),
		cmocka_unit_test(test_fatal_before_limit),
		cmocka_unit_test(test_last_by_its_time),
		cmocka_unit_test(test_not_for_handled),
		cmocka_unit_test(test_not_for_hooks),
		cmocka_unit_test(test_failure_is_told_once),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
