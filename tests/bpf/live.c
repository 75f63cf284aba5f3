/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "live.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_WORDS 64

/* The test at hand, for the alarm. */
static struct live *current;

static void kill_all(int signo)
{
	size_t i;

	(void)signo;
	for (i = 0; current && i < current->nr_processes; i++)
		if (current->processes[i].pid > 0)
			kill(-current->processes[i].pid, SIGKILL);
}

unsigned int live__slowdown(void)
{
	const char *slowdown = getenv("MEMTRACE_TEST_SLOWDOWN");
	long times = slowdown ? strtol(slowdown, NULL, 10) : 1;

	return times > 1 ? (unsigned int)times : 1;
}

int live__setup(void **state)
{
	struct live *live = calloc(1, sizeof(*live));

	if (!live)
		return -1;
	strcpy(live->dir, "/tmp/memtrace-test-XXXXXX");
	if (!mkdtemp(live->dir)) {
		free(live);
		return -1;
	}
	/* What a test writes to may have gone. */
	signal(SIGPIPE, SIG_IGN);
	current = live;
	signal(SIGALRM, kill_all);
	alarm(LIVE_LIMIT_S * live__slowdown());
	*state = live;
	return 0;
}

static void remove_dir(const char *path)
{
	struct dirent *entry;
	DIR *dir = opendir(path);

	while (dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
	rmdir(path);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int live__teardown(void **state)
{
	struct live *live = *state;
	size_t i;

	alarm(0);
	for (i = 0; i < live->nr_processes; i++) {
		struct live_process *process = &live->processes[i];

		close_fd(&process->in);
		if (process->pid > 0) {
			kill(-process->pid, SIGKILL);
			waitpid(process->pid, NULL, 0);
		}
		close_fd(&process->out);
		close_fd(&process->err);
		free(process->out_text.text);
		free(process->err_text.text);
	}
	for (i = 0; i < live->nr_json; i++)
		json_decref(live->json[i]);
	remove_dir(live->dir);
	current = NULL;
	free(live);
	return 0;
}

static json_t *keep(struct live *live, json_t *json)
{
	assert_non_null(json);
	assert_true(live->nr_json < LIVE_MAX_JSON);
	live->json[live->nr_json++] = json;
	return json;
}

const char *live__memtrace(void)
{
	static char path[4096];
	ssize_t len;
	char *slash;
	int up;

	if (*path)
		return path;
	/* Beside the directory of this program: build/live/test_x, build/memtrace. */
	len = readlink("/proc/self/exe", path, sizeof(path) - sizeof("/memtrace"));
	assert_true(len > 0);
	path[len] = '\0';
	for (up = 0; up < 2; up++) {
		slash = strrchr(path, '/');
		assert_non_null(slash);
		*slash = '\0';
	}
	strcat(path, "/memtrace");
	return path;
}

static void run_child(char *const argv[], const int in[2], const int out[2], const int err[2])
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	if (dup2(in[0], 0) < 0 || dup2(out[1], 1) < 0 || dup2(err[1], 2) < 0)
		_exit(125);
	execv(argv[0], argv);
	dprintf(2, "%s: %s\n", argv[0], strerror(errno));
	_exit(125);
}

struct live_process *live__start(struct live *live, char *const argv[])
{
	struct live_process *process;
	int in[2], out[2], err[2];

	assert_true(live->nr_processes < LIVE_MAX_PROCESSES);
	process = &live->processes[live->nr_processes];
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(err, O_CLOEXEC), 0);
	process->pid = fork();
	assert_true(process->pid >= 0);
	if (!process->pid)
		run_child(argv, in, out, err);
	setpgid(process->pid, process->pid);
	live->nr_processes++;
	close(in[0]);
	close(out[1]);
	close(err[1]);
	process->in = in[1];
	process->out = out[0];
	process->err = err[0];
	return process;
}

static size_t split(char *text, char **argv, size_t nr)
{
	char *word, *rest = text;

	while ((word = strtok_r(rest, " ", &rest))) {
		assert_true(nr < MAX_WORDS - 1);
		argv[nr++] = word;
	}
	argv[nr] = NULL;
	return nr;
}

struct live_process *live__start_words(struct live *live, const char *words)
{
	char text[4096], path[128], *argv[MAX_WORDS];

	assert_true(strlen(words) < sizeof(text));
	strcpy(text, words);
	assert_true(split(text, argv, 0) > 0);
	if (!strchr(argv[0], '/')) {
		snprintf(path, sizeof(path), "build/workloads/%s", argv[0]);
		argv[0] = path;
	}
	return live__start(live, argv);
}

