// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hash.h"

struct item {
	uint32_t key;
	UT_hash_handle hh;
};

/* uthash's own hash, which anybody can compute. */
static uint32_t known_hash(uint32_t key)
{
	unsigned int hash;

	HASH_JEN(&key, sizeof(key), hash);
	return hash;
}

static unsigned int longest_chain(const struct item *table)
{
	const UT_hash_table *of = table->hh.tbl;
	unsigned int longest = 0;

	for (unsigned int i = 0; i < of->num_buckets; i++)
		if (of->buckets[i].count > longest)
			longest = of->buckets[i].count;
	return longest;
}

static struct item *table__add(struct item *table, uint32_t key)
{
	struct item *item = calloc(1, sizeof(*item));

	assert_non_null(item);
	item->key = key;
	HASH_ADD(hh, table, key, sizeof(key), item);
	assert_true(hash__added(item));
	return table;
}

static void table__free(struct item *table)
{
	struct item *item, *next;

	HASH_ITER (hh, table, item, next) {
		HASH_DELETE(hh, table, item);
		free(item);
	}
}

/* Keys that all would be in one bucket of up to 64 Ki are spread as any others are. */
static void test_chosen_keys(void **state)
{
	struct item *table = NULL;
	unsigned int nr = 0;

	(void)state;
	for (uint32_t key = 0; nr < 2000; key++) {
		if (known_hash(key) & 0xffff)
			continue;
		table = table__add(table, key);
		nr++;
	}
	assert_in_range(longest_chain(table), 1, 40);
	table__free(table);
}

/* Pids, one after the other; page-aligned addresses. */
static void test_usual_keys(void **state)
{
	static const uint32_t steps[] = {1, 2, 4096, 1 << 20};

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct item *table = NULL;

		for (uint32_t key = 0; key < 4000; key++)
			table = table__add(table, key * steps[i]);
		assert_in_range(longest_chain(table), 1, 40);
		table__free(table);
	}
}

/* The order is that of addition, whatever the secret. */
static void test_order(void **state)
{
	struct item *table = NULL, *item, *next;
	uint32_t expected = 1000;

	(void)state;
	for (uint32_t key = 1000; key; key--)
		table = table__add(table, key);
	HASH_ITER (hh, table, item, next)
		assert_int_equal(item->key, expected--);
	table__free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chosen_keys),
		cmocka_unit_test(test_usual_keys),
		cmocka_unit_test(test_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
