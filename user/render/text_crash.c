// SPDX-License-Identifier: GPL-2.0-or-later
/* What stacks have run into, and bad accesses. */
#include <stdlib.h>
#include <string.h>

#include "base/signal_name.h"
#include "base/units.h"
#include "render/backtrace.h"
#include "render/sections.h"

/* Lines that go on begin here; a stack has two columns less. */
#define HANG 16

static const char *stack_name(const struct report_hit *hit)
{
	return hit->growsdown ? "the MAP_GROWSDOWN stack" : "the main stack";
}

static void main_limit(struct text *text, const struct report_hit *hit)
{
	struct unit_text size = units__bytes(hit->size_bytes);
	struct unit_text limit = units__bytes(hit->limit_bytes);

	if (hit->limit_bytes == BYTES_UNKNOWN)
		text__wrapf(text, HANG, "%s could not grow beyond %s,", stack_name(hit), size.s);
	/* The page that was asked for lies past the limit, the ones that there are do not. */
	else if (hit->size_bytes < hit->limit_bytes && strcmp(size.s, limit.s))
		text__wrapf(text, HANG, "the main stack could not grow beyond %s: the limit is %s,",
			    size.s, limit.s);
	else
		text__wrapf(text, HANG, "%s reached its limit, %s of %s,", stack_name(hit), size.s,
			    limit.s);
}

static void thread_guard(struct text *text, const struct report_hit *hit)
{
	text__wrapf(text, HANG, "ran into the guard page of its %s stack,",
		    units__bytes(hit->size_bytes).s);
}

static void guard_gap(struct text *text, const struct report_hit *hit)
{
	char *name = text__safe(text, hit->in_the_way ? hit->in_the_way : "another mapping");

	if (name)
		text__wrapf(text, HANG, "%s is in the way of %s of %s,", name, stack_name(hit),
			    units__bytes(hit->size_bytes).s);
	free(name);
}

static void no_memory(struct text *text, const struct report_hit *hit)
{
	struct unit_text size = units__bytes(hit->size_bytes);

	if (hit->as_limit_bytes == BYTES_UNKNOWN)
		text__wrapf(text, HANG, "no memory for %s to grow beyond %s,", stack_name(hit),
			    size.s);
	else
		text__wrapf(text, HANG, "RLIMIT_AS, %s, did not allow %s to grow beyond %s,",
			    units__bytes(hit->as_limit_bytes).s, stack_name(hit), size.s);
}

static void altstack(struct text *text, const struct report_hit *hit)
{
	text__wrapf(text, HANG, "ran below its %s stack for signal handlers,",
		    units__bytes(hit->size_bytes).s);
}

static void hit_words(struct text *text, const struct report_hit *hit)
{
	static void (*const words[NR_HIT_KINDS])(struct text *, const struct report_hit *) = {
		[HIT_MAIN_LIMIT] = main_limit, [HIT_THREAD_GUARD] = thread_guard,
		[HIT_GUARD_GAP] = guard_gap,   [HIT_NO_MEMORY] = no_memory,
		[HIT_ALTSTACK] = altstack,
	};

	text__wrapf(text, HANG, "%s: ", stack_hit_kind__name(hit->kind));
	words[hit->kind](text, hit);
	text__wrapf(text, HANG, " at %s, sp %s", units__address(hit->address).s,
		    units__address(hit->sp).s);
	if (hit->growth_ns)
		text__wrapf(text, HANG, "; grew %s in %s before", units__bytes(hit->growth_bytes).s,
			    units__latency(hit->growth_ns, text->opt->utf8).s);
	if (hit->died)
		text__wrap(text, HANG, "; the process died of it");
	else if (hit->handled_known && hit->handled)
		text__wrap(text, HANG, "; handled");
}

static void who(struct text *text, double t_s, uint32_t tid, const char *unsafe)
{
	char *comm = text__safe(text, unsafe);

	text__pad(text, 2);
	text__style(text, STYLE_BAD);
	text__addf(text, "%10.6f s  ", t_s);
	if (comm)
		text__wrapf(text, HANG, "tid %u %s: ", tid, comm);
	free(comm);
}

