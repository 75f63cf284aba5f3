// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/units.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "base/vocab.h"

#define FORMAT(t, ...) snprintf((t).s, sizeof((t).s), __VA_ARGS__)

struct unit_text units__count(uint64_t n)
{
	struct unit_text ret = {""};
	char digits[24];
	size_t len, out = 0;

	len = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, n);
	for (size_t i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			ret.s[out++] = ',';
		ret.s[out++] = digits[i];
	}
	ret.s[out] = '\0';
	return ret;
}

/* Three significant digits and a suffix: value is below 1000 after scaling, or rounds up to it. */
static struct unit_text scaled(double value, double step, const char *const suffixes[],
			       size_t nr_suffixes)
{
	struct unit_text ret;
	size_t i = 0;

	while (i + 1 < nr_suffixes && value >= step - 0.5) {
		value /= step;
		i++;
	}
	/* 99.95 would print as 100.0, which is a column too wide. */
	FORMAT(ret, "%.*f%s", i && value < 99.95 ? 1 : 0, value, suffixes[i]);
	return ret;
}

struct unit_text units__count_short(uint64_t n)
{
	static const char *const suffixes[] = {"", "k", "M", "G", "T", "P", "E"};

	if (n < 1000000)
		return units__count(n);
	return scaled((double)n, 1000, suffixes, sizeof(suffixes) / sizeof(suffixes[0]));
}

struct unit_text units__rate(double per_s)
{
	struct unit_text ret;

	if (!(per_s > 0))
		return units__count(0);
	if (per_s < 0.05) {
		FORMAT(ret, "<0.1");
		return ret;
	}
	if (per_s < 9.95 && per_s != floor(per_s)) {
		FORMAT(ret, "%.1f", per_s);
		return ret;
	}
	return units__count_short(per_s < 1e18 ? (uint64_t)llround(per_s) : (uint64_t)1e18);
}

struct unit_text units__bytes(uint64_t bytes)
{
	static const char *const suffixes[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	struct unit_text ret;
	double value = (double)bytes;
	size_t i = 0;

	if (bytes == BYTES_UNKNOWN) {
		FORMAT(ret, "-");
		return ret;
	}
	/* 1023.95 would print as 1024.0: that is 1.0 of the next unit. */
	while (i + 1 < sizeof(suffixes) / sizeof(suffixes[0]) && value >= (i ? 1023.95 : 1024)) {
		value /= 1024;
		i++;
	}
	FORMAT(ret, "%.*f %s", i ? 1 : 0, value, suffixes[i]);
	return ret;
}

struct unit_text units__bytes_short(uint64_t bytes)
{
	static const char *const suffixes[] = {"", "K", "M", "G", "T", "P", "E"};
	struct unit_text ret;

	if (bytes == BYTES_UNKNOWN) {
		FORMAT(ret, "-");
		return ret;
	}
	return scaled((double)bytes, 1024, suffixes, sizeof(suffixes) / sizeof(suffixes[0]));
}

static uint64_t magnitude(int64_t n)
{
	return n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
}

static struct unit_text with_sign(int64_t n, struct unit_text plain)
{
	struct unit_text ret;

	if (!n)
		return plain;
	FORMAT(ret, "%c%.30s", n < 0 ? '-' : '+', plain.s);
	return ret;
}

struct unit_text units__bytes_delta(int64_t bytes)
{
	return with_sign(bytes, units__bytes(magnitude(bytes)));
}

struct unit_text units__bytes_delta_short(int64_t bytes)
{
	return with_sign(bytes, units__bytes_short(magnitude(bytes)));
}

struct unit_text units__percent(uint64_t part, uint64_t whole)
{
	struct unit_text ret;
	double percent;

	if (!whole) {
		FORMAT(ret, "-");
		return ret;
	}
	percent = (double)part / (double)whole * 100;
	if (part && percent < 0.05)
		FORMAT(ret, "<0.1%%");
	else if (part < whole && percent >= 99.95)
		FORMAT(ret, ">99.9%%");
	else
		FORMAT(ret, "%.1f%%", percent);
	return ret;
}

struct unit_text units__percent_change(double percent)
{
	char sign = percent < 0 ? '-' : '+';
	double size = fabs(percent);
	struct unit_text ret;

