/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two recordings compared. */
#ifndef MEMTRACE_CMD_DIFF_H
#define MEMTRACE_CMD_DIFF_H

#include "cmd/options.h"

/* VERB_DIFF. The exit status. */
int diff__run(const struct options *opt);

#endif
