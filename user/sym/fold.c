// SPDX-License-Identifier: GPL-2.0-or-later
#include "sym/fold.h"

#include <string.h>

struct folder {
	const uint32_t *frames;
	const uint32_t *functions;
	size_t nr;
};

static uint32_t function_at(const struct folder *folder, size_t i)
{
	return folder->functions[folder->frames[i]];
}

/* How many frames from this one on are the first cycle of them, again and again. */
static size_t covered_by(const struct folder *folder, size_t from, size_t cycle)
{
	size_t i = from + cycle;

	while (i < folder->nr && function_at(folder, i) == function_at(folder, i - cycle))
		i++;
	return (i - from) / cycle * cycle;
}

static struct fold next_fold(const struct folder *folder, size_t from)
{
	struct fold best = {from, 1, 1};
	size_t most = 1;

	for (size_t cycle = 1; cycle <= FOLD_MAX_CYCLE && from + cycle < folder->nr; cycle++) {
		size_t covered;

		/* Only the same turns again: they explain no more. */
		if (best.repeat > 1 && cycle <= most && cycle % best.cycle == 0)
			continue;
		covered = covered_by(folder, from, cycle);
		if (covered > most && covered > cycle) {
			most = covered;
			best = (struct fold){from, (uint32_t)cycle, (uint32_t)(covered / cycle)};
		}
	}
	return best;
}

static uint64_t fold__frames_of(const struct fold *fold)
{
	return (uint64_t)fold->cycle * fold->repeat;
}

/* The outermost so far: what there is no room for is left out. */
static void push_outer(struct folded *ret, unsigned int nr_inner, const struct fold *fold)
{
	struct fold *outer = &ret->folds[nr_inner];
	unsigned int nr = ret->nr - nr_inner, drop = 0, rows = fold->cycle;

	for (unsigned int i = 0; i < nr; i++)
		rows += outer[i].cycle;
	for (; rows > FOLD_OUTER_ROWS; drop++) {
		rows -= outer[drop].cycle;
		ret->left_out += fold__frames_of(&outer[drop]);
	}
	memmove(outer, outer + drop, (nr - drop) * sizeof(*outer));
	ret->nr -= drop;
	ret->folds[ret->nr++] = *fold;
}

void fold__frames(const uint32_t *frames, size_t nr, const uint32_t *functions, struct folded *ret)
{
	struct folder folder = {frames, functions, nr};
	unsigned int inner_rows = 0, nr_inner = 0;
	bool inner = true;

	*ret = (struct folded){};
	for (size_t i = 0; i < nr;) {
		struct fold fold = next_fold(&folder, i);

		inner = inner && inner_rows + fold.cycle <= FOLD_INNER_ROWS;
		if (inner) {
			inner_rows += fold.cycle;
			ret->folds[nr_inner++] = fold;
			ret->nr = nr_inner;
		} else {
			push_outer(ret, nr_inner, &fold);
		}
		i += fold__frames_of(&fold);
	}
	ret->left_out_after = nr_inner;
}
