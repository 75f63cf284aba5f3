// SPDX-License-Identifier: GPL-2.0-or-later
#include "report/notice.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/errno_name.h"
#include "base/page.h"
#include "base/units.h"
#include "model/model.h"
#include "report/backtrace.h"
#include "report/crash.h"

#define OUTCOME_FATAL "fatal"

uint64_t report__realtime_ns(const struct model_session *session, uint64_t time_ns)
{
	return session->record.start_realtime_ns + time_ns - session->start_ns;
}

static void describe_forebears(struct model *model, const struct process *proc,
			       struct report_notice *row)
{
	while (proc && proc->ppid && row->nr_forebears < NOTICE_FOREBEARS) {
		row->forebears[row->nr_forebears++] = proc->ppid;
		proc = model__find_process(model, proc->ppid);
	}
}

/* What all kinds have of the process and the thread. */
static int describe_who(const struct model *model, const struct process *proc,
			const struct notice *notice, struct report_notice *row)
{
	row->realtime_ns = report__realtime_ns(&model->session, notice->time_ns);
	row->pid = notice->pid;
	row->tid = notice->tid;
	row->ip = notice->ip;
	row->handled = notice->handled;
	row->size_bytes = row->limit_bytes = BYTES_UNKNOWN;
	memcpy(row->comm, proc->comm, sizeof(proc->comm));
	if (proc->exe) {
		row->exe = strdup(proc->exe);
		if (!row->exe)
			return -ENOMEM;
	}
	return 0;
}

/* The innermost one, where no stack says more. */
static int set_function(const struct model *model, const struct crash *crash,
			struct report_notice *row)
{
	const struct function *function =
		functions__find(&model->functions, crash->ip_name, crash->ip_offset);

	if (!function)
		return 0;
	return asprintf(&row->where, "in %s()", function->symbol) < 0 ? -ENOMEM : 0;
}

static const char *crash_outcome(const struct crash *crash)
{
	if (crash->fatal)
		return OUTCOME_FATAL;
	return crash->handled_known && crash->handled ? "handled" : NULL;
}

/* A stack at its limit is a bad access, too. */
static int describe_crash(const struct model *model, const struct process *proc,
			  const struct notice *notice, struct report_notice *row)
{
	const struct crash *crash = crashes__find(proc, notice->tid, notice->time_ns);
	bool is_hit = notice->kind == NOTICE_STACK_HIT;

	if (!crash)
		return -ENOENT;
	row->event = is_hit ? "stack_hit" : "crash";
	row->kind = is_hit ? stack_hit_kind__name(crash->hit.kind)
			   : crash_verdict__name(crash->verdict);
	memcpy(row->thread, crash->comm, sizeof(crash->comm));
	row->outcome = crash_outcome(crash);
	row->handled = crash->handled && !crash->fatal;
	row->address_known = crash->addr_known;
	row->address = crash->addr;
	row->signal = crash->signo;
	if (is_hit) {
		row->size_bytes = crash->hit.size_bytes;
		row->limit_bytes = crash->hit.limit_bytes;
	}
	row->words = report_crash__text(crash);
	return row->words ? set_function(model, crash, row) : -ENOMEM;
}

static void describe_thread(const struct process *proc, struct report_notice *row)
{
	const struct thread *thread = process__find_thread(proc, row->tid);

	if (thread)
		memcpy(row->thread, thread->comm, sizeof(thread->comm));
}

static const char *limit_name(enum failure_cause cause)
{
	static const char *const names[NR_FAILURE_CAUSES] = {
		[FAILURE_RLIMIT_AS] = "RLIMIT_AS",
		[FAILURE_RLIMIT_DATA] = "RLIMIT_DATA",
		[FAILURE_RLIMIT_MEMLOCK] = "RLIMIT_MEMLOCK",
		[FAILURE_MAX_MAP_COUNT] = "vm.max_map_count",
		[FAILURE_OVERCOMMIT] = "vm.overcommit_memory",
		[FAILURE_ADDRESS_SPACE] = "no room in the address space",
	};

	return names[cause] ?: failure_cause__name(cause);
}

/* "RLIMIT_AS (4.0 GiB of 4.0 GiB in use)" */
static void limit_words(const struct failure *failure, char *buf, size_t size)
{
	const char *name = limit_name(failure->cause);
	bool mappings = failure->cause == FAILURE_MAX_MAP_COUNT;

	if (failure->used == BYTES_UNKNOWN || failure->limit == BYTES_UNKNOWN)
		snprintf(buf, size, "%s", name);
	else if (mappings)
		snprintf(buf, size, "%s (%s of %s mappings)", name, units__count(failure->used).s,
			 units__count(failure->limit).s);
	else
		snprintf(buf, size, "%s (%s of %s in use)", name, units__bytes(failure->used).s,
			 units__bytes(failure->limit).s);
}

