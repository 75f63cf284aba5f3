/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The functions of instructions that matter: which are asked for, and what is known of them. To
 * find out takes files, which is for others to do: they take what is asked for, and their answer
 * comes as an event.
 */
#ifndef MEMTRACE_FUNCTION_H
#define MEMTRACE_FUNCTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/array.h"
#include "base/hash.h"
#include "memtrace/record.h"

struct name;
struct names;
struct usage;
struct vma;

struct function_key {
	uint64_t file; /* its struct name */
	uint64_t file_offset;
};

struct function {
	struct function_key key;
	struct name *file; /* a reference */
	uint32_t pid;	   /* has the file mapped from start to end */
	uint64_t start;
	uint64_t end;
	bool asked;
	uint64_t offset; /* of the instruction in it */
	char *symbol;	 /* NULL: not known */
	UT_hash_handle hh;
};

struct functions {
	struct function *table; /* in the order of the asking */
	struct function *next;	/* not taken yet */
	struct usage *usage;
};

/* So many, then no more are asked for. */
#define MAX_FUNCTIONS 4096

/*
 * Ask for the function of an instruction in a mapping of a process, once for each place in a file.
 * 0 or -ENOMEM.
 */
int functions__ask(struct functions *functions, const struct vma *vma, uint64_t ip, uint32_t pid);
/* One that has been asked for and not been taken; NULL: none. Valid until the next event. */
struct function *functions__take_asked(struct functions *functions);
/* 0 or -ENOMEM. */
int functions__take(struct functions *functions, struct names *names, const struct mt_symbol *rec);
/* NULL: not known. */
const struct function *functions__find(const struct functions *functions, const struct name *file,
				       uint64_t file_offset);
void functions__release(struct functions *functions);

#endif
