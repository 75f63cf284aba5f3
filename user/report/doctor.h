/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a kernel offers to memtrace, which probes would be used, and what is then missed. */
#ifndef MEMTRACE_REPORT_DOCTOR_H
#define MEMTRACE_REPORT_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

enum doctor_answer { DOCTOR_NO, DOCTOR_YES, DOCTOR_UNKNOWN };

/* What memtrace needs, or is better for having it. */
struct doctor_check {
	const char *name;
	enum doctor_answer answer;
	char detail[512]; /* may be empty */
};

/* A row of the table of probes; strings are static. */
struct doctor_probe {
	const char *fact;
	char probes[64]; /* that it goes with, by the names of --probe: "fentry, kprobe"; "": any */
	const char *via;
	const char *misses; /* separated by "; " */
	enum doctor_answer offered;
	bool chosen;
	char why[512]; /* it is not offered, or not known */
};

#define DOCTOR_MAX_CHECKS 16
#define DOCTOR_MAX_PROBES 32

struct doctor {
	const char *version;
	char kernel[65]; /* uname release */
	char arch[65];
	enum doctor_answer works; /* tracing does, or would, not as it is called now */
	char why[512];		  /* it does not */
	struct doctor_check checks[DOCTOR_MAX_CHECKS];
	size_t nr_checks;
	struct doctor_probe probes[DOCTOR_MAX_PROBES]; /* those of a fact stand together */
	size_t nr_probes;
};

#endif
