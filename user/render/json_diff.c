// SPDX-License-Identifier: GPL-2.0-or-later
/* A comparison as a JSON document. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "render/json.h"
#include "render/render.h"
#include "report/diff.h"

static const char *const side_keys[DIFF_SIDES] = {"a", "b"};

static json_t *value(int64_t n)
{
	return n == DIFF_UNKNOWN ? json_null() : json_integer(n);
}

static json_t *row_value(struct json *json, const struct diff *diff, const struct diff_row *row)
{
	double a = diff_row__rate(diff, row, DIFF_A), b = diff_row__rate(diff, row, DIFF_B);
	json_t *o;

	o = json_object();
	for (enum diff_side side = 0; side < DIFF_SIDES; side++)
		json__set(json, o, side_keys[side], value(row->value[side]));
	json__set(json, o, "change", value(diff_row__change(row)));
	json__set(json, o, "change_percent",
		  json__real(diff__percent(diff_row__number(row, DIFF_A),
					   diff_row__number(row, DIFF_B))));
	if (!diff_metric__adds_up(row->metric))
		return o;
	json__set(json, o, "a_per_s", json__real(a));
	json__set(json, o, "b_per_s", json__real(b));
	json__set(json, o, "change_per_s", json__real(b - a));
	json__set(json, o, "change_per_s_percent", json__real(diff__percent(a, b)));
	return o;
}

/* Where a path leads: "heap.calls.*.count", the objects made as they are needed. */
static void place(struct json *json, json_t *object, const struct diff_row *row, json_t *value)
{
	const struct diff_metric *metric = row->metric;
	const char *path = metric->path;
	char key[64];

	for (;;) {
		size_t len = strcspn(path, ".");
		json_t *inner;

		if (*path == '*')
			snprintf(key, sizeof(key), "%s", metric->name(row->index));
		else
			snprintf(key, sizeof(key), "%.*s", (int)len, path);
		if (!path[len] || json->err)
			break;
		inner = json_object_get(object, key);
		if (!inner) {
			inner = json_object();
			json__set(json, object, key, inner);
		}
		object = inner;
		path += len + 1;
	}
	json__set(json, object, key, value);
}

static json_t *process(struct json *json, const struct diff *diff,
		       const struct diff_process *process)
{
	json_t *o = json_object(), *nr = json_object(), *exe = json_object();
	bool in_a = process->nr[DIFF_A], in_b = process->nr[DIFF_B];

	for (enum diff_side side = 0; side < DIFF_SIDES; side++) {
		json__set(json, nr, side_keys[side], json__count(process->nr[side]));
		json__set(json, exe, side_keys[side], json__string(process->exe[side]));
	}
	if (process->comm) {
		json__set(json, o, "comm", json__string(process->comm));
		json__set(json, o, "exe", exe);
		json__set(json, o, "state",
			  json_string(in_a && in_b ? "both"
				      : in_a	   ? "gone"
						   : "new"));
	} else {
		json_decref(exe);
	}
	json__set(json, o, "processes", nr);
	for (size_t i = 0; i < process->nr_rows; i++)
		place(json, o, &process->rows[i], row_value(json, diff, &process->rows[i]));
	return o;
}

static json_t *warnings(struct json *json, const struct diff *diff)
{
	json_t *array = json_array(), *o;

	for (size_t i = 0; i < diff->warnings.nr; i++) {
		o = json_object();
		json__set(json, o, "code", json_string(diff->warnings.items[i].code));
		json__set(json, o, "text", json__string(diff->warnings.items[i].text));
		json__append(json, array, o);
	}
	return array;
}

/* A process is a line, and in memory alone, as in the report. */
int render_json__diff(const struct diff *diff, const struct render_options *opt, FILE *out)
{
	const struct report *const *report = diff->report;
	struct json json = {.top = opt->top};

	json__put(&json, out, "{\"memtrace\":");
	json__dump(&json, out, json__about(&json, report[DIFF_A]));
	json__put(&json, out, ",\n\"kind\":\"diff\",\n\"a\":");
	json__dump(&json, out, json__recorded(&json, diff->file[DIFF_A], report[DIFF_A]));
	json__put(&json, out, ",\n\"b\":");
	json__dump(&json, out, json__recorded(&json, diff->file[DIFF_B], report[DIFF_B]));
	json__put(&json, out, ",\n\"compared_by\":");
	json__dump(&json, out, json_string(diff->basis == DIFF_BY_RATE ? "rate" : "total"));
	json__put(&json, out, ",\n\"warnings\":");
	json__dump(&json, out, warnings(&json, diff));
	json__put(&json, out, ",\n\"all\":");
	json__dump(&json, out, process(&json, diff, &diff->all));
	json__put(&json, out, ",\n\"processes\":[");
	for (size_t i = 0; i < diff->nr_processes && !json.err; i++) {
		json__put(&json, out, i ? ",\n" : "\n");
		json__dump(&json, out, process(&json, diff, &diff->processes[i]));
	}
	json__put(&json, out, "]}\n");
	if (!json.err && fflush(out))
		json.err = -errno;
	return json.err;
}
