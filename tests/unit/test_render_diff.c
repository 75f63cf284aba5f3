// SPDX-License-Identifier: GPL-2.0-or-later
/* A comparison as text and as JSON. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "render/render.h"
#include "rendered.h"
#include "sample_diff.h"

static const struct render_options ascii_80 = {.width = 80, .top = 10};

/* Compares, renders and frees the pair; the caller frees the text. */
static char *render(struct pair *pair, const struct render_options *opt, bool json)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	pair__compare(pair);
	if (json)
		assert_int_equal(render_json__diff(pair->diff, opt, out), 0);
	else
		assert_int_equal(render_text__diff(pair->diff, opt, out), 0);
	fclose(out);
	pair__free(pair);
	return text;
}

static void fill(struct report_process *process, uint64_t n)
{
	pair__faults(process, 1000 * n);
	process->faults.minor -= 3;
	process->faults.major = 3;
	process->faults.by_region[REGION_HEAP] -= 20;
	process->faults.by_region[REGION_TEXT] = 20;
	process->heap.growth_bytes = (int64_t)(n * MIB);
	process->heap.peak_bytes = (n + 2) * MIB;
	process->heap.rss_bytes = 20 * MIB;
	process->heap.calls[CALL_BRK] = (struct report_call){.count = 8 * n, .bytes = n * MIB};
	process->stack.peak_bytes = 132 * 1024;
}

/* One program in both, one that is gone, one that is new. */
static struct pair sample(void)
{
	struct pair pair = pair__new(2, 3);

	fill(pair__name(pair.a, 0, "postgres", "/usr/bin/postgres"), 1);
	fill(pair__name(pair.b, 0, "postgres", "/usr/bin/postgres"), 2);
	pair__faults(pair__name(pair.a, 1, "old", "/bin/old"), 10);
	pair__faults(pair__name(pair.b, 1, "new", "/bin/new"), 20);
	pair__faults(pair__name(pair.b, 2, "new", "/bin/new"), 3);
	return pair;
}

/* All of it; cmocka's own message ends after 1,024 bytes. */
static void assert_text(const char *text, const char *expected)
{
	assert_has_lines(text, expected);
	assert_int_equal(strlen(text), strlen(expected));
}

#define RECORDINGS                                                                                 \
	"memtrace 0.1.0: B compared with A\n"                                                      \
	"\n"                                                                                       \
	"A a.mtr\n"                                                                                \
	"  target    -p 4242\n"                                                                    \
	"  traced    10.00 s from 2026-11-21 09:26:48 UTC, until the time given was over\n"        \
	"  host      db1, Linux 6.18.44 x86_64, 2 CPUs, pages of 4 KiB\n"                          \
	"  seen      2 processes, 1,007 minor faults, 3 major faults, 0 stack-limit hits\n"        \
	"  lost 0 of 0 records\n"                                                                  \
	"\n"                                                                                       \
	"B b.mtr\n"                                                                                \
	"  target    -p 4242\n"                                                                    \
	"  traced    10.00 s from 2026-11-21 10:26:48 UTC, until the time given was over\n"        \
	"  host      db1, Linux 6.18.44 x86_64, 2 CPUs, pages of 4 KiB\n"                          \
	"  seen      3 processes, 2,020 minor faults, 3 major faults, 0 stack-limit hits\n"        \
	"  lost 0 of 0 records\n"                                                                  \
	"\n"

