/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory cgroups: one for all the processes that are in it. */
#ifndef MEMTRACE_MODEL_CGROUP_H
#define MEMTRACE_MODEL_CGROUP_H

#include "base/hash.h"
#include "model/limit.h"

struct cgroup {
	uint32_t version;
	char path[MT_PATH_BYTES];
	struct limit_level max;
	struct limit_level high;
	uint64_t held_bytes;	  /* of usage, no page cache; BYTES_UNKNOWN */
	uint64_t held_most_bytes; /* the most of that */
	/* While it was known: */
	uint64_t max_events;
	uint64_t high_events;
	uint64_t oom_kills;
	/* As the kernel counted them when it was first heard of. */
	struct {
		uint64_t max_events;
		uint64_t high_events;
		uint64_t oom_kills;
	} before;
	UT_hash_handle hh;
};

/* There are more than this only in forged recordings: those beyond are not kept. */
#define MAX_CGROUPS 65536

struct cgroups {
	struct cgroup *by_key;
	struct usage *usage;
};

/* MT_KIND_CGROUP. 0 or -ENOMEM. */
int cgroups__take(struct model *model, const struct event *ev);
void cgroups__release(struct cgroups *cgroups);

#endif
