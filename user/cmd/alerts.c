// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/alerts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/clock.h"
#include "model/model.h"

/* The loader unwinds a stack when it has been copied: 100 to 200 ms later. */
#define STACK_WAIT_NS (300 * NSEC_PER_MSEC)
#define WINDOW_NS NSEC_PER_SEC
/* In a window: lines of a program, and among them those that are alike. */
#define MAX_LINES 10
#define MAX_ALIKE 3
#define MAX_KINDS 10
/* In a window: of so many that are merged the words are made, and then of the last one. */
#define MAX_SAMPLES 100
/* A stream without watermarks does not say when they are due. */
#define MAX_WAITING 256
/* Programs; those beyond share the last one. */
#define MAX_BURSTS 32

struct alert {
	struct notice notice; /* time_ns 0: of more than one */
	struct report_notice row;
	uint64_t due_ns;
	bool complete;
};

/* Notices that are alike: of one kind, by one instruction. */
struct alike {
	enum notice_kind kind;
	bool handled;
	uint64_t ip;
	unsigned int what;
	unsigned int nr_shown;
	uint64_t nr_merged; /* in this window */
};

/*
 * The notices of a program (all processes of one name: what crashes may be a child each time),
 * from the first on until a window passes without one too many.
 */
struct burst {
	char comm[NOTICE_COMM_BYTES]; /* empty: of several programs */
	uint32_t pid;		      /* 0: of several processes */
	uint64_t begin_ns;	      /* of the window */
	unsigned int nr_lines;
	struct alike alike[MAX_KINDS];
	unsigned int nr_alike;
	struct more_notices merged;
	uint64_t merged_realtime_ns; /* the last one */
	bool sampled;
	/* Of those that were merged the last one, or the last fatal one; and one with words. */
	struct notice last;
	struct alert sample;
};

static int alerts__push(struct alerts *alerts, const struct alert *alert)
{
	struct alert *slot = array__push(&alerts->waiting);

	if (!slot)
		return -ENOMEM;
	*slot = *alert;
	return 0;
}

/* More may be known by now. */
static int alert__refresh(struct alert *alert, struct model *model, bool utf8)
{
	struct report_notice row;
	int err;

	if (alert->complete)
		return 0;
	err = report__notice(model, &alert->notice, &row);
	if (err && err != -ENOENT)
		return err;
	if (!err) {
		row.merged = alert->row.merged;
		report_notice__release(&alert->row);
		alert->row = row;
	}
	alert->complete = true;
	return report_notice__set_stack(model, &alert->notice, utf8, &alert->row);
}

/* What goes on like this stays known: of it there is just the number. */
static void burst__next_window(struct burst *burst, uint64_t now_ns)
{
	unsigned int left = 0;

	for (unsigned int i = 0; i < burst->nr_alike; i++) {
		if (!burst->alike[i].nr_merged)
			continue;
		burst->alike[left] = burst->alike[i];
		burst->alike[left++].nr_merged = 0;
	}
	burst->nr_alike = left;
	burst->begin_ns = now_ns;
	burst->nr_lines = 0;
	burst->merged = (struct more_notices){};
}

static bool notice__is_fatal(const struct notice *notice)
{
	if (notice->kind == NOTICE_OOM_KILL)
		return notice->what & OOM_VICTIM;
	return notice->kind != NOTICE_LIMIT && !notice->handled;
}

/* Of one that is not known any more there is what was known before. */
static int burst__describe(struct burst *burst, struct model *model)
{
	struct alert alert = {
		.notice = burst->last,
		.due_ns = burst->last.time_ns + (burst->last.awaits_stack ? STACK_WAIT_NS : 0),
	};
	int err = report__notice(model, &burst->last, &alert.row);

	if (err)
		return err == -ENOENT ? 0 : err;
	if (burst->sampled)
		report_notice__release(&burst->sample.row);
	alert.row.merged = burst->sampled = true;
	burst->sample = alert;
	return 0;
}

