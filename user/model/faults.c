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
#include "model/stack_mark.h"

static void runs__close(struct process *proc, const struct thread *thread)
{
	if (thread->run_length)
		proc->faults.runs_log2[31 - __builtin_clz((uint32_t)thread->run_length)] +=
			thread->run_length;
}

void faults__fold(struct process *proc, struct thread *thread)
{
	faults__close(proc, thread);
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
	faults->by_cause[fault->cause] += by;
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
	fault->major = true;
	fault->cause = fault__cause(&fault->facts, true);
	pending__account(proc, thread, fault, true, 1);
}

/* Its facts have changed. */
static void pending__find_cause(struct process *proc, struct pending *fault)
{
	struct miss *miss = miss__of(proc, fault);

	if (miss)
		miss->facts = fault->facts;
	proc->faults.by_cause[fault->cause]--;
	fault->cause = fault__cause(&fault->facts, fault->major);
	proc->faults.by_cause[fault->cause]++;
}

/* Once it is known that it was counted, and as what: nothing of this is ever taken back. */
static void pending__touch_huge(struct process *proc, const struct pending *fault)
{
	struct miss *miss = miss__of(proc, fault);
	unsigned int fresh;

	if (fault->cause != CAUSE_HUGE || !fault->slice)
		return;
	fresh = slice__touch_all(fault->slice, fault->addr);
	fault->place->pages_touched += fresh;
	if (miss)
		miss->pages_touched += fresh;
}

static void pending__revoke(struct process *proc, struct thread *thread)
{
	struct pending *fault = &thread->pending;
	struct miss *miss = miss__of(proc, fault);

	if (miss)
		*miss = proc->misses.items[--proc->misses.nr];
	pending__account(proc, thread, fault, false, -1);
	fault->counted = false;
	if (fault->fresh)
		fault->place->pages_touched--;
	if (fault->slice) {
		pages__undo(fault->slice, fault->addr, fault->fresh);
		slice__sub_share(fault->slice, fault->place->name, fault->region);
	}
	proc->check.not_counted++;
	stack__take_back_growth(proc, fault->addr);
}

void faults__take_counted(struct thread *thread, const struct event *ev)
{
	struct pending *fault = &thread->pending;

	/* A fault without an exception (get_user_pages) is told by the counters alone. */
	if (!pending__is_at(fault, ev->counted.addr))
		return;
	if (fault->open && ev->counted.major)
		fault->major = true;
	if (!fault->ip)
		fault->ip = ev->counted.ip;
	if (fault->timed || !fault->begin_ns || ev->time_ns < fault->begin_ns)
		return;
	fault->timed = true;
	fault->latency_ns = ev->time_ns - fault->begin_ns;
	fault->weight = ev->counted.weight;
}

void faults__take_huge(struct process *proc, struct thread *thread, const struct mt_huge *huge)
{
	struct pending *fault = &thread->pending;

	if (!pending__is_at(fault, huge->addr) || fault->facts.huge != HUGE_OPEN)
		return;
	fault->gone = !huge->size_bytes;
	if (fault->gone)
		return;
	fault->facts.huge = huge->size_bytes > 1ULL << PAGE_SHIFT ? HUGE_YES : HUGE_NO;
	pending__find_cause(proc, fault);
	if (fault->facts.huge != HUGE_YES)
		return;
	stack_mark__note_huge(&thread->stack, huge->addr, huge->size_bytes);
	proc->faults.huge_bytes += huge->size_bytes;
	if (fault->place->last_page == fault->addr >> PAGE_SHIFT)
		fault->place->last_was_huge = true;
	if (!fault->open)
		pending__touch_huge(proc, fault);
}

