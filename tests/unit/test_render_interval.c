// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "render/render.h"
#include "rendered.h"
#include "sample_report.h"

static const struct render_options utf8_80 = {.width = 80, .utf8 = true, .top = 10};
static const struct render_options subsecond_80 = {.width = 80, .subsecond = true};
static const struct render_options ascii_80 = {.width = 80, .top = 10};

static char *render_interval(const struct report_interval *row, const struct render_options *opt)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(render_text__interval_header(opt, out), 0);
	assert_int_equal(render_text__interval(row, opt, out), 0);
	fclose(out);
	return text;
}

static void test_interval(void **state)
{
	struct report_interval row = {
		.end_realtime_ns = 1795253208123456789ULL,
		.length_s = 0.5,
		.pid = 4242,
		.comm = "na\nme",
		.minor = 6000,
		.major = 1,
		.heap_bytes = 12 * MIB,
		.heap_delta_bytes = 2 * (int64_t)MIB,
		.rss_bytes = BYTES_UNKNOWN,
		.stack_bytes = 136 * 1024,
	};
	char *text;

	(void)state;
	setenv("TZ", "UTC0", 1);
	tzset();
	text = render_interval(&row, &ascii_80);
	assert_string_equal(
		text,
		"    time     pid comm          minor/s major/s   heap   +heap    RSS  stack hits\n"
		"09:26:48    4242 na\\x0ame       12,000       2  12.0M   +2.0M      -   136K    "
		"0\n");
	assert_tidy(text, 80);
	free(text);
	text = render_interval(&row, &subsecond_80);
	assert_string_equal(
		text,
		"      time     pid comm        minor/s major/s   heap   +heap    RSS  stack hits\n"
		"09:26:48.1    4242 na\\x0ame     12,000       2  12.0M   +2.0M      -   136K    "
		"0\n");
	assert_tidy(text, 80);
	free(text);
	row = (struct report_interval){.end_realtime_ns = UINT64_MAX,
				       .length_s = 1e-9,
				       .pid = UINT32_MAX / 1024,
				       .comm = "sixteen-letters",
				       .minor = UINT64_MAX,
				       .major = UINT64_MAX,
				       .heap_bytes = UINT64_MAX - 1,
				       .heap_delta_bytes = INT64_MIN,
				       .rss_bytes = 1000 * MIB,
				       .stack_bytes = UINT64_MAX - 1,
				       .hits = 1000};
	text = render_interval(&row, &utf8_80);
	assert_tidy(text, 80);
	free(text);
	text = render_interval(&row, &subsecond_80);
	assert_tidy(text, 80);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_interval),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
