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
	static const char *const names[NR_ACCESSES] = {
		[ACCESS_READ] = "read",
		[ACCESS_WRITE] = "write",
		[ACCESS_EXEC] = "exec",
	};

	return names[access];
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
	return kind == HIT_MAIN_LIMIT ? "main_limit" : "thread_guard";
}
