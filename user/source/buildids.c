// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "source/buildids.h"

/*
 * Of systems that write and run programs all day long we remember so many files; of one that was
 * forgotten and is mapped again the build-id is told again.
 */
#define MAX_FILES 8192
/* What usually comes between two looks has room in these; the memory of a burst goes back. */
#define KEEP_WAITING 64

struct file_key {
	uint64_t ino;
	uint32_t dev_major;
	uint32_t dev_minor;
};

/* A file that was noted. */
struct known_file {
	struct file_key key;
	UT_hash_handle hh;
};

/* And has not been looked at yet. */
struct buildid_file {
	struct file_key key;
	uint32_t tgid; /* has it mapped from start to end */
	uint64_t start;
	uint64_t end;
	char name[MT_PATH_BYTES];
};

/* As the kernel rounds the length of a mapping. */
static uint64_t page__whole(uint64_t bytes)
{
	uint64_t mask = sysconf(_SC_PAGESIZE) - 1;

	return (bytes + mask) & ~mask;
}

/* What a record says of an executable mapping; false if it is not of one. */
static bool mapping__of(const struct mt_record *record, struct buildid_file *file)
{
	const struct mt_mapping *mapping = (const struct mt_mapping *)record;
	const struct mt_mmap_file *call = (const struct mt_mmap_file *)record;

	*file = (struct buildid_file){.tgid = record->tgid};
	if (record->kind == MT_KIND_MAPPING && mapping->prot & PROT_EXEC && mapping->ino) {
		file->key = (struct file_key){mapping->ino, mapping->dev_major, mapping->dev_minor};
		file->start = mapping->start;
		file->end = mapping->end;
		memcpy(file->name, mapping->name, sizeof(file->name));
		return true;
	}
	if (record->kind == MT_KIND_MMAP && record->flags & MT_CALL_FILE &&
	    call->call.arg[2] & PROT_EXEC && call->file.ino) {
		file->key = (struct file_key){call->file.ino, call->file.dev_major,
					      call->file.dev_minor};
		file->start = call->call.ret;
		file->end = file->start + page__whole(call->call.arg[1]);
		memcpy(file->name, call->file.name, sizeof(call->file.name));
		return true;
	}
	return false;
}

static void buildids__forget(struct buildids *ids, struct known_file *known)
{
	HASH_DELETE(hh, ids->known, known);
	free(known);
}

void buildids__note(struct buildids *ids, const struct mt_record *record)
{
	struct buildid_file file, *slot;
	struct known_file *known;

	if (!mapping__of(record, &file) || ids->waiting.nr >= MAX_FILES)
		return;
	HASH_FIND(hh, ids->known, &file.key, sizeof(file.key), known);
	if (known)
		return;
	/* uthash's head is the oldest. */
	if (HASH_COUNT(ids->known) >= MAX_FILES)
		buildids__forget(ids, ids->known);
	known = malloc(sizeof(*known));
	slot = known ? array__push(&ids->waiting) : NULL;
	if (!slot) {
		free(known);
		return;
	}
	*slot = file;
	known->key = file.key;
	HASH_ADD(hh, ids->known, key, sizeof(known->key), known);
	if (!hash__added(known)) {
		ids->waiting.nr--;
		free(known);
	}
}

/* Opening a device or a pipe would do something; a path may lead to one a moment later. */
static int open_regular(const char *path)
{
	int place __closefd = open(path, O_PATH | O_CLOEXEC);
	char self[64];
	struct stat st;

	if (place < 0 || fstat(place, &st) || !S_ISREG(st.st_mode))
		return -1;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", place);
	return open(self, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

static bool has_inode(int fd, const struct buildid_file *file)
{
	struct stat st;

	return !fstat(fd, &st) && st.st_ino == file->key.ino;
}

/* Of a record the last component of a path may be all, or its first 63 bytes. */
static bool has_name(int fd, const struct buildid_file *file)
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

/*
 * By the mapping itself, which also finds files that are deleted or in another mount namespace.
 * Another file may be mapped there by now. Above an overlayfs inodes have other numbers than
 * below: the name must do.
 */
static int file__open_mapped(const struct buildid_file *file)
{
	char path[MT_PATH_BYTES + 64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/map_files/%llx-%llx", file->tgid,
		 (unsigned long long)file->start, (unsigned long long)file->end);
	fd = open_regular(path);
	if (fd >= 0)
		fd = keep_if(has_inode(fd, file) || has_name(fd, file), fd);
	if (fd >= 0 || file->name[0] != '/')
		return fd;
	snprintf(path, sizeof(path), "/proc/%u/root%s", file->tgid, file->name);
	fd = open_regular(path);
	return fd < 0 ? fd : keep_if(has_inode(fd, file), fd);
}

static int file__deliver(const struct buildid_file *file, int fd, uint64_t time_ns, source_fn fn,
			 void *ctx)
{
	struct mt_build_id rec = {
		.hdr = {.time_ns = time_ns,
			.tgid = file->tgid,
			.tid = file->tgid,
			.size_bytes = sizeof(rec),
			.kind = MT_KIND_BUILD_ID},
		.dev_major = file->key.dev_major,
		.dev_minor = file->key.dev_minor,
		.ino = file->key.ino,
	};

	rec.id_bytes = buildid__of_file(fd, rec.id, sizeof(rec.id));
	memcpy(rec.name, file->name, sizeof(rec.name));
	return fn(ctx, &rec, sizeof(rec));
}

int buildids__read(struct buildids *ids, uint64_t time_ns, source_fn fn, void *ctx)
{
	int err = 0;

	for (size_t i = 0; i < ids->waiting.nr; i++) {
		const struct buildid_file *file = &ids->waiting.items[i];
		int fd __closefd = file__open_mapped(file);
		struct known_file *known;

		if (fd >= 0) {
			err = err ?: file__deliver(file, fd, time_ns, fn, ctx);
			continue;
		}
		HASH_FIND(hh, ids->known, &file->key, sizeof(file->key), known);
		if (known)
			buildids__forget(ids, known);
	}
	ids->waiting.nr = 0;
	array__trim(&ids->waiting, KEEP_WAITING);
	return err;
}

void buildids__release(struct buildids *ids)
{
	struct known_file *file, *next;

	HASH_ITER (hh, ids->known, file, next)
		buildids__forget(ids, file);
	array__free(&ids->waiting);
}
