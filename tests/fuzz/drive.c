// SPDX-License-Identifier: GPL-2.0-or-later
#include "drive.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "event/order.h"
#include "model/model.h"
#include "recording/pack.h"
#include "render/event_lines.h"
#include "render/render.h"
#include "report/build.h"
#include "report/diff.h"
#include "report/event_row.h"
#include "report/report.h"
#include "source/file.h"

struct drive {
	struct model *model;
	struct order *order;
	FILE *out;
	struct event_lines lines; /* format NULL: there is to be a report */
	uint64_t nr_faults;	  /* that were taken */
	uint64_t last_ns;
	bool ended;
};

#define MUST(what)                                                                                 \
	do {                                                                                       \
		if (!(what))                                                                       \
			broken(#what, __LINE__);                                                   \
	} while (0)

static void broken(const char *what, int line)
{
	fprintf(stderr, "drive.c:%d: does not hold: %s\n", line, what);
	abort();
}

static ssize_t discard(void *ctx, const char *data, size_t size)
{
	(void)ctx;
	(void)data;
	return (ssize_t)size;
}

static void check_mirror(struct mirror *mirror)
{
	uint64_t end = 0, anon_bytes = 0;
	size_t nr = 0;

	for (struct vma *vma = mirror__first(mirror); vma; vma = mirror__next(vma)) {
		MUST(vma->start >= end && vma->start < vma->end);
		MUST(!(vma->start & PAGE_MASK) && !(vma->end & PAGE_MASK));
		if (vma->region == REGION_ANON && !vma->shared && vma->prot & PROT_WRITE)
			anon_bytes += vma->end - vma->start;
		end = vma->end;
		nr++;
	}
	MUST(nr == mirror->nr);
	MUST(!nr || anon_bytes == mirror->anon_bytes);
}

/* What was timed is no more than there is, and in the order of the quantiles. */
static void check_latency(const struct report_process *row)
{
	uint64_t by_cause = 0, by_region = 0;

	for (int i = 0; i < NR_CAUSES; i++)
		by_cause += row->faults.latency.by_cause[i].samples;
	for (int i = 0; i < NR_REGIONS; i++)
		by_region += row->faults.latency.by_region[i].samples;
	MUST(by_region == by_cause || !row->faults.latency.known);
	for (int i = 0; i < NR_CAUSES; i++)
		MUST(row->faults.latency.by_cause[i].total_ns >= 0);
	MUST(row->faults.latency.nr_slow <= row->faults.latency.slow_total);
	for (size_t i = 1; i < row->faults.latency.nr_slow; i++)
		MUST(row->faults.latency.slow[i].latency_ns <=
		     row->faults.latency.slow[i - 1].latency_ns);
}

static void check_sums(const struct report_process *row, uint64_t most)
{
	uint64_t by_region = 0, by_access = 0, by_mapping = 0, by_slice = 0, major = 0;
	/* A fault touches a page, or all of a huge page. */
	uint64_t by_cause = 0, by_huge = row->faults.by_cause[CAUSE_HUGE] * 511;

	for (int i = 0; i < NR_REGIONS; i++)
		by_region += row->faults.by_region[i];
	for (int i = 0; i < NR_ACCESSES; i++)
		by_access += row->faults.by_access[i];
	for (int i = 0; i < NR_CAUSES; i++)
		by_cause += row->faults.by_cause[i];
	for (size_t i = 0; i < row->faults.nr_mappings; i++) {
		MUST(row->faults.mappings[i].major <= row->faults.mappings[i].faults);
		MUST(row->faults.mappings[i].pages_touched <=
		     row->faults.mappings[i].faults + by_huge);
		by_mapping += row->faults.mappings[i].faults;
		major += row->faults.mappings[i].major;
	}
	for (size_t i = 0; i < row->faults.nr_slices; i++) {
		MUST(row->faults.slices[i].pages_touched <= row->faults.slices[i].faults + by_huge);
		by_slice += row->faults.slices[i].faults;
	}
	for (int i = 0; i < REPORT_ANON_SIZES; i++)
		MUST(row->faults.anon_sizes[i].pages_touched <=
		     row->faults.anon_sizes[i].faults + by_huge);
	MUST(row->faults.total <= most);
	MUST(row->faults.minor + row->faults.major == row->faults.total);
	MUST(row->faults.user + row->faults.kernel == row->faults.total);
	MUST(by_region == row->faults.total);
	MUST(by_access == row->faults.total || row->faults.access_unknown);
	MUST(by_cause == row->faults.total);
	MUST(by_mapping == row->faults.total);
	MUST(major == row->faults.major);
	MUST(by_slice == row->faults.total);
}

static void check_threads(const struct process *proc)
{
	uint64_t minor = proc->faults.folded_minor, major = proc->faults.folded_major;
	const struct thread *thread, *next;

	HASH_ITER (hh, proc->threads, thread, next) {
		minor += thread->minor;
		major += thread->major;
	}
	MUST(minor == proc->faults.minor);
	MUST(major == proc->faults.major);
}

static void drive__check(struct drive *drive, const struct report *report)
{
	uint64_t vmas = 0, points = 0;

	for (struct process *proc = drive->model->first; proc; proc = proc->next) {
		check_mirror(&proc->mirror);
		check_mirror(&proc->previous);
		check_threads(proc);
		vmas += proc->mirror.nr + proc->previous.nr;
		points += proc->timeline.nr;
	}
	MUST(vmas == drive->model->usage.vmas);
	MUST(points == drive->model->usage.points);
	for (size_t i = 0; i < report->nr_processes; i++) {
		check_sums(&report->processes[i], drive->nr_faults);
		check_latency(&report->processes[i]);
	}
}

#define LINES_PER_TICK 10

static int drive__show_interval(struct drive *drive)
{
	const struct render_options opt = {.width = 80, .utf8 = true, .top = 10};
	struct report_interval row;
	int err = 0;

	for (size_t i = 0; i < drive->model->current.nr && i < LINES_PER_TICK && !err; i++) {
		report__interval(drive->model, drive->model->current.items[i], &row);
		err = render_text__interval(&row, &opt, drive->out);
	}
	return err;
}

static int drive__write_line(struct drive *drive, const struct event *ev)
{
	struct report_event row;

	return report__event(drive->model, ev, &row) ? event_lines__add(&drive->lines, &row) : 0;
}

static int drive__take(void *ctx, const struct event *ev)
{
	struct drive *drive = ctx;
	int err = model__take(drive->model, ev);

	drive->nr_faults += ev->kind == MT_KIND_FAULTS;
	if (!err && drive->lines.format)
		err = drive__write_line(drive, ev);
	else if (!err && ev->kind == MT_KIND_TICK)
		err = drive__show_interval(drive);
	return err;
}

static int drive__push(void *ctx, const void *data, size_t size)
{
	const struct mt_record *record = data;
	struct drive *drive = ctx;

	drive->ended |= record->kind == MT_KIND_END;
	if (record->time_ns > drive->last_ns)
		drive->last_ns = record->time_ns;
	return order__push(drive->order, data, size);
}

static int render_diff(const struct report *before, const struct report *after,
		       const struct render_options *opt, FILE *out)
{
	struct diff *diff;
	int err = diff__build(before, after, "a", "b", &diff);

	if (err)
		return err;
	err = render_text__diff(diff, opt, out) ?: render_json__diff(diff, opt, out);
	diff__free(diff);
	return err;
}

/* What becomes of it: a report in one format or the other, few rows or all; a diff; lines. */
#define NR_OUTPUTS (DRIVE_WAYS / 2)
static const struct way {
	const struct line_format *lines;
	int (*render)(const struct report *report, const struct render_options *opt, FILE *out);
	struct render_options opt;
} ways[NR_OUTPUTS] = {
	{.render = render_text__report,
	 .opt = {.width = 60, .colour = true, .utf8 = true, .top = 3}},
	{.render = render_text__report, .opt = {.width = 130, .verbose = true}},
	{.render = render_json__report},
	{.lines = &ndjson_lines},
	{.opt = {.width = 80}},
};

/* Facts that the older recordings among the seeds do not have. */
static void tell_probe(struct model *model, const char *fact, uint32_t weight)
{
	struct mt_probe rec = {.via = "fuzz", .weight = weight};
	const struct event ev = {.kind = MT_KIND_PROBE, .probe = &rec};

	snprintf(rec.fact, sizeof(rec.fact), "%s", fact);
	MUST(!model__take(model, &ev));
}

static void drive__open(struct drive *drive, size_t size, unsigned int nr)
{
	const struct way *way = &ways[nr % NR_OUTPUTS];

	*drive = (struct drive){
		.out = fopencookie(NULL, "w", (cookie_io_functions_t){.write = discard})};
	MUST(drive->out);
	MUST(!model__new(&drive->model));
	MUST(!order__new(drive__take, drive, &drive->order));
	model__allow(drive->model, size);
	tell_probe(drive->model, "fault causes", 1);
	tell_probe(drive->model, "fault latency", nr % 2 ? 1 : 17);
	drive->model->slow_ns = 1500;
	drive->model->each_ns = nr % 3 ? 0 : 2500;
	/* What ends a run that takes too much is to be seen in small inputs, too. */
	if (nr >= NR_OUTPUTS) {
		drive->model->limits.bytes = 64 << 10;
		drive->model->limits.steps = 16 << 10;
	}
	if (!way->lines)
		return;
	drive->model->forgets_ended = true;
	MUST(!event_lines__begin(&drive->lines, way->lines, drive->out));
}

/* The report, for which nothing else is needed any more. */
static struct report *drive__close(struct drive *drive)
{
	struct report *report;

	MUST(!order__finish(drive->order));
	MUST(!report__build(drive->model, "0", order__malformed(drive->order), &report));
	if (drive->lines.format)
		MUST(!event_lines__flush(&drive->lines));
	else
		drive__check(drive, report);
	order__free(drive->order);
	model__free(drive->model);
	fclose(drive->out);
	return report;
}

/* Gives a stream, or a file, to the order stage; its end last. */
typedef void (*put_fn)(struct drive *drive, const uint8_t *data, size_t size);

static struct report *report_of(put_fn put, const uint8_t *data, size_t size, unsigned int nr)
{
	struct drive drive;

	drive__open(&drive, size, nr);
	put(&drive, data, size);
	return drive__close(&drive);
}

static void drive__run(put_fn put, const uint8_t *data, size_t size, unsigned int nr)
{
	const struct way *way = &ways[nr % NR_OUTPUTS];
	struct report *report = report_of(put, data, size, nr), *before = NULL;
	FILE *out = fopencookie(NULL, "w", (cookie_io_functions_t){.write = discard});

	MUST(out);
	if (way->render) {
		MUST(!way->render(report, &way->opt, out));
	} else if (!way->lines) {
		before = report_of(put, data, size / 2, nr);
		MUST(!render_diff(before, report, &way->opt, out));
	}
	report__free(report);
	report__free(before);
	fclose(out);
}

static void put_records(struct drive *drive, const uint8_t *data, size_t size)
{
	_Alignas(8) uint8_t copy[UINT16_MAX + 1];
	struct faults_record faults;

	while (size >= sizeof(struct mt_record)) {
		const struct mt_record *record = (const struct mt_record *)copy;
		size_t padded;

		memcpy(copy, data, sizeof(*record));
		padded = (record->size_bytes + 7U) & ~7U;
		if (record->size_bytes < sizeof(*record) || padded > size)
			break;
		memcpy(copy, data, record->size_bytes);
		if (record->kind != MT_KIND_PACKED_FAULTS)
			MUST(!drive__push(drive, record, record->size_bytes));
		else if (!pack__unpack(record, record->size_bytes, &faults))
			MUST(!drive__push(drive, &faults, faults.rec.hdr.size_bytes));
		data += padded;
		size -= padded;
	}
	if (!drive->ended) {
		struct mt_end end = {.hdr = {.time_ns = drive->last_ns,
					     .size_bytes = sizeof(end),
					     .kind = MT_KIND_END},
				     .ended_by = MT_ENDED_CUT_OFF};

		MUST(!drive__push(drive, &end, sizeof(end)));
	}
}

static void put_file(struct drive *drive, const uint8_t *data, size_t size)
{
	struct source *source = NULL;
	struct error error = {};
	char path[64];
	int fd = memfd_create("recording", MFD_CLOEXEC);

	MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!file__open(path, drive__push, drive, &error, &source)) {
		while (source->ops->alive(source))
			MUST(!source->ops->pump(source));
		source->ops->free(source);
	}
	close(fd);
}

void drive__records(const uint8_t *data, size_t size, unsigned int way)
{
	drive__run(put_records, data, size, way);
}

void drive__file(const uint8_t *data, size_t size, unsigned int way)
{
	drive__run(put_file, data, size, way);
}

unsigned int drive__pick_way(size_t size)
{
	return size / 8 % NR_OUTPUTS + (size / 64 % 8 ? 0 : NR_OUTPUTS);
}
