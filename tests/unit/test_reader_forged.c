// SPDX-License-Identifier: GPL-2.0-or-later
/* Recordings that others made: of another version, in other frames, senseless, or to do harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>

#include <zstd.h>

#include "recordings.h"

/* A header like the writer's own, then what is given. */
struct forged {
	struct {
		uint8_t *items;
		size_t nr, cap;
	} file;
};

static void forged__add(struct forged *forged, const void *data, size_t size)
{
	assert_int_equal(array__reserve(&forged->file, forged->file.nr + size), 0);
	memcpy(forged->file.items + forged->file.nr, data, size);
	forged->file.nr += size;
}

static struct mt_recording_header *forged__open(struct forged *forged)
{
	struct mt_recording_header header = {
		.magic = MT_RECORDING_MAGIC,
		.byte_order = MT_RECORDING_BYTE_ORDER,
		.major = MT_RECORDING_MAJOR,
		.minor = MT_RECORDING_MINOR,
		.header_bytes = sizeof(header),
		.page_bytes = PAGE,
		.host = "db1",
		.kernel = "6.1.0",
		.arch = "x86_64",
	};

	*forged = (struct forged){};
	/* What is returned stays where it is. */
	assert_int_equal(array__reserve(&forged->file, 1 << 20), 0);
	forged__add(forged, &header, sizeof(header));
	return (struct mt_recording_header *)forged->file.items;
}

/* A frame of its own, in which zstd looks back as far as 1 << window_log. */
static void forged__add_frame(struct forged *forged, const void *data, size_t size, int window_log)
{
	ZSTD_CCtx *zstd = ZSTD_createCCtx();
	size_t cap = ZSTD_compressBound(size), out;
	uint8_t *frame = malloc(cap);

	assert_non_null(zstd);
	assert_non_null(frame);
	if (window_log)
		ZSTD_CCtx_setParameter(zstd, ZSTD_c_windowLog, window_log);
	ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1);
	out = ZSTD_compress2(zstd, frame, cap, data, size);
	assert_false(ZSTD_isError(out));
	forged__add(forged, frame, out);
	free(frame);
	ZSTD_freeCCtx(zstd);
}

static int forged__play(struct forged *forged, const struct tape *tape, struct playback *playback)
{
	return playback__run_bytes(playback, tape, forged->file.items, forged->file.nr);
}

static void forged__close(struct forged *forged)
{
	array__free(&forged->file);
}

/*
 * A frame that is larger than what is read at once, of bytes that zstd leaves as they are: only the
 * checksum at its end shows that one of them is wrong.
 */
static void test_damage_in_large_frame(void **state)
{
	struct playback playback;
	struct forged forged;
	struct tape tape = {};
	uint64_t seed = 1;

	(void)state;
	while (tape.nr < 200 << 10) {
		_Alignas(8) uint8_t data[1024];

		for (size_t i = 0; i < sizeof(data); i++)
			data[i] = random__next(&seed);
		*(struct mt_record *)data = record__header(KIND_TO_COME, sizeof(data), PID, PID);
		tape__add(&tape, data, sizeof(data));
	}
	forged__open(&forged);
	forged__add_frame(&forged, tape.items, tape.nr, 0);
	assert_true(forged.file.nr > 190 << 10);
	assert_int_equal(forged__play(&forged, &tape, &playback), 0);
	assert_int_equal(playback.state, READER_AT_END);
	assert_int_equal(playback.nr, tape.starts.nr);
	forged.file.items[10000] ^= 1;
	assert_int_equal(forged__play(&forged, &tape, &playback), 0);
	assert_int_equal(playback.state, READER_DAMAGED);
	assert_int_equal(playback.nr, 0);
	forged__close(&forged);
	tape__free(&tape);
}

/* Play it and release it: refused with this error, and these words. */
static void check_refused(struct forged *forged, int err, const char *words)
{
	struct playback playback;
	struct tape nothing = {};

	assert_int_equal(forged__play(forged, &nothing, &playback), err);
	assert_string_equal(playback.error.text, words);
	forged__close(forged);
}

static void test_no_recording(void **state)
{
	struct forged forged;

	(void)state;
	forged__open(&forged);
	forged.file.nr = 0;
	check_refused(&forged, -EBADMSG, "it is empty");
	forged__open(&forged);
	forged.file.nr = 5;
	check_refused(&forged, -EBADMSG, "it is not a recording of memtrace");
	forged__open(&forged)->magic[0] ^= 0x80;
	check_refused(&forged, -EBADMSG, "it is not a recording of memtrace");
	forged__open(&forged)->magic[4] = '\n';
	check_refused(&forged, -EBADMSG, "it is not a recording of memtrace");
	forged__open(&forged);
	forged.file.nr = 100;
	check_refused(&forged, -EBADMSG, "it ends within its header");
	forged__open(&forged)->header_bytes++;
	check_refused(&forged, -EBADMSG, "it ends within its header");
}

