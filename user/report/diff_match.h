/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside of diff.c: the processes of two reports, by comm and exe, or what is left by less. */
#ifndef MEMTRACE_REPORT_DIFF_MATCH_H
#define MEMTRACE_REPORT_DIFF_MATCH_H

#include "report/diff.h"

struct diff_entry {
	const struct report_process *process;
	enum diff_side side;
};

/* All processes of one comm and exe, of both sides: nr entries that follow one another. */
struct diff_group {
	struct diff_entry *entries;
	size_t nr;
	size_t nr_of[DIFF_SIDES];
	const char *program; /* last component of exe: a deploy may change the others */
	size_t program_len;
	struct diff_group *elsewhere; /* the other side's, by program or comm */
	bool taken;		      /* is elsewhere of another */
};

struct diff_groups {
	struct diff_entry *entries;
	struct diff_group *items;
	size_t nr;
};

/* 0 or -ENOMEM; diff_groups__release() in any case. They borrow from the reports. */
int diff_groups__make(const struct report *const reports[], struct diff_groups *ret);
void diff_groups__release(struct diff_groups *groups);

/* As strcmp(); a path that is not known comes first. */
int diff__compare_exe(const char *a, const char *b);

#endif
