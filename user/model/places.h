/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MEMTRACE_PLACES_H
#define MEMTRACE_PLACES_H

#include <stdint.h>

struct place;
struct process;
struct vma;

/* The place that a mapping's faults are counted at; NULL without memory. */
struct place *place__of_vma(struct process *proc, struct vma *vma);
/* The place of faults in no known mapping; NULL without memory. */
struct place *place__other(struct process *proc);
/* Before a fault is counted: what its distance from the last one says of the pattern. */
void place__note_step(struct place *place, uint64_t page);
/*
 * A mapping has become larger by a neighbour of another origin: what was counted at the neighbour's
 * place is counted at this one's, once nothing else is mapped of the neighbour's. Either may be
 * NULL.
 */
void place__absorb(const struct vma *vma, struct place *gone);
/* The place of a mapping, by what it is; NULL: it has none. */
struct place *place__find(struct process *proc, const struct vma *vma);
/* Note of each place what is mapped of it now, by the mirror. */
void places__measure(struct process *proc);
/*
 * After that: distinct pages, of what is mapped now, or of all that was where nothing is any more.
 * Never more than the faults that are counted here, each that mapped a huge page for 512.
 */
uint64_t place__touched(const struct place *place);
void places__release(struct process *proc);

#endif
