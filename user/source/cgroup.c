// SPDX-License-Identifier: GPL-2.0-or-later
#include "source/cgroup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "source/procfs.h"

/* How deep a cgroup may lie below the first that has a limit. */
#define MAX_LEVELS 32
/* Of a machine with very many cgroups not all are kept. */
#define MAX_ENTRIES 4096
/* PAGE_COUNTER_MAX: what version 1 tells where there is no limit, in pages or in bytes. */
#define V1_UNLIMITED (1ULL << 62)

void cgroup_reader__init(struct cgroup_reader *reader, const char *proc)
{
	*reader = (struct cgroup_reader){.proc = proc};
}

static void entry__fini(struct cgroup_entry *entry)
{
	free(entry->path);
	free(entry->levels);
}

void cgroup_reader__release(struct cgroup_reader *reader)
{
	for (size_t i = 0; i < reader->entries.nr; i++)
		entry__fini(&reader->entries.items[i]);
	array__free(&reader->entries);
}

/* Is it one of the words that commas separate? */
static bool words__have(const char *words, const char *word)
{
	size_t len = strlen(word);

	while (words) {
		if (!strncmp(words, word, len) && (words[len] == ',' || !words[len]))
			return true;
		words = strchr(words, ',');
		words += words != NULL;
	}
	return false;
}

/* Spaces and the like are "\040" in mountinfo. */
static void unescape(char *text)
{
	char *to = text;

	for (; *text; text++) {
		if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] >= '0' &&
		    text[2] <= '7' && text[3] >= '0' && text[3] <= '7') {
			*to++ = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 |
				       (text[3] - '0'));
			text += 3;
		} else {
			*to++ = *text;
		}
	}
	*to = '\0';
}

/* "ID PARENT MAJOR:MINOR ROOT DIR OPTIONS… - TYPE SOURCE SUPER_OPTIONS" */
static void mountinfo__parse(char *line, struct cgroup_mount mounts[2])
{
	char *dash = strstr(line, " - "), *words[5], *root, *dir, *at = line;
	struct cgroup_mount *mount;
	char type[32], options[256];

	if (!dash || sscanf(dash, " - %31s %*s %255s", type, options) != 2)
		return;
	for (int i = 0; i < 5; i++)
		words[i] = strsep(&at, " ");
	root = words[3];
	dir = words[4];
	if (!root || !dir)
		return;
	if (!strcmp(type, "cgroup2"))
		mount = &mounts[1];
	else if (!strcmp(type, "cgroup") && words__have(options, "memory"))
		mount = &mounts[0];
	else
		return;
	if (mount->known || strlen(root) >= sizeof(mount->root) ||
	    strlen(dir) >= sizeof(mount->dir))
		return;
	unescape(root);
	unescape(dir);
	strcpy(mount->root, root);
	strcpy(mount->dir, dir);
	mount->known = true;
}

static FILE *reader__fopen(const struct cgroup_reader *reader, const char *who, const char *file)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s/%s", reader->proc, who, file);
	return fopen(path, "re");
}

static void reader__find_mounts(struct cgroup_reader *reader)
{
	FILE *mountinfo __fclose = reader__fopen(reader, "self", "mountinfo");
	char *line __free = NULL;
	size_t cap = 0;

	while (mountinfo && getline(&line, &cap, mountinfo) > 0)
		mountinfo__parse(line, reader->mounts);
	reader->opened = true;
}

/*
 * "ID:CONTROLLERS:PATH" each, without controllers the one of version 2. The version that has the
 * memory controller, and the process's path in it, to be freed.
 */
static int reader__find_path(const struct cgroup_reader *reader, uint32_t tgid,
			     unsigned int *version, char **ret)
{
	FILE *cgroup __fclose = NULL;
	char *line __free = NULL, *path = NULL;
	size_t cap = 0;
	char who[16];

	snprintf(who, sizeof(who), "%u", tgid);
	cgroup = reader__fopen(reader, who, "cgroup");
	if (!cgroup)
		return errno == ENOENT ? -ESRCH : -errno;
	*version = 2;
	while (*version == 2 && getline(&line, &cap, cgroup) > 0) {
		char *at = line, *controllers;

		line[strcspn(line, "\n")] = '\0';
		strsep(&at, ":");
		controllers = strsep(&at, ":");
		if (!at || !(!*controllers || words__have(controllers, "memory")))
			continue;
		*version = *controllers ? 1 : 2;
		free(path);
		path = strdup(at);
		if (!path)
			return -ENOMEM;
	}
	*ret = path;
	return path ? 0 : -ENOENT;
}

/*
 * Where the path is below the mount, or NULL: it may be outside of what is mounted, as from within
 * a namespace, where it begins with "/..".
 */
