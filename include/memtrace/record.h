/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The records that cross from kernel to user space, and from a source to the decoder.
 *
 * One ABI: every field has a fixed width, there is no implicit padding, every byte is written.
 * Enums are numbered and append-only. A reader skips a kind it does not know by size_bytes.
 * Included by the BPF programs (after vmlinux.h) and by user space (after linux/types.h).
 */
#ifndef MEMTRACE_RECORD_H
#define MEMTRACE_RECORD_H

#ifndef __bpf__
#include <linux/types.h>
#endif

#define MT_COMM_BYTES 16
#define MT_NAME_BYTES 64
#define MT_PATH_BYTES 256
/* The faults of one thread that travel in one record. */
#define MT_BATCH_FAULTS 64
#define MT_RECORD_MAX_BYTES 8192

enum mt_kind {
	/* From the kernel. */
	MT_KIND_FAULTS = 1,
	MT_KIND_MAJOR = 2, /* before 1.1 of recordings; now MT_KIND_COUNTED */
	MT_KIND_MMAP = 3,
	MT_KIND_MUNMAP = 4,
	MT_KIND_BRK = 5,
	MT_KIND_MREMAP = 6,
	MT_KIND_MADVISE = 7,
	MT_KIND_MPROTECT = 8,
	MT_KIND_MLOCK = 9,
	MT_KIND_MLOCKALL = 10,
	MT_KIND_FORK = 11,
	MT_KIND_EXEC = 12,
	MT_KIND_EXIT = 13,
	MT_KIND_SIGNAL = 14,
	MT_KIND_MAPPING = 15, /* also from user space, read from /proc */
	MT_KIND_COUNTED = 16,
	MT_KIND_HUGE = 17,
	MT_KIND_TIMED_FAULTS = 18,
	MT_KIND_ANON_NAME = 19,
	MT_KIND_LIMITS = 20,	 /* also from user space, read from /proc */
	MT_KIND_STACK_COPY = 21, /* for the loader alone: never in a recording */
	MT_KIND_OOM_KILL = 22,
	MT_KIND_RECLAIM = 23,
	MT_KIND_PATH = 24, /* for the loader alone: never in a recording */

	/* From user space: what the stream needs and the kernel programs cannot send. */
	MT_KIND_SESSION = 64,
	MT_KIND_PROCESS = 65,
	MT_KIND_THREAD = 66,
	MT_KIND_SAMPLE = 67,
	MT_KIND_TICK = 68,
	MT_KIND_WATERMARK = 69,
	MT_KIND_LOSS = 70,
	MT_KIND_PROBE = 71,
	MT_KIND_END = 72,
	MT_KIND_BUILD_ID = 73,
	MT_KIND_GONE = 74,
	MT_KIND_SYMBOL = 75,
	MT_KIND_CGROUP = 76,
	MT_KIND_STACK = 77,
	MT_KIND_STACK_MARK = 78,
	MT_KIND_MEMORY = 79,

	/* Only inside of a recording (recording.h): its reader makes MT_KIND_FAULTS of it again. */
	MT_KIND_PACKED_FAULTS = 96,
};

/* Every record starts so. */
struct mt_record {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u32 tgid;
	__u32 tid;
	__u16 size_bytes; /* whole record, this header included */
	__u16 kind;	  /* enum mt_kind */
	__u16 cpu;
	__u16 flags; /* by kind */
};

/*
 * The kernel's own fault counters of a thread (task->min_flt, maj_flt), low 32 bits, as they stood
 * when the record was made. Their change between two records of a thread says how each exception
 * between them ended, and how many faults were counted without an exception.
 */
struct mt_flt {
	__u32 min_flt;
	__u32 maj_flt;
};

/* MT_KIND_FAULTS: page-fault exceptions, in time order, all of the thread in the header. */
struct mt_fault {
	__u64 addr_flags;  /* address in the low 57 bits, MT_FAULT_* above */
	__u64 time_ns;	   /* at the start of the exception */
	struct mt_flt flt; /* before this fault was handled */
};

