// SPDX-License-Identifier: GPL-2.0-or-later
#include "report/notice.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "model/model.h"
#include "report/backtrace.h"

static void describe_forebears(struct model *model, const struct process *proc,
			       struct report_notice *row)
{
	while (proc && proc->ppid && row->nr_forebears < NOTICE_FOREBEARS) {
		row->forebears[row->nr_forebears++] = proc->ppid;
		proc = model__find_process(model, proc->ppid);
	}
}

/* What all kinds have of the process and the thread. */
static int describe_who(const struct model *model, const struct process *proc,
			const struct notice *notice, struct report_notice *row)
{
	const struct model_session *session = &model->session;

	row->realtime_ns = session->record.start_realtime_ns + notice->time_ns - session->start_ns;
	row->pid = notice->pid;
	row->tid = notice->tid;
	row->ip = notice->ip;
	row->handled = notice->handled;
	row->size_bytes = row->limit_bytes = BYTES_UNKNOWN;
	memcpy(row->comm, proc->comm, sizeof(proc->comm));
	if (proc->exe) {
		row->exe = strdup(proc->exe);
		if (!row->exe)
			return -ENOMEM;
	}
	return 0;
}

static int describe_hit(const struct process *proc, const struct notice *notice,
			struct report_notice *row)
{
	static const char *const by_kind[NR_HIT_KINDS] = {
		[HIT_MAIN_LIMIT] = "RLIMIT_STACK",
		[HIT_THREAD_GUARD] = "guard page",
		[HIT_GUARD_GAP] = "another mapping in the way",
		[HIT_NO_MEMORY] = "no memory",
		[HIT_ALTSTACK] = "stack for signal handlers",
	};
	const struct stack_hit *hit = &proc->stack.last_hit;
	char of[64] = "";

	if (hit->time_ns != notice->time_ns || hit->tid != notice->tid)
		return -ENOENT;
	row->event = "stack_hit";
	row->kind = stack_hit_kind__name(hit->kind);
	memcpy(row->thread, hit->comm, sizeof(hit->comm));
	row->outcome = notice->handled ? "handled" : NULL;
	row->address_known = true;
	row->address = hit->addr;
	row->signal = SIGSEGV;
	row->size_bytes = hit->size_bytes;
	row->limit_bytes = hit->limit_bytes;
	if (hit->limit_bytes != BYTES_UNKNOWN)
		snprintf(of, sizeof(of), " of %s", units__count(hit->limit_bytes).s);
	if (asprintf(&row->words, "stack overflow: %s%s bytes, %s", units__count(hit->size_bytes).s,
		     of, by_kind[hit->kind]) < 0)
		row->words = NULL;
	return row->words ? 0 : -ENOMEM;
}

#define WHERE_BYTES 256

static void add_frame(FILE *out, const struct report_frame *frame)
{
	if (frame->symbol)
		fprintf(out, "%s", frame->symbol);
	else if (frame->file)
		fprintf(out, "%s+0x%llx", frame->file, (unsigned long long)frame->offset);
	else
		fprintf(out, "0x%llx", (unsigned long long)frame->ip);
}

/* All in a line: "parse × 4,112;handle;main"; a recursion of several is "even > odd × 12". */
static char *stack_line(const struct report_backtrace *backtrace, bool utf8)
{
	uint32_t left = 0, repeat = 1;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	for (size_t i = 0; i < backtrace->nr_frames; i++) {
		const struct report_frame *frame = &backtrace->frames[i];

		fputs(!i ? "" : left ? " > " : ";", out);
		if (i && !left && backtrace->left_out && i == backtrace->left_out_after)
			fputs("...;", out);
		if (!left) {
			left = frame->repeat > 1 && frame->cycle ? frame->cycle : 1;
			repeat = frame->repeat;
		}
		add_frame(out, frame);
		if (!--left && repeat > 1)
			fprintf(out, " %s %s", utf8 ? "×" : "x", units__count(repeat).s);
	}
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

int report_notice__set_stack(const struct model *model, const struct notice *notice, bool utf8,
			     struct report_notice *row)
{
	struct report_backtrace *backtrace;
	char where[WHERE_BYTES];
	int err = report_backtrace__build(model, notice->pid, notice->tid, notice->time_ns,
					  &backtrace);

	if (err || !backtrace)
		return err;
	row->stack = stack_line(backtrace, utf8);
	if (!row->stack)
		err = -ENOMEM;
	if (!err && backtrace__phrase(backtrace, utf8, where, sizeof(where))) {
		row->where = strdup(where);
		err = row->where ? 0 : -ENOMEM;
	}
	report_backtrace__free(backtrace);
	return err;
}

static int (*const describe[])(const struct process *proc, const struct notice *notice,
			       struct report_notice *row) = {
	[NOTICE_STACK_HIT] = describe_hit,
};

int report__notice(struct model *model, const struct notice *notice, struct report_notice *row)
{
	const struct process *proc = model__find_process(model, notice->pid);
	int err;

	*row = (struct report_notice){};
	if (!proc || notice->kind >= sizeof(describe) / sizeof(describe[0]))
		return -ENOENT;
	err = describe_who(model, proc, notice, row) ?: describe[notice->kind](proc, notice, row);
	if (err)
		report_notice__release(row);
	else
		describe_forebears(model, proc, row);
	return err;
}

int report__more_notices(const char *comm, uint32_t pid, uint64_t nr, bool alike,
			 uint64_t realtime_ns, struct report_notice *row)
{
	char *words;

	if (asprintf(&words, "and %s more like %s", units__count(nr).s, alike ? "it" : "these") < 0)
		return -ENOMEM;
	*row = (struct report_notice){
		.realtime_ns = realtime_ns, .pid = pid, .tid = pid, .words = words, .more = nr};
	snprintf(row->comm, sizeof(row->comm), "%s", comm);
	return 0;
}

char *report_notice__text(const struct report_notice *row)
{
	char who[64] = "", thread[64] = "", *text;

	if (row->pid)
		snprintf(who, sizeof(who), "%s[%u]", *row->comm ? row->comm : "?", row->pid);
	else
		snprintf(who, sizeof(who), "%s", *row->comm ? row->comm : "several programs");
	if (row->tid != row->pid && *row->thread)
		snprintf(thread, sizeof(thread), " tid %u \"%s\"", row->tid, row->thread);
	else if (row->tid != row->pid)
		snprintf(thread, sizeof(thread), " tid %u", row->tid);
	if (asprintf(&text, "%s%s %s%s%s%s%s%s", who, thread, row->words, row->where ? ", " : "",
		     row->where ?: "", row->outcome ? " (" : "", row->outcome ?: "",
		     row->outcome ? ")" : "") < 0)
		return NULL;
	return text;
}

void report_notice__release(struct report_notice *row)
{
	free(row->exe);
	free(row->words);
	free(row->where);
	free(row->stack);
}
