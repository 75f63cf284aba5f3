// SPDX-License-Identifier: GPL-2.0-or-later
/* Stack-limit hits and bad accesses, as JSON. */
#include <stdio.h>

#include "base/clock.h"
#include "base/signal_name.h"
#include "render/backtrace.h"
#include "render/json.h"
#include "report/report.h"

static json_t *nanoseconds(uint64_t ns)
{
	return json__seconds((double)ns / NSEC_PER_SEC);
}

static json_t *known(bool is_known, bool value)
{
	return is_known ? json_boolean(value) : json_null();
}

static json_t *hit_row(struct json *json, const struct report_hit *hit)
{
	bool grew = hit->growth_ns, no_memory = hit->kind == HIT_NO_MEMORY;
	json_t *o = json_object();

	json__set(json, o, "t_s", json__seconds(hit->t_s));
	json__set(json, o, "tid", json__count(hit->tid));
	json__set(json, o, "comm", json__string(hit->comm));
	json__set(json, o, "kind", json_string(stack_hit_kind__name(hit->kind)));
	json__set(json, o, "address", json__address(hit->address));
	json__set(json, o, "sp", json__address(hit->sp));
	json__set(json, o, "size_bytes", json__bytes(hit->size_bytes));
	json__set(json, o, "limit_bytes", json__bytes(hit->limit_bytes));
	json__set(json, o, "as_limit_bytes",
		  no_memory ? json__bytes(hit->as_limit_bytes) : json_null());
	json__set(json, o, "in_the_way", json__string(hit->in_the_way));
	json__set(json, o, "growth_bytes", grew ? json__bytes(hit->growth_bytes) : json_null());
	json__set(json, o, "growth_s", grew ? nanoseconds(hit->growth_ns) : json_null());
	json__set(json, o, "handled", known(hit->handled_known, hit->handled));
	json__set(json, o, "died", known(hit->handled_known || hit->died, hit->died));
	json__set(json, o, "stack", json__backtrace(json, hit->stack));
	return o;
}

json_t *json_crash__hits(struct json *json, const struct report_process *process)
{
	json_t *hits = json_array();

	for (size_t i = 0; i < process->stack.nr_hits; i++)
		json__append(json, hits, hit_row(json, &process->stack.hits[i]));
	return hits;
}

static json_t *mapping(struct json *json, const struct report_crash_mapping *from, bool distance)
{
	json_t *o;

	if (!from->name)
		return json_null();
	o = json_object();
	json__set(json, o, "name", json__string(from->name));
	json__set(json, o, "start", json__address(from->start));
	json__set(json, o, "end", json__address(from->end));
	json__set(json, o, "perms", json_string(from->perms));
	if (distance)
		json__set(json, o, "distance_bytes", json__bytes(from->distance_bytes));
	return o;
}

static json_t *freed(struct json *json, const struct report_crash *crash)
{
	json_t *o;

	if (crash->verdict != VERDICT_FREED)
		return json_null();
	o = json_object();
	json__set(json, o, "age_s", nanoseconds(crash->freed_age_ns));
	json__set(json, o, "tid", json__count(crash->freed_tid));
	json__set(json, o, "size_bytes", json__bytes(crash->freed_bytes));
	return o;
}

static json_t *file(struct json *json, const struct report_crash *crash)
{
	json_t *o;

	if (!crash->file)
		return json_null();
	o = json_object();
	json__set(json, o, "name", json__string(crash->file));
	json__set(json, o, "size_bytes", json__bytes(crash->file_bytes));
	json__set(json, o, "offset", json__count(crash->file_offset));
	return o;
}

static json_t *code(const struct report_crash *crash)
{
	const char *name = signal_code__name(crash->signo, crash->code);
	char number[16];

	snprintf(number, sizeof(number), "%d", crash->code);
	return json_string(name ? name : number);
}

static void set_where(struct json *json, json_t *o, const struct report_crash *crash)
{
	json__set(json, o, "address",
		  crash->address_known ? json__address(crash->address) : json_null());
	json__set(json, o, "access",
		  crash->access == ACCESS_UNKNOWN ? json_null()
						  : json_string(fault_access__name(crash->access)));
	json__set(json, o, "ip", json__address(crash->ip));
	json__set(json, o, "ip_symbol", json__string(crash->ip_symbol));
	json__set(json, o, "ip_symbol_offset",
		  crash->ip_symbol ? json__count(crash->ip_symbol_offset) : json_null());
	json__set(json, o, "sp", json__address(crash->sp));
}

static json_t *crash_row(struct json *json, const struct report_crash *crash)
{
	json_t *o = json_object();

	json__set(json, o, "t_s", json__seconds(crash->t_s));
	json__set(json, o, "tid", json__count(crash->tid));
	json__set(json, o, "comm", json__string(crash->comm));
	json__set(json, o, "signal", json_string(signal__name(crash->signo).s));
	json__set(json, o, "code", code(crash));
	json__set(json, o, "verdict", json_string(crash_verdict__name(crash->verdict)));
	json__set(json, o, "text", json__string(crash->text));
	set_where(json, o, crash);
	json__set(json, o, "handled", known(crash->handled_known, crash->handled));
	json__set(json, o, "fatal", known(crash->handled_known || crash->fatal, crash->fatal));
	json__set(json, o, "ended_by",
		  crash->ended_by ? json_string(signal__name(crash->ended_by).s) : json_null());
	json__set(json, o, "exit_code",
		  crash->exit_code ? json_integer(crash->exit_code) : json_null());
	json__set(json, o, "ended_after_s",
		  crash->ended_by || crash->exit_code ? nanoseconds(crash->ended_after_ns)
						      : json_null());
	json__set(json, o, "mapping", mapping(json, &crash->mapping, false));
	json__set(json, o, "below", mapping(json, &crash->below, true));
	json__set(json, o, "above", mapping(json, &crash->above, true));
	json__set(json, o, "freed", freed(json, crash));
	json__set(json, o, "file", file(json, crash));
	json__set(json, o, "pkey", crash->pkey_known ? json__count(crash->pkey) : json_null());
	json__set(json, o, "stack", json__backtrace(json, crash->stack));
	return o;
}

json_t *json_crash__all(struct json *json, const struct report_process *process)
{
	json_t *o = json_object(), *list = json_array();
	uint64_t all = process->crashes.fatal + process->crashes.handled;

	for (size_t i = 0; i < process->crashes.nr; i++)
		json__append(json, list, crash_row(json, &process->crashes.list[i]));
	json__set(json, o, "fatal", json__count(process->crashes.fatal));
	json__set(json, o, "handled", json__count(process->crashes.handled));
	json__set(json, o, "list", list);
	json__set(json, o, "omitted",
		  json__count(all > process->crashes.nr ? all - process->crashes.nr : 0));
	return o;
}
