// SPDX-License-Identifier: GPL-2.0-or-later
#include "render/chart.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "render/table.h"

#define NR_LEVELS 8
#define LABEL_COLUMNS 12
#define RANGE_COLUMNS 34
#define SPARK_LEAST 8
#define SPARK_STRETCH 3
#define EMPTY_FOLDED 3 /* so many empty rows of a histogram become one */

void chart__bar(struct text *text, double fraction, unsigned int columns)
{
	static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
	unsigned int parts = text->opt->utf8 ? 8 : 1;
	unsigned long units;

	if (!(fraction > 0))
		return;
	units = (unsigned long)lround(fmin(fraction, 1) * columns * parts);
	if (!units)
		units = 1;
	text__repeat(text, text__either(text, "█", "#"), (unsigned int)(units / parts));
	text__add(text, eighths[units % parts]);
}

/* As bpftrace writes it: K is 1024. */
static struct unit_text power_of_two(unsigned int exponent)
{
	struct unit_text ret;

	snprintf(ret.s, sizeof(ret.s), "%u%.1s", 1U << exponent % 10, &" KMGTPE"[exponent / 10]);
	if (exponent < 10)
		snprintf(ret.s, sizeof(ret.s), "%u", 1U << exponent);
	return ret;
}

/* How many bins in a row hold nothing; the last one always holds something. */
static unsigned int empty_bins(const uint64_t *bins, unsigned int nr_bins)
{
	unsigned int nr = 0;

	while (nr < nr_bins && !bins[nr])
		nr++;
	return nr;
}

/* Three digits: 1.02 us is not 1.0. */
static struct unit_text power_of_two_ns(const struct text *text, unsigned int exponent)
{
	static const char *const utf8[] = {"ns", "µs", "ms", "s"};
	static const char *const ascii[] = {"ns", "us", "ms", "s"};
	double value = ldexp(1, (int)exponent);
	struct unit_text ret;
	unsigned int i = 0;

	for (; value >= 1000 && i < 3; i++)
		value /= 1000;
	snprintf(ret.s, sizeof(ret.s), "%.*f %s",
		 !i || value >= 100 ? 0
		 : value < 10	    ? 2
				    : 1,
		 value, text->opt->utf8 ? utf8[i] : ascii[i]);
	return ret;
}

static void log2_label(struct table *table, unsigned int i, bool ns)
{
	if (ns && !i)
		table__addf(table, "below %s", power_of_two_ns(table->text, 1).s);
	else if (ns)
		table__addf(table, "%s to %s", power_of_two_ns(table->text, i).s,
			    power_of_two_ns(table->text, i + 1).s);
	else if (!i)
		table__add(table, "[1]");
	else
		table__addf(table, "[%s, %s)", power_of_two(i).s, power_of_two(i + 1).s);
}

static void log2_chart(struct text *text, const char *title, const char *counted,
		       const uint64_t *bins, unsigned int nr_bins, bool ns)
{
	const struct column columns[] = {
		{title, COLUMN_LEFT, 0, 0},
		{counted, COLUMN_RIGHT, 0, 0},
		{"%", COLUMN_RIGHT, 0, 0},
		{"", COLUMN_BAR, 0, 1},
	};
	unsigned int first = nr_bins, last = 0;
	uint64_t most = 0, sum = 0;
	struct table table;

	for (unsigned int i = 0; i < nr_bins; i++) {
		if (!bins[i])
			continue;
		first = first < i ? first : i;
		last = i;
		most = most > bins[i] ? most : bins[i];
		sum += bins[i];
	}
	if (!most)
		return;
	text__end(text);
	table__open(&table, text, 2, columns, 4);
	for (unsigned int i = first; i <= last; i++) {
		unsigned int empty = empty_bins(bins + i, last - i);

		if (empty >= EMPTY_FOLDED) {
			table__add(&table, text__either(text, "…", "..."));
			table__add(&table, "");
			table__add(&table, "");
			table__add_bar(&table, 0);
			i += empty - 1;
			continue;
		}
		log2_label(&table, i, ns);
		table__add(&table, units__count(bins[i]).s);
		table__add(&table, units__percent(bins[i], sum).s);
		table__add_bar(&table, (double)bins[i] / (double)most);
	}
	table__close(&table);
}

void chart__log2(struct text *text, const char *title, const char *counted, const uint64_t *bins,
		 unsigned int nr_bins)
{
	log2_chart(text, title, counted, bins, nr_bins, false);
}

