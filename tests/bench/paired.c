/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What tracers add to a fault, each beside none; and what a recording adds to tracing. */
#include "bench.h"

#include <stdlib.h>
#include <unistd.h>

struct series {
	double *fault_ns; /* added by the tracer */
	double *call_ns;
	size_t nr;
};

struct paired {
	const struct config *config;
	struct worker worker;
	struct worker other; /* idle: the process that is traced when the worker is not */
	struct series added[NR_TRACERS];
	struct series base;
	uint64_t made; /* by the worker, surely traced */
	struct counts counts;
};

static struct series series__new(size_t nr)
{
	struct series series = {
		.fault_ns = calloc(nr, sizeof(double)),
		.call_ns = calloc(nr, sizeof(double)),
	};

	if (!series.fault_ns || !series.call_ns)
		die("calloc");
	return series;
}

static void series__push(struct series *series, double fault_ns, double call_ns)
{
	series->fault_ns[series->nr] = fault_ns;
	series->call_ns[series->nr++] = call_ns;
}

/* What a window differs by from its two neighbours. */
static void series__push_difference(struct series *series, const struct window *before,
				    const struct window *with, const struct window *after)
{
	series__push(series, with->fault_ns - (before->fault_ns + after->fault_ns) / 2,
		     with->call_ns - (before->call_ns + after->call_ns) / 2);
}

static struct spread series__faults(struct series *series)
{
	return spread__of(series->fault_ns, series->nr);
}

static struct spread series__calls(struct series *series)
{
	return spread__of(series->call_ns, series->nr);
}

/* The differences that memtrace makes are smaller than the noise of a window: more of them. */
static unsigned int repeats(enum tracer_kind kind)
{
	return kind <= TRACER_MEMTRACE_OTHER ? 3 : 1;
}

static void paired__begin(struct paired *paired, const struct config *config)
{
	unsigned int nr = config->rounds * 3;

	paired->config = config;
	for (int kind = 0; kind < NR_TRACERS; kind++)
		paired->added[kind] = series__new(nr);
	paired->base = series__new(nr * NR_TRACERS + 1);
	worker__start(&paired->worker, WORKER_TIMED, -1);
	worker__start(&paired->other, WORKER_IDLE, -1);
	worker__measure(&paired->worker, config->window_ms); /* warm */
}

static void paired__end(struct paired *paired)
{
	show_progress(NULL, 0, 0);
	worker__stop(&paired->worker);
	worker__stop(&paired->other);
}

static struct window measure_base(struct paired *paired)
{
	struct window base = worker__measure(&paired->worker, paired->config->window_ms);

	series__push(&paired->base, base.fault_ns, base.call_ns);
	return base;
}

static void check_counts(struct paired *paired, const struct counts *counts, uint64_t made)
{
	if (counts->faults < made)
		give_up("%llu faults made, %llu in the report", (unsigned long long)made,
			(unsigned long long)counts->faults);
	paired->made += made;
	paired->counts.faults += counts->faults;
	paired->counts.lost += counts->lost;
	paired->counts.unexplained += counts->unexplained;
}

/* Every fault that the worker made while it was traced must be there. */
static void check_delivered(struct paired *paired, const struct tracer *tracer,
			    enum tracer_kind kind, uint64_t made)
{
	struct counts counts;

	if (kind == TRACER_MEMTRACE_TARGET || kind == TRACER_MEMTRACE_SILENT ||
	    kind == TRACER_RECORD_TOO) {
		if (!counts__read(tracer->file, &counts))
			give_up("memtrace made no report");
		check_counts(paired, &counts, made);
	}
	if (kind == TRACER_RECORD || kind == TRACER_RECORD_TOO) {
		if (!counts__replay(*tracer->kept ? tracer->kept : tracer->file, &counts))
			give_up("memtrace made no recording");
		check_counts(paired, &counts, made);
	}
}

/* A window with this tracer; false: it did not start. */
static bool measure_under(struct paired *paired, enum tracer_kind kind, struct window *with)
{
	const struct worker *target =
		kind == TRACER_MEMTRACE_OTHER ? &paired->other : &paired->worker;
	struct tracer tracer;
	uint64_t made;
	bool started = tracer__start(&tracer, kind, &target->pid, 1);

	if (started) {
		made = worker__faults(&paired->worker);
		*with = worker__measure(&paired->worker, paired->config->window_ms);
		made = worker__faults_since(&paired->worker, made);
	} else {
		fprintf(stderr, "bench: %s did not start\n", tracer__name(kind));
	}
	tracer__stop(&tracer, NULL);
	if (started)
		check_delivered(paired, &tracer, kind, made);
	tracer__remove(&tracer);
	return started;
}

