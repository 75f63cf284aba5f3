// SPDX-License-Identifier: GPL-2.0-or-later
#include "model/crash.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "model/judge.h"
#include "model/model.h"
#include "model/name.h"

#define RECENT_BYTES (RECENT_CRASHES * sizeof(struct crash))
/* A handler that has no stack to run on: the kernel says so at once. */
#define NO_ROOM_NS 1000000000ULL

static void crash__hold(const struct crash *crash)
{
	name__hold(crash->at.name);
	name__hold(crash->below.name);
	name__hold(crash->above.name);
	name__hold(crash->freed_name);
	name__hold(crash->ip_name);
}

static void crash__put(const struct crash *crash)
{
	name__put(crash->at.name);
	name__put(crash->below.name);
	name__put(crash->above.name);
	name__put(crash->freed_name);
	name__put(crash->ip_name);
}

static struct crash *crashes__recent(const struct crashes *crashes, uint64_t age)
{
	return age < RECENT_CRASHES && age < crashes->recent.nr
		       ? &crashes->recent.items[(crashes->recent.nr - 1 - age) % RECENT_CRASHES]
		       : NULL;
}

const struct crash *crashes__find(const struct process *proc, uint32_t tid, uint64_t time_ns)
{
	const struct crash *crash;

	for (uint64_t age = 0; (crash = crashes__recent(&proc->crashes, age)); age++)
		if (crash->tid == tid && crash->time_ns == time_ns)
			return crash;
	return NULL;
}

const struct crash *crashes__last(const struct process *proc)
{
	return crashes__recent(&proc->crashes, 0);
}

/* The same one where it is kept for the report; NULL: it is not. */
static struct crash *crashes__listed(struct crashes *crashes, const struct crash *crash)
{
	for (size_t i = crashes->list.nr; i--;) {
		struct crash *item = &crashes->list.items[i];

		if (item->time_ns < crash->time_ns)
			break;
		if (item->tid == crash->tid && item->time_ns == crash->time_ns)
			return item;
	}
	return NULL;
}

static int crashes__note_recent(struct process *proc, const struct crash *crash)
{
	struct crashes *crashes = &proc->crashes;
	struct crash *slot;

	if (!crashes->recent.items)
		crashes->recent.items = usage__alloc(proc->usage, RECENT_BYTES);
	if (!crashes->recent.items)
		return -ENOMEM;
	slot = &crashes->recent.items[crashes->recent.nr % RECENT_CRASHES];
	if (crashes->recent.nr++ >= RECENT_CRASHES)
		crash__put(slot);
	*slot = *crash;
	crash__hold(slot);
	return 0;
}

static bool crashes__wants(const struct crashes *crashes, const struct crash *crash)
{
	return crash->fatal ? crashes->fatal <= MAX_CRASHES
			    : crashes->handled <= MAX_CRASHES_HANDLED;
}

static int crashes__list(struct process *proc, const struct crash *crash)
{
	struct crash *slot = usage__push(proc->usage, &proc->crashes.list);

	if (!slot)
		return -ENOMEM;
	*slot = *crash;
	crash__hold(slot);
	return 0;
}

static int crashes__note(struct process *proc, const struct crash *crash)
{
	int err = crashes__note_recent(proc, crash);

	if (err || proc->forgets || !crashes__wants(&proc->crashes, crash))
		return err;
	return crashes__list(proc, crash);
}

/* It has turned out that the process dies of it. */
static void crash__turn_fatal(struct process *proc, struct crash *crash, bool no_room)
{
	struct stack_hit *hit = stack__find_hit(proc, crash->tid, crash->time_ns);
	struct crash *listed = crashes__listed(&proc->crashes, crash);

	crash->fatal = crash->hit.died = true;
	crash->no_room = no_room;
	proc->crashes.handled--;
	proc->crashes.fatal++;
	if (listed) {
		listed->fatal = listed->hit.died = true;
		listed->no_room = no_room;
		listed->passed_on = crash->passed_on;
	}
	if (hit)
		hit->died = true;
	if (proc->stack.last_hit.time_ns == crash->time_ns)
		proc->stack.last_hit.died = true;
}

/* A handler may pass the signal on at once, before the stack has been unwound. */
static bool crash__awaits_stack(const struct model *model, const struct process *proc,
				const struct crash *crash)
{
	return crash->copied &&
	       !backtraces__find(&model->backtraces, proc->pid, crash->tid, crash->time_ns);
}

static void tell(struct model *model, const struct process *proc, const struct crash *crash,
		 enum notice_kind kind)
{
	struct notice notice = {
		.kind = kind,
		.pid = proc->pid,
		.tid = crash->tid,
		.time_ns = crash->time_ns,
		.ip = crash->ip,
		.what = kind == NOTICE_CRASH ? (unsigned int)crash->verdict
					     : (unsigned int)crash->hit.kind,
		.handled = crash->handled && !crash->fatal,
		.awaits_stack = crash__awaits_stack(model, proc, crash),
	};

	notices__add(&model->notices, &notice);
}

/* General protection says the same, if the handler returns to the instruction after its only turn.
 */
