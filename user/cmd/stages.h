/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What records go through, from whichever source: time order, the model, and then either a report
 * at the end and lines meanwhile, or the events one by one.
 */
#ifndef MEMTRACE_STAGES_H
#define MEMTRACE_STAGES_H

#include "base/error.h"
#include "cmd/alerts.h"
#include "cmd/options.h"
#include "cmd/output.h"
#include "cmd/view.h"
#include "render/event_lines.h"

struct model;
struct on_hit;
struct order;

struct stages {
	const struct options *opt;
	struct error *error; /* the caller's: what failed, in words */
	const char *reading; /* the recording that the records are of, borrowed; NULL: none */
	struct output out;
	struct view view;
	struct on_hit *on_hit; /* borrowed; NULL: none */
	struct alerts alerts;
	struct event_lines lines; /* format NULL: there is to be a report */
	struct model *model;
	struct order *order;
	struct report *report; /* after stages__finish(), for those who want one */
};

/* Zero the struct before, but for .reading and .on_hit. 0, or -errno with its text. */
int stages__open(struct stages *stages, const struct options *opt, struct error *error);

/* Take a record. 0, -ENOMEM, or -errno of an output. */
int stages__push(struct stages *stages, const void *record, size_t size);

/* What ended a source too early, in words; -EPIPE stays without. Returns err. */
int stages__explain(struct stages *stages, int err);

/*
 * After the last record: take what is held, make the report, and write it unless it is to be
 * compared. err: what has ended the source, or 0; it is put into words then. 0, -EPIPE (without
 * words), or -errno with its text.
 */
int stages__finish(struct stages *stages, int err);

void stages__release(struct stages *stages);

#endif