static void stack_hit(struct text *text, const struct report_hit *hit)
{
	who(text, hit->t_s, hit->tid, hit->comm);
	hit_words(text, hit);
	text__style(text, STYLE_NONE);
	text__end(text);
	text__backtrace(text, HANG - 2, hit->stack);
}

void section__stack_hits(struct text *text, const struct report_process *process)
{
	uint64_t hits = process->stack.hits_total;
	size_t rows = text__rows(text, process->stack.nr_hits);

	if (!hits) {
		text__linef(text, "  no stack-limit hits");
		return;
	}
	text__linef(text, "  %s stack-limit hit%s:", units__count(hits).s, text__plural(hits));
	for (size_t i = 0; i < rows; i++)
		stack_hit(text, &process->stack.hits[i]);
	if (rows < hits)
		text__linef(text, "  and %s more", units__count(hits - rows).s);
}

/* A comma stays with the word before it. */
static void crash_place(struct text *text, const struct report_crash *crash)
{
	char *symbol = crash->ip_symbol ? text__safe(text, crash->ip_symbol) : NULL;

	if (crash->address_known)
		text__wrapf(text, HANG, " at %s,", units__address(crash->address).s);
	if (symbol)
		text__wrapf(text, HANG, " by %s+0x%llx,", symbol,
			    (unsigned long long)crash->ip_symbol_offset);
	text__wrapf(text, HANG, " ip %s, sp %s", units__address(crash->ip).s,
		    units__address(crash->sp).s);
	free(symbol);
}

static void crash_row(struct text *text, const struct report_crash *crash)
{
	bool hit = crash->verdict == VERDICT_STACK_OVERFLOW;
	char *words = text__safe(text, hit ? "stack overflow, see Stack" : crash->text);

	who(text, crash->t_s, crash->tid, crash->comm);
	text__wrapf(text, HANG, "%s: ", signal__name(crash->signo).s);
	if (words)
		text__wrapf(text, HANG, "%s%s", words, hit ? "" : ",");
	free(words);
	if (!hit)
		crash_place(text, crash);
	if (crash->ended_by)
		text__wrapf(text, HANG, "; handled; the process ended by %s %s later",
			    signal__name(crash->ended_by).s,
			    units__latency(crash->ended_after_ns, text->opt->utf8).s);
	else if (!crash->fatal)
		text__wrap(text, HANG, "; handled");
	text__style(text, STYLE_NONE);
	text__end(text);
	if (!hit)
		text__backtrace(text, HANG - 2, crash->stack);
}

/* Handled ones are a runtime's own use, but for one that the process has ended after. */
static bool is_shown(const struct text *text, const struct report_crash *crash)
{
	return crash->fatal || crash->ended_by || text->opt->verbose;
}

static void crash_rows(struct text *text, const struct report_process *process)
{
	size_t rows = 0, max = text__rows(text, process->crashes.nr);
	uint64_t left = process->crashes.fatal;

	for (size_t i = 0; i < process->crashes.nr && rows < max; i++) {
		if (!is_shown(text, &process->crashes.list[i]))
			continue;
		crash_row(text, &process->crashes.list[i]);
		left -= process->crashes.list[i].fatal;
		rows++;
	}
	if (left)
		text__linef(text, "  and %s more that were fatal", units__count(left).s);
}

static void handled(struct text *text, const struct report_process *process)
{
	uint64_t nr = process->crashes.handled - process->crashes.ended_soon;
	bool others = process->crashes.fatal || process->crashes.ended_soon;

	if (!nr)
		return;
	text__pad(text, 2);
	text__wrapf(text, 2, "%s%s bad access%s%s handled by the program (a runtime's own use)",
		    others ? "and " : "", units__count(nr).s, nr == 1 ? "" : "es",
		    others || nr == 1 ? "" : ", all");
	text__end(text);
}

void section__crashes(struct text *text, const struct report_process *process)
{
	uint64_t fatal = process->crashes.fatal;

	if (!fatal && !process->crashes.handled)
		return;
	text__end(text);
	text__heading(text, "Crashes");
	if (fatal)
		text__linef(text, "  %s bad access%s that %s fatal:", units__count(fatal).s,
			    fatal == 1 ? "" : "es", fatal == 1 ? "was" : "were");
	crash_rows(text, process);
	handled(text, process);
}
