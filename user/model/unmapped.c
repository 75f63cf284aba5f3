// SPDX-License-Identifier: GPL-2.0-or-later
#include "model/unmapped.h"

#include <errno.h>

#include "base/page.h"
#include "model/name.h"
#include "model/process.h"

/* One call may unmap a million mappings: so many are noted one by one, the rest as one. */
#define MAX_PIECES 16

static struct unmapped_range *unmapped__slot(struct process *proc)
{
	size_t max = proc->forgets ? MAX_UNMAPPED_UNWANTED : MAX_UNMAPPED;
	struct unmapped *unmapped = &proc->unmapped;
	struct unmapped_range *slot;

	if (unmapped->nr < max)
		return usage__push(proc->usage, unmapped);
	slot = &unmapped->items[unmapped->oldest];
	unmapped->oldest = (unmapped->oldest + 1) % max;
	name__put(slot->name);
	return slot;
}

int unmapped__note(struct process *proc, const struct event *ev, uint64_t start, uint64_t end)
{
	struct vma *vma = mirror__find_above(&proc->mirror, start & ~PAGE_MASK);

	start &= ~PAGE_MASK;
	end = page__up(end);
	for (unsigned int i = 1; vma && vma->start < end && start < end; i++) {
		struct vma_part part = vma__part(vma, start, end);
		struct unmapped_range *slot = unmapped__slot(proc);

		if (!slot)
			return -ENOMEM;
		*slot = (struct unmapped_range){
			.time_ns = ev->time_ns,
			.start = part.start,
			.end = i < MAX_PIECES ? part.end : end,
			.name = name__hold(vma->name),
			.tid = ev->tid,
			.region = vma->region,
		};
		start = slot->end;
		vma = mirror__next(vma);
	}
	return 0;
}

const struct unmapped_range *unmapped__find(const struct process *proc, uint64_t addr)
{
	const struct unmapped *unmapped = &proc->unmapped;

	usage__step(proc->usage, unmapped->nr);
	for (size_t i = unmapped->nr; i--;) {
		const struct unmapped_range *range =
			&unmapped->items[(unmapped->oldest + i) % unmapped->nr];

		if (addr >= range->start && addr < range->end)
			return range;
	}
	return NULL;
}

void unmapped__release(struct process *proc)
{
	for (size_t i = 0; i < proc->unmapped.nr; i++)
		name__put(proc->unmapped.items[i].name);
	usage__free_array(proc->usage, &proc->unmapped);
	proc->unmapped.oldest = 0;
}
