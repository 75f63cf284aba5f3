// SPDX-License-Identifier: GPL-2.0-or-later
/* The SIGSEGV or SIGBUS that the kernel raises for a bad access, in the thread that made it. */
#include "common.bpf.h"

#define RLIMIT_STACK 3
#define SIGBUS 7
#define SIGSEGV 11
/* Below it, info is a constant of the kernel's and not a pointer (SEND_SIG_NOINFO, SEND_SIG_PRIV).
 */
#define SIGINFO_MIN_POINTER 4096

static long vma__note(struct task_struct *task, struct vm_area_struct *vma, struct mt_signal *rec)
{
	rec->vma_start = vma->vm_start;
	rec->vma_end = vma->vm_end;
	rec->vma_flags = vma->vm_flags;
	return 0;
}

static __always_inline bool signal__is_bad_access(int sig, struct kernel_siginfo *info)
{
	/* si_code above 0: raised by the kernel; user space cannot forge it. */
	return (sig == SIGSEGV || sig == SIGBUS) && (unsigned long)info > SIGINFO_MIN_POINTER &&
	       BPF_CORE_READ(info, si_code) > 0 && tgid__traced(bpf_get_current_pid_tgid() >> 32);
}

static __always_inline void signal__fill(struct mt_signal *rec, int sig,
					 struct kernel_siginfo *info)
{
	struct task_struct *task = current__task();
	struct pt_regs *regs = current__regs();

	__builtin_memset((char *)rec + sizeof(rec->hdr), 0, sizeof(*rec) - sizeof(rec->hdr));
	record__init(&rec->hdr, MT_KIND_SIGNAL, sizeof(*rec));
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
}

static __always_inline void signal__send(struct mt_signal *rec)
{
	if (bpf_ringbuf_output(&ring, rec, sizeof(*rec), ring__wakeup_flag()))
		loss__count(MT_LOSS_RING_RECORDS, 1);
}

/* First choice: with the mapping at the address. bpf_find_vma: 5.17. */
SEC("tp_btf/signal_generate")
int BPF_PROG(bad_access_vma, int sig, struct kernel_siginfo *info)
{
	struct mt_signal rec;
	long err;

	if (!signal__is_bad_access(sig, info))
		return 0;
	signal__fill(&rec, sig, info);
	err = bpf_find_vma(bpf_get_current_task_btf(), rec.addr, vma__note, &rec, 0);
	if (!err || err == -2 /* ENOENT: no mapping there */)
		rec.hdr.flags = MT_SIGNAL_VMA_KNOWN;
	signal__send(&rec);
	return 0;
}

SEC("tp_btf/signal_generate")
int BPF_PROG(bad_access, int sig, struct kernel_siginfo *info)
{
	struct mt_signal rec;

	if (!signal__is_bad_access(sig, info))
		return 0;
	signal__fill(&rec, sig, info);
	signal__send(&rec);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
