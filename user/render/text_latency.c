// SPDX-License-Identifier: GPL-2.0-or-later
/* What kinds of faults there were, and how long they took. */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/units.h"
#include "render/chart.h"
#include "render/sections.h"
#include "render/table.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

static struct unit_text latency_text(const struct text *text, uint64_t ns)
{
	return units__latency(ns, text->opt->utf8);
}

/* A recording may say that its faults took ages: as a number, any. */
static uint64_t whole_ns(double ns)
{
	return ns < 0x1p63 ? (uint64_t)(ns + 0.5) : UINT64_MAX;
}

static double fraction(double part, double whole)
{
	return whole > 0 ? part / whole : 0;
}

/* Faults of so many kinds, and how long those of each took. */
struct breakdown {
	const struct report_process *process;
	const char *title;
	unsigned int nr;
	const char *(*name)(unsigned int kind);
	const uint64_t *faults;
	const struct report_latency *latency;
};

#define MAX_KINDS NR_CAUSES
_Static_assert(MAX_KINDS >= (int)NR_REGIONS, "room for both");

/* The most frequent that is not done yet; nr if there is none. */
static unsigned int breakdown__next(const struct breakdown *by, const bool *done)
{
	unsigned int top = by->nr;

	for (unsigned int i = 0; i < by->nr; i++)
		if (by->faults[i] && !done[i] && (top == by->nr || by->faults[i] > by->faults[top]))
			top = i;
	return top;
}

#define SHARE_PARTS (1ULL << 40) /* of which even the time of a single fault is some */

/* Of fewer the quantiles say nothing. */
#define QUANTILES_FROM 5

static void latency_cells(struct table *table, const struct report_latency *row, double total_ns)
{
	bool enough = row->samples >= QUANTILES_FROM;

	table__add(table, units__count(row->samples).s);
	table__add(table, row->samples && total_ns < 1e18
				  ? units__percent((uint64_t)row->total_ns, (uint64_t)total_ns).s
				  : "-");
	table__add(table, enough ? latency_text(table->text, row->p50_ns).s : "-");
	table__add(table, enough ? latency_text(table->text, row->p99_ns).s : "-");
	table__add(table, row->samples ? latency_text(table->text, row->max_ns).s : "-");
}

/* A handful of rows, so that the simplest sort will do. */
static void breakdown__print(struct text *text, const struct breakdown *by)
{
	bool timed = by->process->faults.latency.known, done[MAX_KINDS] = {false};
	const struct column columns[] = {
		{by->title, COLUMN_LEFT, 0, 0}, {"faults", COLUMN_RIGHT, 0, 0},
		{"%", COLUMN_RIGHT, 0, 0},	{"timed", COLUMN_RIGHT, 0, 6},
		{"time %", COLUMN_RIGHT, 0, 5}, {"p50", COLUMN_RIGHT, 0, 2},
		{"p99", COLUMN_RIGHT, 0, 4},	{"max", COLUMN_RIGHT, 0, 3},
		{"", COLUMN_BAR, 0, 1},
	};
	const struct column untimed[] = {columns[0], columns[1], columns[2], columns[8]};
	uint64_t total = by->process->faults.total;
	double total_ns = 0;
	struct table table;

	for (unsigned int i = 0; i < by->nr; i++)
		total_ns += by->latency[i].samples ? by->latency[i].total_ns : 0;
	table__open(&table, text, 2, timed ? columns : untimed,
		    timed ? LENGTH(columns) : LENGTH(untimed));
	for (;;) {
		unsigned int top = breakdown__next(by, done);

		if (top == by->nr)
			break;
		done[top] = true;
		table__add(&table, by->name(top));
		table__add(&table, units__count(by->faults[top]).s);
		table__add(&table, units__percent(by->faults[top], total).s);
		if (timed)
			latency_cells(&table, &by->latency[top], total_ns);
		table__add_bar(&table, fraction((double)by->faults[top], (double)total));
	}
	text__end(text);
	table__close(&table);
}

static const char *region_name(unsigned int i)
{
	return region__name((enum region)i);
}

static const char *cause_name(unsigned int i)
{
	return fault_cause__name((enum fault_cause)i);
}

