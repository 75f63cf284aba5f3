// SPDX-License-Identifier: GPL-2.0-or-later
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "source/limits.h"
#include "source/procfs.h"

static FILE *procfs__fopen(uint32_t pid, const char *file)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, file);
	return fopen(path, "re");
}

ssize_t procfs__read(const char *path, char *text, size_t size)
{
	int fd __closefd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	n = read(fd, text, size - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	return n;
}

int procfs__check_process(uint32_t pid)
{
	FILE *status __fclose = procfs__fopen(pid, "status");
	unsigned int tgid = 0, nr_threads = 0;
	bool has_memory = false;
	char line[256], state = 0;

	if (!status)
		return errno == ENOENT ? -ESRCH : -errno;
	while (fgets(line, sizeof(line), status)) {
		sscanf(line, "Tgid: %u", &tgid);
		sscanf(line, "State: %c", &state);
		sscanf(line, "Threads: %u", &nr_threads);
		has_memory |= !strncmp(line, "VmSize:", 7);
	}
	if (!tgid || state == 'X')
		return -ESRCH;
	if (tgid != pid)
		return -EINVAL;
	/* A leader that has ended is a zombie while its other threads go on. */
	if (state == 'Z')
		return nr_threads > 1 ? 0 : -EOWNERDEAD;
	return has_memory ? 0 : -ENODATA;
}

static void record__set(struct mt_record *hdr, uint16_t kind, size_t size, uint64_t time_ns,
			uint32_t tgid)
{
	*hdr = (struct mt_record){
		.time_ns = time_ns,
		.tgid = tgid,
		.tid = tgid,
		.size_bytes = size,
		.kind = kind,
	};
}

/* Fields of /proc/PID/stat, numbered as in proc(5): the first after the comm is 3. */
#define STAT_FIRST 3
#define STAT_PPID 4
#define STAT_MINFLT 10
#define STAT_MAJFLT 12
#define STAT_NUM_THREADS 20
#define STAT_STARTTIME 22
#define STAT_STARTSTACK 28
#define STAT_START_BRK 47
#define STAT_FIELDS 53

struct stat_line {
	char comm[MT_COMM_BYTES];
	uint64_t field[STAT_FIELDS];
};

static int stat__read(const char *path, struct stat_line *stat)
{
	char text[1024], *open_paren, *p;
	ssize_t n = procfs__read(path, text, sizeof(text));

	if (n < 0)
		return n;
	open_paren = strchr(text, '(');
	p = strrchr(text, ')'); /* a comm may hold parentheses */
	if (!open_paren || !p || p < open_paren)
		return -ESRCH;
	*p = '\0';
	memset(stat, 0, sizeof(*stat));
	snprintf(stat->comm, sizeof(stat->comm), "%s", open_paren + 1);
	p += 2;
	if (*p)
		p++; /* the state letter, field 3 */
	for (int i = STAT_FIRST + 1; i < STAT_FIELDS && *p; i++)
		stat->field[i] = strtoull(p, &p, 10);
	return 0;
}

static uint64_t process__stack_limit(uint32_t tgid)
{
	struct rlimits limits;

	return rlimits__read(tgid, &limits) ? UINT64_MAX : limits.soft_bytes[MT_LIMIT_STACK];
}

int procfs__process(uint32_t tgid, uint64_t time_ns, uint16_t flags, source_fn fn, void *ctx)
{
	struct mt_process rec = {};
	struct stat_line stat;
	char path[64];
	ssize_t n;
	int err;

	snprintf(path, sizeof(path), "/proc/%u/stat", tgid);
	err = stat__read(path, &stat);
	if (err)
		return err;
	record__set(&rec.hdr, MT_KIND_PROCESS, sizeof(rec), time_ns, tgid);
	rec.hdr.flags = flags;
	rec.ppid = stat.field[STAT_PPID];
	rec.nr_threads = stat.field[STAT_NUM_THREADS];
	rec.start_ns = stat.field[STAT_STARTTIME] * (NSEC_PER_SEC / sysconf(_SC_CLK_TCK));
	rec.start_brk = stat.field[STAT_START_BRK];
	rec.start_stack = stat.field[STAT_STARTSTACK];
	rec.stack_limit_bytes = process__stack_limit(tgid);
	memcpy(rec.comm, stat.comm, sizeof(rec.comm));
	snprintf(path, sizeof(path), "/proc/%u/exe", tgid);
	n = readlink(path, rec.exe, sizeof(rec.exe) - 1);
	rec.exe[n > 0 ? n : 0] = '\0';
	return fn(ctx, &rec, sizeof(rec));
}

static uint16_t mapping__flags(const char *name, bool shared, bool file)
{
	static const char *const shmem[] = {"/dev/zero", "/memfd:", "/SYSV", "/dev/shm/"};

	if (!strcmp(name, "[heap]"))
		return MT_MAPPING_ANON | MT_MAPPING_HEAP;
	if (!strcmp(name, "[stack]"))
		return MT_MAPPING_ANON | MT_MAPPING_STACK;
	if (!file && *name == '[' && strncmp(name, "[anon", 5))
		return MT_MAPPING_ANON | MT_MAPPING_VDSO;
	if (!file)
		return MT_MAPPING_ANON;
	for (size_t i = 0; shared && i < sizeof(shmem) / sizeof(shmem[0]); i++)
		if (!strncmp(name, shmem[i], strlen(shmem[i])))
			return MT_MAPPING_SHMEM;
	return 0;
}

uint64_t procfs__field_bytes(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? strtoull(at + strlen(name), NULL, 10) << 10 : 0;
}

/* One line of /proc/PID/maps; false if it is none. */
static bool mapping__parse(const char *line, struct mt_mapping *rec)
{
	char perms[5];
	int name_at = 0;
	size_t len;

	if (sscanf(line, "%llx-%llx %4s %llx %x:%x %llu %n", &rec->start, &rec->end, perms,
		   &rec->offset, &rec->dev_major, &rec->dev_minor, &rec->ino, &name_at) < 7)
		return false;
	line += name_at;
	len = strcspn(line, "\n");
	/* Of a path that is too long the end says more. */
	if (len >= sizeof(rec->name)) {
		line += len - (sizeof(rec->name) - 1);
		len = sizeof(rec->name) - 1;
	}
	memset(rec->name, 0, sizeof(rec->name));
	memcpy(rec->name, line, len);
	rec->prot = (perms[0] == 'r' ? PROT_READ : 0) | (perms[1] == 'w' ? PROT_WRITE : 0) |
		    (perms[2] == 'x' ? PROT_EXEC : 0);
	rec->shared = perms[3] == 's';
	rec->hdr.flags = mapping__flags(rec->name, rec->shared,
					rec->ino || rec->dev_major || rec->dev_minor);
	return true;
}

int procfs__mappings(uint32_t tgid, uint64_t time_ns, source_fn fn, void *ctx)
{
	FILE *maps __fclose = procfs__fopen(tgid, "maps");
	struct mt_mapping rec = {};
	char *line __free = NULL;
	bool first = true;
	size_t cap = 0;
	int err;

	if (!maps)
		return errno == ENOENT ? -ESRCH : -errno;
	record__set(&rec.hdr, MT_KIND_MAPPING, sizeof(rec), time_ns, tgid);
	while (getline(&line, &cap, maps) > 0) {
		if (!mapping__parse(line, &rec))
			continue;
		if (first)
			rec.hdr.flags |= MT_MAPPING_FIRST;
		first = false;
		err = fn(ctx, &rec, sizeof(rec));
		if (err)
			return err;
	}
	return first ? -ESRCH : 0;
}

/* "NR ARGS… SP PC" while it waits in a call, "-1 SP PC" while it waits elsewhere, or "running". */
uint64_t procfs__sp(uint32_t tgid, uint32_t tid)
{
	char path[64], text[256], *last, *sp;

	snprintf(path, sizeof(path), "/proc/%u/task/%u/syscall", tgid, tid);
	if (procfs__read(path, text, sizeof(text)) <= 0)
		return 0;
	last = strrchr(text, ' ');
	if (!last)
		return 0;
	*last = '\0';
	sp = strrchr(text, ' ');
	return sp ? strtoull(sp, NULL, 16) : 0;
}

static int thread__deliver(uint32_t tgid, uint32_t tid, uint64_t time_ns, uint16_t flags,
			   source_fn fn, void *ctx)
{
	struct mt_thread rec = {};
	struct stat_line stat;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/task/%u/stat", tgid, tid);
	if (stat__read(path, &stat))
		return 0;
	record__set(&rec.hdr, MT_KIND_THREAD, sizeof(rec), time_ns ?: clock__now_ns(), tgid);
	rec.hdr.tid = tid;
	rec.hdr.flags = flags;
	rec.flt.min_flt = stat.field[STAT_MINFLT];
	rec.flt.maj_flt = stat.field[STAT_MAJFLT];
	rec.sp = flags & MT_THREAD_FINAL ? 0 : procfs__sp(tgid, tid);
	memcpy(rec.comm, stat.comm, sizeof(rec.comm));
	return fn(ctx, &rec, sizeof(rec));
}

int procfs__thread_sp(uint32_t tgid, uint32_t tid, source_fn fn, void *ctx)
{
	struct mt_thread rec = {};
	struct stat_line stat;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/task/%u/stat", tgid, tid);
	if (stat__read(path, &stat))
		return -ESRCH;
	rec.sp = procfs__sp(tgid, tid);
	if (!rec.sp)
		return -EAGAIN;
	record__set(&rec.hdr, MT_KIND_THREAD, sizeof(rec), clock__now_ns(), tgid);
	rec.hdr.tid = tid;
	rec.hdr.flags = MT_THREAD_NO_FLT;
	memcpy(rec.comm, stat.comm, sizeof(rec.comm));
	return fn(ctx, &rec, sizeof(rec));
}

int procfs__each_thread(uint32_t tgid, int (*fn)(void *ctx, uint32_t tid), void *ctx)
{
	DIR *tasks __closedir = NULL;
	const struct dirent *entry;
	char path[64];
	int err = 0;

	snprintf(path, sizeof(path), "/proc/%u/task", tgid);
	tasks = opendir(path);
	if (!tasks)
		return errno == ENOENT ? -ESRCH : -errno;
	while (!err && (entry = readdir(tasks))) {
		uint32_t tid = strtoul(entry->d_name, NULL, 10);

		if (tid)
			err = fn(ctx, tid);
	}
	return err;
}

struct thread_delivery {
	uint32_t tgid;
	uint64_t time_ns;
	uint16_t flags;
	source_fn fn;
	void *ctx;
};

static int deliver_thread(void *ctx, uint32_t tid)
{
	const struct thread_delivery *to = ctx;

	return thread__deliver(to->tgid, tid, to->time_ns, to->flags, to->fn, to->ctx);
}

int procfs__threads(uint32_t tgid, uint64_t time_ns, uint16_t flags, source_fn fn, void *ctx)
{
	struct thread_delivery delivery = {tgid, time_ns, flags, fn, ctx};

	return procfs__each_thread(tgid, deliver_thread, &delivery);
}

unsigned int procfs__nr_threads(uint32_t tgid)
{
	char line[256], state = 0;
	FILE *status __fclose = procfs__fopen(tgid, "status");
	unsigned int nr = 0;

	while (status && fgets(line, sizeof(line), status)) {
		sscanf(line, "State: %c", &state);
		sscanf(line, "Threads: %u", &nr);
	}
	/* A leader that has ended is a zombie while its other threads go on. */
	return nr <= 1 && (state == 'Z' || state == 'X') ? 0 : nr;
}

int procfs__sample(uint32_t tgid, uint64_t time_ns, source_fn fn, void *ctx)
{
	struct mt_sample rec = {};
	unsigned long long size_pages, rss_pages;
	char path[64], text[128];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/statm", tgid);
	n = procfs__read(path, text, sizeof(text));
	if (n < 0)
		return n;
	if (sscanf(text, "%llu %llu", &size_pages, &rss_pages) != 2)
		return -ESRCH;
	record__set(&rec.hdr, MT_KIND_SAMPLE, sizeof(rec), time_ns, tgid);
	rec.rss_bytes = rss_pages * sysconf(_SC_PAGESIZE);
	return fn(ctx, &rec, sizeof(rec));
}
