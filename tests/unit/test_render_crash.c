// SPDX-License-Identifier: GPL-2.0-or-later
/* Bad accesses and the kinds of stack-limit hits, in text and JSON. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "render/render.h"
#include "rendered.h"
#include "sample_report.h"

static const struct render_options all = {.width = 80};

static struct report_crash crash(enum crash_verdict verdict, const char *text)
{
	return (struct report_crash){
		.t_s = 3.201456,
		.tid = 4250,
		.comm = strdup("worker\033[2J"),
		.signo = SIGSEGV,
		.code = SEGV_MAPERR,
		.verdict = verdict,
		.text = strdup(text),
		.address_known = true,
		.address = 24,
		.access = ACCESS_READ,
		.ip = 0x401234,
		.sp = 0x7ffc1f3fefe0,
		.handled_known = true,
		.fatal = true,
		.file_bytes = BYTES_UNKNOWN,
	};
}

static struct report *with_crashes(size_t nr)
{
	struct report *report = sample__empty(1);

	report->processes[0].crashes.list = calloc(nr + 1, sizeof(struct report_crash));
	report->processes[0].crashes.nr = nr;
	return report;
}

static struct report *one_crash(void)
{
	struct report *report = with_crashes(1);
	struct report_crash *row = report->processes[0].crashes.list;

	*row = crash(VERDICT_NULL_POINTER, "null pointer: read of field at offset 24 (0x18)");
	row->ip_symbol = strdup("parse\033item");
	row->ip_symbol_offset = 0x1f;
	report->processes[0].crashes.fatal = 1;
	return report;
}

static void test_none(void **state)
{
	char *text = rendered(sample__empty(1), &all);

	(void)state;
	assert_has_not(text, "Crashes");
	free(text);
}

static void test_fatal(void **state)
{
	struct report *report = one_crash();
	char *text;

	(void)state;
	report->processes[0].crashes.handled = 14;
	text = rendered(report, &all);
	assert_has(text, "0 stack-limit hits,\n            1 crash\n");
	assert_has_lines(text, "Crashes\n"
			       "  1 bad access that was fatal:\n");
	assert_has(text, "SIGSEGV: null pointer: read of field at");
	assert_has(text, "at 0x18");
	assert_has(text, "parse\\x1bitem+0x1f");
	assert_has_lines(text, "  and 14 bad accesses handled by the program\n");
	assert_tidy(text, 80);
	free(text);
}

/* One quiet line, and each below it with -v. */
static void test_handled(void **state)
{
	const struct render_options verbose = {.width = 80, .verbose = true};
	struct report *report = one_crash();
	char *text;

	(void)state;
	report->processes[0].crashes.fatal = 0;
	report->processes[0].crashes.handled = 14;
	report->processes[0].crashes.list[0].fatal = false;
	report->processes[0].crashes.list[0].handled = true;
	text = rendered(report, &all);
	assert_has_lines(text, "Crashes\n"
			       "  14 bad accesses, all handled by the program\n");
	assert_has_not(text, "null pointer");
	assert_has_not(text, "1 crash");
	free(text);
	report = one_crash();
	report->processes[0].crashes.list[0].fatal = false;
	report->processes[0].crashes.fatal = 0;
	report->processes[0].crashes.handled = 1;
	text = rendered(report, &verbose);
	assert_has_lines(text, "Crashes\n"
			       "  1 bad access, handled by the program:\n");
	assert_non_null(strstr(strstr(text, "handled by the program:"), "null pointer"));
	free(text);
}

static void test_ended_soon(void **state)
{
	struct report *report = one_crash();
	struct report_process *process = report->processes;
	char *text;

	(void)state;
	process->crashes.fatal = 0;
	process->crashes.handled = process->crashes.ended_soon = 1;
	process->crashes.list[0].fatal = false;
	process->crashes.list[0].ended_by = SIGABRT;
	process->crashes.list[0].ended_after_ns = 200000000;
	text = rendered(report, &(struct render_options){.width = 250});
	assert_has(text, "; handled; the process ended by SIGABRT 200 ms later\n");
	assert_has_not(text, "handled by the program");
	free(text);
}

