// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Stacks at bad accesses, with frame pointers and without, linked statically too: exactly as deep
 * as the workload says, by the names of its functions, down to where the thread began; from a
 * recording, too.
 */
#include "live.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ALL "-n 100000"
#define MAX_NAMES 8

static const char *const builds[] = {"recurse", "recurse-fp", "recurse-static"};
#define NR_BUILDS (sizeof(builds) / sizeof(builds[0]))

/* One run: what the workload said, and its process in the report. */
struct run {
	json_t *said, *report, *process;
};

static json_t *only(json_t *list)
{
	assert_int_equal(json_array_size(list), 1);
	return json_array_get(list, 0);
}

static void trace(struct live *live, const char *words, struct run *ret)
{
	struct live_process *workload = live__start_workload(live, words), *memtrace;
	char path[128], text[512];

	live__report_path(live, path, sizeof(path));
	snprintf(text, sizeof(text), "-p %d -i 0 -F json -o %s --record %s.mtr " ALL, workload->pid,
		 path, path);
	memtrace = live__start_memtrace(live, text);
	live__await_tracing(memtrace);
	live__say(workload, "\n");
	ret->said = live__read_json(live, workload);
	assert_int_equal(live__exit_code(workload), 0);
	assert_int_equal(live__exit_code(memtrace), 0);
	ret->report = live__load_report(live, path);
	ret->process = live__process(ret->report, live__number(ret->said, "pid"));
	/* And what was recorded says the same. */
	snprintf(text, sizeof(text), "report %s.mtr -F json -o %s.again " ALL, path, path);
	live__run_memtrace(live, text, 0);
	snprintf(text, sizeof(text), "%s.again", path);
	assert_true(json_equal(live__at(live__process(live__load_report(live, text),
						      live__number(ret->said, "pid")),
					"crashes"),
			       live__at(ret->process, "crashes")));
}

static bool has_symbol(const json_t *frame, const char *name)
{
	const char *symbol = json_string_value(json_object_get(frame, "symbol"));

	return symbol && !strcmp(symbol, name);
}

static size_t cycle_length(const json_t *frames, size_t at)
{
	int64_t cycle = live__number(json_array_get(frames, at), "cycle");

	assert_true(cycle >= 1 && at + (size_t)cycle <= json_array_size(frames));
	return (size_t)cycle;
}

/* How many frames are of functions with these names, separated by spaces. */
static int64_t count_named(const json_t *stack, const char *names)
{
	const json_t *frames = live__at(stack, "frames");
	int64_t nr = 0;

	for (size_t i = 0, cycle; i < json_array_size(frames); i += cycle) {
		int64_t repeat = live__number(json_array_get(frames, i), "repeat");

		cycle = cycle_length(frames, i);
		for (size_t j = i; j < i + cycle; j++) {
			const char *symbol = json_string_value(
				json_object_get(json_array_get(frames, j), "symbol"));

			if (symbol && strstr(names, symbol))
				nr += repeat;
		}
	}
	return nr;
}

/* All frames that are listed, and those that are not. */
static int64_t count_all(const json_t *stack)
{
	const json_t *frames = live__at(stack, "frames");
	int64_t nr = live__number(stack, "left_out");

	for (size_t i = 0, cycle; i < json_array_size(frames); i += cycle) {
		cycle = cycle_length(frames, i);
		nr += (int64_t)cycle * live__number(json_array_get(frames, i), "repeat");
	}
	return nr;
}

static void assert_whole(const json_t *stack)
{
	assert_true(json_is_false(live__at(stack, "cut_off")));
	assert_true(json_is_true(live__at(stack, "exact")));
	assert_int_equal(count_all(stack), live__number(stack, "depth"));
}

static void check_overflow(struct live *live, const char *build, unsigned int cycle,
			   const char *options, const char *kind)
{
	json_t *hit, *stack, *frames;
	char words[128];
	struct run run;

	snprintf(words, sizeof(words), "%s --overflow --cycle %u %s", build, cycle, options);
	trace(live, words, &run);
	hit = only(live__at(run.process, "stack.hits"));
	assert_string_equal(live__text(hit, "kind"), kind);
	assert_string_equal(live__text(hit, "sp"), live__text(run.said, "sp"));
	stack = live__at(hit, "stack");
	assert_whole(stack);
	assert_int_equal(count_named(stack, "alpha beta delta"), live__number(run.said, "frames"));
	/* All of it is one recursion, but for what is left of its last turn. */
	frames = live__at(stack, "frames");
	assert_number(json_array_get(frames, 0), "cycle", cycle);
	assert_int_equal(live__number(json_array_get(frames, 0), "repeat"),
			 live__number(run.said, "frames") / cycle);
	assert_int_equal(count_named(stack, "begin"), 1);
}

