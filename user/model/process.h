/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is known of one process: its threads, faults, address space, heap and stack. */
#ifndef MEMTRACE_PROCESS_H
#define MEMTRACE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/vocab.h"
#include "event/event.h"
#include "model/cause.h"
#include "model/crash.h"
#include "model/latency.h"
#include "model/limit.h"
#include "model/mirror.h"
#include "model/oom.h"
#include "model/pages.h"
#include "model/unmapped.h"
#include "model/usage.h"

struct names;

struct place_key {
	uint64_t of; /* the name's address for files, the origin for the rest */
	uint32_t region;
	uint32_t program; /* counts execs: another program's libc is another place */
};

/* Where faults are counted: an mmap call's memory, a file's text, the heap, the stack. */
struct place {
	struct place_key key;
	struct name *name; /* a reference; NULL: not a file */
	enum region region;
	uint64_t start;		   /* lowest address seen */
	uint64_t mapped_bytes;	   /* at most; after places__measure() now, where it is mapped */
	bool mapped;		   /* set by places__measure() */
	bool folded;		   /* the sum of many small ones that are unmapped */
	struct place *folded_into; /* what it is about to become part of */
	/* Where its mapping has become part of a larger one; that place's own is NULL then. */
	struct place *absorbed_by;
	uint64_t faults;
	uint64_t major;
	uint64_t pages_touched; /* by its faults, anew in each mapping; see place__touched() */
	uint64_t touched_now;	/* pages of what is mapped, wherever counted; places__measure() */
	uint64_t origin;	/* of the mapping of its last fault */
	bool several;		/* mappings have had faults: their pages may be the same */
	bool last_was_huge;	/* its last fault mapped a huge page */
	uint64_t last_page;
	int64_t last_stride;
	uint64_t steps_up;
	uint64_t steps_down;
	uint64_t steps_strided;
	uint64_t steps_other;
	UT_hash_handle hh;
};

/*
 * A thread's last exception. It has been counted as a minor fault; while it is open, the kernel's
 * counters have not said how it ended. What it mapped, and how long it took, may be told later.
 */
struct pending {
	bool open;
	bool counted; /* it is among the process's faults */
	bool major;   /* the kernel has said so */
	bool fresh;   /* the page had not faulted before */
	bool kernel;
	bool timed;
	bool gone; /* what it mapped was, when somebody looked */
	enum fault_access access : 8;
	enum region region : 8;
	struct fault_facts facts;
	enum fault_cause cause : 8; /* that it is counted under */
	uint16_t cpu;
	uint32_t weight; /* so many faults the latency stands for; 0: for none */
	uint64_t addr;
	uint64_t begin_ns;   /* 0: not known */
	uint64_t latency_ns; /* if timed */
	uint64_t ip;	     /* 0: not known */
	uint64_t miss_id;    /* 0: it is not among the misses */
	struct place *place;
	struct slice *slice; /* NULL: pages are not noted */
	size_t point;	     /* in the timeline */
};

static inline bool pending__is_at(const struct pending *fault, uint64_t addr)
{
	return fault->counted && (fault->addr ^ addr) < 1ULL << PAGE_SHIFT;
}

/*
 * How deep a thread's stack, which is not the main one, has been touched: as far as page tables and
 * faults tell. What an earlier thread has left there on a stack that is used again is not told from
 * what this one has touched.
 */
struct stack_mark {
	uint64_t start;	  /* of the mapping, without its guard */
	uint64_t end;	  /* 0: not known */
	uint64_t lowest;  /* page that was touched; end: none */
	uint64_t present; /* lowest page that is still there */
	bool whole;	  /* seen from its begin, or by page tables when tracing began */
	bool reused;	  /* nobody knows what was there when the thread began */
	bool earlier;	  /* it may have been an earlier thread that came to lowest */
	bool huge;	  /* lowest is of a huge page: it may not have come so far */
	bool locked;	  /* lowest may be of a page that is just locked */
};

