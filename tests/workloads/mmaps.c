/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Maps, remaps, protects, advises on and unmaps memory by raw system calls, so many times each.
 *
 * mmaps [--count N] [--bytes B] [--grow N] [--move N] [--shrink N] [--protect N] [--dontneed N]
 *	 [--arena N] [--unmap N] [--touch]
 *	 [--bad-mmap N] [--bad-munmap N] [--bad-mremap N] [--bad-mprotect N] [--bad-madvise N]
 *
 * N mappings of B bytes; the first of them are grown in place to 2 B, the last are moved, and so
 * on. arena: a reservation without access of N * B, made writable B by B as malloc's arenas are.
 * The bad ones fail: mmap with ENOMEM, munmap EINVAL, mremap EFAULT, mprotect EACCES, madvise
 * EINVAL.
 */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_MAPS 256

enum call { MMAP, MUNMAP, MREMAP, MADVISE, MPROTECT, NR };

static const char *const names[NR] = {"mmap", "munmap", "mremap", "madvise", "mprotect"};

static uint64_t nr_maps = 4, bytes = 1 << 20;
static uint64_t nr_grow, nr_move, nr_shrink, nr_protect, nr_dontneed, nr_arena, nr_unmap;
static uint64_t bad[NR];
static bool touch;

static struct {
	uint64_t calls, failed, bytes;
	int last_errno;
} done[NR];

static struct {
	char *at;
	uint64_t bytes;
} maps[MAX_MAPS];

static char *read_only; /* a file opened for reading, mapped shared */
static char *hole;	/* addresses to move to */
static int64_t growth, peak;
static uint64_t pages;

static long count(enum call call, uint64_t of, long ret)
{
	done[call].calls++;
	if (ret == -1) {
		done[call].failed++;
		done[call].last_errno = errno;
	} else {
		done[call].bytes += of;
	}
	return ret;
}

static void grow_by(int64_t by)
{
	growth += by;
	if (growth > peak)
		peak = growth;
}

/* A reservation is unmapped again: what was there is free for a moment, and nobody else asks. */
static char *find_hole(uint64_t size)
{
	char *at = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED || munmap(at, size))
		die("mmap");
	return at;
}

static void touch_pages(char *at, uint64_t size)
{
	uint64_t offset;

	for (offset = 0; touch && offset < size; offset += page_bytes(), pages++)
		*(volatile char *)(at + offset) = 1;
}

/* Each mapping has free addresses behind it, as long as itself, and is nobody's neighbour. */
static void map_one(size_t i)
{
	char *at = hole + i * 3 * bytes;

	if (count(MMAP, bytes,
		  syscall(SYS_mmap, at, bytes, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0)) != (long)at)
		die("mmap");
	maps[i].at = at;
	maps[i].bytes = bytes;
	grow_by((int64_t)bytes);
	touch_pages(at, bytes);
}

static void resize(size_t i, uint64_t to)
{
	if (count(MREMAP, to, syscall(SYS_mremap, maps[i].at, maps[i].bytes, to, 0, 0)) !=
	    (long)maps[i].at)
		die("mremap");
	grow_by((int64_t)(to - maps[i].bytes));
	maps[i].bytes = to;
}

static void move(size_t i)
{
	char *to = hole + (MAX_MAPS + i) * 3 * bytes;

	if (count(MREMAP, maps[i].bytes,
		  syscall(SYS_mremap, maps[i].at, maps[i].bytes, maps[i].bytes,
			  MREMAP_MAYMOVE | MREMAP_FIXED, to)) != (long)to)
		die("mremap");
	maps[i].at = to;
}

static void protect(size_t i)
{
	long at = (long)maps[i].at;

	if (count(MPROTECT, maps[i].bytes, syscall(SYS_mprotect, at, maps[i].bytes, PROT_READ)) ||
	    count(MPROTECT, maps[i].bytes,
		  syscall(SYS_mprotect, at, maps[i].bytes, PROT_READ | PROT_WRITE)))
		die("mprotect");
}

static void arena(void)
{
	char *at = hole + 2 * MAX_MAPS * 3 * bytes;
	uint64_t i;

	if (!nr_arena)
		return;
	if (count(MMAP, nr_arena * bytes,
		  syscall(SYS_mmap, at, nr_arena * bytes, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0)) != (long)at)
		die("mmap");
	for (i = 0; i < nr_arena; i++) {
		if (count(MPROTECT, bytes,
			  syscall(SYS_mprotect, at + i * bytes, bytes, PROT_READ | PROT_WRITE)))
			die("mprotect");
		grow_by((int64_t)bytes);
	}
}

