/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MEMTRACE_INTERVALS_H
#define MEMTRACE_INTERVALS_H

#include <stdbool.h>
#include <stdint.h>

struct model;

/*
 * Close an interval of every current process, drop those that have had their last, and keep the
 * list of those that ended within bounds. 0 or -ENOMEM.
 */
int model__tick(struct model *model, uint64_t time_ns);

/* Do so before the tick, should many processes have ended since the last one. 0 or -ENOMEM. */
int model__bound_ended(struct model *model, uint64_t time_ns);

/* Free what only running processes need of those that have ended and wait for the tick. */
void model__retire_ended(struct model *model);

/* Has anybody faulted since the last tick? */
bool model__interval_has_faults(const struct model *model);

/* At the end: put what is unexplained down to losses that no thread has shown yet. */
void model__explain_by_losses(struct model *model);

#endif
