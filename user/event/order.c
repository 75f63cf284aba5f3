// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "event/event.h"
#include "event/order.h"

/* A record that is held: its events from next on are still to be delivered. */
struct run {
	uint64_t time_ns; /* of the event next */
	uint64_t seq;	  /* order of arrival: events of the same time keep it */
	size_t offset;	  /* in the arena */
	unsigned int next;
	unsigned int nr;
};

/* What usually comes between two watermarks has room in it; the memory of a burst goes back. */
#define ARENA_KEEP_BYTES (2 << 20)
#define RUNS_KEEP 16384

struct order {
	order_fn fn;
	void *ctx;
	struct {
		unsigned char *items;
		size_t nr, cap;
	} arena;
	struct {
		struct run *items;
		size_t nr, cap;
	} runs;
	/* Runs that have begun: a binary heap by time. There are about as many as CPUs. */
	struct {
		struct run *items;
		size_t nr, cap;
	} heap;
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

void order__free(struct order *order)
{
	if (!order)
		return;
	array__free(&order->arena);
	array__free(&order->runs);
	array__free(&order->heap);
	free(order);
}

static bool run__before(const struct run *a, const struct run *b)
{
	if (a->time_ns != b->time_ns)
		return a->time_ns < b->time_ns;
	return a->seq < b->seq;
}

static int run__compare(const void *a, const void *b)
{
	return run__before(a, b) ? -1 : 1;
}

static int run__compare_offset(const void *a, const void *b)
{
	return ((const struct run *)a)->offset < ((const struct run *)b)->offset ? -1 : 1;
}

static void heap__sift_down(struct run *heap, size_t nr)
{
	size_t i = 0;

	for (;;) {
		size_t child = 2 * i + 1;
		struct run tmp;

		if (child >= nr)
			return;
		if (child + 1 < nr && run__before(&heap[child + 1], &heap[child]))
			child++;
		if (!run__before(&heap[child], &heap[i]))
			return;
		tmp = heap[i];
		heap[i] = heap[child];
		heap[child] = tmp;
		i = child;
	}
}

static int heap__push(struct order *order, const struct run *run)
{
	struct run *slot = array__push(&order->heap);
	struct run *heap = order->heap.items;
	size_t i;

	if (!slot)
		return -ENOMEM;
	for (i = order->heap.nr - 1; i && run__before(run, &heap[(i - 1) / 2]); i = (i - 1) / 2)
		heap[i] = heap[(i - 1) / 2];
	heap[i] = *run;
	return 0;
}

/* Deliver the earliest event that has begun, and step or drop its run. */
static int order__deliver_top(struct order *order)
{
	struct run *top = &order->heap.items[0];
	const struct mt_record *record =
		(const struct mt_record *)(order->arena.items + top->offset);
	struct event ev;
	int err;

	record__decode(record, top->next, &ev);
	order->delivered += record->kind < MT_KIND_SESSION;
	err = order->fn(order->ctx, &ev);
	if (++top->next < top->nr)
		top->time_ns = record__time(record, top->next);
	else
		*top = order->heap.items[--order->heap.nr];
	heap__sift_down(order->heap.items, order->heap.nr);
	return err;
}

/* Keep only what was not delivered: move it to the front of the arena. */
static int order__compact(struct order *order, size_t first_left)
{
	size_t left = order->runs.nr - first_left;
	size_t end = 0;

	if (first_left)
		memmove(order->runs.items, order->runs.items + first_left,
			left * sizeof(struct run));
	order->runs.nr = left;
	for (size_t i = 0; i < order->heap.nr; i++) {
		struct run *run = array__push(&order->runs);

		if (!run)
			return -ENOMEM;
		*run = order->heap.items[i];
	}
	order->heap.nr = 0;
	/* In arena order, so that a record never moves onto one that is still to move. */
	if (order->runs.nr)
		qsort(order->runs.items, order->runs.nr, sizeof(struct run), run__compare_offset);
	for (size_t i = 0; i < order->runs.nr; i++) {
		struct run *run = &order->runs.items[i];
		const struct mt_record *record =
			(const struct mt_record *)(order->arena.items + run->offset);
		size_t size = (record->size_bytes + 7) & ~7UL;

		memmove(order->arena.items + end, record, size);
		run->offset = end;
		end += size;
	}
	order->arena.nr = end;
	array__trim(&order->arena, ARENA_KEEP_BYTES);
	array__trim(&order->runs, RUNS_KEEP);
	return 0;
}

/* Deliver what is dated last_ns or before. */
static int order__drain(struct order *order, uint64_t last_ns)
{
	size_t i = 0;
	int err = 0;

	if (order->runs.nr)
		qsort(order->runs.items, order->runs.nr, sizeof(struct run), run__compare);
	while (!err) {
		const struct run *top = order->heap.nr ? order->heap.items : NULL;
		const struct run *next = i < order->runs.nr ? &order->runs.items[i] : NULL;

		if (next && next->time_ns > last_ns)
			next = NULL;
		if (top && top->time_ns > last_ns)
			top = NULL;
		if (!top && !next)
			break;
		if (next && (!top || run__before(next, top))) {
			err = heap__push(order, next);
			i++;
		} else {
			err = order__deliver_top(order);
		}
	}
	return order__compact(order, i) ?: err;
}

static int order__keep(struct order *order, const struct mt_record *record)
{
	size_t size = (record->size_bytes + 7) & ~7UL;
	size_t offset = order->arena.nr;
	struct run *run;

	if (array__reserve(&order->arena, offset + size))
		return -ENOMEM;
	run = array__push(&order->runs);
	if (!run)
		return -ENOMEM;
	memcpy(order->arena.items + offset, record, record->size_bytes);
	order->arena.nr += size;
	*run = (struct run){
		.time_ns = record__time(record, 0),
		.seq = order->seq++,
		.offset = offset,
		.nr = record__events(record),
	};
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
