/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which pages of an address space have faulted, and how often, by slices of 2 MiB. */
#ifndef MEMTRACE_PAGES_H
#define MEMTRACE_PAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/page.h"
#include "base/vocab.h"
#include "model/usage.h"

#define SLICE_SHIFT 21
#define SLICE_BYTES (1ULL << SLICE_SHIFT)
#define SLICE_PAGES (1U << (SLICE_SHIFT - PAGE_SHIFT))

struct name;

/* Faults in what has one name, or none and is of one region. */
struct share {
	struct name *name; /* a reference; NULL: none */
	uint64_t region : 8;
	uint64_t faults : 56; /* at least; see slice.error */
};

#define SLICE_SHARES 4

struct slice {
	UT_hash_handle hh; /* beside what is searched for */
	uint64_t index;	   /* address >> SLICE_SHIFT */
	uint64_t faults;
	uint64_t touched[SLICE_PAGES / 64]; /* a bit a page */
	/*
	 * The names with most faults (Metwally's "space saving"): one too many takes over the
	 * smallest share, which is why a share may be too large, by no more than error.
	 */
	struct share shares[SLICE_SHARES];
	uint64_t error;
};

struct pages {
	struct slice *slices;
	struct slice *hit; /* where the last fault was */
	struct usage *usage;
};

/* Note a fault; *fresh: the page had not faulted before. NULL without memory. */
struct slice *pages__fault(struct pages *pages, uint64_t addr, bool *fresh);
/*
 * A huge page that the fault is in was mapped: it has touched all of its slice, also where the page
 * is larger. Returns how many pages had not been; none if what it mapped is unmapped by now.
 */
unsigned int slice__touch_all(struct slice *slice, uint64_t addr);
/* Take it back: it was no fault after all. */
void pages__undo(struct slice *slice, uint64_t addr, bool was_fresh);
/* What the fault was in, as far as a name (NULL: none) or else the region tells. Borrows name. */
void slice__add_share(struct slice *slice, struct name *name, enum region region);
void slice__sub_share(struct slice *slice, const struct name *name, enum region region);
/* Now it is known what a fault in REGION_OTHER was in. */
void pages__move_share(struct pages *pages, uint64_t addr, struct name *name, enum region region);
/* The share with the most faults; NULL: that is not known. */
const struct share *slice__most(const struct slice *slice);
/* Forget which pages of a range were touched: something else is mapped there now. */
void pages__clear_range(struct pages *pages, uint64_t start, uint64_t end);
unsigned int slice__touched(const struct slice *slice);
/* Those of a range of addresses that has some in this slice. */
unsigned int slice__touched_in(const struct slice *slice, uint64_t start, uint64_t end);
void pages__release(struct pages *pages);

#endif
