/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The report: a snapshot of the model as owned rows. Renderers read this and nothing else.
 *
 * Units are in the names. Times called t_s are seconds since tracing began. Strings are owned by
 * the report and come from strangers: a renderer escapes them for its medium. "known" flags say
 * that a fact could be had; where it could not, JSON has null and text a dash.
 */
#ifndef MEMTRACE_REPORT_H
#define MEMTRACE_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vocab.h"

struct report_fault_point {
	double t_s; /* the interval's end */
	uint64_t minor;
	uint64_t major;
};

struct report_heap_point {
	double t_s;
	uint64_t brk_bytes;
	uint64_t anon_mmap_bytes;
	uint64_t rss_bytes; /* BYTES_UNKNOWN: could not be read */
};

/* A mapping, or all mappings of one file: a row of the faults-by-mapping table. */
struct report_mapping {
	char *name; /* path, "[heap]", "[stack]", "[anon]", … */
	enum region region;
	uint64_t start;	       /* lowest address; 0 for what is unmapped by now */
	uint64_t mapped_bytes; /* mapped now, or at most (for what is unmapped by now) */
	uint64_t faults;
	uint64_t major;
	uint64_t pages_touched; /* distinct ones that faulted; all of a huge page's */
	enum fault_pattern pattern;
	bool unmapped;
	bool several; /* it is unmapped, and pages_touched are of several mappings */
};

/*
 * Anonymous mappings without a name, by the size that each has (or had at most): a program may have
 * thousands. Those that were summed up after their end are not among them.
 */
#define REPORT_ANON_SIZES 5
struct report_anon_size {
	uint64_t ge_bytes;
	uint64_t lt_bytes; /* 0: no limit */
	uint64_t nr_mappings;
	uint64_t mapped_bytes;
	uint64_t faults;
	uint64_t pages_touched;
};

/* Faults in one slice of the address space: consecutive slices with faults, ascending. */
struct report_slice {
	uint64_t start;
	uint64_t size_bytes;
	uint64_t faults;
	uint64_t pages_touched;
	uint64_t mapped_pages; /* now, in this slice */
	char *name;	       /* of what had the most faults in it; "[several]" */
};

struct report_thread {
	uint32_t tid;
	char *comm;
	uint64_t minor;
	uint64_t major;
	bool exited;
};

struct report_call {
	uint64_t count;
	uint64_t failed;
	uint64_t bytes; /* of the calls that succeeded; brk: by which the break grew, summed */
};

/* Failed calls by call and errno, most frequent first. */
struct report_failure {
	enum mem_call call;
	int err; /* positive errno */
	uint64_t count;
};

/* A limit, and what is held against it; in bytes, or mappings. */
struct report_limit {
	const char *name;   /* static: "RLIMIT_AS", "memory.max", … */
	const char *source; /* static: "rlimit", "sysctl", "cgroup" */
	char *scope;	    /* "process", "system", or the path of the cgroup */
	const char *unit;   /* static: "bytes", "mappings" */
	uint64_t now;	    /* BYTES_UNKNOWN */
	uint64_t worst;	    /* when it was closest */
	uint64_t limit;	    /* now; BYTES_UNKNOWN: unlimited */
	double percent;	    /* worst, of the limit then; < 0: unlimited, or it does not hold */
	bool holds;	    /* false: the process has the capability to go beyond it */
	bool near;	    /* so close that somebody should know: 80 % of what refuses or kills */
	/* Of a cgroup: */
	uint64_t held_bytes; /* of now, what is not page cache; BYTES_UNKNOWN */
	uint64_t held_most_bytes;
	uint64_t events; /* so often memory had to be freed for it while it was traced */
	uint64_t oom_kills;
};

/* Failed calls by call, errno and cause, most frequent first. */
struct report_limit_failure {
	enum mem_call call;
	int err;
	enum failure_cause cause;
	uint64_t count;
	/* Of the last one: */
	double t_s;
	uint32_t tid;
	uint64_t asked_bytes;
	const char *unit; /* static, of the next two; NULL: the cause is no limit */
	uint64_t used;	  /* BYTES_UNKNOWN */
	uint64_t limit;	  /* BYTES_UNKNOWN */
};

struct report_backtrace;

