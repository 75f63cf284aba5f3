// SPDX-License-Identifier: GPL-2.0-or-later
#include "render/json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/escape.h"
#include "base/units.h"
#include "render/render.h"
#include "report/report.h"

#define SCHEMA 1
/*
 * ASCII only: a C1 control or a direction override in a name would act on the terminal that the
 * document is shown on. 15 digits: seconds come back as they were rounded.
 */
#define DUMP_FLAGS (JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15))

void json__set(struct json *json, json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value))
		json->err = -ENOMEM;
}

void json__append(struct json *json, json_t *array, json_t *value)
{
	if (json_array_append_new(array, value))
		json->err = -ENOMEM;
}

json_t *json__count(uint64_t n)
{
	return json_integer(n < INT64_MAX ? (json_int_t)n : INT64_MAX);
}

json_t *json__bytes(uint64_t bytes)
{
	return bytes == BYTES_UNKNOWN ? json_null() : json__count(bytes);
}

json_t *json__address(uint64_t address)
{
	return json_string(units__address(address).s);
}

json_t *json__seconds(double seconds)
{
	double rounded = round(seconds * 1e6) / 1e6;

	if (!isfinite(rounded))
		return json_null();
	return json_real(rounded == 0 ? 0 : rounded); /* no -0.0 */
}

