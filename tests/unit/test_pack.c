// SPDX-License-Identifier: GPL-2.0-or-later
/* Batches of faults as columns of differences, and back: byte for byte, or refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "events.h"
#include "recording/pack.h"

static void batch__begin(struct faults_record *batch, unsigned int nr)
{
	memset(batch, 0, sizeof(*batch));
	batch->rec.hdr = record__header(
		MT_KIND_FAULTS, sizeof(batch->rec) + nr * sizeof(batch->fault[0]), PID, PID + 1);
	batch->rec.hdr.cpu = 1;
	batch->rec.nr = nr;
}

static void batch__random(struct faults_record *batch, unsigned int nr, uint64_t *seed)
{
	uint64_t bytes = random__next(seed);

	batch__begin(batch, nr);
	batch->rec.hdr.time_ns = random__next(seed);
	batch->rec.hdr.tgid = (uint32_t)bytes;
	batch->rec.hdr.tid = bytes >> 32;
	batch->rec.hdr.cpu = (uint16_t)random__next(seed);
	batch->rec.hdr.flags = (uint16_t)random__next(seed);
	batch->rec.lost = (uint32_t)random__next(seed);
	for (unsigned int i = 0; i < nr; i++) {
		struct mt_fault *fault = &batch->fault[i];
		/* From numbers of one bit to those of 64. */
		unsigned int shift = random__below(seed, 64);

		fault->addr_flags = random__next(seed) >> shift;
		fault->time_ns = random__next(seed) >> shift;
		fault->flt = FLT((uint32_t)(random__next(seed) >> (shift / 2 + 32)),
				 (uint32_t)(random__next(seed) >> (shift / 2 + 32)));
	}
}

/* In memory of just the size that may be used, so that the sanitizers see each byte too far. */
static void check_round_trip(const struct faults_record *batch, size_t max_bytes)
{
	void *room = malloc(PACKED_MAX_BYTES), *packed;
	struct faults_record again;
	size_t size;

	assert_non_null(room);
	memset(room, 0xee, PACKED_MAX_BYTES);
	size = pack__faults(&batch->rec, room);
	assert_true(size <= max_bytes);
	assert_int_equal(size % 8, 0);
	packed = malloc(size);
	assert_non_null(packed);
	memcpy(packed, room, size);
	free(room);
	assert_int_equal(((struct mt_record *)packed)->size_bytes, size);
	assert_int_equal(((struct mt_record *)packed)->kind, MT_KIND_PACKED_FAULTS);
	memset(&again, 0xee, sizeof(again));
	assert_int_equal(pack__unpack(packed, size, &again), 0);
	assert_memory_equal(&again, batch, batch->rec.hdr.size_bytes);
	free(packed);
}

static void test_random(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct faults_record batch;

		batch__random(&batch, 1 + random__below(&seed, MT_BATCH_FAULTS), &seed);
		check_round_trip(&batch, PACKED_MAX_BYTES);
	}
}

/* All bits set and all clear in turn: the largest differences of both signs. */
static void test_extremes(void **state)
{
	struct faults_record batch;

	(void)state;
	for (unsigned int nr = 1; nr <= MT_BATCH_FAULTS; nr++) {
		for (unsigned int first = 0; first < 2; first++) {
			batch__begin(&batch, nr);
			batch.rec.hdr.time_ns = first ? UINT64_MAX : 0;
			batch.rec.lost = UINT32_MAX;
			for (unsigned int i = 0; i < nr; i++)
				memset(&batch.fault[i], (i + first) % 2 ? 0xff : 0,
				       sizeof(batch.fault[i]));
			check_round_trip(&batch, PACKED_MAX_BYTES);
		}
	}
}

