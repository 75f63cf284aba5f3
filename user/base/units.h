/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers as people read them. The text is returned by value: units__bytes(n).s is good until the
 * end of the full expression, so it goes straight into a printf().
 */
#ifndef MEMTRACE_UNITS_H
#define MEMTRACE_UNITS_H

#include <stdbool.h>
#include <stdint.h>

struct unit_text {
	char s[40];
};

struct unit_text units__count(uint64_t n);	 /* "655,360" */
struct unit_text units__count_short(uint64_t n); /* at most 7 columns: "655,360", "12.3M" */
struct unit_text units__rate(double per_s);	 /* at most 7 columns: "0.5", "655,360", "1.2M" */

/* IEC units, one decimal: "512 B", "12.0 MiB"; BYTES_UNKNOWN: "-". */
struct unit_text units__bytes(uint64_t bytes);
struct unit_text units__bytes_delta(int64_t bytes); /* signed: "+12.0 MiB", "0 B" */

/* At most 6 (7 with a sign) columns, K is 1024 as in top(1): "512", "12.0M"; unknown: "-". */
struct unit_text units__bytes_short(uint64_t bytes);
struct unit_text units__bytes_delta_short(int64_t bytes);

/* "61.0%". Never 0.0% for some, nor 100.0% for less than all; "-" of nothing. */
struct unit_text units__percent(uint64_t part, uint64_t whole);

/*
 * Signed, of a change: "+61.0%", "+12.3M%". Never 0.0% for some, nor -100.0% for less than all; "-"
 * for no number.
 */
struct unit_text units__percent_change(double percent);

struct unit_text units__duration(double seconds); /* "350 ms", "12.34 s", "5m 03s", "2h 05m" */
/* Three digits or so: "850 ns", "1.6 µs" (in ASCII "us"), "20.3 ms", "1.25 s"; then as above. */
struct unit_text units__latency(uint64_t ns, bool utf8);
struct unit_text units__prot(uint32_t prot);	   /* of PROT_*: "r-x" */
struct unit_text units__address(uint64_t address); /* "0x7f…" */
struct unit_text units__local(uint64_t unix_s);	   /* "2026-11-21 18:26:48 +09:00"; "… UTC" */
struct unit_text units__utc(uint64_t unix_s); /* "2026-11-21T09:26:48" (RFC 3339, 5.6, less zone) */

#endif
