/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What /proc says of the limits of processes, of what they use, and of the system's memory. */
#ifndef MEMTRACE_SOURCE_LIMITS_H
#define MEMTRACE_SOURCE_LIMITS_H

#include <stdint.h>

#include "source/source.h"

/* Soft and hard limits by enum mt_limit; ~0: unlimited, or not to be read. */
struct rlimits {
	uint64_t soft_bytes[MT_LIMIT_SLOTS];
	uint64_t hard_bytes[MT_LIMIT_SLOTS];
};

/* 0; -ESRCH or another -errno. */
int rlimits__read(uint32_t tgid, struct rlimits *ret);

/*
 * MT_KIND_LIMITS. map_count: the number of mappings, which the caller has counted; 0: not known.
 * -ESRCH: gone, or without an address space.
 */
int limits__read(uint32_t tgid, uint64_t time_ns, uint32_t map_count, source_fn fn, void *ctx);

/* Is a mapping of that name in /proc/PID/maps held against vm.max_map_count? */
bool mapping__is_held(const char *name);

/* The mappings that are held against vm.max_map_count; 0: not to be read. */
uint32_t limits__map_count(uint32_t tgid);

/* MT_KIND_MEMORY, of the system. */
int limits__read_memory(uint64_t time_ns, source_fn fn, void *ctx);

#endif
