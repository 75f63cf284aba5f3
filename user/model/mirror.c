// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/page.h"
#include "model/mirror.h"
#include "model/name.h"
#include "model/places.h"
#include "model/usage.h"

/*
 * Beyond so many mappings neighbours of one kind are merged, as the kernel does, whoever asked for
 * them: a program may map a million adjacent pages one by one. Below it each call keeps a mapping
 * of its own.
 */
#define MERGE_ABOVE 4096

static uint64_t vma__anon_bytes(const struct vma *vma)
{
	return vma->region == REGION_ANON && !vma->shared && vma->prot & PROT_WRITE
		       ? vma->end - vma->start
		       : 0;
}

static int vma__compare(const struct vma *a, const struct vma *b)
{
	return (a->start > b->start) - (a->start < b->start);
}

/* The macro wants it, and no header that is sure to be there defines it. */
#define __unused __attribute__((unused))
RB_GENERATE_STATIC(vma_tree, vma, node, vma__compare)

struct vma *mirror__first(const struct mirror *mirror)
{
	struct vma_tree tree = mirror->tree;

	return RB_MIN(vma_tree, &tree);
}

struct vma *mirror__last(const struct mirror *mirror)
{
	struct vma_tree tree = mirror->tree;

	return RB_MAX(vma_tree, &tree);
}

struct vma *mirror__next(struct vma *vma)
{
	return RB_NEXT(vma_tree, NULL, vma);
}

struct vma *mirror__before(struct vma *vma)
{
	return RB_PREV(vma_tree, NULL, vma);
}

static void mirror__remove(struct mirror *mirror, struct vma *vma)
{
	RB_REMOVE(vma_tree, &mirror->tree, vma);
	for (unsigned int i = 0; i < MIRROR_HITS; i++)
		if (mirror->hits[i] == vma)
			mirror->hits[i] = NULL;
	mirror->anon_bytes -= vma__anon_bytes(vma);
	mirror->nr--;
	if (mirror->usage)
		mirror->usage->vmas--;
	name__put(vma->name);
	usage__free(mirror->usage, vma, sizeof(*vma));
}

/* A copy of the mapping, which takes over the reference to its name. */
static struct vma *mirror__insert(struct mirror *mirror, const struct vma *vma)
{
	struct vma *copy = malloc(sizeof(*copy));

	if (!copy)
		return NULL;
	usage__add(mirror->usage, sizeof(*copy));
	if (mirror->usage)
		mirror->usage->vmas++;
	*copy = *vma;
	RB_INSERT(vma_tree, &mirror->tree, copy);
	mirror->nr++;
	mirror->anon_bytes += vma__anon_bytes(copy);
	return copy;
}

void mirror__clear(struct mirror *mirror)
{
	while (!RB_EMPTY(&mirror->tree))
		mirror__remove(mirror, RB_ROOT(&mirror->tree));
	/* Places of before are looked up by origin: it must not come again. */
	*mirror = (struct mirror){.next_origin = mirror->next_origin, .usage = mirror->usage};
}

int mirror__copy(struct mirror *to, const struct mirror *from)
{
	usage__step(to->usage, from->nr);
	for (struct vma *vma = mirror__first(from); vma; vma = mirror__next(vma)) {
		struct vma *copy = mirror__insert(to, vma);

		if (!copy)
			return -ENOMEM;
		copy->place = NULL;
		name__hold(copy->name);
	}
	to->next_origin = from->next_origin;
	to->known = from->known;
	return 0;
}

uint64_t mirror__new_origin(struct mirror *mirror)
{
	if (mirror->next_origin < ORIGIN_FIRST_CALL)
		mirror->next_origin = ORIGIN_FIRST_CALL;
	return mirror->next_origin++;
}

void mirror__set_region(struct mirror *mirror, struct vma *vma, enum region region)
{
	mirror->anon_bytes -= vma__anon_bytes(vma);
	vma->region = region;
	mirror->anon_bytes += vma__anon_bytes(vma);
}

struct vma *mirror__find_above(struct mirror *mirror, uint64_t addr)
{
	struct vma *vma = RB_ROOT(&mirror->tree), *above = NULL;

	while (vma) {
		if (vma->end > addr) {
			above = vma;
			vma = RB_LEFT(vma, node);
		} else {
			vma = RB_RIGHT(vma, node);
		}
	}
	return above;
}

/* An ELF file has a few segments, which mprotect() may have split. */
#define MAX_SEGMENTS 64

