/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The stack of a thread at a bad access, in a text report and in JSON. */
#ifndef MEMTRACE_RENDER_BACKTRACE_H
#define MEMTRACE_RENDER_BACKTRACE_H

#include "render/json.h"
#include "render/text.h"
#include "report/backtrace.h"

/* A line for each frame or recursion, indented so far; nothing for NULL. */
void text__backtrace(struct text *text, unsigned int indent,
		     const struct report_backtrace *backtrace);
/* null for NULL. */
json_t *json__backtrace(struct json *json, const struct report_backtrace *backtrace);

#endif
