/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bad accesses as records, and what the model made of them. Include after cmocka.h. */
#ifndef MEMTRACE_TESTS_SIGNALS_H
#define MEMTRACE_TESTS_SIGNALS_H

#include "events.h"

#define NO_MEMORY_LIMIT (~0ULL)
/* Page-fault error codes: of user mode. */
#define ERROR_READ 0x4
#define ERROR_WRITE 0x6
#define ERROR_EXEC 0x14

/* A page fault that became a signal, by a process without a handler. */
static inline struct mt_signal_more signal__at(uint64_t addr, int code, uint32_t error_code)
{
	return (struct mt_signal_more){
		.signal = {.hdr = record__header(MT_KIND_SIGNAL, sizeof(struct mt_signal_more), PID,
						 PID),
			   .signo = SIGSEGV,
			   .code = code,
			   .addr = addr,
			   .sp = STACK_START + 0x1000,
			   .ip = TEXT + 0x123,
			   .stack_limit_bytes = STACK_LIMIT,
			   .stack_vm_bytes = 0x21000,
			   .comm = "worker"},
		.trap = MT_TRAP_PAGE_FAULT,
		.error_code = error_code,
		.file_bytes = ~0ULL,
		.as_limit_bytes = NO_MEMORY_LIMIT,
	};
}

/* The kernel has looked what is mapped at the address. */
static inline void signal__set_vma(struct mt_signal_more *rec, uint64_t start, uint64_t end,
				   uint64_t vm_flags)
{
	rec->signal.hdr.flags |= MT_SIGNAL_VMA_KNOWN;
	rec->signal.vma_start = start;
	rec->signal.vma_end = end;
	rec->signal.vma_flags = vm_flags;
}

/* The model's word on it, among the last ones. */
static inline const struct crash *feed__crash(struct feed *feed, struct mt_signal_more *rec)
{
	const struct crash *crash;

	feed__now(feed, rec);
	crash = crashes__find(feed__proc(feed), rec->signal.hdr.tid, feed->now_ns);
	assert_non_null(crash);
	return crash;
}

#endif
