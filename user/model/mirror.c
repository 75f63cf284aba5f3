// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/array.h"
#include "model/mirror.h"
#include "model/name.h"

/*
 * Beyond so many mappings neighbours of one kind are merged, as the kernel does: a program may
 * map a million adjacent pages one by one. Below it each call keeps a mapping of its own.
 */
#define MERGE_ABOVE 4096

static uint64_t vma__anon_bytes(const struct vma *vma)
{
	return vma->region == REGION_ANON && !vma->shared && vma->prot & PROT_WRITE
		       ? vma->end - vma->start
		       : 0;
}

void mirror__clear(struct mirror *mirror)
{
	uint64_t next_origin = mirror->next_origin;

	for (size_t i = 0; i < mirror->nr; i++)
		name__put(mirror->items[i].name);
	array__free(mirror);
	/* Places of before are looked up by origin: it must not come again. */
	*mirror = (struct mirror){.next_origin = next_origin};
}

int mirror__copy(struct mirror *to, const struct mirror *from)
{
	int err = array__reserve(to, from->nr);

	if (err)
		return err;
	for (size_t i = 0; i < from->nr; i++) {
		to->items[i] = from->items[i];
		to->items[i].place = NULL;
		name__hold(to->items[i].name);
	}
	to->nr = from->nr;
	to->hit = 0;
	to->next_origin = from->next_origin;
	to->anon_bytes = from->anon_bytes;
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

/* Index of the first mapping that ends above addr; nr if none does. */
static size_t mirror__index(const struct mirror *mirror, uint64_t addr)
{
	size_t low = 0, high = mirror->nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (mirror->items[mid].end > addr)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

struct vma *mirror__find_above(struct mirror *mirror, uint64_t addr)
{
	size_t i = mirror__index(mirror, addr);

	return i < mirror->nr ? &mirror->items[i] : NULL;
}

bool mirror__text_below(const struct mirror *mirror, uint64_t addr, const struct name *name)
{
	for (size_t i = mirror__index(mirror, addr); i-- > 0;) {
		const struct vma *vma = &mirror->items[i];

		if (!name || vma->name != name)
			return false;
		if (vma->region == REGION_TEXT)
			return true;
	}
	return false;
}

struct vma *mirror__find(struct mirror *mirror, uint64_t addr)
{
	const struct vma *hit = mirror->hit < mirror->nr ? &mirror->items[mirror->hit] : NULL;

	if (!hit || addr < hit->start || addr >= hit->end) {
		mirror->hit = mirror__index(mirror, addr);
		if (mirror->hit >= mirror->nr || mirror->items[mirror->hit].start > addr)
			return NULL;
	}
	return &mirror->items[mirror->hit];
}

static int mirror__insert(struct mirror *mirror, size_t at, const struct vma *vma)
{
	if (array__reserve(mirror, mirror->nr + 1))
		return -ENOMEM;
	memmove(&mirror->items[at + 1], &mirror->items[at],
		(mirror->nr - at) * sizeof(*mirror->items));
	mirror->items[at] = *vma;
	mirror->nr++;
	mirror->anon_bytes += vma__anon_bytes(vma);
	return 0;
}

/* Have a mapping begin at addr, if one holds it. */
static int mirror__split(struct mirror *mirror, uint64_t addr)
{
	size_t i = mirror__index(mirror, addr);
	struct vma upper;
	int err;

	if (i == mirror->nr || mirror->items[i].start >= addr)
		return 0;
	upper = mirror->items[i];
	upper.start = addr;
	upper.offset += addr - mirror->items[i].start;
	err = mirror__insert(mirror, i + 1, &upper);
	if (err)
		return err;
	name__hold(upper.name);
	mirror->anon_bytes -= vma__anon_bytes(&upper); /* it was counted in the whole */
	mirror->items[i].end = addr;
	return 0;
}

#define PAGE_MASK 4095ULL

static uint64_t page__up(uint64_t addr)
{
	return addr > UINT64_MAX - PAGE_MASK ? UINT64_MAX & ~PAGE_MASK
					     : (addr + PAGE_MASK) & ~PAGE_MASK;
}

/* The mappings of a range as whole items: [*first, *end). */
static int mirror__isolate(struct mirror *mirror, uint64_t start, uint64_t end, size_t *first,
			   size_t *last)
{
	int err = mirror__split(mirror, start);

	if (!err)
		err = mirror__split(mirror, end);
	if (err)
		return err;
	*first = mirror__index(mirror, start);
	for (*last = *first; *last < mirror->nr && mirror->items[*last].start < end;)
		++*last;
	return 0;
}

int mirror__unmap(struct mirror *mirror, uint64_t start, uint64_t end)
{
	size_t first, last;
	int err;

	start &= ~PAGE_MASK;
	end = page__up(end);
	if (start >= end)
		return 0;
	err = mirror__isolate(mirror, start, end, &first, &last);
	if (err)
		return err;
	for (size_t i = first; i < last; i++) {
		mirror->anon_bytes -= vma__anon_bytes(&mirror->items[i]);
		name__put(mirror->items[i].name);
	}
	if (last > first)
		memmove(&mirror->items[first], &mirror->items[last],
			(mirror->nr - last) * sizeof(*mirror->items));
	mirror->nr -= last - first;
	return 0;
}

static bool vma__same_kind(const struct vma *a, const struct vma *b)
{
	return a->end == b->start && a->region == b->region && a->prot == b->prot &&
	       a->shared == b->shared && !a->name && !b->name && a->guard == b->guard;
}

/* Join item i with the one before it. */
static bool mirror__merge_down(struct mirror *mirror, size_t i)
{
	if (i == 0 || i >= mirror->nr || !vma__same_kind(&mirror->items[i - 1], &mirror->items[i]))
		return false;
	mirror->items[i - 1].end = mirror->items[i].end;
	memmove(&mirror->items[i], &mirror->items[i + 1],
		(mirror->nr - i - 1) * sizeof(*mirror->items));
	mirror->nr--;
	return true;
}

int mirror__map(struct mirror *mirror, const struct vma *vma)
{
	struct vma new = *vma;
	size_t at;
	int err;

	new.start &= ~PAGE_MASK;
	new.end = page__up(new.end);
	err = new.start < new.end ? mirror__unmap(mirror, new.start, new.end) : -EINVAL;
	if (!err) {
		at = mirror__index(mirror, new.start);
		err = mirror__insert(mirror, at, &new);
	}
	if (err) {
		name__put(new.name);
		return err == -EINVAL ? 0 : err;
	}
	if (mirror->nr > MERGE_ABOVE) {
		mirror__merge_down(mirror, at + 1);
		mirror__merge_down(mirror, at);
	}
	return 0;
}

int mirror__protect(struct mirror *mirror, uint64_t start, uint64_t end, uint8_t prot)
{
	size_t first, last;
	int err;

	start &= ~PAGE_MASK;
	end = page__up(end);
	if (start >= end)
		return 0;
	err = mirror__isolate(mirror, start, end, &first, &last);
	for (size_t i = first; !err && i < last; i++) {
		struct vma *vma = &mirror->items[i];

		mirror->anon_bytes -= vma__anon_bytes(vma);
		vma->prot = prot;
		mirror->anon_bytes += vma__anon_bytes(vma);
	}
	return err;
}

int mirror__guard(struct mirror *mirror, uint64_t start, uint64_t end, bool guard)
{
	size_t first, last;
	int err;

	start &= ~PAGE_MASK;
	end = page__up(end);
	if (start >= end)
		return 0;
	err = mirror__isolate(mirror, start, end, &first, &last);
	for (size_t i = first; !err && i < last; i++)
		mirror->items[i].guard = guard;
	return err;
}

/* A whole range, of one mapping or several (Linux 6.17), as it is, by delta bytes. */
static int mirror__move(struct mirror *mirror, uint64_t start, uint64_t end, uint64_t delta,
			bool keep_old)
{
	const struct vma *vma = mirror__find_above(mirror, start);
	int err = 0;

	while (!err && start < end && vma && vma->start < end) {
		struct vma moved = *vma;

		if (moved.start < start) {
			moved.offset += start - moved.start;
			moved.start = start;
		}
		moved.end = moved.end < end ? moved.end : end;
		start = moved.end;
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
