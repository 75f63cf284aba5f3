// SPDX-License-Identifier: GPL-2.0-or-later
#include "model/failure.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/page.h"

/* User addresses of x86-64 and arm64 end there, unless a program asks for higher ones. */
#define ADDRESS_SPACE_BYTES (1ULL << 47)
/* move_vma() and mremap_to() keep so many mappings in reserve, for the pieces they may make. */
#define MOVE_RESERVE 3
#define MOVE_FIXED_RESERVE 5
/* What __vm_enough_memory() keeps back at most, for root and for who has a lot already. */
#define ADMIN_RESERVE_BYTES (8ULL << 20)
#define USER_RESERVE_BYTES (128ULL << 20)

struct failing {
	struct process *proc;
	const struct event_call *call;
	const struct mt_memory *memory; /* NULL: not known */
	struct failure *ret;
};

/* What a call wants on top of what there is. */
struct want {
	uint64_t pages;
	bool data;	  /* is_data_mapping(): private, writable, no stack */
	bool accountable; /* accountable_mapping(), or shared memory that is not of a file */
};

static uint64_t pages_of(uint64_t bytes)
{
	return page__up(bytes) >> PAGE_SHIFT;
}

/* 0: not known. */
static uint64_t call__total_bytes(const struct event_call *call)
{
	return call->use ? call->use->total_pages << PAGE_SHIFT : 0;
}

static enum failure_cause failing__is(const struct failing *f, enum failure_cause cause,
				      uint64_t used, uint64_t limit)
{
	f->ret->used = used;
	f->ret->limit = limit;
	return cause;
}

/* FAILURE_UNKNOWN: this is not it. */
static enum failure_cause against_rlimit(const struct failing *f, enum mt_limit which,
					 uint64_t used_pages, uint64_t pages,
					 enum failure_cause cause)
{
	uint64_t soft = f->proc->limits.soft_bytes[which];

	if (!f->proc->limits.known || !f->call->use || soft == NO_LIMIT)
		return FAILURE_UNKNOWN;
	if (used_pages + pages <= soft >> PAGE_SHIFT)
		return FAILURE_UNKNOWN;
	return failing__is(f, cause, used_pages << PAGE_SHIFT, soft);
}

/*
 * mlock_future_ok(), do_mlock(). Nobody fails by it who has CAP_IPC_LOCK, but a process may have
 * given that up since it was looked at.
 */
static enum failure_cause against_memlock(const struct failing *f, uint64_t pages)
{
	return against_rlimit(f, MT_LIMIT_MEMLOCK, f->call->use ? f->call->use->locked_pages : 0,
			      pages, FAILURE_RLIMIT_MEMLOCK);
}

static enum failure_cause against_data(const struct failing *f, uint64_t pages)
{
	return against_rlimit(f, MT_LIMIT_DATA, f->call->use ? f->call->use->data_pages : 0, pages,
			      FAILURE_RLIMIT_DATA);
}

/* may_expand_vm(): address space first, then data. */
static enum failure_cause against_size(const struct failing *f, const struct want *want)
{
	const struct mt_use *use = f->call->use;
	enum failure_cause cause;

	if (!use)
		return FAILURE_UNKNOWN;
	cause = against_rlimit(f, MT_LIMIT_AS, use->total_pages, want->pages, FAILURE_RLIMIT_AS);
	if (cause == FAILURE_UNKNOWN && want->data)
		cause = against_data(f, want->pages);
	return cause;
}

/* A call that makes so many mappings more. They may be one more than vm.max_map_count. */
static enum failure_cause against_map_count(const struct failing *f, uint64_t more)
{
	const struct mt_use *use = f->call->use;

	if (!use || !f->memory || !f->memory->max_map_count ||
	    use->map_count + more <= f->memory->max_map_count)
		return FAILURE_UNKNOWN;
	return failing__is(f, FAILURE_MAX_MAP_COUNT, use->map_count, f->memory->max_map_count);
}

/*
 * __vm_enough_memory(). Never: what is committed by all, of which the call's moment and that of its
 * reading differ a little. By default: what is beyond all memory and swap that there is.
 */
