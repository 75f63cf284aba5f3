/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing lines of text: columns are counted as a terminal shows them, errors are kept until the
 * end (every call after the first error does nothing), and nothing is written past the width.
 */
#ifndef MEMTRACE_RENDER_TEXT_H
#define MEMTRACE_RENDER_TEXT_H

#include <stdio.h>

#include "render/render.h"

struct text {
	const struct render_options *opt;
	FILE *out;
	unsigned int width;
	unsigned int column; /* of the line that is being built */
	unsigned int lines;  /* that are ended */
	char *line;
	size_t len;
	size_t capacity;
	int err;
};

enum text_style { STYLE_NONE, STYLE_BOLD, STYLE_DIM, STYLE_GOOD, STYLE_BAD };

void text__open(struct text *text, const struct render_options *opt, FILE *out);
/* Flushes the stream and frees what is held; 0 or the first error. */
int text__close(struct text *text);

/* Strings given to these are already safe for the terminal. */
void text__add(struct text *text, const char *s);
void text__addf(struct text *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text__repeat(struct text *text, const char *s, unsigned int times);
void text__pad(struct text *text, unsigned int column);
void text__style(struct text *text, enum text_style style);
void text__end(struct text *text);
/* A line in one piece. */
void text__linef(struct text *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * Words, broken into lines where they reach the width; the lines that follow begin at column hang.
 * A number stays with the word after it. The last line is left open.
 */
void text__wrap(struct text *text, unsigned int hang, const char *words);
void text__wrapf(struct text *text, unsigned int hang, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* A heading on a line of its own. */
void text__heading(struct text *text, const char *s);
/* A rule with a name in it, which is not safe yet, and what is told of it; after an empty line. */
void text__title(struct text *text, const char *unsafe, const char *what);

/* escape__terminal() for this output; "-" for NULL. The caller frees it; NULL after an error. */
char *text__safe(struct text *text, const char *s);
/* As asprintf(), but NULL and a kept error where memory ran out. */
char *text__format(struct text *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The UTF-8 or the ASCII form, by the options. */
const char *text__either(const struct text *text, const char *utf8, const char *ascii);
/* "" for 1, else "s". */
const char *text__plural(unsigned long long n);
/* How many of nr rows to show. */
size_t text__rows(const struct text *text, size_t nr);

#endif
