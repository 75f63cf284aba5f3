// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/histogram.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define SLOTS (HISTOGRAM_OCTAVES * HISTOGRAM_SUB)

/* Below HISTOGRAM_SUB each value has a slot of its own. */
static unsigned int slot__of(uint64_t value)
{
	unsigned int bit, shift;

	if (value < HISTOGRAM_SUB)
		return (unsigned int)value;
	if (value >> HISTOGRAM_TOP_BITS)
		return SLOTS - 1;
	bit = 63 - (unsigned int)__builtin_clzll(value);
	shift = bit - HISTOGRAM_SUB_BITS;
	return (shift + 1) * HISTOGRAM_SUB + (unsigned int)(value >> shift) % HISTOGRAM_SUB;
}

/* The greatest value of a slot. */
static uint64_t slot__last(unsigned int slot)
{
	unsigned int shift;

	if (slot < HISTOGRAM_SUB)
		return slot;
	shift = slot / HISTOGRAM_SUB - 1;
	return ((uint64_t)(slot % HISTOGRAM_SUB + HISTOGRAM_SUB + 1) << shift) - 1;
}

static uint64_t slot__count(const struct histogram *histogram, unsigned int slot)
{
	const uint64_t *octave = histogram->octaves[slot / HISTOGRAM_SUB];

	return octave ? octave[slot % HISTOGRAM_SUB] : 0;
}

static void add_clamped(uint64_t *sum, uint64_t value)
{
	if (__builtin_add_overflow(*sum, value, sum))
		*sum = UINT64_MAX;
}

/* NULL without memory. */
static uint64_t *slot__get(struct histogram *histogram, unsigned int slot)
{
	uint64_t **octave = &histogram->octaves[slot / HISTOGRAM_SUB];

	if (!*octave) {
		*octave = calloc(1, HISTOGRAM_OCTAVE_BYTES);
		if (!*octave)
			return NULL;
		histogram->nr_octaves++;
	}
	return &(*octave)[slot % HISTOGRAM_SUB];
}

int histogram__add(struct histogram *histogram, uint64_t value, uint32_t weight)
{
	uint64_t *slot = slot__get(histogram, slot__of(value)), weighed;

	if (!slot)
		return -ENOMEM;
	if (__builtin_mul_overflow(value, weight, &weighed))
		weighed = UINT64_MAX;
	histogram->samples += weight > 0;
	add_clamped(&histogram->count, weight);
	add_clamped(&histogram->sum, weighed);
	add_clamped(slot, weight);
	if (value > histogram->max)
		histogram->max = value;
	return 0;
}

void histogram__release(struct histogram *histogram)
{
	for (unsigned int i = 0; i < HISTOGRAM_OCTAVES; i++)
		free(histogram->octaves[i]);
	*histogram = (struct histogram){};
}

uint64_t histogram__quantile(const struct histogram *histogram, double share)
{
	uint64_t rank = (uint64_t)ceil(share * (double)histogram->count), seen = 0;

	for (unsigned int i = 0; i < SLOTS; i++) {
		if (!histogram->octaves[i / HISTOGRAM_SUB]) {
			i += HISTOGRAM_SUB - 1;
			continue;
		}
		seen += slot__count(histogram, i);
		if (seen >= rank && seen) {
			uint64_t last = slot__last(i);

			return last < histogram->max && i < SLOTS - 1 ? last : histogram->max;
		}
	}
	return histogram->max;
}

/* The first slot of the values from 2^bit on. */
static unsigned int slot__of_bit(unsigned int bit)
{
	return bit >= HISTOGRAM_TOP_BITS ? SLOTS : slot__of(1ULL << bit);
}

uint64_t histogram__log2(const struct histogram *histogram, unsigned int bit)
{
	uint64_t count = 0;

	for (unsigned int i = bit ? slot__of_bit(bit) : 0; i < slot__of_bit(bit + 1); i++)
		count += slot__count(histogram, i);
	return count;
}