static int describe_limit(const struct model *model, const struct process *proc,
			  const struct notice *notice, struct report_notice *row)
{
	const struct failure *failure = &proc->limits.last_failure;
	char limit[128], asked[64] = "";

	(void)model;
	if (failure->time_ns != notice->time_ns || failure->tid != notice->tid)
		return -ENOENT;
	row->event = "limit";
	row->kind = failure_cause__name(failure->cause);
	row->call = mem_call__name(failure->call);
	row->error = strerrorname_np(failure->err);
	describe_thread(proc, row);
	row->size_bytes = failure->asked_bytes;
	if (failure->cause != FAILURE_MAX_MAP_COUNT)
		row->limit_bytes = failure->limit;
	limit_words(failure, limit, sizeof(limit));
	if (failure->asked_bytes && failure->asked_bytes != BYTES_UNKNOWN)
		snprintf(asked, sizeof(asked), " of %s", units__bytes(failure->asked_bytes).s);
	if (asprintf(&row->words, "%s%s failed: %s, %s", row->call, asked,
		     errno__name(failure->err).s, limit) < 0)
		row->words = NULL;
	return row->words ? 0 : -ENOMEM;
}

/* For want of whose memory; empty: not known. */
static void shortage_words(const struct mt_oom_kill *rec, char *buf, size_t size)
{
	if (!(rec->hdr.flags & MT_OOM_SIZES_KNOWN))
		*buf = '\0';
	else if (rec->cgroup_limit_bytes == BYTES_UNKNOWN)
		snprintf(buf, size, ": the system was");
	else
		snprintf(buf, size, ": cgroup %s had used %s of %s",
			 *rec->cgroup ? rec->cgroup : "/", units__bytes(rec->cgroup_usage_bytes).s,
			 units__bytes(rec->cgroup_limit_bytes).s);
}

static void set_oom_sizes(const struct mt_oom_kill *rec, struct report_notice *row)
{
	if (!(rec->hdr.flags & MT_OOM_SIZES_KNOWN))
		return;
	row->kind = rec->cgroup_limit_bytes == BYTES_UNKNOWN ? "system" : "cgroup";
	row->size_bytes = (rec->anon_pages + rec->file_pages + rec->shmem_pages) << PAGE_SHIFT;
	row->limit_bytes = rec->cgroup_limit_bytes;
}

/* Who was killed, or, where that is nobody who is traced, who asked for more. */
static int describe_oom(const struct model *model, const struct process *proc,
			const struct notice *notice, struct report_notice *row)
{
	size_t nr = proc->oom.kills.nr;
	const struct oom_kill *kill = nr ? &proc->oom.kills.items[nr - 1] : NULL;
	const struct mt_oom_kill *rec;
	char shortage[192], trigger[48];

	(void)model;
	if (!kill || kill->time_ns != notice->time_ns)
		return -ENOENT;
	rec = &kill->record;
	row->event = "oom_kill";
	set_oom_sizes(rec, row);
	describe_thread(proc, row);
	shortage_words(rec, shortage, sizeof(shortage));
	if (!(kill->roles & OOM_VICTIM)) {
		if (asprintf(&row->words, "asked for more: pid %u %s was killed, out of memory%s",
			     rec->hdr.tgid, rec->comm, shortage) < 0)
			row->words = NULL;
		return row->words ? 0 : -ENOMEM;
	}
	row->outcome = OUTCOME_FATAL;
	row->signal = SIGKILL;
	if (kill->roles & OOM_TRIGGER)
		snprintf(trigger, sizeof(trigger), "it");
	else
		snprintf(trigger, sizeof(trigger), "pid %u %s", rec->trigger_tgid,
			 rec->trigger_comm);
	if (asprintf(&row->words, "killed, out of memory%s; %s asked for more", shortage, trigger) <
	    0)
		row->words = NULL;
	return row->words ? 0 : -ENOMEM;
}

/* All in a line: "parse × 4,112;handle;main"; a recursion of several is "even > odd × 12". One that
 * was not followed to its begin ends in "...". */
