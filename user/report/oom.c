// SPDX-License-Identifier: GPL-2.0-or-later
/* The rows of one process: what it had to do with the system, or its cgroup, being out of memory.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/page.h"
#include "model/model.h"
#include "report/process.h"
#include "report/report.h"

#define SCORE_ADJ_MIN (-1000) /* never to be chosen: it has no badness */
#define SCORE_ADJ_MAX 1000

/*
 * As oom_badness() of mm/oom_kill.c: what the victim's end would give back, and oom_score_adj
 * thousandths of all the memory that there is to have.
 */
static void note_badness(struct report_oom_kill *out, const struct oom_kill *kill)
{
	const struct mt_oom_kill *rec = &kill->record;
	int64_t thousandth = (int64_t)((kill->all_bytes >> PAGE_SHIFT) / 1000);
	bool adj_known = rec->score_adj > SCORE_ADJ_MIN && rec->score_adj <= SCORE_ADJ_MAX &&
			 (!rec->score_adj || kill->all_bytes);

	out->badness_known = out->sizes_known && adj_known;
	if (!out->badness_known)
		return;
	out->badness_pages = (int64_t)(rec->anon_pages + rec->file_pages + rec->shmem_pages +
				       rec->swap_pages + (rec->pagetable_bytes >> PAGE_SHIFT) +
				       (uint64_t)(rec->score_adj * thousandth));
}

static int build_kill(const struct model *model, const struct oom_kill *kill,
		      struct report_oom_kill *out)
{
	const struct mt_oom_kill *rec = &kill->record;

	*out = (struct report_oom_kill){
		.t_s = report__since_start(model, kill->time_ns),
		.is_victim = kill->roles & OOM_VICTIM,
		.is_trigger = kill->roles & OOM_TRIGGER,
		.victim_pid = rec->hdr.tgid,
		.sizes_known = rec->hdr.flags & MT_OOM_SIZES_KNOWN,
		.anon_bytes = rec->anon_pages << PAGE_SHIFT,
		.file_bytes = rec->file_pages << PAGE_SHIFT,
		.shmem_bytes = rec->shmem_pages << PAGE_SHIFT,
		.swap_bytes = rec->swap_pages << PAGE_SHIFT,
		.pagetable_bytes = rec->pagetable_bytes,
		.virtual_bytes = rec->total_pages << PAGE_SHIFT,
		.score_adj = rec->score_adj,
		.trigger_pid = rec->trigger_tgid,
		.trigger_tid = rec->trigger_tid,
		.trigger_comm = strndup(rec->trigger_comm, sizeof(rec->trigger_comm)),
		.in_cgroup = rec->cgroup_limit_bytes != BYTES_UNKNOWN,
		.cgroup = strndup(rec->cgroup, sizeof(rec->cgroup)),
		.limit_bytes = rec->cgroup_limit_bytes,
		.usage_bytes = rec->cgroup_usage_bytes,
	};
	note_badness(out, kill);
	if (*rec->comm)
		out->victim_comm = strndup(rec->comm, sizeof(rec->comm));
	return out->trigger_comm && out->cgroup && (out->victim_comm || !*rec->comm) ? 0 : -ENOMEM;
}

static struct report_reclaim reclaim_row(const struct reclaim *reclaim)
{
	return (struct report_reclaim){
		.count = reclaim->count,
		.time_s = (double)reclaim->time_ns / NSEC_PER_SEC,
		.longest_s = (double)reclaim->longest_ns / NSEC_PER_SEC,
		.reclaimed_bytes = reclaim->reclaimed_bytes,
	};
}

int report_oom__build(const struct model *model, const struct process *proc,
		      struct report_process *row)
{
	const struct oom *oom = &proc->oom;
	int err = 0;

	row->oom.killed = oom->killed && proc->ended && row->exit_signal == SIGKILL;
	row->oom.kills_total = oom->kills_total;
	row->oom.reclaim_known = report__probe(model, "reclaim stalls");
	row->oom.by_system = reclaim_row(&oom->reclaim[RECLAIM_SYSTEM]);
	row->oom.by_cgroup = reclaim_row(&oom->reclaim[RECLAIM_CGROUP]);
	row->oom.kills = calloc(oom->kills.nr + 1, sizeof(*row->oom.kills));
	if (!row->oom.kills)
		return -ENOMEM;
	for (size_t i = 0; i < oom->kills.nr && !err; i++)
		err = build_kill(model, &oom->kills.items[i], &row->oom.kills[row->oom.nr_kills++]);
	return err;
}