/* What is no row of the table. */
static void beside_causes(struct text *text, const struct report_process *process)
{
	uint64_t invalid = process->faults.invalid, populated = process->check.populated;
	const uint64_t *by_cause = process->faults.by_cause;
	uint64_t huge = by_cause[CAUSE_HUGE];
	/* Of which any may have mapped one. */
	bool merged = by_cause[CAUSE_ANON_MERGED] || by_cause[CAUSE_FILE_MERGED] ||
		      by_cause[CAUSE_SHMEM_MERGED];

	if (huge) {
		text__pad(text, 2);
		text__wrapf(text, 2, "%s%s huge page%s mapped: %s", merged ? "at least " : "",
			    units__count(huge).s, text__plural(huge),
			    units__bytes(process->faults.huge_bytes).s);
		text__end(text);
	}
	if (!invalid && !populated)
		return;
	text__pad(text, 2);
	text__wrap(text, 2, "besides: ");
	if (invalid)
		text__wrapf(text, 2, "%s invalid (ended in SIGSEGV or SIGBUS)%s",
			    units__count(invalid).s, populated ? ", " : "");
	if (populated)
		text__wrapf(text, 2, "%s populated without an exception",
			    units__count(populated).s);
	text__end(text);
}

/* Faults that somebody can do something about. */
static bool wants_explaining(const struct report_process *process)
{
	return process->faults.causes_known && (process->faults.by_cause[CAUSE_FILE_MAJOR] ||
						process->faults.by_cause[CAUSE_SWAP_IN]);
}

/* Below the first table that calls for it. */
static void explanation(struct text *text, const struct report *report,
			const struct report_process *process)
{
	if (!wants_explaining(process))
		return;
	for (size_t i = 0; &report->processes[i] != process; i++)
		if (wants_explaining(&report->processes[i]))
			return;
	text__pad(text, 2);
	text__style(text, STYLE_DIM);
	text__wrap(text, 2, "what each cause means, and what to do: memtrace(8), CAUSES");
	text__style(text, STYLE_NONE);
	text__end(text);
}

void section__breakdown(struct text *text, const struct report *report,
			const struct report_process *process)
{
	const struct breakdown region = {
		.process = process,
		.title = "by region",
		.nr = NR_REGIONS,
		.name = region_name,
		.faults = process->faults.by_region,
		.latency = process->faults.latency.by_region,
	};
	const struct breakdown cause = {
		.process = process,
		.title = "by cause",
		.nr = NR_CAUSES,
		.name = cause_name,
		.faults = process->faults.by_cause,
		.latency = process->faults.latency.by_cause,
	};

	if (process->faults.causes_known) {
		breakdown__print(text, &cause);
		beside_causes(text, process);
		explanation(text, report, process);
	}
	breakdown__print(text, &region);
}

/* Several threads that wait at once have more than the whole. */
static struct unit_text share_text(double share)
{
	return units__percent(whole_ns(share * SHARE_PARTS), SHARE_PARTS);
}

static void time_spent(struct text *text, const struct report_process *process)
{
	const struct report_latency *all = &process->faults.latency.all;
	const char *about = all->at_least			 ? "at least "
			    : process->faults.latency.weight > 1 ? "about "
								 : "";

	if (!all->total_known)
		return;
	text__pad(text, 2);
	text__wrapf(text, 2, "time in faults: %s%s", about,
		    latency_text(text, whole_ns(all->total_ns)).s);
	if (process->faults.latency.share_known)
		text__wrapf(text, 2, "%s, %s of the time that it was traced",
			    process->nr_threads > 1 ? " in sum over its threads" : "",
			    share_text(process->faults.latency.share).s);
	text__end(text);
}

static void how_measured(struct text *text, const struct report_process *process)
{
	uint64_t minor_slow_ns = process->faults.latency.minor_slow_ns;
	uint64_t samples = process->faults.latency.all.samples;
	uint32_t weight = process->faults.latency.weight;

	text__pad(text, 2);
	if (weight == 1) {
		text__wrap(text, 2, "timed: every fault");
		text__end(text);
		return;
	}
	text__wrapf(text, 2, "timed: %s fault%s: each major one, ", units__count(samples).s,
		    text__plural(samples));
	if (minor_slow_ns)
		text__wrapf(text, 2, "each of %s or longer, ", latency_text(text, minor_slow_ns).s);
	text__wrapf(text, 2, "and one of %u %sminor ones, which stands for %u", weight,
		    minor_slow_ns ? "other " : "", weight);
	text__end(text);
}

