// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fault accounting. The tracepoint fires before a fault is handled: it is counted as minor at
 * once, and corrected when the kernel's own counters, read at the next record of the thread, say
 * that it was major, or that it was no fault that the kernel counts (a bad access, one interrupted
 * by a signal and taken again).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/places.h"
#include "model/process.h"

static void runs__close(struct process *proc, const struct thread *thread)
{
	if (thread->run_length)
		proc->faults.runs_log2[31 - __builtin_clz((uint32_t)thread->run_length)] +=
			thread->run_length;
}

void faults__fold(struct process *proc, const struct thread *thread)
{
	proc->faults.folded_minor += thread->minor;
	proc->faults.folded_major += thread->major;
	proc->check.unexplained += thread->undecided;
	runs__close(proc, thread);
}

static void runs__note(struct process *proc, struct thread *thread, uint64_t page)
{
	bool adjacent = page == thread->run_last_page + 1 || page + 1 == thread->run_last_page;

	if (!thread->run_length || !adjacent || thread->run_length == UINT32_MAX) {
		runs__close(proc, thread);
		thread->run_length = 0;
	}
	thread->run_length++;
	thread->run_last_page = page;
}

/* Add (+1) or take back (-1) a pending fault as one of its kind. */
static void pending__account(struct process *proc, struct thread *thread,
			     const struct pending *fault, bool major, int by)
{
	struct point *point = timeline__at(proc, fault->point);
	struct faults *faults = &proc->faults;

	*(major ? &faults->major : &faults->minor) += by;
	*(major ? &thread->major : &thread->minor) += by;
	if (point)
		*(major ? &point->major : &point->minor) += by;
	*(fault->kernel ? &faults->kernel : &faults->user) += by;
	faults->by_region[fault->region] += by;
	faults->by_access[fault->access] += by;
	fault->place->faults += by;
	if (major)
		fault->place->major += by;
}

/* What is noted of a fault that is to be looked up again; NULL: nothing. */
static struct miss *miss__of(struct process *proc, const struct pending *fault)
{
	if (!fault->miss_id)
		return NULL;
	for (unsigned int i = 0; i < proc->misses.nr; i++)
		if (proc->misses.items[i].id == fault->miss_id)
			return &proc->misses.items[i];
	return NULL;
}

static void pending__become_major(struct process *proc, struct thread *thread)
{
	struct pending *fault = &thread->pending;
	struct miss *miss = miss__of(proc, fault);

	if (miss)
		miss->major = true;
	pending__account(proc, thread, fault, false, -1);
	pending__account(proc, thread, fault, true, 1);
}

static void pending__revoke(struct process *proc, struct thread *thread)
{
	struct pending *fault = &thread->pending;
	struct miss *miss = miss__of(proc, fault);

	if (miss)
		*miss = proc->misses.items[--proc->misses.nr];
	pending__account(proc, thread, fault, false, -1);
	if (fault->fresh)
		fault->place->pages_touched--;
	if (fault->slice)
		pages__undo(fault->slice, fault->addr, fault->fresh);
	proc->check.not_counted++;
	stack__take_back_growth(proc, fault->addr);
}

void faults__take_major(struct thread *thread, uint64_t addr)
{
	/* A major fault without an exception (get_user_pages) is told by the counters alone. */
	if (thread->pending.open && (thread->pending.addr ^ addr) < 1ULL << PAGE_SHIFT)
		thread->pending.major = true;
}

static void pending__settle(struct process *proc, struct thread *thread, uint32_t *min,
			    uint32_t *maj)
{
	const struct pending *fault = &thread->pending;

	if (*maj && (fault->major || !*min)) {
		pending__become_major(proc, thread);
		--*maj;
	} else if (*min) {
		--*min;
	} else {
		pending__revoke(proc, thread);
	}
	thread->pending.open = false;
}

void faults__settle(struct process *proc, struct thread *thread, struct flt flt,
		    enum flt_cause cause, uint64_t *lost)
{
	struct check *check = &proc->check;
	uint32_t min = flt.min - thread->flt.min, maj = flt.maj - thread->flt.maj;
	uint64_t extra, explained;

	if (!thread->flt_known) {
		thread->flt_known = true;
		thread->flt = flt;
		thread->first_flt = flt;
		return;
	}
	/* What was read from /proc knew of later faults than this record does. */
	if ((int32_t)min < 0 || (int32_t)maj < 0) {
		if (thread->flt_from_proc)
			thread->flt = flt;
		thread->flt_from_proc = false;
		return;
	}
	thread->flt_from_proc = false;
	check->kernel_minor += min;
	check->kernel_major += maj;
	thread->flt = flt;
	/* That the counters stand still means something only where the exception has ended. */
	if (thread->pending.open && (min || maj || cause != FLT_READ))
		pending__settle(proc, thread, &min, &maj);
	extra = (uint64_t)min + maj;
	explained = extra < *lost ? extra : *lost;
	*lost -= explained;
	check->lost += explained;
	thread->undecided += extra - explained;
	if (cause == FLT_UNDECIDED || cause == FLT_READ)
		return;
	*(cause == FLT_POPULATING ? &check->populated : &check->unexplained) += thread->undecided;
	thread->undecided = 0;
}

