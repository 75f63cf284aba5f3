// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/units.h"
#include "model/model.h"
#include "report/backtrace.h"

static void report_backtrace__freep(struct report_backtrace **backtrace)
{
	report_backtrace__free(*backtrace);
}

static int frame__fill(struct report_frame *row, const struct backtrace_frame *frame)
{
	*row = (struct report_frame){
		.ip = frame->ip,
		.symbol = *frame->symbol ? strdup(frame->symbol) : NULL,
		.offset = frame->offset,
		.file = *frame->file ? strdup(frame->file) : NULL,
		.cycle = frame->cycle,
		.repeat = frame->repeat,
	};
	return (row->symbol || !*frame->symbol) && (row->file || !*frame->file) ? 0 : -ENOMEM;
}

int report_backtrace__build(const struct model *model, uint32_t pid, uint32_t tid, uint64_t time_ns,
			    struct report_backtrace **ret)
{
	const struct backtrace *from = backtraces__find(&model->backtraces, pid, tid, time_ns);
	struct report_backtrace *rows __cleanup(report_backtrace__freep) = NULL;
	int err = 0;

	if (!from) {
		*ret = NULL;
		return 0;
	}
	rows = calloc(1, sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	rows->depth = from->depth_frames;
	rows->cut_off = from->cut_off;
	rows->exact = !from->by_pointers && !from->no_file;
	rows->no_file = from->no_file;
	rows->left_out = from->left_out;
	rows->left_out_after = from->left_out_after;
	rows->frames = calloc(from->nr + 1, sizeof(*rows->frames));
	err = rows->frames ? 0 : -ENOMEM;
	for (uint32_t i = 0; i < from->nr && !err; i++)
		err = frame__fill(&rows->frames[rows->nr_frames++], &from->frames[i]);
	if (err)
		/* cppcheck-suppress memleak ; the attribute frees it */
		return err;
	*ret = move_ptr(rows);
	return 0;
}

void report_backtrace__free(struct report_backtrace *backtrace)
{
	if (!backtrace)
		return;
	for (size_t i = 0; i < backtrace->nr_frames; i++) {
		free(backtrace->frames[i].symbol);
		free(backtrace->frames[i].file);
	}
	free(backtrace->frames);
	free(backtrace);
}

/* The first frame of what most of the stack repeats; else the innermost one. */
static size_t backtrace__subject(const struct report_backtrace *backtrace)
{
	for (size_t i = 0; i < backtrace->nr_frames; i++) {
		const struct report_frame *frame = &backtrace->frames[i];

		if (frame->repeat > 1 &&
		    (uint64_t)frame->cycle * frame->repeat > backtrace->depth / 2)
			return i;
	}
	return 0;
}

void report_frame__print(const struct report_frame *frame, const char *call, FILE *out)
{
	if (frame->symbol)
		fprintf(out, "%s%s", frame->symbol, call);
	else if (frame->file)
		fprintf(out, "%s+0x%llx", frame->file, (unsigned long long)frame->offset);
	else
		fprintf(out, "0x%llx", (unsigned long long)frame->ip);
}

/* Of a recursion of many functions so many will do: an interpreter's goes through dozens. */
#define PHRASE_FUNCTIONS 4

static void add_recursion(FILE *out, const struct report_backtrace *backtrace, size_t first,
			  bool utf8)
{
	const struct report_frame *frame = &backtrace->frames[first];
	uint32_t nr = frame->cycle < PHRASE_FUNCTIONS ? frame->cycle : PHRASE_FUNCTIONS;

	fputs("in ", out);
	for (uint32_t i = 0; i < nr && first + i < backtrace->nr_frames; i++) {
		fputs(!i ? "" : utf8 ? " → " : " -> ", out);
		report_frame__print(&frame[i], "()", out);
	}
	if (frame->cycle > nr)
		fputs(utf8 ? " → …" : " -> ...", out);
	fprintf(out, " %s %s%s", utf8 ? "×" : "x", units__count(frame->repeat).s,
		backtrace->cut_off ? " or more" : "");
}

/* What begins a thread has called everything. */
#define OUTER_FRAMES 2

/* The innermost function; where that has no name, also the one that has and that it was called
 * from. */
static void add_innermost(FILE *out, const struct report_backtrace *backtrace)
{
	const struct report_frame *frames = backtrace->frames;
	size_t named = 0;

	while (named < backtrace->nr_frames && !frames[named].symbol)
		named++;
	if (frames->symbol || frames->file) {
		fputs("in ", out);
		report_frame__print(frames, "()", out);
	}
	if (!named || named + OUTER_FRAMES >= backtrace->nr_frames)
		return;
	fputs(frames->file ? ", called from " : "called from ", out);
	report_frame__print(&frames[named], "()", out);
}

char *backtrace__phrase(const struct report_backtrace *backtrace, bool utf8)
{
	size_t first = backtrace__subject(backtrace), size;
	char *text = NULL;
	FILE *out;

	if (!backtrace->nr_frames)
		return NULL;
	out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	if (backtrace->frames[first].repeat > 1)
		add_recursion(out, backtrace, first, utf8);
	else
		add_innermost(out, backtrace);
	if (fclose(out) || !*text) {
		free(text);
		return NULL;
	}
	return text;
}
