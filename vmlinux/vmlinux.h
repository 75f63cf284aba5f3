/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel types that the BPF programs read, and of each only the fields that they read.
 *
 * Where a field lies is settled by CO-RE when the programs are loaded, so order, padding and what
 * is left out do not matter here: names, and the kinds of what they name, do. What another kernel
 * lacks of this, scripts/check-vmlinux says. Constants and enums come from the UAPI headers.
 */
#ifndef __VMLINUX_H__ /* the name by which bpf_tracing.h knows the kernel's pt_regs */
#define __VMLINUX_H__

#include <linux/bpf.h>
#include <linux/types.h>

#ifndef NULL
#define NULL ((void *)0)
#endif

#ifndef __bool_true_false_are_defined
#define bool _Bool
#define true 1
#define false 0
#define __bool_true_false_are_defined 1
#endif

typedef __u64 u64;
typedef int pid_t;
typedef __u32 dev_t; /* inside the kernel: 12 bits of major, 20 of minor */

/*
 * Contexts that the verifier rewrites by offset, and the registers inside of them, are ABI: whole,
 * in the kernel's order.
 */
#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long r15;
	unsigned long r14;
	unsigned long r13;
	unsigned long r12;
	unsigned long bp;
	unsigned long bx;
	unsigned long r11;
	unsigned long r10;
	unsigned long r9;
	unsigned long r8;
	unsigned long ax;
	unsigned long cx;
	unsigned long dx;
	unsigned long si;
	unsigned long di;
	unsigned long orig_ax;
	unsigned long ip;
	unsigned long cs;
	unsigned long flags;
	unsigned long sp;
	unsigned long ss;
};
typedef struct pt_regs bpf_user_pt_regs_t;
#elif defined(__TARGET_ARCH_arm64)
struct user_pt_regs {
	__u64 regs[31];
	__u64 sp;
	__u64 pc;
	__u64 pstate;
};
typedef struct user_pt_regs bpf_user_pt_regs_t;
#else
#error "vmlinux.h describes x86-64 and arm64"
#endif

struct bpf_perf_event_data {
	bpf_user_pt_regs_t regs;
	__u64 sample_period;
	__u64 addr;
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

#if defined(__TARGET_ARCH_arm64)
struct pt_regs {
	__s32 syscallno;
};
#endif

/* Of the classic tracepoints syscalls/sys_exit_*. */
struct trace_event_raw_sys_exit {
	long ret;
};

typedef struct {
	int counter;
} atomic_t;

struct rlimit {
	unsigned long rlim_cur;
	unsigned long rlim_max;
};

struct signal_struct {
	atomic_t live;
	int group_exit_code;
	unsigned int flags;
	unsigned long maxrss;
	struct rlimit rlim[16];
	short oom_score_adj;
};

struct sigaction {
	void *sa_handler;
};

struct k_sigaction {
	struct sigaction sa;
};

struct sighand_struct {
	struct k_sigaction action[64];
};

struct super_block {
	dev_t s_dev;
	unsigned long s_magic;
};

struct inode {
	struct super_block *i_sb;
	unsigned long i_ino;
	long long i_size;
};

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
};

struct vfsmount {
	struct dentry *mnt_root;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	struct path f_path;
	struct inode *f_inode;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

typedef struct {
	unsigned long pgd;
} pgd_t;

typedef struct {
	__s64 counter;
} atomic64_t;

typedef struct {
	long counter;
} atomic_long_t;

struct percpu_counter {
	__s64 count;
};

struct mm_struct {
	pgd_t *pgd;
	int map_count;
	atomic_long_t pgtables_bytes;
	unsigned long hiwater_vm;
	unsigned long total_vm;
	unsigned long data_vm;
	unsigned long locked_vm;
	unsigned long stack_vm;
	struct percpu_counter rss_stat[4];
	unsigned long start_code;
	unsigned long end_code;
	unsigned long start_brk;
	unsigned long brk;
	unsigned long start_stack;
};

struct vm_area_struct {
	unsigned long vm_start;
	unsigned long vm_end;
	unsigned long vm_flags;
	unsigned long vm_pgoff;
	struct file *vm_file;
};

#if defined(__TARGET_ARCH_x86)
struct thread_info {
	__u32 status;
};
#endif

#if defined(__TARGET_ARCH_x86)
struct thread_struct {
	unsigned long sp;
	unsigned long trap_nr;
	unsigned long error_code;
};

/* What a new task's kernel stack begins with, below its registers. */
struct inactive_task_frame {
	unsigned long ret_addr;
};
#endif

struct task_struct {
#if defined(__TARGET_ARCH_x86)
	struct thread_info thread_info;
	struct thread_struct thread;
#endif
	unsigned int flags;
	void *stack;
	struct mm_struct *mm;
	int exit_code;
	pid_t pid;
	pid_t tgid;
	struct task_struct *group_leader;
	u64 start_boottime;
	unsigned long min_flt;
	unsigned long maj_flt;
	struct files_struct *files;
	struct signal_struct *signal;
	struct sighand_struct *sighand;
	unsigned long sas_ss_sp;
	unsigned long sas_ss_size;
	char comm[16];
	struct css_set *cgroups;
};

struct kernfs_node {
	const char *name;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct cgroup_subsys_state {
	struct cgroup *cgroup;
};

enum cgroup_subsys_id {
	memory_cgrp_id = 4, /* settled at load */
};

struct css_set {
	struct cgroup_subsys_state *subsys[14];
};

struct page_counter {
	atomic_long_t usage;
	unsigned long max;
	struct page_counter *parent;
};

struct mem_cgroup {
	struct cgroup_subsys_state css;
	struct page_counter memory;
};

/* Any structure with a 64-bit number in front will do, to read one from where there is no type. */
struct timespec64 {
	long long tv_sec;
};

struct linux_binprm {
	const char *filename;
};

union __sifields {
	struct {
		void *_addr;
		union {
			struct {
				__u32 _pkey;
			} _addr_pkey;
		};
	} _sigfault;
};

struct kernel_siginfo {
	int si_code;
	union __sifields _sifields;
};

#pragma clang attribute pop

/* Since 6.7. Lives on a program's stack: its size is ABI. */
struct bpf_iter_task_vma {
	__u64 __opaque[1];
} __attribute__((aligned(8)));

#endif
