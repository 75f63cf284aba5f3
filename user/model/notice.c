// SPDX-License-Identifier: GPL-2.0-or-later
#include "model/notice.h"

#include "base/array.h"

void notices__add(struct notices *notices, const struct notice *notice)
{
	struct notice *slot;

	if (!notices->wanted)
		return;
	slot = notices->nr < MAX_NOTICES ? array__push(notices) : NULL;
	if (slot)
		*slot = *notice;
	else
		notices->left_out++;
}

void notices__release(struct notices *notices)
{
	array__free(notices);
}
