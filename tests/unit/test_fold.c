// SPDX-License-Identifier: GPL-2.0-or-later
/* Frames folded: cycles of one, two and three functions, two call sites, what is left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "random.h"
#include "sym/fold.h"

#define MANY 100000

static uint32_t frames[MANY];
static const uint32_t same[32] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
				  16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};

/* All frames are in one fold, or left out between the inner and the outer ones. */
static void assert_sums(const struct folded *folded, size_t nr)
{
	uint64_t sum = 0, rows = 0;

	for (unsigned int i = 0; i < folded->nr; i++) {
		const struct fold *fold = &folded->folds[i];

		if (i == folded->left_out_after)
			sum += folded->left_out;
		assert_true(fold->cycle >= 1 && fold->cycle <= FOLD_MAX_CYCLE);
		assert_true(fold->repeat >= 1 && (fold->repeat > 1 || fold->cycle == 1));
		assert_int_equal(fold->frame, sum);
		sum += (uint64_t)fold->cycle * fold->repeat;
		rows += fold->cycle;
	}
	assert_int_equal(sum, nr);
	assert_true(rows <= FOLD_MAX_ROWS);
}

static struct folded fold(size_t nr, const uint32_t *functions)
{
	struct folded folded;

	fold__frames(frames, nr, functions, &folded);
	assert_sums(&folded, nr);
	return folded;
}

static void assert_fold(const struct folded *folded, unsigned int i, uint32_t cycle,
			uint32_t repeat)
{
	assert_true(i < folded->nr);
	assert_int_equal(folded->folds[i].cycle, cycle);
	assert_int_equal(folded->folds[i].repeat, repeat);
}

static void test_cycles(void **state)
{
	struct folded folded;

	(void)state;
	for (uint32_t cycle = 1; cycle <= 3; cycle++) {
		/* A leaf, the recursion with a rest of it, main, _start. */
		size_t nr = 1;

		frames[0] = 31;
		for (uint32_t i = 0; i < 4112 * cycle + (cycle - 1); i++)
			frames[nr++] = i % cycle;
		frames[nr++] = 10;
		frames[nr++] = 11;
		folded = fold(nr, same);
		assert_fold(&folded, 0, 1, 1);
		assert_fold(&folded, 1, cycle, 4112);
		assert_int_equal(folded.nr, 4 + cycle - 1);
		assert_int_equal(folded.left_out, 0);
		assert_int_equal(folded.left_out_after, folded.nr);
	}
}

/* Fibonacci's two calls of itself are of one function. */
static void test_call_sites(void **state)
{
	const uint32_t functions[] = {7, 7, 9};
	struct folded folded;

	(void)state;
	for (size_t i = 0; i < 100; i++)
		frames[i] = i * i % 7 < 3;
	frames[100] = 2;
	folded = fold(101, functions);
	assert_int_equal(folded.nr, 2);
	assert_fold(&folded, 0, 1, 100);
	assert_fold(&folded, 1, 1, 1);
}

/* a a b, a a b: that two of them are the same is not all that there is to see. */
static void test_most(void **state)
{
	struct folded folded;

	(void)state;
	for (size_t i = 0; i < 300; i++)
		frames[i] = i % 3 == 2;
	folded = fold(300, same);
	assert_int_equal(folded.nr, 1);
	assert_fold(&folded, 0, 3, 100);
}

static void test_left_out(void **state)
{
	struct folded folded;

	(void)state;
	/* No two alike next to each other, in any turn that is looked for. */
	for (size_t i = 0; i < 1000; i++)
		frames[i] = i % 31;
	folded = fold(1000, same);
	assert_int_equal(folded.nr, FOLD_MAX_ROWS);
	assert_int_equal(folded.left_out_after, FOLD_INNER_ROWS);
	assert_int_equal(folded.left_out, 1000 - FOLD_MAX_ROWS);
	assert_int_equal(folded.folds[FOLD_MAX_ROWS - 1].frame, 999);
}

static void test_little(void **state)
{
	struct folded folded;

	(void)state;
	folded = fold(0, same);
	assert_int_equal(folded.nr, 0);
	frames[0] = 5;
	folded = fold(1, same);
	assert_int_equal(folded.nr, 1);
	assert_fold(&folded, 0, 1, 1);
}

/* Whatever comes, nothing is counted twice or lost. */
static void test_random(void **state)
{
	uint64_t seed = 4242;

	(void)state;
	for (int round = 0; round < 300; round++) {
		size_t nr = random__next(&seed) % 2000;
		uint32_t kinds = 1 + random__next(&seed) % 5;

		for (size_t i = 0; i < nr; i++)
			frames[i] = i && random__next(&seed) % 8 ? frames[i / 2]
								 : random__next(&seed) % kinds;
		fold(nr, same);
	}
}

/* The whole of a long recursion is looked at a few times, not once for each frame. */
static void test_long(void **state)
{
	struct folded folded;

	(void)state;
	for (size_t i = 0; i < MANY; i++)
		frames[i] = i % 16;
	folded = fold(MANY, same);
	assert_fold(&folded, 0, 16, MANY / 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cycles), cmocka_unit_test(test_call_sites),
		cmocka_unit_test(test_most),   cmocka_unit_test(test_left_out),
		cmocka_unit_test(test_little), cmocka_unit_test(test_random),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests_name("fold", tests, NULL, NULL);
}