/*
 * A run with a target takes the probe that MEMTRACE_TEST_PROBE (of the environment) names, unless
 * the test has its own.
 */
static void write_options(char *text, size_t size, const char *options)
{
	const char *probe = getenv("MEMTRACE_TEST_PROBE");
	bool record = !strncmp(options, "record ", strlen("record "));

	if (probe && !strstr(options, "--probe") &&
	    (!strncmp(options, "-p ", 3) || !strncmp(options, "-a", 2) || strstr(options, " -p ") ||
	     strstr(options, "-- ")))
		snprintf(text, size, "%s--probe %s %s", record ? "record " : "", probe,
			 options + (record ? strlen("record ") : 0));
	else
		snprintf(text, size, "%s", options);
}

struct live_process *live__start_memtrace(struct live *live, const char *options)
{
	char text[4096], *argv[MAX_WORDS];

	assert_true(strlen(options) < sizeof(text) - 64);
	write_options(text, sizeof(text), options);
	argv[0] = (char *)live__memtrace();
	split(text, argv, 1);
	return live__start(live, argv);
}

struct live_process *live__start_shell(struct live *live, const char *script)
{
	char text[8192];
	char *const argv[] = {"/bin/sh", "-c", text, NULL};

	snprintf(text, sizeof(text), "memtrace() { %s \"$@\"; }\n%s", live__memtrace(), script);
	return live__start(live, argv);
}

struct live_process *live__start_workload(struct live *live, const char *words)
{
	size_t name_len = strcspn(words, " ");
	struct live_process *process;
	char text[4096];
	json_t *ready;

	/* --wait comes first: what follows "--" is another program's. */
	snprintf(text, sizeof(text), "%.*s --wait%s", (int)name_len, words, words + name_len);
	process = live__start_words(live, text);
	ready = live__read_json(live, process);
	assert_true(json_is_true(live__at(ready, "ready")));
	assert_number(ready, "pid", process->pid);
	return process;
}

/* Reads what there is; false at end of file, which closes fd. */
static bool fill(int *fd, struct live_text *text)
{
	ssize_t n;

	text->text = realloc(text->text, text->len + 65536 + 1);
	assert_non_null(text->text);
	do {
		n = read(*fd, text->text + text->len, 65536);
	} while (n < 0 && errno == EINTR);
	if (n > 0)
		text->len += (size_t)n;
	text->text[text->len] = '\0';
	if (n <= 0)
		close_fd(fd);
	return n > 0;
}

/* Waits for output on either stream, so that neither fills its pipe. False: both have ended. */
static bool read_some(struct live_process *process)
{
	struct pollfd fds[2] = {{.fd = process->out, .events = POLLIN},
				{.fd = process->err, .events = POLLIN}};

	if (process->out < 0 && process->err < 0)
		return false;
	if (poll(fds, 2, -1) < 0)
		return true; /* the alarm has killed it: end of file comes */
	if (fds[0].revents)
		fill(&process->out, &process->out_text);
	if (fds[1].revents)
		fill(&process->err, &process->err_text);
	return true;
}

const char *live__read_line(struct live_process *process, bool from_stderr)
{
	struct live_text *text = from_stderr ? &process->err_text : &process->out_text;
	const int *fd = from_stderr ? &process->err : &process->out;
	char *line, *end;

	while (!text->text || !(end = strchr(text->text + text->line_at, '\n'))) {
		if (*fd < 0)
			return NULL;
		read_some(process);
	}
	line = strndup(text->text + text->line_at, (size_t)(end - text->text) - text->line_at);
	assert_non_null(line);
	text->line_at = (size_t)(end - text->text) + 1;
	/* The buffer moves when it grows; the line must not. */
	static char *last;
	free(last);
	last = line;
	return line;
}

json_t *live__read_json(struct live *live, struct live_process *process)
{
	const char *line = live__read_line(process, false);
	json_error_t error;
	json_t *json;

	if (!line)
		fail_msg("no line on stdout; stderr: %s", live__err(process));
	json = json_loads(line, 0, &error);
	if (!json)
		fail_msg("%s in: %s", error.text, line);
	return keep(live, json);
}

void live__say(struct live_process *process, const char *text)
{
	assert_int_equal(write(process->in, text, strlen(text)), strlen(text));
}

void live__close_stdin(struct live_process *process)
{
	close_fd(&process->in);
}

void live__await_tracing(struct live_process *memtrace)
{
	const char *line;

	while ((line = live__read_line(memtrace, true)))
		if (!strncmp(line, "memtrace: tracing", strlen("memtrace: tracing")) ||
		    !strncmp(line, "memtrace: recording", strlen("memtrace: recording")))
			return;
	fail_msg("memtrace ended before it traced: %s", live__err(memtrace));
}

