// SPDX-License-Identifier: GPL-2.0-or-later
/* The main stack's limit and growth, and what any stack grows by without a pause. */
#include "base/page.h"
#include "model/process.h"

struct vma *stack__above(struct process *proc, uint64_t addr)
{
	struct vma *above = mirror__find_above(&proc->mirror, addr);

	return above && above->grows && addr < above->start ? above : NULL;
}

static bool stack__may_reach(const struct stack *stack, const struct vma *vma, uint64_t addr)
{
	return !stack->limit_known || vma->end - (addr & ~PAGE_MASK) <= stack->limit_bytes;
}

void stack__set_limit(struct stack *stack, uint64_t bytes)
{
	stack->limit_known = true;
	stack->limit_bytes = bytes;
}

void stack__note_peak(struct stack *stack, uint64_t bytes)
{
	if (bytes > stack->peak_bytes)
		stack->peak_bytes = bytes;
}

bool stack__grow(struct process *proc, uint64_t addr)
{
	struct vma *vma = stack__above(proc, addr);
	struct stack *stack = &proc->stack;

	if (!vma || !stack__may_reach(stack, vma, addr))
		return false;
	stack->grown_for = addr;
	stack->grown_from = vma->start;
	stack->grown_peak = stack->peak_bytes;
	limits__note_growth(&proc->limits, vma->start - (addr & ~PAGE_MASK));
	vma->start = addr & ~PAGE_MASK;
	if (vma->region == REGION_STACK)
		stack__note_peak(stack, vma->end - vma->start);
	return true;
}

void stack__take_back_growth(struct process *proc, uint64_t addr)
{
	struct stack *stack = &proc->stack;
	struct vma *vma = mirror__find(&proc->mirror, addr);

	if (stack->grown_for != addr || !vma || !vma->grows)
		return;
	/* It may be another one by now. */
	if (vma->start != (addr & ~PAGE_MASK) || stack->grown_from >= vma->end)
		return;
	limits__take_back_growth(&proc->limits, stack->grown_from - vma->start);
	vma->start = stack->grown_from;
	stack->peak_bytes = stack->grown_peak;
	stack->grown_for = 0;
}

uint64_t stack__bytes(const struct process *proc)
{
	for (struct vma *vma = mirror__last(&proc->mirror); vma; vma = mirror__before(vma)) {
		usage__step(proc->usage, 1);
		if (vma->region == REGION_STACK)
			return vma->end - vma->start;
	}
	return 0;
}

/* A pause that is longer than this ends a burst. */
#define BURST_PAUSE_NS (100 * 1000000ULL)

static uint32_t at_most(uint64_t n)
{
	return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

bool stack_growth__goes_on(const struct stack_growth *growth, uint64_t now_ns)
{
	return now_ns >= growth->begin_ns &&
	       now_ns - growth->begin_ns <= growth->last_us * 1000ULL + BURST_PAUSE_NS;
}

void stack__note_growth(struct thread *thread, const struct vma *stack, uint64_t addr,
			uint64_t time_ns)
{
	struct stack_growth *growth = &thread->growth;
	bool known = growth->begin_ns && growth->low >= stack->start && growth->low < stack->end;
	uint64_t page = addr & ~PAGE_MASK;

	if (vma__is_inaccessible(stack) || (known && page >= growth->low))
		return;
	if (!known || !stack_growth__goes_on(growth, time_ns)) {
		growth->begin_ns = time_ns;
		growth->burst_pages = 0;
	}
	growth->last_us = at_most((time_ns - growth->begin_ns) / 1000);
	growth->burst_pages =
		at_most(growth->burst_pages + (known ? (growth->low - page) >> PAGE_SHIFT : 1));
	growth->low = page;
}