#define MT_FAULT_ADDR_BITS 57
#define MT_FAULT_ADDR_MASK ((1ULL << MT_FAULT_ADDR_BITS) - 1)
#define MT_FAULT_WRITE (1ULL << 57)
#define MT_FAULT_EXEC (1ULL << 58)
#define MT_FAULT_KERNEL (1ULL << 59) /* taken in kernel mode, on a user address */
#define MT_FAULT_PROT (1ULL << 60)   /* the page was there: a protection fault */
#define MT_FAULT_ENTRY_SHIFT 61	     /* enum mt_entry */

/* What the page table had for the address when the fault began. */
enum mt_entry {
	MT_ENTRY_UNKNOWN = 0,
	MT_ENTRY_NONE = 1,	/* nothing, in a table of pages: one page will be mapped */
	MT_ENTRY_NO_TABLE = 2,	/* nothing, nor a table of pages: a huge page may be mapped */
	MT_ENTRY_SWAP = 3,	/* the page is in swap */
	MT_ENTRY_MIGRATION = 4, /* the page is on the move, or another special entry */
	MT_ENTRY_PROTNONE = 5,	/* there, and made inaccessible: for a hint of NUMA balancing */
	MT_ENTRY_PRESENT = 6,	/* there, and it does not allow this access */
	MT_ENTRY_ALLOWED = 7,	/* there, and it allows this access: another thread was faster */
};

/* The thread has not faulted on this CPU before, or others have since it did. */
#define MT_FAULTS_MOVED 0x1
struct mt_faults {
	struct mt_record hdr; /* time_ns: of the first fault */
	__u32 nr;
	__u32 lost; /* faults lost on this CPU so far, by a full ring buffer */
		    /* struct mt_fault [nr] follow */
};

/* MT_KIND_MAJOR: the kernel has just counted a major fault of this thread at this address. */
struct mt_major {
	struct mt_record hdr;
	__u64 addr;
};

/*
 * MT_KIND_COUNTED: the kernel has just counted a fault of this thread at this address: the one that
 * began last there ends now. Of the minor ones some.
 */
#define MT_COUNTED_MAJOR 0x1
struct mt_counted {
	struct mt_record hdr;
	__u64 addr;
	__u64 ip;     /* of the instruction, the user's or the kernel's */
	__u32 weight; /* of so many faults this one was picked, blindly; 0: for being slow */
	__u32 pad;
};

/*
 * MT_KIND_HUGE: what the last fault of this thread mapped, which began with MT_ENTRY_NO_TABLE at
 * this address. Where there is none before the thread's next fault, it was a page of the usual
 * size; but if that fault has MT_FAULTS_MOVED or is by another CPU, nobody looked.
 */
struct mt_huge {
	struct mt_record hdr;
	__u64 addr;
	__u64 size_bytes; /* of the page, huge or not; 0: nothing is mapped there any more */
};

/* MT_KIND_TIMED_FAULTS: faults from begin to end, in the order of their ends, of one thread. */
struct mt_timed_fault {
	struct mt_fault fault; /* but time_ns is that of the end */
	__u64 latency_outcome; /* ns in the low 48 bits, MT_OUTCOME_* above */
};

#define MT_LATENCY_BITS 48
#define MT_OUTCOME_MAJOR (1ULL << 48)
#define MT_OUTCOME_HUGE_PMD (1ULL << 49)  /* mapped by an entry for 2 MiB */
#define MT_OUTCOME_HUGE_PUD (1ULL << 50)  /* mapped by an entry for 1 GiB */
#define MT_OUTCOME_TIMED (1ULL << 51)	  /* latency is known */
#define MT_OUTCOME_NO_ACCESS (1ULL << 52) /* the kind of access is not known */
#define MT_OUTCOME_NOT_READ (1ULL << 53)  /* major for being retried, nothing was read */

