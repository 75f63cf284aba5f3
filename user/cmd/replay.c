// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/units.h"
#include "cmd/message.h"
#include "cmd/output.h"
#include "cmd/replay.h"
#include "cmd/stages.h"
#include "model/model.h"
#include "source/file.h"

static int replay__push(void *ctx, const void *record, size_t size)
{
	return stages__push(ctx, record, size);
}

static void on_interrupt(int sig)
{
	(void)sig;
}

/*
 * In `memtrace record | memtrace report -`, Ctrl-C is for the recorder: its end is our end of file.
 * A second one ends us.
 */
void replay__take_signals(const struct options *opt)
{
	struct sigaction action = {.sa_handler = on_interrupt,
				   .sa_flags = SA_RESTART | SA_RESETHAND};

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < opt->nr_files; i++)
		if (!strcmp(opt->files[i], "-"))
			sigaction(SIGINT, &action, NULL);
}

/*
 * The report is of what there is; that it is not all must not be overlooked. What follows the end
 * does not matter to it.
 */
static int tell_end(const struct source *source, const char *name, const struct model *model,
		    struct error *error)
{
	const struct model_session *session = &model->session;
	struct unit_text at = units__count(file__offset(source));
	struct unit_text after =
		units__duration((double)(session->end_ns - session->start_ns) / NSEC_PER_SEC);
	bool damaged = file__state(source) == READER_DAMAGED;

	if (file__error(source))
		return error__set(error, -file__error(source), "cannot read %s any further: %s",
				  name, strerror(-file__error(source)));
	if (session->ended_by == MT_ENDED_TOO_COSTLY) {
		message("%s takes more memory or time than a recording of its size may: what came "
			"after %s was not read",
			name, after.s);
	} else if (session->ended_by != MT_ENDED_CUT_OFF) {
		if (damaged)
			message("%s goes on after its end, at byte %s: that is ignored", name,
				at.s);
	} else if (!session->end_ns) {
		message("%s is %s: it breaks off before its first record", name,
			damaged ? "damaged" : "incomplete");
	} else if (damaged) {
		message("%s is damaged at byte %s: what came after %s is missing", name, at.s,
			after.s);
	} else {
		message("%s is incomplete: it breaks off after %s", name, after.s);
	}
	return 0;
}

static int replay__pump(struct source *source, struct model *model)
{
	int err = 0;

	while (!err && source->ops->alive(source) && !model->session.ended) {
		model__allow(model, file__offset(source));
		err = source->ops->pump(source);
	}
	return err;
}

int replay__read(const char *path, const struct options *opt, struct stages *stages,
		 struct error *error)
{
	struct source *source = NULL;
	int err = file__open(path, replay__push, stages, error, &source);

	stages->reading = file__name(path);
	if (!err && output__would_replace(opt->output, path))
		err = error__set(error, EINVAL, "-o %s would replace the recording", opt->output);
	if (!err)
		err = stages__open(stages, opt, error);
	if (!err) {
		err = stages__finish(stages, replay__pump(source, stages->model));
		if (!err)
			err = tell_end(source, stages->reading, stages->model, error);
	}
	if (source)
		source->ops->free(source);
	return err;
}

int replay__run(const struct options *opt)
{
	struct stages stages = {};
	struct error error = {};
	int err;

	replay__take_signals(opt);
	err = replay__read(opt->files[0], opt, &stages, &error);
	stages__release(&stages);
	return message__failure(&error, err);
}
