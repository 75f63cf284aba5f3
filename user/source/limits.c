// SPDX-License-Identifier: GPL-2.0-or-later
#include "source/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "source/procfs.h"

/* CAP_IPC_LOCK of linux/capability.h. */
#define CAP_IPC_LOCK_BIT 14
/* A page of the kernel's that /proc/PID/maps shows, and nobody has mapped. */
#define GATE "[vsyscall]"

static uint64_t limit__parse(char **p)
{
	*p += strspn(*p, " ");
	if (!strncmp(*p, "unlimited", strlen("unlimited"))) {
		*p += strlen("unlimited");
		return UINT64_MAX;
	}
	return strtoull(*p, p, 10);
}

int rlimits__read(uint32_t tgid, struct rlimits *ret)
{
	static const char *const names[MT_LIMIT_NR] = {
		[MT_LIMIT_AS] = "Max address space ",
		[MT_LIMIT_DATA] = "Max data size ",
		[MT_LIMIT_STACK] = "Max stack size ",
		[MT_LIMIT_MEMLOCK] = "Max locked memory ",
	};
	char path[64], text[4096], *at;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/limits", tgid);
	n = procfs__read(path, text, sizeof(text));
	if (n < 0)
		return n;
	memset(ret, 0xff, sizeof(*ret));
	for (int i = 0; i < MT_LIMIT_NR; i++) {
		at = strstr(text, names[i]);
		if (!at)
			continue;
		at += strlen(names[i]);
		ret->soft_bytes[i] = limit__parse(&at);
		ret->hard_bytes[i] = limit__parse(&at);
	}
	return 0;
}

static void status__parse(const char *text, struct mt_limits *rec)
{
	uint64_t page_bytes = sysconf(_SC_PAGESIZE);
	const char *caps = strstr(text, "\nCapEff:");
	uint64_t effective = 0;

	rec->use.total_pages = procfs__field_bytes(text, "\nVmSize:") / page_bytes;
	rec->use.data_pages = procfs__field_bytes(text, "\nVmData:") / page_bytes;
	rec->use.locked_pages = procfs__field_bytes(text, "\nVmLck:") / page_bytes;
	rec->total_peak_pages = procfs__field_bytes(text, "\nVmPeak:") / page_bytes;
	if (!caps || sscanf(caps, "\nCapEff: %" SCNx64, &effective) != 1)
		return;
	rec->hdr.flags = MT_LIMITS_READ;
	if (effective & 1ULL << CAP_IPC_LOCK_BIT)
		rec->hdr.flags |= MT_LIMITS_IPC_LOCK;
}

int limits__read(uint32_t tgid, uint64_t time_ns, uint32_t map_count, source_fn fn, void *ctx)
{
	struct mt_limits rec = {.hdr = {.time_ns = time_ns,
					.tgid = tgid,
					.tid = tgid,
					.size_bytes = sizeof(rec),
					.kind = MT_KIND_LIMITS}};
	struct rlimits limits;
	char path[64], text[4096];
	ssize_t n;
	int err;

	snprintf(path, sizeof(path), "/proc/%u/status", tgid);
	n = procfs__read(path, text, sizeof(text));
	if (n < 0)
		return n;
	err = rlimits__read(tgid, &limits);
	if (err)
		return err;
	memcpy(rec.soft_bytes, limits.soft_bytes, sizeof(rec.soft_bytes));
	memcpy(rec.hard_bytes, limits.hard_bytes, sizeof(rec.hard_bytes));
	status__parse(text, &rec);
	if (!rec.use.total_pages)
		return -ESRCH;
	rec.use.map_count = map_count;
	return fn(ctx, &rec, sizeof(rec));
}

bool mapping__is_held(const char *name)
{
	return strcmp(name, GATE) != 0;
}

static int count_held(void *ctx, const void *record, size_t size)
{
	const struct mt_mapping *mapping = record;
	uint32_t *nr = ctx;

	(void)size;
	*nr += mapping__is_held(mapping->name);
	return 0;
}

uint32_t limits__map_count(uint32_t tgid)
{
	uint32_t nr = 0;

	procfs__mappings(tgid, 0, count_held, &nr);
	return nr;
}

static uint64_t sysctl__read(const char *path)
{
	char text[32];

	return procfs__read(path, text, sizeof(text)) > 0 ? strtoull(text, NULL, 10) : 0;
}

int limits__read_memory(uint64_t time_ns, source_fn fn, void *ctx)
{
	struct mt_memory rec = {
		.hdr = {.time_ns = time_ns, .size_bytes = sizeof(rec), .kind = MT_KIND_MEMORY}};
	char text[4096];
	ssize_t n = procfs__read("/proc/meminfo", text, sizeof(text));

	if (n < 0)
		return n;
	rec.max_map_count = sysctl__read("/proc/sys/vm/max_map_count");
	rec.overcommit = sysctl__read("/proc/sys/vm/overcommit_memory");
	rec.commit_limit_bytes = procfs__field_bytes(text, "\nCommitLimit:");
	rec.committed_bytes = procfs__field_bytes(text, "\nCommitted_AS:");
	rec.total_bytes = procfs__field_bytes(text, "MemTotal:");
	rec.available_bytes = procfs__field_bytes(text, "\nMemAvailable:");
	rec.swap_total_bytes = procfs__field_bytes(text, "\nSwapTotal:");
	rec.swap_free_bytes = procfs__field_bytes(text, "\nSwapFree:");
	return fn(ctx, &rec, sizeof(rec));
}
