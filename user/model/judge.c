// SPDX-License-Identifier: GPL-2.0-or-later
#include "model/judge.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "model/process.h"

/* vm.mmap_min_addr as distributions set it: nothing is mapped below. */
#define NULL_BYTES (64ULL << 10)
/* The x86 exception of a stack segment. */
#define TRAP_STACK 12
/* Page-fault error codes of x86. */
#define ERROR_WRITE 0x2
#define ERROR_EXEC 0x10
/* Of vm_flags. */
#define VM_HUGETLB 0x400000

#ifndef SEGV_PKUERR
#define SEGV_PKUERR 4
#endif

/* What is judged: the record, and what is mapped. */
struct judged {
	const struct mt_signal *sig;
	const struct mt_signal_more *more; /* NULL: not known */
	bool vma_known;			   /* by the kernel */
	struct crash *crash;
};

static enum fault_access signal__access(const struct thread *thread, const struct judged *judged)
{
	const struct pending *last = &thread->pending;

	if (judged->more && judged->more->trap == MT_TRAP_PAGE_FAULT && judged->crash->addr_known)
		return judged->more->error_code & ERROR_EXEC	? ACCESS_EXEC
		       : judged->more->error_code & ERROR_WRITE ? ACCESS_WRITE
								: ACCESS_READ;
	/* Else its exception may have said it. */
	if (judged->crash->addr_known && last->begin_ns &&
	    (last->addr ^ judged->crash->addr) < 1ULL << PAGE_SHIFT)
		return last->access;
	if (judged->crash->addr_known && judged->crash->ip == judged->crash->addr)
		return ACCESS_EXEC;
	return ACCESS_UNKNOWN;
}

static struct crash_mapping mapping__of(const struct vma *vma)
{
	if (!vma)
		return (struct crash_mapping){};
	return (struct crash_mapping){
		.start = vma->start,
		.end = vma->end,
		.name = vma->name,
		.region = vma->region,
		.prot = vma->prot,
		.guard = vma->guard,
	};
}

/* The kernel looked when it raised the signal; the mirror knows names. */
static void find_at(struct process *proc, const struct judged *judged)
{
	const struct vma *vma = mirror__find(&proc->mirror, judged->sig->addr);
	struct crash_mapping *at = &judged->crash->at;

	if (!judged->vma_known) {
		*at = mapping__of(vma);
		return;
	}
	if (judged->sig->vma_end <= judged->sig->vma_start)
		return;
	*at = mapping__of(vma);
	if (!vma)
		at->region = REGION_OTHER;
	at->start = judged->sig->vma_start;
	at->end = judged->sig->vma_end;
	at->prot = signal__vma_prot(judged->sig);
	judged->crash->hugetlb = judged->sig->vma_flags & VM_HUGETLB;
}

static void find_neighbours(struct process *proc, const struct judged *judged)
{
	struct mirror *mirror = &proc->mirror;
	struct vma *above = mirror__find_above(mirror, judged->sig->addr);
	struct vma *below = above ? mirror__before(above) : mirror__last(mirror);

	if (above && above->start <= judged->sig->addr)
		above = mirror__next(above);
	judged->crash->below = mapping__of(below);
	judged->crash->above = mapping__of(above);
}

/* Where in its file, if the mapping at the address has one. */
static void find_in_file(struct process *proc, const struct judged *judged)
{
	const struct vma *vma = mirror__find(&proc->mirror, judged->sig->addr);
	struct crash *crash = judged->crash;

	if (judged->more && judged->vma_known && judged->more->file_bytes != BYTES_UNKNOWN) {
		crash->file_bytes = judged->more->file_bytes;
		crash->file_offset = judged->more->file_offset + (crash->addr - crash->at.start);
	} else if (vma && vma->name) {
		crash->file_offset = vma->offset + (crash->addr - vma->start);
	}
}

static bool is_null(uint64_t addr)
{
	return addr < NULL_BYTES || addr >= 0 - NULL_BYTES;
}

/* Nothing is mapped there. */
static enum crash_verdict judge_unmapped(struct process *proc, const struct event *ev,
					 const struct judged *judged)
{
	const struct unmapped_range *freed;
	struct crash *crash = judged->crash;

	if (is_null(crash->addr))
		return VERDICT_NULL_POINTER;
	find_neighbours(proc, judged);
	freed = unmapped__find(proc, crash->addr);
	if (!freed)
		return VERDICT_HOLE;
	crash->freed_ns = ev->time_ns - freed->time_ns;
	crash->freed_tid = freed->tid;
	crash->freed_bytes = freed->end - freed->start;
	crash->freed_name = freed->name;
	return VERDICT_FREED;
}

/* Where it is not known what was tried: what the mapping would have allowed was not. */
static enum crash_verdict judge_forbidden(const struct crash *crash)
{
	uint8_t prot = crash->at.prot;

