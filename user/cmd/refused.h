/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is wrong with options that getopt has refused: its own words take two lines. */
#ifndef MEMTRACE_REFUSED_H
#define MEMTRACE_REFUSED_H

#include "base/error.h"
#include "cmd/options.h"

/* An option that the verb does not have, or one without its value; argv as getopt has left it. */
void refused__explain(enum verb verb, int argc, char **argv, struct error *error);

#endif
