// SPDX-License-Identifier: GPL-2.0-or-later
/* Recordings of the writer that are cut off or damaged, and takers that fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include <zstd.h>

#include "recordings.h"

#define HEADER_BYTES sizeof(struct mt_recording_header)

/* A recording in memory, and where its frames end: with how many records before. */
struct sample {
	struct tape tape;
	uint8_t *data;
	size_t size;
	struct {
		struct {
			size_t at, nr_records;
		} * items;
		size_t nr, cap;
	} ends;
};

static void sample__add_end(struct sample *sample, size_t at, size_t nr_records)
{
	assert_non_null(array__push(&sample->ends));
	sample->ends.items[sample->ends.nr - 1].at = at;
	sample->ends.items[sample->ends.nr - 1].nr_records = nr_records;
}

static void sample__open(struct sample *sample, size_t nr, uint64_t seed)
{
	int fd = recording__open_file();
	struct playback playback;

	*sample = (struct sample){};
	tape__fill(&sample->tape, nr, seed);
	sample->size = tape__write(&sample->tape, fd);
	sample->data = recording__read(fd, sample->size);
	close(fd);
	sample__add_end(sample, HEADER_BYTES, 0);
	for (size_t at = HEADER_BYTES; at < sample->size;) {
		at += ZSTD_findFrameCompressedSize(sample->data + at, sample->size - at);
		assert_true(at <= sample->size);
		assert_int_equal(playback__run_bytes(&playback, &sample->tape, sample->data, at),
				 0);
		sample__add_end(sample, at, playback.nr);
	}
	assert_int_equal(playback.nr, nr);
}

static void sample__close(struct sample *sample)
{
	array__free(&sample->ends);
	free(sample->data);
	tape__free(&sample->tape);
}

/*
 * Where a frame ends, what is before it is there, exactly. Within a frame, zstd may have some of
 * its records to give, from the beginning of it; the frames before it are there.
 */
static void check_cut(const struct sample *sample, size_t size)
{
	struct playback playback;
	size_t i = 0;
	int err;

	err = playback__run_bytes(&playback, &sample->tape, sample->data, size);
	if (size < HEADER_BYTES) {
		assert_int_equal(err, -EBADMSG);
		return;
	}
	assert_int_equal(err, 0);
	while (i + 1 < sample->ends.nr && sample->ends.items[i + 1].at <= size)
		i++;
	assert_int_equal(playback.state,
			 sample->ends.items[i].at == size ? READER_AT_END : READER_TRUNCATED);
	if (playback.state == READER_AT_END)
		assert_int_equal(playback.nr, sample->ends.items[i].nr_records);
	assert_in_range(playback.nr, sample->ends.items[i].nr_records,
			i + 1 < sample->ends.nr ? sample->ends.items[i + 1].nr_records
						: sample->tape.starts.nr);
	assert_int_equal(playback.offset, size);
}

static void test_cut_at_every_byte(void **state)
{
	struct sample sample;

	(void)state;
	sample__open(&sample, 40, 1);
	assert_true(sample.ends.nr >= 3);
	for (size_t size = 0; size <= sample.size; size++)
		check_cut(&sample, size);
	sample__close(&sample);
}

static void test_cut_at_every_percent(void **state)
{
	struct sample sample;

	(void)state;
	sample__open(&sample, 3000, 2);
	assert_true(sample.size > 64 << 10);
	for (size_t percent = 0; percent <= 100; percent++)
		check_cut(&sample, sample.size * percent / 100);
	sample__close(&sample);
}

/* A frame of many blocks: of one that is cut, the blocks before the cut are read. */
static void test_cut_within_frame(void **state)
{
	struct playback playback;
	struct tape tape = {};
	uint64_t seed = 1;
	int fd = recording__open_file();
	uint8_t *data;
	size_t size;

	(void)state;
	while (tape.nr < 230 << 10)
		tape__add_any(&tape, &seed, 1000000000);
	size = tape__write(&tape, fd);
	data = recording__read(fd, size);
	close(fd);
	assert_int_equal(HEADER_BYTES + ZSTD_findFrameCompressedSize(data + HEADER_BYTES,
								     size - HEADER_BYTES),
			 size);
	assert_int_equal(playback__run_bytes(&playback, &tape, data, size - 1), 0);
	assert_int_equal(playback.state, READER_TRUNCATED);
	/* Only the checksum is not whole. */
	assert_int_equal(playback.nr, tape.starts.nr);
	assert_int_equal(playback__run_bytes(&playback, &tape, data, size * 3 / 4), 0);
	assert_int_equal(playback.state, READER_TRUNCATED);
	assert_in_range(playback.nr, tape.starts.nr / 3, tape.starts.nr * 3 / 4);
	free(data);
	tape__free(&tape);
}

