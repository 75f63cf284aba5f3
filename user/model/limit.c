// SPDX-License-Identifier: GPL-2.0-or-later
#include "model/limit.h"

#include <errno.h>
#include <string.h>

#include "base/page.h"
#include "model/failure.h"
#include "model/model.h"

/* Is now / limit more than worst / worst_limit? */
static bool is_closer(const struct limit_level *level, uint64_t now, uint64_t limit)
{
	if (!level->known)
		return true;
	if (limit == NO_LIMIT || level->worst_limit == NO_LIMIT)
		return limit != level->worst_limit ? limit != NO_LIMIT : now > level->worst;
	return (unsigned __int128)now * level->worst_limit >
	       (unsigned __int128)level->worst * limit;
}

void limit_level__note(struct limit_level *level, uint64_t now, uint64_t limit)
{
	if (is_closer(level, now, limit)) {
		level->worst = now;
		level->worst_limit = limit;
	}
	level->known = true;
	level->now = now;
	level->limit = limit;
}

static uint64_t pages__bytes(uint64_t pages)
{
	return pages > NO_LIMIT >> PAGE_SHIFT ? NO_LIMIT : pages << PAGE_SHIFT;
}

struct limit_level limits__as_level(const struct limits *limits)
{
	struct limit_level level = limits->held[HELD_AS];

	if (level.known && limits->use_known && limits->grown_bytes)
		limit_level__note(
			&level,
			pages__bytes(limits->use.total_pages + (limits->grown_bytes >> PAGE_SHIFT)),
			limits->soft_bytes[MT_LIMIT_AS]);
	return level;
}

void limits__note_growth(struct limits *limits, uint64_t bytes)
{
	limits->grown_bytes += bytes;
}

void limits__take_back_growth(struct limits *limits, uint64_t bytes)
{
	limits->grown_bytes -= bytes < limits->grown_bytes ? bytes : limits->grown_bytes;
}

/* Who locks more than the limit allows is not held to it. */
static void limits__note_lock(struct limits *limits, const struct mt_use *use)
{
	uint64_t soft = limits->soft_bytes[MT_LIMIT_MEMLOCK];

	if (!limits->use_known || use->locked_pages <= limits->use.locked_pages ||
	    soft == NO_LIMIT || use->locked_pages <= soft >> PAGE_SHIFT)
		return;
	limits->ipc_lock_known = true;
	limits->ipc_lock = true;
}

static void limits__note_use(struct model *model, struct process *proc, const struct mt_use *use)
{
	struct limits *limits = &proc->limits;

	/* What was before: stacks do not become smaller, but other memory may have. */
	limits->held[HELD_AS] = limits__as_level(limits);
	limits->grown_bytes = 0;
	if (limits->known)
		limits__note_lock(limits, use);
	limits->use = *use;
	limits->use_known = true;
	if (limits->known) {
		limit_level__note(&limits->held[HELD_AS], pages__bytes(use->total_pages),
				  limits->soft_bytes[MT_LIMIT_AS]);
		limit_level__note(&limits->held[HELD_DATA], pages__bytes(use->data_pages),
				  limits->soft_bytes[MT_LIMIT_DATA]);
		limit_level__note(&limits->held[HELD_LOCKED], pages__bytes(use->locked_pages),
				  limits->soft_bytes[MT_LIMIT_MEMLOCK]);
	}
	/* No address space is without a mapping: 0 says that they were not counted. */
	if (use->map_count && model->memory_known)
		limit_level__note(&limits->held[HELD_MAP_COUNT], use->map_count,
				  model->memory.max_map_count);
}

int limits__take(struct model *model, const struct event *ev)
{
	/* At the end it is of who lives: nobody begins by it. */
	struct process *proc = model__find_process(model, ev->tgid);
	const struct mt_limits *rec = ev->limits;
	struct limits *limits;
	uint64_t peak;

	if (!proc)
		return 0;
	limits = &proc->limits;
	limits->known = true;
	memcpy(limits->soft_bytes, rec->soft_bytes, sizeof(limits->soft_bytes));
	if (ev->flags & MT_LIMITS_READ) {
		limits->ipc_lock_known = true;
		limits->ipc_lock = ev->flags & MT_LIMITS_IPC_LOCK;
	}
	stack__set_limit(&proc->stack, rec->soft_bytes[MT_LIMIT_STACK]);
	peak = rec->total_peak_pages;
	if (peak > rec->use.total_pages)
		limit_level__note(&limits->held[HELD_AS], pages__bytes(peak),
				  rec->soft_bytes[MT_LIMIT_AS]);
	limits__note_use(model, proc, &rec->use);
	return 0;
}

