/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MEMTRACE_TERMINAL_H
#define MEMTRACE_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

#include "cmd/options.h"
#include "render/render.h"

/* How to draw on this stream: width, colour and characters of its terminal, if it is one. */
void terminal__options(FILE *stream, const struct options *opt, struct render_options *ret);

/* Lines of the terminal; 0: it is none. */
unsigned int terminal__lines(FILE *stream);

/*
 * Descriptors 0 to 2 that are closed are opened, so that no file of ours becomes one of them. Using
 * them fails still: input cannot be read, nor output written.
 */
void terminal__fill_closed(void);

/* Is standard output open for writing? */
bool terminal__has_stdout(void);

#endif
