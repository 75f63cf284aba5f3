// SPDX-License-Identifier: GPL-2.0-or-later
/* What happens, in words, and when they come. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "cmd/view.h"
#include "render/render.h"
#include "shown.h"

static void test_words(void **state)
{
	struct feed *feed = *state;
	struct shown shown;

	WATCH(feed, shown);
	overflow(feed, PID, PID, TEXT, 0);
	overflow(feed, PID, PID + 3, TEXT, MT_SIGNAL_HANDLED);
	assert_int_equal(shown.nr, 0);
	pass(feed, &alerts, 0);
	assert_string_equal(shown.text,
			    "worker[4242] stack overflow: 8,388,608 of 8,388,608 bytes, "
			    "RLIMIT_STACK (fatal)\n"
			    "worker[4242] tid 4245 \"reader\" stack overflow: 8,388,608 of "
			    "8,388,608 bytes, RLIMIT_STACK (handled)\n");
	alerts__release(&alerts);
}

/* Those behind one that waits for its stack wait, too: they come in their order. */
static void test_wait_for_stack(void **state)
{
	struct feed *feed = *state;
	struct shown shown;

	WATCH(feed, shown);
	overflow(feed, PID, PID, TEXT, MT_SIGNAL_COPIED);
	overflow(feed, PID, PID + 1, TEXT + 1, 0);
	pass(feed, &alerts, 298 * MSEC);
	assert_int_equal(shown.nr, 0);
	pass(feed, &alerts, 2 * MSEC);
	assert_int_equal(shown.nr, 2);
	assert_non_null(strstr(strchr(shown.text, '\n'), "tid 4243"));
	alerts__release(&alerts);
}

static void answer(struct feed *feed, uint32_t tid, uint64_t signal_ns)
{
	struct {
		struct mt_stack stack;
		struct mt_frame frames[4];
	} rec = {
		.stack = {.signal_time_ns = signal_ns, .depth_frames = 8228, .nr = 4},
		.frames = {{.ip = 1, .repeat = 1, .cycle = 1, .symbol = "leaf"},
			   {.ip = 2, .repeat = 4112, .cycle = 2, .symbol = "even"},
			   {.ip = 3, .repeat = 1, .symbol = "odd"},
			   {.ip = 4, .repeat = 1, .cycle = 1, .offset = 64, .file = "libc.so.6"}},
	};

	rec.stack.hdr = record__header(MT_KIND_STACK, sizeof(rec), PID, tid);
	feed__now(feed, &rec);
}

/* It has come: there is nothing to wait for. */
static void test_stack_comes(void **state)
{
	struct feed *feed = *state;
	struct shown shown;
	uint64_t signal_ns;

	WATCH(feed, shown);
	overflow(feed, PID, PID, TEXT, MT_SIGNAL_COPIED);
	signal_ns = feed->now_ns;
	overflow(feed, PID, PID + 1, TEXT, MT_SIGNAL_COPIED);
	pass(feed, &alerts, 100 * MSEC);
	answer(feed, PID, signal_ns);
	pass(feed, &alerts, 0);
	assert_string_equal(shown.text,
			    "worker[4242] stack overflow: 8,388,608 of 8,388,608 bytes, "
			    "RLIMIT_STACK, in even() → odd() × 4,112 (fatal)\n");
	assert_string_equal(shown.stack, "leaf;even > odd × 4,112;libc.so.6+0x40");
	alerts__release(&alerts);
}

/* It is told when its process dies of it after all: by then its stack may not have been unwound. */
static void test_stack_of_passed_on(void **state)
{
	struct feed *feed = *state;
	struct mt_signal_more sig =
		bad_access(PID, PID, 0, TEXT, MT_SIGNAL_HANDLED | MT_SIGNAL_COPIED);
	struct shown shown;
	uint64_t signal_ns;

	WATCH(feed, shown);
	feed__now(feed, &sig);
	signal_ns = feed->now_ns;
	feed__exit(feed, PID, PID, true, SIGSEGV, FLT(0, 0));
	pass(feed, &alerts, 100 * MSEC);
	assert_int_equal(shown.nr, 0);
	answer(feed, PID, signal_ns);
	pass(feed, &alerts, 0);
	assert_int_equal(shown.nr, 1);
	assert_non_null(strstr(shown.text, ", in even() → odd() × 4,112 (fatal)\n"));
	assert_string_equal(shown.stack, "leaf;even > odd × 4,112;libc.so.6+0x40");
	alerts__release(&alerts);
}

/* A handler that takes its time: there is nothing to wait for. */
static void test_stack_came_first(void **state)
{
	struct feed *feed = *state;
	struct mt_signal_more sig =
		bad_access(PID, PID, 0, TEXT, MT_SIGNAL_HANDLED | MT_SIGNAL_COPIED);
	struct shown shown;

	WATCH(feed, shown);
	feed__now(feed, &sig);
	answer(feed, PID, feed->now_ns);
	feed__exit(feed, PID, PID, true, SIGSEGV, FLT(0, 0));
	pass(feed, &alerts, 1000);
	assert_int_equal(shown.nr, 1);
	assert_string_equal(shown.stack, "leaf;even > odd × 4,112;libc.so.6+0x40");
	alerts__release(&alerts);
}

