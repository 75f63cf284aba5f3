// SPDX-License-Identifier: GPL-2.0-or-later
#include <math.h>

#include "base/vocab.h"
#include "render/json.h"
#include "report/report.h"

/* To a tenth of a percent. */
static json_t *used_percent(const struct report_stack_mark *mark)
{
	if (mark->peak_bytes == BYTES_UNKNOWN || !mark->size_bytes)
		return json_null();
	return json__real(round((double)mark->peak_bytes * 1000 / (double)mark->size_bytes) / 10);
}

json_t *json_stack_marks(struct json *json, const struct report_process *process)
{
	size_t nr = process->stack.nr_threads;
	json_t *array = json_array(), *o;

	for (size_t i = 0; i < (json->top && json->top < nr ? json->top : nr); i++) {
		const struct report_stack_mark *mark = &process->stack.threads[i];

		o = json_object();
		json__set(json, o, "tid", json__count(mark->tid));
		json__set(json, o, "comm", json__string(mark->comm));
		json__set(json, o, "size_bytes", json__bytes(mark->size_bytes));
		json__set(json, o, "peak_bytes", json__bytes(mark->peak_bytes));
		json__set(json, o, "used_percent", used_percent(mark));
		json__set(json, o, "exact", json_boolean(!mark->misses));
		json__set(json, o, "misses", json__string(mark->misses));
		json__append(json, array, o);
	}
	return array;
}
