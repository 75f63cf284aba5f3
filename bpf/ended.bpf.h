/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page faults by their end: from the kernel's handle_mm_fault(), which fixes and counts them, or by
 * the perf events of those that were counted. A part of fault.bpf.c: bpftool's linker cannot join
 * two objects that both declare the kernel's bpf_rdonly_cast().
 */
#ifndef MEMTRACE_BPF_ENDED_H
#define MEMTRACE_BPF_ENDED_H

#include "batch.bpf.h"
#include "pagetable.bpf.h"

/* What handle_mm_fault() is told and what it tells; the same from 5.10 on. */
#define FAULT_FLAG_WRITE 0x1
#define FAULT_FLAG_TRIED 0x20 /* again, and with the lock of the address space let go meanwhile */
#define FAULT_FLAG_USER 0x40
#define FAULT_FLAG_INSTRUCTION 0x100
#define FAULT_FLAG_VMA_LOCK 0x1000 /* since 6.4; before it nothing */
#define VM_FAULT_MAJOR 0x4
#define VM_FAULT_RETRY 0x400
#define VM_FAULT_ERROR 0x873 /* OOM, SIGBUS, HWPOISON, HWPOISON_LARGE, SIGSEGV, FALLBACK */

/* Between begin and end of a thread's fault, which may be calls of handle_mm_fault() apart. */
struct handling {
	__u64 begin_ns;
	__u64 addr_flags;  /* as in struct mt_fault */
	struct mt_flt flt; /* as it began; once it has ended as it ended */
	__u32 call_flags;  /* FAULT_FLAG_* of the last call */
	__u8 open;	   /* it has not ended */
	__u8 retried;	   /* it will be handled by another call */
	__u8 read;	   /* a call has read from disk or swap */
	__u8 pad;
	__u64 ip; /* of the instruction; only where slow faults are looked for */
};

#define MAX_HANDLINGS 16384

/* By tid. Not kept by task: task storage came in 5.12, and costs as much. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_HANDLINGS);
	__type(key, __u32);
	__type(value, struct handling);
} handlings SEC(".maps");

/* All of a fault but when it ended. */
struct ending {
	__u64 begin_ns; /* 0: not known */
	__u64 addr_flags;
	struct mt_flt flt; /* before it */
	__u64 outcome;
};

static __always_inline void ending__write(const struct ending *ending, __u64 now,
					  struct mt_timed_fault *timed)
{
	__u64 latency = ending->begin_ns ? (now - ending->begin_ns) & (MT_OUTCOME_MAJOR - 1) : 0;

	timed->fault.addr_flags = ending->addr_flags;
	timed->fault.time_ns = now;
	timed->fault.flt = ending->flt;
	timed->latency_outcome =
		ending->outcome | (ending->begin_ns ? MT_OUTCOME_TIMED : 0) | latency;
}

/* Another program, of a thread that was preempted in it, is at the batch of this CPU. */
static __always_inline void ending__send(const struct ending *ending, struct mt_batch *batch)
{
	struct {
		struct mt_faults rec;
		struct mt_timed_fault timed;
	} *alone = ring__takes_faults() ? bpf_ringbuf_reserve(&ring, sizeof(*alone), 0) : NULL;

	if (!alone) {
		batch__count_lost(batch, 1);
		return;
	}
	record__init(&alone->rec.hdr, MT_KIND_TIMED_FAULTS, sizeof(*alone));
	alone->rec.nr = 1;
	alone->rec.lost = batch->rec.lost;
	ending__write(ending, alone->rec.hdr.time_ns, &alone->timed);
	bpf_ringbuf_submit(alone, ring__wakeup_flag());
}

static __always_inline void ending__gather(const struct ending *ending, struct mt_batch *batch,
					   __u64 id)
{
	__u32 nr;

	if (batch->rec.nr && !batch__is_of(batch, id))
		batch__send(batch, MT_KIND_TIMED_FAULTS);
	batch->rec.hdr.tgid = id >> 32;
	batch->rec.hdr.tid = (__u32)id;
	nr = batch->rec.nr;
	if (nr >= MT_BATCH_FAULTS)
		return;
	ending__write(ending, bpf_ktime_get_ns(), &batch->timed[nr]);
	batch->rec.nr = nr + 1;
	if (nr + 1 == MT_BATCH_FAULTS)
		batch__send(batch, MT_KIND_TIMED_FAULTS);
}

/*
 * These programs run preemptibly, though they stay on their CPU: who finds another one at the batch
 * goes its own way. Of several that come at once all may do so. The loader waits until nobody is
 * at it: so the clock is read after that has been said.
 */
