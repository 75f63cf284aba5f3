// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>

#include "event/event.h"

/* A string field that must end within the record; offset 0: the kind has none. */
struct string_field {
	uint16_t offset;
	uint16_t size;
};

struct kind {
	uint16_t min_bytes;
	struct string_field strings[4];
	void (*decode)(const struct mt_record *record, unsigned int i, struct event *ev);
};

#define STRING(type, field)                                                                        \
	{                                                                                          \
		offsetof(struct type, field), sizeof(((struct type *)0)->field)                    \
	}

#define LATENCY_MASK ((1ULL << MT_LATENCY_BITS) - 1)

static size_t fault__size(const struct mt_record *record)
{
	return record->kind == MT_KIND_TIMED_FAULTS ? sizeof(struct mt_timed_fault)
						    : sizeof(struct mt_fault);
}

static bool record__has_faults(const struct mt_record *record)
{
	return record->kind == MT_KIND_FAULTS || record->kind == MT_KIND_TIMED_FAULTS;
}

/* A timed one begins as the other does. */
static const struct mt_fault *faults__at(const struct mt_record *record, unsigned int i)
{
	return (const struct mt_fault *)((const char *)record + sizeof(struct mt_faults) +
					 i * fault__size(record));
}

static void decode_fault(const struct mt_record *record, unsigned int i, struct event *ev)
{
	const struct mt_fault *fault = faults__at(record, i);
	uint64_t bits = fault->addr_flags;

	ev->time_ns = fault->time_ns;
	ev->fault = (struct event_fault){
		.addr = bits & MT_FAULT_ADDR_MASK,
		.flt = flt__of(&fault->flt),
		.access = bits & MT_FAULT_EXEC	  ? ACCESS_EXEC
			  : bits & MT_FAULT_WRITE ? ACCESS_WRITE
						  : ACCESS_READ,
		.kernel = bits & MT_FAULT_KERNEL,
		.protection = bits & MT_FAULT_PROT,
		.entry = (enum mt_entry)(bits >> MT_FAULT_ENTRY_SHIFT),
		.moved = !i && record->flags & MT_FAULTS_MOVED,
		.lost_on_cpu = ((const struct mt_faults *)record)->lost,
	};
}

static void decode_timed_fault(const struct mt_record *record, unsigned int i, struct event *ev)
{
	uint64_t outcome = ((const struct mt_timed_fault *)faults__at(record, i))->latency_outcome;

	decode_fault(record, i, ev);
	ev->kind = MT_KIND_FAULTS;
	if (outcome & MT_OUTCOME_NO_ACCESS)
		ev->fault.access = ACCESS_UNKNOWN;
	ev->fault.ended = true;
	ev->fault.major = outcome & MT_OUTCOME_MAJOR;
	ev->fault.not_read = outcome & MT_OUTCOME_NOT_READ;
	ev->fault.timed = outcome & MT_OUTCOME_TIMED;
	ev->fault.latency_ns = outcome & LATENCY_MASK;
	ev->fault.huge_bytes = outcome & MT_OUTCOME_HUGE_PUD   ? 1ULL << 30
			       : outcome & MT_OUTCOME_HUGE_PMD ? 2ULL << 20
							       : 0;
}

static void decode_major(const struct mt_record *record, unsigned int i, struct event *ev)
{
	(void)i;
	ev->kind = MT_KIND_COUNTED;
	ev->counted = (struct event_counted){
		.addr = ((const struct mt_major *)record)->addr,
		.major = true,
		.weight = 1,
	};
}

static void decode_counted(const struct mt_record *record, unsigned int i, struct event *ev)
{
	const struct mt_counted *rec = (const struct mt_counted *)record;

	(void)i;
	ev->counted = (struct event_counted){
		.addr = rec->addr,
		.major = record->flags & MT_COUNTED_MAJOR,
		.ip = rec->ip,
		.weight = rec->weight,
	};
}

static enum mem_call call__of_kind(uint16_t kind)
{
	switch (kind) {
	case MT_KIND_BRK:
		return CALL_BRK;
	case MT_KIND_MMAP:
		return CALL_MMAP;
	case MT_KIND_MUNMAP:
		return CALL_MUNMAP;
	case MT_KIND_MREMAP:
		return CALL_MREMAP;
	case MT_KIND_MADVISE:
		return CALL_MADVISE;
	case MT_KIND_MPROTECT:
		return CALL_MPROTECT;
	default:
		return CALL_MLOCK;
	}
}

