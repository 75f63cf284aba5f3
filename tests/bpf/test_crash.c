/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bad accesses, each with its verdict: the workload says what it did, and what its handler saw. */
#include "live.h"

#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALL "-n 100000"
#define TIMES 23
#define UNSUPPORTED 77

/* The verdict, and what in the row does not follow from the workload's words alone. */
struct expected {
	const char *words; /* options of badaccess */
	const char *verdict;
	const char *signal;
	const char *code;
	bool no_address; /* the processor does not tell it, nor what was tried */
};

static const struct expected cases[] = {
	{"--kind null", "null_pointer", "SIGSEGV", "SEGV_MAPERR", false},
	{"--kind null --offset 24", "null_pointer", "SIGSEGV", "SEGV_MAPERR", false},
	{"--kind null --write --offset 4088", "null_pointer", "SIGSEGV", "SEGV_MAPERR", false},
	{"--kind call", "null_pointer", "SIGSEGV", "SEGV_MAPERR", false},
	{"--kind hole", "hole", "SIGSEGV", "SEGV_MAPERR", false},
	{"--kind hole --write --thread", "hole", "SIGSEGV", "SEGV_MAPERR", false},
	{"--kind freed --delay 30", "freed", "SIGSEGV", "SEGV_MAPERR", false},
	{"--kind freed --write --offset 4104 --thread", "freed", "SIGSEGV", "SEGV_MAPERR", false},
	{"--kind readonly", "read_only", "SIGSEGV", "SEGV_ACCERR", false},
	{"--kind rodata", "read_only", "SIGSEGV", "SEGV_ACCERR", false},
	{"--kind file --offset 5000", "read_only", "SIGSEGV", "SEGV_ACCERR", false},
	{"--kind none", "not_readable", "SIGSEGV", "SEGV_ACCERR", false},
	{"--kind none --write", "not_readable", "SIGSEGV", "SEGV_ACCERR", false},
	{"--kind exec --thread", "not_executable", "SIGSEGV", "SEGV_ACCERR", false},
	{"--kind stack", "not_executable", "SIGSEGV", "SEGV_ACCERR", false},
	{"--kind bus --offset 100", "beyond_eof", "SIGBUS", "BUS_ADRERR", false},
	{"--kind bus --write --thread", "beyond_eof", "SIGBUS", "BUS_ADRERR", false},
	{"--kind noncanonical", "non_canonical", "SIGSEGV", "SI_KERNEL", true},
};
#define NR_CASES (sizeof(cases) / sizeof(cases[0]))

static const struct expected pkey_cases[] = {
	{"--kind pkey", "protection_key", "SIGSEGV", "SEGV_PKUERR", false},
	{"--kind pkey --write --thread", "protection_key", "SIGSEGV", "SEGV_PKUERR", false},
};

struct run {
	json_t *report, *process, *said;
};

static bool is_text(const json_t *json, const char *path, const char *value)
{
	return !strcmp(live__text(json, path), value);
}

static void assert_text(const json_t *row, const char *path, const char *value)
{
	if (!live__has(row, path, value))
		fail_msg("%s is not %s: %s", path, value, json_dumps(row, JSON_COMPACT));
}

/* null, or with the bounds that the workload has read from /proc/self/maps. */
static void assert_mapping(const json_t *row, const json_t *said)
{
	json_t *mapping = live__at(row, "mapping");

	if (is_text(said, "mapping_end", "0x0")) {
		assert_true(json_is_null(mapping));
		return;
	}
	assert_text(mapping, "start", live__text(said, "mapping_start"));
	assert_text(mapping, "end", live__text(said, "mapping_end"));
}

/* Its handler has seen the moment of the access; who died knows only when it was freed. */
static void assert_freed(const json_t *row, const json_t *said)
{
	double age = json_real_value(live__at(row, "freed.age_s"));
	double after = (double)live__number(said, "freed_after_ns") / 1e9;

	assert_number(row, "freed.tid", live__number(said, "freed_tid"));
	assert_number(row, "freed.size_bytes", live__number(said, "freed_bytes"));
	assert_true(age > 0);
	if (!json_object_get(said, "first_ns"))
		return;
	if (age < (double)live__number(said, "first_ns") / 1e9 - after ||
	    age > (double)(live__number(said, "after_ns") - live__number(said, "freed_before_ns")) /
			    1e9)
		fail_msg("freed %.9f s before, and not as in %s", age,
			 json_dumps(said, JSON_COMPACT));
}