/* One window with this tracer, then one without. */
static void measure_with(struct paired *paired, enum tracer_kind kind, struct window *before)
{
	struct window with, after;

	if (!measure_under(paired, kind, &with))
		return;
	after = measure_base(paired);
	series__push_difference(&paired->added[kind], before, &with, &after);
	*before = after;
}

static void measure_compared(struct paired *paired)
{
	const struct config *config = paired->config;
	struct window before = measure_base(paired);

	for (unsigned int round = 0; round < config->rounds; round++) {
		show_progress("faults, round", round, config->rounds);
		for (int kind = 0; kind < NR_COMPARED; kind++) {
			if (config->only_memtrace && kind > TRACER_MEMTRACE_OTHER)
				break;
			if (!tracer__installed(kind))
				continue;
			for (unsigned int i = 0; i < repeats(kind); i++)
				measure_with(paired, kind, &before);
		}
	}
}

static void report_compared(struct paired *paired, struct result *result)
{
	static const char *const keys[NR_COMPARED] = {
		[TRACER_PERF_STAT] = "perf_stat_ns",
		[TRACER_PERF_RECORD] = "perf_record_ns",
		[TRACER_BPFTRACE] = "bpftrace_ns",
	};
	struct series *added = paired->added;
	char what[112];

	result__add(result, "fault_ns", "a fault on a fresh anonymous 4 KiB page, nobody tracing",
		    "ns", series__faults(&paired->base), -1);
	result__add(result, "traced_fault_ns",
		    "added to a fault of the target: every fault delivered, with address, time and "
		    "cause; one of 17 timed",
		    "ns", series__faults(&added[TRACER_MEMTRACE_TARGET]), 100);
	result__add(result, "untraced_fault_ns", "added to a fault of a process that is not traced",
		    "ns", series__faults(&added[TRACER_MEMTRACE_OTHER]), 20);
	for (int kind = TRACER_PERF_STAT; kind < NR_COMPARED; kind++) {
		if (!added[kind].nr)
			continue;
		snprintf(what, sizeof(what), "for comparison: %s", tracer__name(kind));
		result__add(result, keys[kind], what, "ns", series__faults(&added[kind]), -1);
	}
	result__add(result, "call_ns", "a system call (getppid), nobody tracing", "ns",
		    series__calls(&paired->base), -1);
	result__add(result, "traced_call_ns", "added to a system call of the target", "ns",
		    series__calls(&added[TRACER_MEMTRACE_TARGET]), -1);
	result__add(result, "untraced_call_ns",
		    "added to a system call of a process that is not traced", "ns",
		    series__calls(&added[TRACER_MEMTRACE_OTHER]), -1);
	result__add(result, "paired_lost", "records lost in these rounds", "",
		    spread__one((double)paired->counts.lost), 0);
	result__add(result, "paired_unexplained", "faults unexplained in these rounds", "",
		    spread__one((double)paired->counts.unexplained), 0);
}

void measure_faults(const struct config *config, struct result *result)
{
	struct paired paired = {0};

	paired__begin(&paired, config);
	measure_compared(&paired);
	paired__end(&paired);
	report_compared(&paired, result);
	result__note(result,
		     "%u rounds. While it was traced the target made %llu faults or more, and %llu "
		     "were reported, %lld of them unexplained.",
		     config->rounds, (unsigned long long)paired.made,
		     (unsigned long long)paired.counts.faults,
		     (long long)paired.counts.unexplained);
}

/* Recording: beside each window one with tracing alone before it, one after it. */
static void measure_recorded(struct paired *paired)
{
	const struct config *config = paired->config;
	struct window before, with, after;

	if (!measure_under(paired, TRACER_MEMTRACE_SILENT, &before))
		exit(2);
	for (unsigned int i = 0; i < 2 * config->rounds; i++) {
		show_progress("recording, round", i / 2, config->rounds);
		for (int kind = TRACER_RECORD; kind <= TRACER_RECORD_TOO; kind++) {
			if (!measure_under(paired, kind, &with) ||
			    !measure_under(paired, TRACER_MEMTRACE_SILENT, &after))
				exit(2);
			series__push_difference(&paired->added[kind], &before, &with, &after);
			before = after;
		}
	}
}

void measure_recording(const struct config *config, struct result *result)
{
	struct paired paired = {0};

	paired__begin(&paired, config);
	measure_recorded(&paired);
	paired__end(&paired);
	result__add(result, "record_fault_ns",
		    "added by `memtrace record` to a traced fault, beside tracing alone", "ns",
		    series__faults(&paired.added[TRACER_RECORD]), 10);
	result__add(result, "record_too_fault_ns",
		    "added by `memtrace --record` (recording and report)", "ns",
		    series__faults(&paired.added[TRACER_RECORD_TOO]), 10);
	result__add(result, "record_paired_lost", "records lost in these rounds, recorded or not",
		    "", spread__one((double)paired.counts.lost), 0);
}
