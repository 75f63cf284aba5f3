// SPDX-License-Identifier: GPL-2.0-or-later
/* There may be a million lines a second: numbers are written by hand, into a buffer of our own. */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/units.h"
#include "render/event_lines.h"
#include "report/event_row.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* In what the formats differ. */
struct line_format {
	const char *begin;
	const char *between;
	const char *end;
	const char *none;
	const char *quote; /* around what is not a number, and needs no escaping */
	bool keys;	   /* in each line; else in the header */
	void (*put_string)(struct event_lines *lines, const char *s);
};

static void write_out(struct event_lines *lines)
{
	errno = 0;
	if (!lines->err && fwrite_unlocked(lines->bytes, 1, lines->nr, lines->out) < lines->nr)
		lines->err = errno ? -errno : -EIO;
	lines->nr = 0;
}

/* len: less than what lines->bytes has room for. */
static inline void put_bytes(struct event_lines *lines, const char *bytes, size_t len)
{
	if (len > sizeof(lines->bytes) - lines->nr)
		write_out(lines);
	memcpy(lines->bytes + lines->nr, bytes, len);
	lines->nr += len;
}

static inline void put(struct event_lines *lines, const char *s)
{
	put_bytes(lines, s, strlen(s));
}

static void put_number(struct event_lines *lines, uint64_t n)
{
	char digits[20];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + n % 10);
	while (n /= 10);
	put_bytes(lines, digits + at, sizeof(digits) - at);
}

static void put_hex(struct event_lines *lines, uint64_t n, unsigned int min_digits)
{
	static const char hex[] = "0123456789abcdef";
	char digits[16];
	size_t at = sizeof(digits);

	do
		digits[--at] = hex[n & 0xf];
	while ((n >>= 4) || sizeof(digits) - at < min_digits);
	put_bytes(lines, digits + at, sizeof(digits) - at);
}

static void put_unit(struct event_lines *lines, uint32_t utf16)
{
	put(lines, "\\u");
	put_hex(lines, utf16, 4);
}

static void put_json_escaped(struct event_lines *lines, uint32_t c)
{
	if (c == '"' || c == '\\') {
		char escaped[] = {'\\', (char)c};

		put_bytes(lines, escaped, sizeof(escaped));
	} else if (c >= 0x10000) {
		put_unit(lines, 0xd800 + ((c - 0x10000) >> 10));
		put_unit(lines, 0xdc00 + ((c - 0x10000) & 0x3ff));
	} else {
		put_unit(lines, c);
	}
}

static void put_json_string(struct event_lines *lines, const char *s)
{
	uint32_t c;
	size_t len;

	put(lines, "\"");
	for (; *s; s += len) {
		len = utf8__decode(s, &c);
		if (!len) {
			len = 1;
			c = 0xfffd;
		}
		if (c >= ' ' && c < 0x7f && c != '"' && c != '\\')
			put_bytes(lines, s, 1);
		else
			put_json_escaped(lines, c);
	}
	put(lines, "\"");
}

/*
 * What begins a formula, also in full width, or looks like the apostrophe that says that none does
 * (OWASP, CSV Injection).
 */
static bool begins_formula(uint32_t c)
{
	return c == '=' || c == '+' || c == '-' || c == '@' || c == '\'' || c == '\t' ||
	       c == 0xff1d || c == 0xff0b || c == 0xff0d || c == 0xff20;
}

/* Where a cell may begin, in the eyes of a spreadsheet that splits at other characters than we. */
static bool begins_cell(uint32_t before)
{
	return !before || before == ';' || before == '"' || before == '\t' || before == '\n';
}

static void put_csv_string(struct event_lines *lines, const char *s)
{
	uint32_t c, before = 0;
	size_t len;

	put(lines, "\"");
	for (; *s; s += len, before = c) {
		len = utf8__decode(s, &c);
		if (begins_cell(before) && len && begins_formula(c))
			put(lines, "'");
		if (c == '"' && len)
			put(lines, "\"\"");
		else if (len && (c == '\n' || c == '\t' || !utf8__is_unsafe(c)))
			put_bytes(lines, s, len);
		else
			put(lines, REPLACEMENT);
		if (!len) {
			len = 1;
			c = 0xfffd;
		}
	}
	put(lines, "\"");
}

const struct line_format ndjson_lines = {
	.begin = "{",
	.between = ",",
	.end = "}\n",
	.none = "null",
	.quote = "\"",
	.keys = true,
	.put_string = put_json_string,
};

const struct line_format csv_lines = {
	.begin = "",
	.between = ",",
	.end = "\r\n",
	.none = "",
	.quote = "",
	.put_string = put_csv_string,
};

static void put_none(struct event_lines *lines)
{
	put(lines, lines->format->none);
}

static void put_word(struct event_lines *lines, const char *word)
{
	put(lines, lines->format->quote);
	put(lines, word);
	put(lines, lines->format->quote);
}

/* How a column finds its value in a row and writes it. */
struct column {
	const char *name;
	void (*put)(struct event_lines *lines, const struct report_event *row, size_t offset);
	size_t offset;
};