	if (crash->at.guard || !prot)
		return crash->access == ACCESS_EXEC ? VERDICT_NOT_EXECUTABLE : VERDICT_NOT_READABLE;
	switch (crash->access) {
	case ACCESS_WRITE:
		return prot & PROT_WRITE ? VERDICT_OTHER : VERDICT_READ_ONLY;
	case ACCESS_EXEC:
		return prot & PROT_EXEC ? VERDICT_OTHER : VERDICT_NOT_EXECUTABLE;
	case ACCESS_READ:
		return prot & PROT_READ ? VERDICT_OTHER : VERDICT_NOT_READABLE;
	default:
		break;
	}
	if (!(prot & PROT_READ))
		return VERDICT_NOT_READABLE;
	if (!(prot & PROT_WRITE))
		return VERDICT_READ_ONLY;
	return prot & PROT_EXEC ? VERDICT_OTHER : VERDICT_NOT_EXECUTABLE;
}

static enum crash_verdict judge_segv(struct process *proc, const struct event *ev,
				     const struct judged *judged)
{
	struct crash *crash = judged->crash;
	bool mapped;

	if (crash->code == SEGV_PKUERR) {
		crash->pkey_known = judged->more;
		crash->pkey = judged->more ? judged->more->pkey : 0;
		return VERDICT_PROTECTION_KEY;
	}
	if (crash->code != SEGV_MAPERR && crash->code != SEGV_ACCERR)
		return VERDICT_OTHER;
	/* A mirror without a snapshot knows nothing of what it does not have. */
	mapped = crash->at.end;
	if (!mapped)
		return crash->code == SEGV_MAPERR || judged->vma_known
			       ? judge_unmapped(proc, ev, judged)
			       : VERDICT_OTHER;
	if (crash->code == SEGV_ACCERR || crash->at.guard)
		return judge_forbidden(crash);
	if (judged->vma_known)
		return VERDICT_OTHER;
	/* The mirror is behind: the kernel has found nothing there. */
	crash->at = (struct crash_mapping){};
	return judge_unmapped(proc, ev, judged);
}

static enum crash_verdict judge_bus(struct process *proc, const struct judged *judged)
{
	struct crash *crash = judged->crash;

	if (crash->code != BUS_ADRERR || !crash->at.end)
		return VERDICT_OTHER;
	find_in_file(proc, judged);
	if (crash->file_offset == BYTES_UNKNOWN)
		return VERDICT_OTHER;
	if (crash->file_bytes == BYTES_UNKNOWN)
		return crash->at.name && !crash->hugetlb ? VERDICT_BEYOND_EOF : VERDICT_OTHER;
	return crash->file_offset >= page__up(crash->file_bytes) ? VERDICT_BEYOND_EOF
								 : VERDICT_OTHER;
}

static enum crash_verdict judge(struct process *proc, const struct event *ev,
				const struct judged *judged)
{
	uint32_t trap = judged->crash->trap;

	if (!judged->crash->addr_known)
		return trap == MT_TRAP_PROTECTION ||
				       (trap == TRAP_STACK && judged->sig->signo == SIGBUS)
			       ? VERDICT_NON_CANONICAL
			       : VERDICT_OTHER;
	find_at(proc, judged);
	return judged->sig->signo == SIGBUS ? judge_bus(proc, judged)
					    : judge_segv(proc, ev, judged);
}

void crash__judge(struct process *proc, const struct thread *thread, const struct event *ev,
		  const struct stack_hit *hit, struct crash *crash)
{
	struct judged judged = {ev->signal, ev->signal_more, ev->flags & MT_SIGNAL_VMA_KNOWN,
				crash};
	const struct mt_signal *sig = ev->signal;

	*crash = (struct crash){
		.time_ns = ev->time_ns,
		.tid = ev->tid,
		.signo = sig->signo,
		.code = sig->code,
		.addr_known = signal__is_of_fault(sig),
		.addr = sig->addr,
		.ip = sig->ip,
		.sp = sig->sp,
		.trap = ev->signal_more ? ev->signal_more->trap : MT_TRAP_UNKNOWN,
		.handled_known = ev->signal_more,
		.handled = ev->flags & MT_SIGNAL_HANDLED,
		.fatal = ev->signal_more && !(ev->flags & MT_SIGNAL_HANDLED),
		.copied = ev->flags & MT_SIGNAL_COPIED,
		.file_offset = BYTES_UNKNOWN,
		.file_bytes = BYTES_UNKNOWN,
	};
	memcpy(crash->comm, sig->comm, sizeof(crash->comm));
	crash->access = signal__access(thread, &judged);
	crash->verdict = judge(proc, ev, &judged);
	if (!hit)
		return;
	crash->verdict = VERDICT_STACK_OVERFLOW;
	crash->hit = *hit;
	if (hit->kind == HIT_GUARD_GAP)
		find_neighbours(proc, &judged);
}
