// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Names of C++ and Rust. What they stand for is said by the Itanium C++ ABI, chapter 5.1, and by
 * Rust's RFC 2603.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sym/demangle.h"

static void test_names(void **state)
{
	static const char *const names[][2] = {
		{"_Z1fv", "f"},
		{"_ZN5cache4loadEi", "cache::load"},
		{"_ZN5cacheC1Ev", "cache::cache"},
		{"_ZN5cacheD0Ev", "cache::~cache"},
		{"_ZN5cacheclEi", "cache::operator()"},
		{"_ZNSt6vectorIiSaIiEE9push_backERKi",
		 "std::vector<int, std::allocator<int> >::push_back"},
		{"_ZN12_GLOBAL__N_15parseEv", "(anonymous namespace)::parse"},
		{"_ZZ4mainENKUlvE_clEv", "main::{lambda()#1}::operator()"},
		{"_Z4loadi.cold", "load"},
		{"_ZN4core3fmt5write17h0123456789abcdefE", "core::fmt::write"},
		{"_RNvNtCs1234_7mycrate3foo3bar", "mycrate::foo::bar"},
	};
	char name[128];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_true(demangle(names[i][0], name, sizeof(name)));
		assert_string_equal(name, names[i][1]);
	}
}

static void test_others(void **state)
{
	static const char *const names[] = {"",
					    "_",
					    "_Z",
					    "_R",
					    "main",
					    "_start",
					    "_Zebra",
					    "_Z9f",
					    "Z1fv",
					    "_Rust",
					    "__libc_start_main"};
	char name[128];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (demangle(names[i], name, sizeof(name)))
			fail_msg("%s is taken for %s", names[i], name);
}

static void test_cut_off(void **state)
{
	static const struct {
		size_t size;
		const char *name;
	} cases[] = {
		{51, "std::vector<int, std::allocator<int> >::push_back"},
		{50, "std::vector<int, std::allocator<int> >::push_back"},
		{49, "std::vector<...>::push_back"},
		{28, "std::vector<...>::push_back"},
		{27, "std::vector<...>::push_..."},
		{5, "s..."},
	};
	char name[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(demangle("_ZNSt6vectorIiSaIiEE9push_backERKi", name, cases[i].size));
		assert_string_equal(name, cases[i].name);
	}
}

/* What looks like a template's brackets, and is not. */
static void test_operators(void **state)
{
	static const struct {
		const char *symbol;
		size_t size;
		const char *name;
	} cases[] = {
		{"_ZN1aIiElsEi", 20, "a<int>::operator<<"},
		{"_ZN1aI1bIiEEltEi", 20, "a<...>::operator<"},
		{"_ZN1aI1bIiEEptEv", 20, "a<...>::operator->"},
		{"_ZN1aI1bIiEErSEi", 20, "a<...>::operator>>="},
		{"_ZN1aIiEltI1bIiEEEvT_", 24, "a<...>::operator< <...>"},
	};
	char name[24];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(demangle(cases[i].symbol, name, cases[i].size));
		assert_string_equal(name, cases[i].name);
	}
}

/* Each level is a pair of the one before: 2 to the 60th ints. */
static void test_doubling(void **state)
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	char symbol[2048] = "_Z1aISt4pairIiiE", name[128], level[32];

	(void)state;
	for (int i = 1; i <= 60; i++) {
		if (i < 36)
			snprintf(level, sizeof(level), "S0_IS%c_S%c_E", digits[i], digits[i]);
		else
			snprintf(level, sizeof(level), "S0_IS%c%c_S%c%c_E", digits[i / 36],
				 digits[i % 36], digits[i / 36], digits[i % 36]);
		strcat(symbol, level);
	}
	strcat(symbol, "EvT_");
	assert_true(demangle(symbol, name, sizeof(name)));
	assert_string_equal(name, "a<...>...");
}

/* A thousand deep. */
static void test_deep(void **state)
{
	char symbol[1024], name[128];

	(void)state;
	memset(symbol, 'P', sizeof(symbol));
	memcpy(symbol, "_Z1fI", 5);
	strcpy(symbol + sizeof(symbol) - 5, "iEvv");
	if (demangle(symbol, name, sizeof(name)))
		assert_true(strlen(name) < sizeof(name));
	memset(symbol + 2, 'N', sizeof(symbol) - 3);
	if (demangle(symbol, name, sizeof(name)))
		assert_true(strlen(name) < sizeof(name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),	cmocka_unit_test(test_others),
		cmocka_unit_test(test_cut_off), cmocka_unit_test(test_doubling),
		cmocka_unit_test(test_deep),	cmocka_unit_test(test_operators),
	};

	return cmocka_run_group_tests_name("demangle", tests, NULL, NULL);
}
