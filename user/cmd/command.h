/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A command that is started for tracing: made, held before its exec, let go. */
#ifndef MEMTRACE_COMMAND_H
#define MEMTRACE_COMMAND_H

#include <stdbool.h>
#include <signal.h>
#include <sys/types.h>

#include "base/error.h"

struct command {
	pid_t pid;	   /* 0: none */
	int gate;	   /* closing it without a word ends the child */
	int report;	   /* the child's errno if exec fails; end of file if it succeeds */
	bool pipe_ignored; /* SIGPIPE and SIGCHLD as we were started with */
	bool chld_ignored;
	bool reaped;
	int status; /* as wait(2) reports it, once reaped */
};

/*
 * Make the child that will become the command; it waits. signals: the mask that it shall have.
 * -ENOENT: no such command; -EACCES: it may not be executed; with the error's text.
 */
int command__prepare(struct command *cmd, char **argv, const sigset_t *signals,
		     struct error *error);

/* Let it exec; errors as above. */
int command__release(struct command *cmd, char **argv, struct error *error);

/* Note its end if it has come; wait for it if block. True: it has ended. */
bool command__reap(struct command *cmd, bool block);

/* What a shell would say: its exit code, or 128 + the signal that ended it. */
int command__exit_status(const struct command *cmd);

/* End a child that was never released, and close the pipes. */
void command__abandon(struct command *cmd);

#endif
