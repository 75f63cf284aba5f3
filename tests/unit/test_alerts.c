// SPDX-License-Identifier: GPL-2.0-or-later
/* What happens, in words, when they come, and how many of a storm. */
#include <errno.h>
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

#include "cmd/alerts.h"
#include "cmd/view.h"
#include "events.h"
#include "render/render.h"

#define MSEC 1000000ULL
#define SEC 1000000000ULL

/* What has come so far, a line each. */
struct shown {
	char text[64 << 10];
	size_t len;
	unsigned int nr;
	uint64_t nr_more;
	unsigned int nr_merged; /* rows of them that are not shown */
	uint32_t merged_tid;	/* of the last one of them */
	bool merged_fatal;
	char stack[512]; /* of the last one */
};

static int show(void *ctx, const struct report_notice *row)
{
	struct shown *shown = ctx;
	char *text = report_notice__text(row);

	assert_non_null(text);
	if (row->merged) {
		shown->nr_merged++;
		shown->merged_tid = row->tid;
		shown->merged_fatal = report_notice__is_fatal(row);
		assert_false(row->more);
		free(text);
		return 0;
	}
	shown->len +=
		snprintf(shown->text + shown->len, sizeof(shown->text) - shown->len, "%s\n", text);
	assert_true(shown->len < sizeof(shown->text));
	shown->nr += !row->more;
	shown->nr_more += row->more;
	snprintf(shown->stack, sizeof(shown->stack), "%s", row->stack ?: "");
	free(text);
	return 0;
}

static void take(void *ctx, struct model *model, const struct event *ev)
{
	assert_int_equal(alerts__take(ctx, model), 0);
	if (ev->kind == MT_KIND_STACK)
		assert_int_equal(alerts__take_stack(ctx, model, ev), 0);
}

static struct alerts alerts__to(struct feed *feed, struct shown *shown)
{
	*shown = (struct shown){};
	feed->model->notices.wanted = true;
	return (struct alerts){.fn = show, .ctx = shown, .utf8 = true, .wants_merged = true};
}

/* From here on they come as in a run: after each event. */
#define WATCH(feed, shown)                                                                         \
	struct alerts alerts = alerts__to(feed, &(shown));                                         \
	(feed)->taken = take;                                                                      \
	(feed)->ctx = &alerts

static void pass(struct feed *feed, struct alerts *alerts, uint64_t ns)
{
	feed->now_ns += ns;
	assert_int_equal(alerts__pass(alerts, feed->model, feed->now_ns), 0);
}

static struct mt_signal_more bad_access(uint32_t pid, uint32_t tid, uint64_t addr, uint64_t ip,
					uint16_t flags)
{
	struct mt_signal_more sig = {
		.signal = {.hdr = record__header(MT_KIND_SIGNAL, sizeof(sig), pid, tid),
			   .signo = SIGSEGV,
			   .code = SEGV_MAPERR,
			   .addr = addr,
			   .sp = STACK_END - STACK_LIMIT,
			   .ip = ip,
			   .stack_limit_bytes = STACK_LIMIT,
			   .stack_vm_bytes = STACK_LIMIT,
			   .comm = "reader"},
		.trap = MT_TRAP_UNKNOWN,
		.file_bytes = UINT64_MAX,
		.as_limit_bytes = UINT64_MAX,
	};

	sig.signal.hdr.flags = flags;
	return sig;
}

/* A bad access at the limit of the stack of 8 MiB. */
static void overflow(struct feed *feed, uint32_t pid, uint32_t tid, uint64_t ip, uint16_t flags)
{
	struct mt_signal_more sig = bad_access(pid, tid, STACK_END - STACK_LIMIT - 8, ip, flags);

	feed__now(feed, &sig);
}

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

/* Three, and each second the number of the others: none is left out of it. */
static void test_storm(void **state)
{
	struct feed *feed = *state;
	struct shown shown;

	WATCH(feed, shown);
	for (unsigned int i = 0; i < 5000; i++) {
		overflow(feed, PID, PID, TEXT, MT_SIGNAL_HANDLED);
		pass(feed, &alerts, MSEC - 1000);
	}
	assert_int_equal(shown.nr, 3);
	assert_non_null(strstr(shown.text, "\nworker[4242] and 997 more stack-limit hits\n"
					   "worker[4242] and 1,000 more stack-limit hits\n"));
	pass(feed, &alerts, SEC);
	assert_int_equal(shown.nr_more, 4997);
	assert_int_equal(shown.nr_merged, 5);
	assert_int_equal(shown.nr, 3);
	/* It is over: the next one is news. */
	pass(feed, &alerts, SEC);
	assert_false(alerts__wait(&alerts));
	overflow(feed, PID, PID, TEXT, 0);
	pass(feed, &alerts, 0);
	assert_int_equal(shown.nr, 4);
	alerts__release(&alerts);
}