static void test_main(void **state)
{
	for (size_t i = 0; i < NR_BUILDS; i++)
		for (unsigned int cycle = 1; cycle <= 3; cycle++)
			check_overflow(*state, builds[i], cycle, "", "main_limit");
}

static void test_thread(void **state)
{
	for (size_t i = 0; i < NR_BUILDS; i++) {
		check_overflow(*state, builds[i], 1, "--thread --stack 8M", "thread_guard");
		check_overflow(*state, builds[i], 2, "--thread --stack 256K", "thread_guard");
		check_overflow(*state, builds[i], 3, "--thread --stack 512K", "thread_guard");
	}
}

static json_t *only_crash(const struct run *run)
{
	return only(live__at(run->process, "crashes.list"));
}

/* Through a function of the C library, which has no frame pointers. */
static void test_library(void **state)
{
	json_t *stack, *frames, *last;
	char words[128];
	struct run run;

	for (size_t i = 0; i < NR_BUILDS; i++) {
		snprintf(words, sizeof(words), "%s --qsort --depth 7", builds[i]);
		trace(*state, words, &run);
		stack = live__at(only_crash(&run), "stack");
		assert_whole(stack);
		frames = live__at(stack, "frames");
		assert_true(has_symbol(json_array_get(frames, 0), "bad_access"));
		assert_string_equal(live__text(json_array_get(frames, 0), "ip"),
				    live__text(only_crash(&run), "ip"));
		assert_int_equal(count_named(stack, "alpha"), 7);
		assert_int_equal(count_named(stack, "compare"), 1);
		assert_int_equal(count_named(stack, "begin"), 1);
		assert_int_equal(count_named(stack, "main"), 1);
		last = json_array_get(frames, json_array_size(frames) - 1);
		assert_true(has_symbol(last, "_start"));
		assert_string_equal(live__text(last, "file"), builds[i]);
	}
}

/* It is dead when its stack is unwound, and its files are known by their names alone. */
static void test_dead(void **state)
{
	struct live *live = *state;
	json_t *report, *process, *stack;
	char words[128];
	int code;

	for (size_t i = 0; i < NR_BUILDS; i++) {
		snprintf(words, sizeof(words), "%s --fatal --depth 300 --cycle 2", builds[i]);
		report = live__trace_command(live, "-i 0", words, NULL, &code);
		assert_int_equal(code, 128 + 11);
		process = only(live__at(report, "processes"));
		stack = live__at(only(live__at(process, "crashes.list")), "stack");
		assert_whole(stack);
		assert_int_equal(count_named(stack, "alpha beta"), 300);
		assert_int_equal(count_named(stack, "main"), 1);
		assert_int_equal(count_named(stack, "_start"), 1);
	}
}

#define NEW_LIBRARIES 20

/* In a library that nobody has met, of which the record has the last component of the path. */
static void check_new_library(struct live *live, unsigned int i)
{
	struct live_path directory, library;
	json_t *report, *stack;
	char name[32], words[400];
	int code;

	snprintf(name, sizeof(name), "new-%u", i);
	directory = live__path(live, name);
	assert_int_equal(mkdir(directory.s, 0700), 0);
	snprintf(name, sizeof(name), "new-%u/plugin.so", i);
	library = live__path(live, name);
	snprintf(words, sizeof(words), "/bin/cp build/workloads/plugin.so %s", library.s);
	assert_int_equal(live__exit_code(live__start_words(live, words)), 0);
	snprintf(words, sizeof(words), "recurse --fatal --depth 5 --plugin %s", library.s);
	report = live__trace_command(live, "-i 0", words, NULL, &code);
	assert_int_equal(code, 128 + SIGSEGV);
	stack = live__at(only(live__at(only(live__at(report, "processes")), "crashes.list")),
			 "stack");
	assert_whole(stack);
	assert_int_equal(count_named(stack, "plugin_step"), 6);
	assert_int_equal(count_named(stack, "plugin_run"), 1);
	assert_int_equal(count_named(stack, "call_plugin"), 1);
	assert_int_equal(count_named(stack, "_start"), 1);
	assert_int_equal(unlink(library.s) | rmdir(directory.s), 0);
}

/* It dies in it at once, also where others want all processors. */
static void test_new_library(void **state)
{
	struct live *live = *state;

	for (long i = sysconf(_SC_NPROCESSORS_ONLN); i > 0; i--)
		live__start_shell(live, "while :; do :; done");
	for (unsigned int i = 0; i < NEW_LIBRARIES; i++)
		check_new_library(live, i);
}

