// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "render/json.h"
#include "render/sections.h"
#include "report/report.h"

static size_t rows(const struct json *json, size_t nr)
{
	return json->top && json->top < nr ? json->top : nr;
}

static json_t *by_region(struct json *json, const struct report_process *process)
{
	json_t *o = json_object();

	for (int i = 0; i < NR_REGIONS; i++)
		json__set(json, o, region__name((enum region)i),
			  json__count(process->faults.by_region[i]));
	return o;
}

static json_t *by_access(struct json *json, const struct report_process *process)
{
	json_t *o = process->faults.access_unknown ? json_null() : json_object();

	for (int i = 0; i < NR_ACCESSES && !process->faults.access_unknown; i++)
		json__set(json, o, fault_access__name((enum fault_access)i),
			  json__count(process->faults.by_access[i]));
	return o;
}

static json_t *fault_timeline(struct json *json, const struct report_process *process)
{
	json_t *array = json_array(), *o;

	for (size_t i = 0; i < process->faults.nr_timeline; i++) {
		o = json_object();
		json__set(json, o, "t_s", json__seconds(process->faults.timeline[i].t_s));
		json__set(json, o, "minor", json__count(process->faults.timeline[i].minor));
		json__set(json, o, "major", json__count(process->faults.timeline[i].major));
		json__append(json, array, o);
	}
	return array;
}

static json_t *mapping_row(struct json *json, const struct report_mapping *mapping)
{
	json_t *o = json_object();

	json__set(json, o, "name", json__string(mapping->name));
	json__set(json, o, "region", json_string(region__name(mapping->region)));
	json__set(json, o, "start", mapping->start ? json__address(mapping->start) : json_null());
	json__set(json, o, "mapped_bytes", json__bytes(mapping->mapped_bytes));
	json__set(json, o, "faults", json__count(mapping->faults));
	json__set(json, o, "major", json__count(mapping->major));
	json__set(json, o, "pages_touched", json__count(mapping->pages_touched));
	json__set(json, o, "pattern",
		  mapping->pattern == PATTERN_NONE
			  ? json_null()
			  : json_string(fault_pattern__name(mapping->pattern)));
	json__set(json, o, "unmapped", json_boolean(mapping->unmapped));
	return o;
}

static json_t *slice_row(struct json *json, const struct report_slice *slice)
{
	json_t *o = json_object();

	json__set(json, o, "start", json__address(slice->start));
	json__set(json, o, "size_bytes", json__count(slice->size_bytes));
	json__set(json, o, "name", json__string(slice->name));
	json__set(json, o, "faults", json__count(slice->faults));
	json__set(json, o, "pages_touched", json__count(slice->pages_touched));
	json__set(json, o, "mapped_pages", json__count(slice->mapped_pages));
	return o;
}

/* A row of a table that may be long; *first: it is the first one. */
static void write_row(struct json *json, FILE *out, json_t *row, bool *first)
{
	json__put(json, out, *first ? "" : ",");
	json__dump(json, out, row);
	*first = false;
}

static void write_mappings(struct json *json, FILE *out, const struct report_process *process)
{
	bool first = true;

	for (size_t i = 0; i < rows(json, process->faults.nr_mappings) && !json->err; i++)
		write_row(json, out, mapping_row(json, &process->faults.mappings[i]), &first);
}

static void write_slices(struct json *json, FILE *out, const struct report_process *process)
{
	bool *keep, first = true;

	if (slices__choose(process, json->top, &keep)) {
		json->err = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < process->faults.nr_slices && !json->err; i++)
		if (keep[i])
			write_row(json, out, slice_row(json, &process->faults.slices[i]), &first);
	free(keep);
}

static json_t *anon_by_size(struct json *json, const struct report_process *process)
{
	json_t *list = json_array();

	for (int i = 0; i < REPORT_ANON_SIZES; i++) {
		const struct report_anon_size *size = &process->faults.anon_sizes[i];
		json_t *o;

		if (!size->nr_mappings)
			continue;
		o = json_object();
		json__set(json, o, "ge_bytes", json__count(size->ge_bytes));
		json__set(json, o, "lt_bytes",
			  size->lt_bytes ? json__count(size->lt_bytes) : json_null());
		json__set(json, o, "mappings", json__count(size->nr_mappings));
		json__set(json, o, "mapped_bytes", json__count(size->mapped_bytes));
		json__set(json, o, "faults", json__count(size->faults));
		json__set(json, o, "pages_touched", json__count(size->pages_touched));
		json__append(json, list, o);
	}
	return list;
}

