// SPDX-License-Identifier: GPL-2.0-or-later
/* Memory cgroups as the source reads them, from trees of files made here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "event/event.h"
#include "source/cgroup.h"

#define MAX_SEEN 8
#define PID 77U
#define NONE UINT64_MAX

struct tree {
	char dir[64];
	char proc[80];
	struct cgroup_reader reader;
	struct mt_cgroup seen[MAX_SEEN];
	size_t nr_seen;
};

/* All directories on the way are made. */
__attribute__((format(printf, 3, 4))) static void
tree__write(const struct tree *tree, const char *name, const char *fmt, ...)
{
	char path[512];
	va_list args;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", tree->dir, name);
	for (char *at = strchr(path + strlen(tree->dir) + 1, '/'); at; at = strchr(at + 1, '/')) {
		*at = '\0';
		mkdir(path, 0755);
		*at = '/';
	}
	f = fopen(path, "we");
	assert_non_null(f);
	va_start(args, fmt);
	vfprintf(f, fmt, args);
	va_end(args);
	assert_int_equal(fclose(f), 0);
}

static int take(void *ctx, const void *data, size_t size)
{
	const struct mt_cgroup *rec = data;
	struct tree *tree = ctx;

	assert_int_equal(record__check(rec, size), 0);
	assert_int_equal(rec->hdr.size_bytes, size);
	assert_true(tree->nr_seen < MAX_SEEN);
	tree->seen[tree->nr_seen++] = *rec;
	return 0;
}

