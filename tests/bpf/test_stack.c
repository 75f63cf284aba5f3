/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stack peaks and stack-limit hits; a bad access that is not one. */
#include "live.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define ALL "-n 100000"
#define PAGE ((int64_t)sysconf(_SC_PAGESIZE))

/* One overflow: the workload's plan, what its handler saw (if handled), and the report. */
struct overflow {
	json_t *report, *process, *plan, *seen;
	int code; /* of the workload, as a shell has it */
};

#define MAX_WORKLOADS 4

/* By one memtrace, whose end is that of the last workload: none is interrupted. */
static void trace(struct live *live, const char *const *words, size_t nr, struct overflow *ret)
{
	struct live_run runs[MAX_WORKLOADS] = {};
	json_t *report;
	size_t i;

	assert_true(nr <= MAX_WORKLOADS);
	for (i = 0; i < nr; i++)
		runs[i].words = words[i];
	report = live__trace_to_ends(live, ALL, runs, nr);
	assert_string_equal(live__text(report, "session.ended_by"), "target_exit");
	for (i = 0; i < nr; i++) {
		ret[i] = (struct overflow){.report = report,
					   .process = runs[i].process,
					   .plan = live__read_json(live, runs[i].workload),
					   .code = runs[i].code};
		assert_number(ret[i].plan, "pid", runs[i].pid);
		if (strstr(words[i], "--handled"))
			ret[i].seen = live__read_json(live, runs[i].workload);
	}
}

static json_t *only_hit(const json_t *process, const char *kind)
{
	json_t *hits = live__at(process, "stack.hits"), *hit;

	assert_int_equal(json_array_size(hits), 1);
	hit = json_array_get(hits, 0);
	assert_string_equal(live__text(hit, "kind"), kind);
	return hit;
}

/* How many frames of stackover_* there are, each repetition counted. */
static int64_t count_recursion(const json_t *hit)
{
	int64_t nr = 0, in_cycle = 0, repeat = 1;
	json_t *frame;
	size_t i;

	json_array_foreach(live__at(hit, "stack.frames"), i, frame)
	{
		const char *symbol = json_string_value(live__at(frame, "symbol"));

		if (!in_cycle) {
			in_cycle = live__number(frame, "cycle");
			repeat = live__number(frame, "repeat");
		}
		in_cycle--;
		if (symbol && !strncmp(symbol, "stackover_", strlen("stackover_")))
			nr += repeat;
	}
	return nr;
}

/*
 * As deep as the workload has counted, or one more, where the call before the count was what did
 * not fit; and folded to a few frames.
 */
static void assert_recursion(const struct overflow *overflow, const json_t *hit)
{
	int64_t nr = count_recursion(hit), depth;

	assert_true(json_array_size(live__at(hit, "stack.frames")) < 20);
	if (!overflow->seen) {
		assert_true(nr > 10);
		return;
	}
	depth = live__number(overflow->seen, "depth");
	if (nr != depth && nr != depth + 1)
		fail_msg("not %lld deep, but %lld: %s", (long long)depth, (long long)nr,
			 json_dumps(live__at(hit, "stack"), JSON_COMPACT));
	assert_in_range(live__number(hit, "stack.depth"), nr + 2, nr + 15);
}

/* The page that the main stack would have needed is the first one over the limit. */
static void check_main_hit(const struct overflow *overflow, int64_t limit)
{
	int64_t size, from_top;
	json_t *hit;

	hit = only_hit(overflow->process, "main_limit");
	assert_number(hit, "tid", live__number(overflow->plan, "tid"));
	assert_number(hit, "limit_bytes", limit);
	assert_number(overflow->process, "stack.limit_bytes", limit);
	from_top = (int64_t)(live__address(overflow->plan, "stack_end") -
			     live__address(hit, "address"));
	assert_true(from_top > limit && from_top <= limit + PAGE);
	/* Frames are smaller than a page: the stack has grown right up to the limit. */
	size = live__number(hit, "size_bytes");
	assert_true(size >= limit && size <= limit + PAGE);
	assert_number(overflow->process, "stack.peak_bytes", limit);
	assert_recursion(overflow, hit);
	assert_true(json_is_false(live__at(hit, "stack.cut_off")));
	if (!overflow->seen)
		return;
	assert_string_equal(live__text(hit, "address"), live__text(overflow->seen, "address"));
	assert_string_equal(live__text(hit, "sp"), live__text(overflow->seen, "sp"));
}

