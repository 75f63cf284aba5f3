/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Enables the BPF programs to read page tables. */
#ifndef MEMTRACE_PAGETABLE_H
#define MEMTRACE_PAGETABLE_H

#include <stdbool.h>

#include "base/error.h"

struct memtrace_bpf;

/*
 * Find out how this kernel's page tables are read, try it on a page of our own, and tell the loaded
 * programs. False: it cannot be done here, and they do without.
 */
bool pagetable__enable(struct memtrace_bpf *skel);

/* Could it be done? Loads what it takes, and takes it back. 0, or -errno with its text. */
int pagetable__try(struct error *error);

#endif
