/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The typed events that the model is fed with, and the decoder that makes them from records. */
#ifndef MEMTRACE_EVENT_H
#define MEMTRACE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vocab.h"
#include "memtrace/record.h"

/* A thread's kernel fault counters, see struct mt_flt. */
struct flt {
	uint32_t min;
	uint32_t maj;
};

static inline struct flt flt__of(const struct mt_flt *flt)
{
	return (struct flt){.min = flt->min_flt, .maj = flt->maj_flt};
}

struct event_fault {
	uint64_t addr;
	struct flt flt;		  /* before the fault was handled */
	enum fault_access access; /* or ACCESS_UNKNOWN */
	bool kernel;
	bool protection;
	enum mt_entry entry;
	bool moved; /* what the thread's last fault mapped was not looked at (struct mt_huge) */
	/* Of one that comes with its end: time_ns is that of the end, outcome is all known. */
	bool ended;
	bool major;
	bool not_read; /* major for being retried: nothing was read from disk or swap */
	bool timed;
	uint64_t latency_ns;
	uint64_t huge_bytes;  /* it mapped a huge page of this size; 0: it did not */
	uint32_t lost_on_cpu; /* faults that the ring buffer had no room for on this CPU, so far */
};

/* The fault of this thread at addr that began last has ended, and was counted. */
struct event_counted {
	uint64_t addr;
	bool major;
	uint64_t ip;	 /* 0: not known */
	uint32_t weight; /* see struct mt_counted */
};

/* A memory system call at its end. Which fields mean something depends on the call. */
struct event_call {
	enum mem_call call;
	int err; /* positive errno, 0: success */
	uint64_t addr;
	uint64_t size_bytes;
	uint64_t ret;
	uint64_t new_size_bytes; /* mremap */
	uint32_t prot;		 /* mmap, mprotect */
	uint32_t flags;		 /* mmap, mremap, mlockall */
	uint32_t advice;	 /* madvise */
	bool all;		 /* mlockall */
	uint64_t offset;	 /* mmap of a file */
	bool has_file;
	uint32_t dev_major;
	uint32_t dev_minor;
	uint64_t ino;
	const char *name; /* "" if not known */
	struct flt flt;
	const struct mt_use *use; /* when the call had ended; NULL: not known */
};

struct event_mapping {
	uint64_t start;
	uint64_t end;
	uint64_t offset;
	uint32_t prot;
	bool shared;
	uint32_t dev_major;
	uint32_t dev_minor;
	uint64_t ino;
	const char *name;
};

/*
 * A timed fault has the kind MT_KIND_FAULTS, MT_KIND_MAJOR is MT_KIND_COUNTED. flags are the
 * record's (MT_*); strings are borrowed from the record and NUL-terminated. */
struct event {
	enum mt_kind kind;
	uint64_t time_ns;
	uint32_t tgid;
	uint32_t tid;
	uint16_t flags;
	uint16_t cpu;
	union {
		struct event_fault fault;
		struct event_call call;
		struct event_mapping mapping;
		struct event_counted counted;
		const struct mt_huge *huge;
		const struct mt_anon_name *anon_name;
		const struct mt_fork *fork;
		const struct mt_exec *exec;
		const struct mt_exit *exit;
		struct {
			const struct mt_signal *signal;
			const struct mt_signal_more *signal_more; /* NULL: not known */
		};
		const struct mt_limits *limits;
		const struct mt_stack_copy *stack_copy;
		const struct mt_oom_kill *oom_kill;
		const struct mt_reclaim *reclaim;
		const struct mt_cgroup *cgroup;
		const struct mt_stack *stack; /* its frames: stack__frames() */
		const struct mt_stack_mark *stack_mark;
		const struct mt_memory *memory;
		const struct mt_session *session;
		const struct mt_process *process;
		const struct mt_thread *thread;
		uint64_t rss_bytes;
		const struct mt_losses *losses;
		const struct mt_probe *probe;
		const struct mt_build_id *build_id;
		const struct mt_symbol *symbol;
		enum mt_ended_by ended_by;
	};
};

/*
 * Check that a record of at most size bytes is whole and well-formed.
 * -EBADMSG: truncated, oversized or inconsistent; -ENOTSUP: a kind that is not known (skip it).
 */
int record__check(const void *record, size_t size);

/* Number of events in a checked record: faults come many in one. */
unsigned int record__events(const struct mt_record *record);

/* The errno of a memory call that failed (MT_KIND_MMAP … MT_KIND_MLOCKALL); 0: it did not. */
int call__errno(const struct mt_call *rec);

/* The nr frames of a checked record. */
static inline const struct mt_frame *stack__frames(const struct mt_stack *stack)
{
	return (const struct mt_frame *)(stack + 1);
}

/* When the i-th event of a checked record happened. */
uint64_t record__time(const struct mt_record *record, unsigned int i);

/* The i-th event of a checked record. The event borrows from the record. */
void record__decode(const struct mt_record *record, unsigned int i, struct event *ev);

#endif
