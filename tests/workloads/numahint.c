/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goes round and round N pages that are all there, until the kernel's NUMA balancing has made M of
 * its accesses fault.
 *
 * numahint [--pages N] [--faults M] [--seconds S]
 * No other fault is due: the memory is written before, and never unmapped. Gives up after S.
 */
#include "common.h"

#include <pthread.h>
#include <unistd.h>

static uint64_t nr_pages = 512, nr_faults = 64, limit_s = 120;
static char *map;

static void touch_all(void)
{
	uint64_t i;

	for (i = 0; i < nr_pages; i++)
		*(volatile char *)(map + i * page_bytes()) += 1;
}

static uint64_t count_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (uint64_t)(usage.ru_minflt + usage.ru_majflt);
}

static void *wait_for_ever(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void prepare(void)
{
	pthread_t thread;

	/* Of a process with one thread the kernel leaves alone what is on the thread's own node. */
	if (pthread_create(&thread, NULL, wait_for_ever, NULL))
		die("pthread_create");
	map = map_alone(nr_pages);
	touch_all();
	clock_ns();
}

static void act(void)
{
	uint64_t begin = count_faults();
	uint64_t end_ns = clock_ns() + limit_s * 1000000000;

	while (count_faults() - begin < nr_faults && clock_ns() < end_ns)
		touch_all();
}

static void report(void)
{
	result__pages(map, nr_pages);
}

static const struct workload_option options[] = {
	{"--pages", OPTION_NUMBER, &nr_pages},
	{"--faults", OPTION_NUMBER, &nr_faults},
	{"--seconds", OPTION_NUMBER, &limit_s},
	OPTION_END,
};

int main(int argc, char **argv)
{
	static const struct workload workload = {options, prepare, act, report, NULL};

	workload__main(&workload, argc, argv);
}
