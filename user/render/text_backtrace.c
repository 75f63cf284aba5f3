// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>

#include "base/units.h"
#include "render/backtrace.h"

static void add_safe(struct text *text, unsigned int hang, const char *unsafe)
{
	char *safe = text__safe(text, unsafe);

	if (safe)
		text__wrap(text, hang, safe);
	free(safe);
}

/* "parse()" of a recursion; a frame for itself says where in it. */
static void frame__name(struct text *text, unsigned int hang, const struct report_frame *frame,
			bool repeats)
{
	if (!frame->symbol && !frame->file) {
		text__wrap(text, hang, units__address(frame->ip).s);
		return;
	}
	add_safe(text, hang, frame->symbol ? frame->symbol : frame->file);
	if (frame->symbol && repeats)
		text__wrap(text, hang, "()");
	else
		text__wrapf(text, hang, "+0x%llx", (unsigned long long)frame->offset);
}

static void frame__single(struct text *text, unsigned int hang, const struct report_frame *frame)
{
	frame__name(text, hang, frame, false);
	if (!frame->symbol || !frame->file)
		return;
	text__style(text, STYLE_DIM);
	text__wrap(text, hang, "  ");
	add_safe(text, hang, frame->file);
	text__style(text, STYLE_NONE);
}

static void frame__recursion(struct text *text, unsigned int hang,
			     const struct report_frame *frames, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		if (i)
			text__wrap(text, hang, text__either(text, " → ", " -> "));
		frame__name(text, hang, &frames[i], true);
	}
	text__wrapf(text, hang, " %s %s", text__either(text, "×", "x"),
		    units__count(frames->repeat).s);
}

static void left_out(struct text *text, unsigned int indent,
		     const struct report_backtrace *backtrace)
{
	text__pad(text, indent);
	text__wrapf(text, indent, "%s %s frame%s not shown", text__either(text, "…", "..."),
		    units__count(backtrace->left_out).s, text__plural(backtrace->left_out));
	text__end(text);
}

static void remark(struct text *text, unsigned int indent, const char *words)
{
	text__pad(text, indent);
	text__wrapf(text, indent, "%s %s", text__either(text, "…", "..."), words);
	text__end(text);
}

/* Frames that one line is for. */
static size_t frame__group(const struct report_backtrace *backtrace, size_t at)
{
	size_t left = backtrace->nr_frames - at, nr = backtrace->frames[at].cycle;

	return backtrace->frames[at].repeat < 2 || !nr ? 1 : nr < left ? nr : left;
}

void text__backtrace(struct text *text, unsigned int indent,
		     const struct report_backtrace *backtrace)
{
	bool told = !backtrace || !backtrace->left_out;

	for (size_t i = 0, nr; backtrace && i < backtrace->nr_frames; i += nr) {
		const struct report_frame *frame = &backtrace->frames[i];

		if (!told && i >= backtrace->left_out_after) {
			left_out(text, indent, backtrace);
			told = true;
		}
		nr = frame__group(backtrace, i);
		text__pad(text, indent);
		if (frame->repeat > 1)
			frame__recursion(text, indent + 2, frame, nr);
		else
			frame__single(text, indent + 2, frame);
		text__end(text);
	}
	if (!told)
		left_out(text, indent, backtrace);
	if (backtrace && !backtrace->exact)
		remark(text, indent,
		       backtrace->no_file ? "through code whose file could not be read or says "
					    "nothing of frames: there may be more frames"
					  : "through code without frame information: there may be "
					    "more frames");
	if (backtrace && backtrace->cut_off)
		remark(text, indent, "the stack could not be followed further");
}
