// SPDX-License-Identifier: GPL-2.0-or-later
/* Stacks at bad accesses: what is asked for, what the answer is kept as, and how it is shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "events.h"
#include "model/backtrace.h"
#include "model/name.h"
#include "render/backtrace.h"
#include "rendered.h"
#include "report/backtrace.h"

#define TID (PID + 1)
#define SIGNAL_NS 777

struct answer {
	struct mt_stack stack;
	struct mt_frame frames[MT_STACK_MAX_FRAMES];
};

static struct mt_frame frame(const char *symbol, uint64_t offset, uint32_t cycle, uint32_t repeat)
{
	struct mt_frame frame = {.ip = TEXT + offset, .offset = offset, .cycle = cycle};

	frame.repeat = repeat;
	snprintf(frame.symbol, sizeof(frame.symbol), "%s", symbol);
	snprintf(frame.file, sizeof(frame.file), "worker");
	return frame;
}

static void answer(struct feed *feed, struct answer *answer, uint32_t nr)
{
	answer->stack.hdr = record__header(
		MT_KIND_STACK, sizeof(answer->stack) + nr * sizeof(answer->frames[0]), PID, TID);
	answer->stack.nr = nr;
	feed__now(feed, &answer->stack);
}

static void answer_sample(struct feed *feed)
{
	struct answer rec = {.stack = {.signal_time_ns = SIGNAL_NS,
				       .depth_frames = 2 * 2056 + 5 + 3,
				       .left_out = 3,
				       .left_out_after = 3},
			     .frames = {frame("leaf", 16, 1, 1), frame("a", 32, 2, 2056),
					frame("b", 48, 0, 1), frame("c\033[2J", 64, 1, 7),
					frame("", 80, 1, 1)}};

	answer(feed, &rec, 5);
}

static void test_kept(void **state)
{
	struct feed *feed = *state;
	const struct backtrace *backtrace;

	answer_sample(feed);
	backtrace = backtraces__find(&feed->model->backtraces, PID, TID, SIGNAL_NS);
	assert_non_null(backtrace);
	assert_int_equal(backtrace->depth_frames, 4120);
	assert_false(backtrace->cut_off || backtrace->by_pointers || backtrace->no_file);
	assert_int_equal(backtrace->nr, 5);
	assert_string_equal(backtrace->frames[1].symbol, "a");
	assert_string_equal(backtrace->frames[4].symbol, "");
	assert_string_equal(backtrace->frames[4].file, "worker");
	assert_int_equal(backtrace->frames[1].repeat, 2056);
	assert_null(backtraces__find(&feed->model->backtraces, PID, TID, SIGNAL_NS + 1));
	assert_null(backtraces__find(&feed->model->backtraces, PID, PID, SIGNAL_NS));
}

static void test_bounded(void **state)
{
	struct feed *feed = *state;
	struct answer rec = {.frames = {frame("f", 0, 1, 1)}};

	for (uint64_t i = 1; i <= MAX_BACKTRACES + 10; i++) {
		rec.stack.signal_time_ns = i;
		answer(feed, &rec, 1);
	}
	assert_int_equal(HASH_COUNT(feed->model->backtraces.table), MAX_BACKTRACES);
}

static struct mt_stack_copy copy_of(uint64_t signal_ns)
{
	return (struct mt_stack_copy){
		.hdr = record__header(MT_KIND_STACK_COPY, sizeof(struct mt_stack_copy), PID, TID),
		.signal_time_ns = signal_ns,
		.slot = 3,
		.nr_chunks = 1,
	};
}

/* The mappings are those of the signal's time, whatever becomes of the process. */
static void test_asked(void **state)
{
	struct feed *feed = *state;
	struct backtraces *backtraces = &feed->model->backtraces;
	struct mt_stack_copy copy = copy_of(SIGNAL_NS);
	struct stack_ask ask;

	feed__now(feed, &copy); /* nobody would take it */
	assert_false(backtraces__take_asked(backtraces, &ask));
	backtraces->wanted = true;
	feed__now(feed, &copy);
	copy.signal_time_ns++;
	feed__now(feed, &copy);
	feed__exit(feed, PID, PID, true, 11, FLT(0, 0));
	assert_true(backtraces__take_asked(backtraces, &ask));
	assert_int_equal(ask.copy.signal_time_ns, SIGNAL_NS);
	assert_int_equal(ask.copy.slot, 3);
	assert_int_equal(ask.nr_mappings, 2); /* and the vDSO */
	assert_int_equal(ask.mappings[0].start, TEXT);
	assert_string_equal(name__text(ask.mappings[0].name), "/usr/bin/worker");
	stack_ask__release(&ask);
	assert_true(backtraces__take_asked(backtraces, &ask));
	assert_int_equal(ask.copy.signal_time_ns, SIGNAL_NS + 1);
	stack_ask__release(&ask);
	assert_false(backtraces__take_asked(backtraces, &ask));
	/* What nobody takes does not become more and more. */
	for (int i = 0; i < 100; i++)
		feed__now(feed, &copy);
	assert_int_equal(backtraces->asks.nr, MAX_STACK_ASKS);
}

