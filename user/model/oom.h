/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Short of memory: the kills of the kernel's out-of-memory killer that a process had to do with,
 * and the time for which its threads had to free memory themselves before they got some.
 */
#ifndef MEMTRACE_OOM_H
#define MEMTRACE_OOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memtrace/record.h"

struct event;
struct model;
struct process;

enum oom_role { OOM_VICTIM = 1, OOM_TRIGGER = 2 }; /* or both */

struct oom_kill {
	uint64_t time_ns;
	uint32_t roles;
	uint64_t all_bytes; /* the memory there was to have, by which a score is; 0: not known */
	struct mt_oom_kill record;
};
#define MAX_OOM_KILLS 100

enum reclaim_scope { RECLAIM_SYSTEM, RECLAIM_CGROUP, NR_RECLAIM_SCOPES };

struct reclaim {
	uint64_t count;
	uint64_t time_ns; /* of all threads */
	uint64_t longest_ns;
	uint64_t reclaimed_bytes;
};

struct oom {
	bool killed; /* the process was chosen */
	uint64_t kills_total;
	struct {
		struct oom_kill *items; /* the first MAX_OOM_KILLS; of who forgets the last */
		size_t nr, cap;
	} kills;
	struct reclaim reclaim[NR_RECLAIM_SCOPES];
};

/* MT_KIND_OOM_KILL: of the victim and of whose request it was, as far as they are traced. */
int oom__take_kill(struct model *model, const struct event *ev);
/* MT_KIND_RECLAIM. */
int oom__take_reclaim(struct model *model, const struct event *ev);
void oom__release(struct process *proc);

#endif
