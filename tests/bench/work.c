/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The programs whose recordings are measured, from the kindest to what systems really do. */
#include "bench.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE_BYTES 4096UL

static char *map_fresh(size_t nr_pages)
{
	char *map = mmap(NULL, nr_pages * PAGE_BYTES, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (map == MAP_FAILED)
		die("mmap");
	/* Each page shall fault by itself. */
	madvise(map, nr_pages * PAGE_BYTES, MADV_NOHUGEPAGE);
	return map;
}

static void touch(char *map, size_t page)
{
	*(volatile char *)(map + page * PAGE_BYTES) = 1;
}

/* xorshift64 (Marsaglia, 2003). */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void run_sequential(uint64_t nr_faults)
{
	const size_t nr_pages = 64 << 10;
	char *map;

	for (uint64_t done = 0; done < nr_faults; done += nr_pages) {
		map = map_fresh(nr_pages);
		for (size_t i = 0; i < nr_pages; i++)
			touch(map, i);
		munmap(map, nr_pages * PAGE_BYTES);
	}
}

/* 64 Ki pages at random in 16 GiB, then again in fresh ones. */
static void run_scattered(uint64_t nr_faults)
{
	const size_t nr_pages = 4 << 20, touched = 64 << 10;
	uint64_t state = 88172645463325252ULL;
	char *map;

	for (uint64_t done = 0; done < nr_faults; done += touched) {
		map = map_fresh(nr_pages);
		for (size_t i = 0; i < touched; i++)
			touch(map, next_random(&state) % nr_pages);
		munmap(map, nr_pages * PAGE_BYTES);
	}
}

struct mixer {
	uint64_t state; /* of its random numbers */
	uint64_t nr_faults;
	pthread_t thread;
};

/* One mapping, up to 4 MiB, touched in one of three ways; its faults. */
static uint64_t mix(struct mixer *mixer)
{
	size_t nr_pages = 1 + next_random(&mixer->state) % 1024, nr_left = nr_pages;
	unsigned int way = next_random(&mixer->state) % 3;
	char *map = map_fresh(nr_pages);

	for (size_t i = 0; i < nr_pages; i++) {
		if (way == 0)
			touch(map, i);
		else if (way == 1)
			touch(map, nr_pages - 1 - i);
		else
			touch(map, next_random(&mixer->state) % nr_pages);
	}
	/* Now and then piece by piece, protected first. */
	for (; way == 2 && nr_left > 64; nr_left -= 64) {
		char *piece = map + (nr_left - 64) * PAGE_BYTES;

		mprotect(piece, 64 * PAGE_BYTES, PROT_READ);
		munmap(piece, 64 * PAGE_BYTES);
	}
	munmap(map, nr_left * PAGE_BYTES);
	return nr_pages;
}

static void *run_mixer(void *arg)
{
	struct mixer *mixer = arg;

	for (uint64_t done = 0; done < mixer->nr_faults;)
		done += mix(mixer);
	return NULL;
}

void churn(void)
{
	struct mixer mixer = {.state = 88172645463325252ULL, .nr_faults = 1};

	for (;;) {
		if (pthread_create(&mixer.thread, NULL, run_mixer, &mixer))
			die("pthread_create");
		pthread_join(mixer.thread, NULL);
		sleep_ms(5);
	}
}

#define MIX_PROCESSES 16
#define MIX_THREADS 8

static void run_mixing_process(uint64_t seed, uint64_t nr_faults)
{
	struct mixer mixers[MIX_THREADS];

	for (uint64_t i = 0; i < MIX_THREADS; i++) {
		mixers[i] = (struct mixer){
			.state = 0x9e3779b97f4a7c15ULL * (seed * MIX_THREADS + i + 1),
			.nr_faults = nr_faults / MIX_THREADS,
		};
		if (pthread_create(&mixers[i].thread, NULL, run_mixer, &mixers[i]))
			die("pthread_create");
	}
	for (int i = 0; i < MIX_THREADS; i++)
		pthread_join(mixers[i].thread, NULL);
}

static void run_mixed(uint64_t nr_faults)
{
	pid_t pid;

	for (uint64_t i = 0; i < MIX_PROCESSES; i++) {
		pid = fork();
		if (pid < 0)
			die("fork");
		if (pid)
			continue;
		run_mixing_process(i, nr_faults / MIX_PROCESSES);
		_exit(0);
	}
	while (wait(NULL) > 0)
		;
}

/* The compiler's driver, the compiler proper and the assembler: each once a file. */
#define FAULTS_PER_COMPILATION 4000

static void run_compile(uint64_t nr_faults)
{
	static const char script[] =
		"i=0; while [ $i -lt $0 ]; do ${CC:-cc} -std=gnu17 -D_GNU_SOURCE -O2 -g -c "
		"tests/bench/result.c -o /dev/null || exit 2; i=$((i + 1)); done";
	char nr[24];

	snprintf(nr, sizeof(nr), "%llu", (unsigned long long)nr_faults / FAULTS_PER_COMPILATION);
	execlp("sh", "sh", "-c", script, nr, NULL);
	die("sh");
}

const struct workload workloads[] = {
	{"sequential", "fresh memory page by page", 4000000, 4, run_sequential},
	{"scattered", "pages at random in 16 GiB", 4000000, 8, run_scattered},
	{"mixed", "16 processes of 8 threads map, touch, protect, unmap", 4000000, -1, run_mixed},
	{"compile", "a compiler run after run", 1000000, -1, run_compile},
};
const size_t nr_workloads = sizeof(workloads) / sizeof(workloads[0]);
