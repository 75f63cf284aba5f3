/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the loader tells the BPF programs, and what they tell it beside the records. */
#ifndef MEMTRACE_CONTROL_H
#define MEMTRACE_CONTROL_H

#include "memtrace/record.h"

/* Of a program that can be skipped: see turns in common.bpf.h. */
#define MT_COPIES 4

/* Fixed at load. */
struct mt_config {
	__u32 all;	 /* trace every process but self_tgid */
	__u32 follow;	 /* trace the children of traced processes */
	__u32 self_tgid; /* the tracer */
	__u32 wakeup_bytes;
	__u32 timed; /* batches are of struct mt_timed_fault */
	/* Of minor faults the programs pick one of minor_weight, and those that took as long as
	 * slow_ns. slow_ns 0: the perf event picks. */
	__u32 minor_weight;
	__u32 copies; /* programs are attached MT_COPIES times */
	__u64 slow_ns;
};

/*
 * The filter: a byte a pid. In groups, as an element of an array map takes 8 bytes at least, and
 * kernel.pid_max is 4,194,304 on many systems.
 */
#define MT_FILTER_GROUP 64
struct mt_filter {
	__u8 on[MT_FILTER_GROUP];
};

/* Of the threads of a group likewise, for each of up to four tracepoints a bit a copy. */
struct mt_turns {
	__u16 of[MT_FILTER_GROUP];
};

struct mt_control {
	__u64 lost[MT_LOSS_NR];
	/* How page tables are read; found out after load, see bpf/pagetable.bpf.h. */
	__u64 direct_map; /* where the kernel maps physical memory; 0: tables are not read */
	__u64 frame_mask; /* of an entry: the physical address */
	__u32 five_levels;
	__u32 pad;
	/* try_pagetable: */
	__u64 try_addr;	 /* a page of the caller's */
	__u64 try_frame; /* in: its physical address; out: that found by way of the page table */
	__u64 try_word;	 /* out: what stands there, read by way of the direct map */
	__u64 table;	 /* out: the caller's page table, in the direct map */
};

/* The faults of a CPU that wait to be sent: an element of an array map indexed by CPU. */
struct mt_batch {
	struct mt_faults rec; /* rec.nr faults wait */
	union {
		struct mt_fault fault[MT_BATCH_FAULTS];
		struct mt_timed_fault timed[MT_BATCH_FAULTS];
	};
	__u64 busy;	/* so many programs are at it, of which the first alone adds to it */
	__u64 no_table; /* the thread's last fault, if it began with MT_ENTRY_NO_TABLE; 0: none */
	/* With slow_ns: the last fault, whoever has sent it, and minor ones since one was picked.
	 */
	__u64 last_addr;
	__u64 last_ns;
	__u32 nr_minor;
	__u8 pad[60]; /* whole cache lines */
};

_Static_assert(sizeof(struct mt_batch) % 64 == 0, "a CPU's batch shares no cache line");

#endif
