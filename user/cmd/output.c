// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cmd/output.h"
#include "cmd/terminal.h"

int output__failed(const char *path, int err, struct error *error)
{
	return error__set(error, -err, "cannot write %s: %s", path ?: "standard output",
			  strerror(-err));
}

bool output__would_replace(const char *path, const char *recording)
{
	struct stat ours, theirs;

	if (!path || stat(path, &ours) || !S_ISREG(ours.st_mode))
		return false;
	if (strcmp(recording, "-") ? stat(recording, &theirs) : fstat(STDIN_FILENO, &theirs))
		return false;
	return ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

/* A file of its own that can be replaced; not a device, a pipe or a link's target. */
static bool replaceable(const char *path)
{
	struct stat st;

	if (lstat(path, &st))
		return errno == ENOENT;
	return S_ISREG(st.st_mode) && st.st_nlink == 1 && !access(path, W_OK);
}

static mode_t file_mode(void)
{
	mode_t mask = umask(0);

	umask(mask);
	return 0666 & ~mask;
}

/* A file without a name, which is gone if we are killed; not every file system has it. */
static int open_nameless(const char *path)
{
	char *copy __free = strdup(path);
	int fd = copy ? open(dirname(copy), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666) : -1;

	return fd < 0 ? -errno : fd;
}

static int open_temporary(struct output *out)
{
	int fd = open_nameless(out->path);
	const char *slash = strrchr(out->path, '/');
	int dir = slash ? slash + 1 - out->path : 0;

	if (asprintf(&out->temporary, "%.*s.memtrace-XXXXXX", dir, out->path) < 0) {
		out->temporary = NULL;
		if (fd >= 0)
			close(fd);
		return -ENOMEM;
	}
	out->nameless = fd >= 0;
	if (fd >= 0)
		return fd;
	fd = mkostemp(out->temporary, O_CLOEXEC);
	if (fd < 0) {
		int err = -errno;

		free(out->temporary);
		out->temporary = NULL;
		return err;
	}
	if (fchmod(fd, file_mode())) {
		/* It stays readable for its owner alone. */
	}
	return fd;
}

/* Give a nameless file its temporary name: a link cannot replace another file, a rename can. */
static int link_temporary(struct output *out)
{
	char self[64];

	if (!out->nameless)
		return 0;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fileno(out->stream));
	for (int i = 0; i < 100; i++) {
		char *suffix = out->temporary + strlen(out->temporary) - 6;

		snprintf(suffix, 7, "%06x", (unsigned int)(clock__now_ns() & 0xffffff));
		if (!linkat(AT_FDCWD, self, AT_FDCWD, out->temporary, AT_SYMLINK_FOLLOW)) {
			out->nameless = false;
			return 0;
		}
		if (errno != EEXIST)
			break;
	}
	return -errno;
}

static int open_in_place(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	return fd < 0 ? -errno : fd;
}

int output__open(struct output *out, const char *path, bool whole, struct error *error)
{
	int fd;

	*out = (struct output){.path = path};
	if (!path) {
		if (!terminal__has_stdout())
			return error__set(error, EBADF,
					  "cannot write standard output: it is closed");
		out->stream = stdout;
		return 0;
	}
	if (!*path || path[strlen(path) - 1] == '/')
		fd = -EISDIR;
	else if (whole && replaceable(path))
		fd = open_temporary(out);
	else
		fd = open_in_place(path);
	if (fd < 0)
		return output__failed(path, fd, error);
	out->stream = fdopen(fd, "w");
	if (!out->stream) {
		int err = -errno;

		close(fd);
		output__abandon(out);
		return output__failed(path, err, error);
	}
	return 0;
}

/* Everything onto the disk, and under its temporary name. */
static int output__flush(struct output *out)
{
	if (fflush(out->stream) || ferror(out->stream))
		return -(errno ?: EIO);
	if (!out->temporary)
		return 0;
	if (fsync(fileno(out->stream)) && errno != EINVAL)
		return -errno;
	return link_temporary(out);
}

int output__commit(struct output *out, struct error *error)
{
	int err = output__flush(out);

	if (out->path) {
		if (fclose(out->stream) && !err)
			err = -errno;
		out->stream = NULL;
	}
	if (!err && out->temporary && rename(out->temporary, out->path))
		err = -errno;
	if (err)
		return output__failed(out->path, err, error);
	free(out->temporary);
	out->temporary = NULL;
	return 0;
}

void output__abandon(struct output *out)
{
	if (out->stream && out->path)
		fclose(out->stream);
	out->stream = NULL;
	if (!out->temporary)
		return;
	if (!out->nameless)
		unlink(out->temporary);
	free(out->temporary);
	out->temporary = NULL;
}

int output__close(struct output *out, int err, struct error *error)
{
	err = err ? output__failed(out->path, err, error) : output__commit(out, error);
	output__abandon(out);
	return err;
}
