/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The current process's limits, and what is held against them. */
#ifndef MEMTRACE_BPF_LIMITS_H
#define MEMTRACE_BPF_LIMITS_H

#define RLIMIT_DATA 2
#define RLIMIT_STACK 3
#define RLIMIT_MEMLOCK 8
#define RLIMIT_AS 9

static __always_inline void use__fill(struct mt_use *use)
{
	struct mm_struct *mm = BPF_CORE_READ(current__task(), mm);

	use->total_pages = BPF_CORE_READ(mm, total_vm);
	use->data_pages = BPF_CORE_READ(mm, data_vm);
	use->locked_pages = BPF_CORE_READ(mm, locked_vm);
	use->map_count = BPF_CORE_READ(mm, map_count);
	use->pad = 0;
}

#define LIMIT(rec, signal, slot, which)                                                            \
	do {                                                                                       \
		(rec)->soft_bytes[slot] = BPF_CORE_READ(signal, rlim[which].rlim_cur);             \
		(rec)->hard_bytes[slot] = BPF_CORE_READ(signal, rlim[which].rlim_max);             \
	} while (0)

static __always_inline int limits__send(void)
{
	struct mt_limits *rec = record__reserve(MT_KIND_LIMITS, sizeof(*rec));
	struct signal_struct *signal;

	if (!rec)
		return 0;
	signal = BPF_CORE_READ(current__task(), signal);
	__builtin_memset(rec->soft_bytes, 0xff, sizeof(rec->soft_bytes));
	__builtin_memset(rec->hard_bytes, 0xff, sizeof(rec->hard_bytes));
	LIMIT(rec, signal, MT_LIMIT_AS, RLIMIT_AS);
	LIMIT(rec, signal, MT_LIMIT_DATA, RLIMIT_DATA);
	LIMIT(rec, signal, MT_LIMIT_STACK, RLIMIT_STACK);
	LIMIT(rec, signal, MT_LIMIT_MEMLOCK, RLIMIT_MEMLOCK);
	use__fill(&rec->use);
	rec->total_peak_pages = BPF_CORE_READ(current__task(), mm, hiwater_vm);
	record__submit(rec);
	return 0;
}

#endif
