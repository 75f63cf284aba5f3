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
	struct unit_text asked = units__bytes(hit->asked_bytes);
	bool far = hit->asked_bytes && strcmp(asked.s, limit.s);

	if (hit->limit_bytes == BYTES_UNKNOWN)
		text__wrapf(text, HANG, "%s could not grow beyond %s,", stack_name(hit), size.s);
	/* The page that was asked for lies past the limit, the ones that there are do not. */
	else if (hit->size_bytes < hit->limit_bytes && strcmp(size.s, limit.s))
		text__wrapf(text, HANG, "%s could not grow %s %s%s%s: the limit is %s,",
			    stack_name(hit), far ? "from" : "beyond", size.s, far ? " to " : "",
			    far ? asked.s : "", limit.s);
	else
		text__wrapf(text, HANG, "%s reached its limit, %s of %s,", stack_name(hit), size.s,
			    limit.s);
}

static void thread_guard(struct text *text, const struct report_hit *hit)
{
	text__wrapf(text, HANG, "%s of its %s stack,",
		    hit->beyond ? "ran beyond the end" : "ran into the guard page",
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
	struct unit_text size = units__bytes(hit->size_bytes);

	if (hit->no_frame)
		text__wrapf(text, HANG, "no room for one more on its %s stack for signal handlers,",
			    size.s);
	else
		text__wrapf(text, HANG, "ran below its %s stack for signal handlers,", size.s);
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
	if (!hit->no_frame)
		text__wrapf(text, HANG, " at %s,", units__address(hit->address).s);
	text__wrapf(text, HANG, " sp %s", units__address(hit->sp).s);
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
	else if (crash->exit_code)
		text__wrapf(text, HANG, "; handled; the process exited with %d, %s later",
			    crash->exit_code,
			    units__latency(crash->ended_after_ns, text->opt->utf8).s);
	else if (!crash->fatal)
		text__wrap(text, HANG, "; handled");
	text__style(text, STYLE_NONE);
	text__end(text);
	if (!hit)
		text__backtrace(text, HANG - 2, crash->stack);
}

/* The process has died of it, or may well have. */
static bool is_grave(const struct report_crash *crash)
{
	return crash->fatal || crash->ended_by || crash->exit_code;
}

/* Those that are grave, or the others; so many at most. How many there were. */
static size_t crash_rows(struct text *text, const struct report_process *process, bool grave,
			 size_t max)
{
	size_t rows = 0;

	for (size_t i = 0; i < process->crashes.nr && rows < max; i++) {
		if (is_grave(&process->crashes.list[i]) != grave)
			continue;
		crash_row(text, &process->crashes.list[i]);
		rows++;
	}
	return rows;
}

static size_t grave_rows(struct text *text, const struct report_process *process)
{
	size_t max = text__rows(text, process->crashes.nr);
	uint64_t told = process->crashes.ended_soon + process->crashes.exited_soon;
	size_t rows = crash_rows(text, process, true, max);

	if (process->crashes.fatal + told > rows)
		text__linef(text, "  and %s more that were fatal",
			    units__count(process->crashes.fatal + told - rows).s);
	return max - rows;
}

/* Many runtimes make them on purpose: each of them only where all is asked for. */
static void handled(struct text *text, const struct report_process *process, size_t max)
{
	uint64_t told = process->crashes.ended_soon + process->crashes.exited_soon;
	uint64_t nr = process->crashes.handled - told;
	bool others = process->crashes.fatal || told;

	if (!nr)
		return;
	text__pad(text, 2);
	text__wrapf(text, 2, "%s%s bad access%s%s handled by the program%s", others ? "and " : "",
		    units__count(nr).s, nr == 1 ? "" : "es",
		    others    ? ""
		    : nr == 1 ? ","
			      : ", all",
		    text->opt->verbose && max ? ":" : "");
	text__end(text);
	if (text->opt->verbose)
		crash_rows(text, process, false, max);
}

void section__crashes(struct text *text, const struct report_process *process)
{
	uint64_t fatal = process->crashes.fatal;
	size_t left;

	if (!fatal && !process->crashes.handled)
		return;
	text__end(text);
	text__heading(text, "Crashes");
	if (fatal)
		text__linef(text, "  %s bad access%s that %s fatal:", units__count(fatal).s,
			    fatal == 1 ? "" : "es", fatal == 1 ? "was" : "were");
	left = grave_rows(text, process);
	handled(text, process, left);
}
