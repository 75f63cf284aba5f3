/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Maps a file of its own making and touches its pages. How many faults that takes is the kernel's
 * matter (it maps cached neighbours along): getrusage is the judge.
 *
 * filefault [--pages N] [--stride PAGES] [--map shared|private] [--access read|write|exec]
 *           [--seen] [--cold] [--ahead] [--dir DIR]
 * stride: every so many pages of the file one is touched; 17 and more are beyond those that the
 * kernel maps along. seen: each page is read before ready. cold: the file is not in the page cache
 * when it is touched, so that faults are major; ahead: the kernel may read ahead then.
 * "longest_ns" and "sum_ns" are of the accesses, by the program's own clock.
 */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static uint64_t nr_pages = 64, stride = 1;
static const char *map_name = "shared";
static const char *access_name = "read";
static bool seen, cold, ahead;
static const char *dir = "/tmp";

static char path[4096];
static char *map;
static uint64_t longest_ns, sum_ns;

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

static size_t file_bytes(void)
{
	return nr_pages * stride * page_bytes();
}

static int make_file(void)
{
	size_t i;
	int fd;

	if (snprintf(path, sizeof(path), "%s/memtrace-filefault-XXXXXX", dir) >= (int)sizeof(path))
		die("--dir");
	fd = mkstemp(path);
	if (fd < 0)
		die(path);
	if (ftruncate(fd, (off_t)file_bytes()))
		die("ftruncate");
	for (i = 0; i < nr_pages * stride; i++)
		if (pwrite(fd, code, sizeof(code), (off_t)(i * page_bytes())) != sizeof(code))
			die("pwrite");
	if (fsync(fd))
		die("fsync");
	return fd;
}

static void touch_page(char *at, const char *how)
{
	if (!strcmp(how, "exec"))
		((void (*)(void))(uintptr_t)at)();
	else if (!strcmp(how, "write"))
		*(volatile char *)at = *code;
	else
		(void)*(volatile char *)at;
}

static void touch(size_t from, size_t to, const char *how)
{
	uint64_t begin_ns, took_ns;
	size_t i;

	for (i = from; i < to; i++) {
		begin_ns = clock_ns();
		touch_page(map + i * stride * page_bytes(), how);
		took_ns = clock_ns() - begin_ns;
		sum_ns += took_ns;
		if (took_ns > longest_ns)
			longest_ns = took_ns;
	}
}

#define HUGE_BYTES (2UL << 20)

/* Where no part of the file can be mapped by a huge page, as of large folios some kernels do. */
static char *find_place(void)
{
	size_t bytes = file_bytes() + 2 * HUGE_BYTES;
	char *at = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED || munmap(at, bytes))
		die("mmap");
	return (char *)(((uintptr_t)at + HUGE_BYTES) & ~(HUGE_BYTES - 1)) + page_bytes();
}

static char *map_file(int fd)
{
	int flags = strcmp(map_name, "private") ? MAP_SHARED : MAP_PRIVATE;
	int prot = PROT_READ;
	char *at;

	prot |= strcmp(access_name, "write") ? 0 : PROT_WRITE;
	prot |= strcmp(access_name, "exec") ? 0 : PROT_EXEC;
	at = mmap(find_place(), file_bytes(), prot, flags | MAP_FIXED_NOREPLACE, fd, 0);
	if (at == MAP_FAILED)
		die("mmap");
	return at;
}

static void prepare(void)
{
	int fd = make_file();

	map = map_file(fd);
	touch(0, 1, access_name);
	touch(0, 0, access_name);
	munmap(map, file_bytes());
	/* A page that is being written to the disk, or is to be, is not what was asked for. */
	if (fsync(fd))
		die("fsync");
	map = map_file(fd);
	if (seen)
		touch(0, nr_pages, "read");
	sum_ns = longest_ns = 0;
	if (cold) {
		/* No readahead: each page comes by a fault of its own. */
		if (!ahead)
			madvise(map, file_bytes(), MADV_RANDOM);
		if (posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED))
			die("posix_fadvise");
	}
	close(fd);
}

static void act(void)
{
	touch(0, nr_pages, access_name);
}

static void report(void)
{
	result__text("path", path);
	result__address("address", map);
	result__number("bytes", file_bytes());
	result__number("pages", nr_pages);
	result__number("longest_ns", longest_ns);
	result__number("sum_ns", sum_ns);
}

static void clean(void)
{
	unlink(path);
}

static const struct workload_option options[] = {
	{"--pages", OPTION_NUMBER, &nr_pages},
	{"--stride", OPTION_NUMBER, &stride},
	{"--map", OPTION_TEXT, &map_name},
	{"--access", OPTION_TEXT, &access_name},
	{"--seen", OPTION_FLAG, &seen},
	{"--cold", OPTION_FLAG, &cold},
	{"--ahead", OPTION_FLAG, &ahead},
	{"--dir", OPTION_TEXT, &dir},
	OPTION_END,
};

int main(int argc, char **argv)
{
	static const struct workload workload = {options, prepare, act, report, clean};

	workload__main(&workload, argc, argv);
}
