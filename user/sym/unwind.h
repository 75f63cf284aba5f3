/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The callers of a thread, by its registers and a copy of its stack: by the call frame information
 * of the files, and where there is none (code made at run time) by frame pointers. What is in the
 * files and on the stack comes from strangers: time and memory are bounded.
 */
#ifndef MEMTRACE_UNWIND_H
#define MEMTRACE_UNWIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sym/cfi.h"

/* A mapping that can be executed. */
struct unwind_module {
	uint64_t start;
	uint64_t end;
	uint64_t file_offset;
	bool has_file; /* or it was made at run time */
};

struct unwind {
	uint64_t regs[CFI_REGS];	     /* by DWARF number, with the instruction */
	const struct unwind_module *modules; /* ascending */
	size_t nr_modules;
	/* A word of the stack, whose address is a multiple of 8. False: it was not copied. */
	bool (*read)(void *ctx, uint64_t address, uint64_t *ret);
	/* The descriptor of a module's file, once for each that is come to; borrowed. -1: none. */
	int (*open)(void *ctx, size_t module);
	void *ctx;
};

/* A stack of 8 MiB has no more. */
#define UNWIND_MAX_FRAMES (1U << 20)
#define UNWIND_NO_MODULE UINT32_MAX

/* A place in code that calls, or did the bad access. */
struct unwind_site {
	uint64_t ip;	    /* inside of the call */
	uint64_t ip_offset; /* in its file */
	uint64_t begin;	 /* of the function, as the file has addresses, if by_cfi; else ip_offset */
	uint32_t module; /* UNWIND_NO_MODULE: none */
	bool by_cfi;
};

struct unwound {
	struct unwind_site *sites;
	size_t nr_sites;
	uint32_t *frames; /* indices of sites, innermost first */
	size_t nr_frames;
	bool whole;	  /* to the thread's begin */
	bool by_pointers; /* by frame pointers, in part: functions without have been passed by */
	bool no_file; /* it came to code of a file that cannot be read or tells nothing: a guess */
};

/* 0 or -ENOMEM. There is always the first frame. */
int unwind__walk(const struct unwind *unwind, struct unwound *ret);
void unwound__release(struct unwound *unwound);

#endif
