/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory cgroups of a test's own, in guests: of version 2, or 1 where that is mounted. */
#ifndef LIVE_CGROUP_H
#define LIVE_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

struct cgroup {
	char path[96];
	char name[32]; /* last component of it */
	bool v1;
};

/* The version of the hierarchy that has the memory controller; 0: none. */
int cgroup__version(void);

/* With this limit of its memory. */
void cgroup__make(struct cgroup *cgroup, int64_t limit_bytes);
void cgroup__remove(struct cgroup *cgroup);
void cgroup__set(const struct cgroup *cgroup, const char *file, int64_t value);
/* A value of a file of "key value" lines; key NULL: of a file that has just a number. -1: none. */
int64_t cgroup__get(const struct cgroup *cgroup, const char *file, const char *key);

#endif
