// SPDX-License-Identifier: GPL-2.0-or-later
#include "sym/demangle.h"

#include <setjmp.h>
#include <string.h>

#if __has_include(<libiberty/demangle.h>)
#include <libiberty/demangle.h>
#else
#include <demangle.h>
#endif

#include "base/fit.h"

/* Of what is longer, the rest is only arguments of arguments. */
#define MAX_NAME_BYTES 4096

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

/* "operator<<" is no template. How much of the text at an "operator" is that. */
static size_t operator__len(const char *text)
{
	size_t len = strlen("operator");

	return strncmp(text, "operator", len) ? 0 : len + strspn(text + len, "<>-=");
}

/* The arguments of its templates left out: "std::vector<...>::push_back". */
static void drop_arguments(const char *name, char ret[static 2 * MAX_NAME_BYTES])
{
	size_t depth = 0, len;

	for (; *name; name += len) {
		len = operator__len(name) ?: 1;
		if (depth && *name == '>' && name[-1] != '-')
			depth--;
		if (!depth)
			ret = mempcpy(ret, name, len);
		if (len == 1 && *name == '<' && !depth++)
			ret = stpcpy(ret, "...");
	}
	/* All of this was not enough. */
	strcpy(ret, depth ? ">..." : "");
}

bool demangle(const char *symbol, char *name, size_t size)
{
	char whole[MAX_NAME_BYTES] = "", shorter[2 * MAX_NAME_BYTES];
	struct output output = {.at = whole, .left = sizeof(whole) - 1};

	if (symbol[0] != '_' || (symbol[1] != 'Z' && symbol[1] != 'R') ||
	    !output__demangle(&output, symbol) || output.at == whole)
		return false;
	*output.at = '\0';
	if (output.at >= whole + size)
		drop_arguments(whole, shorter);
	fit__copy(name, size, output.at >= whole + size ? shorter : whole);
	return true;
}
