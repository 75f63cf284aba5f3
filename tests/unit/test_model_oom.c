// SPDX-License-Identifier: GPL-2.0-or-later
/* Kills for being out of memory, and memory that threads had to free: model, rows, text, JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/vocab.h"
#include "events.h"
#include "render/render.h"
#include "rendered.h"
#include "report/event_row.h"
#include "report/build.h"
#include "report/report.h"

#define OTHER (PID + 10)

static void kill_for_memory(struct feed *feed, uint32_t victim, uint32_t trigger, int score_adj,
			    uint64_t limit_bytes)
{
	struct mt_oom_kill rec = {
		.hdr = record__header(MT_KIND_OOM_KILL, sizeof(rec), victim, victim),
		.trigger_tgid = trigger,
		.trigger_tid = trigger + 1,
		.anon_pages = 1000,
		.file_pages = 200,
		.shmem_pages = 30,
		.swap_pages = 4,
		.pagetable_bytes = 5 * PAGE,
		.total_pages = 9999,
		.score_adj = score_adj,
		.cgroup_limit_bytes = limit_bytes,
		.cgroup_usage_bytes = limit_bytes == UINT64_MAX ? 0 : limit_bytes - PAGE,
		.comm = "big",
		.trigger_comm = "las\033t",
		.cgroup = "web",
	};

	rec.hdr.flags = MT_OOM_SIZES_KNOWN;
	feed__now(feed, &rec);
}

static void reclaim(struct feed *feed, uint16_t flags, uint64_t duration_ns, uint64_t pages)
{
	struct mt_reclaim rec = {
		.hdr = record__header(MT_KIND_RECLAIM, sizeof(rec), PID, PID + 3),
		.duration_ns = duration_ns,
		.reclaimed_pages = pages,
	};

	rec.hdr.flags = flags;
	feed__now(feed, &rec);
}

static void probe(struct feed *feed, const char *via)
{
	struct mt_probe rec = {
		.hdr = record__header(MT_KIND_PROBE, sizeof(rec), 0, 0),
		.fact = "reclaim stalls",
		.weight = 1,
	};

	snprintf(rec.via, sizeof(rec.via), "%s", via);
	feed__now(feed, &rec);
}

static struct report *report_of(struct feed *feed)
{
	struct report *report;

	assert_int_equal(report__build(feed->model, "1", 0, &report), 0);
	return report;
}

static void test_victim_and_trigger(void **state)
{
	struct feed *feed = *state;
	const struct report_oom_kill *kill;
	struct report *report;

	kill_for_memory(feed, PID, PID, 0, 64 << 20);
	kill_for_memory(feed, OTHER, PID, 500, UINT64_MAX);
	feed__exit(feed, PID, PID, true, SIGKILL, FLT(0, 0));
	/* It has ended: the pid may be another's. */
	kill_for_memory(feed, PID, OTHER, 0, UINT64_MAX);
	report = report_of(feed);
	/* Nobody else begins by it. */
	assert_int_equal(report->nr_processes, 1);
	assert_true(report->processes[0].oom.killed);
	assert_int_equal(report->processes[0].oom.nr_kills, 2);
	kill = &report->processes[0].oom.kills[0];
	assert_true(kill->is_victim && kill->is_trigger && kill->in_cgroup);
	assert_int_equal(kill->anon_bytes, 1000 * PAGE);
	assert_true(kill->badness_known && kill->badness_pages == 1000 + 200 + 30 + 4 + 5);
	assert_string_equal(kill->cgroup, "web");
	kill = &report->processes[0].oom.kills[1];
	assert_true(!kill->is_victim && kill->is_trigger && !kill->in_cgroup);
	assert_int_equal(kill->victim_pid, OTHER);
	/* What the kernel adds for it is not told. */
	assert_false(kill->badness_known);
	report__free(report);
}

static void memory(struct feed *feed, uint64_t total_bytes, uint64_t swap_bytes)
{
	struct mt_memory rec = {
		.hdr = record__header(MT_KIND_MEMORY, sizeof(rec), 0, 0),
		.total_bytes = total_bytes,
		.swap_total_bytes = swap_bytes,
	};

	feed__now(feed, &rec);
}

