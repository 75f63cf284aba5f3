/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The stacks that were copied at bad accesses: who called whom, by the files of this system. */
#ifndef MEMTRACE_CMD_UNWIND_H
#define MEMTRACE_CMD_UNWIND_H

#include <stddef.h>
#include <stdint.h>

#include "source/source.h"

struct model;
struct paths;

/*
 * Push a MT_KIND_STACK record, dated time_ns, for each stack that was copied since the last time,
 * and free its slot for another. 0 or what fn returned.
 */
int unwind(struct model *model, struct source *source, struct paths *paths, uint64_t time_ns,
	   source_fn fn, void *ctx);

/* A MT_KIND_STACK_COPY record on its way to the model: one that nobody can read has a slot, too. */
void unwind__note(struct source *source, const void *record, size_t size);

#endif
