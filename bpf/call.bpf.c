// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The memory system calls, at their end: the user's registers still hold the arguments then, so
 * one probe per call gives arguments and result.
 */
#include "common.bpf.h"
#include "limits.bpf.h"
#include "path.bpf.h"

#define PROT_EXEC 0x4
#define MAP_ANONYMOUS 0x20
/* prctl */
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
/* What a call returns for an error: -1 … -MAX_ERRNO. */
#define MAX_ERRNO 4095

static __always_inline unsigned int call__nr_args(__u16 kind)
{
	switch (kind) {
	case MT_KIND_MMAP:
		return 6;
	case MT_KIND_MREMAP:
		return 5;
	case MT_KIND_MADVISE:
	case MT_KIND_MPROTECT:
		return 3;
	case MT_KIND_MUNMAP:
	case MT_KIND_MLOCK:
		return 2;
	}
	return 1;
}

/* What the other registers hold by chance is nobody's business: a recording goes to others. */
static __always_inline void call__fill(struct mt_call *call, struct pt_regs *regs, long ret)
{
	unsigned int nr = call__nr_args(call->hdr.kind);

	call->arg[0] = PT_REGS_PARM1_CORE_SYSCALL(regs);
	call->arg[1] = nr > 1 ? PT_REGS_PARM2_CORE_SYSCALL(regs) : 0;
	call->arg[2] = nr > 2 ? PT_REGS_PARM3_CORE_SYSCALL(regs) : 0;
	call->arg[3] = nr > 3 ? PT_REGS_PARM4_CORE_SYSCALL(regs) : 0;
	call->arg[4] = nr > 4 ? PT_REGS_PARM5_CORE_SYSCALL(regs) : 0;
	call->arg[5] = nr > 5 ? syscall__arg6(regs) : 0;
	call->ret = ret;
	call->flt = current__flt();
}

static __always_inline struct file *fd__file(__u32 fd)
{
	struct fdtable *fdt = BPF_CORE_READ(current__task(), files, fdt);
	struct file **slots = BPF_CORE_READ(fdt, fd);
	struct file *file = NULL;

	if (fd >= BPF_CORE_READ(fdt, max_fds))
		return NULL;
	bpf_probe_read_kernel(&file, sizeof(file), &slots[fd]);
	return file;
}

static __always_inline int call__send(__u16 kind, struct pt_regs *regs, long ret)
{
	struct mt_call_use *rec = record__reserve(kind, sizeof(*rec));

	if (!rec)
		return 0;
	call__fill(&rec->call, regs, ret);
	use__fill(&rec->use);
	record__submit(rec);
	return 0;
}

/* brk answers with the break as it is, also where it could not be moved. */
static __always_inline bool call__failed(__u16 kind, struct pt_regs *regs, long ret)
{
	unsigned long wanted;

	if (kind != MT_KIND_BRK)
		return ret < 0 && ret >= -MAX_ERRNO;
	wanted = PT_REGS_PARM1_CORE_SYSCALL(regs);
	return wanted && ret != wanted;
}

static __always_inline int mmap__emit(struct pt_regs *regs, long ret)
{
	unsigned long map_flags = PT_REGS_PARM4_CORE_SYSCALL(regs);
	struct mt_mmap_file_use *rec;
	struct mt_call *call;
	struct mt_file *of;
	struct file *file;

	if (map_flags & MAP_ANONYMOUS)
		return call__send(MT_KIND_MMAP, regs, ret);
	rec = record__reserve(MT_KIND_MMAP, sizeof(*rec));
	if (!rec)
		return 0;
	call = &rec->mmap.call;
	call__fill(call, regs, ret);
	use__fill(&rec->use);
	call->hdr.flags = MT_CALL_FILE;
	file = fd__file(call->arg[4]);
	if (file__is_shmem(file))
		call->hdr.flags |= MT_CALL_SHMEM;
	of = &rec->mmap.file;
	file__identify(file, &of->dev_major, &of->dev_minor, &of->ino);
	__builtin_memset(of->name, 0, sizeof(of->name));
	file__name(file, of->name, sizeof(of->name));
	record__submit(rec);
	if (PT_REGS_PARM3_CORE_SYSCALL(regs) & PROT_EXEC && !call__failed(MT_KIND_MMAP, regs, ret))
		path__send((__u64)file);
	return 0;
}

