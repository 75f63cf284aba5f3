// SPDX-License-Identifier: GPL-2.0-or-later
/* Bad accesses that are a stack at its limit: the main one, a thread's, that of signal handlers. */
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
/* A signal handler's frame with all registers that a processor has, AMX's 8 KiB among them. */
#define SIGNAL_FRAME_MAX_BYTES (16ULL << 10)
/* x86-64 leaf functions use this much below the stack pointer (System V ABI, 3.2.2). */
#define RED_ZONE_BYTES 128
/* stack_guard_gap, unless the kernel was booted with another one. */
#define GUARD_GAP_BYTES (256ULL << PAGE_SHIFT)
/* Runtimes keep zones of their own above a thread's guard: so many adjoin each other at most. */
#define MAX_GUARDS 16

static bool near_sp(uint64_t addr, uint64_t sp)
{
	return addr + FRAME_MAX_BYTES >= sp && addr <= sp + FRAME_MAX_BYTES;
}

static bool probes_guard(const struct mt_signal *sig, const struct vma *stack)
{
	return sig->sp >= stack->start && sig->sp < stack->end &&
	       sig->addr + PROBE_MAX_BYTES >= sig->sp;
}

/* The code works on a stack that begins at or above the access: sp is above, or not far below. */
static bool works_near(const struct mt_signal *sig)
{
	return sig->addr + FRAME_MAX_BYTES + RED_ZONE_BYTES >= sig->sp;
}

/*
 * What the kernel does not grow the stack towards (expand_downwards): a mapping that can be
 * accessed, by stack_guard_gap or nearer.
 */
static bool is_in_the_way(const struct mt_signal *sig, struct vma *stack)
{
	const struct vma *below = mirror__before(stack);

	return below && !vma__is_inaccessible(below) && below->end <= sig->addr &&
	       (sig->addr & ~PAGE_MASK) - below->end < GUARD_GAP_BYTES;
}

/* RLIMIT_AS has no room for the pages that the stack would have grown by (may_expand_vm). */
static bool is_beyond_as(const struct mt_signal_more *more, uint64_t growth_bytes)
{
	return more->as_limit_bytes != NO_LIMIT &&
	       more->use.total_pages + (growth_bytes >> PAGE_SHIFT) > more->as_limit_bytes >>
		       PAGE_SHIFT;
}

/* Of a stack that does not grow: its size is its limit. */
static bool hit__set(struct stack_hit *hit, enum stack_hit_kind kind, uint64_t size_bytes)
{
	hit->kind = kind;
	hit->size_bytes = size_bytes;
	hit->limit_bytes = size_bytes;
	return true;
}

/*
 * The main stack: no mapping at the address, the growing stack is the next one above, and the code
 * works on it. The kernel would have grown it, and did not: to reach the address it would have to
 * be larger than its limit, or something is in the way, or there was no memory for it.
 */
static bool hit__main(struct process *proc, const struct event *ev, struct stack_hit *hit)
{
	const struct mt_signal *sig = ev->signal;
	const struct mt_signal_more *more = ev->signal_more;
	const struct vma *at_sp = mirror__find(&proc->mirror, sig->sp);
	struct vma *above = stack__above(proc, sig->addr);

	if (at_sp && !at_sp->grows)
		return false;
	if (sig->code != SEGV_MAPERR || !above)
		return false;
	if (!works_near(sig) || sig->sp >= above->end)
		return false;
	/* That is of all stacks that grow: most programs have one. */
	hit->growsdown = above->region != REGION_STACK;
	hit->size_bytes = hit->growsdown ? above->end - above->start : sig->stack_vm_bytes;
	hit->limit_bytes = sig->stack_limit_bytes;
	hit->asked_bytes = above->end - (sig->addr & ~PAGE_MASK);
	if (hit->asked_bytes > sig->stack_limit_bytes) {
		hit->kind = HIT_MAIN_LIMIT;
	} else if (is_in_the_way(sig, above)) {
		hit->kind = HIT_GUARD_GAP;
	} else {
		/* Who has no more than the address cannot tell it from other ones. */
		if (!more || (ev->flags & MT_SIGNAL_VMA_KNOWN && sig->vma_end))
			return false;
		hit->kind = HIT_NO_MEMORY;
		if (is_beyond_as(more, above->start - (sig->addr & ~PAGE_MASK)))
			hit->as_limit_bytes = more->as_limit_bytes;
	}
	return true;
}

/* What lies above an address, beyond guards that adjoin each other: a thread's stack? */
static const struct vma *stack__above_guards(struct process *proc, const struct vma *guard)
{
	const struct vma *above = guard;

	for (unsigned int i = 0; above && vma__is_inaccessible(above); i++) {
		guard = above;
		above = i < MAX_GUARDS ? mirror__find_above(&proc->mirror, guard->end) : NULL;
		if (above && above->start != guard->end)
			return NULL;
	}
	if (!above || !(above->prot & PROT_WRITE) || above->shared)
		return NULL;
	return above->region == REGION_THREAD_STACK || above->region == REGION_ANON ? above : NULL;
}

