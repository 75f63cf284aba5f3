/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Helpers of the live tests: start a workload and memtrace on it, wait for conditions (never for a
 * time), read the report. Whatever a test started is killed and reaped in its teardown; a test that
 * takes longer than LIVE_LIMIT_S has its processes killed, and fails by that. On a slow machine the
 * limit is MEMTRACE_TEST_SLOWDOWN (of the environment) times as long.
 */
#ifndef LIVE_H
#define LIVE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>
#include <jansson.h>

#define LIVE_LIMIT_S 60
#define LIVE_MAX_PROCESSES 64
#define LIVE_MAX_JSON 64

struct live_process {
	pid_t pid; /* 0: reaped */
	int in;	   /* its stdin, to write to; -1: closed */
	int out;
	int err;
	int status; /* as wait(2) has it, once reaped */
	int64_t peak_rss_bytes;
	/* All that it has printed so far, NUL-terminated; line_at: what read_line() has not taken.
	 */
	struct live_text {
		char *text;
		size_t len;
		size_t line_at;
	} out_text, err_text;
};

/* One test: its state in cmocka. */
struct live {
	char dir[64]; /* its own, removed with all that is in it */
	unsigned int nr_reports;
	struct live_process processes[LIVE_MAX_PROCESSES];
	size_t nr_processes;
	json_t *json[LIVE_MAX_JSON]; /* freed in teardown */
	size_t nr_json;
};

/* How many times slower than usual this machine is, by its own word. */
unsigned int live__slowdown(void);

int live__setup(void **state);
int live__teardown(void **state);

#define live_test(function) cmocka_unit_test_setup_teardown(function, live__setup, live__teardown)

/* The binary under test, and an argv from words that spaces separate. */
const char *live__memtrace(void);

/* In a process group of its own, which is killed with it. */
struct live_process *live__start(struct live *live, char *const argv[]);
/* A command in words separated by spaces. A first word without '/' is a workload. */
struct live_process *live__start_words(struct live *live, const char *words);
struct live_process *live__start_memtrace(struct live *live, const char *options);
/* A script of sh, in which "memtrace" is the binary under test. */
struct live_process *live__start_shell(struct live *live, const char *script);
/* Starts a workload with --wait and reads its ready line. */
struct live_process *live__start_workload(struct live *live, const char *words);

/* The next line, without its newline; NULL at end of file. Valid until the next read. */
const char *live__read_line(struct live_process *process, bool from_stderr);
json_t *live__read_json(struct live *live, struct live_process *process);
/* A line to its stdin. */
void live__say(struct live_process *process, const char *text);
void live__close_stdin(struct live_process *process);
/* Until memtrace has said that all probes are attached. */
void live__await_tracing(struct live_process *memtrace);
/* For a condition that is not a line or an end: look again in a moment, but not after the limit. */
int64_t live__now_ns(void);
void live__wait_a_moment(int64_t limit_ns);
/*
 * Until memtrace has unwound all stacks that were copied for it: who runs into something next finds
 * room for another one.
 */
void live__await_stacks(const struct live_process *memtrace);
/* Reads all that it prints until it ends; its wait status. */
int live__wait(struct live_process *process);
/* 0..255, or 128 + signal, as a shell has it. */
int live__exit_code(struct live_process *process);
/* Lets a workload that waits act, and then end: its result. */
json_t *live__finish_workload(struct live *live, struct live_process *workload);

/* All that it has printed so far. */
const char *live__out(const struct live_process *process);
const char *live__err(const struct live_process *process);
size_t live__count_lines(const char *text);
/* memtrace to its end, with nothing on its stdin; the test fails if it ends with another code. */
struct live_process *live__run_memtrace(struct live *live, const char *options, int code);

struct live_path {
	char s[128];
};

/* A name in the test's own directory. */
struct live_path live__path(const struct live *live, const char *name);
/* All of a text file, to be freed. */
char *live__read_file(const char *path);

/* Parses a report, and validates it against doc/report.schema.json. */
json_t *live__load_report(struct live *live, const char *path);
/* Likewise of what memtrace diff writes, doc/diff.schema.json. */
json_t *live__load_diff(struct live *live, const char *path);
/* And of what memtrace doctor writes, doc/doctor.schema.json. */
json_t *live__load_doctor(struct live *live, const char *path);
/* The path of the next report: -o of a run. */
const char *live__report_path(struct live *live, char *buf, size_t size);

