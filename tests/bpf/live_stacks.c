/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The copies of stacks that wait for memtrace, of which there is room for some at a time only. */
#include "live.h"

#include <bpf/bpf.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* -1: this file of /proc/PID/fdinfo is of no map. */
static int64_t map_id(const char *path)
{
	FILE *file = fopen(path, "re");
	long long id = -1;
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "map_id: %lld", &id);
	if (file)
		fclose(file);
	return id;
}

static bool has_name(int map, const char *name)
{
	struct bpf_map_info info = {};
	uint32_t size = sizeof(info);

	return !bpf_obj_get_info_by_fd(map, &info, &size) && !strcmp(info.name, name);
}

static int open_map(pid_t pid, const char *name)
{
	char pattern[64];
	glob_t files;
	int map = -1;

	snprintf(pattern, sizeof(pattern), "/proc/%d/fdinfo/*", pid);
	assert_int_equal(glob(pattern, 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc && map < 0; i++) {
		int64_t id = map_id(files.gl_pathv[i]);

		map = id < 0 ? -1 : bpf_map_get_fd_by_id((uint32_t)id);
		if (map >= 0 && !has_name(map, name)) {
			close(map);
			map = -1;
		}
	}
	globfree(&files);
	if (map < 0)
		fail_msg("memtrace has no map %s", name);
	return map;
}

void live__await_stacks(const struct live_process *memtrace)
{
	int64_t limit_ns = live__now_ns() + LIVE_LIMIT_S * 1000000000LL * live__slowdown();
	int claims = open_map(memtrace->pid, "stack_claims");
	uint32_t slot;

	while (!bpf_map_get_next_key(claims, NULL, &slot))
		live__wait_a_moment(limit_ns);
	close(claims);
}
