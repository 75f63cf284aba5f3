/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recursion folded: a stack of a thousand times the same functions as a few rows. */
#ifndef MEMTRACE_FOLD_H
#define MEMTRACE_FOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FOLD_INNER_ROWS 24
#define FOLD_OUTER_ROWS 16
#define FOLD_MAX_ROWS (FOLD_INNER_ROWS + FOLD_OUTER_ROWS)
/* Functions that call each other in turn; of more each is a row. */
#define FOLD_MAX_CYCLE FOLD_OUTER_ROWS

/* cycle frames from this one on, which repeat so often. */
struct fold {
	size_t frame;
	uint32_t cycle;
	uint32_t repeat;
};

struct folded {
	struct fold
		folds[FOLD_MAX_ROWS]; /* innermost first; their cycles are FOLD_MAX_ROWS at most */
	unsigned int nr;
	uint64_t left_out;	     /* frames */
	unsigned int left_out_after; /* folds */
};

/*
 * functions[i]: a number for the function of the frame that frames[i] stands for. Where functions
 * repeat in turn, the turn that explains most is taken, and of those the shortest.
 */
void fold__frames(const uint32_t *frames, size_t nr, const uint32_t *functions, struct folded *ret);

#endif