static void test_whole(void **state)
{
	struct pair pair = sample();
	char *text = render(&pair, &ascii_80, false);

	(void)state;
	assert_text(
		text, RECORDINGS
		"A lasted 10.00 s, B 10.00 s: counts are compared as they are\n"
		"\n"
		"Processes, largest change in faults first\n"
		"  comm       procs  faults A  faults B  change        %  heap peak  RSS at end\n"
		"  postgres       1     1,000     2,000  +1,000  +100.0%   +1.0 MiB           =\n"
		"  new       0 -> 2         -        23     +23      new          -           -\n"
		"  old       1 -> 0        10         -     -10     gone          -           -\n"
		"  in all    2 -> 3     1,010     2,023  +1,013  +100.3%   +1.0 MiB           -\n"
		"\n"
		"== postgres ====================================================================\n"
		"  /usr/bin/postgres\n"
		"\n"
		"                          A          B    change        %   A rate   B rate\n"
		"  faults              1,000      2,000    +1,000  +100.0%    100/s    200/s\n"
		"  minor faults          997      1,997    +1,000  +100.3%    100/s    200/s\n"
		"  major faults            3          3         =             0.3/s    0.3/s\n"
		"  by region\n"
		"    heap                980      1,980    +1,000  +102.0%     98/s    198/s\n"
		"    text                 20         20         =               2/s      2/s\n"
		"  heap growth      +1.0 MiB   +2.0 MiB  +1.0 MiB  +100.0%  +102K/s  +205K/s\n"
		"  heap peak         3.0 MiB    4.0 MiB  +1.0 MiB   +33.3%\n"
		"  RSS at end       20.0 MiB   20.0 MiB         =\n"
		"  stack peak      132.0 KiB  132.0 KiB         =\n"
		"  calls\n"
		"    brk                   8         16        +8  +100.0%    0.8/s    1.6/s\n"
		"  bytes of calls\n"
		"    brk             1.0 MiB    2.0 MiB  +1.0 MiB  +100.0%   102K/s   205K/s\n"
		"\n"
		"== new (new) ===================================================================\n"
		"  /bin/new, 2 processes\n"
		"\n"
		"                A   B  change    %  A rate  B rate\n"
		"  faults        -  23     +23  new       -   2.3/s\n"
		"  minor faults  -  23     +23  new       -   2.3/s\n"
		"  by region\n"
		"    heap        -  23     +23  new       -   2.3/s\n"
		"\n"
		"== old (gone) ==================================================================\n"
		"  /bin/old\n"
		"\n"
		"                 A  B  change     %  A rate  B rate\n"
		"  faults        10  -     -10  gone     1/s       -\n"
		"  minor faults  10  -     -10  gone     1/s       -\n"
		"  by region\n"
		"    heap        10  -     -10  gone     1/s       -\n");
	free(text);
}

/* What had ended has no RSS at the end: that of a new or gone one is not "as before". */
static void test_ended(void **state)
{
	struct pair pair = pair__new(2, 2);
	struct report_process *const ended[] = {
		pair__name(pair.a, 0, "both", "/bin/both"),
		pair__name(pair.b, 0, "both", "/bin/both"),
		pair__name(pair.a, 1, "old", "/bin/old"),
		pair__name(pair.b, 1, "new", "/bin/new"),
	};
	char *text;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		pair__faults(ended[i], 10 - i);
		ended[i]->ended = true;
		ended[i]->heap.rss_bytes = 4096;
		ended[i]->heap.peak_rss_bytes = i ? BYTES_UNKNOWN : 4096;
	}
	text = render(&pair, &ascii_80, false);
	assert_has_lines(
		text,
		"  comm     procs  faults A  faults B  change       %  heap peak  RSS at end\n"
		"  old     1 -> 0         8         -      -8    gone          -           -\n"
		"  new     0 -> 1         -         7      +7     new          -           -\n"
		"  both         1        10         9      -1  -10.0%          =           =\n"
		"  in all       2        18        16      -2  -11.1%          =           =\n");
	free(text);
}

