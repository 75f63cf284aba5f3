/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a process has unmapped lately: who frees memory that is still in use is to be found. */
#ifndef MEMTRACE_UNMAPPED_H
#define MEMTRACE_UNMAPPED_H

#include <stddef.h>
#include <stdint.h>

struct event;
struct name;
struct process;

struct unmapped_range {
	uint64_t time_ns;
	uint64_t start;
	uint64_t end;
	struct name *name; /* of the file, a reference; NULL: none */
	uint32_t tid;	   /* whose call it was */
	uint8_t region;	   /* enum region */
};

/* So many, then the oldest goes; fewer where there will be no report. */
#define MAX_UNMAPPED 1024
#define MAX_UNMAPPED_UNWANTED 64

struct unmapped {
	struct unmapped_range *items; /* a ring once it is full */
	size_t nr, cap;
	size_t oldest;
};

/* The call is about to unmap a range: note what is mapped there. 0 or -ENOMEM. */
int unmapped__note(struct process *proc, const struct event *ev, uint64_t start, uint64_t end);
/* The last one that held the address; NULL: none is known. Valid until the next event. */
const struct unmapped_range *unmapped__find(const struct process *proc, uint64_t addr);
void unmapped__release(struct process *proc);

#endif
