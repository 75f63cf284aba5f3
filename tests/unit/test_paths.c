// SPDX-License-Identifier: GPL-2.0-or-later
/* Files of processes that are gone: by the paths that were learned, told by their inodes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "source/paths.h"

/* No process has this pid. */
#define GONE 0x7ffffff0U

static char directory[64];

static void make_file(const char *name, struct stat *st)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	fd = open(path, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0700);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 8192), 0);
	assert_int_equal(fstat(fd, st), 0);
	close(fd);
}

static void remove_file(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	unlink(path);
}

static struct mapped_file file_of(const struct stat *st, const char *name)
{
	return (struct mapped_file){
		.tgid = GONE,
		.start = 4096,
		.end = 8192,
		.key = {st->st_ino, major(st->st_dev), minor(st->st_dev)},
		.name = name,
	};
}

static void assert_is(int fd, const struct stat *st)
{
	struct stat found;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &found), 0);
	assert_int_equal(found.st_ino, st->st_ino);
	assert_int_equal(found.st_dev, st->st_dev);
	close(fd);
}

/* As a process that lives has it mapped: by its path, or by the last component alone. */
static void note_mapping(struct paths *paths, uint32_t pid, const struct stat *st, uint64_t start,
			 const char *name)
{
	struct mt_mapping rec = {
		.hdr = {.kind = MT_KIND_MAPPING, .size_bytes = sizeof(rec), .tgid = pid},
		.start = start,
		.end = start + 4096,
		.prot = PROT_READ | PROT_EXEC,
		.dev_major = major(st->st_dev),
		.dev_minor = minor(st->st_dev),
		.ino = st->st_ino,
	};

	snprintf(rec.name, sizeof(rec.name), "%s", name);
	paths__note(paths, &rec.hdr);
}

static void test_by_path(void **state)
{
	struct paths *paths = paths__new();
	struct mapped_file file;
	struct stat st, other;
	char path[128], new_path[128];

	(void)state;
	make_file("library", &st);
	snprintf(path, sizeof(path), "%s/library", directory);
	file = file_of(&st, "library");
	assert_int_equal(paths__open(paths, &file), -1);
	note_mapping(paths, GONE, &st, 4096, path);
	assert_is(paths__open(paths, &file), &st);
	/* Another file is there by now. */
	make_file("new", &other);
	snprintf(new_path, sizeof(new_path), "%s/new", directory);
	assert_int_equal(rename(new_path, path), 0);
	assert_int_equal(paths__open(paths, &file), -1);
	remove_file("library");
	paths__free(paths);
}

/* The last component of a name is all that a record has; the mapping itself tells the rest. */
static void test_by_mapping(void **state)
{
	struct paths *paths = paths__new();
	struct mapped_file file;
	char path[128];
	struct stat st;
	void *mapped;
	int fd;

	(void)state;
	if (geteuid()) {
		print_message("skip: /proc/PID/map_files is for root\n");
		paths__free(paths);
		skip();
	}
	make_file("mapped", &st);
	snprintf(path, sizeof(path), "%s/mapped", directory);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	mapped = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_true(mapped != MAP_FAILED);
	close(fd);
	note_mapping(paths, (uint32_t)getpid(), &st, (uintptr_t)mapped, "mapped");
	munmap(mapped, 4096);
	file = file_of(&st, "mapped");
	assert_is(paths__open(paths, &file), &st);
	remove_file("mapped");
	paths__free(paths);
}

/* "/a/b" as the kernel's programs have it: "b\0a\0". */
static void note_path(struct paths *paths, const struct stat *st, const char *path)
{
	struct mt_path rec = {
		.hdr = {.kind = MT_KIND_PATH, .size_bytes = sizeof(rec)},
		.dev_major = major(st->st_dev),
		.dev_minor = minor(st->st_dev),
		.ino = st->st_ino,
	};
	char *copy = strdup(path), *slash;
	size_t at = 0;

	assert_non_null(copy);
	while ((slash = strrchr(copy, '/'))) {
		assert_true(at + strlen(slash) < sizeof(rec.names));
		at += (size_t)sprintf(rec.names + at, "%s", slash + 1) + 1;
		*slash = '\0';
	}
	free(copy);
	rec.len = (uint32_t)at;
	paths__note(paths, &rec.hdr);
}

