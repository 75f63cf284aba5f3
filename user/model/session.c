// SPDX-License-Identifier: GPL-2.0-or-later
/* What a run says of itself: when it began and ended, by which probes it sees, what was lost. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "model/intervals.h"
#include "model/model.h"
#include "model/session.h"

int session__take_begin(struct model *model, const struct event *ev)
{
	if (model->session.known)
		return 0;
	model->session.known = true;
	model->session.record = *ev->session;
	model->session.retries_are_major = strtoul(ev->session->kernel, NULL, 10) < 6;
	model->session.start_ns = ev->time_ns;
	model->session.last_tick_ns = ev->time_ns;
	return 0;
}

int session__take_losses(struct model *model, const struct event *ev)
{
	model->losses_before = model->losses;
	model->losses = *ev->losses;
	return 0;
}

/* More than there are facts. */
#define MAX_PROBES 64

int session__take_probe(struct model *model, const struct event *ev)
{
	struct mt_probe *slot;

	if (model->probes.nr >= MAX_PROBES)
		return 0;
	slot = array__push(&model->probes);
	if (!slot)
		return -ENOMEM;
	*slot = *ev->probe;
	if (!strcmp(slot->fact, "fault latency"))
		model->each_ns = slot->slow_ns;
	return 0;
}

int session__end(struct model *model, uint64_t time_ns, enum mt_ended_by ended_by)
{
	struct model_session *session = &model->session;
	uint64_t left_ns = time_ns > session->last_tick_ns ? time_ns - session->last_tick_ns : 0;

	session->ended_by = ended_by;
	session->ended = true;
	model__explain_by_losses(model);
	/* A run of whole intervals ends a moment after its last tick: that is no interval. */
	if (left_ns < session->record.interval_ns / 20 && !model__interval_has_faults(model))
		return 0;
	return model__tick(model, time_ns);
}

int session__take_end(struct model *model, const struct event *ev)
{
	/* That reading on costs too much is not for the recording to say. */
	return session__end(model, ev->time_ns,
			    ev->ended_by < MT_ENDED_TOO_COSTLY ? ev->ended_by : MT_ENDED_CUT_OFF);
}
