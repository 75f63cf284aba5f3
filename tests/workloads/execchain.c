/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Execs itself K times, writes N pages each time, and the last one ends with the code given.
 *
 * execchain [--execs K] [--pages N] [--code C] [--thread]
 * thread: another thread than the first one calls exec, and so becomes it.
 */
#include "common.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DONE "WORKLOAD_EXECS_DONE"

static uint64_t nr_execs = 3, nr_pages = 16, code;
static bool by_thread;
static char **own_argv;
static char *map;
static unsigned long nr_done;

static void *exec_again(void *arg)
{
	execv("/proc/self/exe", own_argv);
	die("/proc/self/exe");
	return arg;
}

static void prepare(void)
{
	const char *text = getenv(DONE);

	nr_done = text ? strtoul(text, NULL, 10) : 0;
	map = map_alone(nr_pages);
	workload__set_exit_code((int)code);
}

static void act(void)
{
	pthread_t thread;
	char text[32];
	uint64_t i;

	for (i = 0; i < nr_pages; i++)
		*(volatile char *)(map + i * page_bytes()) = 1;
	if (nr_done >= nr_execs)
		return;
	snprintf(text, sizeof(text), "%lu", nr_done + 1);
	setenv(DONE, text, 1);
	/* One line for --wait is enough: it has been read. */
	for (i = 1; own_argv[i]; i++)
		if (!strcmp(own_argv[i], "--wait"))
			memcpy(own_argv[i], "--past", 6);
	if (!by_thread)
		exec_again(NULL);
	errno = pthread_create(&thread, NULL, exec_again, NULL);
	if (errno)
		die("pthread_create");
	pause();
}

static void report(void)
{
	result__number("execs", nr_done);
	result__address("address", map);
	result__number("pages", nr_pages);
	result__number("code", code);
}

static bool past; /* takes the place of --wait in what is exec'ed */

static const struct workload_option options[] = {
	{"--execs", OPTION_NUMBER, &nr_execs}, {"--pages", OPTION_NUMBER, &nr_pages},
	{"--code", OPTION_NUMBER, &code},      {"--thread", OPTION_FLAG, &by_thread},
	{"--past", OPTION_FLAG, &past},	       OPTION_END,
};

int main(int argc, char **argv)
{
	static const struct workload workload = {options, prepare, act, report, NULL};

	own_argv = argv;
	workload__main(&workload, argc, argv);
}
