/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words for a person, on standard error. */
#ifndef MEMTRACE_MESSAGE_H
#define MEMTRACE_MESSAGE_H

#include "base/error.h"

/* One line; what comes from strangers is escaped. */
void message(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * The exit status for a result: none for 0 and for a closed pipe, which is a quiet end; else the
 * error's line is printed.
 */
int message__failure(const struct error *error, int err);

#endif
