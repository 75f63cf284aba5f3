// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/options.h"
#include "source/probe.h"

#define MAX_ARGS 16

/* Parse a line of words; argv is static: the options borrow from it. */
static int parse(const char *line, struct options *opt)
{
	static char text[512];
	static char *argv[MAX_ARGS + 1];
	int argc = 0;

	snprintf(text, sizeof(text), "memtrace %s", line);
	for (char *word = strtok(text, " "); word && argc < MAX_ARGS; word = strtok(NULL, " "))
		argv[argc++] = word;
	argv[argc] = NULL;
	return options__parse(argc, argv, opt);
}

/* The exit status of a process of its own: some usage errors end it. Its words are not shown. */
static int status_of(const char *line)
{
	int status, null;
	pid_t pid = fork();

	if (!pid) {
		struct options opt;

		null = open("/dev/null", O_WRONLY);
		dup2(null, STDERR_FILENO);
		dup2(null, STDOUT_FILENO);
		status = parse(line, &opt);
		options__release(&opt);
		_exit(status);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_defaults(void **state)
{
	struct options opt;

	(void)state;
	assert_int_equal(parse("-p 42", &opt), 0);
	assert_int_equal(opt.pids.nr, 1);
	assert_int_equal(opt.pids.items[0], 42);
	assert_true(opt.interval_s == 1 && opt.duration_s == 0 && opt.top == 10);
	assert_int_equal(opt.format, FORMAT_TEXT);
	assert_true(!opt.all && !opt.follow && !opt.quiet && !opt.verbose);
	assert_null(opt.command);
	assert_null(opt.output);
	options__release(&opt);
}

static void test_all_options(void **state)
{
	struct options opt;

	(void)state;
	assert_int_equal(parse("-p 3,1,3 --pid=2 -fqv -d 0.5 -i0 -F json -o out --top=0", &opt), 0);
	assert_int_equal(opt.pids.nr, 3);
	assert_true(opt.pids.items[0] == 3 && opt.pids.items[1] == 1 && opt.pids.items[2] == 2);
	assert_true(opt.follow && opt.quiet && opt.verbose);
	assert_true(opt.duration_s == 0.5 && opt.interval_s == 0 && opt.top == 0);
	assert_int_equal(opt.format, FORMAT_JSON);
	assert_string_equal(opt.output, "out");
	options__release(&opt);
}

static void test_command(void **state)
{
	struct options opt;

	(void)state;
	assert_int_equal(parse("-q -- ls -a -p x -- y", &opt), 0);
	assert_string_equal(opt.command[0], "ls");
	assert_string_equal(opt.command[1], "-a");
	assert_string_equal(opt.command[4], "--");
	assert_string_equal(opt.command[5], "y");
	assert_null(opt.command[6]);
	assert_true(opt.quiet && !opt.all && !opt.pids.nr);
	options__release(&opt);
}

static void test_bad_usage(void **state)
{
	static const char *const lines[] = {
		"",
		"--",
		"-q",
		"-p",
		"-p 0",
		"-p -1",
		"-p 1,",
		"-p ,1",
		"-p 1,,2",
		"-p 1x",
		"-p 0x10",
		"-p +1",
		"-p 4294967297",
		"-p 4194305",
		"-p 1 -a",
		"-a -- ls",
		"-p 1 -- ls",
		"-a ls",
		"-a -d 0",
		"-a -d -1",
		"-a -d nan",
		"-a -d inf",
		"-a -d 1e10",
		"-a -d 1s",
		"-a -d x",
		"-a -i -1",
		"-a -i 0.01",
		"-a -i nan",
		"-a -i",
		"-a -n -1",
		"-a -n 1.5",
		"-a -n 99999999",
		"-a -n x",
		"-a -F",
		"-a -F xml",
		"-a -F TEXT",
		"-a --bogus",
		"-a -Z",
		"-a -o",
		"-p 1 --",
		"-p 18446744073709551617",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (status_of(lines[i]) != STATUS_USAGE)
			fail_msg("'%s' ended with %d", lines[i], status_of(lines[i]));
	assert_int_equal(status_of("--help"), 0);
	assert_int_equal(status_of("--version"), 0);
	assert_int_equal(status_of("-h"), 0);
	assert_int_equal(status_of("-?"), 0);
	assert_int_equal(status_of("-V"), 0);
	assert_int_equal(status_of("-aV"), 0);
	assert_int_equal(status_of("-p 4194304"), 0);
}

/* What a process of its own says on one of its streams; its exit status. */
static int read_words(const char *line, int stream, char *words, size_t size)
{
	size_t used = 0;
	int fds[2], status;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		struct options opt;

		dup2(fds[1], stream);
		status = parse(line, &opt);
		fflush(stderr);
		options__release(&opt);
		_exit(status);
	}
	close(fds[1]);
	while ((n = read(fds[0], words + used, size - 1 - used)) > 0)
		used += n;
	assert_int_equal(n, 0);
	words[used] = '\0';
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_words(void **state)
{
	static const struct {
		const char *line, *words;
	} cases[] = {
		{"-p", "-p needs a value"},
		{"-a -d", "-d needs a value"},
		{"-ai", "-i needs a value"},
		{"-p 1 --output", "--output needs a value"},
		{"--dur", "--duration needs a value"},
		{"-aZ", "unknown option '-Z'"},
		{"-Z -p", "unknown option '-Z'"},
		{"-p -Z -qY", "-p: '-Z' is not a process id"},
		{"-o -Z -qY", "unknown option '-Y'"},
		{"-a --bogus=1", "unknown option '--bogus=1'"},
		{"-a --quiet=1", "--quiet takes no value"},
		{"-a --ver", "'--ver' may be more than one option"},
		{"-a \xc3\xa4", "unexpected '\xc3\xa4': a command to trace goes after --, a "
				"recording after 'memtrace report'"},
		{"-a -\xc3\xa4", "unknown option '-\xc3\xa4'"},
		{"-a --force", "--force is for a recording: --record FILE"},
		{"-a --record", "--record needs a value"},
		{"-a --slow", "--slow needs a value"},
		{"-a --slow -1", "--slow: '-1' is not a number of microseconds"},
		{"-a --slow 1ms", "--slow: '1ms' is not a number of microseconds"},
		{"-a --slow 0", "--slow: 0 us is out of range: 0.001 to 4000000 us"},
		{"-a --slow 4000001", "--slow: 4000001 us is out of range: 0.001 to 4000000 us"},
		{"-a --on-hit", "--on-hit needs a value"},
		{"-a --on-hit=", "--on-hit: name the command to run"},
		{"report x --on-hit true", "memtrace report takes no --on-hit"},
		{"diff x y --on-hit=true", "memtrace diff takes no --on-hit"},
		{"doctor --on-hit=true", "memtrace doctor takes no --on-hit"},
		{"-a --record -", "--record -: 'memtrace record -o -' writes to a pipe"},
		{"-a -q report x", "'report' goes before all options"},
		{"-a --record x -o x", "-o and --record name the same file"},
		{"dcotor", "unexpected 'dcotor': did you mean 'doctor'?"},
		{"docter", "unexpected 'docter': did you mean 'doctor'?"},
		{"Report x", "unexpected 'Report': did you mean 'report'?"},
		{"dif x y", "unexpected 'dif': did you mean 'diff'?"},
		{"exports -q x", "unexpected 'exports': did you mean 'export'?"},
		{"recrod -p 1", "unexpected 'recrod': did you mean 'record'?"},
		{"ls", "unexpected 'ls': a command to trace goes after --, a recording after "
		       "'memtrace report'"},
		{"df", "unexpected 'df': a command to trace goes after --, a recording after "
		       "'memtrace report'"},
		{"record-keeping-of-all",
		 "unexpected 'record-keeping-of-all': a command to trace goes after --, a "
		 "recording after 'memtrace report'"},
		{"doctor dcotor", "unexpected 'dcotor': doctor takes no target"},
		{"replay x", "unexpected 'replay': a command to trace goes after --, a recording "
			     "after 'memtrace report'"},

		{"record", "nothing to trace: name a process (-p PID), every process (-a) or a "
			   "command (-- CMD)"},
		{"record -o x", "nothing to trace: name a process (-p PID), every process (-a) or "
				"a command (-- CMD)"},
		{"record -a", "record: -o FILE says where the recording goes"},
		{"record -a -o", "-o needs a value"},
		{"record -a -p 1 -o x", "one kind of target at a time: -p, -a or a command"},
		{"record -a -o x y",
		 "unexpected 'y': the recording's name goes after -o, a command to trace after --"},
		{"record -a -o x --", "no command after --"},
		{"record -o - -- ls", "-o -: the recording would mix with what the command prints"},
		{"record -a -o x -F json", "memtrace record takes no -F"},
		{"record -a -o x --top=3", "memtrace record takes no --top"},
		{"record -a -o x --record y", "memtrace record takes no --record"},
		{"record -a -o x -Z", "unknown option '-Z'"},

		{"report", "report: name the recording"},
		{"report -q", "report: name the recording"},
		{"report x y", "unexpected 'y': report takes 1 recording"},
		{"report -p 1 x", "memtrace report takes no -p"},
		{"report x --inter=3", "memtrace report takes no --interval"},
		{"report x -qa", "memtrace report takes no -a"},
		{"report x --force", "memtrace report takes no --force"},
		{"report x -F xml", "-F: unknown format 'xml': text or json"},
		{"report x -F csv", "-F: csv is what 'memtrace export' writes"},
		{"report x -n -1", "-n: '-1' is not a number of rows"},
		{"report x --bogus", "unknown option '--bogus'"},
		{"report x -o x", "-o x would replace the recording"},

		{"export", "export: name the recording"},
		{"export x y", "unexpected 'y': export takes 1 recording"},
		{"export x -F json", "-F: unknown format 'json': ndjson or csv"},
		{"export x -n 3", "memtrace export takes no -n"},
		{"export x --slow 1", "memtrace export takes no --slow"},
		{"export x -d1", "memtrace export takes no -d"},

		{"diff", "diff: name the recordings to compare"},
		{"diff x", "diff: name the recordings to compare"},
		{"diff x y z", "unexpected 'z': diff takes 2 recordings"},
		{"diff x y --slow 1", "memtrace diff takes no --slow"},
		{"diff - -", "standard input is one recording, not two"},
		{"diff x y -o y", "-o y would replace the recording"},
		{"diff x y -v", "memtrace diff takes no -v"},
		{"diff x y -F ndjson", "-F: ndjson is what 'memtrace export' writes"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char words[512], expected[512];

		assert_int_equal(read_words(cases[i].line, STDERR_FILENO, words, sizeof(words)),
				 STATUS_USAGE);
		snprintf(expected, sizeof(expected), "memtrace: %s (--help shows the usage)\n",
			 cases[i].words);
		assert_string_equal(words, expected);
	}
}

static void test_verbs(void **state)
{
	struct options opt;

	(void)state;
	assert_int_equal(parse("record -p 42 -o x --force -d 3", &opt), 0);
	assert_int_equal(opt.verb, VERB_RECORD);
	assert_string_equal(opt.keep, "x");
	assert_null(opt.output);
	assert_true(opt.force && opt.duration_s == 3 && opt.pids.items[0] == 42);
	options__release(&opt);
	assert_int_equal(parse("record -a -o -", &opt), 0);
	assert_string_equal(opt.keep, "-");
	options__release(&opt);
	assert_int_equal(parse("record -o x -- report -o y", &opt), 0);
	assert_string_equal(opt.keep, "x");
	assert_string_equal(opt.command[0], "report");
	options__release(&opt);
	assert_int_equal(parse("-a --record x -o y -F json", &opt), 0);
	assert_int_equal(opt.verb, VERB_TRACE);
	assert_string_equal(opt.keep, "x");
	assert_string_equal(opt.output, "y");
	options__release(&opt);
	assert_int_equal(parse("-a --slow 250", &opt), 0);
	assert_int_equal(opt.slow_ns, 250000);
	options__release(&opt);
	assert_int_equal(parse("-a --on-hit ./page-me -q", &opt), 0);
	assert_string_equal(opt.on_hit, "./page-me");
	options__release(&opt);
	assert_int_equal(parse("record -a -o x --on-hit=true", &opt), 0);
	assert_string_equal(opt.on_hit, "true");
	options__release(&opt);
	assert_int_equal(parse("record -a -o x --slow=0.0016", &opt), 0);
	assert_int_equal(opt.slow_ns, 2);
	options__release(&opt);
	assert_int_equal(parse("report -qv -n3 x -F json -o y --slow 4000000", &opt), 0);
	assert_int_equal(opt.slow_ns, 4000000000);
	assert_int_equal(opt.verb, VERB_REPORT);
	assert_int_equal(opt.nr_files, 1);
	assert_string_equal(opt.files[0], "x");
	assert_string_equal(opt.output, "y");
	assert_true(opt.quiet && opt.verbose && opt.top == 3 && opt.format == FORMAT_JSON);
	options__release(&opt);
	assert_int_equal(parse("report -- -x", &opt), 0);
	assert_string_equal(opt.files[0], "-x");
	options__release(&opt);
	assert_int_equal(parse("export -", &opt), 0);
	assert_int_equal(opt.verb, VERB_EXPORT);
	assert_int_equal(opt.format, FORMAT_NDJSON);
	options__release(&opt);
	assert_int_equal(parse("diff x - -F json", &opt), 0);
	assert_int_equal(opt.verb, VERB_DIFF);
	assert_string_equal(opt.files[0], "x");
	assert_string_equal(opt.files[1], "-");
	options__release(&opt);
	assert_int_equal(parse("doctor -F json --probe kprobe", &opt), 0);
	assert_int_equal(opt.verb, VERB_DOCTOR);
	assert_int_equal(opt.format, FORMAT_JSON);
	assert_int_equal(opt.only_ways, 1U << WAY_KPROBE);
	options__release(&opt);
	assert_int_equal(status_of("doctor -p 1"), STATUS_USAGE);
	assert_int_equal(status_of("doctor x"), STATUS_USAGE);
	assert_int_equal(status_of("-a --probe x"), STATUS_USAGE);
	assert_int_equal(status_of("report x --probe perf"), STATUS_USAGE);
}

/* On a terminal of 80 columns nothing wraps. */
#define HELP_COLUMNS 79

static void test_help(void **state)
{
	static const char *const programs[] = {"memtrace",	  "memtrace record",
					       "memtrace report", "memtrace export",
					       "memtrace diff",	  "memtrace doctor"};

	(void)state;
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		char line[64], words[8192], usage[64];

		snprintf(line, sizeof(line), "%s --help", programs[i] + strlen("memtrace"));
		snprintf(usage, sizeof(usage), "Usage: %s [OPTION...] ", programs[i]);
		assert_int_equal(read_words(line, STDOUT_FILENO, words, sizeof(words)), 0);
		assert_memory_equal(words, usage, strlen(usage));
		for (char *text = words; *text; text += strcspn(text, "\n") + 1)
			if (strcspn(text, "\n") > HELP_COLUMNS)
				fail_msg("%s --help: too wide: %.100s", programs[i], text);
	}
}

static void test_describe(void **state)
{
	struct options opt;
	char text[126], small[8];

	(void)state;
	assert_int_equal(parse("-p 1,2 -f", &opt), 0);
	options__describe_target(&opt, text, sizeof(text));
	assert_string_equal(text, "pids 1, 2 and children");
	options__describe_target(&opt, small, sizeof(small));
	assert_string_equal(small, "pids 1,");
	options__release(&opt);
	assert_int_equal(parse("-a", &opt), 0);
	options__describe_target(&opt, text, sizeof(text));
	assert_string_equal(text, "every process");
	options__release(&opt);
	assert_int_equal(parse("-- sleep 1", &opt), 0);
	options__describe_target(&opt, text, sizeof(text));
	assert_string_equal(text, "command sleep 1");
	for (size_t size = 1; size < 20; size++) {
		options__describe_target(&opt, text, size);
		assert_true(strlen(text) < size);
	}
	options__release(&opt);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults), cmocka_unit_test(test_all_options),
		cmocka_unit_test(test_command),	 cmocka_unit_test(test_bad_usage),
		cmocka_unit_test(test_words),	 cmocka_unit_test(test_verbs),
		cmocka_unit_test(test_help),	 cmocka_unit_test(test_describe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