static char *stack_line(const struct report_backtrace *backtrace, bool utf8)
{
	uint32_t left = 0, repeat = 1;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	for (size_t i = 0; i < backtrace->nr_frames; i++) {
		const struct report_frame *frame = &backtrace->frames[i];

		fputs(!i ? "" : left ? " > " : ";", out);
		if (i && !left && backtrace->left_out && i == backtrace->left_out_after)
			fputs("...;", out);
		if (!left) {
			left = frame->repeat > 1 && frame->cycle ? frame->cycle : 1;
			repeat = frame->repeat;
		}
		report_frame__print(frame, "", out);
		if (!--left && repeat > 1)
			fprintf(out, " %s %s", utf8 ? "×" : "x", units__count(repeat).s);
	}
	if (backtrace->cut_off)
		fputs(";...", out);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

int report_notice__set_stack(const struct model *model, const struct notice *notice, bool utf8,
			     struct report_notice *row)
{
	struct report_backtrace *backtrace;
	char *where;
	int err = report_backtrace__build(model, notice->pid, notice->tid, notice->time_ns,
					  &backtrace);

	if (err || !backtrace)
		return err;
	row->stack = stack_line(backtrace, utf8);
	if (!row->stack)
		err = -ENOMEM;
	where = backtrace__phrase(backtrace, utf8);
	if (where) {
		free(row->where);
		row->where = where;
	}
	report_backtrace__free(backtrace);
	return err;
}

static int (*const describe[])(const struct model *model, const struct process *proc,
			       const struct notice *notice, struct report_notice *row) = {
	[NOTICE_STACK_HIT] = describe_crash,
	[NOTICE_CRASH] = describe_crash,
	[NOTICE_LIMIT] = describe_limit,
	[NOTICE_OOM_KILL] = describe_oom,
};

int report__notice(struct model *model, const struct notice *notice, struct report_notice *row)
{
	const struct process *proc = model__find_process(model, notice->pid);
	int err;

	*row = (struct report_notice){};
	if (!proc || notice->kind >= sizeof(describe) / sizeof(describe[0]) ||
	    !describe[notice->kind])
		return -ENOENT;
	err = describe_who(model, proc, notice, row)
		      ?: describe[notice->kind](model, proc, notice, row);
	if (err)
		report_notice__release(row);
	else
		describe_forebears(model, proc, row);
	return err;
}

/* Of what kind: what the lines above it are of may be another one. */
static char *more_words(const struct more_notices *more)
{
	static const char *const names[] = {
		[NOTICE_STACK_HIT] = "stack-limit hit",
		[NOTICE_CRASH] = "bad access",
		[NOTICE_LIMIT] = "failed call",
		[NOTICE_OOM_KILL] = "out-of-memory kill",
	};
	const char *plural = more->nr == 1 ? "" : more->kind == NOTICE_CRASH ? "es" : "s";
	bool limit = more->kind == NOTICE_LIMIT && !more->several_whats;
	char *words;
	int n;

	if (more->several_kinds)
		n = asprintf(&words, "and %s more of several kinds", units__count(more->nr).s);
	else
		n = asprintf(&words, "and %s more %s%s%s%s", units__count(more->nr).s,
			     names[more->kind], plural, limit ? ": " : "",
			     limit ? limit_name(more->what) : "");
	return n < 0 ? NULL : words;
}

int report__more_notices(const char *comm, uint32_t pid, const struct more_notices *more,
			 uint64_t realtime_ns, struct report_notice *row)
{
	char *words = more_words(more);

	if (!words)
		return -ENOMEM;
	*row = (struct report_notice){.realtime_ns = realtime_ns,
				      .pid = pid,
				      .tid = pid,
				      .words = words,
				      .more = more->nr};
	snprintf(row->comm, sizeof(row->comm), "%s", comm);
	return 0;
}

char *report_notice__text(const struct report_notice *row)
{
	char who[64] = "", thread[64] = "", *text;

	if (row->pid)
		snprintf(who, sizeof(who), "%s[%u]", *row->comm ? row->comm : "?", row->pid);
	else
		snprintf(who, sizeof(who), "%s", *row->comm ? row->comm : "several programs");
	if (row->tid != row->pid && *row->thread)
		snprintf(thread, sizeof(thread), " tid %u \"%s\"", row->tid, row->thread);
	else if (row->tid != row->pid)
		snprintf(thread, sizeof(thread), " tid %u", row->tid);
	if (asprintf(&text, "%s%s %s%s%s%s%s%s", who, thread, row->words, row->where ? ", " : "",
		     row->where ?: "", row->outcome ? " (" : "", row->outcome ?: "",
		     row->outcome ? ")" : "") < 0)
		return NULL;
	return text;
}

bool report_notice__is_fatal(const struct report_notice *row)
{
	return row->outcome && !strcmp(row->outcome, OUTCOME_FATAL);
}

void report_notice__release(struct report_notice *row)
{
	free(row->exe);
	free(row->words);
	free(row->where);
	free(row->stack);
}
