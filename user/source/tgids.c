// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>

#include "base/array.h"
#include "source/tgids.h"

/* NULL: ids beyond the limit are nobody's. */
static struct tgid_group *tgids__group(const struct tgids *tgids, uint32_t tgid)
{
	return tgid < tgids->limit ? &tgids->groups[tgid / 64] : NULL;
}

static uint64_t tgid__bit(uint32_t tgid)
{
	return 1ULL << tgid % 64;
}

int tgids__init(struct tgids *tgids, uint32_t limit)
{
	*tgids = (struct tgids){.limit = limit};
	tgids->groups = calloc(limit / 64 + 1, sizeof(*tgids->groups));
	return tgids->groups ? 0 : -ENOMEM;
}

void tgids__release(struct tgids *tgids)
{
	free(tgids->groups);
	array__free(&tgids->active);
}

bool tgids__unknown(const struct tgids *tgids, uint32_t tgid)
{
	const struct tgid_group *group = tgids__group(tgids, tgid);

	return group && !((group->alive | group->gone) & tgid__bit(tgid));
}

bool tgids__alive(const struct tgids *tgids, uint32_t tgid)
{
	const struct tgid_group *group = tgids__group(tgids, tgid);

	return group && group->alive & tgid__bit(tgid);
}

void tgids__add(struct tgids *tgids, uint32_t tgid)
{
	struct tgid_group *group = tgids__group(tgids, tgid);

	if (!group || group->alive & tgid__bit(tgid))
		return;
	group->alive |= tgid__bit(tgid);
	group->gone &= ~tgid__bit(tgid);
	tgids->nr_alive++;
}

void tgids__exit(struct tgids *tgids, uint32_t tgid)
{
	struct tgid_group *group = tgids__group(tgids, tgid);

	if (!group || !(group->alive & tgid__bit(tgid)))
		return;
	group->alive &= ~tgid__bit(tgid);
	group->gone |= tgid__bit(tgid);
	tgids->nr_alive--;
}

void tgids__forget_gone(struct tgids *tgids)
{
	for (uint32_t tgid = 0; tgid < tgids->limit; tgid += 64)
		tgids__group(tgids, tgid)->gone = 0;
}

void tgids__note_active(struct tgids *tgids, uint32_t tgid)
{
	struct tgid_group *group = tgids__group(tgids, tgid);
	uint32_t *slot;

	if (!group || group->active & tgid__bit(tgid))
		return;
	slot = array__push(&tgids->active);
	if (!slot)
		return; /* one sample less */
	*slot = tgid;
	group->active |= tgid__bit(tgid);
}

void tgids__reset_active(struct tgids *tgids)
{
	for (size_t i = 0; i < tgids->active.nr; i++) {
		uint32_t tgid = tgids->active.items[i];

		tgids__group(tgids, tgid)->active &= ~tgid__bit(tgid);
	}
	tgids->active.nr = 0;
}
