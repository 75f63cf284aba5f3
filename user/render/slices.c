// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>

#include "render/sections.h"

/* Most faults first; of equals the lower address. */
static int compare(const void *a, const void *b)
{
	const struct report_slice *left = *(const struct report_slice *const *)a;
	const struct report_slice *right = *(const struct report_slice *const *)b;

	if (left->faults != right->faults)
		return left->faults < right->faults ? 1 : -1;
	return (left > right) - (left < right);
}

int slices__choose(const struct report_process *process, size_t top, bool **keep)
{
	size_t nr = process->faults.nr_slices;
	const struct report_slice **order = calloc(nr + 1, sizeof(*order));
	bool *ret = calloc(nr + 1, sizeof(*ret));

	if (!order || !ret) {
		free(order);
		free(ret);
		return -ENOMEM;
	}
	for (size_t i = 0; i < nr; i++)
		order[i] = &process->faults.slices[i];
	qsort(order, nr, sizeof(*order), compare);
	for (size_t i = 0; i < nr && (!top || i < top); i++)
		ret[order[i] - process->faults.slices] = true;
	free(order);
	*keep = ret;
	return 0;
}
