// SPDX-License-Identifier: GPL-2.0-or-later
/* Rows as lines: strings of strangers, columns, broken streams. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/escape.h"
#include "events.h"
#include "render/event_lines.h"
#include "report/event_row.h"

#define COLUMNS                                                                                    \
	"time,t_ns,pid,tid,comm,kind,address,region,size_bytes,result,access,name,thread,"         \
	"child_pid,child_tid,detail,cause,latency_ns"

/* One cell of CSV as RFC 4180 has it; *end: what follows it. */
static char *read_cell(const char *at, const char **end)
{
	char *cell = calloc(1, strlen(at) + 1), *out = cell;

	if (*at != '"') {
		size_t len = strcspn(at, ",\r\n");

		assert_true(strcspn(at, "\"") >= len);
		memcpy(cell, at, len);
		*end = at + len;
		return cell;
	}
	for (at++; *at != '"' || at[1] == '"'; at++) {
		assert_true(*at != '\0');
		at += *at == '"';
		*out++ = *at;
	}
	*end = at + 1;
	return cell;
}

/* A string as a renderer writes it: the third column of strings of a row. */
static char *render_name(const struct line_format *format, const char *name)
{
	struct report_event row = {.kind = "exec",
				   .size_bytes = BYTES_UNKNOWN,
				   .latency_ns = BYTES_UNKNOWN,
				   .name = name};
	struct event_lines *lines = calloc(1, sizeof(*lines));
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(event_lines__begin(lines, format, out), 0);
	assert_int_equal(event_lines__add(lines, &row), 0);
	assert_int_equal(event_lines__flush(lines), 0);
	fclose(out);
	free(lines);
	return text;
}

/* The cell of the name, as a spreadsheet gets it, and the rest of the line as it must be. */
static char *csv_name(const char *name)
{
	static const char header[] = COLUMNS "\r\n", before[] = ",,,,,exec,,,,,,";
	char *text = render_name(&csv_lines, name), *cell;
	const char *end = text;

	assert_memory_equal(text, header, sizeof(header) - 1);
	assert_memory_equal(text + sizeof(header) - 1, before, sizeof(before) - 1);
	cell = read_cell(text + sizeof(header) - 1 + sizeof(before) - 1, &end);
	assert_string_equal(end, ",,,,,,\r\n");
	free(text);
	return cell;
}

static void assert_csv(const char *name, const char *expected)
{
	char *cell = csv_name(name);

	assert_string_equal(cell, expected);
	free(cell);
}

static void test_csv_strings(void **state)
{
	(void)state;
	assert_csv("", "");
	assert_csv("a,b", "a,b");
	assert_csv("say \"so\"", "say \"so\"");
	assert_csv("\"", "\"");
	assert_csv("two\nlines", "two\nlines");
	assert_csv("na\xc3\xafve \xe6\x97\xa5", "na\xc3\xafve \xe6\x97\xa5");
	/* What acts on a terminal, and what is no UTF-8. */
	assert_csv("\x1b[31m", "\xef\xbf\xbd[31m");
	assert_csv("a\rb\x7f", "a\xef\xbf\xbd"
			       "b\xef\xbf\xbd");
	assert_csv("\xff=1", "\xef\xbf\xbd=1");
	assert_csv("\xe2\x80\xae", "\xef\xbf\xbd");
	/* Formulas, also for a spreadsheet that splits at semicolons or tabs. */
	assert_csv("=1+1", "'=1+1");
	assert_csv("-bash", "'-bash");
	assert_csv("+1", "'+1");
	assert_csv("@SUM(A1)", "'@SUM(A1)");
	assert_csv("\t=1", "'\t'=1");
	assert_csv("a;=1", "a;'=1");
	assert_csv("a;\"=1", "a;\"'=1");
	assert_csv("a\n=1", "a\n'=1");
	assert_csv("\xef\xbc\x9d"
		   "1",
		   "'\xef\xbc\x9d"
		   "1");
	assert_csv("'tis", "''tis");
	assert_csv("a=b-c", "a=b-c");
}

/* As the man page tells a reader to get back what was there. */
static char *take_apostrophes_back(const char *cell)
{
	char *ret = calloc(1, strlen(cell) + 1), *out = ret, before = ';';

	for (; *cell; cell++) {
		if (*cell == '\'' && before && strchr(";\"\t\n", before))
			cell++;
		before = *out++ = *cell;
	}
	return ret;
}

static void assert_no_formula(const char *cell)
{
	char before = ';';

	for (; *cell; before = *cell++)
		if (strchr(";\"\t\n", before))
			assert_null(strchr("=+-@\t", *cell));
}

