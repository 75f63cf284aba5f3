// SPDX-License-Identifier: GPL-2.0-or-later
/* The rows of one process. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "model/model.h"
#include "model/name.h"
#include "model/places.h"
#include "report/process.h"
#include "report/report.h"

_Static_assert(REPORT_CALL_SIZES == CALL_SIZE_SLOTS, "one histogram");

double report__since_start(const struct model *model, uint64_t time_ns)
{
	return (double)(int64_t)(time_ns - model->session.start_ns) / NSEC_PER_SEC;
}

static int build_identity(const struct model *model, const struct process *proc,
			  struct report_process *row)
{
	uint64_t boot_ns = model->session.record.start_boottime_ns;

	row->pid = proc->pid;
	row->ppid = proc->ppid;
	row->comm = strndup(*proc->comm ? proc->comm : "?", sizeof(proc->comm));
	row->exe = proc->exe ? strdup(proc->exe) : NULL;
	row->start_s = proc->start_known
			       ? (double)(int64_t)(proc->start_boottime_ns - boot_ns) / NSEC_PER_SEC
			       : 0;
	row->ended = proc->ended;
	row->nr_threads = proc->nr_threads_seen;
	row->children_not_traced = proc->nr_not_followed;
	if (proc->ended) {
		int status = proc->exit_code;

		row->end_s = report__since_start(model, proc->end_ns);
		row->end_lost = proc->end_lost;
		row->exit_code = WIFSIGNALED(status) ? -1 : WEXITSTATUS(status);
		row->exit_signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	}
	return row->comm && (row->exe || !proc->exe) ? 0 : -ENOMEM;
}

const char *report__mapping_name(const struct name *name, enum region region)
{
	static const char *const names[NR_REGIONS] = {
		[REGION_TEXT] = "[text]",   [REGION_DATA] = "[data]",
		[REGION_BSS] = "[bss]",	    [REGION_HEAP] = "[heap]",
		[REGION_STACK] = "[stack]", [REGION_THREAD_STACK] = "[thread stack]",
		[REGION_ANON] = "[anon]",   [REGION_FILE] = "[file]",
		[REGION_SHMEM] = "[shmem]", [REGION_VDSO] = "[vdso]",
		[REGION_OTHER] = "[other]",
	};

	return name ? name__text(name) : names[region];
}

static const char *place__name(const struct place *place)
{
	return report__mapping_name(place->name, place->region);
}

static char *mapping__name(const struct place *place)
{
	char *name = NULL;

	if (!place->folded)
		return strdup(place__name(place));
	return asprintf(&name, "%s (many)", place__name(place)) < 0 ? NULL : name;
}

static enum fault_pattern place__pattern(const struct place *place)
{
	uint64_t steps =
		place->steps_up + place->steps_down + place->steps_strided + place->steps_other;
	/* Four steps of five one way make a pattern; fewer than four steps make none. */
	uint64_t most = steps - steps / 5;

	if (steps < 4)
		return PATTERN_NONE;
	if (place->steps_up >= most)
		return PATTERN_UP;
	if (place->steps_down >= most)
		return PATTERN_DOWN;
	if (place->steps_strided >= most)
		return PATTERN_STRIDED;
	return PATTERN_SCATTERED;
}

static int by_place_faults(const void *a, const void *b)
{
	const struct report_mapping *ma = a, *mb = b;

	if (ma->faults != mb->faults)
		return ma->faults > mb->faults ? -1 : 1;
	return (ma->start > mb->start) - (ma->start < mb->start);
}

static int build_mappings(const struct process *proc, struct report_process *row)
{
	const struct place *place, *next;
	size_t nr = HASH_COUNT(proc->faults.places);

	row->faults.mappings = calloc(nr + 1, sizeof(*row->faults.mappings));
	if (!row->faults.mappings)
		return -ENOMEM;
	HASH_ITER (hh, proc->faults.places, place, next) {
		struct report_mapping *mapping = &row->faults.mappings[row->faults.nr_mappings];

		if (!place->faults)
			continue;
		*mapping = (struct report_mapping){
			.name = mapping__name(place),
			.region = place->region,
			.start = place->start,
			.mapped_bytes = place->mapped_bytes,
			.faults = place->faults,
			.major = place->major,
			.pages_touched = place__touched(place),
			.pattern = place__pattern(place),
			.unmapped = !place->mapped && place->region != REGION_OTHER,
			.several = !place->mapped && place->several,
		};
		row->faults.nr_mappings++;
		if (!mapping->name)
			return -ENOMEM;
	}
	qsort(row->faults.mappings, row->faults.nr_mappings, sizeof(*row->faults.mappings),
	      by_place_faults);
	return 0;
}