/* What system calls return for an error: -1 … -4095. */
#define MAX_ERRNO 4095

int call__errno(const struct mt_call *rec)
{
	/* brk answers with the break as it is: an error is a break that is not the wished one. */
	if (rec->hdr.kind == MT_KIND_BRK)
		return rec->arg[0] && (uint64_t)rec->ret != rec->arg[0] ? ENOMEM : 0;
	return rec->ret < 0 && rec->ret >= -MAX_ERRNO ? (int)-rec->ret : 0;
}

static void call__decode_args(const struct mt_call *rec, struct event_call *call)
{
	call->addr = rec->arg[0];
	call->size_bytes = rec->arg[1];
	switch (call->call) {
	case CALL_BRK:
		call->size_bytes = 0;
		break;
	case CALL_MMAP:
		call->prot = rec->arg[2];
		call->flags = rec->arg[3];
		call->offset = rec->arg[5];
		break;
	case CALL_MREMAP:
		call->new_size_bytes = rec->arg[2];
		call->flags = rec->arg[3];
		break;
	case CALL_MADVISE:
		call->advice = rec->arg[2];
		break;
	case CALL_MPROTECT:
		call->prot = rec->arg[2];
		break;
	default:
		break;
	}
	if (call->all) {
		call->flags = rec->arg[0];
		call->addr = 0;
		call->size_bytes = 0;
	}
}

/* What follows a call since 1.2. */
static const struct mt_use *call__use(const struct mt_record *record)
{
	size_t size = record->kind == MT_KIND_MMAP && record->flags & MT_CALL_FILE
			      ? sizeof(struct mt_mmap_file)
			      : sizeof(struct mt_call);

	if (record->size_bytes < size + sizeof(struct mt_use))
		return NULL;
	return (const struct mt_use *)((const char *)record + size);
}

static void decode_call(const struct mt_record *record, unsigned int i, struct event *ev)
{
	const struct mt_call *rec = (const struct mt_call *)record;
	enum mem_call call = call__of_kind(record->kind);

	(void)i;
	ev->call = (struct event_call){
		.call = call,
		.err = call__errno(rec),
		.ret = rec->ret,
		.all = record->kind == MT_KIND_MLOCKALL,
		.name = "",
		.flt = flt__of(&rec->flt),
		.use = call__use(record),
	};
	call__decode_args(rec, &ev->call);
	if (call == CALL_MMAP && record->flags & MT_CALL_FILE) {
		const struct mt_file *file = &((const struct mt_mmap_file *)record)->file;

		ev->call.has_file = true;
		ev->call.dev_major = file->dev_major;
		ev->call.dev_minor = file->dev_minor;
		ev->call.ino = file->ino;
		ev->call.name = file->name;
	}
}

static void decode_mapping(const struct mt_record *record, unsigned int i, struct event *ev)
{
	const struct mt_mapping *rec = (const struct mt_mapping *)record;

	(void)i;
	ev->mapping = (struct event_mapping){
		.start = rec->start,
		.end = rec->end,
		.offset = rec->offset,
		.prot = rec->prot,
		.shared = rec->shared,
		.dev_major = rec->dev_major,
		.dev_minor = rec->dev_minor,
		.ino = rec->ino,
		.name = rec->name,
	};
}

static void decode_sample(const struct mt_record *record, unsigned int i, struct event *ev)
{
	(void)i;
	ev->rss_bytes = ((const struct mt_sample *)record)->rss_bytes;
}

static void decode_end(const struct mt_record *record, unsigned int i, struct event *ev)
{
	(void)i;
	ev->ended_by = ((const struct mt_end *)record)->ended_by;
}

static void decode_signal(const struct mt_record *record, unsigned int i, struct event *ev)
{
	(void)i;
	ev->signal = (const struct mt_signal *)record;
	ev->signal_more = record->size_bytes >= sizeof(struct mt_signal_more)
				  ? (const struct mt_signal_more *)record
				  : NULL;
}

/* The other kinds have no smaller form than the record itself: all members are one pointer. */
static void decode_whole(const struct mt_record *record, unsigned int i, struct event *ev)
{
	(void)i;
	ev->fork = (const struct mt_fork *)record;
}

