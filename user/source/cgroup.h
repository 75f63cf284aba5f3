/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory cgroups of processes, of version 1 or 2: as they are mounted, which may be below a
 * root of their own, or not at all. A cgroup is read once for all of its processes.
 */
#ifndef MEMTRACE_SOURCE_CGROUP_H
#define MEMTRACE_SOURCE_CGROUP_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "source/source.h"

/* Where a hierarchy that has the memory controller is mounted, and which of its cgroups. */
struct cgroup_mount {
	bool known;
	char root[PATH_MAX];
	char dir[PATH_MAX];
};

/* A cgroup as it was read last: its own record first, then those above it that have a limit. */
struct cgroup_entry {
	unsigned int version;
	char *path;
	uint64_t read_ns;
	struct mt_cgroup *levels;
	size_t nr_levels;
};

struct cgroup_reader {
	const char *proc; /* "/proc" */
	bool opened;
	struct cgroup_mount mounts[2]; /* by version - 1 */
	struct {
		struct cgroup_entry *items;
		size_t nr, cap;
	} entries;
};

void cgroup_reader__init(struct cgroup_reader *reader, const char *proc);
void cgroup_reader__release(struct cgroup_reader *reader);

/*
 * The MT_KIND_CGROUP records of a process, dated time_ns. What was read less than max_age_ns before
 * is good enough. 0 also where there are none; -ESRCH: the process is gone.
 */
int cgroup_reader__process(struct cgroup_reader *reader, uint32_t tgid, uint64_t time_ns,
			   uint64_t max_age_ns, source_fn fn, void *ctx);

/* Of all the cgroups met that have a limit, of no process: those not read for max_age_ns. */
int cgroup_reader__all(struct cgroup_reader *reader, uint64_t time_ns, uint64_t max_age_ns,
		       source_fn fn, void *ctx);

#endif