/* The kernel's programs have told where it lies. */
static void test_by_names(void **state)
{
	struct paths *paths = paths__new();
	struct mapped_file file;
	char path[128];
	struct stat st;

	(void)state;
	make_file("told", &st);
	file = file_of(&st, "told");
	snprintf(path, sizeof(path), "%s/elsewhere", directory);
	note_path(paths, &st, path);
	note_path(paths, &st, "");
	note_path(paths, &st, "/dev/null");
	assert_int_equal(paths__open(paths, &file), -1);
	snprintf(path, sizeof(path), "%s/told", directory);
	/* Another's inode. */
	st.st_ino++;
	note_path(paths, &st, path);
	st.st_ino--;
	assert_int_equal(paths__open(paths, &file), -1);
	note_path(paths, &st, path);
	assert_is(paths__open(paths, &file), &st);
	remove_file("told");
	paths__free(paths);
}

/* Names that fill all there is, up to its last byte. */
static void test_long_names(void **state)
{
	struct paths *paths = paths__new();
	struct mt_path rec = {.hdr = {.kind = MT_KIND_PATH, .size_bytes = sizeof(rec)},
			      .ino = 1,
			      .len = sizeof(rec.names)};

	(void)state;
	memset(rec.names, 'x', sizeof(rec.names));
	paths__note(paths, &rec.hdr);
	rec.names[sizeof(rec.names) - 1] = '\0';
	paths__note(paths, &rec.hdr);
	for (size_t i = 1; i < sizeof(rec.names); i += 2)
		rec.names[i] = '\0';
	paths__note(paths, &rec.hdr);
	assert_int_equal(paths__open(paths, &(struct mapped_file){.key = {1}, .name = "x"}), -1);
	paths__free(paths);
}

/* Nothing was said of the file: a directory that was met has one of that name and inode. */
static void test_by_directory(void **state)
{
	struct paths *paths = paths__new();
	struct mt_exec exec = {.hdr = {.kind = MT_KIND_EXEC, .size_bytes = sizeof(exec)}};
	struct mapped_file file;
	struct stat st;

	(void)state;
	make_file("beside", &st);
	file = file_of(&st, "beside");
	assert_int_equal(paths__open(paths, &file), -1);
	snprintf(exec.path, sizeof(exec.path), "%s/program", directory);
	paths__note(paths, &exec.hdr);
	assert_is(paths__open(paths, &file), &st);
	file.key.ino++;
	assert_int_equal(paths__open(paths, &file), -1);
	file.name = "";
	assert_int_equal(paths__open(paths, &file), -1);
	remove_file("beside");
	paths__free(paths);
}

/* What this program has mapped is known, with the directories that libraries are in here. */
static void test_own(void **state)
{
	struct paths *paths = paths__new();
	struct stat st;
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512], path[256] = "";
	struct mapped_file file;

	(void)state;
	assert_non_null(maps);
	while (!strstr(path, "libc.so") && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%*s %*s %*s %*s %*s %255s", path) != 1)
			*path = '\0';
	fclose(maps);
	assert_int_equal(stat(path, &st), 0);
	file = file_of(&st, strrchr(path, '/') + 1);
	assert_is(paths__open(paths, &file), &st);
	paths__free(paths);
}

/* A device or a directory is no file, whoever says so; too many are forgotten, not kept. */
static void test_strange(void **state)
{
	struct paths *paths = paths__new();
	struct mapped_file file;
	struct stat st;

	(void)state;
	assert_int_equal(stat("/dev/zero", &st), 0);
	note_mapping(paths, GONE, &st, 4096, "/dev/zero");
	file = file_of(&st, "zero");
	assert_int_equal(paths__open(paths, &file), -1);
	make_file("many", &st);
	for (uint64_t i = 0; i < 20000; i++) {
		struct mt_exec exec = {.hdr = {.kind = MT_KIND_EXEC, .size_bytes = sizeof(exec)}};

		snprintf(exec.path, sizeof(exec.path), "/nowhere/%llu/x", (unsigned long long)i);
		paths__note(paths, &exec.hdr);
	}
	file = file_of(&st, "many");
	assert_int_equal(paths__open(paths, &file), -1);
	remove_file("many");
	paths__free(paths);
}

static int make_directory(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/memtrace-paths-XXXXXX");
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
	(void)state;
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_path),	     cmocka_unit_test(test_by_mapping),
		cmocka_unit_test(test_by_directory), cmocka_unit_test(test_own),
		cmocka_unit_test(test_strange),	     cmocka_unit_test(test_by_names),
		cmocka_unit_test(test_long_names),
	};

	return cmocka_run_group_tests_name("paths", tests, make_directory, remove_directory);
}
