// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "event/event.h"
#include "source/file.h"

struct file {
	struct source source;
	source_fn fn;
	void *ctx;
	struct reader *reader;
	int fd;
	bool ended;	  /* MT_KIND_END was delivered */
	uint64_t last_ns; /* of all events: when the recording breaks off; 0: there were none */
};

static struct file *file__of(const struct source *source)
{
	return (struct file *)source;
}

/* Faults come many in one record, the last one last. */
static void file__note_time(struct file *file, const struct mt_record *record, size_t size)
{
	uint64_t time_ns;

	if (record__check(record, size))
		return;
	time_ns = record__time(record, record__events(record) - 1);
	if (time_ns > file->last_ns)
		file->last_ns = time_ns;
}

static int file__deliver(void *ctx, const void *data, size_t size)
{
	const struct mt_record *record = data;
	struct file *file = ctx;

	if (record->kind == MT_KIND_END)
		file->ended = true;
	file__note_time(file, record, size);
	return file->fn(file->ctx, data, size);
}

/* Cut off before its first record: the header at least says whose it was. */
static int file__deliver_session(struct file *file)
{
	const struct mt_recording_header *header = reader__header(file->reader);
	struct mt_session rec = {
		.hdr = {.size_bytes = sizeof(rec), .kind = MT_KIND_SESSION},
		.page_bytes = header->page_bytes,
	};

	memcpy(rec.host, header->host, sizeof(header->host));
	memcpy(rec.kernel, header->kernel, sizeof(header->kernel));
	memcpy(rec.arch, header->arch, sizeof(header->arch));
	return file->fn(file->ctx, &rec, sizeof(rec));
}

static int file__deliver_end(struct file *file)
{
	struct mt_end rec = {
		.hdr = {.time_ns = file->last_ns, .size_bytes = sizeof(rec), .kind = MT_KIND_END},
		.ended_by = MT_ENDED_CUT_OFF,
	};

	file->ended = true;
	return file->fn(file->ctx, &rec, sizeof(rec));
}

static int file__pump(struct source *source)
{
	struct file *file = file__of(source);
	int err = reader__next(file->reader, file__deliver, file);

	if (err || reader__state(file->reader) == READER_READING || file->ended)
		return err;
	if (!file->last_ns)
		err = file__deliver_session(file);
	return err ?: file__deliver_end(file);
}

static int file__fd(struct source *source)
{
	return file__of(source)->fd;
}

static int file__timeout_ms(struct source *source)
{
	(void)source;
	return 0;
}

/* What was not asked when it was recorded cannot be asked now. */
static int file__snapshot(struct source *source, uint32_t tgid)
{
	(void)source;
	(void)tgid;
	return -ESRCH;
}

static size_t file__alive(struct source *source)
{
	return reader__state(file__of(source)->reader) == READER_READING;
}

static int file__finish(struct source *source, enum mt_ended_by ended_by)
{
	(void)source;
	(void)ended_by;
	return 0;
}

static void file__free(struct source *source)
{
	struct file *file = file__of(source);

	if (!file)
		return;
	reader__free(file->reader);
	if (file->fd > STDIN_FILENO)
		close(file->fd);
	free(file);
}

static const struct source_ops file_ops = {
	.fd = file__fd,
	.timeout_ms = file__timeout_ms,
	.pump = file__pump,
	.snapshot = file__snapshot,
	.alive = file__alive,
	.finish = file__finish,
	.free = file__free,
};

const char *file__name(const char *path)
{
	return strcmp(path, "-") ? path : "standard input";
}

static int file__open_path(const char *path, struct error *error)
{
	struct stat st;
	int fd;

	if (!strcmp(path, "-"))
		return STDIN_FILENO;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd >= 0 && !fstat(fd, &st) && S_ISDIR(st.st_mode)) {
		close(fd);
		fd = -1;
		errno = EISDIR;
	}
	if (fd < 0)
		return error__set(error, errno, "cannot open %s: %s%s", path, strerror(errno),
				  errno == EACCES ? " (a recording is for its owner alone: sudo "
						    "cat it into 'memtrace report -')"
						  : "");
	return fd;
}

int file__open(const char *path, source_fn fn, void *ctx, struct error *error, struct source **ret)
{
	struct file *file = calloc(1, sizeof(*file));
	int err;

	if (!file)
		return error__set(error, ENOMEM, "out of memory");
	file->source.ops = &file_ops;
	file->fn = fn;
	file->ctx = ctx;
	file->fd = file__open_path(path, error);
	err = file->fd < 0 ? file->fd
			   : reader__new(file->fd, file__name(path), error, &file->reader);
	if (err) {
		file__free(&file->source);
		return err;
	}
	*ret = &file->source;
	return 0;
}

enum reader_state file__state(const struct source *source)
{
	return reader__state(file__of(source)->reader);
}

int file__error(const struct source *source)
{
	return reader__error(file__of(source)->reader);
}

uint64_t file__offset(const struct source *source)
{
	return reader__offset(file__of(source)->reader);
}

const struct mt_recording_header *file__header(const struct source *source)
{
	return reader__header(file__of(source)->reader);
}
