/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long faults took: of a process, by cause and by region; and the slow ones one by one. */
#ifndef MEMTRACE_LATENCY_H
#define MEMTRACE_LATENCY_H

#include <stdbool.h>
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
	bool major;
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

/* Faults of which each was timed, and which stand for themselves alone. */
struct latency_each {
	uint64_t nr;
	uint64_t sum_ns;
};

struct latency {
	/* NULL: none of these so far. They have what is in each_by_…, too. */
	struct histogram *all;
	struct histogram *by_cause[NR_CAUSES];
	struct histogram *by_region[NR_REGIONS];
	struct latency_each each_by_cause[NR_CAUSES];
	struct latency_each each_by_region[NR_REGIONS];
	uint64_t each_ns;    /* of faults that took as long each is timed; 0: not for that */
	uint64_t slow_ns;    /* what is slower than this is slow; 0: nothing is */
	uint64_t slow_total; /* seen; slow has the slowest of them */
	struct {
		struct slow_fault *items;
		size_t nr, cap;
	} slow;
};

/*
 * How long a fault took. It was picked as one of weight; but major ones are all timed, and so are
 * those of each_ns, picked or not: such a one stands for itself. 0 or -ENOMEM.
 */
int latency__note(struct latency *latency, struct usage *usage, const struct slow_fault *fault,
		  uint32_t weight);
/* Keeps it if it is slow, and then holds its names. 0 or -ENOMEM. */
int latency__note_slow(struct latency *latency, struct usage *usage,
		       const struct slow_fault *fault);
void latency__release(struct latency *latency, struct usage *usage);

#endif
