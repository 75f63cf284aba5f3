/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The model's notices on their way to those who want them at once: each waits for its stack, but
 * not for long, and of a storm just the first ones come, then their number. All by the time of the
 * stream, so that a replay does the same.
 */
#ifndef MEMTRACE_ALERTS_H
#define MEMTRACE_ALERTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report/notice.h"

struct alert;
struct burst;
struct event;
struct model;

/* Takes a row, borrowed; 0 or -errno. */
typedef int (*alert_fn)(void *ctx, const struct report_notice *row);

struct alerts {
	alert_fn fn; /* NULL: nobody wants them */
	void *ctx;
	bool utf8;
	bool wants_merged; /* a row of those that a number stands for, too: each costs its words */
	struct {
		struct alert *items; /* in the order in which they come */
		size_t nr, cap;
	} waiting;
	struct {
		struct burst *items; /* of programs that had some in the last second */
		size_t nr, cap;
	} bursts;
};

/* Is there anything that time alone brings on? */
static inline bool alerts__wait(const struct alerts *alerts)
{
	return alerts->waiting.nr || alerts->bursts.nr;
}

/* Take the notices that the last event has left in the model. 0 or -ENOMEM. */
int alerts__take(struct alerts *alerts, struct model *model);

/* The last event was the stack of one that may wait for it (MT_KIND_STACK). 0 or -ENOMEM. */
int alerts__take_stack(struct alerts *alerts, struct model *model, const struct event *ev);

/* The stream has come so far: give out what is due. 0, -ENOMEM, or what fn returned. */
int alerts__pass(struct alerts *alerts, struct model *model, uint64_t now_ns);

/* Give out all that waits. */
int alerts__flush(struct alerts *alerts, struct model *model);

void alerts__release(struct alerts *alerts);

#endif