	if (isnan(percent))
		FORMAT(ret, "-");
	else if (size > 0 && size < 0.05)
		FORMAT(ret, "%c<0.1%%", sign);
	else if (percent < 0 && size < 100 && size >= 99.95)
		FORMAT(ret, "->99.9%%");
	else if (size < 999.95)
		FORMAT(ret, "%c%.1f%%", sign, size);
	else
		FORMAT(ret, "%c%.30s%%", sign, units__rate(size).s);
	return ret;
}

struct unit_text units__duration(double seconds)
{
	struct unit_text ret;
	uint64_t s;

	if (!(seconds > 0)) {
		FORMAT(ret, "0 s");
	} else if (seconds < 0.0995) {
		FORMAT(ret, "%.1f ms", seconds * 1e3);
	} else if (seconds < 0.9995) {
		FORMAT(ret, "%.0f ms", seconds * 1e3);
	} else if (seconds < 59.995) {
		FORMAT(ret, "%.2f s", seconds);
	} else {
		s = seconds < 1e15 ? (uint64_t)llround(seconds) : (uint64_t)1e15;
		if (s < 3600)
			FORMAT(ret, "%" PRIu64 "m %02us", s / 60, (unsigned int)(s % 60));
		else if (s < 86400)
			FORMAT(ret, "%" PRIu64 "h %02um", s / 3600, (unsigned int)(s % 3600 / 60));
		else
			FORMAT(ret, "%" PRIu64 "d %02uh", s / 86400,
			       (unsigned int)(s % 86400 / 3600));
	}
	return ret;
}

struct unit_text units__latency(uint64_t ns, bool utf8)
{
	struct unit_text ret;
	const char *unit = utf8 ? "µs" : "us";
	double value = (double)ns / 1e3;

	if (ns >= 999500000)
		return units__duration((double)ns / 1e9);
	if (value >= 999.5) {
		value /= 1e3;
		unit = "ms";
	}
	if (ns < 1000)
		FORMAT(ret, "%" PRIu64 " ns", ns);
	else
		FORMAT(ret, "%.*f %s", value < 99.95 ? 1 : 0, value, unit);
	return ret;
}

struct unit_text units__prot(uint32_t prot)
{
	return (struct unit_text){{prot & PROT_READ ? 'r' : '-', prot & PROT_WRITE ? 'w' : '-',
				   prot & PROT_EXEC ? 'x' : '-'}};
}

struct unit_text units__address(uint64_t address)
{
	struct unit_text ret;

	FORMAT(ret, "0x%" PRIx64, address);
	return ret;
}

struct unit_text units__local(uint64_t unix_s)
{
	time_t seconds = (time_t)unix_s;
	struct unit_text ret = {""};
	struct tm tm;
	long minutes;
	size_t len;

	if (!localtime_r(&seconds, &tm))
		return ret;
	len = strftime(ret.s, sizeof(ret.s), "%Y-%m-%d %H:%M:%S", &tm);
	minutes = tm.tm_gmtoff / 60;
	if (len && minutes)
		snprintf(ret.s + len, sizeof(ret.s) - len, " %c%02ld:%02ld",
			 minutes < 0 ? '-' : '+', labs(minutes) / 60, labs(minutes) % 60);
	else if (len)
		snprintf(ret.s + len, sizeof(ret.s) - len, " UTC");
	return ret;
}

struct unit_text units__utc(uint64_t unix_s)
{
	time_t seconds = (time_t)unix_s;
	struct unit_text ret = {""};
	struct tm tm;

	if (gmtime_r(&seconds, &tm))
		strftime(ret.s, sizeof(ret.s), "%Y-%m-%dT%H:%M:%S", &tm);
	return ret;
}
