/* SPDX-License-Identifier: GPL-2.0-or-later */
/* High-water marks of stacks, also of what was touched before memtrace came. */
#include "live.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define ALL "-n 100000"

static json_t *trace(struct live *live, const char *words, json_t **result)
{
	json_t *report = live__trace_pid(live, ALL, words, result);

	live__assert_sound(report, 0);
	return live__process(report, live__number(*result, "pid"));
}

static json_t *thread_of(const json_t *process, int64_t tid)
{
	json_t *row;
	size_t i;

	json_array_foreach(live__at(process, "stack.threads"), i, row)
	{
		if (live__number(row, "tid") == tid)
			return row;
	}
	fail_msg("no stack of tid %lld", (long long)tid);
	return NULL;
}

/* To the page what each thread says of itself. */
static void check_threads(const json_t *process, const json_t *result, size_t nr, bool exact)
{
	json_t *own, *row;
	double percent;
	size_t i;

	assert_int_equal(json_array_size(live__at(result, "threads")), nr);
	json_array_foreach(live__at(result, "threads"), i, own)
	{
		row = thread_of(process, live__number(own, "tid"));
		assert_number(row, "size_bytes", live__number(result, "stack_bytes"));
		assert_number(row, "peak_bytes", live__number(own, "peak_bytes"));
		percent = 100.0 * (double)live__number(own, "peak_bytes") /
			  (double)live__number(result, "stack_bytes");
		assert_true(json_number_value(live__at(row, "used_percent")) > percent - 0.06 &&
			    json_number_value(live__at(row, "used_percent")) < percent + 0.06);
		assert_int_equal(json_is_true(live__at(row, "exact")), exact);
		assert_int_equal(json_is_null(live__at(row, "misses")), exact);
	}
}

static void test_before(void **state)
{
	json_t *process, *result;

	process = trace(*state, "stackmark --threads 3 --before 300K --main 600K", &result);
	check_threads(process, result, 3, true);
	/* The main stack's mapping is as large as it ever was. */
	assert_number(process, "stack.peak_bytes", live__number(result, "main_bytes"));
	assert_true(live__number(process, "stack.peak_bytes") >= 600 << 10);
	assert_true(json_is_true(live__at(process, "stack.peak_exact")));
	process = trace(*state, "stackmark --threads 1 --stack 16M --before 12M", &result);
	check_threads(process, result, 1, true);
}

static void test_after(void **state)
{
	json_t *process, *result;

	/* Deeper than before, and less deep. */
	process = trace(*state, "stackmark --threads 2 --before 100K --after 500K", &result);
	check_threads(process, result, 2, true);
	process = trace(*state, "stackmark --threads 2 --before 500K --after 100K", &result);
	check_threads(process, result, 2, true);
	process = trace(*state, "stackmark --late 3 --after 500K", &result);
	check_threads(process, result, 3, true);
	/* Those that have ended when tracing ends. */
	process = trace(*state, "stackmark --threads 2 --late 2 --before 200K --after 300K --exit",
			&result);
	check_threads(process, result, 4, true);
}

/* A stack that is used again: what is there does not fault, nor tell who touched it. */
static void test_reuse(void **state)
{
	json_t *process, *result, *threads, *row;

	process = trace(*state, "stackmark --reuse --before 100K --after 500K", &result);
	threads = live__at(result, "threads");
	row = thread_of(process, live__number(json_array_get(threads, 0), "tid"));
	assert_true(json_is_true(live__at(row, "exact")));
	assert_number(row, "peak_bytes", live__number(json_array_get(threads, 0), "peak_bytes"));
	row = thread_of(process, live__number(json_array_get(threads, 1), "tid"));
	assert_true(json_is_false(live__at(row, "exact")));
	assert_number(row, "peak_bytes", live__number(json_array_get(threads, 1), "peak_bytes"));
	assert_non_null(strstr(live__text(row, "misses"), "had this stack before"));
	/* Deeper than the one before it: no doubt. */
	process = trace(*state, "stackmark --reuse --before 500K --after 100K", &result);
	threads = live__at(result, "threads");
	row = thread_of(process, live__number(json_array_get(threads, 1), "tid"));
	assert_true(json_is_true(live__at(row, "exact")));
	assert_int_equal(live__number(row, "peak_bytes"), 500 << 10);
}

/* Pages that nobody has touched are there. */
static void test_locked(void **state)
{
	json_t *process, *result, *row;

	process = trace(*state, "stackmark --late 1 --after 64K --locked", &result);
	row = thread_of(process,
			live__number(json_array_get(live__at(result, "threads"), 0), "tid"));
	assert_number(row, "peak_bytes", live__number(result, "stack_bytes"));
	assert_true(json_is_false(live__at(row, "exact")));
	assert_non_null(strstr(live__text(row, "misses"), "locked"));
}

/* In a huge page the end of what was touched is not known. */
static void test_huge(void **state)
{
	static const char *const words[] = {
		"stackmark --huge --threads 1 --stack 8M --before 3000K",
		"stackmark --huge --late 1 --stack 8M --after 3000K",
	};
	json_t *process, *result, *own, *row;

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		process = trace(*state, words[i], &result);
		own = json_array_get(live__at(result, "threads"), 0);
		if (!live__number(own, "huge_bytes")) {
			print_message("skip: this kernel gave no huge page\n");
			skip();
		}
		row = thread_of(process, live__number(own, "tid"));
		assert_number(row, "peak_bytes", 4 << 20);
		assert_true(json_is_false(live__at(row, "exact")));
		assert_non_null(strstr(live__text(row, "misses"), "huge"));
	}
}

/* What the text says where a stack is nearly used up: above 80 %, and not at it. */
static bool warns(struct live *live, const char *words, const char *of)
{
	struct live_process *workload = live__start_workload(live, words), *memtrace;
	char options[64], *line;
	const char *text;

	snprintf(options, sizeof(options), "-p %d -i 0", workload->pid);
	memtrace = live__start_memtrace(live, options);
	live__await_tracing(memtrace);
	kill(memtrace->pid, SIGINT);
	assert_int_equal(live__exit_code(memtrace), 0);
	text = live__out(memtrace);
	live__finish_workload(live, workload);
	line = strstr(text, "warning: ");
	return line && strstr(line, of) && strstr(line, of) < line + 80;
}

static void test_warning(void **state)
{
	assert_true(warns(*state, "stackmark --threads 1 --before 900K", "thread "));
	assert_false(warns(*state, "stackmark --threads 1 --before 800K", "thread "));
	/* The soft limit is 8 MiB as anywhere, or the workload does not get so far. */
	assert_true(warns(*state, "stackmark --main 7M", "the main thread"));
	assert_false(warns(*state, "stackmark --main 6M", "the main thread"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		live_test(test_before), live_test(test_after), live_test(test_reuse),
		live_test(test_locked), live_test(test_huge),  live_test(test_warning),
	};

	return cmocka_run_group_tests_name("stack_marks", tests, NULL, NULL);
}