/* A program that nobody here wrote, without frame pointers: sorting that compares by sorting. */
static const char python[] = "'import sys; sys.setrecursionlimit(10**7)\n"
			     "def f(n): return sorted([1, 2], key=lambda x: f(n + 1))\n"
			     "f(0)'";
static const char perl[] = "'no warnings; sub f { my @y = sort { f() } (1, 2); } f();'";

static void check_program(struct live *live, const char *command, const char *names)
{
	struct live_process *shell;
	json_t *report, *stack;
	char path[128], script[512];

	live__report_path(live, path, sizeof(path));
	snprintf(script, sizeof(script), "ulimit -c 0; memtrace -q -i 0 -F json -o %s -- %s", path,
		 command);
	shell = live__start_shell(live, script);
	assert_int_equal(live__exit_code(shell), 128 + 11);
	report = live__load_report(live, path);
	stack = live__at(only(live__at(only(live__at(report, "processes")), "stack.hits")),
			 "stack");
	assert_whole(stack);
	assert_true(live__number(stack, "depth") > 5000);
	assert_true(count_named(stack, names) > 1000);
	assert_int_equal(count_named(stack, "_start"), 1);
}

static void test_python(void **state)
{
	char command[400];

	snprintf(command, sizeof(command), "/usr/bin/python3 -c %s", python);
	check_program(*state, command, "PyObject_CallOneArg");
}

static void test_perl(void **state)
{
	char command[400];

	if (access("/usr/bin/perl", X_OK)) {
		print_message("skip: no /usr/bin/perl\n");
		skip();
	}
	snprintf(command, sizeof(command), "/usr/bin/perl -e %s", perl);
	check_program(*state, command, "Perl_pp_sort");
}

#define MANY 12

/* One after the other, more than there is room for: what has been unwound leaves its place. */
static void test_many(void **state)
{
	struct live *live = *state;
	struct live_path mtr = live__path(live, "many.mtr");
	struct live_process *shell;
	json_t *report, *processes;
	unsigned int nr = 0;
	char path[128], script[512];
	const char *line;

	snprintf(script, sizeof(script),
		 "ulimit -c 0; memtrace -f -i 0 --record %s -- sh -c 'while read line; do "
		 "build/workloads/recurse --fatal --depth 3; done 2>/dev/null; true'",
		 mtr.s);
	shell = live__start_shell(live, script);
	for (int i = 0; i < MANY; i++) {
		live__say(shell, "\n");
		line = live__read_line(shell, false);
		assert_non_null(line);
		assert_non_null(strstr(line, "in bad_access()"));
	}
	live__close_stdin(shell);
	assert_int_equal(live__exit_code(shell), 0);
	live__report_path(live, path, sizeof(path));
	snprintf(script, sizeof(script), "report %s -F json -o %s " ALL, mtr.s, path);
	live__run_memtrace(live, script, 0);
	report = live__load_report(live, path);
	processes = live__at(report, "processes");
	for (size_t i = 0; i < json_array_size(processes); i++) {
		json_t *list = live__at(json_array_get(processes, i), "crashes.list");

		if (!json_array_size(list))
			continue;
		nr++;
		assert_whole(live__at(only(list), "stack"));
		assert_int_equal(count_named(live__at(only(list), "stack"), "alpha"), 3);
	}
	assert_int_equal(nr, MANY);
}

/* Who handles bad accesses without end leaves room for one that dies. */
static void test_after_handled(void **state)
{
	struct live *live = *state;
	struct live_path path = live__path(live, "after.json");
	json_t *processes, *crashes;
	unsigned int nr = 0;
	char script[512];

	snprintf(script, sizeof(script),
		 "ulimit -c 0; memtrace -f -q -F json " ALL " -o %s -- sh -c '"
		 "echo | build/workloads/badaccess --times 3000; "
		 "echo | build/workloads/recurse --fatal --depth 3' >/dev/null",
		 path.s);
	assert_int_equal(live__exit_code(live__start_shell(live, script)), 128 + SIGSEGV);
	processes = live__at(live__load_report(live, path.s), "processes");
	for (size_t i = 0; i < json_array_size(processes); i++) {
		crashes = live__at(json_array_get(processes, i), "crashes");
		if (live__number(crashes, "handled") >= 3000)
			nr |= 1;
		if (!live__number(crashes, "fatal"))
			continue;
		nr |= 2;
		assert_whole(live__at(only(live__at(crashes, "list")), "stack"));
	}
	assert_int_equal(nr, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		live_test(test_main), live_test(test_thread),	     live_test(test_library),
		live_test(test_dead), live_test(test_python),	     live_test(test_perl),
		live_test(test_many), live_test(test_after_handled), live_test(test_new_library),
	};

	return cmocka_run_group_tests_name("backtrace", tests, NULL, NULL);
}
