/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All kernel drift: what was renamed, added or changed between the kernels that memtrace runs on
 * (5.10 and later), each entry with the kernel that it covers.
 */
#ifndef MEMTRACE_BPF_COMPAT_H
#define MEMTRACE_BPF_COMPAT_H

#define has_helper(name) bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_##name)

static __always_inline struct task_struct *current__task(void)
{
	return (struct task_struct *)bpf_get_current_task();
}

/* The fault counters of the current task. bpf_get_current_task_btf: 5.11. */
static __always_inline struct mt_flt current__flt(void)
{
	struct mt_flt flt;

	if (has_helper(get_current_task_btf)) {
		struct task_struct *task = bpf_get_current_task_btf();

		flt.min_flt = task->min_flt;
		flt.maj_flt = task->maj_flt;
	} else {
		struct task_struct *task = (void *)bpf_get_current_task();

		flt.min_flt = BPF_CORE_READ(task, min_flt);
		flt.maj_flt = BPF_CORE_READ(task, maj_flt);
	}
	return flt;
}

/* The page table of the current task; 0: it has none. */
static __always_inline __u64 current__pgd(void)
{
	if (has_helper(get_current_task_btf)) {
		struct mm_struct *mm = bpf_get_current_task_btf()->mm;

		return mm ? (__u64)mm->pgd : 0;
	}
	return (__u64)BPF_CORE_READ(current__task(), mm, pgd);
}

/* A word of the kernel's; 0 where there is none. A plain load costs least. bpf_rdonly_cast: 6.2. */
extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym __weak;
static __always_inline __u64 read__u64(__u64 addr)
{
	__u64 word = 0;

	if (bpf_rdonly_cast) {
		struct timespec64 *at = bpf_rdonly_cast((const void *)addr,
							bpf_core_type_id_kernel(struct timespec64));

		return at->tv_sec;
	}
	bpf_probe_read_kernel(&word, sizeof(word), (const void *)addr);
	return word;
}

/*
 * The registers with which a task last entered the kernel. bpf_task_pt_regs: 5.15. Before it they
 * are where the kernel's task_pt_regs() looks: at the top of the kernel stack, which is 16 KiB
 * on x86-64 and arm64 without KASAN.
 */
