// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/units.h"
#include "render/sections.h"
#include "render/table.h"

#define HEADER_COLUMN 12
/* Where less room than this is left beside a probe's name, what it misses goes below it. */
#define MISSES_LEAST 34

static void header_line(struct text *text, const char *label, const char *words)
{
	text__pad(text, 2);
	text__style(text, STYLE_DIM);
	text__add(text, label);
	text__style(text, STYLE_NONE);
	text__pad(text, HEADER_COLUMN);
	text__wrap(text, HEADER_COLUMN, words);
	text__end(text);
}

static void header_linef(struct text *text, const char *label, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void header_linef(struct text *text, const char *label, const char *fmt, ...)
{
	char words[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(words, sizeof(words), fmt, args);
	va_end(args);
	header_line(text, label, words);
}

static const char *ended_by_words(const char *ended_by)
{
	if (!ended_by)
		return "";
	if (!strcmp(ended_by, "duration"))
		return ", until the time given was over";
	if (!strcmp(ended_by, "interrupt"))
		return ", until interrupted";
	if (!strcmp(ended_by, "target_exit"))
		return ", until the target exited";
	if (!strcmp(ended_by, "cut_off"))
		return "; then the recording breaks off";
	if (!strcmp(ended_by, "too_costly"))
		return "; the rest of the recording was not read";
	return "";
}

static void header_traced(struct text *text, const struct report *report)
{
	uint64_t start = report->session.start_realtime_ns / NSEC_PER_SEC;
	/* In the same zone as the lines of the intervals. */
	struct unit_text when = start ? units__local(start) : (struct unit_text){""};

	header_linef(text, "traced", "%s%s%s%s", units__duration(report->session.duration_s).s,
		     *when.s ? " from " : "", when.s, ended_by_words(report->session.ended_by));
}

static void header_host(struct text *text, const struct report *report)
{
	char *kernel = text__safe(text, report->host.kernel);
	char *arch = text__safe(text, report->host.arch);
	char *name = text__safe(text, report->host.name);
	char cpus[32] = "", pages[32] = "";

	/* A recording may break off before it says so. */
	if (report->host.cpus)
		snprintf(cpus, sizeof(cpus), ", %u CPU%s", report->host.cpus,
			 text__plural(report->host.cpus));
	if (report->host.page_bytes)
		snprintf(pages, sizeof(pages), ", pages of %u KiB", report->host.page_bytes / 1024);
	if (!text->err)
		header_linef(text, "host", "%s%sLinux %s %s%s%s", name, *name ? ", " : "", kernel,
			     arch, cpus, pages);
	free(name);
	free(kernel);
	free(arch);
}

static void header_seen(struct text *text, const struct report *report)
{
	uint64_t minor = report->folded.minor, major = report->folded.major;
	uint64_t nr = report->nr_processes + report->folded.processes, hits = report->folded.hits;
	uint64_t crashes = report->folded.crashes;
	char died[64] = "";

	for (size_t i = 0; i < report->nr_processes; i++) {
		minor += report->processes[i].faults.minor;
		major += report->processes[i].faults.major;
		hits += report->processes[i].stack.hits_total;
		crashes += report->processes[i].crashes.fatal;
	}
	if (crashes)
		snprintf(died, sizeof(died), ", %s crash%s", units__count(crashes).s,
			 crashes == 1 ? "" : "es");
	header_linef(text, "seen",
		     "%s process%s, %s minor fault%s, %s major fault%s, %s stack-limit hit%s%s",
		     units__count(nr).s, nr == 1 ? "" : "es", units__count(minor).s,
		     text__plural(minor), units__count(major).s, text__plural(major),
		     units__count(hits).s, text__plural(hits), died);
}

void section__loss(struct text *text, const struct report *report, unsigned int indent)
{
	const char *separator = ": ";

	text__pad(text, indent);
	if (report->loss.records)
		text__style(text, STYLE_BAD);
	text__wrapf(text, indent + 2, "lost %s of %s records", units__count(report->loss.records).s,
		    units__count(report->loss.delivered + report->loss.records).s);
	for (size_t i = 0; i < report->loss.nr_causes; i++) {
		if (!report->loss.by_cause[i].count)
			continue;
		text__wrapf(text, indent + 2, "%s%s %s", separator, report->loss.by_cause[i].cause,
			    units__count(report->loss.by_cause[i].count).s);
		separator = ", ";
	}
	if (report->loss.records)
		text__style(text, STYLE_NONE);
	text__end(text);
	if (report->loss.fault_weight_max > 1)
		text__linef(text, "%*sfaults were sampled: a record stands for up to %s of them",
			    (int)indent, "", units__count(report->loss.fault_weight_max).s);
}

void section__lost(struct text *text, const struct report *report, unsigned int indent)
{
	const struct report_loss *loss;
	uint64_t nr = 0;

	for (size_t i = 0; i < report->loss.nr_causes; i++) {
		loss = &report->loss.by_cause[i];
		if (!strcmp(loss->cause, "ring_full_records") ||
		    !strcmp(loss->cause, "probe_missed"))
			nr += loss->count;
	}
	if (!nr)
		return;
	text__pad(text, indent);
	text__style(text, STYLE_BAD);
	text__wrapf(text, indent,
		    "%s record%s lost: sizes, counts and the list of processes may be wrong",
		    units__count(nr).s, nr == 1 ? " was" : "s were");
	text__style(text, STYLE_NONE);
	text__end(text);
}

/* What a probe misses, "; " between; the caller frees it. */
static char *misses_words(struct text *text, const struct report_probe *probe)
{
	char *words = text__format(text, "%s", probe->nr_misses ? "misses " : "");
	char *miss, *longer;

	for (size_t i = 0; i < probe->nr_misses && words; i++) {
		miss = text__safe(text, probe->misses[i]);
		longer = miss ? text__format(text, "%s%s%s", words, i ? "; " : "", miss) : NULL;
		free(miss);
		free(words);
		words = longer;
	}
	return words;
}

static void probe_line(struct text *text, const struct report_probe *probe, unsigned int fact_width,
		       unsigned int via_width)
{
	unsigned int column = 2 + fact_width + 2 + via_width + 2;
	char *fact = text__safe(text, probe->fact);
	char *via = text__safe(text, probe->via);
	char *misses = misses_words(text, probe);

	if (fact && via && misses) {
		text__pad(text, 2);
		text__add(text, fact);
		text__pad(text, 2 + fact_width + 2);
		text__wrap(text, 2 + fact_width + 2, via);
		if (*misses && column + MISSES_LEAST > text->width) {
			column = 2 + fact_width + 2;
			text__end(text);
		}
		text__style(text, STYLE_DIM);
		if (*misses)
			text__pad(text, column);
		text__wrap(text, column, misses);
		text__style(text, STYLE_NONE);
		text__end(text);
	}
	free(fact);
	free(via);
	free(misses);
}

static unsigned int safe_width(struct text *text, const char *s)
{
	char *safe = text__safe(text, s);
	unsigned int width = safe ? escape__width(safe) : 0;

	free(safe);
	return width;
}

/* Last: who looks for results reads from the top, who doubts them from the end. */
static void probes(struct text *text, const struct report *report)
{
	unsigned int fact_width = 0, via_width = 0, width;

	if (!report->nr_probes)
		return;
	text__end(text);
	text__heading(text, "Probes in use");
	for (size_t i = 0; i < report->nr_probes; i++) {
		width = safe_width(text, report->probes[i].fact);
		fact_width = width > fact_width ? width : fact_width;
		width = safe_width(text, report->probes[i].via);
		via_width = width > via_width ? width : via_width;
	}
	for (size_t i = 0; i < report->nr_probes; i++)
		probe_line(text, &report->probes[i], fact_width, via_width);
}

void section__session(struct text *text, const struct report *report)
{
	char *target = text__safe(text, report->session.target);

	if (target)
		header_line(text, "target", *target ? target : "-");
	free(target);
	header_traced(text, report);
	header_host(text, report);
	header_seen(text, report);
}

void section__header(struct text *text, const struct report *report)
{
	char *version = text__safe(text, report->version);
	char *title = version ? text__format(text, "memtrace %s", version) : NULL;

	if (title)
		text__heading(text, title);
	free(version);
	free(title);
	section__session(text, report);
	text__end(text);
	section__loss(text, report, 0);
	section__lost(text, report, 0);
}

static const char *check_word(const struct report_check *check)
{
	if (!check->known)
		return "-";
	return check->ok ? "OK" : "NOT OK";
}

static bool check_failed(const struct report_process *process)
{
	return process->check.known && !process->check.ok;
}

enum rank { RANK_KILLED, RANK_CRASHES, RANK_HITS, RANK_FAILED_CHECK, RANK_OTHER, NR_RANKS };

static enum rank rank(const struct report_process *process)
{
	if (process->oom.killed)
		return RANK_KILLED;
	if (process->crashes.fatal || process->crashes.ended_soon)
		return RANK_CRASHES;
	if (process->stack.hits_total)
		return RANK_HITS;
	return check_failed(process) ? RANK_FAILED_CHECK : RANK_OTHER;
}

/*
 * In the order in which they are shown, so that what went wrong does not hide behind what was busy.
 * The caller frees it; NULL without memory.
 */
static const struct report_process **processes_by_rank(const struct report *report)
{
	const struct report_process **shown = calloc(report->nr_processes + 1, sizeof(*shown));
	size_t nr = 0;

	for (enum rank r = 0; r < NR_RANKS && shown; r++)
		for (size_t i = 0; i < report->nr_processes; i++)
			if (rank(&report->processes[i]) == r)
				shown[nr++] = &report->processes[i];
	return shown;
}

static void summary_row(struct table *table, const struct report_process *process, bool any_crash)
{
	table__addf(table, "%u", process->pid);
	table__add_name(table, process->comm);
	table__add(table, units__count_short(process->faults.minor).s);
	table__add(table, units__count_short(process->faults.major).s);
	table__add(table,
		   units__bytes_short(process->heap.brk_bytes + process->heap.anon_mmap_bytes).s);
	table__add(table, units__bytes_delta_short(process->heap.growth_bytes).s);
	table__add(table, units__bytes_short(process->heap.rss_bytes).s);
	table__add(table, units__bytes_short(process->stack.peak_bytes).s);
	table__add(table, units__count_short(process->stack.hits_total).s);
	if (process->stack.hits_total)
		table__style(table, STYLE_BAD);
	if (any_crash) {
		table__add(table, units__count_short(process->crashes.fatal).s);
		if (process->crashes.fatal)
			table__style(table, STYLE_BAD);
	}
	table__add(table, check_word(&process->check));
	if (process->check.known)
		table__style(table, process->check.ok ? STYLE_GOOD : STYLE_BAD);
}

/* What the rows that are not shown would have said must not be missed. */
static void summary_rest(struct text *text, const struct report *report,
			 const struct report_process *const *processes, size_t shown)
{
	uint64_t faults = report->folded.minor + report->folded.major;
	uint64_t hits = report->folded.hits, failed = report->folded.failed_checks;
	uint64_t nr = report->nr_processes + report->folded.processes - shown;
	uint64_t crashes = report->folded.crashes;

	for (size_t i = shown; i < report->nr_processes; i++) {
		faults += processes[i]->faults.total;
		hits += processes[i]->stack.hits_total;
		failed += check_failed(processes[i]);
		crashes += processes[i]->crashes.fatal;
	}
	text__pad(text, 2);
	text__wrapf(text, 4,
		    "and %s more process%s: %s fault%s, %s stack-limit hit%s, %s failed "
		    "check%s",
		    units__count(nr).s, nr == 1 ? "" : "es", units__count(faults).s,
		    text__plural(faults), units__count(hits).s, text__plural(hits),
		    units__count(failed).s, text__plural(failed));
	if (crashes)
		text__wrapf(text, 4, ", %s crash%s", units__count(crashes).s,
			    crashes == 1 ? "" : "es");
	text__end(text);
}

static const char *const headings[NR_RANKS] = {
	[RANK_KILLED] = "Processes: killed for memory, then crashes, stack-limit hits, most faults",
	[RANK_CRASHES] = "Processes: crashes, then stack-limit hits, failed checks, most faults",
	[RANK_HITS] = "Processes: stack-limit hits, then failed checks, then most faults",
	[RANK_FAILED_CHECK] = "Processes: stack-limit hits, then failed checks, then most faults",
	[RANK_OTHER] = "Processes, most faults first",
};

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))
/* What the table has in any case; crashes are rare, and have a column where there are any. */
#define SUMMARY                                                                                    \
	{"pid", COLUMN_RIGHT, 0, 0}, {"comm", COLUMN_LEFT, 8, 0}, {"minor", COLUMN_RIGHT, 0, 0},   \
		{"major", COLUMN_RIGHT, 0, 0}, {"heap", COLUMN_RIGHT, 0, 0},                       \
		{"growth", COLUMN_RIGHT, 0, 0}, {"RSS", COLUMN_RIGHT, 0, 0},                       \
		{"stack", COLUMN_RIGHT, 0, 0},                                                     \
	{                                                                                          \
		"hits", COLUMN_RIGHT, 0, 0                                                         \
	}

