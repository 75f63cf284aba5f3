// SPDX-License-Identifier: GPL-2.0-or-later
/* The limits of a process's memory, the closest first, and the calls that failed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/errno_name.h"
#include "base/units.h"
#include "render/sections.h"
#include "render/table.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

static struct unit_text amount(const char *unit, uint64_t n)
{
	return unit && !strcmp(unit, "mappings") && n != BYTES_UNKNOWN ? units__count(n)
								       : units__bytes(n);
}

static bool is_of_cgroup(const struct report_limit *limit)
{
	return !strcmp(limit->source, "cgroup");
}

static struct unit_text percent(const struct report_limit *limit)
{
	struct unit_text text;

	snprintf(text.s, sizeof(text.s), "%.1f%%", limit->percent);
	/* Neither nothing of something, nor all of less. */
	if (limit->percent > 0 && limit->percent < 0.05)
		strcpy(text.s, "0.1%");
	if (limit->percent < 100 && limit->percent >= 99.95)
		strcpy(text.s, "99.9%");
	return text;
}

static void warning(struct text *text, const struct report_limit *limit)
{
	char *scope;

	if (!limit->near)
		return;
	scope = text__safe(text, limit->scope);
	if (!scope)
		return;
	text__pad(text, 2);
	text__style(text, STYLE_BAD);
	if (!is_of_cgroup(limit))
		text__wrapf(text, 2, "%s: %s of the limit was in use", limit->name,
			    percent(limit).s);
	else if (limit->oom_kills)
		text__wrapf(text, 2, "%s of %s: %s process%s killed for it", limit->name, scope,
			    units__count(limit->oom_kills).s,
			    limit->oom_kills == 1 ? " was" : "es were");
	else
		text__wrapf(text, 2, "%s of %s: %s of it could not be dropped as page cache can",
			    limit->name, scope,
			    units__percent(limit->held_most_bytes, limit->limit).s);
	text__style(text, STYLE_NONE);
	text__end(text);
	free(scope);
}

#define DOES_NOT_HOLD "does not hold: CAP_IPC_LOCK"

/* What else is told of a limit. */
static void add_note(struct table *table, const struct report_limit *limit)
{
	if (!limit->holds && limit->percent < 0)
		table__add(table, DOES_NOT_HOLD);
	else if (!is_of_cgroup(limit))
		table__add(table, "");
	else if (limit->held_bytes == BYTES_UNKNOWN)
		table__add(table, "with page cache");
	else
		table__addf(table, "with page cache; without: %s",
			    units__bytes(limit->held_bytes).s);
}

static void limit_row(struct table *table, const struct report_limit *limit)
{
	table__add(table, limit->name);
	table__add(table, amount(limit->unit, limit->now).s);
	table__add(table, amount(limit->unit, limit->worst).s);
	table__add(table, amount(limit->unit, limit->limit).s);
	table__add(table, limit->percent < 0 ? "-" : percent(limit).s);
	if (limit->near)
		table__style(table, STYLE_BAD);
	table__add_bar(table, limit->percent < 0     ? 0
			      : limit->percent < 100 ? limit->percent / 100
						     : 1);
	table__add_name(table, is_of_cgroup(limit) ? limit->scope : "");
	add_note(table, limit);
}

/* The others are named in a line below it. */
static bool is_in_table(const struct report_limit *limit)
{
	return limit->percent >= 0 || (!limit->holds && limit->limit != BYTES_UNKNOWN);
}

static void unlimited(struct text *text, const struct report_process *process)
{
	const struct report_limit *limit;
	bool first = true;

	for (size_t i = 0; i < process->limits.nr; i++) {
		limit = &process->limits.table[i];
		if (is_in_table(limit))
			continue;
		if (first)
			text__pad(text, 2);
		text__wrapf(text, 2, "%s%s", first ? "no limit: " : ", ", limit->name);
		if (!is_of_cgroup(limit))
			text__wrapf(text, 2, " (%s at most)", units__bytes(limit->worst).s);
		first = false;
	}
	if (!first)
		text__end(text);
}

static void limits(struct text *text, const struct report_process *process)
{
	static const struct column columns[] = {
		{"limit", COLUMN_LEFT, 0, 0},  {"now", COLUMN_RIGHT, 0, 0},
		{"worst", COLUMN_RIGHT, 0, 0}, {"of", COLUMN_RIGHT, 0, 0},
		{"%", COLUMN_RIGHT, 0, 0},     {"", COLUMN_BAR, 0, 1},
		{"", COLUMN_LEFT, 12, 3},      {"", COLUMN_LEFT, 12, 2},
	};
	struct column shown[LENGTH(columns)];
	struct table table;
	size_t nr = 0;

	memcpy(shown, columns, sizeof(shown));
	for (size_t i = 0; i < process->limits.nr; i++) {
		warning(text, &process->limits.table[i]);
		nr += is_in_table(&process->limits.table[i]);
		if (!process->limits.table[i].holds)
			shown[LENGTH(shown) - 1].min = strlen(DOES_NOT_HOLD);
	}
	if (nr) {
		table__open(&table, text, 2, shown, LENGTH(shown));
		for (size_t i = 0; i < process->limits.nr; i++)
			if (is_in_table(&process->limits.table[i]))
				limit_row(&table, &process->limits.table[i]);
		table__close(&table);
	}
	unlimited(text, process);
}

static void failures(struct text *text, const struct report_process *process)
{
	static const struct column columns[] = {
		{"failed", COLUMN_LEFT, 0, 0}, {"error", COLUMN_LEFT, 0, 0},
		{"count", COLUMN_RIGHT, 0, 0}, {"cause", COLUMN_LEFT, 0, 0},
		{"asked", COLUMN_RIGHT, 0, 2}, {"in use", COLUMN_RIGHT, 0, 1},
		{"limit", COLUMN_RIGHT, 0, 1},
	};
	size_t rows = text__rows(text, process->limits.nr_failures);
	const struct report_limit_failure *failure;
	struct table table;

	if (!rows)
		return;
	table__open(&table, text, 2, columns, LENGTH(columns));
	for (size_t i = 0; i < rows; i++) {
		failure = &process->limits.failures[i];
		table__add(&table, mem_call__name(failure->call));
		table__add(&table, errno__name(failure->err).s);
		table__add(&table, units__count(failure->count).s);
		table__add(&table, failure_cause__name(failure->cause));
		if (failure->unit)
			table__style(&table, STYLE_BAD);
		table__add(&table, units__bytes(failure->asked_bytes).s);
		table__add(&table, failure->unit ? amount(failure->unit, failure->used).s : "-");
		table__add(&table, failure->unit ? amount(failure->unit, failure->limit).s : "-");
	}
	table__close(&table);
	if (rows < process->limits.nr_failures)
		text__linef(text, "  and %s more",
			    units__count(process->limits.nr_failures - rows).s);
}

void section__limits(struct text *text, const struct report_process *process)
{
	if (!process->limits.known && !process->limits.nr_failures)
		return;
	text__end(text);
	text__heading(text, "Limits");
	limits(text, process);
	failures(text, process);
}
