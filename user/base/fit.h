/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MEMTRACE_FIT_H
#define MEMTRACE_FIT_H

#include <stddef.h>
#include <string.h>

/* Copies a text; of one that does not fit, as much as does, with "..." at its end. size > 3. */
static inline void fit__copy(char *to, size_t size, const char *text)
{
	size_t len = strnlen(text, size);

	memcpy(to, text, len < size ? len : size - 1);
	to[len < size ? len : size - 1] = '\0';
	if (len == size)
		memcpy(to + size - 4, "...", 3);
}

#endif
