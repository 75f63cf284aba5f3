// SPDX-License-Identifier: GPL-2.0-or-later
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/escape.h"
#include "base/units.h"
#include "base/vocab.h"

static void test_count(void **state)
{
	(void)state;
	assert_string_equal(units__count(0).s, "0");
	assert_string_equal(units__count(999).s, "999");
	assert_string_equal(units__count(1000).s, "1,000");
	assert_string_equal(units__count(655360).s, "655,360");
	assert_string_equal(units__count(UINT64_MAX).s, "18,446,744,073,709,551,615");
	assert_string_equal(units__count_short(999999).s, "999,999");
	assert_string_equal(units__count_short(1000000).s, "1.0M");
	assert_string_equal(units__count_short(99960000).s, "100M");
	assert_string_equal(units__count_short(999600000).s, "1.0G");
	assert_string_equal(units__count_short(UINT64_MAX).s, "18.4E");
}

static void test_rate(void **state)
{
	(void)state;
	assert_string_equal(units__rate(0).s, "0");
	assert_string_equal(units__rate(-1).s, "0");
	assert_string_equal(units__rate(0.01).s, "<0.1");
	assert_string_equal(units__rate(0.5).s, "0.5");
	assert_string_equal(units__rate(3).s, "3");
	assert_string_equal(units__rate(9.97).s, "10");
	assert_string_equal(units__rate(12345.6).s, "12,346");
	assert_string_equal(units__rate(1e300).s, "1.0E");
}

static void test_bytes(void **state)
{
	(void)state;
	assert_string_equal(units__bytes(0).s, "0 B");
	assert_string_equal(units__bytes(1023).s, "1023 B");
	assert_string_equal(units__bytes(1024).s, "1.0 KiB");
	assert_string_equal(units__bytes(1536).s, "1.5 KiB");
	assert_string_equal(units__bytes(1024 * 1024 - 1).s, "1.0 MiB");
	assert_string_equal(units__bytes(8ULL << 20).s, "8.0 MiB");
	assert_string_equal(units__bytes(UINT64_MAX - 1).s, "16.0 EiB");
	assert_string_equal(units__bytes(BYTES_UNKNOWN).s, "-");
	assert_string_equal(units__bytes_delta(0).s, "0 B");
	assert_string_equal(units__bytes_delta(4096).s, "+4.0 KiB");
	assert_string_equal(units__bytes_delta(-4096).s, "-4.0 KiB");
	assert_string_equal(units__bytes_delta(INT64_MIN).s, "-8.0 EiB");
}

static void test_bytes_short(void **state)
{
	(void)state;
	assert_string_equal(units__bytes_short(512).s, "512");
	assert_string_equal(units__bytes_short(1023).s, "1023");
	assert_string_equal(units__bytes_short(1024).s, "1.0K");
	assert_string_equal(units__bytes_short(12ULL << 20).s, "12.0M");
	assert_string_equal(units__bytes_short(900ULL << 20).s, "900M");
	assert_string_equal(units__bytes_short((1ULL << 30) - 1).s, "1.0G");
	assert_string_equal(units__bytes_short(BYTES_UNKNOWN).s, "-");
	assert_string_equal(units__bytes_delta_short(-(12LL << 20)).s, "-12.0M");
	/* The promise that the live view's columns rest on. */
	for (unsigned int i = 0; i < 64; i++) {
		assert_true(strlen(units__bytes_short((1ULL << i) - 1).s) <= 6);
		assert_true(strlen(units__bytes_short(1ULL << i).s) <= 6);
		assert_true(strlen(units__count_short((1ULL << i) - 1).s) <= 7);
	}
}

static void test_percent(void **state)
{
	(void)state;
	assert_string_equal(units__percent(0, 0).s, "-");
	assert_string_equal(units__percent(0, 10).s, "0.0%");
	assert_string_equal(units__percent(1, 100000).s, "<0.1%");
	assert_string_equal(units__percent(61, 100).s, "61.0%");
	assert_string_equal(units__percent(99999, 100000).s, ">99.9%");
	assert_string_equal(units__percent(10, 10).s, "100.0%");
}

