/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every family of programs shares: the maps, the filter, the one way to send a record and
 * the one place where a lost record is counted. Each family is an object of its own; the linker
 * makes one of the __weak definitions.
 */
#ifndef MEMTRACE_BPF_COMMON_H
#define MEMTRACE_BPF_COMMON_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "memtrace/record.h"
#include "memtrace/control.h"
#include "compat.bpf.h"

/* Set before load, constants to the verifier. */
const volatile struct mt_config settings __weak = {};

/* Written by the loader while it runs, and read by it. */
struct mt_control control __weak = {};

#define RING_BYTES (4 << 20)

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, RING_BYTES);
} ring __weak SEC(".maps");

/*
 * An array look-up is a handful of inlined instructions; a hash would cost every process on the
 * system more than the whole budget of an untraced fault. max_entries is set before load to hold
 * kernel.pid_max; the loader writes its bytes through a mapping.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct mt_filter);
} traced __weak SEC(".maps");

/* The filter's byte for this pid; NULL if it is out of its range. */
static __always_inline __u8 *filter__byte(__u32 tgid)
{
	__u32 group = tgid / MT_FILTER_GROUP;
	struct mt_filter *filter = bpf_map_lookup_elem(&traced, &group);

	return filter ? &filter->on[tgid % MT_FILTER_GROUP] : NULL;
}

static __always_inline bool tgid__traced(__u32 tgid)
{
	__u8 *on;

	if (settings.all)
		return tgid != settings.self_tgid;
	on = filter__byte(tgid);
	return on && *on;
}

/*
 * Where tracepoints run preemptibly (7.0), the kernel skips a program on a CPU on which another
 * task was preempted in the middle of it. So each such program is attached MT_COPIES times, one
 * after the other, and the first copy that is not skipped does the work. turns has for each thread
 * and tracepoint the bit of the copy that ran last: the event is done. A copy looks for those of
 * its predecessors only. A skipped copy leaves such a bit to the next event: it is taken for that
 * one's only if one of each copy was skipped. max_entries is set before load, as that of traced.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct mt_turns);
} turns __weak SEC(".maps");

enum turn_of { TURN_FORK, TURN_EXEC, TURN_EXIT, TURN_CALL };

/* Is the current thread's event this copy's (0, 1, ...) to tell? */
static __always_inline bool turn__take(enum turn_of of, __u32 copy)
{
	__u32 tid = bpf_get_current_pid_tgid(), group = tid / MT_FILTER_GROUP;
	__u32 shift = of * MT_COPIES;
	struct mt_turns *turn;
	__u16 *bits, before;

	if (!settings.copies)
		return true;
	turn = bpf_map_lookup_elem(&turns, &group);
	if (!turn)
		return !copy;
	bits = &turn->of[tid % MT_FILTER_GROUP];
	before = *bits >> shift & ((1 << copy) - 1);
	*bits = (*bits & ~(((1 << MT_COPIES) - 1) << shift)) | 1 << copy << shift;
	return !before;
}

/* EACH_COPY(DEFINE, name): DEFINE(name, 0), DEFINE(name_1, 1), ... */
#define EACH_COPY(define, name)                                                                    \
	define(name, 0) define(name##_1, 1) define(name##_2, 2) define(name##_3, 3)

static __always_inline void loss__count(enum mt_loss cause, __u64 nr)
{
	__sync_fetch_and_add(&control.lost[cause], nr);
}

/*
 * A wake-up costs thousands of ns: the reader polls on a timer, and is woken only when the bytes
 * that wait could fill the buffer before its next turn.
 */
static __always_inline __u64 ring__wakeup_flag(void)
{
	if (bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) > settings.wakeup_bytes)
		return BPF_RB_FORCE_WAKEUP;
	return BPF_RB_NO_WAKEUP;
}

static __always_inline void record__init(struct mt_record *hdr, __u16 kind, __u16 size_bytes)
{
	__u64 id = bpf_get_current_pid_tgid();

	hdr->time_ns = bpf_ktime_get_ns();
	hdr->tgid = id >> 32;
	hdr->tid = (__u32)id;
	hdr->size_bytes = size_bytes;
	hdr->kind = kind;
	hdr->cpu = bpf_get_smp_processor_id();
	hdr->flags = 0;
}

/* A record of a constant size with its header filled in; NULL, and counted, if there is no room. */
static __always_inline void *record__reserve(__u16 kind, const __u16 size_bytes)
{
	void *rec = bpf_ringbuf_reserve(&ring, size_bytes, 0);

	if (!rec) {
		loss__count(MT_LOSS_RING_RECORDS, 1);
		return NULL;
	}
	record__init(rec, kind, size_bytes);
	return rec;
}

static __always_inline void record__submit(void *rec)
{
	bpf_ringbuf_submit(rec, ring__wakeup_flag());
}

#endif
