/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads that touch the same N pages at the same time, page by page.
 *
 * race [--threads N] [--pages N]
 * No thread goes on to the next page before all have touched this one, so that they meet there.
 */
#include "common.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define MAX_THREADS 16

static uint64_t nr_threads = 2, nr_pages = 1000;
static char *map;
static pthread_t threads[MAX_THREADS];
static pthread_barrier_t start, finish;
static atomic_ullong arrivals;

static void touch_all(void)
{
	uint64_t i;

	for (i = 0; i < nr_pages; i++) {
		atomic_fetch_add(&arrivals, 1);
		while (atomic_load(&arrivals) < (i + 1) * nr_threads)
			sched_yield();
		*(volatile char *)(map + i * page_bytes()) = 1;
	}
}

static void *work(void *arg)
{
	(void)arg;
	pthread_barrier_wait(&start);
	pthread_barrier_wait(&start);
	touch_all();
	pthread_barrier_wait(&finish);
	return NULL;
}

static void prepare(void)
{
	uint64_t i;

	errno = EINVAL;
	if (!nr_pages || nr_threads < 2 || nr_threads > MAX_THREADS)
		die("--pages starts at 1, --threads is 2 to 16");
	pthread_barrier_init(&start, NULL, (unsigned int)nr_threads + 1);
	pthread_barrier_init(&finish, NULL, (unsigned int)nr_threads + 1);
	map = map_alone(nr_pages);
	for (i = 0; i < nr_threads; i++)
		if (pthread_create(&threads[i], NULL, work, NULL))
			die("pthread_create");
	pthread_barrier_wait(&start);
}

static void act(void)
{
	pthread_barrier_wait(&start);
	pthread_barrier_wait(&finish);
}

static void report(void)
{
	result__pages(map, nr_pages);
}

static const struct workload_option options[] = {
	{"--threads", OPTION_NUMBER, &nr_threads},
	{"--pages", OPTION_NUMBER, &nr_pages},
	OPTION_END,
};

int main(int argc, char **argv)
{
	static const struct workload workload = {options, prepare, act, report, NULL};

	workload__main(&workload, argc, argv);
}
