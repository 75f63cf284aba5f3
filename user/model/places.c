// SPDX-License-Identifier: GPL-2.0-or-later
/* The places where faults are counted: what is kept of them, and how they are found. */
#include <stdlib.h>

#include "model/name.h"
#include "model/places.h"
#include "model/process.h"

static struct place_key vma__key(const struct process *proc, const struct vma *vma)
{
	return (struct place_key){
		/* Names are pointers, hence even; origins are made odd. */
		.of = vma->name ? (uint64_t)(uintptr_t)vma->name : vma->origin << 1 | 1,
		.region = vma->region,
		/* What is not known of a program may become known in the next. */
		.program = vma->region == REGION_OTHER ? 0 : proc->nr_execs,
	};
}

struct place *place__find(struct process *proc, const struct vma *vma)
{
	struct place_key key = vma__key(proc, vma);
	struct place *place;

	HASH_FIND(hh, proc->faults.places, &key, sizeof(key), place);
	return place;
}

static void place__measure_vma(struct process *proc, struct vma *vma)
{
	struct place *place = place__find(proc, vma);

	vma->place = place;
	if (!place)
		return;
	if (!place->mapped) {
		place->mapped = true;
		place->mapped_bytes = 0;
		place->touched_now = 0;
		place->start = vma->start;
	}
	place->mapped_bytes += vma->end - vma->start;
}

static void places__measure_slice(struct process *proc, const struct slice *slice)
{
	uint64_t start = slice->index << SLICE_SHIFT, end = start + SLICE_BYTES;
	struct vma *vma = mirror__find_above(&proc->mirror, start);

	for (; vma && vma->start < end; vma = mirror__next(vma))
		if (vma->place)
			vma->place->touched_now += slice__touched_in(slice, vma->start, vma->end);
}

static void place__note_size(struct place *place, const struct vma *vma)
{
	if (vma->end - vma->start > place->mapped_bytes)
		place->mapped_bytes = vma->end - vma->start;
}

void place__absorb(const struct vma *vma, struct place *gone)
{
	struct place *place = vma->place;

	if (!place)
		return;
	/* It was so large, also if it is unmapped before the next fault in it. */
	place__note_size(place, vma);
	if (!gone || gone == place || gone->region != place->region || gone->name || place->name)
		return;
	/* What is absorbed by another now absorbs nobody: so there is no circle. */
	place->absorbed_by = NULL;
	gone->absorbed_by = place;
}

/* The place that has what is left of it in the end. */
static struct place *place__heir(struct process *proc, struct place *place)
{
	struct place *by;

	for (; (by = place->absorbed_by) && !place->mapped; place = by) {
		usage__step(proc->usage, 1);
		/* Halves the way for the next that comes along. */
		if (by->absorbed_by && !by->mapped)
			place->absorbed_by = by->absorbed_by;
	}
	return place;
}

/* Its counts are another's from now on. */
static void place__add_counts(struct place *to, const struct place *place)
{
	to->faults += place->faults;
	to->major += place->major;
	to->pages_touched += place->pages_touched;
	to->several |= place->several;
}

static void place__add_to_heir(struct place *heir, const struct place *place)
{
	place__add_counts(heir, place);
	heir->steps_up += place->steps_up;
	heir->steps_down += place->steps_down;
	heir->steps_strided += place->steps_strided;
	heir->steps_other += place->steps_other;
}

/* What becomes known of faults later is counted where the counts have gone. */
static void threads__leave_folded(struct process *proc)
{
	struct thread *thread, *next;

	usage__step(proc->usage, HASH_COUNT(proc->threads));
	HASH_ITER (hh, proc->threads, thread, next)
		if (thread->pending.place && thread->pending.place->folded_into)
			thread->pending.place = thread->pending.place->folded_into;
}

static void place__free(struct process *proc, struct place *place)
{
	name__put(place->name);
	usage__free(proc->usage, place, sizeof(*place));
}

static void place__drop_folded(struct process *proc, struct place *place)
{
	if (!place->folded_into)
		return;
	HASH_DELETE(hh, proc->faults.places, place);
	place__free(proc, place);
}

/* Once it is known what is mapped: mappings that are part of larger ones are counted with those. */
static void places__fold_absorbed(struct process *proc)
{
	struct place *place, *next;
	size_t nr = 0;

	HASH_ITER (hh, proc->faults.places, place, next) {
		struct place *heir = place__heir(proc, place);

		if (heir == place)
			continue;
		place->folded_into = heir;
		place__add_to_heir(heir, place);
		nr++;
	}
	if (nr)
		threads__leave_folded(proc);
	HASH_ITER (hh, proc->faults.places, place, next) {
		place->absorbed_by = NULL;
		place__drop_folded(proc, place);
	}
}

void places__measure(struct process *proc)
{
	const struct slice *slice, *next_slice;
	struct place *place, *next;

	if (proc->retired)
		return;
	usage__step(proc->usage, 3 * HASH_COUNT(proc->faults.places) + proc->mirror.nr +
					 HASH_COUNT(proc->faults.pages.slices));
	HASH_ITER (hh, proc->faults.places, place, next)
		place->mapped = false;
	for (struct vma *vma = mirror__first(&proc->mirror); vma; vma = mirror__next(vma))
		place__measure_vma(proc, vma);
	places__fold_absorbed(proc);
	/* By slice: mappings may be larger by far than what was touched of them. */
	HASH_ITER (hh, proc->faults.pages.slices, slice, next_slice)
		places__measure_slice(proc, slice);
}

