// SPDX-License-Identifier: GPL-2.0-or-later
#include <argp.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "cmd/options.h"

#define LIVE (1U << VERB_TRACE | 1U << VERB_RECORD)
#define REPORTING (1U << VERB_TRACE | 1U << VERB_REPORT)
#define ANY ((1U << NR_VERBS) - 1)

static const struct {
	const char *name;
	const char *args;
	const char *doc;
	size_t nr_files;	   /* recordings that it reads */
	unsigned int formats;	   /* a bit for each */
	enum output_format format; /* unless told otherwise */
} verbs[NR_VERBS] = {
	[VERB_TRACE] =
		{
			.args = "-p PID[,PID...]\n-a\n-- CMD [ARG...]\n"
				"record TARGET -o FILE\nreport FILE\nexport FILE\ndiff FILE FILE",
			.doc = "Shows what running processes do with memory: page faults, heap "
			       "growth, "
			       "stack-limit hits.\v"
			       "With none of -p, -a and a command, nothing is traced. Sizes are in "
			       "units of "
			       "1024 bytes. Exit status: 0 done; 1 a run-time failure; 2 bad "
			       "usage; 77 this "
			       "kernel cannot do it; with a command its own (128+signal where a "
			       "signal ended "
			       "it; 127 and 126 where it could not be started).\n\n"
			       "  sudo memtrace -p 4242 -d 10          ten seconds of one process\n"
			       "  sudo memtrace -f -- make             a command and its children\n"
			       "  sudo memtrace -a -d 5 -F json -o all.json\n"
			       "  sudo memtrace record -p 4242 -d 10 -o slow.mtr\n"
			       "  memtrace report slow.mtr             without root, anywhere\n\n"
			       "'memtrace record --help' and so on tell the options of each.",
			.formats = 1U << FORMAT_TEXT | 1U << FORMAT_JSON | 1U << FORMAT_NDJSON |
				   1U << FORMAT_CSV,
		},
	[VERB_RECORD] =
		{
			.name = "record",
			.args = "-p PID[,PID...] -o FILE\n-a -o FILE\n-o FILE -- CMD [ARG...]",
			.doc = "Traces, and keeps all that is seen in FILE, for 'memtrace "
			       "report'.\v"
			       "The file is readable for its owner alone, and replaces no other "
			       "without "
			       "--force.\n\n"
			       "  sudo memtrace record -p 4242 -d 10 -o slow.mtr\n"
			       "  ssh server sudo memtrace record -a -d 10 -o - | memtrace report "
			       "-",
		},
	[VERB_REPORT] =
		{
			.name = "report",
			.args = "FILE",
			.doc = "Reports a recording as the live run would have. FILE - is standard "
			       "input.",
			.nr_files = 1,
			.formats = 1U << FORMAT_TEXT | 1U << FORMAT_JSON,
		},
	[VERB_EXPORT] =
		{
			.name = "export",
			.args = "FILE",
			.doc = "Writes the events of a recording, a line each. FILE - is standard "
			       "input.",
			.nr_files = 1,
			.formats = 1U << FORMAT_NDJSON | 1U << FORMAT_CSV,
			.format = FORMAT_NDJSON,
		},
	[VERB_DIFF] =
		{
			.name = "diff",
			.args = "A B",
			.doc = "Compares two recordings, process by process: what B has more than "
			       "A, or less.",
			.nr_files = 2,
			.formats = 1U << FORMAT_TEXT | 1U << FORMAT_JSON,
		},
};

static const char *const format_names[] = {
	[FORMAT_TEXT] = "text",
	[FORMAT_JSON] = "json",
	[FORMAT_NDJSON] = "ndjson",
	[FORMAT_CSV] = "csv",
};
#define NR_FORMATS (sizeof(format_names) / sizeof(format_names[0]))

#define KEY_RECORD 0x100
#define KEY_FORCE 0x101

