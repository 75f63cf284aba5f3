// SPDX-License-Identifier: GPL-2.0-or-later
/* The address space of a process: what snapshots and memory calls do to its mirror. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/page.h"
#include "model/name.h"
#include "model/places.h"
#include "model/process.h"

#ifndef MADV_GUARD_INSTALL /* Linux 6.13 */
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE 103
#endif

/* Directly after a program's or library's data, private and anonymous: its bss. */
static bool follows_data(struct process *proc, uint64_t start)
{
	const struct vma *below = start ? mirror__find(&proc->mirror, start - 1) : NULL;

	return below && below->region == REGION_DATA;
}

/* vma: all but its region is filled in. */
static enum region file__region(struct process *proc, const struct vma *vma, bool shmem)
{
	if (vma->shared && shmem)
		return REGION_SHMEM;
	if (vma->prot & PROT_EXEC)
		return REGION_TEXT;
	/* A program's or library's data, not a file that a program maps to work on a copy. */
	if (!vma->shared && vma->prot & PROT_WRITE &&
	    mirror__text_below(&proc->mirror, vma->start, vma->name))
		return REGION_DATA;
	return REGION_FILE;
}

static enum region call__region(struct process *proc, const struct event *ev, const struct vma *vma)
{
	const struct event_call *call = &ev->call;

	if (call->has_file)
		return file__region(proc, vma, ev->flags & MT_CALL_SHMEM);
	if (vma->shared)
		return REGION_SHMEM;
	if (call->flags & (MAP_STACK | MAP_GROWSDOWN))
		return REGION_THREAD_STACK;
	if (call->flags & MAP_FIXED && follows_data(proc, call->ret))
		return REGION_BSS;
	return REGION_ANON;
}

static int space__mmap(struct process *proc, const struct event *ev, struct names *names)
{
	const struct event_call *call = &ev->call;
	struct vma vma = {
		.start = call->ret,
		.end = call->ret + call->size_bytes,
		.offset = call->offset,
		.origin = mirror__new_origin(&proc->mirror),
		.prot = call->prot,
		.shared = (call->flags & MAP_TYPE) != MAP_PRIVATE,
	};

	if (call->has_file && *call->name)
		vma.name =
			names__get(names, call->dev_major, call->dev_minor, call->ino, call->name);
	vma.region = call__region(proc, ev, &vma);
	vma.grows = call->flags & MAP_GROWSDOWN;
	pages__clear_range(&proc->faults.pages, vma.start, page__up(vma.end));
	return mirror__map(&proc->mirror, &vma);
}

static int space__munmap(struct process *proc, const struct event *ev, struct names *names)
{
	uint64_t end = ev->call.addr + ev->call.size_bytes;
	int err = unmapped__note(proc, ev, ev->call.addr, end);

	(void)names;
	pages__clear_range(&proc->faults.pages, ev->call.addr, page__up(end));
	return mirror__unmap(&proc->mirror, ev->call.addr, end) ?: err;
}

static int space__brk(struct process *proc, const struct event *ev, struct names *names)
{
	struct heap *heap = &proc->heap;
	uint64_t before = heap->brk, now = ev->call.ret;
	struct vma vma = {
		.start = heap->start_brk & ~PAGE_MASK,
		.end = page__up(now),
		.origin = ORIGIN_HEAP,
		.prot = PROT_READ | PROT_WRITE,
		.region = REGION_HEAP,
	};
	int err;

	(void)names;
	heap->brk = now;
	if (!heap->start_brk) {
		heap->start_brk = now;
		return 0;
	}
	if (now > before)
		return mirror__map(&proc->mirror, &vma);
	if (now == before)
		return 0;
	err = unmapped__note(proc, ev, page__up(now), before);
	pages__clear_range(&proc->faults.pages, page__up(now), page__up(before));
	return mirror__unmap(&proc->mirror, page__up(now), before) ?: err;
}

static int space__mremap(struct process *proc, const struct event *ev, struct names *names)
{
	const struct event_call *call = &ev->call;
	uint64_t old_size = page__up(call->size_bytes), new_size = page__up(call->new_size_bytes);
	bool keep_old = !call->size_bytes || call->flags & MREMAP_DONTUNMAP;
	int err = 0;

	(void)names;
	if (call->ret != call->addr && !keep_old)
		err = unmapped__note(proc, ev, call->addr, call->addr + old_size);
	else if (call->ret == call->addr && new_size < old_size)
		err = unmapped__note(proc, ev, call->addr + new_size, call->addr + old_size);
	if (call->ret != call->addr) {
		pages__clear_range(&proc->faults.pages, call->addr, call->addr + old_size);
		pages__clear_range(&proc->faults.pages, call->ret, call->ret + new_size);
	} else if (new_size < old_size) {
		pages__clear_range(&proc->faults.pages, call->addr + new_size,
				   call->addr + old_size);
	}
	return mirror__remap(&proc->mirror, call->addr, old_size, call->ret, new_size, keep_old)
		       ?: err;
}

