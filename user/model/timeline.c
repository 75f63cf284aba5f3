// SPDX-License-Identifier: GPL-2.0-or-later
/* Points at interval ends. A long run keeps its memory: two neighbours become one, again and again.
 */
#include <errno.h>

#include "model/process.h"

static struct point *timeline__push(struct process *proc)
{
	struct point *point = usage__push(proc->usage, &proc->timeline);

	if (!point)
		return NULL;
	*point = (struct point){};
	if (proc->usage)
		proc->usage->points++;
	return point;
}

size_t timeline__open_point(struct process *proc)
{
	struct timeline *timeline = &proc->timeline;

	if (!timeline->nr) {
		if (!timeline__push(proc))
			return 0;
		timeline->ticks_per_point = 1;
	}
	return timeline->nr - 1;
}

struct point *timeline__at(struct process *proc, size_t index)
{
	return index < proc->timeline.nr ? &proc->timeline.items[index] : NULL;
}

static void timeline__halve(struct process *proc)
{
	struct timeline *timeline = &proc->timeline;
	struct thread *thread, *next;
	size_t nr = timeline->nr;

	for (size_t i = 0; i < timeline->nr; i += 2) {
		struct point merged = timeline->items[i];

		if (i + 1 < timeline->nr) {
			merged = timeline->items[i + 1]; /* levels are those at the end */
			merged.minor += timeline->items[i].minor;
			merged.major += timeline->items[i].major;
		}
		timeline->items[i / 2] = merged;
	}
	timeline->nr = (nr + 1) / 2;
	if (proc->usage)
		proc->usage->points -= nr - timeline->nr;
	usage__step(proc->usage, nr + HASH_COUNT(proc->threads));
	timeline->ticks_per_point *= 2;
	HASH_ITER (hh, proc->threads, thread, next)
		thread->pending.point /= 2;
}

int timeline__tick(struct process *proc, uint64_t time_ns, size_t max_points)
{
	struct timeline *timeline = &proc->timeline;
	struct point *point = timeline__at(proc, timeline__open_point(proc));

	if (!point)
		return -ENOMEM;
	point->time_ns = time_ns;
	point->brk_bytes = heap__brk_bytes(proc);
	point->anon_bytes = proc->mirror.anon_bytes;
	point->rss_bytes = proc->heap.rss_bytes;
	if (++timeline->ticks < timeline->ticks_per_point)
		return 0;
	timeline->ticks = 0;
	while (timeline->nr >= max_points)
		timeline__halve(proc);
	return timeline__push(proc) ? 0 : -ENOMEM;
}

void timeline__release(struct process *proc)
{
	if (proc->usage)
		proc->usage->points -= proc->timeline.nr;
	usage__free_array(proc->usage, &proc->timeline);
}
