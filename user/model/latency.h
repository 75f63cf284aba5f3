/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long faults took: of a process, by cause and by region; and the slow ones one by one. */
#ifndef MEMTRACE_LATENCY_H
#define MEMTRACE_LATENCY_H

#include <stddef.h>
#include <stdint.h>

#include "base/histogram.h"
#include "base/vocab.h"

struct name;
struct usage;

struct slow_fault {
	uint64_t begin_ns;
	uint64_t latency_ns;
	uint32_t tid;
	enum fault_cause cause;
	enum region region;
	uint64_t addr;
	struct name *name; /* of the file that is mapped there; NULL: none. A reference. */
	uint64_t offset;   /* of addr: in the file, or from the mapping's start */
	uint64_t ip;	   /* 0: not known */
	struct name *ip_name;
	uint64_t ip_offset;
};

/* So many are kept, the slowest. */
#define MAX_SLOW_FAULTS 1000

struct latency {
	/* NULL: none of these so far. */
	struct histogram *all;
	struct histogram *by_cause[NR_CAUSES];
	struct histogram *by_region[NR_REGIONS];
	uint64_t slow_ns;    /* what is slower than this is slow; 0: nothing is */
	uint64_t slow_total; /* seen; slow has the slowest of them */
	struct {
		struct slow_fault *items;
		size_t nr, cap;
	} slow;
};

/* A fault of this cause took so long; it stands for weight of them. 0 or -ENOMEM. */
int latency__note(struct latency *latency, struct usage *usage, enum fault_cause cause,
		  enum region region, uint64_t latency_ns, uint32_t weight);
/* Keeps it if it is slow, and then holds its names. 0 or -ENOMEM. */
int latency__note_slow(struct latency *latency, struct usage *usage,
		       const struct slow_fault *fault);
void latency__release(struct latency *latency, struct usage *usage);

#endif
