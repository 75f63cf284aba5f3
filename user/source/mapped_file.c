// SPDX-License-Identifier: GPL-2.0-or-later
#include "source/mapped_file.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/elf_file.h"
#include "base/path.h"

/* As the kernel rounds the length of a mapping. */
static uint64_t page__whole(uint64_t bytes)
{
	uint64_t mask = sysconf(_SC_PAGESIZE) - 1;

	return (bytes + mask) & ~mask;
}

bool mapped_file__of_record(const struct mt_record *record, struct mapped_file *file)
{
	const struct mt_mapping *mapping = (const struct mt_mapping *)record;
	const struct mt_mmap_file *call = (const struct mt_mmap_file *)record;

	*file = (struct mapped_file){.tgid = record->tgid};
	if (record->kind == MT_KIND_MAPPING && mapping->prot & PROT_EXEC && mapping->ino) {
		file->key = (struct file_key){mapping->ino, mapping->dev_major, mapping->dev_minor};
		file->start = mapping->start;
		file->end = mapping->end;
		file->name = mapping->name;
		return true;
	}
	if (record->kind == MT_KIND_MMAP && record->flags & MT_CALL_FILE &&
	    call->call.arg[2] & PROT_EXEC && call->file.ino) {
		file->key = (struct file_key){call->file.ino, call->file.dev_major,
					      call->file.dev_minor};
		file->start = call->call.ret;
		file->end = file->start + page__whole(call->call.arg[1]);
		file->name = call->file.name;
		return true;
	}
	return false;
}

static bool has_inode(int fd, const struct mapped_file *file)
{
	struct stat st;

	return !fstat(fd, &st) && st.st_ino == file->key.ino;
}

/* Of a record the last component of a path may be all, or its first 63 bytes. */
static bool has_name(int fd, const struct mapped_file *file)
{
	const char *name = path__last(file->name);
	char self[64], path[PATH_MAX];
	ssize_t len;

	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	len = readlink(self, path, sizeof(path) - 1);
	if (len < 0)
		return false;
	path[len] = '\0';
	return *path == '/' && !strncmp(path__last(path), name, strlen(name));
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

int mapped_file__open_path(const struct mapped_file *file, const char *path)
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
	fd = mapped_file__open_path(file, path);
	return fd < 0 ? mapped_file__open_path(file, file->name) : fd;
}
