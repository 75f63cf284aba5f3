/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of C++ and Rust as their programmers wrote them. */
#ifndef MEMTRACE_DEMANGLE_H
#define MEMTRACE_DEMANGLE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * "_ZN5cache4loadEi" is "cache::load": without parameters, as perf(1) has it. One that does not
 * fit loses the arguments of its templates, and then its end ("..."). False: the symbol is no
 * mangled one; name is not to be used then.
 */
bool demangle(const char *symbol, char *name, size_t size);

#endif
