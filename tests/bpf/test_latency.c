/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long faults take. The judges: a delay that the workload itself puts into each fault, which
 * none can undercut, and the workload's clock around each access, which no fault can exceed.
 */
#include "live.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ALL "-n 100000"
#define NS_PER_US 1000

static json_t *trace(struct live *live, const char *options, const char *words, json_t **ret_result,
		     json_t **ret_report)
{
	char text[128];

	snprintf(text, sizeof(text), ALL " %s", options);
	*ret_report = live__trace_pid(live, text, words, ret_result);
	live__assert_sound(*ret_report, 0);
	assert_number(*ret_result, "outside", 0);
	assert_number(*ret_result, "after", 0);
	return live__process(*ret_report, live__number(*ret_result, "pid"));
}

/* Of some measured faults: ascending, and the greatest as it was. Quantiles are rounded upwards. */
static void assert_quantiles(const json_t *latency, int64_t least_ns, int64_t greatest_ns)
{
	int64_t p50 = live__number(latency, "p50"), p90 = live__number(latency, "p90");
	int64_t p99 = live__number(latency, "p99"), max = live__number(latency, "max");

	assert_in_range(p50, least_ns, p90);
	assert_in_range(p99, p90, max);
	assert_in_range(max, least_ns, greatest_ns);
}

/*
 * Of nr faults one in weight was measured, by the thread's own turns, or those of each CPU that it
 * was on; where in a round tracing begins is chance.
 */
static void assert_sampled(const json_t *latency, int64_t nr, int64_t nr_cpus)
{
	int64_t weight = live__number(latency, "weight"), counts = 0;
	int64_t count = live__number(latency, "count");
	json_t *bin;
	size_t i;

	assert_true(weight >= 1);
	if (weight == 1)
		assert_int_equal(count, nr);
	else if (nr_cpus)
		assert_in_range(count + nr_cpus, nr / weight + 1, nr / weight + 2 * nr_cpus);
	else
		assert_in_range(count, nr / weight, nr / weight + 1);
	json_array_foreach(live__at(latency, "histogram"), i, bin) counts +=
		live__number(bin, "count");
	assert_int_equal(counts, count * weight);
}

#define DELAY_US 5000
#define NR_SLOW 102

static void skip_without_userfaultfd(void)
{
	long fd = syscall(SYS_userfaultfd, 0);

	if (fd >= 0) {
		close((int)fd);
		return;
	}
	print_message("skip: this kernel has no userfaultfd\n");
	skip();
}

/* Each row: when, who, where, why, how long. */
static void assert_slow_rows(const json_t *slow, const json_t *result, const json_t *report)
{
	int64_t before_ns = live__number(result, "longest_ns"), latency_ns;
	int64_t page = live__number(report, "host.page_bytes"), offset;
	char seen[NR_SLOW] = "";
	json_t *row;
	size_t i;

	assert_int_equal(json_array_size(live__at(slow, "list")), NR_SLOW);
	json_array_foreach(live__at(slow, "list"), i, row)
	{
		latency_ns = live__number(row, "latency_ns");
		assert_in_range(latency_ns, DELAY_US * NS_PER_US, before_ns);
		before_ns = latency_ns;
		assert_number(row, "tid", live__number(result, "tid"));
		offset = live__address(row, "address") - live__address(result, "address");
		assert_in_range(offset, 0, (NR_SLOW - 1) * page);
		assert_number(row, "offset", offset);
		assert_string_equal(live__text(row, "mapping"), "[anon]");
		assert_string_equal(live__text(row, "cause"), "anon_zero");
		assert_non_null(strstr(live__text(row, "ip_mapping"), "slow"));
		assert_string_equal(live__text(row, "ip_symbol"), "touch");
		assert_in_range(json_number_value(live__at(row, "t_s")) * 1000, 0,
				json_number_value(live__at(report, "session.duration_s")) * 1000);
		/* Each page once. */
		assert_false(seen[offset / page]++);
	}
}

