/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How values are distributed, in bounded memory: each power of two is divided into
 * HISTOGRAM_SUB equal parts, so that a quantile is exact to 1/HISTOGRAM_SUB of its value, upwards.
 * (The scheme of HdrHistogram, at a fixed precision.)
 */
#ifndef MEMTRACE_HISTOGRAM_H
#define MEMTRACE_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_SUB_BITS 4
#define HISTOGRAM_SUB (1U << HISTOGRAM_SUB_BITS)
/* Values from 2^HISTOGRAM_TOP_BITS on share the last slot; their maximum is kept exactly. */
#define HISTOGRAM_TOP_BITS 40
#define HISTOGRAM_OCTAVES (HISTOGRAM_TOP_BITS - HISTOGRAM_SUB_BITS + 1)
#define HISTOGRAM_OCTAVE_BYTES (HISTOGRAM_SUB * sizeof(uint64_t))

struct histogram {
	uint64_t samples; /* the values that weigh something */
	uint64_t count;	  /* of them, each as often as it weighs */
	uint64_t sum;
	uint64_t max; /* of the others, too */
	/* HISTOGRAM_SUB counts each; NULL: all 0. What is measured has values of a few octaves. */
	uint64_t *octaves[HISTOGRAM_OCTAVES];
	unsigned int nr_octaves; /* of them, that are not NULL */
};

/* What has no room is as large as can be told: a slot, the count, the sum. 0 or -ENOMEM. */
int histogram__add(struct histogram *histogram, uint64_t value, uint32_t weight);
void histogram__release(struct histogram *histogram);

/* The least value that at least this share (0 … 1) of all do not exceed; 0 of an empty one. */
uint64_t histogram__quantile(const struct histogram *histogram, double share);

/* Values in [2^bit, 2^(bit+1)); of bit 0 also the zeros. */
uint64_t histogram__log2(const struct histogram *histogram, unsigned int bit);

#endif
