// SPDX-License-Identifier: GPL-2.0-or-later
/* The report as a whole: session, probes, losses and the list of processes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "model/model.h"
#include "report/build.h"
#include "report/process.h"
#include "report/report.h"

const char *loss_cause__name(unsigned int cause)
{
	static const char *const names[MT_LOSS_NR] = {
		[MT_LOSS_RING_FAULTS] = "ring_full_faults",
		[MT_LOSS_RING_RECORDS] = "ring_full_records",
		[MT_LOSS_FILTER_FULL] = "not_followed",
		[MT_LOSS_READ] = "undecodable",
		[MT_LOSS_MISSED] = "probe_missed",
	};

	return names[cause];
}

static const char *ended_by__name(enum mt_ended_by ended_by)
{
	switch (ended_by) {
	case MT_ENDED_DURATION:
		return "duration";
	case MT_ENDED_INTERRUPT:
		return "interrupt";
	case MT_ENDED_CUT_OFF:
		return "cut_off";
	case MT_ENDED_TOO_COSTLY:
		return "too_costly";
	case MT_ENDED_TARGET_EXIT:
		break;
	}
	return "target_exit";
}

static int build_session(const struct model *model, struct report *report)
{
	const struct model_session *session = &model->session;
	const struct mt_session *record = &session->record;

	report->host.kernel = strdup(record->kernel);
	report->host.arch = strdup(record->arch);
	report->host.name = strdup(record->host);
	report->host.page_bytes = record->page_bytes;
	report->host.cpus = record->cpus;
	report->session.start_realtime_ns = record->start_realtime_ns;
	report->session.duration_s = (double)(session->end_ns - session->start_ns) / NSEC_PER_SEC;
	report->session.interval_s = (double)record->interval_ns / NSEC_PER_SEC;
	report->session.target = strdup(record->target);
	report->session.ended_by = ended_by__name(session->ended_by);
	report->session.whole_run = session->ended_by == MT_ENDED_TARGET_EXIT && session->ended &&
				    record->hdr.flags & MT_SESSION_COMMAND;
	return report->host.kernel && report->host.arch && report->host.name &&
			       report->session.target
		       ? 0
		       : -ENOMEM;
}

static int build_misses(const char *misses, struct report_probe *probe)
{
	while (*misses) {
		size_t len = strcspn(misses, ";");
		char **grown = reallocarray(probe->misses, probe->nr_misses + 1, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		probe->misses = grown;
		grown[probe->nr_misses] = strndup(misses, len);
		if (!grown[probe->nr_misses])
			return -ENOMEM;
		probe->nr_misses++;
		misses += len;
		misses += strspn(misses, "; ");
	}
	return 0;
}

static int build_probes(const struct model *model, struct report *report)
{
	report->probes = calloc(model->probes.nr + 1, sizeof(*report->probes));
	if (!report->probes)
		return -ENOMEM;
	for (size_t i = 0; i < model->probes.nr; i++) {
		const struct mt_probe *record = &model->probes.items[i];
		struct report_probe *probe = &report->probes[report->nr_probes++];

		probe->fact = strdup(record->fact);
		probe->via = strdup(record->via);
		if (!probe->fact || !probe->via || build_misses(record->misses, probe))
			return -ENOMEM;
	}
	return 0;
}

static uint64_t loss__count(const struct model *model, unsigned int cause, uint64_t undecodable)
{
	return model->losses.lost[cause] +
	       (cause == MT_LOSS_READ ? undecodable + model->nr_not_kept : 0);
}

uint64_t report__lost(const struct model *model, uint64_t undecodable)
{
	uint64_t lost = 0;

	for (unsigned int cause = 0; cause < MT_LOSS_NR; cause++)
		lost += loss__count(model, cause, undecodable);
	return lost;
}

static int build_losses(const struct model *model, uint64_t undecodable, struct report *report)
{
	report->loss.by_cause = calloc(MT_LOSS_NR, sizeof(*report->loss.by_cause));
	if (!report->loss.by_cause)
		return -ENOMEM;
	report->loss.nr_causes = MT_LOSS_NR;
	report->loss.delivered = model->losses.delivered;
	report->loss.fault_weight_max = 1;
	for (size_t i = 0; i < model->probes.nr; i++)
		if (!strcmp(model->probes.items[i].fact, "page faults") &&
		    model->probes.items[i].weight > report->loss.fault_weight_max)
			report->loss.fault_weight_max = model->probes.items[i].weight;
	report->loss.records = report__lost(model, undecodable);
	for (unsigned int i = 0; i < MT_LOSS_NR; i++) {
		report->loss.by_cause[i].cause = loss_cause__name(i);
		report->loss.by_cause[i].count = loss__count(model, i, undecodable);
	}
	return 0;
}

static int by_faults(const void *a, const void *b)
{
	const struct report_process *pa = a, *pb = b;

	if (pa->faults.total != pb->faults.total)
		return pa->faults.total > pb->faults.total ? -1 : 1;
	if (pa->pid != pb->pid)
		return pa->pid > pb->pid ? 1 : -1;
	return (pa->start_s > pb->start_s) - (pa->start_s < pb->start_s);
}

static int build_processes(struct model *model, struct report *report)
{
	report->processes = calloc(model->nr_processes + 1, sizeof(*report->processes));
	if (!report->processes)
		return -ENOMEM;
	for (struct process *proc = model->first; proc; proc = proc->next) {
		int err = report_process__build(model, proc,
						&report->processes[report->nr_processes++]);

		if (err)
			return err;
	}
	report->folded.processes = model->folded.processes;
	report->folded.minor = model->folded.minor;
	report->folded.major = model->folded.major;
	report->folded.hits = model->folded.hits;
	report->folded.crashes = model->folded.crashes;
	report->folded.failed_checks = model->folded.failed_checks;
	qsort(report->processes, report->nr_processes, sizeof(*report->processes), by_faults);
	return 0;
}

int report__build(struct model *model, const char *version, uint64_t undecodable,
		  struct report **ret)
{
	struct report *report = calloc(1, sizeof(*report));
	int err;

	if (!report)
		return -ENOMEM;
	report->version = version;
	err = build_session(model, report) ?: build_probes(model, report);
	err = err ?: build_losses(model, undecodable, report);
	err = err ?: build_processes(model, report);
	if (err) {
		report__free(report);
		return err;
	}
	*ret = report;
	return 0;
}

void report__interval(const struct model *model, const struct process *proc,
		      struct report_interval *row)
{
	const struct model_session *session = &model->session;
	const struct interval *interval = &proc->interval;

	*row = (struct report_interval){
		.t_s = (double)(session->last_tick_ns - session->start_ns) / NSEC_PER_SEC,
		.end_realtime_ns = session->record.start_realtime_ns + session->last_tick_ns -
				   session->start_ns,
		.length_s = (double)session->interval_ns / NSEC_PER_SEC,
		.pid = proc->pid,
		.comm = proc->comm,
		.minor = interval->minor,
		.major = interval->major,
		.heap_bytes = heap__bytes(proc),
		.heap_delta_bytes = interval->heap_delta_bytes,
		.rss_bytes = proc->heap.rss_bytes,
		.stack_bytes = proc->stack.peak_bytes,
		.hits = interval->hits,
		.ended = proc->ended,
	};
}
