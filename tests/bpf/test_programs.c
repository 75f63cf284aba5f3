/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs that nobody here wrote, which run into their stacks' ends or handle bad accesses on
 * purpose: interpreters, a JVM, stress-ng. Where a program has a word of its own it is the judge.
 */
#include "live.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define ALL "-n 100000"
/* Of a recursion that fills megabytes by frames of some hundred bytes. */
#define DEEP 1000

struct sums {
	int64_t fatal, handled, hits, segv_ends;
};

static struct sums sum__all(const json_t *report)
{
	struct sums sums = {};
	json_t *process;
	size_t i;

	json_array_foreach(live__at(report, "processes"), i, process)
	{
		json_t *end = live__at(process, "end");

		sums.fatal += live__number(process, "crashes.fatal");
		sums.handled += live__number(process, "crashes.handled");
		sums.hits += json_array_size(live__at(process, "stack.hits"));
		sums.segv_ends += json_integer_value(json_object_get(end, "signal")) == SIGSEGV;
	}
	return sums;
}

/* Runs it to its end with all its children; what it has printed is in *ret_run. */
static json_t *trace(struct live *live, const char *words, int code, struct live_process **ret_run)
{
	struct live_path path = live__path(live, "program.json");
	char text[1024];

	snprintf(text, sizeof(text), "-f -q -i 0 -F json -o %s " ALL " -- %s", path.s, words);
	*ret_run = live__run_memtrace(live, text, code);
	return live__load_report(live, path.s);
}

static json_t *first_process(const json_t *report)
{
	return json_array_get(live__at(report, "processes"), 0);
}

static json_t *only_hit(const json_t *process, const char *kind)
{
	json_t *hits = live__at(process, "stack.hits"), *hit = json_array_get(hits, 0);

	assert_int_equal(json_array_size(hits), 1);
	assert_string_equal(live__text(hit, "kind"), kind);
	return hit;
}

/*
 * The recursion is there once, with how often it goes round, and makes most of the depth; the stack
 * is whole, and has the function that leads to it. Of the recursion itself symbol NULL: it has none
 * that the file would tell.
 */
static void assert_folded(const json_t *hit, const char *symbol, const char *outer)
{
	int64_t folded = 0, in_cycle = 0, depth = live__number(hit, "stack.depth");
	bool found = !symbol, led_to = false;
	json_t *frame;
	size_t i;

	json_array_foreach(live__at(hit, "stack.frames"), i, frame)
	{
		if (live__number(frame, "repeat") > DEEP) {
			in_cycle = live__number(frame, "cycle");
			folded = live__number(frame, "repeat") * in_cycle;
		}
		found |= symbol && in_cycle > 0 && live__has(frame, "symbol", symbol);
		led_to |= folded && !in_cycle && live__has(frame, "symbol", outer);
		in_cycle -= in_cycle > 0;
	}
	if (!found || !led_to || !json_is_false(live__at(hit, "stack.cut_off")) || depth < folded ||
	    depth > folded + 100)
		fail_msg("no recursion of %s in %s", symbol ?: "?",
			 json_dumps(live__at(hit, "stack"), JSON_COMPACT));
}

static void assert_died_of(const json_t *process, const json_t *hit)
{
	assert_true(json_is_true(live__at(hit, "died")));
	assert_true(json_is_false(live__at(hit, "handled")));
	assert_number(process, "crashes.fatal", 1);
	assert_number(process, "crashes.handled", 0);
	assert_number(process, "end.signal", SIGSEGV);
	assert_string_equal(
		live__text(json_array_get(live__at(process, "crashes.list"), 0), "verdict"),
		"stack_overflow");
}

static void assert_main_limit(const json_t *process, const json_t *hit)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_STACK, &limit), 0);
	assert_number(hit, "limit_bytes", (int64_t)limit.rlim_cur);
	assert_number(hit, "size_bytes", (int64_t)limit.rlim_cur);
	assert_number(hit, "tid", live__number(process, "pid"));
}

/* Its main thread goes down to the limit of the stack. */
static void check_main(struct live *live, const char *words, const char *symbol, const char *outer)
{
	struct live_process *run;
	json_t *report = trace(live, words, 128 + SIGSEGV, &run);
	json_t *process = first_process(report), *hit = only_hit(process, "main_limit");

	live__assert_sound(report, 0);
	assert_main_limit(process, hit);
	assert_died_of(process, hit);
	assert_folded(hit, symbol, outer);
}

static void test_python(void **state)
{
	check_main(*state, "/usr/bin/python3 tests/programs/nested.py", NULL,
		   "_PyEval_EvalFrameDefault");
}