static json_t *by_cause(struct json *json, const struct report_process *process)
{
	json_t *o;

	if (!process->faults.causes_known)
		return json_null();
	o = json_object();
	for (int i = 0; i < NR_CAUSES; i++)
		json__set(json, o, fault_cause__name((enum fault_cause)i),
			  json__count(process->faults.by_cause[i]));
	json__set(json, o, "invalid", json__count(process->faults.invalid));
	json__set(json, o, "populated", json__count(process->check.populated));
	return o;
}

static json_t *fault_sums(struct json *json, const struct report_process *process)
{
	json_t *o = json_object();

	json__set(json, o, "minor", json__count(process->faults.minor));
	json__set(json, o, "major", json__count(process->faults.major));
	json__set(json, o, "total", json__count(process->faults.total));
	json__set(json, o, "user", json__count(process->faults.user));
	json__set(json, o, "kernel", json__count(process->faults.kernel));
	json__set(json, o, "by_region", by_region(json, process));
	json__set(json, o, "by_access", by_access(json, process));
	json__set(json, o, "by_cause", by_cause(json, process));
	json__set(json, o, "huge_bytes",
		  process->faults.causes_known ? json__count(process->faults.huge_bytes)
					       : json_null());
	json__set(json, o, "latency_ns", json_latency__all(json, process));
	json__set(json, o, "latency_by_cause", json_latency__by_cause(json, process));
	json__set(json, o, "latency_by_region", json_latency__by_region(json, process));
	json__set(json, o, "slow", json_latency__slow(json, process));
	json__set(json, o, "anon_by_size", anon_by_size(json, process));
	json__set(json, o, "timeline", fault_timeline(json, process));
	return o;
}

static json_t *omitted(struct json *json, const char *key, size_t nr)
{
	json_t *o = json_object();

	json__set(json, o, key, json__count(nr - rows(json, nr)));
	return o;
}

static void write_faults(struct json *json, FILE *out, const struct report_process *process)
{
	json_t *tail = omitted(json, "address_space_omitted", process->faults.nr_slices);

	json__set(json, tail, "run_pages_histogram",
		  json__log2_histogram(json, process->faults.run_pages_log2,
				       sizeof(process->faults.run_pages_log2) / sizeof(uint64_t)));
	json__put(json, out, "{");
	json__dump_members(json, out, fault_sums(json, process));
	json__put(json, out, ",\"by_mapping\":[");
	write_mappings(json, out, process);
	json__put(json, out, "],");
	json__dump_members(json, out,
			   omitted(json, "by_mapping_omitted", process->faults.nr_mappings));
	json__put(json, out, ",\"address_space\":[");
	write_slices(json, out, process);
	json__put(json, out, "],");
	json__dump_members(json, out, tail);
	json__put(json, out, "}");
}

static json_t *calls(struct json *json, const struct report_process *process)
{
	json_t *o = json_object(), *call;

	for (int i = 0; i < NR_CALLS; i++) {
		call = json_object();
		json__set(json, call, "count", json__count(process->heap.calls[i].count));
		json__set(json, call, "failed", json__count(process->heap.calls[i].failed));
		json__set(json, call, "bytes", json__count(process->heap.calls[i].bytes));
		json__set(json, o, mem_call__name((enum mem_call)i), call);
	}
	return o;
}

static json_t *failures(struct json *json, const struct report_process *process)
{
	json_t *array = json_array(), *o;
	const struct report_failure *failure;

	for (size_t i = 0; i < process->heap.nr_failures; i++) {
		failure = &process->heap.failures[i];
		o = json_object();
		json__set(json, o, "call", json_string(mem_call__name(failure->call)));
		json__set(json, o, "errno", json__errno(failure->err));
		json__set(json, o, "count", json__count(failure->count));
		json__append(json, array, o);
	}
	return array;
}

static json_t *heap_timeline(struct json *json, const struct report_process *process)
{
	json_t *array = json_array(), *o;
	const struct report_heap_point *point;

	for (size_t i = 0; i < process->heap.nr_timeline; i++) {
		point = &process->heap.timeline[i];
		o = json_object();
		json__set(json, o, "t_s", json__seconds(point->t_s));
		json__set(json, o, "brk_bytes", json__bytes(point->brk_bytes));
		json__set(json, o, "anon_mmap_bytes", json__bytes(point->anon_mmap_bytes));
		json__set(json, o, "rss_bytes", json__bytes(point->rss_bytes));
		json__append(json, array, o);
	}
	return array;
}

static json_t *heap(struct json *json, const struct report_process *process)
{
	json_t *o = json_object();

	json__set(json, o, "brk_bytes", json__bytes(process->heap.brk_bytes));
	json__set(json, o, "anon_mmap_bytes", json__bytes(process->heap.anon_mmap_bytes));
	json__set(json, o, "growth_bytes", json_integer(process->heap.growth_bytes));
	json__set(json, o, "peak_bytes", json__bytes(process->heap.peak_bytes));
	json__set(json, o, "rss_bytes", json__bytes(process->heap.rss_bytes));
	json__set(json, o, "peak_rss_bytes", json__bytes(process->heap.peak_rss_bytes));
	json__set(json, o, "calls", calls(json, process));
	json__set(json, o, "failures", failures(json, process));
	json__set(json, o, "timeline", heap_timeline(json, process));
	return o;
}

