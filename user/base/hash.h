/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uthash, to be included by this name. Three things are other than its own:
 *
 * The hash is keyed by a secret of this run. Pids, addresses and inodes come from strangers, who
 * could choose them so that all meet in one bucket. (Tables are walked in the order of addition
 * all the same: the secret shows nowhere.)
 *
 * Without memory HASH_ADD() leaves hash__added() false, where uthash would end the program.
 *
 * Chains are short: of ten items, as by default, a search misses the cache that often. A bucket is
 * 16 bytes, and an item's handle 56.
 */
#ifndef MEMTRACE_HASH_H
#define MEMTRACE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct hash_secret {
	uint64_t start;
	uint64_t factor; /* odd */
};

/* Drawn before main() begins. */
extern struct hash_secret hash__secret;

/* Each multiplication carries upwards, each shift downwards. */
static inline uint64_t hash__mix(uint64_t state, uint64_t word)
{
	state = (state ^ word) * hash__secret.factor;
	state = (state ^ state >> 32) * hash__secret.factor;
	return state ^ state >> 29;
}

/* Of a key of whole 32-bit words. */
static inline unsigned int hash__of(const void *key, size_t size)
{
	uint64_t state = hash__secret.start;
	const char *p = key;

	for (; size >= sizeof(uint64_t); p += sizeof(uint64_t), size -= sizeof(uint64_t)) {
		uint64_t word;

		memcpy(&word, p, sizeof(word));
		state = hash__mix(state, word);
	}
	if (size) {
		uint32_t word;

		memcpy(&word, p, sizeof(word));
		state = hash__mix(state, word);
	}
	return (unsigned int)(state ^ state >> 32);
}

#define HASH_FUNCTION(key, size, hash) ((hash) = hash__of((key), (size)))
#define HASH_NONFATAL_OOM 1
#define HASH_BKT_CAPACITY_THRESH 2U

#include <uthash.h>

#define hash__added(item) ((item)->hh.tbl != NULL)

#endif
