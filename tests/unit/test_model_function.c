// SPDX-License-Identifier: GPL-2.0-or-later
/* Functions of the instructions of slow faults: asked for once, answered by a record. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "events.h"
#include "model/function.h"
#include "model/name.h"
#include "report/build.h"
#include "report/report.h"

#define LIMIT_NS 10000
#define AREA 0x7f2000000000ULL

/* A fault of an instruction that ends so long after its begin. */
static void fault_at(struct feed *feed, uint64_t ip, uint64_t latency_ns)
{
	uint32_t nr = (uint32_t)feed__proc(feed)->faults.minor; /* the kernel has counted each */
	struct mt_counted end = {.hdr = record__header(MT_KIND_COUNTED, sizeof(end), PID, PID),
				 .addr = HEAP,
				 .ip = ip,
				 .weight = 0};

	feed__fault(feed, PID, HEAP, FLT(nr, 0));
	feed->now_ns += latency_ns - 1000;
	feed__now(feed, &end);
}

static void set_limits(struct feed *feed)
{
	feed->model->functions_ns = LIMIT_NS;
	feed->model->slow_ns = LIMIT_NS;
}

static void test_asked(void **state)
{
	struct feed *feed = *state;
	struct functions *functions = &feed->model->functions;
	struct function *asked;

	fault_at(feed, TEXT + 16, LIMIT_NS); /* nobody wants to know */
	set_limits(feed);
	fault_at(feed, TEXT + 24, LIMIT_NS - 1);
	fault_at(feed, 0xffffffff81000000, LIMIT_NS);
	fault_at(feed, 0, LIMIT_NS);
	fault_at(feed, HEAP, LIMIT_NS); /* no file */
	assert_null(functions__take_asked(functions));
	fault_at(feed, TEXT + 32, LIMIT_NS);
	fault_at(feed, TEXT + 32, LIMIT_NS);
	fault_at(feed, LIB + 8, LIMIT_NS);
	asked = functions__take_asked(functions);
	assert_string_equal(name__text(asked->file), "/usr/bin/worker");
	assert_int_equal(asked->key.file_offset, 32);
	assert_int_equal(asked->pid, PID);
	assert_int_equal(asked->start, TEXT);
	asked = functions__take_asked(functions);
	assert_string_equal(name__text(asked->file), "/usr/lib/libc.so.6");
	assert_null(functions__take_asked(functions));
	/* And it goes on. */
	fault_at(feed, TEXT + 40, LIMIT_NS);
	assert_int_equal(functions__take_asked(functions)->key.file_offset, 40);
	assert_null(functions__take_asked(functions));
}

/* As symbolize() makes it. */
static void answer(struct feed *feed, const struct function *asked, const char *symbol)
{
	struct name_file file = name__file(asked->file);
	struct mt_symbol rec = {.hdr = record__header(MT_KIND_SYMBOL, sizeof(rec), PID, PID),
				.dev_major = file.dev_major,
				.dev_minor = file.dev_minor,
				.ino = file.ino,
				.file_offset = asked->key.file_offset,
				.offset = 7};

	snprintf(rec.file, sizeof(rec.file), "%s", name__text(asked->file));
	snprintf(rec.symbol, sizeof(rec.symbol), "%s", symbol);
	feed__now(feed, &rec);
}

static void test_answered(void **state)
{
	struct mt_probe probe = {.hdr = record__header(MT_KIND_PROBE, sizeof(probe), 0, 0),
				 .fact = "fault latency",
				 .via = "each",
				 .weight = 1};
	struct feed *feed = *state;
	struct report *report;

	set_limits(feed);
	feed__now(feed, &probe);
	feed__proc(feed)->faults.latency.slow_ns = LIMIT_NS;
	fault_at(feed, TEXT + 32, LIMIT_NS);
	answer(feed, functions__take_asked(&feed->model->functions), "work");
	fault_at(feed, LIB + 8, 2 * LIMIT_NS);
	answer(feed, functions__take_asked(&feed->model->functions), "");
	fault_at(feed, 0, 1000); /* its counters tell that the last one was counted */
	feed__tick(feed, MT_KIND_END, feed->now_ns + 1000);
	assert_int_equal(report__build(feed->model, "0", 0, &report), 0);
	assert_int_equal(report->processes[0].faults.latency.nr_slow, 2);
	assert_null(report->processes[0].faults.latency.slow[0].ip_symbol);
	assert_string_equal(report->processes[0].faults.latency.slow[1].ip_symbol, "work");
	assert_int_equal(report->processes[0].faults.latency.slow[1].ip_symbol_offset, 7);
	report__free(report);
}

/* Asked or answered, there are no more than so many. */
static void test_bounded(void **state)
{
	struct feed *feed = *state;
	struct function stranger = {.key.file_offset = 1ULL << 40};
	unsigned int nr = 0;

	set_limits(feed);
	feed__mapping(feed, 0, AREA, AREA + (MAX_FUNCTIONS + 100) * 16, PROT_READ | PROT_EXEC,
		      "/lib/large");
	for (uint64_t i = 0; i < MAX_FUNCTIONS + 100; i++)
		fault_at(feed, AREA + i * 16, LIMIT_NS);
	while (functions__take_asked(&feed->model->functions))
		nr++;
	assert_int_equal(nr, MAX_FUNCTIONS);
	stranger.file = names__get(feed->model->names, 8, 1, 99, "/lib/other");
	answer(feed, &stranger, "more");
	assert_null(functions__find(&feed->model->functions, stranger.file, 1ULL << 40));
	name__put(stranger.file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_asked, feed__setup, feed__teardown),
		cmocka_unit_test_setup_teardown(test_answered, feed__setup, feed__teardown),
		cmocka_unit_test_setup_teardown(test_bounded, feed__setup, feed__teardown),
	};

	return cmocka_run_group_tests_name("model_function", tests, NULL, NULL);
}
