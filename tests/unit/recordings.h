/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records made by chance, written into a file in memory, and read again: what comes out must be
 * what went in, as far as it comes. Include after cmocka.h.
 */
#ifndef MEMTRACE_TESTS_RECORDINGS_H
#define MEMTRACE_TESTS_RECORDINGS_H

#include <sys/mman.h>
#include <unistd.h>

#include "base/array.h"
#include "events.h"
#include "recording/reader.h"
#include "recording/writer.h"

/* Of no version so far. */
#define KIND_TO_COME 200

/* Records one after the other, each at a multiple of 8 bytes. */
struct tape {
	uint8_t *items;
	size_t nr, cap; /* bytes */
	struct {
		size_t *items;
		size_t nr, cap;
	} starts;
};

static inline size_t tape__padded(size_t size)
{
	return (size + 7) & ~(size_t)7;
}

static inline void tape__add(struct tape *tape, const void *data, size_t size)
{
	size_t *start = array__push(&tape->starts);

	assert_non_null(start);
	assert_int_equal(array__reserve(tape, tape->nr + tape__padded(size)), 0);
	*start = tape->nr;
	memset(tape->items + tape->nr, 0, tape__padded(size));
	memcpy(tape->items + tape->nr, data, size);
	tape->nr += tape__padded(size);
}

static inline const struct mt_record *tape__at(const struct tape *tape, size_t i)
{
	assert_true(i < tape->starts.nr);
	return (const struct mt_record *)(tape->items + tape->starts.items[i]);
}

static inline void tape__free(struct tape *tape)
{
	array__free(&tape->starts);
	array__free(tape);
}

static inline void tape__add_watermark(struct tape *tape, uint64_t time_ns)
{
	struct mt_tick rec = {.hdr = record__header(MT_KIND_WATERMARK, sizeof(rec), 0, 0)};

	rec.hdr.time_ns = time_ns;
	tape__add(tape, &rec, sizeof(rec));
}

static inline void tape__add_faults(struct tape *tape, uint64_t *seed, uint64_t time_ns)
{
	struct {
		struct mt_faults rec;
		struct mt_fault fault[MT_BATCH_FAULTS];
	} batch = {};
	unsigned int nr = 1 + random__below(seed, MT_BATCH_FAULTS);
	size_t size = sizeof(batch.rec) + nr * sizeof(batch.fault[0]);

	batch.rec.hdr = record__header(MT_KIND_FAULTS, size, PID, PID);
	batch.rec.hdr.time_ns = time_ns;
	batch.rec.nr = nr;
	for (unsigned int i = 0; i < nr; i++) {
		time_ns += 1000 + random__below(seed, 8);
		batch.fault[i] = (struct mt_fault){
			.addr_flags = LIB + i * PAGE,
			.time_ns = time_ns,
			.flt = FLT(i, i / 8),
		};
	}
	tape__add(tape, &batch, size);
}

/* A record of a length and content that nobody looks into: known kinds and others. */
static inline void tape__add_any(struct tape *tape, uint64_t *seed, uint64_t time_ns)
{
	_Alignas(8) uint8_t data[MT_RECORD_MAX_BYTES];
	struct mt_record *record = (struct mt_record *)data;
	size_t size = sizeof(*record) + random__below(seed, 400);

	if (!random__below(seed, 50))
		size = MT_RECORD_MAX_BYTES - random__below(seed, 16);
	for (size_t i = 0; i < size; i++)
		data[i] = random__below(seed, 16) ? 0 : random__next(seed);
	*record = record__header(random__below(seed, 2) ? MT_KIND_MMAP
							: KIND_TO_COME + random__below(seed, 60000),
				 size, PID, PID);
	record->time_ns = time_ns;
	tape__add(tape, data, size);
}

/* nr records, one in about 30 ms, with watermarks and an end. */
static inline void tape__fill(struct tape *tape, size_t nr, uint64_t seed)
{
	struct mt_end end = {.hdr = record__header(MT_KIND_END, sizeof(end), 0, 0)};
	uint64_t time_ns = 1000000000;

	for (size_t i = 1; i < nr; i++) {
		time_ns += random__below(&seed, 60000000);
		if (i % 6 == 0)
			tape__add_watermark(tape, time_ns);
		else if (random__below(&seed, 3))
			tape__add_faults(tape, &seed, time_ns);
		else
			tape__add_any(tape, &seed, time_ns);
	}
	end.hdr.time_ns = time_ns;
	tape__add(tape, &end, sizeof(end));
}

static inline int recording__open_file(void)
{
	int fd = memfd_create("recording", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	return fd;
}

static inline void tape__push(const struct tape *tape, struct writer *writer)
{
	for (size_t i = 0; i < tape->starts.nr; i++)
		assert_int_equal(
			writer__push(writer, tape__at(tape, i), tape__at(tape, i)->size_bytes), 0);
}

/* Write a tape to fd; the size of the file. */
static inline uint64_t tape__write(const struct tape *tape, int fd)
{
	struct writer *writer;
	uint64_t bytes;

	assert_int_equal(writer__new(fd, &writer), 0);
	tape__push(tape, writer);
	assert_int_equal(writer__finish(writer, &bytes), 0);
	writer__free(writer);
	return bytes;
}

/* What a reader delivers, held against a tape. */
struct playback {
	const struct tape *tape;
	size_t nr; /* records delivered */
	enum reader_state state;
	uint64_t offset;
	struct mt_recording_header header;
	struct error error;
};

static inline int playback__take(void *ctx, const void *data, size_t size)
{
	struct playback *playback = ctx;
	const struct mt_record *expected = tape__at(playback->tape, playback->nr);

	assert_int_equal((uintptr_t)data % 8, 0);
	assert_int_equal(size, expected->size_bytes);
	assert_memory_equal(data, expected, size);
	playback->nr++;
	return 0;
}

/* Read fd, from where it is, to its end: the result of reader__new(). */
static inline int playback__run(struct playback *playback, const struct tape *tape, int fd)
{
	struct reader *reader;
	int err;

	*playback = (struct playback){.tape = tape};
	err = reader__new(fd, "it", &playback->error, &reader);
	if (err)
		return err;
	playback->header = *reader__header(reader);
	while (reader__state(reader) == READER_READING)
		assert_int_equal(reader__next(reader, playback__take, playback), 0);
	assert_int_equal(reader__error(reader), 0);
	playback->state = reader__state(reader);
	playback->offset = reader__offset(reader);
	reader__free(reader);
	return 0;
}

/* The same of bytes in memory. */
static inline int playback__run_bytes(struct playback *playback, const struct tape *tape,
				      const void *data, size_t size)
{
	int fd = recording__open_file(), err;

	assert_int_equal(write(fd, data, size), size);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	err = playback__run(playback, tape, fd);
	close(fd);
	return err;
}

/* What is in the file, to be freed. */
static inline uint8_t *recording__read(int fd, size_t size)
{
	uint8_t *data = malloc(size ?: 1);

	assert_non_null(data);
	assert_int_equal(pread(fd, data, size, 0), size);
	return data;
}

#endif