static int tree__setup(void **state)
{
	struct tree *tree = calloc(1, sizeof(*tree));

	assert_non_null(tree);
	strcpy(tree->dir, "/tmp/memtrace-cgroup-XXXXXX");
	assert_non_null(mkdtemp(tree->dir));
	snprintf(tree->proc, sizeof(tree->proc), "%s/proc", tree->dir);
	cgroup_reader__init(&tree->reader, tree->proc);
	*state = tree;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static int tree__teardown(void **state)
{
	struct tree *tree = *state;

	cgroup_reader__release(&tree->reader);
	nftw(tree->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(tree);
	return 0;
}

static int tree__read(struct tree *tree, uint64_t time_ns, uint64_t max_age_ns)
{
	tree->nr_seen = 0;
	return cgroup_reader__process(&tree->reader, PID, time_ns, max_age_ns, take, tree);
}

static void tree__mount_v2(struct tree *tree, const char *root)
{
	tree__write(tree, "proc/self/mountinfo",
		    "22 1 0:20 / /proc rw - proc proc rw\n"
		    "31 22 0:27 %s %s/v2 rw,nosuid shared:4 - cgroup2 cgroup2 rw\n",
		    root, tree->dir);
}

static void tree__limit_v2(struct tree *tree, const char *cgroup, const char *max, const char *high,
			   unsigned int usage)
{
	char name[128];

	snprintf(name, sizeof(name), "v2/%smemory.max", cgroup);
	tree__write(tree, name, "%s\n", max);
	snprintf(name, sizeof(name), "v2/%smemory.high", cgroup);
	tree__write(tree, name, "%s\n", high);
	snprintf(name, sizeof(name), "v2/%smemory.current", cgroup);
	tree__write(tree, name, "%u\n", usage);
	snprintf(name, sizeof(name), "v2/%smemory.peak", cgroup);
	tree__write(tree, name, "%u\n", 2 * usage);
	snprintf(name, sizeof(name), "v2/%smemory.events", cgroup);
	tree__write(tree, name, "low 9\nhigh 3\nmax 4\noom 2\noom_kill 1\noom_group_kill 0\n");
	snprintf(name, sizeof(name), "v2/%smemory.stat", cgroup);
	tree__write(tree, name, "anon 100\nfile 5000\nkernel 7\nshmem 20\n");
}

/* Its own, though without a limit, and those above that have one. */
static void test_v2(void **state)
{
	struct tree *tree = *state;
	const struct mt_cgroup *own = &tree->seen[0], *above = &tree->seen[1];

	tree__mount_v2(tree, "/");
	tree__write(tree, "proc/77/cgroup", "0::/a/b/c\n");
	tree__limit_v2(tree, "a/", "10000", "max", 600);
	tree__limit_v2(tree, "a/b/", "max", "max", 500);
	tree__limit_v2(tree, "a/b/c/", "max", "max", 400);
	assert_int_equal(tree__read(tree, 5, 0), 0);
	assert_int_equal(tree->nr_seen, 2);
	assert_true(own->version == 2 && own->level == 0 && own->hdr.tgid == PID);
	assert_true(own->hdr.time_ns == 5);
	assert_string_equal(own->path, "/a/b/c");
	assert_true(own->max_bytes == NONE && own->high_bytes == NONE);
	assert_true(own->usage_bytes == 400 && own->peak_bytes == 800);
	assert_string_equal(above->path, "/a");
	assert_true(above->level == 2 && above->max_bytes == 10000 && above->high_bytes == NONE);
	assert_true(above->max_events == 4 && above->high_events == 3 && above->oom_kills == 1);
	assert_true(above->held_bytes == 120);
}

/* A controller that is not passed on: what holds the process is the one above that has it. */
static void test_v2_without_controller(void **state)
{
	struct tree *tree = *state;

	tree__mount_v2(tree, "/");
	tree__write(tree, "proc/77/cgroup", "0::/a/b\n");
	tree__limit_v2(tree, "a/", "max", "7000", 600);
	tree__write(tree, "v2/a/b/cgroup.procs", "77\n");
	assert_int_equal(tree__read(tree, 5, 0), 0);
	assert_int_equal(tree->nr_seen, 1);
	assert_string_equal(tree->seen[0].path, "/a");
	assert_true(tree->seen[0].high_bytes == 7000 && tree->seen[0].level == 1);
}

/* What an older kernel does not tell is not known. */
static void test_v2_old(void **state)
{
	struct tree *tree = *state;

	tree__mount_v2(tree, "/");
	tree__write(tree, "proc/77/cgroup", "0::/a\n");
	tree__write(tree, "v2/a/memory.max", "1000\n");
	tree__write(tree, "v2/a/memory.current", "10\n");
	assert_int_equal(tree__read(tree, 5, 0), 0);
	assert_int_equal(tree->nr_seen, 1);
	assert_true(tree->seen[0].peak_bytes == 0 && tree->seen[0].held_bytes == NONE);
	assert_true(tree->seen[0].max_events == 0 && tree->seen[0].high_bytes == NONE);
}

static void tree__write_v1(struct tree *tree, const char *cgroup, const char *limit)
{
	char name[128];

	snprintf(name, sizeof(name), "v1/memory/%smemory.limit_in_bytes", cgroup);
	tree__write(tree, name, "%s\n", limit);
	snprintf(name, sizeof(name), "v1/memory/%smemory.usage_in_bytes", cgroup);
	tree__write(tree, name, "300\n");
	snprintf(name, sizeof(name), "v1/memory/%smemory.max_usage_in_bytes", cgroup);
	tree__write(tree, name, "900\n");
	snprintf(name, sizeof(name), "v1/memory/%smemory.failcnt", cgroup);
	tree__write(tree, name, "6\n");
	snprintf(name, sizeof(name), "v1/memory/%smemory.oom_control", cgroup);
	tree__write(tree, name, "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
	snprintf(name, sizeof(name), "v1/memory/%smemory.stat", cgroup);
	tree__write(tree, name,
		    "cache 1\nrss 2\nshmem 3\ntotal_cache 10\ntotal_rss 20\n"
		    "total_shmem 5\n");
}

/* Version 1 beside an empty tree of version 2; the mount's name has a space. */
static void test_hybrid(void **state)
{
	struct tree *tree = *state;
	const struct mt_cgroup *own = &tree->seen[0];
	char link[96], dir[96];

	tree__write(tree, "proc/self/mountinfo",
		    "31 22 0:27 / %s/v1/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
		    "32 22 0:28 / %s/v\\0401/memory rw - cgroup cgroup rw,memory\n"
		    "33 22 0:29 / %s/unified rw - cgroup2 cgroup2 rw\n",
		    tree->dir, tree->dir, tree->dir);
	tree__write(tree, "proc/77/cgroup",
		    "9:name=systemd:/x\n4:cpu,cpuacct:/y\n3:memory:/m/n\n0::/z\n");
	tree__write_v1(tree, "", "9223372036854771712");
	tree__write_v1(tree, "m/", "9223372036854771712");
	tree__write_v1(tree, "m/n/", "4096000");
	snprintf(dir, sizeof(dir), "%s/v1", tree->dir);
	snprintf(link, sizeof(link), "%s/v 1", tree->dir);
	assert_int_equal(symlink(dir, link), 0);
	assert_int_equal(tree__read(tree, 5, 0), 0);
	assert_int_equal(tree->nr_seen, 1);
	assert_true(own->version == 1 && own->max_bytes == 4096000 && own->high_bytes == NONE);
	assert_true(own->usage_bytes == 300 && own->peak_bytes == 900 && own->max_events == 6);
	assert_true(own->oom_kills == 2 && own->held_bytes == 25);
	assert_string_equal(own->path, "/m/n");
}

/* Of a mount that shows a part, paths are below that; of a namespace's outside nothing is known. */
static void test_namespaces(void **state)
{
	struct tree *tree = *state;

	tree__mount_v2(tree, "/box/7");
	tree__limit_v2(tree, "in/", "5000", "max", 100);
	tree__write(tree, "proc/77/cgroup", "0::/box/7/in\n");
	assert_int_equal(tree__read(tree, 5, 0), 0);
	assert_int_equal(tree->nr_seen, 1);
	assert_string_equal(tree->seen[0].path, "/in");
	tree__write(tree, "proc/77/cgroup", "0::/box/77/in\n");
	assert_int_equal(tree__read(tree, 6, 0), 0);
	assert_int_equal(tree->nr_seen, 0);
	tree__write(tree, "proc/77/cgroup", "0::/../in\n");
	assert_int_equal(tree__read(tree, 7, 0), 0);
	assert_int_equal(tree->nr_seen, 0);
}

static void test_nothing_mounted(void **state)
{
	struct tree *tree = *state;

	tree__write(tree, "proc/self/mountinfo", "22 1 0:20 / /proc rw - proc proc rw\nnonsense\n");
	tree__write(tree, "proc/77/cgroup", "0::/a\n");
	assert_int_equal(tree__read(tree, 5, 0), 0);
	assert_int_equal(tree->nr_seen, 0);
}

static void test_gone(void **state)
{
	struct tree *tree = *state;

	tree__mount_v2(tree, "/");
	assert_int_equal(tree__read(tree, 5, 0), -ESRCH);
	/* Its cgroup may be, too. */
	tree__write(tree, "proc/77/cgroup", "0::/a (deleted)\n");
	assert_int_equal(tree__read(tree, 5, 0), 0);
	assert_int_equal(tree->nr_seen, 0);
}

/* What was read lately is not read again; all that have a limit are told of no process. */
static void test_age(void **state)
{
	struct tree *tree = *state;

	tree__mount_v2(tree, "/");
	tree__write(tree, "proc/77/cgroup", "0::/a\n");
	tree__limit_v2(tree, "a/", "5000", "max", 100);
	assert_int_equal(tree__read(tree, 1000, 500), 0);
	tree__limit_v2(tree, "a/", "5000", "max", 200);
	assert_int_equal(tree__read(tree, 1499, 500), 0);
	assert_true(tree->nr_seen == 1 && tree->seen[0].usage_bytes == 100);
	tree->nr_seen = 0;
	assert_int_equal(cgroup_reader__all(&tree->reader, 1499, 500, take, tree), 0);
	assert_int_equal(tree->nr_seen, 0);
	assert_int_equal(cgroup_reader__all(&tree->reader, 1500, 500, take, tree), 0);
	assert_true(tree->nr_seen == 1 && tree->seen[0].usage_bytes == 200);
	assert_int_equal(tree->seen[0].hdr.tgid, 0);
	/* It is gone: what it was last is not told again as if it were now. */
	nftw(tree->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	tree->nr_seen = 0;
	assert_int_equal(cgroup_reader__all(&tree->reader, 2500, 0, take, tree), 0);
	assert_int_equal(tree->nr_seen, 0);
}

#define tree_test(f) cmocka_unit_test_setup_teardown(f, tree__setup, tree__teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		tree_test(test_v2),	    tree_test(test_v2_without_controller),
		tree_test(test_v2_old),	    tree_test(test_hybrid),
		tree_test(test_namespaces), tree_test(test_nothing_mounted),
		tree_test(test_gone),	    tree_test(test_age),
	};

	return cmocka_run_group_tests_name("cgroup", tests, NULL, NULL);
}
