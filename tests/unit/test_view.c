// SPDX-License-Identifier: GPL-2.0-or-later
/* The lines of an interval: who has one, in which order, and what is said of the others. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/view.h"
#include "events.h"

#define SEC 1000000000ULL
#define BUSY 5000U  /* and the pids after it: more faults the higher */
#define QUIET 6000U /* and the pids after it: they hit a limit, and hardly fault */

static void fault(struct feed *feed, uint32_t pid, uint32_t nr)
{
	feed__fork(feed, PID, pid, pid, 0, FLT(0, 0));
	for (uint32_t i = 0; i < nr; i++)
		feed__fault_of(feed, pid, pid, HEAP + i * 4096, 0, FLT(i, 0), 0);
}

static void hit_and_end(struct feed *feed, uint32_t pid)
{
	fault(feed, pid, 1);
	feed__overflow(feed, pid, FLT(1, 0));
	feed__exit(feed, pid, pid, true, SIGSEGV, FLT(1, 0));
}

/* What is shown of the interval that ends now, after its header; the caller frees it. */
static char *shown(struct feed *feed, uint32_t top)
{
	const struct options opt = {.top = top, .interval_s = 1};
	struct view view = {.opt = &opt, .rows = true};
	char *text = NULL, *lines;
	size_t size;

	feed__tick(feed, MT_KIND_TICK, feed->now_ns + SEC);
	view.stream = open_memstream(&text, &size);
	assert_int_equal(view__show(&view, feed->model), 0);
	fclose(view.stream);
	lines = strchr(text, '\n');
	assert_non_null(lines);
	lines = strdup(lines + 1);
	free(text);
	return lines;
}

/* The pids in the second column, those lines first that are a process's. */
static void assert_pids(const char *text, const uint32_t *pids, size_t nr)
{
	unsigned int pid;

	for (size_t i = 0; i < nr; i++) {
		assert_int_equal(sscanf(text, "%*s %u", &pid), 1);
		assert_int_equal(pid, pids[i]);
		text = strchr(text, '\n');
		assert_non_null(text++);
	}
	assert_true(!*text || strstr(text, "and ") == text + strspn(text, " "));
}

static void test_hits_come_first(void **state)
{
	static const uint32_t pids[] = {QUIET, BUSY + 7, BUSY + 6};
	struct feed *feed = *state;
	char *text;

	for (uint32_t i = 0; i < 8; i++)
		fault(feed, BUSY + i, 10 + i);
	hit_and_end(feed, QUIET);
	text = shown(feed, 3);
	assert_pids(text, pids, 3);
	assert_non_null(strstr(text, "and 6 more processes: "));
	assert_non_null(strstr(text, " faults/s\n"));
	assert_null(strstr(text, "stack-limit"));
	free(text);
}

/* Hits for which there is no line are told. */
static void test_hits_of_the_rest(void **state)
{
	static const uint32_t pids[] = {QUIET, QUIET + 1};
	struct feed *feed = *state;
	char *text;

	for (uint32_t i = 0; i < 5; i++)
		hit_and_end(feed, QUIET + i);
	text = shown(feed, 2);
	assert_pids(text, pids, 2);
	assert_non_null(strstr(text, "and 3 more processes: "));
	assert_non_null(strstr(text, " faults/s, 3 stack-limit hits\n"));
	free(text);
}

/* So it is where few processes have a line each, in the order of their appearance. */
static void test_hits_of_few(void **state)
{
	static const uint32_t one[] = {QUIET}, each[] = {PID, BUSY, QUIET};
	struct feed *feed = *state;
	char *text;

	fault(feed, BUSY, 10);
	hit_and_end(feed, QUIET);
	text = shown(feed, 1);
	assert_pids(text, one, 1);
	free(text);
	feed__teardown(state);
	feed__setup(state);
	feed = *state;
	fault(feed, BUSY, 10);
	hit_and_end(feed, QUIET);
	text = shown(feed, 10);
	assert_pids(text, each, 3);
	free(text);
}

/* So many processes may end in an interval that most are dropped before its end: not these. */
static void test_hits_wait_for_the_tick(void **state)
{
	static const uint32_t pids[] = {QUIET, QUIET + 1};
	struct feed *feed = *state;
	char *text;

	hit_and_end(feed, QUIET);
	hit_and_end(feed, QUIET + 1);
	for (uint32_t i = 0; i < 4000; i++) {
		fault(feed, 10000 + i, 2);
		feed__exit(feed, 10000 + i, 10000 + i, true, 0, FLT(2, 0));
	}
	assert_true(feed->model->current.nr < 2000);
	text = shown(feed, 2);
	assert_pids(text, pids, 2);
	free(text);
	/* Once. */
	text = shown(feed, 2);
	assert_null(strstr(text, " 6000 "));
	free(text);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, feed__setup, feed__teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_hits_come_first),
		TEST(test_hits_of_the_rest),
		TEST(test_hits_of_few),
		TEST(test_hits_wait_for_the_tick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
