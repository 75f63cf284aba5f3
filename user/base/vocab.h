/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words of the field that model, report and renderers share, and their names in output. */
#ifndef MEMTRACE_VOCAB_H
#define MEMTRACE_VOCAB_H

#include <stdint.h>

enum region {
	REGION_TEXT,
	REGION_DATA,
	REGION_BSS,
	REGION_HEAP,
	REGION_STACK,
	REGION_THREAD_STACK,
	REGION_ANON,
	REGION_FILE,
	REGION_SHMEM,
	REGION_VDSO,
	REGION_OTHER,
	NR_REGIONS,
};

enum fault_access {
	ACCESS_READ,
	ACCESS_WRITE,
	ACCESS_EXEC,
	NR_ACCESSES,
	ACCESS_UNKNOWN = NR_ACCESSES,
};

/* Why a fault was taken; defined in memtrace(8), CAUSES. */
enum fault_cause {
	CAUSE_ANON_ZERO,
	CAUSE_COW,
	CAUSE_FILE_MINOR,
	CAUSE_FILE_MAJOR,
	CAUSE_SWAP_IN,
	CAUSE_SHMEM,
	CAUSE_STACK_GROWTH,
	CAUSE_HUGE,
	CAUSE_NUMA_HINT,
	CAUSE_WRITE_NOTIFY,
	CAUSE_PROTECTION,
	CAUSE_MIGRATION,
	CAUSE_RACED,
	/* Where the probe cannot tell apart what could be meant: */
	CAUSE_ANON_MERGED,
	CAUSE_FILE_MERGED,
	CAUSE_SHMEM_MERGED,
	CAUSE_UNKNOWN,
	NR_CAUSES,
};

/* The memory calls that are counted; the order is that of the tables. */
enum mem_call {
	CALL_BRK,
	CALL_MMAP,
	CALL_MUNMAP,
	CALL_MREMAP,
	CALL_MADVISE,
	CALL_MPROTECT,
	CALL_MLOCK,
	NR_CALLS,
};

/* Why a memory call failed; defined in memtrace(8), LIMITS. */
enum failure_cause {
	FAILURE_RLIMIT_AS,
	FAILURE_RLIMIT_DATA,
	FAILURE_RLIMIT_MEMLOCK,
	FAILURE_MAX_MAP_COUNT,
	FAILURE_OVERCOMMIT,
	FAILURE_ADDRESS_SPACE, /* there is no free range of that size */
	FAILURE_HUGE_PAGES,    /* none are left of those set aside */
	/* These are no limit: */
	FAILURE_ADDRESS_TAKEN, /* something else is mapped there */
	FAILURE_NOT_MAPPED,
	FAILURE_BAD_ARGUMENT,
	FAILURE_PERMISSION,
	FAILURE_BAD_FILE,
	FAILURE_FILE_TABLE,
	FAILURE_UNKNOWN,
	NR_FAILURE_CAUSES,
};

enum fault_pattern {
	PATTERN_NONE, /* too few faults to tell */
	PATTERN_UP,
	PATTERN_DOWN,
	PATTERN_STRIDED,
	PATTERN_SCATTERED,
};

/* What a stack has run into; defined in memtrace(8), STACK-LIMIT HITS. */
enum stack_hit_kind {
	HIT_MAIN_LIMIT,
	HIT_THREAD_GUARD,
	HIT_GUARD_GAP,
	HIT_NO_MEMORY,
	HIT_ALTSTACK,
	NR_HIT_KINDS,
};

/* What was wrong with a bad access; defined in memtrace(8), BAD ACCESSES. */
enum crash_verdict {
	VERDICT_NULL_POINTER,
	VERDICT_STACK_OVERFLOW,
	VERDICT_READ_ONLY,
	VERDICT_NOT_READABLE,
	VERDICT_NOT_EXECUTABLE,
	VERDICT_FREED,
	VERDICT_HOLE,
	VERDICT_BEYOND_EOF,
	VERDICT_PROTECTION_KEY,
	VERDICT_NON_CANONICAL,
	VERDICT_OTHER,
	NR_VERDICTS,
};

/* The words for these in JSON and tables ("text", "thread_stack", "read", "brk", …). */
const char *region__name(enum region region);
const char *fault_access__name(enum fault_access access);
const char *fault_cause__name(enum fault_cause cause);
const char *mem_call__name(enum mem_call call);
const char *failure_cause__name(enum failure_cause cause);
const char *fault_pattern__name(enum fault_pattern pattern); /* "up", … ; PATTERN_NONE: "-" */
const char *stack_hit_kind__name(enum stack_hit_kind kind);
const char *crash_verdict__name(enum crash_verdict verdict);

#define BYTES_UNKNOWN UINT64_MAX /* or unlimited, where a limit is meant */

#endif
