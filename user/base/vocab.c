// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/vocab.h"

const char *region__name(enum region region)
{
	static const char *const names[NR_REGIONS] = {
		[REGION_TEXT] = "text",	  [REGION_DATA] = "data",
		[REGION_BSS] = "bss",	  [REGION_HEAP] = "heap",
		[REGION_STACK] = "stack", [REGION_THREAD_STACK] = "thread_stack",
		[REGION_ANON] = "anon",	  [REGION_FILE] = "file",
		[REGION_SHMEM] = "shmem", [REGION_VDSO] = "vdso",
		[REGION_OTHER] = "other",
	};

	return names[region];
}

const char *fault_access__name(enum fault_access access)
{
	static const char *const names[NR_ACCESSES + 1] = {
		[ACCESS_READ] = "read",
		[ACCESS_WRITE] = "write",
		[ACCESS_EXEC] = "exec",
	};

	return names[access];
}

const char *fault_cause__name(enum fault_cause cause)
{
	static const char *const names[NR_CAUSES] = {
		[CAUSE_ANON_ZERO] = "anon_zero",
		[CAUSE_COW] = "cow",
		[CAUSE_FILE_MINOR] = "file_minor",
		[CAUSE_FILE_MAJOR] = "file_major",
		[CAUSE_SWAP_IN] = "swap_in",
		[CAUSE_SHMEM] = "shmem",
		[CAUSE_STACK_GROWTH] = "stack_growth",
		[CAUSE_HUGE] = "huge",
		[CAUSE_NUMA_HINT] = "numa_hint",
		[CAUSE_WRITE_NOTIFY] = "write_notify",
		[CAUSE_PROTECTION] = "protection",
		[CAUSE_MIGRATION] = "migration",
		[CAUSE_RACED] = "raced",
		[CAUSE_ANON_MERGED] = "anon_merged",
		[CAUSE_FILE_MERGED] = "file_merged",
		[CAUSE_SHMEM_MERGED] = "shmem_merged",
		[CAUSE_UNKNOWN] = "unknown",
	};

	return names[cause];
}

const char *mem_call__name(enum mem_call call)
{
	static const char *const names[NR_CALLS] = {
		[CALL_BRK] = "brk",	  [CALL_MMAP] = "mmap",	      [CALL_MUNMAP] = "munmap",
		[CALL_MREMAP] = "mremap", [CALL_MADVISE] = "madvise", [CALL_MPROTECT] = "mprotect",
		[CALL_MLOCK] = "mlock",
	};

	return names[call];
}

const char *failure_cause__name(enum failure_cause cause)
{
	static const char *const names[NR_FAILURE_CAUSES] = {
		[FAILURE_RLIMIT_AS] = "rlimit_as",
		[FAILURE_RLIMIT_DATA] = "rlimit_data",
		[FAILURE_RLIMIT_MEMLOCK] = "rlimit_memlock",
		[FAILURE_MAX_MAP_COUNT] = "max_map_count",
		[FAILURE_OVERCOMMIT] = "overcommit",
		[FAILURE_ADDRESS_SPACE] = "address_space",
		[FAILURE_HUGE_PAGES] = "no_huge_pages",
		[FAILURE_ADDRESS_TAKEN] = "address_taken",
		[FAILURE_NOT_MAPPED] = "not_mapped",
		[FAILURE_BAD_ARGUMENT] = "bad_argument",
		[FAILURE_PERMISSION] = "permission",
		[FAILURE_BAD_FILE] = "bad_file",
		[FAILURE_FILE_TABLE] = "file_table",
		[FAILURE_UNKNOWN] = "unknown",
	};

	return names[cause];
}

const char *fault_pattern__name(enum fault_pattern pattern)
{
	switch (pattern) {
	case PATTERN_UP:
		return "up";
	case PATTERN_DOWN:
		return "down";
	case PATTERN_STRIDED:
		return "strided";
	case PATTERN_SCATTERED:
		return "scattered";
	case PATTERN_NONE:
		break;
	}
	return "-";
}

const char *stack_hit_kind__name(enum stack_hit_kind kind)
{
	static const char *const names[NR_HIT_KINDS] = {
		[HIT_MAIN_LIMIT] = "main_limit", [HIT_THREAD_GUARD] = "thread_guard",
		[HIT_GUARD_GAP] = "guard_gap",	 [HIT_NO_MEMORY] = "no_memory",
		[HIT_ALTSTACK] = "altstack",
	};

	return names[kind];
}

const char *crash_verdict__name(enum crash_verdict verdict)
{
	static const char *const names[NR_VERDICTS] = {
		[VERDICT_NULL_POINTER] = "null_pointer",
		[VERDICT_STACK_OVERFLOW] = "stack_overflow",
		[VERDICT_READ_ONLY] = "read_only",
		[VERDICT_NOT_READABLE] = "not_readable",
		[VERDICT_NOT_EXECUTABLE] = "not_executable",
		[VERDICT_FREED] = "freed",
		[VERDICT_HOLE] = "hole",
		[VERDICT_BEYOND_EOF] = "beyond_eof",
		[VERDICT_PROTECTION_KEY] = "protection_key",
		[VERDICT_NON_CANONICAL] = "non_canonical",
		[VERDICT_OTHER] = "other",
	};

	return names[verdict];
}
