/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Touches N aligned pieces of 2 MiB, each of which a huge page may map: one byte of each, or of
 * each small page of each.
 *
 * huge [--pages N] [--advice huge|none|never|hugetlb] [--access write|read] [--threads N] [--each]
 *      [--drop] [--last]
 * All of it on one CPU. never: huge pages are forbidden to the process; hugetlb: reserved ones.
 * threads: they take turns. drop: each piece is unmapped before the next is touched. last: a page
 * that cannot be huge is touched after all of them. "huge_bytes" is what the kernel says of the
 * memory (AnonHugePages and the like of smaps).
 */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define HUGE_BYTES (2UL << 20)
#define MAX_THREADS 16

static uint64_t nr_pages = 8, nr_threads = 1;
static const char *advice = "huge";
static const char *access_name = "write";
static bool each, drop, last;

static char *map, *last_page;
static pthread_t threads[MAX_THREADS];
static pthread_barrier_t arrived, start, finish;
static volatile uint64_t turn; /* the piece that comes next */

static char *map_pieces(uint64_t nr)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
	char *at;

	/* One more at either end: it stays a mapping of its own. */
	at = mmap(NULL, (nr + 2) * HUGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		die("mmap");
	at = (char *)(((uintptr_t)at | (HUGE_BYTES - 1)) + 1);
	flags |= strcmp(advice, "hugetlb") ? 0 : MAP_HUGETLB;
	at = mmap(at, nr * HUGE_BYTES, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (at == MAP_FAILED)
		die("mmap");
	if (!strcmp(advice, "huge") && madvise(at, nr * HUGE_BYTES, MADV_HUGEPAGE))
		die("madvise");
	return at;
}

static void touch(char *at)
{
	if (strcmp(access_name, "write"))
		(void)*(volatile char *)at;
	else
		*(volatile char *)at = 1;
}

static void touch_piece(char *at)
{
	uint64_t offset;

	touch(at);
	for (offset = page_bytes(); each && offset < HUGE_BYTES; offset += page_bytes())
		touch(at + offset);
	if (drop && munmap(at, HUGE_BYTES))
		die("munmap");
}

static void touch_in_turn(uint64_t self)
{
	uint64_t i;

	for (i = self; i < nr_pages; i += nr_threads) {
		while (turn != i)
			sched_yield();
		touch_piece(map + i * HUGE_BYTES);
		turn = i + 1;
	}
}

static void *work(void *arg)
{
	pthread_barrier_wait(&arrived);
	pthread_barrier_wait(&start);
	touch_in_turn((uintptr_t)arg);
	pthread_barrier_wait(&finish);
	return NULL;
}

/* Who comes to another CPU leaves unsaid there what a last fault mapped. */
static void stay_here(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		die("sched_setaffinity");
}

static void start_threads(void)
{
	uint64_t i;

	pthread_barrier_init(&arrived, NULL, (unsigned int)nr_threads + 1);
	pthread_barrier_init(&start, NULL, (unsigned int)nr_threads + 1);
	pthread_barrier_init(&finish, NULL, (unsigned int)nr_threads + 1);
	for (i = 0; i < nr_threads; i++)
		if (pthread_create(&threads[i], NULL, work, (void *)(uintptr_t)i))
			die("pthread_create");
	pthread_barrier_wait(&arrived);
}

/* Of the mapping's lines in smaps, those that say how much of it is mapped by huge pages. */
static uint64_t huge_bytes(void)
{
	static const char *const keys[] = {"AnonHugePages:", "Private_Hugetlb:"};
	uint64_t from, sum = 0;
	bool inside = false;
	char line[256];
	FILE *smaps;
	size_t i;

	smaps = fopen("/proc/self/smaps", "re");
	if (!smaps)
		die("smaps");
	while (fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%lx-", &from) == 1 && strchr(line, '-'))
			inside = from >= (uintptr_t)map &&
				 from < (uintptr_t)map + nr_pages * HUGE_BYTES;
		for (i = 0; inside && i < sizeof(keys) / sizeof(*keys); i++)
			if (!strncmp(line, keys[i], strlen(keys[i])))
				sum += strtoull(line + strlen(keys[i]), NULL, 10) * 1024;
	}
	fclose(smaps);
	return sum;
}

static void prepare(void)
{
	errno = EINVAL;
	if (!nr_pages || !nr_threads || nr_threads > MAX_THREADS)
		die("--pages starts at 1, --threads is 1 to 16");
	if (!strcmp(advice, "never") && prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0))
		die("prctl");
	stay_here();
	huge_bytes(); /* what stdio allocates, it keeps */
	last_page = map_alone(2);
	touch(last_page);
	touch_piece(map_pieces(1));
	map = map_pieces(nr_pages);
	if (nr_threads > 1)
		start_threads();
}

static void act(void)
{
	if (nr_threads > 1) {
		pthread_barrier_wait(&start);
		pthread_barrier_wait(&finish);
	} else {
		touch_in_turn(0);
	}
	if (last)
		touch(last_page + page_bytes());
}

static void report(void)
{
	result__address("address", map);
	result__number("bytes", nr_pages * HUGE_BYTES);
	result__number("pages", nr_pages);
	result__number("huge_bytes", huge_bytes());
}

static const struct workload_option options[] = {
	{"--pages", OPTION_NUMBER, &nr_pages},	 {"--advice", OPTION_TEXT, &advice},
	{"--access", OPTION_TEXT, &access_name}, {"--threads", OPTION_NUMBER, &nr_threads},
	{"--each", OPTION_FLAG, &each},		 {"--drop", OPTION_FLAG, &drop},
	{"--last", OPTION_FLAG, &last},		 OPTION_END,
};

int main(int argc, char **argv)
{
	static const struct workload workload = {options, prepare, act, report, NULL};

	workload__main(&workload, argc, argv);
}
