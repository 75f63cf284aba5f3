/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The clock and the ring buffer are the dear steps of a fault: faults are gathered per CPU and sent
 * MT_BATCH_FAULTS at a time, or when another thread faults on the CPU, or when the loader asks
 * (flush_batch).
 */
#ifndef MEMTRACE_BPF_BATCH_H
#define MEMTRACE_BPF_BATCH_H

#include "common.bpf.h"

/* max_entries is set to the number of possible CPUs before load. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE); /* the loader looks who has faults waiting */
	__type(key, __u32);
	__type(value, struct mt_batch);
} batches __weak SEC(".maps");

#define READ_ONCE(x) (*(volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, value) (*(volatile __typeof__(x) *)&(x) = (value))

static __always_inline struct mt_batch *batch__of_cpu(void)
{
	__u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&batches, &cpu);
}

/*
 * Faults leave the last quarter of the ring buffer to the rest: for one lost call or exec all
 * mappings must be read from /proc again, just when there is no time for it.
 */
static __always_inline bool ring__takes_faults(void)
{
	return bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) < RING_BYTES / 4 * 3;
}

static __always_inline void batch__count_lost(struct mt_batch *batch, __u32 nr)
{
	loss__count(MT_LOSS_RING_FAULTS, nr);
	__sync_fetch_and_add(&batch->rec.lost, nr);
}

/* A fault has been counted: its end, with what the record of its beginning has no room for. */
static __always_inline void counted__send(__u64 addr, __u64 ip, __u32 weight, __u16 flags)
{
	struct mt_counted *rec = record__reserve(MT_KIND_COUNTED, sizeof(*rec));

	if (!rec)
		return;
	rec->hdr.flags = flags;
	rec->addr = addr;
	rec->ip = ip;
	rec->weight = weight;
	rec->pad = 0;
	record__submit(rec);
}

/* Are the faults that wait, or the last that did, of this thread? */
static __always_inline bool batch__is_of(const struct mt_batch *batch, __u64 id)
{
	return batch->rec.hdr.tid == (__u32)id && batch->rec.hdr.tgid == id >> 32;
}

/* kind: MT_KIND_FAULTS, or MT_KIND_TIMED_FAULTS. */
static __always_inline void batch__send(struct mt_batch *batch, const __u16 kind)
{
	__u32 nr = batch->rec.nr;
	__u64 size;

	if (nr > MT_BATCH_FAULTS)
		nr = MT_BATCH_FAULTS;
	size = sizeof(batch->rec) +
	       nr * (kind == MT_KIND_FAULTS ? sizeof(batch->fault[0]) : sizeof(batch->timed[0]));
	/* A timed one begins as the other does. */
	batch->rec.hdr.time_ns = batch->fault[0].time_ns;
	batch->rec.hdr.size_bytes = size;
	batch->rec.hdr.kind = kind;
	batch->rec.hdr.cpu = bpf_get_smp_processor_id();
	if (!ring__takes_faults() || bpf_ringbuf_output(&ring, batch, size, ring__wakeup_flag()))
		batch__count_lost(batch, nr);
	batch->rec.nr = 0;
}

#endif
