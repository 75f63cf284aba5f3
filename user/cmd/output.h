/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the data goes: standard output, or a file. */
#ifndef MEMTRACE_OUTPUT_H
#define MEMTRACE_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"

struct output {
	FILE *stream;
	const char *path; /* borrowed; NULL: standard output */
	char *temporary;  /* renamed to path when it is complete; NULL: written in place */
	bool nameless;	  /* the temporary file has no name yet */
};

/* It would replace this recording, whatever both are called: "-" is standard input. */
bool output__would_replace(const char *path, const char *recording);

/*
 * whole: a regular file is written beside path first, and replaces it when it is complete. Devices
 * and pipes are written in place, and without whole files are, too, so that they can be read as
 * they grow. 0, or -errno with its text.
 */
int output__open(struct output *out, const char *path, bool whole, struct error *error);

/* Flush and close, and put the file in its place. 0; -EPIPE: the reader has gone; -errno. */
int output__commit(struct output *out, struct error *error);

/* Says that path (NULL: standard output) could not be written; returns err. */
int output__failed(const char *path, int err, struct error *error);

/* All has been written, with err as the result: commit, or say that it failed; then abandon. */
int output__close(struct output *out, int err, struct error *error);

/* Close, and leave nothing of a file that was to be whole. Harmless after commit. */
void output__abandon(struct output *out);

#endif
