// SPDX-License-Identifier: GPL-2.0-or-later
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/signal_name.h"
#include "base/units.h"
#include "model/model.h"
#include "model/name.h"
#include "report/build.h"
#include "report/event_fill.h"
#include "report/event_row.h"
#include "report/notice.h"

void detail__add(struct report_event *row, const char *fmt, ...)
{
	size_t used = strlen(row->detail), room = sizeof(row->detail) - used;
	va_list args;
	int len;

	va_start(args, fmt);
	len = snprintf(row->detail + used, room, "%s", used ? " " : "");
	len += vsnprintf(row->detail + used + len, room - len, fmt, args);
	va_end(args);
	if ((size_t)len >= room)
		row->detail[used] = '\0';
}

struct word {
	uint32_t bits;
	const char *text;
};

/* A word for each that is set, and what is left as a number. */
static void detail__add_flags(struct report_event *row, uint32_t flags, const struct word *words,
			      size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		if ((flags & words[i].bits) != words[i].bits)
			continue;
		detail__add(row, "%s", words[i].text);
		flags &= ~words[i].bits;
	}
	if (flags)
		detail__add(row, "flags=0x%x", flags);
}

#define ADD_FLAGS(row, flags, words)                                                               \
	detail__add_flags(row, flags, words, sizeof(words) / sizeof((words)[0]))

static void detail__add_prot(struct report_event *row, uint32_t prot)
{
	detail__add(row, "prot=%s", units__prot(prot).s);
}

static void row__set_address(struct report_event *row, uint64_t addr)
{
	row->address_known = true;
	row->address = addr;
}

void row__set_size(struct report_event *row, uint64_t bytes)
{
	row->size_bytes = bytes < INT64_MAX ? bytes : INT64_MAX;
}

/* What is mapped there. */
static void fill_place(const struct filling *f, uint64_t addr)
{
	const struct vma *vma = f->proc ? mirror__find(&f->proc->mirror, addr) : NULL;

	if (!vma)
		return;
	f->row->region = region__name(vma->region);
	if (vma->name)
		f->row->name = name__text(vma->name);
}

/* The address of an access: it has a region, if need be "other", as in the report. */
static void fill_access(const struct filling *f, uint64_t addr)
{
	row__set_address(f->row, addr);
	f->row->region = region__name(REGION_OTHER);
	fill_place(f, addr);
}

/* What the model has made of the thread's last fault, if that is the one at addr. */
static const struct pending *find_pending(const struct filling *f, uint64_t addr)
{
	const struct thread *thread = f->proc ? process__find_thread(f->proc, f->ev->tid) : NULL;

	return thread && pending__is_at(&thread->pending, addr) ? &thread->pending : NULL;
}

static void fill_cause(const struct filling *f, uint64_t addr, bool major)
{
	const struct pending *pending = find_pending(f, addr);

	if (pending)
		f->row->cause = fault_cause__name(fault__cause(&pending->facts, major));
}

static void fill_fault(const struct filling *f)
{
	const struct event_fault *fault = &f->ev->fault;
	bool major = fault->ended && fault->major;

	fill_access(f, fault->addr);
	fill_cause(f, fault->addr, major);
	f->row->access = fault_access__name(fault->access);
	if (fault->timed)
		f->row->latency_ns = fault->latency_ns;
	if (fault->kernel)
		detail__add(f->row, "kernel");
	if (fault->protection)
		detail__add(f->row, "protection");
	if (major)
		detail__add(f->row, "major");
}

/* It has had its row as a fault: this is its end. */
static void fill_counted(const struct filling *f)
{
	const struct event_counted *counted = &f->ev->counted;
	const struct pending *pending = find_pending(f, counted->addr);

	fill_access(f, counted->addr);
	fill_cause(f, counted->addr, counted->major);
	if (pending && pending->timed)
		f->row->latency_ns = pending->latency_ns;
	if (counted->major)
		return;
	/* Without its beginning, which was lost, it tells nothing. */
	f->row->kind = pending && pending->timed ? "minor" : NULL;
	detail__add(f->row, "weight=%u", counted->weight);
}

static void fill_result(const struct filling *f, bool is_address)
{
	const struct event_call *call = &f->ev->call;
	const char *name = call->err ? strerrorname_np(call->err) : NULL;
	char *result = f->row->result;
	size_t size = sizeof(f->row->result);

	if (name)
		snprintf(result, size, "%s", name);
	else if (call->err)
		snprintf(result, size, "%d", -call->err);
	else if (is_address)
		snprintf(result, size, "0x%llx", (unsigned long long)call->ret);
	else
		snprintf(result, size, "0");
}