/*
 * memtrace -p on a workload that waits until it is traced: its result line in *ret_result, and the
 * report. SIGINT ends the run, before the workload goes on to its end.
 */
json_t *live__trace_pid(struct live *live, const char *options, const char *words,
			json_t **ret_result);
/*
 * Both are traced together, and then do what they do at the same time: their results, and the
 * report. signo ends the run; the workloads still wait.
 */
json_t *live__trace_pair(struct live *live, const char *options,
			 struct live_process *const workloads[2], int signo, json_t *results[2]);

/* One workload of several that one memtrace traces: to start it takes its time in a guest. */
struct live_run {
	const char *words;	       /* of the workload, which is started; or */
	struct live_process *workload; /* it was started before */
	pid_t pid;		       /* that is traced; 0: the workload's own */
	json_t *result;		       /* of those that wait for their end */
	int code;		       /* of those that have gone to it */
	json_t *process;
};

/* memtrace on all of them, which it traces already; its report will be in *ret_path. */
struct live_process *live__start_runs(struct live *live, const char *options, struct live_run *runs,
				      size_t nr, struct live_path *ret_path);
/* When memtrace has ended: the process of each. */
json_t *live__load_runs(struct live *live, const struct live_path *path, struct live_run *runs,
			size_t nr);
/*
 * They act one after the other; then SIGINT ends memtrace: the result and the process of each, and
 * the report. They still wait for their end, to which live__end_each() lets them go.
 */
json_t *live__trace_each(struct live *live, const char *options, struct live_run *runs, size_t nr);
void live__end_each(struct live_run *runs, size_t nr);
/*
 * Each goes to its end before the next one acts, and memtrace ends with the last of them: the exit
 * code and the process of each, and the report, which is sound. What they have said is there to be
 * read.
 */
json_t *live__trace_to_ends(struct live *live, const char *options, struct live_run *runs,
			    size_t nr);
/* memtrace -- workload: the result line (NULL wanted: none is read), exit code, report. */
json_t *live__trace_command(struct live *live, const char *options, const char *words,
			    json_t **ret_result, int *ret_exit_code);

/* Values by path ("faults.by_region.heap"); the test fails where there is none of that type. */
json_t *live__at(const json_t *json, const char *path);
int64_t live__number(const json_t *json, const char *path);
const char *live__text(const json_t *json, const char *path);
uint64_t live__address(const json_t *json, const char *path);
/* Has it this text by this key? */
bool live__has(const json_t *json, const char *key, const char *value);

/* The one process with this pid in the report; NULL: none. */
json_t *live__find_process(const json_t *report, int64_t pid);
json_t *live__process(const json_t *report, int64_t pid);
/* Of a number by its path, over all processes. */
int64_t live__sum(const json_t *report, const char *path);
/* The row of faults.by_mapping that starts at an address, or has a name. */
json_t *live__mapping_at(const json_t *process, const char *address);
json_t *live__mapping_named(const json_t *process, const char *name);
/* Calls that failed with this errno, by heap.failures. */
int64_t live__failures(const json_t *process, const char *call, int err);

/* The first row of limits.table with this name. */
json_t *live__limit(const json_t *process, const char *name);
/* Those that the workload limits says are there as often as they happened, and no others. */
void live__assert_limit_failures(const json_t *process, const json_t *result);

/* Each fault that is counted has one cause. */
void live__assert_causes_add_up(const json_t *process);
/*
 * They do, and expect is what they are: "cow=64 anon_zero+raced=minor": so many faults of a cause,
 * or of these together; a number, one of that name in result, or "any". Those that are not named
 * have none.
 */
void live__assert_causes(const json_t *process, const json_t *result, const char *expect);

/* Skips the test, and says so, unless it runs in a guest of scripts/vm/run, where all may be tried.
 */
void live__needs_guest(void);
/* Before 6.0 the kernel counts writes to shared memory that it had to retry as major. */
bool live__retries_are_major(void);

/* Nothing lost, and the closing check of each process (pid 0) or of this one holds exactly. */
void live__assert_sound(const json_t *report, int64_t pid);

#define assert_number(json, path, value) assert_int_equal(live__number(json, path), value)

#endif
