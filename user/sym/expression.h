/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DWARF expressions as call frame information has them (DWARF 5, 2.5): without branches or calls.
 */
#ifndef MEMTRACE_EXPRESSION_H
#define MEMTRACE_EXPRESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct unwind;

/*
 * regs: the registers, CFI_REGS of them. first: on the stack when it begins, if it is not NULL.
 * *steps counts operations. False: it asks for what cannot be had.
 */
bool expression__evaluate(const struct unwind *unwind, const uint64_t *regs, const uint8_t *bytes,
			  size_t size, const uint64_t *first, uint64_t *steps, uint64_t *ret);

#endif
