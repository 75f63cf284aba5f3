// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/on_hit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/signal_name.h"
#include "base/units.h"
#include "cmd/message.h"
#include "report/notice.h"

#define SHELL "/bin/sh"
#define BETWEEN_NS NSEC_PER_SEC
#define PREFIX "MEMTRACE_"

extern char **environ;

/* Strings come from strangers: neither a newline nor another control character is in a value. */
static int facts__add(struct hook_facts *facts, const char *name, const char *value)
{
	char *safe __free = escape__terminal(value, true);
	char *fact = NULL, **slot;

	if (!safe || asprintf(&fact, PREFIX "%s=%s", name, safe) < 0)
		return -ENOMEM;
	slot = array__push(facts);
	if (!slot) {
		free(fact);
		return -ENOMEM;
	}
	*slot = fact;
	return 0;
}

static int facts__add_number(struct hook_facts *facts, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	return facts__add(facts, name, text);
}

static int facts__add_time(struct hook_facts *facts, uint64_t realtime_ns)
{
	char text[64];

	snprintf(text, sizeof(text), "%s.%06uZ", units__utc(realtime_ns / NSEC_PER_SEC).s,
		 (unsigned int)(realtime_ns % NSEC_PER_SEC / 1000));
	return facts__add(facts, "TIME", text);
}

static int facts__add_numbers(struct hook_facts *facts, const struct report_notice *row)
{
	const struct {
		const char *name;
		uint64_t value;
		bool known;
	} numbers[] = {
		{"PID", row->pid, true},
		{"TID", row->tid, true},
		{"SIZE_BYTES", row->size_bytes, row->size_bytes != BYTES_UNKNOWN},
		{"LIMIT_BYTES", row->limit_bytes, row->limit_bytes != BYTES_UNKNOWN},
	};
	int err = 0;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]) && !err; i++)
		if (numbers[i].known)
			err = facts__add_number(facts, numbers[i].name, numbers[i].value);
	if (!err && row->address_known)
		err = facts__add(facts, "ADDRESS", units__address(row->address).s);
	if (!err && row->ip)
		err = facts__add(facts, "IP", units__address(row->ip).s);
	return err;
}

int hook_facts__fill(struct hook_facts *facts, const struct report_notice *row)
{
	char *text __free = report_notice__text(row);
	struct signal_text signal = signal__name(row->signal);
	const struct {
		const char *name, *value;
	} strings[] = {
		{"EVENT", row->event},
		{"KIND", row->kind},
		{"PROCESS", *row->comm ? row->comm : NULL},
		{"COMM", *row->thread ? row->thread : NULL},
		{"EXE", row->exe},
		{"CALL", row->call},
		{"ERRNO", row->error},
		{"OUTCOME", row->outcome},
		{"SIGNAL", row->signal ? signal.s : NULL},
		{"STACK", row->stack},
		{"TEXT", text},
	};
	int err = text ? facts__add_time(facts, row->realtime_ns) : -ENOMEM;

	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]) && !err; i++)
		if (strings[i].value)
			err = facts__add(facts, strings[i].name, strings[i].value);
	return err ?: facts__add_numbers(facts, row);
}

void hook_facts__release(struct hook_facts *facts)
{
	for (size_t i = 0; i < facts->nr; i++)
		free(facts->items[i]);
	array__free(facts);
}

void on_hit__init(struct on_hit *on_hit, const char *command)
{
	*on_hit = (struct on_hit){.command = command};
	errno = 0;
	on_hit->nice = getpriority(PRIO_PROCESS, 0);
	getrlimit(RLIMIT_NOFILE, &on_hit->files);
	getrlimit(RLIMIT_MEMLOCK, &on_hit->memlock);
}

