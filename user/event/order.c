// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "event/event.h"
#include "event/order.h"

/*
 * Records wait in blocks. A block is used again when none of its records is waited for any more, so
 * nothing is ever moved.
 */
#define BLOCK_BYTES (256 << 10)
/*
 * A stream without watermarks shall not be held as a whole. The largest burst without one is the
 * snapshot of a target: 21 MiB where it has as many mappings as a kernel allows by default.
 */
#define MAX_BLOCKS 256
#define MAX_RUNS (1 << 20)
/* What usually comes between two watermarks has room in these; the memory of a burst goes back. */
#define KEEP_BLOCKS 8
#define KEEP_RUNS 16384

struct block {
	struct block *next; /* that is free */
	size_t used;
	size_t nr_waiting;
	_Alignas(8) unsigned char data[BLOCK_BYTES];
};

/* A record that is held: its events from next on are still to be delivered. */
struct run {
	uint64_t time_ns; /* of the event next */
	uint64_t seq;	  /* order of arrival: events of the same time keep it */
	const struct mt_record *record;
	struct block *block; /* it is in */
	unsigned int next;
	unsigned int nr;
};

/* A binary heap, the earliest first. */
struct heap {
	struct run *items;
	size_t nr, cap;
};

struct order {
	order_fn fn;
	void *ctx;
	struct block *filling;
	struct block *free;
	size_t nr_blocks; /* in use */
	size_t nr_free;
	/* Those that have begun are few, about as many as CPUs: events are picked among them. */
	struct heap begun;
	struct heap waiting;
	uint64_t seq;
	uint64_t malformed;
	uint64_t unknown;
	uint64_t delivered;
};

int order__new(order_fn fn, void *ctx, struct order **ret)
{
	struct order *order = calloc(1, sizeof(*order));

	if (!order)
		return -ENOMEM;
	order->fn = fn;
	order->ctx = ctx;
	*ret = order;
	return 0;
}

static bool run__before(const struct run *a, const struct run *b)
{
	if (a->time_ns != b->time_ns)
		return a->time_ns < b->time_ns;
	return a->seq < b->seq;
}

static void heap__sift_down(struct heap *heap)
{
	struct run *items = heap->items;
	size_t i = 0;

	for (;;) {
		size_t child = 2 * i + 1;
		struct run tmp;

		if (child >= heap->nr)
			return;
		if (child + 1 < heap->nr && run__before(&items[child + 1], &items[child]))
			child++;
		if (!run__before(&items[child], &items[i]))
			return;
		tmp = items[i];
		items[i] = items[child];
		items[child] = tmp;
		i = child;
	}
}

static int heap__push(struct heap *heap, const struct run *run)
{
	struct run *slot = array__push(heap);
	struct run *items = heap->items;
	size_t i;

	if (!slot)
		return -ENOMEM;
	for (i = heap->nr - 1; i && run__before(run, &items[(i - 1) / 2]); i = (i - 1) / 2)
		items[i] = items[(i - 1) / 2];
	items[i] = *run;
	return 0;
}

static void heap__pop(struct heap *heap)
{
	heap->items[0] = heap->items[--heap->nr];
	heap__sift_down(heap);
}

/* The earliest one, if it is dated last_ns or before. */
static struct run *heap__due(const struct heap *heap, uint64_t last_ns)
{
	return heap->nr && heap->items[0].time_ns <= last_ns ? heap->items : NULL;
}

/* Room for size bytes, in order->filling then; NULL without memory. */
static unsigned char *order__room(struct order *order, size_t size)
{
	struct block *block = order->filling;

	if (block && block->used + size <= BLOCK_BYTES)
		return block->data + block->used;
	block = order->free ?: malloc(sizeof(*block));
	if (!block)
		return NULL;
	if (block == order->free) {
		order->free = block->next;
		order->nr_free--;
	}
	block->used = 0;
	block->nr_waiting = 0;
	order->filling = block;
	order->nr_blocks++;
	return block->data;
}

