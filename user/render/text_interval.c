// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/escape.h"
#include "base/units.h"
#include "render/text.h"
#include "report/notice.h"
#include "report/report.h"

#define COMM_LEAST 10
#define COMM_MOST 15
#define TIME_COLUMNS 8
#define TENTHS_COLUMNS 2
/* The columns other than comm, with a space after each. */
#define OTHER_COLUMNS 67

static unsigned int comm_columns(const struct text *text)
{
	unsigned int other = OTHER_COLUMNS + (text->opt->subsecond ? TENTHS_COLUMNS : 0);
	unsigned int left = text->width > other ? text->width - other : 0;

	if (left < COMM_LEAST)
		return COMM_LEAST;
	return left < COMM_MOST ? left : COMM_MOST;
}

static void line(struct text *text, const char *time, const char *pid, const char *comm,
		 const char *const cells[7])
{
	static const int widths[] = {7, 7, 6, 7, 6, 6, 4};
	unsigned int comm_end;

	text__addf(text, "%*s %7s ", TIME_COLUMNS + (text->opt->subsecond ? TENTHS_COLUMNS : 0),
		   time, pid);
	comm_end = text->column + comm_columns(text);
	text__add(text, comm);
	text__pad(text, comm_end);
	for (int i = 0; i < 7; i++)
		text__addf(text, " %*s", widths[i], cells[i]);
}

int render_text__interval_header(const struct render_options *opt, FILE *out)
{
	static const char *const titles[] = {"minor/s", "major/s", "heap", "+heap",
					     "RSS",	"stack",   "hits"};
	struct text text;

	text__open(&text, opt, out);
	text__style(&text, STYLE_BOLD);
	line(&text, "time", "pid", "comm", titles);
	text__style(&text, STYLE_NONE);
	text__end(&text);
	return text__close(&text);
}

static struct unit_text rate(uint64_t n, double length_s)
{
	return units__rate(length_s > 0 ? (double)n / length_s : 0);
}

/* In 4 columns. */
static struct unit_text few(uint64_t n)
{
	struct unit_text ret;

	if (n >= 1000000)
		return units__count_short(n);
	if (n >= 10000)
		snprintf(ret.s, sizeof(ret.s), "%uk", (unsigned int)(n / 1000));
	else
		snprintf(ret.s, sizeof(ret.s), "%u", (unsigned int)n);
	return ret;
}

/* Local time, as vmstat -t and sar print it, with so many digits of the second's fraction. */
static void clock_time(uint64_t realtime_ns, unsigned int digits, char *buf, size_t size)
{
	unsigned int fraction = (unsigned int)(realtime_ns % 1000000000U);
	time_t seconds = (time_t)(realtime_ns / 1000000000U);
	struct tm tm;
	size_t len = 0;

	if (!localtime_r(&seconds, &tm) || !(len = strftime(buf, size, "%H:%M:%S", &tm)))
		snprintf(buf, size, "-");
	if (!digits || !len)
		return;
	for (unsigned int i = digits; i < 9; i++)
		fraction /= 10;
	snprintf(buf + len, size - len, ".%0*u", (int)digits, fraction);
}

int render_text__interval(const struct report_interval *row, const struct render_options *opt,
			  FILE *out)
{
	struct unit_text minor = rate(row->minor, row->length_s);
	struct unit_text major = rate(row->major, row->length_s);
	struct unit_text heap = units__bytes_short(row->heap_bytes);
	struct unit_text delta = units__bytes_delta_short(row->heap_delta_bytes);
	struct unit_text rss = units__bytes_short(row->rss_bytes);
	struct unit_text stack = units__bytes_short(row->stack_bytes);
	struct unit_text hits = few(row->hits);
	const char *const cells[] = {minor.s, major.s, heap.s, delta.s, rss.s, stack.s, hits.s};
	char *comm, *fit = NULL;
	char time[16], pid[16];
	struct text text;

	text__open(&text, opt, out);
	clock_time(row->end_realtime_ns, opt->subsecond, time, sizeof(time));
	snprintf(pid, sizeof(pid), "%u", row->pid);
	comm = text__safe(&text, row->comm);
	if (comm)
		fit = escape__fit(comm, comm_columns(&text), opt->utf8);
	if (fit) {
		if (row->hits)
			text__style(&text, STYLE_BAD);
		line(&text, time, pid, fit, cells);
		if (row->hits)
			text__style(&text, STYLE_NONE);
		text__end(&text);
	}
	free(comm);
	free(fit);
	return text__close(&text);
}

#define NOTICE_TIME_DIGITS 3
/* Under the words, where they take more than a line. */
#define NOTICE_HANG (TIME_COLUMNS + 1 + NOTICE_TIME_DIGITS + 1)

int render_text__notice(const struct report_notice *row, const struct render_options *opt,
			FILE *out, unsigned int *ret_lines)
{
	char *words = report_notice__text(row), *safe;
	char time[24];
	struct text text;

	text__open(&text, opt, out);
	clock_time(row->realtime_ns, NOTICE_TIME_DIGITS, time, sizeof(time));
	safe = words ? text__safe(&text, words) : NULL;
	if (safe) {
		if (!row->handled)
			text__style(&text, STYLE_BAD);
		text__add(&text, time);
		text__pad(&text, NOTICE_HANG);
		text__wrap(&text, NOTICE_HANG, safe);
		if (!row->handled)
			text__style(&text, STYLE_NONE);
		text__end(&text);
	} else {
		text.err = text.err ?: -ENOMEM;
	}
	free(words);
	free(safe);
	*ret_lines = text.lines;
	return text__close(&text);
}
