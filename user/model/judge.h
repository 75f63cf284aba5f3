/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was wrong with a bad access, by the mirror as of then and by the kernel's own words. */
#ifndef MEMTRACE_JUDGE_H
#define MEMTRACE_JUDGE_H

struct crash;
struct event;
struct process;
struct stack_hit;
struct thread;

/*
 * Fill in *crash, all but the instruction's place. hit: it is a stack that has run into something;
 * NULL: it is not. Names are borrowed.
 */
void crash__judge(struct process *proc, const struct thread *thread, const struct event *ev,
		  const struct stack_hit *hit, struct crash *crash);

#endif
