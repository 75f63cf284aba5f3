// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs into a limit of its memory, which it has set for itself, N times by each call that can: what
 * it says of each is call, error, and the cause, which it has made.
 *
 * limits [--of as|data|memlock|memlock-zero|capable|map-count|space|overcommit|nothing|neighbours]
 *	  [--times N]
 *
 * capable: locks four times RLIMIT_MEMLOCK, by CAP_IPC_LOCK. nothing: calls that fail for other
 * reasons than a limit. neighbours: maps 16 KiB N times, where the kernel likes, and touches a page
 * of each: none fails.
 */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MIB (1UL << 20)
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define MAX_ROWS 32
#define NO_LIMIT "none"

static const char *of = "as";
static uint64_t times = 3;

static struct row {
	const char *call;
	int err;
	const char *cause;
	uint64_t count;
} rows[MAX_ROWS];
static size_t nr_rows;
static uint64_t limit, mapped_bytes, nr_mapped;
static const char *limit_name = NO_LIMIT;
/* Asked for in prepare(): the act shall do nothing that it does not count. */
static char *area, *hole;
static size_t area_bytes;
static int read_only = -1;

/* A call has returned this, and this is why it should have failed. */
static void expect(const char *call, long ret, const char *cause)
{
	struct row *row = rows;

	if (ret != -1)
		die(call);
	while (row < rows + nr_rows &&
	       (strcmp(row->call, call) || row->err != errno || strcmp(row->cause, cause)))
		row++;
	if (row == rows + MAX_ROWS)
		die("rows");
	if (row == rows + nr_rows)
		*row = (struct row){call, errno, cause, 0};
	row->count++;
	nr_rows += row == rows + nr_rows;
}

static long map(void *at, size_t bytes, int prot, int flags)
{
	return (long)mmap(at, bytes, prot, flags, -1, 0);
}

static long remap(void *at, size_t old_bytes, size_t new_bytes, int flags)
{
	return (long)mremap(at, old_bytes, new_bytes, flags);
}

/* As mmap(): -1 for a break that was not moved. */
static long grow_break(size_t bytes)
{
	long now = syscall(SYS_brk, 0), next = now + (long)bytes;

	if (syscall(SYS_brk, next) == next)
		return 0;
	errno = ENOMEM;
	return -1;
}

static char *mapped(size_t bytes, int prot)
{
	long at = map(NULL, bytes, prot, ANON | MAP_NORESERVE);

	if (at == -1)
		die("mmap");
	nr_mapped++;
	mapped_bytes += bytes;
	return (char *)at;
}

static void set_limit(int which, const char *name, uint64_t bytes)
{
	struct rlimit rlim;

	if (getrlimit(which, &rlim))
		die("getrlimit");
	rlim.rlim_cur = bytes;
	if (setrlimit(which, &rlim))
		die("setrlimit");
	limit = bytes;
	limit_name = name;
}

static void act_as(void)
{
	char *at;

	set_limit(RLIMIT_AS, "RLIMIT_AS", status_bytes("VmSize:") + 64 * MIB);
	at = mapped(60 * MIB, PROT_NONE);
	for (uint64_t i = 0; i < times; i++) {
		expect("mmap", map(NULL, 32 * MIB, PROT_NONE, ANON), "rlimit_as");
		expect("mremap", remap(at, 60 * MIB, 92 * MIB, MREMAP_MAYMOVE), "rlimit_as");
		expect("brk", grow_break(32 * MIB), "rlimit_as");
	}
}

static void act_data(void)
{
	char *at;

	set_limit(RLIMIT_DATA, "RLIMIT_DATA", status_bytes("VmData:") + 64 * MIB);
	mapped(60 * MIB, RW);
	at = mapped(32 * MIB, PROT_READ);
	for (uint64_t i = 0; i < times; i++) {
		expect("mmap", map(NULL, 32 * MIB, RW, ANON), "rlimit_data");
		expect("mprotect", mprotect(at, 32 * MIB, RW), "rlimit_data");
		expect("brk", grow_break(32 * MIB), "rlimit_data");
	}
}

