// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Page faults by the tracepoints of their beginning and, of some, perf events of their end; the
 * other ways to them are in ended.bpf.h.
 */
#include "batch.bpf.h"
#include "ended.bpf.h"
#include "pagetable.bpf.h"

/*
 * A fault that found no table of pages: which of the two has it mapped? Its thread says so by its
 * next fault; another thread of the process, which shares the table, at once.
 */
static __always_inline void batch__settle_no_table(struct mt_batch *batch, __u64 id)
{
	__u64 addr = batch->no_table;
	struct mt_huge *rec;
	struct pte pte;

	batch->no_table = 0;
	if (batch->rec.hdr.tgid != id >> 32)
		return;
	pte = pagetable__find(current__pgd(), addr);
	if (pte.shift == PAGE_SHIFT && batch->rec.hdr.tid == (__u32)id)
		return;
	rec = record__reserve(MT_KIND_HUGE, sizeof(*rec));
	if (!rec)
		return;
	rec->hdr.tid = batch->rec.hdr.tid;
	rec->addr = addr;
	rec->size_bytes =
		pte.shift == PAGE_SHIFT || pte.entry & PTE_PRESENT ? 1ULL << pte.shift : 0;
	record__submit(rec);
}

static __always_inline void batch__begin(struct mt_batch *batch, __u64 id)
{
	bool moved = !batch__is_of(batch, id);

	if (moved && batch->rec.nr)
		batch__send(batch, MT_KIND_FAULTS);
	if (!batch->rec.nr)
		batch->rec.hdr.flags = moved ? MT_FAULTS_MOVED : 0;
	batch->rec.hdr.tgid = id >> 32;
	batch->rec.hdr.tid = (__u32)id;
}

static __always_inline void batch__add(struct mt_batch *batch, __u64 id, __u64 addr, __u64 flags)
{
	enum mt_entry state = pagetable__state(addr, flags);
	struct mt_fault *fault;
	__u32 nr;

	if (batch->no_table)
		batch__settle_no_table(batch, id);
	batch__begin(batch, id);
	if (state == MT_ENTRY_NO_TABLE)
		batch->no_table = addr;
	nr = batch->rec.nr;
	if (nr >= MT_BATCH_FAULTS)
		return;
	fault = &batch->fault[nr];
	flags |= (__u64)state << MT_FAULT_ENTRY_SHIFT;
	fault->addr_flags = addr | flags;
	fault->time_ns = bpf_ktime_get_ns();
	fault->flt = current__flt();
	if (settings.slow_ns) {
		batch->last_addr = addr;
		batch->last_ns = fault->time_ns;
	}
	batch->rec.nr = nr + 1;
	if (nr + 1 == MT_BATCH_FAULTS)
		batch__send(batch, MT_KIND_FAULTS);
}

/*
 * No lock: the tracepoints fire in the exception entry with interrupts off, and the loader's
 * flush_batch runs in an inter-processor interrupt. What is left is an NMI (perf copying a user
 * stack) that faults in the middle of it: the kernel neither resolves nor counts such a fault.
 */
static __always_inline int fault__add(__u64 addr, __u64 flags)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct mt_batch *batch;

	if (!tgid__traced(id >> 32))
		return 0;
	/* Not an address of user space: never resolved, never counted by the kernel. */
	if (addr & ~MT_FAULT_ADDR_MASK)
		return 0;
	batch = batch__of_cpu();
	if (!batch || batch->busy)
		return 0;
	WRITE_ONCE(batch->busy, 1);
	batch__add(batch, id, addr, flags);
	WRITE_ONCE(batch->busy, 0);
	return 0;
}

/* The page-fault error code of x86; riscv and others that gain the tracepoints differ. */
#define X86_PF_PROT 0x1
#define X86_PF_WRITE 0x2
#define X86_PF_INSTR 0x10

