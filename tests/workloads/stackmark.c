/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads that touch their stacks down to a known depth: some before the program says ready, some
 * when it acts. Each has a stack of its own, a mapping between two guard pages.
 *
 * stackmark [--threads N] [--late N] [--stack BYTES] [--before BYTES] [--after BYTES]
 *           [--main BYTES] [--locked] [--huge] [--reuse | --reuse-dropped] [--exit]
 * threads: begin before ready and touch before bytes; then, in the act, after bytes (0: none).
 * late: begin in the act and touch after bytes. main: so much of the main stack before ready.
 * locked: in the act all memory to come is locked. huge: huge pages are wanted for the stacks.
 * reuse: in the act, on one stack, a thread that touches after bytes and ends, then one that
 * touches before bytes; dropped: between them the stack's memory is given back. exit: the threads
 * end in the act. Of each thread "lowest" is the page of the lowest byte that it has touched, or
 * the thread on its stack before it has, and "huge" how much of its stack is in huge pages, by
 * smaps.
 */
#include "common.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_THREADS 512
#define HUGE_BYTES (2UL << 20)

struct worker {
	pthread_t thread;
	uint32_t tid;
	char *stack;
	uint64_t now_bytes; /* to touch when it begins */
	uint64_t lowest;
};

static uint64_t nr_threads, nr_late, stack_bytes = 1 << 20, before_bytes = 64 << 10, after_bytes;
static uint64_t main_bytes;
static bool locked, huge, reuse, reuse_dropped, exits;
static struct worker *workers;
static uint64_t nr_workers;
static pthread_barrier_t arrived, again, finish;
static bool ending;

/* A byte at that depth: the stack grows for no one, all of it is mapped. */
static void touch(struct worker *worker, uint64_t bytes)
{
	volatile char *byte = worker->stack + stack_bytes - bytes;
	uint64_t page = (uintptr_t)byte & ~(page_bytes() - 1);

	if (!bytes)
		return;
	*byte = 1;
	if (!worker->lowest || page < worker->lowest)
		worker->lowest = page;
}

static void *work(void *arg)
{
	struct worker *worker = arg;

	worker->tid = own_tid();
	touch(worker, worker->now_bytes);
	pthread_barrier_wait(&arrived);
	pthread_barrier_wait(&again);
	if (worker->now_bytes == before_bytes)
		touch(worker, after_bytes);
	pthread_barrier_wait(&finish);
	/* Those that do not end wait for what does not come. */
	while (!ending)
		pthread_barrier_wait(&again);
	return NULL;
}

/* Just touches, and ends. */
static void *pass(void *arg)
{
	struct worker *worker = arg;

	worker->tid = own_tid();
	touch(worker, worker->now_bytes);
	return NULL;
}

static char *map_stack(void)
{
	char *map, *aligned;

	if (!huge)
		return map_alone(stack_bytes / page_bytes());
	map = mmap(NULL, stack_bytes + 2 * HUGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		   0);
	if (map == MAP_FAILED)
		die("mmap");
	aligned = (char *)(((uintptr_t)map + HUGE_BYTES) & ~(HUGE_BYTES - 1));
	if (mprotect(aligned, stack_bytes, PROT_READ | PROT_WRITE) ||
	    (madvise(aligned, stack_bytes, MADV_HUGEPAGE) && errno != EINVAL))
		die("mprotect");
	return aligned;
}

static void start_thread(struct worker *worker, void *(*run)(void *))
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	errno = pthread_attr_setstack(&attr, worker->stack, stack_bytes);
	if (errno)
		die("--stack");
	errno = pthread_create(&worker->thread, &attr, run, worker);
	if (errno)
		die("pthread_create");
}

static void start_threads(uint64_t from, uint64_t to, uint64_t bytes)
{
	uint64_t i;

	if (from == to)
		return;
	pthread_barrier_init(&arrived, NULL, (unsigned int)(to - from) + 1);
	for (i = from; i < to; i++) {
		workers[i].now_bytes = bytes;
		start_thread(&workers[i], work);
	}
	pthread_barrier_wait(&arrived);
}

static void prepare(void)
{
	uint64_t i;

	if (reuse_dropped)
		reuse = true;
	nr_workers = nr_threads + (reuse ? 2 : nr_late);
	errno = EINVAL;
	if (nr_workers > MAX_THREADS || stack_bytes % page_bytes() ||
	    before_bytes > stack_bytes - page_bytes() || after_bytes > stack_bytes)
		die("options");
	workers = (struct worker *)map_alone(nr_workers * sizeof(*workers) / page_bytes() + 1);
	use_stack(main_bytes);
	for (i = 0; i < nr_threads; i++)
		workers[i].stack = map_stack();
	pthread_barrier_init(&again, NULL, (unsigned int)(nr_threads + nr_late) + 1);
	pthread_barrier_init(&finish, NULL, (unsigned int)(nr_threads + nr_late) + 1);
	start_threads(0, nr_threads, before_bytes);
}

