/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a kernel lets us probe it is known for sure only when it has been tried. Each of these
 * tries, takes it back at once, and returns 0 or -errno with its text.
 */
#ifndef MEMTRACE_TRY_H
#define MEMTRACE_TRY_H

#include "base/error.h"

struct btf;

int try__fentry(const struct btf *vmlinux, const char *kernel_func, struct error *error);
int try__kprobe(const char *kernel_func, struct error *error);
int try__perf_event(unsigned int event, struct error *error); /* PERF_COUNT_SW_* */

#endif
