// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "render/chart.h"
#include "render/sections.h"
#include "render/table.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))
/* A name may be cut to so much. */
#define NAME_LEAST 14

static double fraction(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : 0;
}

static void totals(struct text *text, const struct report_process *process)
{
	uint64_t total = process->faults.total;

	text__add(text, "  ");
	text__wrapf(text, 2, "%s fault%s: %s minor, %s major; ", units__count(total).s,
		    text__plural(total), units__count(process->faults.minor).s,
		    units__count(process->faults.major).s);
	text__wrapf(text, 2, "user %s, kernel %s", units__count(process->faults.user).s,
		    units__count(process->faults.kernel).s);
	text__end(text);
	if (process->faults.access_unknown)
		return;
	text__add(text, "  ");
	for (int i = 0; i < NR_ACCESSES; i++)
		text__wrapf(text, 2, "%s%s %s (%s)",
			    i ? ", " : "by access: ", fault_access__name((enum fault_access)i),
			    units__count(process->faults.by_access[i]).s,
			    units__percent(process->faults.by_access[i], total).s);
	text__end(text);
}

/* Many mappings can share these names; where each is tells them apart. */
static bool nameless(const struct report_mapping *mapping)
{
	return !strcmp(mapping->name, "[anon]") || !strcmp(mapping->name, "[shmem]") ||
	       !strcmp(mapping->name, "[thread stack]");
}

/* Its start is part of its name, where it has no column of its own. */
static bool named_by_start(const struct text *text, const struct report_mapping *mapping)
{
	return !text->opt->verbose && !mapping->unmapped && mapping->start && mapping->name &&
	       nameless(mapping);
}

static void mapping_name(struct table *table, const struct report_mapping *mapping)
{
	if (named_by_start(table->text, mapping))
		table__addf(table, "%s %s", mapping->name, units__address(mapping->start).s);
	else
		table__add_name(table, mapping->name);
}

/* What tells mappings apart is not cut. */
static unsigned int mapping_name_least(const struct text *text,
				       const struct report_mapping *mappings, size_t rows)
{
	unsigned int least = NAME_LEAST, width;

	for (size_t i = 0; i < rows; i++) {
		if (!named_by_start(text, &mappings[i]))
			continue;
		width = strlen(mappings[i].name) + 1 + strlen(units__address(mappings[i].start).s);
		least = width > least ? width : least;
	}
	return least;
}

/* More pages than there are have been mapped and touched one after the other. */
static struct unit_text cover(uint64_t touched, uint64_t pages, bool several)
{
	return units__percent(touched, several || touched > pages ? 0 : pages);
}

static void mapping_row(struct table *table, const struct report *report,
			const struct report_process *process, const struct report_mapping *mapping,
			bool major, bool unmapped)
{
	uint64_t pages =
		report->host.page_bytes ? mapping->mapped_bytes / report->host.page_bytes : 0;

	mapping_name(table, mapping);
	table__add(table, region__name(mapping->region));
	if (table->text->opt->verbose)
		table__add(table, mapping->start ? units__address(mapping->start).s : "-");
	table__addf(table, "%s%s", units__bytes(mapping->mapped_bytes).s,
		    mapping->unmapped ? "*"
		    : unmapped	      ? " "
				      : "");
	table__add(table, units__count(mapping->faults).s);
	if (major)
		table__add(table, units__count(mapping->major).s);
	table__add(table, units__percent(mapping->faults, process->faults.total).s);
	table__add(table, units__count(mapping->pages_touched).s);
	table__add(table, cover(mapping->pages_touched, pages, mapping->several).s);
	table__add(table, fault_pattern__name(mapping->pattern));
}

static void by_mapping(struct text *text, const struct report *report,
		       const struct report_process *process)
{
	static const struct column columns[] = {
		{"by mapping", COLUMN_LEFT, 0, 0}, {"region", COLUMN_LEFT, 0, 4},
		{"start", COLUMN_LEFT, 0, 6},	   {"mapped", COLUMN_RIGHT, 0, 0},
		{"faults", COLUMN_RIGHT, 0, 0},	   {"major", COLUMN_RIGHT, 0, 5},
		{"%", COLUMN_RIGHT, 0, 1},	   {"touched", COLUMN_RIGHT, 0, 2},
		{"cover", COLUMN_RIGHT, 0, 0},	   {"pattern", COLUMN_LEFT, 0, 3},
	};
	size_t nr = process->faults.nr_mappings, rows = text__rows(text, nr);
	struct column shown[LENGTH(columns)];
	unsigned int nr_columns = 0;
	bool unmapped = false, major = process->faults.major != 0;
	uint64_t rest = 0;
	struct table table;

	if (!nr)
		return;
	for (size_t i = 0; i < LENGTH(columns); i++) {
		if (!strcmp(columns[i].title, "start") && !text->opt->verbose)
			continue;
		if (!strcmp(columns[i].title, "major") && !major)
			continue;
		shown[nr_columns++] = columns[i];
	}
	shown[0].min = mapping_name_least(text, process->faults.mappings, rows);
	text__end(text);
	table__open(&table, text, 2, shown, nr_columns);
	for (size_t i = 0; i < rows; i++)
		unmapped |= process->faults.mappings[i].unmapped;
	for (size_t i = 0; i < rows; i++)
		mapping_row(&table, report, process, &process->faults.mappings[i], major, unmapped);
	table__close(&table);
	for (size_t i = rows; i < nr; i++)
		rest += process->faults.mappings[i].faults;
	if (rows < nr)
		text__linef(text, "  and %s more place%s: %s fault%s", units__count(nr - rows).s,
			    text__plural(nr - rows), units__count(rest).s, text__plural(rest));
	if (unmapped)
		text__linef(text, "  * unmapped by now");
}

