// SPDX-License-Identifier: GPL-2.0-or-later
/* The lives of processes and threads: fork, exec (with the new address space) and exit. */
#include "common.bpf.h"
#include "file.bpf.h"
#include "limits.bpf.h"

#define VM_READ 0x1
#define VM_WRITE 0x2
#define VM_EXEC 0x4
#define VM_SHARED 0x8

#define EXEC_MAX_MAPPINGS 256

/*
 * What the filter says of a new process, before it runs: none of its faults is missed, and none is
 * taken for one of an earlier process that had its pid. 0 if it is not to be traced.
 */
static __always_inline bool filter__begin(__u32 tgid, bool parent_traced)
{
	__u8 *on = filter__byte(tgid);

	if (on)
		*on = parent_traced && settings.follow;
	else if (parent_traced && settings.follow)
		loss__count(MT_LOSS_FILTER_FULL, 1);
	return on && *on;
}

/* typed: the verifier knows what child points to. */
static __always_inline int fork__emit(struct task_struct *parent, struct task_struct *child,
				      bool typed)
{
	__u32 child_tgid = BPF_CORE_READ(child, tgid);
	bool parent_traced = tgid__traced(parent->tgid);
	bool thread = child_tgid == parent->tgid, followed = true;
	struct mt_fork *rec;

	if (!thread && !settings.all)
		followed = filter__begin(child_tgid, parent_traced);
	if (!parent_traced)
		return 0;
	rec = record__reserve(MT_KIND_FORK, sizeof(*rec));
	if (!rec)
		return 0;
	if (thread)
		rec->hdr.flags = MT_FORK_THREAD;
	else if (BPF_CORE_READ(child, mm) == parent->mm)
		rec->hdr.flags = MT_FORK_SHARED_MM;
	if (!followed)
		rec->hdr.flags |= MT_FORK_NOT_FOLLOWED;
	rec->child_tgid = child_tgid;
	rec->child_tid = BPF_CORE_READ(child, pid);
	rec->child_start_ns = BPF_CORE_READ(child, start_boottime);
	rec->child_sp = typed ? task__sp(child) : new_task__sp(child);
	rec->flt = current__flt();
	record__submit(rec);
	return 0;
}

#define DEFINE_FORK(name, copy)                                                                    \
	SEC("tp_btf/sched_process_fork")                                                           \
	int BPF_PROG(name, struct task_struct *parent, struct task_struct *child)                  \
	{                                                                                          \
		return turn__take(TURN_FORK, copy) ? fork__emit(parent, child, true) : 0;          \
	}
EACH_COPY(DEFINE_FORK, process_fork)

/* Of io_uring and vhost: there is no tracepoint for them, and they run no code of the process. */
#define PF_USER_WORKER 0x4000

/*
 * wake_up_new_task(), which comes next to the tracepoint. A kprobe runs with preemption off: where
 * threads come and go by the thousand, all copies of a program may be preempted at once.
 */