/* The hard limit was 64 KiB before 5.16, and not everybody may raise it. */
static uint64_t memlock_bytes(void)
{
	struct rlimit rlim;

	if (getrlimit(RLIMIT_MEMLOCK, &rlim))
		die("getrlimit");
	return rlim.rlim_max < MIB ? rlim.rlim_max : MIB;
}

static void act_memlock(void)
{
	uint64_t bytes = memlock_bytes();

	set_limit(RLIMIT_MEMLOCK, "RLIMIT_MEMLOCK", bytes);
	if (mlock(area, bytes / 8 * 7))
		die("mlock");
	for (uint64_t i = 0; i < times; i++) {
		expect("mlock", mlock(area + MIB, bytes / 2), "rlimit_memlock");
		expect("mmap", map(NULL, bytes / 2, RW, ANON | MAP_LOCKED), "rlimit_memlock");
		expect("mlock", mlockall(MCL_CURRENT), "rlimit_memlock");
	}
}

static void act_memlock_zero(void)
{
	set_limit(RLIMIT_MEMLOCK, "RLIMIT_MEMLOCK", 0);
	for (uint64_t i = 0; i < times; i++) {
		expect("mlock", mlock(area, MIB / 2), "rlimit_memlock");
		expect("mmap", map(NULL, MIB / 2, RW, ANON | MAP_LOCKED), "rlimit_memlock");
	}
}

static void act_capable(void)
{
	uint64_t bytes = memlock_bytes();

	set_limit(RLIMIT_MEMLOCK, "RLIMIT_MEMLOCK", bytes / 4);
	if (mlock(area, bytes))
		die("mlock");
}

static void act_neighbours(void)
{
	for (uint64_t i = 0; i < times; i++)
		*(volatile char *)mapped(MIB / 64, RW) = 1;
}

/* Every second page becomes a mapping of its own. */
static void act_map_count(void)
{
	size_t page = page_bytes();
	size_t at = page;

	limit_name = "vm.max_map_count";
	while (at + page < area_bytes && !mprotect(area + at, page, PROT_NONE))
		at += 2 * page;
	if (at + page >= area_bytes)
		die("vm.max_map_count is more than was tried");
	/* It was the first that failed. */
	expect("mprotect", -1, "max_map_count");
	/* A split that makes one mapping more may have been refused where two were too many. */
	while (map(NULL, page, nr_mapped++ % 2 ? PROT_READ : PROT_NONE, ANON) != -1)
		;
	nr_mapped--;
	expect("mmap", -1, "max_map_count");
	for (uint64_t i = 1; i < times; i++) {
		expect("mmap", map(NULL, page, RW, ANON | MAP_SHARED), "max_map_count");
		expect("munmap", munmap(hole + page, page), "max_map_count");
	}
}

static void act_space(void)
{
	while (map(NULL, 1UL << 44, PROT_NONE, ANON | MAP_NORESERVE) != -1)
		nr_mapped++;
	expect("mmap", -1, "address_space");
	for (uint64_t i = 0; i < times; i++)
		expect("mmap", map(NULL, 1UL << 47, PROT_NONE, ANON), "address_space");
}

static uint64_t meminfo_bytes(const char *key)
{
	FILE *f = fopen("/proc/meminfo", "r");
	unsigned long long kib = 0;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			sscanf(line + strlen(key), " %llu", &kib);
	if (f)
		fclose(f);
	return kib << 10;
}

/* More than there is, or than may be promised. */
static void act_overcommit(void)
{
	for (uint64_t i = 0; i < times; i++) {
		expect("mmap", map(NULL, area_bytes, RW, ANON), "overcommit");
		expect("mprotect", mprotect(area, area_bytes, RW), "overcommit");
	}
}

