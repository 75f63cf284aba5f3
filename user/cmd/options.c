// SPDX-License-Identifier: GPL-2.0-or-later
#include <argp.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "cmd/options.h"
#include "cmd/refused.h"
#include "cmd/verbs.h"
#include "source/probe.h"

static const char *const format_names[] = {
	[FORMAT_TEXT] = "text",
	[FORMAT_JSON] = "json",
	[FORMAT_NDJSON] = "ndjson",
	[FORMAT_CSV] = "csv",
};
#define NR_FORMATS (sizeof(format_names) / sizeof(format_names[0]))

struct parse {
	struct options *opt;
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

/* That of a recording has 32 bits. */
#define SLOW_MAX_US 4e6

static error_t parse_slow(struct parse *parse, const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || text[strspn(text, "0123456789.")])
		return usage_error(parse, "--slow: '%s' is not a number of microseconds", text);
	if (!(value >= 0.001) || value > SLOW_MAX_US)
		return usage_error(parse, "--slow: %s us is out of range: 0.001 to %.0f us", text,
				   SLOW_MAX_US);
	parse->opt->slow_ns = (uint64_t)(value * 1000 + 0.5);
	return 0;
}

static error_t parse_on_hit(struct parse *parse, const char *text)
{
	if (!text[strspn(text, " \t\n")])
		return usage_error(parse, "--on-hit: name the command to run");
	parse->opt->on_hit = text;
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

static error_t parse_probe(struct parse *parse, const char *text)
{
	char list[64] = "";
	size_t used = 0;

	for (enum fault_way way = 0; way < NR_WAYS; way++) {
		if (!strcmp(text, fault_way__name(way))) {
			parse->opt->only_ways = 1U << way;
			return 0;
		}
		used += snprintf(list + used, sizeof(list) - used, "%s%s",
				 !way		     ? ""
				 : way + 1 < NR_WAYS ? ", "
						     : " or ",
				 fault_way__name(way));
	}
	return usage_error(parse, "--probe: unknown probe '%s': %s", text, list);
}

static error_t parse_argument(struct parse *parse, const char *text)
{
	struct options *opt = parse->opt;
	size_t max = verbs[opt->verb].nr_files;

	if (verb__named(text) && !max)
		return usage_error(parse, "'%s' goes before all options", text);
	if (opt->verb == VERB_TRACE && verb__like(text) != VERB_TRACE)
		return usage_error(parse, "unexpected '%s': did you mean '%s'?", text,
				   verbs[verb__like(text)].name);
	if (!max && opt->verb == VERB_RECORD)
		return usage_error(parse,
				   "unexpected '%s': the recording's name goes after -o, a command "
				   "to trace after --",
				   text);
	if (!max && opt->verb == VERB_DOCTOR)
		return usage_error(parse, "unexpected '%s': doctor takes no target", text);
	if (!max)
		return usage_error(parse,
				   "unexpected '%s': a command to trace goes after --, a recording "
				   "after 'memtrace report'",
				   text);
	if (opt->nr_files == max)
		return usage_error(parse, "unexpected '%s': %s takes %zu recording%s", text,
				   verbs[opt->verb].name, max, max == 1 ? "" : "s");
	opt->files[opt->nr_files++] = text;
	return 0;
}

static void show_help(const struct parse *parse, struct argp_state *state)
{
	state->name = (char *)verbs[parse->opt->verb].program;
	/* With this flag, argp_state_help() does nothing; argp_help() does not ask help_text(). */
	state->flags &= ~ARGP_NO_ERRS;
	argp_state_help(state, stdout, ARGP_HELP_SHORT_USAGE | ARGP_HELP_LONG | ARGP_HELP_DOC);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct parse *parse = state->input;
	struct options *opt = parse->opt;

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
	case KEY_PROBE:
		return parse_probe(parse, arg);
	case KEY_FORCE:
		opt->force = true;
		return 0;
	case KEY_ON_HIT:
		return parse_on_hit(parse, arg);
	case KEY_SLOW:
		return parse_slow(parse, arg);
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
		show_help(parse, state);
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
	if (opt->output && !strcmp(opt->output, opt->keep))
		return usage_error(parse, "-o and --record name the same file");
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
	for (size_t i = 0; i < opt->nr_files; i++)
		if (opt->output && !strcmp(opt->output, opt->files[i]))
			return usage_error(parse, "-o %s would replace the recording", opt->output);
	return 0;
}

static int check_options(struct parse *parse)
{
	if (!verb__traces(parse->opt->verb))
		return check_files(parse); /* none, where the verb takes none */
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

/* "memtrace report": the first word says which, if it is one of them. */
static enum verb take_verb(int *argc, char ***argv)
{
	enum verb verb = *argc > 1 ? verb__named((*argv)[1]) : VERB_TRACE;

	*argc -= verb != VERB_TRACE;
	*argv += verb != VERB_TRACE;
	return verb;
}

/* The short form of an option has its value as well: that goes without saying. */
static char *help_text(int key, const char *text, void *input)
{
	(void)input;
	return key == ARGP_KEY_HELP_DUP_ARGS_NOTE ? NULL : (char *)text;
}

static int parse_options(struct parse *parse, int argc, char **argv)
{
	enum verb verb = parse->opt->verb;
	struct argp_option options[MAX_VERB_OPTIONS];
	struct argp argp = {
		.options = options,
		.parser = parse_option,
		.args_doc = verbs[verb].args,
		.doc = verbs[verb].doc,
		.help_filter = help_text,
	};
	struct error error;

	verb__options(verb, options);
	/* argp's own messages take two lines. */
	if (!argp_parse(&argp, argc, argv, ARGP_NO_ERRS | ARGP_NO_HELP, NULL, parse))
		return 0;
	if (parse->failed)
		return EINVAL;
	refused__explain(verb, argc, argv, &error);
	return usage_error(parse, "%s", error.text);
}

int options__parse(int argc, char **argv, struct options *opt)
{
	enum verb verb = take_verb(&argc, &argv);
	struct parse parse = {.opt = opt};

	*opt = (struct options){
		.verb = verb, .interval_s = 1, .top = 10, .format = verbs[verb].format};
	if (verb__traces(verb))
		argc = split_command(argc, argv, &parse);
	if (parse.failed || parse_options(&parse, argc, argv) || check_options(&parse))
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