/* Since 5.17 the kernel can be asked for the mapping, and so for the size of its file. */
static bool mappings_are_asked_for(const json_t *report)
{
	json_t *probe;
	size_t i;

	json_array_foreach(live__at(report, "probes"), i, probe)
	{
		if (live__has(probe, "fact", "stack-limit hits"))
			return strstr(live__text(probe, "via"), "bpf_find_vma");
	}
	fail_msg("no probe of bad accesses");
	return false;
}

/*
 * The kernel looks up one mapping at a time on a CPU, and refuses a second one at the same signal:
 * so it is where another memtrace traces all processes, which only happens beside other tests.
 */
static bool another_memtrace(void)
{
	bool found = false;
	glob_t names;

	assert_int_equal(glob("/proc/[0-9]*/comm", 0, NULL, &names), 0);
	for (size_t i = 0; i < names.gl_pathc && !found; i++) {
		FILE *file = fopen(names.gl_pathv[i], "re");
		char comm[32] = "";

		found = file && fgets(comm, sizeof(comm), file) && !strcmp(comm, "memtrace\n");
		if (file)
			fclose(file);
	}
	globfree(&names);
	return found;
}

static bool beside_another;

static void assert_file(const json_t *report, const json_t *row, const json_t *said)
{
	assert_non_null(strstr(live__text(row, "file.name"), live__text(said, "file")));
	assert_number(row, "file.offset", live__number(said, "file_offset"));
	if (beside_another && json_is_null(live__at(row, "file.size_bytes")))
		return;
	if (mappings_are_asked_for(report))
		assert_number(row, "file.size_bytes", live__number(said, "file_bytes"));
	else
		assert_true(json_is_null(live__at(row, "file.size_bytes")));
}

static void assert_particulars(const json_t *report, const json_t *row, const json_t *said,
			       const char *verdict)
{
	if (!strcmp(verdict, "hole")) {
		assert_text(live__at(row, "below"), "end", live__text(said, "below_end"));
		assert_text(live__at(row, "above"), "start", live__text(said, "above_start"));
	}
	if (!strcmp(verdict, "freed"))
		assert_freed(row, said);
	else
		assert_true(json_is_null(live__at(row, "freed")));
	if (!strcmp(verdict, "beyond_eof"))
		assert_file(report, row, said);
	if (!strcmp(verdict, "protection_key"))
		assert_number(row, "pkey", live__number(said, "pkey"));
	else
		assert_true(json_is_null(live__at(row, "pkey")));
	if (is_text(said, "kind", "file"))
		assert_non_null(strstr(live__text(row, "mapping.name"), live__text(said, "file")));
	if (is_text(said, "kind", "rodata"))
		assert_non_null(strstr(live__text(row, "mapping.name"), "badaccess"));
}

/* What is fetched as an instruction lies where the instruction pointer points: in no function. */
static void assert_instruction(const json_t *row, const json_t *said)
{
	if (is_text(said, "access", "exec")) {
		assert_text(row, "ip", live__text(said, "address"));
		assert_true(json_is_null(live__at(row, "ip_symbol")));
	} else {
		assert_text(row, "ip_symbol", live__text(said, "symbol"));
	}
	if (!json_object_get(said, "handled"))
		return;
	assert_text(row, "ip", live__text(said, "ip"));
	assert_text(row, "sp", live__text(said, "sp"));
}