/*
 * MT_KIND_MMAP … MT_KIND_MLOCKALL: a memory system call, at its end.
 * arg[] are the call's arguments in their own order, then 0; ret its result, -errno where it
 * failed.
 */
struct mt_call {
	struct mt_record hdr;
	__u64 arg[6];
	__s64 ret;
	struct mt_flt flt;
};

/* Follows struct mt_call in an MT_KIND_MMAP record of a file mapping (flag MT_CALL_FILE). */
#define MT_CALL_FILE 0x1
#define MT_CALL_SHMEM 0x2 /* the file is on tmpfs: shared memory, memfd, /dev/shm */
struct mt_file {
	__u32 dev_major;
	__u32 dev_minor;
	__u64 ino;
	char name[MT_NAME_BYTES]; /* last path component; NUL-terminated */
};

struct mt_mmap_file {
	struct mt_call call;
	struct mt_file file;
};

/*
 * What is held against limits, of an address space. Follows struct mt_call, or struct mt_mmap_file,
 * since 1.2 of recordings: as it was when the call had ended.
 */
struct mt_use {
	__u64 total_pages;  /* RLIMIT_AS */
	__u64 data_pages;   /* RLIMIT_DATA; private writable mappings but stacks */
	__u64 locked_pages; /* RLIMIT_MEMLOCK */
	__u32 map_count;    /* vm.max_map_count */
	__u32 pad;
};

struct mt_call_use {
	struct mt_call call;
	struct mt_use use;
};

struct mt_mmap_file_use {
	struct mt_mmap_file mmap;
	struct mt_use use;
};

/*
 * MT_KIND_LIMITS: of a process, at its exec, before a memory call that has failed, after a change
 * by itself; from user space when tracing begins and ends.
 */
enum mt_limit {
	MT_LIMIT_AS = 0,
	MT_LIMIT_DATA = 1,
	MT_LIMIT_STACK = 2,
	MT_LIMIT_MEMLOCK = 3,
	MT_LIMIT_NR,
};
#define MT_LIMIT_SLOTS 8       /* room for limits to come; ~0 so far */
#define MT_LIMITS_READ 0x1     /* from /proc: the next flag means something */
#define MT_LIMITS_IPC_LOCK 0x2 /* CAP_IPC_LOCK: RLIMIT_MEMLOCK is not held against it */
struct mt_limits {
	struct mt_record hdr;
	__u64 soft_bytes[MT_LIMIT_SLOTS]; /* ~0: unlimited */
	__u64 hard_bytes[MT_LIMIT_SLOTS];
	struct mt_use use;
	__u64 total_peak_pages; /* the most that total_pages has been; 0: not known */
};

/* MT_KIND_ANON_NAME: prctl(PR_SET_VMA_ANON_NAME) has named anonymous memory, or taken its name. */
#define MT_ANON_NAME_BYTES 80
struct mt_anon_name {
	struct mt_record hdr;
	__u64 start;
	__u64 size_bytes;
	char name[MT_ANON_NAME_BYTES]; /* empty: none any more; NUL-terminated */
};

/* MT_KIND_FORK: by the parent (header), before the child runs. */
#define MT_FORK_THREAD 0x1	 /* a new thread of the same process */
#define MT_FORK_SHARED_MM 0x2	 /* another process that shares the address space (vfork) */
#define MT_FORK_NOT_FOLLOWED 0x4 /* another process that is not traced */
struct mt_fork {
	struct mt_record hdr;
	__u32 child_tgid;
	__u32 child_tid;
	__u64 child_start_ns; /* CLOCK_BOOTTIME */
	__u64 child_sp;	      /* user stack pointer that the child starts with; 0: not known */
	struct mt_flt flt;    /* the parent's */
};

