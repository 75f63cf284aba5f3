// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>

#include "base/page.h"
#include "base/vocab.h"
#include "model/model.h"
#include "model/notice.h"
#include "model/oom.h"
#include "model/process.h"

static void oom__tell(struct model *model, const struct process *proc, const struct event *ev,
		      uint32_t roles)
{
	const struct notice notice = {
		.kind = NOTICE_OOM_KILL,
		.pid = proc->pid,
		.tid = roles & OOM_VICTIM ? ev->tid : ev->oom_kill->trigger_tid,
		.time_ns = ev->time_ns,
		.what = roles,
	};

	notices__add(&model->notices, &notice);
}

/*
 * As constrained_alloc() of mm/oom_kill.c and mem_cgroup_get_max(), but for kills within some NUMA
 * nodes alone. What a cgroup may swap is not told: its share is known where there is no swap.
 */
static uint64_t all_bytes(const struct model *model, const struct mt_oom_kill *rec)
{
	if (!model->memory_known)
		return 0;
	if (rec->cgroup_limit_bytes == BYTES_UNKNOWN)
		return model->memory.total_bytes + model->memory.swap_total_bytes;
	return model->memory.swap_total_bytes ? 0 : rec->cgroup_limit_bytes;
}

/* Where there will be no report, the last one stays, for who wants to know at once. */
static int oom__add(const struct model *model, struct process *proc, const struct event *ev,
		    uint32_t roles)
{
	struct oom *oom = &proc->oom;
	struct oom_kill *slot;

	oom->killed |= roles & OOM_VICTIM;
	if (oom->kills_total++ >= MAX_OOM_KILLS && !proc->forgets)
		return 0;
	slot = proc->forgets && oom->kills.nr ? &oom->kills.items[oom->kills.nr - 1]
					      : usage__push(proc->usage, &oom->kills);
	if (!slot)
		return -ENOMEM;
	*slot = (struct oom_kill){
		.time_ns = ev->time_ns,
		.roles = roles,
		.all_bytes = all_bytes(model, ev->oom_kill),
		.record = *ev->oom_kill,
	};
	return 0;
}

/*
 * It begins no process: of one that is not traced nothing else is known. It is told once: of the
 * victim, if that is known.
 */
int oom__take_kill(struct model *model, const struct event *ev)
{
	struct process *victim = model__find_process(model, ev->tgid);
	struct process *trigger = model__find_process(model, ev->oom_kill->trigger_tgid);
	uint32_t roles = victim == trigger ? OOM_VICTIM | OOM_TRIGGER : OOM_VICTIM;
	bool is_victim = victim && !victim->ended;
	bool is_trigger = trigger && trigger != victim && !trigger->ended;
	int err = 0;

	if (is_victim)
		err = oom__add(model, victim, ev, roles);
	if (!err && is_trigger)
		err = oom__add(model, trigger, ev, OOM_TRIGGER);
	if (is_victim)
		oom__tell(model, victim, ev, roles);
	else if (is_trigger)
		oom__tell(model, trigger, ev, OOM_TRIGGER);
	return err;
}

int oom__take_reclaim(struct model *model, const struct event *ev)
{
	struct process *proc = model__find_process(model, ev->tgid);
	struct reclaim *reclaim;

	if (!proc)
		return 0;
	reclaim =
		&proc->oom.reclaim[ev->flags & MT_RECLAIM_CGROUP ? RECLAIM_CGROUP : RECLAIM_SYSTEM];
	reclaim->count++;
	reclaim->time_ns += ev->reclaim->duration_ns;
	if (ev->reclaim->duration_ns > reclaim->longest_ns)
		reclaim->longest_ns = ev->reclaim->duration_ns;
	reclaim->reclaimed_bytes += ev->reclaim->reclaimed_pages << PAGE_SHIFT;
	return 0;
}

void oom__release(struct process *proc)
{
	usage__free_array(proc->usage, &proc->oom.kills);
}