/* An option and who takes it. */
static const struct row {
	unsigned int verbs;
	struct argp_option option;
} rows[] = {
	{LIVE, {NULL, 0, NULL, 0, "What to trace:", 1}},
	{LIVE, {"pid", 'p', "PID[,PID...]", 0, "running processes, all their threads", 1}},
	{LIVE, {"all", 'a', NULL, 0, "every process on the system", 1}},
	{LIVE, {"follow", 'f', NULL, 0, "also the children of the targets", 1}},
	{ANY, {NULL, 0, NULL, 0, "How long, and what to show:", 2}},
	{LIVE, {"duration", 'd', "SEC", 0, "stop after SEC (fractions allowed)", 2}},
	{LIVE, {"interval", 'i', "SEC", 0, "a line per process every SEC (default 1; 0: none)", 2}},
	{1U << VERB_TRACE,
	 {"format", 'F', "FMT", 0,
	  "text (default) or json: a report; ndjson or csv: the events themselves", 2}},
	{1U << VERB_REPORT | 1U << VERB_DIFF,
	 {"format", 'F', "FMT", 0, "text (default) or json", 2}},
	{1U << VERB_EXPORT, {"format", 'F', "FMT", 0, "ndjson (default) or csv", 2}},
	{1U << VERB_RECORD, {"output", 'o', "FILE", 0, "the recording; -: standard output", 2}},
	{1U << VERB_TRACE, {"record", KEY_RECORD, "FILE", 0, "keep a recording, too", 2}},
	{LIVE, {"force", KEY_FORCE, NULL, 0, "the recording may replace a file", 2}},
	{ANY & ~(1U << VERB_RECORD), {"output", 'o', "FILE", 0, "the report goes to FILE", 2}},
	{REPORTING | 1U << VERB_DIFF,
	 {"top", 'n', "N", 0, "rows in each table (default 10; 0: all)", 2}},
	{LIVE, {"quiet", 'q', NULL, 0, "no lines while it runs", 2}},
	{1U << VERB_REPORT,
	 {"quiet", 'q', NULL, 0, "only the report, not the lines of the intervals", 2}},
	{LIVE | 1U << VERB_REPORT,
	 {"verbose", 'v', NULL, 0,
	  "also tables by thread and address; what the kernel says of probes", 2}},
	{ANY, {"help", 'h', NULL, 0, "show this", -1}},
	{ANY, {NULL, '?', NULL, OPTION_ALIAS, NULL, -1}},
	{ANY, {"version", 'V', NULL, 0, "show the version", -1}},
};
#define NR_ROWS (sizeof(rows) / sizeof(rows[0]))

struct parse {
	struct options *opt;
	struct argp_option options[NR_ROWS + 1]; /* the verb's, ended by an empty one */
	bool failed;
};

static error_t usage_error(struct parse *parse, const char *fmt, ...)
{
	va_list args;

	fputs("memtrace: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputs(" (--help shows the usage)\n", stderr);
	parse->failed = true;
	return EINVAL;
}

/* A whole number in decimal, nothing else. */
static bool parse_number(const char *text, size_t len, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;

	if (!len)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (text[i] - '0');
		if (value > max)
			return false;
	}
	*ret = value;
	return true;
}

#define PID_LIMIT (4U << 20) /* PID_MAX_LIMIT of the kernel */

static error_t parse_pids(struct parse *parse, const char *text)
{
	struct options *opt = parse->opt;

	for (;;) {
		size_t len = strcspn(text, ",");
		uint64_t pid;
		uint32_t *slot;
		bool known = false;

		if (!parse_number(text, len, PID_LIMIT, &pid) || !pid)
			return usage_error(parse, "-p: '%.*s' is not a process id", (int)len, text);
		for (size_t i = 0; i < opt->pids.nr; i++)
			known |= opt->pids.items[i] == pid;
		slot = known ? NULL : array__push(&opt->pids);
		if (!known && !slot)
			return usage_error(parse, "out of memory");
		if (slot)
			*slot = pid;
		if (!text[len])
			return 0;
		text += len + 1;
	}
}

