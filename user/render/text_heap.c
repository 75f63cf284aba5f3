// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/errno_name.h"
#include "base/units.h"
#include "render/chart.h"
#include "render/sections.h"
#include "render/table.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

static void sizes(struct text *text, const struct report_process *process)
{
	static const struct column columns[] = {
		{"now", COLUMN_RIGHT, 0, 0},	   {"brk", COLUMN_RIGHT, 0, 0},
		{"anon mmap", COLUMN_RIGHT, 0, 0}, {"growth", COLUMN_RIGHT, 0, 0},
		{"peak", COLUMN_RIGHT, 0, 0},	   {"RSS", COLUMN_RIGHT, 0, 0},
		{"peak RSS", COLUMN_RIGHT, 0, 0},
	};
	uint64_t brk_bytes = process->heap.brk_bytes, anon_bytes = process->heap.anon_mmap_bytes;
	struct table table;

	table__open(&table, text, 2, columns, LENGTH(columns));
	table__add(&table, units__bytes(brk_bytes + anon_bytes).s);
	table__add(&table, units__bytes(brk_bytes).s);
	table__add(&table, units__bytes(anon_bytes).s);
	table__add(&table, units__bytes_delta(process->heap.growth_bytes).s);
	table__add(&table, units__bytes(process->heap.peak_bytes).s);
	table__add(&table, units__bytes(process->heap.rss_bytes).s);
	table__add(&table, units__bytes(process->heap.peak_rss_bytes).s);
	table__close(&table);
}

/* "ENOMEM 2, EINVAL 1" of one kind of call; the caller frees it. */
static char *failures(struct text *text, const struct report_process *process, enum mem_call call)
{
	char *words = text__format(text, "%s", "");
	const struct report_failure *failure;
	char *longer;

	for (size_t i = 0; i < process->heap.nr_failures && words; i++) {
		failure = &process->heap.failures[i];
		if (failure->call != call)
			continue;
		longer = text__format(text, "%s%s%s %s", words, *words ? ", " : "",
				      errno__name(failure->err).s, units__count(failure->count).s);
		free(words);
		words = longer;
	}
	return words;
}

static void calls(struct text *text, const struct report_process *process)
{
	static const struct column columns[] = {
		{"calls", COLUMN_LEFT, 0, 0},  {"count", COLUMN_RIGHT, 0, 0},
		{"bytes", COLUMN_RIGHT, 0, 0}, {"failed", COLUMN_RIGHT, 0, 0},
		{"", COLUMN_LEFT, 12, 1},
	};
	uint64_t count = 0;
	struct table table;
	char *words;

	for (int i = 0; i < NR_CALLS; i++)
		count += process->heap.calls[i].count;
	text__end(text);
	if (!count) {
		text__linef(text, "  no brk, mmap, munmap, mremap, madvise, mprotect or mlock");
		return;
	}
	table__open(&table, text, 2, columns, LENGTH(columns));
	for (int i = 0; i < NR_CALLS; i++) {
		if (!process->heap.calls[i].count)
			continue;
		words = failures(text, process, (enum mem_call)i);
		if (!words)
			break;
		table__add(&table, mem_call__name((enum mem_call)i));
		table__add(&table, units__count(process->heap.calls[i].count).s);
		table__add(&table, units__bytes(process->heap.calls[i].bytes).s);
		table__add(&table, units__count(process->heap.calls[i].failed).s);
		if (process->heap.calls[i].failed)
			table__style(&table, STYLE_BAD);
		table__add(&table, words);
		free(words);
	}
	table__close(&table);
}

static struct unit_text bytes_unit(double value)
{
	return units__bytes(value < 0x1p64 ? (uint64_t)value : UINT64_MAX - 1);
}

static void timeline(struct text *text, const struct report_process *process, const char *label,
		     bool rss)
{
	struct chart_series series = {
		.label = label,
		.nr_points = process->heap.nr_timeline,
		.start_s = process->start_s > 0 ? process->start_s : 0,
		.unit = bytes_unit,
		.suffix = "",
	};
	const struct report_heap_point *point;
	struct chart_point *points = calloc(series.nr_points + 1, sizeof(*points));

	if (!points) {
		text->err = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < series.nr_points; i++) {
		point = &process->heap.timeline[i];
		points[i].t_s = point->t_s;
		if (!rss)
			points[i].value = (double)(point->brk_bytes + point->anon_mmap_bytes);
		else
			points[i].value =
				point->rss_bytes == BYTES_UNKNOWN ? NAN : (double)point->rss_bytes;
	}
	series.points = points;
	chart__sparkline(text, 2, &series);
	if (rss)
		chart__time_axis(text, 2, &series);
	free(points);
}

void section__heap(struct text *text, const struct report *report,
		   const struct report_process *process)
{
	text__end(text);
	text__heading(text, "Heap");
	section__lost(text, report, 2);
	sizes(text, process);
	if (process->heap.nr_timeline) {
		text__end(text);
		text__linef(text, "  at interval ends");
	}
	timeline(text, process, "heap", false);
	timeline(text, process, "RSS", true);
	calls(text, process);
	for (int i = 0; i < NR_CALLS; i++) {
		if (!process->heap.call_size_log2[i] || (i != CALL_MMAP && !text->opt->verbose))
			continue;
		chart__log2(text, i == CALL_MMAP ? "mmap, bytes" : mem_call__name((enum mem_call)i),
			    "calls", process->heap.call_size_log2[i], REPORT_CALL_SIZES);
	}
}