/* From the function that did it, or the one that called what is none, to the thread's begin. */
static void assert_stack(const json_t *row, const json_t *said)
{
	bool is_exec = is_text(said, "access", "exec");
	json_t *frames = live__at(row, "stack.frames");

	if (is_exec) {
		assert_text(json_array_get(frames, 0), "ip", live__text(said, "address"));
		assert_true(json_is_null(live__at(json_array_get(frames, 0), "symbol")));
	}
	assert_text(json_array_get(frames, is_exec), "symbol", live__text(said, "symbol"));
	assert_text(json_array_get(frames, is_exec + 1), "symbol", "access_once");
	assert_text(json_array_get(frames, is_exec + 2), "symbol", "do_access");
	assert_true(json_is_false(live__at(row, "stack.cut_off")));
	assert_number(row, "stack.depth", (json_int_t)json_array_size(frames));
}

static void assert_row(const struct run *run, const json_t *row, const struct expected *expected,
		       bool handled)
{
	const json_t *said = run->said;

	assert_text(row, "verdict", expected->verdict);
	assert_text(row, "signal", expected->signal);
	assert_text(row, "code", expected->code);
	assert_text(row, "comm", strstr(expected->words, "--thread") ? "bad-worker" : "badaccess");
	assert_number(row, "tid", live__number(said, "tid"));
	assert_true(json_boolean_value(live__at(row, "handled")) == handled);
	assert_true(json_boolean_value(live__at(row, "fatal")) == !handled);
	assert_true(strlen(live__text(row, "text")) > 0);
	if (expected->no_address) {
		assert_true(json_is_null(live__at(row, "address")));
		assert_true(json_is_null(live__at(row, "access")));
	} else {
		assert_text(row, "address", live__text(said, "address"));
		assert_text(row, "access", live__text(said, "access"));
	}
	assert_mapping(row, said);
	assert_particulars(run->report, row, said, expected->verdict);
	assert_instruction(row, said);
}

static void assert_crashes(const struct run *run, const struct expected *expected, int64_t fatal,
			   int64_t handled)
{
	json_t *list = live__at(run->process, "crashes.list"), *row;
	size_t i;

	assert_number(run->process, "crashes.fatal", fatal);
	assert_number(run->process, "crashes.handled", handled);
	assert_int_equal(json_array_size(list) + live__number(run->process, "crashes.omitted"),
			 fatal + handled);
	assert_int_equal(json_array_size(live__at(run->process, "stack.hits")), 0);
	assert_true(json_array_size(list) > 0);
	/*
	 * That the copying of a stack comes to pages that are not there is none of the thread's. Of
	 * one that dies the kernel itself looks at the code, for its log.
	 */
	if (!fatal)
		assert_true(live__number(run->process, "check.explained.not_counted") <= handled);
	json_array_foreach(list, i, row)
	{
		assert_row(run, row, expected, handled > 0);
		/* Of many at a time not all stacks can be had. */
		if (!i || json_is_object(live__at(row, "stack")))
			assert_stack(row, run->said);
	}
}

/* So many at most are traced by one memtrace. */
#define MAX_RUNS 8
#define BATCH 6
_Static_assert(NR_CASES % BATCH == 0 && BATCH <= MAX_RUNS, "whole batches");

struct batch {
	struct live_run runs[MAX_RUNS];
	char words[MAX_RUNS][128];
};

static void batch__add(struct batch *batch, size_t i, const char *options, const char *words)
{
	snprintf(batch->words[i], sizeof(batch->words[i]), "badaccess %s %s", options, words);
	batch->runs[i].words = batch->words[i];
}

static void check_handled(struct live *live, const struct expected *expected, size_t nr)
{
	struct batch batch = {};
	struct run run = {};
	char times[32];

	snprintf(times, sizeof(times), "--times %d", TIMES);
	for (size_t i = 0; i < nr; i++)
		batch__add(&batch, i, times, expected[i].words);
	beside_another = another_memtrace();
	run.report = live__trace_each(live, ALL, batch.runs, nr);
	beside_another |= another_memtrace();
	live__assert_sound(run.report, 0);
	for (size_t i = 0; i < nr; i++) {
		run.process = batch.runs[i].process;
		run.said = batch.runs[i].result;
		assert_number(run.said, "handled", TIMES);
		assert_true(json_is_null(live__at(run.process, "end")));
		assert_crashes(&run, &expected[i], 0, TIMES);
	}
	live__end_each(batch.runs, nr);
}

