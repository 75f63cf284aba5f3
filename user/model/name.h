/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of mapped files, interned: thousands of mappings in hundreds of processes share them. */
#ifndef MEMTRACE_NAME_H
#define MEMTRACE_NAME_H

#include <stdint.h>

struct name;
struct names; /* the table */
struct usage;

struct names *names__new(struct usage *usage); /* usage: may be NULL. NULL without memory */
void names__free(struct names *names);

/*
 * The one name for this file, with a reference for the caller (name__put()); NULL without memory.
 * A path ("/usr/lib/libc.so.6") and its last component alone, as the kernel programs know it, are
 * one name if device and inode agree: the longer text is kept.
 */
struct name *names__get(struct names *names, uint32_t dev_major, uint32_t dev_minor, uint64_t ino,
			const char *text);
struct name *name__hold(struct name *name); /* NULL stays NULL */
void name__put(struct name *name);
const char *name__text(const struct name *name); /* "" for NULL */

/* The device and inode that it was got with. */
struct name_file {
	uint32_t dev_major;
	uint32_t dev_minor;
	uint64_t ino;
};
struct name_file name__file(const struct name *name);

#endif
