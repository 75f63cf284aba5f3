/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The build-ids of the files that the traced processes have mapped executable: whoever reads a
 * recording on another machine finds the symbols by them. A file is looked at once, or again after
 * thousands of others.
 */
#ifndef MEMTRACE_BUILDIDS_H
#define MEMTRACE_BUILDIDS_H

#include <stddef.h>
#include <stdint.h>

#include "memtrace/record.h"
#include "source/source.h"

struct buildid_file;
struct known_file;

struct buildids {
	struct known_file *known; /* by device and inode */
	struct {
		struct buildid_file *items; /* of them: not looked at yet */
		size_t nr, cap;
	} waiting;
};

/* Note the file of a mapping, if the record is of one that is executable. Without memory: not. */
void buildids__note(struct buildids *ids, const struct mt_record *record);

/*
 * Look at the files noted since the last time, and deliver MT_KIND_BUILD_ID for each, dated
 * time_ns. A file that cannot be reached any more (its process has ended or has mapped another one
 * there, and no path leads to it) is left out, until it is mapped again. 0 or what fn returned.
 */
int buildids__read(struct buildids *ids, uint64_t time_ns, source_fn fn, void *ctx);

void buildids__release(struct buildids *ids);

/*
 * The GNU build-id of an ELF file of this machine's byte order; its size, 0 if it has none (or is
 * no ELF file). Little is read and held, whatever the file claims.
 */
size_t buildid__of_file(int fd, uint8_t *id, size_t size);

#endif
