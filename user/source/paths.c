// SPDX-License-Identifier: GPL-2.0-or-later
#include "source/paths.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/array.h"
#include "base/elf_file.h"
#include "base/hash.h"
#include "base/path.h"
#include "source/procfs.h"

/* As many as build-ids are remembered of, and directories for a search by name. */
#define MAX_PATHS 8192
#define MAX_DIRECTORIES 256

struct known_path {
	struct file_key key;
	/* What stat() says: below an overlayfs it is another. */
	dev_t dev;
	ino_t ino;
	char *path;
	UT_hash_handle hh;
};

struct paths {
	struct known_path *known; /* the oldest first */
	struct {
		char **items;
		size_t nr, cap;
	} directories;
};

static void paths__add_directory(struct paths *paths, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *directory, **slot;

	if (!slash || paths->directories.nr >= MAX_DIRECTORIES)
		return;
	directory = strndup(path, slash - path + 1);
	for (size_t i = 0; directory && i < paths->directories.nr; i++)
		if (!strcmp(paths->directories.items[i], directory)) {
			free(directory);
			return;
		}
	slot = directory ? array__push(&paths->directories) : NULL;
	if (slot)
		*slot = directory;
	else
		free(directory);
}

static void paths__forget(struct paths *paths, struct known_path *known)
{
	HASH_DELETE(hh, paths->known, known);
	free(known->path);
	free(known);
}

static void paths__add(struct paths *paths, const struct file_key *key, const char *path,
		       const struct stat *st)
{
	struct known_path *known = calloc(1, sizeof(*known));

	if (!known)
		return;
	known->key = *key;
	known->dev = st->st_dev;
	known->ino = st->st_ino;
	known->path = strdup(path);
	if (known->path)
		HASH_ADD(hh, paths->known, key, sizeof(known->key), known);
	if (!hash__added(known)) {
		free(known->path);
		free(known);
		return;
	}
	if (HASH_COUNT(paths->known) > MAX_PATHS)
		paths__forget(paths, paths->known);
	paths__add_directory(paths, path);
}

static struct known_path *paths__find(const struct paths *paths, const struct file_key *key)
{
	struct known_path *known;

	HASH_FIND(hh, paths->known, key, sizeof(*key), known);
	return known;
}

/* The path in our view; it is told by inode when it is used. False: the mapping is gone. */
static bool mapping__path(const struct mapped_file *file, char *path, size_t size, struct stat *st)
{
	char link[128];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/%u/map_files/%llx-%llx", file->tgid,
		 (unsigned long long)file->start, (unsigned long long)file->end);
	len = readlink(link, path, size - 1);
	if (len <= 0 || path[0] != '/' || stat(link, st) || !S_ISREG(st->st_mode))
		return false;
	path[len] = '\0';
	return true;
}

static void note_mapping(struct paths *paths, const struct mt_record *record)
{
	char path[PATH_MAX];
	struct mapped_file file;
	struct stat st;

	if (!mapped_file__of_record(record, &file) || paths__find(paths, &file.key))
		return;
	if (mapping__path(&file, path, sizeof(path), &st))
		paths__add(paths, &file.key, path, &st);
	else if (file.name[0] == '/' && !stat(file.name, &st) && S_ISREG(st.st_mode) &&
		 st.st_ino == file.key.ino)
		paths__add(paths, &file.key, file.name, &st);
}

/* "c\0b\0a\0" is /a/b/c. False: it is not whole. */
static bool path__join(const struct mt_path *record, char path[static MT_PATH_NAMES_BYTES + 1])
{
	const char *name = record->names, *end = name + record->len;
	size_t at = MT_PATH_NAMES_BYTES, len;

	path[at] = '\0';
	for (; name < end; name += len + 1) {
		len = strnlen(name, end - name);
		if (!len || len >= at || strchr(name, '/'))
			return false;
		at -= len;
		memcpy(path + at, name, len);
		path[--at] = '/';
	}
	memmove(path, path + at, MT_PATH_NAMES_BYTES + 1 - at);
	return path[0];
}

/* A file that is seen on another device than records tell, of an overlayfs, has another inode. */
static void note_path(struct paths *paths, const struct mt_path *record)
{
	const struct file_key key = {record->ino, record->dev_major, record->dev_minor};
	char path[MT_PATH_NAMES_BYTES + 1];
	struct stat st;

	if (!paths__find(paths, &key) && path__join(record, path) && !stat(path, &st) &&
	    S_ISREG(st.st_mode) &&
	    (st.st_ino == key.ino || st.st_dev != makedev(key.dev_major, key.dev_minor)))
		paths__add(paths, &key, path, &st);
}

static int note_one(void *ctx, const void *record, size_t size)
{
	(void)size;
	paths__note(ctx, record);
	return 0;
}

void paths__note(struct paths *paths, const struct mt_record *record)
{
	if (record->kind == MT_KIND_EXEC)
		paths__add_directory(paths, ((const struct mt_exec *)record)->path);
	else if (record->kind == MT_KIND_PATH)
		note_path(paths, (const struct mt_path *)record);
	else if (record->kind == MT_KIND_MAPPING)
		note_mapping(paths, record);
}

struct paths *paths__new(void)
{
	static const char *const usual[] = {
		"/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/", "/usr/local/lib/",
		"/bin/", "/sbin/",  "/usr/bin/", "/usr/sbin/",	"/usr/local/bin/"};
	struct paths *paths = calloc(1, sizeof(*paths));

	if (!paths)
		return NULL;
	procfs__mappings((uint32_t)getpid(), 0, note_one, paths);
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		paths__add_directory(paths, usual[i]);
	return paths;
}

void paths__free(struct paths *paths)
{
	struct known_path *known, *next;

	if (!paths)
		return;
	HASH_ITER (hh, paths->known, known, next)
		paths__forget(paths, known);
	for (size_t i = 0; i < paths->directories.nr; i++)
		free(paths->directories.items[i]);
	array__free(&paths->directories);
	free(paths);
}

static int open_known(const struct paths *paths, const struct file_key *key)
{
	const struct known_path *known = paths__find(paths, key);
	int fd = known ? elf_file__open_path(known->path) : -1;
	struct stat st;

	if (fd >= 0 && !fstat(fd, &st) && st.st_dev == known->dev && st.st_ino == known->ino)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* In the directories, the last component of its name; or what of that fits into a record. */
static int search(const struct paths *paths, const struct mapped_file *file)
{
	const char *name = path__last(file->name);
	char path[PATH_MAX];
	int fd = -1;

	for (size_t i = 0; *name && fd < 0 && i < paths->directories.nr; i++) {
		snprintf(path, sizeof(path), "%s%s", paths->directories.items[i], name);
		fd = mapped_file__open_path(file, path);
	}
	return fd;
}

int paths__open(struct paths *paths, const struct mapped_file *file)
{
	int fd = mapped_file__open(file);

	if (fd < 0 && paths)
		fd = open_known(paths, &file->key);
	return fd < 0 && paths ? search(paths, file) : fd;
}
