/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads a recording, which may come from a stranger: it takes constant memory, and time in
 * proportion to the file. Records are delivered as they were written, whole and aligned, but not
 * otherwise looked into: decoding checks them. Those of a frame that its checksum denies are not
 * delivered, nor is anything after them.
 */
#ifndef MEMTRACE_READER_H
#define MEMTRACE_READER_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "memtrace/recording.h"

struct reader;

/* Takes each record, 8-byte aligned, borrowed for the call. Non-zero stops. */
typedef int (*reader_fn)(void *ctx, const void *record, size_t size);

enum reader_state {
	READER_READING,
	READER_AT_END,	  /* the file ends where a frame does */
	READER_TRUNCATED, /* within a frame or a record */
	READER_DAMAGED,	  /* what follows is no recording */
};

/*
 * Read the header from fd, which stays the caller's. -EBADMSG: not a recording;
 * -EPROTONOSUPPORT: one that this program cannot read; -errno of read(); each with its text.
 */
int reader__new(int fd, const char *name, struct error *error, struct reader **ret);
void reader__free(struct reader *reader);

/*
 * Deliver the next few records. 0, or what the callback returned. Nothing more is delivered once
 * reader__state() is no longer READER_READING.
 */
int reader__next(struct reader *reader, reader_fn fn, void *ctx);

enum reader_state reader__state(const struct reader *reader);
/* 0, or -errno of the read() after which the file counts as ended. */
int reader__error(const struct reader *reader);
/* How much of the file was taken in. */
uint64_t reader__offset(const struct reader *reader);
const struct mt_recording_header *reader__header(const struct reader *reader);

#endif