static const void *at(const struct report_event *row, size_t offset)
{
	return (const char *)row + offset;
}

static void column__id(struct event_lines *lines, const struct report_event *row, size_t offset)
{
	uint32_t id = *(const uint32_t *)at(row, offset);

	if (id)
		put_number(lines, id);
	else
		put_none(lines);
}

static void column__number(struct event_lines *lines, const struct report_event *row, size_t offset)
{
	uint64_t number = *(const uint64_t *)at(row, offset);

	if (number != BYTES_UNKNOWN)
		put_number(lines, number);
	else
		put_none(lines);
}

/* Of our own making: ASCII, and nothing in it that a format would have to escape. */
static void column__word(struct event_lines *lines, const struct report_event *row, size_t offset)
{
	const char *word = *(const char *const *)at(row, offset);

	if (word)
		put_word(lines, word);
	else
		put_none(lines);
}

/* The same, kept in the row itself. */
static void column__text(struct event_lines *lines, const struct report_event *row, size_t offset)
{
	const char *text = at(row, offset);

	if (*text)
		put_word(lines, text);
	else
		put_none(lines);
}

static void column__string(struct event_lines *lines, const struct report_event *row, size_t offset)
{
	const char *s = *(const char *const *)at(row, offset);

	if (s)
		lines->format->put_string(lines, s);
	else
		put_none(lines);
}

static void column__address(struct event_lines *lines, const struct report_event *row,
			    size_t offset)
{
	(void)offset;
	if (!row->address_known) {
		put_none(lines);
		return;
	}
	put(lines, lines->format->quote);
	put(lines, "0x");
	put_hex(lines, row->address, 1);
	put(lines, lines->format->quote);
}

static void column__since_start(struct event_lines *lines, const struct report_event *row,
				size_t offset)
{
	int64_t t_ns = row->t_ns;

	(void)offset;
	if (!row->time_known) {
		put_none(lines);
		return;
	}
	if (t_ns < 0)
		put(lines, "-");
	put_number(lines, t_ns < 0 ? 0 - (uint64_t)t_ns : (uint64_t)t_ns);
}

/* RFC 3339, section 5.6, in UTC. The date is made once a second. */
static void column__time(struct event_lines *lines, const struct report_event *row, size_t offset)
{
	uint64_t second = row->realtime_ns / NSEC_PER_SEC, ns = row->realtime_ns % NSEC_PER_SEC;
	char fraction[] = ".000000000Z";

	(void)offset;
	if (!row->time_known) {
		put_none(lines);
		return;
	}
	if (second != lines->second || !*lines->date) {
		snprintf(lines->date, sizeof(lines->date), "%.23s", units__utc(second).s);
		lines->second = second;
	}
	for (int digit = 9; digit && ns; digit--, ns /= 10)
		fraction[digit] = (char)('0' + ns % 10);
	put(lines, lines->format->quote);
	put(lines, lines->date);
	put_bytes(lines, fraction, sizeof(fraction) - 1);
	put(lines, lines->format->quote);
}

#define OF(member) offsetof(struct report_event, member)

/* A promise to users: more may come at the end, none goes or is named anew. */
static const struct column columns[] = {
	{"time", column__time, 0},
	{"t_ns", column__since_start, 0},
	{"pid", column__id, OF(pid)},
	{"tid", column__id, OF(tid)},
	{"comm", column__string, OF(comm)},
	{"kind", column__word, OF(kind)},
	{"address", column__address, 0},
	{"region", column__word, OF(region)},
	{"size_bytes", column__number, OF(size_bytes)},
	{"result", column__text, OF(result)},
	{"access", column__word, OF(access)},
	{"name", column__string, OF(name)},
	{"thread", column__string, OF(thread)},
	{"child_pid", column__id, OF(child_pid)},
	{"child_tid", column__id, OF(child_tid)},
	{"detail", column__text, OF(detail)},
	{"cause", column__word, OF(cause)},
	{"latency_ns", column__number, OF(latency_ns)},
};
#define NR_COLUMNS (sizeof(columns) / sizeof(columns[0]))

int event_lines__begin(struct event_lines *lines, const struct line_format *format, FILE *out)
{
	*lines = (struct event_lines){.format = format, .out = out};
	if (format->keys)
		return 0;
	for (size_t i = 0; i < NR_COLUMNS; i++) {
		put(lines, i ? format->between : "");
		put(lines, columns[i].name);
	}
	put(lines, format->end);
	return lines->err;
}

int event_lines__add(struct event_lines *lines, const struct report_event *row)
{
	const struct line_format *format = lines->format;

	for (size_t i = 0; i < NR_COLUMNS; i++) {
		put(lines, i ? format->between : format->begin);
		if (format->keys) {
			put(lines, "\"");
			put(lines, columns[i].name);
			put(lines, "\":");
		}
		columns[i].put(lines, row, columns[i].offset);
	}
	put(lines, format->end);
	return lines->err;
}

int event_lines__flush(struct event_lines *lines)
{
	if (lines->nr)
		write_out(lines);
	if (!lines->err && fflush_unlocked(lines->out))
		lines->err = -errno;
	return lines->err;
}
