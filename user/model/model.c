// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/array.h"
#include "model/intervals.h"
#include "model/life.h"
#include "model/model.h"
#include "model/name.h"
#include "model/session.h"
#include "model/stack_mark.h"

#ifndef MADV_POPULATE_READ /* Linux 5.14 */
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

/* In all mirrors: a program with 60,000 mappings may start children by the thousand. */
#define MAX_VMAS 2000000

int model__new(struct model **ret)
{
	struct model *model = calloc(1, sizeof(*model));

	if (!model)
		return -ENOMEM;
	model->limits.bytes = model->limits.steps = UINT64_MAX;
	model->limits.vmas = MAX_VMAS;
	model->names = names__new(&model->usage);
	model->functions.usage = &model->usage;
	model->cgroups.usage = &model->usage;
	if (!model->names) {
		free(model);
		return -ENOMEM;
	}
	model->last_link = &model->first;
	*ret = model;
	return 0;
}

void model__free(struct model *model)
{
	struct process *proc, *next;

	if (!model)
		return;
	HASH_CLEAR(hh, model->by_pid);
	for (proc = model->first; proc; proc = next) {
		next = proc->next;
		process__free(proc);
	}
	functions__release(&model->functions);
	backtraces__release(&model->backtraces, &model->usage);
	notices__release(&model->notices);
	cgroups__release(&model->cgroups);
	names__free(model->names);
	usage__free_array(&model->usage, &model->current);
	array__free(&model->probes);
	array__free(&model->lost_on_cpu);
	free(model);
}

/*
 * What recordings of real systems take stays far below: a few hundred MiB where thousands of
 * processes or of mappings are alive together, some ten bytes and some steps for each byte of the
 * file besides.
 */
#define FREE_BYTES (256ULL << 20)
#define BYTES_PER_BYTE 64
#define FREE_STEPS 400000000ULL
#define STEPS_PER_BYTE 500

void model__allow(struct model *model, uint64_t recording_bytes)
{
	model->limits.bytes = FREE_BYTES + recording_bytes * BYTES_PER_BYTE;
	model->limits.steps = FREE_STEPS + recording_bytes * STEPS_PER_BYTE;
}

static int model__note_lost(struct model *model, uint16_t cpu, uint32_t lost)
{
	while (model->lost_on_cpu.nr <= cpu) {
		uint32_t *slot = array__push(&model->lost_on_cpu);

		if (!slot)
			return -ENOMEM;
		*slot = 0;
	}
	/* The counter goes one way; a recording may say what it likes. */
	if ((int32_t)(lost - model->lost_on_cpu.items[cpu]) < 0)
		return 0;
	model->lost_unexplained += lost - model->lost_on_cpu.items[cpu];
	model->lost_on_cpu.items[cpu] = lost;
	return 0;
}

static int take_fault(struct model *model, const struct event *ev)
{
	struct subject subject;
	int err = model__subject(model, ev, &subject);

	if (!err)
		err = model__note_lost(model, ev->cpu, ev->fault.lost_on_cpu);
	return err ?: faults__take(subject.proc, subject.thread, ev, &model->lost_unexplained);
}

/* Whose instruction has waited so long? What is mapped there may be gone when that is reported. */
static int model__ask_function(struct model *model, struct process *proc,
			       const struct pending *fault)
{
	const struct vma *vma;

	if (!model->functions_ns || !fault->timed || fault->latency_ns < model->functions_ns ||
	    !fault->ip)
		return 0;
	vma = mirror__find(&proc->mirror, fault->ip);
	return vma ? functions__ask(&model->functions, vma, fault->ip, proc->pid) : 0;
}

/* It has no counters: of a leader that has exited it is of a fault on its way out. */
static int take_counted(struct model *model, const struct event *ev)
{
	struct process *proc = model__process(model, ev->tgid);
	struct thread *thread = proc ? process__thread(proc, ev->tid) : NULL;

	if (!thread)
		return -ENOMEM;
	faults__take_counted(thread, ev);
	return model__ask_function(model, proc, &thread->pending);
}

static int take_huge(struct model *model, const struct event *ev)
{
	/* By another thread, perhaps: this one may have ended. */
	struct process *proc = model__find_process(model, ev->tgid);
	struct thread *thread = proc ? process__find_thread(proc, ev->tid) : NULL;

	if (thread)
		faults__take_huge(proc, thread, ev->huge);
	return 0;
}

/* Does the call populate memory that nobody has touched? */
static enum flt_cause call__cause(const struct process *proc, const struct event_call *call)
{
	switch (call->call) {
	case CALL_MMAP:
		if (call->flags & (MAP_POPULATE | MAP_LOCKED))
			return FLT_POPULATING;
		break;
	case CALL_MADVISE:
		return call->advice == MADV_POPULATE_READ || call->advice == MADV_POPULATE_WRITE
			       ? FLT_POPULATING
			       : FLT_UNCAUSED;
	case CALL_MLOCK:
		return FLT_POPULATING;
	default:
		break;
	}
	return proc->memory_locked ? FLT_POPULATING : FLT_UNCAUSED;
}

