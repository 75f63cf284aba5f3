// SPDX-License-Identifier: GPL-2.0-or-later
/* The rows of one process: how long its faults took. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "model/model.h"
#include "model/name.h"
#include "report/process.h"
#include "report/report.h"

_Static_assert(REPORT_LATENCY_BINS == HISTOGRAM_TOP_BITS, "one histogram");

const struct mt_probe *report__probe(const struct model *model, const char *fact)
{
	for (size_t i = 0; i < model->probes.nr; i++) {
		const struct mt_probe *probe = &model->probes.items[i];

		if (!strcmp(probe->fact, fact) && strcmp(probe->via, "none"))
			return probe;
	}
	return NULL;
}

static uint64_t others(uint64_t faults, const struct latency_each *each)
{
	return faults > each->nr ? faults - each->nr : 0;
}

/* faults: so many there were, measured or not; those of `each` all were, exact: all were. */
static void summarise(const struct histogram *histogram, uint64_t faults,
		      const struct latency_each *each, bool exact, struct report_latency *row)
{
	uint64_t picked;

	row->total_known = !faults;
	if (!histogram || !histogram->count)
		return;
	row->samples = histogram->samples;
	row->p50_ns = histogram__quantile(histogram, 0.5);
	row->p90_ns = histogram__quantile(histogram, 0.9);
	row->p99_ns = histogram__quantile(histogram, 0.99);
	row->max_ns = histogram->max;
	row->total_known = true;
	row->total_ns = (double)(exact ? histogram->sum : each->sum_ns);
	picked = histogram->count - each->nr;
	row->at_least = !exact && !picked && others(faults, each);
	if (!exact && picked)
		row->total_ns += (double)(histogram->sum - each->sum_ns) / (double)picked *
				 (double)others(faults, each);
}

/*
 * Causes differ by orders of magnitude: the time is estimated for each, and summed. Faults of a
 * cause of which none was picked are taken for as slow as the other picked ones.
 */
static void sum_causes(const struct faults *faults, struct report_latency *all,
		       const struct report_latency *by_cause)
{
	uint64_t measured = 0, unmeasured = 0;
	double each_ns = 0, picked_ns = 0;

	for (int i = 0; i < NR_CAUSES; i++) {
		const struct latency_each *each = &faults->latency.each_by_cause[i];
		bool picked = by_cause[i].samples && !by_cause[i].at_least;

		each_ns += (double)each->sum_ns;
		*(picked ? &measured : &unmeasured) += others(faults->by_cause[i], each);
		picked_ns += picked ? by_cause[i].total_ns - (double)each->sum_ns : 0;
	}
	all->at_least = unmeasured && !measured;
	all->total_ns = each_ns + picked_ns;
	if (measured)
		all->total_ns += picked_ns / (double)measured * (double)unmeasured;
}

/* While it was traced and there. */
static double process__traced_s(const struct model *model, const struct process *proc)
{
	const struct model_session *session = &model->session;
	uint64_t started_ns = proc->start_boottime_ns - session->record.start_boottime_ns;
	double end_s = report__since_start(model, proc->ended ? proc->end_ns : session->end_ns);
	double start_s = proc->start_known ? (double)(int64_t)started_ns / NSEC_PER_SEC : 0;

	return end_s - (start_s > 0 ? start_s : 0);
}

static int by_slowness(const void *a, const void *b)
{
	const struct report_slow_fault *fa = a, *fb = b;

	if (fa->latency_ns != fb->latency_ns)
		return fa->latency_ns > fb->latency_ns ? -1 : 1;
	if (fa->t_s != fb->t_s)
		return fa->t_s < fb->t_s ? -1 : 1;
	return (fa->tid > fb->tid) - (fa->tid < fb->tid);
}

static int set_symbol(const struct model *model, const struct slow_fault *fault,
		      struct report_slow_fault *row)
{
	const struct function *function =
		functions__find(&model->functions, fault->ip_name, fault->ip_offset);

	if (!function)
		return 0;
	row->ip_symbol = strdup(function->symbol);
	row->ip_symbol_offset = function->offset;
	return row->ip_symbol ? 0 : -ENOMEM;
}

static int build_slow(const struct model *model, const struct latency *latency,
		      struct report_process *row)
{
	struct report_slow_fault *rows = calloc(latency->slow.nr + 1, sizeof(*rows));

	row->faults.latency.slow_total = latency->slow_total;
	row->faults.latency.slow = rows;
	if (!rows)
		return -ENOMEM;
	for (size_t i = 0; i < latency->slow.nr; i++) {
		const struct slow_fault *fault = &latency->slow.items[i];

		rows[i] = (struct report_slow_fault){
			.t_s = report__since_start(model, fault->begin_ns),
			.tid = fault->tid,
			.cause = fault->cause,
			.latency_ns = fault->latency_ns,
			.address = fault->addr,
			.mapping = strdup(report__mapping_name(fault->name, fault->region)),
			.offset = fault->offset,
			.ip = fault->ip,
			.ip_mapping = fault->ip_name ? strdup(name__text(fault->ip_name)) : NULL,
			.ip_offset = fault->ip_offset,
		};
		row->faults.latency.nr_slow++;
		if (!rows[i].mapping || (fault->ip_name && !rows[i].ip_mapping) ||
		    set_symbol(model, fault, &rows[i]))
			return -ENOMEM;
	}
	qsort(rows, row->faults.latency.nr_slow, sizeof(*rows), by_slowness);
	return 0;
}

int report_latency__build(const struct model *model, const struct process *proc,
			  struct report_process *row)
{
	const struct mt_probe *probe = report__probe(model, "fault latency");
	const struct faults *faults = &proc->faults;
	const struct latency *latency = &faults->latency;
	double traced_s = process__traced_s(model, proc);
	const struct latency_each none = {}; /* causes tell */
	bool exact;

	row->faults.latency.slow_ns = latency->slow_ns;
	if (!probe)
		return 0;
	row->faults.latency.known = true;
	row->faults.latency.weight = probe->weight ?: 1;
	row->faults.latency.minor_slow_ns = probe->slow_ns;
	exact = row->faults.latency.weight == 1;
	for (int i = 0; i < NR_CAUSES; i++)
		summarise(latency->by_cause[i], faults->by_cause[i], &latency->each_by_cause[i],
			  exact, &row->faults.latency.by_cause[i]);
	for (int i = 0; i < NR_REGIONS; i++)
		summarise(latency->by_region[i], faults->by_region[i], &latency->each_by_region[i],
			  exact, &row->faults.latency.by_region[i]);
	summarise(latency->all, faults->minor + faults->major, &none, exact,
		  &row->faults.latency.all);
	if (!exact && row->faults.latency.all.samples)
		sum_causes(faults, &row->faults.latency.all, row->faults.latency.by_cause);
	row->faults.latency.share_known = row->faults.latency.all.total_known && traced_s > 0;
	if (row->faults.latency.share_known)
		row->faults.latency.share =
			row->faults.latency.all.total_ns / NSEC_PER_SEC / traced_s;
	for (unsigned int i = 0; latency->all && i < REPORT_LATENCY_BINS; i++)
		row->faults.latency.log2[i] = histogram__log2(latency->all, i);
	return build_slow(model, latency, row);
}