/* A mapping without permissions, near sp, directly below a writable one. */
static const struct vma *hit__guard(struct process *proc, const struct event *ev,
				    const struct vma *guard)
{
	const struct mt_signal *sig = ev->signal;
	const struct vma *stack;

	if (!vma__is_inaccessible(guard))
		return NULL;
	/* The kernel's own word, where there is one, goes before the mirror's. */
	if (ev->flags & MT_SIGNAL_VMA_KNOWN && signal__vma_prot(sig) && !guard->guard)
		return NULL;
	stack = stack__above_guards(proc, guard);
	return stack && (near_sp(sig->addr, sig->sp) || probes_guard(sig, stack)) ? stack : NULL;
}

/* It is the thread's own stack that sp has left, by a frame that may be larger than the stack. */
static bool has_left(struct process *proc, const struct thread *thread, const struct mt_signal *sig,
		     const struct vma *stack)
{
	const struct vma *at_sp = mirror__find(&proc->mirror, sig->sp);

	return thread->stack.end == stack->end && sig->sp < stack->start &&
	       stack->start - sig->sp <= PROBE_MAX_BYTES && works_near(sig) &&
	       (!at_sp || vma__is_inaccessible(at_sp));
}

/*
 * A large frame has jumped over the guard: nothing is mapped there, sp is in the stack above, or is
 * there, too, no farther away than the stack is large, or it is known whose stack that is.
 */
static const struct vma *hit__beyond_guard(struct process *proc, const struct thread *thread,
					   const struct mt_signal *sig)
{
	const struct vma *above = mirror__find_above(&proc->mirror, sig->addr);
	const struct vma *stack = above ? stack__above_guards(proc, above) : NULL;

	if (sig->code != SEGV_MAPERR || !stack || stack->region != REGION_THREAD_STACK)
		return NULL;
	if (vma__is_inaccessible(above) && has_left(proc, thread, sig, stack))
		return stack;
	if (stack->start - sig->addr > stack->end - stack->start)
		return NULL;
	if (near_sp(sig->addr, sig->sp) && sig->sp < stack->start)
		return stack;
	return probes_guard(sig, stack) ? stack : NULL;
}

/*
 * A guard by MADV_GUARD_INSTALL of before memtrace looked: the mapping would allow the access, and
 * there was none to be had.
 */
static bool hit__hidden_guard(struct process *proc, const struct event *ev, const struct vma *stack)
{
	const struct mt_signal *sig = ev->signal;

	return sig->code == SEGV_MAPERR && ev->flags & MT_SIGNAL_VMA_KNOWN &&
	       signal__vma_prot(sig) && !stack->shared && !stack->name &&
	       stack->region == REGION_THREAD_STACK && sig->addr < sig->sp &&
	       probes_guard(sig, stack) && mirror__find(&proc->mirror, sig->sp) == stack;
}

/* A thread's stack and its guard. */
static bool hit__thread_guard(struct process *proc, const struct thread *thread,
			      const struct event *ev, struct stack_hit *hit)
{
	const struct mt_signal *sig = ev->signal;
	const struct vma *at = mirror__find(&proc->mirror, sig->addr), *stack;
	uint64_t start;

	if (at && hit__hidden_guard(proc, ev, at)) {
		stack = at;
		start = (sig->addr & ~PAGE_MASK) + PAGE_MASK + 1;
	} else {
		stack = at ? hit__guard(proc, ev, at) : hit__beyond_guard(proc, thread, sig);
		start = stack ? stack->start : 0;
	}
	if (!stack || start >= stack->end)
		return false;
	hit->asked_bytes = stack->end - (sig->addr & ~PAGE_MASK);
	hit->beyond = !at;
	return hit__set(hit, HIT_THREAD_GUARD, stack->end - start);
}

/* How far below it an access counts: farther where a guard says that nothing else begins there. */
static uint64_t altstack__reach_bytes(struct process *proc, uint64_t addr, uint64_t start)
{
	const struct vma *above = mirror__find_above(&proc->mirror, addr), *stack;

	if (!above || !vma__is_inaccessible(above))
		return FRAME_MAX_BYTES;
	stack = stack__above_guards(proc, above);
	return stack && start - stack->start <= PAGE_MASK ? PROBE_MAX_BYTES : FRAME_MAX_BYTES;
}

