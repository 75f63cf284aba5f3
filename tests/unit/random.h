/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MEMTRACE_TESTS_RANDOM_H
#define MEMTRACE_TESTS_RANDOM_H

#include <stdint.h>

/* SplitMix64 (Steele, Lea, Flood): a failing round can be run again from its seed. */
static inline uint64_t random__next(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static inline uint64_t random__below(uint64_t *seed, uint64_t limit)
{
	return random__next(seed) % limit;
}

#endif
