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

void places__measure(struct process *proc)
{
	struct place *place, *next;

	if (proc->retired)
		return;
	HASH_ITER (hh, proc->faults.places, place, next)
		place->mapped = false;
	for (struct vma *vma = mirror__first(&proc->mirror); vma; vma = mirror__next(vma)) {
		struct place_key key = vma__key(proc, vma);

		HASH_FIND(hh, proc->faults.places, &key, sizeof(key), place);
		if (!place)
			continue;
		if (!place->mapped) {
			place->mapped = true;
			place->mapped_bytes = 0;
			place->pages_touched = 0;
			place->start = vma->start;
		}
		place->pages_touched +=
			pages__count_range(&proc->faults.pages, vma->start, vma->end);
		place->mapped_bytes += vma->end - vma->start;
	}
}

/* A program that maps and unmaps all day long keeps so many places, then the small are summed up.
 */
#define MAX_PLACES 4096

static int by_faults(const void *a, const void *b)
{
	const struct place *pa = *(struct place *const *)a, *pb = *(struct place *const *)b;

	return (pa->faults > pb->faults) - (pa->faults < pb->faults);
}

/* The sum of a region's folded places; NULL without memory. */
static struct place *place__sum(struct process *proc, enum region region)
{
	struct place_key key = {.of = ORIGIN_FOLDED << 1 | 1, .region = region};
	struct place *sum;

	HASH_FIND(hh, proc->faults.places, &key, sizeof(key), sum);
	if (sum)
		return sum;
	sum = calloc(1, sizeof(*sum));
	if (!sum)
		return NULL;
	sum->key = key;
	sum->region = region;
	sum->folded = true;
	HASH_ADD(hh, proc->faults.places, key, sizeof(key), sum);
	return sum;
}

static void place__fold(struct process *proc, struct place *place)
{
	struct place *sum = place__sum(proc, place->region);
	struct thread *thread, *next;

	if (!sum)
		return;
	sum->faults += place->faults;
	sum->major += place->major;
	sum->pages_touched += place->pages_touched;
	sum->mapped_bytes += place->mapped_bytes;
	HASH_ITER (hh, proc->threads, thread, next)
		if (thread->pending.place == place)
			thread->pending.place = sum;
	HASH_DELETE(hh, proc->faults.places, place);
	name__put(place->name);
	free(place);
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
	/* Mappings find their places again by key: none shall point to one that is gone. */
	for (struct vma *vma = mirror__first(&proc->mirror); vma; vma = mirror__next(vma))
		vma->place = NULL;
	if (nr)
		qsort(gone, nr, sizeof(struct place *), by_faults);
	for (size_t i = 0; i < (nr + 1) / 2; i++)
		place__fold(proc, gone[i]);
	free(gone);
	/* Where most is mapped still, looking again soon would be in vain. */
	left = HASH_COUNT(proc->faults.places);
	proc->faults.fold_places_at = 2 * left > MAX_PLACES ? 2 * left : MAX_PLACES;
}

static struct place *place__get(struct process *proc, const struct vma *vma)
{
	struct place_key key = vma__key(proc, vma);
	struct place *place;

	HASH_FIND(hh, proc->faults.places, &key, sizeof(key), place);
	if (place)
		return place;
	if (HASH_COUNT(proc->faults.places) >= (proc->faults.fold_places_at ?: MAX_PLACES))
		places__fold(proc);
	place = calloc(1, sizeof(*place));
	if (!place)
		return NULL;
	place->key = key;
	place->region = vma->region;
	place->name = name__hold(vma->name);
	HASH_ADD(hh, proc->faults.places, key, sizeof(key), place);
	return place;
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
	if (vma->end - vma->start > place->mapped_bytes)
		place->mapped_bytes = vma->end - vma->start;
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
	int64_t near = place->name || place->region == REGION_SHMEM ? FAULT_AROUND_PAGES : 1;

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
