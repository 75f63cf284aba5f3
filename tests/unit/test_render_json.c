// SPDX-License-Identifier: GPL-2.0-or-later
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "render/render.h"
#include "rendered.h"
#include "sample_report.h"

static const struct render_options all = {.width = 80};

/* The document, read back: there is one, and a newline ends it. */
static json_t *render_and_load(struct report *report, const struct render_options *opt)
{
	char *text = rendered_json(report, opt);
	json_error_t error;
	json_t *root;

	assert_int_equal(text[strlen(text) - 1], '\n');
	root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	if (!root)
		fail_msg("line %d: %s", error.line, error.text);
	free(text);
	return root;
}

static void assert_number(json_t *root, const char *path, json_int_t expected)
{
	assert_true(json_is_integer(json_at(root, path)));
	assert_int_equal(json_integer_value(json_at(root, path)), expected);
}

static void assert_text(json_t *root, const char *path, const char *expected)
{
	assert_true(json_is_string(json_at(root, path)));
	assert_string_equal(json_string_value(json_at(root, path)), expected);
}

static void assert_null_at(json_t *root, const char *path)
{
	assert_true(json_is_null(json_at(root, path)));
}

/* Exactly these keys, in this order. */
static void assert_keys(json_t *object, const char *expected)
{
	char keys[512] = "";
	const char *key;
	json_t *value;

	assert_true(json_is_object(object));
	json_object_foreach(object, key, value)
	{
		strcat(keys, *keys ? " " : "");
		strcat(keys, key);
	}
	assert_string_equal(keys, expected);
}

static void test_empty(void **state)
{
	struct report *report = sample__empty(0);
	char *text;

	(void)state;
	sample__probe(report);
	text = rendered_json(report, &all);
	assert_string_equal(
		text,
		"{\"memtrace\":{\"version\":\"0.1.0\",\"schema\":1},\n"
		"\"host\":{\"name\":\"db1\",\"kernel\":\"6.18.44\",\"arch\":\"x86_64\",\"page_"
		"bytes\":4096,\"cpus\":"
		"2},\n"
		"\"session\":{\"start\":\"2026-11-21T09:26:48.123456Z\",\"duration_s\":12.345679,"
		"\"target\":\"-p 4242\",\"ended_by\":\"duration\"},\n"
		"\"probes\":[{\"fact\":\"page faults\",\"via\":\"tp_btf/page_fault_user\","
		"\"misses\":[\"faults of get_user_pages\",\"what nobody sees\"]}],\n"
		"\"loss\":{\"records\":0,\"by_cause\":{\"ring_full_faults\":0,\"filter_full\":0},"
		"\"delivered\":0,\"fault_weight_max\":1},\n"
		"\"folded\":null,\n\"processes\":[]}\n");
	free(text);
}

static void test_keys(void **state)
{
	json_t *root = render_and_load(sample__full(), &all);

	(void)state;
	assert_keys(root, "memtrace host session probes loss folded processes");
	assert_keys(json_at(root, "processes.0"),
		    "pid ppid comm exe start_s end children_not_traced faults heap stack limits "
		    "crashes oom check threads");
	assert_keys(json_at(root, "processes.0.end"), "exit_code signal t_s");
	assert_keys(
		json_at(root, "processes.0.faults"),
		"minor major total user kernel by_region by_access by_cause huge_bytes latency_ns "
		"latency_by_cause latency_by_region slow anon_by_size timeline "
		"by_mapping by_mapping_omitted address_space address_space_omitted "
		"run_pages_histogram");
	assert_keys(json_at(root, "processes.0.faults.by_region"),
		    "text data bss heap stack thread_stack anon file shmem vdso other");
	assert_keys(json_at(root, "processes.0.faults.by_access"), "read write exec");
	assert_keys(json_at(root, "processes.0.faults.timeline.0"), "t_s minor major");
	assert_keys(
		json_at(root, "processes.0.heap"),
		"brk_bytes anon_mmap_bytes growth_bytes peak_bytes rss_bytes peak_rss_bytes calls "
		"failures timeline");
	assert_keys(json_at(root, "processes.0.heap.calls"),
		    "brk mmap munmap mremap madvise mprotect mlock");
	assert_keys(json_at(root, "processes.0.heap.calls.brk"), "count failed bytes");
	assert_keys(json_at(root, "processes.0.heap.timeline.0"),
		    "t_s brk_bytes anon_mmap_bytes rss_bytes");
	assert_keys(json_at(root, "processes.0.stack"),
		    "limit_bytes peak_bytes peak_exact threads threads_omitted hits hits_omitted");
	assert_keys(json_at(root, "processes.0.stack.hits.0"),
		    "t_s tid comm kind address sp size_bytes limit_bytes as_limit_bytes in_the_way "
		    "growth_bytes growth_s handled died stack");
	assert_keys(json_at(root, "processes.0.crashes"), "fatal handled list omitted");
	assert_keys(json_at(root, "processes.0.check"),
		    "kernel_minor kernel_major observed explained unexplained ok");
	assert_keys(json_at(root, "processes.0.check.explained"),
		    "populated not_counted lost in_flight");
	assert_keys(json_at(root, "processes.0.threads.0"), "tid comm minor major exited");
	json_decref(root);
}

