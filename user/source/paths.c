// SPDX-License-Identifier: GPL-2.0-or-later
#include "source/paths.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/elf_file.h"
#include "base/hash.h"
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
	pthread_mutex_t lock;	  /* held for no more than a look */
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

static bool paths__know(struct paths *paths, const struct file_key *key)
{
	bool known;

	pthread_mutex_lock(&paths->lock);
	known = paths__find(paths, key);
	pthread_mutex_unlock(&paths->lock);
	return known;
}

static void paths__learn(struct paths *paths, const struct file_key *key, const char *path,
			 const struct stat *st)
{
	pthread_mutex_lock(&paths->lock);
	if (!paths__find(paths, key))
		paths__add(paths, key, path, st);
	pthread_mutex_unlock(&paths->lock);
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

static int note_one(void *ctx, const void *record, size_t size)
{
	(void)size;
	paths__note(ctx, record);
	return 0;
}

void paths__note(struct paths *paths, const struct mt_record *record)
{
	const struct mt_exec *exec = (const struct mt_exec *)record;
	char path[PATH_MAX];
	struct mapped_file file;
	struct stat st;

	if (record->kind == MT_KIND_EXEC) {
		pthread_mutex_lock(&paths->lock);
		paths__add_directory(paths, exec->path);
		pthread_mutex_unlock(&paths->lock);
	}
	if (record->kind != MT_KIND_MAPPING && record->kind != MT_KIND_MMAP)
		return;
	if (!mapped_file__of_record(record, &file) || paths__know(paths, &file.key))
		return;
	if (mapping__path(&file, path, sizeof(path), &st))
		paths__learn(paths, &file.key, path, &st);
	else if (file.name[0] == '/' && !stat(file.name, &st) && S_ISREG(st.st_mode) &&
		 st.st_ino == file.key.ino)
		paths__learn(paths, &file.key, file.name, &st);
	else if (record->kind == MT_KIND_MMAP)
		/* Loaders map all of a library, and then its data over the end of that. */
		procfs__mappings(record->tgid, 0, note_one, paths);
}

struct paths *paths__new(void)
{
	static const char *const usual[] = {
		"/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/", "/usr/local/lib/",
		"/bin/", "/sbin/",  "/usr/bin/", "/usr/sbin/",	"/usr/local/bin/"};
	struct paths *paths = calloc(1, sizeof(*paths));
	pthread_mutexattr_t attr;

	if (!paths)
		return NULL;
	/* One of those who look has real-time priority, and waits for the other. */
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(&paths->lock, &attr);
	pthread_mutexattr_destroy(&attr);
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
	pthread_mutex_destroy(&paths->lock);
	free(paths);
}

static int open_known(struct paths *paths, const struct file_key *key)
{
	const struct known_path *known;
	struct known_path copy = {};
	struct stat st;
	int fd;

	pthread_mutex_lock(&paths->lock);
	known = paths__find(paths, key);
	if (known)
		copy = (struct known_path){
			.dev = known->dev, .ino = known->ino, .path = strdup(known->path)};
	pthread_mutex_unlock(&paths->lock);
	fd = copy.path ? elf_file__open_path(copy.path) : -1;
	free(copy.path);
	if (fd >= 0 && !fstat(fd, &st) && st.st_dev == copy.dev && st.st_ino == copy.ino)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* In the directories, the last component of its name; or what of that fits into a record. */
static int search(struct paths *paths, const struct mapped_file *file)
{
	const char *slash = strrchr(file->name, '/'), *name = slash ? slash + 1 : file->name;
	char path[PATH_MAX];
	bool more = *name;
	int fd = -1;

	for (size_t i = 0; more && fd < 0; i++) {
		pthread_mutex_lock(&paths->lock);
		more = i < paths->directories.nr;
		if (more)
			snprintf(path, sizeof(path), "%s%s", paths->directories.items[i], name);
		pthread_mutex_unlock(&paths->lock);
		if (more)
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
