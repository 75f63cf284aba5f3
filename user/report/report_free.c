// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>

#include "report/process.h"
#include "report/report.h"

static void limits__fini(struct report_process *process)
{
	for (size_t i = 0; i < process->limits.nr; i++)
		free(process->limits.table[i].scope);
	free(process->limits.table);
	free(process->limits.failures);
}

static void oom__fini(struct report_process *process)
{
	for (size_t i = 0; i < process->oom.nr_kills; i++) {
		free(process->oom.kills[i].victim_comm);
		free(process->oom.kills[i].trigger_comm);
		free(process->oom.kills[i].cgroup);
	}
	free(process->oom.kills);
}

static void process__fini(struct report_process *process)
{
	free(process->comm);
	free(process->exe);
	free(process->faults.timeline);
	for (size_t i = 0; i < process->faults.nr_mappings; i++)
		free(process->faults.mappings[i].name);
	free(process->faults.mappings);
	for (size_t i = 0; i < process->faults.nr_slices; i++)
		free(process->faults.slices[i].name);
	free(process->faults.slices);
	for (size_t i = 0; i < process->faults.latency.nr_slow; i++) {
		free(process->faults.latency.slow[i].mapping);
		free(process->faults.latency.slow[i].ip_mapping);
		free(process->faults.latency.slow[i].ip_symbol);
	}
	free(process->faults.latency.slow);
	for (size_t i = 0; i < NR_CALLS; i++)
		free(process->heap.call_size_log2[i]);
	free(process->heap.failures);
	free(process->heap.timeline);
	report_crash__free(process);
	for (size_t i = 0; i < process->stack.nr_threads; i++)
		free(process->stack.threads[i].comm);
	free(process->stack.threads);
	limits__fini(process);
	oom__fini(process);
	for (size_t i = 0; i < process->nr_threads_listed; i++)
		free(process->threads[i].comm);
	free(process->threads);
}

static void probe__fini(struct report_probe *probe)
{
	free(probe->fact);
	free(probe->via);
	for (size_t i = 0; i < probe->nr_misses; i++)
		free(probe->misses[i]);
	free(probe->misses);
}

void report__free(struct report *report)
{
	if (!report)
		return;
	free(report->host.name);
	free(report->host.kernel);
	free(report->host.arch);
	free(report->session.target);
	for (size_t i = 0; i < report->nr_probes; i++)
		probe__fini(&report->probes[i]);
	free(report->probes);
	free(report->loss.by_cause);
	for (size_t i = 0; i < report->nr_processes; i++)
		process__fini(&report->processes[i]);
	free(report->processes);
	free(report);
}