static void test_values(void **state)
{
	json_t *root = render_and_load(sample__full(), &all);

	(void)state;
	assert_number(root, "processes.0.pid", 4242);
	assert_number(root, "processes.0.faults.total", 2000);
	assert_number(root, "processes.0.faults.by_region.heap", 1500);
	assert_number(root, "processes.0.faults.timeline.3.minor", 1050);
	assert_text(root, "processes.0.faults.by_mapping.0.start", "0x7f0000000000");
	assert_null_at(root, "processes.0.faults.by_mapping.0.pattern");
	assert_null_at(root, "processes.0.faults.by_mapping.1.start");
	assert_text(root, "processes.0.faults.by_mapping.1.pattern", "up");
	assert_true(json_is_true(json_at(root, "processes.0.faults.by_mapping.1.unmapped")));
	assert_number(root, "processes.0.faults.by_mapping_omitted", 0);
	assert_int_equal(json_array_size(json_at(root, "processes.0.faults.run_pages_histogram")),
			 2);
	assert_number(root, "processes.0.faults.run_pages_histogram.1.ge", 4);
	assert_number(root, "processes.0.faults.run_pages_histogram.1.lt", 8);
	assert_number(root, "processes.0.faults.run_pages_histogram.1.count", 10);
	assert_number(root, "processes.0.heap.growth_bytes", -3 * (json_int_t)MIB);
	assert_text(root, "processes.0.heap.failures.0.errno", "ENOMEM");
	assert_text(root, "processes.0.heap.failures.1.errno", "4000");
	assert_text(root, "processes.0.stack.hits.0.kind", "main_limit");
	assert_text(root, "processes.0.stack.hits.1.kind", "thread_guard");
	assert_text(root, "processes.0.stack.hits.1.sp", "0x7f3e1f3fefe0");
	assert_number(root, "processes.0.check.explained.populated", 64);
	assert_true(json_is_true(json_at(root, "processes.0.check.ok")));
	json_decref(root);
}

static void test_unknown_is_null(void **state)
{
	struct report *report = sample__empty(1);
	json_t *root;

	(void)state;
	sample__stack(&report->processes[0]);
	report->processes[0].stack.limit_bytes = BYTES_UNKNOWN;
	report->processes[0].stack.hits_total = 1002;
	report->session.start_realtime_ns = 0;
	report->session.ended_by = NULL;
	report->session.duration_s = NAN;
	root = render_and_load(report, &all);
	assert_null_at(root, "session.start");
	assert_null_at(root, "session.ended_by");
	assert_null_at(root, "session.duration_s");
	assert_null_at(root, "processes.0.exe");
	assert_null_at(root, "processes.0.end");
	assert_null_at(root, "processes.0.faults.by_cause");
	assert_null_at(root, "processes.0.faults.latency_ns");
	assert_null_at(root, "processes.0.heap.rss_bytes");
	assert_null_at(root, "processes.0.heap.peak_rss_bytes");
	assert_null_at(root, "processes.0.stack.limit_bytes");
	assert_null_at(root, "processes.0.stack.hits.1.limit_bytes");
	assert_number(root, "processes.0.stack.hits_omitted", 1000);
	assert_null_at(root, "processes.0.check");
	json_decref(root);
	/* A limit that nobody could read is no limit of 0. */
	root = render_and_load(sample__empty(1), &all);
	assert_null_at(root, "processes.0.stack.limit_bytes");
	assert_int_equal(json_array_size(json_at(root, "processes.0.stack.threads")), 0);
	json_decref(root);
}

static void test_stack_marks(void **state)
{
	const struct render_options one = {.top = 1};
	json_t *root = render_and_load(sample__full(), &all);

	(void)state;
	assert_keys(json_at(root, "processes.0.stack.threads.0"),
		    "tid comm size_bytes peak_bytes used_percent exact misses");
	assert_number(root, "processes.0.stack.threads.0.peak_bytes", 220 << 10);
	assert_true(json_number_value(json_at(root, "processes.0.stack.threads.0.used_percent")) ==
		    85.9);
	assert_true(json_is_false(json_at(root, "processes.0.stack.threads.0.exact")));
	assert_true(json_is_true(json_at(root, "processes.0.stack.threads.1.exact")));
	assert_null_at(root, "processes.0.stack.threads.1.misses");
	assert_null_at(root, "processes.0.stack.threads.2.peak_bytes");
	assert_null_at(root, "processes.0.stack.threads.2.used_percent");
	assert_number(root, "processes.0.stack.threads_omitted", 0);
	json_decref(root);
	root = render_and_load(sample__full(), &one);
	assert_int_equal(json_array_size(json_at(root, "processes.0.stack.threads")), 1);
	assert_number(root, "processes.0.stack.threads_omitted", 2);
	json_decref(root);
}

