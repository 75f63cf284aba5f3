// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/unwind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fit.h"
#include "base/path.h"
#include "event/event.h"
#include "model/model.h"
#include "model/name.h"
#include "source/paths.h"
#include "sym/fold.h"
#include "sym/symbols.h"
#include "sym/unwind.h"

_Static_assert(CFI_REGS == MT_STACK_REGS, "one set of registers");
_Static_assert(FOLD_MAX_ROWS == MT_STACK_MAX_FRAMES, "all rows have room");

/* A walk goes up, and looks back a little: two chunks at hand will do. */
#define NR_CHUNKS 2
#define NO_CHUNK UINT32_MAX

struct unwinding {
	const struct stack_ask *ask;
	struct source *source;
	struct paths *paths;
	struct unwind_module *modules; /* the ask's mappings */
	int *fds;		       /* of their files */
	uint32_t chunks[NR_CHUNKS];    /* which are at hand */
	uint8_t (*bytes)[MT_STACK_CHUNK_BYTES];
	struct unwound unwound;
	struct symbol_query *queries; /* of its sites */
	uint32_t *functions;	      /* a number for the function of each site */
};

static bool read_word(void *ctx, uint64_t address, uint64_t *ret)
{
	struct unwinding *unwinding = ctx;
	const struct mt_stack_copy *copy = &unwinding->ask->copy;
	uint64_t at = address - copy->start, page = at / MT_STACK_PAGE_BYTES;
	uint64_t chunk = at / MT_STACK_CHUNK_BYTES;
	unsigned int slot = chunk % NR_CHUNKS;

	if (chunk >= copy->nr_chunks || address % sizeof(*ret) ||
	    !(copy->pages[page / 64] >> page % 64 & 1))
		return false;
	if (unwinding->chunks[slot] != chunk) {
		unwinding->chunks[slot] = NO_CHUNK;
		if (unwinding->source->ops->read_stack(unwinding->source,
						       copy->slot + (uint32_t)chunk,
						       unwinding->bytes[slot]))
			return false;
		unwinding->chunks[slot] = (uint32_t)chunk;
	}
	memcpy(ret, unwinding->bytes[slot] + at % MT_STACK_CHUNK_BYTES, sizeof(*ret));
	return true;
}

static int open_module(void *ctx, size_t module)
{
	struct unwinding *unwinding = ctx;
	const struct stack_ask_mapping *mapping = &unwinding->ask->mappings[module];
	struct mapped_file file = {.tgid = unwinding->ask->copy.hdr.tgid,
				   .start = mapping->start,
				   .end = mapping->end,
				   .name = name__text(mapping->name)};
	struct name_file key;

	if (!mapping->name)
		return -1;
	key = name__file(mapping->name);
	file.key = (struct file_key){key.ino, key.dev_major, key.dev_minor};
	if (key.ino && unwinding->fds[module] < 0)
		unwinding->fds[module] = paths__open(unwinding->paths, &file);
	return unwinding->fds[module];
}

static void unwinding__release(struct unwinding *unwinding)
{
	for (size_t i = 0; unwinding->fds && i < unwinding->ask->nr_mappings; i++)
		if (unwinding->fds[i] >= 0)
			close(unwinding->fds[i]);
	free(unwinding->fds);
	free(unwinding->modules);
	free(unwinding->bytes);
	free(unwinding->queries);
	free(unwinding->functions);
	unwound__release(&unwinding->unwound);
}

static bool unwinding__init(struct unwinding *unwinding)
{
	const struct stack_ask *ask = unwinding->ask;
	size_t nr = ask->nr_mappings;

	unwinding->fds = malloc((nr + 1) * sizeof(*unwinding->fds));
	unwinding->modules = calloc(nr + 1, sizeof(*unwinding->modules));
	unwinding->bytes = malloc(NR_CHUNKS * sizeof(*unwinding->bytes));
	for (size_t i = 0; i < NR_CHUNKS; i++)
		unwinding->chunks[i] = NO_CHUNK;
	for (size_t i = 0; unwinding->fds && i < nr; i++)
		unwinding->fds[i] = -1;
	if (!unwinding->fds || !unwinding->modules || !unwinding->bytes)
		return false;
	for (size_t i = 0; i < nr; i++)
		unwinding->modules[i] = (struct unwind_module){
			ask->mappings[i].start, ask->mappings[i].end, ask->mappings[i].file_offset,
			ask->mappings[i].name && name__file(ask->mappings[i].name).ino};
	return true;
}