static void fail(void)
{
	uint64_t i;

	for (i = 0; i < bad[MMAP]; i++)
		count(MMAP, 0,
		      syscall(SYS_mmap, 0, 1UL << 56, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			      0));
	for (i = 0; i < bad[MUNMAP]; i++)
		count(MUNMAP, 0, syscall(SYS_munmap, hole + 1, bytes));
	for (i = 0; i < bad[MREMAP]; i++)
		count(MREMAP, 0, syscall(SYS_mremap, hole + 2 * bytes, bytes, 2 * bytes, 0, 0));
	for (i = 0; i < bad[MPROTECT]; i++)
		count(MPROTECT, 0,
		      syscall(SYS_mprotect, read_only, page_bytes(), PROT_READ | PROT_WRITE));
	for (i = 0; i < bad[MADVISE]; i++)
		count(MADVISE, 0, syscall(SYS_madvise, hole, bytes, 9999));
}

static void prepare(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	errno = EINVAL;
	if (!nr_maps || nr_maps > MAX_MAPS || bytes % page_bytes() || nr_grow + nr_move > nr_maps)
		die("--count is 1 to 256, --bytes whole pages, --grow + --move at most --count");
	read_only = mmap(NULL, page_bytes(), PROT_READ, MAP_SHARED, fd, 0);
	if (read_only == MAP_FAILED)
		die("mmap");
	close(fd);
	hole = find_hole((2 * MAX_MAPS * 3 + nr_arena + 1) * bytes);
	count(MMAP, 0, -1);
	done[MMAP].calls = done[MMAP].failed = 0;
	done[MMAP].last_errno = 0;
}

static void act(void)
{
	size_t i;

	for (i = 0; i < nr_maps; i++)
		map_one(i);
	for (i = 0; i < nr_grow; i++)
		resize(i, 2 * bytes);
	for (i = 0; i < nr_move; i++)
		move(nr_maps - 1 - i);
	for (i = 0; i < nr_protect; i++)
		protect(i % nr_maps);
	for (i = 0; i < nr_dontneed; i++)
		if (count(MADVISE, maps[i % nr_maps].bytes,
			  syscall(SYS_madvise, maps[i % nr_maps].at, maps[i % nr_maps].bytes,
				  MADV_DONTNEED)))
			die("madvise");
	for (i = 0; i < nr_shrink; i++)
		resize(i, maps[i].bytes / 2);
	arena();
	fail();
	for (i = 0; i < nr_unmap; i++) {
		if (count(MUNMAP, maps[i].bytes, syscall(SYS_munmap, maps[i].at, maps[i].bytes)))
			die("munmap");
		grow_by(-(int64_t)maps[i].bytes);
		maps[i].at = NULL;
	}
}

static void report(void)
{
	size_t i;

	result__open("calls", '{');
	for (i = 0; i < NR; i++) {
		result__open(names[i], '{');
		result__number("count", done[i].calls);
		result__number("failed", done[i].failed);
		result__number("bytes", done[i].bytes);
		result__signed("errno", done[i].last_errno);
		result__close('{');
	}
	result__close('{');
	result__open("mappings", '[');
	for (i = 0; i < nr_maps; i++) {
		if (!maps[i].at)
			continue;
		result__open(NULL, '{');
		result__address("address", maps[i].at);
		result__number("bytes", maps[i].bytes);
		result__close('{');
	}
	result__close('[');
	result__signed("growth_bytes", growth);
	result__signed("peak_growth_bytes", peak);
	result__number("pages", pages);
}

static const struct workload_option options[] = {
	{"--count", OPTION_NUMBER, &nr_maps},
	{"--bytes", OPTION_NUMBER, &bytes},
	{"--grow", OPTION_NUMBER, &nr_grow},
	{"--move", OPTION_NUMBER, &nr_move},
	{"--shrink", OPTION_NUMBER, &nr_shrink},
	{"--protect", OPTION_NUMBER, &nr_protect},
	{"--dontneed", OPTION_NUMBER, &nr_dontneed},
	{"--arena", OPTION_NUMBER, &nr_arena},
	{"--unmap", OPTION_NUMBER, &nr_unmap},
	{"--touch", OPTION_FLAG, &touch},
	{"--bad-mmap", OPTION_NUMBER, &bad[MMAP]},
	{"--bad-munmap", OPTION_NUMBER, &bad[MUNMAP]},
	{"--bad-mremap", OPTION_NUMBER, &bad[MREMAP]},
	{"--bad-mprotect", OPTION_NUMBER, &bad[MPROTECT]},
	{"--bad-madvise", OPTION_NUMBER, &bad[MADVISE]},
	OPTION_END,
};

int main(int argc, char **argv)
{
	static const struct workload workload = {options, prepare, act, report, NULL};

	workload__main(&workload, argc, argv);
}