/* With a share of all that there is: of the cgroup where it is the cgroup's. */
static void test_badness(void **state)
{
	static const struct {
		bool known;
		int64_t pages;
	} expected[] = {
		{true, 1239 + 500 * (20999 / 1000)},
		{true, 1239 - 999 * (20999 / 1000)},
		{false, 0}, /* it may not be killed at all */
		{false, 0}, /* its limit and what it may swap, which nobody has told */
		{true, 1239},
		{true, 1239 + 500 * (16384 / 1000)},
	};
	const struct render_options options = {.width = 80};
	struct feed *feed = *state;
	struct report *report;
	char *text;

	memory(feed, 20000 * PAGE, 999 * PAGE);
	kill_for_memory(feed, PID, PID, 500, UINT64_MAX);
	kill_for_memory(feed, PID, PID, -999, UINT64_MAX);
	kill_for_memory(feed, PID, PID, -1000, UINT64_MAX);
	kill_for_memory(feed, PID, PID, 500, 64 << 20);
	kill_for_memory(feed, PID, PID, 0, 64 << 20);
	memory(feed, 20000 * PAGE, 0);
	kill_for_memory(feed, PID, PID, 500, 64 << 20);
	report = report_of(feed);
	assert_int_equal(report->processes[0].oom.nr_kills, sizeof(expected) / sizeof(expected[0]));
	for (size_t i = 0; i < report->processes[0].oom.nr_kills; i++) {
		const struct report_oom_kill *kill = &report->processes[0].oom.kills[i];

		assert_int_equal(kill->badness_known, expected[i].known);
		assert_int_equal(kill->badness_pages, expected[i].pages);
	}
	text = rendered(report, &options);
	assert_non_null(strstr(text, "-18,741"));
	free(text);
	text = rendered_json(report_of(feed), &options);
	assert_non_null(strstr(text, "\"badness_pages\":-18741"));
	free(text);
}

/* What the last event's borrows is the event's. */
struct last_row {
	struct report_event row;
	char comm[16], name[32];
};

static void take_row(void *ctx, struct model *model, const struct event *ev)
{
	struct last_row *last = ctx;

	assert_true(report__event(model, ev, &last->row));
	snprintf(last->comm, sizeof(last->comm), "%s", last->row.comm ?: "");
	snprintf(last->name, sizeof(last->name), "%s", last->row.name ?: "");
}

/* Of the victim, traced or not. */
static void test_event_rows(void **state)
{
	struct feed *feed = *state;
	struct last_row last;

	feed->taken = take_row;
	feed->ctx = &last;
	kill_for_memory(feed, OTHER, PID, -5, 64 << 20);
	assert_string_equal(last.row.kind, "oom_kill");
	assert_int_equal(last.row.pid, OTHER);
	assert_string_equal(last.comm, "big");
	assert_string_equal(last.name, "web");
	assert_string_equal(last.row.result, "SIGKILL");
	assert_int_equal(last.row.size_bytes, 1230 * PAGE);
	assert_string_equal(last.row.detail,
			    "trigger_pid=4242 trigger_tid=4243 cgroup oom_score_adj=-5 "
			    "anon_bytes=4096000 file_bytes=819200 shmem_bytes=122880 "
			    "swap_bytes=16384 pagetable_bytes=20480 limit_bytes=67108864");
	kill_for_memory(feed, OTHER, PID, 0, UINT64_MAX);
	assert_string_equal(last.name, "");
	assert_non_null(strstr(last.row.detail, " system "));
	assert_null(strstr(last.row.detail, "limit_bytes"));
	reclaim(feed, MT_RECLAIM_CGROUP, 2000000, 32);
	assert_string_equal(last.row.kind, "reclaim");
	assert_int_equal(last.row.tid, PID + 3);
	assert_int_equal(last.row.latency_ns, 2000000);
	assert_int_equal(last.row.size_bytes, 32 * PAGE);
	assert_string_equal(last.row.detail, "cgroup");
	reclaim(feed, 0, 1, UINT64_MAX);
	assert_int_equal(last.row.size_bytes, INT64_MAX);
	assert_string_equal(last.row.detail, "system");
	feed->taken = NULL;
}

/* Chosen, and gone by something else; or still there. */
static void test_not_killed(void **state)
{
	struct feed *feed = *state;
	struct report *report;

	kill_for_memory(feed, PID, OTHER, 0, UINT64_MAX);
	report = report_of(feed);
	assert_false(report->processes[0].oom.killed);
	assert_int_equal(report->processes[0].oom.nr_kills, 1);
	report__free(report);
	feed__exit(feed, PID, PID, true, 3 << 8, FLT(0, 0));
	report = report_of(feed);
	assert_false(report->processes[0].oom.killed);
	report__free(report);
}

static void test_many(void **state)
{
	struct feed *feed = *state;
	struct report *report;

	for (unsigned int i = 0; i < MAX_OOM_KILLS + 7; i++)
		kill_for_memory(feed, OTHER, PID, 0, UINT64_MAX);
	report = report_of(feed);
	assert_int_equal(report->processes[0].oom.nr_kills, MAX_OOM_KILLS);
	assert_int_equal(report->processes[0].oom.kills_total, MAX_OOM_KILLS + 7);
	report__free(report);
}