/* MT_KIND_EXEC: the new program is mapped; MT_KIND_MAPPING records follow if MT_EXEC_MAPPED. */
#define MT_EXEC_MAPPED 0x1
struct mt_exec {
	struct mt_record hdr;
	__u32 old_tid; /* a thread that is not the leader becomes it by exec */
	__u32 pad;
	struct mt_flt flt;
	__u64 start_code;
	__u64 end_code;
	__u64 start_brk;
	__u64 brk;
	__u64 start_stack;
	__u64 stack_limit_bytes; /* soft RLIMIT_STACK; ~0: unlimited */
	char comm[MT_COMM_BYTES];
	char path[MT_PATH_BYTES]; /* as given to execve; NUL-terminated */
};

/* MT_KIND_EXIT: of a thread; with MT_EXIT_GROUP the last one of its process. */
#define MT_EXIT_GROUP 0x1 /* may be set for several that end together */
struct mt_exit {
	struct mt_record hdr;
	struct mt_flt flt;
	__u32 exit_code; /* as wait(2) reports it: code << 8 | signal; of the process for the last
			  */
	__u32 pad;
	__u64 max_rss_bytes;	  /* of the process; 0: not known */
	char comm[MT_COMM_BYTES]; /* of the thread */
};

/* MT_KIND_SIGNAL: SIGSEGV or SIGBUS that the kernel raises for a bad access, in that thread. */
#define MT_SIGNAL_VMA_KNOWN 0x1 /* vma_* were looked up; vma_end 0: no mapping there */
#define MT_SIGNAL_HANDLED 0x2	/* the process has a handler for it; since 1.2 */
#define MT_SIGNAL_COPIED 0x4	/* the user stack was read: MT_KIND_STACK may follow; since 1.2 */
struct mt_signal {
	struct mt_record hdr;
	struct mt_flt flt;
	__s32 signo;
	__s32 code; /* si_code */
	__u64 addr; /* si_addr */
	__u64 sp;
	__u64 ip;
	__u64 stack_limit_bytes; /* soft RLIMIT_STACK; ~0: unlimited */
	__u64 start_stack;	 /* mm->start_stack */
	__u64 stack_vm_bytes;	 /* mm->stack_vm: mapped by growing stacks */
	__u64 vma_start;	 /* the mapping that holds addr */
	__u64 vma_end;
	__u64 vma_flags; /* VM_READ 1, VM_WRITE 2, VM_EXEC 4, VM_SHARED 8, VM_GROWSDOWN 0x100 */
	char comm[MT_COMM_BYTES]; /* of the thread */
};

/* struct mt_signal goes on so, since 1.2 of recordings. */
#define MT_TRAP_UNKNOWN (~0U)
#define MT_TRAP_PROTECTION 13
#define MT_TRAP_PAGE_FAULT 14
struct mt_signal_more {
	struct mt_signal signal;
	__u32 trap;	  /* number of the x86 exception; MT_TRAP_UNKNOWN */
	__u32 error_code; /* of a page fault: 1 present, 2 write, 4 user, 0x10 exec, 0x20 key */
	__u32 pkey;	  /* of SEGV_PKUERR */
	__u32 pad;
	__u64 altstack_start; /* sigaltstack(2) of the thread */
	__u64 altstack_bytes; /* 0: it has none */
	__u64 file_offset;    /* of vma_start in its file */
	__u64 file_bytes;     /* size of that file; ~0: not known, or no file */
	__u64 as_limit_bytes; /* soft RLIMIT_AS; ~0: unlimited */
	struct mt_use use;
};

/*
 * MT_KIND_STACK_COPY: registers and user stack at a bad access, for the loader to unwind. The
 * stack lies in the map stacks, in the chunks of the slot, from start on.
 */
