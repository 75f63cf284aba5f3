// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/array.h"
#include "model/intervals.h"
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

static void model__note_end(struct model *model, struct process *proc, uint64_t time_ns)
{
	proc->ended = true;
	proc->end_ns = time_ns;
	model->nr_ended++;
	model->nr_ended_whole++;
}

/* It has ended by now, and nothing is known of how. */
static void model__note_lost_end(struct model *model, struct process *proc, uint64_t time_ns)
{
	proc->end_lost = true;
	model__note_end(model, proc, time_ns);
}

/* A new process under this pid; an older one with it stays listed. */
static struct process *model__begin(struct model *model, uint32_t pid)
{
	struct process *proc, *old, **slot;

	proc = process__new(pid, &model->usage);
	if (!proc)
		return NULL;
	proc->forgets = model->forgets_ended;
	proc->retries_are_major = model->session.retries_are_major;
	proc->faults.latency.slow_ns = model->slow_ns;
	proc->faults.latency.each_ns = model->each_ns;
	slot = usage__push(&model->usage, &model->current);
	if (!slot) {
		process__free(proc);
		return NULL;
	}
	*slot = proc;
	HASH_FIND(hh, model->by_pid, &pid, sizeof(pid), old);
	if (old) {
		HASH_DELETE(hh, model->by_pid, old);
		if (!old->ended)
			model__note_lost_end(model, old, model->session.end_ns);
	}
	HASH_ADD(hh, model->by_pid, pid, sizeof(pid), proc);
	if (!hash__added(proc)) {
		model->current.nr--;
		process__free(proc);
		return NULL;
	}
	*model->last_link = proc;
	model->last_link = &proc->next;
	model->nr_processes++;
	model->hit = proc;
	return proc;
}

struct process *model__find_process(struct model *model, uint32_t pid)
{
	struct process *proc = model->hit;

	if (proc && proc->pid == pid)
		return proc;
	HASH_FIND(hh, model->by_pid, &pid, sizeof(pid), proc);
	if (proc)
		model->hit = proc;
	return proc;
}

static struct process *model__process(struct model *model, uint32_t pid)
{
	return model__find_process(model, pid) ?: model__begin(model, pid);
}

/* What an event is about: its process and thread. */
struct subject {
	struct process *proc;
	struct thread *thread;
};

/* A fault of the thread itself on its way out, after its exit record: the counters go on from
 * there. */
static bool thread__exits(const struct thread *thread, const struct event *ev)
{
	return ev->kind == MT_KIND_FAULTS && ev->fault.flt.maj == thread->flt.maj &&
	       ev->fault.flt.min - thread->flt.min <= 1;
}

