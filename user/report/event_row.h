/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An event as a row: what happened, as the model knew it then. Not all of a row is known of each
 * kind of event; memtrace(8) has the list.
 */
#ifndef MEMTRACE_EVENT_ROW_H
#define MEMTRACE_EVENT_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vocab.h"

struct event;
struct model;

/* comm, thread and name come from strangers: a renderer escapes them. The rest is our own ASCII. */
struct report_event {
	const char *kind;     /* static: "fault", "mmap", … */
	bool time_known;      /* a session has begun */
	int64_t t_ns;	      /* since it did */
	uint64_t realtime_ns; /* since 1970, of the clock as it was when the session began */
	uint32_t pid;	      /* 0: none */
	uint32_t tid;	      /* 0: none */
	const char *comm;     /* of the process; borrowed; NULL: not known */
	bool address_known;
	uint64_t address;
	const char *region;  /* static; NULL: none */
	uint64_t size_bytes; /* BYTES_UNKNOWN: none */
	char result[24];     /* a number, an address or a name; "": none */
	const char *access;  /* static; NULL: none */
	const char *name;    /* of a file; borrowed; NULL: none */
	const char *thread;  /* its name; borrowed; NULL: not known */
	uint32_t child_pid;  /* 0: none */
	uint32_t child_tid;  /* 0: none */
	char detail[256];    /* words and name=value, separated by spaces; "": none */
	const char *cause;   /* of a fault, as far as it is known; static; NULL: none */
	uint64_t latency_ns; /* BYTES_UNKNOWN: none */
};

/*
 * The row of an event that the model has just taken. False: there is none for such an event. What
 * the row borrows is valid until the next event.
 */
bool report__event(struct model *model, const struct event *ev, struct report_event *row);

#endif
