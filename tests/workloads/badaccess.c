/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes bad accesses, and handles the signals that they end in.
 *
 * badaccess [--times N] [--kind null|none|readonly|exec|bus|barrier]
 * null: at address 0; none: in memory that was written and is PROT_NONE now; readonly, exec: what
 * the memory does not allow; bus: beyond the end of a mapped file; barrier: the handler allows the
 * write to read-only memory, which then succeeds, in another page each time.
 */
#include "common.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static uint64_t nr_times = 10;
static const char *kind = "null";

static char *map;
static volatile uint64_t nr_handled;
static sigjmp_buf back;

static bool is(const char *name)
{
	return !strcmp(kind, name);
}

static void handle(int signo, siginfo_t *info, void *context)
{
	(void)signo;
	(void)context;
	nr_handled++;
	if (!is("barrier"))
		siglongjmp(back, 1);
	if (mprotect((void *)((uintptr_t)info->si_addr & ~(page_bytes() - 1)), page_bytes(),
		     PROT_READ | PROT_WRITE))
		die("mprotect");
}

static void access_once(volatile char *at)
{
	/* Without the mask of signals: the handler does not block them. */
	if (sigsetjmp(back, 0))
		return;
	if (is("exec"))
		((void (*)(void))(uintptr_t)at)();
	else if (is("readonly") || is("barrier"))
		*at = 2;
	else
		(void)*at;
}

static void access_all(void)
{
	uint64_t i;

	for (i = 0; i < nr_times; i++)
		access_once(map + (is("barrier") ? i * page_bytes() : 0));
}

/* Two pages of a file that has one. */
static char *map_short_file(void)
{
	int fd = memfd_create("memtrace-badaccess", MFD_CLOEXEC);
	char *at;

	if (fd < 0 || ftruncate(fd, (off_t)page_bytes()))
		die("memfd_create");
	at = mmap(NULL, 2 * page_bytes(), PROT_READ, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		die("mmap");
	close(fd);
	return at + page_bytes();
}

static void map_memory(void)
{
	size_t bytes = nr_times * page_bytes();

	if (is("null"))
		return;
	if (is("bus")) {
		map = map_short_file();
		return;
	}
	map = map_alone(nr_times);
	memset(map, 1, bytes);
	if (mprotect(map, bytes, is("none") ? PROT_NONE : is("exec") ? PROT_WRITE : PROT_READ))
		die("mprotect");
}

static void prepare(void)
{
	struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_NODEFER};

	errno = EINVAL;
	if (!nr_times)
		die("--times starts at 1");
	if (sigaction(SIGSEGV, &action, NULL) || sigaction(SIGBUS, &action, NULL))
		die("sigaction");
	map_memory();
	access_all();
	map_memory();
	nr_handled = 0;
}

static void report(void)
{
	result__address("address", map);
	result__number("times", nr_times);
	result__number("handled", nr_handled);
}

static const struct workload_option options[] = {
	{"--times", OPTION_NUMBER, &nr_times},
	{"--kind", OPTION_TEXT, &kind},
	OPTION_END,
};

int main(int argc, char **argv)
{
	static const struct workload workload = {options, prepare, access_all, report, NULL};

	workload__main(&workload, argc, argv);
}
