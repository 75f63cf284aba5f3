/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Batches of faults as columns of differences: what a recording holds of them. */
#ifndef MEMTRACE_PACK_H
#define MEMTRACE_PACK_H

#include <stddef.h>

#include "memtrace/recording.h"

/* What each may need: a number of 64 bits takes 10 bytes, one of 32 takes 5. */
#define PACKED_MAX_BYTES                                                                           \
	(sizeof(struct mt_packed_faults) + MT_BATCH_FAULTS * (10 + 10 + 1 + 2 + 5 + 5) + 8)

struct faults_record {
	struct mt_faults rec;
	struct mt_fault fault[MT_BATCH_FAULTS];
};

/* A MT_KIND_FAULTS record of 1 … MT_BATCH_FAULTS entries; out: PACKED_MAX_BYTES. Its size. */
size_t pack__faults(const struct mt_faults *faults, void *out);

/* The record again, whole as it was. 0, or -EBADMSG: it is none that pack__faults() makes. */
int pack__unpack(const void *packed, size_t size, struct faults_record *out);

#endif