/* Words cost more than all else that is done for one of a storm. */
static int burst__sample(struct burst *burst, struct model *model, const struct notice *notice)
{
	if (burst->sampled && notice__is_fatal(&burst->last) && !notice__is_fatal(notice))
		return 0;
	burst->last = *notice;
	return burst->merged.nr <= MAX_SAMPLES ? burst__describe(burst, model) : 0;
}

/* Their number, and one of them for who wants to know what they are. */
static int burst__tell(struct alerts *alerts, struct model *model, struct burst *burst)
{
	struct alert alert = {.complete = true};
	int err = 0;

	if (burst->sampled && burst->last.time_ns != burst->sample.notice.time_ns)
		err = burst__describe(burst, model);
	if (!err && burst->sampled)
		err = alerts__push(alerts, &burst->sample);
	if (err)
		return err;
	burst->sampled = false;
	err = report__more_notices(burst->comm, burst->pid, &burst->merged,
				   burst->merged_realtime_ns, &alert.row);

	if (err)
		return err;
	err = alerts__push(alerts, &alert);
	if (err)
		report_notice__release(&alert.row);
	return err;
}

/* Windows that are over by now. */
static int alerts__close_windows(struct alerts *alerts, struct model *model, uint64_t now_ns)
{
	size_t left = 0;
	int err = 0;

	for (size_t i = 0; i < alerts->bursts.nr; i++) {
		struct burst *burst = &alerts->bursts.items[i];
		bool over = now_ns >= burst->begin_ns && now_ns - burst->begin_ns >= WINDOW_NS;

		if (over && !burst->merged.nr)
			continue;
		if (over) {
			err = err ?: burst__tell(alerts, model, burst);
			burst__next_window(burst, now_ns);
		}
		if (left != i)
			alerts->bursts.items[left] = *burst;
		left++;
	}
	alerts->bursts.nr = left;
	return err;
}

/* NULL without memory. */
static struct burst *alerts__burst(struct alerts *alerts, const struct notice *notice,
				   const char *comm)
{
	struct burst *burst;

	for (size_t i = 0; i < alerts->bursts.nr; i++) {
		burst = &alerts->bursts.items[i];
		if (!strcmp(burst->comm, comm))
			goto found;
	}
	if (alerts->bursts.nr < MAX_BURSTS) {
		burst = array__push(&alerts->bursts);
		if (!burst)
			return NULL;
		*burst = (struct burst){.begin_ns = notice->time_ns, .pid = notice->pid};
		snprintf(burst->comm, sizeof(burst->comm), "%s", comm);
		return burst;
	}
	burst->comm[0] = '\0';
found:
	if (burst->pid != notice->pid)
		burst->pid = 0;
	return burst;
}

static struct alike *burst__alike(struct burst *burst, const struct notice *notice)
{
	struct alike *alike;

	for (unsigned int i = 0; i < burst->nr_alike; i++) {
		alike = &burst->alike[i];
		if (alike->kind == notice->kind && alike->handled == notice->handled &&
		    alike->ip == notice->ip && alike->what == notice->what)
			return alike;
	}
	if (burst->nr_alike == MAX_KINDS)
		return NULL;
	alike = &burst->alike[burst->nr_alike++];
	*alike = (struct alike){.kind = notice->kind,
				.handled = notice->handled,
				.ip = notice->ip,
				.what = notice->what};
	return alike;
}

static void more_notices__add(struct more_notices *more, const struct notice *notice)
{
	if (!more->nr++) {
		more->kind = notice->kind;
		more->what = notice->what;
	}
	more->several_kinds |= notice->kind != more->kind;
	more->several_whats |= notice->what != more->what;
}