int limits__take_memory(struct model *model, const struct event *ev)
{
	model->memory = *ev->memory;
	model->memory_known = true;
	if (ev->memory->overcommit == OVERCOMMITS_NEVER)
		limit_level__note(&model->committed, ev->memory->committed_bytes,
				  ev->memory->commit_limit_bytes);
	return 0;
}

static bool failure__is_like(const struct failure *a, const struct failure *b)
{
	return a->call == b->call && a->err == b->err && a->cause == b->cause;
}

/* What is beyond them is counted with the call's failures, and in no list. */
static int limits__keep_failure(struct process *proc, const struct failure *failure)
{
	struct limits *limits = &proc->limits;
	struct failure *slot = NULL;
	uint64_t count = 0;

	for (size_t i = 0; i < limits->failures.nr && !slot; i++)
		if (failure__is_like(&limits->failures.items[i], failure))
			slot = &limits->failures.items[i];
	if (slot)
		count = slot->count;
	else if (limits->failures.nr >= MAX_FAILURES)
		return 0;
	else
		slot = usage__push(proc->usage, &limits->failures);
	if (!slot)
		return -ENOMEM;
	*slot = *failure;
	slot->count = count + 1;
	return 0;
}

static void limits__notice(struct model *model, const struct process *proc,
			   const struct failure *failure)
{
	const struct notice notice = {
		.kind = NOTICE_LIMIT,
		.pid = proc->pid,
		.tid = failure->tid,
		.time_ns = failure->time_ns,
		.what = failure->cause,
	};

	if (!failure_cause__is_limit(failure->cause) || failure->cause == FAILURE_HUGE_PAGES)
		return;
	notices__add(&model->notices, &notice);
}

int limits__take_call(struct model *model, struct process *proc, const struct event *ev)
{
	struct failure failure = {};

	if (ev->call.use)
		limits__note_use(model, proc, ev->call.use);
	if (!ev->call.err)
		return 0;
	failure__find(proc, ev, model->memory_known ? &model->memory : NULL, &failure);
	proc->limits.last_failure = failure;
	if (failure.cause == FAILURE_RLIMIT_MEMLOCK)
		proc->limits.memlock_failed = true;
	limits__notice(model, proc, &failure);
	return proc->forgets ? 0 : limits__keep_failure(proc, &failure);
}

void limits__take_signal(struct model *model, struct process *proc, const struct event *ev)
{
	if (ev->signal_more)
		limits__note_use(model, proc, &ev->signal_more->use);
}

void limits__fork(struct process *child, const struct process *parent)
{
	struct limits *limits = &child->limits;

	*limits = parent->limits;
	limits->held[HELD_AS] = limits__as_level(limits);
	memset(&limits->failures, 0, sizeof(limits->failures));
	memset(&limits->last_failure, 0, sizeof(limits->last_failure));
	/* Locks are not inherited; what the parent had at its worst, the child never had. */
	limits->use.locked_pages = 0;
	limits->held[HELD_LOCKED].now = 0;
	for (int i = 0; i < NR_HELD; i++) {
		limits->held[i].worst = limits->held[i].now;
		limits->held[i].worst_limit = limits->held[i].limit;
	}
}

/* A new address space; the limits stay. */
void limits__exec(struct process *proc)
{
	memset(proc->limits.held, 0, sizeof(proc->limits.held));
	proc->limits.use_known = false;
	proc->limits.grown_bytes = 0;
	/* A program may have other capabilities than the one before it. */
	proc->limits.ipc_lock_known = false;
	proc->limits.memlock_failed = false;
}

void limits__release(struct process *proc)
{
	usage__free_array(proc->usage, &proc->limits.failures);
}
