/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Has the kernel fill N pages without a page-fault exception.
 *
 * populate [--pages N] [--by mmap|mlock|madvise]
 */
#include "common.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

static uint64_t nr_pages = 64;
static const char *by = "mmap";
static char *map;

static void fill(char *at, size_t bytes)
{
	if (!strcmp(by, "mlock")) {
		if (mlock(at, bytes))
			die("mlock");
	} else if (!strcmp(by, "madvise")) {
		if (madvise(at, bytes, MADV_POPULATE_WRITE))
			die("madvise");
	} else {
		map = mmap(at, bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE | MAP_FIXED, -1, 0);
		if (map == MAP_FAILED)
			die("mmap");
	}
}

static void prepare(void)
{
	fill(map_alone(1), page_bytes());
	map = map_alone(nr_pages);
}

static void act(void)
{
	fill(map, nr_pages * page_bytes());
}

static void report(void)
{
	result__pages(map, nr_pages);
}

static const struct workload_option options[] = {
	{"--pages", OPTION_NUMBER, &nr_pages},
	{"--by", OPTION_TEXT, &by},
	OPTION_END,
};

int main(int argc, char **argv)
{
	static const struct workload workload = {options, prepare, act, report, NULL};

	workload__main(&workload, argc, argv);
}
