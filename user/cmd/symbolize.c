// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/symbolize.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "model/model.h"
#include "model/name.h"
#include "source/paths.h"
#include "sym/symbols.h"

_Static_assert(SYMBOL_NAME_BYTES == MT_SYMBOL_BYTES, "one size");

/* Functions that were asked for together, those of a file one after the other. */
struct asked {
	struct function **items;
	size_t nr, cap;
};

static void asked__release(struct asked *asked)
{
	array__free(asked);
}

static int by_file(const void *a, const void *b)
{
	const struct function *fa = *(struct function *const *)a;
	const struct function *fb = *(struct function *const *)b;

	return (fa->key.file > fb->key.file) - (fa->key.file < fb->key.file);
}

static int open_file(struct paths *paths, const struct function *function)
{
	struct name_file file = name__file(function->file);
	const struct mapped_file mapped = {function->pid,
					   function->start,
					   function->end,
					   {file.ino, file.dev_major, file.dev_minor},
					   name__text(function->file)};

	return paths__open(paths, &mapped);
}

static int tell(const struct function *function, const struct symbol_query *query, uint64_t time_ns,
		source_fn fn, void *ctx)
{
	struct name_file file = name__file(function->file);
	struct mt_symbol rec = {
		.hdr = {.time_ns = time_ns,
			.tgid = function->pid,
			.tid = function->pid,
			.size_bytes = sizeof(rec),
			.kind = MT_KIND_SYMBOL},
		.dev_major = file.dev_major,
		.dev_minor = file.dev_minor,
		.ino = file.ino,
		.file_offset = query->file_offset,
		.offset = query->offset,
	};

	snprintf(rec.file, sizeof(rec.file), "%s", name__text(function->file));
	memcpy(rec.symbol, query->name, sizeof(rec.symbol));
	return fn(ctx, &rec, sizeof(rec));
}

/* Those of one file. */
static int look_up(struct paths *paths, struct function *const *functions, size_t nr,
		   uint64_t time_ns, source_fn fn, void *ctx)
{
	struct symbol_query *queries __free = calloc(nr, sizeof(*queries));
	int fd __closefd = open_file(paths, functions[0]);
	int err = 0;

	if (fd < 0 || !queries)
		return 0;
	for (size_t i = 0; i < nr; i++)
		queries[i].file_offset = functions[i]->key.file_offset;
	symbols__look_up(fd, queries, nr);
	for (size_t i = 0; i < nr && !err; i++)
		if (queries[i].found)
			err = tell(functions[0], &queries[i], time_ns, fn, ctx);
	return err;
}

int symbolize(struct model *model, struct paths *paths, uint64_t time_ns, source_fn fn, void *ctx)
{
	struct asked asked __cleanup(asked__release) = {};
	struct function *function, **slot;
	int err = 0;

	while ((function = functions__take_asked(&model->functions))) {
		slot = array__push(&asked);
		if (!slot)
			break;
		*slot = function;
	}
	if (asked.nr)
		qsort(asked.items, asked.nr, sizeof(*asked.items), by_file);
	for (size_t i = 0, nr; i < asked.nr && !err; i += nr) {
		for (nr = 1; i + nr < asked.nr && !by_file(&asked.items[i], &asked.items[i + nr]);)
			nr++;
		err = look_up(paths, &asked.items[i], nr, time_ns, fn, ctx);
	}
	return err;
}