/* Of those that are merged the last one comes as a row, but a fatal one before others. */
static void test_sample(void **state)
{
	struct feed *feed = *state;
	struct shown shown;

	WATCH(feed, shown);
	for (uint32_t i = 0; i < 9; i++)
		overflow(feed, PID, PID + i, TEXT, MT_SIGNAL_HANDLED);
	pass(feed, &alerts, SEC);
	assert_int_equal(shown.nr_merged, 1);
	assert_int_equal(shown.merged_tid, PID + 8);
	assert_false(shown.merged_fatal);
	for (uint32_t i = 0; i < 9; i++)
		overflow(feed, PID, PID + i, TEXT, i < 6 ? 0 : MT_SIGNAL_HANDLED);
	pass(feed, &alerts, SEC);
	assert_int_equal(shown.nr_merged, 2);
	assert_int_equal(shown.merged_tid, PID + 5);
	assert_true(shown.merged_fatal);
	alerts__release(&alerts);
}

/* Of a storm, too, where its process is still known. */
static void test_sample_of_storm(void **state)
{
	struct feed *feed = *state;
	struct shown shown;

	WATCH(feed, shown);
	for (uint32_t i = 0; i < 1000; i++)
		overflow(feed, PID, PID + i, TEXT, MT_SIGNAL_HANDLED);
	pass(feed, &alerts, SEC);
	assert_int_equal(shown.nr_merged, 1);
	assert_int_equal(shown.merged_tid, PID + 999);
	alerts__release(&alerts);
}

/* Nobody is to be told it: then it is not made. */
static void test_no_sample(void **state)
{
	struct feed *feed = *state;
	struct shown shown;

	WATCH(feed, shown);
	alerts.wants_merged = false;
	for (uint32_t i = 0; i < 9; i++)
		overflow(feed, PID, PID, TEXT, 0);
	pass(feed, &alerts, SEC);
	assert_int_equal(shown.nr, 3);
	assert_int_equal(shown.nr_more, 6);
	assert_int_equal(shown.nr_merged, 0);
	alerts__release(&alerts);
}

static void fail_calls(struct feed *feed, struct alerts *alerts, enum failure_cause cause,
		       unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		struct notice notice = {
			.kind = NOTICE_LIMIT,
			.pid = PID,
			.tid = PID,
			.time_ns = feed->now_ns += 1000,
			.what = cause,
		};

		feed__proc(feed)->limits.last_failure = (struct failure){
			.time_ns = notice.time_ns,
			.tid = PID,
			.cause = cause,
			.err = ENOMEM,
			.used = BYTES_UNKNOWN,
			.limit = BYTES_UNKNOWN,
		};
		notices__add(&feed->model->notices, &notice);
		assert_int_equal(alerts__take(alerts, feed->model), 0);
	}
}

/* The lines just above may be of something else. */
static void test_more_of_what(void **state)
{
	struct feed *feed = *state;
	struct shown shown;

	WATCH(feed, shown);
	fail_calls(feed, &alerts, FAILURE_RLIMIT_AS, 7);
	fail_calls(feed, &alerts, FAILURE_RLIMIT_MEMLOCK, 2);
	pass(feed, &alerts, SEC);
	assert_int_equal(shown.nr, 5);
	assert_non_null(strstr(shown.text, "RLIMIT_MEMLOCK\nworker[4242] and 4 more failed calls: "
					   "RLIMIT_AS\n"));
	fail_calls(feed, &alerts, FAILURE_RLIMIT_MEMLOCK, 4);
	pass(feed, &alerts, SEC);
	assert_non_null(strstr(shown.text, "\nworker[4242] and 1 more failed call: "
					   "RLIMIT_MEMLOCK\n"));
	fail_calls(feed, &alerts, FAILURE_RLIMIT_AS, 5);
	fail_calls(feed, &alerts, FAILURE_RLIMIT_MEMLOCK, 1);
	pass(feed, &alerts, SEC);
	assert_non_null(strstr(shown.text, "\nworker[4242] and 3 more failed calls\n"));
	fail_calls(feed, &alerts, FAILURE_RLIMIT_AS, 5);
	for (unsigned int i = 0; i < 4; i++)
		overflow(feed, PID, PID, TEXT, 0);
	pass(feed, &alerts, SEC);
	assert_non_null(strstr(shown.text, " more of several kinds\n"));
	alerts__release(&alerts);
}

