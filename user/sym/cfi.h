/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Call frame information of an ELF file: how to find the caller of a function that is at some
 * instruction (DWARF 5, 6.4; as .eh_frame has it: Linux Standard Base Core 5.0, 10.6). Found by the
 * file's own sorted index (.eh_frame_hdr), of which little is read. A program that is linked
 * statically has none: one is made, of what is read of the whole section, within bounds.
 *
 * Not with libdw: for a register number that a few bytes of a stranger's file claim it allocates
 * gigabytes, and without an index it makes a tree of all functions.
 */
#ifndef MEMTRACE_CFI_H
#define MEMTRACE_CFI_H

#include <stdbool.h>
#include <stdint.h>

#include "base/elf_file.h"

/* Registers by DWARF number: enough for all that callers have saved, on x86-64 and arm64. */
#define CFI_REGS 34
#define CFI_MAX_LOADS 16
/* All expressions of a row together; a signal's frame takes some 80 bytes. */
#define CFI_EXPRESSION_BYTES 256

/* What may be read and kept to make indexes: programs without one have some 100 KiB. */
#define CFI_SCAN_BYTES (32ULL << 20)

struct cfi_function {
	uint64_t begin;
	uint64_t record; /* where it is told of */
};

struct cfi_file {
	struct elf_file elf;
	struct elf_segment loads[CFI_MAX_LOADS];
	unsigned int nr_loads;
	uint64_t index; /* address of .eh_frame_hdr */
	uint64_t table; /* and of its entries */
	uint64_t nr_entries;
	struct {
		struct cfi_function *items;
		size_t nr, cap;
	} functions; /* sorted, of a file without an index */
};

enum cfi_rule {
	CFI_SAME, /* also where nothing is said */
	CFI_UNDEFINED,
	CFI_AT_OFFSET,	     /* in memory at the CFA plus offset */
	CFI_OFFSET,	     /* the CFA plus offset */
	CFI_REGISTER,	     /* in another register */
	CFI_AT_EXPRESSION,   /* in memory at what an expression says */
	CFI_EXPRESSION,	     /* what it says */
	CFI_REGISTER_OFFSET, /* of the CFA alone: a register plus offset */
};

struct cfi_place {
	uint8_t rule; /* enum cfi_rule */
	uint8_t reg;
	uint16_t expression; /* where it begins */
	uint16_t expression_bytes;
	int64_t offset;
};

/* How it is at one instruction. */
struct cfi_row {
	uint64_t begin;	    /* of the function, as the file has addresses */
	uint8_t return_reg; /* the caller's instruction is in the place of this register */
	bool is_signal;	    /* the frame of a signal: its caller was not at a call */
	struct cfi_place cfa;
	struct cfi_place regs[CFI_REGS];
	uint8_t expressions[CFI_EXPRESSION_BYTES];
	uint16_t expressions_bytes;
};

/*
 * fd: of a stranger's file, borrowed. scan_bytes: what may be read to make an index, of which is
 * taken what was. False: it has no information that could be used.
 */
bool cfi_file__init(struct cfi_file *file, int fd, uint64_t *scan_bytes);
void cfi_file__release(struct cfi_file *file);

/* The address, as the file has them, of what is at an offset in it. False: none. */
bool cfi_file__address(const struct cfi_file *file, uint64_t file_offset, uint64_t *ret);

/* False: nothing is said of that address, or nothing that can be followed. */
bool cfi_file__find(const struct cfi_file *file, uint64_t address, struct cfi_row *row);

#endif