static void test_slow(void **state)
{
	json_t *report, *process, *result, *latency;
	char words[64];

	skip_without_userfaultfd();
	snprintf(words, sizeof(words), "slow --pages %d --delay %d", NR_SLOW, DELAY_US);
	process = trace(*state, "--slow 4000", words, &result, &report);
	assert_number(process, "faults.total", NR_SLOW);
	assert_int_equal(json_number_value(live__at(process, "faults.slow.threshold_us")), 4000);
	assert_number(process, "faults.slow.total", NR_SLOW);
	assert_slow_rows(live__at(process, "faults.slow"), result, report);
	latency = live__at(process, "faults.latency_ns");
	assert_quantiles(latency, DELAY_US * NS_PER_US, live__number(result, "longest_ns"));
	/* Slow ones are all timed, and stand for themselves. */
	assert_number(latency, "count", NR_SLOW);
	assert_in_range(live__number(latency, "total"), NR_SLOW * DELAY_US * NS_PER_US,
			NR_SLOW * live__number(result, "longest_ns"));
	/* All of one cause, in one region. */
	assert_number(process, "faults.latency_by_cause.anon_zero.max",
		      live__number(latency, "max"));
	assert_number(process, "faults.latency_by_region.anon.max", live__number(latency, "max"));
	assert_int_equal(json_object_size(live__at(process, "faults.latency_by_cause")), 1);
}

/* Without --slow there is no list, and the sample is the same. */
static void test_sampled_slow(void **state)
{
	json_t *report, *process, *result, *latency;
	char words[64];

	skip_without_userfaultfd();
	snprintf(words, sizeof(words), "slow --pages %d --delay %d", NR_SLOW, DELAY_US);
	process = trace(*state, "", words, &result, &report);
	latency = live__at(process, "faults.latency_ns");
	assert_quantiles(latency, DELAY_US * NS_PER_US, live__number(result, "longest_ns"));
	assert_sampled(latency, NR_SLOW, 0);
	assert_true(json_is_null(live__at(process, "faults.slow")));
}

static void test_nothing_slow(void **state)
{
	json_t *report, *process, *result;

	process = trace(*state, "--slow 4000000", "fault --pages 1000", &result, &report);
	assert_number(process, "faults.slow.total", 0);
	assert_sampled(live__at(process, "faults.latency_ns"), 1000,
		       live__number(report, "host.cpus"));
}

static void test_disk(void **state)
{
	json_t *report, *process, *result, *latency;
	struct live *live = *state;
	int64_t total, longest_ns;
	char words[256];
	json_t *row;
	size_t i;

	snprintf(words, sizeof(words), "filefault --dir %s --pages 100 --stride 3 --cold",
		 live->dir);
	process = trace(live, "--slow 0.001", words, &result, &report);
	total = live__number(result, "major");
	longest_ns = live__number(result, "longest_ns");
	assert_true(total >= 100);
	/* Each major one is measured: what is said of them is exact. */
	latency = live__at(process, "faults.latency_by_cause.file_major");
	assert_number(latency, "count", total);
	assert_quantiles(latency, 1, longest_ns);
	assert_in_range(live__number(latency, "total"), live__number(latency, "max"),
			live__number(result, "sum_ns"));
	assert_number(process, "faults.slow.total", total + live__number(result, "minor"));
	json_array_foreach(live__at(process, "faults.slow.list"), i, row)
	{
		assert_in_range(live__number(row, "latency_ns"), 1, longest_ns);
		assert_string_equal(live__text(row, "mapping"), live__text(result, "path"));
		assert_number(row, "offset",
			      live__address(row, "address") - live__address(result, "address"));
	}
}

static void test_samples(void **state)
{
	json_t *report, *process, *result;

	process = trace(*state, "", "fault --pages 17001", &result, &report);
	assert_sampled(live__at(process, "faults.latency_ns"), 17001, 0);
	assert_in_range(live__number(process, "faults.latency_ns.total"), 1,
			json_number_value(live__at(report, "session.duration_s")) * 1e9);
	process = trace(*state, "", "fault --idle", &result, &report);
	assert_number(process, "faults.latency_ns.count", 0);
	assert_number(process, "faults.latency_ns.total", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		live_test(test_slow), live_test(test_sampled_slow), live_test(test_nothing_slow),
		live_test(test_disk), live_test(test_samples),
	};

	return cmocka_run_group_tests_name("latency", tests, NULL, NULL);
}
