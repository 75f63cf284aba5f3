/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starting tracers, knowing when they are attached, and what they used. */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* perf gets its control descriptors under these numbers. */
#define CONTROL_FD 10
#define ACK_FD 11
#define START_LIMIT_MS 20000

const char *memtrace_path = "build/memtrace";

static const struct {
	const char *program;
	const char *name;
	bool by_control; /* says that it is attached when asked, as perf does */
	bool on_stdout;	 /* says so there, and not on stderr */
	const char *ready;
} tracers[NR_TRACERS] = {
	[TRACER_MEMTRACE_TARGET] = {NULL, "memtrace", false, false, "tracing"},
	[TRACER_MEMTRACE_OTHER] = {NULL, "memtrace of another process", false, false, "tracing"},
	[TRACER_PERF_STAT] = {"perf", "perf stat -e page-faults", true, false, NULL},
	[TRACER_PERF_RECORD] = {"perf", "perf record -e page-faults -c 1", true, false, NULL},
	[TRACER_BPFTRACE] = {"bpftrace", "bpftrace software:page-faults:1, count()", false, true,
			     "@n: "},
};

const char *tracer__name(enum tracer_kind kind)
{
	return tracers[kind].name;
}

bool tracer__installed(enum tracer_kind kind)
{
	char path[512], *dirs, *dir, *rest = NULL;
	bool found = false;

	if (!tracers[kind].program)
		return access(memtrace_path, X_OK) == 0;
	dirs = strdup(getenv("PATH") ?: "/usr/bin");
	for (dir = dirs; !found && (dir = strtok_r(dir, ":", &rest)); dir = NULL) {
		snprintf(path, sizeof(path), "%s/%s", dir, tracers[kind].program);
		found = access(path, X_OK) == 0;
	}
	free(dirs);
	return found;
}

static void exec_tracer(enum tracer_kind kind, const char *pids, const char *file)
{
	char script[256];

	switch (kind) {
	case TRACER_MEMTRACE_TARGET:
	case TRACER_MEMTRACE_OTHER:
		execl(memtrace_path, memtrace_path, "-p", pids, "-F", "json", "-o", file, NULL);
		break;
	case TRACER_PERF_STAT:
		execlp("perf", "perf", "stat", "-e", "page-faults", "-p", pids, "-D", "-1",
		       "--control", "fd:10,11", "-o", file, NULL);
		break;
	case TRACER_PERF_RECORD:
		execlp("perf", "perf", "record", "-e", "page-faults", "-c", "1", "-p", pids, "-D",
		       "-1", "--control", "fd:10,11", "-o", file, NULL);
		break;
	case TRACER_BPFTRACE:
		snprintf(script, sizeof(script),
			 "software:page-faults:1 /pid == %s/ { @n = count(); } "
			 "interval:ms:50 { print(@n); }",
			 pids);
		execlp("bpftrace", "bpftrace", "-B", "line", "-e", script, NULL);
		break;
	case NR_TRACERS:
		break;
	}
	_exit(127);
}

static void child(enum tracer_kind kind, const char *pids, const char *file, int says, int control,
		  int ack)
{
	int null = open("/dev/null", O_RDWR);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(null, STDIN_FILENO);
	dup2(tracers[kind].on_stdout ? says : null, STDOUT_FILENO);
	dup2(tracers[kind].on_stdout ? null : says, STDERR_FILENO);
	if (tracers[kind].by_control) {
		dup2(control, CONTROL_FD);
		dup2(ack, ACK_FD);
	}
	exec_tracer(kind, pids, file);
}

/* Read lines until one has the word and, after it, something other than 0. */
static bool wait_for(int fd, const char *word)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	char text[4096], *at;
	size_t used = 0;
	ssize_t n;

	while (poll(&pfd, 1, START_LIMIT_MS) == 1) {
		n = read(fd, text + used, sizeof(text) - 1 - used);
		if (n <= 0)
			return false;
		used += (size_t)n;
		text[used] = '\0';
		at = strrchr(text, '\n') ? strstr(text, word) : NULL;
		if (at && at[strlen(word)] != '0')
			return true;
		if (strrchr(text, '\n') || used == sizeof(text) - 1)
			used = 0;
	}
	return false;
}

static bool wait_attached(struct tracer *tracer, enum tracer_kind kind)
{
	if (!tracers[kind].by_control)
		return wait_for(tracer->out, tracers[kind].ready);
	return write(tracer->control, "enable\n", 7) == 7 && wait_for(tracer->ack, "ack");
}

bool tracer__start(struct tracer *tracer, enum tracer_kind kind, const pid_t *pids, size_t nr)
{
	int says[2], control[2], ack[2];
	char list[128] = "";

	*tracer = (struct tracer){.out = -1, .control = -1, .ack = -1};
	strcpy(tracer->file, "/tmp/memtrace-bench.XXXXXX");
	close(mkstemp(tracer->file));
	for (size_t i = 0; i < nr; i++)
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%d", i ? "," : "",
			 pids[i]);
	if (pipe2(says, O_CLOEXEC) || pipe2(control, O_CLOEXEC) || pipe2(ack, O_CLOEXEC))
		die("pipe");
	/* As a shell starts it: memtrace's memory is then its own from the beginning. */
	tracer->pid = fork();
	if (!tracer->pid)
		child(kind, list, tracer->file, says[1], control[0], ack[1]);
	close(says[1]);
	close(control[0]);
	close(ack[1]);
	tracer->out = says[0];
	tracer->control = control[1];
	tracer->ack = ack[0];
	return wait_attached(tracer, kind);
}

void tracer__stop(struct tracer *tracer, struct usage *usage)
{
	struct rusage ru;
	int status;

	kill(tracer->pid, SIGINT);
	/* Whoever still writes shall not wait for a reader. */
	close(tracer->out);
	while (wait4(tracer->pid, &status, 0, &ru) < 0)
		if (errno != EINTR)
			die("wait4");
	close(tracer->control);
	close(tracer->ack);
	if (!usage)
		return;
	usage->status = status;
	usage->peak_rss_bytes = (uint64_t)ru.ru_maxrss << 10;
	usage->cpu_s = (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
		       (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
}

void tracer__remove(struct tracer *tracer)
{
	unlink(tracer->file);
}
