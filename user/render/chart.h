/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bars, histograms and sparklines in characters. */
#ifndef MEMTRACE_RENDER_CHART_H
#define MEMTRACE_RENDER_CHART_H

#include <stdint.h>

#include "base/units.h"
#include "render/text.h"

/* A bar of at most this many columns; what is not nothing shows at least a trace. */
void chart__bar(struct text *text, double fraction, unsigned int columns);

/*
 * A histogram by powers of two, [2^i, 2^(i+1)), from the first to the last bin that holds
 * something, after an empty line; of three or more empty bins in a row, a line of dots. Nothing at
 * all if all bins are empty.
 */
void chart__log2(struct text *text, const char *title, const char *counted, const uint64_t *bins,
		 unsigned int nr_bins);
/* The same of nanoseconds, whose bounds are told as durations: "1.02 µs to 2.05 µs". */
void chart__log2_ns(struct text *text, const char *title, const char *counted, const uint64_t *bins,
		    unsigned int nr_bins);

struct chart_point {
	double t_s;   /* the end of what this is the value of */
	double value; /* NAN: not known */
};

struct chart_series {
	const char *label;
	const struct chart_point *points;
	size_t nr_points;
	double start_s; /* where the first point's interval begins */
	bool from_zero; /* the lowest level is 0, not the least value */
	struct unit_text (*unit)(double value);
	const char *suffix; /* after the unit: "/s" */
};

/*
 * A line: label, sparkline, least and greatest value. Where there are more points than columns, a
 * column shows the greatest of its points: a spike must not vanish.
 */
void chart__sparkline(struct text *text, unsigned int indent, const struct chart_series *series);
/* The times where it begins and ends, below it. */
void chart__time_axis(struct text *text, unsigned int indent, const struct chart_series *series);

#endif