static void test_end(void **state)
{
	struct report *report = sample__full();
	json_t *root;

	(void)state;
	report->processes[0].exit_signal = 0;
	report->processes[0].exit_code = 3;
	root = render_and_load(report, &all);
	assert_number(root, "processes.0.end.exit_code", 3);
	assert_null_at(root, "processes.0.end.signal");
	json_decref(root);
	root = render_and_load(sample__full(), &all);
	assert_null_at(root, "processes.0.end.exit_code");
	assert_number(root, "processes.0.end.signal", 11);
	json_decref(root);
	report = sample__full();
	report->processes[0].exit_signal = 0;
	report->processes[0].end_lost = true;
	root = render_and_load(report, &all);
	assert_null_at(root, "processes.0.end.exit_code");
	assert_null_at(root, "processes.0.end.signal");
	json_decref(root);
}

static void test_folded(void **state)
{
	struct report *report = sample__full();
	json_t *root;

	(void)state;
	report->folded.processes = 9000;
	report->folded.minor = 27000;
	report->folded.failed_checks = 2;
	root = render_and_load(report, &all);
	assert_keys(json_at(root, "folded"),
		    "processes minor major stack_hits crashes failed_checks");
	assert_number(root, "folded.processes", 9000);
	assert_number(root, "folded.minor", 27000);
	assert_number(root, "folded.failed_checks", 2);
	json_decref(root);
}

static void test_top(void **state)
{
	struct render_options opt = {.top = 2};
	json_t *root = render_and_load(sample__full(), &opt);

	(void)state;
	assert_int_equal(json_array_size(json_at(root, "processes.0.faults.by_mapping")), 2);
	assert_number(root, "processes.0.faults.by_mapping_omitted", 1);
	/* the two with most faults, by address */
	assert_int_equal(json_array_size(json_at(root, "processes.0.faults.address_space")), 2);
	assert_text(root, "processes.0.faults.address_space.0.start", "0x7f0000000000");
	assert_text(root, "processes.0.faults.address_space.1.start", "0x7f0000200000");
	assert_number(root, "processes.0.faults.address_space_omitted", 1);
	json_decref(root);
}

static void test_strings(void **state)
{
	struct report *report = sample__full();
	json_t *root;
	char *text;

	(void)state;
	free(report->processes[0].comm);
	report->processes[0].comm = strdup("q\"\\\033[31m\xff\xe2\x82\u00e9");
	free(report->session.target);
	report->session.target = strdup("\xc2\x9b"
					"2J\u202e");
	text = rendered_json(report, &all);
	/* Nothing in it acts on a terminal: ASCII without controls. */
	for (const char *c = text; *c; c++)
		assert_true(*c == '\n' || (*c >= 0x20 && *c < 0x7f));
	root = json_loads(text, 0, NULL);
	assert_text(root, "processes.0.comm", "q\"\\\033[31m\ufffd\ufffd\ufffd\u00e9");
	assert_text(root, "session.target",
		    "\xc2\x9b"
		    "2J\u202e");
	json_decref(root);
	free(text);
}

static void test_numbers(void **state)
{
	struct report *report = sample__huge();
	json_t *root;
	char *text;

	(void)state;
	report->processes[0].start_s = -1e-9;
	report->processes[0].end_s = 0.1 + 0.2;
	text = rendered_json(report, &all);
	assert_non_null(strstr(text, "\"start_s\":0.0,"));
	assert_non_null(strstr(text, "\"t_s\":0.3}"));
	root = json_loads(text, 0, NULL);
	assert_number(root, "processes.0.faults.total", INT64_MAX);
	assert_number(root, "processes.0.heap.growth_bytes", INT64_MIN);
	json_decref(root);
	free(text);
}

static void test_many_processes(void **state)
{
	json_t *root = render_and_load(sample__empty(10000), &all);

	(void)state;
	assert_int_equal(json_array_size(json_at(root, "processes")), 10000);
	assert_number(root, "processes.9999.pid", 4242 + 9999);
	json_decref(root);
}

static void test_stream_error(void **state)
{
	struct report *report = sample__full();
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(full);
	assert_int_equal(render_json__report(report, &all, full), -ENOSPC);
	fclose(full);
	full = fopen("/dev/full", "w");
	setvbuf(full, NULL, _IONBF, 0);
	assert_int_equal(render_json__report(report, &all, full), -ENOSPC);
	fclose(full);
	report__free(report);
	/* many flushes before the last one */
	report = sample__empty(1000);
	full = fopen("/dev/full", "w");
	assert_int_equal(render_json__report(report, &all, full), -ENOSPC);
	fclose(full);
	report__free(report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),	       cmocka_unit_test(test_keys),
		cmocka_unit_test(test_values),	       cmocka_unit_test(test_unknown_is_null),
		cmocka_unit_test(test_stack_marks),    cmocka_unit_test(test_end),
		cmocka_unit_test(test_folded),	       cmocka_unit_test(test_top),
		cmocka_unit_test(test_strings),	       cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_many_processes), cmocka_unit_test(test_stream_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
