/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Building JSON: every helper takes NULL for "memory ran out" and keeps that error, so that what
 * builds a tree reads straight down and asks once, at its end.
 */
#ifndef MEMTRACE_RENDER_JSON_H
#define MEMTRACE_RENDER_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

struct report;
struct report_process;

struct json {
	size_t top; /* rows of long tables; 0: all */
	int err;
};

/* Sets a key, or appends to an array; they own value from then on. */
void json__set(struct json *json, json_t *object, const char *key, json_t *value);
void json__append(struct json *json, json_t *array, json_t *value);

json_t *json__count(uint64_t n);	 /* what is above INT64_MAX stays there */
json_t *json__bytes(uint64_t bytes);	 /* BYTES_UNKNOWN: null */
json_t *json__address(uint64_t address); /* "0x7f…" */
json_t *json__seconds(double seconds);	 /* to the microsecond; null if that is no number */
json_t *json__string(const char *s);	 /* valid UTF-8 whatever s is; NULL: null */
json_t *json__real(double value);	 /* null if that is no number */

/* The program that prints the document, and what is known of the run that a report is of. */
json_t *json__program(struct json *json, const char *version);
json_t *json__about(struct json *json, const struct report *report);
json_t *json__recorded(struct json *json, const char *file, const struct report *report);

/* Text between trees, and a tree, which is freed; the same without the braces around it. */
void json__put(struct json *json, FILE *out, const char *s);
void json__dump(struct json *json, FILE *out, json_t *tree);
void json__dump_members(struct json *json, FILE *out, json_t *tree);

/* The bins that hold something: bin i is of [2^i, 2^(i+1)). */
json_t *json__log2_histogram(struct json *json, const uint64_t *bins, unsigned int nr);

/* json_latency.c: how long the faults of a process took; null where it is not known. */
json_t *json_latency__all(struct json *json, const struct report_process *process);
json_t *json_latency__by_cause(struct json *json, const struct report_process *process);
json_t *json_latency__by_region(struct json *json, const struct report_process *process);
json_t *json_latency__slow(struct json *json, const struct report_process *process);

/* json_oom.c: kills, and time spent to free memory. */
json_t *json_oom(struct json *json, const struct report_process *process);
/* json_stack_marks.c: how deep the stacks of threads have been touched. */
json_t *json_stack_marks(struct json *json, const struct report_process *process);
/* json_limits.c */
json_t *json_limits(struct json *json, const struct report_process *process);
json_t *json__errno(int err); /* its name, or its number where it has none */
/* json_crash.c: what its stacks ran into, and its bad accesses. */
json_t *json_crash__hits(struct json *json, const struct report_process *process);
json_t *json_crash__all(struct json *json, const struct report_process *process);

/* A process of the report. Of a table with a row for each thread one row is in memory at a time. */
void json_process__write(struct json *json, FILE *out, const struct report_process *process);

#endif
