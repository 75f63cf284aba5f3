/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The benchmark: what memtrace costs, beside perf and bpftrace, in one run.
 *
 * One process faults and makes system calls all the time, and times both. Tracers come and go
 * around it; a sample is the difference between a window with a tracer and the windows without one
 * directly before and after it. Nothing is pinned to a CPU, except the two that fault flat out: one
 * on each of two CPUs, and the loader wherever the scheduler puts it.
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

/* A tracer that runs beside the worker. */
struct tracer {
	pid_t pid;
	int out;	  /* what it says: its stderr or stdout; -1: nothing */
	int control, ack; /* of perf; -1: none */
	char file[64];	  /* that it writes; empty: none */
};

enum tracer_kind {
	TRACER_MEMTRACE_TARGET,
	TRACER_MEMTRACE_OTHER,
	TRACER_PERF_STAT,
	TRACER_PERF_RECORD,
	TRACER_BPFTRACE,
	NR_TRACERS,
};

struct usage {
	double cpu_s;
	uint64_t peak_rss_bytes;
	int status; /* as wait(2) gives it */
};

extern const char *memtrace_path;

bool tracer__installed(enum tracer_kind kind);
const char *tracer__name(enum tracer_kind kind);
/* Returns when it is attached to these processes; false if it does not get there. */
bool tracer__start(struct tracer *tracer, enum tracer_kind kind, const pid_t *pids, size_t nr);
/* Ends it by SIGINT, and removes nothing: see tracer__remove(). */
void tracer__stop(struct tracer *tracer, struct usage *usage);
void tracer__remove(struct tracer *tracer);

/* What a memtrace report says, summed over its processes. */
struct counts {
	uint64_t faults;
	uint64_t lost;
	int64_t unexplained;
};

bool counts__read(const char *file, struct counts *counts);

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

struct spread {
	double q1, median, q3;
	size_t nr;
};

/* Sorts the values. */
struct spread spread__of(double *values, size_t nr);

uint64_t now_ns(void);
_Noreturn void die(const char *what);

/* A row of the result. limit < 0: none is promised. */
struct row {
	char key[40]; /* in JSON */
	char what[80];
	const char *unit;
	struct spread value;
	double limit;
};

struct result {
	struct row rows[32];
	size_t nr;
	char notes[12][160];
	size_t nr_notes;
};

struct row *result__add(struct result *result, const char *key, const char *what, const char *unit,
			struct spread value, double limit);
void result__note(struct result *result, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* False if a limit is not kept. */
bool result__print(const struct result *result, FILE *out);
int result__write_json(const struct result *result, const char *path);

#endif
