// SPDX-License-Identifier: GPL-2.0-or-later
/* A comparison as text. */
#include <stdlib.h>

#include "base/units.h"
#include "render/sections.h"
#include "render/text_diff.h"
#include "report/diff.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

static void recording(struct text *text, const struct diff *diff, enum diff_side side)
{
	char *file = text__safe(text, diff->file[side]);

	text__end(text);
	text__style(text, STYLE_BOLD);
	text__addf(text, "%s ", side == DIFF_A ? "A" : "B");
	if (file)
		text__wrap(text, 2, file);
	text__style(text, STYLE_NONE);
	text__end(text);
	free(file);
	section__session(text, diff->report[side]);
	section__loss(text, diff->report[side], 2);
}

static void warnings(struct text *text, const struct diff *diff)
{
	for (size_t i = 0; i < diff->warnings.nr; i++) {
		char *safe = text__safe(text, diff->warnings.items[i].text);

		text__style(text, STYLE_BAD);
		if (safe)
			text__wrapf(text, 0, "warning: %s", safe);
		text__style(text, STYLE_NONE);
		text__end(text);
		free(safe);
	}
}

/* What the percentages are of must not be guessed. */
static void basis(struct text *text, const struct diff *diff)
{
	static const char *const words[] = {
		[DIFF_BY_TOTAL] = ": counts are compared as they are",
		[DIFF_BY_TOTAL_WHOLE_RUNS] = " from the start of the command to its exit: counts "
					     "are compared as they are",
		[DIFF_BY_TOTAL_NO_TIME] = ": counts are compared as they are",
		[DIFF_BY_RATE] = ": faults, calls and heap growth are compared per second, peaks "
				 "as they are",
	};

	text__wrapf(text, 0, "A lasted %s, B %s%s",
		    units__duration(diff->report[DIFF_A]->session.duration_s).s,
		    units__duration(diff->report[DIFF_B]->session.duration_s).s,
		    words[diff->basis]);
	text__end(text);
}

static void header(struct text *text, const struct diff *diff)
{
	char *version = text__safe(text, diff->report[DIFF_A]->version);
	char *title =
		version ? text__format(text, "memtrace %s: B compared with A", version) : NULL;

	if (title)
		text__heading(text, title);
	free(version);
	free(title);
	recording(text, diff, DIFF_A);
	recording(text, diff, DIFF_B);
	text__end(text);
	warnings(text, diff);
	basis(text, diff);
}

static void summary_row(struct table *table, const struct diff *diff,
			const struct diff_process *process, enum diff_metric_id rss)
{
	const struct diff_row *faults = diff_process__row(process, DIFF_FAULTS);
	const struct diff_cells cells = {table, diff, process};
	const uint64_t *nr = process->nr;

	if (process->comm)
		table__add_name(table, process->comm);
	else
		table__add(table, "in all");
	if (!process->comm)
		table__style(table, STYLE_BOLD);
	if (nr[DIFF_A] == nr[DIFF_B])
		table__add(table, units__count_short(nr[DIFF_A]).s);
	else
		table__addf(table, "%s %s %s", units__count_short(nr[DIFF_A]).s,
			    text__either(table->text, "→", "->"), units__count_short(nr[DIFF_B]).s);
	diff_cells__compared(&cells, faults);
	diff_cells__change(&cells, faults);
	if (!nr[DIFF_A] || !nr[DIFF_B])
		table__add(table, nr[DIFF_B] ? "new" : "gone");
	else
		diff_cells__percent(&cells, faults);
	diff_cells__other(&cells, faults);
	diff_cells__change(&cells, diff_process__row(process, DIFF_HEAP_PEAK));
	diff_cells__change(&cells, diff_process__row(process, rss));
	if (process->comm)
		table__add_name(table, process->exe[nr[DIFF_B] ? DIFF_B : DIFF_A]);
	else
		table__add(table, "");
}