static void check_fatal(struct live *live, const struct expected *expected, size_t nr)
{
	struct batch batch = {};
	struct run run = {};

	for (size_t i = 0; i < nr; i++)
		batch__add(&batch, i, "--fatal", expected[i].words);
	beside_another = another_memtrace();
	run.report = live__trace_to_ends(live, ALL, batch.runs, nr);
	beside_another |= another_memtrace();
	for (size_t i = 0; i < nr; i++) {
		int signo = strcmp(expected[i].signal, "SIGBUS") ? SIGSEGV : SIGBUS;

		run.process = batch.runs[i].process;
		run.said = live__read_json(live, batch.runs[i].workload);
		assert_int_equal(batch.runs[i].code, 128 + signo);
		assert_number(run.process, "end.signal", signo);
		assert_crashes(&run, &expected[i], 1, 0);
	}
}

static void test_handled(void **state)
{
	for (size_t i = 0; i < NR_CASES; i += BATCH)
		check_handled(*state, &cases[i], BATCH);
}

static void test_fatal(void **state)
{
	for (size_t i = 0; i < NR_CASES; i += BATCH)
		check_fatal(*state, &cases[i], BATCH);
}

static void test_protection_key(void **state)
{
	struct live_process *probe = live__start_words(*state, "badaccess --kind pkey --times 1");

	if (live__exit_code(probe) == UNSUPPORTED) {
		printf("skip: this processor has no protection keys\n");
		skip();
	}
	check_handled(*state, pkey_cases, 2);
	check_fatal(*state, pkey_cases, 2);
}

static char *symbols_of(const json_t *process)
{
	char *symbols = calloc(1, 4096);
	json_t *list = live__at(process, "crashes.list"), *frame;
	size_t i;

	assert_int_equal(json_array_size(list), 1);
	json_array_foreach(live__at(json_array_get(list, 0), "stack.frames"), i, frame)
	{
		const char *symbol = json_string_value(live__at(frame, "symbol"));

		assert_true(strlen(symbols) < 2048);
		strncat(strcat(symbols, " "), symbol ?: "?", 1024);
	}
	return symbols;
}

/* The same program has the same stack, whether it was built with frame pointers or without. */
static void test_frame_pointers(void **state)
{
	static const char *const words[] = {
		"badaccess --fatal --kind null",
		"badaccess-fp --fatal --kind null",
		"badaccess --fatal --kind call",
		"badaccess-fp --fatal --kind call",
		"badaccess --fatal --kind exec --thread",
		"badaccess-fp --fatal --kind exec --thread",
		"badaccess --fatal --kind rodata --thread",
		"badaccess-fp --fatal --kind rodata --thread",
	};
	struct live_run runs[sizeof(words) / sizeof(*words)] = {};
	size_t nr = sizeof(words) / sizeof(*words);

	for (size_t i = 0; i < nr; i++)
		runs[i].words = words[i];
	live__trace_to_ends(*state, ALL, runs, nr);
	for (size_t i = 0; i < nr; i += 2) {
		char *without = symbols_of(runs[i].process);
		char *with = symbols_of(runs[i + 1].process);

		assert_non_null(strstr(with, " do_access"));
		assert_string_equal(with, without);
		free(with);
		free(without);
	}
}

/* A write that its handler allows: handled, and it has done what it should. */
static void test_barrier(void **state)
{
	struct run run = {};
	json_t *list, *row;
	size_t i;

	run.report =
		live__trace_pid(*state, ALL, "badaccess --kind barrier --times 150", &run.said);
	live__assert_sound(run.report, 0);
	run.process = live__process(run.report, live__number(run.said, "pid"));
	assert_number(run.said, "handled", 150);
	assert_number(run.process, "crashes.handled", 150);
	assert_number(run.process, "crashes.fatal", 0);
	/* Another address each time; not all are listed, and it is said how many are not. */
	list = live__at(run.process, "crashes.list");
	assert_true(json_array_size(list) > 1);
	assert_int_equal(json_array_size(list) + live__number(run.process, "crashes.omitted"), 150);
	json_array_foreach(list, i, row)
	{
		assert_text(row, "verdict", "read_only");
		assert_int_equal(live__address(row, "address") - live__address(run.said, "address"),
				 i *
					 (live__address(run.said, "mapping_end") -
					  live__address(run.said, "mapping_start")) /
					 150);
	}
}

