// SPDX-License-Identifier: GPL-2.0-or-later
/* The ends of intervals: points of the timelines, processes that drop out, the end of the run. */
#include <errno.h>
#include <stdlib.h>

#include "model/intervals.h"
#include "model/model.h"

/* Beyond so many processes those that ended keep their counts, but not their address space. */
#define MAX_WHOLE_ENDED 256
/*
 * And beyond so many half of those that ended is kept as a sum: the smaller ones, and those with
 * a fatal bad access, stack-limit hits or a failed check only where they are more than the half.
 */
#define MAX_LISTED 16384
/* So many that ended may wait for the tick; where there will be no lines, so many. */
#define MAX_ENDED_WAITING 1024
#define MAX_ENDED_UNWANTED 64
/* So many more, if they are to be shown for their stack-limit hits. */
#define MAX_HIT_WAITING 64
/* Points of each timeline; fewer, if all timelines together have so many. */
#define MAX_POINTS 2048
#define MIN_POINTS 16
#define MANY_POINTS (2ULL << 20)
/* Of a look at each: they are large, and lie far apart. */
#define STEPS_PER_PROCESS 4

/* How much would be missed without it. */
static int process__weight(const struct process *proc)
{
	if (proc->crashes.fatal || proc->oom.killed)
		return 3;
	if (proc->stack.hits_total)
		return 2;
	return proc->check.unexplained != 0;
}

static int by_weight(const void *a, const void *b)
{
	const struct process *pa = *(struct process *const *)a, *pb = *(struct process *const *)b;
	uint64_t ta = pa->faults.minor + pa->faults.major, tb = pb->faults.minor + pb->faults.major;
	int order = process__weight(pa) - process__weight(pb);

	return order ?: (ta > tb) - (ta < tb);
}

static void model__fold(struct model *model, struct process *proc)
{
	struct model_folded *folded = &model->folded;
	struct process *in_table;

	folded->processes++;
	folded->minor += proc->faults.minor;
	folded->major += proc->faults.major;
	folded->hits += proc->stack.hits_total;
	folded->crashes += proc->crashes.fatal;
	folded->failed_checks += proc->check.unexplained != 0;
	HASH_FIND(hh, model->by_pid, &proc->pid, sizeof(proc->pid), in_table);
	if (in_table == proc)
		HASH_DELETE(hh, model->by_pid, proc);
	if (model->hit == proc)
		model->hit = NULL;
	process__free(proc);
}

static void model__sweep(struct model *model)
{
	struct process **link = &model->first;

	while (*link) {
		struct process *proc = *link;

		if (!proc->folding) {
			link = &proc->next;
			continue;
		}
		*link = proc->next;
		model->nr_processes--;
		model__fold(model, proc);
	}
	model->last_link = link;
}

/* Fold the smaller half of the retired processes. */
static int model__fold_small(struct model *model)
{
	struct process **retired;
	size_t nr = 0;

	usage__step(&model->usage, STEPS_PER_PROCESS * model->nr_processes);
	retired = calloc(model->nr_processes + 1, sizeof(struct process *));
	if (!retired)
		return -ENOMEM;
	for (struct process *proc = model->first; proc; proc = proc->next)
		if (proc->retired)
			retired[nr++] = proc;
	qsort(retired, nr, sizeof(struct process *), by_weight);
	for (size_t i = 0; i < nr / 2; i++)
		retired[i]->folding = true;
	free(retired);
	model__sweep(model);
	return 0;
}

/* A fault that was counted as minor may turn out major, or none, after the tick. */
static uint64_t since(uint64_t now, uint64_t *seen)
{
	uint64_t before = *seen;

	*seen = now;
	return now > before ? now - before : 0;
}

static void interval__close(struct process *proc)
{
	struct interval *interval = &proc->interval;
	uint64_t heap = heap__bytes(proc);

	interval->minor = since(proc->faults.minor, &interval->seen_minor);
	interval->major = since(proc->faults.major, &interval->seen_major);
	interval->hits = since(proc->stack.hits_total, &interval->seen_hits);
	interval->heap_delta_bytes = (int64_t)(heap - interval->seen_heap_bytes);
	interval->seen_heap_bytes = heap;
}

static size_t model__max_points(const struct model *model)
{
	size_t share = MANY_POINTS / (model->nr_processes + 1);

	if (model->usage.points < MANY_POINTS || share > MAX_POINTS)
		return MAX_POINTS;
	return share > MIN_POINTS ? share : MIN_POINTS;
}

/* Close an interval of every current process, and drop those that have had their last. */
static int process__tick(const struct model *model, struct process *proc, uint64_t time_ns)
{
	proc->end_ticked = proc->ended;
	if (model->forgets_ended)
		return 0;
	heap__note_level(proc);
	interval__close(proc);
	return timeline__tick(proc, time_ns, model__max_points(model));
}