/* Who has handled thousands of bad accesses, and dies of one, has a stack for that. */
static void test_handled_leave_room(void **state)
{
	struct feed *feed = *state;
	struct backtraces *backtraces = &feed->model->backtraces;
	struct mt_stack_copy copy = copy_of(SIGNAL_NS);
	struct stack_ask ask = {};
	int wanted = 0;

	backtraces->wanted = true;
	copy.hdr.flags = MT_STACK_COPY_HANDLED;
	for (int i = 0; i < MAX_BACKTRACES + 10; i++) {
		feed__now(feed, &copy);
		assert_true(backtraces__take_asked(backtraces, &ask));
		wanted += !!ask.mappings;
		stack_ask__release(&ask);
	}
	assert_int_equal(wanted, MAX_BACKTRACES_HANDLED);
	copy.hdr.flags = 0;
	feed__now(feed, &copy);
	assert_true(backtraces__take_asked(backtraces, &ask));
	assert_non_null(ask.mappings);
	stack_ask__release(&ask);
}

static char *shown(const struct report_backtrace *backtrace, unsigned int width, bool utf8)
{
	const struct render_options opt = {.width = width, .utf8 = utf8};
	struct text text;
	char *out = NULL;
	size_t size;
	FILE *stream = open_memstream(&out, &size);

	assert_non_null(stream);
	text__open(&text, &opt, stream);
	text__backtrace(&text, 2, backtrace);
	assert_int_equal(text__close(&text), 0);
	fclose(stream);
	return out;
}

static void test_shown(void **state)
{
	struct feed *feed = *state;
	struct report_backtrace *backtrace;
	char *text;

	answer_sample(feed);
	assert_int_equal(report_backtrace__build(feed->model, PID, TID, SIGNAL_NS, &backtrace), 0);
	assert_non_null(backtrace);
	text = shown(backtrace, 80, true);
	assert_string_equal(text, "  leaf+0x10  worker\n"
				  "  a() → b() × 2,056\n"
				  "  … 3 frames not shown\n"
				  "  c\\x1b[2J() × 7\n"
				  "  worker+0x50\n");
	free(text);
	backtrace->cut_off = true;
	backtrace->exact = false;
	text = shown(backtrace, 80, false);
	assert_has(text, "  a() -> b() x 2,056\n");
	assert_has(text,
		   "\n  ... through code without frame information: there may be more frames\n");
	assert_has(text, "\n  ... the stack could not be followed further\n");
	free(text);
	backtrace->no_file = true;
	text = shown(backtrace, 80, false);
	assert_has(text, "\n  ... through code whose file could not be read or says nothing of "
			 "frames: there\n  may be more frames\n");
	free(text);
	text = shown(NULL, 80, false);
	assert_string_equal(text, "");
	free(text);
	report_backtrace__free(backtrace);
	assert_int_equal(report_backtrace__build(feed->model, PID, TID, 1, &backtrace), 0);
	assert_null(backtrace);
}

static void test_wrapped(void **state)
{
	struct feed *feed = *state;
	struct answer rec = {.stack = {.signal_time_ns = SIGNAL_NS}};
	struct report_backtrace *backtrace;
	char long_name[120] = "", *text;

	memset(long_name, 'n', sizeof(long_name) - 1);
	for (uint32_t i = 0; i < MT_STACK_MAX_FRAMES; i++)
		rec.frames[i] = frame(long_name, i, i ? 0 : MT_STACK_MAX_FRAMES, i ? 1 : 9);
	answer(feed, &rec, MT_STACK_MAX_FRAMES);
	assert_int_equal(report_backtrace__build(feed->model, PID, TID, SIGNAL_NS, &backtrace), 0);
	text = shown(backtrace, 80, true);
	assert_tidy(text, 80);
	free(text);
	report_backtrace__free(backtrace);
}

