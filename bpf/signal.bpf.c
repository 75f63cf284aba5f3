// SPDX-License-Identifier: GPL-2.0-or-later
/* The SIGSEGV or SIGBUS that the kernel raises for a bad access, in the thread that made it. */
#include "common.bpf.h"
#include "batch.bpf.h"
#include "limits.bpf.h"
#include "stack.bpf.h"

#define SIGBUS 7
#define SIGSEGV 11
#define SEGV_PKUERR 4
/* Below it, info is a constant of the kernel's and not a pointer (SEND_SIG_NOINFO, SEND_SIG_PRIV).
 */
#define SIGINFO_MIN_POINTER 4096

static long vma__note(struct task_struct *task, struct vm_area_struct *vma,
		      struct mt_signal_more *rec)
{
	struct file *file = BPF_CORE_READ(vma, vm_file);

	rec->signal.vma_start = vma->vm_start;
	rec->signal.vma_end = vma->vm_end;
	rec->signal.vma_flags = vma->vm_flags;
	if (!file)
		return 0;
	rec->file_offset = BPF_CORE_READ(vma, vm_pgoff) << 12;
	rec->file_bytes = BPF_CORE_READ(file, f_inode, i_size);
	return 0;
}

static __always_inline bool signal__is_bad_access(int sig, struct kernel_siginfo *info)
{
	/* si_code above 0: raised by the kernel; user space cannot forge it. */
	return (sig == SIGSEGV || sig == SIGBUS) && (unsigned long)info > SIGINFO_MIN_POINTER &&
	       BPF_CORE_READ(info, si_code) > 0 && tgid__traced(bpf_get_current_pid_tgid() >> 32);
}

/* SIG_DFL 0, SIG_IGN 1; where it is blocked, the kernel has set it to SIG_DFL by now. */
static __always_inline bool signal__is_handled(struct task_struct *task, int sig)
{
	struct sighand_struct *sighand = BPF_CORE_READ(task, sighand);

	return (unsigned long)(sig == SIGSEGV
				       ? BPF_CORE_READ(sighand, action[SIGSEGV - 1].sa.sa_handler)
				       : BPF_CORE_READ(sighand, action[SIGBUS - 1].sa.sa_handler)) >
	       1;
}

static __always_inline void signal__fill_more(struct mt_signal_more *rec, struct task_struct *task,
					      struct kernel_siginfo *info)
{
	rec->trap = current__trap(task);
	rec->error_code = current__error_code(task);
	if (rec->signal.signo == SIGSEGV && rec->signal.code == SEGV_PKUERR)
		rec->pkey = BPF_CORE_READ(info, _sifields._sigfault._addr_pkey._pkey);
	rec->altstack_start = BPF_CORE_READ(task, sas_ss_sp);
	rec->altstack_bytes = BPF_CORE_READ(task, sas_ss_size);
	rec->file_bytes = ~0ULL;
	rec->as_limit_bytes = BPF_CORE_READ(task, signal, rlim[RLIMIT_AS].rlim_cur);
	use__fill(&rec->use);
}

static __always_inline void signal__fill(struct mt_signal_more *more, int sig,
					 struct kernel_siginfo *info)
{
	struct task_struct *task = current__task();
	struct pt_regs *regs = current__regs();
	struct mt_signal *rec = &more->signal;

	__builtin_memset((char *)more + sizeof(rec->hdr), 0, sizeof(*more) - sizeof(rec->hdr));
	record__init(&rec->hdr, MT_KIND_SIGNAL, sizeof(*more));
	rec->hdr.flags = signal__is_handled(task, sig) ? MT_SIGNAL_HANDLED : 0;
	rec->flt = current__flt();
	rec->signo = sig;
	rec->code = BPF_CORE_READ(info, si_code);
	rec->addr = (unsigned long)BPF_CORE_READ(info, _sifields._sigfault._addr);
	rec->sp = PT_REGS_SP_CORE(regs);
	rec->ip = PT_REGS_IP_CORE(regs);
	rec->stack_limit_bytes = BPF_CORE_READ(task, signal, rlim[RLIMIT_STACK].rlim_cur);
	rec->start_stack = BPF_CORE_READ(task, mm, start_stack);
	rec->stack_vm_bytes = BPF_CORE_READ(task, mm, stack_vm) << 12;
	bpf_get_current_comm(rec->comm, sizeof(rec->comm));
	signal__fill_more(more, task, info);
}

/* An access near the stack pointer: the stack may be all used up, and is of interest as a whole. */
#define NEAR_BYTES (1ULL << 20)

static __always_inline void signal__send(struct mt_signal_more *rec)
{
	__u64 sp = rec->signal.sp, addr = rec->signal.addr;
	__u32 slot = stack__claim(addr + NEAR_BYTES > sp && addr < sp + NEAR_BYTES,
				  rec->signal.hdr.flags & MT_SIGNAL_HANDLED);

	if (slot != STACK_NO_SLOT)
		rec->signal.hdr.flags |= MT_SIGNAL_COPIED;
	if (bpf_ringbuf_output(&ring, rec, sizeof(*rec), ring__wakeup_flag()))
		loss__count(MT_LOSS_RING_RECORDS, 1);
	if (slot != STACK_NO_SLOT)
		stack__send(rec->signal.hdr.time_ns, rec->signal.sp, slot,
			    rec->signal.hdr.flags & MT_SIGNAL_HANDLED);
}

/* First choice: with the mapping at the address. bpf_find_vma: 5.17. */
SEC("tp_btf/signal_generate")
int BPF_PROG(bad_access_vma, int sig, struct kernel_siginfo *info)
{
	struct mt_signal_more rec;
	long err;

	if (!signal__is_bad_access(sig, info))
		return 0;
	signal__fill(&rec, sig, info);
	err = bpf_find_vma(bpf_get_current_task_btf(), rec.signal.addr, vma__note, &rec, 0);
	if (!err || err == -2 /* ENOENT: no mapping there */)
		rec.signal.hdr.flags |= MT_SIGNAL_VMA_KNOWN;
	signal__send(&rec);
	return 0;
}

SEC("tp_btf/signal_generate")
int BPF_PROG(bad_access, int sig, struct kernel_siginfo *info)
{
	struct mt_signal_more rec;

	if (!signal__is_bad_access(sig, info))
		return 0;
	signal__fill(&rec, sig, info);
	signal__send(&rec);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
