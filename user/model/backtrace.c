// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/array.h"
#include "model/backtrace.h"
#include "model/model.h"
#include "model/name.h"

static int ask__note_mappings(struct stack_ask *ask, struct process *proc)
{
	size_t nr = 0;

	for (struct vma *vma = mirror__first(&proc->mirror); vma; vma = mirror__next(vma))
		nr += !!(vma->prot & PROT_EXEC);
	ask->mappings = calloc(nr + 1, sizeof(*ask->mappings));
	if (!ask->mappings)
		return -ENOMEM;
	for (struct vma *vma = mirror__first(&proc->mirror); vma; vma = mirror__next(vma))
		if (vma->prot & PROT_EXEC)
			ask->mappings[ask->nr_mappings++] = (struct stack_ask_mapping){
				vma->start, vma->end, vma->offset, name__hold(vma->name)};
	return 0;
}

/* Of one that will not be kept, too: who has copied it wants the room back. */
int backtraces__take_copy(struct model *model, const struct event *ev)
{
	struct backtraces *backtraces = &model->backtraces;
	struct process *proc = model__find_process(model, ev->tgid);
	uint32_t max = ev->flags & MT_STACK_COPY_HANDLED ? MAX_BACKTRACES_HANDLED : MAX_BACKTRACES;
	struct stack_ask *ask;

	if (!backtraces->wanted || backtraces->asks.nr >= MAX_STACK_ASKS)
		return 0;
	ask = array__push(&backtraces->asks);
	if (!ask)
		return -ENOMEM;
	*ask = (struct stack_ask){.copy = *ev->stack_copy};
	if (!proc || proc->nr_stack_asks >= max)
		return 0;
	proc->nr_stack_asks++;
	return ask__note_mappings(ask, proc);
}

bool backtraces__take_asked(struct backtraces *backtraces, struct stack_ask *ask)
{
	if (!backtraces->asks.nr)
		return false;
	*ask = backtraces->asks.items[0];
	backtraces->asks.nr--;
	memmove(backtraces->asks.items, backtraces->asks.items + 1,
		backtraces->asks.nr * sizeof(*ask));
	return true;
}

void stack_ask__release(struct stack_ask *ask)
{
	for (size_t i = 0; i < ask->nr_mappings; i++)
		name__put(ask->mappings[i].name);
	free(ask->mappings);
	*ask = (struct stack_ask){};
}

static size_t backtrace__size(const struct mt_stack *rec)
{
	const struct mt_frame *frames = stack__frames(rec);
	size_t size = sizeof(struct backtrace) + rec->nr * sizeof(struct backtrace_frame);

	for (uint32_t i = 0; i < rec->nr; i++)
		size += strlen(frames[i].symbol) + strlen(frames[i].file) + 2;
	return size;
}

static const char *put_string(char **at, const char *s)
{
	size_t size = strlen(s) + 1;
	char *copy = memcpy(*at, s, size);

	*at += size;
	return copy;
}

static void backtrace__fill(struct backtrace *backtrace, const struct mt_stack *rec)
{
	const struct mt_frame *frames = stack__frames(rec);
	char *strings = (char *)&backtrace->frames[rec->nr];

	backtrace->depth_frames = rec->depth_frames;
	backtrace->cut_off = rec->hdr.flags & MT_STACK_CUT_OFF;
	backtrace->by_pointers = rec->hdr.flags & MT_STACK_BY_POINTERS;
	backtrace->no_file = rec->hdr.flags & MT_STACK_NO_FILE;
	backtrace->nr = rec->nr;
	backtrace->left_out = rec->left_out;
	backtrace->left_out_after = rec->left_out_after;
	for (uint32_t i = 0; i < rec->nr; i++)
		backtrace->frames[i] = (struct backtrace_frame){
			.ip = frames[i].ip,
			.offset = frames[i].offset,
			.cycle = frames[i].cycle,
			.repeat = frames[i].repeat,
			.symbol = put_string(&strings, frames[i].symbol),
			.file = put_string(&strings, frames[i].file),
		};
}

/* Where there will be no report, there may be somebody who asks at once. */
static void backtraces__keep_last(struct backtraces *backtraces, struct usage *usage,
				  struct backtrace *backtrace)
{
	if (backtraces->last)
		usage__free(usage, backtraces->last, backtraces->last->size_bytes);
	backtraces->last = backtrace;
}

/* Its process may have ended by now, and even be a sum of many: then nobody asks. */
int backtraces__take(struct model *model, const struct event *ev)
{
	const struct mt_stack *rec = ev->stack;
	struct process *proc = model__find_process(model, ev->tgid);
	size_t size = backtrace__size(rec);
	struct backtrace *backtrace;

	if (!proc || proc->nr_backtraces >= MAX_BACKTRACES ||
	    HASH_COUNT(model->backtraces.table) >= MAX_ALL_BACKTRACES ||
	    backtraces__find(&model->backtraces, ev->tgid, ev->tid, rec->signal_time_ns))
		return 0;
	backtrace = usage__alloc(&model->usage, size);
	if (!backtrace)
		return -ENOMEM;
	backtrace->key = (struct backtrace_key){rec->signal_time_ns, ev->tgid, ev->tid};
	backtrace->size_bytes = size;
	backtrace__fill(backtrace, rec);
	if (proc->forgets) {
		backtraces__keep_last(&model->backtraces, &model->usage, backtrace);
		return 0;
	}
	HASH_ADD(hh, model->backtraces.table, key, sizeof(backtrace->key), backtrace);
	if (!hash__added(backtrace)) {
		usage__free(&model->usage, backtrace, size);
		return -ENOMEM;
	}
	proc->nr_backtraces++;
	return 0;
}

const struct backtrace *backtraces__find(const struct backtraces *backtraces, uint32_t pid,
					 uint32_t tid, uint64_t signal_time_ns)
{
	struct backtrace_key key = {signal_time_ns, pid, tid};
	struct backtrace *backtrace;

	HASH_FIND(hh, backtraces->table, &key, sizeof(key), backtrace);
	if (!backtrace && backtraces->last && !memcmp(&backtraces->last->key, &key, sizeof(key)))
		return backtraces->last;
	return backtrace;
}

void backtraces__release(struct backtraces *backtraces, struct usage *usage)
{
	struct backtrace *backtrace, *next;

	HASH_ITER (hh, backtraces->table, backtrace, next) {
		HASH_DELETE(hh, backtraces->table, backtrace);
		usage__free(usage, backtrace, backtrace->size_bytes);
	}
	backtraces__keep_last(backtraces, usage, NULL);
	for (size_t i = 0; i < backtraces->asks.nr; i++)
		stack_ask__release(&backtraces->asks.items[i]);
	array__free(&backtraces->asks);
}
