/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How deep the stacks of a process's threads have been touched, by its page tables: a page of a
 * stack that was touched is there or in swap, until somebody gives it back (MADV_DONTNEED, as the C
 * library does with most of a stack when its thread has ended). The main stack is not among them.
 */
#ifndef MEMTRACE_STACK_MARKS_H
#define MEMTRACE_STACK_MARKS_H

#include <stddef.h>
#include <stdint.h>

#include "source/source.h"

struct stack_pointer {
	uint32_t tid;
	uint64_t sp;
};

/*
 * MT_KIND_STACK_MARK of each of the threads whose stack pointer is in a thread's stack: a private
 * writable mapping with a guard below it. Sorts them. flags: MT_STACK_MARK_FINAL. What cannot be
 * read is left out. Returns what fn returned.
 */
int stack_marks__read(uint32_t tgid, struct stack_pointer *threads, size_t nr, uint16_t flags,
		      source_fn fn, void *ctx);
/* Of all of its threads; of those that run, if one of so many tries, a moment apart, finds them at
 * rest. */
int stack_marks__read_all(uint32_t tgid, uint16_t flags, unsigned int tries, source_fn fn,
			  void *ctx);

#endif
