/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file behind a mapping of another process. */
#ifndef MEMTRACE_MAPPED_FILE_H
#define MEMTRACE_MAPPED_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "memtrace/record.h"

/* As records tell it: below an overlayfs, stat() has another. */
struct file_key {
	uint64_t ino;
	uint32_t dev_major;
	uint32_t dev_minor;
};

struct mapped_file {
	uint32_t tgid; /* has it mapped from start to end */
	uint64_t start;
	uint64_t end;
	struct file_key key;
	const char *name; /* a path, or its last component; borrowed */
};

/* What a record says of a file that is mapped executable; false if it is not of one. */
bool mapped_file__of_record(const struct mt_record *record, struct mapped_file *file);

/*
 * By the mapping itself, which also finds files that are deleted or in another mount namespace;
 * else by the path, in the process's view of the file system or, when it is gone, in ours. The
 * descriptor; -1: it cannot be reached any more, or another file is there by now.
 */
int mapped_file__open(const struct mapped_file *file);
/* At this path, if it is the file by its inode. */
int mapped_file__open_path(const struct mapped_file *file, const char *path);

#endif