#define COMPAT_THREAD_SIZE 16384
static __always_inline struct pt_regs *current__regs(void)
{
	struct task_struct *task;

	if (has_helper(task_pt_regs) && has_helper(get_current_task_btf))
		return (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	task = (void *)bpf_get_current_task();
	return (void *)((char *)BPF_CORE_READ(task, stack) + COMPAT_THREAD_SIZE -
			bpf_core_type_size(struct pt_regs));
}

/* Did the processor run in user mode? Of registers in a context. */
static __always_inline bool regs__are_user(const bpf_user_pt_regs_t *regs)
{
#if defined(__TARGET_ARCH_x86)
	return regs->cs & 3;
#elif defined(__TARGET_ARCH_arm64)
	return !(regs->pstate & 0xf); /* EL0t */
#endif
}

/* The sixth argument of a system call: libbpf 1.1 stops at the fifth. */
static __always_inline __u64 syscall__arg6(struct pt_regs *regs)
{
#if defined(__TARGET_ARCH_x86)
	return BPF_CORE_READ(regs, r9);
#elif defined(__TARGET_ARCH_arm64)
	return BPF_CORE_READ((struct user_pt_regs *)regs, regs[5]);
#endif
}

/* The number of the system call that registers belong to: read directly, every call passes here. */
static __always_inline long syscall__nr(struct pt_regs *regs)
{
#if defined(__TARGET_ARCH_x86)
	return regs->orig_ax;
#elif defined(__TARGET_ARCH_arm64)
	return regs->syscallno;
#endif
}

/* Likewise, of registers that the verifier does not know as such. */
static __always_inline long syscall__nr_read(struct pt_regs *regs)
{
#if defined(__TARGET_ARCH_x86)
	return BPF_CORE_READ(regs, orig_ax);
#elif defined(__TARGET_ARCH_arm64)
	return BPF_CORE_READ(regs, syscallno);
#endif
}

/* In a system call of a 32-bit program, whose numbers mean other calls (x86: TS_COMPAT). */
static __always_inline bool current__is_compat(void)
{
#if defined(__TARGET_ARCH_x86)
	return BPF_CORE_READ(current__task(), thread_info.status) & 0x2;
#else
	return false;
#endif
}

/* The user stack pointer of a task that has not run yet; 0 where it cannot be had. */
static __always_inline __u64 new_task__sp(struct task_struct *task)
{
#if defined(__TARGET_ARCH_x86)
	struct pt_regs *regs = (void *)(BPF_CORE_READ(task, thread.sp) +
					bpf_core_type_size(struct inactive_task_frame));

	return PT_REGS_SP_CORE(regs);
#else
	return 0;
#endif
}

/* The same of a task that a tracepoint tells, whose type is known. bpf_task_pt_regs: 5.15. */
static __always_inline __u64 task__sp(struct task_struct *task)
{
	if (!has_helper(task_pt_regs))
		return new_task__sp(task);
	return PT_REGS_SP_CORE((struct pt_regs *)bpf_task_pt_regs(task));
}

/* The exception that a task is in, and the error code of a page fault (x86). */
static __always_inline __u32 current__trap(struct task_struct *task)
{
#if defined(__TARGET_ARCH_x86)
	return BPF_CORE_READ(task, thread.trap_nr);
#else
	return MT_TRAP_UNKNOWN;
#endif
}

static __always_inline __u32 current__error_code(struct task_struct *task)
{
#if defined(__TARGET_ARCH_x86)
	return BPF_CORE_READ(task, thread.error_code);
#else
	return 0;
#endif
}

/* Registers in the order in which DWARF numbers them. */
static __always_inline void regs__by_dwarf_number(struct pt_regs *regs, __u64 *to)
{
#if defined(__TARGET_ARCH_x86)
	to[0] = BPF_CORE_READ(regs, ax);
	to[1] = BPF_CORE_READ(regs, dx);
	to[2] = BPF_CORE_READ(regs, cx);
	to[3] = BPF_CORE_READ(regs, bx);
	to[4] = BPF_CORE_READ(regs, si);
	to[5] = BPF_CORE_READ(regs, di);
	to[6] = BPF_CORE_READ(regs, bp);
	to[7] = BPF_CORE_READ(regs, sp);
	to[8] = BPF_CORE_READ(regs, r8);
	to[9] = BPF_CORE_READ(regs, r9);
	to[10] = BPF_CORE_READ(regs, r10);
	to[11] = BPF_CORE_READ(regs, r11);
	to[12] = BPF_CORE_READ(regs, r12);
	to[13] = BPF_CORE_READ(regs, r13);
	to[14] = BPF_CORE_READ(regs, r14);
	to[15] = BPF_CORE_READ(regs, r15);
	to[16] = BPF_CORE_READ(regs, ip);
#elif defined(__TARGET_ARCH_arm64)
	bpf_probe_read_kernel(to, 33 * sizeof(*to), regs);
#endif
}

/* Pages of a kind (MM_FILEPAGES 0, MM_ANONPAGES 1, MM_SWAPENTS 2, MM_SHMEMPAGES 3). Per CPU: 6.2.
 */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct mm_rss_stat {
	atomic_long_t count[4];
};
struct mm_struct___rss {
	struct mm_rss_stat rss_stat;
};
#pragma clang attribute pop

#define mm__pages(mm, kind)                                                                        \
	({                                                                                         \
		__s64 pages_ = bpf_core_type_exists(struct mm_rss_stat)                            \
				       ? BPF_CORE_READ((struct mm_struct___rss *)(mm),             \
						       rss_stat.count[kind].counter)               \
				       : BPF_CORE_READ(mm, rss_stat[kind].count);                  \
		pages_ > 0 ? (__u64)pages_ : 0;                                                    \
	})

/* The open-coded iterator over mappings: 6.7. */
extern int bpf_iter_task_vma_new(struct bpf_iter_task_vma *it, struct task_struct *task,
				 __u64 addr) __ksym __weak;
extern struct vm_area_struct *bpf_iter_task_vma_next(struct bpf_iter_task_vma *it) __ksym __weak;
extern void bpf_iter_task_vma_destroy(struct bpf_iter_task_vma *it) __ksym __weak;
#define can_iterate_vmas() (bpf_iter_task_vma_new != NULL)

/*
 * Before it, the mappings are walked as the kernel keeps them: in a list up to 6.0, then in a maple
 * tree. Only for the current task's own address space, while it has one thread.
 */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct vm_area_struct___list {
	struct vm_area_struct___list *vm_next;
};
struct mm_struct___list {
	struct vm_area_struct___list *mmap;
};
struct maple_tree {
	void *ma_root;
};
struct mm_struct___maple {
	struct maple_tree mm_mt;
};
struct maple_range_64 {
	unsigned long pivot[15];
	void *slot[16];
};
struct maple_arange_64 {
	unsigned long pivot[9];
	void *slot[10];
};
#pragma clang attribute pop

#define has_vma_list() bpf_core_field_exists(struct mm_struct___list, mmap)
#define has_vma_tree() bpf_core_field_exists(struct mm_struct___maple, mm_mt)

/* The node's type and address, as maple_tree.h packs them into a pointer. */
#define MAPLE_NODE_MASK 0xffULL
#define MAPLE_TYPE(entry) ((entry) >> 3 & 0xf)
#define MAPLE_LEAF_64 1
#define MAPLE_ARANGE_64 3
#define MAPLE_SLOTS 16
#define MAPLE_ARANGE_SLOTS 10

/* The slot i of a node that ends at node_max: an entry of the tree, or a node below. */
static __always_inline __u64 maple__slot(__u64 node, __u32 i, __u64 node_max, __u64 *ret_max)
{
	bool arange = MAPLE_TYPE(node) == MAPLE_ARANGE_64;
	__u64 at = (node & ~MAPLE_NODE_MASK) + i * sizeof(void *), slot_at, pivot_at;
	__u64 slot = 0, pivot = 0;

	if (arange) {
		slot_at = bpf_core_field_offset(struct maple_arange_64, slot);
		pivot_at = bpf_core_field_offset(struct maple_arange_64, pivot);
	} else {
		slot_at = bpf_core_field_offset(struct maple_range_64, slot);
		pivot_at = bpf_core_field_offset(struct maple_range_64, pivot);
	}
	bpf_probe_read_kernel(&slot, sizeof(slot), (void *)(at + slot_at));
	/* The last slot has no pivot, nor need the last one in use. */
	if (i + 1 < (arange ? MAPLE_ARANGE_SLOTS : MAPLE_SLOTS))
		bpf_probe_read_kernel(&pivot, sizeof(pivot), (void *)(at + pivot_at));
	*ret_max = pivot ?: node_max;
	return slot;
}

#endif
