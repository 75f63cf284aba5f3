/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts that the rows of a process are made by. */
#ifndef MEMTRACE_REPORT_PROCESS_H
#define MEMTRACE_REPORT_PROCESS_H

#include <stdint.h>

#include "base/vocab.h"

struct model;
struct mt_probe;
struct name;
struct process;
struct report_process;

/* Fill in the rows of one process; on -ENOMEM they are partly filled, and freed with the report. */
int report_process__build(const struct model *model, struct process *proc,
			  struct report_process *row);

/* latency.c: after the rest of the faults. 0 or -ENOMEM. */
int report_latency__build(const struct model *model, const struct process *proc,
			  struct report_process *row);

/* stack_marks.c: how deep the stacks of threads have been touched. 0 or -ENOMEM. */
int report_stack_marks__build(const struct process *proc, struct report_process *row);
/* limit.c. 0 or -ENOMEM. */
int report_limits__build(const struct model *model, const struct process *proc,
			 struct report_process *row);
/* crash.c: the stack, and the bad accesses. 0 or -ENOMEM. */
int report_crash__build(const struct model *model, struct process *proc,
			struct report_process *row);
void report_crash__free(struct report_process *row);

/* oom.c: kills, and memory that threads had to free themselves. 0 or -ENOMEM. */
int report_oom__build(const struct model *model, const struct process *proc,
		      struct report_process *row);

/* What serves the fact in this run; NULL: nothing does. */
const struct mt_probe *report__probe(const struct model *model, const char *fact);

/* In seconds; negative: before. */
double report__since_start(const struct model *model, uint64_t time_ns);

/* Of a file, or "[heap]" and the like. Borrowed. */
const char *report__mapping_name(const struct name *name, enum region region);

/* anon_sizes.c */
struct process;
void build_anon_sizes(const struct process *proc, struct report_process *row);

#endif