bool mirror__text_below(struct mirror *mirror, uint64_t addr, const struct name *name)
{
	struct vma *vma = mirror__find_above(mirror, addr);

	vma = vma ? mirror__before(vma) : mirror__last(mirror);
	for (unsigned int i = 0; vma && i < MAX_SEGMENTS; vma = mirror__before(vma), i++) {
		if (!name || vma->name != name)
			return false;
		if (vma->region == REGION_TEXT)
			return true;
	}
	return false;
}

/* Programs fault by turns in a handful of places, each some pages large. */
#define HIT_BYTES 65536

struct vma *mirror__find(struct mirror *mirror, uint64_t addr)
{
	struct vma **hit = &mirror->hits[addr / HIT_BYTES % MIRROR_HITS], *vma = *hit;

	if (vma && addr >= vma->start && addr < vma->end)
		return vma;
	vma = mirror__find_above(mirror, addr);
	if (!vma || vma->start > addr)
		return NULL;
	*hit = vma;
	return vma;
}

/* Have a mapping begin at addr, if one holds it. */
static int mirror__split(struct mirror *mirror, uint64_t addr)
{
	struct vma *lower = mirror__find_above(mirror, addr);
	struct vma upper;

	if (!lower || lower->start >= addr)
		return 0;
	upper = *lower;
	upper.start = addr;
	upper.offset += addr - lower->start;
	mirror->anon_bytes -= vma__anon_bytes(lower);
	lower->end = addr;
	mirror->anon_bytes += vma__anon_bytes(lower);
	if (!mirror__insert(mirror, &upper))
		return -ENOMEM;
	name__hold(upper.name);
	return 0;
}

/*
 * Have a range, widened to whole pages, consist of whole mappings: *first (NULL: there is none),
 * and what follows it up to *end.
 */
static int mirror__isolate(struct mirror *mirror, uint64_t start, uint64_t *end, struct vma **first)
{
	int err;

	start &= ~PAGE_MASK;
	*end = page__up(*end);
	*first = NULL;
	if (start >= *end)
		return 0;
	err = mirror__split(mirror, start);
	if (!err)
		err = mirror__split(mirror, *end);
	if (!err)
		*first = mirror__find_above(mirror, start);
	return err;
}

int mirror__unmap(struct mirror *mirror, uint64_t start, uint64_t end)
{
	struct vma *vma, *next;
	int err = mirror__isolate(mirror, start, &end, &vma);

	for (; vma && vma->start < end; vma = next) {
		next = mirror__next(vma);
		mirror__remove(mirror, vma);
	}
	return err;
}

static bool vma__same_kind(const struct vma *a, const struct vma *b)
{
	return a->end == b->start && a->region == b->region && a->prot == b->prot &&
	       a->shared == b->shared && a->guard == b->guard && a->grows == b->grows;
}

/* Pieces of one mapping that nothing tells apart any more. */
static bool vma__same_mapping(const struct vma *a, const struct vma *b)
{
	return a->origin == b->origin && a->name == b->name &&
	       a->offset + (a->end - a->start) == b->offset;
}

/*
 * Two neighbours of different origins become one mapping, lower. It is the one of the two that
 * faults are counted at, or else the larger: a program that maps a page more at a time has one
 * mapping that grows, not one more as large as all of them before.
 */
static void vma__inherit(struct vma *lower, const struct vma *upper)
{
	uint64_t lower_bytes = lower->end - lower->start, upper_bytes = upper->end - upper->start;
	bool is_upper = !lower->place == !upper->place ? upper_bytes > lower_bytes : !lower->place;
	struct place *gone = is_upper ? lower->place : upper->place;

	if (is_upper) {
		lower->origin = upper->origin;
		lower->offset = upper->offset - lower_bytes;
		lower->place = upper->place;
	}
	lower->end = upper->end;
	place__absorb(lower, gone);
}

/* Join two neighbours if they are alike; false: they are not. */
static bool mirror__merge(struct mirror *mirror, struct vma *lower, struct vma *upper)
{
	bool crowded = mirror->nr > MERGE_ABOVE;

	if (!lower || !upper || !vma__same_kind(lower, upper))
		return false;
	if (!vma__same_mapping(lower, upper) && !(crowded && !lower->name && !upper->name))
		return false;
	mirror->anon_bytes -= vma__anon_bytes(lower);
	if (lower->origin == upper->origin)
		lower->end = upper->end;
	else
		vma__inherit(lower, upper);
	mirror->anon_bytes += vma__anon_bytes(lower);
	mirror__remove(mirror, upper);
	return true;
}

/*
 * Join what the kernel joins again: a program may protect and unprotect its pages one by one, all
 * day long. first: the mapping that begins at the range's start.
 */
