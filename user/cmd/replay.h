/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a recording says: reported as a live run would have, or its events one by one. */
#ifndef MEMTRACE_REPLAY_H
#define MEMTRACE_REPLAY_H

#include "cmd/options.h"

/* VERB_REPORT and VERB_EXPORT. The exit status. */
int replay__run(const struct options *opt);

#endif
