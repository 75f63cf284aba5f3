/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two reports made by hand, and what differs between them. Include after cmocka.h. */
#ifndef MEMTRACE_TESTS_SAMPLE_DIFF_H
#define MEMTRACE_TESTS_SAMPLE_DIFF_H

#include "report/diff.h"
#include "sample_report.h"

struct pair {
	struct report *a, *b;
	struct diff *diff;
};

/* Room for so many processes in each; both recordings last 10 seconds. */
static inline struct pair pair__new(size_t nr_a, size_t nr_b)
{
	struct pair pair = {sample__empty(nr_a), sample__empty(nr_b), NULL};

	pair.a->session.duration_s = pair.b->session.duration_s = 10;
	pair.b->session.start_realtime_ns += 3600000000000ULL;
	return pair;
}

static inline struct report_process *pair__name(struct report *report, size_t i, const char *comm,
						const char *exe)
{
	struct report_process *process = &report->processes[i];

	free(process->comm);
	free(process->exe);
	process->comm = strdup(comm);
	process->exe = exe ? strdup(exe) : NULL;
	return process;
}

/* So many minor faults, all of them on the heap. */
static inline void pair__faults(struct report_process *process, uint64_t nr)
{
	process->faults.minor = process->faults.total = nr;
	process->faults.by_region[REGION_HEAP] = nr;
}

static inline const struct diff *pair__compare(struct pair *pair)
{
	assert_int_equal(diff__build(pair->a, pair->b, "a.mtr", "b.mtr", &pair->diff), 0);
	return pair->diff;
}

static inline void pair__free(struct pair *pair)
{
	diff__free(pair->diff);
	report__free(pair->a);
	report__free(pair->b);
}

#endif
