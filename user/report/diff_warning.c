// SPDX-License-Identifier: GPL-2.0-or-later
/* What a reader must know before blaming a difference on the program. */
#include "report/diff_warning.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/units.h"
#include "report/diff.h"

static const char *const side_names[DIFF_SIDES] = {"A", "B"};

static int warn(struct diff *diff, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int warn(struct diff *diff, const char *code, const char *fmt, ...)
{
	struct diff_warning *warning = array__push(&diff->warnings);
	va_list args;
	int len;

	if (!warning)
		return -ENOMEM;
	warning->code = code;
	va_start(args, fmt);
	len = vasprintf(&warning->text, fmt, args);
	va_end(args);
	if (len >= 0)
		return 0;
	warning->text = NULL;
	return -ENOMEM;
}

static int check_lost(struct diff *diff, enum diff_side side)
{
	const struct report *report = diff->report[side];
	uint64_t lost = report->loss.records;

	if (!lost)
		return 0;
	return warn(diff, "lost", "%s lost %s of %s records: its numbers may be wrong",
		    side_names[side], units__count(lost).s,
		    units__count(report->loss.delivered + lost).s);
}

static int check_incomplete(struct diff *diff, enum diff_side side)
{
	const struct report *report = diff->report[side];

	if (!strcmp(report->session.ended_by ?: "", "too_costly"))
		return warn(diff, "incomplete", "%s is incomplete: read no further than %s",
			    side_names[side], units__duration(report->session.duration_s).s);
	if (strcmp(report->session.ended_by ?: "", "cut_off"))
		return 0;
	return warn(diff, "incomplete", "%s is incomplete: the recording breaks off after %s",
		    side_names[side], units__duration(report->session.duration_s).s);
}

static int check_sampled(struct diff *diff, enum diff_side side)
{
	uint64_t weight = diff->report[side]->loss.fault_weight_max;

	if (weight <= 1)
		return 0;
	return warn(diff, "sampled",
		    "faults of %s were sampled: a record stands for up to %s of them",
		    side_names[side], units__count(weight).s);
}

static int check_folded(struct diff *diff, enum diff_side side)
{
	const struct report *report = diff->report[side];
	uint64_t nr = report->folded.processes;

	if (!nr)
		return 0;
	return warn(diff, "folded",
		    "%s has %s process%s that ended early summed up without a name: %s faults are "
		    "not compared",
		    side_names[side], units__count(nr).s, nr == 1 ? "" : "es",
		    units__count(report->folded.minor + report->folded.major).s);
}

static int check_order(struct diff *diff)
{
	uint64_t a_ns = diff->report[DIFF_A]->session.start_realtime_ns;
	uint64_t b_ns = diff->report[DIFF_B]->session.start_realtime_ns;

	if (!a_ns || b_ns >= a_ns)
		return 0;
	return warn(diff, "order",
		    "B was recorded before A: perhaps the other way round was meant");
}

static int check_host(struct diff *diff)
{
	const struct report *a = diff->report[DIFF_A], *b = diff->report[DIFF_B];
	int err = 0;

	if (strcmp(a->host.name, b->host.name))
		err = warn(diff, "host", "different hosts: A is of %s, B of %s", a->host.name,
			   b->host.name);
	if (!err && strcmp(a->host.kernel, b->host.kernel))
		err = warn(diff, "kernel", "different kernels: A is of Linux %s, B of %s",
			   a->host.kernel, b->host.kernel);
	if (!err && strcmp(a->host.arch, b->host.arch))
		err = warn(diff, "arch", "different machines: A is of %s, B of %s", a->host.arch,
			   b->host.arch);
	if (!err && a->host.cpus != b->host.cpus)
		err = warn(diff, "cpus", "different machines: A had %u CPU%s, B %u", a->host.cpus,
			   a->host.cpus == 1 ? "" : "s", b->host.cpus);
	if (!err && a->host.page_bytes != b->host.page_bytes)
		err = warn(diff, "page_bytes",
			   "different page sizes: a fault is about %s in A, %s in B",
			   units__bytes(a->host.page_bytes).s, units__bytes(b->host.page_bytes).s);
	return err;
}

/* The table of probes is in one order, so that the same choice is the same list. */
static int check_probes(struct diff *diff)
{
	const struct report *a = diff->report[DIFF_A], *b = diff->report[DIFF_B];
	size_t nr = a->nr_probes < b->nr_probes ? a->nr_probes : b->nr_probes;

	for (size_t i = 0; i < nr; i++)
		if (strcmp(a->probes[i].fact, b->probes[i].fact) ||
		    strcmp(a->probes[i].via, b->probes[i].via))
			return warn(diff, "probes",
				    "different probes: %s by %s in A, %s by %s in B",
				    a->probes[i].fact, a->probes[i].via, b->probes[i].fact,
				    b->probes[i].via);
	if (a->nr_probes == b->nr_probes)
		return 0;
	return warn(diff, "probes", "different probes: A has %zu, B %zu", a->nr_probes,
		    b->nr_probes);
}

/* What one way calls cow is among anon_merged by another. */
static int check_causes(struct diff *diff)
{
	if (diff__same_causes(diff))
		return 0;
	return warn(diff, "causes",
		    "causes of faults are told by different ways, and not compared");
}

int diff__warn(struct diff *diff)
{
	static int (*const of_one[])(struct diff *, enum diff_side) = {check_incomplete, check_lost,
								       check_sampled, check_folded};
	static int (*const of_both[])(struct diff *) = {check_order, check_host, check_probes,
							check_causes};
	int err = 0;

	for (size_t i = 0; i < sizeof(of_one) / sizeof(of_one[0]); i++)
		for (enum diff_side side = 0; side < DIFF_SIDES && !err; side++)
			err = of_one[i](diff, side);
	for (size_t i = 0; i < sizeof(of_both) / sizeof(of_both[0]) && !err; i++)
		err = of_both[i](diff);
	return err;
}
