/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Has the kernel write N pages to swap (MADV_PAGEOUT), and touches them again.
 *
 * swap [--pages N] [--kind anon|shmem] [--access read|write]
 * "swapped" is how many of them were in swap then, by the kernel's word (/proc/self/pagemap).
 */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif
/* Page map entries (Documentation/admin-guide/mm/pagemap.rst). */
#define PAGEMAP_SWAPPED (1ULL << 62)
#define MAX_TRIES 100

static uint64_t nr_pages = 256;
static const char *kind = "anon", *access_name = "read";
static char *map;
static uint64_t nr_swapped;

static uint64_t count_swapped(void)
{
	uint64_t nr = 0, entry, i;
	off_t at;
	int fd;

	fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die("pagemap");
	for (i = 0; i < nr_pages; i++) {
		at = (off_t)(((uintptr_t)map / page_bytes() + i) * sizeof(entry));
		if (pread(fd, &entry, sizeof(entry), at) != sizeof(entry))
			die("pagemap");
		nr += !!(entry & PAGEMAP_SWAPPED);
	}
	close(fd);
	return nr;
}

static void touch(void)
{
	uint64_t i;
	char *at;

	for (i = 0; i < nr_pages; i++) {
		at = map + i * page_bytes();
		if (strcmp(access_name, "read"))
			*(volatile char *)at = 2;
		else
			(void)*(volatile char *)at;
	}
}

static void map_memory(void)
{
	size_t bytes = nr_pages * page_bytes();

	map = map_alone(nr_pages);
	if (!strcmp(kind, "shmem"))
		map = mmap(map, bytes, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (map == MAP_FAILED)
		die("mmap");
	memset(map, 1, bytes);
}

static void prepare(void)
{
	size_t bytes = nr_pages * page_bytes();
	int i;

	map_memory();
	touch();
	/* What is in a batch of this CPU's, or being written, is left out: once more then. */
	for (i = 0; i < MAX_TRIES && nr_swapped < nr_pages; i++) {
		if (madvise(map, bytes, MADV_PAGEOUT))
			die("MADV_PAGEOUT");
		nr_swapped = count_swapped();
	}
}

static void report(void)
{
	result__pages(map, nr_pages);
	result__number("swapped", nr_swapped);
}

static const struct workload_option options[] = {
	{"--pages", OPTION_NUMBER, &nr_pages},
	{"--kind", OPTION_TEXT, &kind},
	{"--access", OPTION_TEXT, &access_name},
	OPTION_END,
};

int main(int argc, char **argv)
{
	static const struct workload workload = {options, prepare, touch, report, NULL};

	workload__main(&workload, argc, argv);
}