static json_t *stack(struct json *json, const struct report_process *process)
{
	json_t *o = json_object();

	json__set(json, o, "limit_bytes",
		  process->stack.limit_known ? json__bytes(process->stack.limit_bytes)
					     : json_null());
	json__set(json, o, "peak_bytes", json__bytes(process->stack.peak_bytes));
	json__set(json, o, "peak_exact", json_boolean(process->stack.peak_exact));
	json__set(json, o, "threads", json_stack_marks(json, process));
	json__set(json, o, "threads_omitted",
		  json__count(process->stack.nr_threads - rows(json, process->stack.nr_threads)));
	json__set(json, o, "hits", json_crash__hits(json, process));
	json__set(json, o, "hits_omitted",
		  json__count(process->stack.hits_total > process->stack.nr_hits
				      ? process->stack.hits_total - process->stack.nr_hits
				      : 0));
	return o;
}

static json_t *check(struct json *json, const struct report_check *from)
{
	json_t *o, *explained;

	if (!from->known)
		return json_null();
	o = json_object();
	explained = json_object();
	json__set(json, explained, "populated", json__count(from->populated));
	json__set(json, explained, "not_counted", json__count(from->not_counted));
	json__set(json, explained, "lost", json__count(from->lost));
	json__set(json, explained, "in_flight", json__count(from->in_flight));
	json__set(json, o, "kernel_minor", json__count(from->kernel_minor));
	json__set(json, o, "kernel_major", json__count(from->kernel_major));
	json__set(json, o, "observed", json__count(from->observed));
	json__set(json, o, "explained", explained);
	json__set(json, o, "unexplained", json_integer(from->unexplained));
	json__set(json, o, "ok", json_boolean(from->ok));
	return o;
}

static json_t *thread_row(struct json *json, const struct report_thread *thread)
{
	json_t *o = json_object();

	json__set(json, o, "tid", json__count(thread->tid));
	json__set(json, o, "comm", json__string(thread->comm));
	json__set(json, o, "minor", json__count(thread->minor));
	json__set(json, o, "major", json__count(thread->major));
	json__set(json, o, "exited", json_boolean(thread->exited));
	return o;
}

static void write_threads(struct json *json, FILE *out, const struct report_process *process)
{
	bool first = true;

	for (size_t i = 0; i < process->nr_threads_listed && !json->err; i++)
		write_row(json, out, thread_row(json, &process->threads[i]), &first);
}

static json_t *end(struct json *json, const struct report_process *process)
{
	bool signalled = process->exit_signal != 0;
	bool exited = !signalled && !process->end_lost;
	json_t *o;

	if (!process->ended)
		return json_null();
	o = json_object();
	json__set(json, o, "exit_code", exited ? json_integer(process->exit_code) : json_null());
	json__set(json, o, "signal", signalled ? json_integer(process->exit_signal) : json_null());
	json__set(json, o, "t_s", json__seconds(process->end_s));
	return o;
}

static json_t *identity(struct json *json, const struct report_process *process)
{
	json_t *o = json_object();

	json__set(json, o, "pid", json__count(process->pid));
	json__set(json, o, "ppid", json__count(process->ppid));
	json__set(json, o, "comm", json__string(process->comm));
	json__set(json, o, "exe", json__string(process->exe));
	json__set(json, o, "start_s", json__seconds(process->start_s));
	json__set(json, o, "end", end(json, process));
	json__set(json, o, "children_not_traced", json__count(process->children_not_traced));
	return o;
}

static json_t *memory(struct json *json, const struct report_process *process)
{
	json_t *o = json_object();

	json__set(json, o, "heap", heap(json, process));
	json__set(json, o, "stack", stack(json, process));
	json__set(json, o, "limits", json_limits(json, process));
	json__set(json, o, "crashes", json_crash__all(json, process));
	json__set(json, o, "oom", json_oom(json, process));
	json__set(json, o, "check", check(json, &process->check));
	return o;
}

void json_process__write(struct json *json, FILE *out, const struct report_process *process)
{
	json__put(json, out, "{");
	json__dump_members(json, out, identity(json, process));
	json__put(json, out, ",\"faults\":");
	write_faults(json, out, process);
	json__put(json, out, ",");
	json__dump_members(json, out, memory(json, process));
	json__put(json, out, ",\"threads\":[");
	write_threads(json, out, process);
	json__put(json, out, "]}");
}
