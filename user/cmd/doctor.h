/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this kernel offers, and what tracing would make of it. */
#ifndef MEMTRACE_CMD_DOCTOR_H
#define MEMTRACE_CMD_DOCTOR_H

#include "cmd/options.h"

/* VERB_DOCTOR. The exit status: that which tracing would begin with. */
int doctor__run(const struct options *opt);

#endif
