// SPDX-License-Identifier: GPL-2.0-or-later
/* The rows of events that tell of memory being short. */
#include <stdio.h>

#include "base/page.h"
#include "model/model.h"
#include "report/event_fill.h"
#include "report/event_row.h"

/* A product of what a stranger says, which may be anything. */
static uint64_t bytes_of(uint64_t pages)
{
	return pages < INT64_MAX >> PAGE_SHIFT ? pages << PAGE_SHIFT : INT64_MAX;
}

static void add_size(struct report_event *row, const char *name, uint64_t bytes)
{
	detail__add(row, "%s=%llu", name, (unsigned long long)bytes);
}

static void add_sizes(const struct filling *f)
{
	const struct mt_oom_kill *rec = f->ev->oom_kill;

	row__set_size(f->row, bytes_of(rec->anon_pages + rec->file_pages + rec->shmem_pages));
	detail__add(f->row, "oom_score_adj=%d", rec->score_adj);
	add_size(f->row, "anon_bytes", bytes_of(rec->anon_pages));
	add_size(f->row, "file_bytes", bytes_of(rec->file_pages));
	add_size(f->row, "shmem_bytes", bytes_of(rec->shmem_pages));
	add_size(f->row, "swap_bytes", bytes_of(rec->swap_pages));
	add_size(f->row, "pagetable_bytes", rec->pagetable_bytes);
	if (rec->cgroup_limit_bytes != BYTES_UNKNOWN)
		add_size(f->row, "limit_bytes", rec->cgroup_limit_bytes);
}

/* Of the victim, traced or not. */
void fill_oom_kill(const struct filling *f)
{
	const struct mt_oom_kill *rec = f->ev->oom_kill;

	if (*rec->comm)
		f->row->comm = rec->comm;
	snprintf(f->row->result, sizeof(f->row->result), "SIGKILL");
	detail__add(f->row, "trigger_pid=%u", rec->trigger_tgid);
	detail__add(f->row, "trigger_tid=%u", rec->trigger_tid);
	if (!(f->ev->flags & MT_OOM_SIZES_KNOWN))
		return;
	detail__add(f->row, rec->cgroup_limit_bytes != BYTES_UNKNOWN ? "cgroup" : "system");
	if (rec->cgroup_limit_bytes != BYTES_UNKNOWN && *rec->cgroup)
		f->row->name = rec->cgroup;
	add_sizes(f);
}

void fill_reclaim(const struct filling *f)
{
	row__set_size(f->row, bytes_of(f->ev->reclaim->reclaimed_pages));
	if (f->ev->reclaim->duration_ns <= INT64_MAX)
		f->row->latency_ns = f->ev->reclaim->duration_ns;
	detail__add(f->row, f->ev->flags & MT_RECLAIM_CGROUP ? "cgroup" : "system");
}
