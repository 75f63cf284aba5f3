/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Starts N short-lived processes, P at a time; each writes M pages and ends, or execs PROGRAM.
 *
 * manyprocs [--processes N] [--parallel P] [--pages M] [-- PROGRAM ARG...]
 * "minor_of_children" is the sum of their faults as the kernel has it (RUSAGE_CHILDREN).
 */
#include "common.h"

#include <errno.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t nr_processes = 100, parallel = 4, nr_pages = 4;
static char *map;
static int32_t *pids;

static void write_pages(uint64_t nr)
{
	uint64_t i;

	for (i = 0; i < nr; i++)
		*(volatile char *)(map + i * page_bytes()) = 1;
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
		syscall(SYS_exit_group, 0);
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
	OPTION_END,
};

int main(int argc, char **argv)
{
	static const struct workload workload = {options, prepare, act, report, NULL};

	workload__main(&workload, argc, argv);
}
