/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mutations that leave a stream of records one: records come and go, change places, and have
 * fields changed to values that stand elsewhere in the stream, or near them, so that pids,
 * addresses and times meet. What random bytes would do to it besides is libFuzzer's own part.
 */
#ifndef MEMTRACE_TESTS_MUTATE_H
#define MEMTRACE_TESTS_MUTATE_H

#include <stddef.h>
#include <stdint.h>

/* What libFuzzer offers, and asks for. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2,
				 size_t size2, uint8_t *out, size_t max_size, unsigned int seed);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The records in a recording's frames, batches of faults unpacked; 0: it is no recording. */
size_t mutate__unpack(const uint8_t *data, size_t size, uint8_t *out, size_t max_size);

/* The stream in data, changed in place; its new size. */
size_t mutate__records(uint8_t *data, size_t size, size_t max_size, uint64_t seed);

/* The records of two streams, alternating by times or in one cut; the size. */
size_t mutate__cross(const uint8_t *data1, size_t size1, const uint8_t *data2, size_t size2,
		     uint8_t *out, size_t max_size, uint64_t seed);

#endif