static void test_json(void **state)
{
	struct feed *feed = *state;
	struct report_backtrace *backtrace;
	struct json json = {};
	json_t *o;

	answer_sample(feed);
	assert_int_equal(report_backtrace__build(feed->model, PID, TID, SIGNAL_NS, &backtrace), 0);
	o = json__backtrace(&json, backtrace);
	assert_int_equal(json.err, 0);
	assert_int_equal(json_integer_value(json_at(o, "depth")), 4120);
	assert_true(json_is_false(json_at(o, "cut_off")));
	assert_true(json_is_true(json_at(o, "exact")));
	assert_int_equal(json_integer_value(json_at(o, "left_out_after")), 3);
	assert_string_equal(json_string_value(json_at(o, "frames.1.symbol")), "a");
	assert_int_equal(json_integer_value(json_at(o, "frames.1.cycle")), 2);
	assert_int_equal(json_integer_value(json_at(o, "frames.1.repeat")), 2056);
	assert_string_equal(json_string_value(json_at(o, "frames.0.ip")), "0x400010");
	assert_true(json_is_null(json_at(o, "frames.4.symbol")));
	assert_string_equal(json_string_value(json_at(o, "frames.4.file")), "worker");
	json_decref(o);
	o = json__backtrace(&json, NULL);
	assert_true(json_is_null(o));
	json_decref(o);
	report_backtrace__free(backtrace);
}

static void assert_phrase(const struct report_backtrace *backtrace, bool utf8, const char *expect)
{
	char *phrase = backtrace__phrase(backtrace, utf8);

	assert_non_null(phrase);
	assert_string_equal(phrase, expect);
	free(phrase);
}

static void test_phrase(void **state)
{
	struct report_frame frames[] = {
		{.symbol = "leaf", .cycle = 1, .repeat = 1},
		{.symbol = "a", .cycle = 2, .repeat = 2056},
		{.file = "b.so", .offset = 0x12, .cycle = 0, .repeat = 1},
		{.symbol = "main", .cycle = 1, .repeat = 1},
		{.symbol = "__libc_start_main", .cycle = 1, .repeat = 1},
		{.symbol = "_start", .cycle = 1, .repeat = 1},
	};
	struct report_backtrace backtrace = {.depth = 4116, .frames = frames, .nr_frames = 6};

	(void)state;
	assert_phrase(&backtrace, true, "in a() → b.so+0x12 × 2,056");
	assert_phrase(&backtrace, false, "in a() -> b.so+0x12 x 2,056");
	backtrace.cut_off = true;
	assert_phrase(&backtrace, true, "in a() → b.so+0x12 × 2,056 or more");
	frames[1].repeat = 2;
	assert_phrase(&backtrace, true, "in leaf()");
}

static void test_phrase_of_many(void **state)
{
	struct report_frame frames[5] = {};
	struct report_backtrace backtrace = {.depth = 50, .frames = frames, .nr_frames = 5};
	static char names[5][2] = {"a", "b", "c", "d", "e"};

	(void)state;
	for (size_t i = 0; i < 5; i++)
		frames[i] = (struct report_frame){.symbol = names[i], .repeat = 1};
	frames[0].cycle = 5;
	frames[0].repeat = 10;
	assert_phrase(&backtrace, true, "in a() → b() → c() → d() → … × 10");
	assert_phrase(&backtrace, false, "in a() -> b() -> c() -> d() -> ... x 10");
}

/* The innermost has no name. */
static void test_phrase_of_caller(void **state)
{
	struct report_frame frames[] = {
		{.file = "libc.so.6", .offset = 0x167ad8, .cycle = 1, .repeat = 1},
		{.file = "tool", .offset = 0x99, .cycle = 1, .repeat = 1},
		{.symbol = "main", .cycle = 1, .repeat = 1},
		{.symbol = "__libc_start_main", .cycle = 1, .repeat = 1},
		{.symbol = "_start", .cycle = 1, .repeat = 1},
	};
	struct report_backtrace backtrace = {.depth = 5, .frames = frames, .nr_frames = 5};

	(void)state;
	assert_phrase(&backtrace, true, "in libc.so.6+0x167ad8, called from main()");
	frames[2].symbol = NULL;
	assert_phrase(&backtrace, true, "in libc.so.6+0x167ad8");
	/* A call of nothing. */
	frames[0].file = NULL;
	assert_null(backtrace__phrase(&backtrace, true));
	frames[1].symbol = "caller";
	assert_phrase(&backtrace, true, "called from caller()");
	backtrace.nr_frames = 0;
	assert_null(backtrace__phrase(&backtrace, true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_kept, feed__setup, feed__teardown),
		cmocka_unit_test_setup_teardown(test_bounded, feed__setup, feed__teardown),
		cmocka_unit_test_setup_teardown(test_asked, feed__setup, feed__teardown),
		cmocka_unit_test_setup_teardown(test_handled_leave_room, feed__setup,
						feed__teardown),
		cmocka_unit_test_setup_teardown(test_shown, feed__setup, feed__teardown),
		cmocka_unit_test_setup_teardown(test_wrapped, feed__setup, feed__teardown),
		cmocka_unit_test_setup_teardown(test_json, feed__setup, feed__teardown),
		cmocka_unit_test(test_phrase),
		cmocka_unit_test(test_phrase_of_caller),
		cmocka_unit_test(test_phrase_of_many),
	};

	return cmocka_run_group_tests_name("model_backtrace", tests, NULL, NULL);
}
