// SPDX-License-Identifier: GPL-2.0-or-later
/* The main stack's growth, and the bad accesses that are a stack at its limit. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "base/page.h"
#include "model/process.h"

/*
 * Runtimes probe the guard ahead of sp, HotSpot by StackShadowPages (20 pages and more); so far
 * below sp an access counts if sp is in the very stack that the guard belongs to.
 */
#define PROBE_MAX_BYTES (1ULL << 20)
/* How far beyond the stack pointer an overflowing function's first access may lie. */
#define FRAME_MAX_BYTES (64ULL << 10)
/* x86-64 leaf functions use this much below the stack pointer (System V ABI, 3.2.2). */
#define RED_ZONE_BYTES 128
/* vm_flags: readable, writable or executable. */
#define VMA_ACCESS 0x7

static bool above__is_stack(const struct vma *above, uint64_t addr)
{
	return above && above->region == REGION_STACK && addr < above->start;
}

static bool stack__may_reach(const struct stack *stack, const struct vma *vma, uint64_t addr)
{
	return !stack->limit_known || vma->end - (addr & ~PAGE_MASK) <= stack->limit_bytes;
}

static void stack__note_peak(struct stack *stack, uint64_t bytes)
{
	if (bytes > stack->peak_bytes)
		stack->peak_bytes = bytes;
}

/* A fault below the main stack makes the kernel grow it, if the limit allows. */
bool stack__grow(struct process *proc, uint64_t addr)
{
	struct vma *vma = mirror__find_above(&proc->mirror, addr);
	struct stack *stack = &proc->stack;

	if (!above__is_stack(vma, addr) || !stack__may_reach(stack, vma, addr))
		return false;
	stack->grown_for = addr;
	stack->grown_from = vma->start;
	stack->grown_peak = stack->peak_bytes;
	vma->start = addr & ~PAGE_MASK;
	stack__note_peak(stack, vma->end - vma->start);
	return true;
}

void stack__take_back_growth(struct process *proc, uint64_t addr)
{
	struct stack *stack = &proc->stack;
	struct vma *vma = mirror__find(&proc->mirror, addr);

	if (stack->grown_for != addr || !vma || vma->region != REGION_STACK)
		return;
	/* It may be another one by now. */
	if (vma->start != (addr & ~PAGE_MASK) || stack->grown_from >= vma->end)
		return;
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

static bool near_sp(uint64_t addr, uint64_t sp)
{
	return addr + FRAME_MAX_BYTES >= sp && addr <= sp + FRAME_MAX_BYTES;
}

static bool probes_guard(const struct mt_signal *sig, const struct vma *stack)
{
	return sig->sp >= stack->start && sig->sp < stack->end &&
	       sig->addr + PROBE_MAX_BYTES >= sig->sp;
}

/*
 * The main stack: no mapping at the address, the growing stack is the next one above, the code
 * works on that stack (sp at or above the access, or in a frame that begins below it), and to reach
 * the address the stack would have to be larger than its limit.
 */
static bool hit__main_limit(struct process *proc, const struct mt_signal *sig,
			    struct stack_hit *hit)
{
	const struct vma *at_sp = mirror__find(&proc->mirror, sig->sp);
	const struct vma *above = mirror__find_above(&proc->mirror, sig->addr);
	uint64_t wanted;

	if (at_sp && at_sp->region != REGION_STACK)
		return false;
	if (sig->code != SEGV_MAPERR || !above__is_stack(above, sig->addr))
		return false;
	if (sig->addr + FRAME_MAX_BYTES + RED_ZONE_BYTES < sig->sp || sig->sp >= above->end)
		return false;
	wanted = above->end - (sig->addr & ~PAGE_MASK);
	if (wanted <= sig->stack_limit_bytes)
		return false;
	hit->kind = HIT_MAIN_LIMIT;
	hit->size_bytes = sig->stack_vm_bytes;
	hit->limit_bytes = sig->stack_limit_bytes;
	return true;
}

/* A thread's stack: a mapping without permissions, near sp, directly below a writable one. */
static bool hit__thread_guard(struct process *proc, const struct mt_signal *sig,
			      struct stack_hit *hit)
{
	const struct vma *guard = mirror__find(&proc->mirror, sig->addr), *stack;

	if (!guard || (guard->prot && !guard->guard))
		return false;
	/* The kernel's own word, where there is one, goes before the mirror's. */
	if (sig->hdr.flags & MT_SIGNAL_VMA_KNOWN && sig->vma_flags & VMA_ACCESS && !guard->guard)
		return false;
	stack = mirror__find_above(&proc->mirror, guard->end);
	if (!stack || stack->start != guard->end || !(stack->prot & PROT_WRITE) || stack->shared)
		return false;
	if (!near_sp(sig->addr, sig->sp) && !probes_guard(sig, stack))
		return false;
	if (stack->region != REGION_THREAD_STACK && stack->region != REGION_ANON)
		return false;
	hit->kind = HIT_THREAD_GUARD;
	hit->size_bytes = stack->end - stack->start;
	hit->limit_bytes = hit->size_bytes;
	return true;
}

int stack__take_signal(struct process *proc, const struct event *ev)
{
	const struct mt_signal *sig = ev->signal;
	struct stack *stack = &proc->stack;
	struct stack_hit hit = {
		.time_ns = ev->time_ns,
		.tid = ev->tid,
		.addr = sig->addr,
		.sp = sig->sp,
	};
	struct stack_hit *slot;

	stack__take_back_growth(proc, sig->addr);
	stack->limit_known = true;
	stack->limit_bytes = sig->stack_limit_bytes;
	if (sig->signo != SIGSEGV ||
	    (!hit__main_limit(proc, sig, &hit) && !hit__thread_guard(proc, sig, &hit)))
		return 0;
	if (hit.kind == HIT_MAIN_LIMIT)
		stack__note_peak(stack, hit.size_bytes);
	memcpy(hit.comm, sig->comm, sizeof(hit.comm));
	stack->last_hit = hit;
	if (stack->hits_total++ >= MAX_STACK_HITS || proc->forgets)
		return 0;
	slot = usage__push(proc->usage, &stack->hits);
	if (!slot)
		return -ENOMEM;
	*slot = hit;
	return 0;
}