/* The sites of a file, whose queries come back in another order. */
static void name_sites(struct unwinding *unwinding, uint32_t module)
{
	const struct unwind_site *sites = unwinding->unwound.sites;
	size_t nr = unwinding->unwound.nr_sites, nr_queries = 0;
	struct symbol_query *queries = calloc(nr, sizeof(*queries));
	int fd = unwinding->fds[module];

	if (fd < 0 || !queries) {
		free(queries);
		return;
	}
	for (size_t i = 0; i < nr; i++)
		if (sites[i].module == module)
			queries[nr_queries++].file_offset = sites[i].ip_offset;
	symbols__look_up(fd, queries, nr_queries);
	for (size_t i = 0; i < nr; i++)
		for (size_t q = 0; sites[i].module == module && q < nr_queries; q++)
			if (queries[q].file_offset == sites[i].ip_offset)
				unwinding->queries[i] = queries[q];
	free(queries);
}

/*
 * The symbols of a large program are read in some 20 ms. Who maps hundreds of them, to call through
 * all, has the others without names.
 */
#define MAX_NAMING_NS (200 * NSEC_PER_MSEC)

static bool unwinding__name(struct unwinding *unwinding)
{
	const struct unwound *unwound = &unwinding->unwound;
	bool *done __free = calloc(unwinding->ask->nr_mappings + 1, sizeof(*done));
	uint64_t end_ns = clock__now_ns() + MAX_NAMING_NS;

	unwinding->queries = calloc(unwound->nr_sites, sizeof(*unwinding->queries));
	unwinding->functions = calloc(unwound->nr_sites, sizeof(*unwinding->functions));
	if (!done || !unwinding->queries || !unwinding->functions)
		return false;
	for (size_t i = 0; i < unwound->nr_sites; i++) {
		uint32_t module = unwound->sites[i].module;

		if (module == UNWIND_NO_MODULE || done[module] || clock__now_ns() > end_ns)
			continue;
		done[module] = true;
		name_sites(unwinding, module);
	}
	return true;
}

static bool same_function(const struct unwinding *unwinding, size_t a, size_t b)
{
	const struct symbol_query *qa = &unwinding->queries[a], *qb = &unwinding->queries[b];
	const struct unwind_site *sa = &unwinding->unwound.sites[a];
	const struct unwind_site *sb = &unwinding->unwound.sites[b];

	if (sa->module != sb->module || qa->found != qb->found)
		return false;
	return qa->found ? qa->address - qa->offset == qb->address - qb->offset
			 : sa->begin == sb->begin && sa->by_cfi == sb->by_cfi;
}

/* By the first site of each. */
static void unwinding__number_functions(struct unwinding *unwinding)
{
	for (uint32_t i = 0; i < unwinding->unwound.nr_sites; i++) {
		uint32_t first = 0;

		while (first < i && !same_function(unwinding, first, i))
			first++;
		unwinding->functions[i] = first;
	}
}

/* Where threads begin: what calls these has never run. */
static bool begins_thread(const struct symbol_query *query)
{
	static const char *const names[] = {"_start",  "_dl_start_user", "clone",
					    "__clone", "clone3",	 "__clone3"};

	for (size_t i = 0; query->found && i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(query->name, names[i]))
			return true;
	return false;
}

static void fill_frame(const struct unwinding *unwinding, size_t index, struct mt_frame *frame)
{
	uint32_t at = unwinding->unwound.frames[index];
	const struct unwind_site *site = &unwinding->unwound.sites[at];
	const struct symbol_query *query = &unwinding->queries[at];
	const struct name *name = site->module == UNWIND_NO_MODULE
					  ? NULL
					  : unwinding->ask->mappings[site->module].name;

	*frame = (struct mt_frame){
		.ip = site->ip,
		.offset = query->found ? query->offset : site->ip_offset,
		.repeat = 1,
	};
	fit__copy(frame->symbol, sizeof(frame->symbol), query->found ? query->name : "");
	snprintf(frame->file, sizeof(frame->file), "%s", path__last(name__text(name)));
}

