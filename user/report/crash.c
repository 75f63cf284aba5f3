// SPDX-License-Identifier: GPL-2.0-or-later
/* The rows of one process: its stack, what that ran into, and the bad accesses. */
#include "report/crash.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/units.h"
#include "model/model.h"
#include "model/name.h"
#include "report/backtrace.h"
#include "report/process.h"
#include "report/report.h"

static int hit__set_in_the_way(const struct process *proc, const struct stack_hit *hit,
			       struct report_hit *row)
{
	for (size_t i = 0; i < proc->crashes.list.nr && hit->kind == HIT_GUARD_GAP; i++) {
		const struct crash *crash = &proc->crashes.list.items[i];

		if (crash->time_ns != hit->time_ns || crash->tid != hit->tid || !crash->below.end)
			continue;
		row->in_the_way =
			strdup(report__mapping_name(crash->below.name, crash->below.region));
		return row->in_the_way ? 0 : -ENOMEM;
	}
	return 0;
}

static int build_hit(const struct model *model, const struct process *proc,
		     const struct stack_hit *hit, struct report_hit *row)
{
	int err;

	*row = (struct report_hit){
		.t_s = report__since_start(model, hit->time_ns),
		.tid = hit->tid,
		.comm = strndup(hit->comm, sizeof(hit->comm)),
		.kind = hit->kind,
		.growsdown = hit->growsdown,
		.address = hit->addr,
		.sp = hit->sp,
		.size_bytes = hit->size_bytes,
		.limit_bytes = hit->limit_bytes,
		.as_limit_bytes = hit->as_limit_bytes,
		.asked_bytes = hit->asked_bytes,
		.beyond = hit->beyond,
		.no_frame = hit->no_frame,
		.growth_bytes = hit->growth_bytes,
		.growth_ns = hit->growth_ns,
		.handled_known = hit->handled_known,
		.handled = hit->handled,
		.died = hit->died,
	};
	err = row->comm ? hit__set_in_the_way(proc, hit, row) : -ENOMEM;
	return err
		       ?: report_backtrace__build(model, proc->pid, hit->tid, hit->time_ns,
						  &row->stack);
}

static int build_stack(const struct model *model, const struct process *proc,
		       struct report_process *row)
{
	const struct stack *stack = &proc->stack;
	int err = 0;

	row->stack.limit_known = stack->limit_known;
	row->stack.limit_bytes = stack->limit_bytes;
	row->stack.peak_bytes = stack->peak_bytes;
	row->stack.peak_exact = stack->peak_bytes;
	row->stack.hits_total = stack->hits_total;
	row->stack.hits = calloc(stack->hits.nr + 1, sizeof(*row->stack.hits));
	if (!row->stack.hits)
		return -ENOMEM;
	for (size_t i = 0; i < stack->hits.nr && !err; i++)
		err = build_hit(model, proc, &stack->hits.items[i],
				&row->stack.hits[row->stack.nr_hits++]);
	return err;
}

static int build_mapping(const struct crash_mapping *from, uint64_t addr,
			 struct report_crash_mapping *row)
{
	if (!from->end)
		return 0;
	*row = (struct report_crash_mapping){
		.name = strdup(report__mapping_name(from->name, from->region)),
		.start = from->start,
		.end = from->end,
		.distance_bytes = addr >= from->end    ? addr - from->end
				  : addr < from->start ? from->start - addr
						       : 0,
	};
	snprintf(row->perms, sizeof(row->perms), "%.3s", units__prot(from->prot).s);
	return row->name ? 0 : -ENOMEM;
}

static int crash__set_symbol(const struct model *model, const struct crash *crash,
			     struct report_crash *row)
{
	const struct function *function =
		functions__find(&model->functions, crash->ip_name, crash->ip_offset);

	if (!function)
		return 0;
	row->ip_symbol = strdup(function->symbol);
	row->ip_symbol_offset = function->offset;
	return row->ip_symbol ? 0 : -ENOMEM;
}