/* Of recordings of different length, what is compared is said, and by the second. */
static void test_rates(void **state)
{
	struct pair pair = sample();
	char *text;

	(void)state;
	pair.b->session.duration_s = 40;
	text = render(&pair, &ascii_80, false);
	assert_has_lines(
		text,
		"A lasted 10.00 s, B 40.00 s: faults, calls and heap growth are compared per\n"
		"second, peaks as they are\n"
		"\n"
		"Processes, largest change in faults per second first\n"
		"  comm       procs  faults A  faults B  change       %  A total  B total\n"
		"  postgres       1     100/s      50/s   -50/s  -50.0%    1,000    2,000\n"
		"  old       1 -> 0       1/s         -    -1/s    gone       10        -\n"
		"  new       0 -> 2         -     0.6/s  +0.6/s     new        -       23\n"
		"  in all    2 -> 3     101/s      51/s   -50/s  -49.9%    1,010    2,023\n");
	assert_has_lines(
		text,
		"                          A          B    change       %  A total  B total\n"
		"  faults              100/s       50/s     -50/s  -50.0%    1,000    2,000\n");
	assert_has_lines(
		text, "  heap growth       +102K/s   +51.2K/s  -51.2K/s  -50.0%    +1.0M    +2.0M\n"
		      "  heap peak         3.0 MiB    4.0 MiB  +1.0 MiB  +33.3%\n");
	assert_tidy(text, 80);
	free(text);
}

/* A command that ran from start to exit has done its whole work, however long it took. */
static void test_whole_runs(void **state)
{
	struct pair pair = sample();
	char *text;

	(void)state;
	pair.b->session.duration_s = 40;
	pair.a->session.whole_run = pair.b->session.whole_run = true;
	text = render(&pair, &ascii_80, false);
	assert_has_lines(text,
			 "A lasted 10.00 s, B 40.00 s from the start of the command to its exit: "
			 "counts\nare compared as they are\n");
	assert_has(text, "\n  postgres       1     1,000     2,000  +1,000  +100.0%");
	free(text);
}

static void test_warnings(void **state)
{
	struct pair pair = sample();
	struct render_options opt = {.width = 60, .colour = true};
	char *text;

	(void)state;
	pair.b->session.ended_by = "cut_off";
	free(pair.b->host.name);
	pair.b->host.name = strdup("evil\033[2J");
	text = render(&pair, &ascii_80, false);
	assert_has_lines(text, "warning: B is incomplete: the recording breaks off after 10.00 s\n"
			       "warning: different hosts: A is of db1, B of evil\\x1b[2J\n"
			       "A lasted 10.00 s, ");
	free(text);
	pair = sample();
	pair.a->loss.records = 1;
	text = render(&pair, &opt, false);
	assert_has(text,
		   "\033[31mwarning: A lost 1 of 1 records: its numbers may be wrong\033[0m\n");
	free(text);
}

/* More is red and less is green, where it is not just a little; on a terminal only. */
static void test_colour(void **state)
{
	struct render_options opt = {.width = 200, .colour = true};
	struct pair pair = pair__new(3, 3);
	char *text;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		static const char *const comms[] = {"more", "less", "same"};

		pair__faults(pair__name(pair.a, i, comms[i], "/x"), 1000);
		pair__faults(pair__name(pair.b, i, comms[i], "/x"), i == 2 ? 1040 : i ? 900 : 1200);
	}
	text = render(&pair, &opt, false);
	assert_has(text, "\033[31m+200\033[0m  \033[31m+20.0%\033[0m");
	assert_has(text, "\033[32m-100\033[0m  \033[32m-10.0%\033[0m");
	assert_has(text, "  +40   +4.0%");
	free(text);
	pair = sample();
	opt.colour = false;
	text = render(&pair, &opt, false);
	assert_has_not(text, "\033");
	assert_tidy(text, 200);
	free(text);
}

/* Names and paths come from strangers; numbers may be anything; the line is as wide as it is. */
static void test_hostile(void **state)
{
	static const unsigned int widths[] = {60, 80, 100, 200};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(widths) / sizeof(widths[0]); i++) {
		struct render_options opt = {.width = widths[i / 2], .utf8 = i % 2};
		struct pair pair = pair__new(2, 2);
		char *text;

		for (size_t k = 0; k < 2; k++) {
			struct report *report = k ? pair.b : pair.a;

			pair__faults(
				pair__name(report, 0, "a\033]0;x\a\n\xe2\x80\xae",
					   "/tmp/\xff\x9b/\u65e5\u672c\u8a9e/a-very-long-name-of-a-"
					   "directory/which-goes-on-and-on/and-on/x"),
				k ? UINT64_MAX : 1);
			pair__name(report, 1, k ? "" : " ", "");
			report->processes[0].heap.growth_bytes = k ? INT64_MIN : INT64_MAX;
			report->processes[0].heap.peak_bytes = UINT64_MAX - k;
			report->processes[0].heap.calls[CALL_MREMAP].bytes = UINT64_MAX;
			report->session.duration_s = k ? 1e9 : 1e-9;
		}
		text = render(&pair, &opt, false);
		/* Numbers of 25 columns take the room that they need. */
		assert_tidy(text, widths[i / 2] < 80 ? 120 : widths[i / 2] + 40);
		assert_has_not(text, "\a");
		assert_has_not(text, "nan");
		assert_has_not(text, "inf");
		free(text);
	}
}

