/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of kills for memory share: the kernel's log is the judge. */
#ifndef OOM_H
#define OOM_H

#include <stdbool.h>
#include <stddef.h>

#include "live.h"
#include "live_cgroup.h"

/* A cgroup is at its limit, and only its own processes are to be killed. */
void oom__check_cgroup_kill(struct live *live);
/* Who asks for memory is not who is killed. */
void oom__check_other_is_killed(struct live *live);
/* A limit is reached, and there is something to free: the page cache. */
void oom__check_reclaim(struct live *live, const char *file);

/* The kill as the kernel has logged it is the report's. */
void oom__check_kill(const json_t *kill, int64_t pid, const char *constraint);
/* memtrace -- CMD, in the cgroup if there is one: the report. */
json_t *oom__trace_in(struct live *live, const struct cgroup *cgroup, const char *command,
		      int code);
const json_t *oom__process(const json_t *report);

#endif
