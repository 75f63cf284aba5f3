/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A notice (model/notice.h) as a row: the facts, and the words. This is the one place where they
 * are made, for the live view and for a hook alike.
 */
#ifndef MEMTRACE_REPORT_NOTICE_H
#define MEMTRACE_REPORT_NOTICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vocab.h"
#include "model/notice.h"

struct model;
struct model_session;

#define NOTICE_COMM_BYTES 17
#define NOTICE_FOREBEARS 16

/* Strings come from strangers, or have theirs in them: who shows them escapes them. */
struct report_notice {
	const char *event; /* static: "stack_hit", "crash", "limit", "oom_kill" */
	const char *kind;  /* static: "main_limit", "null_pointer", …; NULL: none */
	uint64_t realtime_ns;
	uint32_t pid;
	uint32_t tid;
	char comm[NOTICE_COMM_BYTES];	/* of the process; empty: not known */
	char thread[NOTICE_COMM_BYTES]; /* of the thread; empty: not known */
	char *exe;			/* NULL: not known */
	char *words;			/* what happened */
	const char *outcome;		/* static: "fatal", "handled"; NULL: goes without saying */
	bool handled;
	bool address_known;
	uint64_t address;
	uint64_t ip;	      /* 0: not known */
	const char *call;     /* static, of a call that failed: "mmap"; NULL: none */
	const char *error;    /* static, its name: "ENOMEM"; NULL: none */
	int signal;	      /* 0: none */
	uint64_t size_bytes;  /* BYTES_UNKNOWN: none */
	uint64_t limit_bytes; /* BYTES_UNKNOWN: none */
	char *where; /* the innermost function in words: "in foo() × 12"; NULL: not known */
	/* The parent's pid, its parent's, and so on, as far as they are known. */
	uint32_t forebears[NOTICE_FOREBEARS];
	unsigned int nr_forebears;
	bool merged;   /* one of those that a row of more counts: nobody is to be shown it */
	uint64_t more; /* it stands for so many that have no row; 0: it is one */
	char *stack;   /* functions, innermost first, a ';' between them; NULL: not known */
};

/* Since 1970, of the host's clock as it was when the session began. */
uint64_t report__realtime_ns(const struct model_session *session, uint64_t time_ns);

/*
 * The row of a notice, as far as the model knows. 0; -ENOENT: it does not know of it, or not any
 * more: right after its event it does; -ENOMEM. report_notice__release() after 0.
 */
int report__notice(struct model *model, const struct notice *notice, struct report_notice *row);

/*
 * With the stack of its thread, if that is known. utf8 false: in ASCII, but for what strangers have
 * given. 0 or -ENOMEM.
 */
int report_notice__set_stack(const struct model *model, const struct notice *notice, bool utf8,
			     struct report_notice *row);

/* Notices that have no rows of their own, and what they have in common. */
struct more_notices {
	uint64_t nr;
	enum notice_kind kind; /* of the first */
	unsigned int what;
	bool several_kinds;
	bool several_whats;
};

/* A row for them. comm may be empty and pid 0: those of several. 0 or -ENOMEM. */
int report__more_notices(const char *comm, uint32_t pid, const struct more_notices *more,
			 uint64_t realtime_ns, struct report_notice *row);

/* All of the words: who, what, where, how it ended. The caller frees it; NULL without memory. */
char *report_notice__text(const struct report_notice *row);

/* Has its process died of it? */
bool report_notice__is_fatal(const struct report_notice *row);

void report_notice__release(struct report_notice *row);

#endif