/*
 * One bit the other way: nothing wrong is delivered (the playback compares), and that something is
 * missing shows. A bit that means nothing may go unnoticed, if nothing is missing.
 */
static void test_flipped_bits(void **state)
{
	struct sample sample;
	struct playback playback;
	uint64_t seed = 3;

	(void)state;
	sample__open(&sample, 40, 4);
	for (size_t i = 0; i < sample.size; i++) {
		uint8_t bit = 1U << random__below(&seed, 8);
		int err;

		sample.data[i] ^= bit;
		err = playback__run_bytes(&playback, &sample.tape, sample.data, sample.size);
		if (!err && playback.state == READER_AT_END)
			assert_int_equal(playback.nr, sample.tape.starts.nr);
		if (err)
			assert_true(i < HEADER_BYTES && *playback.error.text);
		sample.data[i] ^= bit;
	}
	sample__close(&sample);
}

/* A byte in the middle of a frame: what is before it comes, what is after it does not. */
static void test_damage(void **state)
{
	struct sample sample;
	struct playback playback;

	(void)state;
	sample__open(&sample, 2000, 5);
	for (size_t i = 0; i + 1 < sample.ends.nr; i++) {
		size_t at = (sample.ends.items[i].at + sample.ends.items[i + 1].at) / 2;

		sample.data[at] ^= 0xff;
		assert_int_equal(
			playback__run_bytes(&playback, &sample.tape, sample.data, sample.size), 0);
		assert_int_equal(playback.state, READER_DAMAGED);
		assert_int_equal(playback.nr, sample.ends.items[i].nr_records);
		sample.data[at] ^= 0xff;
	}
	sample__close(&sample);
}

/* What follows the end: another recording, text, or nothing but zeroes. */
static void test_garbage_behind(void **state)
{
	struct sample sample;
	struct playback playback;
	uint8_t *data;

	(void)state;
	sample__open(&sample, 100, 6);
	data = calloc(2, sample.size);
	assert_non_null(data);
	memcpy(data, sample.data, sample.size);
	for (int i = 0; i < 3; i++) {
		if (i == 1)
			memset(data + sample.size, 'x', sample.size);
		else if (i == 2)
			memcpy(data + sample.size, sample.data, sample.size);
		assert_int_equal(
			playback__run_bytes(&playback, &sample.tape, data, 2 * sample.size), 0);
		assert_int_equal(playback.state, READER_DAMAGED);
		assert_int_equal(playback.nr, sample.tape.starts.nr);
		assert_in_range(playback.offset, sample.size, 2 * sample.size);
	}
	free(data);
	sample__close(&sample);
}

static int stop_at_three(void *ctx, const void *data, size_t size)
{
	(void)data;
	(void)size;
	return ++*(int *)ctx == 3 ? -EPIPE : 0;
}

/* What the taker says ends it, and comes out. */
static void test_taker_fails(void **state)
{
	struct sample sample;
	struct reader *reader;
	struct error error;
	int fd = recording__open_file(), nr = 0, err = 0;

	(void)state;
	sample__open(&sample, 100, 12);
	assert_int_equal(write(fd, sample.data, sample.size), sample.size);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(reader__new(fd, "it", &error, &reader), 0);
	while (!err && reader__state(reader) == READER_READING)
		err = reader__next(reader, stop_at_three, &nr);
	assert_int_equal(err, -EPIPE);
	assert_int_equal(nr, 3);
	reader__free(reader);
	close(fd);
	sample__close(&sample);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut_at_every_byte),
		cmocka_unit_test(test_cut_at_every_percent),
		cmocka_unit_test(test_cut_within_frame),
		cmocka_unit_test(test_flipped_bits),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_garbage_behind),
		cmocka_unit_test(test_taker_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