static void pending__settle(struct process *proc, struct thread *thread, uint32_t *min,
			    uint32_t *maj)
{
	const struct pending *fault = &thread->pending;

	if (*maj && (fault->major || !*min)) {
		pending__become_major(proc, thread);
		--*maj;
	} else if (*min) {
		thread->pending.major = false;
		--*min;
	} else {
		pending__revoke(proc, thread);
	}
	thread->pending.open = false;
	if (thread->pending.counted)
		pending__touch_huge(proc, &thread->pending);
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

/* What slow faults are listed with. */
static struct name *name__at(struct process *proc, uint64_t addr, uint64_t *offset)
{
	const struct vma *vma = mirror__find(&proc->mirror, addr);

	*offset = !vma ? 0 : addr - vma->start + (vma->name ? vma->offset : 0);
	return vma ? vma->name : NULL;
}

static int faults__note_time(struct process *proc, const struct slow_fault *fault, uint32_t weight)
{
	struct latency *latency = &proc->faults.latency;
	struct slow_fault slow = *fault;
	int err = 0;

	if (!proc->forgets)
		err = latency__note(latency, proc->usage, fault, weight);
	if (err || !latency->slow_ns || fault->latency_ns < latency->slow_ns)
		return err;
	slow.name = name__at(proc, fault->addr, &slow.offset);
	slow.ip_name = name__at(proc, fault->ip, &slow.ip_offset);
	return latency__note_slow(latency, proc->usage, &slow);
}

static int miss__note_time(struct process *proc, struct miss *miss, enum fault_cause cause,
			   enum region region)
{
	if (!miss->timed)
		return 0;
	miss->timed = false;
	miss->time.cause = cause;
	miss->time.region = region;
	miss->time.major = miss->major;
	return faults__note_time(proc, &miss->time, miss->weight);
}

/* What is not known of it is not to come any more. */
static int miss__give_up(struct process *proc, struct miss *miss)
{
	return miss__note_time(proc, miss, fault__cause(&miss->facts, miss->major), REGION_OTHER);
}

int faults__close(struct process *proc, struct thread *thread)
{
	struct pending *fault = &thread->pending;
	struct slow_fault time;
	struct miss *miss;

	if (!fault->timed || !fault->counted || fault->open)
		return 0;
	fault->timed = false;
	time = (struct slow_fault){
		.begin_ns = fault->begin_ns,
		.latency_ns = fault->latency_ns,
		.tid = thread->tid,
		.major = fault->major,
		.cause = fault->cause,
		.region = fault->region,
		.addr = fault->addr,
		.ip = fault->ip,
	};
	miss = miss__of(proc, fault);
	if (!miss)
		return faults__note_time(proc, &time, fault->weight);
	miss->timed = true;
	miss->weight = fault->weight;
	miss->time = time;
	return 0;
}

int faults__close_all(struct process *proc)
{
	struct thread *thread, *next;
	int err = 0;

	usage__step(proc->usage, HASH_COUNT(proc->threads));
	HASH_ITER (hh, proc->threads, thread, next)
		err = faults__close(proc, thread) ?: err;
	for (unsigned int i = 0; i < proc->misses.nr; i++)
		err = miss__give_up(proc, &proc->misses.items[i]) ?: err;
	return err;
}

static struct vma *faults__vma(struct process *proc, uint64_t addr, bool *grew)
{
	struct vma *vma = mirror__find(&proc->mirror, addr);

	*grew = !vma && stack__grow(proc, addr);
	return *grew ? mirror__find(&proc->mirror, addr) : vma;
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
		.facts = fault->facts,
		.pages_touched = fault->fresh,
		.kernel = fault->kernel,
	};
}

/* Has the kernel side looked what the thread's last fault mapped, before it sent this one? */
static bool pending__was_seen(const struct pending *last, const struct event *ev)
{
	return !last->gone && !ev->fault.moved && last->cpu == ev->cpu;
}

/* The thread's last fault before this one: all that will be known of it is known. */
static int faults__end_last(struct process *proc, struct thread *thread, const struct event *ev,
			    uint64_t *lost)
{
	const struct event_fault *fault = &ev->fault;
	struct pending *last = &thread->pending;

	faults__settle(proc, thread, fault->flt, fault->kernel ? FLT_UNDECIDED : FLT_UNCAUSED,
		       lost);
	if (last->counted && last->facts.huge == HUGE_OPEN && pending__was_seen(last, ev)) {
		last->facts.huge = HUGE_NO;
		pending__find_cause(proc, last);
	}
	return faults__close(proc, thread);
}

/* In place: a copy of what has just been written field by field would cost as much as all the rest.
 */
static void pending__begin(struct pending *pending, const struct event *ev, struct place *place,
			   const struct fault_facts *facts, size_t point)
{
	const struct event_fault *fault = &ev->fault;

	memset(pending, 0, sizeof(*pending));
	pending->open = true;
	pending->counted = true;
	pending->major = fault->ended && fault->major;
	pending->kernel = fault->kernel;
	pending->timed = fault->ended && fault->timed;
	pending->access = fault->access;
	pending->region = place->region;
	pending->facts = *facts;
	pending->cause = fault__cause(facts, false);
	pending->cpu = ev->cpu;
	pending->weight = 1;
	pending->addr = fault->addr;
	pending->begin_ns = ev->time_ns - fault->latency_ns;
	pending->latency_ns = fault->latency_ns;
	pending->place = place;
	pending->point = point;
}

