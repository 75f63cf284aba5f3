/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes pages that are shared with another process since a fork: each is copied.
 *
 * shared [--pages N] [--by parent|child]
 * parent: the child keeps the pages while its parent, the program that is started, writes them.
 * child: the program that says that it is ready, and writes them, is the child.
 */
#include "common.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t nr_pages = 64;
static const char *by = "parent";
static char *map;
static int wait_fd = -1, hold_fd = -1;
static pid_t child;

static void write_pages(char *at, uint64_t nr)
{
	uint64_t i;

	for (i = 0; i < nr; i++)
		*(volatile char *)(at + i * page_bytes()) += 1;
}

/* Until the other one has closed its end of the pipe, or has ended. */
static void hold_pages(void)
{
	char c;

	while (read(wait_fd, &c, 1) < 0 && errno == EINTR)
		;
}

static void prepare(void)
{
	bool stays;
	int fd[2];

	map = map_alone(nr_pages);
	write_pages(map, nr_pages);
	if (pipe(fd))
		die("pipe");
	child = fork();
	if (child < 0)
		die("fork");
	stays = !strcmp(by, "child") ? child != 0 : child == 0;
	wait_fd = fd[0];
	hold_fd = fd[1];
	close(stays ? hold_fd : wait_fd);
	if (stays) {
		hold_pages();
		_exit(0);
	}
	warm_after_fork();
}

static void act(void)
{
	write_pages(map, nr_pages);
}

static void report(void)
{
	result__pages(map, nr_pages);
}

/* The one that holds the pages is let go, and reaped if it is ours. */
static void clean(void)
{
	close(hold_fd);
	if (child)
		waitpid(child, NULL, 0);
}

static const struct workload_option options[] = {
	{"--pages", OPTION_NUMBER, &nr_pages},
	{"--by", OPTION_TEXT, &by},
	OPTION_END,
};

int main(int argc, char **argv)
{
	static const struct workload workload = {options, prepare, act, report, clean};

	workload__main(&workload, argc, argv);
}
