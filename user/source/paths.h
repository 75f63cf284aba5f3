/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where files lie that processes execute: of one that is gone when its file is wanted, the records
 * often know the last component of its name alone. Learned while the processes live, from what
 * passes by; what is not known by that is looked for where libraries usually lie, and in the
 * directories that were met. Whatever is found is told by its inode.
 */
#ifndef MEMTRACE_PATHS_H
#define MEMTRACE_PATHS_H

#include "memtrace/record.h"
#include "source/mapped_file.h"

struct paths;

/* What this program has mapped is known from the start. NULL without memory. */
struct paths *paths__new(void);
void paths__free(struct paths *paths);

void paths__note(struct paths *paths, const struct mt_record *record);

/*
 * As mapped_file__open(), and if that fails by the paths that were learned. file: with the device
 * that its record has.
 */
int paths__open(struct paths *paths, const struct mapped_file *file);

#endif
