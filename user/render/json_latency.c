// SPDX-License-Identifier: GPL-2.0-or-later
/* How long faults took, as JSON. */
#include "render/json.h"
#include "report/report.h"

static json_t *nanoseconds(double ns)
{
	return ns < 9e18 ? json__count((uint64_t)(ns + 0.5)) : json_null();
}

static void set_summary(struct json *json, json_t *o, const struct report_latency *row)
{
	const struct {
		const char *key;
		uint64_t ns;
	} values[] = {
		{"p50", row->p50_ns},
		{"p90", row->p90_ns},
		{"p99", row->p99_ns},
		{"max", row->max_ns},
	};

	json__set(json, o, "count", json__count(row->samples));
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		json__set(json, o, values[i].key,
			  row->samples ? json__count(values[i].ns) : json_null());
	json__set(json, o, "total", row->total_known ? nanoseconds(row->total_ns) : json_null());
}

json_t *json_latency__all(struct json *json, const struct report_process *process)
{
	json_t *o;

	if (!process->faults.latency.known)
		return json_null();
	o = json_object();
	set_summary(json, o, &process->faults.latency.all);
	json__set(json, o, "histogram",
		  json__log2_histogram(json, process->faults.latency.log2, REPORT_LATENCY_BINS));
	json__set(json, o, "weight", json__count(process->faults.latency.weight));
	json__set(json, o, "share",
		  process->faults.latency.share_known ? json__real(process->faults.latency.share)
						      : json_null());
	return o;
}

static void add_row(struct json *json, json_t *o, const char *name,
		    const struct report_latency *row)
{
	json_t *latency;

	if (!row->samples)
		return;
	latency = json_object();
	set_summary(json, latency, row);
	json__set(json, o, name, latency);
}

json_t *json_latency__by_cause(struct json *json, const struct report_process *process)
{
	json_t *o;

	if (!process->faults.latency.known || !process->faults.causes_known)
		return json_null();
	o = json_object();
	for (int i = 0; i < NR_CAUSES; i++)
		add_row(json, o, fault_cause__name((enum fault_cause)i),
			&process->faults.latency.by_cause[i]);
	return o;
}

json_t *json_latency__by_region(struct json *json, const struct report_process *process)
{
	json_t *o;

	if (!process->faults.latency.known)
		return json_null();
	o = json_object();
	for (int i = 0; i < NR_REGIONS; i++)
		add_row(json, o, region__name((enum region)i),
			&process->faults.latency.by_region[i]);
	return o;
}

static json_t *slow_row(struct json *json, const struct report_process *process,
			const struct report_slow_fault *fault)
{
	json_t *o = json_object();

	json__set(json, o, "t_s", json__seconds(fault->t_s));
	json__set(json, o, "tid", json__count(fault->tid));
	json__set(json, o, "address", json__address(fault->address));
	json__set(json, o, "mapping", json__string(fault->mapping));
	json__set(json, o, "offset", json__count(fault->offset));
	json__set(json, o, "cause",
		  process->faults.causes_known ? json_string(fault_cause__name(fault->cause))
					       : json_null());
	json__set(json, o, "latency_ns", json__count(fault->latency_ns));
	json__set(json, o, "ip", fault->ip ? json__address(fault->ip) : json_null());
	json__set(json, o, "ip_mapping", json__string(fault->ip_mapping));
	json__set(json, o, "ip_offset",
		  fault->ip_mapping ? json__count(fault->ip_offset) : json_null());
	json__set(json, o, "ip_symbol", json__string(fault->ip_symbol));
	json__set(json, o, "ip_symbol_offset",
		  fault->ip_symbol ? json__count(fault->ip_symbol_offset) : json_null());
	return o;
}

json_t *json_latency__slow(struct json *json, const struct report_process *process)
{
	json_t *o, *list;

	if (!process->faults.latency.known || !process->faults.latency.slow_ns)
		return json_null();
	o = json_object();
	list = json_array();
	for (size_t i = 0; i < process->faults.latency.nr_slow; i++)
		json__append(json, list, slow_row(json, process, &process->faults.latency.slow[i]));
	json__set(json, o, "threshold_us",
		  json__real((double)process->faults.latency.slow_ns / 1000));
	json__set(json, o, "total", json__count(process->faults.latency.slow_total));
	json__set(json, o, "list", list);
	return o;
}