static void test_random_strings(void **state)
{
	static const char alphabet[] = "=+-@'\t\n;\",ab \x1b\xc3\xa9\xff";
	uint64_t seed = 20261121;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char name[24] = "", *cell, *back, *line, *valid = NULL;
		size_t len = random__below(&seed, sizeof(name));
		json_t *row;

		for (size_t i = 0; i < len; i++)
			name[i] = alphabet[random__below(&seed, sizeof(alphabet) - 1)];
		valid = escape__utf8(name);

		line = render_name(&ndjson_lines, name);
		row = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
		assert_non_null(row);
		assert_string_equal(json_string_value(json_object_get(row, "name")), valid);
		for (const char *c = line; *c; c++)
			assert_true(*c == '\n' ? !c[1] : *c >= ' ' && *c < 0x7f);
		json_decref(row);
		free(line);

		for (char *esc = valid; (esc = strchr(esc, '\x1b'));) {
			char *rest = strdup(esc + 1), *longer;

			*esc = '\0';
			assert_true(asprintf(&longer, "%s\xef\xbf\xbd%s", valid, rest) > 0);
			free(rest);
			free(valid);
			valid = esc = longer;
		}
		cell = csv_name(name);
		assert_no_formula(cell);
		back = take_apostrophes_back(cell);
		assert_string_equal(back, valid);
		free(back);
		free(cell);
		free(valid);
	}
}

static void test_json_strings(void **state)
{
	char *line;

	(void)state;
	line = render_name(&ndjson_lines, "\"\\/\b\n\x7f\xc3\xa9\xe2\x80\xae\xf0\x9f\x98\x80\xff");
	assert_string_equal(line, "{\"time\":null,\"t_ns\":null,\"pid\":null,\"tid\":null,"
				  "\"comm\":null,\"kind\":\"exec\",\"address\":null,"
				  "\"region\":null,\"size_bytes\":null,\"result\":null,"
				  "\"access\":null,"
				  "\"name\":\"\\\"\\\\/\\u0008\\u000a\\u007f\\u00e9\\u202e"
				  "\\ud83d\\ude00\\ufffd\",\"thread\":null,\"child_pid\":null,"
				  "\"child_tid\":null,\"detail\":null,\"cause\":null,"
				  "\"latency_ns\":null}\n");
	free(line);
}

/* Both formats have the same columns, in the same order. */
static void test_columns(void **state)
{
	char *line = render_name(&ndjson_lines, "x"), keys[512] = "";
	json_t *row = json_loads(line, 0, NULL), *value;
	const char *key;

	(void)state;
	json_object_foreach(row, key, value)
	{
		strcat(keys, *keys ? "," : "");
		strcat(keys, key);
	}
	assert_string_equal(keys, COLUMNS);
	json_decref(row);
	free(line);
}

/* A long string crosses the buffer's end, wherever that comes. */
static void test_long_lines(void **state)
{
	struct report_event row = {
		.kind = "exec", .size_bytes = BYTES_UNKNOWN, .latency_ns = BYTES_UNKNOWN};
	struct event_lines *lines = calloc(1, sizeof(*lines));
	char *text = NULL, *name = malloc(100001), *at;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	memset(name, 'n', 100000);
	name[100000] = '\0';
	row.name = name;
	assert_int_equal(event_lines__begin(lines, &ndjson_lines, out), 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(event_lines__add(lines, &row), 0);
	assert_int_equal(event_lines__flush(lines), 0);
	fclose(out);
	at = text;
	for (int i = 0; i < 100; i++) {
		json_t *back = json_loads(at, JSON_DISABLE_EOF_CHECK, NULL);

		assert_string_equal(json_string_value(json_object_get(back, "name")), name);
		json_decref(back);
		at = strchr(at, '\n') + 1;
	}
	assert_string_equal(at, "");
	free(lines);
	free(name);
	free(text);
}

static int fill(FILE *out)
{
	struct report_event row = {.kind = "exec",
				   .size_bytes = BYTES_UNKNOWN,
				   .latency_ns = BYTES_UNKNOWN,
				   .name = "x"};
	struct event_lines *lines = calloc(1, sizeof(*lines));
	int err = event_lines__begin(lines, &csv_lines, out);

	for (int i = 0; i < 10000 && !err; i++)
		err = event_lines__add(lines, &row);
	if (!err)
		err = event_lines__flush(lines);
	/* It stays so. */
	assert_int_equal(event_lines__add(lines, &row), err);
	assert_int_equal(event_lines__flush(lines), err);
	free(lines);
	fclose(out);
	return err;
}

static void test_broken_streams(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(fill(fopen("/dev/full", "w")), -ENOSPC);
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(fds), 0);
	close(fds[0]);
	assert_int_equal(fill(fdopen(fds[1], "w")), -EPIPE);
	assert_int_equal(fill(fopen("/dev/null", "w")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_csv_strings),    cmocka_unit_test(test_json_strings),
		cmocka_unit_test(test_random_strings), cmocka_unit_test(test_columns),
		cmocka_unit_test(test_long_lines),     cmocka_unit_test(test_broken_streams),
	};

	return cmocka_run_group_tests_name("event_lines", tests, NULL, NULL);
}
