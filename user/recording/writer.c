// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <zstd.h>

#include "base/clock.h"
#include "memtrace/recording.h"
#include "recording/pack.h"
#include "recording/writer.h"

#define BLOCK_BYTES (256 << 10)
/* From so many on, who can wait should; beyond the second number, who pushes does. */
#define QUEUE_BEHIND_BLOCKS 256
#define QUEUE_MAX_BLOCKS 320
/* A block is handed over when it is full, or when the stream has gone on so long since the last. */
#define HAND_OVER_NS (400 * NSEC_PER_MSEC)
/* Less than that: each block of a quiet stream is synced, of a busy one the last of several. */
#define SYNC_NS (300 * NSEC_PER_MSEC)
/* Higher levels save some percent of what is left, at several times the cost. */
#define ZSTD_LEVEL 1

struct block {
	struct block *next;
	size_t used;
	_Alignas(8) uint8_t data[BLOCK_BYTES];
};

struct writer {
	int fd;
	bool is_file;
	struct block *filling;
	uint64_t handed_over_ns; /* in the stream's time */

	pthread_t thread;
	bool running;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* Under the lock: */
	struct block *first;
	struct block **last_link;
	unsigned int nr_waiting;
	bool ending;
	int err;

	/* The thread's, until it has ended: */
	ZSTD_CCtx *zstd;
	uint8_t *frame;
	size_t frame_cap;
	uint64_t written_bytes;
	uint64_t synced_ns;
};

/* A pipe may be non-blocking: whoever has its other end can make it so. */
static int await_writable(int fd)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLOUT};

	return poll(&pollfd, 1, -1) < 0 && errno != EINTR ? -errno : 0;
}

/* Large enough that its memory goes back when it is freed, see main(). */
static struct block *block__new(void)
{
	struct block *block = malloc(sizeof(*block));

	if (block) {
		block->next = NULL;
		block->used = 0;
	}
	return block;
}

static int write_all(int fd, const void *data, size_t size, size_t *ret_done)
{
	size_t done = 0;
	int err = 0;

	while (done < size && !err) {
		ssize_t n = write(fd, (const char *)data + done, size - done);

		if (n >= 0)
			done += n;
		else if (errno == EAGAIN)
			err = await_writable(fd);
		else if (errno != EINTR)
			err = -errno;
	}
	*ret_done = done;
	return err;
}

/* All or, of a file, nothing. */
static int writer__write(struct writer *writer, const void *data, size_t size)
{
	size_t done;
	int err = write_all(writer->fd, data, size, &done);

	if (!err)
		writer->written_bytes += size;
	/* By the offset: it may have been appended to. Else the reader sees a half frame. */
	else if (writer->is_file &&
		 ftruncate(writer->fd, lseek(writer->fd, 0, SEEK_CUR) - (off_t)done))
		return err;
	return err;
}

static int writer__write_header(struct writer *writer)
{
	struct mt_recording_header header = {
		.magic = MT_RECORDING_MAGIC,
		.byte_order = MT_RECORDING_BYTE_ORDER,
		.major = MT_RECORDING_MAJOR,
		.minor = MT_RECORDING_MINOR,
		.header_bytes = sizeof(header),
		.page_bytes = sysconf(_SC_PAGESIZE),
	};
	struct utsname uts;

	uname(&uts);
	memcpy(header.host, uts.nodename, strnlen(uts.nodename, sizeof(header.host) - 1));
	memcpy(header.kernel, uts.release, strnlen(uts.release, sizeof(header.kernel) - 1));
	memcpy(header.arch, uts.machine, strnlen(uts.machine, sizeof(header.arch) - 1));
	return writer__write(writer, &header, sizeof(header));
}

static int writer__compress(struct writer *writer, const struct block *block)
{
	size_t size = ZSTD_compress2(writer->zstd, writer->frame, writer->frame_cap, block->data,
				     block->used);

	return ZSTD_isError(size) ? -EIO : writer__write(writer, writer->frame, size);
}

/* A disk that cannot be synced has said so on write(), or will; pipes need none. */
static int writer__sync(struct writer *writer)
{
	int err = 0;

	if (!writer->is_file || clock__now_ns() - writer->synced_ns < SYNC_NS)
		return 0;
	if (fdatasync(writer->fd) && errno != EINVAL && errno != EROFS)
		err = -errno;
	writer->synced_ns = clock__now_ns();
	return err;
}

static struct block *writer__next_block(struct writer *writer)
{
	struct block *block;

	pthread_mutex_lock(&writer->lock);
	while (!writer->first && !writer->ending)
		pthread_cond_wait(&writer->changed, &writer->lock);
	block = writer->first;
	if (block) {
		writer->first = block->next;
		if (!writer->first)
			writer->last_link = &writer->first;
		writer->nr_waiting--;
	}
	pthread_cond_broadcast(&writer->changed);
	pthread_mutex_unlock(&writer->lock);
	return block;
}

static void *writer__thread(void *ctx)
{
	struct writer *writer = ctx;
	struct block *block;
	int err = 0;

	while ((block = writer__next_block(writer))) {
		/* After an error the rest is dropped: the file is whole up to it. */
		if (!err)
			err = writer__compress(writer, block);
		if (!err)
			err = writer__sync(writer);
		free(block);
		if (!err)
			continue;
		pthread_mutex_lock(&writer->lock);
		writer->err = err;
		pthread_cond_broadcast(&writer->changed);
		pthread_mutex_unlock(&writer->lock);
	}
	return NULL;
}

