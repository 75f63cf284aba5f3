/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the summary of a comparison and its sections share. */
#ifndef MEMTRACE_RENDER_TEXT_DIFF_H
#define MEMTRACE_RENDER_TEXT_DIFF_H

#include "render/table.h"
#include "report/diff.h"

/* A row of a process; a side without it has dashes. */
struct diff_cells {
	struct table *table;
	const struct diff *diff;
	const struct diff_process *process;
};

/* Of A and B what is compared: the rate, or else the number. */
void diff_cells__compared(const struct diff_cells *cells, const struct diff_row *row);
/* B less A of that, in colour where it is a notable share. */
void diff_cells__change(const struct diff_cells *cells, const struct diff_row *row);
void diff_cells__percent(const struct diff_cells *cells, const struct diff_row *row);
/* What is not compared, the rate or the number; and the titles for it. */
void diff_cells__other(const struct diff_cells *cells, const struct diff_row *row);
const char *diff_cells__other_title(const struct diff *diff, enum diff_side side);

void section__diff_process(struct text *text, const struct diff *diff,
			   const struct diff_process *process);

#endif