#define SECONDS_MAX 1e9

static error_t parse_seconds(struct parse *parse, const char *option, const char *text, double min,
			     double *ret)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || text[strspn(text, "0123456789.")] || value > SECONDS_MAX)
		return usage_error(parse, "%s: '%s' is not a number of seconds", option, text);
	if (value < min)
		return usage_error(parse, "%s: %s s is too short: at least %g s", option, text,
				   min);
	*ret = value;
	return 0;
}

static error_t parse_interval(struct parse *parse, const char *text)
{
	double value;

	if (parse_seconds(parse, "-i", text, 0, &value))
		return EINVAL;
	if (value > 0 && value < 0.05)
		return usage_error(parse, "-i: %s s is too short: at least 0.05 s, or 0 for none",
				   text);
	parse->opt->interval_s = value;
	return 0;
}

/* "text or json": the formats of a verb. */
static const char *list_formats(unsigned int formats, char *text, size_t size)
{
	size_t used = 0;

	for (unsigned int i = 0; i < NR_FORMATS; i++) {
		bool is_last = !(formats >> (i + 1));

		if (formats >> i & 1)
			used += snprintf(text + used, size - used, "%s%s",
					 !used	   ? ""
					 : is_last ? " or "
						   : ", ",
					 format_names[i]);
	}
	return text;
}

static error_t parse_format(struct parse *parse, const char *text)
{
	unsigned int formats = verbs[parse->opt->verb].formats;
	char list[64];

	for (unsigned int i = 0; i < NR_FORMATS; i++) {
		if (strcmp(text, format_names[i]))
			continue;
		if (formats >> i & 1) {
			parse->opt->format = i;
			return 0;
		}
		if (format__is_stream(i))
			return usage_error(parse, "-F: %s is what 'memtrace export' writes", text);
	}
	return usage_error(parse, "-F: unknown format '%s': %s", text,
			   list_formats(formats, list, sizeof(list)));
}

static error_t parse_top(struct parse *parse, const char *text)
{
	uint64_t value;

	if (!parse_number(text, strlen(text), 1000000, &value))
		return usage_error(parse, "-n: '%s' is not a number of rows", text);
	parse->opt->top = value;
	return 0;
}

static error_t parse_argument(struct parse *parse, const char *text)
{
	struct options *opt = parse->opt;
	size_t max = verbs[opt->verb].nr_files;

	if (!max)
		return usage_error(parse, "unexpected '%s': a command to trace goes after --",
				   text);
	if (opt->nr_files == max)
		return usage_error(parse, "unexpected '%s': %s takes %zu recording%s", text,
				   verbs[opt->verb].name, max, max == 1 ? "" : "s");
	opt->files[opt->nr_files++] = text;
	return 0;
}

