// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/keep.h"
#include "cmd/terminal.h"
#include "recording/writer.h"

/* Addresses defeat the randomisation of address spaces: not for everybody to read. */
#define KEEP_MODE 0600

static int keep__fail(const struct keep *keep, int err, struct error *error)
{
	return error__set(error, -err, "cannot write %s: %s",
			  strcmp(keep->path, "-") ? keep->path : "standard output", strerror(-err));
}

static int keep__open_stdout(struct keep *keep, struct error *error)
{
	if (!terminal__has_stdout())
		return keep__fail(keep, -EBADF, error);
	if (isatty(STDOUT_FILENO))
		return error__set(
			error, EINVAL,
			"a recording is not for a terminal: -o FILE, or a pipe behind -o -");
	keep->fd = STDOUT_FILENO;
	return 0;
}

/* Beside the one that it will replace. */
static int keep__open_temporary(struct keep *keep)
{
	const char *slash = strrchr(keep->path, '/');
	int dir = slash ? slash + 1 - keep->path : 0;

	if (asprintf(&keep->temporary, "%.*s.memtrace-XXXXXX", dir, keep->path) < 0) {
		keep->temporary = NULL;
		return -ENOMEM;
	}
	keep->fd = mkostemp(keep->temporary, O_CLOEXEC);
	if (keep->fd >= 0)
		return 0;
	free(keep->temporary);
	keep->temporary = NULL;
	return -errno;
}

static int keep__create(struct keep *keep, bool force)
{
	struct stat st;

	keep->fd = open(keep->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, KEEP_MODE);
	keep->created = keep->fd >= 0;
	if (keep->created || errno != EEXIST)
		return keep->created ? 0 : -errno;
	if (!lstat(keep->path, &st) && (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode)))
		return force ? keep__open_temporary(keep) : -EEXIST;
	keep->fd = open(keep->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	return keep->fd < 0 ? -errno : 0;
}

int keep__open(struct keep *keep, const char *path, bool force, struct error *error)
{
	int err;

	*keep = (struct keep){.path = path, .fd = -1};
	if (!path)
		return 0;
	if (!strcmp(path, "-"))
		return keep__open_stdout(keep, error);
	err = keep__create(keep, force);
	if (err == -EEXIST)
		return error__set(error, EEXIST, "%s exists already; --force replaces it", path);
	return err ? keep__fail(keep, err, error) : 0;
}

int keep__begin(struct keep *keep, struct error *error)
{
	int err;

	if (!keep->path)
		return 0;
	err = writer__new(keep->fd, &keep->writer);
	if (!err && keep->temporary && rename(keep->temporary, keep->path))
		err = -errno;
	if (err)
		return keep__fail(keep, err, error);
	free(keep->temporary);
	keep->temporary = NULL;
	keep->created = false;
	return 0;
}

int keep__push(struct keep *keep, const void *record, size_t size)
{
	if (!keep->writer || keep->err)
		return 0;
	keep->err = writer__push(keep->writer, record, size);
	return keep->err;
}

int keep__finish(struct keep *keep, struct error *error)
{
	int err;

	if (!keep->writer)
		return 0;
	err = writer__finish(keep->writer, &keep->nr_bytes);
	writer__free(keep->writer);
	keep->writer = NULL;
	if (!keep->err)
		keep->err = err;
	if (!keep->err && keep->fd != STDOUT_FILENO && fsync(keep->fd) && errno != EINVAL &&
	    errno != EROFS)
		keep->err = -errno;
	if (!keep->err || keep->err == -EPIPE)
		return keep->err;
	return error__set(error, -keep->err, "cannot write %s: %s; what was written before is kept",
			  strcmp(keep->path, "-") ? keep->path : "standard output",
			  strerror(-keep->err));
}

void keep__release(struct keep *keep)
{
	writer__free(keep->writer);
	if (keep->temporary)
		unlink(keep->temporary);
	else if (keep->created)
		unlink(keep->path);
	free(keep->temporary);
	if (keep->path && keep->fd > STDERR_FILENO)
		close(keep->fd);
	*keep = (struct keep){.fd = -1};
}
