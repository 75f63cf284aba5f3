// SPDX-License-Identifier: GPL-2.0-or-later
/* What the live source tells of limits: the kernel programs send what they know at each call. */
#include <errno.h>
#include <string.h>

#include "event/event.h"
#include "source/limits.h"
#include "source/live.h"
#include "source/procfs.h"

/* What judges failed calls is read so often at most. */
#define MEMORY_NS (100 * NSEC_PER_MSEC)

struct counted {
	struct live *live;
	uint32_t nr;
};

static int emit_counted(void *ctx, const void *record, size_t size)
{
	const struct mt_mapping *mapping = record;
	struct counted *counted = ctx;

	counted->nr += mapping__is_held(mapping->name);
	return live__emit(counted->live, record, size);
}

void live__introduce_space(struct live *live, uint32_t tgid, uint64_t time_ns)
{
	struct counted counted = {.live = live};

	procfs__mappings(tgid, time_ns, emit_counted, &counted);
	limits__read(tgid, time_ns, counted.nr, live__emit_proc, live);
	live__tell_cgroups(live, tgid, time_ns, live->config.interval_ns);
}

int live__tell_memory(struct live *live, uint64_t time_ns)
{
	live->memory_ns = time_ns;
	return limits__read_memory(time_ns, live__emit_proc, live);
}

void live__tell_cgroups(struct live *live, uint32_t tgid, uint64_t time_ns, uint64_t max_age_ns)
{
	cgroup_reader__process(&live->cgroups, tgid, time_ns, max_age_ns, live__emit_proc, live);
}

void live__sample_cgroups(struct live *live, uint64_t time_ns, uint64_t max_age_ns)
{
	for (size_t i = 0; i < live->config.nr_pids; i++)
		if (tgids__alive(&live->tgids, live->pids[i]))
			live__tell_cgroups(live, live->pids[i], time_ns, max_age_ns);
	cgroup_reader__all(&live->cgroups, time_ns, max_age_ns, live__emit_proc, live);
}

void live__finish_limits(struct live *live, uint64_t time_ns)
{
	for (size_t i = 0; i < live->config.nr_pids; i++)
		if (tgids__alive(&live->tgids, live->pids[i]))
			limits__read(live->pids[i], time_ns, limits__map_count(live->pids[i]),
				     live__emit_proc, live);
	live__sample_cgroups(live, time_ns, 0);
	live__tell_memory(live, time_ns);
}

static bool is_out_of_memory(const struct mt_record *record)
{
	return record->kind >= MT_KIND_MMAP && record->kind <= MT_KIND_MLOCKALL &&
	       call__errno((const struct mt_call *)record) == ENOMEM;
}

void live__note_limits(struct live *live, const struct mt_record *record)
{
	if (is_out_of_memory(record) && record->time_ns >= live->memory_ns + MEMORY_NS)
		live__tell_memory(live, record->time_ns);
	/* Who starts programs elsewhere moves before it does. */
	if (record->kind == MT_KIND_EXEC)
		live__tell_cgroups(live, record->tgid, record->time_ns, live->config.interval_ns);
}
