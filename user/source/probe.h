/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of probes: for each fact the ways to it, best first. Choosing, attaching and reporting
 * all read this one table.
 */
#ifndef MEMTRACE_PROBE_H
#define MEMTRACE_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct bpf_object;
struct bpf_link;
struct btf;

enum probe_how {
	PROBE_TP_BTF, /* raw tracepoint with BTF: no tracefs needed */
	PROBE_FENTRY, /* begin and end of a kernel function, by BTF */
	PROBE_KPROBE, /* the same by breakpoints or ftrace */
	PROBE_PERF,   /* perf software event */
	PROBE_TABLES, /* no program of its own: those of the faults look into page tables */
	PROBE_NONE,   /* nothing: what other facts say */
};

struct probe_program {
	const char *program;	/* in the BPF object */
	const char *tracepoint; /* "page_fault_user"; NULL: none */
	unsigned int event;	/* PERF_COUNT_SW_*, for PROBE_PERF */
	/* Instead of a tracepoint, functions of the kernel: kprobe.multi or, at_return,
	 * kretprobe.multi */
	const char *const *functions;
	bool at_return;
	bool copied; /* there are name_1, ... name_(MT_COPIES - 1), too */
};

#define PROBE_MAX_PROGRAMS 4

/* The ways to page faults, best first; on the way depends what else is known of a fault. */
enum fault_way {
	WAY_FENTRY,
	WAY_TRACEPOINT,
	WAY_KPROBE,
	WAY_PERF,
	NR_WAYS,
};

/* "fentry", "tracepoint", "kprobe", "perf" */
const char *fault_way__name(enum fault_way way);

struct probe {
	const char *fact;
	const char *via;
	const char *misses; /* separated by "; " */
	enum probe_how how;
	unsigned int ways;   /* those that it belongs to, a bit each; 0: any */
	unsigned int weight; /* of so many events one is seen; 0 means 1 */
	bool by_task;	     /* PROBE_PERF: where there are targets, on them and not on every CPU */
	const char *kernel_func; /* the program calls this kernel function; NULL: none */
	bool if_preemptible;	 /* a way only where tracepoints run preemptibly */
	bool required;		 /* without the fact there is nothing to report */
	const char *since;	 /* what a kernel lacks that does not offer it */
	struct probe_program programs[PROBE_MAX_PROGRAMS];
};

#define for_each_program(probe, p)                                                                 \
	for (const struct probe_program *p = (probe)->programs;                                    \
	     p < (probe)->programs + PROBE_MAX_PROGRAMS && p->program; p++)

#define PROBE_MAX_FUNCTIONS 13

/* The processes that the programs are for. */
struct probe_targets {
	const uint32_t *pids;
	size_t nr_pids;
	bool all;  /* instead of pids: every process */
	bool each; /* what has a weight: the programs pick, and want to see each */
};

/* Which probe serves which fact on this kernel. */
struct probe_choice {
	enum fault_way way;
	const struct probe *chosen[10]; /* one per fact that can be had */
	size_t nr;
	const struct probe *absent[10]; /* the last way to each fact that cannot */
	size_t nr_absent;
	bool copies; /* tracepoints run preemptibly here: programs are attached MT_COPIES times */
};

/* What a kernel offers; all that is asked of it in order to know that. */
struct probe_kernel {
	struct btf *btf;
};

/* -ENOTSUP, with its text, if the kernel has no BTF. */
int probe_kernel__open(struct probe_kernel *kernel, struct error *error);
void probe_kernel__close(struct probe_kernel *kernel);

/*
 * -ENOTSUP (with its text) if a required fact cannot be had. only: by this way alone (a bit each);
 * 0: by the best one.
 */
int probe__choose(const struct probe_kernel *kernel, unsigned int only, struct probe_choice *choice,
		  struct error *error);

/* A row of the table; NULL: it has not so many. */
const struct probe *probe__at(size_t i);

/* Does the kernel offer it? If not, why tells. Some are tried for that, and taken back at once. */
bool probe__offered(const struct probe *probe, const struct probe_kernel *kernel,
		    struct error *why);

/* The next best way to the same fact that goes with this way to page faults; NULL: none. */
const struct probe *probe__next(const struct probe *probe, enum fault_way way);

/* Page tables could not be read: take the next best way where that was one. */
void probe__choose_without_tables(struct probe_choice *choice);

/* Of so many events of this fact one is seen; 1: each, or none. */
unsigned int probe__weight(const struct probe_choice *choice, const char *fact);

/* Have the object load just the programs that were chosen. */
void probe__select_programs(const struct probe_choice *choice, struct bpf_object *object);

struct probe_links {
	struct bpf_link **items;
	size_t nr, cap;
};

/*
 * Attach all that was chosen; on failure nothing stays attached. 0 or -errno with its text. Where
 * there are not files enough for what is sampled the choice becomes another one.
 */
int probe__attach(struct probe_choice *choice, const struct probe_targets *targets,
		  struct bpf_object *object, struct probe_links *links, struct error *error);
void probe__detach(struct probe_links *links);

/*
 * Events, of whomever, that were missed because the kernel skipped a program: at most so many.
 * Where a program is attached several times, all its copies must have been skipped for one event.
 */
uint64_t probe__missed(const struct probe_choice *choice, const struct bpf_object *object);

#endif
