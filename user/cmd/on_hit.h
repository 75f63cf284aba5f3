/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * --on-hit: a command of the user's is run when something happens, with the facts in its
 * environment. One at a time, and once a second at most; what comes in between waits for the next
 * turn, and of several the last one, but what is fatal before what is not: the others are counted.
 * Nobody waits for it.
 */
#ifndef MEMTRACE_ON_HIT_H
#define MEMTRACE_ON_HIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

struct report_notice;

/* The facts, each "NAME=value": its own memory. */
struct hook_facts {
	char **items; /* NULL-terminated, if there are any */
	size_t nr, cap;
};

/* Processes of hooks that have been started: what happens to these runs no hook. */
#define ON_HIT_MAX_OWN 64

struct on_hit {
	const char *command; /* for sh -c; NULL: no hook */
	/* As memtrace was started, which changes them for itself. */
	int nice;
	struct rlimit files;
	struct rlimit memlock;
	pid_t pid; /* of the one that runs; 0: none */
	uint64_t started_ns;
	uint64_t nr_started;
	uint64_t nr_skipped;	/* since the last start */
	uint64_t skipped_ever;	/* for good */
	struct hook_facts next; /* nr 0: none waits */
	bool next_fatal;
	uint64_t next_realtime_ns;
	bool told_failure;
	pid_t own[ON_HIT_MAX_OWN]; /* the newest one at nr_started - 1, modulo */
};

/* Before anything of the process is changed. command may be NULL. */
void on_hit__init(struct on_hit *on_hit, const char *command);

/* Something has happened: run it, or have it wait. */
void on_hit__take(struct on_hit *on_hit, const struct report_notice *row, uint64_t now_ns);

/* See whether it has ended, and start what waits if it is time. */
void on_hit__poll(struct on_hit *on_hit, uint64_t now_ns);

/* Until when nothing is to be done; UINT64_MAX: until it ends, or something happens. */
uint64_t on_hit__due_ns(const struct on_hit *on_hit);

/* Does one run, or wait? */
static inline bool on_hit__is_busy(const struct on_hit *on_hit)
{
	return on_hit->pid || on_hit->next.nr;
}

/* It is over: what has not been told so far. What runs goes on. */
void on_hit__finish(struct on_hit *on_hit, bool quiet);

/* 0 or -ENOMEM; hook_facts__release() in any case. */
int hook_facts__fill(struct hook_facts *facts, const struct report_notice *row);
void hook_facts__release(struct hook_facts *facts);

#endif