static int space__madvise(struct process *proc, const struct event *ev, struct names *names)
{
	const struct event_call *call = &ev->call;

	(void)names;
	if (call->advice != MADV_GUARD_INSTALL && call->advice != MADV_GUARD_REMOVE)
		return 0;
	return mirror__guard(&proc->mirror, call->addr, call->addr + call->size_bytes,
			     call->advice == MADV_GUARD_INSTALL);
}

static int space__mprotect(struct process *proc, const struct event *ev, struct names *names)
{
	(void)names;
	return mirror__protect(&proc->mirror, ev->call.addr, ev->call.addr + ev->call.size_bytes,
			       ev->call.prot & (PROT_READ | PROT_WRITE | PROT_EXEC));
}

static int space__mlock(struct process *proc, const struct event *ev, struct names *names)
{
	(void)names;
	if (ev->call.all)
		proc->memory_locked = ev->call.flags & MCL_FUTURE;
	return 0;
}

int space__take_call(struct process *proc, const struct event *ev, struct names *names)
{
	static int (*const take[NR_CALLS])(struct process *, const struct event *,
					   struct names *) = {
		[CALL_BRK] = space__brk,	 [CALL_MMAP] = space__mmap,
		[CALL_MUNMAP] = space__munmap,	 [CALL_MREMAP] = space__mremap,
		[CALL_MADVISE] = space__madvise, [CALL_MPROTECT] = space__mprotect,
		[CALL_MLOCK] = space__mlock,
	};

	return ev->call.err ? 0 : take[ev->call.call](proc, ev, names);
}

/* As /proc names what prctl has named. */
#define ANON_NAME "[anon:"

int space__take_anon_name(struct process *proc, const struct mt_anon_name *rec, struct names *names)
{
	char text[sizeof(ANON_NAME) + MT_ANON_NAME_BYTES + 1];
	struct name *name = NULL;
	int err;

	if (*rec->name) {
		snprintf(text, sizeof(text), ANON_NAME "%s]", rec->name);
		name = names__get(names, 0, 0, 0, text);
		if (!name)
			return -ENOMEM;
	}
	err = mirror__name(&proc->mirror, rec->start, rec->start + rec->size_bytes, name);
	name__put(name);
	return err;
}

static enum region mapping__region(struct process *proc, const struct event *ev,
				   const struct vma *vma)
{
	if (ev->flags & MT_MAPPING_HEAP)
		return REGION_HEAP;
	if (ev->flags & MT_MAPPING_STACK)
		return REGION_STACK;
	if (ev->flags & MT_MAPPING_VDSO)
		return REGION_VDSO;
	if (!(ev->flags & MT_MAPPING_ANON))
		return file__region(proc, vma, ev->flags & MT_MAPPING_SHMEM);
	if (vma->shared)
		return REGION_SHMEM;
	return follows_data(proc, vma->start) ? REGION_BSS : REGION_ANON;
}

/* The same piece of a file as before: what it is does not change with its protection (RELRO). */
static bool vma__is_piece(const struct vma *vma, const struct vma *of)
{
	return vma->name && of->name == vma->name && of->shared == vma->shared &&
	       of->start <= vma->start && of->offset + (vma->start - of->start) == vma->offset;
}

/*
 * The kernel joins neighbours: a mapping may be what were several. It goes on as the one whose
 * origin it has, and what was counted at the others' places is counted there.
 */
static void mapping__absorb(struct process *proc, struct vma *vma, const struct vma *before)
{
	const struct vma *next = before;

	usage__step(proc->usage, 1);
	if (vma->name || vma->region == REGION_OTHER)
		return;
	vma->place = place__find(proc, vma);
	for (; next && next->start < vma->end; next = mirror__next((struct vma *)next)) {
		struct place *place;

		usage__step(proc->usage, 1);
		if (next->origin == vma->origin || next->region != vma->region || next->name)
			continue;
		place = place__find(proc, next);
		if (place && !vma->place) {
			vma->place = place;
			vma->origin = next->origin;
		}
		place__absorb(vma, place);
	}
}