static __always_inline void ending__tell(const struct ending *ending, __u64 id)
{
	struct mt_batch *batch = batch__of_cpu();

	if (!batch)
		return;
	__sync_fetch_and_add(&batch->busy, 1);
	if (READ_ONCE(batch->busy) == 1)
		ending__gather(ending, batch, id);
	else
		ending__send(ending, batch);
	__sync_fetch_and_add(&batch->busy, -1);
}

static __always_inline __u64 fault__flags(__u32 call_flags)
{
	return (call_flags & FAULT_FLAG_WRITE ? MT_FAULT_WRITE : 0) |
	       (call_flags & FAULT_FLAG_INSTRUCTION ? MT_FAULT_EXEC : 0) |
	       (call_flags & FAULT_FLAG_USER ? 0 : MT_FAULT_KERNEL);
}

static __always_inline bool flt__equal(struct mt_flt a, struct mt_flt b)
{
	return a.min_flt == b.min_flt && a.maj_flt == b.maj_flt;
}

/*
 * Is the call that begins the next one for the fault at hand? Then nothing has been counted since:
 * or that one's end was not seen, or it was of a thread that has ended with this tid.
 */
static __always_inline bool handling__goes_on(const struct handling *handling, __u64 address,
					      __u32 flags, struct mt_flt flt)
{
	if (!handling->open || (handling->addr_flags ^ address) & MT_FAULT_ADDR_MASK ||
	    !flt__equal(handling->flt, flt))
		return false;
	return flags & FAULT_FLAG_TRIED ||
	       (handling->call_flags & FAULT_FLAG_VMA_LOCK && !(flags & FAULT_FLAG_VMA_LOCK));
}

/* The kernel has counted the last fault of this thread, and its end was not seen. */
static __always_inline void handling__tell_missed(const struct handling *handling,
						  struct mt_flt flt, __u64 id)
{
	struct ending ending = {
		.addr_flags = handling->addr_flags,
		.flt = handling->flt,
		.outcome = flt.maj_flt != handling->flt.maj_flt ? MT_OUTCOME_MAJOR : 0,
	};

	ending__tell(&ending, id);
}

static __always_inline struct handling *handling__of(__u64 id)
{
	__u32 tid = id;

	return bpf_map_lookup_elem(&handlings, &tid);
}

static __always_inline struct handling *handling__create(__u64 id)
{
	const struct handling none = {};
	__u32 tid = id;

	bpf_map_update_elem(&handlings, &tid, &none, BPF_NOEXIST);
	return handling__of(id);
}

/* A page that is there is known to the processor as well, which would have said so. */
static __always_inline __u64 state__flags(enum mt_entry state)
{
	bool present = state == MT_ENTRY_PRESENT || state == MT_ENTRY_ALLOWED;

	return (__u64)state << MT_FAULT_ENTRY_SHIFT | (present ? MT_FAULT_PROT : 0);
}

/* Without registers it is no exception but get_user_pages(). */
static __always_inline int handling__begin(__u64 address, __u32 flags, struct pt_regs *regs)
{
	__u64 id = bpf_get_current_pid_tgid(), fault_flags = fault__flags(flags);
	struct handling *handling;
	struct mt_flt flt;

	if (!tgid__traced(id >> 32) || !regs)
		return 0;
	handling = handling__of(id) ?: handling__create(id);
	if (!handling)
		return 0;
	flt = current__flt();
	if (handling__goes_on(handling, address, flags, flt)) {
		handling->call_flags = flags;
		handling->retried = false;
		return 0;
	}
	if (handling->open && !handling->retried) {
		if (flt__equal(handling->flt, flt) &&
		    !((handling->addr_flags ^ address) & MT_FAULT_ADDR_MASK))
			return 0; /* another copy of this program was here */
		if (!flt__equal(handling->flt, flt))
			handling__tell_missed(handling, flt, id);
	}
	handling->addr_flags = (address & MT_FAULT_ADDR_MASK) | fault_flags |
			       state__flags(pagetable__state(address, fault_flags));
	handling->flt = flt;
	handling->call_flags = flags;
	handling->open = true;
	handling->retried = false;
	handling->read = false;
	if (settings.slow_ns)
		handling->ip = PT_REGS_IP_CORE(regs);
	handling->begin_ns = bpf_ktime_get_ns();
	return 0;
}

/* What a fault that found no table of pages mapped. */
static __always_inline __u64 outcome__of_huge(__u64 addr_flags)
{
	struct pte pte;

	if (addr_flags >> MT_FAULT_ENTRY_SHIFT != MT_ENTRY_NO_TABLE)
		return 0;
	pte = pagetable__find(current__pgd(), addr_flags & MT_FAULT_ADDR_MASK);
	if (pte.shift == PAGE_SHIFT || !(pte.entry & PTE_PRESENT))
		return 0;
	return pte.shift == PMD_SHIFT ? MT_OUTCOME_HUGE_PMD : MT_OUTCOME_HUGE_PUD;
}

