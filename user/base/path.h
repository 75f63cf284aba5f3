/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MEMTRACE_PATH_H
#define MEMTRACE_PATH_H

#include <string.h>

/* Within the path: "/bin/true" is "true", "/bin/" is "", and without a slash it is the whole. */
static inline const char *path__last(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

#endif
