// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/errno_name.h"

#include <stdio.h>
#include <string.h>

struct errno_text errno__name(int err)
{
	const char *name = strerrorname_np(err);
	struct errno_text text;

	if (name)
		snprintf(text.s, sizeof(text.s), "%s", name);
	else
		snprintf(text.s, sizeof(text.s), "errno %d", err);
	return text;
}