struct stack_record {
	struct mt_stack stack;
	struct mt_frame frames[MT_STACK_MAX_FRAMES];
};

static void fill_record(const struct unwinding *unwinding, struct stack_record *rec)
{
	const struct unwound *unwound = &unwinding->unwound;
	struct mt_stack *stack = &rec->stack;
	struct folded folded;

	fold__frames(unwound->frames, unwound->nr_frames, unwinding->functions, &folded);
	for (unsigned int i = 0; i < folded.nr; i++) {
		const struct fold *fold = &folded.folds[i];

		if (i == folded.left_out_after)
			stack->left_out_after = stack->nr;
		rec->frames[stack->nr].cycle = 0;
		for (uint32_t j = 0; j < fold->cycle; j++)
			fill_frame(unwinding, fold->frame + j, &rec->frames[stack->nr + j]);
		rec->frames[stack->nr].cycle = fold->cycle;
		rec->frames[stack->nr].repeat = fold->repeat;
		stack->nr += fold->cycle;
	}
	if (folded.left_out_after >= folded.nr)
		stack->left_out_after = stack->nr;
	stack->left_out = folded.left_out < UINT32_MAX ? (uint32_t)folded.left_out : UINT32_MAX;
	stack->depth_frames = unwound->nr_frames;
	if (unwound->by_pointers)
		stack->hdr.flags |= MT_STACK_BY_POINTERS;
	if (unwound->no_file)
		stack->hdr.flags |= MT_STACK_NO_FILE;
	if (!unwound->whole &&
	    !begins_thread(&unwinding->queries[unwound->frames[unwound->nr_frames - 1]]))
		stack->hdr.flags |= MT_STACK_CUT_OFF;
}

/* What cannot be unwound, without memory or files, is not known. */
static bool answer(const struct stack_ask *ask, struct source *source, struct paths *paths,
		   struct stack_record *rec)
{
	struct unwinding unwinding __cleanup(unwinding__release) = {
		.ask = ask, .source = source, .paths = paths};
	struct unwind unwind = {
		.nr_modules = ask->nr_mappings,
		.read = read_word,
		.open = open_module,
		.ctx = &unwinding,
	};

	if (!unwinding__init(&unwinding))
		return false;
	unwind.modules = unwinding.modules;
	memcpy(unwind.regs, ask->copy.regs, sizeof(unwind.regs));
	if (unwind__walk(&unwind, &unwinding.unwound) || !unwinding__name(&unwinding))
		return false;
	unwinding__number_functions(&unwinding);
	fill_record(&unwinding, rec);
	return true;
}

static int tell(const struct stack_ask *ask, struct source *source, struct paths *paths,
		uint64_t time_ns, source_fn fn, void *ctx)
{
	struct stack_record rec = {
		.stack = {.hdr = {.time_ns = time_ns,
				  .tgid = ask->copy.hdr.tgid,
				  .tid = ask->copy.hdr.tid,
				  .kind = MT_KIND_STACK},
			  .signal_time_ns = ask->copy.signal_time_ns},
	};

	if (!answer(ask, source, paths, &rec))
		return 0;
	rec.stack.hdr.size_bytes = sizeof(rec.stack) + rec.stack.nr * sizeof(rec.frames[0]);
	return fn(ctx, &rec, rec.stack.hdr.size_bytes);
}

int unwind(struct model *model, struct source *source, struct paths *paths, uint64_t time_ns,
	   source_fn fn, void *ctx)
{
	struct stack_ask ask;
	int err = 0;

	while (backtraces__take_asked(&model->backtraces, &ask)) {
		if (!err && ask.mappings)
			err = tell(&ask, source, paths, time_ns, fn, ctx);
		source->ops->release_stack(source, ask.copy.slot);
		stack_ask__release(&ask);
	}
	return err;
}

void unwind__note(struct source *source, const void *record, size_t size)
{
	const struct mt_stack_copy *copy = record;

	if (source && size >= sizeof(*copy) && record__check(record, size))
		source->ops->release_stack(source, copy->slot);
}
