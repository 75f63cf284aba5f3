// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/units.h"
#include "cmd/terminal.h"
#include "cmd/view.h"
#include "model/model.h"
#include "render/render.h"
#include "report/build.h"
#include "report/report.h"

void view__open(struct view *view, const struct options *opt)
{
	bool shown = opt->output ? isatty(STDOUT_FILENO) : opt->format == FORMAT_TEXT;

	*view = (struct view){.opt = opt};
	view->rows = opt->interval_s > 0;
	if (shown && !opt->quiet)
		view->stream = stdout;
}

static int by_activity(const void *a, const void *b)
{
	const struct report_interval *ra = a, *rb = b;
	uint64_t fa = ra->minor + ra->major, fb = rb->minor + rb->major;

	if (!ra->hits != !rb->hits)
		return ra->hits ? -1 : 1;
	if (fa != fb)
		return fa > fb ? -1 : 1;
	return (ra->pid > rb->pid) - (ra->pid < rb->pid);
}

/* A header at first, then once per screen, as vmstat does. */
static int view__header(struct view *view, const struct render_options *render)
{
	unsigned int screen = terminal__lines(view->stream);

	if (view->begun && (screen < 4 || view->lines + 2 < screen))
		return 0;
	view->begun = true;
	view->lines = 0;
	return render_text__interval_header(render, view->stream);
}

/* Under the column comm, which begins two columns later where times have tenths. */
static int rest_column(const struct render_options *render)
{
	return render->subsecond ? 19 : 17;
}

/* The sum of the rows that -n leaves out. */
static int view__rest(struct view *view, const struct report_interval *rows, size_t nr,
		      const struct render_options *render)
{
	struct unit_text per_s;
	uint64_t faults = 0, hits = 0;
	double length_s = nr ? rows[0].length_s : 0;

	if (!nr)
		return 0;
	for (size_t i = 0; i < nr; i++) {
		faults += rows[i].minor + rows[i].major;
		hits += rows[i].hits;
	}
	per_s = units__rate(length_s > 0 ? (double)faults / length_s : 0);
	view->lines++;
	if (fprintf(view->stream, "%*sand %s more process%s: %s faults/s", rest_column(render), "",
		    units__count(nr).s, nr == 1 ? "" : "es", per_s.s) < 0)
		return -errno;
	if (hits && fprintf(view->stream, ", %s stack-limit hit%s", units__count(hits).s,
			    hits == 1 ? "" : "s") < 0)
		return -errno;
	return fputc('\n', view->stream) == EOF ? -errno : 0;
}

/*
 * With a few processes, each has its line; of many, those that did something: those that hit a
 * limit, then the most active.
 */
#define SHOW_IDLE_BELOW 5

static bool is_active(const struct report_interval *row)
{
	return row->minor + row->major + row->hits;
}

/* The rows to speak of, the first ones; *ret_nr of them. */
static struct report_interval *collect(const struct model *model, size_t top, size_t *ret_nr)
{
	struct report_interval *rows = calloc(model->current.nr + 1, sizeof(*rows));
	size_t nr = 0;

	if (!rows)
		return NULL;
	for (size_t i = 0; i < model->current.nr; i++) {
		report__interval(model, model->current.items[i], &rows[nr]);
		nr += model->current.nr < SHOW_IDLE_BELOW || is_active(&rows[nr]);
	}
	if (model->current.nr >= SHOW_IDLE_BELOW || (top && top < nr))
		qsort(rows, nr, sizeof(*rows), by_activity);
	*ret_nr = nr;
	return rows;
}

int view__show(struct view *view, const struct model *model)
{
	struct report_interval *rows __free = NULL;
	struct render_options render;
	size_t nr, top;
	int err = 0;

	if (!view->stream || !view->rows)
		return 0;
	rows = collect(model, view->opt->top, &nr);
	if (!rows)
		return -ENOMEM;
	terminal__options(view->stream, view->opt, &render);
	render.subsecond = model->session.record.interval_ns < NSEC_PER_SEC;
	top = view->opt->top && view->opt->top < nr ? view->opt->top : nr;
	for (size_t i = 0; i < top && !err; i++) {
		err = view__header(view, &render);
		if (!err)
			err = render_text__interval(&rows[i], &render, view->stream);
		view->lines++;
	}
	if (!err)
		err = view__rest(view, rows + top, nr - top, &render);
	if (!err && fflush(view->stream))
		err = -errno;
	return err;
}

int view__notice(struct view *view, const struct report_notice *row)
{
	struct render_options render;
	unsigned int lines;
	int err;

	if (!view->stream)
		return 0;
	terminal__options(view->stream, view->opt, &render);
	err = render_text__notice(row, &render, view->stream, &lines);
	view->lines += lines;
	return err;
}