static enum failure_cause against_commit(const struct failing *f, const struct want *want)
{
	const struct mt_memory *memory = f->memory;
	uint64_t total, slack;

	if (!memory || !want->accountable || want->pages > ADDRESS_SPACE_BYTES >> PAGE_SHIFT)
		return FAILURE_UNKNOWN;
	if (memory->overcommit == OVERCOMMITS_IF_PLAUSIBLE) {
		total = memory->total_bytes + memory->swap_total_bytes;
		if (want->pages <= total >> PAGE_SHIFT)
			return FAILURE_UNKNOWN;
		return failing__is(f, FAILURE_OVERCOMMIT, BYTES_UNKNOWN, total);
	}
	if (memory->overcommit != OVERCOMMITS_NEVER)
		return FAILURE_UNKNOWN;
	slack = ADMIN_RESERVE_BYTES + memory->commit_limit_bytes / 64;
	total = call__total_bytes(f->call);
	slack += total / 32 < USER_RESERVE_BYTES ? total / 32 : USER_RESERVE_BYTES;
	if (memory->committed_bytes + (want->pages << PAGE_SHIFT) + slack <=
	    memory->commit_limit_bytes)
		return FAILURE_UNKNOWN;
	return failing__is(f, FAILURE_OVERCOMMIT, memory->committed_bytes,
			   memory->commit_limit_bytes);
}

static enum failure_cause space_is_full(const struct failing *f)
{
	return failing__is(f, FAILURE_ADDRESS_SPACE, call__total_bytes(f->call) ?: BYTES_UNKNOWN,
			   ADDRESS_SPACE_BYTES);
}

/* No range of that size is free: get_unmapped_area(). */
static enum failure_cause against_space(const struct failing *f, uint64_t bytes)
{
	const struct mirror *mirror = &f->proc->mirror;
	uint64_t end = 0, total, left;

	if (!mirror->known)
		return FAILURE_UNKNOWN;
	total = call__total_bytes(f->call);
	/* Even the mean of the gaps would do: for usual sizes there is nothing to look through. */
	left = total < ADDRESS_SPACE_BYTES ? ADDRESS_SPACE_BYTES - total : 0;
	if (left / (mirror->nr + 1) >= bytes)
		return FAILURE_UNKNOWN;
	for (const struct vma *vma = mirror__first(mirror); vma && end < ADDRESS_SPACE_BYTES;
	     vma = mirror__next((struct vma *)vma)) {
		usage__step(f->proc->usage, 1);
		if (vma->start > end && vma->start - end >= bytes)
			return FAILURE_UNKNOWN;
		end = vma->end;
	}
	if (end < ADDRESS_SPACE_BYTES && ADDRESS_SPACE_BYTES - end >= bytes)
		return FAILURE_UNKNOWN;
	return space_is_full(f);
}

/* More than all addresses, whatever is mapped. */
static bool is_beyond_space(const struct failing *f, uint64_t bytes)
{
	uint64_t total = call__total_bytes(f->call);

	return bytes > ADDRESS_SPACE_BYTES || total > ADDRESS_SPACE_BYTES - bytes;
}

/* Is a part of the call's range known not to be mapped? */
static bool range__has_hole(const struct failing *f)
{
	uint64_t at = f->call->addr & ~PAGE_MASK;
	uint64_t end = page__up(f->call->addr + f->call->size_bytes);
	const struct vma *vma;

	if (!f->proc->mirror.known || end <= at)
		return false;
	for (vma = mirror__find_above(&f->proc->mirror, at); at < end;
	     vma = mirror__next((struct vma *)vma)) {
		usage__step(f->proc->usage, 1);
		if (!vma || vma->start > at)
			return true;
		at = vma->end;
	}
	return false;
}