static char *program_name(enum verb verb, char *text, size_t size)
{
	snprintf(text, size, "memtrace%s%s", verb ? " " : "", verb ? verbs[verb].name : "");
	return text;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct parse *parse = state->input;
	struct options *opt = parse->opt;
	char name[32];

	switch (key) {
	case 'p':
		return parse_pids(parse, arg);
	case 'a':
		opt->all = true;
		return 0;
	case 'f':
		opt->follow = true;
		return 0;
	case 'd':
		return parse_seconds(parse, "-d", arg, 0.001, &opt->duration_s);
	case 'i':
		return parse_interval(parse, arg);
	case 'F':
		return parse_format(parse, arg);
	case 'o':
		*(opt->verb == VERB_RECORD ? &opt->keep : &opt->output) = arg;
		return 0;
	case KEY_RECORD:
		opt->keep = arg;
		return 0;
	case KEY_FORCE:
		opt->force = true;
		return 0;
	case 'n':
		return parse_top(parse, arg);
	case 'q':
		opt->quiet = true;
		return 0;
	case 'v':
		opt->verbose = true;
		return 0;
	case 'h':
	case '?':
		argp_help(state->root_argp, stdout, ARGP_HELP_STD_HELP,
			  program_name(opt->verb, name, sizeof(name)));
		exit(fflush(stdout) ? STATUS_FAILURE : STATUS_OK);
	case 'V':
		puts("memtrace " MEMTRACE_VERSION);
		exit(fflush(stdout) ? STATUS_FAILURE : STATUS_OK);
	case ARGP_KEY_ARG:
		return parse_argument(parse, arg);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int check_targets(struct parse *parse)
{
	const struct options *opt = parse->opt;
	int kinds = !!opt->pids.nr + opt->all + !!opt->command;

	if (!kinds)
		return usage_error(parse,
				   "nothing to trace: name a process (-p PID), every process "
				   "(-a) or a command (-- CMD)");
	if (kinds > 1)
		return usage_error(parse, "one kind of target at a time: -p, -a or a command");
	return 0;
}

static int check_keep(struct parse *parse)
{
	const struct options *opt = parse->opt;

	if (opt->verb == VERB_RECORD && !opt->keep)
		return usage_error(parse, "record: -o FILE says where the recording goes");
	if (!opt->keep)
		return opt->force ? usage_error(parse, "--force is for a recording: --record FILE")
				  : 0;
	if (!strcmp(opt->keep, "-") && opt->verb == VERB_TRACE)
		return usage_error(parse, "--record -: 'memtrace record -o -' writes to a pipe");
	if (!strcmp(opt->keep, "-") && opt->command)
		return usage_error(parse,
				   "-o -: the recording would mix with what the command prints");
	return 0;
}

static int check_files(struct parse *parse)
{
	const struct options *opt = parse->opt;

	if (opt->nr_files < verbs[opt->verb].nr_files)
		return usage_error(parse, "%s: name the recording%s", verbs[opt->verb].name,
				   verbs[opt->verb].nr_files == 1 ? "" : "s to compare");
	if (opt->nr_files == 2 && !strcmp(opt->files[0], "-") && !strcmp(opt->files[1], "-"))
		return usage_error(parse, "standard input is one recording, not two");
	return 0;
}

static int check_options(struct parse *parse)
{
	if (!(LIVE >> parse->opt->verb & 1))
		return check_files(parse);
	return check_targets(parse) ?: check_keep(parse);
}

/* What follows the first "--" is the command, however it looks. */
static int split_command(int argc, char **argv, struct parse *parse)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--"))
			continue;
		parse->opt->command = &argv[i + 1];
		if (!argv[i + 1])
			usage_error(parse, "no command after --");
		return i;
	}
	return argc;
}

/* The rows of the table that stand for options; the headings have neither name nor letter. */
static const struct argp_option *next_option(const struct parse *parse,
					     const struct argp_option *option)
{
	for (option = option ? option + 1 : parse->options; option->doc || option->key; option++)
		if (option->key)
			return option;
	return NULL;
}

/* "-aZ": what is wrong with one of its letters. True: told; *takes_next: the next word is a value.
 */
static bool explain_letters(struct parse *parse, const char *word, bool is_last, bool *takes_next)
{
	for (const char *letter = word + 1; *letter; letter++) {
		const struct argp_option *option = next_option(parse, NULL);

		while (option && option->key != *letter)
			option = next_option(parse, option);
		if (!option) {
			/* A byte of a character that has more is no letter. */
			if (isgraph((unsigned char)*letter))
				usage_error(parse, "unknown option '-%c'", *letter);
			else
				usage_error(parse, "unknown option '%s'", word);
			return true;
		}
		if (!option->arg)
			continue;
		*takes_next = !letter[1];
		if (*takes_next && is_last)
			usage_error(parse, "-%c needs a value", *letter);
		return *takes_next && is_last;
	}
	return false;
}