json_t *json__real(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

json_t *json__string(const char *s)
{
	json_t *ret;
	char *valid;

	if (!s)
		return json_null();
	valid = escape__utf8(s);
	ret = valid ? json_string(valid) : NULL;
	free(valid);
	return ret;
}

json_t *json__log2_histogram(struct json *json, const uint64_t *bins, unsigned int nr)
{
	json_t *array = json_array(), *o;

	for (unsigned int i = 0; i < nr; i++) {
		if (!bins[i])
			continue;
		o = json_object();
		json__set(json, o, "ge", json__count(1ULL << i));
		json__set(json, o, "lt", json__count(2ULL << i));
		json__set(json, o, "count", json__count(bins[i]));
		json__append(json, array, o);
	}
	return array;
}

json_t *json__program(struct json *json, const char *version)
{
	json_t *o = json_object();

	json__set(json, o, "version", json__string(version));
	json__set(json, o, "schema", json_integer(SCHEMA));
	return o;
}

json_t *json__about(struct json *json, const struct report *report)
{
	return json__program(json, report->version);
}

/* What a recording that breaks off at its beginning has not said. */
static json_t *known_count(uint64_t n)
{
	return n ? json__count(n) : json_null();
}

static json_t *known_string(const char *s)
{
	return json__string(s && *s ? s : NULL);
}

static json_t *host(struct json *json, const struct report *report)
{
	json_t *o = json_object();

	json__set(json, o, "name", known_string(report->host.name));
	json__set(json, o, "kernel", known_string(report->host.kernel));
	json__set(json, o, "arch", known_string(report->host.arch));
	json__set(json, o, "page_bytes", known_count(report->host.page_bytes));
	json__set(json, o, "cpus", known_count(report->host.cpus));
	return o;
}

static json_t *date_time(uint64_t realtime_ns)
{
	char whole[64];

	if (!realtime_ns)
		return json_null();
	snprintf(whole, sizeof(whole), "%s.%06uZ", units__utc(realtime_ns / 1000000000U).s,
		 (unsigned int)(realtime_ns % 1000000000U / 1000));
	return json_string(whole);
}

static json_t *session(struct json *json, const struct report *report)
{
	json_t *o = json_object();

	json__set(json, o, "start", date_time(report->session.start_realtime_ns));
	json__set(json, o, "duration_s", json__seconds(report->session.duration_s));
	json__set(json, o, "target", known_string(report->session.target));
	json__set(json, o, "ended_by", json__string(report->session.ended_by));
	return o;
}

static json_t *probes(struct json *json, const struct report *report)
{
	json_t *array = json_array(), *o, *misses;

	for (size_t i = 0; i < report->nr_probes; i++) {
		o = json_object();
		misses = json_array();
		json__set(json, o, "fact", json__string(report->probes[i].fact));
		json__set(json, o, "via", json__string(report->probes[i].via));
		for (size_t m = 0; m < report->probes[i].nr_misses; m++)
			json__append(json, misses, json__string(report->probes[i].misses[m]));
		json__set(json, o, "misses", misses);
		json__append(json, array, o);
	}
	return array;
}

static json_t *loss(struct json *json, const struct report *report)
{
	json_t *o = json_object(), *by_cause = json_object();

	json__set(json, o, "records", json__count(report->loss.records));
	for (size_t i = 0; i < report->loss.nr_causes; i++)
		json__set(json, by_cause, report->loss.by_cause[i].cause,
			  json__count(report->loss.by_cause[i].count));
	json__set(json, o, "by_cause", by_cause);
	json__set(json, o, "delivered", json__count(report->loss.delivered));
	json__set(json, o, "fault_weight_max", json__count(report->loss.fault_weight_max));
	return o;
}

static json_t *folded(struct json *json, const struct report *report)
{
	json_t *o;

	if (!report->folded.processes)
		return json_null();
	o = json_object();
	json__set(json, o, "processes", json__count(report->folded.processes));
	json__set(json, o, "minor", json__count(report->folded.minor));
	json__set(json, o, "major", json__count(report->folded.major));
	json__set(json, o, "stack_hits", json__count(report->folded.hits));
	json__set(json, o, "crashes", json__count(report->folded.crashes));
	json__set(json, o, "failed_checks", json__count(report->folded.failed_checks));
	return o;
}

json_t *json__recorded(struct json *json, const char *file, const struct report *report)
{
	json_t *o = json_object();

	json__set(json, o, "file", json__string(file));
	json__set(json, o, "host", host(json, report));
	json__set(json, o, "session", session(json, report));
	json__set(json, o, "probes", probes(json, report));
	json__set(json, o, "loss", loss(json, report));
	json__set(json, o, "folded", folded(json, report));
	return o;
}

void json__put(struct json *json, FILE *out, const char *s)
{
	if (!json->err && fputs(s, out) == EOF)
		json->err = errno ? -errno : -EIO;
}

static void dump(struct json *json, FILE *out, json_t *tree, size_t flags)
{
	if (!json->err && !tree)
		json->err = -ENOMEM;
	errno = 0;
	if (!json->err && json_dumpf(tree, out, DUMP_FLAGS | flags))
		json->err = errno ? -errno : -ENOMEM;
	json_decref(tree);
}

void json__dump(struct json *json, FILE *out, json_t *tree)
{
	dump(json, out, tree, 0);
}

void json__dump_members(struct json *json, FILE *out, json_t *tree)
{
	dump(json, out, tree, JSON_EMBED);
}

/* A process is a line, so that the document can be read in a pager. */
int render_json__report(const struct report *report, const struct render_options *opt, FILE *out)
{
	static const struct {
		const char *key;
		json_t *(*build)(struct json *json, const struct report *report);
	} parts[] = {
		{"{\"memtrace\":", json__about}, {",\n\"host\":", host},
		{",\n\"session\":", session},	 {",\n\"probes\":", probes},
		{",\n\"loss\":", loss},		 {",\n\"folded\":", folded},
	};
	struct json json = {.top = opt->top};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && !json.err; i++) {
		json__put(&json, out, parts[i].key);
		json__dump(&json, out, parts[i].build(&json, report));
	}
	json__put(&json, out, ",\n\"processes\":[");
	for (size_t i = 0; i < report->nr_processes && !json.err; i++) {
		json__put(&json, out, i ? ",\n" : "\n");
		json_process__write(&json, out, &report->processes[i]);
	}
	json__put(&json, out, "]}\n");
	if (!json.err && fflush(out))
		json.err = -errno;
	return json.err;
}