static void crash__fill(const struct model *model, const struct crash *crash,
			struct report_crash *row)
{
	*row = (struct report_crash){
		.t_s = report__since_start(model, crash->time_ns),
		.tid = crash->tid,
		.comm = strndup(crash->comm, sizeof(crash->comm)),
		.signo = crash->signo,
		.code = crash->code,
		.verdict = crash->verdict,
		.text = report_crash__text(crash),
		.address_known = crash->addr_known,
		.address = crash->addr,
		.access = crash->access,
		.ip = crash->ip,
		.sp = crash->sp,
		.handled_known = crash->handled_known,
		.handled = crash->handled,
		.fatal = crash->fatal,
		.freed_age_ns = crash->freed_ns,
		.freed_tid = crash->freed_tid,
		.freed_bytes = crash->freed_bytes,
		.file_bytes = crash->file_bytes,
		.file_offset = crash->file_offset,
		.pkey_known = crash->pkey_known,
		.pkey = crash->pkey,
	};
}

static int build_crash(const struct model *model, const struct process *proc,
		       const struct crash *crash, struct report_crash *row)
{
	int err;

	crash__fill(model, crash, row);
	err = row->comm && row->text ? 0 : -ENOMEM;
	if (crash->file_offset != BYTES_UNKNOWN) {
		row->file = strdup(report__mapping_name(crash->at.name, crash->at.region));
		err = row->file ? err : -ENOMEM;
	}
	err = err ?: build_mapping(&crash->at, crash->addr, &row->mapping);
	err = err ?: build_mapping(&crash->below, crash->addr, &row->below);
	err = err ?: build_mapping(&crash->above, crash->addr, &row->above);
	err = err ?: crash__set_symbol(model, crash, row);
	return err
		       ?: report_backtrace__build(model, proc->pid, crash->tid, crash->time_ns,
						  &row->stack);
}

/* By a signal, or with a code that says that something went wrong. */
static bool ended_badly(const struct process *proc)
{
	return proc->ended && !proc->end_lost && proc->exit_code;
}

/* The process has ended so soon after the last one, which was handled. */
static bool ended_soon(const struct process *proc)
{
	const struct crash *last = crashes__last(proc);

	if (!last || !ended_badly(proc) || proc->end_ns - last->time_ns > CRASH_ENDED_SOON_NS)
		return false;
	return last->passed_on || (!last->fatal && !proc->crashes.fatal);
}

/* It is shown also where so many were handled before it that it is not listed. */
static int note_end(const struct model *model, const struct process *proc,
		    struct report_process *row)
{
	const struct crash *last = crashes__last(proc);
	size_t nr = proc->crashes.list.nr;
	struct report_crash *item;
	int err = 0;

	if (!ended_soon(proc))
		return 0;
	if (!nr || proc->crashes.list.items[nr - 1].time_ns != last->time_ns)
		err = build_crash(model, proc, last, &row->crashes.list[row->crashes.nr++]);
	item = &row->crashes.list[row->crashes.nr - 1];
	item->ended_after_ns = proc->end_ns - last->time_ns;
	if (WIFSIGNALED((int)proc->exit_code)) {
		item->ended_by = WTERMSIG((int)proc->exit_code);
		row->crashes.ended_soon = !last->fatal;
	} else {
		item->exit_code = WEXITSTATUS((int)proc->exit_code);
		row->crashes.exited_soon = 1;
	}
	return err;
}

int report_crash__build(const struct model *model, struct process *proc, struct report_process *row)
{
	const struct crashes *crashes = &proc->crashes;
	int err = build_stack(model, proc, row);

	row->crashes.fatal = crashes->fatal;
	row->crashes.handled = crashes->handled;
	row->crashes.list = calloc(crashes->list.nr + 1, sizeof(*row->crashes.list));
	if (!row->crashes.list)
		return -ENOMEM;
	for (size_t i = 0; i < crashes->list.nr && !err; i++)
		err = build_crash(model, proc, &crashes->list.items[i],
				  &row->crashes.list[row->crashes.nr++]);
	return err ?: note_end(model, proc, row);
}

static void crash__fini(struct report_crash *crash)
{
	free(crash->comm);
	free(crash->text);
	free(crash->ip_symbol);
	free(crash->mapping.name);
	free(crash->below.name);
	free(crash->above.name);
	free(crash->file);
	report_backtrace__free(crash->stack);
}

void report_crash__free(struct report_process *row)
{
	for (size_t i = 0; i < row->stack.nr_hits; i++) {
		free(row->stack.hits[i].comm);
		free(row->stack.hits[i].in_the_way);
		report_backtrace__free(row->stack.hits[i].stack);
	}
	free(row->stack.hits);
	for (size_t i = 0; i < row->crashes.nr; i++)
		crash__fini(&row->crashes.list[i]);
	free(row->crashes.list);
}
