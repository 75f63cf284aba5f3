/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Touches N pages of a fresh anonymous mapping, each by itself, in a given order.
 *
 * fault [--pages N] [--order up|down|stride|random] [--stride PAGES] [--seed N]
 *	 [--access read|write|both|kernel] [--idle]
 * both: each page is read, then all are written; kernel: read(2) writes them from /dev/zero.
 */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static uint64_t nr_pages = 256;
static const char *order = "up";
static uint64_t stride = 1;
static uint64_t seed = 1;
static const char *access_name = "write";
static bool idle;

static char *map;
static uint32_t *sequence; /* page numbers, in the order of their touching */
static int zero_fd = -1;

static void touch_read(size_t from, size_t to)
{
	size_t page = page_bytes(), i;

	for (i = from; i < to; i++)
		(void)*(volatile char *)(map + sequence[i] * page);
}

static void touch_write(size_t from, size_t to)
{
	size_t page = page_bytes(), i;

	for (i = from; i < to; i++)
		*(volatile char *)(map + sequence[i] * page) = 1;
}

static void touch_kernel(size_t from, size_t to)
{
	size_t page = page_bytes(), i;

	for (i = from; i < to; i++)
		if (read(zero_fd, map + sequence[i] * page, page) != (ssize_t)page)
			die("/dev/zero");
}

static void touch(size_t from, size_t to)
{
	if (!strcmp(access_name, "kernel"))
		touch_kernel(from, to);
	if (!strcmp(access_name, "read") || !strcmp(access_name, "both"))
		touch_read(from, to);
	if (!strcmp(access_name, "write") || !strcmp(access_name, "both"))
		touch_write(from, to);
}

static uint64_t next_random(void)
{
	/* xorshift64: Marsaglia, Xorshift RNGs, 2003 */
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void shuffle(void)
{
	uint32_t held;
	size_t i, j;

	for (i = nr_pages; i > 1; i--) {
		j = next_random() % i;
		held = sequence[i - 1];
		sequence[i - 1] = sequence[j];
		sequence[j] = held;
	}
}

static void prepare(void)
{
	size_t page = page_bytes(), i;

	errno = EINVAL;
	if (!nr_pages || !stride || !seed)
		die("--pages, --stride and --seed start at 1");
	if (strcmp(order, "stride"))
		stride = 1;
	zero_fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	sequence = (uint32_t *)map_alone(nr_pages * sizeof(*sequence) / page + 1);
	for (i = 0; i < nr_pages; i++)
		sequence[i] = (uint32_t)(i * stride);
	if (!strcmp(order, "down"))
		for (i = 0; i < nr_pages; i++)
			sequence[i] = (uint32_t)(nr_pages - 1 - i);
	if (!strcmp(order, "random"))
		shuffle();

	/* The same code, on a mapping that is not the one. */
	map = map_alone(nr_pages * stride);
	touch(0, 1);
	touch(0, 0);
	map = map_alone(nr_pages * stride);
}

static void act(void)
{
	if (!idle)
		touch(0, nr_pages);
}

static void report(void)
{
	result__address("address", map);
	result__number("bytes", nr_pages * stride * page_bytes());
	result__number("pages", idle ? 0 : nr_pages);
	result__number("tid", own_tid());
}

static const struct workload_option options[] = {
	{"--pages", OPTION_NUMBER, &nr_pages},
	{"--order", OPTION_TEXT, &order},
	{"--stride", OPTION_NUMBER, &stride},
	{"--seed", OPTION_NUMBER, &seed},
	{"--access", OPTION_TEXT, &access_name},
	{"--idle", OPTION_FLAG, &idle},
	OPTION_END,
};

int main(int argc, char **argv)
{
	static const struct workload workload = {options, prepare, act, report, NULL};

	workload__main(&workload, argc, argv);
}
