/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MEMTRACE_TRACE_H
#define MEMTRACE_TRACE_H

struct options;

/* Trace live as the options say, and report. The exit status of the program. */
int trace__run(const struct options *opt);

#endif
