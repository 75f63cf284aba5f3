// SPDX-License-Identifier: GPL-2.0-or-later
/* What the kernel offers, as a JSON document. */
#include <errno.h>
#include <string.h>

#include "render/json.h"
#include "render/render.h"
#include "report/doctor.h"

static json_t *answer(enum doctor_answer answer)
{
	return answer == DOCTOR_UNKNOWN ? json_null() : json_boolean(answer == DOCTOR_YES);
}

static json_t *filled(const char *s)
{
	return json__string(*s ? s : NULL);
}

static json_t *check(struct json *json, const struct doctor_check *check)
{
	json_t *o = json_object();

	json__set(json, o, "name", json__string(check->name));
	json__set(json, o, "ok", answer(check->answer));
	json__set(json, o, "detail", filled(check->detail));
	return o;
}

static json_t *parts(struct json *json, const char *list, const char *between)
{
	json_t *array = json_array();

	while (*list) {
		const char *end = strstr(list, between);
		size_t len = end ? (size_t)(end - list) : strlen(list);

		json__append(json, array, json_stringn(list, len));
		list += len + (end ? strlen(between) : 0);
	}
	return array;
}

static json_t *probe(struct json *json, const struct doctor_probe *row)
{
	json_t *o = json_object();

	json__set(json, o, "fact", json__string(row->fact));
	json__set(json, o, "probes", *row->probes ? parts(json, row->probes, ", ") : json_null());
	json__set(json, o, "via", json__string(row->via));
	json__set(json, o, "offered", answer(row->offered));
	json__set(json, o, "why_not", filled(row->why));
	json__set(json, o, "chosen", json_boolean(row->chosen));
	json__set(json, o, "misses", parts(json, row->misses, "; "));
	return o;
}

static json_t *host(struct json *json, const struct doctor *doctor)
{
	json_t *o = json_object();

	json__set(json, o, "kernel", json__string(doctor->kernel));
	json__set(json, o, "arch", json__string(doctor->arch));
	return o;
}

static json_t *document(struct json *json, const struct doctor *doctor)
{
	json_t *o = json_object(), *checks = json_array(), *probes = json_array();

	for (size_t i = 0; i < doctor->nr_checks; i++)
		json__append(json, checks, check(json, &doctor->checks[i]));
	for (size_t i = 0; i < doctor->nr_probes; i++)
		json__append(json, probes, probe(json, &doctor->probes[i]));
	json__set(json, o, "memtrace", json__program(json, doctor->version));
	json__set(json, o, "kind", json__string("doctor"));
	json__set(json, o, "host", host(json, doctor));
	json__set(json, o, "works", answer(doctor->works));
	json__set(json, o, "why_not", filled(doctor->why));
	json__set(json, o, "checks", checks);
	json__set(json, o, "probes", probes);
	return o;
}

int render_json__doctor(const struct doctor *doctor, FILE *out)
{
	struct json json = {};

	json__dump(&json, out, document(&json, doctor));
	json__put(&json, out, "\n");
	if (!json.err && fflush(out))
		json.err = -errno;
	return json.err;
}