static void test_bad_header(void **state)
{
	static const char words[] = "it is damaged: its header makes no sense";
	struct mt_recording_header *header;
	struct forged forged;

	(void)state;
	forged__open(&forged)->header_bytes = sizeof(struct mt_recording_header) - 1;
	check_refused(&forged, -EBADMSG, words);
	forged__open(&forged)->header_bytes = 0;
	check_refused(&forged, -EBADMSG, words);
	forged__open(&forged)->header_bytes = UINT32_MAX;
	check_refused(&forged, -EBADMSG, words);
	forged__open(&forged)->byte_order = 7;
	check_refused(&forged, -EBADMSG, words);
	header = forged__open(&forged);
	memset(header->host, 'x', sizeof(header->host));
	check_refused(&forged, -EBADMSG, words);
	header = forged__open(&forged);
	memset(header->kernel, 'x', sizeof(header->kernel));
	check_refused(&forged, -EBADMSG, words);
	header = forged__open(&forged);
	memset(header->arch, 'x', sizeof(header->arch));
	check_refused(&forged, -EBADMSG, words);
}

static void test_cannot_read(void **state)
{
	struct reader *reader;
	struct error error;
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_int_equal(reader__new(fd, "it", &error, &reader), -EISDIR);
	assert_string_equal(error.text, "cannot read it: Is a directory");
	close(fd);
}

static void test_other_byte_order(void **state)
{
	struct mt_recording_header *header;
	struct forged forged;

	(void)state;
	header = forged__open(&forged);
	header->byte_order = __builtin_bswap32(header->byte_order);
	header->major = __builtin_bswap16(header->major);
	header->header_bytes = __builtin_bswap32(header->header_bytes);
	check_refused(&forged, -EPROTONOSUPPORT,
		      "it was recorded on a machine of the other byte order; report it on one like "
		      "that");
}

static void test_other_major(void **state)
{
	struct mt_recording_header *header;
	struct forged forged;

	(void)state;
	header = forged__open(&forged);
	header->major = 2;
	header->minor = 7;
	check_refused(
		&forged, -EPROTONOSUPPORT,
		"it has version 2.7 of the format, and this memtrace reads 1: use a newer one");
	header = forged__open(&forged);
	header->major = 0;
	header->minor = 1;
	check_refused(
		&forged, -EPROTONOSUPPORT,
		"it has version 0.1 of the format, and this memtrace reads 1: use an older one");
}

/* A longer header, kinds that are not known, records that have grown: read, and told apart. */
static void test_newer_minor(void **state)
{
	static const char more[100] = "what the header has in addition";
	struct mt_recording_header *header;
	struct playback playback;
	struct forged forged;
	struct tape tape = {};

	(void)state;
	tape__fill(&tape, 100, 7);
	header = forged__open(&forged);
	header->minor = UINT16_MAX;
	header->header_bytes += sizeof(more);
	forged__add(&forged, more, sizeof(more));
	forged__add_frame(&forged, tape.items, tape.nr, 0);
	assert_int_equal(forged__play(&forged, &tape, &playback), 0);
	assert_int_equal(playback.state, READER_AT_END);
	assert_int_equal(playback.nr, tape.starts.nr);
	assert_int_equal(playback.header.minor, UINT16_MAX);
	assert_string_equal(playback.header.host, "db1");
	forged__close(&forged);
	tape__free(&tape);
}

/* Other writers may make other frames: of one record each, or one of all; and skippable ones. */
static void test_other_frames(void **state)
{
	static const uint8_t skippable[] = {0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 'm', 'o', 'r', 'e'};
	struct playback playback;
	struct tape tape = {};
	struct forged forged;

	(void)state;
	tape__fill(&tape, 4000, 8);
	assert_true(tape.nr > 2 << 20);
	forged__open(&forged);
	forged__add_frame(&forged, tape.items, tape.nr, MT_RECORDING_WINDOW_LOG);
	assert_int_equal(forged__play(&forged, &tape, &playback), 0);
	assert_int_equal(playback.state, READER_AT_END);
	assert_int_equal(playback.nr, tape.starts.nr);
	forged__close(&forged);

	/* Records that begin in one frame and end in another. */
	forged__open(&forged);
	for (size_t at = 0; at < tape.nr;) {
		size_t size = tape.nr - at < 1000 ? tape.nr - at : 1000;

		forged__add_frame(&forged, tape.items + at, size, 0);
		forged__add(&forged, skippable, sizeof(skippable));
		at += size;
	}
	assert_int_equal(forged__play(&forged, &tape, &playback), 0);
	assert_int_equal(playback.state, READER_AT_END);
	assert_int_equal(playback.nr, tape.starts.nr);
	forged__close(&forged);
	tape__free(&tape);
}

