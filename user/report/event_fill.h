/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What those who fill the rows of events share. */
#ifndef MEMTRACE_EVENT_FILL_H
#define MEMTRACE_EVENT_FILL_H

#include <stdint.h>

struct event;
struct model;
struct process;
struct report_event;

struct filling {
	struct model *model;
	const struct event *ev;
	struct process *proc; /* NULL: not known, or of none */
	struct report_event *row;
};

/* One more word. What does not fit is left out as a whole. */
__attribute__((format(printf, 2, 3))) void detail__add(struct report_event *row, const char *fmt,
						       ...);
/* Sizes are what a stranger asked for; JSON's readers have 63 bits. */
void row__set_size(struct report_event *row, uint64_t bytes);

/* MT_KIND_OOM_KILL, MT_KIND_RECLAIM. */
void fill_oom_kill(const struct filling *f);
void fill_reclaim(const struct filling *f);

#endif