SEC("kprobe.multi")
int process_begin(struct pt_regs *ctx)
{
	struct task_struct *child = (void *)PT_REGS_PARM1(ctx);

	if (BPF_CORE_READ(child, flags) & PF_USER_WORKER)
		return 0;
	return fork__emit(bpf_get_current_task_btf(), child, false);
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

static __always_inline void mapping__fill(struct mt_mapping *rec, struct vm_area_struct *vma,
					  struct mm_struct *mm)
{
	unsigned long vm_flags = BPF_CORE_READ(vma, vm_flags);
	unsigned long start_brk = BPF_CORE_READ(mm, start_brk);
	unsigned long start_stack = BPF_CORE_READ(mm, start_stack);
	struct file *file = BPF_CORE_READ(vma, vm_file);

	rec->start = BPF_CORE_READ(vma, vm_start);
	rec->end = BPF_CORE_READ(vma, vm_end);
	rec->offset = BPF_CORE_READ(vma, vm_pgoff) << 12;
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

/* time_ns is the exec's: the set is one snapshot. */
static __always_inline void mapping__send(struct vm_area_struct *vma, struct mm_struct *mm,
					  __u64 time_ns, bool first)
{
	struct mt_mapping *rec = record__reserve(MT_KIND_MAPPING, sizeof(*rec));

	if (!rec)
		return;
	rec->hdr.time_ns = time_ns;
	if (first)
		rec->hdr.flags = MT_MAPPING_FIRST;
	mapping__fill(rec, vma, mm);
	record__submit(rec);
}

static __always_inline void exec__send_iterated(struct task_struct *task, struct mm_struct *mm,
						__u64 time_ns)
{
	struct bpf_iter_task_vma it;
	struct vm_area_struct *vma;
	bool first = true;

	bpf_iter_task_vma_new(&it, task, 0);
	while ((vma = bpf_iter_task_vma_next(&it))) {
		mapping__send(vma, mm, time_ns, first);
		first = false;
	}
	bpf_iter_task_vma_destroy(&it);
}

/* A global function: the verifier of a kernel without the iterator looks at it once, not per turn.
 */
__attribute__((noinline)) int mapping__send_at(__u64 vma, __u64 time_ns, __u32 first)
{
	mapping__send((void *)vma, BPF_CORE_READ(current__task(), mm), time_ns, first);
	return 0;
}

static __always_inline void exec__send_list(struct mm_struct *mm, __u64 time_ns)
{
	struct vm_area_struct___list *vma = BPF_CORE_READ((struct mm_struct___list *)mm, mmap);

	for (__u32 i = 0; i < EXEC_MAX_MAPPINGS && vma; i++) {
		mapping__send_at((__u64)vma, time_ns, !i);
		vma = BPF_CORE_READ(vma, vm_next);
	}
}

/* Likewise. Returns whether the first mapping is still to come. */
__attribute__((noinline)) int leaf__send(__u64 leaf, __u64 leaf_max, __u64 time_ns, __u32 first)
{
	__u64 vma, max;

	/* Looked at by itself: who calls it does not tell that there are such trees. */
	if (!has_vma_tree())
		return first;
	for (__u32 i = 0; i < MAPLE_SLOTS; i++) {
		vma = maple__slot(leaf, i, leaf_max, &max);
		if (vma) {
			mapping__send_at(vma, time_ns, first);
			first = false;
		}
		if (max == leaf_max)
			break;
	}
	return first;
}

/* A new program's mappings fill at most the nodes that one node holds. */
static __always_inline void exec__send_tree(struct mm_struct *mm, __u64 time_ns)
{
	__u64 root = (__u64)BPF_CORE_READ((struct mm_struct___maple *)mm, mm_mt.ma_root);
	__u64 leaf = root, leaf_max = ~0ULL;
	__u32 first = true;

	for (__u32 i = 0; i < MAPLE_SLOTS; i++) {
		if (MAPLE_TYPE(root) != MAPLE_LEAF_64)
			leaf = maple__slot(root, i, ~0ULL, &leaf_max);
		first = leaf__send(leaf, leaf_max, time_ns, first);
		if (leaf_max == ~0ULL)
			break;
	}
}

static __always_inline bool exec__can_send_mappings(void)
{
	return can_iterate_vmas() || has_vma_list() || has_vma_tree();
}

static __always_inline void exec__send_mappings(struct task_struct *task, struct mm_struct *mm,
						__u64 time_ns)
{
	if (can_iterate_vmas())
		exec__send_iterated(task, mm, time_ns);
	else if (has_vma_list())
		exec__send_list(mm, time_ns);
	else if (has_vma_tree())
		exec__send_tree(mm, time_ns);
}

static __always_inline int exec__emit(struct task_struct *task, int old_pid,
				      struct linux_binprm *bprm)
{
	struct mm_struct *mm = task->mm;
	struct mt_exec *rec;
	__u64 time_ns;

	if (!tgid__traced(task->tgid))
		return 0;
	rec = record__reserve(MT_KIND_EXEC, sizeof(*rec));
	if (!rec)
		return 0;
	rec->old_tid = old_pid;
	exec__fill(rec, task, mm);
	__builtin_memset(rec->path, 0, sizeof(rec->path));
	bpf_probe_read_kernel_str(rec->path, sizeof(rec->path), BPF_CORE_READ(bprm, filename));
	if (exec__can_send_mappings())
		rec->hdr.flags = MT_EXEC_MAPPED;
	time_ns = rec->hdr.time_ns;
	exec__send_mappings(task, mm, time_ns);
	/* Last: its mappings have its time, and whoever has read past it has them all. */
	record__submit(rec);
	return limits__send();
}

#define DEFINE_EXEC(name, copy)                                                                    \
	SEC("tp_btf/sched_process_exec")                                                           \
	int BPF_PROG(name, struct task_struct *task, int old_pid, struct linux_binprm *bprm)       \
	{                                                                                          \
		return turn__take(TURN_EXEC, copy) ? exec__emit(task, old_pid, bprm) : 0;          \
	}
EACH_COPY(DEFINE_EXEC, process_exec)

/* The tid that the thread had before it took its leader's, by tgid, while an exec is under way. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u32);
} execs SEC(".maps");

/* begin_new_exec(), before the other threads end, and finalize_exec(), when all is mapped. */
SEC("kprobe.multi")
int exec_begin(struct pt_regs *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 tgid = id >> 32, tid = (__u32)id;

	if (tgid != tid && tgid__traced(tgid))
		bpf_map_update_elem(&execs, &tgid, &tid, 0);
	return 0;
}

SEC("kprobe.multi")
int exec_end(struct pt_regs *ctx)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	__u32 *tid, old_tid = tgid;

	if (!tgid__traced(tgid))
		return 0;
	tid = bpf_map_lookup_elem(&execs, &tgid);
	if (tid) {
		old_tid = *tid;
		bpf_map_delete_elem(&execs, &tgid);
	}
	return exec__emit(bpf_get_current_task_btf(), old_tid, (void *)PT_REGS_PARM1(ctx));
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
static __always_inline int exit__emit(struct task_struct *task)
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

#define DEFINE_EXIT(name, copy)                                                                    \
	SEC("tp_btf/sched_process_exit")                                                           \
	int BPF_PROG(name, struct task_struct *task)                                               \
	{                                                                                          \
		return turn__take(TURN_EXIT, copy) ? exit__emit(task) : 0;                         \
	}
EACH_COPY(DEFINE_EXIT, process_exit)

/* The end of exit_mm_release(): the thread has written to its memory for the last time. */
SEC("kretprobe.multi")
int process_end(struct pt_regs *ctx)
{
	return exit__emit(bpf_get_current_task_btf());
}

char LICENSE[] SEC("license") = "GPL";
