/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which processes the live source has met: bits by pid, so that every record can afford to ask. */
#ifndef MEMTRACE_TGIDS_H
#define MEMTRACE_TGIDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of 64 pids. They are used one after another up to the limit: 1.5 MiB where that is 4 million. */
struct tgid_group {
	uint64_t alive;
	uint64_t gone;
	uint64_t active;
};

struct tgids {
	struct tgid_group *groups;
	uint32_t limit; /* pids are below it */
	size_t nr_alive;
	struct {
		uint32_t *items;
		size_t nr, cap;
	} active; /* those with records since tgids__reset_active() */
};

/* limit: kernel.pid_max. 0 or -ENOMEM. */
int tgids__init(struct tgids *tgids, uint32_t limit);
void tgids__release(struct tgids *tgids);

/* Neither met nor gone: its history is not in the stream. */
bool tgids__unknown(const struct tgids *tgids, uint32_t tgid);
bool tgids__alive(const struct tgids *tgids, uint32_t tgid);
void tgids__add(struct tgids *tgids, uint32_t tgid);
void tgids__exit(struct tgids *tgids, uint32_t tgid);

/* Forks may have been lost: who has had the pid of one that is gone is not known any more. */
void tgids__forget_gone(struct tgids *tgids);

void tgids__note_active(struct tgids *tgids, uint32_t tgid);
void tgids__reset_active(struct tgids *tgids);

#endif