static void test_narrow_and_wide(void **state)
{
	struct render_options opt = {.width = 60, .utf8 = true, .top = 10};
	struct pair pair = sample();
	char *text = render(&pair, &opt, false);

	(void)state;
	assert_tidy(text, 60);
	assert_has_lines(text, "  comm      procs  faults A  faults B  change        %\n"
			       "  postgres      1     1,000     2,000  +1,000  +100.0%\n"
			       "  new       0 \u2192 2         -        23     +23      new\n");
	free(text);
	opt.width = 200;
	pair = sample();
	text = render(&pair, &opt, false);
	assert_has_lines(text,
			 "  comm      procs  faults A  faults B  change        %  A rate  B rate  "
			 "heap peak  RSS at end  program\n"
			 "  postgres      1     1,000     2,000  +1,000  +100.0%   100/s   200/s   "
			 "+1.0 MiB           =  /usr/bin/postgres\n");
	assert_tidy(text, 200);
	free(text);
}

static void test_top(void **state)
{
	struct render_options opt = {.width = 80, .top = 1};
	struct pair pair = sample();
	char *text = render(&pair, &opt, false);

	(void)state;
	assert_has_lines(text, "  and 2 more programs: 10 faults in A, 23 in B\n");
	assert_has_lines(text, "2 more programs not shown: -n 0 shows all\n");
	assert_has_not(text, "== old");
	free(text);
	opt.top = 0;
	pair = sample();
	text = render(&pair, &opt, false);
	assert_has(text, "== old");
	assert_has_not(text, "not shown");
	free(text);
}

/* What has not changed at all has no section of its own. */
static void test_no_change(void **state)
{
	struct pair pair = pair__new(1, 1);
	char *text;

	(void)state;
	fill(&pair.a->processes[0], 4);
	fill(&pair.b->processes[0], 4);
	text = render(&pair, &ascii_80, false);
	assert_has_lines(
		text, "  postgres      1     4,000     4,000       =             =           =\n");
	assert_has_not(text, "== postgres");
	free(text);
	pair = pair__new(0, 0);
	text = render(&pair, &ascii_80, false);
	assert_has_lines(text, "Neither recording has a process that did anything with memory.\n");
	free(text);
}

/* Two paths of one program are both told; of several processes sums and the largest. */
static void test_details(void **state)
{
	struct pair pair = pair__new(2, 1);
	char *text;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		fill(pair__name(pair.a, i, "app", "/opt/1/app"), 1 + i);
		pair.a->processes[i].heap.peak_rss_bytes = (i + 1) * MIB;
	}
	fill(pair__name(pair.b, 0, "app", "/opt/2/app"), 1);
	pair.b->processes[0].heap.peak_rss_bytes = 2 * MIB;
	pair.b->processes[0].stack.hits_total = 1;
	text = render(&pair, &ascii_80, false);
	assert_has_lines(text, "  /opt/1/app in A, /opt/2/app in B, 2 processes in A, 1 in B\n");
	assert_has_lines(text, "  heap peak, sum      7.0 MiB    3.0 MiB    -4.0 MiB  -57.1%\n"
			       "  heap peak, max      4.0 MiB    3.0 MiB    -1.0 MiB  -25.0%\n"
			       "  RSS at end, sum    40.0 MiB   20.0 MiB   -20.0 MiB  -50.0%\n"
			       "  peak RSS, sum       3.0 MiB    2.0 MiB    -1.0 MiB  -33.3%\n"
			       "  peak RSS, max       2.0 MiB    2.0 MiB           =\n");
	assert_has_lines(
		text,
		"  stack-limit hits          0          1          +1     new      0/s    0.1/s\n");
	assert_tidy(text, 80);
	free(text);
	pair = pair__new(1, 1);
	pair__faults(&pair.a->processes[0], 1);
	text = render(&pair, &ascii_80, false);
	assert_has(text, "  program not known\n");
	free(text);
}

