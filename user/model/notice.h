/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a user wants to know at once: a stack at its limit, a bad access, a limit that was hit, an
 * out-of-memory kill. Whoever finds one in the stream notes it here; who shows them takes them out.
 */
#ifndef MEMTRACE_NOTICE_H
#define MEMTRACE_NOTICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum notice_kind {
	NOTICE_STACK_HIT, /* struct stack_hit of tid at time_ns */
	NOTICE_CRASH,	  /* struct crash of tid at time_ns, which is no stack hit */
	NOTICE_LIMIT,	  /* a memory call of tid has failed at time_ns, for a limit */
	NOTICE_OOM_KILL,  /* the process is the victim, or the trigger of it, at time_ns */
};

struct notice {
	enum notice_kind kind;
	uint32_t pid;
	uint32_t tid;
	uint64_t time_ns;
	/* What repeats is known by these: the access or call, 0: not known; an enum of its kind. */
	uint64_t ip;
	unsigned int what;
	bool handled;	   /* the process goes on */
	bool awaits_stack; /* MT_KIND_STACK may follow */
};

/* So many wait at most; the others are counted. */
#define MAX_NOTICES 256

struct notices {
	bool wanted; /* somebody takes them; set at the beginning */
	struct notice *items;
	size_t nr, cap;
	uint64_t left_out;
};

/* Where nobody wants them, or there is no memory, it is gone. */
void notices__add(struct notices *notices, const struct notice *notice);
void notices__release(struct notices *notices);

#endif