/* What MAP_FIXED would replace does not count: count_vma_pages_range(). */
static uint64_t range__mapped_pages(const struct failing *f, bool data_only)
{
	uint64_t start = f->call->addr, end = page__up(start + f->call->size_bytes), bytes = 0;
	const struct vma *vma = mirror__find_above(&f->proc->mirror, start);

	for (; vma && vma->start < end; vma = mirror__next((struct vma *)vma)) {
		usage__step(f->proc->usage, 1);
		if (data_only && (vma->shared || !(vma->prot & PROT_WRITE)))
			continue;
		bytes += vma__part_bytes(vma, start, end);
	}
	return bytes >> PAGE_SHIFT;
}

static struct want mmap__want(const struct failing *f)
{
	const struct event_call *call = f->call;
	bool private = (call->flags & MAP_TYPE) == MAP_PRIVATE;
	bool reserves = !(call->flags & MAP_NORESERVE) ||
			(f->memory && f->memory->overcommit == OVERCOMMITS_NEVER);

	return (struct want){
		.pages = pages_of(call->size_bytes),
		.data = private && call->prot & PROT_WRITE && !(call->flags & MAP_GROWSDOWN),
		.accountable = reserves && !(call->flags & MAP_HUGETLB) &&
			       (private ? call->prot & PROT_WRITE : !call->has_file),
	};
}

/* do_mmap(), mmap_region(), in their order. */
static enum failure_cause mmap__cause(const struct failing *f)
{
	const struct event_call *call = f->call;
	struct want want = mmap__want(f);
	bool fixed = call->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
	enum failure_cause cause = against_map_count(f, 0);
	uint64_t bytes = page__up(call->size_bytes), replaced;

	if (cause != FAILURE_UNKNOWN)
		return cause;
	if (fixed && (bytes > ADDRESS_SPACE_BYTES || call->addr > ADDRESS_SPACE_BYTES - bytes))
		return FAILURE_BAD_ARGUMENT;
	if (!fixed && is_beyond_space(f, bytes))
		return space_is_full(f);
	cause = against_size(f, &want);
	if (cause != FAILURE_UNKNOWN && call->flags & MAP_FIXED) {
		replaced = range__mapped_pages(f, cause == FAILURE_RLIMIT_DATA);
		want.pages -= replaced < want.pages ? replaced : want.pages;
		cause = against_size(f, &want);
		want.pages = bytes >> PAGE_SHIFT;
	}
	if (cause == FAILURE_UNKNOWN && call->flags & MAP_HUGETLB)
		return FAILURE_HUGE_PAGES;
	if (cause == FAILURE_UNKNOWN)
		cause = against_commit(f, &want);
	if (cause == FAILURE_UNKNOWN && !fixed)
		cause = against_space(f, bytes);
	/* The split of a mapping that is replaced in its middle needs one more. */
	return cause == FAILURE_UNKNOWN ? against_map_count(f, 1) : cause;
}

/* Is something mapped where the break would go? */
static bool brk__is_blocked(const struct failing *f, uint64_t from, uint64_t to)
{
	const struct vma *next = mirror__find_above(&f->proc->mirror, from);

	return next && next->region != REGION_HEAP && next->start < to + (1 << PAGE_SHIFT);
}

/* sys_brk(), check_data_rlimit(), do_brk_flags(). Its error is not told: a break that stays. */
static enum failure_cause brk__cause(const struct failing *f)
{
	const struct heap *heap = &f->proc->heap;
	uint64_t wish = f->call->addr, from = page__up(f->call->ret), to = page__up(wish);
	uint64_t data_limit = f->proc->limits.soft_bytes[MT_LIMIT_DATA];
	struct want want = {.data = true, .accountable = true};
	enum failure_cause cause;

