/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench [--rounds N] [--window MS] [--flood SEC] [--starts N] [--reads N] [--soak SEC]
 *       [--only PART[,PART…]] [--only-memtrace] [--json FILE] [--markdown FILE]
 * PARTs: faults recording starts flood reading, which are the default, and soak, which --soak adds.
 * Exit code 1: something that memtrace promises was not kept; 2: it could not be measured.
 *
 * bench --work NAME: be the workload of that name, for a tracer to trace.
 */
#include "bench.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct part {
	const char *name;
	void (*measure)(const struct config *config, struct result *result);
	bool when_asked; /* not by default */
} parts[] = {
	{"faults", measure_faults, false},   {"recording", measure_recording, false},
	{"starts", measure_starts, false},   {"flood", measure_floods, false},
	{"reading", measure_reading, false}, {"soak", measure_soak, true},
};

#define NR_PARTS (sizeof(parts) / sizeof(parts[0]))

struct command_line {
	struct config config;
	bool wanted[NR_PARTS];
	bool chosen; /* --only */
	const char *json_path;
	const char *markdown_path;
};

_Noreturn void die(const char *what)
{
	perror(what);
	exit(2);
}

_Noreturn void give_up(const char *format, ...)
{
	va_list args;

	fputs("bench: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

void show_progress(const char *what, unsigned int i, unsigned int nr)
{
	if (!isatty(STDERR_FILENO))
		return;
	if (what)
		fprintf(stderr, "\r%s: %u of %u \033[K", what, i + 1, nr);
	else
		fprintf(stderr, "\r\033[K");
}

static unsigned int number(const char *text)
{
	unsigned long value = strtoul(text, NULL, 10);

	if (!value || value > 100000)
		give_up("'%s' is not a number from 1 to 100000", text);
	return (unsigned int)value;
}

static void want(struct command_line *line, const char *name)
{
	for (size_t i = 0; i < NR_PARTS; i++) {
		if (strcmp(parts[i].name, name))
			continue;
		line->wanted[i] = true;
		return;
	}
	give_up("there is no part '%s'", name);
}

static void want_list(struct command_line *line, char *names)
{
	char *rest = NULL;

	line->chosen = true;
	for (char *name = strtok_r(names, ",", &rest); name; name = strtok_r(NULL, ",", &rest))
		want(line, name);
}

_Noreturn static void work(const char *name)
{
	for (size_t i = 0; i < nr_workloads; i++) {
		if (strcmp(workloads[i].name, name))
			continue;
		workloads[i].run(workloads[i].nr_faults);
		exit(0);
	}
	give_up("there is no workload '%s'", name);
}

static void take_option(struct command_line *line, int opt)
{
	switch (opt) {
	case 'r':
		line->config.rounds = number(optarg);
		break;
	case 'w':
		line->config.window_ms = number(optarg);
		break;
	case 'f':
		line->config.flood_s = number(optarg);
		break;
	case 's':
		line->config.starts = number(optarg);
		break;
	case 'e':
		line->config.reads = number(optarg);
		break;
	case 'k':
		line->config.soak_s = number(optarg);
		want(line, "soak");
		break;
	case 'p':
		want_list(line, optarg);
		break;
	case 'o':
		line->config.only_memtrace = true;
		break;
	case 'j':
		line->json_path = optarg;
		break;
	case 'd':
		line->markdown_path = optarg;
		break;
	case 'm':
		memtrace_path = optarg;
		break;
	case 'x':
		work(optarg);
	default:
		exit(2);
	}
}

static void parse(int argc, char **argv, struct command_line *line)
{
	static const struct option options[] = {
		{"rounds", required_argument, NULL, 'r'},
		{"window", required_argument, NULL, 'w'},
		{"flood", required_argument, NULL, 'f'},
		{"starts", required_argument, NULL, 's'},
		{"reads", required_argument, NULL, 'e'},
		{"soak", required_argument, NULL, 'k'},
		{"only", required_argument, NULL, 'p'},
		{"only-memtrace", no_argument, NULL, 'o'},
		{"json", required_argument, NULL, 'j'},
		{"markdown", required_argument, NULL, 'd'},
		{"memtrace", required_argument, NULL, 'm'},
		{"work", required_argument, NULL, 'x'},
		{0},
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1)
		take_option(line, opt);
	for (size_t i = 0; i < NR_PARTS; i++)
		line->wanted[i] |= !line->chosen && !parts[i].when_asked;
}

int main(int argc, char **argv)
{
	static struct result result;
	struct command_line line = {.config = {.rounds = 30,
					       .window_ms = 150,
					       .flood_s = 5,
					       .starts = 10,
					       .reads = 10,
					       .soak_s = 600}};
	bool met;

	parse(argc, argv, &line);
	for (size_t i = 0; i < NR_PARTS; i++)
		if (line.wanted[i])
			parts[i].measure(&line.config, &result);
	met = result__print(&result,
			    line.json_path && !strcmp(line.json_path, "-") ? stderr : stdout);
	if (line.json_path && result__write_json(&result, line.json_path))
		die(line.json_path);
	if (line.markdown_path && result__write_markdown(&result, line.markdown_path))
		die(line.markdown_path);
	return !met;
}