/* The sum of the rows that -n leaves out. */
static void summary_rest(struct text *text, const struct diff *diff, size_t shown)
{
	uint64_t nr = diff->nr_processes - shown, sum[DIFF_SIDES] = {};

	for (size_t i = shown; i < diff->nr_processes; i++)
		for (enum diff_side side = 0; side < DIFF_SIDES; side++)
			sum[side] += (uint64_t)diff_process__row(&diff->processes[i], DIFF_FAULTS)
					     ->value[side];
	text__pad(text, 2);
	text__wrapf(text, 4, "and %s more program%s: %s fault%s in A, %s in B", units__count(nr).s,
		    text__plural(nr), units__count(sum[DIFF_A]).s, text__plural(sum[DIFF_A]),
		    units__count(sum[DIFF_B]).s);
	text__end(text);
}

/* Of what still runs the peak is not known, of what has ended there is no other. */
static enum diff_metric_id summary_rss(const struct diff *diff)
{
	const struct diff_row *peak = diff_process__row(&diff->all, DIFF_PEAK_RSS);

	return diff_row__change(peak) == DIFF_UNKNOWN ? DIFF_RSS : DIFF_PEAK_RSS;
}

static void summary(struct text *text, const struct diff *diff)
{
	bool by_rate = diff->basis == DIFF_BY_RATE;
	/* What is compared by stays longest; then by rate the totals, else the heap. */
	const struct column columns[] = {
		{"comm", COLUMN_LEFT, 8, 0},
		{"procs", COLUMN_RIGHT, 0, 0},
		{"faults A", COLUMN_RIGHT, 0, 0},
		{"faults B", COLUMN_RIGHT, 0, 0},
		{"change", COLUMN_RIGHT, 0, 0},
		{"%", COLUMN_RIGHT, 0, 0},
		{diff_cells__other_title(diff, DIFF_A), COLUMN_RIGHT, 0, by_rate ? 4 : 2},
		{diff_cells__other_title(diff, DIFF_B), COLUMN_RIGHT, 0, by_rate ? 4 : 2},
		{"heap peak", COLUMN_RIGHT, 0, 3},
		{diff_metrics[summary_rss(diff)].label, COLUMN_RIGHT, 0, by_rate ? 2 : 4},
		{"program", COLUMN_LEFT, 20, 1},
	};
	size_t rows = text__rows(text, diff->nr_processes);
	enum diff_metric_id rss = summary_rss(diff);
	struct table table;

	text__end(text);
	text__heading(text, by_rate ? "Processes, largest change in faults per second first"
				    : "Processes, largest change in faults first");
	table__open(&table, text, 2, columns, LENGTH(columns));
	for (size_t i = 0; i < rows; i++)
		summary_row(&table, diff, &diff->processes[i], rss);
	if (diff->nr_processes > 1)
		summary_row(&table, diff, &diff->all, rss);
	table__close(&table);
	if (rows < diff->nr_processes)
		summary_rest(text, diff, rows);
}

static bool changed(const struct diff_process *process)
{
	for (size_t i = 0; i < process->nr_rows; i++)
		if (process->rows[i].value[DIFF_A] != process->rows[i].value[DIFF_B])
			return true;
	return false;
}

static void processes(struct text *text, const struct diff *diff)
{
	size_t rows = text__rows(text, diff->nr_processes);

	summary(text, diff);
	for (size_t i = 0; i < rows && !text->err; i++)
		if (changed(&diff->processes[i]))
			section__diff_process(text, diff, &diff->processes[i]);
	if (rows == diff->nr_processes)
		return;
	text__end(text);
	text__linef(text, "%s more program%s not shown: -n 0 shows all",
		    units__count(diff->nr_processes - rows).s,
		    text__plural(diff->nr_processes - rows));
}

int render_text__diff(const struct diff *diff, const struct render_options *opt, FILE *out)
{
	struct text text;

	text__open(&text, opt, out);
	header(&text, diff);
	if (diff->nr_processes) {
		processes(&text, diff);
	} else {
		text__end(&text);
		text__linef(&text,
			    "Neither recording has a process that did anything with memory.");
	}
	return text__close(&text);
}
