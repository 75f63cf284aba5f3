/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A few seconds of everything that memtrace shows: the README's session runs it.
 *
 * demo [--pause MS]
 * The heap grows by malloc (the program break) and by mmap, in steps that the timeline shows;
 * pages fault in order and scattered; a file is mapped; threads work; and at the end the main
 * stack runs into its limit. A handler on another stack says so, and the demo ends with code 0.
 */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define NR_STEPS 6
#define NR_THREADS 3
#define MIB (1UL << 20)
#define STACK_LIMIT_BYTES (2 * MIB)

static uint64_t pause_ms = 250;
static char alt_stack[64 * 1024];
static volatile bool deeper = true;

static void say(const char *words)
{
	if (write(2, words, strlen(words)) < 0)
		_exit(1);
}

/* The demo paces itself, for a timeline to show; nothing waits for it. */
static void rest(void)
{
	struct timespec time = {.tv_sec = (time_t)(pause_ms / 1000),
				.tv_nsec = (long)(pause_ms % 1000) * 1000000};

	nanosleep(&time, NULL);
}

static void touch_in_order(char *map, size_t bytes)
{
	size_t at;

	for (at = 0; at < bytes; at += page_bytes())
		*(volatile char *)(map + at) = 1;
}

static void touch_scattered(char *map, size_t bytes)
{
	size_t nr = bytes / page_bytes(), i;

	/* Triangular numbers modulo a power of two meet each residue once (Knuth, TAOCP 6.4). */
	for (i = 0; i < nr; i++)
		*(volatile char *)(map + i * (i + 1) / 2 % nr * page_bytes()) = 1;
}

static void grow_by_malloc(void)
{
	size_t i;
	char *item;

	for (i = 0; i < 256; i++) {
		item = malloc(8000);
		if (!item)
			die("malloc");
		touch_in_order(item, 8000);
	}
}

static char *grow_by_mmap(size_t bytes)
{
	char *map;

	map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		die("mmap");
	madvise(map, bytes, MADV_NOHUGEPAGE);
	return map;
}

static void read_file(void)
{
	size_t bytes, at;
	volatile char sum = 0;
	char *map;
	int fd;

	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	bytes = fd < 0 ? 0 : (size_t)lseek(fd, 0, SEEK_END);
	map = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		die("mmap of the program's file");
	for (at = 0; at < bytes; at += page_bytes())
		sum ^= map[at];
	close(fd);
}

static void *work(void *arg)
{
	char *map = grow_by_mmap(2 * MIB);
	volatile char frame[64 * 1024];
	size_t at;

	for (at = 0; at < sizeof(frame); at += 1024)
		frame[at] = 1;
	touch_in_order(map, 2 * MIB);
	munmap(map, 2 * MIB);
	return arg;
}

static void run_threads(void)
{
	pthread_t threads[NR_THREADS];
	size_t i;

	for (i = 0; i < NR_THREADS; i++) {
		errno = pthread_create(&threads[i], NULL, work, NULL);
		if (errno)
			die("pthread_create");
	}
	for (i = 0; i < NR_THREADS; i++)
		pthread_join(threads[i], NULL);
}

static __attribute__((noinline)) int overflow(int depth)
{
	volatile char frame[1024];

	frame[0] = (char)depth;
	if (!deeper)
		return depth;
	return overflow(depth + 1) + frame[0];
}

static void on_signal(int signo)
{
	(void)signo;
	say("demo: the main stack is at its limit of 2 MiB; done\n");
	_exit(0);
}

static void overflow_main_stack(void)
{
	stack_t stack = {.ss_sp = alt_stack, .ss_size = sizeof(alt_stack)};
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
	struct rlimit limit;

	if (getrlimit(RLIMIT_STACK, &limit))
		die("getrlimit");
	limit.rlim_cur = STACK_LIMIT_BYTES;
	if (setrlimit(RLIMIT_STACK, &limit) || sigaltstack(&stack, NULL) ||
	    sigaction(SIGSEGV, &action, NULL))
		die("the limit of the stack");
	overflow(0);
}

static void act(void)
{
	char *maps[NR_STEPS];
	size_t i;

	say("demo: growing the heap by malloc and by mmap\n");
	for (i = 0; i < NR_STEPS; i++) {
		grow_by_malloc();
		maps[i] = grow_by_mmap(4 * MIB);
		if (i % 2)
			touch_scattered(maps[i], 4 * MIB);
		else
			touch_in_order(maps[i], 4 * MIB);
		rest();
	}
	say("demo: reading a file, running threads\n");
	read_file();
	run_threads();
	rest();
	say("demo: giving memory back\n");
	for (i = 0; i < NR_STEPS; i += 2) {
		munmap(maps[i], 4 * MIB);
		rest();
	}
	say("demo: recursing without end\n");
	rest();
	overflow_main_stack();
}

static const struct workload_option options[] = {
	{"--pause", OPTION_NUMBER, &pause_ms},
	OPTION_END,
};

int main(int argc, char **argv)
{
	static const struct workload workload = {options, NULL, act, NULL, NULL};

	workload__main(&workload, argc, argv);
}