/* Why a memory call failed: the model has just found it out. */
static void fill_failure(const struct filling *f)
{
	const struct failure *failure = f->proc ? &f->proc->limits.last_failure : NULL;

	if (f->ev->kind < MT_KIND_MMAP || f->ev->kind > MT_KIND_MLOCKALL || !f->ev->call.err)
		return;
	if (!failure || failure->time_ns != f->ev->time_ns || failure->tid != f->ev->tid)
		return;
	detail__add(f->row, "cause=%s", failure_cause__name(failure->cause));
	if (failure->limit != BYTES_UNKNOWN)
		detail__add(f->row, "limit=%llu", (unsigned long long)failure->limit);
}

static void fill_mmap(const struct filling *f)
{
	static const struct word flags[] = {
		{MAP_SHARED_VALIDATE, "shared_validate"},
		{MAP_SHARED, "shared"},
		{MAP_PRIVATE, "private"},
		{MAP_ANONYMOUS, "anonymous"},
		{MAP_FIXED, "fixed"},
		{MAP_FIXED_NOREPLACE, "fixed_noreplace"},
		{MAP_POPULATE, "populate"},
		{MAP_LOCKED, "locked"},
		{MAP_STACK, "stack"},
		{MAP_NORESERVE, "noreserve"},
		{MAP_HUGETLB, "hugetlb"},
		{MAP_GROWSDOWN, "growsdown"},
		{MAP_NONBLOCK, "nonblock"},
		{MAP_DENYWRITE, "denywrite"},
	};
	const struct event_call *call = &f->ev->call;

	if (!call->err) {
		row__set_address(f->row, call->ret);
		fill_place(f, call->ret);
	} else if (call->addr) {
		row__set_address(f->row, call->addr);
	}
	if (call->has_file && *call->name && !f->row->name)
		f->row->name = call->name;
	row__set_size(f->row, call->size_bytes);
	fill_result(f, true);
	detail__add_prot(f->row, call->prot);
	ADD_FLAGS(f->row, call->flags, flags);
	if (call->has_file)
		detail__add(f->row, "offset=0x%llx", (unsigned long long)call->offset);
}

/* A range, and what is mapped where it begins; nothing any more after munmap. */
static void fill_range(const struct filling *f)
{
	const struct event_call *call = &f->ev->call;

	row__set_address(f->row, call->addr);
	fill_place(f, call->addr);
	row__set_size(f->row, call->size_bytes);
	fill_result(f, false);
}

static void fill_brk(const struct filling *f)
{
	const struct event_call *call = &f->ev->call;

	if (call->addr)
		row__set_address(f->row, call->addr);
	f->row->region = region__name(REGION_HEAP);
	if (f->proc)
		row__set_size(f->row, heap__brk_bytes(f->proc));
	fill_result(f, true);
}

static void fill_mremap(const struct filling *f)
{
	static const struct word flags[] = {
		{MREMAP_MAYMOVE, "maymove"},
		{MREMAP_FIXED, "fixed"},
		{MREMAP_DONTUNMAP, "dontunmap"},
	};
	const struct event_call *call = &f->ev->call;

	row__set_address(f->row, call->addr);
	fill_place(f, call->err ? call->addr : call->ret);
	row__set_size(f->row, call->new_size_bytes);
	fill_result(f, true);
	detail__add(f->row, "old_size_bytes=%llu", (unsigned long long)call->size_bytes);
	ADD_FLAGS(f->row, call->flags, flags);
}

static void fill_madvise(const struct filling *f)
{
	/* The numbers are the kernel's ABI; not every libc has all of them by name. */
	static const char *const advices[] = {
		[0] = "normal",		  [1] = "random",	   [2] = "sequential",
		[3] = "willneed",	  [4] = "dontneed",	   [8] = "free",
		[9] = "remove",		  [10] = "dontfork",	   [11] = "dofork",
		[12] = "mergeable",	  [13] = "unmergeable",	   [14] = "hugepage",
		[15] = "nohugepage",	  [16] = "dontdump",	   [17] = "dodump",
		[18] = "wipeonfork",	  [19] = "keeponfork",	   [20] = "cold",
		[21] = "pageout",	  [22] = "populate_read",  [23] = "populate_write",
		[24] = "dontneed_locked", [25] = "collapse",	   [100] = "hwpoison",
		[101] = "soft_offline",	  [102] = "guard_install", [103] = "guard_remove",
	};
	uint32_t advice = f->ev->call.advice;

	fill_range(f);
	if (advice < sizeof(advices) / sizeof(advices[0]) && advices[advice])
		detail__add(f->row, "%s", advices[advice]);
	else
		detail__add(f->row, "advice=%u", advice);
}