struct report_hit {
	double t_s;
	uint32_t tid;
	char *comm; /* of the thread */
	enum stack_hit_kind kind;
	bool growsdown; /* it is not the main stack, but one with MAP_GROWSDOWN */
	uint64_t address;
	uint64_t sp;
	uint64_t size_bytes;
	uint64_t limit_bytes;	 /* BYTES_UNKNOWN: unlimited */
	uint64_t as_limit_bytes; /* HIT_NO_MEMORY: RLIMIT_AS that refused; BYTES_UNKNOWN: another
				    limit */
	uint64_t asked_bytes;	 /* so large it would have been; 0: not known */
	bool beyond;		 /* HIT_THREAD_GUARD: there is no mapping at the address */
	bool no_frame;		 /* HIT_ALTSTACK: no room for one more handler; address is sp */
	char *in_the_way;	 /* HIT_GUARD_GAP: the mapping; NULL: not known */
	/* What it had grown by without a pause, and in how long; growth_ns 0: not known. */
	uint64_t growth_bytes;
	uint64_t growth_ns;
	bool handled_known;
	bool handled;			/* the process had a handler for the signal */
	bool died;			/* of it */
	struct report_backtrace *stack; /* NULL: not known */
};

/* A mapping as it was at a bad access: at the address, or the nearest one to it. */
struct report_crash_mapping {
	char *name; /* NULL: there is none, or it is not known; then the rest is not, either */
	uint64_t start;
	uint64_t end;
	char perms[4];		 /* "r--" */
	uint64_t distance_bytes; /* of the address from it */
};

/* A SIGSEGV or SIGBUS that the kernel raised for a bad access. */
struct report_crash {
	double t_s;
	uint32_t tid;
	char *comm; /* of the thread */
	int signo;
	int code; /* si_code */
	enum crash_verdict verdict;
	char *text; /* what was wrong, in words */
	bool address_known;
	uint64_t address;
	enum fault_access access; /* or ACCESS_UNKNOWN */
	uint64_t ip;
	char *ip_symbol; /* NULL: not known */
	uint64_t ip_symbol_offset;
	uint64_t sp;
	bool handled_known;
	bool handled; /* the process had a handler for the signal */
	bool fatal;   /* the process died of it */
	/* It was handled, and the process ended so soon after; 0: it did not. */
	int ended_by;  /* signal */
	int exit_code; /* other than 0 */
	uint64_t ended_after_ns;
	struct report_crash_mapping mapping, below, above;
	/* VERDICT_FREED: what the address was in was unmapped. */
	uint64_t freed_age_ns;
	uint32_t freed_tid;
	uint64_t freed_bytes;
	char *file;	     /* SIGBUS in a file mapping; NULL: it is not */
	uint64_t file_bytes; /* BYTES_UNKNOWN */
	uint64_t file_offset;
	bool pkey_known;
	uint32_t pkey;
	struct report_backtrace *stack; /* NULL: not known */
};

/* How deep a thread's stack, which is not the main one, has been touched. */
struct report_stack_mark {
	uint32_t tid;
	char *comm;
	uint64_t size_bytes;
	uint64_t peak_bytes; /* BYTES_UNKNOWN: not known */
	const char *misses;  /* static: why it is not exact; NULL: it is */
};

/*
 * A kill by the kernel's out-of-memory killer. Where the kernel's probe did not tell the sizes,
 * sizes_known is false, and the victim has no name.
 */
struct report_oom_kill {
	double t_s;
	bool is_victim; /* the process that has the row */
	bool is_trigger;
	uint32_t victim_pid;
	char *victim_comm; /* NULL: not known */
	bool sizes_known;
	uint64_t anon_bytes;
	uint64_t file_bytes;
	uint64_t shmem_bytes;
	uint64_t swap_bytes;
	uint64_t pagetable_bytes;
	uint64_t virtual_bytes;
	int32_t score_adj;
	bool badness_known;
	int64_t badness_pages; /* below 0 for a low oom_score_adj */
	uint32_t trigger_pid;
	uint32_t trigger_tid;
	char *trigger_comm;
	bool in_cgroup; /* a cgroup's limit was reached; else the system's memory was used up */
	char *cgroup;	/* the last component of its path */
	uint64_t limit_bytes; /* its */
	uint64_t usage_bytes;
};

/* Threads had to free memory themselves before they got some. */
struct report_reclaim {
	uint64_t count;
	double time_s; /* of all threads */
	double longest_s;
	uint64_t reclaimed_bytes;
};

