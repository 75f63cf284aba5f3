/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Call frame instructions (DWARF 5, 6.4.2): a program of them makes the row of an address. */
#ifndef MEMTRACE_CFI_ROW_H
#define MEMTRACE_CFI_ROW_H

#include <stdbool.h>
#include <stdint.h>

#include "sym/cfi.h"
#include "sym/cursor.h"

/* What a CIE says of the programs. */
struct cfi_terms {
	uint64_t code_factor;
	int64_t data_factor;
	uint8_t pointers; /* their encoding */
};

/*
 * row->begin is where both programs begin: the CIE's, which is common to functions, and then the
 * function's own. False: there is something in them that cannot be followed.
 */
bool cfi_row__make(struct cfi_row *row, const struct cfi_terms *terms, struct cursor common,
		   struct cursor own, uint64_t address);

#endif