static void act_nothing(void)
{
	size_t page = page_bytes();

	for (uint64_t i = 0; i < times; i++) {
		expect("mmap", map(NULL, 0, RW, ANON), "bad_argument");
		expect("mmap", (long)mmap(NULL, page, RW, MAP_SHARED, 1000, 0), "bad_file");
		expect("mmap", (long)mmap(NULL, page, RW, MAP_SHARED, read_only, 0), "permission");
		expect("mmap", map(area, page, RW, ANON | MAP_FIXED_NOREPLACE), "address_taken");
		expect("munmap", munmap(area + 1, page), "bad_argument");
		expect("mprotect", mprotect(area + 1, page, RW), "bad_argument");
		expect("mprotect", mprotect(hole, 3 * page, RW), "not_mapped");
		expect("madvise", madvise(area + 1, page, MADV_DONTNEED), "bad_argument");
		expect("madvise", madvise(hole, 3 * page, MADV_DONTNEED), "not_mapped");
		expect("mlock", mlock(hole + page, 2 * page), "not_mapped");
		expect("mremap", remap(hole + page, page, 2 * page, 0), "not_mapped");
		expect("mremap", remap(hole, page, 4 * page, 0), "address_taken");
		expect("brk", grow_break(1UL << 46), "address_taken");
	}
}

static const struct scenario {
	const char *name;
	void (*act)(void);
} scenarios[] = {
	{"as", act_as},		  {"data", act_data},
	{"memlock", act_memlock}, {"memlock-zero", act_memlock_zero},
	{"capable", act_capable}, {"map-count", act_map_count},
	{"space", act_space},	  {"overcommit", act_overcommit},
	{"nothing", act_nothing}, {"neighbours", act_neighbours},
};
#define NR_SCENARIOS (sizeof(scenarios) / sizeof(scenarios[0]))

static const struct scenario *scenario;

/* RLIMIT_MEMLOCK is not for those who have it. */
static void drop_ipc_lock(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		die("capget");
	data[0].effective &= ~(1U << CAP_IPC_LOCK);
	if (syscall(SYS_capset, &header, data))
		die("capset");
}

static void prepare(void)
{
	size_t page = page_bytes();

	for (size_t i = 0; i < NR_SCENARIOS; i++)
		if (!strcmp(scenarios[i].name, of))
			scenario = &scenarios[i];
	if (!scenario)
		die("--of");
	if (!strncmp(of, "memlock", 7))
		drop_ipc_lock();
	area_bytes = 2 * MIB;
	if (!strcmp(of, "map-count"))
		area_bytes = 1UL << 30;
	if (!strcmp(of, "overcommit"))
		area_bytes = meminfo_bytes("MemTotal:") + meminfo_bytes("SwapTotal:") + MIB;
	area = (char *)map(NULL, area_bytes, strcmp(of, "overcommit") ? RW : PROT_READ, ANON);
	hole = (char *)map(NULL, 3 * page, RW, ANON);
	if (area == MAP_FAILED || hole == MAP_FAILED)
		die("mmap");
	if (!strcmp(of, "nothing") && munmap(hole + page, page))
		die("munmap");
	read_only = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (read_only < 0)
		die("/proc/self/exe");
	status_bytes("VmSize:");
}

static void act(void)
{
	scenario->act();
}

static void report(void)
{
	result__text("limit_name", limit_name);
	result__number("limit", limit);
	result__number("mapped_bytes", mapped_bytes);
	result__number("peak_bytes", status_bytes("VmPeak:"));
	result__open("failures", '[');
	for (size_t i = 0; i < nr_rows; i++) {
		result__open(NULL, '{');
		result__text("call", rows[i].call);
		result__number("errno", rows[i].err);
		result__text("cause", rows[i].cause);
		result__number("count", rows[i].count);
		result__close('{');
	}
	result__close('[');
}

static const struct workload_option options[] = {
	{"--of", OPTION_TEXT, &of},
	{"--times", OPTION_NUMBER, &times},
	OPTION_END,
};

int main(int argc, char **argv)
{
	static const struct workload workload = {options, prepare, act, report, NULL};

	workload__main(&workload, argc, argv);
}
