// SPDX-License-Identifier: GPL-2.0-or-later
/* Of a storm of what happens, how many: and which ones are shown, or stand for the others. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "shown.h"

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

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, feed__setup, feed__teardown)
	const struct CMUnitTest tests[] = {
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
