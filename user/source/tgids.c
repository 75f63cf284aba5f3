// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>

#include "base/array.h"
#include "source/tgids.h"

#define TGID_ALIVE 0x1
#define TGID_GONE 0x2
#define TGID_ACTIVE 0x4

int tgids__init(struct tgids *tgids, uint32_t limit)
{
	*tgids = (struct tgids){.limit = limit};
	tgids->state = calloc(limit, 1);
	return tgids->state ? 0 : -ENOMEM;
}

void tgids__release(struct tgids *tgids)
{
	free(tgids->state);
	array__free(&tgids->active);
}

bool tgids__unknown(const struct tgids *tgids, uint32_t tgid)
{
	return tgid < tgids->limit && !(tgids->state[tgid] & (TGID_ALIVE | TGID_GONE));
}

bool tgids__alive(const struct tgids *tgids, uint32_t tgid)
{
	return tgid < tgids->limit && tgids->state[tgid] & TGID_ALIVE;
}

void tgids__add(struct tgids *tgids, uint32_t tgid)
{
	if (tgid >= tgids->limit || tgids->state[tgid] & TGID_ALIVE)
		return;
	tgids->state[tgid] |= TGID_ALIVE;
	tgids->state[tgid] &= ~TGID_GONE;
	tgids->nr_alive++;
}

void tgids__exit(struct tgids *tgids, uint32_t tgid)
{
	if (!tgids__alive(tgids, tgid))
		return;
	tgids->state[tgid] &= ~TGID_ALIVE;
	tgids->state[tgid] |= TGID_GONE;
	tgids->nr_alive--;
}

void tgids__note_active(struct tgids *tgids, uint32_t tgid)
{
	uint32_t *slot;

	if (tgid >= tgids->limit || tgids->state[tgid] & TGID_ACTIVE)
		return;
	slot = array__push(&tgids->active);
	if (!slot)
		return; /* one sample less */
	*slot = tgid;
	tgids->state[tgid] |= TGID_ACTIVE;
}

void tgids__reset_active(struct tgids *tgids)
{
	for (size_t i = 0; i < tgids->active.nr; i++)
		tgids->state[tgids->active.items[i]] &= ~TGID_ACTIVE;
	tgids->active.nr = 0;
}
