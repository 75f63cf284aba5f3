/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Why the kernel was asked for a page: what a fault's cause follows from, and how. */
#ifndef MEMTRACE_CAUSE_H
#define MEMTRACE_CAUSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/vocab.h"
#include "memtrace/record.h"

struct event_fault;
struct mirror;
struct vma;

enum backing {
	BACKING_UNKNOWN, /* no mapping is known there */
	BACKING_ANON,
	BACKING_SHMEM,
	BACKING_PRIVATE_FILE,
	BACKING_SHARED_FILE,
};

/* Did a fault that found no table of pages map a huge page? */
enum huge { HUGE_NO, HUGE_OPEN /* not known (yet) */, HUGE_YES };

/* Kept of each thread's last fault, and made for every fault: small. */
struct fault_facts {
	enum mt_entry entry : 8;
	enum backing backing : 8;
	enum huge huge : 8;
	bool write;
	bool protection; /* the page was there, and the access not allowed */
	bool grew;	 /* below the stack, which has grown for it */
	/*
	 * That the kernel counts it as major does not mean that it was read from disk or swap:
	 * before 6.0 a write to shared memory may have waited for others' writing, and counts so.
	 */
	bool not_read;
	bool read_unsure;
};

/*
 * The facts of a fault in vma (NULL: not known), before its end. retries_are_major: those of writes
 * to shared memory are among the kernel's major faults (before 6.0).
 */
struct fault_facts fault__facts(struct mirror *mirror, const struct vma *vma,
				const struct event_fault *fault, bool retries_are_major);
/* The mapping was not known then, and is now. */
void facts__set_vma(struct fault_facts *facts, struct mirror *mirror, const struct vma *vma,
		    uint64_t addr);
enum backing vma__backing(const struct vma *vma); /* NULL: BACKING_UNKNOWN */

/* The cause; major: it was read from disk or swap. The rules are those of memtrace(8), CAUSES. */
enum fault_cause fault__cause(const struct fault_facts *facts, bool major);

#endif
