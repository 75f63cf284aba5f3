// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "cmd/terminal.h"
#include "cmd/view.h"
#include "model/model.h"
#include "render/render.h"
#include "report/build.h"
#include "report/report.h"

static int by_activity(const void *a, const void *b)
{
	const struct report_interval *ra = a, *rb = b;
	uint64_t fa = ra->minor + ra->major, fb = rb->minor + rb->major;

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

/* With a few processes, each has its line; of many, those that did something, the most active. */
#define SHOW_IDLE_BELOW 5

int view__show(struct view *view, const struct model *model)
{
	struct report_interval *rows __free = NULL;
	struct render_options render;
	size_t nr = 0, top;
	int err = 0;

	if (!view->stream)
		return 0;
	rows = calloc(model->current.nr + 1, sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	for (size_t i = 0; i < model->current.nr; i++)
		report__interval(model, model->current.items[i], &rows[nr++]);
	if (nr >= SHOW_IDLE_BELOW)
		qsort(rows, nr, sizeof(*rows), by_activity);
	terminal__options(view->stream, view->opt, &render);
	render.subsecond = view->opt->interval_s < 1;
	top = view->opt->top && view->opt->top < nr ? view->opt->top : nr;
	for (size_t i = 0; i < top && !err; i++) {
		if (nr >= SHOW_IDLE_BELOW && !(rows[i].minor + rows[i].major + rows[i].hits))
			break;
		err = view__header(view, &render);
		if (!err)
			err = render_text__interval(&rows[i], &render, view->stream);
		view->lines++;
	}
	if (!err && fflush(view->stream))
		err = -errno;
	return err;
}