/* A child that dies, and its parent that does not. */
static void test_child(void **state)
{
	struct live_run traced = {.words = "badaccess --kind hole --fatal --child"};
	struct run parent = {}, child = {};
	struct live *live = *state;
	struct live_process *memtrace;
	struct live_path path;
	int64_t pid;

	memtrace = live__start_runs(live, "-f " ALL, &traced, 1, &path);
	live__say(traced.workload, "\n");
	child.said = live__read_json(live, traced.workload);
	parent.said = live__read_json(live, traced.workload);
	live__end_each(&traced, 1);
	assert_int_equal(traced.code, 0);
	assert_int_equal(live__exit_code(memtrace), 0);
	parent.report = child.report = live__load_runs(live, &path, &traced, 1);
	live__assert_sound(parent.report, 0);
	pid = live__number(parent.said, "child");
	assert_number(child.said, "pid", pid);
	assert_number(parent.said, "child_signal", SIGSEGV);
	child.process = live__process(child.report, pid);
	assert_crashes(&child, &cases[4], 1, 0);
	parent.process = traced.process;
	assert_number(parent.process, "crashes.fatal", 0);
	assert_number(parent.process, "crashes.handled", 0);
	assert_int_equal(json_array_size(live__at(parent.process, "crashes.list")), 0);
}

/* From its first instruction, by memtrace itself, and with nothing but a recording of it. */
static void test_command_and_recording(void **state)
{
	struct live *live = *state;
	struct live_path file = live__path(live, "bad.mtr"), path = live__path(live, "bad.json");
	struct run run = {};
	char words[512];
	int code;

	run.report = live__trace_command(live, ALL, "badaccess --fatal --kind freed --delay 5",
					 &run.said, &code);
	assert_int_equal(code, 128 + SIGSEGV);
	run.process = live__process(run.report, live__number(run.said, "pid"));
	assert_crashes(&run, &cases[6], 1, 0);

	snprintf(words, sizeof(words),
		 "record -q -o %s -- build/workloads/badaccess --fatal --kind freed", file.s);
	run.said = live__read_json(live, live__run_memtrace(live, words, 128 + SIGSEGV));
	snprintf(words, sizeof(words), "report -F json -o %s " ALL " %s", path.s, file.s);
	live__run_memtrace(live, words, 0);
	run.report = live__load_report(live, path.s);
	run.process = live__process(run.report, live__number(run.said, "pid"));
	assert_crashes(&run, &cases[6], 1, 0);
}

/* Signals that somebody sends are no bad accesses, whatever they are called. */
static void test_sent(void **state)
{
	static const int signals[] = {SIGSEGV, SIGBUS};
	struct live_run runs[] = {{.words = "fault --idle"}, {.words = "fault --idle"}};
	struct live *live = *state;
	struct live_process *memtrace;
	struct live_path path;

	memtrace = live__start_runs(live, "", runs, 2, &path);
	for (size_t i = 0; i < 2; i++) {
		kill(runs[i].pid, signals[i]);
		assert_int_equal(live__exit_code(runs[i].workload), 128 + signals[i]);
	}
	assert_int_equal(live__exit_code(memtrace), 0);
	live__load_runs(live, &path, runs, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_number(runs[i].process, "crashes.fatal", 0);
		assert_number(runs[i].process, "crashes.handled", 0);
		assert_number(runs[i].process, "end.signal", signals[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		live_test(test_handled),
		live_test(test_fatal),
		live_test(test_protection_key),
		live_test(test_frame_pointers),
		live_test(test_barrier),
		live_test(test_child),
		live_test(test_command_and_recording),
		live_test(test_sent),
	};

	return cmocka_run_group_tests_name("crash", tests, NULL, NULL);
}