int64_t live__now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

void live__wait_a_moment(int64_t limit_ns)
{
	struct timespec ms = {.tv_nsec = 1000000};

	assert_true(live__now_ns() < limit_ns);
	nanosleep(&ms, NULL);
}

int live__wait(struct live_process *process)
{
	struct rusage usage;

	while (read_some(process))
		;
	if (process->pid > 0) {
		while (wait4(process->pid, &process->status, 0, &usage) < 0)
			assert_int_equal(errno, EINTR);
		process->pid = 0;
		process->peak_rss_bytes = (int64_t)usage.ru_maxrss << 10;
	}
	return process->status;
}

int live__exit_code(struct live_process *process)
{
	int status = live__wait(process);

	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

json_t *live__finish_workload(struct live *live, struct live_process *workload)
{
	json_t *result;

	live__say(workload, "\n");
	result = live__read_json(live, workload);
	live__close_stdin(workload);
	live__wait(workload);
	return result;
}

const char *live__out(const struct live_process *process)
{
	return process->out_text.text ? process->out_text.text : "";
}

const char *live__err(const struct live_process *process)
{
	return process->err_text.text ? process->err_text.text : "";
}

size_t live__count_lines(const char *text)
{
	size_t nr = 0;

	for (; *text; text++)
		nr += *text == '\n';
	return nr;
}

bool live__retries_are_major(void)
{
	struct utsname uts;

	return !uname(&uts) && strtol(uts.release, NULL, 10) < 6;
}

void live__needs_guest(void)
{
	if (getenv("MEMTRACE_TEST_GUEST"))
		return;
	print_message("skip: changes settings of the whole machine, so for guests only\n");
	skip();
}

struct live_process *live__run_memtrace(struct live *live, const char *options, int code)
{
	struct live_process *memtrace = live__start_memtrace(live, options);
	int got;

	live__close_stdin(memtrace);
	got = live__exit_code(memtrace);
	if (got != code)
		fail_msg("memtrace %s: exit code %d, not %d: %s", options, got, code,
			 live__err(memtrace));
	return memtrace;
}

/*
 * One validator for all documents of this program: a schema and a path a line in, "ok" or what is
 * wrong out. It ends at the end of its stdin.
 */
static void validate(const char *schema, const char *path)
{
	static const char script[] =
		"import json, os, sys, jsonschema\n"
		"validators = {}\n"
		"def validator(path):\n"
		"    if path not in validators:\n"
		"        schema = json.load(open(path))\n"
		"        kind = jsonschema.validators.validator_for(schema)\n"
		"        kind.check_schema(schema)\n"
		"        base = 'file://' + os.path.abspath(path)\n"
		"        resolver = jsonschema.RefResolver(base, schema)\n"
		"        validators[path] = kind(schema, resolver=resolver)\n"
		"    return validators[path]\n"
		"for line in sys.stdin:\n"
		"    schema, path = line.rstrip('\\n').split(' ')\n"
		"    report = json.load(open(path))\n"
		"    wrong = ['/'.join(map(str, e.path)) + ': ' + e.message[:300]\n"
		"             for e in validator(schema).iter_errors(report)]\n"
		"    print('; '.join(wrong).replace('\\n', ' ') or 'ok', flush=True)\n";
	static char *const argv[] = {"/usr/bin/python3", "-c", (char *)script, NULL};
	static struct live own;
	struct live_process *validator;
	char request[256];
	const char *line;

	validator = own.nr_processes ? &own.processes[0] : live__start(&own, argv);
	if (validator->out < 0)
		fail_msg("no validator: %s", validator->err_text.text);
	snprintf(request, sizeof(request), "%s %s\n", schema, path);
	live__say(validator, request);
	line = live__read_line(validator, false);
	if (!line)
		fail_msg("the validator ended: %s", validator->err_text.text);
	else if (strcmp(line, "ok"))
		fail_msg("%s does not follow %s: %s", path, schema, line);
}

static json_t *load(struct live *live, const char *schema, const char *path)
{
	json_error_t error;
	json_t *json;

	json = json_load_file(path, 0, &error);
	if (!json)
		fail_msg("%s: line %d: %s", path, error.line, error.text);
	validate(schema, path);
	return keep(live, json);
}

json_t *live__load_report(struct live *live, const char *path)
{
	return load(live, "doc/report.schema.json", path);
}

json_t *live__load_doctor(struct live *live, const char *path)
{
	return load(live, "doc/doctor.schema.json", path);
}

json_t *live__load_diff(struct live *live, const char *path)
{
	return load(live, "doc/diff.schema.json", path);
}
