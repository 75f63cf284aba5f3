/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How deep the stacks of threads have been touched: the main stack is in stack.c. */
#ifndef MEMTRACE_STACK_MARK_H
#define MEMTRACE_STACK_MARK_H

#include <stdint.h>

struct event;
struct event_call;
struct model;
struct process;
struct stack_mark;
struct thread;

/*
 * The mapping that sp points into is the thread's stack, if space__note_sp() has found that it is
 * one. new: the thread begins now; else it was there before tracing was.
 */
void stack_mark__begin(struct process *proc, struct thread *thread, uint64_t sp, bool new);
/* The thread that a forked child begins with works on the stack of the one that forked. */
void stack_mark__inherit(struct thread *child, const struct thread *parent);
/* A fault in memory that is some thread's stack; what it mapped was a huge page. */
void stack_mark__note_fault(struct stack_mark *mark, uint64_t addr);
void stack_mark__note_huge(struct stack_mark *mark, uint64_t addr, uint64_t size_bytes);
/* A call of the thread itself may give pages of its stack back, or make a guard of them. */
void stack_mark__take_call(struct stack_mark *mark, const struct event_call *call);
/* What page tables tell. */
int stack_mark__take(struct model *model, const struct event *ev);
/* The thread is no longer listed. */
void stack_mark__keep(struct process *proc, const struct thread *thread);

/* Bytes from the end of the stack to the lowest page; BYTES_UNKNOWN where none is known of. */
uint64_t stack_mark__peak_bytes(const struct stack_mark *mark);
/* What keeps it from being exact, in words; NULL: nothing. */
const char *stack_mark__misses(const struct stack_mark *mark);

#endif
