/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What of the kernel memtrace rests on. Each looks after one thing and says what it found: 0, or
 * -errno where it is a hindrance; -EPERM: only root can tell.
 */
#ifndef MEMTRACE_CHECKUP_H
#define MEMTRACE_CHECKUP_H

#include "base/error.h"

int checkup__privileges(struct error *found);
int checkup__btf(struct error *found);
int checkup__ring_buffer(struct error *found);
int checkup__helpers(struct error *found);
int checkup__page_tables(struct error *found);
int checkup__lockdown(struct error *found);
int checkup__memlock(struct error *found);

#endif
