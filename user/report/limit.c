// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of limits of a process, and the calls that failed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/failure.h"
#include "model/model.h"
#include "report/process.h"
#include "report/report.h"

#define BYTES "bytes"
#define MAPPINGS "mappings"
#define PROCESS "process"

/* A limit of which so much is in use is told of. */
#define NEAR_PERCENT 80

/* Each process has these, the system's and two of each cgroup. */
#define MAX_ROWS (NR_HELD + 2 + 2 * MAX_CGROUP_LEVELS)

static double level__percent(const struct limit_level *level)
{
	if (level->worst_limit == NO_LIMIT)
		return -1;
	if (!level->worst_limit)
		return level->worst ? 100 : 0;
	return 100.0 * (double)level->worst / (double)level->worst_limit;
}

/* NULL without memory. The row's scope is copied. */
static struct report_limit *limits__add(struct report_process *row, const struct report_limit *from,
					const char *scope, const struct limit_level *level)
{
	struct report_limit *limit = &row->limits.table[row->limits.nr];

	*limit = *from;
	limit->scope = strdup(scope);
	if (!limit->scope)
		return NULL;
	limit->now = level->now;
	limit->worst = level->worst;
	limit->limit = level->limit;
	limit->percent = level__percent(level);
	limit->holds = true;
	row->limits.nr++;
	return limit;
}

/*
 * The kernel holds RLIMIT_MEMLOCK against none who has CAP_IPC_LOCK; a limit of 0 says that nothing
 * is to be locked, and is no wall that somebody comes close to.
 */
static bool held__is_near(const struct limits *limits, enum held held, double percent)
{
	if (percent < NEAR_PERCENT)
		return false;
	if (held != HELD_LOCKED)
		return true;
	return limits->held[held].limit &&
	       (limits->memlock_failed || (limits->ipc_lock_known && !limits->ipc_lock));
}

static bool held__holds(const struct limits *limits, enum held held)
{
	return held != HELD_LOCKED || limits->memlock_failed || !limits->ipc_lock_known ||
	       !limits->ipc_lock;
}

static int build_held(const struct process *proc, struct report_process *row)
{
	static const struct report_limit rows[NR_HELD] = {
		[HELD_AS] = {.name = "RLIMIT_AS", .source = "rlimit", .unit = BYTES},
		[HELD_DATA] = {.name = "RLIMIT_DATA", .source = "rlimit", .unit = BYTES},
		[HELD_LOCKED] = {.name = "RLIMIT_MEMLOCK", .source = "rlimit", .unit = BYTES},
		[HELD_MAP_COUNT] = {.name = "vm.max_map_count",
				    .source = "sysctl",
				    .unit = MAPPINGS},
	};

	for (int i = 0; i < NR_HELD; i++) {
		struct limit_level level =
			i == HELD_AS ? limits__as_level(&proc->limits) : proc->limits.held[i];
		struct report_limit *limit;

		if (!level.known)
			continue;
		limit = limits__add(row, &rows[i], PROCESS, &level);
		if (!limit)
			return -ENOMEM;
		limit->held_bytes = BYTES_UNKNOWN;
		limit->holds = held__holds(&proc->limits, (enum held)i);
		/* Nobody comes close to what does not hold. */
		if (!limit->holds && limit->percent > 0)
			limit->percent = -1;
		limit->near = held__is_near(&proc->limits, (enum held)i, limit->percent);
	}
	return 0;
}

/* How close it is to that one, is told with the stacks. */
static int build_main_stack(const struct process *proc, struct report_process *row)
{
	static const struct report_limit from = {
		.name = "RLIMIT_STACK",
		.source = "rlimit",
		.unit = BYTES,
		.held_bytes = BYTES_UNKNOWN,
	};
	uint64_t now = proc->retired ? 0 : stack__bytes(proc);
	struct limit_level level = {
		.now = now ?: BYTES_UNKNOWN,
		.limit = proc->stack.limit_bytes,
		.worst = proc->stack.peak_bytes,
		.worst_limit = proc->stack.limit_bytes,
	};

	if (!proc->limits.known || !proc->stack.limit_known)
		return 0;
	return limits__add(row, &from, PROCESS, &level) ? 0 : -ENOMEM;
}

/* Page cache fills a cgroup up to its limit and gives way: what cannot is what counts. */
static bool cgroup__is_near(const struct cgroup *cgroup, const struct limit_level *level)
{
	if (level->limit == NO_LIMIT)
		return false;
	if (level == &cgroup->max && cgroup->oom_kills)
		return true;
	return level->limit &&
	       100.0 * (double)cgroup->held_most_bytes / (double)level->limit >= NEAR_PERCENT;
}

