// SPDX-License-Identifier: GPL-2.0-or-later
/* The limits of a process as JSON. */
#include <stdio.h>
#include <string.h>

#include "render/json.h"
#include "report/report.h"

json_t *json__errno(int err)
{
	const char *name = strerrorname_np(err);
	char number[16];

	snprintf(number, sizeof(number), "%d", err);
	return json_string(name ? name : number);
}

static json_t *limit_row(struct json *json, const struct report_limit *limit)
{
	bool is_cgroup = !strcmp(limit->source, "cgroup");
	json_t *o = json_object();

	json__set(json, o, "name", json_string(limit->name));
	json__set(json, o, "source", json_string(limit->source));
	json__set(json, o, "scope", json__string(limit->scope));
	json__set(json, o, "unit", json_string(limit->unit));
	json__set(json, o, "now", json__bytes(limit->now));
	json__set(json, o, "worst", json__bytes(limit->worst));
	json__set(json, o, "limit", json__bytes(limit->limit));
	json__set(json, o, "percent_worst",
		  limit->percent < 0 ? json_null() : json__real(limit->percent));
	json__set(json, o, "near", json_boolean(limit->near));
	json__set(json, o, "holds", json_boolean(limit->holds));
	json__set(json, o, "held_bytes", json__bytes(limit->held_bytes));
	json__set(json, o, "events", is_cgroup ? json__count(limit->events) : json_null());
	json__set(json, o, "oom_kills", is_cgroup ? json__count(limit->oom_kills) : json_null());
	return o;
}

static json_t *table(struct json *json, const struct report_process *process)
{
	json_t *array;

	if (!process->limits.known)
		return json_null();
	array = json_array();
	for (size_t i = 0; i < process->limits.nr; i++)
		json__append(json, array, limit_row(json, &process->limits.table[i]));
	return array;
}

static json_t *failure_row(struct json *json, const struct report_limit_failure *failure)
{
	json_t *o = json_object();

	json__set(json, o, "call", json_string(mem_call__name(failure->call)));
	json__set(json, o, "errno", json__errno(failure->err));
	json__set(json, o, "cause", json_string(failure_cause__name(failure->cause)));
	json__set(json, o, "count", json__count(failure->count));
	json__set(json, o, "last_t_s", json__seconds(failure->t_s));
	json__set(json, o, "last_tid", json__count(failure->tid));
	json__set(json, o, "asked_bytes", json__count(failure->asked_bytes));
	json__set(json, o, "unit", failure->unit ? json_string(failure->unit) : json_null());
	json__set(json, o, "used", json__bytes(failure->used));
	json__set(json, o, "limit", json__bytes(failure->limit));
	return o;
}

json_t *json_limits(struct json *json, const struct report_process *process)
{
	json_t *o = json_object(), *failures = json_array();

	for (size_t i = 0; i < process->limits.nr_failures; i++)
		json__append(json, failures, failure_row(json, &process->limits.failures[i]));
	json__set(json, o, "table", table(json, process));
	json__set(json, o, "failures", failures);
	return o;
}
