// SPDX-License-Identifier: GPL-2.0-or-later
/* The lives of processes as the live source meets them: from the stream, or in its middle. */
#include <errno.h>

#include "base/array.h"
#include "base/clock.h"
#include "source/live.h"
#include "source/procfs.h"

#define MAX_RUNNERS 4096

/* Of the threads whose stack pointers were met. */
static void live__read_stacks(struct live *live, uint32_t tgid)
{
	stack_marks__read(tgid, live->stacks.items, live->stacks.nr, 0, live__emit_proc, live);
	live->stacks.nr = 0;
}

static int live__emit_thread(void *ctx, const void *record, size_t size)
{
	const struct mt_thread *thread = record;
	struct live *live = ctx;
	struct stack_pointer *sp;
	struct runner *slot;

	if (!thread->sp && live->runners.nr < MAX_RUNNERS) {
		slot = array__push(&live->runners);
		if (slot)
			*slot = (struct runner){.tgid = thread->hdr.tgid, .tid = thread->hdr.tid};
	}
	/* Of every process at once that would be long; they are read when tracing ends. */
	if (thread->sp && thread->hdr.tid != thread->hdr.tgid && !live->config.all) {
		sp = array__push(&live->stacks);
		if (sp)
			*sp = (struct stack_pointer){.tid = thread->hdr.tid, .sp = thread->sp};
	}
	return live__emit(live, record, size);
}

/* A thread that runs has no stack pointer that can be read; it will not run at every look. */
#define MAX_TRIES 100

void live__ask_runners(struct live *live)
{
	size_t left = 0;

	for (size_t i = 0; i < live->runners.nr; i++) {
		struct runner runner = live->runners.items[i];

		if (procfs__thread_sp(runner.tgid, runner.tid, live__emit_thread, live) ==
			    -EAGAIN &&
		    ++runner.tries < MAX_TRIES)
			live->runners.items[left++] = runner;
		live__read_stacks(live, runner.tgid);
	}
	live->runners.nr = left;
}

void live__introduce(struct live *live, uint32_t tgid, uint64_t time_ns, uint16_t flags)
{
	tgids__add(&live->tgids, tgid);
	procfs__process(tgid, time_ns, flags, live__emit_proc, live);
	live__introduce_space(live, tgid, time_ns);
	procfs__threads(tgid, time_ns, 0, live__emit_thread, live);
	live__read_stacks(live, tgid);
}

static void live__note_exit(struct live *live, uint32_t tgid)
{
	struct leaver *slot;

	if (!tgids__alive(&live->tgids, tgid))
		return;
	tgids__exit(&live->tgids, tgid);
	slot = live->config.all ? NULL : array__push(&live->leaving);
	if (slot)
		*slot = (struct leaver){.tgid = tgid, .time_ns = clock__now_ns()};
}

void live__note_life(struct live *live, const struct mt_record *record)
{
	const struct mt_fork *fork = (const struct mt_fork *)record;

	if (tgids__unknown(&live->tgids, record->tgid))
		live__introduce(live, record->tgid, record->time_ns, 0);
	tgids__note_active(&live->tgids, record->tgid);
	if (record->kind == MT_KIND_FORK &&
	    !(record->flags & (MT_FORK_THREAD | MT_FORK_NOT_FOLLOWED)))
		tgids__add(&live->tgids, fork->child_tgid);
	if (record->kind == MT_KIND_EXIT && record->flags & MT_EXIT_GROUP)
		live__note_exit(live, record->tgid);
}

/* Longer than this no thread takes from its exit's begin to the probe: the pid is another's. */
#define LEAVING_NS (200 * NSEC_PER_MSEC)

/* The threads of a process that end together pass the probe one by one. */
void live__see_off(struct live *live)
{
	uint64_t now = clock__now_ns();
	size_t left = 0;

	for (size_t i = 0; i < live->leaving.nr; i++) {
		struct leaver leaver = live->leaving.items[i];

		if (now - leaver.time_ns < LEAVING_NS && procfs__nr_threads(leaver.tgid))
			live->leaving.items[left++] = leaver;
	}
	live->leaving.nr = left;
}
