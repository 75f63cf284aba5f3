/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The limits of a process's memory, how close it is to each, and the calls that failed. */
#ifndef MEMTRACE_LIMIT_H
#define MEMTRACE_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vocab.h"
#include "memtrace/record.h"

struct cgroup;
struct event;
struct model;
struct process;
struct usage;

#define NO_LIMIT UINT64_MAX

/* vm.overcommit_memory, as the kernel numbers it. */
enum { OVERCOMMITS_IF_PLAUSIBLE, OVERCOMMITS_ALWAYS, OVERCOMMITS_NEVER };

/* What is held against a limit. */
struct limit_level {
	bool known;
	uint64_t now;
	uint64_t limit;	      /* now; NO_LIMIT: there is none */
	uint64_t worst;	      /* when it was closest to the limit; without one, the most */
	uint64_t worst_limit; /* then */
};

void limit_level__note(struct limit_level *level, uint64_t now, uint64_t limit);

/* But for the main stack's, which is struct stack's matter. */
enum held {
	HELD_AS,	/* bytes against RLIMIT_AS */
	HELD_DATA,	/* bytes against RLIMIT_DATA */
	HELD_LOCKED,	/* bytes against RLIMIT_MEMLOCK */
	HELD_MAP_COUNT, /* mappings against vm.max_map_count */
	NR_HELD,
};

/* Failed calls by call, error and cause; what they tell is of the last one. */
struct failure {
	enum mem_call call;
	int err;
	enum failure_cause cause;
	uint64_t count;
	uint64_t time_ns;
	uint32_t tid;
	uint64_t asked_bytes;
	/* Where the cause is a limit; in bytes, or mappings of FAILURE_MAX_MAP_COUNT. */
	uint64_t used;	/* BYTES_UNKNOWN */
	uint64_t limit; /* BYTES_UNKNOWN */
};
/* A kernel has fewer errors than this for all calls together. */
#define MAX_FAILURES 256

#define MAX_CGROUP_LEVELS 8

struct limits {
	bool known;    /* soft_bytes */
	bool ipc_lock; /* CAP_IPC_LOCK: RLIMIT_MEMLOCK does not hold it back */
	bool ipc_lock_known;
	bool memlock_failed; /* a call, for RLIMIT_MEMLOCK: whatever is read, it holds */
	bool use_known;
	uint64_t soft_bytes[MT_LIMIT_NR];
	struct mt_use use;    /* as last told */
	uint64_t grown_bytes; /* by stacks, since */
	struct limit_level held[NR_HELD];
	struct cgroup *cgroups[MAX_CGROUP_LEVELS]; /* its own first, then those above it */
	unsigned int nr_cgroups;
	struct failure last_failure; /* time_ns 0: none so far */
	struct {
		struct failure *items;
		size_t nr, cap;
	} failures;
};

/* MT_KIND_LIMITS, MT_KIND_MEMORY, and a memory call at its end. 0 or -ENOMEM. */
int limits__take(struct model *model, const struct event *ev);
int limits__take_memory(struct model *model, const struct event *ev);
int limits__take_call(struct model *model, struct process *proc, const struct event *ev);

/* What the kernel held against the limits at a bad access. */
void limits__take_signal(struct model *model, struct process *proc, const struct event *ev);
/* A stack has grown; or it has not, after all. */
void limits__note_growth(struct limits *limits, uint64_t bytes);
void limits__take_back_growth(struct limits *limits, uint64_t bytes);
/* Of RLIMIT_AS, with what stacks have grown by since it was told last. */
struct limit_level limits__as_level(const struct limits *limits);

void limits__fork(struct process *child, const struct process *parent);
void limits__exec(struct process *proc);
void limits__release(struct process *proc);

#endif