static __always_inline __u64 x86__fault_flags(unsigned long error_code)
{
	return (error_code & X86_PF_PROT ? MT_FAULT_PROT : 0) |
	       (error_code & X86_PF_WRITE ? MT_FAULT_WRITE : 0) |
	       (error_code & X86_PF_INSTR ? MT_FAULT_EXEC : 0);
}

SEC("tp_btf/page_fault_user")
int BPF_PROG(page_fault_user, unsigned long address, struct pt_regs *regs, unsigned long error_code)
{
	return fault__add(address, x86__fault_flags(error_code));
}

SEC("tp_btf/page_fault_kernel")
int BPF_PROG(page_fault_kernel, unsigned long address, struct pt_regs *regs,
	     unsigned long error_code)
{
	return fault__add(address, x86__fault_flags(error_code) | MT_FAULT_KERNEL);
}

/* Where another has faulted on this CPU since, or the thread came from another, nobody knows. */
static __always_inline bool fault__was_quick(const struct mt_batch *batch, __u64 addr)
{
	return batch->rec.hdr.tid == (__u32)bpf_get_current_pid_tgid() &&
	       batch->last_addr >> PAGE_SHIFT == addr >> PAGE_SHIFT &&
	       bpf_ktime_get_ns() - batch->last_ns < settings.slow_ns;
}

/* What a minor fault weighs: by its turn, or nothing if it is to be sent for being slow. */
static __always_inline bool minor__weigh(__u64 addr, __u32 *weight)
{
	struct mt_batch *batch = batch__of_cpu();

	if (!batch)
		return false;
	if (++batch->nr_minor >= settings.minor_weight) {
		batch->nr_minor = 0;
		*weight = settings.minor_weight;
		return true;
	}
	*weight = 0;
	return !fault__was_quick(batch, addr);
}

static __always_inline int fault__counted(struct bpf_perf_event_data *ctx, __u16 flags)
{
	__u32 weight = ctx->sample_period;

	if (!tgid__traced(bpf_get_current_pid_tgid() >> 32))
		return 0;
	if (settings.slow_ns && !(flags & MT_COUNTED_MAJOR) && !minor__weigh(ctx->addr, &weight))
		return 0;
	counted__send(ctx->addr, PT_REGS_IP(&ctx->regs), weight, flags);
	return 0;
}

/* The kernel has just counted a major fault: software event page-faults-maj, period 1. */
SEC("perf_event")
int page_fault_major(struct bpf_perf_event_data *ctx)
{
	return fault__counted(ctx, MT_COUNTED_MAJOR);
}

/* The kernel has just counted a minor fault: software event page-faults-min, one of many, or
 * each where slow ones are looked for. */
SEC("perf_event")
int page_fault_minor(struct bpf_perf_event_data *ctx)
{
	return fault__counted(ctx, 0);
}

/* Run by the loader on each CPU with waiting faults (BPF_PROG_TEST_RUN, 5.10). 1: not now. */
SEC("raw_tp")
int flush_batch(void *ctx)
{
	struct mt_batch *batch = batch__of_cpu();

	if (!batch)
		return 0;
	if (batch->busy)
		return 1;
	if (!batch->rec.nr)
		return 0;
	WRITE_ONCE(batch->busy, 1);
	if (settings.timed)
		batch__send(batch, MT_KIND_TIMED_FAULTS);
	else
		batch__send(batch, MT_KIND_FAULTS);
	WRITE_ONCE(batch->busy, 0);
	return 0;
}

/* Run by the loader: is the page table of the caller read right? */
SEC("raw_tp")
int try_pagetable(void *ctx)
{
	struct pte pte;

	control.table = current__pgd();
	control.try_word = read__u64(control.direct_map + control.try_frame +
				     (control.try_addr & ((1 << PAGE_SHIFT) - 1)));
	pte = pagetable__find(control.table, control.try_addr);
	control.try_frame = pte.shift == PAGE_SHIFT && pte.entry & PTE_PRESENT
				    ? pte.entry & control.frame_mask
				    : 0;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