int faults__take(struct process *proc, struct thread *thread, const struct event *ev,
		 uint64_t *lost)
{
	const struct event_fault *fault = &ev->fault;
	struct pending *pending = &thread->pending;
	struct fault_facts facts;
	struct place *place;
	struct vma *vma;
	bool grew;
	int err = faults__end_last(proc, thread, ev, lost);

	if (err)
		return err;
	vma = faults__vma(proc, fault->addr, &grew);
	facts = fault__facts(&proc->mirror, vma, fault, proc->retries_are_major);
	facts.grew = grew;
	if (vma && vma->region == REGION_THREAD_STACK)
		stack_mark__note_fault(&thread->stack, fault->addr);
	place = vma ? place__of_vma(proc, vma) : place__other(proc);
	if (!place)
		return -ENOMEM;
	pending__begin(pending, ev, place, &facts, timeline__open_point(proc));
	if (!proc->forgets)
		pending->slice = pages__fault(&proc->faults.pages, fault->addr, &pending->fresh);
	if (!pending->slice && !proc->forgets) {
		pending->open = pending->counted = false;
		return -ENOMEM;
	}
	if (pending->slice)
		slice__add_share(pending->slice, place->name, place->region);
	if (vma && (place->region == REGION_STACK || place->region == REGION_THREAD_STACK))
		stack__note_growth(thread, vma, fault->addr, pending->begin_ns);
	place->pages_touched += pending->fresh;
	place__note_step(place, fault->addr >> PAGE_SHIFT);
	place->last_was_huge = facts.huge == HUGE_YES;
	runs__note(proc, thread, fault->addr >> PAGE_SHIFT);
	pending__account(proc, thread, pending, false, 1);
	proc->faults.huge_bytes += facts.huge == HUGE_YES ? fault->huge_bytes : 0;
	if (facts.huge == HUGE_YES)
		stack_mark__note_huge(&thread->stack, fault->addr, fault->huge_bytes);
	proc->check.observed++;
	if (!vma)
		faults__note_miss(proc, thread);
	return 0;
}

/* Move a fault that was counted as "other" to the place that it belongs to. */
static int miss__resolve(struct process *proc, struct miss *miss, const struct vma *vma,
			 struct place *place)
{
	struct place *other = place__other(proc);
	enum fault_cause cause = fault__cause(&miss->facts, miss->major);
	struct thread *thread;

	if (!other || other == place)
		return miss__give_up(proc, miss);
	proc->faults.by_region[REGION_OTHER]--;
	proc->faults.by_region[place->region]++;
	other->faults--;
	place->faults++;
	other->major -= miss->major;
	place->major += miss->major;
	other->pages_touched -= miss->pages_touched;
	place->pages_touched += miss->pages_touched;
	pages__move_share(&proc->faults.pages, miss->addr, place->name, place->region);
	facts__set_vma(&miss->facts, &proc->mirror, vma, miss->addr);
	proc->faults.by_cause[cause]--;
	cause = fault__cause(&miss->facts, miss->major);
	proc->faults.by_cause[cause]++;
	thread = process__find_thread(proc, miss->tid);
	if (thread && thread->pending.miss_id == miss->id) {
		thread->pending.place = place;
		thread->pending.region = place->region;
		thread->pending.facts = miss->facts;
		thread->pending.cause = cause;
	}
	return miss__note_time(proc, miss, cause, place->region);
}

int faults__resolve_misses(struct process *proc)
{
	unsigned int left = 0;
	int err = 0;

	usage__step(proc->usage, proc->misses.nr);
	for (unsigned int i = 0; i < proc->misses.nr; i++) {
		struct miss miss = proc->misses.items[i];
		/* What is known now includes what the kernel made of a growing stack. */
		struct vma *vma = mirror__find(&proc->mirror, miss.addr);
		struct place *place = vma ? place__of_vma(proc, vma) : NULL;

		if (place)
			err = miss__resolve(proc, &miss, vma, place) ?: err;
		else
			proc->misses.items[left++] = miss;
	}
	proc->misses.nr = left;
	return err;
}

int faults__forget_misses(struct process *proc)
{
	unsigned int left = 0;
	int err = 0;

	/* Those that the kernel took are its work on the new program, inside of this exec. */
	for (unsigned int i = 0; i < proc->misses.nr; i++)
		if (proc->misses.items[i].kernel)
			proc->misses.items[left++] = proc->misses.items[i];
		else
			err = miss__give_up(proc, &proc->misses.items[i]) ?: err;
	proc->misses.nr = left;
	return err;
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
