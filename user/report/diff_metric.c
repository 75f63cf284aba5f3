// SPDX-License-Identifier: GPL-2.0-or-later
/* What two recordings are compared by: a line for each in the table below. */
#include "report/diff.h"

static int64_t count(uint64_t n)
{
	return n < INT64_MAX ? (int64_t)n : INT64_MAX;
}

static int64_t bytes(uint64_t n)
{
	return n == BYTES_UNKNOWN ? DIFF_UNKNOWN : count(n);
}

static int64_t growth(int64_t n)
{
	return n == DIFF_UNKNOWN ? n + 1 : n;
}

#define GET(what, value)                                                                           \
	static int64_t get_##what(const struct report_process *process, unsigned int index)        \
	{                                                                                          \
		(void)index;                                                                       \
		return value;                                                                      \
	}

GET(faults, count(process->faults.total))
GET(minor, count(process->faults.minor))
GET(major, count(process->faults.major))
GET(region, count(process->faults.by_region[index]))
GET(cause, process->faults.causes_known ? count(process->faults.by_cause[index]) : DIFF_UNKNOWN)
GET(lost, process->check.known ? count(process->check.lost) : DIFF_UNKNOWN)
GET(growth, growth(process->heap.growth_bytes))
GET(heap_peak, bytes(process->heap.peak_bytes))
/* What has ended has given all of it back. */
GET(rss, process->ended ? 0 : bytes(process->heap.rss_bytes))
GET(peak_rss, bytes(process->heap.peak_rss_bytes))
GET(stack_peak, bytes(process->stack.peak_bytes))
GET(hits, count(process->stack.hits_total))
GET(crashes, count(process->crashes.fatal))
GET(calls, count(process->heap.calls[index].count))
GET(call_bytes, count(process->heap.calls[index].bytes))
GET(failed, count(process->heap.calls[index].failed))

static int64_t latency(const struct report_process *process, uint64_t ns)
{
	return process->faults.latency.all.samples ? count(ns) : DIFF_UNKNOWN;
}

GET(p50, latency(process, process->faults.latency.all.p50_ns))
GET(p99, latency(process, process->faults.latency.all.p99_ns))
GET(max, latency(process, process->faults.latency.all.max_ns))

/* A process of whose few faults none was timed adds nothing. */
static int64_t get_fault_time(const struct report_process *process, unsigned int index)
{
	double total_ns = process->faults.latency.all.total_ns;

	(void)index;
	if (!process->faults.latency.known)
		return DIFF_UNKNOWN;
	return total_ns < 0x1p62 ? (int64_t)(total_ns + 0.5) : INT64_MAX;
}

static const char *cause(unsigned int index)
{
	return fault_cause__name((enum fault_cause)index);
}

static const char *region(unsigned int index)
{
	return region__name((enum region)index);
}

static const char *call(unsigned int index)
{
	return mem_call__name((enum mem_call)index);
}

/*
 * Text has them in this order. A peak has two lines: many processes that ran one after the other
 * never had the sum of theirs at once.
 */
const struct diff_metric diff_metrics[NR_DIFF_METRICS] = {
	[DIFF_FAULTS] = {"faults.total", "faults", DIFF_COUNT, DIFF_FLOW, .get = get_faults},
	[DIFF_MINOR] = {"faults.minor", "minor faults", DIFF_COUNT, DIFF_FLOW, .get = get_minor},
	[DIFF_MAJOR] = {"faults.major", "major faults", DIFF_COUNT, DIFF_FLOW, .get = get_major},
	[DIFF_LOST] = {"faults.lost", "lost faults", DIFF_COUNT, DIFF_FLOW, .get = get_lost},
	[DIFF_BY_REGION] = {"faults.by_region.*", "by region", DIFF_COUNT, DIFF_FLOW, get_region,
			    NR_REGIONS, region},
	[DIFF_BY_CAUSE] = {"faults.by_cause.*", "by cause", DIFF_COUNT, DIFF_FLOW, get_cause,
			   NR_CAUSES, cause},
	[DIFF_LATENCY_P50] = {"faults.latency_ns.p50", "fault p50", DIFF_NS, DIFF_WORST,
			      .get = get_p50},
	[DIFF_LATENCY_P99] = {"faults.latency_ns.p99", "fault p99", DIFF_NS, DIFF_WORST,
			      .get = get_p99},
	[DIFF_LATENCY_MAX] = {"faults.latency_ns.max", "fault max", DIFF_NS, DIFF_WORST,
			      .get = get_max},
	[DIFF_LATENCY_TOTAL] = {"faults.latency_ns.total", "time in faults", DIFF_NS, DIFF_FLOW,
				.get = get_fault_time},
	[DIFF_HEAP_GROWTH] = {"heap.growth_bytes", "heap growth", DIFF_BYTES, DIFF_GROWTH,
			      get_growth},
	[DIFF_HEAP_PEAK] = {"heap.peak_bytes", "heap peak", DIFF_BYTES, DIFF_LEVEL,
			    .get = get_heap_peak},
	[DIFF_HEAP_PEAK_LARGEST] = {"heap.largest_peak_bytes", "heap peak", DIFF_BYTES,
				    DIFF_LARGEST, .get = get_heap_peak},
	[DIFF_RSS] = {"heap.rss_bytes", "RSS at end", DIFF_BYTES, DIFF_LEVEL, .get = get_rss},
	[DIFF_PEAK_RSS] = {"heap.peak_rss_bytes", "peak RSS", DIFF_BYTES, DIFF_LEVEL,
			   .get = get_peak_rss},
	[DIFF_PEAK_RSS_LARGEST] = {"heap.largest_peak_rss_bytes", "peak RSS", DIFF_BYTES,
				   DIFF_LARGEST, .get = get_peak_rss},
	[DIFF_STACK_PEAK] = {"stack.peak_bytes", "stack peak", DIFF_BYTES, DIFF_LEVEL,
			     get_stack_peak},
	[DIFF_STACK_PEAK_LARGEST] = {"stack.largest_peak_bytes", "stack peak", DIFF_BYTES,
				     DIFF_LARGEST, .get = get_stack_peak},
	[DIFF_STACK_HITS] = {"stack.hits", "stack-limit hits", DIFF_COUNT, DIFF_FLOW,
			     .get = get_hits},
	[DIFF_CRASHES] = {"crashes.fatal", "crashes", DIFF_COUNT, DIFF_FLOW, .get = get_crashes},
	[DIFF_CALLS] = {"heap.calls.*.count", "calls", DIFF_COUNT, DIFF_FLOW, get_calls, NR_CALLS,
			call},
	[DIFF_CALL_BYTES] = {"heap.calls.*.bytes", "bytes of calls", DIFF_BYTES, DIFF_FLOW,
			     get_call_bytes, NR_CALLS, call},
	[DIFF_CALLS_FAILED] = {"heap.calls.*.failed", "failed calls", DIFF_COUNT, DIFF_FLOW,
			       get_failed, NR_CALLS, call},
};