static void test_percent_change(void **state)
{
	(void)state;
	assert_string_equal(units__percent_change(0).s, "+0.0%");
	assert_string_equal(units__percent_change(61.04).s, "+61.0%");
	assert_string_equal(units__percent_change(-61.04).s, "-61.0%");
	assert_string_equal(units__percent_change(0.049).s, "+<0.1%");
	assert_string_equal(units__percent_change(-0.049).s, "-<0.1%");
	assert_string_equal(units__percent_change(-99.95).s, "->99.9%");
	assert_string_equal(units__percent_change(-100).s, "-100.0%");
	assert_string_equal(units__percent_change(99.96).s, "+100.0%");
	assert_string_equal(units__percent_change(999.94).s, "+999.9%");
	assert_string_equal(units__percent_change(999.96).s, "+1,000%");
	assert_string_equal(units__percent_change(12345678).s, "+12.3M%");
	assert_string_equal(units__percent_change(1e300).s, "+1.0E%");
	assert_string_equal(units__percent_change(NAN).s, "-");
}

static void test_duration(void **state)
{
	(void)state;
	assert_string_equal(units__duration(0).s, "0 s");
	assert_string_equal(units__duration(0.0005).s, "0.5 ms");
	assert_string_equal(units__duration(0.35).s, "350 ms");
	assert_string_equal(units__duration(0.9999).s, "1.00 s");
	assert_string_equal(units__duration(12.345).s, "12.35 s");
	assert_string_equal(units__duration(59.999).s, "1m 00s");
	assert_string_equal(units__duration(303).s, "5m 03s");
	assert_string_equal(units__duration(7500).s, "2h 05m");
	assert_string_equal(units__duration(273600).s, "3d 04h");
}

static void test_latency(void **state)
{
	(void)state;
	assert_string_equal(units__latency(0, true).s, "0 ns");
	assert_string_equal(units__latency(999, true).s, "999 ns");
	assert_string_equal(units__latency(1000, true).s, "1.0 µs");
	assert_string_equal(units__latency(1649, false).s, "1.6 us");
	assert_string_equal(units__latency(99949, true).s, "99.9 µs");
	assert_string_equal(units__latency(99950, true).s, "100 µs");
	assert_string_equal(units__latency(999499, true).s, "999 µs");
	assert_string_equal(units__latency(999500, true).s, "1.0 ms");
	assert_string_equal(units__latency(20266428, true).s, "20.3 ms");
	assert_string_equal(units__latency(999499999, true).s, "999 ms");
	assert_string_equal(units__latency(999500000, true).s, "1.00 s");
	assert_string_equal(units__latency(61000000000, true).s, "1m 01s");
	assert_true(strlen(units__latency(UINT64_MAX, true).s) < 40);
}

static void assert_terminal(const char *s, bool utf8, const char *expected)
{
	char *escaped = escape__terminal(s, utf8);

	assert_string_equal(escaped, expected);
	free(escaped);
}

static void test_escape_terminal(void **state)
{
	(void)state;
	assert_terminal("plain \"quoted\" name", true, "plain \"quoted\" name");
	assert_terminal("a\033[31mb\n\t\177", true, "a\\x1b[31mb\\x0a\\x09\\x7f");
	assert_terminal("back\\x1b", true, "back\\\\x1b");
	/* C1, as a byte and as UTF-8 */
	assert_terminal("\x9b"
			"2J",
			true, "\\x9b2J");
	assert_terminal("\xc2\x9b"
			"2J",
			true, "\\xc2\\x9b2J");
	/* right-to-left override, isolate, zero-width space, byte order mark */
	assert_terminal("a\u202egnp", true, "a\\xe2\\x80\\xaegnp");
	assert_terminal("\u2066\u200b\ufeff", true,
			"\\xe2\\x81\\xa6\\xe2\\x80\\x8b\\xef\\xbb\\xbf");
	assert_terminal("\u65e5\u672c \u00e9", true, "\u65e5\u672c \u00e9");
	assert_terminal("\u00e9", false, "\\xc3\\xa9");
}

