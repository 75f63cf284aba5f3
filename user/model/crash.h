/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bad accesses, each with what was wrong with it: SIGSEGV and SIGBUS that the kernel raised. */
#ifndef MEMTRACE_CRASH_H
#define MEMTRACE_CRASH_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include "base/vocab.h"
#include "memtrace/record.h"

struct event;
struct model;
struct name;
struct process;
struct thread;

struct stack_hit {
	uint64_t time_ns;
	uint32_t tid;
	enum stack_hit_kind kind;
	uint64_t addr;
	uint64_t sp;
	bool growsdown; /* it is not the main stack, but one with MAP_GROWSDOWN */
	uint64_t size_bytes;
	uint64_t limit_bytes;
	uint64_t asked_bytes; /* so large it would have been, to have the address; 0: not known */
	bool beyond;	      /* HIT_THREAD_GUARD: there is no mapping at the address */
	bool no_frame;	      /* HIT_ALTSTACK: one more handler was to run there, addr is sp */
	/* HIT_NO_MEMORY: the soft RLIMIT_AS that refused; BYTES_UNKNOWN: something else did. */
	uint64_t as_limit_bytes;
	/* It has grown by so much in the burst before; growth_ns: 0: not known. */
	uint64_t growth_bytes;
	uint64_t growth_ns;
	bool handled_known;
	bool handled; /* the process had a handler for the signal */
	bool died;    /* of it */
	char comm[MT_COMM_BYTES];
};

/* How far a thread's stack has been touched, and since when without a pause. Threads are many. */
struct stack_growth {
	uint64_t begin_ns; /* of the burst; 0: none */
	uint64_t low;	   /* the lowest page that has faulted */
	uint32_t last_us;  /* the last one of the burst, since it began */
	uint32_t burst_pages;
};

/* A mapping, as it was then. */
struct crash_mapping {
	uint64_t start;
	uint64_t end;	   /* 0: there is none, or it is not known */
	struct name *name; /* a reference; NULL: no file */
	uint8_t region;	   /* enum region */
	uint8_t prot;
	bool guard; /* MADV_GUARD_INSTALL */
};

struct crash {
	uint64_t time_ns;
	uint32_t tid;
	char comm[MT_COMM_BYTES];
	int signo;
	int code; /* si_code */
	enum crash_verdict verdict;
	enum fault_access access; /* or ACCESS_UNKNOWN */
	bool addr_known;
	uint64_t addr;
	uint64_t ip;
	uint64_t sp;
	uint32_t trap; /* MT_TRAP_UNKNOWN */
	bool handled_known;
	bool handled;	/* the process had a handler for the signal */
	bool no_room;	/* which had no stack to run on */
	bool passed_on; /* which reported, and had the process die of it after all */
	bool fatal;	/* the process died of it */
	bool copied;	/* its stack has been: struct backtrace may follow */
	bool pkey_known;
	bool hugetlb;	      /* the mapping at the address is of huge pages by hugetlbfs */
	struct stack_hit hit; /* of VERDICT_STACK_OVERFLOW */
	uint32_t pkey;
	struct crash_mapping at, below, above;
	/* Of VERDICT_FREED: the call that unmapped it. */
	uint64_t freed_ns;
	uint64_t freed_bytes;
	uint32_t freed_tid;
	struct name *freed_name;
	/* Of a file mapping: where in it, and its size; BYTES_UNKNOWN. */
	uint64_t file_offset;
	uint64_t file_bytes;
	struct name *ip_name; /* file of the instruction; NULL: none, or not known */
	uint64_t ip_offset;   /* in it */
};

/* Of those that were handled fewer are listed: a runtime may make them by the thousand. */
#define MAX_CRASHES 1000
#define MAX_CRASHES_HANDLED 100
/* The last ones of all, also where there will be no report. */
#define RECENT_CRASHES 8

struct crashes {
	uint64_t fatal;
	uint64_t handled;
	/* For the report, in time order. */
	struct {
		struct crash *items;
		size_t nr, cap;
	} list;
	struct {
		struct crash *items; /* NULL: none yet; else room for RECENT_CRASHES */
		uint64_t nr;	     /* so far, a ring */
	} recent;
};

/* Its code is a fault's, which has an address; SI_KERNEL is of exceptions that have none. */
static inline bool signal__is_of_fault(const struct mt_signal *signal)
{
	return signal->code > 0 && signal->code < SI_KERNEL;
}

/* What the mapping at the address allows, as the kernel said: vm_flags begin as PROT_* do. */
static inline uint8_t signal__vma_prot(const struct mt_signal *signal)
{
	return signal->vma_flags & (PROT_READ | PROT_WRITE | PROT_EXEC);
}

/* A signal record, after the thread's faults have been settled. 0 or -ENOMEM. */
int crashes__take(struct model *model, struct process *proc, struct thread *thread,
		  const struct event *ev);
/* The process has ended, and it is known how. 0 or -ENOMEM. */
int crashes__end(struct model *model, struct process *proc);
/* So soon after a bad access that was handled, an end by a signal has to do with it. */
#define CRASH_ENDED_SOON_NS 10000000000ULL
/* That of a thread at a time, among the last RECENT_CRASHES; NULL: it is not. */
const struct crash *crashes__find(const struct process *proc, uint32_t tid, uint64_t time_ns);
/* The last one; NULL: there was none. */
const struct crash *crashes__last(const struct process *proc);
void crashes__release(struct process *proc);

#endif
