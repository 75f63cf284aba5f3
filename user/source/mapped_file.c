// SPDX-License-Identifier: GPL-2.0-or-later
#include "source/mapped_file.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/elf_file.h"

static bool has_inode(int fd, const struct mapped_file *file)
{
	struct stat st;

	return !fstat(fd, &st) && st.st_ino == file->ino;
}

/* Of a record the last component of a path may be all, or its first 63 bytes. */
static bool has_name(int fd, const struct mapped_file *file)
{
	const char *slash = strrchr(file->name, '/'), *name = slash ? slash + 1 : file->name;
	char self[64], path[PATH_MAX];
	ssize_t len;

	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	len = readlink(self, path, sizeof(path) - 1);
	if (len < 0)
		return false;
	path[len] = '\0';
	slash = strrchr(path, '/');
	return slash && !strncmp(slash + 1, name, strlen(name));
}

static int keep_if(bool right, int fd)
{
	if (right)
		return fd;
	close(fd);
	return -1;
}

/* Above an overlayfs inodes have other numbers than below: the name must do. */
static int open_mapping(const struct mapped_file *file)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/map_files/%llx-%llx", file->tgid,
		 (unsigned long long)file->start, (unsigned long long)file->end);
	fd = elf_file__open_path(path);
	return fd < 0 ? fd : keep_if(has_inode(fd, file) || has_name(fd, file), fd);
}

static int open_path(const struct mapped_file *file, const char *path)
{
	int fd = elf_file__open_path(path);

	return fd < 0 ? fd : keep_if(has_inode(fd, file), fd);
}

int mapped_file__open(const struct mapped_file *file)
{
	char path[PATH_MAX];
	int fd = open_mapping(file);

	if (fd >= 0 || file->name[0] != '/')
		return fd;
	snprintf(path, sizeof(path), "/proc/%u/root%s", file->tgid, file->name);
	fd = open_path(file, path);
	return fd < 0 ? open_path(file, file->name) : fd;
}
