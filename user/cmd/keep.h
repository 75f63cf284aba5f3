/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The recording that a live run keeps: where it goes, and what becomes of it when that fails. */
#ifndef MEMTRACE_KEEP_H
#define MEMTRACE_KEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct writer;

struct keep {
	const char *path; /* borrowed; "-": standard output; NULL: nothing is kept */
	int fd;
	char *temporary; /* of a file that replaces another: renamed by keep__commit() */
	bool created;	 /* a file of ours that goes if the run does not begin */
	bool is_file;	 /* and not a pipe or a device */
	struct writer *writer;
	int err; /* of the first write that failed; nothing is kept from then on */
	uint64_t nr_bytes;
};

/*
 * Create the file, readable for its owner alone; an existing one is replaced with force only, and
 * not before keep__commit(). Terminals and disks are refused, other devices and pipes written in
 * place. 0, or -errno with its text.
 */
int keep__open(struct keep *keep, const char *path, bool force, struct error *error);

/* Write the header. Signals must be blocked. As above. */
int keep__begin(struct keep *keep, struct error *error);

/* The run has begun: the file stays, whatever comes. As above. */
int keep__commit(struct keep *keep, struct error *error);

/* Keep a record. 0, or -errno: from now on nothing more is kept. */
int keep__push(struct keep *keep, const void *record, size_t size);

/* The file takes so long that the source should wait. */
bool keep__is_behind(const struct keep *keep);

/* Nothing more comes. True: what is left has been written within this time, or cannot be. */
bool keep__end(struct keep *keep, unsigned int patience_ms);

/* Write what is left. 0, -EPIPE without a text, or the first -errno of all with its text. */
int keep__finish(struct keep *keep, struct error *error);

/* Release everything; a file that was not committed goes. */
void keep__release(struct keep *keep);

#endif
