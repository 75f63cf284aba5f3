/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file behind a mapping of another process. */
#ifndef MEMTRACE_MAPPED_FILE_H
#define MEMTRACE_MAPPED_FILE_H

#include <stdint.h>

struct mapped_file {
	uint32_t tgid; /* has it mapped from start to end */
	uint64_t start;
	uint64_t end;
	uint64_t ino;
	const char *name; /* a path, or its last component */
};

/*
 * By the mapping itself, which also finds files that are deleted or in another mount namespace;
 * else by the path, in the process's view of the file system or, when it is gone, in ours. The
 * descriptor; -1: it cannot be reached any more, or another file is there by now.
 */
int mapped_file__open(const struct mapped_file *file);

#endif