/* What a hook of another memtrace around this one was given is not of this event. */
static bool is_fact(const char *variable)
{
	static const char *const names[] = {
		"EVENT", "KIND",    "PID",   "TID",	"COMM",	      "PROCESS",     "TIME",
		"TEXT",	 "ADDRESS", "IP",    "SIGNAL",	"SIZE_BYTES", "LIMIT_BYTES", "STACK",
		"EXE",	 "CALL",    "ERRNO", "OUTCOME", "SKIPPED",
	};

	if (strncmp(variable, PREFIX, strlen(PREFIX)))
		return false;
	variable += strlen(PREFIX);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strncmp(variable, names[i], strlen(names[i])) &&
		    variable[strlen(names[i])] == '=')
			return true;
	return false;
}

/* Ours less such facts, and these; the strings are borrowed. NULL without memory. */
static char **environment(const struct hook_facts *facts)
{
	size_t nr = 0, room = facts->nr + 1;
	char **ret;

	for (char **variable = environ; *variable; variable++)
		room++;
	ret = calloc(room, sizeof(*ret));
	if (!ret)
		return NULL;
	for (char **variable = environ; *variable; variable++)
		if (!is_fact(*variable))
			ret[nr++] = *variable;
	memcpy(ret + nr, facts->items, facts->nr * sizeof(*ret));
	return ret;
}

/* All that the child needs: it shares our memory until it executes, and is not to write there. */
struct start {
	const struct on_hit *on_hit;
	char *const *argv;
	char *const *env;
	int null;
};

static void become_hook(const struct start *start)
{
	struct sigaction usual = {.sa_handler = SIG_DFL};
	sigset_t none;

	/* A session of its own: what the terminal sends to us is not for it. */
	setsid();
	setpriority(PRIO_PROCESS, 0, start->on_hit->nice);
	setrlimit(RLIMIT_NOFILE, &start->on_hit->files);
	setrlimit(RLIMIT_MEMLOCK, &start->on_hit->memlock);
	for (int signo = 1; signo < NSIG; signo++)
		sigaction(signo, &usual, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* Data on standard output stays clean. */
	dup2(start->null, STDIN_FILENO);
	dup2(STDERR_FILENO, STDOUT_FILENO);
#ifdef SYS_close_range
	syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0);
#endif
	execve(SHELL, start->argv, start->env);
	_exit(127);
}

/* The pid, or -errno. vfork: to copy the page tables of a model takes time. */
static pid_t __attribute__((noinline)) spawn(const struct start *start)
{
	pid_t pid = vfork();

	if (!pid)
		become_hook(start);
	return pid < 0 ? -errno : pid;
}

static void tell_failure(struct on_hit *on_hit, const char *how, int number)
{
	if (!on_hit->told_failure)
		message("--on-hit: '%s' %s %d (this is told once)", on_hit->command, how, number);
	on_hit->told_failure = true;
}

/* It takes the facts of the next turn. */
static int on_hit__start(struct on_hit *on_hit, uint64_t now_ns)
{
	char *argv[] = {"sh", "-c", (char *)on_hit->command, NULL};
	int null __closefd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	char **env __free = NULL;
	struct start start = {.on_hit = on_hit, .argv = argv, .null = null};
	pid_t pid;

	if (facts__add_number(&on_hit->next, "SKIPPED", on_hit->nr_skipped) ||
	    !(env = environment(&on_hit->next)))
		return -ENOMEM;
	start.env = env;
	on_hit->started_ns = now_ns;
	pid = spawn(&start);
	hook_facts__release(&on_hit->next);
	if (pid < 0) {
		tell_failure(on_hit, "could not be started: error", -pid);
		on_hit->nr_skipped++;
		return 0;
	}
	on_hit->pid = pid;
	on_hit->own[on_hit->nr_started++ % ON_HIT_MAX_OWN] = pid;
	on_hit->skipped_ever += on_hit->nr_skipped;
	on_hit->nr_skipped = 0;
	return 0;
}