static struct place *faults__place(struct process *proc, uint64_t addr)
{
	struct vma *vma = mirror__find(&proc->mirror, addr);

	if (!vma && stack__grow(proc, addr))
		vma = mirror__find(&proc->mirror, addr);
	return vma ? place__of_vma(proc, vma) : NULL;
}

#define MISSES_BYTES (MAX_MISSES * sizeof(struct miss))

static void faults__note_miss(struct process *proc, struct thread *thread)
{
	struct pending *fault = &thread->pending;

	proc->wants_snapshot = true;
	if (proc->forgets)
		return;
	if (!proc->misses.items)
		proc->misses.items = usage__alloc(proc->usage, MISSES_BYTES);
	if (!proc->misses.items || proc->misses.nr >= MAX_MISSES)
		return;
	fault->miss_id = ++proc->misses.last_id;
	proc->misses.items[proc->misses.nr++] = (struct miss){
		.id = fault->miss_id,
		.addr = fault->addr,
		.tid = thread->tid,
		.fresh = fault->fresh,
		.kernel = fault->kernel,
	};
}

int faults__take(struct process *proc, struct thread *thread, const struct event_fault *fault,
		 uint64_t *lost)
{
	struct place *place = faults__place(proc, fault->addr);
	struct pending *pending = &thread->pending;
	bool missed = !place;

	faults__settle(proc, thread, fault->flt, fault->kernel ? FLT_UNDECIDED : FLT_UNCAUSED,
		       lost);
	if (missed)
		place = place__other(proc);
	if (!place)
		return -ENOMEM;
	*pending = (struct pending){
		.open = true,
		.kernel = fault->kernel,
		.access = fault->access,
		.region = place->region,
		.addr = fault->addr,
		.place = place,
		.point = timeline__open_point(proc),
	};
	if (!proc->forgets)
		pending->slice = pages__fault(&proc->faults.pages, fault->addr, &pending->fresh);
	if (!pending->slice && !proc->forgets) {
		pending->open = false;
		return -ENOMEM;
	}
	place->pages_touched += pending->fresh;
	place__note_step(place, fault->addr >> PAGE_SHIFT);
	runs__note(proc, thread, fault->addr >> PAGE_SHIFT);
	pending__account(proc, thread, pending, false, 1);
	proc->check.observed++;
	if (missed)
		faults__note_miss(proc, thread);
	return 0;
}

/* Move a fault that was counted as "other" to the place that it belongs to. */
static void miss__resolve(struct process *proc, const struct miss *miss, struct place *place)
{
	struct place *other = place__other(proc);
	struct thread *thread;

	if (!other || other == place)
		return;
	proc->faults.by_region[REGION_OTHER]--;
	proc->faults.by_region[place->region]++;
	other->faults--;
	place->faults++;
	other->major -= miss->major;
	place->major += miss->major;
	other->pages_touched -= miss->fresh;
	place->pages_touched += miss->fresh;
	HASH_FIND(hh, proc->threads, &miss->tid, sizeof(miss->tid), thread);
	if (thread && thread->pending.miss_id == miss->id) {
		thread->pending.place = place;
		thread->pending.region = place->region;
	}
}

void faults__resolve_misses(struct process *proc)
{
	unsigned int left = 0;

	usage__step(proc->usage, proc->misses.nr);
	for (unsigned int i = 0; i < proc->misses.nr; i++) {
		struct miss miss = proc->misses.items[i];
		/* What is known now includes what the kernel made of a growing stack. */
		struct vma *vma = mirror__find(&proc->mirror, miss.addr);
		struct place *place = vma ? place__of_vma(proc, vma) : NULL;

		if (place)
			miss__resolve(proc, &miss, place);
		else
			proc->misses.items[left++] = miss;
	}
	proc->misses.nr = left;
}

void faults__forget_misses(struct process *proc)
{
	unsigned int left = 0;

	/* Those that the kernel took are its work on the new program, inside of this exec. */
	for (unsigned int i = 0; i < proc->misses.nr; i++)
		if (proc->misses.items[i].kernel)
			proc->misses.items[left++] = proc->misses.items[i];
	proc->misses.nr = left;
}

void faults__rename_misses(struct process *proc, uint32_t from, uint32_t to)
{
	for (unsigned int i = 0; i < proc->misses.nr; i++)
		if (proc->misses.items[i].tid == from)
			proc->misses.items[i].tid = to;
}

void faults__release_misses(struct process *proc)
{
	usage__free(proc->usage, proc->misses.items, MISSES_BYTES);
}
