// SPDX-License-Identifier: GPL-2.0-or-later
#include "rendered.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/escape.h"
#include "render/render.h"
#include "report/report.h"

typedef int (*render_fn)(const struct report *report, const struct render_options *opt, FILE *out);

static char *rendered_by(render_fn render, struct report *report, const struct render_options *opt)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(render(report, opt, out), 0);
	fclose(out);
	report__free(report);
	return text;
}

char *rendered(struct report *report, const struct render_options *opt)
{
	return rendered_by(render_text__report, report, opt);
}

char *rendered_json(struct report *report, const struct render_options *opt)
{
	return rendered_by(render_json__report, report, opt);
}

json_t *json_at(json_t *root, const char *path)
{
	char key[64];
	size_t len;

	for (; *path && root; path += len + (path[len] == '.')) {
		len = strcspn(path, ".");
		snprintf(key, sizeof(key), "%.*s", (int)len, path);
		root = json_is_array(root) ? json_array_get(root, strtoul(key, NULL, 10))
					   : json_object_get(root, key);
	}
	assert_non_null(root);
	return root;
}

/* cmocka's own messages end after 1,024 bytes. */
static void fail_with(const char *why, const char *part, const char *text)
{
	fprintf(stderr, "%s:\n%s\nIt is:\n%s\n", why, part, text);
	fail();
}

void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_with("not in the report", part, text);
}

void assert_has_not(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_with("in the report", part, text);
}

void assert_has_lines(const char *text, const char *lines)
{
	const char *at = strstr(text, lines);

	if (!at || (at > text && at[-1] != '\n'))
		fail_with("not lines of the report", lines, text);
}

void assert_tidy(const char *text, unsigned int width)
{
	char *copy = strdup(text), *line, *rest = copy;

	assert_int_equal(text[strlen(text) - 1], '\n');
	while ((line = strsep(&rest, "\n"))) {
		size_t len = strlen(line);

		if (escape__width(line) > width)
			fail_msg("over %u columns: %s", width, line);
		assert_false(len && line[len - 1] == ' ');
		for (size_t i = 0; i < len; i++)
			assert_true((unsigned char)line[i] >= 0x20);
	}
	free(copy);
}