static void test_python_thread(void **state)
{
	struct live_process *run;
	json_t *report = trace(*state, "/usr/bin/python3 tests/programs/nested.py 1048576",
			       128 + SIGSEGV, &run);
	json_t *process = first_process(report), *hit = only_hit(process, "thread_guard");

	live__assert_sound(report, 0);
	assert_died_of(process, hit);
	assert_in_range(live__number(hit, "limit_bytes"), (1 << 20) - (1 << 14), 1 << 20);
	assert_true(live__number(hit, "tid") != live__number(process, "pid"));
	assert_folded(hit, NULL, "_PyEval_EvalFrameDefault");
}

static void test_perl(void **state)
{
	check_main(*state, "/usr/bin/perl tests/programs/closures.pl", "Perl_sv_clear",
		   "Perl_runops_standard");
}

/* It does not look broken: what it handles is counted apart, and each overflow is one hit. */
static void test_java(void **state)
{
	struct live_process *run;
	json_t *report = trace(*state, "/usr/bin/java tests/programs/Provoke.java", 0, &run);
	json_t *said = json_loads(live__out(run), 0, NULL), *process = first_process(report), *hit;
	size_t i;

	assert_non_null(said);
	live__assert_sound(report, 0);
	assert_number(said, "null_pointers", 200000);
	assert_number(said, "overflows", 3);
	assert_number(process, "crashes.fatal", 0);
	assert_number(process, "end.exit_code", 0);
	/* Compiled code leaves it to the signal; each was a fault before. */
	assert_true(live__number(process, "crashes.handled") > 1000);
	assert_number(process, "faults.by_cause.invalid", live__number(process, "crashes.handled"));
	assert_int_equal(json_array_size(live__at(process, "stack.hits")), 3);
	json_array_foreach(live__at(process, "stack.hits"), i, hit)
	{
		assert_string_equal(live__text(hit, "kind"), "thread_guard");
		assert_true(json_is_true(live__at(hit, "handled")));
		assert_true(json_is_false(live__at(hit, "died")));
	}
	json_decref(said);
}

/* "stress-ng: metrc: [PID] NAME  COUNT ...": what the stressor has counted. */
static int64_t bogo_ops(const struct live_process *run, const char *stressor)
{
	const char *at = live__out(run);
	char name[64];
	long long ops;

	for (; at; at = strchr(at + 1, '\n')) {
		const char *metrics = strstr(at, "] ");

		if (metrics && sscanf(metrics + 2, "%63s %lld", name, &ops) == 2 &&
		    !strcmp(name, stressor))
			return ops;
	}
	fail_msg("no count of %s in: %s", stressor, live__out(run));
	return -1;
}

/* Its word for a bogo op is a SIGSEGV that it has caught, of whatever kind. */
static void test_stress_sigsegv(void **state)
{
	struct live_process *run;
	json_t *report =
		trace(*state, "/usr/bin/stress-ng --sigsegv 1 --sigsegv-ops 200 --metrics --stdout",
		      0, &run);
	struct sums sums = sum__all(report);

	live__assert_sound(report, 0);
	assert_int_equal(sums.handled, bogo_ops(run, "sigsegv"));
	assert_int_equal(sums.fatal, 0);
	assert_int_equal(sums.hits, 0);
	assert_int_equal(sums.segv_ends, 0);
}

/* Its children have alternate stacks on which no handler can run: each dies of a signal. */
static void test_stress_bad_altstack(void **state)
{
	struct live_process *run;
	json_t *report =
		trace(*state,
		      "/usr/bin/stress-ng --bad-altstack 1 --bad-altstack-ops 50 --metrics "
		      "--stdout",
		      0, &run);
	struct sums sums = sum__all(report);

	live__assert_sound(report, 0);
	assert_true(bogo_ops(run, "bad-altstack") >= 50);
	assert_int_equal(sums.fatal, sums.segv_ends);
	assert_true(sums.segv_ends > 10);
}

/* Under a hard limit, or else it would raise it; it gets away with what it overruns. */
static void test_stress_stack(void **state)
{
	struct live_process *run;
	json_t *report = trace(*state,
			       "/usr/bin/prlimit --stack=1048576:1048576 stress-ng --stack 1 "
			       "--stack-ops 5 --metrics --stdout",
			       0, &run);
	json_t *process, *hit;
	int64_t nr = 0;
	size_t i, j;

	live__assert_sound(report, 0);
	json_array_foreach(live__at(report, "processes"), i, process)
	{
		json_array_foreach(live__at(process, "stack.hits"), j, hit)
		{
			assert_string_equal(live__text(hit, "kind"), "main_limit");
			assert_number(hit, "limit_bytes", 1 << 20);
			assert_true(json_is_true(live__at(hit, "handled")));
			nr++;
		}
	}
	assert_true(nr > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		live_test(test_python),		live_test(test_python_thread),
		live_test(test_perl),		live_test(test_java),
		live_test(test_stress_sigsegv), live_test(test_stress_bad_altstack),
		live_test(test_stress_stack),
	};

	return cmocka_run_group_tests_name("programs", tests, NULL, NULL);
}