static const char *mount__below(const struct cgroup_mount *mount, const char *path)
{
	size_t len = strlen(mount->root);

	if (!mount->known)
		return NULL;
	if (len > 1) {
		if (strncmp(path, mount->root, len) || (path[len] && path[len] != '/'))
			return NULL;
		path += len;
	}
	return !strncmp(path, "/..", 3) ? NULL : path;
}

struct cgroup_dir {
	char path[PATH_MAX];
	size_t mount_len;
};

static ssize_t dir__read(const struct cgroup_dir *dir, const char *file, char *text, size_t size)
{
	char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", dir->path, file);
	return procfs__read(path, text, size);
}

/* "max" is ~0; otherwise where there is no such file. */
static uint64_t dir__number(const struct cgroup_dir *dir, const char *file, uint64_t otherwise)
{
	char text[32];

	if (dir__read(dir, file, text, sizeof(text)) <= 0)
		return otherwise;
	return !strncmp(text, "max", 3) ? UINT64_MAX : strtoull(text, NULL, 10);
}

/* Of lines of "KEY VALUE". */
static uint64_t text__value(const char *text, const char *key, uint64_t otherwise)
{
	size_t len = strlen(key);

	for (; text; text = strchr(text, '\n')) {
		text += *text == '\n';
		if (!strncmp(text, key, len) && text[len] == ' ')
			return strtoull(text + len, NULL, 10);
	}
	return otherwise;
}

static uint64_t dir__held(const struct cgroup_dir *dir, const char *anon, const char *shmem)
{
	char text[8192];
	uint64_t anon_bytes;

	if (dir__read(dir, "memory.stat", text, sizeof(text)) <= 0)
		return UINT64_MAX;
	anon_bytes = text__value(text, anon, UINT64_MAX);
	return anon_bytes == UINT64_MAX ? UINT64_MAX : anon_bytes + text__value(text, shmem, 0);
}

/* The controller is there for a cgroup if its limit is. */
static bool dir__read_v2(const struct cgroup_dir *dir, struct mt_cgroup *rec)
{
	char text[512];

	rec->max_bytes = dir__number(dir, "memory.max", UINT64_MAX);
	rec->usage_bytes = dir__number(dir, "memory.current", UINT64_MAX);
	if (rec->usage_bytes == UINT64_MAX)
		return false;
	rec->high_bytes = dir__number(dir, "memory.high", UINT64_MAX);
	rec->peak_bytes = dir__number(dir, "memory.peak", 0);
	if (dir__read(dir, "memory.events", text, sizeof(text)) <= 0)
		text[0] = '\0';
	rec->max_events = text__value(text, "max", 0);
	rec->high_events = text__value(text, "high", 0);
	rec->oom_kills = text__value(text, "oom_kill", 0);
	rec->held_bytes = dir__held(dir, "anon", "shmem");
	return true;
}

static bool dir__read_v1(const struct cgroup_dir *dir, struct mt_cgroup *rec)
{
	char text[512];

	rec->usage_bytes = dir__number(dir, "memory.usage_in_bytes", UINT64_MAX);
	if (rec->usage_bytes == UINT64_MAX)
		return false;
	rec->max_bytes = dir__number(dir, "memory.limit_in_bytes", UINT64_MAX);
	if (rec->max_bytes >= V1_UNLIMITED)
		rec->max_bytes = UINT64_MAX;
	rec->high_bytes = UINT64_MAX;
	rec->peak_bytes = dir__number(dir, "memory.max_usage_in_bytes", 0);
	rec->max_events = dir__number(dir, "memory.failcnt", 0);
	if (dir__read(dir, "memory.oom_control", text, sizeof(text)) <= 0)
		text[0] = '\0';
	rec->oom_kills = text__value(text, "oom_kill", 0);
	/* Of version 1, what is of this cgroup alone comes first. */
	rec->held_bytes = dir__held(dir, "total_rss", "total_shmem");
	return true;
}

static bool dir__read_level(const struct cgroup_dir *dir, unsigned int version, uint32_t level,
			    struct mt_cgroup *rec)
{
	size_t len = strlen(dir->path) - dir->mount_len;
	const char *path = dir->path + dir->mount_len;

	*rec = (struct mt_cgroup){
		.hdr = {.size_bytes = sizeof(*rec), .kind = MT_KIND_CGROUP},
		.version = version,
		.level = level,
	};
	/* Of a path that is too long the end says more. */
	if (len >= sizeof(rec->path))
		path += len - (sizeof(rec->path) - 1);
	snprintf(rec->path, sizeof(rec->path), "%s", *path ? path : "/");
	return version == 1 ? dir__read_v1(dir, rec) : dir__read_v2(dir, rec);
}

