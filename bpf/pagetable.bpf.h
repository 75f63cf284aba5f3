/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the page table says of an address, as the kernel's own fault handler is about to see it:
 * the entry tells first touches from swapped pages, hints of the NUMA balancer and writes to shared
 * pages. x86-64 (Intel SDM volume 3A, 4.5; swap entries: arch/x86/include/asm/pgtable_64.h).
 *
 * Reads take no lock: the table belongs to the running thread's own address space and its pages
 * stay, but an entry may change right after. The loader tries the walk on a page of its own before
 * it is used (source/pagetable.c), which also finds where the kernel maps physical memory.
 */
#ifndef MEMTRACE_BPF_PAGETABLE_H
#define MEMTRACE_BPF_PAGETABLE_H

#include "common.bpf.h"

#define PTE_PRESENT 0x1ULL
#define PTE_WRITE 0x2ULL
#define PTE_LEAF 0x80ULL      /* in the tables above the last: a huge page */
#define PTE_PROTNONE 0x100ULL /* of an entry that is not present */
#define PTE_NX (1ULL << 63)
/* Accessed and dirty: some CPUs set them in empty entries. */
#define PTE_NOISE 0x60ULL
/* The swap device of an entry that is not present; what comes after the last is migration. */
#define PTE_SWAP_TYPE_SHIFT 59
#define MAX_SWAP_DEVICES 23

#define PAGE_SHIFT 12
#define PMD_SHIFT 21
#define PUD_SHIFT 30
#define P4D_SHIFT 39
#define PGD_SHIFT 48

struct pte {
	__u64 entry;
	__u32 shift; /* of what it maps: PAGE_SHIFT, PMD_SHIFT or PUD_SHIFT */
};

static __always_inline __u64 table__entry(__u64 table, __u64 addr, __u32 shift)
{
	return read__u64(table + ((addr >> shift & 511) << 3));
}

static __always_inline __u64 table__below(__u64 entry)
{
	return control.direct_map + (entry & control.frame_mask);
}

/* The last entry on the way to addr. */
static __always_inline struct pte pagetable__find(__u64 table, __u64 addr)
{
	struct pte pte = {.shift = PUD_SHIFT};

	if (control.five_levels) {
		pte.entry = table__entry(table, addr, PGD_SHIFT);
		if (!(pte.entry & PTE_PRESENT))
			return pte;
		table = table__below(pte.entry);
	}
	pte.entry = table__entry(table, addr, P4D_SHIFT);
	if (!(pte.entry & PTE_PRESENT))
		return pte;
	pte.entry = table__entry(table__below(pte.entry), addr, PUD_SHIFT);
	if (!(pte.entry & PTE_PRESENT) || pte.entry & PTE_LEAF)
		return pte;
	pte.shift = PMD_SHIFT;
	pte.entry = table__entry(table__below(pte.entry), addr, PMD_SHIFT);
	if (!(pte.entry & PTE_PRESENT) || pte.entry & PTE_LEAF)
		return pte;
	pte.shift = PAGE_SHIFT;
	pte.entry = table__entry(table__below(pte.entry), addr, PAGE_SHIFT);
	return pte;
}

static __always_inline bool pte__allows(__u64 entry, __u64 fault_flags)
{
	if (fault_flags & MT_FAULT_WRITE)
		return entry & PTE_WRITE;
	return !(fault_flags & MT_FAULT_EXEC) || !(entry & PTE_NX);
}

static __always_inline enum mt_entry pte__state(struct pte pte, __u64 fault_flags)
{
	if (!(pte.entry & ~PTE_NOISE))
		return pte.shift == PAGE_SHIFT ? MT_ENTRY_NONE : MT_ENTRY_NO_TABLE;
	if (pte.entry & PTE_PRESENT)
		return pte__allows(pte.entry, fault_flags) ? MT_ENTRY_ALLOWED : MT_ENTRY_PRESENT;
	if (pte.entry & PTE_PROTNONE)
		return MT_ENTRY_PROTNONE;
	return pte.shift == PAGE_SHIFT && pte.entry >> PTE_SWAP_TYPE_SHIFT < MAX_SWAP_DEVICES
		       ? MT_ENTRY_SWAP
		       : MT_ENTRY_MIGRATION;
}

/* The state of the entry that a fault of the current thread at addr begins with. */
static __always_inline enum mt_entry pagetable__state(__u64 addr, __u64 fault_flags)
{
	if (!control.direct_map)
		return MT_ENTRY_UNKNOWN;
	return pte__state(pagetable__find(current__pgd(), addr), fault_flags);
}

#endif
