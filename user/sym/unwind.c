// SPDX-License-Identifier: GPL-2.0-or-later
#include "sym/unwind.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "sym/expression.h"

/* By DWARF number. */
#if defined(__aarch64__)
#define REG_FRAME 29
#define REG_LINK 30
#define REG_STACK 31
#define REG_INSTRUCTION 32
/* Above are the bits of a signed return address. */
#define ADDRESS_MASK ((1ULL << 48) - 1)
#else
#define REG_FRAME 6
#define REG_STACK 7
#define REG_INSTRUCTION 16
#define ADDRESS_MASK (~0ULL)
#endif

#define WORD sizeof(uint64_t)
/* Places in code whose information is looked up; those of real stacks are some dozens. */
#define MAX_SITES 4096
/* Frames, and operations of expressions: some 50 ms. */
#define MAX_STEPS (4U << 20)
/* Frames of signals, whose callers may be on another stack. */
#define MAX_SIGNALS 16

struct site {
	uint64_t ip; /* key */
	uint32_t index;
	struct site *next;	 /* its caller's, the last time */
	struct cfi_row *row;	 /* NULL: nothing is known there */
	uint8_t moved[CFI_REGS]; /* registers whose values the caller finds elsewhere */
	unsigned int nr_moved;
	UT_hash_handle hh;
};

struct module_file {
	bool opened;
	bool known;
	struct cfi_file file;
};

struct walk {
	const struct unwind *unwind;
	struct unwound *out;
	struct module_file *files; /* of the modules */
	struct site *sites;
	struct {
		struct unwind_site *items;
		size_t nr, cap;
	} site_list;
	struct {
		uint32_t *items;
		size_t nr, cap;
	} frames;
	uint64_t regs[CFI_REGS];
	uint64_t steps;
	uint64_t scan_bytes; /* left for files without an index */
	unsigned int nr_signals;
	bool after_call; /* the instruction is the one after a call */
	bool chained;	 /* it was come to by a frame pointer, and so was the next one */
};

/* What became of a step to the caller. */
enum step { STEP_CALLER, STEP_BEGIN, STEP_LOST };

static bool is_word(uint64_t address)
{
	return !(address % WORD);
}

static bool walk__read(const struct walk *walk, uint64_t address, uint64_t *ret)
{
	return is_word(address) && walk->unwind->read(walk->unwind->ctx, address, ret);
}

