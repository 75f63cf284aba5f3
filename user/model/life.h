/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes and threads: whose an event is, and how they begin, become another program and end. */
#ifndef MEMTRACE_LIFE_H
#define MEMTRACE_LIFE_H

#include <stdint.h>

struct event;
struct model;
struct process;
struct thread;

/* What an event is about: its process and thread. */
struct subject {
	struct process *proc;
	struct thread *thread;
};

/* The process that has the pid now, begun if there is none; NULL without memory. */
struct process *model__process(struct model *model, uint32_t pid);
/* The same, and its thread. 0 or -ENOMEM. */
int model__subject(struct model *model, const struct event *ev, struct subject *subject);

/* Events of their lives. 0 or -ENOMEM. */
int lives__take_fork(struct model *model, const struct event *ev);
int lives__take_exec(struct model *model, const struct event *ev);
int lives__take_exit(struct model *model, const struct event *ev);
int lives__take_gone(struct model *model, const struct event *ev);
int lives__take_process(struct model *model, const struct event *ev);
int lives__take_thread(struct model *model, const struct event *ev);

#endif
