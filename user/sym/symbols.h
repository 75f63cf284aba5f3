/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which function of an ELF file has an instruction, by the symbols in the file itself. */
#ifndef MEMTRACE_SYMBOLS_H
#define MEMTRACE_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SYMBOL_NAME_BYTES 128

struct symbol_query {
	uint64_t file_offset; /* of the instruction */
	uint64_t address;     /* the same as the file's own tables have it */
	uint64_t offset;      /* from the function's begin */
	bool found;
	char name[SYMBOL_NAME_BYTES]; /* demangled; cut off if longer */
};

/*
 * Look functions up in .symtab, and what is not there in .dynsym. The tables are read once for all
 * queries, which are sorted by address. fd: of a stranger's file; little is held of it, whatever it
 * claims.
 */
void symbols__look_up(int fd, struct symbol_query *queries, size_t nr);

#endif
