/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a recording says: reported as a live run would have, or its events one by one. */
#ifndef MEMTRACE_REPLAY_H
#define MEMTRACE_REPLAY_H

#include "base/error.h"
#include "cmd/options.h"

struct stages;

/* VERB_REPORT and VERB_EXPORT. The exit status. */
int replay__run(const struct options *opt);

/* Before a recording is read: a closed pipe is an error of the write, Ctrl-C is the writer's. */
void replay__take_signals(const struct options *opt);

/*
 * A recording through all stages, which the caller has zeroed and releases. That it breaks off is
 * told. 0, -EPIPE (without words), or -errno with its text.
 */
int replay__read(const char *path, const struct options *opt, struct stages *stages,
		 struct error *error);

#endif