static bool any_crashes(const struct report *report)
{
	for (size_t i = 0; i < report->nr_processes; i++)
		if (report->processes[i].crashes.fatal || report->processes[i].crashes.ended_soon)
			return true;
	return false;
}

static void summary(struct text *text, const struct report *report,
		    const struct report_process *const *processes)
{
	static const struct column without[] = {SUMMARY, {"check", COLUMN_LEFT, 0, 0}};
	static const struct column with[] = {
		SUMMARY, {"crash", COLUMN_RIGHT, 0, 0}, {"check", COLUMN_LEFT, 0, 0}};
	bool crashes = any_crashes(report);
	size_t rows = text__rows(text, report->nr_processes);
	struct table table;

	text__end(text);
	text__heading(text, headings[rank(processes[0])]);
	table__open(&table, text, 2, crashes ? with : without,
		    crashes ? LENGTH(with) : LENGTH(without));
	for (size_t i = 0; i < rows; i++)
		summary_row(&table, processes[i], crashes);
	table__close(&table);
	if (rows < report->nr_processes)
		summary_rest(text, report, processes, rows);
}

int render_text__report(const struct report *report, const struct render_options *opt, FILE *out)
{
	const struct report_process **processes = processes_by_rank(report);
	struct text text;
	size_t rows;

	if (!processes)
		return -ENOMEM;
	text__open(&text, opt, out);
	section__header(&text, report);
	rows = text__rows(&text, report->nr_processes);
	if (!report->nr_processes) {
		text__end(&text);
		text__linef(&text, "No process did anything with memory that is traced.");
	}
	if (report->nr_processes > 1)
		summary(&text, report, processes);
	for (size_t i = 0; i < rows && !text.err; i++)
		section__process(&text, report, processes[i]);
	if (rows && rows < report->nr_processes) {
		text__end(&text);
		text__linef(&text, "%s more process%s not shown: -n 0 shows all",
			    units__count(report->nr_processes - rows).s,
			    report->nr_processes - rows == 1 ? "" : "es");
	}
	probes(&text, report);
	free(processes);
	return text__close(&text);
}