static const struct kind kinds[] = {
	[MT_KIND_FAULTS] = {sizeof(struct mt_faults), {}, decode_fault},
	[MT_KIND_MAJOR] = {sizeof(struct mt_major), {}, decode_major},
	[MT_KIND_MMAP] = {sizeof(struct mt_call), {}, decode_call},
	[MT_KIND_MUNMAP] = {sizeof(struct mt_call), {}, decode_call},
	[MT_KIND_BRK] = {sizeof(struct mt_call), {}, decode_call},
	[MT_KIND_MREMAP] = {sizeof(struct mt_call), {}, decode_call},
	[MT_KIND_MADVISE] = {sizeof(struct mt_call), {}, decode_call},
	[MT_KIND_MPROTECT] = {sizeof(struct mt_call), {}, decode_call},
	[MT_KIND_MLOCK] = {sizeof(struct mt_call), {}, decode_call},
	[MT_KIND_MLOCKALL] = {sizeof(struct mt_call), {}, decode_call},
	[MT_KIND_FORK] = {sizeof(struct mt_fork), {}, decode_whole},
	[MT_KIND_EXEC] = {sizeof(struct mt_exec),
			  {STRING(mt_exec, comm), STRING(mt_exec, path)},
			  decode_whole},
	[MT_KIND_EXIT] = {sizeof(struct mt_exit), {STRING(mt_exit, comm)}, decode_whole},
	[MT_KIND_SIGNAL] = {sizeof(struct mt_signal), {STRING(mt_signal, comm)}, decode_signal},
	[MT_KIND_MAPPING] = {sizeof(struct mt_mapping), {STRING(mt_mapping, name)}, decode_mapping},
	[MT_KIND_SESSION] = {sizeof(struct mt_session),
			     {STRING(mt_session, kernel), STRING(mt_session, arch),
			      STRING(mt_session, host), STRING(mt_session, target)},
			     decode_whole},
	[MT_KIND_PROCESS] = {sizeof(struct mt_process),
			     {STRING(mt_process, comm), STRING(mt_process, exe)},
			     decode_whole},
	[MT_KIND_THREAD] = {sizeof(struct mt_thread), {STRING(mt_thread, comm)}, decode_whole},
	[MT_KIND_SAMPLE] = {sizeof(struct mt_sample), {}, decode_sample},
	[MT_KIND_TICK] = {sizeof(struct mt_tick), {}, decode_whole},
	[MT_KIND_WATERMARK] = {sizeof(struct mt_tick), {}, decode_whole},
	[MT_KIND_GONE] = {sizeof(struct mt_tick), {}, decode_whole},
	[MT_KIND_LOSS] = {sizeof(struct mt_losses), {}, decode_whole},
	[MT_KIND_PROBE] = {sizeof(struct mt_probe),
			   {STRING(mt_probe, fact), STRING(mt_probe, via),
			    STRING(mt_probe, misses)},
			   decode_whole},
	[MT_KIND_END] = {sizeof(struct mt_end), {}, decode_end},
	[MT_KIND_COUNTED] = {sizeof(struct mt_counted), {}, decode_counted},
	[MT_KIND_HUGE] = {sizeof(struct mt_huge), {}, decode_whole},
	[MT_KIND_ANON_NAME] = {sizeof(struct mt_anon_name),
			       {STRING(mt_anon_name, name)},
			       decode_whole},
	[MT_KIND_TIMED_FAULTS] = {sizeof(struct mt_faults), {}, decode_timed_fault},
	[MT_KIND_LIMITS] = {sizeof(struct mt_limits), {}, decode_whole},
	[MT_KIND_STACK_COPY] = {sizeof(struct mt_stack_copy), {}, decode_whole},
	[MT_KIND_OOM_KILL] = {sizeof(struct mt_oom_kill),
			      {STRING(mt_oom_kill, comm), STRING(mt_oom_kill, trigger_comm),
			       STRING(mt_oom_kill, cgroup)},
			      decode_whole},
	[MT_KIND_RECLAIM] = {sizeof(struct mt_reclaim), {}, decode_whole},
	[MT_KIND_CGROUP] = {sizeof(struct mt_cgroup), {STRING(mt_cgroup, path)}, decode_whole},
	[MT_KIND_STACK] = {sizeof(struct mt_stack), {}, decode_whole},
	[MT_KIND_STACK_MARK] = {sizeof(struct mt_stack_mark), {}, decode_whole},
	[MT_KIND_MEMORY] = {sizeof(struct mt_memory), {}, decode_whole},
	[MT_KIND_BUILD_ID] = {sizeof(struct mt_build_id),
			      {STRING(mt_build_id, name)},
			      decode_whole},
	[MT_KIND_SYMBOL] = {sizeof(struct mt_symbol),
			    {STRING(mt_symbol, file), STRING(mt_symbol, symbol)},
			    decode_whole},
};

