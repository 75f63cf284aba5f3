// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/signal_name.h"
#include "base/units.h"
#include "render/chart.h"
#include "render/sections.h"
#include "render/table.h"

static void life(struct text *text, const struct report_process *process)
{
	char *exe = text__safe(text, process->exe);

	if (!exe)
		return;
	text__pad(text, 2);
	text__wrapf(text, 2, "%s, parent %u, %s thread%s", process->exe ? exe : "program not known",
		    process->ppid, units__count(process->nr_threads).s,
		    text__plural(process->nr_threads));
	free(exe);
	if (process->start_s > 0)
		text__wrapf(text, 2, ", started at %.3f s", process->start_s);
	if (!process->ended)
		text__wrap(text, 2, ", still running");
	else if (process->end_lost)
		text__wrapf(text, 2, ", gone by %.3f s: how it ended was lost", process->end_s);
	else if (process->exit_signal)
		text__wrapf(text, 2, ", killed by %s%s at %.3f s",
			    process->oom.killed ? "the out-of-memory killer, " : "",
			    signal__name(process->exit_signal).s, process->end_s);
	else
		text__wrapf(text, 2, ", exited with %d at %.3f s", process->exit_code,
			    process->end_s);
	text__end(text);
	if (!process->children_not_traced)
		return;
	text__pad(text, 2);
	text__wrapf(text, 2, "it started %s process%s that %s not traced: -f follows children",
		    units__count(process->children_not_traced).s,
		    process->children_not_traced == 1 ? "" : "es",
		    process->children_not_traced == 1 ? "is" : "are");
	text__end(text);
}

void section__process(struct text *text, const struct report *report,
		      const struct report_process *process)
{
	char what[32];

	snprintf(what, sizeof(what), "(pid %u)", process->pid);
	text__title(text, process->comm, what);
	life(text, process);
	section__crashes(text, process);
	section__faults(text, report, process);
	section__heap(text, report, process);
	section__stack(text, process);
	section__limits(text, process);
	section__oom(text, process);
	if (text->opt->verbose)
		section__threads(text, process);
	section__check(text, report, process);
}

static void stack_use(struct text *text, const struct report_process *process)
{
	uint64_t limit = process->stack.limit_bytes, peak = process->stack.peak_bytes;

	text__addf(text, "  peak %s", units__bytes(peak).s);
	if (!process->stack.limit_known) {
		text__wrap(text, 2, ", limit not known");
	} else if (limit == BYTES_UNKNOWN) {
		text__wrap(text, 2, ", no limit");
	} else {
		text__wrapf(text, 2, ", %s of the limit of %s  ", units__percent(peak, limit).s,
			    units__bytes(limit).s);
		if (limit && text->column + 20 <= text->width)
			chart__bar(text, (double)peak / (double)limit, 20);
	}
	text__end(text);
}

void section__stack(struct text *text, const struct report_process *process)
{
	text__end(text);
	text__heading(text, "Stack");
	stack_use(text, process);
	section__stack_marks(text, process);
	section__stack_hits(text, process);
}

static void check_row(struct table *table, const char *sign, uint64_t n, const char *words)
{
	table__addf(table, "%s%s", sign, units__count(n).s);
	table__add(table, words);
}

static void check_explanation(struct table *table, const struct report_check *check)
{
	uint64_t unexplained = (uint64_t)check->unexplained;

	check_row(table, "", check->observed, "page-fault exceptions observed");
	if (check->populated)
		check_row(table, "+", check->populated,
			  "populated without an exception (MAP_POPULATE, mlock, exec, ...)");
	if (check->not_counted)
		check_row(table, "-", check->not_counted,
			  "not counted by the kernel (bad access, interrupted)");
	if (check->lost)
		check_row(table, "+", check->lost, "lost by memtrace");
	if (check->in_flight)
		check_row(table, "-", check->in_flight, "still being handled when tracing stopped");
	if (check->unexplained < 0)
		unexplained = 0 - unexplained;
	check_row(table,
		  check->unexplained > 0   ? "+"
		  : check->unexplained < 0 ? "-"
					   : "",
		  unexplained,
		  check->unexplained > 0
			  ? "unexplained (direct I/O, io_uring or ptrace populate pages unseen)"
			  : "unexplained");
	if (check->unexplained)
		table__style(table, check->ok ? STYLE_NONE : STYLE_BAD);
}

/* The counters of a recording that breaks off were not read at its end. */
static const char *check_words(const struct report *report, const struct report_check *check)
{
	const char *ended_by = report->session.ended_by;

	if (!check->known)
		return "not possible";
	if (!check->ok)
		return "NOT OK";
	return ended_by && !strcmp(ended_by, "cut_off") ? "OK as far as the recording goes" : "OK";
}

void section__check(struct text *text, const struct report *report,
		    const struct report_process *process)
{
	static const struct column columns[] = {
		{"faults", COLUMN_RIGHT, 0, 0},
		{"", COLUMN_LEFT, 20, 0},
	};
	const struct report_check *check = &process->check;
	struct table table;

	text__end(text);
	text__style(text, STYLE_BOLD);
	text__add(text, "Check against the kernel's own count: ");
	text__style(text, check->known ? (check->ok ? STYLE_GOOD : STYLE_BAD) : STYLE_NONE);
	text__add(text, check_words(report, check));
	text__style(text, STYLE_NONE);
	text__end(text);
	if (!check->known)
		return;
	table__open(&table, text, 2, columns, 2);
	table__addf(&table, "%s", units__count(check->kernel_minor + check->kernel_major).s);
	table__addf(&table, "counted by the kernel: %s minor, %s major",
		    units__count(check->kernel_minor).s, units__count(check->kernel_major).s);
	check_explanation(&table, check);
	table__close(&table);
}

void section__threads(struct text *text, const struct report_process *process)
{
	static const struct column columns[] = {
		{"thread", COLUMN_RIGHT, 0, 0}, {"comm", COLUMN_LEFT, 8, 0},
		{"minor", COLUMN_RIGHT, 0, 0},	{"major", COLUMN_RIGHT, 0, 0},
		{"%", COLUMN_RIGHT, 0, 0},	{"", COLUMN_LEFT, 0, 2},
		{"", COLUMN_BAR, 0, 1},
	};
	size_t rows = text__rows(text, process->nr_threads_listed);
	const struct report_thread *thread;
	struct table table;

	if (!process->nr_threads_listed)
		return;
	text__end(text);
	text__heading(text, "Threads, most faults first");
	table__open(&table, text, 2, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < rows; i++) {
		thread = &process->threads[i];
		table__addf(&table, "%u", thread->tid);
		table__add_name(&table, thread->comm);
		table__add(&table, units__count(thread->minor).s);
		table__add(&table, units__count(thread->major).s);
		table__add(&table,
			   units__percent(thread->minor + thread->major, process->faults.total).s);
		table__add(&table, thread->exited ? "exited" : "");
		table__add_bar(&table, process->faults.total
					       ? (double)(thread->minor + thread->major) /
							 (double)process->faults.total
					       : 0);
	}
	table__close(&table);
	if (rows < process->nr_threads_listed)
		text__linef(text, "  and %s more threads",
			    units__count(process->nr_threads_listed - rows).s);
}