uint64_t place__touched(const struct place *place)
{
	/* What was counted elsewhere, before a name or a use was known, is touched there. */
	return place->mapped && place->touched_now < place->pages_touched ? place->touched_now
									  : place->pages_touched;
}

/* A program that maps and unmaps all day long keeps so many places, then the small are summed up.
 */
#define MAX_PLACES 4096

static int by_faults(const void *a, const void *b)
{
	const struct place *pa = *(struct place *const *)a, *pb = *(struct place *const *)b;

	return (pa->faults > pb->faults) - (pa->faults < pb->faults);
}

/* After HASH_ADD(): the place, or NULL without memory. */
static struct place *place__added(struct process *proc, struct place *place)
{
	if (hash__added(place))
		return place;
	place__free(proc, place);
	return NULL;
}

/* The sum of a region's folded places; NULL without memory. */
static struct place *place__sum(struct process *proc, enum region region)
{
	struct place_key key = {.of = ORIGIN_FOLDED << 1 | 1, .region = region};
	struct place *sum;

	HASH_FIND(hh, proc->faults.places, &key, sizeof(key), sum);
	if (sum)
		return sum;
	sum = usage__alloc(proc->usage, sizeof(*sum));
	if (!sum)
		return NULL;
	sum->key = key;
	sum->region = region;
	sum->folded = true;
	HASH_ADD(hh, proc->faults.places, key, sizeof(key), sum);
	return place__added(proc, sum);
}

/* NULL: it stays, without memory. */
static struct place *place__add_to_sum(struct process *proc, const struct place *place)
{
	struct place *sum = place__sum(proc, place->region);

	if (!sum)
		return NULL;
	place__add_counts(sum, place);
	sum->mapped_bytes += place->mapped_bytes;
	return sum;
}

/* Sum up the smaller half of the places of which nothing is mapped any more. */
static void places__fold(struct process *proc)
{
	size_t nr = 0, left;
	struct place **gone = calloc(HASH_COUNT(proc->faults.places) + 1, sizeof(struct place *));
	struct place *place, *next;

	places__measure(proc);
	HASH_ITER (hh, proc->faults.places, place, next)
		if (gone && !place->mapped && !place->folded && place->region != REGION_OTHER)
			gone[nr++] = place;
	if (nr)
		qsort(gone, nr, sizeof(struct place *), by_faults);
	nr = (nr + 1) / 2;
	for (size_t i = 0; i < nr; i++)
		gone[i]->folded_into = place__add_to_sum(proc, gone[i]);
	threads__leave_folded(proc);
	for (size_t i = 0; i < nr; i++)
		place__drop_folded(proc, gone[i]);
	free(gone);
	/* Where most is mapped still, looking again soon would be in vain. */
	left = HASH_COUNT(proc->faults.places);
	proc->faults.fold_places_at = 2 * left > MAX_PLACES ? 2 * left : MAX_PLACES;
}

static struct place *place__get(struct process *proc, const struct vma *vma)
{
	struct place *place;

	if (proc->forgets)
		return place__sum(proc, vma->region);
	place = place__find(proc, vma);
	if (place)
		return place;
	if (HASH_COUNT(proc->faults.places) >= (proc->faults.fold_places_at ?: MAX_PLACES))
		places__fold(proc);
	place = usage__alloc(proc->usage, sizeof(*place));
	if (!place)
		return NULL;
	place->key = vma__key(proc, vma);
	place->region = vma->region;
	place->name = name__hold(vma->name);
	HASH_ADD(hh, proc->faults.places, key, sizeof(place->key), place);
	return place__added(proc, place);
}

struct place *place__of_vma(struct process *proc, struct vma *vma)
{
	struct place *place = vma->place;

	if (!place || place->region != (enum region)vma->region)
		place = vma->place = place__get(proc, vma);
	if (!place)
		return NULL;
	if (!place->faults || vma->start < place->start)
		place->start = vma->start;
	if (place->origin != vma->origin) {
		place->several |= place->origin != ORIGIN_NONE;
		place->origin = vma->origin;
	}
	place__note_size(place, vma);
	return place;
}

struct place *place__other(struct process *proc)
{
	struct vma none = {.origin = ORIGIN_NONE, .region = REGION_OTHER};

	return place__get(proc, &none);
}

/* Kernel fault-around maps up to 16 pages of a file at once: a step of that is still one ahead. */
#define FAULT_AROUND_PAGES 16

void place__note_step(struct place *place, uint64_t page)
{
	int64_t stride = (int64_t)(page - place->last_page);
	int64_t near = place->last_was_huge			      ? SLICE_PAGES
		       : place->name || place->region == REGION_SHMEM ? FAULT_AROUND_PAGES
								      : 1;

	if (place->faults) {
		if (stride > 0 && stride <= near)
			place->steps_up++;
		else if (stride < 0 && stride >= -near)
			place->steps_down++;
		else if (stride && stride == place->last_stride)
			place->steps_strided++;
		else if (stride) /* the same page again says nothing */
			place->steps_other++;
	}
	place->last_stride = stride;
	place->last_page = page;
}

void places__release(struct process *proc)
{
	struct place *place, *next;

	HASH_ITER (hh, proc->faults.places, place, next) {
		HASH_DELETE(hh, proc->faults.places, place);
		place__free(proc, place);
	}
}
