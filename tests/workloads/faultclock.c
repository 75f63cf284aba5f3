/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a fault costs, on a machine whose clock counts instructions (QEMU's -icount): touches fresh
 * pages, and times a loop of known length beside it.
 *
 * faultclock [--pages N]
 */
#include "common.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE_BYTES 4096
/* Two instructions a turn. */
#define LOOP_TURNS 20000000ULL

static double instructions_per_ns(void)
{
	uint64_t begin = clock_ns(), turns = LOOP_TURNS;

	while (turns) {
		turns--;
		__asm__ volatile("" : "+r"(turns));
	}
	return 2.0 * LOOP_TURNS / (double)(clock_ns() - begin);
}

static double ns_per_fault(uint64_t nr_pages)
{
	size_t bytes = nr_pages * PAGE_BYTES;
	char *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t begin, end;

	if (map == MAP_FAILED)
		exit(1);
	madvise(map, bytes, MADV_NOHUGEPAGE);
	begin = clock_ns();
	for (size_t i = 0; i < bytes; i += PAGE_BYTES)
		map[i] = 1;
	end = clock_ns();
	munmap(map, bytes);
	return (double)(end - begin) / (double)nr_pages;
}

int main(int argc, char **argv)
{
	uint64_t nr_pages =
		argc > 2 && !strcmp(argv[1], "--pages") ? strtoull(argv[2], NULL, 10) : 20000;
	double least = 0, rate = instructions_per_ns();

	for (int i = 0; i < 5; i++) {
		double ns = ns_per_fault(nr_pages);

		least = !i || ns < least ? ns : least;
	}
	printf("{\"instructions_per_fault\": %.0f, \"instructions_per_ns\": %.3f}\n", least * rate,
	       rate);
	return 0;
}
