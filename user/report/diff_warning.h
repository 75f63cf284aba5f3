/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MEMTRACE_REPORT_DIFF_WARNING_H
#define MEMTRACE_REPORT_DIFF_WARNING_H

struct diff;

/* Fill in the warnings. 0 or -ENOMEM. */
int diff__warn(struct diff *diff);

#endif