/* One of its records is done with. */
static void order__leave_block(struct order *order, struct block *block)
{
	if (--block->nr_waiting)
		return;
	if (block == order->filling) {
		block->used = 0;
		return;
	}
	order->nr_blocks--;
	if (order->nr_free >= KEEP_BLOCKS) {
		free(block);
		return;
	}
	block->next = order->free;
	order->free = block;
	order->nr_free++;
}

/* Deliver the earliest event that has begun, and step or drop its run. */
static int order__deliver_top(struct order *order)
{
	struct run *top = &order->begun.items[0];
	const struct mt_record *record = top->record;
	struct event ev;
	int err;

	record__decode(record, top->next, &ev);
	order->delivered += record->kind < MT_KIND_SESSION;
	err = order->fn(order->ctx, &ev);
	if (++top->next < top->nr) {
		top->time_ns = record__time(record, top->next);
		heap__sift_down(&order->begun);
	} else {
		order__leave_block(order, top->block);
		heap__pop(&order->begun);
	}
	return err;
}

/* Deliver what is dated last_ns or before. */
static int order__drain(struct order *order, uint64_t last_ns)
{
	int err = 0;

	while (!err) {
		const struct run *top = heap__due(&order->begun, last_ns);
		const struct run *next = heap__due(&order->waiting, last_ns);

		if (!top && !next)
			break;
		if (!next || (top && run__before(top, next))) {
			err = order__deliver_top(order);
			continue;
		}
		err = heap__push(&order->begun, next);
		if (!err)
			heap__pop(&order->waiting);
	}
	array__trim(&order->begun, KEEP_RUNS);
	array__trim(&order->waiting, KEEP_RUNS);
	return err;
}

static void blocks__free(struct block *block)
{
	while (block) {
		struct block *next = block->next;

		free(block);
		block = next;
	}
}

void order__free(struct order *order)
{
	if (!order)
		return;
	/* What nobody has waited for to the end: each block goes with the last record in it. */
	for (; order->begun.nr; order->begun.nr--)
		order__leave_block(order, order->begun.items[order->begun.nr - 1].block);
	for (; order->waiting.nr; order->waiting.nr--)
		order__leave_block(order, order->waiting.items[order->waiting.nr - 1].block);
	blocks__free(order->free);
	free(order->filling);
	array__free(&order->begun);
	array__free(&order->waiting);
	free(order);
}

static int order__keep(struct order *order, const struct mt_record *record)
{
	size_t size = (record->size_bytes + 7) & ~7UL;
	unsigned char *room = order__room(order, size);
	struct run run = {
		.time_ns = record__time(record, 0),
		.seq = order->seq,
		.record = (const struct mt_record *)room,
		.block = order->filling,
		.nr = record__events(record),
	};

	if (!room || heap__push(&order->waiting, &run))
		return -ENOMEM;
	order->seq++;
	memcpy(room, record, record->size_bytes);
	order->filling->used += size;
	order->filling->nr_waiting++;
	if (order->nr_blocks > MAX_BLOCKS || order->waiting.nr > MAX_RUNS)
		return order__drain(order, UINT64_MAX);
	return 0;
}

int order__push(struct order *order, const void *data, size_t size)
{
	const struct mt_record *record = data;
	int err = record__check(record, size);

	if (err) {
		if (err == -ENOTSUP)
			order->unknown++;
		else
			order->malformed++;
		return 0;
	}
	if (record->kind == MT_KIND_WATERMARK)
		return record->time_ns ? order__drain(order, record->time_ns - 1) : 0;
	return order__keep(order, record);
}

int order__finish(struct order *order)
{
	return order__drain(order, UINT64_MAX);
}

uint64_t order__malformed(const struct order *order)
{
	return order->malformed;
}

uint64_t order__unknown(const struct order *order)
{
	return order->unknown;
}

uint64_t order__delivered(const struct order *order)
{
	return order->delivered;
}
