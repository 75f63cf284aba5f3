/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A recording as a source of records. */
#ifndef MEMTRACE_FILE_H
#define MEMTRACE_FILE_H

#include "recording/reader.h"
#include "source/source.h"

/*
 * Open a recording; "-" is standard input. Nothing is delivered before the first pump(), which
 * delivers a few records at a time; alive() is 0 after the last. A recording without its end gets
 * one, MT_ENDED_CUT_OFF, as of its last record. -errno, with its text.
 */
int file__open(const char *path, source_fn fn, void *ctx, struct error *error, struct source **ret);

/* A path in words: "-" is standard input. */
const char *file__name(const char *path);

/*
 * How the file has ended, before that READER_READING; 0, or -errno of the read that failed; and how
 * much of it was taken in.
 */
enum reader_state file__state(const struct source *source);
int file__error(const struct source *source);
uint64_t file__offset(const struct source *source);
const struct mt_recording_header *file__header(const struct source *source);

#endif