static void test_main_limit(void **state)
{
	static const char *const words[] = {
		"stackover --limit 1M",
		"stackover --limit 512K",
		"stackover --limit 8M",
	};
	struct overflow overflows[3];

	trace(*state, words, 3, overflows);
	assert_int_equal(overflows[0].code, 128 + SIGSEGV);
	check_main_hit(&overflows[0], 1 << 20);
	assert_number(overflows[0].process, "end.signal", SIGSEGV);
	assert_true(json_is_null(live__at(overflows[0].process, "end.exit_code")));
	check_main_hit(&overflows[1], 512 << 10);
	check_main_hit(&overflows[2], 8 << 20);
}

static void test_main_handled(void **state)
{
	/* With frame pointers and without, one function and two that call each other. */
	static const char *const words[] = {
		"stackover --limit 1M --handled",
		"stackover-fp --limit 1M --handled",
		"stackover --limit 8M --handled --mutual",
		"stackover-fp --limit 1M --handled --mutual",
	};
	struct overflow overflows[4];

	trace(*state, words, 4, overflows);
	for (size_t i = 0; i < 4; i++) {
		const struct overflow *overflow = &overflows[i];

		assert_int_equal(overflow->code, 0);
		check_main_hit(overflow, live__number(overflow->plan, "limit_bytes"));
		assert_number(overflow->process, "end.exit_code", 0);
	}
}

static void check_thread_hit(const struct overflow *overflow, int64_t limit)
{
	uint64_t address, low = live__address(overflow->plan, "stack_start");
	json_t *hit;

	hit = only_hit(overflow->process, "thread_guard");
	assert_number(hit, "tid", live__number(overflow->plan, "tid"));
	assert_int_not_equal(live__number(hit, "tid"), live__number(overflow->process, "pid"));
	address = live__address(hit, "address");
	assert_true(address < low && address >= low - (uint64_t)PAGE);
	/* The guard page is taken out of the size that the thread was given. */
	assert_true(live__number(hit, "limit_bytes") >= limit - PAGE &&
		    live__number(hit, "limit_bytes") <= limit);
	assert_true(live__number(hit, "size_bytes") > limit / 2 &&
		    live__number(hit, "size_bytes") <= limit);
	assert_recursion(overflow, hit);
	assert_true(json_is_false(live__at(hit, "stack.cut_off")));
	if (!overflow->seen)
		return;
	assert_string_equal(live__text(hit, "address"), live__text(overflow->seen, "address"));
	assert_string_equal(live__text(hit, "sp"), live__text(overflow->seen, "sp"));
	assert_number(overflow->seen, "tid", live__number(hit, "tid"));
}

static void test_thread_guard(void **state)
{
	static const char *const words[] = {
		"stackover --mode thread --limit 256K --handled",
		"stackover --mode thread --limit 64K",
	};
	struct overflow overflows[2];

	trace(*state, words, 2, overflows);
	assert_int_equal(overflows[0].code, 0);
	check_thread_hit(&overflows[0], 256 << 10);
	assert_int_equal(overflows[1].code, 128 + SIGSEGV);
	check_thread_hit(&overflows[1], 64 << 10);
	assert_number(overflows[1].process, "end.signal", SIGSEGV);
}