static int writer__begin(struct writer *writer)
{
	struct stat st;

	writer->is_file = !fstat(writer->fd, &st) && S_ISREG(st.st_mode);
	writer->last_link = &writer->first;
	pthread_mutex_init(&writer->lock, NULL);
	pthread_cond_init(&writer->changed, NULL);
	writer->frame_cap = ZSTD_compressBound(BLOCK_BYTES);
	writer->frame = malloc(writer->frame_cap);
	writer->zstd = ZSTD_createCCtx();
	if (!writer->frame || !writer->zstd)
		return -ENOMEM;
	ZSTD_CCtx_setParameter(writer->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL);
	ZSTD_CCtx_setParameter(writer->zstd, ZSTD_c_checksumFlag, 1);
	return writer__write_header(writer);
}

int writer__new(int fd, struct writer **ret)
{
	struct writer *writer = calloc(1, sizeof(*writer));
	int err;

	if (!writer)
		return -ENOMEM;
	writer->fd = fd;
	err = writer__begin(writer);
	if (!err)
		err = -pthread_create(&writer->thread, NULL, writer__thread, writer);
	writer->running = !err;
	if (err) {
		writer__free(writer);
		return err;
	}
	*ret = writer;
	return 0;
}

/* Waits where the disk is too far behind. */
int writer__flush(struct writer *writer)
{
	struct block *block = writer->filling;
	int err;

	if (!block)
		return 0;
	writer->filling = NULL;
	pthread_mutex_lock(&writer->lock);
	while (writer->nr_waiting >= QUEUE_MAX_BLOCKS && !writer->err)
		pthread_cond_wait(&writer->changed, &writer->lock);
	*writer->last_link = block;
	writer->last_link = &block->next;
	writer->nr_waiting++;
	err = writer->err;
	pthread_cond_broadcast(&writer->changed);
	pthread_mutex_unlock(&writer->lock);
	return err;
}

bool writer__is_behind(struct writer *writer)
{
	bool behind;

	pthread_mutex_lock(&writer->lock);
	behind = writer->nr_waiting >= QUEUE_BEHIND_BLOCKS;
	pthread_mutex_unlock(&writer->lock);
	return behind;
}

/* Room for size bytes in the block that is being filled; NULL without memory. */
static uint8_t *writer__room(struct writer *writer)
{
	if (!writer->filling) {
		writer->filling = block__new();
		if (!writer->filling)
			return NULL;
	}
	return writer->filling->data + writer->filling->used;
}

static size_t record__put(const struct mt_record *record, size_t size, uint8_t *room)
{
	size_t padded = (size + 7) & ~(size_t)7;

	if (record->kind == MT_KIND_FAULTS)
		return pack__faults((const struct mt_faults *)record, room);
	memcpy(room, record, size);
	memset(room + size, 0, padded - size);
	return padded;
}

#define RECORD_MAX_BYTES                                                                           \
	(PACKED_MAX_BYTES > MT_RECORD_MAX_BYTES ? PACKED_MAX_BYTES : MT_RECORD_MAX_BYTES)

int writer__push(struct writer *writer, const void *data, size_t size)
{
	const struct mt_record *record = data;
	uint8_t *room = writer__room(writer);
	bool due;

	if (!room)
		return -ENOMEM;
	writer->filling->used += record__put(record, size, room);
	due = record->kind == MT_KIND_WATERMARK &&
	      record->time_ns - writer->handed_over_ns >= HAND_OVER_NS;
	if (due)
		writer->handed_over_ns = record->time_ns;
	if (due || BLOCK_BYTES - writer->filling->used < RECORD_MAX_BYTES)
		return writer__flush(writer);
	return 0;
}

bool writer__end(struct writer *writer, unsigned int patience_ms)
{
	uint64_t limit_ns = clock__read_ns(CLOCK_REALTIME) + patience_ms * NSEC_PER_MSEC;
	struct timespec limit = {.tv_sec = (time_t)(limit_ns / NSEC_PER_SEC),
				 .tv_nsec = (long)(limit_ns % NSEC_PER_SEC)};

	writer__flush(writer);
	pthread_mutex_lock(&writer->lock);
	writer->ending = true;
	pthread_cond_broadcast(&writer->changed);
	pthread_mutex_unlock(&writer->lock);
	if (writer->running && !pthread_timedjoin_np(writer->thread, NULL, &limit))
		writer->running = false;
	return !writer->running;
}

int writer__finish(struct writer *writer, uint64_t *ret_bytes)
{
	if (!writer__end(writer, 0))
		pthread_join(writer->thread, NULL);
	writer->running = false;
	*ret_bytes = writer->written_bytes;
	return writer->err;
}

void writer__free(struct writer *writer)
{
	uint64_t bytes;

	if (!writer)
		return;
	if (writer->running)
		writer__finish(writer, &bytes);
	pthread_mutex_destroy(&writer->lock);
	pthread_cond_destroy(&writer->changed);
	ZSTD_freeCCtx(writer->zstd);
	free(writer->frame);
	free(writer->filling);
	free(writer);
}
