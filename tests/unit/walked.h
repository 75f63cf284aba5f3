/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What tests of the unwinder ask of a walk whose frames do not matter. */
#ifndef WALKED_H
#define WALKED_H

#include <stdbool.h>
#include <stddef.h>

#include "sym/unwind.h"

/* Registers, by DWARF number. */
#if defined(__aarch64__)
#define FP 29
#define SP 31
#define IP 32
#else
#define FP 6
#define SP 7
#define IP 16
#endif

struct walked {
	size_t nr_frames;
	bool whole, by_pointers, no_file;
};

static inline struct walked walked__walk(const struct unwind *unwind)
{
	struct unwound unwound;
	struct walked walked;

	assert_int_equal(unwind__walk(unwind, &unwound), 0);
	assert_true(unwound.nr_frames >= 1);
	walked = (struct walked){unwound.nr_frames, unwound.whole, unwound.by_pointers,
				 unwound.no_file};
	unwound__release(&unwound);
	return walked;
}

#endif
