/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files of a test. */
#include "live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct live_path live__path(const struct live *live, const char *name)
{
	struct live_path path;

	snprintf(path.s, sizeof(path.s), "%s/%s", live->dir, name);
	return path;
}

char *live__read_file(const char *path)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file = fopen(path, "r");

	if (!file)
		fail_msg("no %s", path);
	/* To its end: the text has no NUL. */
	if (getdelim(&text, &size, '\0', file) < 0) {
		free(text);
		text = strdup("");
	}
	fclose(file);
	assert_non_null(text);
	return text;
}
