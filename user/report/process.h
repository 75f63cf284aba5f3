/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MEMTRACE_REPORT_PROCESS_H
#define MEMTRACE_REPORT_PROCESS_H

struct model;
struct process;
struct report_process;

/* Fill in the rows of one process; on -ENOMEM they are partly filled, and freed with the report. */
int report_process__build(const struct model *model, struct process *proc,
			  struct report_process *row);

#endif