static json_t *load(struct pair *pair)
{
	char *text = render(pair, &ascii_80, true);
	json_error_t error;
	json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);

	if (!root)
		fail_msg("line %d: %s", error.line, error.text);
	assert_int_equal(text[strlen(text) - 1], '\n');
	for (const char *c = text; *c; c++)
		assert_true((*c >= 0x20 && *c < 0x7f) || *c == '\n');
	free(text);
	return root;
}

static void assert_keys(json_t *object, const char *keys)
{
	char copy[512], *key, *rest = copy;
	size_t nr = 0;

	snprintf(copy, sizeof(copy), "%s", keys);
	while ((key = strtok_r(rest, " ", &rest))) {
		if (!json_object_get(object, key))
			fail_msg("no key %s", key);
		nr++;
	}
	assert_int_equal(json_object_size(object), nr);
}

static void assert_number(json_t *root, const char *path, json_int_t value)
{
	assert_true(json_is_integer(json_at(root, path)));
	assert_int_equal(json_integer_value(json_at(root, path)), value);
}

static void assert_real(json_t *root, const char *path, double value)
{
	assert_true(json_is_real(json_at(root, path)));
	assert_true(json_real_value(json_at(root, path)) == value);
}

static void test_json(void **state)
{
	static const char flow[] = "a b change change_percent a_per_s b_per_s change_per_s "
				   "change_per_s_percent";
	struct pair pair = sample();
	json_t *root, *process;

	(void)state;
	pair.b->session.duration_s = 40;
	root = load(&pair);
	assert_keys(root, "memtrace kind a b compared_by warnings all processes");
	assert_string_equal(json_string_value(json_at(root, "kind")), "diff");
	assert_number(root, "memtrace.schema", 1);
	assert_keys(json_at(root, "a"), "file host session probes loss folded");
	assert_string_equal(json_string_value(json_at(root, "b.file")), "b.mtr");
	assert_string_equal(json_string_value(json_at(root, "b.host.kernel")), "6.18.44");
	assert_string_equal(json_string_value(json_at(root, "compared_by")), "rate");
	assert_int_equal(json_array_size(json_at(root, "warnings")), 0);
	assert_keys(json_at(root, "all"), "processes faults heap stack crashes");
	assert_number(root, "all.processes.b", 3);
	assert_int_equal(json_array_size(json_at(root, "processes")), 3);
	process = json_at(root, "processes.0");
	assert_keys(process, "comm exe state processes faults heap stack crashes");
	assert_string_equal(json_string_value(json_at(process, "comm")), "postgres");
	assert_string_equal(json_string_value(json_at(process, "exe.a")), "/usr/bin/postgres");
	assert_string_equal(json_string_value(json_at(process, "state")), "both");
	assert_keys(json_at(process, "faults"),
		    "total minor major lost by_region by_cause latency_ns");
	assert_keys(json_at(process, "faults.total"), flow);
	assert_keys(json_at(process, "faults.by_region"),
		    "text data bss heap stack thread_stack anon file shmem vdso other");
	assert_keys(json_at(process, "heap"),
		    "growth_bytes peak_bytes largest_peak_bytes rss_bytes "
		    "peak_rss_bytes largest_peak_rss_bytes calls");
	assert_keys(json_at(process, "heap.calls"),
		    "brk mmap munmap mremap madvise mprotect mlock");
	assert_keys(json_at(process, "heap.calls.brk"), "count failed bytes");
	assert_keys(json_at(process, "heap.calls.brk.count"), flow);
	assert_keys(json_at(process, "heap.peak_bytes"), "a b change change_percent");
	assert_keys(json_at(process, "stack"), "peak_bytes largest_peak_bytes hits");
	assert_keys(json_at(process, "crashes"), "fatal");
	assert_keys(json_at(process, "crashes.fatal"), flow);
	assert_keys(json_at(process, "faults.latency_ns"), "p50 p99 max total");
	assert_true(json_is_null(json_at(process, "faults.latency_ns.p99.a")));
	assert_keys(json_at(process, "faults.latency_ns.p99"), "a b change change_percent");
	assert_keys(json_at(process, "faults.latency_ns.total"), flow);
	assert_true(json_is_null(json_at(process, "faults.by_cause.cow.change")));
	assert_number(process, "faults.total.a", 1000);
	assert_number(process, "faults.total.b", 2000);
	assert_number(process, "faults.total.change", 1000);
	assert_real(process, "faults.total.change_percent", 100);
	assert_real(process, "faults.total.a_per_s", 100);
	assert_real(process, "faults.total.change_per_s", -50);
	assert_real(process, "faults.total.change_per_s_percent", -50);
	assert_number(process, "faults.by_region.heap.change", 1000);
	assert_number(process, "heap.calls.brk.bytes.change", MIB);
	assert_true(json_is_null(json_at(process, "heap.peak_rss_bytes.a")));
	assert_true(json_is_null(json_at(process, "heap.peak_rss_bytes.change_percent")));
	assert_string_equal(json_string_value(json_at(root, "processes.1.state")), "gone");
	assert_number(root, "processes.1.faults.total.change", -10);
	assert_real(root, "processes.1.faults.total.change_percent", -100);
	assert_true(json_is_null(json_at(root, "processes.1.exe.b")));
	assert_string_equal(json_string_value(json_at(root, "processes.2.state")), "new");
	assert_number(root, "processes.2.processes.a", 0);
	assert_true(json_is_null(json_at(root, "processes.2.faults.total.change_percent")));
	json_decref(root);
}