/* What is mapped in a slice now, and the name of what had the most faults. */
static int slice__describe(struct process *proc, const struct slice *slice,
			   struct report_slice *out)
{
	uint64_t end = out->start + out->size_bytes;
	struct vma *vma = mirror__find_above(&proc->mirror, out->start);
	const struct share *most = slice__most(slice);

	for (; vma && vma->start < end; vma = mirror__next(vma))
		out->mapped_pages += vma__part_bytes(vma, out->start, end) >> PAGE_SHIFT;
	out->name = strdup(most ? report__mapping_name(most->name, (enum region)most->region)
				: "[several]");
	return out->name ? 0 : -ENOMEM;
}

static int by_address(const void *a, const void *b)
{
	const struct report_slice *sa = a, *sb = b;

	return (sa->start > sb->start) - (sa->start < sb->start);
}

static int build_slices(struct process *proc, struct report_process *row)
{
	const struct slice *slice, *next;

	row->faults.slices =
		calloc(HASH_COUNT(proc->faults.pages.slices) + 1, sizeof(*row->faults.slices));
	if (!row->faults.slices)
		return -ENOMEM;
	HASH_ITER (hh, proc->faults.pages.slices, slice, next) {
		struct report_slice *out = &row->faults.slices[row->faults.nr_slices];

		if (!slice->faults)
			continue;
		row->faults.nr_slices++;
		out->start = slice->index << SLICE_SHIFT;
		out->size_bytes = SLICE_BYTES;
		out->faults = slice->faults;
		out->pages_touched = slice__touched(slice);
		if (slice__describe(proc, slice, out))
			return -ENOMEM;
	}
	qsort(row->faults.slices, row->faults.nr_slices, sizeof(*row->faults.slices), by_address);
	return 0;
}

static int build_faults(const struct model *model, struct process *proc, struct report_process *row)
{
	const struct faults *faults = &proc->faults;
	const struct thread *thread, *next;

	row->faults.minor = faults->minor;
	row->faults.major = faults->major;
	row->faults.total = faults->minor + faults->major;
	row->faults.user = faults->user;
	row->faults.kernel = faults->kernel;
	memcpy(row->faults.by_region, faults->by_region, sizeof(row->faults.by_region));
	memcpy(row->faults.by_access, faults->by_access, sizeof(row->faults.by_access));
	memcpy(row->faults.by_cause, faults->by_cause, sizeof(row->faults.by_cause));
	row->faults.causes_known = report__probe(model, "fault causes");
	row->faults.huge_bytes = faults->huge_bytes;
	row->faults.invalid = faults->invalid;
	row->faults.access_unknown = faults->by_access[ACCESS_UNKNOWN];
	memcpy(row->faults.run_pages_log2, faults->runs_log2, sizeof(row->faults.run_pages_log2));
	/* The runs that the threads are in have not been closed. */
	HASH_ITER (hh, proc->threads, thread, next)
		if (thread->run_length)
			row->faults
				.run_pages_log2[31 - __builtin_clz((uint32_t)thread->run_length)] +=
				thread->run_length;
	build_anon_sizes(proc, row);
	return build_mappings(proc, row) ?: build_slices(proc, row)
						?: report_latency__build(model, proc, row);
}

static int build_timelines(const struct model *model, const struct process *proc,
			   struct report_process *row)
{
	const struct timeline *timeline = &proc->timeline;

	row->faults.timeline = calloc(timeline->nr + 1, sizeof(*row->faults.timeline));
	row->heap.timeline = calloc(timeline->nr + 1, sizeof(*row->heap.timeline));
	if (!row->faults.timeline || !row->heap.timeline)
		return -ENOMEM;
	for (size_t i = 0; i < timeline->nr; i++) {
		const struct point *point = &timeline->items[i];
		double t_s = report__since_start(model, point->time_ns);

		if (!point->time_ns)
			continue;
		row->faults.timeline[row->faults.nr_timeline++] = (struct report_fault_point){
			.t_s = t_s,
			.minor = point->minor,
			.major = point->major,
		};
		row->heap.timeline[row->heap.nr_timeline++] = (struct report_heap_point){
			.t_s = t_s,
			.brk_bytes = point->brk_bytes,
			.anon_mmap_bytes = point->anon_bytes,
			.rss_bytes = point->rss_bytes,
		};
	}
	return 0;
}