struct thread {
	uint32_t tid;
	char comm[MT_COMM_BYTES];
	bool exited;
	bool flt_known;
	bool reborn; /* has the tid of the leader that exited: it is inside of its exec */
	struct flt first_flt;
	bool flt_from_proc; /* read from /proc, perhaps a while after the time it is dated */
	struct flt flt;	    /* the kernel's counters, as last seen */
	/* Counted without an exception, in a call that goes on: its end says whether it populates.
	 */
	uint64_t undecided;
	struct pending pending;
	uint64_t minor;
	uint64_t major;
	uint64_t run_last_page; /* the run of consecutive pages that it is in */
	uint64_t run_length;
	struct stack_mark stack;
	struct stack_growth growth;
	UT_hash_handle hh;
	struct thread *prev, *next; /* of those that have exited */
};

struct point {
	uint64_t time_ns; /* the interval's end */
	uint64_t minor;
	uint64_t major;
	uint64_t brk_bytes;
	uint64_t anon_bytes;
	uint64_t rss_bytes;
};

struct timeline {
	struct point *items; /* the last one is still open */
	size_t nr, cap;
	unsigned int ticks_per_point;
	unsigned int ticks; /* in the open point */
};

struct faults {
	uint64_t minor;
	uint64_t major;
	uint64_t user;
	uint64_t kernel;
	uint64_t by_region[NR_REGIONS];
	uint64_t by_access[NR_ACCESSES + 1]; /* the last: ACCESS_UNKNOWN */
	uint64_t by_cause[NR_CAUSES];
	uint64_t huge_bytes; /* that the faults of CAUSE_HUGE have mapped */
	uint64_t invalid;    /* bad accesses that ended in SIGSEGV or SIGBUS; not counted above */
	struct latency latency;
	uint64_t runs_log2[32];
	struct place *places;
	size_t fold_places_at; /* so many */
	struct pages pages;
	/* Of threads that have ended and are no longer listed one by one. */
	uint64_t folded_minor;
	uint64_t folded_major;
};

/* A fault at an address that the mirror did not know: looked up again when it knows more. */
struct miss {
	uint64_t id;
	uint64_t addr;
	uint32_t tid; /* the thread whose last fault it may be still */
	struct fault_facts facts;
	bool major;
	bool kernel;
	bool timed; /* how long it took waits to be noted */
	uint32_t pages_touched;
	uint32_t weight;
	struct slow_fault time;
};
#define MAX_MISSES 64

/* Calls by size: slot i counts those of [2^i, 2^(i+1)) bytes. */
#define CALL_SIZE_SLOTS 48

struct heap {
	uint64_t start_brk; /* 0: not known */
	uint64_t brk;
	bool base_known;
	uint64_t base_bytes; /* when tracing of this address space began */
	uint64_t peak_bytes;
	uint64_t rss_bytes;
	uint64_t max_sample_bytes; /* of rss_bytes */
	uint64_t peak_rss_bytes;
	struct {
		uint64_t count;
		uint64_t failed;
		uint64_t bytes;
		uint64_t *size_log2; /* CALL_SIZE_SLOTS of them; NULL: none yet */
	} calls[NR_CALLS];
};

struct kept_mark {
	uint32_t tid;
	char comm[MT_COMM_BYTES];
	struct stack_mark mark;
};
#define MAX_KEPT_MARKS 64

struct stack {
	struct stack_hit last_hit; /* time_ns 0: none so far */
	bool limit_known;
	uint64_t limit_bytes;
	uint64_t peak_bytes;
	uint64_t grown_for;  /* the fault that made the mirror grow the stack last */
	uint64_t grown_from; /* and where it began before */
	uint64_t grown_peak; /* and its peak before */
	uint64_t hits_total;
	struct {
		struct stack_hit *items;
		size_t nr, cap;
	} hits;
	/* Of the threads that are no longer listed, those that came closest to their limits. */
	struct {
		struct kept_mark *items;
		size_t nr, cap;
	} kept_marks;
};
#define MAX_STACK_HITS 1000