/* What the handler saw, whether the program died, and how it is told among the bad accesses. */
static json_t *common_hit(const struct overflow *overflow, const char *kind)
{
	json_t *hit = only_hit(overflow->process, kind), *crash;
	bool handled = overflow->seen;

	assert_int_equal(overflow->code, handled ? 0 : 128 + SIGSEGV);
	assert_number(hit, "tid", live__number(overflow->plan, "tid"));
	assert_true(json_boolean_value(live__at(hit, "handled")) == handled);
	assert_true(json_boolean_value(live__at(hit, "died")) == !handled);
	assert_number(overflow->process, "crashes.fatal", !handled);
	assert_number(overflow->process, "crashes.handled", handled);
	crash = json_array_get(live__at(overflow->process, "crashes.list"), 0);
	assert_string_equal(live__text(crash, "verdict"), "stack_overflow");
	assert_string_equal(live__text(crash, "address"), live__text(hit, "address"));
	if (handled) {
		assert_string_equal(live__text(hit, "address"),
				    live__text(overflow->seen, "address"));
		assert_string_equal(live__text(hit, "sp"), live__text(overflow->seen, "sp"));
	}
	assert_recursion(overflow, hit);
	return hit;
}

/* The kernel's default stack_guard_gap. */
#define GUARD_GAP (256 * PAGE)

/* The stack has come as near to the mapping below it as the kernel lets it. */
static void check_gap(const struct overflow *overflow)
{
	json_t *hit = common_hit(overflow, "guard_gap");
	uint64_t lowest = live__address(overflow->plan, "obstacle_end") + (uint64_t)GUARD_GAP;
	uint64_t address = live__address(hit, "address");
	struct rlimit limit;

	assert_true(address < lowest && address >= lowest - (uint64_t)PAGE);
	assert_number(hit, "size_bytes",
		      (int64_t)(live__address(overflow->plan, "stack_end") - lowest));
	getrlimit(RLIMIT_STACK, &limit);
	if (limit.rlim_cur != RLIM_INFINITY)
		assert_number(hit, "limit_bytes", (int64_t)limit.rlim_cur);
	assert_string_equal(live__text(hit, "in_the_way"), "[anon]");
}

/* What RLIMIT_AS leaves goes to the stack, to the last page. */
static void check_address_space(const struct overflow *overflow)
{
	json_t *hit = common_hit(overflow, "no_memory");
	json_t *as = live__limit(overflow->process, "RLIMIT_AS");
	int64_t before = (int64_t)(live__address(overflow->plan, "stack_end") -
				   live__address(overflow->plan, "stack_start"));

	assert_number(hit, "as_limit_bytes", live__number(overflow->plan, "as_limit_bytes"));
	assert_number(hit, "size_bytes", before + live__number(overflow->plan, "limit_bytes"));
	/* So the limits have it, too. */
	assert_true(live__number(as, "worst") <= live__number(hit, "as_limit_bytes") &&
		    live__number(as, "worst") > live__number(hit, "as_limit_bytes") - PAGE);
}

/* A stack that the program has made, above a page without access. */
static void check_own_stack(const struct overflow *overflow, const char *kind)
{
	json_t *hit = common_hit(overflow, kind);
	uint64_t low = live__address(overflow->plan, "stack_start");
	uint64_t address = live__address(hit, "address");

	assert_true(address < low && address >= low - (uint64_t)PAGE);
	assert_number(hit, "limit_bytes", live__number(overflow->plan, "limit_bytes"));
	assert_number(hit, "size_bytes", live__number(overflow->plan, "limit_bytes"));
}

static void check_altstack(const struct overflow *overflow)
{
	check_own_stack(overflow, "altstack");
}

static void check_fiber(const struct overflow *overflow)
{
	check_own_stack(overflow, "thread_guard");
}

