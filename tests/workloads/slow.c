/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Touches N pages that another thread of the program provides, so and so long after the fault
 * (userfaultfd).
 *
 * slow [--pages N] [--delay USEC]
 * Each fault takes at least the delay. "longest_ns" and "sum_ns" are of the accesses, by the
 * program's own clock: no fault took longer than the access that raised it.
 */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static uint64_t nr_pages = 34, delay_us = 20000;
static char *map, *source;
static int fd = -1;
static uint64_t longest_ns, sum_ns;

static void *provide(void *arg)
{
	struct timespec delay = {.tv_sec = (time_t)(delay_us / 1000000),
				 .tv_nsec = (long)(delay_us % 1000000 * 1000)};
	struct uffdio_copy copy = {.len = page_bytes(), .src = (uintptr_t)source};
	struct uffd_msg msg;

	(void)arg;
	while (read(fd, &msg, sizeof(msg)) == sizeof(msg)) {
		nanosleep(&delay, NULL);
		copy.dst = msg.arg.pagefault.address & ~(page_bytes() - 1);
		if (ioctl(fd, UFFDIO_COPY, &copy))
			die("UFFDIO_COPY");
	}
	die("userfaultfd");
}

static void touch(size_t from, size_t to)
{
	uint64_t begin_ns, took_ns;
	size_t i;

	for (i = from; i < to; i++) {
		begin_ns = clock_ns();
		(void)*(volatile char *)(map + i * page_bytes());
		took_ns = clock_ns() - begin_ns;
		sum_ns += took_ns;
		if (took_ns > longest_ns)
			longest_ns = took_ns;
	}
}

static void prepare(void)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register range = {.mode = UFFDIO_REGISTER_MODE_MISSING};
	pthread_t thread;

	source = map_alone(1);
	*source = 1;
	/* One more, which both threads' code is tried with. */
	map = map_alone(nr_pages + 1);
	fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	if (fd < 0 || ioctl(fd, UFFDIO_API, &api))
		die("userfaultfd");
	range.range.start = (uintptr_t)map;
	range.range.len = (nr_pages + 1) * page_bytes();
	if (ioctl(fd, UFFDIO_REGISTER, &range))
		die("UFFDIO_REGISTER");
	if (pthread_create(&thread, NULL, provide, NULL))
		die("pthread_create");
	touch(nr_pages, nr_pages + 1);
	sum_ns = longest_ns = 0;
}

static void act(void)
{
	touch(0, nr_pages);
}

static void report(void)
{
	result__pages(map, nr_pages);
	result__number("tid", own_tid());
	result__number("longest_ns", longest_ns);
	result__number("sum_ns", sum_ns);
}

static const struct workload_option options[] = {
	{"--pages", OPTION_NUMBER, &nr_pages},
	{"--delay", OPTION_NUMBER, &delay_us},
	OPTION_END,
};

int main(int argc, char **argv)
{
	static const struct workload workload = {options, prepare, act, report, NULL};

	workload__main(&workload, argc, argv);
}
