// SPDX-License-Identifier: GPL-2.0-or-later
/* Quantiles, judged by sorting all values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/histogram.h"

#define NR 20000

static int by_value(const void *a, const void *b)
{
	uint64_t va = *(const uint64_t *)a, vb = *(const uint64_t *)b;

	return (va > vb) - (va < vb);
}

static uint64_t value__random(void)
{
	return ((uint64_t)rand() << 20 ^ (uint64_t)rand()) >> rand() % 45;
}

static void test_quantiles(void **state)
{
	static const double shares[] = {0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1};
	static struct histogram histogram;
	static uint64_t values[NR];
	uint64_t sum = 0;

	(void)state;
	srand(7);
	for (size_t i = 0; i < NR; i++) {
		values[i] = value__random() & ((1ULL << HISTOGRAM_TOP_BITS) - 1);
		sum += values[i];
		histogram__add(&histogram, values[i], 1);
	}
	qsort(values, NR, sizeof(values[0]), by_value);
	assert_int_equal(histogram.count, NR);
	assert_int_equal(histogram.sum, sum);
	assert_int_equal(histogram.max, values[NR - 1]);
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		size_t rank = (size_t)ceil(shares[i] * NR);
		uint64_t exact = values[rank ? rank - 1 : 0];
		uint64_t got = histogram__quantile(&histogram, shares[i]);

		assert_true(got >= exact);
		assert_true(got - exact <= exact / HISTOGRAM_SUB);
	}
	histogram__release(&histogram);
}

static void test_small_values_are_exact(void **state)
{
	struct histogram histogram = {};

	(void)state;
	assert_int_equal(histogram__quantile(&histogram, 0.5), 0);
	histogram__add(&histogram, 3, 1);
	histogram__add(&histogram, 7, 64);
	assert_int_equal(histogram.count, 65);
	assert_int_equal(histogram.sum, 3 + 7 * 64);
	assert_int_equal(histogram__quantile(&histogram, 0.01), 3);
	assert_int_equal(histogram__quantile(&histogram, 0.5), 7);
	assert_int_equal(histogram__log2(&histogram, 1), 1);
	assert_int_equal(histogram__log2(&histogram, 2), 64);
	histogram__release(&histogram);
}

static void test_beyond_the_top(void **state)
{
	struct histogram histogram = {};

	(void)state;
	histogram__add(&histogram, UINT64_MAX >> 1, 1);
	histogram__add(&histogram, 5, 1);
	assert_int_equal(histogram__quantile(&histogram, 1), UINT64_MAX >> 1);
	assert_int_equal(histogram__quantile(&histogram, 0.5), 5);
	assert_int_equal(histogram.count, 2);
	histogram__release(&histogram);
}

/* More than 32 bits of one value; and more than there is room for. */
static void test_many(void **state)
{
	struct histogram histogram = {};

	(void)state;
	for (int i = 0; i < 10; i++)
		histogram__add(&histogram, 1000, UINT32_MAX);
	histogram__add(&histogram, 100000, UINT32_MAX);
	assert_int_equal(histogram.count, 11ULL * UINT32_MAX);
	assert_int_equal(histogram__log2(&histogram, 9), 10ULL * UINT32_MAX);
	assert_in_range(histogram__quantile(&histogram, 0.9), 1000, 1000 + 1000 / HISTOGRAM_SUB);
	assert_int_equal(histogram__quantile(&histogram, 0.95), 100000);

	for (int i = 0; i < 70000; i++)
		histogram__add(&histogram, 1000, UINT32_MAX);
	assert_int_equal(histogram__log2(&histogram, 9), 70010ULL * UINT32_MAX);
	histogram__add(&histogram, UINT64_MAX, UINT32_MAX);
	histogram__add(&histogram, 1, 1);
	assert_true(histogram.sum == UINT64_MAX);
	histogram__release(&histogram);
}

/* Every value is counted under its own power of two. */
static void test_log2(void **state)
{
	(void)state;
	for (unsigned int bit = 0; bit < HISTOGRAM_TOP_BITS; bit++) {
		struct histogram histogram = {};
		uint64_t first = 1ULL << bit, last = (1ULL << (bit + 1)) - 1;

		histogram__add(&histogram, first, 1);
		histogram__add(&histogram, last, 1);
		histogram__add(&histogram, first + (last - first) / 2, 1);
		for (unsigned int i = 0; i < HISTOGRAM_TOP_BITS; i++)
			assert_int_equal(histogram__log2(&histogram, i), i == bit ? 3 : 0);
		/* Memory for what there is. */
		assert_in_range(histogram.nr_octaves, 1, 3);
		histogram__release(&histogram);
		assert_int_equal(histogram.nr_octaves, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quantiles),
		cmocka_unit_test(test_small_values_are_exact),
		cmocka_unit_test(test_beyond_the_top),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_log2),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
