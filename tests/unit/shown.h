/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Alerts as they come, for tests of them: what is shown, and bad accesses to show. */
#ifndef SHOWN_H
#define SHOWN_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/alerts.h"
#include "events.h"

#define MSEC 1000000ULL
#define SEC 1000000000ULL

/* What has come so far, a line each. */
struct shown {
	char text[64 << 10];
	size_t len;
	unsigned int nr;
	uint64_t nr_more;
	unsigned int nr_merged; /* rows of them that are not shown */
	uint32_t merged_tid;	/* of the last one of them */
	bool merged_fatal;
	char stack[512]; /* of the last one */
};

static inline int show(void *ctx, const struct report_notice *row)
{
	struct shown *shown = ctx;
	char *text = report_notice__text(row);

	assert_non_null(text);
	if (row->merged) {
		shown->nr_merged++;
		shown->merged_tid = row->tid;
		shown->merged_fatal = report_notice__is_fatal(row);
		assert_false(row->more);
		free(text);
		return 0;
	}
	shown->len +=
		snprintf(shown->text + shown->len, sizeof(shown->text) - shown->len, "%s\n", text);
	assert_true(shown->len < sizeof(shown->text));
	shown->nr += !row->more;
	shown->nr_more += row->more;
	snprintf(shown->stack, sizeof(shown->stack), "%s", row->stack ?: "");
	free(text);
	return 0;
}

static inline void take(void *ctx, struct model *model, const struct event *ev)
{
	assert_int_equal(alerts__take(ctx, model), 0);
	if (ev->kind == MT_KIND_STACK)
		assert_int_equal(alerts__take_stack(ctx, model, ev), 0);
}

static inline struct alerts alerts__to(struct feed *feed, struct shown *shown)
{
	*shown = (struct shown){};
	feed->model->notices.wanted = true;
	return (struct alerts){.fn = show, .ctx = shown, .utf8 = true, .wants_merged = true};
}

/* From here on they come as in a run: after each event. */
#define WATCH(feed, shown)                                                                         \
	struct alerts alerts = alerts__to(feed, &(shown));                                         \
	(feed)->taken = take;                                                                      \
	(feed)->ctx = &alerts

static inline void pass(struct feed *feed, struct alerts *alerts, uint64_t ns)
{
	feed->now_ns += ns;
	assert_int_equal(alerts__pass(alerts, feed->model, feed->now_ns), 0);
}

static inline struct mt_signal_more bad_access(uint32_t pid, uint32_t tid, uint64_t addr,
					       uint64_t ip, uint16_t flags)
{
	struct mt_signal_more sig = {
		.signal = {.hdr = record__header(MT_KIND_SIGNAL, sizeof(sig), pid, tid),
			   .signo = SIGSEGV,
			   .code = SEGV_MAPERR,
			   .addr = addr,
			   .sp = STACK_END - STACK_LIMIT,
			   .ip = ip,
			   .stack_limit_bytes = STACK_LIMIT,
			   .stack_vm_bytes = STACK_LIMIT,
			   .comm = "reader"},
		.trap = MT_TRAP_UNKNOWN,
		.file_bytes = UINT64_MAX,
		.as_limit_bytes = UINT64_MAX,
	};

	sig.signal.hdr.flags = flags;
	return sig;
}

/* A bad access at the limit of the stack of 8 MiB. */
static inline void overflow(struct feed *feed, uint32_t pid, uint32_t tid, uint64_t ip,
			    uint16_t flags)
{
	struct mt_signal_more sig = bad_access(pid, tid, STACK_END - STACK_LIMIT - 8, ip, flags);

	feed__now(feed, &sig);
}

#endif