/* "--name" or "--name=value", as above. A name may be cut short where one option is meant. */
static bool explain_name(struct parse *parse, const char *word, bool is_last, bool *takes_next)
{
	const char *name = word + 2;
	size_t len = strcspn(name, "="), matches = 0;
	const struct argp_option *found = NULL;

	for (const struct argp_option *option = next_option(parse, NULL); option;
	     option = next_option(parse, option)) {
		if (!option->name || strncmp(option->name, name, len))
			continue;
		found = option;
		matches++;
		if (!option->name[len]) {
			matches = 1;
			break;
		}
	}
	if (!matches)
		usage_error(parse, "unknown option '%s'", word);
	else if (matches > 1)
		usage_error(parse, "'%s' may be more than one option", word);
	else if (!found->arg && name[len])
		usage_error(parse, "--%s takes no value", found->name);
	else if (found->arg && !name[len] && is_last)
		usage_error(parse, "--%s needs a value", found->name);
	else
		*takes_next = found->arg && !name[len];
	return parse->failed;
}

/* What getopt refused: an option that we do not have, or the last one without its value. */
static void explain_option(struct parse *parse, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		bool takes_next = false, is_last = i == argc - 1, told;

		if (argv[i][0] != '-' || !argv[i][1])
			continue;
		if (argv[i][1] == '-')
			told = explain_name(parse, argv[i], is_last, &takes_next);
		else
			told = explain_letters(parse, argv[i], is_last, &takes_next);
		if (told)
			return;
		i += takes_next;
	}
	usage_error(parse, "the options cannot be understood");
}

/* "memtrace report": the word, if there is one, says which. */
static enum verb take_verb(int *argc, char ***argv)
{
	for (enum verb verb = VERB_TRACE + 1; *argc > 1 && verb < NR_VERBS; verb++) {
		if (strcmp((*argv)[1], verbs[verb].name))
			continue;
		++*argv;
		--*argc;
		return verb;
	}
	return VERB_TRACE;
}

static void select_options(struct parse *parse)
{
	size_t nr = 0;

	for (size_t i = 0; i < NR_ROWS; i++)
		if (rows[i].verbs >> parse->opt->verb & 1)
			parse->options[nr++] = rows[i].option;
}

int options__parse(int argc, char **argv, struct options *opt)
{
	enum verb verb = take_verb(&argc, &argv);
	struct parse parse = {.opt = opt};
	struct argp argp = {
		.options = parse.options,
		.parser = parse_option,
		.args_doc = verbs[verb].args,
		.doc = verbs[verb].doc,
	};

	*opt = (struct options){
		.verb = verb, .interval_s = 1, .top = 10, .format = verbs[verb].format};
	select_options(&parse);
	if (LIVE >> verb & 1)
		argc = split_command(argc, argv, &parse);
	/* argp's own messages take two lines. */
	if (!parse.failed &&
	    argp_parse(&argp, argc, argv, ARGP_NO_ERRS | ARGP_NO_HELP, NULL, &parse) &&
	    !parse.failed)
		explain_option(&parse, argc, argv);
	if (parse.failed || check_options(&parse))
		return STATUS_USAGE;
	return 0;
}

void options__release(struct options *opt)
{
	array__free(&opt->pids);
}

void options__describe_target(const struct options *opt, char *text, size_t size)
{
	size_t used = 0;

	if (opt->all) {
		snprintf(text, size, "every process");
		return;
	}
	if (opt->command) {
		used = snprintf(text, size, "command");
		for (char **arg = opt->command; *arg && used < size; arg++)
			used += snprintf(text + used, size - used, " %s", *arg);
	} else {
		used = snprintf(text, size, opt->pids.nr > 1 ? "pids" : "pid");
		for (size_t i = 0; i < opt->pids.nr && used < size; i++)
			used += snprintf(text + used, size - used, "%s %u", i ? "," : "",
					 opt->pids.items[i]);
	}
	if (opt->follow && used < size)
		snprintf(text + used, size - used, " and children");
}