/* The closing check: sums over the threads. */
struct check {
	uint64_t kernel_minor;
	uint64_t kernel_major;
	uint64_t observed;
	uint64_t populated;
	uint64_t not_counted;
	uint64_t lost;
	uint64_t unexplained;
};

/* What happened between the last two ticks. */
struct interval {
	uint64_t minor;
	uint64_t major;
	int64_t heap_delta_bytes;
	uint64_t hits; /* stack-limit hits */
	/* The totals at the last tick. */
	uint64_t seen_minor;
	uint64_t seen_major;
	uint64_t seen_heap_bytes;
	uint64_t seen_hits;
};

struct process {
	uint32_t pid;
	uint32_t ppid;
	char comm[MT_COMM_BYTES];
	char *exe; /* NULL: not known */
	bool start_known;
	uint64_t start_boottime_ns;
	bool ended;
	uint64_t end_ns;
	bool end_lost;	    /* it ended at end_ns or before, nobody knows how */
	uint32_t exit_code; /* as wait(2) reports it */
	uint32_t nr_execs;
	uint32_t nr_not_followed; /* children */
	uint32_t nr_stack_asks;	  /* of backtraces */
	uint32_t nr_backtraces;	  /* that are kept */
	bool memory_locked;	  /* mlockall(MCL_FUTURE): each new mapping is populated */
	bool wants_snapshot;
	/* There will be no report: what is for that alone, and grows, is not kept. */
	bool forgets;
	bool retries_are_major; /* by the kernel's count, see struct fault_facts */

	struct mirror mirror;
	struct mirror previous; /* before the last snapshot: whose mapping was it? */
	struct faults faults;
	struct heap heap;
	struct stack stack;
	struct limits limits;
	struct crashes crashes;
	struct unmapped unmapped; /* lately */
	struct oom oom;
	struct check check;
	struct timeline timeline;
	struct interval interval;
	struct {
		struct miss *items; /* NULL: none yet; else room for MAX_MISSES */
		unsigned int nr;
		uint64_t last_id;
	} misses;

	struct thread *threads;
	struct thread *thread_hit; /* of the last event; NULL: it is gone */
	struct thread *exited;	   /* of them, a list with the oldest first */
	uint32_t nr_threads_seen;
	uint32_t nr_threads_exited; /* of those in the table */

	struct usage *usage;
	UT_hash_handle hh;    /* by pid: the process that has it now */
	struct process *next; /* of all, in the order of appearance */
	bool end_ticked;      /* its last interval is closed */
	bool retired;	      /* the mirror is gone */
	bool folding;	      /* about to become part of a sum */
};

/* What it will take counts in usage, which may be NULL. NULL without memory. */
struct process *process__new(uint32_t pid, struct usage *usage);
void process__free(struct process *proc);
/* Free what only a running process needs. */
void process__retire(struct process *proc);

/* The thread; NULL: not seen. */
struct thread *process__find_thread(const struct process *proc, uint32_t tid);
/* The thread, made if it is new; NULL without memory. */
struct thread *process__thread(struct process *proc, uint32_t tid);

struct thread *process__begin_thread(struct process *proc, uint32_t tid);
/*
 * A record by a leader that has exited: another thread is inside of an exec, and has the leader's
 * tid already. The thread that it is now; NULL without memory.
 */
struct thread *process__reborn_leader(struct process *proc);
/* A thread that is not the leader has become it by exec. *lost as in faults__settle(). */
void process__promote_thread(struct process *proc, uint32_t old_tid, uint64_t *lost);
void process__end_thread(struct process *proc, struct thread *thread);

/* faults.c */

/* What a record says of the faults that the kernel counted without an exception before it. */
enum flt_cause {
	FLT_UNCAUSED,	/* nothing that is known to populate memory */
	FLT_POPULATING, /* the call that ends here does */
	FLT_UNDECIDED,	/* taken inside of a call that goes on */
	FLT_READ,	/* read from /proc: inside of a call or of an exception, who knows */
};

