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
	[TRACER_PERF_STAT] = {"perf", "`perf stat -e page-faults -p` (a count)", true, false, NULL},
	[TRACER_PERF_RECORD] = {"perf", "`perf record -e page-faults -c 1 -p`", true, false, NULL},
	[TRACER_BPFTRACE] = {"bpftrace", "`bpftrace`, `software:page-faults:1`, `count()`", false,
			     true, "@n: "},
	[TRACER_MEMTRACE_SILENT] = {NULL, "memtrace -i 0", false, false, "tracing"},
	[TRACER_RECORD] = {NULL, "memtrace record", false, false, "recording"},
	[TRACER_RECORD_TOO] = {NULL, "memtrace --record", false, false, "tracing"},
	[TRACER_RECORD_ALL] = {NULL, "memtrace record -a", false, false, "recording"},
};

const char *tracer__name(enum tracer_kind kind)
{
	return tracers[kind].name;
}

bool program__installed(const char *program)
{
	char path[512], *dirs, *dir, *rest = NULL;
	bool found = false;

	dirs = strdup(getenv("PATH") ?: "/usr/bin");
	for (dir = dirs; !found && (dir = strtok_r(dir, ":", &rest)); dir = NULL) {
		snprintf(path, sizeof(path), "%s/%s", dir, program);
		found = access(path, X_OK) == 0;
	}
	free(dirs);
	return found;
}

bool tracer__installed(enum tracer_kind kind)
{
	if (tracers[kind].program)
		return program__installed(tracers[kind].program);
	return access(memtrace_path, X_OK) == 0;
}

static void exec_memtrace(enum tracer_kind kind, const char *pids, const struct tracer *tracer)
{
	const char *file = tracer->file;

	switch (kind) {
	case TRACER_MEMTRACE_SILENT:
		execl(memtrace_path, memtrace_path, "-i", "0", "-p", pids, "-F", "json", "-o", file,
		      NULL);
		break;
	case TRACER_RECORD_TOO:
		execl(memtrace_path, memtrace_path, "-i", "0", "-p", pids, "-F", "json", "-o", file,
		      "--record", tracer->kept, NULL);
		break;
	case TRACER_RECORD:
		execl(memtrace_path, memtrace_path, "record", "-p", pids, "-o", file, "--force",
		      NULL);
		break;
	case TRACER_RECORD_ALL:
		execl(memtrace_path, memtrace_path, "record", "-a", "-o", file, "--force", NULL);
		break;
	default:
		execl(memtrace_path, memtrace_path, "-p", pids, "-F", "json", "-o", file, NULL);
		break;
	}
}

static void exec_tracer(enum tracer_kind kind, const char *pids, const struct tracer *tracer)
{
	const char *file = tracer->file;
	char script[256];

	switch (kind) {
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
	default:
		exec_memtrace(kind, pids, tracer);
		break;
	}
	_exit(127);
}

static void child(enum tracer_kind kind, const char *pids, const struct tracer *tracer, int says,
		  int control, int ack)
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
	exec_tracer(kind, pids, tracer);
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
	scratch__path(tracer->file, "file");
	if (kind == TRACER_RECORD_TOO)
		scratch__path(tracer->kept, "kept");
	for (size_t i = 0; i < nr; i++)
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%d", i ? "," : "",
			 pids[i]);
	if (pipe2(says, O_CLOEXEC) || pipe2(control, O_CLOEXEC) || pipe2(ack, O_CLOEXEC))
		die("pipe");
	/* As a shell starts it: memtrace's memory is then its own from the beginning. */
	tracer->pid = fork();
	if (!tracer->pid)
		child(kind, list, tracer, says[1], control[0], ack[1]);
	close(says[1]);
	close(control[0]);
	close(ack[1]);
	tracer->out = says[0];
	tracer->control = control[1];
	tracer->ack = ack[0];
	return wait_attached(tracer, kind);
}

static void usage__of(struct usage *usage, const struct rusage *ru, int status)
{
	usage->status = status;
	usage->peak_rss_bytes = (uint64_t)ru->ru_maxrss << 10;
	usage->cpu_s = (double)(ru->ru_utime.tv_sec + ru->ru_stime.tv_sec) +
		       (double)(ru->ru_utime.tv_usec + ru->ru_stime.tv_usec) / 1e6;
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
	if (usage)
		usage__of(usage, &ru, status);
}

void tracer__remove(struct tracer *tracer)
{
	unlink(tracer->file);
	if (*tracer->kept)
		unlink(tracer->kept);
}

void command__run(const char *const *argv, int cpu, const char *out, struct usage *usage)
{
	uint64_t start = now_ns();
	struct rusage ru;
	int status, fd;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fd = open(out ?: "/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0600);
		dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
		if (cpu >= 0 && pin(cpu))
			_exit(126);
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	while (wait4(pid, &status, 0, &ru) < 0)
		if (errno != EINTR)
			die("wait4");
	usage__of(usage, &ru, status);
	usage->wall_s = (double)(now_ns() - start) / 1e9;
}

bool counts__replay(const char *recording, struct counts *counts)
{
	const char *argv[] = {memtrace_path, "report", recording, "-F", "json", "-o", NULL, NULL};
	struct usage usage;
	char report[PATH_BYTES];
	bool done;

	scratch__path(report, "replayed");
	argv[6] = report;
	command__run(argv, -1, NULL, &usage);
	done = !usage.status && counts__read(report, counts);
	unlink(report);
	return done;
}