static void fill_mprotect(const struct filling *f)
{
	fill_range(f);
	detail__add_prot(f->row, f->ev->call.prot);
}

static void fill_mlockall(const struct filling *f)
{
	static const struct word flags[] = {
		{MCL_CURRENT, "current"},
		{MCL_FUTURE, "future"},
		{MCL_ONFAULT, "onfault"},
	};

	fill_result(f, false);
	ADD_FLAGS(f->row, f->ev->call.flags, flags);
}

static void fill_fork(const struct filling *f)
{
	static const struct word flags[] = {
		{MT_FORK_THREAD, "thread"},
		{MT_FORK_SHARED_MM, "shared_mm"},
		{MT_FORK_NOT_FOLLOWED, "not_followed"},
	};

	f->row->child_pid = f->ev->fork->child_tgid;
	f->row->child_tid = f->ev->fork->child_tid;
	ADD_FLAGS(f->row, f->ev->flags, flags);
}

static void fill_exec(const struct filling *f)
{
	f->row->name = f->ev->exec->path;
	if (f->ev->exec->old_tid != f->ev->tid)
		detail__add(f->row, "old_tid=%u", f->ev->exec->old_tid);
}

static void row__set_signal(struct report_event *row, int signo)
{
	snprintf(row->result, sizeof(row->result), "%s", signal__name(signo).s);
}

static void fill_exit(const struct filling *f)
{
	const struct mt_exit *exit = f->ev->exit;
	int status = (int)exit->exit_code;

	if (WIFSIGNALED(status))
		row__set_signal(f->row, WTERMSIG(status));
	else
		snprintf(f->row->result, sizeof(f->row->result), "%d", WEXITSTATUS(status));
	if (!(f->ev->flags & MT_EXIT_GROUP))
		return;
	detail__add(f->row, "process");
	if (WIFSIGNALED(status) && WCOREDUMP(status))
		detail__add(f->row, "core");
	if (exit->max_rss_bytes)
		detail__add(f->row, "peak_rss_bytes=%llu", (unsigned long long)exit->max_rss_bytes);
}

static void fill_hit(const struct filling *f)
{
	const struct stack_hit *hit = f->proc ? &f->proc->stack.last_hit : NULL;

	if (!hit || hit->time_ns != f->ev->time_ns || hit->tid != f->ev->tid)
		return;
	row__set_size(f->row, hit->size_bytes);
	detail__add(f->row, "hit=%s", stack_hit_kind__name(hit->kind));
	if (hit->limit_bytes != BYTES_UNKNOWN)
		detail__add(f->row, "limit_bytes=%llu", (unsigned long long)hit->limit_bytes);
}

static void fill_verdict(const struct filling *f)
{
	const struct crash *crash =
		f->proc ? crashes__find(f->proc, f->ev->tid, f->ev->time_ns) : NULL;

	if (!crash)
		return;
	f->row->access = fault_access__name(crash->access);
	detail__add(f->row, "verdict=%s", crash_verdict__name(crash->verdict));
	if (crash->handled_known)
		detail__add(f->row, crash->handled ? "handled" : "fatal");
}

static void fill_signal(const struct filling *f)
{
	const struct mt_signal *sig = f->ev->signal;
	const char *code = signal_code__name(sig->signo, sig->code);

	fill_access(f, sig->addr);
	row__set_signal(f->row, sig->signo);
	if (code)
		detail__add(f->row, "%s", code);
	else
		detail__add(f->row, "code=%d", sig->code);
	fill_hit(f);
	detail__add(f->row, "sp=0x%llx", (unsigned long long)sig->sp);
	detail__add(f->row, "ip=0x%llx", (unsigned long long)sig->ip);
	fill_verdict(f);
}

static void fill_rss(const struct filling *f)
{
	row__set_size(f->row, f->ev->rss_bytes);
}

