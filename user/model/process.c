// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>

#include <utlist.h>

#include "base/array.h"
#include "model/places.h"
#include "model/process.h"
#include "model/stack_mark.h"

/* Threads that have ended are listed one by one up to this number, then as a sum. */
#define MAX_EXITED_THREADS 4096
/* Where there will be no list: a thread may fault on its way out, after its exit record. */
#define MAX_EXITED_UNWANTED 64

/* With a program's path, and what its tables take before they grow. */
#define PROCESS_BYTES                                                                              \
	(sizeof(struct process) + MT_PATH_BYTES +                                                  \
	 3 * (sizeof(UT_hash_table) + HASH_INITIAL_NUM_BUCKETS * sizeof(UT_hash_bucket)))

struct process *process__new(uint32_t pid, struct usage *usage)
{
	struct process *proc = calloc(1, sizeof(*proc));

	if (!proc)
		return NULL;
	usage__add(usage, PROCESS_BYTES);
	proc->usage = usage;
	proc->mirror.usage = usage;
	proc->previous.usage = usage;
	proc->faults.pages.usage = usage;
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
	unmapped__release(proc);
	usage__step(proc->usage, HASH_COUNT(proc->threads));
	HASH_ITER (hh, proc->threads, thread, next)
		thread->pending.open = false;
}

void process__free(struct process *proc)
{
	struct thread *thread, *next_thread;

	if (!proc)
		return;
	mirror__clear(&proc->mirror);
	mirror__clear(&proc->previous);
	HASH_ITER (hh, proc->threads, thread, next_thread) {
		HASH_DELETE(hh, proc->threads, thread);
		usage__free(proc->usage, thread, sizeof(*thread));
	}
	places__release(proc);
	pages__release(&proc->faults.pages);
	timeline__release(proc);
	heap__release(proc);
	limits__release(proc);
	faults__release_misses(proc);
	latency__release(&proc->faults.latency, proc->usage);
	usage__free_array(proc->usage, &proc->stack.hits);
	usage__free_array(proc->usage, &proc->stack.kept_marks);
	crashes__release(proc);
	unmapped__release(proc);
	oom__release(proc);
	free(proc->exe);
	usage__sub(proc->usage, PROCESS_BYTES);
	free(proc);
}

static void thread__set_exited(struct process *proc, struct thread *thread, bool exited)
{
	if (thread->exited == exited)
		return;
	thread->exited = exited;
	if (exited) {
		DL_APPEND(proc->exited, thread);
		proc->nr_threads_exited++;
	} else {
		DL_DELETE(proc->exited, thread);
		proc->nr_threads_exited--;
	}
}

static void thread__fold(struct process *proc, struct thread *thread)
{
	faults__fold(proc, thread);
	stack_mark__keep(proc, thread);
	if (proc->thread_hit == thread)
		proc->thread_hit = NULL;
	thread__set_exited(proc, thread, false);
	HASH_DELETE(hh, proc->threads, thread);
	usage__free(proc->usage, thread, sizeof(*thread));
}

/* After HASH_ADD(): the thread, or NULL without memory. */
static struct thread *thread__added(struct process *proc, struct thread *thread)
{
	if (hash__added(thread))
		return thread;
	faults__fold(proc, thread);
	if (proc->thread_hit == thread)
		proc->thread_hit = NULL;
	usage__free(proc->usage, thread, sizeof(*thread));
	return NULL;
}

struct thread *process__find_thread(const struct process *proc, uint32_t tid)
{
	struct thread *thread;

	HASH_FIND(hh, proc->threads, &tid, sizeof(tid), thread);
	return thread;
}

struct thread *process__thread(struct process *proc, uint32_t tid)
{
	struct thread *thread = proc->thread_hit;

	if (thread && thread->tid == tid)
		return thread;
	thread = process__find_thread(proc, tid);
	if (thread) {
		proc->thread_hit = thread;
		return thread;
	}
	thread = usage__alloc(proc->usage, sizeof(*thread));
	if (!thread)
		return NULL;
	thread->tid = tid;
	HASH_ADD(hh, proc->threads, tid, sizeof(tid), thread);
	thread = thread__added(proc, thread);
	proc->nr_threads_seen += thread != NULL;
	return thread;
}

/* A thread begins: its counters start at zero, and a tid that came round again is a new thread. */
struct thread *process__begin_thread(struct process *proc, uint32_t tid)
{
	struct thread *thread = process__find_thread(proc, tid);

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
	struct thread *thread = process__find_thread(proc, old_tid);
	struct thread *leader = process__find_thread(proc, new_tid);

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
	thread__set_exited(proc, thread, false);
	HASH_DELETE(hh, proc->threads, thread);
	thread->tid = new_tid;
	HASH_ADD(hh, proc->threads, tid, sizeof(thread->tid), thread);
	if (thread__added(proc, thread))
		faults__rename_misses(proc, old_tid, new_tid);
}

void process__end_thread(struct process *proc, struct thread *thread)
{
	uint32_t max = proc->forgets ? MAX_EXITED_UNWANTED : MAX_EXITED_THREADS;

	thread__set_exited(proc, thread, true);
	if (proc->nr_threads_exited > max)
		thread__fold(proc, proc->exited);
}
