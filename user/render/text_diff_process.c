// SPDX-License-Identifier: GPL-2.0-or-later
/* The section of one program in a comparison, and the cells of its rows. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "render/sections.h"
#include "render/text_diff.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

/* How a number is written: SHORT and RATE take 7 columns at most, but for a rate's "/s". */
enum form { FORM_WHOLE, FORM_SHORT, FORM_RATE };

/* Without its sign. */
static struct unit_text magnitude(const struct diff_cells *cells, enum diff_unit unit, double size,
				  enum form form)
{
	uint64_t n = size < 0x1p63 ? (uint64_t)llround(size) : (uint64_t)INT64_MAX;

	if (unit == DIFF_NS)
		return units__latency(n, cells->table->text->opt->utf8);
	if (unit == DIFF_BYTES)
		return form == FORM_WHOLE ? units__bytes(n) : units__bytes_short(n);
	if (form == FORM_RATE)
		return units__rate(size);
	return form == FORM_WHOLE ? units__count(n) : units__count_short(n);
}

static const char *sign(double value, bool always)
{
	return value < 0 ? "-" : always && value > 0 ? "+" : "";
}

static enum form compared_form(const struct diff *diff, const struct diff_row *row)
{
	return diff->basis == DIFF_BY_RATE && diff_metric__adds_up(row->metric) ? FORM_RATE
										: FORM_WHOLE;
}

static void add_number(const struct diff_cells *cells, const struct diff_row *row,
		       enum diff_side side, enum form form)
{
	double value = form == FORM_RATE ? diff_row__rate(cells->diff, row, side)
					 : diff_row__number(row, side);

	if (isnan(value) || !cells->process->nr[side])
		table__add(cells->table, "-");
	else
		table__addf(cells->table, "%s%s%s", sign(value, row->metric->kind == DIFF_GROWTH),
			    magnitude(cells, row->metric->unit, fabs(value), form).s,
			    form == FORM_RATE ? "/s" : "");
}

void diff_cells__compared(const struct diff_cells *cells, const struct diff_row *row)
{
	for (enum diff_side side = 0; side < DIFF_SIDES; side++)
		add_number(cells, row, side, compared_form(cells->diff, row));
}

/* How long a command took to its exit is in the header; its counts by time say no more. */
static bool has_other(const struct diff *diff)
{
	return diff->basis != DIFF_BY_TOTAL_WHOLE_RUNS;
}

void diff_cells__other(const struct diff_cells *cells, const struct diff_row *row)
{
	enum form form = compared_form(cells->diff, row) == FORM_RATE ? FORM_SHORT : FORM_RATE;

	for (enum diff_side side = 0; side < DIFF_SIDES; side++)
		if (diff_metric__adds_up(row->metric) && has_other(cells->diff))
			add_number(cells, row, side, form);
		else
			table__add(cells->table, "");
}

const char *diff_cells__other_title(const struct diff *diff, enum diff_side side)
{
	if (!has_other(diff))
		return "";
	if (diff->basis == DIFF_BY_RATE)
		return side == DIFF_A ? "A total" : "B total";
	return side == DIFF_A ? "A rate" : "B rate";
}

/* Everything here is a cost: more is worse. */
static enum text_style style(double a, double b)
{
	if (!(fabs(b - a) > DIFF_NOTABLE * fmax(fabs(a), fabs(b))))
		return STYLE_NONE;
	return b > a ? STYLE_BAD : STYLE_GOOD;
}

void diff_cells__change(const struct diff_cells *cells, const struct diff_row *row)
{
	double a = diff_row__compared(cells->diff, row, DIFF_A);
	double b = diff_row__compared(cells->diff, row, DIFF_B);
	enum form form = compared_form(cells->diff, row);
	double change = form == FORM_RATE ? b - a : (double)diff_row__change(row);

	bool in_both = cells->process->nr[DIFF_A] && cells->process->nr[DIFF_B];

	/* Nothing on one side, and no such process on the other: that is not "as before". */
	if (isnan(a) || isnan(b) || (a == b && !in_both))
		table__add(cells->table, "-");
	else if (a == b)
		table__add(cells->table, "=");
	else
		table__addf(cells->table, "%s%s%s", sign(change, true),
			    magnitude(cells, row->metric->unit, fabs(change), form).s,
			    form == FORM_RATE ? "/s" : "");
	table__style(cells->table, style(a, b));
}