/* A new snapshot does not make new mappings of those that were known. */
static void mapping__inherit(struct process *proc, struct vma *vma)
{
	const struct vma *before = mirror__find_above(&proc->previous, vma->start);

	if (vma->region == REGION_HEAP)
		vma->origin = ORIGIN_HEAP;
	else if (vma->region == REGION_STACK)
		vma->origin = ORIGIN_STACK;
	else if (vma->region == REGION_VDSO)
		vma->origin = ORIGIN_VDSO;
	else if (before && before->start < vma->end && !before->name == !vma->name &&
		 (before->region == vma->region || before->region == REGION_THREAD_STACK ||
		  vma__is_piece(vma, before))) {
		vma->origin = before->origin;
		vma->region = before->region;
		vma->grows = before->grows;
		vma->stack_tid = before->stack_tid;
		mapping__absorb(proc, vma, before);
	} else {
		vma->origin = mirror__new_origin(&proc->mirror);
	}
}

static void mapping__note_special(struct process *proc, const struct vma *vma)
{
	if (vma->region == REGION_HEAP) {
		if (!proc->heap.start_brk)
			proc->heap.start_brk = vma->start;
		if (page__up(proc->heap.brk) != vma->end)
			proc->heap.brk = vma->end;
	}
	if (vma->region == REGION_STACK)
		stack__note_peak(&proc->stack, vma->end - vma->start);
}

static void space__begin_snapshot(struct process *proc)
{
	mirror__clear(&proc->previous);
	proc->previous = proc->mirror;
	proc->mirror = (struct mirror){
		.known = true, .next_origin = proc->previous.next_origin, .usage = proc->usage};
	proc->wants_snapshot = false;
}

int space__take_mapping(struct process *proc, const struct event *ev, struct names *names)
{
	const struct event_mapping *mapping = &ev->mapping;
	struct vma vma = {
		.start = mapping->start,
		.end = mapping->end,
		.offset = mapping->offset,
		.prot = mapping->prot,
		.shared = mapping->shared,
		.stack_tid = STACK_TID_UNKNOWN,
	};
	int err;

	if (ev->flags & MT_MAPPING_FIRST)
		space__begin_snapshot(proc);
	/* Anonymous memory may have a name by prctl: "[anon:…]". */
	if ((!(ev->flags & MT_MAPPING_ANON) ||
	     !strncmp(mapping->name, ANON_NAME, strlen(ANON_NAME))) &&
	    *mapping->name)
		vma.name = names__get(names, mapping->dev_major, mapping->dev_minor, mapping->ino,
				      mapping->name);
	vma.region = mapping__region(proc, ev, &vma);
	vma.grows = vma.region == REGION_STACK;
	mapping__inherit(proc, &vma);
	mapping__note_special(proc, &vma);
	err = mirror__map(&proc->mirror, &vma);
	if (!err && proc->misses.nr)
		err = faults__resolve_misses(proc);
	return err;
}

int space__exec(struct process *proc, const struct mt_exec *exec)
{
	int err = faults__forget_misses(proc);

	mirror__clear(&proc->mirror);
	mirror__clear(&proc->previous);
	unmapped__release(proc);
	pages__clear_range(&proc->faults.pages, 0, UINT64_MAX);
	proc->nr_execs++;
	proc->memory_locked = false;
	limits__exec(proc);
	proc->heap.start_brk = exec->start_brk;
	proc->heap.brk = exec->brk;
	proc->heap.base_known = false;
	proc->heap.peak_bytes = 0;
	stack__set_limit(&proc->stack, exec->stack_limit_bytes);
	proc->stack.peak_bytes = 0;
	proc->stack.grown_for = 0;
	return err;
}

void space__note_sp(struct process *proc, uint64_t sp)
{
	struct mirror *mirror = &proc->mirror;
	struct vma *vma = sp ? mirror__find(mirror, sp - 1) : NULL;
	const struct vma *below;

	if (!vma || vma->region != REGION_ANON || vma->start == 0)
		return;
	/* A goroutine's or coroutine's stack is heap memory; a thread's has a guard below it. */
	below = mirror__find_above(mirror, vma->start - 1);
	if (below->end != vma->start || !vma__is_inaccessible(below))
		return;
	mirror__set_region(mirror, vma, REGION_THREAD_STACK);
}