static int take_call(struct model *model, const struct event *ev)
{
	struct subject subject;
	int err = model__subject(model, ev, &subject);

	if (err)
		return err;
	heap__note_level(subject.proc);
	faults__settle(subject.proc, subject.thread, ev->call.flt,
		       call__cause(subject.proc, &ev->call), &model->lost_unexplained);
	stack_mark__take_call(&subject.thread->stack, &ev->call);
	err = heap__take_call(subject.proc, &ev->call)
		      ?: limits__take_call(model, subject.proc, ev);
	if (!err)
		err = space__take_call(subject.proc, ev, model->names);
	heap__note_level(subject.proc);
	return err;
}

static int take_signal(struct model *model, const struct event *ev)
{
	struct subject subject;
	int err = model__subject(model, ev, &subject);

	if (err)
		return err;
	memcpy(subject.thread->comm, ev->signal->comm, sizeof(subject.thread->comm));
	subject.proc->faults.invalid += signal__is_of_fault(ev->signal);
	faults__settle(subject.proc, subject.thread, flt__of(&ev->signal->flt), FLT_UNCAUSED,
		       &model->lost_unexplained);
	return crashes__take(model, subject.proc, subject.thread, ev);
}

static int take_mapping(struct model *model, const struct event *ev)
{
	struct process *proc = model__process(model, ev->tgid);

	return proc ? space__take_mapping(proc, ev, model->names) : -ENOMEM;
}

static int take_anon_name(struct model *model, const struct event *ev)
{
	struct process *proc = model__process(model, ev->tgid);

	return proc ? space__take_anon_name(proc, ev->anon_name, model->names) : -ENOMEM;
}

static int take_sample(struct model *model, const struct event *ev)
{
	/* A sample may be dated before the fork that it was read after: it begins no process. */
	struct process *proc = model__find_process(model, ev->tgid);

	if (proc)
		heap__note_rss(proc, ev->rss_bytes);
	return 0;
}

static int take_tick(struct model *model, const struct event *ev)
{
	return model__tick(model, ev->time_ns);
}

static int take_symbol(struct model *model, const struct event *ev)
{
	return functions__take(&model->functions, model->names, ev->symbol);
}

/* One line for each kind of event. */
static int (*const takers[])(struct model *model, const struct event *ev) = {
	[MT_KIND_FAULTS] = take_fault,
	[MT_KIND_COUNTED] = take_counted,
	[MT_KIND_MMAP] = take_call,
	[MT_KIND_MUNMAP] = take_call,
	[MT_KIND_BRK] = take_call,
	[MT_KIND_MREMAP] = take_call,
	[MT_KIND_MADVISE] = take_call,
	[MT_KIND_MPROTECT] = take_call,
	[MT_KIND_MLOCK] = take_call,
	[MT_KIND_MLOCKALL] = take_call,
	[MT_KIND_FORK] = lives__take_fork,
	[MT_KIND_EXEC] = lives__take_exec,
	[MT_KIND_EXIT] = lives__take_exit,
	[MT_KIND_SIGNAL] = take_signal,
	[MT_KIND_MAPPING] = take_mapping,
	[MT_KIND_SESSION] = session__take_begin,
	[MT_KIND_PROCESS] = lives__take_process,
	[MT_KIND_THREAD] = lives__take_thread,
	[MT_KIND_SAMPLE] = take_sample,
	[MT_KIND_TICK] = take_tick,
	[MT_KIND_LOSS] = session__take_losses,
	[MT_KIND_PROBE] = session__take_probe,
	[MT_KIND_END] = session__take_end,
	[MT_KIND_HUGE] = take_huge,
	[MT_KIND_SYMBOL] = take_symbol,
	[MT_KIND_ANON_NAME] = take_anon_name,
	[MT_KIND_GONE] = lives__take_gone,
	[MT_KIND_STACK_COPY] = backtraces__take_copy,
	[MT_KIND_STACK] = backtraces__take,
	[MT_KIND_STACK_MARK] = stack_mark__take,
	[MT_KIND_LIMITS] = limits__take,
	[MT_KIND_MEMORY] = limits__take_memory,
	[MT_KIND_CGROUP] = cgroups__take,
	[MT_KIND_OOM_KILL] = oom__take_kill,
	[MT_KIND_RECLAIM] = oom__take_reclaim,
};

static bool model__is_too_costly(const struct model *model)
{
	return model->usage.bytes > model->limits.bytes || model->usage.steps > model->limits.steps;
}

int model__take(struct model *model, const struct event *ev)
{
	int err;

	if (ev->kind >= sizeof(takers) / sizeof(takers[0]) || !takers[ev->kind])
		return 0;
	if (model->session.ended)
		return 0;
	if (ev->time_ns > model->session.end_ns)
		model->session.end_ns = ev->time_ns;
	err = takers[ev->kind](model, ev);
	if (__builtin_expect(model__is_too_costly(model), false) && !err && !model->session.ended)
		err = session__end(model, model->session.end_ns, MT_ENDED_TOO_COSTLY);
	return err;
}
