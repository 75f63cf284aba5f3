/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stacks of threads at their bad accesses: what is to be unwound, and what is known. To unwind
 * takes files and the copy of a stack, which is for others to do: they take what is asked for, and
 * their answer comes as an event.
 */
#ifndef MEMTRACE_BACKTRACE_H
#define MEMTRACE_BACKTRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "memtrace/record.h"

struct event;
struct model;
struct name;
struct usage;

struct backtrace_frame {
	uint64_t ip;
	uint64_t offset; /* from the function's begin or, without symbol, in the file */
	uint32_t cycle;	 /* see struct mt_frame */
	uint32_t repeat;
	const char *symbol; /* "": not known */
	const char *file;   /* last component; "": none */
};

struct backtrace_key {
	uint64_t time_ns; /* of the signal */
	uint32_t pid;
	uint32_t tid;
};

struct backtrace {
	struct backtrace_key key;
	uint64_t depth_frames; /* with all repetitions */
	bool cut_off;	       /* it does not reach the thread's begin */
	bool by_pointers;      /* there may be frames that are not known */
	bool no_file;	       /* as a file that has code could not be read or says nothing */
	uint32_t nr;
	uint32_t left_out; /* frames after so many of those that are listed */
	uint32_t left_out_after;
	size_t size_bytes; /* with all that follows */
	UT_hash_handle hh;
	struct backtrace_frame frames[]; /* innermost first; then their strings */
};

/* So many of a process are kept, of those that it has handled at most so many, and so many in all.
 */
#define MAX_BACKTRACES 1000
#define MAX_BACKTRACES_HANDLED 500
#define MAX_ALL_BACKTRACES 20000

/* A mapping that can be executed, as of the bad access. */
struct stack_ask_mapping {
	uint64_t start;
	uint64_t end;
	uint64_t file_offset;
	struct name *name; /* a reference; NULL: no file */
};

/* A stack that has been copied and waits to be unwound. */
struct stack_ask {
	struct mt_stack_copy copy;
	struct stack_ask_mapping *mappings; /* ascending; NULL: nobody wants to know */
	size_t nr_mappings;
};

/* There are not as many slots for copies. */
#define MAX_STACK_ASKS 16

struct backtraces {
	bool wanted; /* somebody unwinds; set at the beginning */
	struct backtrace *table;
	struct backtrace *last; /* of a process that forgets; NULL: none */
	struct {
		struct stack_ask *items;
		size_t nr, cap;
	} asks;
};

/* MT_KIND_STACK_COPY and MT_KIND_STACK. 0 or -ENOMEM. */
int backtraces__take_copy(struct model *model, const struct event *ev);
int backtraces__take(struct model *model, const struct event *ev);

/* One that has been asked for and not been taken: stack_ask__release() it. False: none. */
bool backtraces__take_asked(struct backtraces *backtraces, struct stack_ask *ask);
void stack_ask__release(struct stack_ask *ask);

/* Of the thread at its signal; NULL: not known, or not yet. */
const struct backtrace *backtraces__find(const struct backtraces *backtraces, uint32_t pid,
					 uint32_t tid, uint64_t signal_time_ns);
void backtraces__release(struct backtraces *backtraces, struct usage *usage);

#endif