	if (heap->start_brk && wish < heap->start_brk)
		return FAILURE_BAD_ARGUMENT;
	if (to <= from)
		return against_map_count(f, 1);
	want.pages = (to - from) >> PAGE_SHIFT;
	if (f->proc->limits.known && data_limit != NO_LIMIT && heap->start_brk &&
	    wish - heap->start_brk > data_limit)
		return failing__is(f, FAILURE_RLIMIT_DATA, f->call->ret - heap->start_brk,
				   data_limit);
	if (brk__is_blocked(f, from, to) || to > ADDRESS_SPACE_BYTES)
		return FAILURE_ADDRESS_TAKEN;
	cause = f->proc->memory_locked ? against_memlock(f, want.pages) : FAILURE_UNKNOWN;
	if (cause == FAILURE_UNKNOWN)
		cause = against_size(f, &want);
	if (cause == FAILURE_UNKNOWN)
		cause = against_map_count(f, 0);
	return cause == FAILURE_UNKNOWN ? against_commit(f, &want) : cause;
}

static struct want mremap__want(const struct failing *f)
{
	const struct event_call *call = f->call;
	const struct vma *vma = mirror__find(&f->proc->mirror, call->addr);
	uint64_t old = call->flags & MREMAP_DONTUNMAP ? 0 : pages_of(call->size_bytes);
	uint64_t new = pages_of(call->new_size_bytes);
	bool private_data = vma && !vma->shared && vma->prot & PROT_WRITE;

	return (struct want){
		.pages = new > old ? new - old : 0,
		.data = private_data && vma->region != REGION_STACK,
		.accountable = private_data,
	};
}

static enum failure_cause mremap__cause(const struct failing *f)
{
	struct want want = mremap__want(f);
	bool fixed = f->call->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP);
	enum failure_cause cause = FAILURE_UNKNOWN;

	if (fixed)
		cause = against_map_count(f, MOVE_FIXED_RESERVE + 1);
	if (cause == FAILURE_UNKNOWN && want.pages)
		cause = against_size(f, &want);
	if (cause == FAILURE_UNKNOWN && want.pages)
		cause = against_commit(f, &want);
	if (cause != FAILURE_UNKNOWN)
		return cause;
	if (!(f->call->flags & MREMAP_MAYMOVE))
		return FAILURE_ADDRESS_TAKEN;
	cause = against_map_count(f, MOVE_RESERVE + 1);
	if (cause == FAILURE_UNKNOWN && !(f->call->flags & MREMAP_FIXED))
		cause = against_space(f, page__up(f->call->new_size_bytes));
	return cause;
}

/* mprotect_fixup(): what becomes writable counts as data, mapping by mapping. */
static enum failure_cause mprotect__cause(const struct failing *f)
{
	uint64_t start = f->call->addr, end = page__up(start + f->call->size_bytes);
	enum failure_cause cause = FAILURE_UNKNOWN;
	struct want want = {.data = true, .accountable = true};
	struct vma *vma;

	if (range__has_hole(f))
		return FAILURE_NOT_MAPPED;
	vma = f->call->prot & PROT_WRITE ? mirror__find_above(&f->proc->mirror, start) : NULL;
	for (; vma && vma->start < end && cause == FAILURE_UNKNOWN; vma = mirror__next(vma)) {
		usage__step(f->proc->usage, 1);
		if (vma->shared || vma->prot & PROT_WRITE)
			continue;
		want.pages = vma__part_bytes(vma, start, end) >> PAGE_SHIFT;
		cause = against_data(f, want.pages);
		if (cause == FAILURE_UNKNOWN)
			cause = against_commit(f, &want);
	}
	return cause == FAILURE_UNKNOWN ? against_map_count(f, 1) : cause;
}

/* do_mlock(), mlockall(). A hole in the range is one also for those who may lock what they like. */
static enum failure_cause mlock__cause(const struct failing *f)
{
	const struct event_call *call = f->call;
	uint64_t bytes = call->size_bytes + (call->addr & PAGE_MASK);
	enum failure_cause cause;

	if (call->all)
		return call->use ? against_rlimit(f, MT_LIMIT_MEMLOCK, 0, call->use->total_pages,
						  FAILURE_RLIMIT_MEMLOCK)
				 : FAILURE_UNKNOWN;
	if (range__has_hole(f))
		return FAILURE_NOT_MAPPED;
	cause = f->proc->mirror.known ? against_memlock(f, pages_of(bytes)) : FAILURE_UNKNOWN;
	return cause == FAILURE_UNKNOWN ? against_map_count(f, 1) : cause;
}