void chart__log2_ns(struct text *text, const char *title, const char *counted, const uint64_t *bins,
		    unsigned int nr_bins)
{
	log2_chart(text, title, counted, bins, nr_bins, true);
}

/* The columns before this moment, in whole ones; times that make no sense end at an edge. */
static unsigned int columns_until(double t_s, const struct chart_series *series,
				  unsigned int columns)
{
	double end_s = series->points[series->nr_points - 1].t_s;
	double position = (t_s - series->start_s) / (end_s - series->start_s) * columns;

	if (!(position > 0))
		return 0;
	return position < columns ? (unsigned int)position : columns;
}

/* For each column the greatest value of the points that it covers; NAN where none is known. */
static void resample(const struct chart_series *series, double *values, unsigned int columns)
{
	size_t nr = series->nr_points;
	unsigned int from, until = 0;

	for (unsigned int i = 0; i < columns; i++)
		values[i] = NAN;
	for (size_t p = 0; p < nr; p++) {
		from = until;
		if (nr <= columns)
			until = (unsigned int)((p + 1) * columns / nr);
		else
			until = columns_until(series->points[p].t_s, series, columns);
		/* A point that ends within a column counts there, too. */
		for (unsigned int i = from; i < columns && (i < until || i == from); i++)
			values[i] = fmax(values[i], series->points[p].value);
	}
}

static bool extremes(const struct chart_series *series, double *least, double *greatest)
{
	*least = *greatest = NAN;
	for (size_t p = 0; p < series->nr_points; p++) {
		*least = fmin(*least, series->points[p].value);
		*greatest = fmax(*greatest, series->points[p].value);
	}
	return !isnan(*least);
}

static const char *level(const struct text *text, double value, double low, double high)
{
	static const char *const utf8[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	static const char *const ascii[] = {"_", ".", ":", "-", "=", "+", "*", "#"};
	int i = 0;

	if (isnan(value))
		return " ";
	if (high > low)
		i = (int)((value - low) / (high - low) * (NR_LEVELS - 1) + 0.5);
	return text->opt->utf8 ? utf8[i] : ascii[i];
}

/* A few points are drawn wider than one column, but not so wide that they look like many. */
static unsigned int spark_columns(const struct text *text, unsigned int indent, size_t nr_points)
{
	unsigned int columns = text->width > indent + LABEL_COLUMNS + RANGE_COLUMNS + SPARK_LEAST
				       ? text->width - indent - LABEL_COLUMNS - RANGE_COLUMNS
				       : SPARK_LEAST;
	unsigned int stretch;

	if (nr_points >= columns)
		return columns;
	stretch = columns / (unsigned int)nr_points;
	return (unsigned int)nr_points * (stretch < SPARK_STRETCH ? stretch : SPARK_STRETCH);
}

void chart__sparkline(struct text *text, unsigned int indent, const struct chart_series *series)
{
	double least, greatest, *values;
	struct unit_text low, high;
	unsigned int columns;

	if (!series->nr_points || !extremes(series, &least, &greatest))
		return;
	low = series->unit(least);
	high = series->unit(greatest);
	columns = spark_columns(text, indent, series->nr_points);
	values = calloc(columns, sizeof(*values));
	if (!values) {
		text->err = -ENOMEM;
		return;
	}
	resample(series, values, columns);
	text__pad(text, indent);
	text__add(text, series->label);
	text__pad(text, indent + LABEL_COLUMNS);
	for (unsigned int i = 0; i < columns; i++)
		text__add(text, level(text, values[i], series->from_zero ? 0 : least, greatest));
	text__addf(text, "  min %s%s, max %s%s", low.s, series->suffix, high.s, series->suffix);
	text__end(text);
	free(values);
}

void chart__time_axis(struct text *text, unsigned int indent, const struct chart_series *series)
{
	double least, greatest;
	struct unit_text end;
	unsigned int columns;

	if (!series->nr_points || !extremes(series, &least, &greatest))
		return;
	columns = spark_columns(text, indent, series->nr_points);
	end = units__duration(series->points[series->nr_points - 1].t_s);
	text__pad(text, indent + LABEL_COLUMNS);
	text__add(text, units__duration(series->start_s).s);
	if (text->column + 2 + strlen(end.s) > indent + LABEL_COLUMNS + columns)
		text__add(text, " to ");
	else
		text__pad(text, indent + LABEL_COLUMNS + columns - (unsigned int)strlen(end.s));
	text__add(text, end.s);
	text__end(text);
}