/* So it is in a recorder, which keeps nothing for a report. */
static void test_stack_of_recorder(void **state)
{
	struct feed *feed = *state;
	struct shown shown;
	uint64_t signal_ns;

	WATCH(feed, shown);
	feed__proc(feed)->forgets = true;
	for (unsigned int i = 0; i < 2; i++) {
		overflow(feed, PID, PID, TEXT, MT_SIGNAL_COPIED);
		signal_ns = feed->now_ns;
		answer(feed, PID, signal_ns);
		assert_null(feed->model->backtraces.table);
		answer(feed, PID, 1);
		pass(feed, &alerts, 0);
		assert_int_equal(shown.nr, i + 1);
		assert_string_equal(shown.stack, "leaf;even > odd × 4,112;libc.so.6+0x40");
		shown.stack[0] = '\0';
	}
	alerts__release(&alerts);
}

static void kill_for_memory(struct feed *feed, uint32_t victim, uint64_t limit_bytes,
			    uint16_t flags)
{
	struct mt_oom_kill rec = {
		.hdr = record__header(MT_KIND_OOM_KILL, sizeof(rec), victim, victim),
		.trigger_tgid = PID,
		.trigger_tid = PID,
		.anon_pages = 1024,
		.cgroup_limit_bytes = limit_bytes,
		.cgroup_usage_bytes = limit_bytes,
		.comm = "big",
		.trigger_comm = "last",
		.cgroup = "web",
	};

	rec.hdr.flags = flags;
	feed__now(feed, &rec);
}

/* Once, of the victim if it is known; also where nothing is kept for a report. */
static void test_oom_kill(void **state)
{
	struct feed *feed = *state;
	struct shown shown;

	WATCH(feed, shown);
	kill_for_memory(feed, PID, 64 << 20, MT_OOM_SIZES_KNOWN);
	kill_for_memory(feed, PID + 9, UINT64_MAX, MT_OOM_SIZES_KNOWN);
	feed__proc(feed)->forgets = true;
	kill_for_memory(feed, PID, UINT64_MAX, 0);
	pass(feed, &alerts, 0);
	assert_string_equal(shown.text,
			    "worker[4242] killed, out of memory: cgroup web had used 64.0 MiB of "
			    "64.0 MiB; it asked for more (fatal)\n"
			    "worker[4242] asked for more: pid 4251 big was killed, out of memory: "
			    "the system was\n"
			    "worker[4242] killed, out of memory; it asked for more (fatal)\n");
	alerts__release(&alerts);
}

static void test_flush(void **state)
{
	struct feed *feed = *state;
	struct shown shown;

	WATCH(feed, shown);
	overflow(feed, PID, PID, TEXT, MT_SIGNAL_COPIED);
	assert_int_equal(alerts__flush(&alerts, feed->model), 0);
	assert_int_equal(shown.nr, 1);
	assert_false(alerts__wait(&alerts));
	alerts__release(&alerts);
}

static void assert_line(const struct report_notice *row, unsigned int width, bool utf8,
			const char *expected)
{
	const struct render_options opt = {.width = width, .utf8 = utf8};
	unsigned int lines, nr = 0;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(render_text__notice(row, &opt, out, &lines), 0);
	fclose(out);
	assert_string_equal(text, expected);
	for (const char *at = text; (at = strchr(at, '\n')); at++)
		nr++;
	assert_int_equal(lines, nr);
	free(text);
}

static void test_line(void **state)
{
	struct report_notice row = {
		.realtime_ns = 1795253208114999999ULL,
		.pid = 4242,
		.tid = 4250,
		.comm = "redis-server",
		.thread = "bio\x1b[31m_free",
		.words = "stack overflow: 8,388,608 of 8,388,608 bytes, guard page",
	};

	(void)state;
	setenv("TZ", "UTC-9", 1);
	tzset();
	assert_line(&row, 200, true,
		    "18:26:48.114 redis-server[4242] tid 4250 \"bio\\x1b[31m_free\" stack "
		    "overflow: 8,388,608 of 8,388,608 bytes, guard page\n");
	row.outcome = "fatal";
	assert_line(
		&row, 80, true,
		"18:26:48.114 redis-server[4242] tid 4250 \"bio\\x1b[31m_free\" stack overflow:\n"
		"             8,388,608 of 8,388,608 bytes, guard page (fatal)\n");
	row.where = "in parse_nested_value_of() × 4,112";
	assert_line(
		&row, 80, true,
		"18:26:48.114 redis-server[4242] tid 4250 \"bio\\x1b[31m_free\" stack overflow:\n"
		"             8,388,608 of 8,388,608 bytes, guard page, in\n"
		"             parse_nested_value_of() × 4,112 (fatal)\n");
	unsetenv("TZ");
	tzset();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, feed__setup, feed__teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_words),
		TEST(test_wait_for_stack),
		TEST(test_stack_comes),
		TEST(test_stack_of_passed_on),
		TEST(test_stack_came_first),
		TEST(test_stack_of_recorder),
		TEST(test_oom_kill),
		TEST(test_flush),
		cmocka_unit_test(test_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
