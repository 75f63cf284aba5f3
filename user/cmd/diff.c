// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/diff.h"

#include "base/cleanup.h"
#include "cmd/message.h"
#include "cmd/output.h"
#include "cmd/replay.h"
#include "cmd/stages.h"
#include "cmd/terminal.h"
#include "render/render.h"
#include "report/diff.h"
#include "source/file.h"

/* Of the model nothing is needed any more once there is a report. */
static int load(const char *path, const struct options *opt, struct error *error,
		struct report **ret)
{
	struct stages stages = {};
	int err = replay__read(path, opt, &stages, error);

	if (!err)
		*ret = move_ptr(stages.report);
	stages__release(&stages);
	return err;
}

static int write_diff(const struct diff *diff, const struct options *opt, struct error *error)
{
	struct render_options render;
	struct output out;
	int err = output__open(&out, opt->output, true, error);

	if (err)
		return err;
	terminal__options(out.stream, opt, &render);
	if (opt->format == FORMAT_JSON)
		err = render_json__diff(diff, &render, out.stream);
	else
		err = render_text__diff(diff, &render, out.stream);
	return output__close(&out, err, error);
}

static int compare(struct report *const reports[], const struct options *opt, struct error *error)
{
	struct diff *diff;
	int err = diff__build(reports[DIFF_A], reports[DIFF_B], file__name(opt->files[0]),
			      file__name(opt->files[1]), &diff);

	if (err)
		return error__set(error, -err, "out of memory");
	err = write_diff(diff, opt, error);
	diff__free(diff);
	return err;
}

int diff__run(const struct options *opt)
{
	struct report *reports[DIFF_SIDES] = {};
	struct error error = {};
	int err = 0;

	replay__take_signals(opt);
	for (enum diff_side side = 0; side < DIFF_SIDES && !err; side++)
		err = load(opt->files[side], opt, &error, &reports[side]);
	if (!err)
		err = compare(reports, opt, &error);
	for (enum diff_side side = 0; side < DIFF_SIDES; side++)
		report__free(reports[side]);
	return message__failure(&error, err);
}