#define MT_STACK_CHUNK_BYTES (64 << 10)
#define MT_STACK_PAGE_BYTES 4096
#define MT_STACK_SMALL_SLOTS 8	 /* of one chunk each; then one that has MT_STACK_DEEP_CHUNKS */
#define MT_STACK_DEEP_CHUNKS 132 /* 8 MiB, and what an overflow leaves free below */
#define MT_STACK_CHUNKS (MT_STACK_SMALL_SLOTS + MT_STACK_DEEP_CHUNKS)
#define MT_STACK_PAGES (MT_STACK_DEEP_CHUNKS * MT_STACK_CHUNK_BYTES / MT_STACK_PAGE_BYTES)
#define MT_STACK_REGS 34
#define MT_STACK_COPY_HANDLED 0x1 /* its signal has MT_SIGNAL_HANDLED */
struct mt_stack_copy {
	struct mt_record hdr;
	__u64 signal_time_ns; /* of its MT_KIND_SIGNAL */
	__u64 start;	      /* address of the first byte; a page's begin */
	__u32 slot;	      /* the first chunk of it, and the key of the claim */
	__u32 nr_chunks;
	/* By DWARF number: x86-64 rax rdx rcx rbx rsi rdi rbp rsp r8 … r15 rip, arm64 x0 … x30 sp
	 * pc. */
	__u64 regs[MT_STACK_REGS];
	__u64 pages[MT_STACK_PAGES / 64]; /* a bit each: it was read, the others are zero */
};

/*
 * MT_KIND_PATH: where a file lies that has been mapped to be executed, in the tree of all mounts:
 * its own name and those of the directories above it, up to the root, each with a 0 byte at its
 * end.
 */
#define MT_PATH_NAME_BYTES 256
#define MT_PATH_NAMES_BYTES 768
struct mt_path {
	struct mt_record hdr;
	__u32 dev_major;
	__u32 dev_minor;
	__u64 ino;
	__u32 len; /* bytes of names, their 0 bytes included */
	__u32 pad;
	char names[MT_PATH_NAMES_BYTES];
};

/*
 * MT_KIND_OOM_KILL: the kernel has chosen a victim (header) for being out of memory. A victim or a
 * trigger is traced.
 */
#define MT_OOM_SIZES_KNOWN 0x1 /* else what follows the trigger is 0, and comm is empty */
struct mt_oom_kill {
	struct mt_record hdr;
	__u32 trigger_tgid; /* who asked for memory */
	__u32 trigger_tid;
	__u64 anon_pages; /* as the kernel's own message has them */
	__u64 file_pages;
	__u64 shmem_pages;
	__u64 swap_pages;
	__u64 pagetable_bytes;
	__u64 total_pages; /* virtual */
	__s32 score_adj;   /* /proc/PID/oom_score_adj */
	__u32 pad;
	__u64 cgroup_limit_bytes; /* ~0: none, the system was out of memory */
	__u64 cgroup_usage_bytes;
	char comm[MT_COMM_BYTES];
	char trigger_comm[MT_COMM_BYTES];
	char cgroup[MT_NAME_BYTES]; /* last component of its path */
};

/* MT_KIND_RECLAIM: the thread had to free memory itself before it got some; time_ns is the end. */
#define MT_RECLAIM_CGROUP 0x1 /* for a cgroup's limit; else for the system's memory */
struct mt_reclaim {
	struct mt_record hdr;
	__u64 duration_ns;
	__u64 reclaimed_pages;
};

/*
 * MT_KIND_MAPPING: one mapping of an address space. The first of a set has MT_MAPPING_FIRST: it
 * replaces all that was known of the process's address space.
 */
#define MT_MAPPING_FIRST 0x1
#define MT_MAPPING_HEAP 0x2   /* [heap]: the program break */
#define MT_MAPPING_STACK 0x4  /* [stack]: the main stack */
#define MT_MAPPING_VDSO 0x8   /* [vdso], [vvar], [vsyscall], … */
#define MT_MAPPING_ANON 0x10  /* no file behind it */
#define MT_MAPPING_SHMEM 0x40 /* shared memory: tmpfs, memfd, System V, shared anonymous */
struct mt_mapping {
	struct mt_record hdr;
	__u64 start;
	__u64 end;
	__u64 offset; /* in the file, bytes */
	__u32 prot;   /* PROT_READ 1, PROT_WRITE 2, PROT_EXEC 4 */
	__u32 shared; /* 1: MAP_SHARED */
	__u32 dev_major;
	__u32 dev_minor;
	__u64 ino;
	char name[MT_PATH_BYTES]; /* path or last component; may be empty; NUL-terminated */
};

