// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The high-water marks of threads' stacks. Page tables say how deep a stack had been touched when
 * tracing began, faults what came after it. The C library gives the stack of a thread that has
 * ended to the next one: pages that are there do not fault again, so whose they are is not known.
 */
#include <string.h>
#include <sys/mman.h>

#include "base/page.h"
#include "base/vocab.h"
#include "model/model.h"
#include "model/process.h"
#include "model/stack_mark.h"

static bool mark__holds(const struct stack_mark *mark, uint64_t addr)
{
	return addr >= mark->start && addr < mark->end;
}

/* What the thread that had this stack before has left there. */
static void mark__follow(struct stack_mark *mark, const struct process *proc, const struct vma *vma)
{
	const struct thread *before;

	mark->whole = vma->stack_tid == STACK_TID_NONE;
	mark->reused = !mark->whole;
	if (mark->whole || vma->stack_tid == STACK_TID_UNKNOWN)
		return;
	before = process__find_thread(proc, vma->stack_tid);
	if (!before || before->stack.end != mark->end)
		return;
	mark->reused = before->stack.reused;
	mark->whole = before->stack.whole;
	mark->lowest = mark->present = before->stack.present;
	mark->earlier = mark->lowest < mark->end;
}

void stack_mark__begin(struct process *proc, struct thread *thread, uint64_t sp, bool new)
{
	struct vma *vma = sp && !thread->stack.end ? mirror__find(&proc->mirror, sp - 1) : NULL;
	struct stack_mark mark = {};

	if (!vma || vma->region != REGION_THREAD_STACK)
		return;
	mark.start = vma->start;
	mark.end = mark.lowest = mark.present = vma->end;
	if (new)
		mark__follow(&mark, proc, vma);
	thread->stack = mark;
	vma->stack_tid = thread->tid;
}

void stack_mark__inherit(struct thread *child, const struct thread *parent)
{
	child->stack = parent->stack;
	child->stack.lowest = parent->stack.present;
}

static void mark__lower(struct stack_mark *mark, uint64_t page)
{
	if (page < mark->present)
		mark->present = page;
	if (page >= mark->lowest)
		return;
	mark->lowest = page;
	mark->earlier = mark->huge = mark->locked = false;
}

void stack_mark__note_fault(struct stack_mark *mark, uint64_t addr)
{
	if (mark__holds(mark, addr))
		mark__lower(mark, addr & ~PAGE_MASK);
}

void stack_mark__note_huge(struct stack_mark *mark, uint64_t addr, uint64_t size_bytes)
{
	uint64_t page = addr & ~(size_bytes - 1);

	if (!size_bytes || !mark__holds(mark, addr) || !mark__holds(mark, page) ||
	    page >= mark->lowest)
		return;
	mark__lower(mark, page);
	mark->huge = true;
}

void stack_mark__take_call(struct stack_mark *mark, const struct event_call *call)
{
	uint64_t end = page__up(call->addr + call->size_bytes);

	if (call->err || call->addr >= mark->end || end < call->addr)
		return;
	/* A runtime's own guard, at the lower end. */
	if (call->call == CALL_MPROTECT && !call->prot && call->addr <= mark->start &&
	    end > mark->start && end < mark->lowest)
		mark->start = end;
	if (call->call == CALL_MADVISE && call->advice == MADV_DONTNEED &&
	    call->addr <= mark->present && end > mark->present)
		mark->present = end < mark->end ? end : mark->end;
}

static void mark__take(struct process *proc, struct thread *thread, const struct mt_stack_mark *rec)
{
	struct stack_mark *mark = &thread->stack;
	struct vma *vma;

	if (!mark->end) {
		*mark = (struct stack_mark){
			.start = rec->start,
			.end = rec->end,
			.lowest = rec->end,
			.present = rec->end,
		};
		vma = mirror__find(&proc->mirror, rec->end - 1);
		if (vma && vma->region == REGION_THREAD_STACK)
			vma->stack_tid = thread->tid;
	}
	mark->whole = true;
	/* For the kernel it may be one mapping with what lies above it. */
	if (!mark__holds(mark, rec->lowest))
		return;
	mark->present = rec->lowest;
	if (rec->lowest >= mark->lowest)
		return;
	mark->lowest = rec->lowest;
	mark->earlier = mark->reused;
	mark->huge = rec->hdr.flags & MT_STACK_MARK_HUGE;
	mark->locked = rec->hdr.flags & MT_STACK_MARK_LOCKED;
}

int stack_mark__take(struct model *model, const struct event *ev)
{
	struct process *proc = model__find_process(model, ev->tgid);
	struct thread *thread = proc ? process__find_thread(proc, ev->tid) : NULL;

	if (thread)
		mark__take(proc, thread, ev->stack_mark);
	return 0;
}

uint64_t stack_mark__peak_bytes(const struct stack_mark *mark)
{
	return mark->lowest < mark->end ? mark->end - mark->lowest : BYTES_UNKNOWN;
}

const char *stack_mark__misses(const struct stack_mark *mark)
{
	if (mark->lowest >= mark->end)
		return "it has not been seen to touch its stack";
	if (!mark->whole)
		return "not known from before memtrace came: at least";
	if (mark->locked)
		return "locked memory, touched or not: at most";
	if (mark->huge)
		return "in a huge page: at most";
	if (mark->earlier)
		return "by it or by a thread that had this stack before: at most";
	return NULL;
}

/* In thousandths of the stack. */
static uint64_t mark__used(const struct stack_mark *mark)
{
	uint64_t size = mark->end - mark->start;

	return mark->lowest < mark->end ? (mark->end - mark->lowest) / (size / 1000 ?: 1) : 0;
}

void stack_mark__keep(struct process *proc, const struct thread *thread)
{
	struct kept_mark *slot = NULL;

	if (proc->forgets || !thread->stack.end)
		return;
	if (proc->stack.kept_marks.nr < MAX_KEPT_MARKS) {
		slot = usage__push(proc->usage, &proc->stack.kept_marks);
		if (!slot)
			return;
	} else {
		struct kept_mark *kept = proc->stack.kept_marks.items;

		usage__step(proc->usage, MAX_KEPT_MARKS);
		slot = kept;
		for (size_t i = 1; i < MAX_KEPT_MARKS; i++)
			if (mark__used(&kept[i].mark) < mark__used(&slot->mark))
				slot = &kept[i];
		if (mark__used(&slot->mark) >= mark__used(&thread->stack))
			return;
	}
	*slot = (struct kept_mark){.tid = thread->tid, .mark = thread->stack};
	memcpy(slot->comm, thread->comm, sizeof(slot->comm));
}
