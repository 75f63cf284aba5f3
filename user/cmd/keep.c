// SPDX-License-Identifier: GPL-2.0-or-later
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cmd/keep.h"
#include "cmd/terminal.h"
#include "recording/writer.h"

/* Addresses defeat the randomisation of address spaces: not for everybody to read. */
#define KEEP_MODE 0600

static const char *keep__name(const struct keep *keep)
{
	return strcmp(keep->path, "-") ? keep->path : "standard output";
}

static int keep__fail(const struct keep *keep, int err, struct error *error)
{
	return error__set(error, -err, "cannot write %s: %s", keep__name(keep), strerror(-err));
}

static int refuse_terminal(int fd, struct error *error)
{
	return isatty(fd) ? error__set(error, EINVAL,
				       "a recording is not for a terminal: -o FILE, or a pipe "
				       "behind -o -")
			  : 0;
}

static int keep__open_stdout(struct keep *keep, struct error *error)
{
	if (!terminal__has_stdout())
		return error__set(error, EBADF, "cannot write standard output: it is closed");
	keep->fd = STDOUT_FILENO;
	return refuse_terminal(keep->fd, error);
}

/* Of the path: what its directory is, with the slash. */
static int keep__directory_length(const struct keep *keep)
{
	const char *slash = strrchr(keep->path, '/');

	return slash ? (int)(slash + 1 - keep->path) : 0;
}

/* Beside the one that it will replace. */
static int keep__open_temporary(struct keep *keep)
{
	if (asprintf(&keep->temporary, "%.*s.memtrace-XXXXXX", keep__directory_length(keep),
		     keep->path) < 0) {
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

/* Not a disk, nor what has taken the place of a pipe meanwhile. A directory open() refuses. */
static bool is_for_streams(const struct stat *st)
{
	return S_ISFIFO(st->st_mode) || S_ISCHR(st->st_mode) || S_ISDIR(st->st_mode);
}

static int keep__open_in_place(struct keep *keep, const struct stat *st, struct error *error)
{
	struct stat opened = *st;

	if (is_for_streams(st)) {
		keep->fd = open(keep->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
		if (keep->fd < 0 || fstat(keep->fd, &opened))
			return keep__fail(keep, -errno, error);
	}
	if (!is_for_streams(&opened))
		return error__set(error, EINVAL, "%s is neither a file nor a pipe", keep->path);
	return refuse_terminal(keep->fd, error);
}

/* A link is never replaced: /dev/stdout is one. */
static int keep__open_existing(struct keep *keep, bool force, struct error *error)
{
	struct stat st;
	bool is_link, leads;
	int err;

	if (lstat(keep->path, &st))
		return keep__fail(keep, -errno, error);
	is_link = S_ISLNK(st.st_mode);
	leads = !stat(keep->path, &st);
	if (is_link && (!leads || S_ISREG(st.st_mode)))
		return error__set(error, EEXIST,
				  "%s is a symbolic link: name the file that it stands for",
				  keep->path);
	if (!S_ISREG(st.st_mode))
		return keep__open_in_place(keep, &st, error);
	if (!force)
		return error__set(error, EEXIST, "%s exists already; --force replaces it",
				  keep->path);
	err = keep__open_temporary(keep);
	return err ? keep__fail(keep, err, error) : 0;
}

/* Who runs `sudo memtrace record` shall read the file without sudo. */
static void give_to_sudo_user(int fd)
{
	const char *uid = getenv("SUDO_UID"), *gid = getenv("SUDO_GID");
	char *uid_end, *gid_end;
	unsigned long owner, group;

	if (geteuid() || !uid || !gid || !isdigit((unsigned char)*uid) ||
	    !isdigit((unsigned char)*gid))
		return;
	owner = strtoul(uid, &uid_end, 10);
	group = strtoul(gid, &gid_end, 10);
	/* Where it cannot be, it stays root's: nothing is lost. */
	if (!*uid_end && !*gid_end && owner <= INT_MAX && group <= INT_MAX &&
	    fchown(fd, (uid_t)owner, (gid_t)group))
		return;
}

int keep__open(struct keep *keep, const char *path, bool force, struct error *error)
{
	int err = 0;

	*keep = (struct keep){.path = path, .fd = -1};
	if (!path)
		return 0;
	if (!strcmp(path, "-"))
		return keep__open_stdout(keep, error);
	keep->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, KEEP_MODE);
	keep->created = keep->fd >= 0;
	if (!keep->created)
		err = errno == EEXIST ? keep__open_existing(keep, force, error)
				      : keep__fail(keep, -errno, error);
	/* Whatever the umask says; there are file systems without modes. */
	if (keep->created || keep->temporary)
		fchmod(keep->fd, KEEP_MODE);
	if (keep->created || keep->temporary)
		give_to_sudo_user(keep->fd);
	return err;
}

/* After a power cut the file shall have its name. */
static void keep__sync_directory(const struct keep *keep)
{
	char *path __free = NULL;
	int fd __closefd = -1;

	if (asprintf(&path, "%.*s.", keep__directory_length(keep), keep->path) < 0)
		path = NULL;
	else
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		fsync(fd);
}

int keep__begin(struct keep *keep, struct error *error)
{
	struct stat st;
	int err;

	if (!keep->path)
		return 0;
	keep->is_file = !fstat(keep->fd, &st) && S_ISREG(st.st_mode);
	err = writer__new(keep->fd, &keep->writer);
	if (err)
		return keep__fail(keep, err, error);
	if (keep->created)
		keep__sync_directory(keep);
	return 0;
}

static int keep__put_in_place(struct keep *keep)
{
	if (rename(keep->temporary, keep->path))
		return -errno;
	free(keep->temporary);
	keep->temporary = NULL;
	keep__sync_directory(keep);
	return 0;
}

int keep__commit(struct keep *keep, struct error *error)
{
	int err;

	if (!keep->writer)
		return 0;
	/* What was traced and how is in the file at once, whatever becomes of the rest. */
	err = writer__flush(keep->writer);
	if (!err && keep->temporary)
		err = keep__put_in_place(keep);
	if (err)
		return keep__fail(keep, err, error);
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

bool keep__is_behind(const struct keep *keep)
{
	return keep->writer && writer__is_behind(keep->writer);
}

bool keep__end(struct keep *keep, unsigned int patience_ms)
{
	return !keep->writer || writer__end(keep->writer, patience_ms);
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
	if (!keep->err && keep->is_file && fsync(keep->fd) && errno != EINVAL)
		keep->err = -errno;
	if (!keep->err || keep->err == -EPIPE)
		return keep->err;
	return error__set(error, -keep->err, "cannot write %s: %s%s", keep__name(keep),
			  strerror(-keep->err),
			  keep->is_file ? "; what was written before is kept" : "");
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