static const struct kind *kind__of(uint16_t kind)
{
	if (kind >= sizeof(kinds) / sizeof(kinds[0]) || !kinds[kind].decode)
		return NULL;
	return &kinds[kind];
}

static bool strings__end(const struct mt_record *record, const struct kind *kind)
{
	for (size_t i = 0; i < sizeof(kind->strings) / sizeof(kind->strings[0]); i++) {
		const struct string_field *field = &kind->strings[i];

		if (field->offset && !memchr((const char *)record + field->offset, 0, field->size))
			return false;
	}
	return true;
}

static bool frames__fit(const struct mt_stack *stack)
{
	const struct mt_frame *frames = stack__frames(stack);

	if (stack->nr > MT_STACK_MAX_FRAMES ||
	    stack->hdr.size_bytes < sizeof(*stack) + stack->nr * sizeof(*frames) ||
	    stack->left_out_after > stack->nr)
		return false;
	for (uint32_t i = 0; i < stack->nr; i++)
		if (!memchr(frames[i].symbol, 0, sizeof(frames[i].symbol)) ||
		    !memchr(frames[i].file, 0, sizeof(frames[i].file)) ||
		    frames[i].cycle > stack->nr - i || !frames[i].repeat)
			return false;
	return true;
}

static bool copy__fits(const struct mt_stack_copy *copy)
{
	return copy->slot < MT_STACK_CHUNKS && copy->nr_chunks <= MT_STACK_CHUNKS - copy->slot &&
	       copy->nr_chunks <= MT_STACK_DEEP_CHUNKS && !(copy->start % MT_STACK_PAGE_BYTES);
}

/* What a minimum size cannot say: parts whose presence the record itself announces. */
static bool parts__fit(const struct mt_record *record)
{
	if (record__has_faults(record)) {
		uint32_t nr = ((const struct mt_faults *)record)->nr;

		return nr >= 1 && nr <= MT_BATCH_FAULTS &&
		       record->size_bytes == sizeof(struct mt_faults) + nr * fault__size(record);
	}
	if (record->kind == MT_KIND_MMAP && record->flags & MT_CALL_FILE) {
		const struct mt_mmap_file *mmap_file = (const struct mt_mmap_file *)record;

		return record->size_bytes >= sizeof(*mmap_file) &&
		       memchr(mmap_file->file.name, 0, sizeof(mmap_file->file.name));
	}
	if (record->kind == MT_KIND_MAPPING) {
		const struct mt_mapping *mapping = (const struct mt_mapping *)record;

		return mapping->start < mapping->end;
	}
	if (record->kind == MT_KIND_STACK)
		return frames__fit((const struct mt_stack *)record);
	if (record->kind == MT_KIND_STACK_COPY)
		return copy__fits((const struct mt_stack_copy *)record);
	if (record->kind == MT_KIND_STACK_MARK) {
		const struct mt_stack_mark *mark = (const struct mt_stack_mark *)record;

		return mark->start < mark->end && mark->lowest >= mark->start &&
		       mark->lowest <= mark->end;
	}
	if (record->kind == MT_KIND_BUILD_ID)
		return ((const struct mt_build_id *)record)->id_bytes <= MT_BUILD_ID_MAX_BYTES;
	return true;
}

int record__check(const void *data, size_t size)
{
	const struct mt_record *record = data;
	const struct kind *kind;

	if (size < sizeof(*record) || record->size_bytes < sizeof(*record) ||
	    record->size_bytes > size || record->size_bytes > MT_RECORD_MAX_BYTES)
		return -EBADMSG;
	kind = kind__of(record->kind);
	if (!kind)
		return -ENOTSUP;
	if (record->size_bytes < kind->min_bytes || !strings__end(record, kind) ||
	    !parts__fit(record))
		return -EBADMSG;
	return 0;
}

unsigned int record__events(const struct mt_record *record)
{
	return record__has_faults(record) ? ((const struct mt_faults *)record)->nr : 1;
}

uint64_t record__time(const struct mt_record *record, unsigned int i)
{
	return record__has_faults(record) ? faults__at(record, i)->time_ns : record->time_ns;
}

void record__decode(const struct mt_record *record, unsigned int i, struct event *ev)
{
	ev->kind = record->kind;
	ev->time_ns = record->time_ns;
	ev->tgid = record->tgid;
	ev->tid = record->tid;
	ev->flags = record->flags;
	ev->cpu = record->cpu;
	kinds[record->kind].decode(record, i, ev);
}