/* MT_KIND_SESSION: tracing begins; time_ns is the zero of all relative times. */
#define MT_SESSION_COMMAND 0x1 /* the target is a command, traced from its first instruction */
struct mt_session {
	struct mt_record hdr;
	__u64 start_realtime_ns; /* CLOCK_REALTIME */
	__u64 start_boottime_ns; /* CLOCK_BOOTTIME */
	__u64 interval_ns;
	__u32 page_bytes;
	__u32 cpus;
	char kernel[65]; /* uname release */
	char arch[65];
	char host[65];	  /* uname nodename */
	char target[253]; /* as the user gave it */
};

/* MT_KIND_PROCESS: what /proc says of a process that was not seen to be born. */
#define MT_PROCESS_TARGET 0x1 /* named by the user */
struct mt_process {
	struct mt_record hdr;
	__u32 ppid;
	__u32 nr_threads;
	__u64 start_ns; /* CLOCK_BOOTTIME */
	__u64 start_brk;
	__u64 start_stack;
	__u64 stack_limit_bytes; /* ~0: unlimited */
	char comm[MT_COMM_BYTES];
	char exe[MT_PATH_BYTES];
};

/* MT_KIND_THREAD: the fault counters of a live thread, read from /proc. */
#define MT_THREAD_FINAL 0x1  /* read when tracing ended */
#define MT_THREAD_NO_FLT 0x2 /* flt is not to be used: just name and sp */
struct mt_thread {
	struct mt_record hdr;
	struct mt_flt flt;
	__u64 sp; /* user stack pointer; 0: not known */
	char comm[MT_COMM_BYTES];
};

/* MT_KIND_SAMPLE: read from /proc at an interval's end. */
struct mt_sample {
	struct mt_record hdr;
	__u64 rss_bytes;
};

/*
 * MT_KIND_TICK: an interval ends at time_ns. MT_KIND_WATERMARK: nothing older is to come.
 * MT_KIND_GONE: the process of the header is no longer there; if no MT_KIND_EXIT of before says so,
 * that was lost.
 */
struct mt_tick {
	struct mt_record hdr;
};

/* MT_KIND_LOSS: what was lost so far, by cause. */
enum mt_loss {
	MT_LOSS_RING_FAULTS = 0,  /* faults: ring buffer full */
	MT_LOSS_RING_RECORDS = 1, /* other records: ring buffer full */
	MT_LOSS_FILTER_FULL = 2,  /* children not followed: pid outside of the filter */
	MT_LOSS_READ = 3,	  /* records that the reader could not keep or decode */
	MT_LOSS_MISSED = 4,	  /* probes that the kernel did not run, on events of any process */
	MT_LOSS_NR,
};
#define MT_LOSS_SLOTS 16 /* room for causes to come; 0 so far */

struct mt_losses {
	struct mt_record hdr;
	__u64 lost[MT_LOSS_SLOTS];
	__u64 delivered; /* events delivered, each fault counted */
};

/* MT_KIND_PROBE: which probe serves a fact in this run, and what it misses. */
struct mt_probe {
	struct mt_record hdr;
	char fact[32];
	char via[64];
	char misses[160]; /* separated by "; ", empty: nothing known */
	__u32 weight;	  /* 1: each event is seen; n: one stands for n */
	__u32 slow_ns; /* of fault latency: what took as long is seen in any case; 0: it is not */
};

