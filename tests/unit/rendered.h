/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The text of a report, and what the tests want to find in it. */
#ifndef MEMTRACE_TESTS_RENDERED_H
#define MEMTRACE_TESTS_RENDERED_H

#include <jansson.h>

struct render_options;
struct report;

/* Renders the report and frees it; the caller frees the text. */
char *rendered(struct report *report, const struct render_options *opt);
char *rendered_json(struct report *report, const struct render_options *opt);

/* A value of a document by its path: "processes.0.faults.minor". */
json_t *json_at(json_t *root, const char *path);

void assert_has(const char *text, const char *part);
void assert_has_not(const char *text, const char *part);
/* Whole lines, one after the other. */
void assert_has_lines(const char *text, const char *lines);
/* No line over the width, none with a space at its end, nothing that acts on a terminal. */
void assert_tidy(const char *text, unsigned int width);

#endif