/* Not the main stack, but one that the kernel lets grow by the same limit. */
static void check_growsdown(const struct overflow *overflow)
{
	json_t *hit = common_hit(overflow, "main_limit");
	int64_t limit = live__number(overflow->plan, "limit_bytes");
	uint64_t low = live__address(overflow->plan, "stack_end") - (uint64_t)limit;
	uint64_t address = live__address(hit, "address");

	assert_true(address < low && address >= low - (uint64_t)PAGE);
	assert_number(hit, "limit_bytes", limit);
	assert_number(hit, "size_bytes", limit);
}

/* Each of one or two as it is, and handled. */
static void check_both(struct live *live, const char *const *words, size_t nr,
		       void (*check)(const struct overflow *))
{
	struct overflow overflows[MAX_WORKLOADS];
	const char *all[MAX_WORKLOADS];
	char handled[2][128];
	size_t i;

	assert_true(nr <= 2);
	for (i = 0; i < nr; i++) {
		snprintf(handled[i], sizeof(handled[i]), "%s --handled", words[i]);
		all[2 * i] = words[i];
		all[2 * i + 1] = handled[i];
	}
	trace(live, all, 2 * nr, overflows);
	for (i = 0; i < 2 * nr; i++)
		check(&overflows[i]);
}

static void test_guard_gap(void **state)
{
	static const char *const words[] = {"stackover --mode gap",
					    "stackover --mode gap --limit 2M --mutual"};

	check_both(*state, words, 2, check_gap);
}

static void test_no_memory(void **state)
{
	static const char *const words[] = {"stackover --mode as"};

	check_both(*state, words, 1, check_address_space);
}

static void test_altstack(void **state)
{
	static const char *const words[] = {"stackover --mode altstack",
					    "stackover --mode altstack --limit 16K"};

	check_both(*state, words, 2, check_altstack);
}

/* Of a program that switches stacks by itself, as runtimes with threads of their own do. */
static void test_fiber(void **state)
{
	static const char *const words[] = {"stackover --mode fiber"};

	check_both(*state, words, 1, check_fiber);
}

static void test_growsdown(void **state)
{
	static const char *const words[] = {"stackover --mode growsdown"};

	check_both(*state, words, 1, check_growsdown);
}

/* A handler that has nowhere to run: the kernel takes it away, and the program dies of one hit. */
static void test_no_room(void **state)
{
	static const char *const words[] = {
		"stackover --limit 1M --no-altstack",
		"stackover --mode thread --no-altstack",
	};
	struct overflow overflows[2];
	json_t *hit;

	trace(*state, words, 2, overflows);
	for (size_t i = 0; i < 2; i++) {
		const struct overflow *overflow = &overflows[i];

		assert_int_equal(overflow->code, 128 + SIGSEGV);
		hit = only_hit(overflow->process, i ? "thread_guard" : "main_limit");
		assert_true(json_is_true(live__at(hit, "handled")));
		assert_true(json_is_true(live__at(hit, "died")));
		assert_number(overflow->process, "crashes.fatal", 1);
		assert_number(overflow->process, "crashes.handled", 0);
		assert_number(overflow->process, "end.signal", SIGSEGV);
		assert_recursion(overflow, hit);
	}
}

static void test_no_hit(void **state)
{
	static const char *const words[] = {
		"stackover --mode null",
		"stackover --mode wild",
		"stackover --mode null --handled",
		"stackover --mode wild --handled",
	};
	struct overflow overflows[4];

	trace(*state, words, 4, overflows);
	for (size_t i = 0; i < 4; i++) {
		const struct overflow *overflow = &overflows[i];

		assert_int_equal(overflow->code, overflow->seen ? 0 : 128 + SIGSEGV);
		assert_int_equal(json_array_size(live__at(overflow->process, "stack.hits")), 0);
	}
}