/* MT_KIND_END: tracing ended. */
enum mt_ended_by {
	MT_ENDED_DURATION = 0,
	MT_ENDED_INTERRUPT = 1,
	MT_ENDED_TARGET_EXIT = 2,
	MT_ENDED_CUT_OFF = 3,	 /* a recording without its end */
	MT_ENDED_TOO_COSTLY = 4, /* reading on would be out of proportion to the recording */
};

struct mt_end {
	struct mt_record hdr;
	__u32 ended_by; /* enum mt_ended_by */
	__u32 pad;
};

/* MT_KIND_BUILD_ID: of a file that a process has mapped executable; once for each file. */
#define MT_BUILD_ID_MAX_BYTES 32
struct mt_build_id {
	struct mt_record hdr;
	__u32 dev_major;
	__u32 dev_minor;
	__u64 ino;
	__u32 id_bytes; /* 0: the file has none */
	__u8 id[MT_BUILD_ID_MAX_BYTES];
	char name[MT_PATH_BYTES]; /* as in struct mt_mapping */
	__u32 pad;
};

/* MT_KIND_SYMBOL: the function that has an instruction; of those of slow faults. */
#define MT_SYMBOL_BYTES 128
struct mt_symbol {
	struct mt_record hdr;
	__u32 dev_major; /* of the file */
	__u32 dev_minor;
	__u64 ino;
	__u64 file_offset;	      /* of the instruction */
	__u64 offset;		      /* of the instruction, from the begin of the function */
	char file[MT_PATH_BYTES];     /* as in struct mt_mapping */
	char symbol[MT_SYMBOL_BYTES]; /* the function's, cut off if longer; empty: none */
};

/* MT_KIND_CGROUP: the memory cgroup that holds a process, or one above it that has a limit. */
struct mt_cgroup {
	struct mt_record hdr;
	__u32 version;	   /* 1 or 2 */
	__u32 level;	   /* 0: the process's own, 1: the one above, … */
	__u64 max_bytes;   /* memory.max, memory.limit_in_bytes; ~0: none */
	__u64 high_bytes;  /* memory.high; ~0: none */
	__u64 usage_bytes; /* of all its processes */
	__u64 peak_bytes;  /* 0: not known */
	__u64 max_events;  /* so often memory had to be freed for max; v1: failcnt */
	__u64 high_events; /* and for high */
	__u64 oom_kills;   /* processes of it that were killed */
	__u64 held_bytes;  /* of usage: anonymous and shared memory, no page cache; ~0: not known */
	char path[MT_PATH_BYTES]; /* below the mount; NUL-terminated */
};

/* MT_KIND_STACK: the frames of a thread at a bad access, innermost first. */
#define MT_STACK_CUT_OFF 0x1 /* it does not reach the thread's begin */
/* Some are by frame pointers, in code that no file tells of: it may have had frames without. */
#define MT_STACK_BY_POINTERS 0x2
/* A file of code that it came to could not be found or read, or tells nothing of frames. */
#define MT_STACK_NO_FILE 0x4
#define MT_STACK_MAX_FRAMES 40
struct mt_frame {
	__u64 ip;     /* of the call, or of the bad access */
	__u64 offset; /* from the function's begin, or in the file */
	__u32 cycle;  /* this and the next cycle - 1 frames stand for a recursion; 0: inside one */
	__u32 repeat; /* so often they repeat; 1: it stands for itself */
	char symbol[120]; /* cut off if longer; empty: not known */
	char file[48];	  /* last component; empty: none */
};

struct mt_stack {
	struct mt_record hdr;
	__u64 signal_time_ns; /* of its MT_KIND_SIGNAL */
	__u64 depth_frames;   /* with all repetitions */
	__u32 nr;
	__u32 left_out; /* so many frames, between the inner and the outer ones, are not listed */
	__u32 left_out_after; /* this many listed ones come before them */
	__u32 pad;
	/* struct mt_frame [nr] follow */
};

/*
 * MT_KIND_STACK_MARK: how deep a thread's stack (of the tid) has been touched, by the page tables,
 * at time_ns.
 */