static uint32_t walk__module(const struct walk *walk, uint64_t address)
{
	const struct unwind *unwind = walk->unwind;
	size_t low = 0, high = unwind->nr_modules;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (unwind->modules[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < unwind->nr_modules && address >= unwind->modules[low].start ? (uint32_t)low
										 : UNWIND_NO_MODULE;
}

static const struct cfi_file *walk__file(struct walk *walk, uint32_t module)
{
	struct module_file *file = &walk->files[module];
	int fd;

	if (!file->opened) {
		file->opened = true;
		fd = walk->unwind->open(walk->unwind->ctx, module);
		file->known = fd >= 0 && cfi_file__init(&file->file, fd, &walk->scan_bytes);
	}
	return file->known ? &file->file : NULL;
}

/* What the files say of a place; without memory it is as if they said nothing. */
static void site__look_up(struct walk *walk, struct site *site, struct unwind_site *out)
{
	const struct cfi_file *file;
	uint64_t address;

	*out = (struct unwind_site){.ip = site->ip, .module = walk__module(walk, site->ip)};
	if (out->module == UNWIND_NO_MODULE)
		return;
	out->ip_offset = site->ip - walk->unwind->modules[out->module].start +
			 walk->unwind->modules[out->module].file_offset;
	out->begin = out->ip_offset;
	file = walk__file(walk, out->module);
	if (!file || !cfi_file__address(file, out->ip_offset, &address))
		return;
	site->row = malloc(sizeof(*site->row));
	if (!site->row)
		return;
	if (!cfi_file__find(file, address, site->row)) {
		free(site->row);
		site->row = NULL;
		return;
	}
	out->begin = site->row->begin;
	out->by_cfi = true;
	for (uint8_t i = 0; i < CFI_REGS; i++)
		if (site->row->regs[i].rule != CFI_SAME)
			site->moved[site->nr_moved++] = i;
}

/* NULL: no memory, or there are too many. */
static struct site *walk__new_site(struct walk *walk, uint64_t ip)
{
	struct unwind_site *slot =
		walk->site_list.nr < MAX_SITES ? array__push(&walk->site_list) : NULL;
	struct site *site = slot ? calloc(1, sizeof(*site)) : NULL;

	if (!site)
		return NULL;
	site->ip = ip;
	site->index = (uint32_t)walk->site_list.nr - 1;
	HASH_ADD(hh, walk->sites, ip, sizeof(site->ip), site);
	if (!hash__added(site)) {
		free(site);
		return NULL;
	}
	site__look_up(walk, site, slot);
	return site;
}

/* In a recursion the caller's place is mostly that of the last time. */
static struct site *walk__site(struct walk *walk, struct site *before, uint64_t ip)
{
	struct site *site = before ? before->next : NULL;

	if (site && site->ip == ip)
		return site;
	HASH_FIND(hh, walk->sites, &ip, sizeof(ip), site);
	if (!site)
		site = walk__new_site(walk, ip);
	if (before)
		before->next = site;
	return site;
}

/* first: what the calculation begins with; NULL: nothing. */
static bool place__evaluate(struct walk *walk, const struct cfi_row *row,
			    const struct cfi_place *place, const uint64_t *first, uint64_t *ret)
{
	return expression__evaluate(walk->unwind, walk->regs, row->expressions + place->expression,
				    place->expression_bytes, first, &walk->steps, ret);
}

static bool place__value(struct walk *walk, const struct cfi_row *row,
			 const struct cfi_place *place, uint64_t cfa, uint64_t *ret)
{
	uint64_t address;

	switch (place->rule) {
	case CFI_AT_OFFSET:
		return walk__read(walk, cfa + (uint64_t)place->offset, ret);
	case CFI_OFFSET:
		*ret = cfa + (uint64_t)place->offset;
		return true;
	case CFI_REGISTER:
		*ret = walk->regs[place->reg];
		return true;
	case CFI_AT_EXPRESSION:
		return place__evaluate(walk, row, place, &cfa, &address) &&
		       walk__read(walk, address, ret);
	case CFI_EXPRESSION:
		return place__evaluate(walk, row, place, &cfa, ret);
	default:
		return false;
	}
}

static bool row__cfa(struct walk *walk, const struct cfi_row *row, uint64_t *ret)
{
	if (row->cfa.rule == CFI_REGISTER_OFFSET) {
		*ret = walk->regs[row->cfa.reg] + (uint64_t)row->cfa.offset;
		return true;
	}
	return place__evaluate(walk, row, &row->cfa, NULL, ret);
}

/* To the caller's registers. One that is not to be had any more is 0: nobody needs most of them. */
static enum step walk__by_row(struct walk *walk, const struct site *site)
{
	const struct cfi_row *row = site->row;
	uint64_t values[CFI_REGS], cfa;

	if (row->regs[row->return_reg].rule == CFI_UNDEFINED)
		return STEP_BEGIN;
	if (!row__cfa(walk, row, &cfa))
		return STEP_LOST;
	for (unsigned int i = 0; i < site->nr_moved; i++) {
		uint8_t reg = site->moved[i];

		if (place__value(walk, row, &row->regs[reg], cfa, &values[i]))
			continue;
		if (reg == row->return_reg || reg == REG_STACK)
			return STEP_LOST;
		values[i] = 0;
	}
	walk->regs[REG_STACK] = cfa;
	for (unsigned int i = 0; i < site->nr_moved; i++)
		walk->regs[site->moved[i]] = values[i];
	walk->regs[REG_INSTRUCTION] = walk->regs[row->return_reg] & ADDRESS_MASK;
	walk->after_call = !row->is_signal;
	walk->nr_signals += row->is_signal;
	return STEP_CALLER;
}

/*
 * Code that no file tells of: by the chain of frame pointers, which ends in 0 (System V ABI). Where
 * the 0 was not read from a chain, it is the end in a file that knows of its other functions: that
 * is its _start. In other code it is a register that holds something else.
 */
static enum step walk__by_frame_pointer(struct walk *walk, uint32_t module)
{
	uint64_t frame = walk->regs[REG_FRAME], caller, ip;
	bool chained = walk->chained;

	walk->chained = true;
	if (walk->unwind->modules[module].has_file && !walk->files[module].known)
		walk->out->no_file = walk->out->by_pointers = true;
	if (!frame)
		return chained || (walk->frames.nr > 1 && walk->files[module].known) ? STEP_BEGIN
										     : STEP_LOST;
	if (frame < walk->regs[REG_STACK] || !walk__read(walk, frame, &caller) ||
	    !walk__read(walk, frame + WORD, &ip))
		return STEP_LOST;
	walk->out->by_pointers = true;
	walk->regs[REG_FRAME] = caller;
	walk->regs[REG_STACK] = frame + 2 * WORD;
	walk->regs[REG_INSTRUCTION] = ip & ADDRESS_MASK;
	walk->after_call = true;
	return STEP_CALLER;
}

/* A call to where there is no code has done no more than the call itself. */
static enum step walk__from_nowhere(struct walk *walk)
{
#if defined(REG_LINK)
	walk->regs[REG_INSTRUCTION] = walk->regs[REG_LINK] & ADDRESS_MASK;
#else
	uint64_t sp = walk->regs[REG_STACK];

	if (!walk__read(walk, sp, &walk->regs[REG_INSTRUCTION]))
		return STEP_LOST;
	walk->regs[REG_STACK] = sp + WORD;
#endif
	walk->after_call = true;
	return STEP_CALLER;
}

/* What was come to before has been looked at. */
static bool walk__is_code(const struct walk *walk, const struct site *from, uint64_t ip)
{
	return (from->next && from->next->ip == ip) || walk__module(walk, ip) != UNWIND_NO_MODULE;
}

static enum step walk__step(struct walk *walk, const struct site *site)
{
	uint32_t module = walk->site_list.items[site->index].module;
	uint64_t sp = walk->regs[REG_STACK];
	unsigned int nr_signals = walk->nr_signals;
	bool innermost = walk->frames.nr == 1;
	enum step step;

	if (module == UNWIND_NO_MODULE)
		step = walk__from_nowhere(walk);
	else if (!site->row)
		step = walk__by_frame_pointer(walk, module);
	else
		step = walk__by_row(walk, site);
	if (site->row)
		walk->chained = false;
	if (step != STEP_CALLER)
		return step;
	if (!walk->regs[REG_INSTRUCTION])
		return STEP_BEGIN;
	if (!walk__is_code(walk, site, walk->regs[REG_INSTRUCTION] - walk->after_call))
		return STEP_LOST;
	if (walk->nr_signals != nr_signals)
		return walk->nr_signals < MAX_SIGNALS ? STEP_CALLER : STEP_LOST;
	/* Each frame is further up; a function may have none of its own before its first push. */
	return walk->regs[REG_STACK] > sp || (innermost && walk->regs[REG_STACK] == sp)
		       ? STEP_CALLER
		       : STEP_LOST;
}

static int walk__run(struct walk *walk)
{
	enum step step = STEP_CALLER;
	struct site *site = NULL;
	uint32_t *frame;

	while (step == STEP_CALLER) {
		site = walk__site(walk, site, walk->regs[REG_INSTRUCTION] - walk->after_call);
		if (!site && !walk->frames.nr)
			return -ENOMEM;
		if (!site || walk->frames.nr >= UNWIND_MAX_FRAMES || walk->steps++ >= MAX_STEPS)
			return 0;
		frame = array__push(&walk->frames);
		if (!frame)
			return -ENOMEM;
		*frame = site->index;
		step = walk__step(walk, site);
	}
	walk->out->whole = step == STEP_BEGIN;
	return 0;
}

static void walk__release(struct walk *walk)
{
	struct site *site, *next;

	HASH_ITER (hh, walk->sites, site, next) {
		HASH_DELETE(hh, walk->sites, site);
		free(site->row);
		free(site);
	}
	array__free(&walk->site_list);
	array__free(&walk->frames);
	for (size_t i = 0; i < walk->unwind->nr_modules; i++)
		cfi_file__release(&walk->files[i].file);
	free(walk->files);
}

int unwind__walk(const struct unwind *unwind, struct unwound *ret)
{
	struct unwound out = {};
	struct walk walk = {.unwind = unwind, .out = &out, .scan_bytes = CFI_SCAN_BYTES};
	int err;

	walk.files = calloc(unwind->nr_modules + 1, sizeof(*walk.files));
	if (!walk.files)
		return -ENOMEM;
	memcpy(walk.regs, unwind->regs, sizeof(walk.regs));
	err = walk__run(&walk);
	if (!err) {
		out.sites = move_ptr(walk.site_list.items);
		out.nr_sites = walk.site_list.nr;
		out.frames = move_ptr(walk.frames.items);
		out.nr_frames = walk.frames.nr;
		*ret = out;
	}
	walk__release(&walk);
	return err;
}

void unwound__release(struct unwound *unwound)
{
	free(unwound->sites);
	free(unwound->frames);
	*unwound = (struct unwound){};
}
