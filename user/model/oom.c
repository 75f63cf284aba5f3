// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>

#include "base/page.h"
#include "model/model.h"
#include "model/notice.h"
#include "model/oom.h"
#include "model/process.h"

static int oom__add(struct model *model, struct process *proc, const struct event *ev,
		    uint32_t roles)
{
	struct notice notice = {
		.kind = NOTICE_OOM_KILL,
		.pid = proc->pid,
		.tid = roles & OOM_TRIGGER ? ev->oom_kill->trigger_tid : ev->tid,
		.time_ns = ev->time_ns,
	};
	struct oom *oom = &proc->oom;
	struct oom_kill *slot;

	oom->killed |= roles & OOM_VICTIM;
	notices__add(&model->notices, &notice);
	if (oom->kills_total++ >= MAX_OOM_KILLS || proc->forgets)
		return 0;
	slot = usage__push(proc->usage, &oom->kills);
	if (!slot)
		return -ENOMEM;
	*slot = (struct oom_kill){
		.time_ns = ev->time_ns,
		.roles = roles,
		.record = *ev->oom_kill,
	};
	return 0;
}

/* It begins no process: of one that is not traced nothing else is known. */
int oom__take_kill(struct model *model, const struct event *ev)
{
	struct process *victim = model__find_process(model, ev->tgid);
	struct process *trigger = model__find_process(model, ev->oom_kill->trigger_tgid);
	int err = 0;

	if (victim && !victim->ended)
		err = oom__add(model, victim, ev,
			       victim == trigger ? OOM_VICTIM | OOM_TRIGGER : OOM_VICTIM);
	if (!err && trigger && trigger != victim && !trigger->ended)
		err = oom__add(model, trigger, ev, OOM_TRIGGER);
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
