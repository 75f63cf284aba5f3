// SPDX-License-Identifier: GPL-2.0-or-later
#include "sym/demangle.h"

#include <setjmp.h>
#include <string.h>

#if __has_include(<libiberty/demangle.h>)
#include <libiberty/demangle.h>
#else
#include <demangle.h>
#endif

struct output {
	char *at;
	size_t left; /* less the 0 byte */
	jmp_buf full;
};

/*
 * A short symbol may stand for a name of terabytes, each part of which is made of two of another:
 * with what fits it has to end, and no other way leads out of the library.
 */
static void output__add(const char *text, size_t len, void *opaque)
{
	struct output *output = opaque;
	size_t nr = len < output->left ? len : output->left;

	memcpy(output->at, text, nr);
	output->at += nr;
	output->left -= nr;
	if (nr < len)
		longjmp(output->full, 1);
}

static bool output__demangle(struct output *output, const char *symbol)
{
	/* Rust's older names look like those of C++, with a hash at their end. */
	return setjmp(output->full) ||
	       rust_demangle_callback(symbol, DMGL_NO_OPTS, output__add, output) ||
	       cplus_demangle_v3_callback(symbol, DMGL_NO_OPTS, output__add, output);
}

bool demangle(const char *symbol, char *name, size_t size)
{
	struct output output = {.at = name, .left = size - 1};

	if (symbol[0] != '_' || (symbol[1] != 'Z' && symbol[1] != 'R') ||
	    !output__demangle(&output, symbol))
		return false;
	*output.at = '\0';
	return output.at > name;
}
