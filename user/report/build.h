/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MEMTRACE_REPORT_BUILD_H
#define MEMTRACE_REPORT_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct model;
struct process;
struct report;
struct report_interval;

/* "ring_full_faults", …; cause: an enum mt_loss. */
const char *loss_cause__name(unsigned int cause);

/* Records lost so far, in all; undecodable: records that the reader could not use. */
uint64_t report__lost(const struct model *model, uint64_t undecodable);

/*
 * A report of all that the model knows. version: static; undecodable as above. 0 or -ENOMEM; the
 * caller owns the result: report__free().
 */
int report__build(struct model *model, const char *version, uint64_t undecodable,
		  struct report **ret);

/* The interval that the last tick closed, for one process of model->current; borrows from it. */
void report__interval(const struct model *model, const struct process *proc,
		      struct report_interval *row);

#endif
