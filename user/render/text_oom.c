// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>

#include "base/units.h"
#include "base/vocab.h"
#include "render/sections.h"

#define HANG 16

static void whose_memory(struct text *text, const struct report_oom_kill *kill)
{
	char *cgroup;

	if (!kill->sizes_known)
		return;
	if (!kill->in_cgroup) {
		text__wrap(text, HANG, ", as the system was out of memory");
		return;
	}
	cgroup = text__safe(text, *kill->cgroup ? kill->cgroup : "/");
	if (cgroup)
		text__wrapf(text, HANG, ", as cgroup %s had used %s of %s", cgroup,
			    units__bytes(kill->usage_bytes).s, units__bytes(kill->limit_bytes).s);
	free(cgroup);
}

static void sizes(struct text *text, const struct report_oom_kill *kill)
{
	uint64_t magnitude = kill->badness_pages < 0 ? -(uint64_t)kill->badness_pages
						     : (uint64_t)kill->badness_pages;

	if (!kill->sizes_known)
		return;
	text__wrapf(text, HANG,
		    "; resident: %s anonymous, %s of files, %s shared; %s in swap, %s of page "
		    "tables, oom_score_adj %d",
		    units__bytes(kill->anon_bytes).s, units__bytes(kill->file_bytes).s,
		    units__bytes(kill->shmem_bytes).s, units__bytes(kill->swap_bytes).s,
		    units__bytes(kill->pagetable_bytes).s, kill->score_adj);
	if (kill->badness_known)
		text__wrapf(text, HANG, ", badness %s%s pages", kill->badness_pages < 0 ? "-" : "",
			    units__count(magnitude).s);
}

static void kill_line(struct text *text, const struct report_oom_kill *kill)
{
	char *trigger = text__safe(text, kill->trigger_comm);
	char *victim = text__safe(text, kill->victim_comm);

	if (victim && trigger) {
		text__pad(text, 2);
		text__style(text, STYLE_BAD);
		text__addf(text, "%10.6f s  ", kill->t_s);
		if (kill->is_victim)
			text__wrap(text, HANG, "it was killed");
		else
			text__wrapf(text, HANG, "pid %u %s was killed", kill->victim_pid, victim);
		whose_memory(text, kill);
		if (kill->is_trigger)
			text__wrapf(text, HANG, " and its tid %u %s asked for more",
				    kill->trigger_tid, trigger);
		else
			text__wrapf(text, HANG, " and pid %u %s asked for more", kill->trigger_pid,
				    trigger);
		text__style(text, STYLE_NONE);
		sizes(text, kill);
		text__end(text);
	}
	free(victim);
	free(trigger);
}

static void reclaim_line(struct text *text, const char *why, const struct report_reclaim *reclaim)
{
	if (!reclaim->count)
		return;
	text__pad(text, 2);
	text__wrapf(
		text, 4,
		"%s: its threads had to free memory themselves %s time%s, in %s (at most %s): %s",
		why, units__count(reclaim->count).s, text__plural(reclaim->count),
		units__latency((uint64_t)(reclaim->time_s * 1e9), text->opt->utf8).s,
		units__latency((uint64_t)(reclaim->longest_s * 1e9), text->opt->utf8).s,
		units__bytes(reclaim->reclaimed_bytes).s);
	text__end(text);
}

void section__oom(struct text *text, const struct report_process *process)
{
	uint64_t kills = process->oom.kills_total;
	size_t rows = text__rows(text, process->oom.nr_kills);

	if (!kills && !process->oom.by_cgroup.count && !process->oom.by_system.count)
		return;
	text__end(text);
	text__heading(text, "Out of memory");
	for (size_t i = 0; i < rows; i++)
		kill_line(text, &process->oom.kills[i]);
	if (rows < kills)
		text__linef(text, "  and %s more kill%s", units__count(kills - rows).s,
			    text__plural(kills - rows));
	reclaim_line(text, "cgroup at its limit", &process->oom.by_cgroup);
	reclaim_line(text, "system short of memory", &process->oom.by_system);
}
