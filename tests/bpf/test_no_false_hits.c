/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ordinary programs, from begin to end and with all their children: nothing is wrong with them, and
 * memtrace must not say that anything is. tests/programs/ has what they do.
 */
#include "live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void complain(const json_t *process, const char *about)
{
	fail_msg("%s[%lld], %s: %s", live__text(process, "comm"),
		 (long long)live__number(process, "pid"), about,
		 json_dumps(live__at(process, about), JSON_COMPACT));
}

/* Of its own limits: a cgroup's may be near for what others do. */
static void check_limits(const json_t *process)
{
	json_t *row;
	size_t i;

	json_array_foreach(live__at(process, "limits.table"), i, row)
	{
		if (live__has(row, "scope", "process") && !json_is_false(live__at(row, "near")))
			complain(process, "limits.table");
	}
	json_array_foreach(live__at(process, "stack.threads"), i, row)
	{
		if (json_number_value(live__at(row, "used_percent")) > 80)
			complain(process, "stack.threads");
	}
}

/* A JVM finds out by bad accesses what the processor can do, and handles them. */
static void check_process(const json_t *process, bool handles)
{
	if (json_array_size(live__at(process, "stack.hits")))
		complain(process, "stack.hits");
	if (live__number(process, "crashes.fatal") ||
	    (!handles && live__number(process, "crashes.handled")))
		complain(process, "crashes");
	check_limits(process);
}

/* And in the text, of a recording of the same run, nobody is warned. */
static void check_text(struct live *live, const char *recording)
{
	struct live_process *run;
	char words[256], *line, *lines;

	snprintf(words, sizeof(words), "report -n 100000 %s", recording);
	run = live__run_memtrace(live, words, 0);
	lines = strdup(live__out(run));
	assert_non_null(strstr(lines, "Page faults"));
	for (char *rest = lines; (line = strtok_r(rest, "\n", &rest));)
		if (strstr(line, "warning:") || strstr(line, "of the limit was in use"))
			fail_msg("%s", line);
	free(lines);
}

static void check(struct live *live, const char *words, bool handles, size_t min_processes)
{
	struct live_path path = live__path(live, "ordinary.json");
	struct live_path recording = live__path(live, "ordinary.mtr");
	json_t *report, *process;
	char text[1024];
	size_t i;

	snprintf(text, sizeof(text), "-f -q -i 0 -F json -n 100000 -o %s --record %s -- %s", path.s,
		 recording.s, words);
	live__run_memtrace(live, text, 0);
	report = live__load_report(live, path.s);
	live__assert_sound(report, 0);
	assert_true(json_array_size(live__at(report, "processes")) >= min_processes);
	json_array_foreach(live__at(report, "processes"), i, process)
		check_process(process, handles);
	check_text(live, recording.s);
}

static void check_script(struct live *live, const char *name, size_t min_processes)
{
	char words[256];

	snprintf(words, sizeof(words), "tests/programs/%s %s", name, live->dir);
	check(live, words, false, min_processes);
}

static void test_compilers(void **state)
{
	check_script(*state, "compile.sh", 15);
}

static void test_redis(void **state)
{
	check_script(*state, "redis.sh", 5);
}

static void test_sqlite(void **state)
{
	check_script(*state, "sqlite.sh", 2);
}

static void test_shell(void **state)
{
	check_script(*state, "shell.sh", 20);
}

static void test_python(void **state)
{
	check(*state, "/usr/bin/python3 tests/programs/threads.py", false, 3);
}

static void test_perl(void **state)
{
	check(*state, "/usr/bin/perl tests/programs/words.pl", false, 3);
}

static void test_java(void **state)
{
	check(*state, "/usr/bin/java -version", true, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		live_test(test_compilers), live_test(test_redis),  live_test(test_sqlite),
		live_test(test_shell),	   live_test(test_python), live_test(test_perl),
		live_test(test_java),
	};

	return cmocka_run_group_tests_name("no_false_hits", tests, NULL, NULL);
}
