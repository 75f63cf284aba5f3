// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/units.h"
#include "cmd/message.h"
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
static void leave_first_interrupt(const struct options *opt)
{
	struct sigaction action = {.sa_handler = on_interrupt,
				   .sa_flags = SA_RESTART | SA_RESETHAND};

	signal(SIGPIPE, SIG_IGN);
	if (!strcmp(opt->files[0], "-"))
		sigaction(SIGINT, &action, NULL);
}

/* The report is of what there is; that it is not all must not be overlooked. */
static void tell_end(const struct source *source, const struct options *opt,
		     const struct model *model)
{
	const struct model_session *session = &model->session;
	double seconds = (double)(session->end_ns - session->start_ns) / NSEC_PER_SEC;
	const char *name = strcmp(opt->files[0], "-") ? opt->files[0] : "standard input";

	if (file__state(source) == READER_DAMAGED)
		message("%s is damaged at byte %s: what follows the first %.1f s is missing", name,
			units__count(file__offset(source)).s, seconds);
	else if (session->ended_by == MT_ENDED_CUT_OFF)
		message("%s is incomplete: it breaks off after %.1f s", name, seconds);
}

static int replay__pump(struct source *source)
{
	int err = 0;

	while (!err && source->ops->alive(source))
		err = source->ops->pump(source);
	return err;
}

int replay__run(const struct options *opt)
{
	struct source *source = NULL;
	struct stages stages = {};
	struct error error = {};
	int err;

	leave_first_interrupt(opt);
	err = file__open(opt->files[0], replay__push, &stages, &error, &source);
	if (!err)
		err = stages__open(&stages, opt, &error);
	if (!err) {
		err = stages__finish(&stages, replay__pump(source));
		tell_end(source, opt, stages.model);
	}
	if (source)
		source->ops->free(source);
	stages__release(&stages);
	return message__failure(&error, err);
}
