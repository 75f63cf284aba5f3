/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The events themselves, a line each: as JSON objects (ndjson), or as rows of a CSV table. What
 * stands for "none" and "not known" is null, and an empty field.
 */
#ifndef MEMTRACE_EVENT_LINES_H
#define MEMTRACE_EVENT_LINES_H

#include <stdint.h>
#include <stdio.h>

struct report_event;
struct line_format;

/* JSON (RFC 8259), in ASCII: what is not, is escaped; a byte that is not UTF-8 is U+FFFD. */
extern const struct line_format ndjson_lines;

/*
 * CSV (RFC 4180) with a header, in UTF-8. The strings of strangers are in quotes, and of the
 * characters that act on a terminal only newlines and tabs stay; the others are U+FFFD. An
 * apostrophe is put before a character at which a spreadsheet would begin a formula, and before an
 * apostrophe there.
 */
extern const struct line_format csv_lines;

#define EVENT_LINES_BYTES (1 << 16)

struct event_lines {
	const struct line_format *format;
	FILE *out;
	int err;	 /* of the first write that failed */
	uint64_t second; /* of the line before, since 1970 */
	char date[24];	 /* the same in words */
	size_t nr;
	char bytes[EVENT_LINES_BYTES]; /* what waits to be written */
};

/* Add the header, where there is one. 0 or -errno of the stream. */
int event_lines__begin(struct event_lines *lines, const struct line_format *format, FILE *out);

/* Add a line; it is written when there are enough of them, or when told. As above. */
int event_lines__add(struct event_lines *lines, const struct report_event *row);

/* Write what waits, to the end of the stream. As above. */
int event_lines__flush(struct event_lines *lines);

#endif
