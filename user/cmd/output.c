// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cmd/output.h"

static int write_error(struct error *error, int err, const char *path)
{
	return error__set(error, -err, "cannot write %s: %s", path ?: "standard output",
			  strerror(-err));
}

/* A file of its own that can be replaced; not a device, a pipe or a link's target. */
static bool replaceable(const char *path)
{
	struct stat st;

	if (lstat(path, &st))
		return errno == ENOENT;
	return S_ISREG(st.st_mode) && st.st_nlink == 1 && !access(path, W_OK);
}

static int open_temporary(struct output *out)
{
	mode_t mask = umask(0);
	int fd;

	umask(mask);
	if (asprintf(&out->temporary, "%s.XXXXXX", out->path) < 0) {
		out->temporary = NULL;
		return -ENOMEM;
	}
	fd = mkostemp(out->temporary, O_CLOEXEC);
	if (fd < 0) {
		int err = -errno;

		free(out->temporary);
		out->temporary = NULL;
		return err;
	}
	if (fchmod(fd, 0666 & ~mask)) {
		/* It stays readable for its owner alone. */
	}
	return fd;
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
		out->stream = stdout;
		return 0;
	}
	if (whole && replaceable(path))
		fd = open_temporary(out);
	else
		fd = open_in_place(path);
	if (fd < 0)
		return write_error(error, fd, path);
	out->stream = fdopen(fd, "w");
	if (!out->stream) {
		int err = -errno;

		close(fd);
		output__abandon(out);
		return write_error(error, err, path);
	}
	return 0;
}

int output__commit(struct output *out, struct error *error)
{
	int err = fflush(out->stream) || ferror(out->stream) ? -(errno ?: EIO) : 0;

	if (out->path) {
		if (!err && out->temporary && fsync(fileno(out->stream)) && errno != EINVAL)
			err = -errno;
		if (fclose(out->stream) && !err)
			err = -errno;
		out->stream = NULL;
	}
	if (!err && out->temporary && rename(out->temporary, out->path))
		err = -errno;
	if (err)
		return write_error(error, err, out->path);
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
	unlink(out->temporary);
	free(out->temporary);
	out->temporary = NULL;
}
