// SPDX-License-Identifier: GPL-2.0-or-later
#include "render/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"

#define DEFAULT_WIDTH 80
#define MIN_WIDTH 40
/* Of a title, what is around the name and what is told of it. */
#define TITLE_COLUMNS 7

void text__open(struct text *text, const struct render_options *opt, FILE *out)
{
	*text = (struct text){.opt = opt, .out = out};
	text->width = opt->width ? opt->width : DEFAULT_WIDTH;
	if (text->width < MIN_WIDTH)
		text->width = MIN_WIDTH;
}

int text__close(struct text *text)
{
	if (!text->err && fflush(text->out))
		text->err = -errno;
	free(text->line);
	text->line = NULL;
	return text->err;
}

static void append(struct text *text, const char *s, size_t len)
{
	char *line;

	if (text->err)
		return;
	if (text->len + len + 1 > text->capacity) {
		line = realloc(text->line, (text->len + len + 1) * 2);
		if (!line) {
			text->err = -ENOMEM;
			return;
		}
		text->line = line;
		text->capacity = (text->len + len + 1) * 2;
	}
	memcpy(text->line + text->len, s, len);
	text->len += len;
	text->line[text->len] = '\0';
}

void text__add(struct text *text, const char *s)
{
	append(text, s, strlen(s));
	text->column += escape__width(s);
}

static char *format(struct text *text, const char *fmt, va_list args)
{
	va_list again;
	char *s;
	int len;

	if (text->err)
		return NULL;
	va_copy(again, args);
	len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	s = len < 0 ? NULL : malloc((size_t)len + 1);
	if (!s) {
		text->err = -ENOMEM;
		return NULL;
	}
	vsnprintf(s, (size_t)len + 1, fmt, args);
	return s;
}

char *text__format(struct text *text, const char *fmt, ...)
{
	va_list args;
	char *s;

	va_start(args, fmt);
	s = format(text, fmt, args);
	va_end(args);
	return s;
}

static void add_formatted(struct text *text, const char *fmt, va_list args)
{
	char *s = format(text, fmt, args);

	if (s)
		text__add(text, s);
	free(s);
}

void text__addf(struct text *text, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add_formatted(text, fmt, args);
	va_end(args);
}

void text__repeat(struct text *text, const char *s, unsigned int times)
{
	while (times--)
		text__add(text, s);
}

void text__pad(struct text *text, unsigned int column)
{
	while (text->column < column && !text->err)
		text__add(text, " ");
}

void text__style(struct text *text, enum text_style style)
{
	static const char *const codes[] = {
		[STYLE_NONE] = "\033[0m",  [STYLE_BOLD] = "\033[1m", [STYLE_DIM] = "\033[2m",
		[STYLE_GOOD] = "\033[32m", [STYLE_BAD] = "\033[31m",
	};

	if (text->opt->colour)
		append(text, codes[style], strlen(codes[style]));
}

void text__end(struct text *text)
{
	while (text->len && text->line[text->len - 1] == ' ')
		text->len--;
	append(text, "\n", 1);
	if (!text->err && fwrite(text->line, 1, text->len, text->out) != text->len)
		text->err = errno ? -errno : -EIO;
	text->len = 0;
	text->column = 0;
	text->lines++;
}

void text__linef(struct text *text, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add_formatted(text, fmt, args);
	va_end(args);
	text__end(text);
}

/* How often, which stays with what: " × 4,112". */
static size_t times_bytes(const char *s)
{
	static const char *const signs[] = {" × ", " x "};

	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		size_t len = strlen(signs[i]);

		if (!strncmp(s, signs[i], len) && s[len] >= '0' && s[len] <= '9')
			return len + strcspn(s + len, " ");
	}
	return 0;
}

/* A word, and the word after it if this one is a number: "12.0 MiB", "3 runs". */
static size_t chunk_bytes(const char *s)
{
	size_t len = strcspn(s, " ");
	const char *digit = s + strspn(s, "(+-<");

	if (*digit >= '0' && *digit <= '9' && strncmp(digit, "0x", 2) && s[len] == ' ' &&
	    s[len - 1] != ',' && s[len - 1] != ';')
		len += 1 + strcspn(s + len + 1, " ");
	return len + times_bytes(s + len);
}

static void break_line(struct text *text, unsigned int hang)
{
	text__end(text);
	text__pad(text, hang);
}

/* What is wider than a whole line is broken between characters. */
static void add_by_character(struct text *text, unsigned int hang, const char *s)
{
	unsigned int columns;
	size_t len;

	for (; *s; s += len) {
		len = escape__unit(s, &columns);
		if (text->column + columns > text->width)
			break_line(text, hang);
		append(text, s, len);
		text->column += columns;
	}
}

void text__wrap(struct text *text, unsigned int hang, const char *words)
{
	unsigned int columns;
	char *chunk;
	size_t len;

	for (; *words && !text->err; words += len) {
		if (*words == ' ') {
			len = 1;
			if (text->column > hang && text->column < text->width)
				text__add(text, " ");
			continue;
		}
		len = chunk_bytes(words);
		chunk = text__format(text, "%.*s", (int)len, words);
		if (!chunk)
			return;
		columns = escape__width(chunk);
		if (text->column + columns > text->width && text->column > hang)
			break_line(text, hang);
		if (text->column + columns > text->width)
			add_by_character(text, hang, chunk);
		else
			text__add(text, chunk);
		free(chunk);
	}
}

void text__wrapf(struct text *text, unsigned int hang, const char *fmt, ...)
{
	va_list args;
	char *s;

	va_start(args, fmt);
	s = format(text, fmt, args);
	va_end(args);
	if (s)
		text__wrap(text, hang, s);
	free(s);
}

void text__heading(struct text *text, const char *s)
{
	text__style(text, STYLE_BOLD);
	text__add(text, s);
	text__style(text, STYLE_NONE);
	text__end(text);
}

void text__title(struct text *text, const char *unsafe, const char *what)
{
	unsigned int around = TITLE_COLUMNS + escape__width(what);
	char *safe = text__safe(text, unsafe);
	char *fit = safe ? escape__fit(safe, text->width - around, text->opt->utf8) : NULL;

	free(safe);
	if (!fit) {
		text->err = text->err ? text->err : -ENOMEM;
		return;
	}
	text__end(text);
	text__style(text, STYLE_BOLD);
	text__repeat(text, text__either(text, "━", "="), 2);
	text__addf(text, " %s %s%s", fit, what, *what ? " " : "");
	text__repeat(text, text__either(text, "━", "="),
		     text->column < text->width ? text->width - text->column : 0);
	text__style(text, STYLE_NONE);
	text__end(text);
	free(fit);
}

char *text__safe(struct text *text, const char *s)
{
	char *safe;

	if (text->err)
		return NULL;
	safe = s ? escape__terminal(s, text->opt->utf8) : strdup("-");
	if (!safe)
		text->err = -ENOMEM;
	return safe;
}

const char *text__either(const struct text *text, const char *utf8, const char *ascii)
{
	return text->opt->utf8 ? utf8 : ascii;
}

const char *text__plural(unsigned long long n)
{
	return n == 1 ? "" : "s";
}

size_t text__rows(const struct text *text, size_t nr)
{
	return text->opt->top && text->opt->top < nr ? text->opt->top : nr;
}
