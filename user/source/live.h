/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The live source's inside, shared by its parts: set-up, run, and the lives of processes. */
#ifndef MEMTRACE_LIVE_H
#define MEMTRACE_LIVE_H

#include "base/clock.h"
#include "memtrace/control.h"
#include "source/buildids.h"
#include "source/cgroup.h"
#include "source/probe.h"
#include "source/source.h"
#include "source/stack_marks.h"
#include "source/tgids.h"

struct memtrace_bpf;
struct ring_buffer;

/* The reader's turn: short enough that a ring buffer at two million faults a second has room. */
#define EPOCH_NS (100 * NSEC_PER_MSEC)

struct runner {
	uint32_t tgid;
	uint32_t tid;
	unsigned int tries;
};

struct leaver {
	uint32_t tgid;
	uint64_t time_ns;
};

struct live {
	struct source source;
	struct source_config config;
	uint32_t *pids; /* config.pids */
	source_fn fn;
	void *ctx;

	struct memtrace_bpf *skel;
	struct probe_choice choice;
	struct probe_links links;
	struct ring_buffer *ring;
	const struct mt_batch *batches; /* mapped from the kernel, one per CPU */
	/* Up to where the ring has been read and reserved, in bytes since it began; mapped. */
	const unsigned long *consumed, *reserved;
	int nr_cpus;
	struct tgids tgids;
	struct cgroup_reader cgroups;
	uint64_t memory_ns; /* the system's memory was told then */
	struct buildids build_ids;

	/* Threads that ran when they were met: their stack pointer is asked for again. */
	struct {
		struct runner *items;
		size_t nr, cap;
	} runners;
	/* Threads of the process that is being introduced. */
	struct {
		struct stack_pointer *items;
		size_t nr, cap;
	} stacks;
	/* Processes whose last threads may still be on their way out. */
	struct {
		struct leaver *items;
		size_t nr, cap;
	} leaving;

	uint64_t epoch_ns;     /* the next is due */
	uint64_t mark_ns;      /* what is older was reserved before mark_at; 0: no mark is set */
	unsigned long mark_at; /* of the ring */
	uint64_t epoch_bytes;  /* delivered since the last */
	uint64_t tick_ns;      /* the next is due */
	uint64_t lost_records; /* as last told, but faults */
	uint64_t nr_delivered; /* events from the kernel */
	int fn_err;
};

static inline struct live *live__of(struct source *source)
{
	return (struct live *)source;
}

static inline void record__start(struct mt_record *hdr, uint16_t kind, size_t size,
				 uint64_t time_ns)
{
	*hdr = (struct mt_record){.time_ns = time_ns, .size_bytes = size, .kind = kind};
}

/* live.c */

/* Deliver a record; the first error that the callback returned, from then on. */
int live__emit(struct live *live, const void *record, size_t size);
int live__emit_proc(void *live, const void *record, size_t size);
/* The ring buffer's callback. */
int live__on_record(void *live, void *data, size_t size);

/* lives.c */

/* A process that the stream has no history of: tell what /proc knows, unless it is gone already. */
void live__introduce(struct live *live, uint32_t tgid, uint64_t time_ns, uint16_t flags);
/* Note who begins and who ends by a record, before it is delivered. */
void live__note_life(struct live *live, const struct mt_record *record);
/* Ask the threads that ran when they were met for their stack pointers. */
void live__ask_runners(struct live *live);
/* Forget processes whose last threads have passed. */
void live__see_off(struct live *live);

/* live_limits.c */

/* The address space of a process that is met, its limits, and its cgroups. */
void live__introduce_space(struct live *live, uint32_t tgid, uint64_t time_ns);
int live__tell_memory(struct live *live, uint64_t time_ns);
/* What was read less than max_age_ns before is good enough. */
void live__tell_cgroups(struct live *live, uint32_t tgid, uint64_t time_ns, uint64_t max_age_ns);
/* Of the targets, and of all cgroups met that have a limit. */
void live__sample_cgroups(struct live *live, uint64_t time_ns, uint64_t max_age_ns);
void live__finish_limits(struct live *live, uint64_t time_ns);
/* What is to be told before a record is delivered. */
void live__note_limits(struct live *live, const struct mt_record *record);

extern const struct source_ops live_ops;

#endif