/* From so many on the rows of the table of mappings are too many to read. */
#define MANY_ANON_MAPPINGS 4

static void anon_by_size(struct text *text, const struct report_process *process)
{
	static const struct column columns[] = {
		{"anonymous, by size", COLUMN_LEFT, 0, 0},
		{"mappings", COLUMN_RIGHT, 0, 0},
		{"mapped", COLUMN_RIGHT, 0, 0},
		{"faults", COLUMN_RIGHT, 0, 0},
		{"%", COLUMN_RIGHT, 0, 2},
		{"touched", COLUMN_RIGHT, 0, 1},
		{"", COLUMN_BAR, 0, 3},
	};
	uint64_t nr_mappings = 0;
	struct table table;

	for (int i = 0; i < REPORT_ANON_SIZES; i++)
		nr_mappings += process->faults.anon_sizes[i].nr_mappings;
	if (nr_mappings < MANY_ANON_MAPPINGS)
		return;
	text__end(text);
	table__open(&table, text, 2, columns, LENGTH(columns));
	for (int i = 0; i < REPORT_ANON_SIZES; i++) {
		const struct report_anon_size *size = &process->faults.anon_sizes[i];

		if (!size->nr_mappings)
			continue;
		if (!size->ge_bytes)
			table__addf(&table, "below %s", units__bytes(size->lt_bytes).s);
		else if (size->lt_bytes)
			table__addf(&table, "%s to %s", units__bytes(size->ge_bytes).s,
				    units__bytes(size->lt_bytes).s);
		else
			table__addf(&table, "%s and more", units__bytes(size->ge_bytes).s);
		table__add(&table, units__count(size->nr_mappings).s);
		table__add(&table, units__bytes(size->mapped_bytes).s);
		table__add(&table, units__count(size->faults).s);
		table__add(&table, units__percent(size->faults, process->faults.total).s);
		table__add(&table, units__count(size->pages_touched).s);
		table__add_bar(&table, fraction(size->faults, process->faults.total));
	}
	table__close(&table);
}

static void slice_row(struct table *table, const struct report_slice *slice, uint64_t most)
{
	table__add(table, units__address(slice->start).s);
	table__add(table, units__bytes(slice->size_bytes).s);
	table__add_name(table, slice->name);
	table__add(table, units__count(slice->faults).s);
	table__add(table, cover(slice->pages_touched, slice->mapped_pages, false).s);
	table__add_bar(table, fraction(slice->faults, most));
}

void section__space(struct text *text, const struct report *report,
		    const struct report_process *process)
{
	static const struct column columns[] = {
		{"by address", COLUMN_LEFT, 0, 0}, {"slice", COLUMN_RIGHT, 0, 3},
		{"mapping", COLUMN_LEFT, 12, 1},   {"faults", COLUMN_RIGHT, 0, 0},
		{"cover", COLUMN_RIGHT, 0, 0},	   {"", COLUMN_BAR, 0, 2},
	};
	size_t nr = process->faults.nr_slices, left_out = 0;
	uint64_t most = 0, rest = 0;
	struct table table;
	bool *keep;

	(void)report;
	if (!nr)
		return;
	if (slices__choose(process, text->opt->top, &keep)) {
		text->err = -ENOMEM;
		return;
	}
	text__end(text);
	table__open(&table, text, 2, columns, LENGTH(columns));
	for (size_t i = 0; i < nr; i++)
		most = most > process->faults.slices[i].faults ? most
							       : process->faults.slices[i].faults;
	for (size_t i = 0; i < nr; i++) {
		if (keep[i]) {
			slice_row(&table, &process->faults.slices[i], most);
		} else {
			left_out++;
			rest += process->faults.slices[i].faults;
		}
	}
	table__close(&table);
	free(keep);
	if (left_out)
		text__linef(text, "  and %s more slice%s with fewer faults each: %s in all",
			    units__count(left_out).s, text__plural(left_out), units__count(rest).s);
}

static struct unit_text rate_unit(double value)
{
	return units__rate(value);
}

static void rates(struct text *text, const struct report_process *process)
{
	struct chart_series series = {
		.label = "fault rate",
		.nr_points = process->faults.nr_timeline,
		.start_s = process->start_s > 0 ? process->start_s : 0,
		.from_zero = true,
		.unit = rate_unit,
		.suffix = "/s",
	};
	const struct report_fault_point *point;
	double from = series.start_s;
	struct chart_point *points;

	/* Of a single interval the totals say it all. */
	if (series.nr_points < 2)
		return;
	points = calloc(series.nr_points, sizeof(*points));
	if (!points) {
		text->err = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < series.nr_points; i++) {
		point = &process->faults.timeline[i];
		points[i].t_s = point->t_s;
		points[i].value = point->t_s > from ? (double)(point->minor + point->major) /
							      (point->t_s - from)
						    : NAN;
		from = point->t_s;
	}
	series.points = points;
	text__end(text);
	chart__sparkline(text, 2, &series);
	chart__time_axis(text, 2, &series);
	free(points);
}

void section__faults(struct text *text, const struct report *report,
		     const struct report_process *process)
{
	text__end(text);
	text__heading(text, "Page faults");
	if (!process->faults.total) {
		text__linef(text, "  none");
		return;
	}
	totals(text, process);
	rates(text, process);
	section__breakdown(text, report, process);
	section__latency(text, process);
	by_mapping(text, report, process);
	anon_by_size(text, process);
	section__space(text, report, process);
	chart__log2(text, "run, pages", "faults", process->faults.run_pages_log2,
		    LENGTH(process->faults.run_pages_log2));
}
