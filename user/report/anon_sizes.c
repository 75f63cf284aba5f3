// SPDX-License-Identifier: GPL-2.0-or-later
/* Anonymous memory by the size of its mappings. */
#include "model/places.h"
#include "model/process.h"
#include "report/process.h"
#include "report/report.h"

/* Where classes begin: allocators' small arenas, malloc's thresholds, heaps of runtimes. */
static const uint64_t class_begins[REPORT_ANON_SIZES] = {0, 64ULL << 10, 1ULL << 20, 32ULL << 20,
							 1ULL << 30};

static struct report_anon_size *size__class(struct report_process *row, uint64_t bytes)
{
	int i = REPORT_ANON_SIZES - 1;

	while (i && bytes < class_begins[i])
		i--;
	return &row->faults.anon_sizes[i];
}

void build_anon_sizes(const struct process *proc, struct report_process *row)
{
	const struct place *place, *next;

	for (int i = 0; i < REPORT_ANON_SIZES; i++) {
		row->faults.anon_sizes[i].ge_bytes = class_begins[i];
		if (i + 1 < REPORT_ANON_SIZES)
			row->faults.anon_sizes[i].lt_bytes = class_begins[i + 1];
	}
	HASH_ITER (hh, proc->faults.places, place, next) {
		struct report_anon_size *size = size__class(row, place->mapped_bytes);

		if (place->region != REGION_ANON || place->name || place->folded || !place->faults)
			continue;
		size->nr_mappings++;
		size->mapped_bytes += place->mapped_bytes;
		size->faults += place->faults;
		size->pages_touched += place__touched(place);
	}
}
