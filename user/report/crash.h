/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MEMTRACE_REPORT_CRASH_H
#define MEMTRACE_REPORT_CRASH_H

struct crash;

/*
 * What was wrong with a bad access, in words: "write to read-only mapping /usr/lib/libc.so.6 r--".
 * With names of strangers: to be escaped. The caller frees it; NULL: out of memory.
 */
char *report_crash__text(const struct crash *crash);

#endif
