/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where records come from. The rest of the program does not know which source it reads. */
#ifndef MEMTRACE_SOURCE_H
#define MEMTRACE_SOURCE_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

#include "base/error.h"
#include "memtrace/record.h"

/* Takes each record, whole and 8-byte aligned, borrowed for the call. Non-zero stops. */
typedef int (*source_fn)(void *ctx, const void *record, size_t size);

struct source;

struct source_ops {
	/* A descriptor that becomes readable when records wait; -1: always poll. */
	int (*fd)(struct source *source);
	/* Longest time that the caller may wait before the next pump(). */
	int (*timeout_ms)(struct source *source);
	/* Deliver what there is; 0, or -errno, or what the callback returned. */
	int (*pump)(struct source *source);
	/* Deliver the address space of a process again: the mirror has lost track of it. */
	int (*snapshot)(struct source *source, uint32_t tgid);
	/*
	 * A chunk (MT_STACK_CHUNK_BYTES) of the stack that an MT_KIND_STACK_COPY tells of. 0 or
	 * -errno. And its slot is free for another one.
	 */
	int (*read_stack)(struct source *source, uint32_t chunk, void *bytes);
	void (*release_stack)(struct source *source, uint32_t slot);
	/* Number of traced processes that were named by the user (or followed) and still run. */
	size_t (*alive)(struct source *source);
	/* Stop and deliver what is left, with MT_KIND_END last. */
	int (*finish)(struct source *source, enum mt_ended_by ended_by);
	void (*free)(struct source *source);
};

struct source {
	const struct source_ops *ops;
};

/* What to trace: parsed from the command line. */
struct source_config {
	const uint32_t *pids; /* with a command: its pid, a child of ours that waits to exec */
	size_t nr_pids;
	bool all;
	bool follow;
	bool build_ids;		/* deliver them, too */
	bool command;		/* see pids */
	unsigned int only_ways; /* to page faults (enum fault_way), a bit each; 0: the best */
	uint64_t interval_ns;	/* of ticks */
	uint64_t slow_ns;	/* each fault that takes as long is to be timed; 0: as it comes */
	const char *target;	/* the same in words */
};

/*
 * Load and attach the programs, then deliver the session, the probes in use and the state of the
 * targets as records. The source is attached when this returns 0.
 * -ENOTSUP: this kernel cannot do it; -EPERM: not allowed; -ESRCH: no such process; other -errno:
 * as the error's text says.
 */
int live__open(const struct source_config *config, source_fn fn, void *ctx, struct error *error,
	       struct source **ret);

#endif