#define MT_STACK_MARK_HUGE 0x1	 /* in a huge page: it may not have come so far */
#define MT_STACK_MARK_FINAL 0x2	 /* read when tracing ended */
#define MT_STACK_MARK_LOCKED 0x4 /* locked memory: has pages that nobody has touched */
struct mt_stack_mark {
	struct mt_record hdr;
	__u64 start; /* of the mapping */
	__u64 end;
	__u64 lowest; /* the lowest page that is there, or in swap; end: none */
};

/* MT_KIND_MEMORY: of the system. */
struct mt_memory {
	struct mt_record hdr;
	__u64 max_map_count;
	__u32 overcommit; /* vm.overcommit_memory: 0 heuristic, 1 always, 2 never */
	__u32 pad;
	__u64 commit_limit_bytes;
	__u64 committed_bytes;
	__u64 total_bytes;
	__u64 available_bytes;
	__u64 swap_total_bytes;
	__u64 swap_free_bytes;
};

_Static_assert(sizeof(struct mt_record) == 24, "record ABI");
_Static_assert(sizeof(struct mt_fault) == 24, "record ABI");
_Static_assert(sizeof(struct mt_faults) == 32, "record ABI");
_Static_assert(sizeof(struct mt_major) == 32, "record ABI");
_Static_assert(sizeof(struct mt_counted) == 48, "record ABI");
_Static_assert(sizeof(struct mt_huge) == 40, "record ABI");
_Static_assert(sizeof(struct mt_timed_fault) == 32, "record ABI");
_Static_assert(sizeof(struct mt_call) == 88, "record ABI");
_Static_assert(sizeof(struct mt_mmap_file) == 168, "record ABI");
_Static_assert(sizeof(struct mt_anon_name) == 120, "record ABI");
_Static_assert(sizeof(struct mt_fork) == 56, "record ABI");
_Static_assert(sizeof(struct mt_exec) == 360, "record ABI");
_Static_assert(sizeof(struct mt_exit) == 64, "record ABI");
_Static_assert(sizeof(struct mt_signal) == 128, "record ABI");
_Static_assert(sizeof(struct mt_signal_more) == 216, "record ABI");
_Static_assert(sizeof(struct mt_use) == 32, "record ABI");
_Static_assert(sizeof(struct mt_limits) == 192, "record ABI");
_Static_assert(sizeof(struct mt_stack_copy) == 584, "record ABI");
_Static_assert(sizeof(struct mt_path) == 816, "record ABI");
_Static_assert(sizeof(struct mt_oom_kill) == 200, "record ABI");
_Static_assert(sizeof(struct mt_reclaim) == 40, "record ABI");
_Static_assert(sizeof(struct mt_cgroup) == 352, "record ABI");
_Static_assert(sizeof(struct mt_frame) == 192, "record ABI");
_Static_assert(sizeof(struct mt_stack) == 56, "record ABI");
_Static_assert(sizeof(struct mt_stack_mark) == 48, "record ABI");
_Static_assert(sizeof(struct mt_memory) == 88, "record ABI");
_Static_assert(sizeof(struct mt_mapping) == 328, "record ABI");
_Static_assert(sizeof(struct mt_symbol) == 440, "record ABI");
_Static_assert(sizeof(struct mt_session) == 504, "record ABI");
_Static_assert(sizeof(struct mt_process) == 336, "record ABI");
_Static_assert(sizeof(struct mt_thread) == 56, "record ABI");
_Static_assert(sizeof(struct mt_sample) == 32, "record ABI");
_Static_assert(sizeof(struct mt_losses) == 160, "record ABI");
_Static_assert(sizeof(struct mt_probe) == 288, "record ABI");
_Static_assert(sizeof(struct mt_end) == 32, "record ABI");
_Static_assert(sizeof(struct mt_build_id) == 336, "record ABI");

#endif
