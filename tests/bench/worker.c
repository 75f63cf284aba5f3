/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The process that is measured. */
#include "bench.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SLICE_PAGES 1024
#define SLICE_CALLS 4096
#define PAGE_BYTES 4096UL

struct worker_shared {
	atomic_uint window; /* slices count for this one; 0: none */
	atomic_uint slices; /* done in all */
	atomic_ullong faults;
	atomic_bool stop;
	atomic_uint nr; /* slices of the window */
	double fault_ns[MAX_SLICES];
	double call_ns[MAX_SLICES];
};

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
}

void sleep_ms(unsigned int ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

	nanosleep(&ts, NULL);
}

/* The thread's own time: what others do on its CPU is no part of it. */
static uint64_t own_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
}

static void touch(volatile char *map, bool write)
{
	for (size_t i = 0; i < SLICE_PAGES; i++) {
		if (write)
			map[i * PAGE_BYTES] = 1;
		else
			(void)map[i * PAGE_BYTES];
	}
}

static void fault_slice(struct worker_shared *shared, char *map, bool write)
{
	touch(map, write);
	atomic_fetch_add(&shared->faults, SLICE_PAGES);
	madvise(map, SLICE_PAGES * PAGE_BYTES, MADV_DONTNEED);
}

static void timed_slice(struct worker_shared *shared, char *map)
{
	unsigned int window = atomic_load(&shared->window), nr;
	uint64_t start = own_ns(), faulted, called;

	touch(map, true);
	faulted = own_ns();
	atomic_fetch_add(&shared->faults, SLICE_PAGES);
	madvise(map, SLICE_PAGES * PAGE_BYTES, MADV_DONTNEED);
	called = own_ns();
	for (int i = 0; i < SLICE_CALLS; i++)
		syscall(SYS_getppid);
	nr = atomic_load(&shared->nr);
	if (window && window == atomic_load(&shared->window) && nr < MAX_SLICES) {
		shared->fault_ns[nr] = (double)(faulted - start) / SLICE_PAGES;
		shared->call_ns[nr] = (double)(own_ns() - called) / SLICE_CALLS;
		atomic_store(&shared->nr, nr + 1);
	}
}

/* Some 100,000 faults a second. */
#define PACED_SLICES 10
#define PACED_MS 90

static void paced_slices(struct worker_shared *shared, char *map)
{
	for (int i = 0; i < PACED_SLICES; i++)
		fault_slice(shared, map, true);
	sleep_ms(PACED_MS);
}

_Noreturn static void worker__run(struct worker_shared *shared, enum worker_kind kind)
{
	char *map = mmap(NULL, SLICE_PAGES * PAGE_BYTES, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	/* Each page shall fault by itself. */
	if (map == MAP_FAILED || madvise(map, SLICE_PAGES * PAGE_BYTES, MADV_NOHUGEPAGE))
		_exit(1);
	while (!atomic_load(&shared->stop)) {
		if (kind == WORKER_IDLE)
			pause();
		else if (kind == WORKER_TIMED)
			timed_slice(shared, map);
		else if (kind == WORKER_PACED)
			paced_slices(shared, map);
		else if (kind == WORKER_CHURN)
			churn();
		else
			fault_slice(shared, map, kind == WORKER_WRITE);
		atomic_fetch_add(&shared->slices, 1);
	}
	_exit(0);
}

int pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

void worker__start(struct worker *worker, enum worker_kind kind, int cpu)
{
	worker->shared = mmap(NULL, sizeof(*worker->shared), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (worker->shared == MAP_FAILED)
		die("mmap");
	fflush(NULL);
	worker->pid = fork();
	if (worker->pid < 0)
		die("fork");
	if (worker->pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (cpu >= 0 && pin(cpu))
		_exit(1);
	worker__run(worker->shared, kind);
}

void worker__stop(struct worker *worker)
{
	atomic_store(&worker->shared->stop, true);
	kill(worker->pid, SIGKILL);
	waitpid(worker->pid, NULL, 0);
	munmap(worker->shared, sizeof(*worker->shared));
}

uint64_t worker__faults(const struct worker *worker)
{
	return atomic_load(&worker->shared->faults);
}

uint64_t worker__faults_since(const struct worker *worker, uint64_t before)
{
	uint64_t since = worker__faults(worker) - before;

	/* The first slice may have begun earlier. */
	return since > SLICE_PAGES ? since - SLICE_PAGES : 0;
}

struct window worker__measure(struct worker *worker, unsigned int length_ms)
{
	static unsigned int window;
	struct worker_shared *shared = worker->shared;
	unsigned int slices;

	atomic_store(&shared->nr, 0);
	atomic_store(&shared->window, ++window);
	sleep_ms(length_ms);
	atomic_store(&shared->window, 0);
	/* The slice that it is in no longer counts, once it is over. */
	slices = atomic_load(&shared->slices);
	while (atomic_load(&shared->slices) == slices)
		sleep_ms(1);
	return (struct window){
		.fault_ns = spread__of(shared->fault_ns, atomic_load(&shared->nr)).median,
		.call_ns = spread__of(shared->call_ns, atomic_load(&shared->nr)).median,
	};
}
