/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What went wrong, in one line for a person; made where it is known, printed by cmd/ alone. */
#ifndef MEMTRACE_ERROR_H
#define MEMTRACE_ERROR_H

struct error {
	char text[512];
};

/* Fill in the line and return -code: `return error__set(error, ESRCH, "no process %d", pid);` */
int error__set(struct error *error, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
