/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Starts N short-lived processes, P at a time; each writes M pages and ends with code C, or execs
 * PROGRAM. With threads they end together with T other threads each, in whatever order.
 *
 * manyprocs [--processes N] [--parallel P] [--pages M] [--threads T] [--code C] [-- PROGRAM ARG...]
 * "minor_of_children" is the sum of their faults as the kernel has it (RUSAGE_CHILDREN).
 */
#include "common.h"

#include <errno.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t nr_processes = 100, parallel = 4, nr_pages = 4, nr_threads, code;
static char *map;
static int32_t *pids;
static pthread_barrier_t arrived, never;

static void write_pages(uint64_t nr)
{
	uint64_t i;

	for (i = 0; i < nr; i++)
		*(volatile char *)(map + i * page_bytes()) = 1;
}

static void *wait_for_the_end(void *arg)
{
	pthread_barrier_wait(&arrived);
	pthread_barrier_wait(&never);
	return arg;
}

static void start_threads(void)
{
	pthread_t thread;
	uint64_t i;

	pthread_barrier_init(&arrived, NULL, (unsigned int)nr_threads + 1);
	pthread_barrier_init(&never, NULL, (unsigned int)nr_threads + 1);
	for (i = 0; i < nr_threads; i++) {
		errno = pthread_create(&thread, NULL, wait_for_the_end, NULL);
		if (errno)
			die("pthread_create");
	}
	pthread_barrier_wait(&arrived);
}

static void start_one(uint64_t i)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (!pid) {
		write_pages(nr_pages);
		if (workload__rest()) {
			execv(workload__rest()[0], workload__rest());
			die(workload__rest()[0]);
		}
		if (nr_threads)
			start_threads();
		syscall(SYS_exit_group, (int)code);
	}
	pids[i] = pid;
}

static void wait_for_one(void)
{
	while (wait(NULL) < 0)
		if (errno != EINTR)
			die("wait");
}

static void prepare(void)
{
	errno = EINVAL;
	if (!nr_processes || !parallel || nr_processes > 50000)
		die("--processes is 1 to 50000, --parallel at least 1");
	pids = (int32_t *)map_alone(nr_processes * sizeof(*pids) / page_bytes() + 1);
	map = map_alone(nr_pages);
	write_pages(0);
}

static void act(void)
{
	uint64_t i;

	for (i = 0; i < nr_processes; i++) {
		if (i >= parallel)
			wait_for_one();
		start_one(i);
	}
	for (i = 0; i < nr_processes && i < parallel; i++)
		wait_for_one();
}

static void report(void)
{
	struct rusage usage;
	uint64_t i;

	getrusage(RUSAGE_CHILDREN, &usage);
	result__number("processes", nr_processes);
	result__address("address", map);
	result__number("pages", nr_pages);
	result__signed("minor_of_children", usage.ru_minflt);
	result__signed("major_of_children", usage.ru_majflt);
	result__open("pids", '[');
	for (i = 0; i < nr_processes; i++)
		result__signed(NULL, pids[i]);
	result__close('[');
}

static const struct workload_option options[] = {
	{"--processes", OPTION_NUMBER, &nr_processes},
	{"--parallel", OPTION_NUMBER, &parallel},
	{"--pages", OPTION_NUMBER, &nr_pages},
	{"--threads", OPTION_NUMBER, &nr_threads},
	{"--code", OPTION_NUMBER, &code},
	OPTION_END,
};

int main(int argc, char **argv)
{
	static const struct workload workload = {options, prepare, act, report, NULL};

	workload__main(&workload, argc, argv);
}