static void mirror__rejoin(struct mirror *mirror, struct vma *first, uint64_t end)
{
	struct vma *vma = first, *next;

	if (first && mirror__before(first))
		vma = mirror__before(first);
	while (vma && vma->end <= end) {
		next = mirror__next(vma);
		if (!mirror__merge(mirror, vma, next))
			vma = next;
	}
}

int mirror__map(struct mirror *mirror, const struct vma *vma)
{
	struct vma new = *vma, *inserted = NULL;
	int err;

	new.start &= ~PAGE_MASK;
	new.end = page__up(new.end);
	err = new.start < new.end ? mirror__unmap(mirror, new.start, new.end) : -EINVAL;
	if (!err) {
		inserted = mirror__insert(mirror, &new);
		err = inserted ? 0 : -ENOMEM;
	}
	if (err) {
		name__put(new.name);
		return err == -EINVAL ? 0 : err;
	}
	mirror__merge(mirror, inserted, mirror__next(inserted));
	mirror__merge(mirror, mirror__before(inserted), inserted);
	return 0;
}

int mirror__protect(struct mirror *mirror, uint64_t start, uint64_t end, uint8_t prot)
{
	struct vma *first;
	int err = mirror__isolate(mirror, start, &end, &first);

	for (struct vma *vma = first; vma && vma->start < end; vma = mirror__next(vma)) {
		usage__step(mirror->usage, 2);
		mirror->anon_bytes -= vma__anon_bytes(vma);
		vma->prot = prot;
		mirror->anon_bytes += vma__anon_bytes(vma);
	}
	mirror__rejoin(mirror, first, end);
	return err;
}

int mirror__guard(struct mirror *mirror, uint64_t start, uint64_t end, bool guard)
{
	struct vma *first;
	int err = mirror__isolate(mirror, start, &end, &first);

	for (struct vma *vma = first; vma && vma->start < end; vma = mirror__next(vma)) {
		usage__step(mirror->usage, 2);
		vma->guard = guard;
	}
	mirror__rejoin(mirror, first, end);
	return err;
}

int mirror__name(struct mirror *mirror, uint64_t start, uint64_t end, struct name *name)
{
	struct vma *first;
	int err = mirror__isolate(mirror, start, &end, &first);

	for (struct vma *vma = first; vma && vma->start < end; vma = mirror__next(vma)) {
		usage__step(mirror->usage, 2);
		if (vma->region != REGION_ANON && vma->region != REGION_THREAD_STACK)
			continue;
		name__put(vma->name);
		vma->name = name__hold(name);
		vma->place = NULL;
	}
	mirror__rejoin(mirror, first, end);
	return err;
}

/* A whole range, of one mapping or several (Linux 6.17), as it is, by delta bytes. */
static int mirror__move(struct mirror *mirror, uint64_t start, uint64_t end, uint64_t delta,
			bool keep_old)
{
	const struct vma *vma = mirror__find_above(mirror, start);
	int err = 0;

	while (!err && start < end && vma && vma->start < end) {
		struct vma_part part = vma__part(vma, start, end);
		struct vma moved = *vma;

		usage__step(mirror->usage, 4);
		moved.offset += part.start - vma->start;
		moved.start = part.start;
		moved.end = start = part.end;
		name__hold(moved.name);
		if (!keep_old)
			err = mirror__unmap(mirror, moved.start, moved.end);
		if (err) {
			name__put(moved.name);
			return err;
		}
		moved.start += delta;
		moved.end += delta;
		err = mirror__map(mirror, &moved);
		vma = mirror__find_above(mirror, start);
	}
	return err;
}

int mirror__remap(struct mirror *mirror, uint64_t old_start, uint64_t old_size, uint64_t new_start,
		  uint64_t new_size, bool keep_old)
{
	struct vma *old = mirror__find(mirror, old_start);
	struct vma moved;
	int err = 0;

	if (new_start == old_start && new_size <= old_size)
		return mirror__unmap(mirror, old_start + new_size, old_start + old_size);
	/* No kernel grants a move onto itself: it is not for a record to have us go round. */
	if (new_start != old_start &&
	    (new_start - old_start < old_size || old_start - new_start < new_size))
		return 0;
	if (new_size == old_size)
		return mirror__move(mirror, old_start, old_start + old_size, new_start - old_start,
				    keep_old);
	if (!old)
		return 0;
	/* A change of size is granted within one mapping only. */
	moved = *old;
	moved.offset += old_start - old->start;
	moved.start = new_start;
	moved.end = new_start + new_size;
	name__hold(moved.name);
	if (!keep_old)
		err = mirror__unmap(mirror, old_start, old_start + old_size);
	if (err) {
		name__put(moved.name);
		return err;
	}
	return mirror__map(mirror, &moved);
}
