// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "cmd/verbs.h"

/* What is before the \v stands above the options, the rest below them. */
static const char trace_doc[] =
	"Shows what running processes do with memory: page faults, heap growth, "
	"stack-limit hits.\n\n"
	"A run can be kept and looked at later ('memtrace record --help' and so on):\n"
	"  memtrace record TARGET -o FILE  trace, and keep all that is seen in FILE\n"
	"  memtrace report FILE            report it, on any machine, without root\n"
	"  memtrace export FILE            its events, a line each\n"
	"  memtrace diff A B               what changed from one recording to another\n"
	"What this kernel offers, and which probes would be used:\n"
	"  memtrace doctor\n"
	"\v"
	"One of -p, -a and a command is needed. Sizes are in units of 1024 bytes.\n\n"
	"Exit status: 0 done; 1 a run-time failure; 2 bad usage; 77 this kernel cannot "
	"do it. With a command its own: 128+signal where a signal ended it, 127 or 126 "
	"where it could not be started.\n\n"
	"  sudo memtrace -p 4242 -d 10               ten seconds of one process\n"
	"  sudo memtrace -f -- make                  a command and its children\n"
	"  sudo memtrace -a -d 5 -F json -o all.json\n"
	"  sudo memtrace record -p 4242 -d 10 -o slow.mtr\n"
	"  memtrace report slow.mtr";

static const char record_doc[] =
	"Traces, and keeps all that is seen in FILE: 'memtrace report FILE' shows it, "
	"there or elsewhere.\v"
	"One of -p, -a and a command is needed. FILE is readable for its owner alone: "
	"it tells addresses, paths and command names. Should memtrace be killed, at most "
	"the last second is lost.\n\n"
	"  sudo memtrace record -p 4242 -d 10 -o slow.mtr\n"
	"  ssh server sudo memtrace record -a -d 10 -o - | memtrace report -";

static const char report_doc[] =
	"Reports a recording as the live run would have: the lines of its intervals, "
	"then the report. FILE - is standard input. Root is not needed.\v"
	"  memtrace report slow.mtr\n"
	"  memtrace report -F json slow.mtr | jq '.processes[].heap.growth_bytes'\n"
	"  ssh server sudo memtrace record -a -d 10 -o - | memtrace report -";

static const char export_doc[] =
	"Writes the events of a recording, a line each, in the order of their times. "
	"FILE - is standard input. Root is not needed.\v"
	"  memtrace export slow.mtr | jq -c 'select(.kind == \"mmap\")'\n"
	"  memtrace export -F csv -o slow.csv slow.mtr";

static const char diff_doc[] =
	"Compares two recordings, process by process: what B has more than A, or less. "
	"One of them may be -, standard input. Root is not needed.\v"
	"  memtrace diff before.mtr after.mtr";

static const char doctor_doc[] =
	"Says what this kernel offers, which probes would be used and what they miss: the first "
	"thing to look at, and to send with a report of a bug. Needs no target; all that a run "
	"would load and attach is tried for a moment. Without root it tells less.\v"
	"Exit status: 0 tracing works; 77 this kernel cannot do it; 1 it does not, as it was "
	"called.\n\n"
	"  sudo memtrace doctor\n"
	"  sudo memtrace doctor -F json | jq '.probes[] | select(.chosen)'";

#define FORMAT(format) (1U << FORMAT_##format)

const struct verb_info verbs[NR_VERBS] = {
	[VERB_TRACE] = {.program = "memtrace",
			.args = "-p PID[,PID...]\n-a\n-- CMD [ARG...]",
			.doc = trace_doc,
			.formats = FORMAT(TEXT) | FORMAT(JSON) | FORMAT(NDJSON) | FORMAT(CSV)},
	[VERB_RECORD] = {.program = "memtrace record",
			 .name = "record",
			 .args = "-p PID[,PID...] -o FILE\n-a -o FILE\n-o FILE -- CMD [ARG...]",
			 .doc = record_doc},
	[VERB_REPORT] = {.program = "memtrace report",
			 .name = "report",
			 .args = "FILE",
			 .doc = report_doc,
			 .nr_files = 1,
			 .formats = FORMAT(TEXT) | FORMAT(JSON)},
	[VERB_EXPORT] = {.program = "memtrace export",
			 .name = "export",
			 .args = "FILE",
			 .doc = export_doc,
			 .nr_files = 1,
			 .formats = FORMAT(NDJSON) | FORMAT(CSV),
			 .format = FORMAT_NDJSON},
	[VERB_DIFF] = {.program = "memtrace diff",
		       .name = "diff",
		       .args = "A B",
		       .doc = diff_doc,
		       .nr_files = 2,
		       .formats = FORMAT(TEXT) | FORMAT(JSON)},
	[VERB_DOCTOR] = {.program = "memtrace doctor",
			 .name = "doctor",
			 .args = "",
			 .doc = doctor_doc,
			 .formats = FORMAT(TEXT) | FORMAT(JSON)},
};

#define TRACE (1U << VERB_TRACE)
#define RECORD (1U << VERB_RECORD)
#define REPORT (1U << VERB_REPORT)
#define EXPORT (1U << VERB_EXPORT)
#define DIFF (1U << VERB_DIFF)
#define DOCTOR (1U << VERB_DOCTOR)
#define LIVE (TRACE | RECORD)
#define ANY ((1U << NR_VERBS) - 1)