static enum failure_cause munmap__cause(const struct failing *f)
{
	return against_map_count(f, 1);
}

static enum failure_cause madvise__cause(const struct failing *f)
{
	return range__has_hole(f) ? FAILURE_NOT_MAPPED : against_map_count(f, 1);
}

static enum failure_cause no_memory(const struct failing *f)
{
	static enum failure_cause (*const causes[NR_CALLS])(const struct failing *) = {
		[CALL_BRK] = brk__cause,	 [CALL_MMAP] = mmap__cause,
		[CALL_MUNMAP] = munmap__cause,	 [CALL_MREMAP] = mremap__cause,
		[CALL_MADVISE] = madvise__cause, [CALL_MPROTECT] = mprotect__cause,
		[CALL_MLOCK] = mlock__cause,
	};

	return causes[f->call->call](f);
}

/* mlock_future_ok() answers so; madvise() says so of a mapping that could not be split. */
static enum failure_cause try_again(const struct failing *f)
{
	switch (f->call->call) {
	case CALL_MMAP:
		return against_memlock(f, pages_of(f->call->size_bytes));
	case CALL_MREMAP:
		return against_memlock(f, mremap__want(f).pages);
	case CALL_MADVISE:
		return against_map_count(f, 1);
	default:
		return FAILURE_UNKNOWN;
	}
}

/* can_do_mlock(): with a limit of 0 nobody may, without CAP_IPC_LOCK. */
static enum failure_cause not_permitted(const struct failing *f)
{
	const struct limits *limits = &f->proc->limits;
	bool locks = f->call->call == CALL_MLOCK ||
		     (f->call->call == CALL_MMAP && f->call->flags & MAP_LOCKED);

	if (locks && limits->known && !limits->soft_bytes[MT_LIMIT_MEMLOCK])
		return failing__is(f, FAILURE_RLIMIT_MEMLOCK, 0, 0);
	return FAILURE_PERMISSION;
}

static enum failure_cause failing__cause(const struct failing *f)
{
	switch (f->call->err) {
	case ENOMEM:
		return no_memory(f);
	case EAGAIN:
		return try_again(f);
	case EPERM:
		return not_permitted(f);
	case EACCES:
		return FAILURE_PERMISSION;
	case EEXIST:
		return FAILURE_ADDRESS_TAKEN;
	case EBADF:
	case ENODEV:
	case ENXIO:
	case ETXTBSY:
		return FAILURE_BAD_FILE;
	case ENFILE:
		return FAILURE_FILE_TABLE;
	case EFAULT: /* mremap() of what is not there, or of more than one mapping */
		return range__has_hole(f) ? FAILURE_NOT_MAPPED : FAILURE_BAD_ARGUMENT;
	case EINVAL:
	case EOVERFLOW:
	case EOPNOTSUPP:
		return FAILURE_BAD_ARGUMENT;
	}
	return FAILURE_UNKNOWN;
}

static uint64_t call__asked_bytes(const struct event_call *call)
{
	switch (call->call) {
	case CALL_BRK:
		return call->addr > call->ret ? call->addr - call->ret : 0;
	case CALL_MREMAP:
		return call->new_size_bytes;
	case CALL_MLOCK:
		return call->all ? call__total_bytes(call) : call->size_bytes;
	default:
		return call->size_bytes;
	}
}

void failure__find(struct process *proc, const struct event *ev, const struct mt_memory *memory,
		   struct failure *ret)
{
	const struct failing failing = {proc, &ev->call, memory, ret};

	*ret = (struct failure){
		.call = ev->call.call,
		.err = ev->call.err,
		.time_ns = ev->time_ns,
		.tid = ev->tid,
		.asked_bytes = call__asked_bytes(&ev->call),
		.used = BYTES_UNKNOWN,
		.limit = BYTES_UNKNOWN,
	};
	ret->cause = failing__cause(&failing);
}

bool failure_cause__is_limit(enum failure_cause cause)
{
	return cause <= FAILURE_HUGE_PAGES;
}