/* Whole frames, of which the last ends within a record. */
static void test_half_record(void **state)
{
	struct playback playback;
	struct tape tape = {};
	struct forged forged;

	(void)state;
	tape__fill(&tape, 100, 9);
	for (size_t less = 1; less < sizeof(struct mt_end); less++) {
		forged__open(&forged);
		forged__add_frame(&forged, tape.items, tape.nr - less, 0);
		assert_int_equal(forged__play(&forged, &tape, &playback), 0);
		assert_int_equal(playback.state, READER_TRUNCATED);
		assert_int_equal(playback.nr, tape.starts.nr - 1);
		forged__close(&forged);
	}
	tape__free(&tape);
}

/* What cannot be a record ends it: there is no way to find the next one. */
static void check_bad_record(const void *data, size_t size)
{
	struct playback playback;
	struct tape tape = {};
	struct forged forged;

	tape__fill(&tape, 10, 10);
	forged__open(&forged);
	forged__add_frame(&forged, tape.items, tape.nr, 0);
	forged__add_frame(&forged, data, size, 0);
	forged__add_frame(&forged, tape.items, tape.nr, 0);
	assert_int_equal(forged__play(&forged, &tape, &playback), 0);
	assert_int_equal(playback.state, READER_DAMAGED);
	assert_int_equal(playback.nr, tape.starts.nr);
	forged__close(&forged);
	tape__free(&tape);
}

static void test_bad_records(void **state)
{
	struct mt_packed_faults packed = {
		.hdr = record__header(MT_KIND_PACKED_FAULTS, sizeof(packed), PID, PID),
		.nr = 3,
	};
	struct mt_record record = record__header(MT_KIND_TICK, 0, 0, 0);

	(void)state;
	check_bad_record(&record, sizeof(record));
	record.size_bytes = sizeof(record) - 1;
	check_bad_record(&record, sizeof(record));
	/* It would need more bytes for three faults. */
	check_bad_record(&packed, sizeof(packed));
}

/* A reader promises to look back so far; what wants more memory is not for it. */
static void test_wide_window(void **state)
{
	struct playback playback;
	struct tape tape = {};
	struct forged forged;

	(void)state;
	tape__fill(&tape, 5000, 11);
	assert_true(tape.nr > 2 << MT_RECORDING_WINDOW_LOG);
	forged__open(&forged);
	forged__add_frame(&forged, tape.items, tape.nr, MT_RECORDING_WINDOW_LOG + 1);
	assert_int_equal(forged__play(&forged, &tape, &playback), 0);
	assert_int_equal(playback.state, READER_DAMAGED);
	assert_int_equal(playback.nr, 0);
	forged__close(&forged);
	tape__free(&tape);
}

static int count_bytes(void *ctx, const void *data, size_t size)
{
	(void)data;
	*(uint64_t *)ctx += size;
	return 0;
}

/* Records without end in some kilobytes: given up before they have cost much. */
static void test_bomb(void **state)
{
	const size_t bomb_bytes = 64 << 20;
	struct mt_record record = record__header(KIND_TO_COME, sizeof(record), 0, 0);
	uint8_t *bomb = malloc(bomb_bytes);
	uint64_t delivered_bytes = 0;
	struct reader *reader;
	struct forged forged;
	struct error error;
	int fd = recording__open_file();

	(void)state;
	assert_non_null(bomb);
	for (size_t at = 0; at + sizeof(record) <= bomb_bytes; at += sizeof(record))
		memcpy(bomb + at, &record, sizeof(record));
	forged__open(&forged);
	forged__add_frame(&forged, bomb, bomb_bytes, MT_RECORDING_WINDOW_LOG);
	free(bomb);
	assert_true(forged.file.nr < bomb_bytes / 8192);
	assert_int_equal(write(fd, forged.file.items, forged.file.nr), forged.file.nr);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(reader__new(fd, "it", &error, &reader), 0);
	while (reader__state(reader) == READER_READING)
		assert_int_equal(reader__next(reader, count_bytes, &delivered_bytes), 0);
	assert_int_equal(reader__state(reader), READER_DAMAGED);
	assert_true(delivered_bytes <= 4096 * forged.file.nr + (1 << 20));
	reader__free(reader);
	forged__close(&forged);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_damage_in_large_frame),
		cmocka_unit_test(test_no_recording),
		cmocka_unit_test(test_bad_header),
		cmocka_unit_test(test_cannot_read),
		cmocka_unit_test(test_other_byte_order),
		cmocka_unit_test(test_other_major),
		cmocka_unit_test(test_newer_minor),
		cmocka_unit_test(test_other_frames),
		cmocka_unit_test(test_half_record),
		cmocka_unit_test(test_bad_records),
		cmocka_unit_test(test_wide_window),
		cmocka_unit_test(test_bomb),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