static bool is_told_alike(const struct crash *crash)
{
	return crash->signo == SIGSEGV && crash->code == SI_KERNEL && !crash->hit.no_frame;
}

/* Handlers that interrupt each other have filled their stack: that is what the process dies of. */
static int crash__turn_altstack(struct model *model, struct process *proc,
				const struct thread *thread, const struct event *ev,
				struct crash *crash)
{
	struct crash *listed = crashes__listed(&proc->crashes, crash);
	struct event then = *ev;
	bool is_hit;
	int err;

	then.time_ns = crash->time_ns;
	err = stack__take_signal(proc, thread, &then, &is_hit, &crash->hit);
	if (err)
		return err;
	if (is_hit)
		crash->verdict = VERDICT_STACK_OVERFLOW;
	if (is_hit && listed) {
		listed->verdict = crash->verdict;
		listed->hit = crash->hit;
	}
	tell(model, proc, crash, is_hit ? NOTICE_STACK_HIT : NOTICE_CRASH);
	return 0;
}

/*
 * The kernel could not lay down a frame for the handler, for an overflow has left no room there:
 * it takes the handler away and raises a SIGSEGV of its own, with the registers as they were.
 */
static bool crashes__is_no_room(struct process *proc, const struct event *ev)
{
	const struct crash *last = crashes__recent(&proc->crashes, 0);
	const struct mt_signal *sig = ev->signal;

	return last && !last->fatal && last->tid == ev->tid && !is_told_alike(last) &&
	       sig->signo == SIGSEGV && sig->code == SI_KERNEL &&
	       !(ev->flags & MT_SIGNAL_HANDLED) && sig->ip == last->ip && sig->sp == last->sp &&
	       ev->time_ns - last->time_ns <= NO_ROOM_NS;
}

static int crashes__take_no_room(struct model *model, struct process *proc,
				 const struct thread *thread, const struct event *ev)
{
	struct crash *last = crashes__recent(&proc->crashes, 0);

	crash__turn_fatal(proc, last, true);
	return last->verdict == VERDICT_STACK_OVERFLOW
		       ? 0
		       : crash__turn_altstack(model, proc, thread, ev, last);
}

/* Whose instruction? What is mapped there may be gone when that is reported. */
static int crash__set_ip(struct model *model, struct process *proc, struct crash *crash)
{
	const struct vma *vma = mirror__find(&proc->mirror, crash->ip);

	if (!vma || !vma->name)
		return 0;
	crash->ip_name = vma->name;
	crash->ip_offset = crash->ip - vma->start + vma->offset;
	if (!crashes__wants(&proc->crashes, crash))
		return 0;
	return functions__ask(&model->functions, vma, crash->ip, proc->pid);
}

int crashes__take(struct model *model, struct process *proc, struct thread *thread,
		  const struct event *ev)
{
	struct crash crash;
	struct stack_hit hit;
	bool is_hit;
	int err;

	if (crashes__is_no_room(proc, ev))
		return crashes__take_no_room(model, proc, thread, ev);
	err = stack__take_signal(proc, thread, ev, &is_hit, &hit);
	/* After the growth that the access would have made has been taken back. */
	limits__take_signal(model, proc, ev);
	if (err)
		return err;
	crash__judge(proc, thread, ev, is_hit ? &hit : NULL, &crash);
	(*(crash.fatal ? &proc->crashes.fatal : &proc->crashes.handled))++;
	err = crash__set_ip(model, proc, &crash) ?: crashes__note(proc, &crash);
	if (is_hit || crash.fatal)
		tell(model, proc, &crash, is_hit ? NOTICE_STACK_HIT : NOTICE_CRASH);
	return err;
}

/*
 * What a process ends by tells of its last bad access. A recording from before there was a word of
 * handlers: it had none. And some handlers report, and then have the process die of the same signal
 * after all: those of redis, of Python's faulthandler, of most that print a stack.
 */
int crashes__end(struct model *model, struct process *proc)
{
	struct crash *last = crashes__recent(&proc->crashes, 0);
	int err = 0;

	if (!last || last->fatal || !WIFSIGNALED((int)proc->exit_code) ||
	    WTERMSIG((int)proc->exit_code) != last->signo)
		return 0;
	if (last->handled_known && proc->end_ns - last->time_ns > CRASH_ENDED_SOON_NS)
		return 0;
	last->passed_on = last->handled_known;
	if (!crashes__listed(&proc->crashes, last) && !proc->forgets &&
	    proc->crashes.fatal < MAX_CRASHES)
		err = crashes__list(proc, last);
	crash__turn_fatal(proc, last, false);
	if (last->verdict != VERDICT_STACK_OVERFLOW)
		tell(model, proc, last, NOTICE_CRASH);
	return err;
}

void crashes__release(struct process *proc)
{
	struct crashes *crashes = &proc->crashes;
	const struct crash *crash;

	for (uint64_t age = 0; (crash = crashes__recent(crashes, age)); age++)
		crash__put(crash);
	for (size_t i = 0; i < crashes->list.nr; i++)
		crash__put(&crashes->list.items[i]);
	usage__free(proc->usage, crashes->recent.items, RECENT_BYTES);
	usage__free_array(proc->usage, &crashes->list);
}