static void test_exited_soon(void **state)
{
	struct report *report = one_crash();
	struct report_process *process = report->processes;
	char *text;

	(void)state;
	process->crashes.fatal = 0;
	process->crashes.handled = 15;
	process->crashes.exited_soon = 1;
	process->crashes.list[0].fatal = false;
	process->crashes.list[0].exit_code = 3;
	process->crashes.list[0].ended_after_ns = 200000;
	text = rendered(report, &(struct render_options){.width = 250});
	assert_has(text, "; handled; the process exited with 3, 200 us later\n");
	assert_has_lines(text, "  and 14 bad accesses handled by the program\n");
	assert_has_not(text, "1 crash");
	free(text);
}

/* Of fatal ones that are not listed, and those that --top leaves out. */
static void test_rows_are_counted(void **state)
{
	struct report *report = with_crashes(3);
	struct report_process *process = report->processes;
	char *text;

	(void)state;
	for (int i = 0; i < 3; i++) {
		process->crashes.list[i] = crash(VERDICT_HOLE, i == 1 ? "second" : "others");
		process->crashes.list[i].fatal = i != 1;
	}
	process->crashes.fatal = 4;
	process->crashes.handled = 1;
	text = rendered(report, &(struct render_options){.width = 80, .verbose = true});
	assert_has_lines(text, "  and 2 more that were fatal\n"
			       "  and 1 bad access handled by the program:\n");
	assert_true(strstr(text, "second") > strstr(text, "handled by the program:"));
	free(text);
}

/* What is told of a stack is told there. */
static void test_overflow_refers(void **state)
{
	struct report *report = with_crashes(1);
	char *text;

	(void)state;
	report->processes[0].crashes.list[0] = crash(VERDICT_STACK_OVERFLOW, "long words of it");
	report->processes[0].crashes.fatal = 1;
	text = rendered(report, &all);
	assert_has(text, "SIGSEGV: stack overflow, see Stack\n");
	assert_has_not(text, "long words");
	free(text);
}

static void test_hit_kinds(void **state)
{
	struct report *report = sample__empty(1);
	struct report_process *process = report->processes;
	char *text;

	(void)state;
	process->stack.hits = calloc(NR_HIT_KINDS + 1, sizeof(*process->stack.hits));
	process->stack.nr_hits = process->stack.hits_total = NR_HIT_KINDS;
	for (int i = 0; i < NR_HIT_KINDS; i++)
		process->stack.hits[i] = (struct report_hit){
			.comm = strdup("deep"),
			.kind = (enum stack_hit_kind)i,
			.size_bytes = 2 * MIB,
			.limit_bytes = 8 * MIB,
			.as_limit_bytes = 64 * MIB,
			.growth_bytes = MIB,
			.growth_ns = 3100000,
			.handled_known = true,
			.handled = i % 2,
			.died = !(i % 2),
		};
	process->stack.hits[HIT_GUARD_GAP].in_the_way = strdup("/srv/\033x");
	process->stack.hits[HIT_GUARD_GAP].growsdown = true;
	text = rendered(report, &(struct render_options){.width = 200});
	assert_has(text, "main_limit: the main stack could not grow beyond 2.0 MiB: the limit is "
			 "8.0 MiB, at 0x0, sp 0x0; grew 1.0 MiB in 3.1 ms before; the process died "
			 "of it\n");
	assert_has(text, "thread_guard: ran into the guard page of its 2.0 MiB stack,");
	assert_has(text, "before; handled\n");
	assert_has(text, "guard_gap: /srv/\\x1bx is in the way of the MAP_GROWSDOWN stack of");
	assert_has(text, "no_memory: RLIMIT_AS, 64.0 MiB, did not allow the main stack to grow "
			 "beyond 2.0 MiB,");
	assert_has(text, "altstack: ran below its 2.0 MiB stack for signal handlers, at 0x0, sp");
	free(text);
}

