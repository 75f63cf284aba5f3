/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Renderers: each turns a report into bytes on a stream, and knows nothing else.
 * They return 0, or -errno when the stream could not be written (-EPIPE: the reader has gone).
 */
#ifndef MEMTRACE_RENDER_H
#define MEMTRACE_RENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct diff;
struct doctor;
struct report;
struct report_interval;
struct report_notice;

struct render_options {
	unsigned int width; /* columns */
	bool colour;
	bool utf8;	/* the locale's codeset is UTF-8; else text is plain ASCII */
	bool verbose;	/* also the threads, addresses of mappings, sizes of every call */
	bool subsecond; /* intervals are shorter than a second: the live view shows tenths */
	size_t top;	/* rows in each table; 0: all */
};

int render_text__report(const struct report *report, const struct render_options *opt, FILE *out);

/* The live view: a header line, and a line per process and interval. */
int render_text__interval_header(const struct render_options *opt, FILE *out);
int render_text__interval(const struct report_interval *row, const struct render_options *opt,
			  FILE *out);
/* And what happened, as soon as it has; *ret_lines: so many lines it took. */
int render_text__notice(const struct report_notice *row, const struct render_options *opt,
			FILE *out, unsigned int *ret_lines);

int render_json__report(const struct report *report, const struct render_options *opt, FILE *out);

int render_text__diff(const struct diff *diff, const struct render_options *opt, FILE *out);
int render_json__diff(const struct diff *diff, const struct render_options *opt, FILE *out);

int render_text__doctor(const struct doctor *doctor, const struct render_options *opt, FILE *out);
int render_json__doctor(const struct doctor *doctor, FILE *out);

#endif
