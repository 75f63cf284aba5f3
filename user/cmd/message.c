// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "cmd/message.h"
#include "cmd/options.h"

void message(const char *fmt, ...)
{
	char *text __free = NULL, *escaped __free = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	escaped = text ? escape__terminal(text, true) : NULL;
	fprintf(stderr, "memtrace: %s\n", escaped ?: text ?: "out of memory");
}

int message__failure(const struct error *error, int err)
{
	if (!err || err == -EPIPE)
		return STATUS_OK;
	message("%s", error->text);
	return err == -ENOTSUP ? STATUS_UNSUPPORTED : STATUS_FAILURE;
}
