// SPDX-License-Identifier: GPL-2.0-or-later
#include "model/life.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/intervals.h"
#include "model/model.h"
#include "model/stack_mark.h"

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

struct process *model__process(struct model *model, uint32_t pid)
{
	return model__find_process(model, pid) ?: model__begin(model, pid);
}

/* A fault of the thread itself on its way out, after its exit record: the counters go on from
 * there. */
static bool thread__exits(const struct thread *thread, const struct event *ev)
{
	return ev->kind == MT_KIND_FAULTS && ev->fault.flt.maj == thread->flt.maj &&
	       ev->fault.flt.min - thread->flt.min <= 1;
}

int model__subject(struct model *model, const struct event *ev, struct subject *subject)
{
	subject->proc = model__process(model, ev->tgid);
	subject->thread = subject->proc ? process__thread(subject->proc, ev->tid) : NULL;
	if (subject->thread && subject->thread->exited && ev->tid == ev->tgid &&
	    !subject->proc->ended && !thread__exits(subject->thread, ev))
		subject->thread = process__reborn_leader(subject->proc);
	return subject->thread ? 0 : -ENOMEM;
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

static int fork__begin_thread(struct process *proc, const struct mt_fork *fork)
{
	struct thread *thread;

	space__note_sp(proc, fork->child_sp);
	thread = process__begin_thread(proc, fork->child_tid);
	if (!thread)
		return -ENOMEM;
	stack_mark__begin(proc, thread, fork->child_sp, true);
	return 0;
}

int lives__take_fork(struct model *model, const struct event *ev)
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
		return fork__begin_thread(subject.proc, fork);
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

int lives__take_exec(struct model *model, const struct event *ev)
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

int lives__take_exit(struct model *model, const struct event *ev)
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

int lives__take_gone(struct model *model, const struct event *ev)
{
	int err = model__bound_ended(model, ev->time_ns);
	struct process *proc = model__find_process(model, ev->tgid);

	if (!err && proc && !proc->ended)
		model__note_lost_end(model, proc, ev->time_ns);
	return err;
}

/* /proc counts in clock ticks of 10 ms, a fork in ns. */
#define START_SLACK_NS 20000000

static bool process__started_at(const struct process *proc, uint64_t start_ns)
{
	uint64_t apart = proc->start_boottime_ns > start_ns ? proc->start_boottime_ns - start_ns
							    : start_ns - proc->start_boottime_ns;

	return !proc->start_known || apart <= START_SLACK_NS;
}

int lives__take_process(struct model *model, const struct event *ev)
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
	stack__set_limit(&proc->stack, ev->process->stack_limit_bytes);
	memcpy(proc->comm, ev->process->comm, sizeof(proc->comm));
	return process__set_exe(proc, ev->process->exe);
}

int lives__take_thread(struct model *model, const struct event *ev)
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