/* What comes less often is never merged. */
static void test_no_storm(void **state)
{
	struct feed *feed = *state;
	struct shown shown;

	WATCH(feed, shown);
	for (unsigned int i = 0; i < 30; i++) {
		overflow(feed, PID, PID, TEXT, 0);
		pass(feed, &alerts, 400 * MSEC);
	}
	pass(feed, &alerts, 2 *SEC);
	assert_int_equal(shown.nr, 30);
	assert_int_equal(shown.nr_more, 0);
	alerts__release(&alerts);
}

/* The storm of one instruction does not hide what another one does, nor what is fatal. */
static void test_storm_hides_nothing(void **state)
{
	struct feed *feed = *state;
	struct shown shown;

	WATCH(feed, shown);
	for (unsigned int i = 0; i < 1000; i++)
		overflow(feed, PID, PID, TEXT, MT_SIGNAL_HANDLED);
	overflow(feed, PID, PID, TEXT + 64, MT_SIGNAL_HANDLED);
	overflow(feed, PID, PID, TEXT, 0);
	pass(feed, &alerts, 0);
	assert_int_equal(shown.nr, 5);
	assert_non_null(strstr(shown.text, "RLIMIT_STACK (fatal)\n"));
	pass(feed, &alerts, SEC);
	assert_int_equal(shown.nr_more, 997);
	alerts__release(&alerts);
}

/* Ten lines a second, whatever they are of, and one for the rest. */
static void test_many_kinds(void **state)
{
	struct feed *feed = *state;
	struct shown shown;

	WATCH(feed, shown);
	for (unsigned int i = 0; i < 500; i++)
		overflow(feed, PID, PID, TEXT + i, 0);
	pass(feed, &alerts, 0);
	assert_int_equal(shown.nr, 10);
	pass(feed, &alerts, SEC);
	assert_int_equal(shown.nr, 10);
	assert_non_null(strstr(shown.text, "\nworker[4242] and 490 more stack-limit hits\n"));
	alerts__release(&alerts);
}

/* A child each time: one program all the same. */
static void test_many_processes(void **state)
{
	struct feed *feed = *state;
	struct shown shown;

	WATCH(feed, shown);
	for (uint32_t pid = 5000; pid < 5100; pid++) {
		feed__fork(feed, PID, pid, pid, 0, FLT(0, 0));
		overflow(feed, pid, pid, TEXT, 0);
		feed__exit(feed, pid, pid, true, SIGSEGV, FLT(0, 0));
	}
	pass(feed, &alerts, SEC);
	assert_int_equal(shown.nr, 3);
	assert_non_null(strstr(shown.text, "\nworker and 97 more stack-limit hits\n"));
	alerts__release(&alerts);
}

/* Programs that are too many share a number. */
static void test_many_programs(void **state)
{
	struct feed *feed = *state;
	struct shown shown;

	WATCH(feed, shown);
	for (uint32_t i = 0; i < 100; i++) {
		struct mt_process rec = {
			.hdr = record__header(MT_KIND_PROCESS, sizeof(rec), 5000 + i, 5000 + i),
			.stack_limit_bytes = STACK_LIMIT,
		};

		feed__fork(feed, PID, 5000 + i, 5000 + i, 0, FLT(0, 0));
		rec.start_ns = feed__process_of(feed, 5000 + i)->start_boottime_ns;
		snprintf(rec.comm, sizeof(rec.comm), "program%u", i);
		feed__now(feed, &rec);
		for (unsigned int nr = 0; nr < 5; nr++)
			overflow(feed, 5000 + i, 5000 + i, TEXT, 0);
	}
	pass(feed, &alerts, SEC);
	assert_int_equal(shown.nr + shown.nr_more, 500);
	assert_true(shown.nr <= 100);
	assert_non_null(strstr(shown.text, "\nseveral programs and "));
	alerts__release(&alerts);
}

/* Without watermarks nobody says when: what waits is bounded. */
static void test_no_watermarks(void **state)
{
	struct feed *feed = *state;
	struct shown shown;

	WATCH(feed, shown);
	for (unsigned int i = 0; i < 1000; i++) {
		overflow(feed, PID, PID, TEXT, MT_SIGNAL_COPIED);
		feed->now_ns += 400 * MSEC;
		if (shown.nr)
			break;
	}
	assert_true(shown.nr > 200 && shown.nr < 300);
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
		TEST(test_storm),
		TEST(test_more_of_what),
		TEST(test_sample),
		TEST(test_sample_of_storm),
		TEST(test_no_sample),
		TEST(test_no_storm),
		TEST(test_storm_hides_nothing),
		TEST(test_many_kinds),
		TEST(test_many_processes),
		TEST(test_many_programs),
		TEST(test_no_watermarks),
		cmocka_unit_test(test_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
