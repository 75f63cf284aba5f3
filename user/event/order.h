/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Puts events in time order. Records arrive nearly sorted: a CPU's faults wait in batches while
 * other records overtake them. A MT_KIND_WATERMARK record says that nothing older than it is still
 * to come; then all before it can be delivered. Memory is bounded by what arrives between two
 * watermarks, and by 64 MiB of records where a stream has none: all that is held is delivered then.
 */
#ifndef MEMTRACE_ORDER_H
#define MEMTRACE_ORDER_H

#include <stddef.h>
#include <stdint.h>

struct event;
struct order;

/* Called for each event in time order; a non-zero result stops the delivery and is passed on. */
typedef int (*order_fn)(void *ctx, const struct event *ev);

/* 0 or -ENOMEM. Owned by the caller: order__free(). */
int order__new(order_fn fn, void *ctx, struct order **ret);
void order__free(struct order *order);

/*
 * Take a copy of a record; a watermark delivers what is due. 0, -ENOMEM, or what the callback
 * returned. A malformed or unknown record is counted, not an error.
 */
int order__push(struct order *order, const void *record, size_t size);

/* Deliver all that is still held. */
int order__finish(struct order *order);

uint64_t order__malformed(const struct order *order); /* records that could not be decoded */
uint64_t order__unknown(const struct order *order);   /* records of kinds that are not known */
uint64_t order__delivered(const struct order *order); /* events passed on from kernel records */

#endif
