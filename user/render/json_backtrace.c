// SPDX-License-Identifier: GPL-2.0-or-later
#include "render/backtrace.h"

static json_t *frame(struct json *json, const struct report_frame *from)
{
	json_t *o = json_object();

	json__set(json, o, "ip", json__address(from->ip));
	json__set(json, o, "symbol", json__string(from->symbol));
	json__set(json, o, "offset", json__count(from->offset));
	json__set(json, o, "file", json__string(from->file));
	json__set(json, o, "cycle", json__count(from->cycle));
	json__set(json, o, "repeat", json__count(from->repeat));
	return o;
}

json_t *json__backtrace(struct json *json, const struct report_backtrace *backtrace)
{
	json_t *o, *frames;

	if (!backtrace)
		return json_null();
	o = json_object();
	frames = json_array();
	json__set(json, o, "depth", json__count(backtrace->depth));
	json__set(json, o, "cut_off", json_boolean(backtrace->cut_off));
	json__set(json, o, "exact", json_boolean(backtrace->exact));
	json__set(json, o, "left_out", json__count(backtrace->left_out));
	json__set(json, o, "left_out_after", json__count(backtrace->left_out_after));
	for (size_t i = 0; i < backtrace->nr_frames; i++)
		json__append(json, frames, frame(json, &backtrace->frames[i]));
	json__set(json, o, "frames", frames);
	return o;
}