static void slow_row(struct table *table, const struct report_process *process,
		     const struct report_slow_fault *fault)
{
	char *mapping = text__safe(table->text, fault->mapping);
	char *code = text__safe(table->text, fault->ip_mapping);
	char *symbol = fault->ip_symbol ? text__safe(table->text, fault->ip_symbol) : NULL;

	table__addf(table, "%.6f s", fault->t_s);
	table__addf(table, "%u", fault->tid);
	table__add(table, latency_text(table->text, fault->latency_ns).s);
	table__add(table, process->faults.causes_known ? fault_cause__name(fault->cause) : "-");
	table__addf(table, "%s+%s", mapping ? mapping : "", units__address(fault->offset).s);
	table__add(table, units__address(fault->address).s);
	/* An address above the middle is the kernel's own. */
	if (symbol)
		table__addf(table, "%s (%s)", symbol, path__last(code ? code : ""));
	else if (fault->ip_mapping)
		table__addf(table, "%s+%s", code ? code : "", units__address(fault->ip_offset).s);
	else if (fault->ip >> 63)
		table__add(table, "kernel");
	else
		table__add(table, fault->ip ? units__address(fault->ip).s : "-");
	free(mapping);
	free(code);
	free(symbol);
}

static void slow_table(struct text *text, const struct report_process *process)
{
	static const struct column columns[] = {
		{"slow faults", COLUMN_RIGHT, 0, 0}, {"tid", COLUMN_RIGHT, 0, 2},
		{"took", COLUMN_RIGHT, 0, 0},	     {"cause", COLUMN_LEFT, 0, 0},
		{"where", COLUMN_LEFT, 20, 0},	     {"address", COLUMN_LEFT, 0, 1},
		{"code", COLUMN_LEFT, 20, 3},
	};
	uint64_t total = process->faults.latency.slow_total;
	size_t rows = text__rows(text, process->faults.latency.nr_slow);
	struct table table;

	table__open(&table, text, 2, columns, LENGTH(columns));
	for (size_t i = 0; i < rows; i++)
		slow_row(&table, process, &process->faults.latency.slow[i]);
	table__close(&table);
	if (rows < total)
		text__linef(text, "  and %s more, not as slow", units__count(total - rows).s);
}

/* Each that was slow, or only those that were timed? */
static bool knows_all_slow(const struct report_process *process)
{
	uint64_t from_ns = process->faults.latency.minor_slow_ns;

	return process->faults.latency.weight == 1 ||
	       (from_ns && from_ns <= process->faults.latency.slow_ns);
}

static void slow_faults(struct text *text, const struct report_process *process)
{
	uint64_t total = process->faults.latency.slow_total;

	if (!process->faults.latency.slow_ns)
		return;
	text__end(text);
	text__pad(text, 2);
	text__wrapf(text, 2, "%s fault%s took %s or longer", total ? units__count(total).s : "no",
		    text__plural(total ?: 1),
		    latency_text(text, process->faults.latency.slow_ns).s);
	if (!knows_all_slow(process))
		text__wrapf(text, 2, ", of those that were timed; --slow while tracing times each");
	text__end(text);
	if (total)
		slow_table(text, process);
}

void section__latency(struct text *text, const struct report_process *process)
{
	const struct report_latency *all = &process->faults.latency.all;

	if (!process->faults.latency.known) {
		if (process->faults.latency.slow_ns) {
			text__end(text);
			text__linef(text, "  slow faults: latency was not measured");
		}
		return;
	}
	text__end(text);
	text__pad(text, 2);
	text__wrapf(text, 2, "latency: ");
	if (all->samples >= QUANTILES_FROM) {
		text__wrapf(text, 2, "p50 %s, p90 %s, ", latency_text(text, all->p50_ns).s,
			    latency_text(text, all->p90_ns).s);
		text__wrapf(text, 2, "p99 %s, max %s", latency_text(text, all->p99_ns).s,
			    latency_text(text, all->max_ns).s);
	} else if (all->samples) {
		text__wrapf(text, 2, "max %s, of %s timed: too few for quantiles",
			    latency_text(text, all->max_ns).s, units__count(all->samples).s);
	} else {
		text__wrap(text, 2, "no fault was timed");
	}
	text__end(text);
	time_spent(text, process);
	how_measured(text, process);
	chart__log2_ns(text, "latency",
		       process->faults.latency.weight > 1 ? "faults, about" : "faults",
		       process->faults.latency.log2, REPORT_LATENCY_BINS);
	slow_faults(text, process);
}
