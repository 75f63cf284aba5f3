// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Unwinding of stacks that are made by hand: chains of frame pointers where no file tells of the
 * code, walked.whole and damaged; and the expressions of call frame information.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sym/expression.h"
#include "sym/unwind.h"
#include "walked.h"

/* A stack of words, and code of which no file tells. */
#define STACK 0x7000ULL
#define CODE 0x1000ULL

struct words {
	uint64_t words[64];
	bool endless; /* each frame has another one above it */
	bool of_file; /* of which the code is, that cannot be read */
};

static bool read_words(void *ctx, uint64_t address, uint64_t *ret)
{
	const struct words *words = ctx;

	if (words->endless) {
		*ret = address % 16 ? CODE + 1 : address + 16;
		return true;
	}
	if (address < STACK || address >= STACK + sizeof(words->words))
		return false;
	*ret = words->words[(address - STACK) / 8];
	return true;
}

static int open_none(void *ctx, size_t module)
{
	(void)ctx;
	(void)module;
	return -1;
}

static struct walked walk(struct words *words, uint64_t frame)
{
	const struct unwind_module code = {CODE, CODE + 4096, 0, words->of_file};
	struct unwind unwind = {
		.modules = &code,
		.nr_modules = 1,
		.read = read_words,
		.open = open_none,
		.ctx = words,
	};

	unwind.regs[FP] = frame;
	unwind.regs[SP] = STACK;
	unwind.regs[IP] = CODE + 16;
	return walked__walk(&unwind);
}

static void test_frame_pointers(void **state)
{
	struct words words = {};
	struct walked walked;

	(void)state;
	words.words[2] = STACK + 8 * 10;
	words.words[3] = CODE + 32;
	words.words[10] = STACK + 8 * 20;
	words.words[11] = CODE + 48;
	words.words[21] = CODE + 64; /* [20] is 0: the last one */
	walked = walk(&words, STACK + 16);
	assert_int_equal(walked.nr_frames, 4);
	assert_true(walked.whole && walked.by_pointers && !walked.no_file);
	words.of_file = true;
	walked = walk(&words, STACK + 16);
	assert_int_equal(walked.nr_frames, 4);
	assert_true(walked.by_pointers && walked.no_file);
	walked = walk(&words, 0);
	assert_int_equal(walked.nr_frames, 1);
	assert_true(!walked.whole && walked.by_pointers && walked.no_file);
	words.of_file = false;
	/* What is no code has called nobody. */
	words.words[11] = 77;
	walked = walk(&words, STACK + 16);
	assert_int_equal(walked.nr_frames, 2);
	assert_false(walked.whole);
	/* Where the innermost function keeps no chain, none is no end of it. */
	walked = walk(&words, 0);
	assert_int_equal(walked.nr_frames, 1);
	assert_false(walked.whole);
	/* In a circle, backwards, not a word's address, not there. */
	words.words[11] = CODE + 48;
	words.words[10] = STACK + 80;
	walked = walk(&words, STACK + 16);
	assert_int_equal(walked.nr_frames, 3);
	words.words[10] = STACK + 16;
	walked = walk(&words, STACK + 16);
	assert_int_equal(walked.nr_frames, 3);
	words.words[10] = STACK + 81;
	walked = walk(&words, STACK + 16);
	assert_int_equal(walked.nr_frames, 3);
	words.words[10] = STACK + 8 * 64;
	walked = walk(&words, STACK + 16);
	assert_int_equal(walked.nr_frames, 3);
	assert_false(walked.whole);
}

static void test_endless(void **state)
{
	struct words words = {.endless = true};
	struct walked walked;

	(void)state;
	walked = walk(&words, STACK + 16);
	assert_int_equal(walked.nr_frames, UNWIND_MAX_FRAMES);
	assert_false(walked.whole);
}

static bool evaluate(const uint8_t *bytes, size_t size, uint64_t *ret)
{
	const struct unwind unwind = {.read = read_words,
				      .ctx = &(struct words){.words = {11, 22, 33}}};
	const uint64_t regs[CFI_REGS] = {[SP] = STACK, [IP] = 0x102b};
	uint64_t steps = 0;
	bool good = expression__evaluate(&unwind, regs, bytes, size, NULL, &steps, ret);

	assert_true(steps <= size);
	return good;
}

static void test_expressions(void **state)
{
	/* The procedure linkage table's: in its last half one more word has been pushed. */
	static const uint8_t linkage[] = {0x77, 8,    0x80, 0,	  0x3f, 0x1a,
					  0x3b, 0x2a, 0x33, 0x24, 0x22};
	static const uint8_t in_memory[] = {0x77, 16, 0x06, 0x23, 0x81, 0x01};
	static const uint8_t lacking[] = {0x22}, unknown[] = {0xe0}, branch[] = {0x2f, 0xfd, 0xff};
	static const uint8_t outside[] = {0x30, 0x06}, broken[] = {0x0c, 1, 2};
	uint8_t many[100];
	uint64_t value;

	(void)state;
	assert_true(evaluate(linkage, sizeof(linkage), &value));
	assert_int_equal(value, STACK + 16);
	assert_true(evaluate(in_memory, sizeof(in_memory), &value));
	assert_int_equal(value, 33 + 129);
	assert_false(evaluate(lacking, sizeof(lacking), &value));
	assert_false(evaluate(unknown, sizeof(unknown), &value));
	assert_false(evaluate(branch, sizeof(branch), &value));
	assert_false(evaluate(outside, sizeof(outside), &value));
	assert_false(evaluate(broken, sizeof(broken), &value));
	assert_false(evaluate(broken, 0, &value));
	memset(many, 0x31, sizeof(many));
	assert_false(evaluate(many, sizeof(many), &value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frame_pointers),
		cmocka_unit_test(test_endless),
		cmocka_unit_test(test_expressions),
	};

	return cmocka_run_group_tests_name("unwind words", tests, NULL, NULL);
}