static void model__leave(const struct model *model, struct process *proc)
{
	if (model->forgets_ended)
		proc->folding = true;
	else if (model->nr_processes > MAX_WHOLE_ENDED)
		process__retire(proc);
}

static int model__bound_list(struct model *model)
{
	if (model->forgets_ended) {
		usage__step(&model->usage, STEPS_PER_PROCESS * model->nr_processes);
		model__sweep(model);
	}
	return model->nr_processes > MAX_LISTED ? model__fold_small(model) : 0;
}

/* Of a tick, and the lines that are shown for it. */
#define TICK_STEPS 1000

int model__tick(struct model *model, uint64_t time_ns)
{
	struct model_session *session = &model->session;
	size_t left = 0;
	int err = 0;

	/* Records come in order, but a recording may say what it likes. */
	if (time_ns < session->last_tick_ns)
		time_ns = session->last_tick_ns;
	usage__step(&model->usage, TICK_STEPS + STEPS_PER_PROCESS * model->current.nr);
	for (size_t i = 0; i < model->current.nr; i++) {
		struct process *proc = model->current.items[i];

		if (proc->end_ticked) {
			model__leave(model, proc);
			continue;
		}
		model->current.items[left++] = proc;
		err = process__tick(model, proc, time_ns) ?: err;
	}
	model->current.nr = left;
	model->nr_ended = 0;
	session->interval_ns = time_ns - session->last_tick_ns;
	session->last_tick_ns = time_ns;
	return err ?: model__bound_list(model);
}

/*
 * A thread may fault on its way out, after its exit record. Of a process that is forgotten by then
 * that would begin another one, which never ends.
 */
#define ENDING_NS 100000

static bool process__is_gone(const struct process *proc, uint64_t now_ns)
{
	return proc->ended && now_ns > proc->end_ns && now_ns - proc->end_ns > ENDING_NS;
}

static bool process__has_hits_to_show(const struct process *proc)
{
	return proc->stack.hits_total > proc->interval.seen_hits;
}

static int model__drop_ended(struct model *model, uint64_t time_ns)
{
	size_t left = 0, nr_hit = 0;
	int err = 0;

	usage__step(&model->usage, STEPS_PER_PROCESS * model->current.nr);
	for (size_t i = 0; i < model->current.nr; i++) {
		struct process *proc = model->current.items[i];

		if (!process__is_gone(proc, time_ns)) {
			model->current.items[left++] = proc;
			continue;
		}
		if (!model->forgets_ended && !proc->end_ticked && nr_hit < MAX_HIT_WAITING &&
		    process__has_hits_to_show(proc)) {
			nr_hit++;
			model->current.items[left++] = proc;
			continue;
		}
		if (!proc->end_ticked)
			err = process__tick(model, proc, time_ns) ?: err;
		model__leave(model, proc);
	}
	model->current.nr = left;
	model->nr_ended = 0;
	return err ?: model__bound_list(model);
}

int model__bound_ended(struct model *model, uint64_t time_ns)
{
	size_t max = model->forgets_ended ? MAX_ENDED_UNWANTED : MAX_ENDED_WAITING;

	/* Looking through all for those that ended must be worth it. */
	if (model->nr_ended < max || model->nr_ended < model->current.nr / 4)
		return 0;
	return model__drop_ended(model, time_ns);
}

void model__retire_ended(struct model *model)
{
	if (!model->nr_ended_whole)
		return;
	model->nr_ended_whole = 0;
	usage__step(&model->usage, STEPS_PER_PROCESS * model->nr_processes);
	for (struct process *proc = model->first; proc; proc = proc->next)
		if (proc->ended && !proc->retired)
			process__retire(proc);
}

bool model__interval_has_faults(const struct model *model)
{
	for (size_t i = 0; i < model->current.nr; i++) {
		const struct timeline *timeline = &model->current.items[i]->timeline;
		const struct point *open = timeline->nr ? &timeline->items[timeline->nr - 1] : NULL;

		if (open && open->minor + open->major)
			return true;
	}
	return false;
}

/* A call may have shown that faults are missing before the next fault told of the loss. */
void model__explain_by_losses(struct model *model)
{
	uint64_t told = 0, lost = model->losses.lost[MT_LOSS_RING_FAULTS];

	/* The last losses had no fault after them to tell of them. */
	for (size_t i = 0; i < model->lost_on_cpu.nr; i++)
		told += model->lost_on_cpu.items[i];
	if (lost > told)
		model->lost_unexplained += lost - told;
	for (struct process *proc = model->first; proc; proc = proc->next) {
		uint64_t nr = proc->check.unexplained < model->lost_unexplained
				      ? proc->check.unexplained
				      : model->lost_unexplained;

		proc->check.unexplained -= nr;
		proc->check.lost += nr;
		model->lost_unexplained -= nr;
	}
}