/* Is it to be shown? Else it is counted. */
static bool burst__admit(struct burst *burst, const struct notice *notice, uint64_t realtime_ns)
{
	struct alike *alike = burst__alike(burst, notice);

	if (alike && alike->nr_shown < MAX_ALIKE && burst->nr_lines < MAX_LINES) {
		alike->nr_shown++;
		burst->nr_lines++;
		return true;
	}
	if (alike)
		alike->nr_merged++;
	more_notices__add(&burst->merged, notice);
	burst->merged_realtime_ns = realtime_ns;
	return false;
}

static int alerts__take_one(struct alerts *alerts, struct model *model, const struct notice *notice)
{
	struct alert alert = {
		.notice = *notice,
		.due_ns = notice->time_ns + (notice->awaits_stack ? STACK_WAIT_NS : 0),
	};
	const struct process *proc = model__find_process(model, notice->pid);
	struct burst *burst;
	bool admitted;
	int err = alerts__close_windows(alerts, model, notice->time_ns);

	if (err || !proc)
		return err;
	burst = alerts__burst(alerts, notice, proc->comm);
	if (!burst)
		return -ENOMEM;
	/* Before its words are made: there may be very many. */
	admitted =
		burst__admit(burst, notice, report__realtime_ns(&model->session, notice->time_ns));
	if (!admitted)
		return alerts->wants_merged ? burst__sample(burst, model, notice) : 0;
	err = report__notice(model, notice, &alert.row);
	if (err)
		return err == -ENOENT ? 0 : err;
	err = alerts__push(alerts, &alert);
	if (err)
		report_notice__release(&alert.row);
	return err;
}

int alerts__take(struct alerts *alerts, struct model *model)
{
	struct notices *notices = &model->notices;
	int err = 0;

	for (size_t i = 0; i < notices->nr && !err; i++)
		err = alerts__take_one(alerts, model, &notices->items[i]);
	notices->nr = 0;
	if (!err && alerts->waiting.nr > MAX_WAITING)
		err = alerts__pass(alerts, model,
				   alerts->waiting.items[alerts->waiting.nr - 1].due_ns);
	return err;
}

int alerts__take_stack(struct alerts *alerts, struct model *model, const struct event *ev)
{
	for (size_t i = 0; i < alerts->waiting.nr; i++) {
		struct alert *alert = &alerts->waiting.items[i];
		int err;

		if (alert->notice.pid != ev->tgid || alert->notice.tid != ev->tid ||
		    alert->notice.time_ns != ev->stack->signal_time_ns)
			continue;
		err = alert__refresh(alert, model, alerts->utf8);
		alert->due_ns = 0;
		return err;
	}
	return 0;
}

int alerts__pass(struct alerts *alerts, struct model *model, uint64_t now_ns)
{
	int err = alerts__close_windows(alerts, model, now_ns);
	size_t nr = 0;

	/* In their order: one that waits holds up those behind it. */
	while (!err && nr < alerts->waiting.nr && alerts->waiting.items[nr].due_ns <= now_ns) {
		struct alert *alert = &alerts->waiting.items[nr++];

		err = alert__refresh(alert, model, alerts->utf8)
			      ?: alerts->fn(alerts->ctx, &alert->row);
	}
	for (size_t i = 0; i < nr; i++)
		report_notice__release(&alerts->waiting.items[i].row);
	alerts->waiting.nr -= nr;
	memmove(alerts->waiting.items, alerts->waiting.items + nr,
		alerts->waiting.nr * sizeof(*alerts->waiting.items));
	return err;
}

int alerts__flush(struct alerts *alerts, struct model *model)
{
	return alerts__wait(alerts) ? alerts__pass(alerts, model, UINT64_MAX) : 0;
}

void alerts__release(struct alerts *alerts)
{
	for (size_t i = 0; i < alerts->waiting.nr; i++)
		report_notice__release(&alerts->waiting.items[i].row);
	for (size_t i = 0; i < alerts->bursts.nr; i++)
		if (alerts->bursts.items[i].sampled)
			report_notice__release(&alerts->bursts.items[i].sample.row);
	array__free(&alerts->waiting);
	array__free(&alerts->bursts);
}