void diff_cells__percent(const struct diff_cells *cells, const struct diff_row *row)
{
	double a = diff_row__compared(cells->diff, row, DIFF_A);
	double b = diff_row__compared(cells->diff, row, DIFF_B);

	if (a == b)
		table__add(cells->table, "");
	else if (a == 0 && b > 0)
		table__add(cells->table, "new");
	else if (a > 0 && b == 0)
		table__add(cells->table, "gone");
	else
		table__add(cells->table, units__percent_change(diff__percent(a, b)).s);
	table__style(cells->table, style(a, b));
}

static bool is_many(const struct diff_process *process)
{
	return process->nr[DIFF_A] > 1 || process->nr[DIFF_B] > 1;
}

static bool is_shown(const struct diff_process *process, const struct diff_row *row)
{
	/* Of one process the largest is the only one. */
	if (row->metric->kind == DIFF_LARGEST && !is_many(process))
		return false;
	for (enum diff_side side = 0; side < DIFF_SIDES; side++)
		if (row->value[side] && row->value[side] != DIFF_UNKNOWN)
			return true;
	return false;
}

static void add_label(struct table *table, const struct diff_process *process,
		      const struct diff_row *row)
{
	const struct diff_metric *metric = row->metric;
	bool many = is_many(process);
	const char *suffix = "";

	if (many && metric->kind == DIFF_LEVEL)
		suffix = ", sum";
	else if (many && (metric->kind == DIFF_LARGEST || metric->kind == DIFF_WORST))
		suffix = ", max";
	if (metric->name)
		table__addf(table, "  %s", metric->name(row->index));
	else
		table__addf(table, "%s%s", metric->label, suffix);
}

static void rows(struct text *text, const struct diff *diff, const struct diff_process *process)
{
	const struct column columns[] = {
		{"", COLUMN_LEFT, 0, 0},
		{"A", COLUMN_RIGHT, 0, 0},
		{"B", COLUMN_RIGHT, 0, 0},
		{"change", COLUMN_RIGHT, 0, 0},
		{"%", COLUMN_RIGHT, 0, 0},
		{diff_cells__other_title(diff, DIFF_A), COLUMN_RIGHT, 0, 1},
		{diff_cells__other_title(diff, DIFF_B), COLUMN_RIGHT, 0, 1},
	};
	const struct diff_metric *heading = NULL;
	struct table table;
	const struct diff_cells cells = {&table, diff, process};

	text__end(text);
	table__open(&table, text, 2, columns, LENGTH(columns));
	for (size_t i = 0; i < process->nr_rows; i++) {
		const struct diff_row *row = &process->rows[i];

		if (!is_shown(process, row))
			continue;
		if (row->metric->name && row->metric != heading) {
			heading = row->metric;
			table__add(&table, heading->label);
			for (size_t c = 1; c < LENGTH(columns); c++)
				table__add(&table, "");
		}
		add_label(&table, process, row);
		diff_cells__compared(&cells, row);
		diff_cells__change(&cells, row);
		diff_cells__percent(&cells, row);
		diff_cells__other(&cells, row);
	}
	table__close(&table);
}

static void programs(struct text *text, const struct diff_process *process)
{
	const char *in_a = process->exe[DIFF_A], *in_b = process->exe[DIFF_B];
	char *a = text__safe(text, in_a), *b = text__safe(text, in_b);

	text__pad(text, 2);
	if (a && b && in_a && in_b && strcmp(a, b))
		text__wrapf(text, 2, "%s in A, %s in B", a, b);
	else if (a && b)
		text__wrap(text, 2, in_a ? a : in_b ? b : "program not known");
	free(a);
	free(b);
}

static void numbers_of_processes(struct text *text, const struct diff_process *process)
{
	uint64_t a = process->nr[DIFF_A], b = process->nr[DIFF_B];

	if (!is_many(process))
		return;
	if (a && b)
		text__wrapf(text, 2, ", %s process%s in A, %s in B", units__count(a).s,
			    a == 1 ? "" : "es", units__count(b).s);
	else
		text__wrapf(text, 2, ", %s processes", units__count(a + b).s);
}

void section__diff_process(struct text *text, const struct diff *diff,
			   const struct diff_process *process)
{
	text__title(text, process->comm,
		    !process->nr[DIFF_A]   ? "(new)"
		    : !process->nr[DIFF_B] ? "(gone)"
					   : "");
	programs(text, process);
	numbers_of_processes(text, process);
	text__end(text);
	rows(text, diff, process);
}
