// SPDX-License-Identifier: GPL-2.0-or-later
/* The heap: the program break plus the anonymous private memory that is not a stack. */
#include <errno.h>

#include "base/page.h"
#include "model/process.h"

uint64_t heap__brk_bytes(const struct process *proc)
{
	const struct heap *heap = &proc->heap;

	return heap->brk > heap->start_brk ? heap->brk - heap->start_brk : 0;
}

uint64_t heap__bytes(const struct process *proc)
{
	return heap__brk_bytes(proc) + proc->mirror.anon_bytes;
}

void heap__note_level(struct process *proc)
{
	uint64_t bytes = heap__bytes(proc);

	if (!proc->heap.base_known && proc->mirror.known) {
		proc->heap.base_known = true;
		proc->heap.base_bytes = bytes;
		proc->interval.seen_heap_bytes = bytes;
	}
	if (bytes > proc->heap.peak_bytes)
		proc->heap.peak_bytes = bytes;
}

/* What a call that succeeded was about: in whole pages, but the break, which moves by bytes. */
static uint64_t call__bytes(const struct process *proc, const struct event_call *call)
{
	uint64_t size = call->size_bytes;

	if (call->call == CALL_BRK) /* of the first where nothing was known no growth is known */
		return proc->heap.brk && call->addr > proc->heap.brk ? call->addr - proc->heap.brk
								     : 0;
	if (call->call == CALL_MREMAP)
		size = call->new_size_bytes;
	return page__up(size);
}

#define SIZES_BYTES (CALL_SIZE_SLOTS * sizeof(uint64_t))

static int call__note_size(struct usage *usage, uint64_t **size_log2, uint64_t bytes)
{
	unsigned int slot;

	if (!bytes)
		return 0;
	if (!*size_log2)
		*size_log2 = usage__alloc(usage, SIZES_BYTES);
	if (!*size_log2)
		return -ENOMEM;
	slot = 63 - __builtin_clzll(bytes);
	(*size_log2)[slot < CALL_SIZE_SLOTS ? slot : CALL_SIZE_SLOTS - 1]++;
	return 0;
}

int heap__take_call(struct process *proc, const struct event_call *call)
{
	struct heap *heap = &proc->heap;
	uint64_t bytes;

	if (proc->forgets)
		return 0;
	heap->calls[call->call].count++;
	if (call->err) {
		heap->calls[call->call].failed++;
		return 0;
	}
	bytes = call__bytes(proc, call);
	heap->calls[call->call].bytes += bytes;
	return call__note_size(proc->usage, &heap->calls[call->call].size_log2, bytes);
}

void heap__release(struct process *proc)
{
	for (int i = 0; i < NR_CALLS; i++)
		usage__free(proc->usage, proc->heap.calls[i].size_log2, SIZES_BYTES);
}

void heap__note_rss(struct process *proc, uint64_t bytes)
{
	struct heap *heap = &proc->heap;

	heap->rss_bytes = bytes;
	if (bytes > heap->max_sample_bytes)
		heap->max_sample_bytes = bytes;
}