const struct verb_option verb_options[] = {
	{LIVE, {NULL, 0, NULL, 0, "What to trace:", 1}},
	{LIVE, {"pid", 'p', "PID[,PID...]", 0, "running processes, all their threads", 1}},
	{LIVE, {"all", 'a', NULL, 0, "every process on the system", 1}},
	{LIVE, {"follow", 'f', NULL, 0, "also the children of the targets", 1}},

	{LIVE, {NULL, 0, NULL, 0, "While it runs:", 2}},
	{LIVE, {"duration", 'd', "SEC", 0, "stop after SEC (fractions allowed)", 2}},
	{TRACE,
	 {"interval", 'i', "SEC", 0, "a line per process every SEC (default 1; 0: none)", 2}},
	{TRACE, {"quiet", 'q', NULL, 0, "no lines, only the report", 2}},
	{LIVE,
	 {"on-hit", KEY_ON_HIT, "CMD", 0,
	  "run CMD (by sh) at a stack overflow, a crash, or a limit: memtrace(8), HOOK", 2}},
	{TRACE, {"slow", KEY_SLOW, "USEC", 0, "list each fault that takes USEC or longer", 2}},
	{RECORD,
	 {"slow", KEY_SLOW, "USEC", 0,
	  "keep how long each fault took that takes USEC or longer, for 'memtrace report --slow'",
	  2}},
	{RECORD, {"interval", 'i', "SEC", 0, "intervals of SEC in the report (default 1)", 2}},
	{RECORD, {"quiet", 'q', NULL, 0, "say nothing but errors", 2}},
	{RECORD, {"verbose", 'v', NULL, 0, "also what the kernel says of the probes", 2}},

	{LIVE | DOCTOR,
	 {"probe", KEY_PROBE, "NAME", 0,
	  "by which probe page faults are seen: fentry, tracepoint, kprobe or perf", 2}},

	{LIVE, {NULL, 0, NULL, 0, "The recording:", 3}},
	{TRACE,
	 {"record", KEY_RECORD, "FILE", 0, "also keep one in FILE, for 'memtrace report'", 3}},
	{RECORD, {"output", 'o', "FILE", 0, "where it goes; - is standard output, for a pipe", 3}},
	{LIVE, {"force", KEY_FORCE, NULL, 0, "FILE may replace another", 3}},

	{ANY & ~RECORD, {NULL, 0, NULL, 0, "Output:", 4}},
	{TRACE,
	 {"format", 'F', "FMT", 0,
	  "text (default) or json: a report; ndjson or csv: the events themselves, a line each",
	  4}},
	{REPORT | DIFF | DOCTOR, {"format", 'F', "FMT", 0, "text (default) or json", 4}},
	{EXPORT, {"format", 'F', "FMT", 0, "ndjson (default) or csv", 4}},
	{ANY & ~RECORD, {"output", 'o', "FILE", 0, "write to FILE, not to standard output", 4}},
	{TRACE | REPORT | DIFF, {"top", 'n', "N", 0, "rows in each table (default 10; 0: all)", 4}},
	{REPORT,
	 {"slow", KEY_SLOW, "USEC", 0,
	  "list the faults that took USEC or longer, as far as they were timed", 4}},
	{REPORT, {"quiet", 'q', NULL, 0, "only the report, not the lines of the intervals", 4}},
	{TRACE,
	 {"verbose", 'v', NULL, 0,
	  "also tables by thread and address; what the kernel says of the probes", 4}},
	{DOCTOR, {"verbose", 'v', NULL, 0, "also what the kernel says of the probes", 4}},
	{REPORT, {"verbose", 'v', NULL, 0, "also tables by thread and address", 4}},

	{ANY, {"help", 'h', NULL, 0, "show this", -1}},
	{ANY, {NULL, '?', NULL, OPTION_ALIAS, NULL, -1}},
	{ANY, {"version", 'V', NULL, 0, "show the version", -1}},
	{},
};
_Static_assert(sizeof(verb_options) / sizeof(verb_options[0]) <= MAX_VERB_OPTIONS, "too many");

enum verb verb__named(const char *name)
{
	for (enum verb verb = VERB_TRACE + 1; verb < NR_VERBS; verb++)
		if (!strcmp(name, verbs[verb].name))
			return verb;
	return VERB_TRACE;
}

#define WORD_MOST 12

static unsigned int least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/* Letters to insert, drop, replace or swap with the next; both have WORD_MOST letters at most. */
static unsigned int nr_typos(const char *a, const char *b)
{
	unsigned int d[WORD_MOST + 1][WORD_MOST + 1];
	size_t len_a = strlen(a), len_b = strlen(b);

	for (size_t i = 0; i <= len_a; i++)
		for (size_t j = 0; j <= len_b; j++) {
			if (!i || !j) {
				d[i][j] = i + j;
				continue;
			}
			d[i][j] = least(least(d[i - 1][j], d[i][j - 1]) + 1,
					d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
		}
	return d[len_a][len_b];
}

enum verb verb__like(const char *word)
{
	enum verb like = VERB_TRACE;
	unsigned int least_typos = WORD_MOST;

	if (strlen(word) > WORD_MOST)
		return VERB_TRACE;
	for (enum verb verb = VERB_TRACE + 1; verb < NR_VERBS; verb++) {
		unsigned int typos = nr_typos(word, verbs[verb].name);

		/* One letter of three, no more. */
		if (typos < least_typos && typos <= strlen(verbs[verb].name) / 3) {
			least_typos = typos;
			like = verb;
		}
	}
	return like;
}

void verb__options(enum verb verb, struct argp_option options[MAX_VERB_OPTIONS])
{
	size_t nr = 0;

	for (const struct verb_option *row = verb_options; row->verbs; row++)
		if (row->verbs >> verb & 1)
			options[nr++] = row->option;
	options[nr] = (struct argp_option){};
}
