// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The causes of faults. What the page table had when the fault began and what stands behind the
 * address tell them apart; without the page table some remain merged, under names of their own.
 */
#include "event/event.h"
#include "model/cause.h"
#include "model/mirror.h"

/* What one entry of the table above those of pages spans: x86-64, and arm64 with pages of 4 KiB. */
#define HUGE_BYTES (2ULL << 20)

enum backing vma__backing(const struct vma *vma)
{
	switch (vma ? (enum region)vma->region : REGION_OTHER) {
	case REGION_OTHER:
		return BACKING_UNKNOWN;
	case REGION_SHMEM:
		return BACKING_SHMEM;
	case REGION_TEXT:
	case REGION_DATA:
	case REGION_FILE:
	case REGION_VDSO:
		return vma->shared ? BACKING_SHARED_FILE : BACKING_PRIVATE_FILE;
	default:
		return vma->shared ? BACKING_SHMEM : BACKING_ANON;
	}
}

/* A huge page is not larger than what is mapped, by one mapping or several that the kernel joins.
 */
static bool has_room_for_huge(struct mirror *mirror, uint64_t addr)
{
	uint64_t at = addr & ~(HUGE_BYTES - 1), end = at + HUGE_BYTES;
	struct vma *vma = mirror__find(mirror, at);

	for (; vma && vma->start <= at; vma = mirror__next(vma)) {
		if (vma->end >= end)
			return true;
		at = vma->end;
	}
	return false;
}

static void facts__note_retries(struct fault_facts *facts, const struct event_fault *fault)
{
	/* A probe that saw the end says it; but a read that was retried has waited for the disk. */
	if (fault->ended && fault->access != ACCESS_UNKNOWN)
		facts->not_read = fault->not_read && facts->write;
	else
		facts->read_unsure = facts->write || fault->access == ACCESS_UNKNOWN;
}

struct fault_facts fault__facts(struct mirror *mirror, const struct vma *vma,
				const struct event_fault *fault, bool retries_are_major)
{
	struct fault_facts facts = {
		.entry = fault->entry,
		.backing = vma__backing(vma),
		.write = fault->access == ACCESS_WRITE,
		.protection = fault->protection,
	};

	if (fault->ended)
		facts.huge = fault->huge_bytes ? HUGE_YES : HUGE_NO;
	else if (fault->entry == MT_ENTRY_NO_TABLE &&
		 (!vma || has_room_for_huge(mirror, fault->addr)))
		facts.huge = HUGE_OPEN;
	if (retries_are_major)
		facts__note_retries(&facts, fault);
	return facts;
}

void facts__set_vma(struct fault_facts *facts, struct mirror *mirror, const struct vma *vma,
		    uint64_t addr)
{
	facts->backing = vma__backing(vma);
	if (facts->huge == HUGE_OPEN && !has_room_for_huge(mirror, addr))
		facts->huge = HUGE_NO;
}

static enum fault_cause cause__of_write(const struct fault_facts *facts)
{
	switch (facts->backing) {
	case BACKING_UNKNOWN:
		return CAUSE_UNKNOWN;
	case BACKING_SHMEM:
	case BACKING_SHARED_FILE:
		return CAUSE_WRITE_NOTIFY;
	default:
		return CAUSE_COW;
	}
}

/* Nothing was there: what comes is told by what stands behind the address. */
static enum fault_cause cause__of_empty(const struct fault_facts *facts, bool major)
{
	if (facts->huge == HUGE_YES)
		return CAUSE_HUGE;
	switch (facts->backing) {
	case BACKING_UNKNOWN:
		return CAUSE_UNKNOWN;
	case BACKING_ANON:
		return facts->huge == HUGE_OPEN ? CAUSE_ANON_MERGED : CAUSE_ANON_ZERO;
	case BACKING_SHMEM:
		if (major)
			return facts->read_unsure ? CAUSE_SHMEM_MERGED : CAUSE_SWAP_IN;
		return facts->huge == HUGE_OPEN ? CAUSE_SHMEM_MERGED : CAUSE_SHMEM;
	default:
		break;
	}
	if (major)
		return facts->read_unsure && facts->backing == BACKING_SHARED_FILE
			       ? CAUSE_FILE_MERGED
			       : CAUSE_FILE_MAJOR;
	if (facts->write && facts->backing == BACKING_PRIVATE_FILE)
		return CAUSE_COW;
	return facts->huge == HUGE_OPEN ? CAUSE_FILE_MERGED : CAUSE_FILE_MINOR;
}

/* The page table was not read. */
static enum fault_cause cause__of_mapping(const struct fault_facts *facts, bool major)
{
	if (facts->protection)
		return facts->write ? cause__of_write(facts) : CAUSE_PROTECTION;
	switch (facts->backing) {
	case BACKING_UNKNOWN:
		return CAUSE_UNKNOWN;
	case BACKING_ANON:
		return major ? CAUSE_SWAP_IN : CAUSE_ANON_MERGED;
	case BACKING_SHMEM:
		return major && !facts->read_unsure ? CAUSE_SWAP_IN : CAUSE_SHMEM_MERGED;
	case BACKING_PRIVATE_FILE: /* its own pages may come from swap */
		return CAUSE_FILE_MERGED;
	default:
		return major && !facts->read_unsure ? CAUSE_FILE_MAJOR : CAUSE_FILE_MERGED;
	}
}

enum fault_cause fault__cause(const struct fault_facts *facts, bool major)
{
	if (facts->not_read && facts->backing != BACKING_PRIVATE_FILE)
		major = false;
	if (facts->grew)
		return CAUSE_STACK_GROWTH;
	switch (facts->entry) {
	case MT_ENTRY_NONE:
	case MT_ENTRY_NO_TABLE:
		return cause__of_empty(facts, major);
	case MT_ENTRY_SWAP:
		return CAUSE_SWAP_IN;
	case MT_ENTRY_MIGRATION:
		return CAUSE_MIGRATION;
	case MT_ENTRY_PROTNONE:
		return CAUSE_NUMA_HINT;
	case MT_ENTRY_PRESENT:
		return facts->write ? cause__of_write(facts) : CAUSE_PROTECTION;
	case MT_ENTRY_ALLOWED:
		return CAUSE_RACED;
	case MT_ENTRY_UNKNOWN:
		break;
	}
	return cause__of_mapping(facts, major);
}