static void on_hit__reap(struct on_hit *on_hit)
{
	int status;
	pid_t pid;

	if (!on_hit->pid)
		return;
	pid = waitpid(on_hit->pid, &status, WNOHANG);
	if (!pid)
		return;
	on_hit->pid = 0;
	if (pid < 0)
		return;
	if (WIFSIGNALED(status))
		tell_failure(on_hit, "was ended by signal", WTERMSIG(status));
	else if (WEXITSTATUS(status))
		tell_failure(on_hit, "ended with status", WEXITSTATUS(status));
}

static bool on_hit__may_start(const struct on_hit *on_hit, uint64_t now_ns)
{
	return !on_hit->pid && (!on_hit->nr_started || now_ns - on_hit->started_ns >= BETWEEN_NS);
}

void on_hit__poll(struct on_hit *on_hit, uint64_t now_ns)
{
	on_hit__reap(on_hit);
	if (on_hit->next.nr && on_hit__may_start(on_hit, now_ns) && on_hit__start(on_hit, now_ns)) {
		hook_facts__release(&on_hit->next);
		on_hit->nr_skipped++;
	}
}

uint64_t on_hit__due_ns(const struct on_hit *on_hit)
{
	if (on_hit->pid || !on_hit->next.nr)
		return UINT64_MAX;
	return on_hit->nr_started ? on_hit->started_ns + BETWEEN_NS : 0;
}

static bool is_own(const struct on_hit *on_hit, pid_t pid)
{
	for (uint64_t i = 0; i < on_hit->nr_started && i < ON_HIT_MAX_OWN; i++)
		if (on_hit->own[i] == pid)
			return true;
	return false;
}

/* Of a hook, or of what it has started: that would go round and round. */
static bool on_hit__is_of_hook(const struct on_hit *on_hit, const struct report_notice *row)
{
	for (unsigned int i = 0; i < row->nr_forebears; i++)
		if (is_own(on_hit, (pid_t)row->forebears[i]))
			return true;
	return is_own(on_hit, (pid_t)row->pid) || is_own(on_hit, getsid((pid_t)row->pid));
}

/* Bad accesses that a program handles are its business, as of a JVM; a stack at its limit is not.
 */
static bool is_wanted(const struct report_notice *row)
{
	return row->more || !row->handled || !strcmp(row->event, "stack_hit");
}

/* What lines only count comes when they do, which is later. */
static bool on_hit__prefers(const struct on_hit *on_hit, const struct report_notice *row)
{
	bool fatal = report_notice__is_fatal(row);

	if (!on_hit->next.nr)
		return true;
	return fatal == on_hit->next_fatal ? row->realtime_ns >= on_hit->next_realtime_ns : fatal;
}

void on_hit__take(struct on_hit *on_hit, const struct report_notice *row, uint64_t now_ns)
{
	if (!is_wanted(row) || on_hit__is_of_hook(on_hit, row))
		return;
	if (row->more) {
		/* One of them came as a row. */
		on_hit->nr_skipped += row->more - 1;
		return;
	}
	if (on_hit->next.nr)
		on_hit->nr_skipped++;
	if (!on_hit__prefers(on_hit, row))
		return;
	hook_facts__release(&on_hit->next);
	on_hit->next_fatal = report_notice__is_fatal(row);
	on_hit->next_realtime_ns = row->realtime_ns;
	if (hook_facts__fill(&on_hit->next, row)) {
		hook_facts__release(&on_hit->next);
		on_hit->nr_skipped++;
	}
	on_hit__poll(on_hit, now_ns);
}

void on_hit__finish(struct on_hit *on_hit, bool quiet)
{
	uint64_t skipped = on_hit->skipped_ever + on_hit->nr_skipped + !!on_hit->next.nr;

	if (skipped && !quiet)
		message("--on-hit: '%s' was run %s time%s, and not for %s more", on_hit->command,
			units__count(on_hit->nr_started).s, on_hit->nr_started == 1 ? "" : "s",
			units__count(skipped).s);
	hook_facts__release(&on_hit->next);
}
