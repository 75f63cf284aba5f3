/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two reports compared, process by process: what B has more than A, or less. Renderers read this
 * and the two reports. As in report.h units are in the names, and strings come from strangers.
 *
 * Processes are matched by comm and exe; all of one comm and exe are one row.
 */
#ifndef MEMTRACE_REPORT_DIFF_H
#define MEMTRACE_REPORT_DIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report/report.h"

enum diff_side { DIFF_A, DIFF_B, DIFF_SIDES };

#define DIFF_UNKNOWN INT64_MIN
/* What differs by less than this share is about the same. */
#define DIFF_NOTABLE 0.05

enum diff_unit { DIFF_COUNT, DIFF_BYTES, DIFF_NS };

/* What a number is, and what several processes of one comm and exe have together. */
enum diff_kind {
	DIFF_FLOW,    /* adds up as time passes: their sum; it has a rate */
	DIFF_GROWTH,  /* likewise, and may be below 0 */
	DIFF_LEVEL,   /* has nothing to do with how long it was traced: their sum */
	DIFF_LARGEST, /* likewise: the largest of them */
	DIFF_WORST,   /* likewise, of those of which it is known */
};

/* Of these, callers ask by name. */
enum diff_metric_id {
	DIFF_FAULTS,
	DIFF_MINOR,
	DIFF_MAJOR,
	DIFF_LOST,
	DIFF_BY_REGION,
	DIFF_BY_CAUSE,
	DIFF_LATENCY_P50,
	DIFF_LATENCY_P99,
	DIFF_LATENCY_MAX,
	DIFF_LATENCY_TOTAL,
	DIFF_HEAP_GROWTH,
	DIFF_HEAP_PEAK,
	DIFF_HEAP_PEAK_LARGEST,
	DIFF_RSS,
	DIFF_PEAK_RSS,
	DIFF_PEAK_RSS_LARGEST,
	DIFF_STACK_PEAK,
	DIFF_STACK_PEAK_LARGEST,
	DIFF_STACK_HITS,
	DIFF_CRASHES,
	DIFF_CALLS,
	DIFF_CALL_BYTES,
	DIFF_CALLS_FAILED,
	NR_DIFF_METRICS,
};

/* What is compared; the table is in diff_metric.c. */
struct diff_metric {
	const char *path;  /* its keys in JSON, "faults.by_region.*"; "*" is the name of a row */
	const char *label; /* in text */
	enum diff_unit unit;
	enum diff_kind kind;
	/* DIFF_UNKNOWN if it is not known of this process. */
	int64_t (*get)(const struct report_process *process, unsigned int index);
	/* As many rows as there are regions or calls, with their names; 0 and NULL: one. */
	unsigned int nr;
	const char *(*name)(unsigned int index);
};

extern const struct diff_metric diff_metrics[NR_DIFF_METRICS];

struct diff_row {
	const struct diff_metric *metric;
	unsigned int index;	   /* the region or call */
	int64_t value[DIFF_SIDES]; /* 0 where the process is not there; DIFF_UNKNOWN */
};

struct diff_process {
	char *comm;		 /* NULL: all processes together */
	char *exe[DIFF_SIDES];	 /* NULL: not known, or not there */
	uint64_t nr[DIFF_SIDES]; /* processes; 0: not there */
	/* In the order of the table; those of one metric by their change, largest first. */
	struct diff_row *rows;
	size_t nr_rows;
};

/* How what adds up as time passes is compared. */
enum diff_basis {
	DIFF_BY_TOTAL,		  /* both recordings are as long */
	DIFF_BY_TOTAL_WHOLE_RUNS, /* both are of a command, from its start to its exit */
	DIFF_BY_TOTAL_NO_TIME,	  /* one has no duration */
	DIFF_BY_RATE,
};

/* What makes the two recordings less than comparable. */
struct diff_warning {
	const char *code; /* static: "kernel", … */
	char *text;
};

struct diff {
	const struct report *report[DIFF_SIDES]; /* borrowed */
	const char *file[DIFF_SIDES];		 /* where they come from; borrowed */
	enum diff_basis basis;
	struct {
		struct diff_warning *items;
		size_t nr, cap;
	} warnings;
	struct diff_process all;
	struct diff_process *processes; /* largest change in faults first */
	size_t nr_processes;
};

/* 0 or -ENOMEM. The caller owns the result, and keeps both reports as long. */
int diff__build(const struct report *a, const struct report *b, const char *a_file,
		const char *b_file, struct diff **ret);
void diff__free(struct diff *diff);

/* Does it add up as time passes? Then it has a rate. */
static inline bool diff_metric__adds_up(const struct diff_metric *metric)
{
	return metric->kind == DIFF_FLOW || metric->kind == DIFF_GROWTH;
}

/* The first row of a metric. */
const struct diff_row *diff_process__row(const struct diff_process *process,
					 enum diff_metric_id id);

/* B less A, at the bounds of int64_t where it is beyond them; DIFF_UNKNOWN. */
int64_t diff_row__change(const struct diff_row *row);

/* Are causes told by one and the same way? Else they are not compared. */
bool diff__same_causes(const struct diff *diff);

/* These are NAN where something is not known, or a recording has no duration. */
double diff_row__number(const struct diff_row *row, enum diff_side side);
double diff_row__rate(const struct diff *diff, const struct diff_row *row, enum diff_side side);
/* What is to be compared: the rate, or else the number. */
double diff_row__compared(const struct diff *diff, const struct diff_row *row, enum diff_side side);

/*
 * How much larger `to` is, in percent: 50 from 2 to 3. NAN where that says nothing: if `from` is
 * not above 0, or `to` is below.
 */
double diff__percent(double from, double to);

#endif
