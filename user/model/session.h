/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MEMTRACE_SESSION_H
#define MEMTRACE_SESSION_H

#include <stdint.h>

#include "memtrace/record.h"

struct event;
struct model;

/* Events of the run. 0 or -ENOMEM. */
int session__take_begin(struct model *model, const struct event *ev);
int session__take_losses(struct model *model, const struct event *ev);
int session__take_probe(struct model *model, const struct event *ev);
int session__take_end(struct model *model, const struct event *ev);

/* Nothing is taken any more. 0 or -ENOMEM. */
int session__end(struct model *model, uint64_t time_ns, enum mt_ended_by ended_by);

#endif