/* The record of the fault itself has no room for its instruction. */
static __always_inline void handling__tell_slow(const struct handling *handling, bool major)
{
	if (bpf_ktime_get_ns() - handling->begin_ns >= settings.slow_ns)
		counted__send(handling->addr_flags & MT_FAULT_ADDR_MASK, handling->ip, 0,
			      major ? MT_COUNTED_MAJOR : 0);
}

/* The kernel's own rule, mm_account_fault(). */
static __always_inline bool outcome__is_major(__u32 flags, __u32 ret)
{
	return ret & VM_FAULT_MAJOR || flags & FAULT_FLAG_TRIED;
}

/*
 * The end of a call for a fault at this address. handling: what is known of its beginning; NULL:
 * nothing. Of several copies of the program the first one tells it: then the counters are those
 * that it left.
 */
static __always_inline void handling__end(struct handling *handling, __u64 id, __u64 address,
					  __u32 flags, __u32 ret)
{
	struct ending ending = {.flt = current__flt()};
	bool counted = !(ret & VM_FAULT_ERROR), major = outcome__is_major(flags, ret);
	bool begun = handling && handling->open &&
		     !((handling->addr_flags ^ address) & MT_FAULT_ADDR_MASK);

	if (begun && ret & VM_FAULT_MAJOR)
		handling->read = true;
	if (ret & VM_FAULT_RETRY) {
		if (begun)
			handling->retried = true;
		return;
	}
	/* What is not counted, a signal tells. */
	if (!begun && (!counted || (handling && flt__equal(handling->flt, ending.flt))))
		return;
	if (handling) {
		handling->flt = ending.flt;
		handling->open = false;
	}
	ending.addr_flags =
		begun ? handling->addr_flags : (address & MT_FAULT_ADDR_MASK) | fault__flags(flags);
	ending.begin_ns = begun ? handling->begin_ns : 0;
	if (counted) {
		ending.flt.maj_flt -= major;
		ending.flt.min_flt -= !major;
		ending.outcome =
			(major ? MT_OUTCOME_MAJOR : 0) | outcome__of_huge(ending.addr_flags);
		if (major && begun && !handling->read)
			ending.outcome |= MT_OUTCOME_NOT_READ;
	}
	ending__tell(&ending, id);
	if (settings.slow_ns && counted && begun)
		handling__tell_slow(handling, major);
}

SEC("fentry/handle_mm_fault")
int BPF_PROG(handle_fault, struct vm_area_struct *vma, unsigned long address, unsigned int flags,
	     struct pt_regs *regs)
{
	return handling__begin(address, flags, regs);
}

SEC("fexit/handle_mm_fault")
int BPF_PROG(handle_fault_exit, struct vm_area_struct *vma, unsigned long address,
	     unsigned int flags, struct pt_regs *regs, unsigned int ret)
{
	__u64 id = bpf_get_current_pid_tgid();

	if (tgid__traced(id >> 32) && regs)
		handling__end(handling__of(id), id, address, flags, ret);
	return 0;
}

SEC("kprobe/handle_mm_fault")
int BPF_KPROBE(handle_fault_kprobe, struct vm_area_struct *vma, unsigned long address,
	       unsigned int flags, struct pt_regs *regs)
{
	return handling__begin(address, flags, regs);
}

/* The arguments are gone: of a fault whose beginning was not seen nothing is known. */
SEC("kretprobe/handle_mm_fault")
int BPF_KRETPROBE(handle_fault_kretprobe, unsigned int ret)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct handling *handling = tgid__traced(id >> 32) ? handling__of(id) : NULL;

	if (handling && handling->open && !handling->retried)
		handling__end(handling, id, handling->addr_flags & MT_FAULT_ADDR_MASK,
			      handling->call_flags, ret);
	return 0;
}

/* The kernel has just counted a fault: software events page-faults-min and -maj, each of them. */
static __always_inline int fault__counted_end(struct bpf_perf_event_data *ctx, bool major)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct ending ending;

	if (!tgid__traced(id >> 32))
		return 0;
	ending.begin_ns = 0;
	ending.addr_flags = (ctx->addr & MT_FAULT_ADDR_MASK) |
			    (regs__are_user(&ctx->regs) ? 0 : MT_FAULT_KERNEL);
	ending.flt = current__flt();
	ending.flt.maj_flt -= major;
	ending.flt.min_flt -= !major;
	ending.outcome = MT_OUTCOME_NO_ACCESS | (major ? MT_OUTCOME_MAJOR : 0);
	ending__tell(&ending, id);
	return 0;
}

SEC("perf_event")
int fault_counted_minor(struct bpf_perf_event_data *ctx)
{
	return fault__counted_end(ctx, false);
}

SEC("perf_event")
int fault_counted_major(struct bpf_perf_event_data *ctx)
{
	return fault__counted_end(ctx, true);
}

#endif