/* A page-fault exception. 0 or -ENOMEM. */
int faults__take(struct process *proc, struct thread *thread, const struct event *ev,
		 uint64_t *lost);
/* The end of the thread's last fault, and what it mapped. */
void faults__take_counted(struct thread *thread, const struct event *ev);
void faults__take_huge(struct process *proc, struct thread *thread, const struct mt_huge *huge);
/* No more is to come of the thread's last fault. 0 or -ENOMEM. */
int faults__close(struct process *proc, struct thread *thread);
/* Of all its threads. */
int faults__close_all(struct process *proc);
/* The counters as another record of the thread saw them; *lost: lost faults not yet explained. */
void faults__settle(struct process *proc, struct thread *thread, struct flt flt,
		    enum flt_cause cause, uint64_t *lost);
/* The thread is no longer kept: what it had begun counts for the process. */
void faults__fold(struct process *proc, struct thread *thread);
/* Look up again what the mirror did not know. 0 or -ENOMEM. */
int faults__resolve_misses(struct process *proc);
/* An exec: addresses of the old program mean nothing in the new. 0 or -ENOMEM. */
int faults__forget_misses(struct process *proc);
/* A thread has another tid now. */
void faults__rename_misses(struct process *proc, uint32_t from, uint32_t to);
void faults__release_misses(struct process *proc);

/* heap.c */
int heap__take_call(struct process *proc, const struct event_call *call);
uint64_t heap__bytes(const struct process *proc);
uint64_t heap__brk_bytes(const struct process *proc);
void heap__note_level(struct process *proc);
void heap__note_rss(struct process *proc, uint64_t bytes);
void heap__release(struct process *proc);

/* space.c: the address space */
int space__take_call(struct process *proc, const struct event *ev, struct names *names);
int space__take_mapping(struct process *proc, const struct event *ev, struct names *names);
int space__take_anon_name(struct process *proc, const struct mt_anon_name *rec,
			  struct names *names);
/* 0 or -ENOMEM. */
int space__exec(struct process *proc, const struct mt_exec *exec);
/* A thread's stack pointer says that the mapping it points into is its stack. */
void space__note_sp(struct process *proc, uint64_t sp);

/* stack.c */
void stack__set_limit(struct stack *stack, uint64_t bytes);
/* The main stack has been so large. */
void stack__note_peak(struct stack *stack, uint64_t bytes);
/* The stack that would grow at a fault there, below it; NULL: there is none. */
struct vma *stack__above(struct process *proc, uint64_t addr);
/* A fault there makes the kernel grow it, if the limit allows. */
bool stack__grow(struct process *proc, uint64_t addr);
/* The fault at addr came to nothing: the stack has not grown for it. */
void stack__take_back_growth(struct process *proc, uint64_t addr);
/* A fault of the thread in a mapping that is a stack. */
void stack__note_growth(struct thread *thread, const struct vma *stack, uint64_t addr,
			uint64_t time_ns);
/* Has it gone on without a pause until now? */
bool stack_growth__goes_on(const struct stack_growth *growth, uint64_t now_ns);
uint64_t stack__bytes(const struct process *proc);

/* stack_hit.c */
/* Is a bad access a stack that has run into something? Then *hit says what. 0 or -ENOMEM. */
int stack__take_signal(struct process *proc, const struct thread *thread, const struct event *ev,
		       bool *is_hit, struct stack_hit *hit);
/* That of a thread at a time, as far as it is kept; NULL: there is none. */
struct stack_hit *stack__find_hit(struct process *proc, uint32_t tid, uint64_t time_ns);

/* timeline.c */
/* An interval ends; max_points: so many may be kept. 0 or -ENOMEM. */
int timeline__tick(struct process *proc, uint64_t time_ns, size_t max_points);
void timeline__release(struct process *proc);
struct point *timeline__at(struct process *proc, size_t index);
size_t timeline__open_point(struct process *proc); /* its index */

#endif