static void test_json_warnings(void **state)
{
	struct pair pair = pair__new(1, 0);
	json_t *root;

	(void)state;
	pair__name(pair.a, 0, "\xff\033\u202e", "/\x9b");
	free(pair.b->host.name);
	pair.b->host.name = strdup("\xff\033");
	pair.a->session.duration_s = 0;
	root = load(&pair);
	assert_string_equal(json_string_value(json_at(root, "warnings.0.code")), "host");
	assert_string_equal(json_string_value(json_at(root, "warnings.0.text")),
			    "different hosts: A is of db1, B of \ufffd\033");
	assert_string_equal(json_string_value(json_at(root, "processes.0.comm")),
			    "\ufffd\033\u202e");
	assert_string_equal(json_string_value(json_at(root, "compared_by")), "total");
	assert_true(json_is_null(json_at(root, "processes.0.faults.total.a_per_s")));
	assert_true(json_is_null(json_at(root, "processes.0.faults.total.change_per_s")));
	json_decref(root);
}

static void test_stream_error(void **state)
{
	struct pair pair = sample();
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	pair__compare(&pair);
	assert_int_equal(render_text__diff(pair.diff, &ascii_80, full), -ENOSPC);
	assert_int_equal(render_json__diff(pair.diff, &ascii_80, full), -ENOSPC);
	fclose(full);
	pair__free(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),	      cmocka_unit_test(test_ended),
		cmocka_unit_test(test_rates),	      cmocka_unit_test(test_whole_runs),
		cmocka_unit_test(test_warnings),      cmocka_unit_test(test_colour),
		cmocka_unit_test(test_hostile),	      cmocka_unit_test(test_narrow_and_wide),
		cmocka_unit_test(test_top),	      cmocka_unit_test(test_no_change),
		cmocka_unit_test(test_details),	      cmocka_unit_test(test_json),
		cmocka_unit_test(test_json_warnings), cmocka_unit_test(test_stream_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
