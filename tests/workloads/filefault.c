/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Maps a file of its own making and touches its pages. How many faults that takes is the kernel's
 * matter (it maps cached neighbours along): getrusage is the judge.
 *
 * filefault [--pages N] [--map shared|private] [--access read|write|exec] [--cold] [--dir DIR]
 * cold: the file is not in the page cache when it is touched, so that faults are major.
 */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static uint64_t nr_pages = 64;
static const char *map_name = "shared";
static const char *access_name = "read";
static bool cold;
static const char *dir = "/tmp";

static char path[4096];
static char *map;

/* A function that only returns, at the start of each page. */
static const unsigned char code[] = {
#if defined(__x86_64__)
	0xc3,
#elif defined(__aarch64__)
	0xc0,
	0x03,
	0x5f,
	0xd6,
#else
	0,
#endif
};

static int make_file(void)
{
	size_t i;
	int fd;

	if (snprintf(path, sizeof(path), "%s/memtrace-filefault-XXXXXX", dir) >= (int)sizeof(path))
		die("--dir");
	fd = mkstemp(path);
	if (fd < 0)
		die(path);
	if (ftruncate(fd, (off_t)(nr_pages * page_bytes())))
		die("ftruncate");
	for (i = 0; i < nr_pages; i++)
		if (pwrite(fd, code, sizeof(code), (off_t)(i * page_bytes())) != sizeof(code))
			die("pwrite");
	if (fsync(fd))
		die("fsync");
	return fd;
}

static void touch(size_t from, size_t to)
{
	size_t page = page_bytes(), i;
	char *at;

	for (i = from; i < to; i++) {
		at = map + i * page;
		if (!strcmp(access_name, "exec"))
			((void (*)(void))(uintptr_t)at)();
		else if (!strcmp(access_name, "write"))
			*(volatile char *)at = *code;
		else
			(void)*(volatile char *)at;
	}
}

static char *map_file(int fd)
{
	int flags = strcmp(map_name, "private") ? MAP_SHARED : MAP_PRIVATE;
	int prot = PROT_READ;
	char *at;

	prot |= strcmp(access_name, "write") ? 0 : PROT_WRITE;
	prot |= strcmp(access_name, "exec") ? 0 : PROT_EXEC;
	at = mmap(NULL, nr_pages * page_bytes(), prot, flags, fd, 0);
	if (at == MAP_FAILED)
		die("mmap");
	return at;
}

static void prepare(void)
{
	int fd = make_file();

	map = map_file(fd);
	touch(0, 1);
	touch(0, 0);
	munmap(map, nr_pages * page_bytes());
	map = map_file(fd);
	if (cold) {
		/* No readahead: each page comes by a fault of its own. */
		madvise(map, nr_pages * page_bytes(), MADV_RANDOM);
		if (fsync(fd) || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED))
			die("posix_fadvise");
	}
	close(fd);
}

static void act(void)
{
	touch(0, nr_pages);
}

static void report(void)
{
	result__text("path", path);
	result__address("address", map);
	result__number("bytes", nr_pages * page_bytes());
	result__number("pages", nr_pages);
}

static void clean(void)
{
	unlink(path);
}

static const struct workload_option options[] = {
	{"--pages", OPTION_NUMBER, &nr_pages},
	{"--map", OPTION_TEXT, &map_name},
	{"--access", OPTION_TEXT, &access_name},
	{"--cold", OPTION_FLAG, &cold},
	{"--dir", OPTION_TEXT, &dir},
	OPTION_END,
};

int main(int argc, char **argv)
{
	static const struct workload workload = {options, prepare, act, report, clean};

	workload__main(&workload, argc, argv);
}
