/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mirror of an address space: which mapping an address belongs to, as of the event that was
 * taken last. A snapshot fills it, the memory calls keep it current.
 */
#ifndef MEMTRACE_MIRROR_H
#define MEMTRACE_MIRROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bsd/sys/tree.h>

#include "base/vocab.h"

struct name;
struct place;
struct usage;

struct vma {
	uint64_t start;
	uint64_t end;
	uint64_t offset; /* in the file */
	/*
	 * Who asked for it: the pieces of one mmap call, or of the heap, keep one origin however
	 * they are split.
	 */
	uint64_t origin;
	struct name *name;   /* of the file; NULL: none. The mirror holds a reference. */
	struct place *place; /* where its faults are counted; NULL until the first. Not owned. */
	uint8_t prot;
	uint8_t region; /* enum region */
	bool shared;
	bool guard;	    /* MADV_GUARD_INSTALL */
	bool grows;	    /* at a fault below it: the main stack, MAP_GROWSDOWN */
	uint32_t stack_tid; /* the thread that had it for its stack last, or STACK_TID_* */
	RB_ENTRY(vma) node;
};

RB_HEAD(vma_tree, vma);

struct vma_part {
	uint64_t start;
	uint64_t end;
};

/* What of the mapping lies in a range that it overlaps. */
static inline struct vma_part vma__part(const struct vma *vma, uint64_t start, uint64_t end)
{
	return (struct vma_part){
		.start = vma->start > start ? vma->start : start,
		.end = vma->end < end ? vma->end : end,
	};
}

static inline uint64_t vma__part_bytes(const struct vma *vma, uint64_t start, uint64_t end)
{
	struct vma_part part = vma__part(vma, start, end);

	return part.end - part.start;
}

static inline bool vma__is_inaccessible(const struct vma *vma)
{
	return !vma->prot || vma->guard;
}

enum {
	STACK_TID_NONE,			/* nobody since it was mapped */
	STACK_TID_UNKNOWN = UINT32_MAX, /* it was there before tracing began */
};

/* Origins that are not a call of the program's. */
enum {
	ORIGIN_NONE,
	ORIGIN_HEAP,
	ORIGIN_STACK,
	ORIGIN_VDSO,
	ORIGIN_FOLDED,
	ORIGIN_FIRST_CALL,
};

#define MIRROR_HITS 8

struct mirror {
	struct vma_tree tree; /* by address, not overlapping */
	size_t nr;
	/* Where the last look-ups ended, by some bits of the address; NULL: nowhere. */
	struct vma *hits[MIRROR_HITS];
	uint64_t next_origin;
	uint64_t anon_bytes; /* anonymous private writable, not a stack */
	bool known;	     /* a snapshot has been taken */
	struct usage *usage; /* NULL: not counted */
};

void mirror__clear(struct mirror *mirror);			/* forget all */
int mirror__copy(struct mirror *to, const struct mirror *from); /* places are not copied */

/* In ascending order; NULL at the end. */
struct vma *mirror__first(const struct mirror *mirror);
struct vma *mirror__last(const struct mirror *mirror);
struct vma *mirror__next(struct vma *vma);
struct vma *mirror__before(struct vma *vma);

/* The mapping that holds addr, or NULL. Valid until the next change. */
struct vma *mirror__find(struct mirror *mirror, uint64_t addr);
/* Is this file mapped executable directly below addr? So a program's data lies above its text. */
bool mirror__text_below(struct mirror *mirror, uint64_t addr, const struct name *name);
/* The first mapping that ends above addr, or NULL. */
struct vma *mirror__find_above(struct mirror *mirror, uint64_t addr);

/*
 * What the calls do. Ranges are widened to whole pages. Each returns 0 or -ENOMEM; on failure the
 * mirror may have lost part of the range, never its order. map() takes over vma->name's reference.
 */
int mirror__map(struct mirror *mirror, const struct vma *vma);
int mirror__unmap(struct mirror *mirror, uint64_t start, uint64_t end);
int mirror__protect(struct mirror *mirror, uint64_t start, uint64_t end, uint8_t prot);
int mirror__guard(struct mirror *mirror, uint64_t start, uint64_t end, bool guard);
/* Anonymous memory has this name now, or none (NULL); borrows name. */
int mirror__name(struct mirror *mirror, uint64_t start, uint64_t end, struct name *name);
/* keep_old: MREMAP_DONTUNMAP, or an old size of 0, which duplicates a shared mapping. */
int mirror__remap(struct mirror *mirror, uint64_t old_start, uint64_t old_size, uint64_t new_start,
		  uint64_t new_size, bool keep_old);

void mirror__set_region(struct mirror *mirror, struct vma *vma, enum region region);
uint64_t mirror__new_origin(struct mirror *mirror);

#endif