/* What is used of a stack above this is worth a warning, in percent. */
#define REPORT_STACK_WARNING 80

/*
 * How long faults took. Of those that were measured; each counts as often as it weighs in all but
 * samples and max_ns.
 */
struct report_latency {
	uint64_t samples; /* faults measured; without any the rest is 0 */
	uint64_t p50_ns;
	uint64_t p90_ns;
	uint64_t p99_ns;
	uint64_t max_ns;
	/*
	 * The time spent in all of the faults, estimated where not all are measured: of those that
	 * stand for themselves (major ones, with --slow slow ones) the sum, of the others the mean,
	 * times their number. at_least: of the others none was measured.
	 */
	bool total_known;
	bool at_least;
	double total_ns;
};

#define REPORT_LATENCY_BINS 40

/* A fault that took as long as --slow, or longer. */
struct report_slow_fault {
	double t_s; /* when it began */
	uint32_t tid;
	enum fault_cause cause;
	uint64_t latency_ns;
	uint64_t address;
	char *mapping;
	uint64_t offset;  /* of the address: in the file, or from the mapping's start */
	uint64_t ip;	  /* 0: not known; then the rest is not, either */
	char *ip_mapping; /* NULL: no file */
	uint64_t ip_offset;
	char *ip_symbol;	   /* NULL: not known */
	uint64_t ip_symbol_offset; /* of the instruction, from the symbol */
};

/* How a difference between the kernel's count and the observed exceptions is explained. */
struct report_check {
	bool known;
	uint64_t kernel_minor;
	uint64_t kernel_major;
	uint64_t observed;  /* page-fault exceptions seen */
	uint64_t populated; /* counted by the kernel without an exception: MAP_POPULATE, exec, … */
	uint64_t not_counted; /* exceptions that the kernel does not count: bad access, interrupted
			       */
	uint64_t lost;
	uint64_t in_flight; /* exceptions whose end was not seen when tracing stopped */
	int64_t unexplained;
	bool ok;
};

#define REPORT_CALL_SIZES 48

struct report_process {
	uint32_t pid;
	uint32_t ppid;
	char *comm;
	char *exe;	/* NULL: not known */
	double start_s; /* since tracing began; negative: it ran before */
	bool ended;
	double end_s;
	bool end_lost;		      /* by end_s it had ended: how is not known */
	int exit_code;		      /* -1 if a signal ended it */
	int exit_signal;	      /* 0 if none did */
	uint32_t nr_threads;	      /* seen in all */
	uint32_t children_not_traced; /* started while it was traced */

	struct {
		uint64_t minor;
		uint64_t major;
		uint64_t total;
		uint64_t user;
		uint64_t kernel;
		uint64_t by_region[NR_REGIONS];
		uint64_t by_access[NR_ACCESSES];
		bool causes_known;
		uint64_t by_cause[NR_CAUSES];
		uint64_t huge_bytes; /* that the faults of CAUSE_HUGE have mapped */
		uint64_t invalid;    /* bad accesses: exceptions that the kernel does not count */
		struct {
			bool known;
			uint32_t weight; /* of so many minor faults one is measured; 1: each */
			struct report_latency all;
			struct report_latency by_cause[NR_CAUSES];
			struct report_latency by_region[NR_REGIONS];
			/* As often as they weigh, by latency in ns: [2^i, 2^(i+1)) */
			uint64_t log2[REPORT_LATENCY_BINS];
			/* Time in faults by time that the process was traced. Many threads can
			 * make it more than 1. */
			bool share_known;
			double share;
			uint64_t slow_ns; /* what takes as long is listed; 0: nothing is */
			/* Each minor fault that took as long was measured, too; 0: none for that.
			 */
			uint64_t minor_slow_ns;
			uint64_t slow_total;
			struct report_slow_fault *slow; /* slowest first; the slowest 1000 */
			size_t nr_slow;
		} latency;
		bool access_unknown; /* of some faults or all: by_access is not known */
		struct report_fault_point *timeline;
		size_t nr_timeline;
		struct report_mapping *mappings; /* most faults first; all of them */
		size_t nr_mappings;
		struct report_anon_size
			anon_sizes[REPORT_ANON_SIZES]; /* all classes, small first */
		struct report_slice *slices;	       /* ascending address */
		size_t nr_slices;
		uint64_t run_pages_log2[32]; /* runs of consecutive pages, faults per run: [2^i,
						2^(i+1)) */
	} faults;

