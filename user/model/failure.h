/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Why a memory call failed: by the rules of the kernel's mm/, and what is known of the process. */
#ifndef MEMTRACE_FAILURE_H
#define MEMTRACE_FAILURE_H

#include "model/process.h"

struct mt_memory;

/*
 * The call has failed; the process is as it was before. memory may be NULL: not known. Fills in
 * what struct failure says of one, but for its count.
 */
void failure__find(struct process *proc, const struct event *ev, const struct mt_memory *memory,
		   struct failure *ret);

/* A limit, that is, and not an argument or a permission. */
bool failure_cause__is_limit(enum failure_cause cause);

#endif
