// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zstd.h>

#include "recording/pack.h"
#include "recording/reader.h"

#define IN_BYTES (64 << 10)
/* A frame as the writer makes them, behind the beginning of the longest record. */
#define OUT_BYTES ((256 + 64) << 10)
/*
 * So many bytes of records may come of a byte of the file, and so many besides. The most alike that
 * there are, the mappings of many children of one process, come to 150; what has more is made to
 * keep readers busy.
 */
#define MAX_RATIO 512
#define FREE_BYTES (16 << 20)

struct reader {
	int fd;
	enum reader_state state;
	struct mt_recording_header header;
	ZSTD_DCtx *zstd;
	bool in_frame;
	bool at_eof;
	int err; /* of a read: the end of what can be read */
	uint64_t read_bytes;
	uint64_t delivered_bytes;
	ZSTD_inBuffer in;
	size_t out_used; /* begins with what is left of a record */
	size_t out_sure; /* of it: what the checksum of its frame has confirmed */
	uint8_t in_data[IN_BYTES];
	_Alignas(8) uint8_t out[OUT_BYTES];
};

/* As much as there is, up to size. A pipe may be non-blocking: that is for its other end to say. */
static ssize_t read_some(int fd, void *data, size_t size)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};

	for (;;) {
		ssize_t n = read(fd, data, size);

		if (n >= 0)
			return n;
		if (errno == EAGAIN)
			poll(&pollfd, 1, -1);
		else if (errno != EINTR)
			return -errno;
	}
}

/* size bytes; fewer at the end of the file. */
static ssize_t read_whole(int fd, void *data, size_t size)
{
	size_t used = 0;

	while (used < size) {
		ssize_t n = read_some(fd, (char *)data + used, size - used);

		if (n < 0)
			return n;
		if (!n)
			break;
		used += n;
	}
	return (ssize_t)used;
}

static int header__check(const struct mt_recording_header *header, const char *name,
			 struct error *error)
{
	if (memcmp(header->magic, MT_RECORDING_MAGIC, sizeof(header->magic)))
		return error__set(error, EBADMSG, "%s is not a recording of memtrace", name);
	if (header->byte_order == __builtin_bswap32(MT_RECORDING_BYTE_ORDER))
		return error__set(error, EPROTONOSUPPORT,
				  "%s was recorded on a machine of the other byte order; "
				  "report it on one like that",
				  name);
	if (header->major != MT_RECORDING_MAJOR)
		return error__set(error, EPROTONOSUPPORT,
				  "%s has version %u.%u of the format, and this memtrace reads "
				  "%u: use %s one",
				  name, header->major, header->minor, MT_RECORDING_MAJOR,
				  header->major > MT_RECORDING_MAJOR ? "a newer" : "an older");
	if (header->byte_order != MT_RECORDING_BYTE_ORDER ||
	    header->header_bytes < sizeof(*header) || header->header_bytes > IN_BYTES ||
	    !memchr(header->host, 0, sizeof(header->host)) ||
	    !memchr(header->kernel, 0, sizeof(header->kernel)) ||
	    !memchr(header->arch, 0, sizeof(header->arch)))
		return error__set(error, EBADMSG, "%s is damaged: its header makes no sense", name);
	return 0;
}

static int reader__read_header(struct reader *reader, const char *name, struct error *error)
{
	struct mt_recording_header *header = &reader->header;
	ssize_t n = read_whole(reader->fd, header, sizeof(*header)), rest;
	int err;

	if (n < 0)
		return error__set(error, -(int)n, "cannot read %s: %s", name, strerror(-(int)n));
	if (!n)
		return error__set(error, EBADMSG, "%s is empty", name);
	if (n < (ssize_t)sizeof(*header) && (size_t)n >= sizeof(header->magic) &&
	    !memcmp(header->magic, MT_RECORDING_MAGIC, sizeof(header->magic)))
		return error__set(error, EBADMSG, "%s ends within its header", name);
	if (n < (ssize_t)sizeof(*header))
		return error__set(error, EBADMSG, "%s is not a recording of memtrace", name);
	err = header__check(header, name, error);
	if (err)
		return err;
	rest = header->header_bytes - sizeof(*header);
	n = read_whole(reader->fd, reader->in_data, rest);
	if (n < 0)
		return error__set(error, -(int)n, "cannot read %s: %s", name, strerror(-(int)n));
	if (n < rest)
		return error__set(error, EBADMSG, "%s ends within its header", name);
	reader->read_bytes = header->header_bytes;
	return 0;
}

