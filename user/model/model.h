/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The model: what the events say of every process. No clock, no input or output, no environment:
 * time comes from the events, which must be given in time order (event/order.h).
 */
#ifndef MEMTRACE_MODEL_H
#define MEMTRACE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event/event.h"
#include "model/backtrace.h"
#include "model/cgroup.h"
#include "model/function.h"
#include "model/limit.h"
#include "model/notice.h"
#include "model/process.h"

struct model_session {
	bool known;
	bool retries_are_major; /* see struct process */
	struct mt_session record;
	uint64_t start_ns;
	uint64_t end_ns; /* of END, or of the last event */
	uint64_t last_tick_ns;
	uint64_t interval_ns; /* the real length of the interval that was closed last */
	enum mt_ended_by ended_by;
	bool ended; /* what comes later is not part of the run */
};

/* Processes that ended and are no longer listed one by one: their sums. */
struct model_folded {
	uint64_t processes;
	uint64_t minor;
	uint64_t major;
	uint64_t hits;
	uint64_t crashes; /* fatal bad accesses */
	uint64_t failed_checks;
};

struct model {
	struct model_session session;
	/*
	 * Set it at the beginning: there will be no report. Nothing is kept of what has ended, nor
	 * of those that live what only a report needs: it takes what is alive takes, however long.
	 */
	bool forgets_ended;
	uint64_t slow_ns; /* list faults that took longer one by one; 0: none */
	uint64_t each_ns; /* of faults that took as long each was timed, says the probe; 0: no */
	/* Ask for the functions of the instructions of faults that took as long; 0: of none. */
	uint64_t functions_ns;
	struct functions functions;
	struct backtraces backtraces;
	struct notices notices;
	bool memory_known;
	struct mt_memory memory;      /* of the system, as last told */
	struct limit_level committed; /* where nothing is overcommitted */
	struct cgroups cgroups;
	struct names *names;
	struct process *by_pid; /* the process that has the pid now */
	struct process *first;	/* all, in the order of appearance */
	struct process **last_link;
	size_t nr_processes; /* of them */
	struct model_folded folded;
	/* Running, or ended since the last tick: what an interval is about. */
	struct {
		struct process **items;
		size_t nr, cap;
	} current;
	struct process *hit;   /* of the last event */
	size_t nr_ended;       /* of current, more or less */
	size_t nr_ended_whole; /* of all, since they were last looked through */
	uint64_t nr_not_kept;  /* forks whose mappings there was no room for */
	struct usage usage;
	struct {
		/* Where the run ends for what it takes; as high as can be if nobody has set them.
		 */
		uint64_t bytes;
		uint64_t steps;
		uint64_t vmas; /* beyond so many a fork's copy of its parent's is not made */
	} limits;
	struct {
		struct mt_probe *items;
		size_t nr, cap;
	} probes;
	struct mt_losses losses;
	struct mt_losses losses_before; /* as the record before the last one told them */
	struct {
		uint32_t *items; /* faults lost on each CPU, as last told */
		size_t nr, cap;
	} lost_on_cpu;
	uint64_t lost_unexplained; /* lost faults that no thread's counters have shown yet */
};

/* 0 or -ENOMEM. */
int model__new(struct model **ret);
void model__free(struct model *model);

/* The process that has the pid now; NULL: not known. Valid until the next event. */
struct process *model__find_process(struct model *model, uint32_t pid);

/*
 * The events come from a recording, of which so many bytes have been read: from now on they may
 * take memory and time in proportion to that. Beyond it the run ends, MT_ENDED_TOO_COSTLY.
 */
void model__allow(struct model *model, uint64_t recording_bytes);

/* 0 or -ENOMEM. Events of processes not seen before are taken; what is not known of them is so. */
int model__take(struct model *model, const struct event *ev);

#endif