/* What packing is for: a process that goes through fresh memory. Before zstd 6 bytes a fault. */
static void test_fresh_memory(void **state)
{
	struct faults_record batch;

	(void)state;
	batch__begin(&batch, MT_BATCH_FAULTS);
	batch.rec.hdr.time_ns = 1ULL << 40;
	for (unsigned int i = 0; i < MT_BATCH_FAULTS; i++)
		batch.fault[i] = (struct mt_fault){
			.addr_flags = (LIB + i * PAGE) | MT_FAULT_WRITE,
			.time_ns = (1ULL << 40) + i * 120,
			.flt = FLT(1000 + i, 7),
		};
	/* The first page and counter of a batch take some bytes more. */
	check_round_trip(&batch, sizeof(struct mt_packed_faults) + 6 * MT_BATCH_FAULTS + 16);
}

static int unpack_copy(const void *data, size_t size)
{
	void *copy = malloc(size ?: 1);
	struct faults_record batch;
	int err;

	assert_non_null(copy);
	memcpy(copy, data, size);
	err = pack__unpack(copy, size, &batch);
	/* What is accepted is a record that the decoder takes. */
	if (!err)
		assert_int_equal(record__check(&batch, sizeof(batch)), 0);
	free(copy);
	return err;
}

/* Cut short anywhere: refused, but for the padding at its end. */
static void test_truncated(void **state)
{
	_Alignas(8) uint8_t packed[PACKED_MAX_BYTES];
	struct faults_record batch;
	uint64_t seed = 2;
	size_t size;

	(void)state;
	for (int round = 0; round < 100; round++) {
		batch__random(&batch, 1 + random__below(&seed, MT_BATCH_FAULTS), &seed);
		size = pack__faults(&batch.rec, packed);
		assert_int_equal(unpack_copy(packed, size), 0);
		for (size_t cut = 0; cut + 8 <= size; cut++)
			assert_int_equal(unpack_copy(packed, cut), -EBADMSG);
	}
}

static void test_malformed(void **state)
{
	_Alignas(8) uint8_t packed[PACKED_MAX_BYTES + 8];
	struct mt_packed_faults *rec = (struct mt_packed_faults *)packed;
	static const uint32_t bad_nr[] = {0, MT_BATCH_FAULTS + 1, 1U << 31, UINT32_MAX};
	struct faults_record batch;
	size_t size;

	(void)state;
	batch__begin(&batch, 3);
	size = pack__faults(&batch.rec, packed);
	for (size_t i = 0; i < sizeof(bad_nr) / sizeof(bad_nr[0]); i++) {
		rec->nr = bad_nr[i];
		assert_int_equal(unpack_copy(packed, size), -EBADMSG);
	}
	/* More entries than there are bytes for, and bytes that no entry wants. */
	rec->nr = MT_BATCH_FAULTS;
	assert_int_equal(unpack_copy(packed, size), -EBADMSG);
	rec->nr = 3;
	memset(packed + size, 0, 8);
	assert_int_equal(unpack_copy(packed, size), 0);
	assert_int_equal(unpack_copy(packed, size + 8), -EBADMSG);
	/* A number that does not end within 64 bits. */
	memset(rec + 1, 0x80, size - sizeof(*rec));
	assert_int_equal(unpack_copy(packed, size), -EBADMSG);
}

/* Whatever comes: refused, or a record that the decoder takes. */
static void test_garbage(void **state)
{
	_Alignas(8) uint8_t packed[PACKED_MAX_BYTES];
	struct mt_packed_faults *rec = (struct mt_packed_faults *)packed;
	uint64_t seed = 3;
	unsigned int nr_taken = 0;

	(void)state;
	for (int round = 0; round < 50000; round++) {
		unsigned int nr = 1 + random__below(&seed, 4);
		size_t size = sizeof(*rec) + 8 * random__below(&seed, 6);

		for (size_t i = 0; i < size; i++)
			packed[i] = random__next(&seed) >> random__below(&seed, 8);
		rec->nr = nr;
		nr_taken += !unpack_copy(packed, size);
	}
	/* Both ways were taken. */
	assert_true(nr_taken > 100 && nr_taken < 49900);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),	     cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_fresh_memory), cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_malformed),    cmocka_unit_test(test_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
