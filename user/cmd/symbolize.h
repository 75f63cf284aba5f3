/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The functions that the model asks for, looked up in the files of this system. */
#ifndef MEMTRACE_SYMBOLIZE_H
#define MEMTRACE_SYMBOLIZE_H

#include <stdint.h>

#include "source/source.h"

struct model;
struct paths;

/*
 * Push a MT_KIND_SYMBOL record, dated time_ns, for each function that was asked for since the last
 * time. A file that cannot be reached any more, or is another one by now, has none. 0 or what fn
 * returned.
 */
int symbolize(struct model *model, struct paths *paths, uint64_t time_ns, source_fn fn, void *ctx);

#endif
