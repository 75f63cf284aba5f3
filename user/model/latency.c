// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>

#include "model/latency.h"
#include "model/name.h"
#include "model/usage.h"

static int histogram__note(struct histogram **histogram, struct usage *usage, uint64_t value,
			   uint32_t weight)
{
	unsigned int nr_octaves;
	int err;

	if (!*histogram)
		*histogram = usage__alloc(usage, sizeof(**histogram));
	if (!*histogram)
		return -ENOMEM;
	nr_octaves = (*histogram)->nr_octaves;
	err = histogram__add(*histogram, value, weight);
	if ((*histogram)->nr_octaves > nr_octaves)
		usage__add(usage, HISTOGRAM_OCTAVE_BYTES);
	return err;
}

static void each__note(struct latency_each *each, uint64_t latency_ns)
{
	each->nr++;
	each->sum_ns += latency_ns;
}

int latency__note(struct latency *latency, struct usage *usage, const struct slow_fault *fault,
		  uint32_t weight)
{
	uint64_t ns = fault->latency_ns;
	int err;

	if (fault->major || (latency->each_ns && ns >= latency->each_ns)) {
		weight = 1;
		each__note(&latency->each_by_cause[fault->cause], ns);
		each__note(&latency->each_by_region[fault->region], ns);
	}
	err = histogram__note(&latency->all, usage, ns, weight);
	err = err ?: histogram__note(&latency->by_cause[fault->cause], usage, ns, weight);
	return err ?: histogram__note(&latency->by_region[fault->region], usage, ns, weight);
}

static struct slow_fault *latency__least_slow(struct latency *latency)
{
	struct slow_fault *least = latency->slow.items;

	for (size_t i = 1; i < latency->slow.nr; i++)
		if (latency->slow.items[i].latency_ns < least->latency_ns)
			least = &latency->slow.items[i];
	return least;
}

static void slow_fault__release(struct slow_fault *fault)
{
	name__put(fault->name);
	name__put(fault->ip_name);
}

int latency__note_slow(struct latency *latency, struct usage *usage, const struct slow_fault *fault)
{
	struct slow_fault *slot;

	if (!latency->slow_ns || fault->latency_ns < latency->slow_ns)
		return 0;
	latency->slow_total++;
	if (latency->slow.nr < MAX_SLOW_FAULTS) {
		slot = usage__push(usage, &latency->slow);
		if (!slot)
			return -ENOMEM;
	} else {
		usage__step(usage, MAX_SLOW_FAULTS);
		slot = latency__least_slow(latency);
		if (slot->latency_ns >= fault->latency_ns)
			return 0;
		slow_fault__release(slot);
	}
	*slot = *fault;
	name__hold(slot->name);
	name__hold(slot->ip_name);
	return 0;
}

static void histogram__drop(struct histogram **histogram, struct usage *usage)
{
	if (!*histogram)
		return;
	for (unsigned int i = 0; i < (*histogram)->nr_octaves; i++)
		usage__sub(usage, HISTOGRAM_OCTAVE_BYTES);
	histogram__release(*histogram);
	usage__free(usage, *histogram, sizeof(**histogram));
	*histogram = NULL;
}

void latency__release(struct latency *latency, struct usage *usage)
{
	histogram__drop(&latency->all, usage);
	for (int i = 0; i < NR_CAUSES; i++)
		histogram__drop(&latency->by_cause[i], usage);
	for (int i = 0; i < NR_REGIONS; i++)
		histogram__drop(&latency->by_region[i], usage);
	for (size_t i = 0; i < latency->slow.nr; i++)
		slow_fault__release(&latency->slow.items[i]);
	usage__free_array(usage, &latency->slow);
}
