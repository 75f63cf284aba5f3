/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes N pages of fresh shared memory.
 *
 * shmem [--pages N] [--kind anon|memfd]
 */
#include "common.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static uint64_t nr_pages = 64;
static const char *kind = "anon";
static char *map;

static char *map_shared(void)
{
	size_t bytes = nr_pages * page_bytes();
	int fd = -1, flags = MAP_SHARED;
	char *at;

	if (!strcmp(kind, "memfd")) {
		fd = memfd_create("memtrace-shmem", MFD_CLOEXEC);
		if (fd < 0 || ftruncate(fd, (off_t)bytes))
			die("memfd_create");
	} else {
		flags |= MAP_ANONYMOUS;
	}
	at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (at == MAP_FAILED)
		die("mmap");
	if (madvise(at, bytes, MADV_NOHUGEPAGE) && errno != EINVAL)
		die("madvise");
	if (fd >= 0)
		close(fd);
	return at;
}

static void touch(size_t from, size_t to)
{
	size_t page = page_bytes(), i;

	for (i = from; i < to; i++)
		*(volatile char *)(map + i * page) = 1;
}

static void prepare(void)
{
	map = map_shared();
	touch(0, 1);
	map = map_shared();
	touch(0, 0);
}

static void act(void)
{
	touch(0, nr_pages);
}

static void report(void)
{
	result__pages(map, nr_pages);
}

static const struct workload_option options[] = {
	{"--pages", OPTION_NUMBER, &nr_pages},
	{"--kind", OPTION_TEXT, &kind},
	OPTION_END,
};

int main(int argc, char **argv)
{
	static const struct workload workload = {options, prepare, act, report, NULL};

	workload__main(&workload, argc, argv);
}
