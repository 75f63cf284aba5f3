// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "source/buildids.h"
#include "source/mapped_file.h"

/*
 * Of systems that write and run programs all day long we remember so many files; of one that was
 * forgotten and is mapped again the build-id is told again.
 */
#define MAX_FILES 8192
/* What usually comes between two looks has room in these; the memory of a burst goes back. */
#define KEEP_WAITING 64

/* A file that was noted. */
struct known_file {
	struct file_key key;
	UT_hash_handle hh;
};

/* And has not been looked at yet. */
struct buildid_file {
	struct file_key key;
	uint32_t tgid; /* has it mapped from start to end */
	uint64_t start;
	uint64_t end;
	char name[MT_PATH_BYTES];
};

static void buildids__forget(struct buildids *ids, struct known_file *known)
{
	HASH_DELETE(hh, ids->known, known);
	free(known);
}

void buildids__note(struct buildids *ids, const struct mt_record *record)
{
	struct buildid_file *slot;
	struct known_file *known;
	struct mapped_file file;

	if (!mapped_file__of_record(record, &file) || ids->waiting.nr >= MAX_FILES)
		return;
	HASH_FIND(hh, ids->known, &file.key, sizeof(file.key), known);
	if (known)
		return;
	/* uthash's head is the oldest. */
	if (HASH_COUNT(ids->known) >= MAX_FILES)
		buildids__forget(ids, ids->known);
	known = malloc(sizeof(*known));
	slot = known ? array__push(&ids->waiting) : NULL;
	if (!slot) {
		free(known);
		return;
	}
	*slot = (struct buildid_file){
		.key = file.key, .tgid = file.tgid, .start = file.start, .end = file.end};
	snprintf(slot->name, sizeof(slot->name), "%s", file.name);
	known->key = file.key;
	HASH_ADD(hh, ids->known, key, sizeof(known->key), known);
	if (!hash__added(known)) {
		ids->waiting.nr--;
		free(known);
	}
}

static int file__open(const struct buildid_file *file)
{
	const struct mapped_file mapped = {file->tgid, file->start, file->end, file->key,
					   file->name};

	return mapped_file__open(&mapped);
}

static int file__deliver(const struct buildid_file *file, int fd, uint64_t time_ns, source_fn fn,
			 void *ctx)
{
	struct mt_build_id rec = {
		.hdr = {.time_ns = time_ns,
			.tgid = file->tgid,
			.tid = file->tgid,
			.size_bytes = sizeof(rec),
			.kind = MT_KIND_BUILD_ID},
		.dev_major = file->key.dev_major,
		.dev_minor = file->key.dev_minor,
		.ino = file->key.ino,
	};

	rec.id_bytes = buildid__of_file(fd, rec.id, sizeof(rec.id));
	memcpy(rec.name, file->name, sizeof(rec.name));
	return fn(ctx, &rec, sizeof(rec));
}

int buildids__read(struct buildids *ids, uint64_t time_ns, source_fn fn, void *ctx)
{
	int err = 0;

	for (size_t i = 0; i < ids->waiting.nr; i++) {
		const struct buildid_file *file = &ids->waiting.items[i];
		int fd __closefd = file__open(file);
		struct known_file *known;

		if (fd >= 0) {
			err = err ?: file__deliver(file, fd, time_ns, fn, ctx);
			continue;
		}
		HASH_FIND(hh, ids->known, &file->key, sizeof(file->key), known);
		if (known)
			buildids__forget(ids, known);
	}
	ids->waiting.nr = 0;
	array__trim(&ids->waiting, KEEP_WAITING);
	return err;
}

void buildids__release(struct buildids *ids)
{
	struct known_file *file, *next;

	HASH_ITER (hh, ids->known, file, next)
		buildids__forget(ids, file);
	array__free(&ids->waiting);
}
