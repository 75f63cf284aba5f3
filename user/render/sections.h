/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts that the text report is made of, and what they share with JSON. */
#ifndef MEMTRACE_RENDER_SECTIONS_H
#define MEMTRACE_RENDER_SECTIONS_H

#include <stdbool.h>

#include "render/text.h"
#include "report/report.h"

void section__header(struct text *text, const struct report *report);
/* Of that: what was traced, when, where, and the sums. */
void section__session(struct text *text, const struct report *report);
/* Always there, so that its absence is never read as "none". */
void section__loss(struct text *text, const struct report *report, unsigned int indent);
/* What lost records may have made wrong, if there were any that changes of state were in. */
void section__lost(struct text *text, const struct report *report, unsigned int indent);
void section__process(struct text *text, const struct report *report,
		      const struct report_process *process);

void section__faults(struct text *text, const struct report *report,
		     const struct report_process *process);
/* text_latency.c: of the faults by region and by cause, how long they took, and the slow ones. */
void section__breakdown(struct text *text, const struct report *report,
			const struct report_process *process);
void section__latency(struct text *text, const struct report_process *process);
void section__space(struct text *text, const struct report *report,
		    const struct report_process *process);
void section__heap(struct text *text, const struct report *report,
		   const struct report_process *process);
void section__stack(struct text *text, const struct report_process *process);
/* text_oom.c: nothing where memory was never short. */
void section__oom(struct text *text, const struct report_process *process);
/* text_stack_marks.c: how close stacks have come to their ends. */
void section__stack_marks(struct text *text, const struct report_process *process);
/* text_limits.c */
void section__limits(struct text *text, const struct report_process *process);
/* text_crash.c: what the stacks have run into, as lines of their section; the bad accesses. */
void section__stack_hits(struct text *text, const struct report_process *process);
void section__crashes(struct text *text, const struct report_process *process);
void section__check(struct text *text, const struct report *report,
		    const struct report_process *process);
void section__threads(struct text *text, const struct report_process *process);

/*
 * Which slices of the address space to show: the top ones by faults (0: all). keep[] has one flag
 * for each slice; the caller frees it. Returns 0 or -ENOMEM.
 */
int slices__choose(const struct report_process *process, size_t top, bool **keep);

#endif