static void test_notices(void **state)
{
	struct feed *feed = *state;

	feed->model->notices.wanted = true;
	kill_for_memory(feed, PID, OTHER, 0, UINT64_MAX);
	assert_int_equal(feed->model->notices.nr, 1);
	assert_int_equal(feed->model->notices.items[0].kind, NOTICE_OOM_KILL);
	assert_int_equal(feed->model->notices.items[0].pid, PID);
	kill_for_memory(feed, OTHER, OTHER, 0, UINT64_MAX);
	assert_int_equal(feed->model->notices.nr, 1);
}

static void test_reclaim(void **state)
{
	struct feed *feed = *state;
	const struct report_process *row;
	struct report *report;

	report = report_of(feed);
	assert_false(report->processes[0].oom.reclaim_known);
	report__free(report);
	probe(feed, "tp_btf");
	reclaim(feed, MT_RECLAIM_CGROUP, 2000000, 32);
	reclaim(feed, MT_RECLAIM_CGROUP, 500000, 8);
	reclaim(feed, 0, 7000000, 1);
	report = report_of(feed);
	row = &report->processes[0];
	assert_true(row->oom.reclaim_known);
	assert_int_equal(row->oom.by_cgroup.count, 2);
	assert_int_equal(row->oom.by_cgroup.reclaimed_bytes, 40 * PAGE);
	assert_true(row->oom.by_cgroup.time_s > 0.00249 && row->oom.by_cgroup.time_s < 0.00251);
	assert_true(row->oom.by_cgroup.longest_s > 0.00199 &&
		    row->oom.by_cgroup.longest_s < 0.00201);
	assert_int_equal(row->oom.by_system.count, 1);
	report__free(report);
}

static void test_text(void **state)
{
	const struct render_options options = {.width = 80};
	struct feed *feed = *state;
	struct report *report;
	char *text;

	kill_for_memory(feed, PID, PID, 0, 64 << 20);
	reclaim(feed, MT_RECLAIM_CGROUP, 2000000, 256);
	feed__exit(feed, PID, PID, true, SIGKILL, FLT(0, 0));
	report = report_of(feed);
	text = rendered(report, &options);
	assert_has_lines(
		text,
		"Out of memory\n"
		"    0.000010 s  it was killed, as cgroup web had used 64.0 MiB of 64.0 MiB and\n"
		"                its tid 4243 las\\x1bt asked for more; resident: 3.9 MiB\n"
		"                anonymous, 800.0 KiB of files, 120.0 KiB shared; 16.0 KiB in\n"
		"                swap, 20.0 KiB of page tables, oom_score_adj 0, badness\n"
		"                1,239 pages\n"
		"  cgroup at its limit: its threads had to free memory themselves 1 time, in\n"
		"    2.0 ms (at most 2.0 ms): 1.0 MiB\n");
	assert_non_null(strstr(text, "out-of-memory killer, SIGKILL at"));
	free(text);
}

static void test_nothing_to_tell(void **state)
{
	const struct render_options options = {.width = 80};
	struct feed *feed = *state;
	struct report *report = report_of(feed);
	char *text = rendered(report, &options);

	assert_null(strstr(text, "Out of memory"));
	free(text);
}

static void test_json(void **state)
{
	const struct render_options options = {.top = 10};
	struct feed *feed = *state;
	struct report *report;
	json_t *root, *oom, *kill;
	char *text;

	kill_for_memory(feed, PID, OTHER, 0, 64 << 20);
	feed__exit(feed, PID, PID, true, SIGKILL, FLT(0, 0));
	report = report_of(feed);
	text = rendered_json(report, &options);
	root = json_loads(text, 0, NULL);
	assert_non_null(root);
	oom = json_object_get(json_array_get(json_object_get(root, "processes"), 0), "oom");
	assert_true(json_is_true(json_object_get(oom, "killed")));
	assert_true(json_is_null(json_object_get(oom, "reclaim")));
	kill = json_array_get(json_object_get(oom, "kills"), 0);
	assert_string_equal(json_string_value(json_object_get(kill, "role")), "victim");
	assert_string_equal(json_string_value(json_object_get(kill, "scope")), "cgroup");
	assert_int_equal(json_integer_value(
				 json_object_get(json_object_get(kill, "victim"), "badness_pages")),
			 1239);
	json_decref(root);
	free(text);
}

#define test(name) cmocka_unit_test_setup_teardown(name, feed__setup, feed__teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_victim_and_trigger),
		test(test_badness),
		test(test_event_rows),
		test(test_not_killed),
		test(test_many),
		test(test_notices),
		test(test_reclaim),
		test(test_text),
		test(test_nothing_to_tell),
		test(test_json),
	};

	return cmocka_run_group_tests_name("model_oom", tests, NULL, NULL);
}
