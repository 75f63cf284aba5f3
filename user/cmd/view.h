/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The live view: lines on the output while a run goes on. */
#ifndef MEMTRACE_VIEW_H
#define MEMTRACE_VIEW_H

#include <stdbool.h>
#include <stdio.h>

#include "cmd/options.h"

struct model;
struct report_notice;

struct view {
	FILE *stream; /* NULL: show nothing */
	bool rows;    /* of intervals; else just what happens */
	const struct options *opt;
	unsigned int lines; /* since the header was shown */
	bool begun;
};

/*
 * Lines are shown on standard output; where the report goes to a file, only if that is a terminal,
 * and none beside JSON.
 */
void view__open(struct view *view, const struct options *opt);

/* Show the interval that the model has just closed. 0 or -errno of the stream. */
int view__show(struct view *view, const struct model *model);

/* Show what has happened. Likewise. */
int view__notice(struct view *view, const struct report_notice *row);

#endif
