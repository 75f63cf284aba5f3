// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of probes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "memtrace/record.h"
#include "source/probe.h"

/* A recording has all that the table says. */
static void test_fits_record(void **state)
{
	const struct probe *probe;

	(void)state;
	for (size_t i = 0; (probe = probe__at(i)); i++) {
		assert_true(strlen(probe->fact) < sizeof(((struct mt_probe *)0)->fact));
		assert_true(strlen(probe->via) < sizeof(((struct mt_probe *)0)->via));
		assert_true(strlen(probe->misses) < sizeof(((struct mt_probe *)0)->misses));
	}
}

/* Those of a fact stand together, page faults first; each of these has a way, none has another's.
 */
static void test_order(void **state)
{
	const struct probe *probe, *last = NULL;
	unsigned int ways = 0;

	(void)state;
	assert_string_equal(probe__at(0)->fact, "page faults");
	for (size_t i = 0; (probe = probe__at(i)); last = probe, i++) {
		if (last && !strcmp(last->fact, probe->fact))
			continue;
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(probe__at(j)->fact, probe->fact);
	}
	for (size_t i = 0; !strcmp((probe = probe__at(i))->fact, "page faults"); i++) {
		assert_int_equal(__builtin_popcount(probe->ways), 1);
		assert_false(ways & probe->ways);
		ways |= probe->ways;
	}
	assert_int_equal(ways, (1U << NR_WAYS) - 1);
}

/* Page tables may not be readable: then there is something else for the same way, further on. */
static void test_without_tables(void **state)
{
	const struct probe *probe;

	(void)state;
	for (enum fault_way way = 0; way < NR_WAYS; way++)
		for (size_t i = 0; (probe = probe__at(i)); i++) {
			struct probe_choice choice = {.way = way, .chosen = {probe}, .nr = 1};

			if (probe->how != PROBE_TABLES || !(probe->ways >> way & 1))
				continue;
			probe__choose_without_tables(&choice);
			assert_string_equal(choice.chosen[0]->fact, probe->fact);
			assert_int_not_equal(choice.chosen[0]->how, PROBE_TABLES);
			assert_true(choice.chosen[0]->ways >> way & 1);
		}
}

/* What takes a file for each thread may be too much: then there is a way that does not. */
static void test_without_files(void **state)
{
	const struct probe *probe, *next;

	(void)state;
	for (size_t i = 0; (probe = probe__at(i)); i++) {
		if (!probe->by_task)
			continue;
		next = probe__next(probe, (enum fault_way)__builtin_ctz(probe->ways));
		assert_non_null(next);
		assert_string_equal(next->fact, probe->fact);
		assert_string_not_equal(next->via, probe->via);
		assert_false(next->by_task);
		assert_int_equal(next->weight, probe->weight);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fits_record),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_without_tables),
		cmocka_unit_test(test_without_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
