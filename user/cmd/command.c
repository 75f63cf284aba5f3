// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cmd/command.h"

extern char **environ;

/* 0 if this file can be executed, else -errno. */
static int check_executable(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EACCES;
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) ? -errno : 0;
}

/*
 * The file that a shell would run. The parent looks it up, so that the child goes from its gate
 * straight into execve and takes no fault of its own on the way.
 */
static int resolve(const char *name, char path[PATH_MAX])
{
	const char *dirs = getenv("PATH") ?: "/usr/bin:/bin";
	int found = -ENOENT;

	if (strchr(name, '/')) {
		snprintf(path, PATH_MAX, "%s", name);
		return check_executable(path);
	}
	for (;;) {
		size_t len = strcspn(dirs, ":");
		int err;

		snprintf(path, PATH_MAX, "%.*s%s%s", (int)len, dirs, len ? "/" : "./", name);
		err = check_executable(path);
		if (!err)
			return 0;
		if (err == -EACCES)
			found = -EACCES;
		if (!dirs[len])
			return found;
		dirs += len + 1;
	}
}

static int start_error(struct error *error, int err, const char *name)
{
	return error__set(error, -err, "cannot start '%s': %s", name, strerror(-err));
}

/*
 * The child. Only system calls through one libc function, warmed up before the gate: its pages
 * are there when it is let go.
 */
static void child(const struct command *cmd, int gate, int report, const char *path, char **argv,
		  const sigset_t *signals)
{
	char go;
	int err;

	signal(SIGPIPE, cmd->pipe_ignored ? SIG_IGN : SIG_DFL);
	signal(SIGCHLD, cmd->chld_ignored ? SIG_IGN : SIG_DFL);
	sigprocmask(SIG_SETMASK, signals, NULL);
	if (syscall(SYS_read, gate, &go, 1) != 1)
		syscall(SYS_exit_group, 0);
	syscall(SYS_execve, path, argv, environ);
	err = errno;
	if (syscall(SYS_write, report, &err, sizeof(err)) < 0)
		err = errno;
	syscall(SYS_exit_group, err == ENOENT ? 127 : 126);
}

int command__prepare(struct command *cmd, char **argv, const sigset_t *signals, struct error *error)
{
	int gate[2], report[2];
	char path[PATH_MAX];
	int err = resolve(argv[0], path);

	if (err)
		return start_error(error, err, argv[0]);
	if (pipe2(gate, O_CLOEXEC))
		return start_error(error, -errno, argv[0]);
	if (pipe2(report, O_CLOEXEC)) {
		err = -errno;
		close(gate[0]);
		close(gate[1]);
		return start_error(error, err, argv[0]);
	}
	fflush(NULL);
	cmd->pid = fork();
	if (!cmd->pid) {
		close(gate[1]);
		child(cmd, gate[0], report[1], path, argv, signals);
	}
	err = cmd->pid < 0 ? -errno : 0;
	close(gate[0]);
	close(report[1]);
	cmd->gate = gate[1];
	cmd->report = report[0];
	if (!err)
		return 0;
	cmd->pid = 0;
	command__abandon(cmd);
	return start_error(error, err, argv[0]);
}

int command__release(struct command *cmd, char **argv, struct error *error)
{
	int child_errno;
	ssize_t n;

	if (write(cmd->gate, "", 1) != 1)
		return start_error(error, -errno, argv[0]);
	do {
		n = read(cmd->report, &child_errno, sizeof(child_errno));
	} while (n < 0 && errno == EINTR);
	if (n == 0)
		return 0;
	return start_error(error, n < 0 ? -errno : -child_errno, argv[0]);
}

bool command__reap(struct command *cmd, bool block)
{
	pid_t pid;

	if (!cmd->pid || cmd->reaped)
		return true;
	do {
		pid = waitpid(cmd->pid, &cmd->status, block ? 0 : WNOHANG);
	} while (pid < 0 && errno == EINTR);
	cmd->reaped = pid != 0;
	return cmd->reaped;
}

int command__exit_status(const struct command *cmd)
{
	return WIFSIGNALED(cmd->status) ? 128 + WTERMSIG(cmd->status) : WEXITSTATUS(cmd->status);
}

void command__abandon(struct command *cmd)
{
	close(cmd->gate);
	close(cmd->report);
	if (cmd->pid)
		command__reap(cmd, true);
	cmd->pid = 0;
}
