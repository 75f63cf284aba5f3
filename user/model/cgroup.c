// SPDX-License-Identifier: GPL-2.0-or-later
#include "model/cgroup.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "model/model.h"

/* Version and path, without a gap between them. */
#define KEY_BYTES (sizeof(uint32_t) + MT_PATH_BYTES)
_Static_assert(offsetof(struct cgroup, path) == offsetof(struct cgroup, version) + sizeof(uint32_t),
	       "one key");

static struct cgroup *cgroups__get(struct cgroups *cgroups, const struct mt_cgroup *rec)
{
	struct cgroup key = {.version = rec->version}, *cgroup;

	memcpy(key.path, rec->path, strlen(rec->path));
	HASH_FIND(hh, cgroups->by_key, &key.version, KEY_BYTES, cgroup);
	if (cgroup || HASH_COUNT(cgroups->by_key) >= MAX_CGROUPS)
		return cgroup;
	cgroup = usage__alloc(cgroups->usage, sizeof(*cgroup));
	if (!cgroup)
		return NULL;
	memcpy(&cgroup->version, &key.version, KEY_BYTES);
	cgroup->before.max_events = rec->max_events;
	cgroup->before.high_events = rec->high_events;
	cgroup->before.oom_kills = rec->oom_kills;
	HASH_ADD(hh, cgroups->by_key, version, KEY_BYTES, cgroup);
	if (hash__added(cgroup))
		return cgroup;
	usage__free(cgroups->usage, cgroup, sizeof(*cgroup));
	return NULL;
}

static uint64_t since(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

static void cgroup__note(struct cgroup *cgroup, const struct mt_cgroup *rec)
{
	/* The peak may be older than the limit: what is against that one is noted after it. */
	if (rec->peak_bytes > rec->usage_bytes) {
		limit_level__note(&cgroup->max, rec->peak_bytes, rec->max_bytes);
		limit_level__note(&cgroup->high, rec->peak_bytes, rec->high_bytes);
	}
	limit_level__note(&cgroup->max, rec->usage_bytes, rec->max_bytes);
	limit_level__note(&cgroup->high, rec->usage_bytes, rec->high_bytes);
	cgroup->held_bytes = rec->held_bytes;
	if (rec->held_bytes != BYTES_UNKNOWN && rec->held_bytes > cgroup->held_most_bytes)
		cgroup->held_most_bytes = rec->held_bytes;
	cgroup->max_events = since(rec->max_events, cgroup->before.max_events);
	cgroup->high_events = since(rec->high_events, cgroup->before.high_events);
	cgroup->oom_kills = since(rec->oom_kills, cgroup->before.oom_kills);
}

static void process__join(struct process *proc, struct cgroup *cgroup, unsigned int level)
{
	struct limits *limits = &proc->limits;

	if (!level && limits->nr_cgroups && limits->cgroups[0] != cgroup)
		limits->nr_cgroups = 0; /* it has moved */
	for (unsigned int i = 0; i < limits->nr_cgroups; i++)
		if (limits->cgroups[i] == cgroup)
			return;
	if (limits->nr_cgroups < MAX_CGROUP_LEVELS)
		limits->cgroups[limits->nr_cgroups++] = cgroup;
}

int cgroups__take(struct model *model, const struct event *ev)
{
	struct process *proc = model__find_process(model, ev->tgid);
	struct cgroup *cgroup;

	/* It is for a report alone. */
	if (model->forgets_ended)
		return 0;
	cgroup = cgroups__get(&model->cgroups, ev->cgroup);
	if (!cgroup)
		return HASH_COUNT(model->cgroups.by_key) >= MAX_CGROUPS ? 0 : -ENOMEM;
	cgroup__note(cgroup, ev->cgroup);
	if (proc)
		process__join(proc, cgroup, ev->cgroup->level);
	return 0;
}

void cgroups__release(struct cgroups *cgroups)
{
	struct cgroup *cgroup, *next;

	HASH_ITER (hh, cgroups->by_key, cgroup, next) {
		HASH_DELETE(hh, cgroups->by_key, cgroup);
		usage__free(cgroups->usage, cgroup, sizeof(*cgroup));
	}
}
