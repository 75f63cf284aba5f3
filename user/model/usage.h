/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the model takes of memory and of time, all processes together. A recording comes from a
 * stranger, and there is always one more way to make a few bytes of it mean a lot of work: so it is
 * counted where it arises, and the model ends the run where it is out of proportion to the file.
 */
#ifndef MEMTRACE_USAGE_H
#define MEMTRACE_USAGE_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/array.h"

struct usage {
	uint64_t bytes;	 /* allocated now, as far as it can grow */
	uint64_t steps;	 /* of walks over many things, so far: a dozen ns each */
	uint64_t vmas;	 /* in all mirrors */
	uint64_t points; /* in all timelines */
};

/* What malloc() adds to each, and a table's share for it. */
#define USAGE_ITEM_BYTES 24

/* usage may be NULL: nobody counts. */
static inline void usage__add(struct usage *usage, size_t bytes)
{
	if (usage)
		usage->bytes += bytes + USAGE_ITEM_BYTES;
}

static inline void usage__sub(struct usage *usage, size_t bytes)
{
	if (usage)
		usage->bytes -= bytes + USAGE_ITEM_BYTES;
}

static inline void usage__step(struct usage *usage, uint64_t steps)
{
	if (usage)
		usage->steps += steps;
}

/* calloc() and free() of something that is counted. */
static inline void *usage__alloc(struct usage *usage, size_t bytes)
{
	void *item = calloc(1, bytes);

	if (item)
		usage__add(usage, bytes);
	return item;
}

static inline void usage__free(struct usage *usage, void *item, size_t bytes)
{
	if (item)
		usage__sub(usage, bytes);
	free(item);
}

/* array__push() and array__free(), counted. */
#define usage__push(account, array)                                                                \
	({                                                                                         \
		struct usage *usage_ = (account);                                                  \
		size_t cap_ = (array)->cap;                                                        \
		__auto_type item_ = array__push(array);                                            \
		if (usage_)                                                                        \
			usage_->bytes += ((array)->cap - cap_) * sizeof(*(array)->items);          \
		item_;                                                                             \
	})

#define usage__free_array(account, array)                                                          \
	do {                                                                                       \
		struct usage *usage_ = (account);                                                  \
		if (usage_)                                                                        \
			usage_->bytes -= (array)->cap * sizeof(*(array)->items);                   \
		array__free(array);                                                                \
	} while (0)

#endif
