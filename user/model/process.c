// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>

#include "base/array.h"
#include "model/name.h"
#include "model/places.h"
#include "model/process.h"

/* Threads that have ended are listed one by one up to this number, then as a sum. */
#define MAX_EXITED_THREADS 4096

struct process *process__new(uint32_t pid)
{
	struct process *proc = calloc(1, sizeof(*proc));

	if (!proc)
		return NULL;
	proc->pid = pid;
	proc->heap.rss_bytes = BYTES_UNKNOWN;
	proc->heap.peak_rss_bytes = BYTES_UNKNOWN;
	return proc;
}

void process__retire(struct process *proc)
{
	struct thread *thread, *next;
	uint64_t anon_bytes = proc->mirror.anon_bytes;

	places__measure(proc);
	proc->retired = true;
	mirror__clear(&proc->mirror);
	proc->mirror.anon_bytes = anon_bytes; /* what it had at its end is reported */
	mirror__clear(&proc->previous);
	HASH_ITER (hh, proc->threads, thread, next)
		thread->pending.open = false;
}

void process__free(struct process *proc)
{
	struct thread *thread, *next_thread;
	struct place *place, *next_place;

	if (!proc)
		return;
	mirror__clear(&proc->mirror);
	mirror__clear(&proc->previous);
	HASH_ITER (hh, proc->threads, thread, next_thread) {
		HASH_DELETE(hh, proc->threads, thread);
		free(thread);
	}
	HASH_ITER (hh, proc->faults.places, place, next_place) {
		HASH_DELETE(hh, proc->faults.places, place);
		name__put(place->name);
		free(place);
	}
	pages__release(&proc->faults.pages);
	array__free(&proc->timeline);
	heap__release(&proc->heap);
	free(proc->misses.items);
	array__free(&proc->stack.hits);
	free(proc->exe);
	free(proc);
}

static void thread__fold(struct process *proc, struct thread *thread)
{
	faults__fold(proc, thread);
	proc->nr_threads_exited -= thread->exited;
	HASH_DELETE(hh, proc->threads, thread);
	free(thread);
}

struct thread *process__find_thread(const struct process *proc, uint32_t tid)
{
	struct thread *thread;

	HASH_FIND(hh, proc->threads, &tid, sizeof(tid), thread);
	return thread;
}

struct thread *process__thread(struct process *proc, uint32_t tid)
{
	struct thread *thread = process__find_thread(proc, tid);

	if (thread)
		return thread;
	thread = calloc(1, sizeof(*thread));
	if (!thread)
		return NULL;
	thread->tid = tid;
	HASH_ADD(hh, proc->threads, tid, sizeof(tid), thread);
	proc->nr_threads_seen++;
	return thread;
}

/* A thread begins: its counters start at zero, and a tid that came round again is a new thread. */
struct thread *process__begin_thread(struct process *proc, uint32_t tid)
{
	struct thread *thread;

	HASH_FIND(hh, proc->threads, &tid, sizeof(tid), thread);
	if (thread)
		thread__fold(proc, thread);
	thread = process__thread(proc, tid);
	if (thread)
		thread->flt_known = true;
	return thread;
}

struct thread *process__reborn_leader(struct process *proc)
{
	struct thread *leader = process__begin_thread(proc, proc->pid);

	if (!leader)
		return NULL;
	proc->nr_threads_seen--; /* it was counted under its old tid */
	leader->flt_known = false;
	leader->reborn = true;
	return leader;
}

void process__promote_thread(struct process *proc, uint32_t old_tid, uint64_t *lost)
{
	uint32_t new_tid = proc->pid;
	struct thread *thread, *leader;

	HASH_FIND(hh, proc->threads, &old_tid, sizeof(old_tid), thread);
	HASH_FIND(hh, proc->threads, &new_tid, sizeof(new_tid), leader);
	if (leader && leader->reborn) {
		leader->reborn = false;
		if (!thread)
			return;
		faults__settle(proc, thread, leader->first_flt, FLT_POPULATING, lost);
		thread__fold(proc, thread);
		return;
	}
	/* The old leader is gone, also where the thread that takes its place was not seen before.
	 */
	if (leader)
		thread__fold(proc, leader);
	if (!thread)
		return;
	HASH_DELETE(hh, proc->threads, thread);
	thread->tid = new_tid;
	thread->exited = false;
	HASH_ADD(hh, proc->threads, tid, sizeof(thread->tid), thread);
}

void process__end_thread(struct process *proc, struct thread *thread)
{
	struct thread *oldest, *next;

	if (thread->exited)
		return;
	thread->exited = true;
	if (++proc->nr_threads_exited <= MAX_EXITED_THREADS)
		return;
	/* uthash iterates in the order of addition. */
	HASH_ITER (hh, proc->threads, oldest, next) {
		if (!oldest->exited || oldest == thread)
			continue;
		thread__fold(proc, oldest);
		return;
	}
}
