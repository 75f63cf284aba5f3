/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The user stack of the current thread, copied for the loader to unwind: it is gone a moment later.
 * Too much for the ring buffer, it goes to a map that the loader has mapped. A slot is claimed by
 * an insertion, which is atomic on every kernel, and given back by the loader's deletion.
 */
#ifndef MEMTRACE_BPF_STACK_H
#define MEMTRACE_BPF_STACK_H

struct stack_chunk {
	__u8 bytes[MT_STACK_CHUNK_BYTES];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MT_STACK_CHUNKS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct stack_chunk);
} stacks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MT_STACK_SMALL_SLOTS + 1);
	__type(key, __u32);
	__type(value, __u32);
} stack_claims SEC(".maps");

#define STACK_NO_SLOT (~0U)
/* The first ones, for bad accesses that are not handled. */
#define FATAL_SLOTS 2
#define CHUNK_PAGES (MT_STACK_CHUNK_BYTES / MT_STACK_PAGE_BYTES)
/* What a leaf function may use below the stack pointer (System V ABI, x86-64, 3.2.2). */
#define RED_ZONE_BYTES 128
/* So many chunks without a page, before the first that has one, an overflow can leave. */
#define MAX_LEADING 2

static __always_inline bool slot__claim(__u32 slot)
{
	return !bpf_map_update_elem(&stack_claims, &slot, &slot, BPF_NOEXIST);
}

/*
 * Room for a stack: a whole one or, if that is taken, its innermost part. A process that handles
 * thousands of bad accesses leaves some for one that dies of its first.
 */
static __always_inline __u32 stack__claim(bool whole, bool handled)
{
	if (whole && slot__claim(MT_STACK_SMALL_SLOTS))
		return MT_STACK_SMALL_SLOTS;
	for (__u32 slot = handled ? FATAL_SLOTS : 0; slot < MT_STACK_SMALL_SLOTS; slot++)
		if (slot__claim(slot))
			return slot;
	return STACK_NO_SLOT;
}

/* Which of its pages could be read, a bit each. Verified by itself, not at each turn of the loop.
 */
__attribute__((noinline)) int chunk__copy(__u64 from, __u32 chunk)
{
	struct stack_chunk *to = bpf_map_lookup_elem(&stacks, &chunk);
	__u32 pages = 0;

	if (!to)
		return 0;
	if (!bpf_probe_read_user(to->bytes, MT_STACK_CHUNK_BYTES, (void *)from))
		return (1 << CHUNK_PAGES) - 1;
	for (__u32 i = 0; i < CHUNK_PAGES; i++)
		if (!bpf_probe_read_user(to->bytes + i * MT_STACK_PAGE_BYTES, MT_STACK_PAGE_BYTES,
					 (void *)(from + i * MT_STACK_PAGE_BYTES)))
			pages |= 1 << i;
	return pages;
}

/*
 * From the page of the stack pointer up, until there is nothing more. Whether there was something
 * stands in the record, where the verifier does not follow it: in a variable each turn would double
 * its work (5.10).
 */
static __always_inline void stack__copy(struct mt_stack_copy *rec, __u32 max_chunks)
{
	__u32 pages;

	for (__u32 i = 0; i < MT_STACK_DEEP_CHUNKS; i++) {
		if (i >= max_chunks)
			break;
		pages = chunk__copy(rec->start + i * MT_STACK_CHUNK_BYTES, rec->slot + i) & 0xffff;
		if (!pages && (rec->pages[0] || i >= MAX_LEADING))
			break;
		rec->pages[i / 4] |= (__u64)pages << i % 4 * CHUNK_PAGES;
		rec->nr_chunks = i + 1;
	}
}

/*
 * Verified by itself: inlined, the loop is looked at anew for each slot that may be claimed
 * (154,000 instructions on 6.1).
 */
__attribute__((noinline)) int stack__send(__u64 signal_time_ns, __u64 sp, __u32 slot, __u32 handled)
{
	struct mt_stack_copy *rec = record__reserve(MT_KIND_STACK_COPY, sizeof(*rec));
	struct mt_batch *batch;

	if (!rec) {
		bpf_map_delete_elem(&stack_claims, &slot);
		return 0;
	}
	if (handled)
		rec->hdr.flags = MT_STACK_COPY_HANDLED;
	rec->signal_time_ns = signal_time_ns;
	rec->start = (sp - RED_ZONE_BYTES) & ~(MT_STACK_PAGE_BYTES - 1ULL);
	rec->slot = slot;
	rec->nr_chunks = 0;
	__builtin_memset(rec->regs, 0, sizeof(rec->regs));
	regs__by_dwarf_number(current__regs(), rec->regs);
	__builtin_memset(rec->pages, 0, sizeof(rec->pages));
	/* Interrupts are off: what faults on this CPU meanwhile is the copying, and is left out. */
	batch = batch__of_cpu();
	if (batch)
		__sync_fetch_and_add(&batch->busy, 1);
	stack__copy(rec, slot == MT_STACK_SMALL_SLOTS ? MT_STACK_DEEP_CHUNKS : 1);
	if (batch)
		__sync_fetch_and_add(&batch->busy, -1);
	record__submit(rec);
	return 0;
}

#endif