/* From the process's own up to where it is mounted. */
static int entry__read(struct cgroup_entry *entry, const struct cgroup_mount *mount)
{
	const char *below = mount__below(mount, entry->path);
	struct mt_cgroup levels[MAX_LEVELS];
	struct cgroup_dir dir = {.mount_len = strlen(mount->dir)};
	size_t nr = 0;
	char *slash;

	entry->nr_levels = 0;
	if (!below || strlen(below) + dir.mount_len >= sizeof(dir.path))
		return 0;
	snprintf(dir.path, sizeof(dir.path), "%s%s", mount->dir, strcmp(below, "/") ? below : "");
	for (uint32_t level = 0; nr < MAX_LEVELS; level++) {
		bool read = dir__read_level(&dir, entry->version, level, &levels[nr]);

		if (read && (!nr || levels[nr].max_bytes != UINT64_MAX ||
			     levels[nr].high_bytes != UINT64_MAX))
			nr++;
		slash = strrchr(dir.path + dir.mount_len, '/');
		if (!slash)
			break;
		*slash = '\0';
	}
	free(entry->levels);
	entry->levels = malloc((nr + 1) * sizeof(*levels));
	if (!entry->levels)
		return -ENOMEM;
	memcpy(entry->levels, levels, nr * sizeof(*levels));
	entry->nr_levels = nr;
	return 0;
}

static int entry__emit(struct cgroup_entry *entry, uint32_t tgid, uint64_t time_ns, source_fn fn,
		       void *ctx)
{
	for (size_t i = 0; i < entry->nr_levels; i++) {
		struct mt_cgroup *rec = &entry->levels[i];
		int err;

		rec->hdr.time_ns = time_ns;
		rec->hdr.tgid = rec->hdr.tid = tgid;
		err = fn(ctx, rec, sizeof(*rec));
		if (err)
			return err;
	}
	return 0;
}

/* Takes over path. NULL: there is no room. */
static struct cgroup_entry *reader__entry(struct cgroup_reader *reader, unsigned int version,
					  char *path)
{
	struct cgroup_entry *entry;

	for (size_t i = 0; i < reader->entries.nr; i++) {
		entry = &reader->entries.items[i];
		if (entry->version == version && !strcmp(entry->path, path)) {
			free(path);
			return entry;
		}
	}
	entry = reader->entries.nr < MAX_ENTRIES ? array__push(&reader->entries) : NULL;
	if (!entry) {
		free(path);
		return NULL;
	}
	*entry = (struct cgroup_entry){.version = version, .path = path};
	return entry;
}

static int reader__refresh(struct cgroup_reader *reader, struct cgroup_entry *entry,
			   uint64_t time_ns, uint64_t max_age_ns)
{
	if (entry->read_ns && time_ns < entry->read_ns + max_age_ns)
		return 0;
	entry->read_ns = time_ns;
	return entry__read(entry, &reader->mounts[entry->version - 1]);
}

int cgroup_reader__process(struct cgroup_reader *reader, uint32_t tgid, uint64_t time_ns,
			   uint64_t max_age_ns, source_fn fn, void *ctx)
{
	struct cgroup_entry *entry;
	unsigned int version = 0;
	char *path = NULL;
	int err;

	if (!reader->opened)
		reader__find_mounts(reader);
	if (!reader->mounts[0].known && !reader->mounts[1].known)
		return 0;
	err = reader__find_path(reader, tgid, &version, &path);
	if (err)
		return err == -ENOENT ? 0 : err;
	entry = reader__entry(reader, version, path);
	if (!entry)
		return 0;
	return reader__refresh(reader, entry, time_ns, max_age_ns)
		       ?: entry__emit(entry, tgid, time_ns, fn, ctx);
}

static bool entry__is_limited(const struct cgroup_entry *entry)
{
	for (size_t i = 0; i < entry->nr_levels; i++)
		if (entry->levels[i].max_bytes != UINT64_MAX ||
		    entry->levels[i].high_bytes != UINT64_MAX)
			return true;
	return false;
}

int cgroup_reader__all(struct cgroup_reader *reader, uint64_t time_ns, uint64_t max_age_ns,
		       source_fn fn, void *ctx)
{
	for (size_t i = 0; i < reader->entries.nr; i++) {
		struct cgroup_entry *entry = &reader->entries.items[i];
		int err;

		if (!entry__is_limited(entry) || time_ns < entry->read_ns + max_age_ns)
			continue;
		err = reader__refresh(reader, entry, time_ns, max_age_ns)
			      ?: entry__emit(entry, 0, time_ns, fn, ctx);
		if (err)
			return err;
	}
	return 0;
}