	struct {
		uint64_t brk_bytes; /* now: program break minus its start */
		uint64_t anon_mmap_bytes;
		int64_t growth_bytes;
		uint64_t peak_bytes;	 /* of brk + anon_mmap */
		uint64_t rss_bytes;	 /* last sample */
		uint64_t peak_rss_bytes; /* BYTES_UNKNOWN: not known */
		struct report_call calls[NR_CALLS];
		struct report_failure *failures;
		size_t nr_failures;
		/* REPORT_CALL_SIZES of them, calls by size in bytes: [2^i, 2^(i+1)); NULL: no such
		 * call. */
		uint64_t *call_size_log2[NR_CALLS];
		struct report_heap_point *timeline;
		size_t nr_timeline;
	} heap;

	struct {
		uint64_t limit_bytes; /* BYTES_UNKNOWN: unlimited */
		bool limit_known;
		uint64_t peak_bytes; /* of the main stack, as the kernel measures it against the
					limit */
		bool peak_exact;
		struct report_stack_mark *threads; /* most used first; all that are known */
		size_t nr_threads;
		struct report_hit *hits;
		size_t nr_hits;
		uint64_t hits_total; /* hits[] keeps the first 1000 */
	} stack;

	struct {
		bool known;
		struct report_limit *table; /* the closest first, the unlimited ones last */
		size_t nr;
		struct report_limit_failure *failures;
		size_t nr_failures;
	} limits;

	struct {
		uint64_t fatal;
		uint64_t handled;
		uint64_t ended_soon;  /* of those the last one, if the process ended by a signal
					 soon after; 0 or 1 */
		uint64_t exited_soon; /* likewise, with an exit code other than 0 */
		struct report_crash *list; /* in time order; of the handled ones the first 100 */
		size_t nr;
	} crashes;

	struct {
		bool killed; /* by the out-of-memory killer */
		struct report_oom_kill *kills;
		size_t nr_kills;
		uint64_t kills_total; /* kills[] has the first 100 */
		bool reclaim_known;
		struct report_reclaim by_system; /* memory was short of the whole system */
		struct report_reclaim by_cgroup; /* a cgroup was at its limit */
	} oom;

	struct report_check check;

	struct report_thread *threads; /* most faults first */
	size_t nr_threads_listed;
};

struct report_probe {
	char *fact;
	char *via;
	char **misses;
	size_t nr_misses;
};

struct report_loss {
	const char *cause; /* static: "ring_full_faults", … */
	uint64_t count;
};

struct report {
	const char *version;
	struct {
		char *name; /* uname nodename */
		char *kernel;
		char *arch;
		uint32_t page_bytes;
		uint32_t cpus;
	} host;
	struct {
		uint64_t start_realtime_ns;
		double duration_s;
		double interval_s;
		char *target;
		const char *ended_by; /* static: "duration", "interrupt", "target_exit", "cut_off",
					 "too_costly" */
		bool whole_run;	      /* of a command, from its start to its exit */
	} session;
	struct report_probe *probes;
	size_t nr_probes;
	struct {
		uint64_t records; /* lost, in all */
		uint64_t delivered;
		uint64_t fault_weight_max;
		struct report_loss *by_cause; /* every cause, also those at 0 */
		size_t nr_causes;
	} loss;
	struct report_process *processes; /* most faults first */
	size_t nr_processes;
	/* Processes that ended long ago, with few faults, of a very long list. */
	struct {
		uint64_t processes;
		uint64_t minor;
		uint64_t major;
		uint64_t hits;	  /* stack-limit hits */
		uint64_t crashes; /* fatal bad accesses */
		uint64_t failed_checks;
	} folded;
};

/* A line of the live view: one process in one interval. */
struct report_interval {
	double t_s; /* the interval's end */
	uint64_t end_realtime_ns;
	double length_s;
	uint32_t pid;
	const char *comm; /* borrowed */
	uint64_t minor;
	uint64_t major;
	uint64_t heap_bytes;
	int64_t heap_delta_bytes; /* change in this interval */
	uint64_t rss_bytes;	  /* BYTES_UNKNOWN: could not be read */
	uint64_t stack_bytes;
	uint64_t hits; /* stack-limit hits in this interval */
	bool ended;
};

void report__free(struct report *report);

#endif
