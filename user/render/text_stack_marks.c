// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>

#include "base/units.h"
#include "base/vocab.h"
#include "render/sections.h"
#include "render/table.h"

static bool is_close(uint64_t peak_bytes, uint64_t limit_bytes)
{
	return peak_bytes != BYTES_UNKNOWN && peak_bytes / REPORT_STACK_WARNING > limit_bytes / 100;
}

static void warn(struct text *text, const char *whose, uint64_t peak_bytes, uint64_t limit_bytes)
{
	text__pad(text, 2);
	text__style(text, STYLE_BAD);
	text__wrapf(text, 4, "warning: %s has used %s of its stack, %s of %s", whose,
		    units__percent(peak_bytes, limit_bytes).s, units__bytes(peak_bytes).s,
		    units__bytes(limit_bytes).s);
	text__style(text, STYLE_NONE);
	text__end(text);
}

/* The main thread, and of the others the one that has come closest. */
static void warnings(struct text *text, const struct report_process *process)
{
	const struct report_stack_mark *mark = process->stack.threads;
	size_t nr = 0;
	char *comm, *whose;

	if (process->stack.limit_known && process->stack.limit_bytes != BYTES_UNKNOWN &&
	    is_close(process->stack.peak_bytes, process->stack.limit_bytes))
		warn(text, "the main thread", process->stack.peak_bytes,
		     process->stack.limit_bytes);
	while (nr < process->stack.nr_threads && is_close(mark[nr].peak_bytes, mark[nr].size_bytes))
		nr++;
	if (!nr)
		return;
	comm = text__safe(text, mark->comm);
	whose = comm ? text__format(text, "thread %u %s", mark->tid, comm) : NULL;
	if (whose)
		warn(text, whose, mark->peak_bytes, mark->size_bytes);
	free(whose);
	free(comm);
	if (nr > 1)
		text__linef(text, "  and %s more thread%s above %d%%", units__count(nr - 1).s,
			    text__plural(nr - 1), REPORT_STACK_WARNING);
}

void section__stack_marks(struct text *text, const struct report_process *process)
{
	static const struct column columns[] = {
		{"thread", COLUMN_RIGHT, 0, 0}, {"comm", COLUMN_LEFT, 8, 0},
		{"stack", COLUMN_RIGHT, 0, 0},	{"peak", COLUMN_RIGHT, 0, 0},
		{"used", COLUMN_RIGHT, 0, 0},	{"", COLUMN_LEFT, 12, 1},
	};
	size_t nr = 0, unknown, rows;
	struct table table;

	warnings(text, process);
	while (nr < process->stack.nr_threads &&
	       process->stack.threads[nr].peak_bytes != BYTES_UNKNOWN)
		nr++;
	unknown = process->stack.nr_threads - nr;
	if (unknown)
		text__linef(text, "  %s thread stack%s of which is not known how deep %s touched",
			    units__count(unknown).s, text__plural(unknown),
			    unknown == 1 ? "it was" : "they were");
	if (!nr)
		return;
	rows = text__rows(text, nr);
	text__linef(text, "  thread stacks, most used first");
	table__open(&table, text, 2, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < rows; i++) {
		const struct report_stack_mark *mark = &process->stack.threads[i];

		table__addf(&table, "%u", mark->tid);
		table__add_name(&table, mark->comm);
		table__add(&table, units__bytes(mark->size_bytes).s);
		table__add(&table, units__bytes(mark->peak_bytes).s);
		table__add(&table, units__percent(mark->peak_bytes, mark->size_bytes).s);
		if (is_close(mark->peak_bytes, mark->size_bytes))
			table__style(&table, STYLE_BAD);
		table__add(&table, mark->misses ?: "");
	}
	table__close(&table);
	if (rows < nr)
		text__linef(text, "  and %s more thread stacks", units__count(nr - rows).s);
}
