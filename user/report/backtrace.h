/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The stack of a thread at a bad access, as rows. */
#ifndef MEMTRACE_REPORT_BACKTRACE_H
#define MEMTRACE_REPORT_BACKTRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct model;

/* Frames that repeat are listed once: cycle > 0 of them begin here, and repeat so often. */
struct report_frame {
	uint64_t ip;	 /* of the bad access; of the outer ones, inside of the call */
	char *symbol;	 /* NULL: not known */
	uint64_t offset; /* from the function's begin or, without symbol, in the file */
	char *file;	 /* last component; NULL: none */
	uint32_t cycle;	 /* 0: inside of one */
	uint32_t repeat; /* 1: it stands for itself */
};

struct report_backtrace {
	uint64_t depth; /* frames, with all repetitions */
	bool cut_off;	/* it does not reach the thread's begin */
	bool exact;	/* false: code of which no file tells may have frames that are not known */
	bool no_file; /* that is, a file of its code could not be read or says nothing of frames */
	struct report_frame *frames; /* innermost first */
	size_t nr_frames;
	uint64_t left_out; /* frames that are not listed, after so many that are */
	size_t left_out_after;
};

/*
 * Of a thread at the signal of that time. *ret is NULL where it is not known; free it. 0 or
 * -ENOMEM.
 */
int report_backtrace__build(const struct model *model, uint32_t pid, uint32_t tid, uint64_t time_ns,
			    struct report_backtrace **ret);
void report_backtrace__free(struct report_backtrace *backtrace); /* NULL is none */

/* "parse" with what call says behind it ("()"), else "libc.so.6+0x167ad8". Strangers' strings. */
void report_frame__print(const struct report_frame *frame, const char *call, FILE *out);

/*
 * Where the thread was, in few words: its innermost function, or the recursion that most of the
 * stack is, "in parse_nested() × 4,112" (utf8 false: "x"); where the innermost has no name, "in
 * libc.so.6+0x167ad8, called from parse()". Of strangers' strings: to be escaped. The caller frees
 * it. NULL: not known, or no memory.
 */
char *backtrace__phrase(const struct report_backtrace *backtrace, bool utf8);

#endif