/* Anonymous memory gets a name (Linux 5.17). */
static __always_inline int prctl__emit(struct pt_regs *regs, long ret)
{
	struct mt_anon_name *rec;
	const void *name;

	if (ret || PT_REGS_PARM1_CORE_SYSCALL(regs) != PR_SET_VMA ||
	    PT_REGS_PARM2_CORE_SYSCALL(regs) != PR_SET_VMA_ANON_NAME)
		return 0;
	rec = record__reserve(MT_KIND_ANON_NAME, sizeof(*rec));
	if (!rec)
		return 0;
	rec->start = PT_REGS_PARM3_CORE_SYSCALL(regs);
	rec->size_bytes = PT_REGS_PARM4_CORE_SYSCALL(regs);
	name = (const void *)PT_REGS_PARM5_CORE_SYSCALL(regs);
	__builtin_memset(rec->name, 0, sizeof(rec->name));
	if (name)
		bpf_probe_read_user_str(rec->name, sizeof(rec->name), name);
	record__submit(rec);
	return 0;
}

static __always_inline int call__emit(__u16 kind, struct pt_regs *regs, long ret)
{
	if (kind == MT_KIND_LIMITS)
		return ret ? 0 : limits__send();
	if (kind == MT_KIND_ANON_NAME)
		return prctl__emit(regs, ret);
	/* Before the call, which is judged by them. */
	if (call__failed(kind, regs, ret))
		limits__send();
	if (kind == MT_KIND_MMAP)
		return mmap__emit(regs, ret);
	return call__send(kind, regs, ret);
}

static __always_inline bool call__traced(void)
{
	return tgid__traced(bpf_get_current_pid_tgid() >> 32) && !current__is_compat();
}

#if defined(__TARGET_ARCH_x86)
#define NR_mmap 9
#define NR_mprotect 10
#define NR_munmap 11
#define NR_brk 12
#define NR_mremap 25
#define NR_madvise 28
#define NR_mlock 149
#define NR_mlockall 151
#define NR_prctl 157
#define NR_setrlimit 160
#define NR_prlimit64 302
#define NR_mlock2 325
#define NR_pkey_mprotect 329
#else /* asm-generic */
#define NR_setrlimit 164
#define NR_prctl 167
#define NR_brk 214
#define NR_munmap 215
#define NR_mremap 216
#define NR_mmap 222
#define NR_mprotect 226
#define NR_mlock 228
#define NR_mlockall 230
#define NR_madvise 233
#define NR_prlimit64 261
#define NR_mlock2 284
#define NR_pkey_mprotect 288
#endif

static __always_inline __u16 call__kind(long nr)
{
	switch (nr) {
	case NR_brk:
		return MT_KIND_BRK;
	case NR_mmap:
		return MT_KIND_MMAP;
	case NR_munmap:
		return MT_KIND_MUNMAP;
	case NR_mremap:
		return MT_KIND_MREMAP;
	case NR_madvise:
		return MT_KIND_MADVISE;
	case NR_mprotect:
	case NR_pkey_mprotect:
		return MT_KIND_MPROTECT;
	case NR_mlock:
	case NR_mlock2:
		return MT_KIND_MLOCK;
	case NR_mlockall:
		return MT_KIND_MLOCKALL;
	case NR_prctl:
		return MT_KIND_ANON_NAME;
	case NR_setrlimit:
	case NR_prlimit64:
		return MT_KIND_LIMITS;
	}
	return 0;
}

/*
 * One raw tracepoint, and out again at once for other calls: measured, it costs a system call of
 * anyone 10 to 12 ns, against 7 for a classic tracepoint per call, which take 0.07 s each to
 * detach and need tracefs.
 */
#define DEFINE_CALL_EXIT(name, copy)                                                               \
	SEC("tp_btf/sys_exit")                                                                     \
	int BPF_PROG(name, struct pt_regs *regs, long ret)                                         \
	{                                                                                          \
		__u16 kind = call__kind(syscall__nr(regs));                                        \
                                                                                                   \
		if (!kind || !call__traced() || !turn__take(TURN_CALL, copy))                      \
			return 0;                                                                  \
		return call__emit(kind, regs, ret);                                                \
	}
EACH_COPY(DEFINE_CALL_EXIT, call_exit)

/*
 * The return of a system call's own function: nobody's other calls pay for it, and it runs with
 * preemption off, so that no call is skipped. Threads take a page of the kernel's more for it.
 */
SEC("kretprobe.multi")
int call_return(struct pt_regs *ctx)
{
	struct pt_regs *regs = current__regs();
	__u16 kind = call__kind(syscall__nr_read(regs));

	if (!kind || !call__traced())
		return 0;
	return call__emit(kind, regs, PT_REGS_RC(ctx));
}

char LICENSE[] SEC("license") = "GPL";
