// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>

#include "base/cleanup.h"
#include "source/tracefs.h"

static int tracefs__open_mounted(void)
{
	static const char *const roots[] = {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"};

	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		int root __closefd = open(roots[i], O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (root >= 0 && !faccessat(root, "events", X_OK, AT_EACCESS))
			return move_fd(root);
	}
	return -ENOENT;
}

static int tracefs__open_detached(void)
{
	int context __closefd = fsopen("tracefs", FSOPEN_CLOEXEC);
	int root;

	if (context < 0)
		return -errno;
	if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	root = fsmount(context, FSMOUNT_CLOEXEC, 0);
	return root < 0 ? -errno : root;
}

int tracefs__open(void)
{
	int root = tracefs__open_mounted();

	return root >= 0 ? root : tracefs__open_detached();
}

int tracefs__event_id(int tracefs_fd, const char *event)
{
	char path[PATH_MAX], text[32];
	int fd __closefd = -1;
	ssize_t n;
	long id;

	snprintf(path, sizeof(path), "events/%s/id", event);
	fd = openat(tracefs_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return n ? -errno : -EIO;
	text[n] = '\0';
	id = strtol(text, NULL, 10);
	return id > 0 && id <= INT_MAX ? (int)id : -EIO;
}
