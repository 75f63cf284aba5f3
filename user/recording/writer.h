/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes a recording. Records are gathered into blocks; a thread of the writer's own compresses
 * and writes them, so that a slow disk stops the tracer only when 64 MiB wait. What has been pushed
 * is in the file at most half a second later, and on the disk as soon as that has taken it.
 */
#ifndef MEMTRACE_WRITER_H
#define MEMTRACE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct writer;

/*
 * Write the header to fd, which stays the caller's, and begin. Signals should be blocked: the
 * thread inherits the mask. 0, or -errno of the write.
 */
int writer__new(int fd, struct writer **ret);

/* Take a copy of a record. 0, -ENOMEM, or -errno of a write that has failed meanwhile. */
int writer__push(struct writer *writer, const void *record, size_t size);

/* Have what was pushed so far written, without waiting for more or for that. 0, or as above. */
int writer__flush(struct writer *writer);

/* 64 MiB wait for the disk or the pipe. At 80 MiB writer__push() blocks. */
bool writer__is_behind(struct writer *writer);

/* Nothing more is pushed: write what waits. True: it has been written within this time. */
bool writer__end(struct writer *writer, unsigned int patience_ms);

/*
 * Write what waits and end the thread: 0, or the first error of all. Of a file it leaves no half
 * frame then. *ret_bytes: the file's size so far.
 */
int writer__finish(struct writer *writer, uint64_t *ret_bytes);

void writer__free(struct writer *writer);

#endif
