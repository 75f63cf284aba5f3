/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "live_cgroup.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "live.h"

int cgroup__version(void)
{
	if (!access("/sys/fs/cgroup/memory/memory.limit_in_bytes", F_OK))
		return 1;
	return access("/sys/fs/cgroup/cgroup.controllers", F_OK) ? 0 : 2;
}

void cgroup__set(const struct cgroup *cgroup, const char *file, int64_t value)
{
	char path[160];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", cgroup->path, file);
	f = fopen(path, "we");
	assert_non_null(f);
	fprintf(f, "%lld\n", (long long)value);
	assert_int_equal(fclose(f), 0);
}

int64_t cgroup__get(const struct cgroup *cgroup, const char *file, const char *key)
{
	char path[160], line[256], word[128];
	long long value = -1, found;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", cgroup->path, file);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (!key && sscanf(line, "%lld", &found) == 1)
			value = found;
		if (key && sscanf(line, "%127s %lld", word, &found) == 2 && !strcmp(word, key))
			value = found;
	}
	fclose(f);
	return value;
}

void cgroup__make(struct cgroup *cgroup, int64_t limit_bytes)
{
	/* What a test that failed has left behind is not in the way of the next one. */
	static unsigned int nr;

	cgroup->v1 = cgroup__version() == 1;
	snprintf(cgroup->name, sizeof(cgroup->name), "memtrace-test-%d-%u", getpid(), nr++);
	snprintf(cgroup->path, sizeof(cgroup->path), "/sys/fs/cgroup/%s%s",
		 cgroup->v1 ? "memory/" : "", cgroup->name);
	assert_int_equal(mkdir(cgroup->path, 0755), 0);
	cgroup__set(cgroup, cgroup->v1 ? "memory.limit_in_bytes" : "memory.max", limit_bytes);
}

void cgroup__remove(struct cgroup *cgroup)
{
	assert_int_equal(rmdir(cgroup->path), 0);
}