static void test_escape_invalid_utf8(void **state)
{
	(void)state;
	assert_terminal("\xff", true, "\\xff");
	assert_terminal("\xc3", true, "\\xc3"); /* cut short */
	assert_terminal("\xe2\x82", true, "\\xe2\\x82");
	assert_terminal("\xc0\xaf", true, "\\xc0\\xaf");		   /* overlong */
	assert_terminal("\xed\xa0\x80", true, "\\xed\\xa0\\x80");	   /* surrogate */
	assert_terminal("\xf4\x90\x80\x80", true, "\\xf4\\x90\\x80\\x80"); /* above U+10FFFF */
}

static void test_escape_utf8(void **state)
{
	char *valid = escape__utf8("a\xff\u00e9\xe2\x82z");

	(void)state;
	assert_string_equal(valid, "a\ufffd\u00e9\ufffd\ufffdz");
	free(valid);
}

static void test_width(void **state)
{
	(void)state;
	assert_int_equal(escape__width(""), 0);
	assert_int_equal(escape__width("abc"), 3);
	assert_int_equal(escape__width("\u65e5\u672c"), 4);
	assert_int_equal(escape__width("e\u0301"), 1);
	assert_int_equal(escape__width("a\\x1bb"), 6);
	assert_int_equal(escape__width("\u2588\u258f\u2581"), 3);
}

static void assert_fit(const char *s, unsigned int columns, bool utf8, const char *expected)
{
	char *fit = escape__fit(s, columns, utf8);

	assert_string_equal(fit, expected);
	assert_true(escape__width(fit) <= columns);
	free(fit);
}

static void test_fit(void **state)
{
	(void)state;
	assert_fit("short", 5, true, "short");
	assert_fit("0123456789", 6, true, "01\u2026789");
	assert_fit("0123456789", 6, false, "0..789");
	/* neither an escape nor a wide character is cut in two */
	assert_fit("ab\\x1bcdefgh", 8, true, "ab\u2026defgh");
	assert_fit("\u65e5\u672c\u8a9e\u65e5\u672c\u8a9e", 6, true, "\u65e5\u2026\u8a9e");
	assert_fit("abcdef", 1, true, "f");
	assert_fit("abcdef", 0, true, "");
	/* a path loses directories before its last part loses anything */
	assert_fit("/usr/lib/x86/libc.so.6+0x25650", 23, true, "\u2026/x86/libc.so.6+0x25650");
	assert_fit("/usr/lib/x86/libc.so.6+0x25650", 22, true, "\u2026/libc.so.6+0x25650");
	assert_fit("/usr/lib/x86/libc.so.6+0x25650", 19, true, "\u2026/libc.so.6+0x25650");
	assert_fit("/usr/lib/x86/libc.so.6+0x25650", 18, true, "libc.so.6+0x25650");
	assert_fit("/usr/lib/x86/libc.so.6+0x25650", 20, false, "../libc.so.6+0x25650");
	assert_fit("/usr/lib/x86/libc.so.6+0x25650", 16, true, "libc.s\u20266+0x25650");
	assert_fit("memset (/usr/lib/libc.so.6)", 22, true, "memset (\u2026/libc.so.6)");
	assert_fit("memset (/usr/lib/libc.so.6)", 15, true, "memse\u2026ibc.so.6)");
	assert_fit("/0123456789", 6, true, "/0\u2026789");
	assert_fit("kworker/0:1-events", 10, true, "kwo\u2026events");
	assert_fit("/usr/lib/libc.so.6", 1, true, "6");
	for (unsigned int i = 0; i < 24; i++) {
		char *fit =
			escape__fit("/h/\u65e5\u672c\u8a9e/\\x1b\\xff/e\u0301\u0301.so", i, true);

		assert_true(escape__width(fit) <= i);
		free(fit);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_bytes_short),
		cmocka_unit_test(test_percent),
		cmocka_unit_test(test_percent_change),
		cmocka_unit_test(test_duration),
		cmocka_unit_test(test_latency),
		cmocka_unit_test(test_escape_terminal),
		cmocka_unit_test(test_escape_invalid_utf8),
		cmocka_unit_test(test_escape_utf8),
		cmocka_unit_test(test_width),
		cmocka_unit_test(test_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