static void fill_mapping(const struct filling *f)
{
	const struct event_mapping *mapping = &f->ev->mapping;

	row__set_address(f->row, mapping->start);
	fill_place(f, mapping->start);
	row__set_size(f->row, mapping->end - mapping->start);
	/* As it was read: the mirror may know a longer one by now. */
	f->row->name = *mapping->name ? mapping->name : NULL;
	detail__add_prot(f->row, mapping->prot);
	detail__add(f->row, mapping->shared ? "shared" : "private");
	if (f->ev->flags & MT_MAPPING_FIRST)
		detail__add(f->row, "first");
	if (!(f->ev->flags & MT_MAPPING_ANON))
		detail__add(f->row, "offset=0x%llx", (unsigned long long)mapping->offset);
}

/* What was lost since the counters were read last; no row where that is nothing. */
static void fill_loss(const struct filling *f)
{
	const struct model *model = f->model;
	uint64_t sum = 0;

	for (int cause = 0; cause < MT_LOSS_NR; cause++) {
		uint64_t before = model->losses_before.lost[cause], now = model->losses.lost[cause];

		if (now <= before)
			continue;
		sum += now - before;
		detail__add(f->row, "%s=%llu", loss_cause__name(cause),
			    (unsigned long long)(now - before));
	}
	snprintf(f->row->result, sizeof(f->row->result), "%llu", (unsigned long long)sum);
	if (!sum)
		f->row->kind = NULL;
}

/* One line for each kind of event that has a row. */
static const struct {
	const char *name;
	void (*fill)(const struct filling *f);
} kinds[] = {
	[MT_KIND_FAULTS] = {"fault", fill_fault},
	[MT_KIND_COUNTED] = {"major", fill_counted},
	[MT_KIND_MMAP] = {"mmap", fill_mmap},
	[MT_KIND_MUNMAP] = {"munmap", fill_range},
	[MT_KIND_BRK] = {"brk", fill_brk},
	[MT_KIND_MREMAP] = {"mremap", fill_mremap},
	[MT_KIND_MADVISE] = {"madvise", fill_madvise},
	[MT_KIND_MPROTECT] = {"mprotect", fill_mprotect},
	[MT_KIND_MLOCK] = {"mlock", fill_range},
	[MT_KIND_MLOCKALL] = {"mlockall", fill_mlockall},
	[MT_KIND_FORK] = {"fork", fill_fork},
	[MT_KIND_EXEC] = {"exec", fill_exec},
	[MT_KIND_EXIT] = {"exit", fill_exit},
	[MT_KIND_SIGNAL] = {"signal", fill_signal},
	[MT_KIND_OOM_KILL] = {"oom_kill", fill_oom_kill},
	[MT_KIND_RECLAIM] = {"reclaim", fill_reclaim},
	[MT_KIND_MAPPING] = {"mapping", fill_mapping},
	[MT_KIND_SAMPLE] = {"rss", fill_rss},
	[MT_KIND_LOSS] = {"loss", fill_loss},
};

static void row__set_time(struct report_event *row, const struct model_session *session,
			  uint64_t time_ns)
{
	row->time_known = session->known;
	row->t_ns = (int64_t)(time_ns - session->start_ns);
	row->realtime_ns = report__realtime_ns(session, time_ns);
}

static void row__set_names(struct report_event *row, const struct process *proc, uint32_t tid)
{
	const struct thread *thread = process__find_thread(proc, tid);

	if (*proc->comm)
		row->comm = proc->comm;
	if (thread && *thread->comm)
		row->thread = thread->comm;
}

bool report__event(struct model *model, const struct event *ev, struct report_event *row)
{
	struct filling filling = {
		.model = model,
		.ev = ev,
		.proc = ev->tgid ? model__find_process(model, ev->tgid) : NULL,
		.row = row,
	};

	if (ev->kind >= sizeof(kinds) / sizeof(kinds[0]) || !kinds[ev->kind].fill ||
	    model->session.ended)
		return false;
	row->kind = kinds[ev->kind].name;
	row->pid = ev->tgid;
	row->tid = ev->tid;
	row->comm = row->thread = row->region = row->access = row->name = NULL;
	row->address_known = false;
	row->size_bytes = BYTES_UNKNOWN;
	row->child_pid = row->child_tid = 0;
	row->cause = NULL;
	row->latency_ns = BYTES_UNKNOWN;
	row->result[0] = row->detail[0] = '\0';
	row__set_time(row, &model->session, ev->time_ns);
	if (filling.proc)
		row__set_names(row, filling.proc, ev->tid);
	kinds[ev->kind].fill(&filling);
	fill_failure(&filling);
	return row->kind;
}