/* Who joins a thread goes on while that one is still on its way out of the kernel. */
static void await_end(uint32_t tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%u", tid);
	while (!access(path, F_OK))
		sched_yield();
}

/* A thread that sleeps has a stack pointer that others can read. */
static void await_sleep(uint32_t tid)
{
	char path[64], line[256];
	const char *state = NULL;
	FILE *stat;

	snprintf(path, sizeof(path), "/proc/self/task/%u/stat", tid);
	while (!state || state[2] != 'S') {
		sched_yield();
		stat = fopen(path, "re");
		if (!stat || !fgets(line, sizeof(line), stat))
			die("stat");
		fclose(stat);
		state = strrchr(line, ')');
	}
}

static void reuse_stack(struct worker *first, struct worker *second)
{
	first->stack = map_stack();
	first->now_bytes = after_bytes;
	start_thread(first, pass);
	pthread_join(first->thread, NULL);
	await_end(first->tid);
	if (reuse_dropped && madvise(first->stack, stack_bytes, MADV_DONTNEED))
		die("madvise");
	second->stack = first->stack;
	second->now_bytes = before_bytes;
	if (!reuse_dropped)
		second->lowest = first->lowest;
	start_thread(second, pass);
	pthread_join(second->thread, NULL);
	await_end(second->tid);
}

static void act(void)
{
	uint64_t i;

	if (locked && mlockall(MCL_FUTURE))
		die("mlockall");
	if (reuse) {
		reuse_stack(&workers[nr_threads], &workers[nr_threads + 1]);
		return;
	}
	for (i = nr_threads; i < nr_workers; i++)
		workers[i].stack = map_stack();
	start_threads(nr_threads, nr_workers, after_bytes);
	if (!nr_workers)
		return;
	pthread_barrier_wait(&again);
	ending = exits;
	pthread_barrier_wait(&finish);
	for (i = 0; i < nr_workers && !exits; i++)
		await_sleep(workers[i].tid);
	for (i = 0; i < nr_workers && exits; i++) {
		pthread_join(workers[i].thread, NULL);
		await_end(workers[i].tid);
	}
}

/* AnonHugePages of the mapping that begins there. */
static uint64_t huge_bytes(const char *start)
{
	FILE *smaps = fopen("/proc/self/smaps", "re");
	unsigned long long at, end, kib = 0;
	bool found = false;
	char line[512];

	if (!smaps)
		die("smaps");
	while (fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%llx-%llx ", &at, &end) == 2)
			found = at == (uintptr_t)start;
		if (found && sscanf(line, "AnonHugePages: %llu", &kib) == 1)
			break;
	}
	fclose(smaps);
	return kib << 10;
}

static void report(void)
{
	uint64_t i;

	result__number("stack_bytes", stack_bytes);
	result__number("main_bytes", status_bytes("VmStk:"));
	result__open("threads", '[');
	for (i = 0; i < nr_workers; i++) {
		result__open(NULL, '{');
		result__number("tid", workers[i].tid);
		result__address("start", workers[i].stack);
		result__number("peak_bytes",
			       (uintptr_t)workers[i].stack + stack_bytes - workers[i].lowest);
		result__number("huge_bytes", huge ? huge_bytes(workers[i].stack) : 0);
		result__close('{');
	}
	result__close('[');
}

static const struct workload_option options[] = {
	{"--threads", OPTION_NUMBER, &nr_threads}, {"--late", OPTION_NUMBER, &nr_late},
	{"--stack", OPTION_NUMBER, &stack_bytes},  {"--before", OPTION_NUMBER, &before_bytes},
	{"--after", OPTION_NUMBER, &after_bytes},  {"--main", OPTION_NUMBER, &main_bytes},
	{"--locked", OPTION_FLAG, &locked},	   {"--huge", OPTION_FLAG, &huge},
	{"--reuse", OPTION_FLAG, &reuse},	   {"--reuse-dropped", OPTION_FLAG, &reuse_dropped},
	{"--exit", OPTION_FLAG, &exits},	   OPTION_END,
};

int main(int argc, char **argv)
{
	static const struct workload workload = {options, prepare, act, report, NULL};

	workload__main(&workload, argc, argv);
}
