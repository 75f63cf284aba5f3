// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "cmd/message.h"
#include "cmd/stages.h"
#include "cmd/terminal.h"
#include "event/order.h"
#include "model/model.h"
#include "render/render.h"
#include "report/build.h"
#include "report/report.h"

/* A recorder's model is there to notice where the mirror lacks something. */
static bool options__want_report(const struct options *opt)
{
	return opt->verb != VERB_RECORD && !format__is_stream(opt->format);
}

static int stages__take(void *ctx, const struct event *ev)
{
	struct stages *stages = ctx;
	uint64_t last_tick_ns = stages->model->session.last_tick_ns;
	int err = model__take(stages->model, ev);
	bool closed = stages->model->session.last_tick_ns != last_tick_ns;

	/* The end closes an interval, too; alone it would only repeat the report. */
	if (!err &&
	    (ev->kind == MT_KIND_TICK || (ev->kind == MT_KIND_END && closed && stages->view.begun)))
		err = view__show(&stages->view, stages->model);
	return err;
}

int stages__open(struct stages *stages, const struct options *opt, struct error *error)
{
	int err;

	stages->opt = opt;
	stages->error = error;
	err = model__new(&stages->model) ?: order__new(stages__take, stages, &stages->order);
	if (err)
		return error__set(error, -err, "out of memory");
	stages->model->forgets_ended = !options__want_report(opt);
	if (opt->verb == VERB_RECORD)
		return 0;
	err = output__open(&stages->out, opt->output, error);
	if (err)
		return err;
	view__open(&stages->view, opt);
	return 0;
}

int stages__push(struct stages *stages, const void *record, size_t size)
{
	return order__push(stages->order, record, size);
}

static uint64_t stages__undecodable(const struct stages *stages)
{
	return order__malformed(stages->order) + order__unknown(stages->order);
}

/* Also with -q, and where what is incomplete goes to a file that nobody reads at once. */
static void stages__tell_losses(const struct stages *stages)
{
	const struct mt_losses *losses = &stages->model->losses;
	uint64_t lost = stages__undecodable(stages);

	for (int i = 0; i < MT_LOSS_NR; i++)
		lost += losses->lost[i];
	if (lost)
		message("lost %s of %s records: the %s is incomplete", units__count(lost).s,
			units__count(losses->delivered + lost).s,
			stages->opt->verb == VERB_RECORD ? "recording" : "report");
}

static int stages__report(struct stages *stages)
{
	struct render_options render;
	struct report *report;
	int err = report__build(stages->model, MEMTRACE_VERSION, stages__undecodable(stages),
				&report);

	if (err)
		return error__set(stages->error, -err, "out of memory");
	terminal__options(stages->out.stream, stages->opt, &render);
	if (stages->opt->format == FORMAT_JSON)
		err = render_json__report(report, &render, stages->out.stream);
	else
		err = render_text__report(report, &render, stages->out.stream);
	if (err)
		err = error__set(stages->error, -err, "cannot write %s: %s",
				 stages->opt->output ?: "standard output", strerror(-err));
	else
		err = output__commit(&stages->out, stages->error);
	report__free(report);
	return err;
}

/* What ended the run too early, in words; -EPIPE stays without. */
static int stages__explain(struct stages *stages, int err)
{
	FILE *lines = stages->view.stream;

	if (err == -EPIPE)
		return err;
	return error__set(stages->error, -err, "%s: %s",
			  lines && ferror(lines) ? "cannot write standard output"
						 : "tracing failed",
			  strerror(-err));
}

int stages__finish(struct stages *stages, int err)
{
	if (!err)
		err = order__finish(stages->order);
	if (err)
		return stages__explain(stages, err);
	if (options__want_report(stages->opt))
		err = stages__report(stages);
	stages__tell_losses(stages);
	return err;
}

void stages__release(struct stages *stages)
{
	order__free(stages->order);
	model__free(stages->model);
	output__abandon(&stages->out);
}