/* The stack for signal handlers: sp is in it, or has left it, and the access lies below. */
static bool hit__altstack(struct process *proc, const struct event *ev, struct stack_hit *hit)
{
	const struct mt_signal_more *more = ev->signal_more;
	const struct mt_signal *sig = ev->signal;
	const struct vma *at_sp;
	uint64_t start, reach;

	if (!more || !more->altstack_bytes)
		return false;
	start = more->altstack_start;
	if (sig->addr >= start || !works_near(sig))
		return false;
	reach = altstack__reach_bytes(proc, sig->addr, start);
	if (start - sig->addr > reach)
		return false;
	if (sig->sp < start) {
		at_sp = mirror__find(&proc->mirror, sig->sp);
		if (start - sig->sp > reach || (at_sp && !vma__is_inaccessible(at_sp)))
			return false;
	} else if (sig->sp - start >= more->altstack_bytes) {
		return false;
	}
	return hit__set(hit, HIT_ALTSTACK, more->altstack_bytes);
}

/*
 * One more handler was to begin there, above one that runs, and its frame did not fit: the kernel
 * raises a SIGSEGV that is of no exception, and has no address.
 */
static bool hit__no_frame(const struct event *ev, struct stack_hit *hit)
{
	const struct mt_signal_more *more = ev->signal_more;
	const struct mt_signal *sig = ev->signal;

	if (!more || !more->altstack_bytes || sig->code != SI_KERNEL ||
	    more->trap == MT_TRAP_PROTECTION || sig->sp + FRAME_MAX_BYTES < more->altstack_start ||
	    sig->sp >= more->altstack_start + more->altstack_bytes ||
	    (sig->sp > more->altstack_start &&
	     sig->sp - more->altstack_start > SIGNAL_FRAME_MAX_BYTES))
		return false;
	hit->no_frame = true;
	hit->addr = sig->sp;
	return hit__set(hit, HIT_ALTSTACK, more->altstack_bytes);
}

static void hit__set_growth(const struct thread *thread, struct stack_hit *hit)
{
	const struct stack_growth *growth = &thread->growth;
	uint64_t page = hit->addr & ~PAGE_MASK, bytes = (uint64_t)growth->burst_pages << PAGE_SHIFT;

	if (hit->kind == HIT_ALTSTACK || !growth->begin_ns ||
	    !stack_growth__goes_on(growth, hit->time_ns))
		return;
	/* Of another stack it says nothing. */
	if (growth->low < page || growth->low - page > hit->size_bytes + PROBE_MAX_BYTES)
		return;
	/* The access itself has been noted where the kernel might have let the stack grow. */
	if (growth->low == page)
		bytes -= PAGE_MASK + 1;
	hit->growth_bytes = bytes;
	if (bytes)
		hit->growth_ns = hit->time_ns - growth->begin_ns;
}

struct stack_hit *stack__find_hit(struct process *proc, uint32_t tid, uint64_t time_ns)
{
	struct stack *stack = &proc->stack;

	for (size_t i = stack->hits.nr; i--;) {
		struct stack_hit *hit = &stack->hits.items[i];

		if (hit->time_ns < time_ns)
			break;
		if (hit->time_ns == time_ns && hit->tid == tid)
			return hit;
	}
	return stack->last_hit.time_ns == time_ns && stack->last_hit.tid == tid ? &stack->last_hit
										: NULL;
}

static int stack__note_hit(struct process *proc, const struct stack_hit *hit)
{
	struct stack *stack = &proc->stack;
	struct stack_hit *slot;

	if (hit->kind == HIT_MAIN_LIMIT && !hit->growsdown)
		stack__note_peak(stack, hit->size_bytes);
	stack->last_hit = *hit;
	if (stack->hits_total++ >= MAX_STACK_HITS || proc->forgets)
		return 0;
	slot = usage__push(proc->usage, &stack->hits);
	if (!slot)
		return -ENOMEM;
	*slot = *hit;
	return 0;
}

static bool hit__any(struct process *proc, const struct thread *thread, const struct event *ev,
		     struct stack_hit *hit)
{
	if (!signal__is_of_fault(ev->signal))
		return hit__no_frame(ev, hit);
	return hit__altstack(proc, ev, hit) || hit__main(proc, ev, hit) ||
	       hit__thread_guard(proc, thread, ev, hit);
}

int stack__take_signal(struct process *proc, const struct thread *thread, const struct event *ev,
		       bool *is_hit, struct stack_hit *ret)
{
	const struct mt_signal *sig = ev->signal;
	struct stack_hit hit = {
		.time_ns = ev->time_ns,
		.tid = ev->tid,
		.addr = sig->addr,
		.sp = sig->sp,
		.as_limit_bytes = BYTES_UNKNOWN,
		.handled_known = ev->signal_more,
		.handled = ev->flags & MT_SIGNAL_HANDLED,
		.died = ev->signal_more && !(ev->flags & MT_SIGNAL_HANDLED),
	};

	*is_hit = false;
	stack__take_back_growth(proc, sig->addr);
	stack__set_limit(&proc->stack, sig->stack_limit_bytes);
	if (sig->signo != SIGSEGV || !hit__any(proc, thread, ev, &hit))
		return 0;
	memcpy(hit.comm, sig->comm, sizeof(hit.comm));
	hit__set_growth(thread, &hit);
	*is_hit = true;
	*ret = hit;
	return stack__note_hit(proc, &hit);
}
