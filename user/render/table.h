/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A table of text: columns as wide as what is in them. Where the line is too narrow, names are cut
 * (of paths the first directories, or else the middle), then the columns that matter least are left
 * out. A column without a title and with nothing in it takes no room.
 */
#ifndef MEMTRACE_RENDER_TABLE_H
#define MEMTRACE_RENDER_TABLE_H

#include "render/text.h"

#define TABLE_MAX_COLUMNS 12

enum column_kind { COLUMN_LEFT, COLUMN_RIGHT, COLUMN_BAR };

struct column {
	const char *title;
	enum column_kind kind;
	unsigned int min;  /* may be cut to this many columns; 0: never cut */
	unsigned int drop; /* left out if there is no room, lowest first, equals together; 0: no */
};

struct cell {
	char *s;
	double fraction; /* of a full bar */
	enum text_style style;
};

struct table {
	struct text *text;
	const struct column *columns;
	unsigned int nr_columns;
	unsigned int indent;
	struct cell *cells; /* row by row */
	size_t nr_cells;
	size_t capacity;
};

void table__open(struct table *table, struct text *text, unsigned int indent,
		 const struct column *columns, unsigned int nr_columns);
/* The next cell of the row; strings are safe for the terminal. */
void table__add(struct table *table, const char *s);
void table__addf(struct table *table, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void table__add_name(struct table *table, const char *unsafe);
void table__add_bar(struct table *table, double fraction);
/* Of the cell added last. */
void table__style(struct table *table, enum text_style style);
/* Prints the table, its titles first, and frees what it holds. */
void table__close(struct table *table);

#endif