int reader__new(int fd, const char *name, struct error *error, struct reader **ret)
{
	struct reader *reader = calloc(1, sizeof(*reader));
	int err;

	if (!reader)
		return error__set(error, ENOMEM, "out of memory");
	reader->fd = fd;
	reader->in.src = reader->in_data;
	reader->zstd = ZSTD_createDCtx();
	if (reader->zstd) {
		ZSTD_DCtx_setParameter(reader->zstd, ZSTD_d_windowLogMax, MT_RECORDING_WINDOW_LOG);
		err = reader__read_header(reader, name, error);
	} else {
		err = error__set(error, ENOMEM, "out of memory");
	}
	if (err) {
		reader__free(reader);
		return err;
	}
	*ret = reader;
	return 0;
}

void reader__free(struct reader *reader)
{
	if (!reader)
		return;
	ZSTD_freeDCtx(reader->zstd);
	free(reader);
}

/* More bytes of the file, if none are left. */
static void reader__fill(struct reader *reader)
{
	ssize_t n;

	if (reader->in.pos < reader->in.size || reader->at_eof)
		return;
	n = read_some(reader->fd, reader->in_data, IN_BYTES);
	if (n < 0)
		reader->err = (int)n;
	reader->at_eof = n <= 0;
	reader->in.size = n > 0 ? n : 0;
	reader->in.pos = 0;
}

/* More bytes of the stream of records. False: there are none. */
static bool reader__decompress(struct reader *reader)
{
	ZSTD_outBuffer out = {.dst = reader->out, .size = OUT_BYTES, .pos = reader->out_used};
	size_t left = ZSTD_decompressStream(reader->zstd, &out, &reader->in);
	size_t gained = out.pos - reader->out_used;

	if (ZSTD_isError(left)) {
		reader->state = READER_DAMAGED;
		return true;
	}
	reader->in_frame = left;
	reader->out_used = out.pos;
	/* Of a frame larger than the buffer the checksum comes too late. */
	if (!left || out.pos == OUT_BYTES)
		reader->out_sure = out.pos;
	return gained;
}

static int reader__deliver_one(struct reader *reader, const struct mt_record *record, reader_fn fn,
			       void *ctx)
{
	struct faults_record faults;

	if (record->kind == MT_KIND_PACKED_FAULTS) {
		if (pack__unpack(record, record->size_bytes, &faults)) {
			reader->state = READER_DAMAGED;
			return 0;
		}
		record = &faults.rec.hdr;
	}
	reader->delivered_bytes += record->size_bytes;
	return fn(ctx, record, record->size_bytes);
}

static bool reader__is_bomb(const struct reader *reader)
{
	return reader->delivered_bytes > FREE_BYTES + MAX_RATIO * reader__offset(reader);
}

/* The whole records of out[]; the beginning of one stays. */
static int reader__deliver(struct reader *reader, reader_fn fn, void *ctx)
{
	size_t at = 0;
	int err = 0;

	while (!err && reader->out_sure - at >= sizeof(struct mt_record) &&
	       reader->state != READER_DAMAGED) {
		const struct mt_record *record = (const struct mt_record *)(reader->out + at);
		size_t padded = (record->size_bytes + 7U) & ~7U;

		if (record->size_bytes < sizeof(*record)) {
			reader->state = READER_DAMAGED;
			return 0;
		}
		if (padded > reader->out_sure - at)
			break;
		err = reader__deliver_one(reader, record, fn, ctx);
		at += padded;
	}
	memmove(reader->out, reader->out + at, reader->out_used - at);
	reader->out_used -= at;
	reader->out_sure -= at;
	return err;
}

int reader__next(struct reader *reader, reader_fn fn, void *ctx)
{
	bool at_end = false;
	int err;

	if (reader->state != READER_READING)
		return 0;
	reader__fill(reader);
	if (!reader->at_eof)
		reader__decompress(reader);
	else
		/* zstd may hold some of what it has decoded. */
		at_end = !reader->in_frame || !reader__decompress(reader);
	/* What a cut off frame begins with is good, as far as one can know. */
	if (at_end)
		reader->out_sure = reader->out_used;
	err = reader__deliver(reader, fn, ctx);
	if (reader__is_bomb(reader))
		reader->state = READER_DAMAGED;
	if (at_end && reader->state == READER_READING)
		reader->state =
			reader->in_frame || reader->out_used ? READER_TRUNCATED : READER_AT_END;
	if (reader->in.pos == reader->in.size) {
		reader->read_bytes += reader->in.size;
		reader->in.size = reader->in.pos = 0;
	}
	return err;
}

int reader__error(const struct reader *reader)
{
	return reader->err;
}

enum reader_state reader__state(const struct reader *reader)
{
	return reader->state;
}

uint64_t reader__offset(const struct reader *reader)
{
	return reader->read_bytes + reader->in.pos;
}

const struct mt_recording_header *reader__header(const struct reader *reader)
{
	return &reader->header;
}
