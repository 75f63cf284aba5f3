// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>

#include "model/name.h"
#include "model/pages.h"

static struct slice *pages__find(struct pages *pages, uint64_t index)
{
	struct slice *slice;

	if (pages->hit && pages->hit->index == index)
		return pages->hit;
	HASH_FIND(hh, pages->slices, &index, sizeof(index), slice);
	if (slice)
		pages->hit = slice;
	return slice;
}

static unsigned int page__of(uint64_t addr)
{
	return (addr >> PAGE_SHIFT) % SLICE_PAGES;
}

struct slice *pages__fault(struct pages *pages, uint64_t addr, bool *fresh)
{
	uint64_t index = addr >> SLICE_SHIFT;
	struct slice *slice = pages__find(pages, index);
	unsigned int page = page__of(addr);
	uint64_t bit = 1ULL << page % 64;

	if (!slice) {
		slice = usage__alloc(pages->usage, sizeof(*slice));
		if (!slice)
			return NULL;
		slice->index = index;
		HASH_ADD(hh, pages->slices, index, sizeof(index), slice);
		if (!hash__added(slice)) {
			usage__free(pages->usage, slice, sizeof(*slice));
			return NULL;
		}
		pages->hit = slice;
	}
	slice->faults++;
	*fresh = !(slice->touched[page / 64] & bit);
	slice->touched[page / 64] |= bit;
	return slice;
}

unsigned int slice__touch_all(struct slice *slice, uint64_t addr)
{
	unsigned int page = page__of(addr), fresh = SLICE_PAGES - slice__touched(slice);

	if (!(slice->touched[page / 64] & 1ULL << page % 64))
		return 0;
	memset(slice->touched, 0xff, sizeof(slice->touched));
	return fresh;
}

void pages__undo(struct slice *slice, uint64_t addr, bool was_fresh)
{
	unsigned int page = page__of(addr);

	slice->faults--;
	if (was_fresh)
		slice->touched[page / 64] &= ~(1ULL << page % 64);
}

static bool share__is(const struct share *share, const struct name *name, enum region region)
{
	return share->name == name && (name || share->region == region);
}

void slice__add_share(struct slice *slice, struct name *name, enum region region)
{
	struct share *least = slice->shares;

	for (unsigned int i = 0; i < SLICE_SHARES; i++) {
		struct share *share = &slice->shares[i];

		if (share__is(share, name, region)) {
			share->faults++;
			return;
		}
		if (share->faults < least->faults)
			least = share;
	}
	if (least->faults > slice->error)
		slice->error = least->faults;
	name__put(least->name);
	least->name = name__hold(name);
	least->region = region;
	least->faults++;
}

void slice__sub_share(struct slice *slice, const struct name *name, enum region region)
{
	for (unsigned int i = 0; i < SLICE_SHARES; i++)
		if (slice->shares[i].faults && share__is(&slice->shares[i], name, region)) {
			slice->shares[i].faults--;
			return;
		}
}

void pages__move_share(struct pages *pages, uint64_t addr, struct name *name, enum region region)
{
	struct slice *slice = pages__find(pages, addr >> SLICE_SHIFT);

	if (!slice)
		return;
	slice__sub_share(slice, NULL, REGION_OTHER);
	slice__add_share(slice, name, region);
}

const struct share *slice__most(const struct slice *slice)
{
	const struct share *most = slice->shares;

	for (unsigned int i = 1; i < SLICE_SHARES; i++)
		if (slice->shares[i].faults > most->faults)
			most = &slice->shares[i];
	/* Where no share is too large, the first of several as large will do. */
	for (unsigned int i = 0; slice->error && i < SLICE_SHARES; i++)
		if (&slice->shares[i] != most &&
		    slice->shares[i].faults + slice->error > most->faults)
			return NULL;
	return most;
}

/* The slice's pages first … last - 1 are those of the range, which has some. */
static void slice__range(const struct slice *slice, uint64_t start, uint64_t end,
			 unsigned int *first, unsigned int *last)
{
	uint64_t base = slice->index << SLICE_SHIFT;

	*first = start > base ? page__of(start) : 0;
	*last = end - base < SLICE_BYTES ? page__of(end - 1) + 1 : SLICE_PAGES;
}

/* The bits of one word of touched that are first … last - 1 of all. */
static uint64_t word__mask(unsigned int word, unsigned int first, unsigned int last)
{
	uint64_t mask = ~0ULL;

	if (first > word * 64)
		mask &= ~0ULL << first % 64;
	if (last < (word + 1) * 64)
		mask &= ~(~0ULL << last % 64);
	return mask;
}

static void slice__clear_range(struct slice *slice, uint64_t start, uint64_t end)
{
	unsigned int first, last;

	slice__range(slice, start, end, &first, &last);
	for (unsigned int word = first / 64; word * 64 < last; word++)
		slice->touched[word] &= ~word__mask(word, first, last);
}

void pages__clear_range(struct pages *pages, uint64_t start, uint64_t end)
{
	uint64_t first = start >> SLICE_SHIFT, last = (end - 1) >> SLICE_SHIFT;
	struct slice *slice, *next;

	if (start >= end)
		return;
	/* A range may be far larger than what was touched in it: walk the shorter of the two. */
	if (last - first > HASH_COUNT(pages->slices)) {
		usage__step(pages->usage, HASH_COUNT(pages->slices));
		HASH_ITER (hh, pages->slices, slice, next)
			if (slice->index >= first && slice->index <= last)
				slice__clear_range(slice, start, end);
		return;
	}
	usage__step(pages->usage, last - first);
	for (uint64_t index = first; index <= last; index++) {
		slice = pages__find(pages, index);
		if (slice)
			slice__clear_range(slice, start, end);
	}
}

unsigned int slice__touched(const struct slice *slice)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < SLICE_PAGES / 64; i++)
		nr += __builtin_popcountll(slice->touched[i]);
	return nr;
}

unsigned int slice__touched_in(const struct slice *slice, uint64_t start, uint64_t end)
{
	unsigned int nr = 0, first, last;

	slice__range(slice, start, end, &first, &last);
	for (unsigned int word = first / 64; word * 64 < last; word++)
		nr += __builtin_popcountll(slice->touched[word] & word__mask(word, first, last));
	return nr;
}

void pages__release(struct pages *pages)
{
	struct slice *slice, *next;

	HASH_ITER (hh, pages->slices, slice, next) {
		HASH_DELETE(hh, pages->slices, slice);
		for (unsigned int i = 0; i < SLICE_SHARES; i++)
			name__put(slice->shares[i].name);
		usage__free(pages->usage, slice, sizeof(*slice));
	}
	pages->hit = NULL;
}
