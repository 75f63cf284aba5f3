/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pages as the model counts them: base pages of 4 KiB. */
#ifndef MEMTRACE_PAGE_H
#define MEMTRACE_PAGE_H

#include <stdint.h>

#define PAGE_SHIFT 12
#define PAGE_MASK ((1ULL << PAGE_SHIFT) - 1)

/* The next page boundary, this address included; at the end of the address space the last one. */
static inline uint64_t page__up(uint64_t addr)
{
	return addr > UINT64_MAX - PAGE_MASK ? UINT64_MAX & ~PAGE_MASK
					     : (addr + PAGE_MASK) & ~PAGE_MASK;
}

#endif