static int model__subject(struct model *model, const struct event *ev, struct subject *subject)
{
	subject->proc = model__process(model, ev->tgid);
	subject->thread = subject->proc ? process__thread(subject->proc, ev->tid) : NULL;
	if (subject->thread && subject->thread->exited && ev->tid == ev->tgid &&
	    !subject->proc->ended && !thread__exits(subject->thread, ev))
		subject->thread = process__reborn_leader(subject->proc);
	return subject->thread ? 0 : -ENOMEM;
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

static int fork__copy_space(struct model *model, struct process *child,
			    const struct process *parent)
{
	if (model->usage.vmas + parent->mirror.nr > model->limits.vmas)
		model__retire_ended(model);
	if (model->usage.vmas + parent->mirror.nr <= model->limits.vmas)
		return mirror__copy(&child->mirror, &parent->mirror);
	model->nr_not_kept++;
	return 0;
}

static int fork__inherit(struct process *child, const struct process *parent)
{
	memcpy(child->comm, parent->comm, sizeof(child->comm));
	if (parent->exe) {
		child->exe = strdup(parent->exe);
		if (!child->exe)
			return -ENOMEM;
	}
	child->ppid = parent->pid;
	child->heap.start_brk = parent->heap.start_brk;
	child->heap.brk = parent->heap.brk;
	limits__fork(child, parent);
	child->stack.limit_known = parent->stack.limit_known;
	child->stack.limit_bytes = parent->stack.limit_bytes;
	/* The kernel does not count the size that a stack has had, but that it has. */
	child->stack.peak_bytes = stack__bytes(parent);
	return 0;
}

static int model__begin_thread(struct process *proc, const struct mt_fork *fork)
{
	struct thread *thread;

	space__note_sp(proc, fork->child_sp);
	thread = process__begin_thread(proc, fork->child_tid);
	if (!thread)
		return -ENOMEM;
	stack_mark__begin(proc, thread, fork->child_sp, true);
	return 0;
}

static int take_fork(struct model *model, const struct event *ev)
{
	const struct mt_fork *fork = ev->fork;
	struct process *child;
	struct thread *thread;
	struct subject subject;
	int err = model__bound_ended(model, ev->time_ns);

	if (!err)
		err = model__subject(model, ev, &subject);
	if (err)
		return err;
	faults__settle(subject.proc, subject.thread, flt__of(&fork->flt), FLT_UNCAUSED,
		       &model->lost_unexplained);
	if (ev->flags & MT_FORK_THREAD)
		return model__begin_thread(subject.proc, fork);
	if (ev->flags & MT_FORK_NOT_FOLLOWED) {
		subject.proc->nr_not_followed++;
		return 0;
	}
	child = model__begin(model, fork->child_tgid);
	thread = child ? process__begin_thread(child, fork->child_tid) : NULL;
	if (!thread)
		return -ENOMEM;
	stack_mark__inherit(thread, subject.thread);
	child->start_known = true;
	child->start_boottime_ns = fork->child_start_ns;
	err = fork__inherit(child, subject.proc) ?: fork__copy_space(model, child, subject.proc);
	heap__note_level(child);
	return err;
}

static int process__set_exe(struct process *proc, const char *exe)
{
	char *copy = *exe ? strdup(exe) : NULL;

	if (*exe && !copy)
		return -ENOMEM;
	free(proc->exe);
	proc->exe = copy;
	return 0;
}

static int take_exec(struct model *model, const struct event *ev)
{
	struct subject subject;
	int err;

	subject.proc = model__process(model, ev->tgid);
	if (!subject.proc)
		return -ENOMEM;
	if (ev->exec->old_tid != ev->tgid)
		process__promote_thread(subject.proc, ev->exec->old_tid, &model->lost_unexplained);
	err = model__subject(model, ev, &subject);
	if (err)
		return err;
	faults__settle(subject.proc, subject.thread, flt__of(&ev->exec->flt), FLT_POPULATING,
		       &model->lost_unexplained);
	memcpy(subject.proc->comm, ev->exec->comm, sizeof(subject.proc->comm));
	memcpy(subject.thread->comm, ev->exec->comm, sizeof(subject.thread->comm));
	subject.thread->stack = (struct stack_mark){};
	err = space__exec(subject.proc, ev->exec);
	return err ?: process__set_exe(subject.proc, ev->exec->path);
}

static int take_exit(struct model *model, const struct event *ev)
{
	struct subject subject;
	struct process *proc;
	/* Before, not after: who asks about this event shall find its process. */
	int err = model__bound_ended(model, ev->time_ns);

	if (!err)
		err = model__subject(model, ev, &subject);
	if (err)
		return err;
	proc = subject.proc;
	/* Writing a core (WCOREFLAG) reads pages in that were not there, without an exception. */
	faults__settle(proc, subject.thread, flt__of(&ev->exit->flt),
		       ev->exit->exit_code & 0x80 ? FLT_POPULATING : FLT_UNCAUSED,
		       &model->lost_unexplained);
	memcpy(subject.thread->comm, ev->exit->comm, sizeof(subject.thread->comm));
	/* A program may have named itself since; of one that was gone at first sight it is all. */
	if (ev->tid == ev->tgid)
		memcpy(proc->comm, ev->exit->comm, sizeof(proc->comm));
	process__end_thread(proc, subject.thread);
	if (!(ev->flags & MT_EXIT_GROUP))
		return 0;
	model__note_end(model, proc, ev->time_ns);
	proc->end_lost = false;
	proc->exit_code = ev->exit->exit_code;
	err = crashes__end(model, proc);
	/* The kernel's mark is kept with less precision than what was sampled. */
	if (ev->exit->max_rss_bytes > proc->heap.max_sample_bytes)
		proc->heap.peak_rss_bytes = ev->exit->max_rss_bytes;
	else if (ev->exit->max_rss_bytes)
		proc->heap.peak_rss_bytes = proc->heap.max_sample_bytes;
	return err;
}

static int take_gone(struct model *model, const struct event *ev)
{
	int err = model__bound_ended(model, ev->time_ns);
	struct process *proc = model__find_process(model, ev->tgid);

	if (!err && proc && !proc->ended)
		model__note_lost_end(model, proc, ev->time_ns);
	return err;
}

/* si_code of a fault; SI_KERNEL, 128, is of exceptions without an address. */
static bool signal__is_of_fault(const struct mt_signal *signal)
{
	return signal->code > 0 && signal->code < 128;
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

/* /proc counts in clock ticks of 10 ms, a fork in ns. */
#define START_SLACK_NS 20000000

static bool process__started_at(const struct process *proc, uint64_t start_ns)
{
	uint64_t apart = proc->start_boottime_ns > start_ns ? proc->start_boottime_ns - start_ns
							    : start_ns - proc->start_boottime_ns;

	return !proc->start_known || apart <= START_SLACK_NS;
}

static int take_process(struct model *model, const struct event *ev)
{
	int err = model__bound_ended(model, ev->time_ns);
	struct process *proc;

	if (err)
		return err;
	proc = model__process(model, ev->tgid);
	if (proc && (proc->ended || !process__started_at(proc, ev->process->start_ns)))
		proc = model__begin(model, ev->tgid);
	if (!proc)
		return -ENOMEM;
	proc->ppid = ev->process->ppid;
	proc->start_known = true;
	proc->start_boottime_ns = ev->process->start_ns;
	proc->heap.start_brk = ev->process->start_brk;
	proc->heap.brk = ev->process->start_brk; /* a [heap] mapping says more */
	proc->stack.limit_known = true;
	proc->stack.limit_bytes = ev->process->stack_limit_bytes;
	memcpy(proc->comm, ev->process->comm, sizeof(proc->comm));
	return process__set_exe(proc, ev->process->exe);
}

static int take_thread(struct model *model, const struct event *ev)
{
	struct subject subject;
	struct thread *thread;
	int err = model__subject(model, ev, &subject);

	if (err)
		return err;
	thread = subject.thread;
	memcpy(thread->comm, ev->thread->comm, sizeof(thread->comm));
	space__note_sp(subject.proc, ev->thread->sp);
	stack_mark__begin(subject.proc, thread, ev->thread->sp, false);
	if (ev->flags & MT_THREAD_NO_FLT)
		return 0;
	/*
	 * A first reading is dated to the record that made the source look, and is later than that:
	 * it is of use only where the stream has said nothing yet.
	 */
	if (!thread->flt_known) {
		thread->flt_known = true;
		thread->flt_from_proc = true;
		thread->flt = flt__of(&ev->thread->flt);
	} else if (ev->flags & MT_THREAD_FINAL) {
		faults__settle(subject.proc, thread, flt__of(&ev->thread->flt), FLT_READ,
			       &model->lost_unexplained);
	}
	return 0;
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
	[MT_KIND_FORK] = take_fork,
	[MT_KIND_EXEC] = take_exec,
	[MT_KIND_EXIT] = take_exit,
	[MT_KIND_SIGNAL] = take_signal,
	[MT_KIND_MAPPING] = take_mapping,
	[MT_KIND_SESSION] = session__take_begin,
	[MT_KIND_PROCESS] = take_process,
	[MT_KIND_THREAD] = take_thread,
	[MT_KIND_SAMPLE] = take_sample,
	[MT_KIND_TICK] = take_tick,
	[MT_KIND_LOSS] = session__take_losses,
	[MT_KIND_PROBE] = session__take_probe,
	[MT_KIND_END] = session__take_end,
	[MT_KIND_HUGE] = take_huge,
	[MT_KIND_SYMBOL] = take_symbol,
	[MT_KIND_ANON_NAME] = take_anon_name,
	[MT_KIND_GONE] = take_gone,
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