static int build_cgroup(const struct cgroup *cgroup, struct report_process *row)
{
	static const struct report_limit max[] = {
		{.name = "memory.limit_in_bytes", .source = "cgroup", .unit = BYTES},
		{.name = "memory.max", .source = "cgroup", .unit = BYTES},
	};
	static const struct report_limit high = {
		.name = "memory.high",
		.source = "cgroup",
		.unit = BYTES,
	};
	bool is_v1 = cgroup->version == 1;
	struct report_limit *limit;

	limit = limits__add(row, &max[!is_v1], cgroup->path, &cgroup->max);
	if (!limit)
		return -ENOMEM;
	limit->held_bytes = cgroup->held_bytes;
	limit->held_most_bytes = cgroup->held_most_bytes;
	limit->events = cgroup->max_events;
	limit->oom_kills = cgroup->oom_kills;
	limit->near = cgroup__is_near(cgroup, &cgroup->max);
	if (is_v1)
		return 0;
	limit = limits__add(row, &high, cgroup->path, &cgroup->high);
	if (!limit)
		return -ENOMEM;
	limit->held_bytes = cgroup->held_bytes;
	limit->held_most_bytes = cgroup->held_most_bytes;
	limit->events = cgroup->high_events;
	limit->near = cgroup__is_near(cgroup, &cgroup->high);
	return 0;
}

static int build_commit(const struct model *model, struct report_process *row)
{
	static const struct report_limit from = {
		.name = "vm.overcommit_memory",
		.source = "sysctl",
		.unit = BYTES,
		.held_bytes = BYTES_UNKNOWN,
	};

	struct report_limit *limit;

	if (!model->committed.known)
		return 0;
	limit = limits__add(row, &from, "system", &model->committed);
	if (!limit)
		return -ENOMEM;
	limit->near = limit->percent >= NEAR_PERCENT;
	return 0;
}

static int by_closeness(const void *a, const void *b)
{
	const struct report_limit *la = a, *lb = b;

	if (la->percent != lb->percent)
		return la->percent > lb->percent ? -1 : 1;
	return strcmp(la->name, lb->name) ?: strcmp(la->scope, lb->scope);
}

static int build_table(const struct model *model, const struct process *proc,
		       struct report_process *row)
{
	int err;

	row->limits.known = proc->limits.known;
	row->limits.table = calloc(MAX_ROWS, sizeof(*row->limits.table));
	if (!row->limits.table)
		return -ENOMEM;
	if (!row->limits.known)
		return 0;
	err = build_held(proc, row) ?: build_main_stack(proc, row);
	for (unsigned int i = 0; !err && i < proc->limits.nr_cgroups; i++)
		err = build_cgroup(proc->limits.cgroups[i], row);
	if (!err)
		err = build_commit(model, row);
	qsort(row->limits.table, row->limits.nr, sizeof(*row->limits.table), by_closeness);
	return err;
}

static int by_failures(const void *a, const void *b)
{
	const struct report_limit_failure *fa = a, *fb = b;

	if (fa->count != fb->count)
		return fa->count > fb->count ? -1 : 1;
	if (fa->call != fb->call)
		return fa->call > fb->call ? 1 : -1;
	if (fa->err != fb->err)
		return fa->err > fb->err ? 1 : -1;
	return (fa->cause > fb->cause) - (fa->cause < fb->cause);
}

static int by_sums(const void *a, const void *b)
{
	const struct report_failure *fa = a, *fb = b;

	return (fb->count > fa->count) - (fb->count < fa->count);
}

/* By call and error alone. */
static void failures__sum_up(struct report_process *row, const struct failure *failure)
{
	size_t i = 0;

	while (i < row->heap.nr_failures && (row->heap.failures[i].call != failure->call ||
					     row->heap.failures[i].err != failure->err))
		i++;
	row->heap.failures[i].call = failure->call;
	row->heap.failures[i].err = failure->err;
	row->heap.failures[i].count += failure->count;
	row->heap.nr_failures += i == row->heap.nr_failures;
}

static int build_failures(const struct model *model, const struct process *proc,
			  struct report_process *row)
{
	const struct limits *limits = &proc->limits;

	row->limits.failures = calloc(limits->failures.nr + 1, sizeof(*row->limits.failures));
	row->heap.failures = calloc(limits->failures.nr + 1, sizeof(*row->heap.failures));
	if (!row->limits.failures || !row->heap.failures)
		return -ENOMEM;
	for (size_t i = 0; i < limits->failures.nr; i++) {
		const struct failure *from = &limits->failures.items[i];

		failures__sum_up(row, from);
		row->limits.failures[row->limits.nr_failures++] = (struct report_limit_failure){
			.call = from->call,
			.err = from->err,
			.cause = from->cause,
			.count = from->count,
			.t_s = report__since_start(model, from->time_ns),
			.tid = from->tid,
			.asked_bytes = from->asked_bytes,
			.unit = !failure_cause__is_limit(from->cause)  ? NULL
				: from->cause == FAILURE_MAX_MAP_COUNT ? MAPPINGS
								       : BYTES,
			.used = from->used,
			.limit = from->limit,
		};
	}
	qsort(row->limits.failures, row->limits.nr_failures, sizeof(*row->limits.failures),
	      by_failures);
	qsort(row->heap.failures, row->heap.nr_failures, sizeof(*row->heap.failures), by_sums);
	return 0;
}

int report_limits__build(const struct model *model, const struct process *proc,
			 struct report_process *row)
{
	return build_table(model, proc, row) ?: build_failures(model, proc, row);
}
