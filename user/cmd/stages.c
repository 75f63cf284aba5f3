// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/units.h"
#include "cmd/message.h"
#include "cmd/on_hit.h"
#include "cmd/stages.h"
#include "cmd/terminal.h"
#include "event/order.h"
#include "model/model.h"
#include "render/render.h"
#include "report/build.h"
#include "report/event_row.h"
#include "report/report.h"

static const struct line_format *options__lines(const struct options *opt)
{
	if (opt->verb == VERB_RECORD || !format__is_stream(opt->format))
		return NULL;
	return opt->format == FORMAT_CSV ? &csv_lines : &ndjson_lines;
}

/* A recorder's model is there to notice where the mirror lacks something. */
static bool options__want_report(const struct options *opt)
{
	return opt->verb != VERB_RECORD && !options__lines(opt);
}

static int stages__write_line(struct stages *stages, const struct event *ev)
{
	struct report_event row;

	if (!report__event(stages->model, ev, &row))
		return 0;
	return event_lines__add(&stages->lines, &row);
}

/* Of what is compared there are two: who compares them writes. */
static bool options__write_report(const struct options *opt)
{
	return options__want_report(opt) && opt->verb != VERB_DIFF;
}

/* Of an event that has just been taken, so that the model has all of it. */
static int stages__take_notices(struct stages *stages, const struct event *ev)
{
	int err = 0;

	if (__builtin_expect(stages->model->notices.nr, false))
		err = alerts__take(&stages->alerts, stages->model);
	if (!err && ev->kind == MT_KIND_STACK && alerts__wait(&stages->alerts))
		err = alerts__take_stack(&stages->alerts, stages->model, ev);
	/* Above the lines of the last interval, and the report. */
	if (!err && ev->kind == MT_KIND_END)
		err = alerts__flush(&stages->alerts, stages->model);
	return err;
}

static int stages__take(void *ctx, const struct event *ev)
{
	struct stages *stages = ctx;
	uint64_t last_tick_ns = stages->model->session.last_tick_ns;
	int err = model__take(stages->model, ev);
	bool closed = stages->model->session.last_tick_ns != last_tick_ns;

	if (!err && stages->lines.format)
		err = stages__write_line(stages, ev);
	if (!err)
		err = stages__take_notices(stages, ev);
	/* The end closes an interval, too; alone it would only repeat the report. */
	if (!err &&
	    (ev->kind == MT_KIND_TICK || (ev->kind == MT_KIND_END && closed && stages->view.begun)))
		err = view__show(&stages->view, stages->model);
	return err;
}

static int stages__open_output(struct stages *stages, const struct options *opt)
{
	const struct line_format *format = options__lines(opt);
	/* Who follows the events of a live run wants them now. */
	int err = output__open(&stages->out, opt->output, !format || opt->verb != VERB_TRACE,
			       stages->error);

	if (err)
		return err;
	if (!format) {
		view__open(&stages->view, opt);
		return 0;
	}
	event_lines__begin(&stages->lines, format, stages->out.stream);
	return 0;
}

static int stages__alert(void *ctx, const struct report_notice *row)
{
	struct stages *stages = ctx;

	if (stages->on_hit)
		on_hit__take(stages->on_hit, row, clock__now_ns());
	return row->merged ? 0 : view__notice(&stages->view, row);
}

static void stages__want_notices(struct stages *stages, const struct options *opt)
{
	struct render_options render;

	if (!stages->view.stream && !stages->on_hit)
		return;
	terminal__options(stdout, opt, &render);
	stages->alerts = (struct alerts){
		.fn = stages__alert,
		.ctx = stages,
		.utf8 = render.utf8,
		.wants_merged = stages->on_hit,
	};
	stages->model->notices.wanted = true;
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
	stages->model->slow_ns = options__want_report(opt) ? opt->slow_ns : 0;
	/* A recording has told what was to be told. */
	if (opt->verb == VERB_TRACE || opt->verb == VERB_RECORD) {
		stages->model->functions_ns = opt->slow_ns;
		stages->model->backtraces.wanted = true;
	}
	if (opt->verb != VERB_RECORD && opt->verb != VERB_DIFF)
		err = stages__open_output(stages, opt);
	if (!err)
		stages__want_notices(stages, opt);
	return err;
}

/* What is due is delivered at once, many events together: that is the moment to let them go. */
int stages__push(struct stages *stages, const void *record, size_t size)
{
	const struct mt_record *hdr = record;
	int err = order__push(stages->order, record, size);

	if (!err && hdr->kind == MT_KIND_WATERMARK && alerts__wait(&stages->alerts))
		err = alerts__pass(&stages->alerts, stages->model, hdr->time_ns);
	return !err && stages->lines.nr ? event_lines__flush(&stages->lines) : err;
}

static uint64_t stages__undecodable(const struct stages *stages)
{
	return order__malformed(stages->order) + order__unknown(stages->order);
}

/* Also with -q, and where what is incomplete goes to a file that nobody reads at once. */
static void stages__tell_losses(const struct stages *stages)
{
	uint64_t lost = report__lost(stages->model, stages__undecodable(stages));
	uint64_t delivered = stages->model->losses.delivered;
	const char *what = stages->opt->verb == VERB_RECORD ? "recording"
			   : stages->lines.format	    ? "export"
							    : "report";

	if (lost && stages->opt->verb == VERB_DIFF)
		message("%s lost %s of %s records", stages->reading, units__count(lost).s,
			units__count(delivered + lost).s);
	else if (lost)
		message("lost %s of %s records: the %s is incomplete", units__count(lost).s,
			units__count(delivered + lost).s, what);
}

static int stages__build(struct stages *stages)
{
	int err = report__build(stages->model, MEMTRACE_VERSION, stages__undecodable(stages),
				&stages->report);

	return err ? error__set(stages->error, -err, "out of memory") : 0;
}

static int stages__write(struct stages *stages)
{
	const struct report *report = stages->report;
	struct render_options render;
	int err;

	terminal__options(stages->out.stream, stages->opt, &render);
	if (stages->opt->format == FORMAT_JSON)
		err = render_json__report(report, &render, stages->out.stream);
	else
		err = render_text__report(report, &render, stages->out.stream);
	return err ? output__failed(stages->opt->output, err, stages->error) : 0;
}

int stages__explain(struct stages *stages, int err)
{
	if (err == -EPIPE)
		return err;
	if (stages->lines.err)
		return output__failed(stages->opt->output, err, stages->error);
	if (stages->view.stream && ferror(stages->view.stream))
		return output__failed(NULL, err, stages->error);
	if (stages->reading)
		return error__set(stages->error, -err, "cannot read %s: %s", stages->reading,
				  strerror(-err));
	return error__set(stages->error, -err, "tracing failed: %s", strerror(-err));
}

int stages__finish(struct stages *stages, int err)
{
	if (!err)
		err = order__finish(stages->order);
	if (!err)
		err = alerts__flush(&stages->alerts, stages->model);
	if (!err && stages->lines.format)
		err = event_lines__flush(&stages->lines);
	if (err)
		return stages__explain(stages, err);
	if (options__want_report(stages->opt))
		err = stages__build(stages);
	if (!err && options__write_report(stages->opt))
		err = stages__write(stages);
	if (!err && stages->out.stream)
		err = output__commit(&stages->out, stages->error);
	stages__tell_losses(stages);
	return err;
}

void stages__release(struct stages *stages)
{
	order__free(stages->order);
	alerts__release(&stages->alerts);
	model__free(stages->model);
	report__free(stages->report);
	output__abandon(&stages->out);
}
