// SPDX-License-Identifier: GPL-2.0-or-later
/* The lives of processes and threads: fork, exec (with the new address space) and exit. */
#include "common.bpf.h"
#include "file.bpf.h"

#define RLIMIT_STACK 3
#define VM_READ 0x1
#define VM_WRITE 0x2
#define VM_EXEC 0x4
#define VM_SHARED 0x8

/*
 * What the filter says of a new process, before it runs: none of its faults is missed, and none is
 * taken for one of an earlier process that had its pid. 0 if it is not to be traced.
 */
static __always_inline bool filter__begin(__u32 tgid, bool parent_traced)
{
	__u8 *on = bpf_map_lookup_elem(&traced, &tgid);

	if (on)
		*on = parent_traced && settings.follow;
	else if (parent_traced && settings.follow)
		loss__count(MT_LOSS_FILTER_FULL, 1);
	return on && *on;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *parent, struct task_struct *child)
{
	bool parent_traced = tgid__traced(parent->tgid);
	__u32 child_tgid = child->tgid;
	struct mt_fork *rec;

	if (child_tgid != parent->tgid && !settings.all) {
		if (!filter__begin(child_tgid, parent_traced))
			return 0;
	} else if (!parent_traced) {
		return 0;
	}
	rec = record__reserve(MT_KIND_FORK, sizeof(*rec));
	if (!rec)
		return 0;
	if (child_tgid == parent->tgid)
		rec->hdr.flags = MT_FORK_THREAD;
	else if (child->mm == parent->mm)
		rec->hdr.flags = MT_FORK_SHARED_MM;
	rec->child_tgid = child_tgid;
	rec->child_tid = child->pid;
	rec->child_start_ns = child->start_boottime;
	rec->child_sp = task__sp(child);
	rec->flt = current__flt();
	record__submit(rec);
	return 0;
}

static __always_inline void exec__fill(struct mt_exec *rec, struct task_struct *task,
				       struct mm_struct *mm)
{
	rec->pad = 0;
	rec->flt = current__flt();
	rec->start_code = BPF_CORE_READ(mm, start_code);
	rec->end_code = BPF_CORE_READ(mm, end_code);
	rec->start_brk = BPF_CORE_READ(mm, start_brk);
	rec->brk = BPF_CORE_READ(mm, brk);
	rec->start_stack = BPF_CORE_READ(mm, start_stack);
	rec->stack_limit_bytes = BPF_CORE_READ(task, signal, rlim[RLIMIT_STACK].rlim_cur);
	bpf_get_current_comm(rec->comm, sizeof(rec->comm));
}

static __always_inline void mapping__fill(struct mt_mapping *rec, const struct mt_record *exec,
					  struct vm_area_struct *vma, struct mm_struct *mm)
{
	unsigned long vm_flags = vma->vm_flags;
	unsigned long start_brk = BPF_CORE_READ(mm, start_brk);
	unsigned long start_stack = BPF_CORE_READ(mm, start_stack);
	struct file *file = vma->vm_file;

	/* The time of the exec: the set is one snapshot. */
	rec->hdr.time_ns = exec->time_ns;
	rec->start = vma->vm_start;
	rec->end = vma->vm_end;
	rec->offset = vma->vm_pgoff << 12;
	rec->prot = vm_flags & (VM_READ | VM_WRITE | VM_EXEC);
	rec->shared = !!(vm_flags & VM_SHARED);
	__builtin_memset(rec->name, 0, sizeof(rec->name));
	rec->dev_major = 0;
	rec->dev_minor = 0;
	rec->ino = 0;
	if (file) {
		file__identify(file, &rec->dev_major, &rec->dev_minor, &rec->ino);
		file__name(file, rec->name, sizeof(rec->name));
		if (rec->shared && file__is_shmem(file))
			rec->hdr.flags |= MT_MAPPING_SHMEM;
		return;
	}
	rec->hdr.flags |= MT_MAPPING_ANON;
	if (rec->start <= start_stack && start_stack < rec->end)
		rec->hdr.flags |= MT_MAPPING_STACK;
	else if (rec->start <= start_brk && start_brk < rec->end)
		rec->hdr.flags |= MT_MAPPING_HEAP;
	else if (!(vm_flags & VM_WRITE)) /* exec maps no other anonymous memory read-only */
		rec->hdr.flags |= MT_MAPPING_VDSO;
}

/* bpf_iter_task_vma: 6.7. Before it the loader reads /proc/PID/maps when it sees the exec. */
static __always_inline void exec__send_mappings(struct task_struct *task, struct mm_struct *mm,
						const struct mt_record *exec)
{
	struct bpf_iter_task_vma it;
	struct vm_area_struct *vma;
	bool first = true;

	bpf_iter_task_vma_new(&it, task, 0);
	while ((vma = bpf_iter_task_vma_next(&it))) {
		struct mt_mapping *rec = record__reserve(MT_KIND_MAPPING, sizeof(*rec));

		if (!rec)
			continue;
		if (first)
			rec->hdr.flags = MT_MAPPING_FIRST;
		first = false;
		mapping__fill(rec, exec, vma, mm);
		record__submit(rec);
	}
	bpf_iter_task_vma_destroy(&it);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	struct mm_struct *mm = task->mm;
	struct mt_record hdr;
	struct mt_exec *rec;

	if (!tgid__traced(task->tgid))
		return 0;
	rec = record__reserve(MT_KIND_EXEC, sizeof(*rec));
	if (!rec)
		return 0;
	rec->old_tid = old_pid;
	exec__fill(rec, task, mm);
	__builtin_memset(rec->path, 0, sizeof(rec->path));
	bpf_probe_read_kernel_str(rec->path, sizeof(rec->path), bprm->filename);
	if (can_iterate_vmas())
		rec->hdr.flags = MT_EXEC_MAPPED;
	hdr = rec->hdr;
	record__submit(rec);
	if (can_iterate_vmas())
		exec__send_mappings(task, mm, &hdr);
	return 0;
}

#define SIGNAL_GROUP_EXIT 0x4

/* As wait_task_zombie() of kernel/exit.c tells the parent. */
static __always_inline __u32 process__exit_code(struct task_struct *task)
{
	struct signal_struct *signal = task->signal;

	if (BPF_CORE_READ(signal, flags) & SIGNAL_GROUP_EXIT)
		return BPF_CORE_READ(signal, group_exit_code);
	return BPF_CORE_READ(task, group_leader, exit_code);
}

/*
 * The count of live threads goes down before this point: threads that end together may all see 0,
 * and others may still come by after the first that does. So the filter stays as it is until the
 * pid is somebody else's (filter__begin).
 */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *task)
{
	bool last = BPF_CORE_READ(task, signal, live.counter) == 0;
	struct mt_exit *rec;

	if (!tgid__traced(task->tgid))
		return 0;
	rec = record__reserve(MT_KIND_EXIT, sizeof(*rec));
	if (!rec)
		return 0;
	rec->hdr.flags = last ? MT_EXIT_GROUP : 0;
	rec->flt = current__flt();
	rec->exit_code = last ? process__exit_code(task) : task->exit_code;
	rec->pad = 0;
	rec->max_rss_bytes = BPF_CORE_READ(task, signal, maxrss) << 12;
	bpf_get_current_comm(rec->comm, sizeof(rec->comm));
	record__submit(rec);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
