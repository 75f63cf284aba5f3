// SPDX-License-Identifier: GPL-2.0-or-later
#include "render/table.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "render/chart.h"

#define GAP 2
#define BAR_LEAST 14
#define BAR_MOST 60

void table__open(struct table *table, struct text *text, unsigned int indent,
		 const struct column *columns, unsigned int nr_columns)
{
	*table = (struct table){
		.text = text, .columns = columns, .nr_columns = nr_columns, .indent = indent};
}

static struct cell *new_cell(struct table *table)
{
	struct cell *cells;
	size_t capacity;

	if (table->text->err)
		return NULL;
	if (table->nr_cells == table->capacity) {
		capacity = table->capacity ? table->capacity * 2 : 64;
		cells = realloc(table->cells, capacity * sizeof(*cells));
		if (!cells) {
			table->text->err = -ENOMEM;
			return NULL;
		}
		table->cells = cells;
		table->capacity = capacity;
	}
	table->cells[table->nr_cells] = (struct cell){.s = NULL};
	return &table->cells[table->nr_cells++];
}

static void add_owned(struct table *table, char *s)
{
	struct cell *cell = s ? new_cell(table) : NULL;

	if (cell)
		cell->s = s;
	else
		free(s);
}

void table__add(struct table *table, const char *s)
{
	add_owned(table, text__format(table->text, "%s", s));
}

void table__addf(struct table *table, const char *fmt, ...)
{
	char buf[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(buf, sizeof(buf), fmt, args);
	va_end(args);
	table__add(table, buf);
}

void table__add_name(struct table *table, const char *unsafe)
{
	add_owned(table, text__safe(table->text, unsafe));
}

void table__add_bar(struct table *table, double fraction)
{
	struct cell *cell = new_cell(table);

	if (cell)
		cell->fraction = fraction;
}

void table__style(struct table *table, enum text_style style)
{
	if (!table->text->err)
		table->cells[table->nr_cells - 1].style = style;
}

/* The columns' widths as laid out; a column that is left out has 0 and hidden set. */
struct layout {
	unsigned int width[TABLE_MAX_COLUMNS];
	bool hidden[TABLE_MAX_COLUMNS];
};

static void measure(const struct table *table, struct layout *layout)
{
	unsigned int width;

	for (unsigned int c = 0; c < table->nr_columns; c++) {
		layout->hidden[c] = false;
		layout->width[c] = table->columns[c].kind == COLUMN_BAR
					   ? BAR_LEAST
					   : escape__width(table->columns[c].title);
	}
	for (size_t i = 0; i < table->nr_cells; i++) {
		width = table->cells[i].s ? escape__width(table->cells[i].s) : 0;
		if (width > layout->width[i % table->nr_columns])
			layout->width[i % table->nr_columns] = width;
	}
	for (unsigned int c = 0; c < table->nr_columns; c++)
		layout->hidden[c] = !layout->width[c];
}

static unsigned int total(const struct table *table, const struct layout *layout)
{
	unsigned int sum = table->indent;

	for (unsigned int c = 0; c < table->nr_columns; c++) {
		if (!layout->hidden[c])
			sum += layout->width[c] + (sum > table->indent ? GAP : 0);
	}
	return sum;
}

/* Cuts the columns that may be cut, from the left. */
static void cut(const struct table *table, struct layout *layout)
{
	unsigned int excess, spare;

	for (unsigned int c = 0; c < table->nr_columns; c++) {
		if (total(table, layout) <= table->text->width)
			return;
		excess = total(table, layout) - table->text->width;
		if (!table->columns[c].min || layout->width[c] <= table->columns[c].min)
			continue;
		spare = layout->width[c] - table->columns[c].min;
		layout->width[c] -= spare < excess ? spare : excess;
	}
}

/* Columns of one drop are left out together. */
static bool drop_lowest(const struct table *table, struct layout *layout)
{
	unsigned int lowest = UINT_MAX;

	for (unsigned int c = 0; c < table->nr_columns; c++)
		if (table->columns[c].drop && !layout->hidden[c] && table->columns[c].drop < lowest)
			lowest = table->columns[c].drop;
	for (unsigned int c = 0; c < table->nr_columns; c++)
		layout->hidden[c] |= table->columns[c].drop == lowest;
	return lowest != UINT_MAX;
}

static void lay_out(const struct table *table, struct layout *layout)
{
	struct layout natural;
	unsigned int spare;

	measure(table, &natural);
	do {
		*layout = natural;
		cut(table, layout);
	} while (total(table, layout) > table->text->width && drop_lowest(table, &natural));
	spare = total(table, layout);
	spare = spare < table->text->width ? table->text->width - spare : 0;
	for (unsigned int c = 0; c < table->nr_columns; c++) {
		if (table->columns[c].kind != COLUMN_BAR || layout->hidden[c])
			continue;
		layout->width[c] += spare;
		if (layout->width[c] > BAR_MOST)
			layout->width[c] = BAR_MOST;
	}
}

static void print_cell(struct text *text, const struct column *column, unsigned int width,
		       const char *s, enum text_style style)
{
	unsigned int end = text->column + width;
	char *fit = escape__fit(s, width, text->opt->utf8);

	if (!fit) {
		text->err = -ENOMEM;
		return;
	}
	/* A cell that no rule could make room for pushes the rest to the right, whole. */
	if (column->kind == COLUMN_RIGHT)
		text__pad(text, end - escape__width(fit));
	if (style)
		text__style(text, style);
	text__add(text, fit);
	if (style)
		text__style(text, STYLE_NONE);
	free(fit);
	text__pad(text, end);
}

static void print_row(struct table *table, const struct layout *layout, const struct cell *row)
{
	struct text *text = table->text;
	const struct column *column;

	text__pad(text, table->indent);
	for (unsigned int c = 0; c < table->nr_columns && !text->err; c++) {
		column = &table->columns[c];
		if (layout->hidden[c])
			continue;
		if (text->column > table->indent)
			text__pad(text, text->column + GAP);
		if (!row)
			print_cell(text, column, layout->width[c], column->title, STYLE_NONE);
		else if (column->kind == COLUMN_BAR)
			chart__bar(text, row[c].fraction, layout->width[c]);
		else
			print_cell(text, column, layout->width[c], row[c].s, row[c].style);
	}
	text__end(text);
}

void table__close(struct table *table)
{
	struct layout layout;

	if (!table->text->err) {
		lay_out(table, &layout);
		print_row(table, &layout, NULL);
		for (size_t i = 0; i + table->nr_columns <= table->nr_cells; i += table->nr_columns)
			print_row(table, &layout, table->cells + i);
	}
	for (size_t i = 0; i < table->nr_cells; i++)
		free(table->cells[i].s);
	free(table->cells);
}