static void test_hit_words(void **state)
{
	struct report *report = sample__empty(1);
	struct report_process *process = report->processes;
	char *text;

	(void)state;
	process->stack.hits = calloc(3, sizeof(*process->stack.hits));
	process->stack.nr_hits = process->stack.hits_total = 2;
	process->stack.hits[0] = (struct report_hit){
		.kind = HIT_MAIN_LIMIT,
		.size_bytes = 132 << 10,
		.limit_bytes = 8 * MIB,
		.asked_bytes = 16 * MIB + (100 << 10),
	};
	process->stack.hits[1] = (struct report_hit){
		.kind = HIT_ALTSTACK,
		.size_bytes = 8192,
		.limit_bytes = 8192,
		.no_frame = true,
	};
	text = rendered(report, &(struct render_options){.width = 200});
	assert_has(text, "main_limit: the main stack could not grow from 132.0 KiB to 16.1 MiB: "
			 "the limit is 8.0 MiB, at 0x0, sp 0x0");
	assert_has(text, "altstack: no room for one more on its 8.0 KiB stack for signal handlers, "
			 "sp 0x0\n");
	free(text);
}

static json_t *load(struct report *report)
{
	char *text = rendered_json(report, &all);
	json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	assert_non_null(root);
	free(text);
	return root;
}

static void test_json(void **state)
{
	struct report *report = one_crash();
	struct report_crash *row = report->processes[0].crashes.list;
	json_t *root, *item;

	(void)state;
	report->processes[0].crashes.handled = 4;
	row->mapping = (struct report_crash_mapping){strdup("[heap]"), 0x1000, 0x2000, "rw-", 0};
	row->file = strdup("data.bin");
	row->file_offset = 8192;
	root = load(report);
	item = json_at(root, "processes.0.crashes.list.0");
	assert_string_equal(json_string_value(json_at(item, "verdict")), "null_pointer");
	assert_string_equal(json_string_value(json_at(item, "code")), "SEGV_MAPERR");
	assert_string_equal(json_string_value(json_at(item, "address")), "0x18");
	assert_string_equal(json_string_value(json_at(item, "mapping.perms")), "rw-");
	assert_int_equal(json_integer_value(json_at(item, "file.offset")), 8192);
	assert_true(json_is_null(json_at(item, "file.size_bytes")));
	assert_true(json_is_null(json_at(item, "below")) && json_is_null(json_at(item, "freed")) &&
		    json_is_null(json_at(item, "pkey")) && json_is_null(json_at(item, "stack")) &&
		    json_is_null(json_at(item, "ended_by")));
	assert_true(json_is_true(json_at(item, "fatal")) &&
		    json_is_false(json_at(item, "handled")));
	assert_int_equal(json_integer_value(json_at(root, "processes.0.crashes.omitted")), 4);
	json_decref(root);
}

/* What an old recording does not say. */
static void test_json_unknown(void **state)
{
	struct report *report = one_crash();
	struct report_crash *row = report->processes[0].crashes.list;
	json_t *root, *item;

	(void)state;
	row->handled_known = row->fatal = row->address_known = false;
	row->access = ACCESS_UNKNOWN;
	root = load(report);
	item = json_at(root, "processes.0.crashes.list.0");
	assert_true(
		json_is_null(json_at(item, "handled")) && json_is_null(json_at(item, "fatal")) &&
		json_is_null(json_at(item, "address")) && json_is_null(json_at(item, "access")));
	json_decref(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_fatal),
		cmocka_unit_test(test_handled),
		cmocka_unit_test(test_ended_soon),
		cmocka_unit_test(test_exited_soon),
		cmocka_unit_test(test_rows_are_counted),
		cmocka_unit_test(test_overflow_refers),
		cmocka_unit_test(test_hit_kinds),
		cmocka_unit_test(test_hit_words),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_json_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