/* A signal that somebody sends is no bad access. */
static void test_sent_signal(void **state)
{
	struct live_run run = {.words = "fault --idle"};
	struct live *live = *state;
	struct live_process *memtrace;
	struct live_path path;

	memtrace = live__start_runs(live, "", &run, 1, &path);
	kill(run.pid, SIGSEGV);
	assert_int_equal(live__exit_code(run.workload), 128 + SIGSEGV);
	assert_int_equal(live__exit_code(memtrace), 0);
	live__load_runs(live, &path, &run, 1);
	assert_int_equal(json_array_size(live__at(run.process, "stack.hits")), 0);
	assert_number(run.process, "end.signal", SIGSEGV);
}

static void test_command(void **state)
{
	struct overflow overflow = {};

	overflow.report = live__trace_command(*state, ALL, "stackover --limit 1M", &overflow.plan,
					      &overflow.code);
	assert_int_equal(overflow.code, 128 + SIGSEGV);
	live__assert_sound(overflow.report, 0);
	overflow.process = live__process(overflow.report, live__number(overflow.plan, "pid"));
	/* It has exec'ed itself under the limit, after it had set it. */
	check_main_hit(&overflow, 1 << 20);

	overflow.report = live__trace_command(*state, ALL, "stackover --mode thread --limit 128K",
					      &overflow.plan, &overflow.code);
	assert_int_equal(overflow.code, 128 + SIGSEGV);
	live__assert_sound(overflow.report, 0);
	overflow.process = live__process(overflow.report, live__number(overflow.plan, "pid"));
	check_thread_hit(&overflow, 128 << 10);
}

/* The kernel's own measure (VmStk) is the judge. */
static void test_peak(void **state)
{
	struct live_run runs[] = {{.words = "stackgrow --bytes 256K"},
				  {.words = "stackgrow --bytes 1M"},
				  {.words = "stackgrow --bytes 4M"}};
	size_t i, nr = sizeof(runs) / sizeof(*runs);
	json_t *report, *process, *result;
	struct rlimit limit;
	int code;

	getrlimit(RLIMIT_STACK, &limit);
	live__assert_sound(live__trace_each(*state, ALL, runs, nr), 0);
	for (i = 0; i < nr; i++) {
		process = runs[i].process;
		assert_number(process, "stack.peak_bytes",
			      live__number(runs[i].result, "stack_bytes"));
		if (limit.rlim_cur != RLIM_INFINITY)
			assert_number(process, "stack.limit_bytes", (int64_t)limit.rlim_cur);
		assert_int_equal(json_array_size(live__at(process, "stack.hits")), 0);
	}
	report = live__trace_command(*state, ALL, "stackgrow --bytes 1M", &result, &code);
	process = live__process(report, live__number(result, "pid"));
	assert_number(process, "stack.peak_bytes", live__number(result, "stack_bytes"));
}

static void test_unlimited(void **state)
{
	char *argv[] = {"/bin/sh", "-c", "ulimit -s unlimited && exec build/workloads/fault --wait",
			NULL};
	struct live_process *memtrace;
	struct live *live = *state;
	struct live_run run = {};
	struct live_path path;
	struct rlimit limit;

	getrlimit(RLIMIT_STACK, &limit);
	assert_true(limit.rlim_max == RLIM_INFINITY);
	run.workload = live__start(live, argv);
	live__read_json(live, run.workload);
	memtrace = live__start_runs(live, "", &run, 1, &path);
	kill(memtrace->pid, SIGINT);
	assert_int_equal(live__exit_code(memtrace), 0);
	live__load_runs(live, &path, &run, 1);
	assert_true(json_is_null(live__at(run.process, "stack.limit_bytes")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		live_test(test_main_limit),   live_test(test_main_handled),
		live_test(test_thread_guard), live_test(test_no_hit),
		live_test(test_sent_signal),  live_test(test_command),
		live_test(test_peak),	      live_test(test_unlimited),
		live_test(test_guard_gap),    live_test(test_no_memory),
		live_test(test_no_room),      live_test(test_growsdown),
		live_test(test_altstack),     live_test(test_fiber),
	};

	return cmocka_run_group_tests_name("stack", tests, NULL, NULL);
}
