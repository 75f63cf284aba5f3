/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The benchmark: what memtrace costs, beside perf and bpftrace, in one run.
 *
 * One process faults and makes system calls all the time, and times both. Tracers come and go
 * around it; a sample is the difference between a window with a tracer and the windows without one
 * directly before and after it. Nothing is pinned to a CPU, except the two that fault flat out: one
 * on each of two CPUs, and the loader wherever the scheduler puts it; and what reads a recording.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define MAX_SLICES 4096
#define PATH_BYTES 256
#define MIB ((double)(1 << 20))

struct config {
	unsigned int rounds;
	unsigned int window_ms;
	unsigned int flood_s;
	unsigned int starts;
	unsigned int reads; /* of each recording */
	unsigned int soak_s;
	bool only_memtrace;
};

/* Times of one window, in ns: of a fault, and of a system call. */
struct window {
	double fault_ns;
	double call_ns;
};

struct worker_shared;

struct worker {
	pid_t pid;
	struct worker_shared *shared;
};

enum worker_kind {
	WORKER_IDLE,  /* waits for its end */
	WORKER_TIMED, /* writes to fresh pages, makes system calls, times both */
	WORKER_WRITE, /* writes to fresh pages, nothing else */
	WORKER_READ,  /* reads fresh pages: the zero page, the shortest faults there are */
	WORKER_PACED, /* writes to fresh pages, some 100,000 a second */
	WORKER_CHURN, /* a thread after another maps, touches, unmaps, ends */
};

/* cpu: run on this one only; -1: anywhere. Ends the program on failure. */
void worker__start(struct worker *worker, enum worker_kind kind, int cpu);
void worker__stop(struct worker *worker);
/* Faults that it has made so far, in whole slices. */
uint64_t worker__faults(const struct worker *worker);
/* Faults that it has made at least since worker__faults() said so many. */
uint64_t worker__faults_since(const struct worker *worker, uint64_t before);
/* Median of the slices of a window of this length. */
struct window worker__measure(struct worker *worker, unsigned int length_ms);
/* Run on this CPU only. 0 or -1 with errno. */
int pin(int cpu);
void sleep_ms(unsigned int ms);

/* A tracer that runs beside the worker. */
struct tracer {
	pid_t pid;
	int out;	       /* what it says: its stderr or stdout; -1: nothing */
	int control, ack;      /* of perf; -1: none */
	char file[PATH_BYTES]; /* that it writes: a report, a recording, perf.data */
	char kept[PATH_BYTES]; /* the recording that it writes beside its report; empty: none */
};

enum tracer_kind {
	TRACER_MEMTRACE_TARGET,
	TRACER_MEMTRACE_OTHER,
	TRACER_PERF_STAT,
	TRACER_PERF_RECORD,
	TRACER_BPFTRACE,
	NR_COMPARED,
	/* Not beside nobody, but beside each other. */
	TRACER_MEMTRACE_SILENT = NR_COMPARED, /* no lines while it runs */
	TRACER_RECORD,			      /* memtrace record */
	TRACER_RECORD_TOO,		      /* memtrace --record */
	TRACER_RECORD_ALL,		      /* memtrace record -a */
	NR_TRACERS,
};

struct usage {
	double cpu_s;
	double wall_s; /* of commands, see command__run() */
	uint64_t peak_rss_bytes;
	int status; /* as wait(2) gives it */
};

extern const char *memtrace_path;

/* Is there such a program in PATH? */
bool program__installed(const char *program);
bool tracer__installed(enum tracer_kind kind);
const char *tracer__name(enum tracer_kind kind);
/* Returns when it is attached to these processes; false if it does not get there. */
bool tracer__start(struct tracer *tracer, enum tracer_kind kind, const pid_t *pids, size_t nr);
/* Ends it by SIGINT, and removes nothing: see tracer__remove(). */
void tracer__stop(struct tracer *tracer, struct usage *usage);
void tracer__remove(struct tracer *tracer);

/*
 * Run a command to its end. cpu: on this one only; -1: anywhere. out: where its stdout and stderr
 * go; NULL: nowhere.
 */
void command__run(const char *const *argv, int cpu, const char *out, struct usage *usage);

/* What a memtrace report says, summed over its processes. */
struct counts {
	uint64_t faults;
	uint64_t records; /* of the kernel, each fault counted */
	uint64_t lost;
	int64_t unexplained;
	uint64_t processes;
};

/* Of a report in JSON. */
bool counts__read(const char *file, struct counts *counts);
/* Of a recording. */
bool counts__replay(const char *recording, struct counts *counts);

/* Where the resident memory of a running process is. */
struct memory {
	uint64_t rss_bytes;
	uint64_t peak_bytes;
	uint64_t ring_bytes;   /* the ring buffer, which is mapped twice over */
	uint64_t heap_bytes;   /* heap and anonymous memory */
	uint64_t file_bytes;   /* program and libraries */
	uint64_t kernel_bytes; /* of its maps and programs: not resident in it */
};

void memory__read(pid_t pid, struct memory *memory);
/* Resident now; 0: the process has ended. */
uint64_t memory__rss_bytes(pid_t pid);

struct spread {
	double q1, median, q3;
	size_t nr;
};

/* Sorts the values. */
struct spread spread__of(double *values, size_t nr);
/* What was measured once. */
struct spread spread__one(double value);

/* Of a file beside our other temporary ones, which scripts/bench removes. */
void scratch__path(char path[PATH_BYTES], const char *name);

uint64_t now_ns(void);
/* The first two CPUs that we may run on; how many there are. */
int two_cpus(int cpus[2]);
uint64_t file__bytes(const char *path);
_Noreturn void die(const char *what);
/* "bench: …" on stderr, exit code 2: it could not be measured. */
_Noreturn void give_up(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* How far it is, where a person watches; NULL: done. */
void show_progress(const char *what, unsigned int i, unsigned int nr);

/* A row of the result. limit < 0: none is promised; 0: never any, whatever the rest. */
struct row {
	char key[40]; /* in JSON */
	char what[112];
	const char *unit;
	struct spread value;
	double limit;  /* at most */
	bool at_least; /* no: at least */
	/* Its place in the README's second table; NULL: it is in the first. */
	const char *line;
	const char *column;
};

struct result {
	struct row rows[80];
	size_t nr;
	char notes[24][400];
	size_t nr_notes;
};

struct row *result__add(struct result *result, const char *key, const char *what, const char *unit,
			struct spread value, double limit);
void result__note(struct result *result, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* False if a limit is not kept. */
bool result__print(const struct result *result, FILE *out);
int result__write_json(const struct result *result, const char *path);
/* As it stands in the README. */
int result__write_markdown(const struct result *result, const char *path);

/* A program that faults in a known way, to be recorded. */
struct workload {
	const char *name;
	const char *what;
	uint64_t nr_faults; /* about so many */
	double limit_bytes; /* a fault, on disk; < 0: none is promised */
	void (*run)(uint64_t nr_faults);
};

extern const struct workload workloads[];
extern const size_t nr_workloads;

/* One thread after another, each a mapping of its own, for ever. */
_Noreturn void churn(void);

/* What is measured: each adds its rows. */
void measure_faults(const struct config *config, struct result *result);
void measure_recording(const struct config *config, struct result *result);
void measure_starts(const struct config *config, struct result *result);
void measure_floods(const struct config *config, struct result *result);
void measure_reading(const struct config *config, struct result *result);
void measure_soak(const struct config *config, struct result *result);

#endif