static int build_heap(const struct process *proc, struct report_process *row)
{
	const struct heap *heap = &proc->heap;

	row->heap.brk_bytes = heap__brk_bytes(proc);
	row->heap.anon_mmap_bytes = proc->mirror.anon_bytes;
	if (heap->base_known)
		row->heap.growth_bytes = (int64_t)(heap__bytes(proc) - heap->base_bytes);
	row->heap.peak_bytes = heap->peak_bytes;
	row->heap.rss_bytes = heap->rss_bytes;
	row->heap.peak_rss_bytes = heap->peak_rss_bytes;
	for (size_t i = 0; i < NR_CALLS; i++) {
		row->heap.calls[i].count = heap->calls[i].count;
		row->heap.calls[i].failed = heap->calls[i].failed;
		row->heap.calls[i].bytes = heap->calls[i].bytes;
		if (!heap->calls[i].size_log2)
			continue;
		row->heap.call_size_log2[i] = calloc(REPORT_CALL_SIZES, sizeof(uint64_t));
		if (!row->heap.call_size_log2[i])
			return -ENOMEM;
		memcpy(row->heap.call_size_log2[i], heap->calls[i].size_log2,
		       REPORT_CALL_SIZES * sizeof(uint64_t));
	}
	return 0;
}

static void build_check(const struct process *proc, struct report_process *row)
{
	const struct check *check = &proc->check;
	const struct thread *thread, *next;
	int64_t residual;

	row->check = (struct report_check){
		.known = true,
		.kernel_minor = check->kernel_minor,
		.kernel_major = check->kernel_major,
		.observed = check->observed,
		.populated = check->populated,
		.not_counted = check->not_counted,
		.lost = check->lost,
		.unexplained = check->unexplained,
	};
	HASH_ITER (hh, proc->threads, thread, next) {
		row->check.in_flight += thread->pending.open;
		row->check.unexplained += thread->undecided;
	}
	/* What the parts leave over is unexplained, whatever was thought of each. */
	residual =
		(int64_t)(check->kernel_minor + check->kernel_major + check->not_counted +
			  row->check.in_flight - check->observed - check->populated - check->lost);
	row->check.unexplained = residual ?: row->check.unexplained;
	row->check.ok = !row->check.unexplained;
}

static int by_thread_faults(const void *a, const void *b)
{
	const struct report_thread *ta = a, *tb = b;
	uint64_t fa = ta->minor + ta->major, fb = tb->minor + tb->major;

	if (fa != fb)
		return fa > fb ? -1 : 1;
	return (ta->tid > tb->tid) - (ta->tid < tb->tid);
}

static int build_threads(const struct process *proc, struct report_process *row)
{
	const struct thread *thread, *next;

	row->threads = calloc(HASH_COUNT(proc->threads) + 1, sizeof(*row->threads));
	if (!row->threads)
		return -ENOMEM;
	HASH_ITER (hh, proc->threads, thread, next) {
		struct report_thread *out = &row->threads[row->nr_threads_listed++];
		/* A thread that has not been named since it began has its process's name. */
		const char *comm = *thread->comm ? thread->comm : proc->comm;

		*out = (struct report_thread){
			.tid = thread->tid,
			.comm = strndup(comm, MT_COMM_BYTES),
			.minor = thread->minor,
			.major = thread->major,
			.exited = thread->exited,
		};
		if (!out->comm)
			return -ENOMEM;
	}
	qsort(row->threads, row->nr_threads_listed, sizeof(*row->threads), by_thread_faults);
	return 0;
}

int report_process__build(const struct model *model, struct process *proc,
			  struct report_process *row)
{
	int err = faults__close_all(proc);

	places__measure(proc);
	build_check(proc, row);
	err = err ?: build_identity(model, proc, row) ?: build_faults(model, proc, row);
	err = err ?: build_timelines(model, proc, row);
	err = err ?: build_heap(proc, row);
	err = err ?: report_crash__build(model, proc, row);
	err = err ?: report_stack_marks__build(proc, row);
	err = err ?: report_limits__build(model, proc, row);
	err = err ?: report_oom__build(model, proc, row);
	return err ?: build_threads(proc, row);
}
