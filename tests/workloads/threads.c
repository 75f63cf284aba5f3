/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * N threads, each of which writes M pages of a mapping of its own and uses S bytes of its stack.
 *
 * threads [--threads N] [--pages M] [--stack BYTES] [--prestart] [--hold]
 * prestart: they run before ready, so that a tracer finds them; hold: they do not end before the
 * program does. Counts per thread are the kernel's (RUSAGE_THREAD).
 */
#include "common.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define MAX_THREADS 2000
/* Beyond what a thread uses itself: static TLS, the C library's frames, a margin. */
#define STACK_MARGIN (64 * 1024)

struct worker {
	pthread_t thread;
	uint32_t tid;
	char *map;
	uintptr_t stack;
	int64_t minor, major; /* of what it was told to do */
	int64_t stack_minor;  /* of these, on its stack */
	int64_t minor_in_all; /* since it began */
};

static uint64_t nr_threads = 4, nr_pages = 16, stack_bytes = 32 * 1024;
static bool prestart, hold;
static struct worker *workers;
static pthread_barrier_t arrived, start, finish;

static void write_pages(char *map, uint64_t nr)
{
	uint64_t i;

	for (i = 0; i < nr; i++)
		*(volatile char *)(map + i * page_bytes()) = 1;
}

static void *work(void *arg)
{
	struct rusage before, middle, after;
	struct worker *worker = arg;

	worker->tid = own_tid();
	worker->stack = (uintptr_t)&before;
	getrusage(RUSAGE_THREAD, &before);
	pthread_barrier_wait(&arrived);
	pthread_barrier_wait(&start);
	getrusage(RUSAGE_THREAD, &before);
	use_stack(stack_bytes);
	getrusage(RUSAGE_THREAD, &middle);
	write_pages(worker->map, nr_pages);
	getrusage(RUSAGE_THREAD, &after);
	worker->stack_minor = middle.ru_minflt - before.ru_minflt;
	worker->minor = after.ru_minflt - before.ru_minflt;
	worker->major = after.ru_majflt - before.ru_majflt;
	worker->minor_in_all = after.ru_minflt;
	pthread_barrier_wait(&finish);
	/* Nobody comes to this one: a way to wait whose code has been touched. */
	if (hold)
		pthread_barrier_wait(&start);
	return NULL;
}

static void start_threads(void)
{
	pthread_attr_t attr;
	uint64_t i;

	pthread_attr_init(&attr);
	errno = pthread_attr_setstacksize(&attr, stack_bytes + STACK_MARGIN);
	if (errno)
		die("--stack");
	for (i = 0; i < nr_threads; i++) {
		errno = pthread_create(&workers[i].thread, &attr, work, &workers[i]);
		if (errno)
			die("pthread_create");
	}
	pthread_barrier_wait(&arrived);
}

static void prepare(void)
{
	uint64_t i;

	errno = EINVAL;
	if (!nr_threads || nr_threads > MAX_THREADS)
		die("--threads is 1 to 2000");
	workers = (struct worker *)map_alone(nr_threads * sizeof(*workers) / page_bytes() + 1);
	for (i = 0; i < nr_threads; i++)
		workers[i].map = map_alone(nr_pages);
	use_stack(0);
	write_pages(workers[0].map, 0);
	pthread_barrier_init(&arrived, NULL, (unsigned int)nr_threads + 1);
	pthread_barrier_init(&start, NULL, (unsigned int)nr_threads + 1);
	pthread_barrier_init(&finish, NULL, (unsigned int)nr_threads + 1);
	if (prestart)
		start_threads();
}

/* Who joins a thread goes on while that one is still on its way out of the kernel. */
static void await_ends(void)
{
	struct stat st = {0};

	while (!stat("/proc/self/task", &st) && st.st_nlink > 3) /* 2, and one for each thread */
		sched_yield();
}

static void act(void)
{
	uint64_t i;

	if (!prestart)
		start_threads();
	pthread_barrier_wait(&start);
	pthread_barrier_wait(&finish);
	for (i = 0; i < nr_threads && !hold; i++)
		pthread_join(workers[i].thread, NULL);
	if (!hold)
		await_ends();
}

static void report(void)
{
	uint64_t i;

	result__number("pages", nr_threads * nr_pages);
	result__open("threads", '[');
	for (i = 0; i < nr_threads; i++) {
		result__open(NULL, '{');
		result__number("tid", workers[i].tid);
		result__address("address", workers[i].map);
		result__address("stack", (void *)workers[i].stack);
		result__signed("minor", workers[i].minor);
		result__signed("major", workers[i].major);
		result__signed("stack_minor", workers[i].stack_minor);
		result__signed("minor_in_all", workers[i].minor_in_all);
		result__close('{');
	}
	result__close('[');
}

static const struct workload_option options[] = {
	{"--threads", OPTION_NUMBER, &nr_threads},
	{"--pages", OPTION_NUMBER, &nr_pages},
	{"--stack", OPTION_NUMBER, &stack_bytes},
	{"--prestart", OPTION_FLAG, &prestart},
	{"--hold", OPTION_FLAG, &hold},
	OPTION_END,
};

int main(int argc, char **argv)
{
	static const struct workload workload = {options, prepare, act, report, NULL};

	workload__main(&workload, argc, argv);
}
