// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "memtrace/record.h"
#include "source/procfs.h"
#include "source/stack_marks.h"

/* Page map entries (Documentation/admin-guide/mm/pagemap.rst). */
#define PAGEMAP_FRAME_MASK ((1ULL << 55) - 1)
#define PAGEMAP_GUARD (1ULL << 58) /* Linux 6.15 */
#define PAGEMAP_SWAPPED (1ULL << 62)
#define PAGEMAP_PRESENT (1ULL << 63)
/* A marker stands for no page: "swap" of the last type (include/linux/swap.h, SWP_PTE_MARKER). */
#define PAGEMAP_SWAP_TYPE 0x1f
#define PAGEMAP_MARKER 0x1f
/* Bits of /proc/kpageflags (include/uapi/linux/kernel-page-flags.h). */
#define KPF_COMPOUND (1ULL << 15 | 1ULL << 16)

#define READ_ENTRIES 4096
/* A larger mapping is no stack; all of a process together: 4 GiB take some ms. */
#define MAX_STACK_BYTES (1ULL << 30)
#define MAX_BYTES (4ULL << 30)
/* The smallest block of pages that the kernel maps together (Linux 6.8, "multi-size THP"). */
#define SMALL_FOLIO_PAGES 4

struct reading {
	uint32_t tgid;
	uint16_t flags;
	source_fn fn;
	void *ctx;
	int pagemap;
	int page_flags; /* /proc/kpageflags; negative: cannot be read */
	uint64_t page_bytes;
	uint64_t bytes;			     /* of stacks, so far */
	const struct stack_pointer *threads; /* to come */
	size_t nr_threads;
	uint64_t locked_bytes; /* of the process */
	uint64_t guard_end;    /* of the mapping before, if it gives no access; else 0 */
	int err;	       /* of fn */
};

/* What the page tables say of a stack. */
struct depth {
	uint64_t start;	 /* of what is no guard */
	uint64_t lowest; /* page that is there or in swap */
	uint64_t entry;	 /* its own */
	bool guarded;	 /* there were guard pages before start */
	bool neighbours; /* the pages of a small folio are there */
};

static bool entry__is_guard(uint64_t entry)
{
	return entry & PAGEMAP_GUARD ||
	       ((entry & (PAGEMAP_PRESENT | PAGEMAP_SWAPPED)) == PAGEMAP_SWAPPED &&
		(entry & PAGEMAP_SWAP_TYPE) == PAGEMAP_MARKER);
}

static bool entry__is_touched(uint64_t entry)
{
	return entry & (PAGEMAP_PRESENT | PAGEMAP_SWAPPED) && !entry__is_guard(entry);
}

static void depth__note_lowest(struct depth *depth, uint64_t addr, const uint64_t *entries,
			       size_t nr)
{
	depth->lowest = addr;
	depth->entry = *entries;
	depth->neighbours = nr >= SMALL_FOLIO_PAGES;
	for (size_t i = 1; i < SMALL_FOLIO_PAGES && i < nr; i++)
		depth->neighbours &= entry__is_touched(entries[i]);
}

static int depth__read(struct depth *depth, const struct reading *reading,
		       const struct mt_mapping *mapping)
{
	uint64_t entries[READ_ENTRIES];
	uint64_t addr = mapping->start;

	*depth = (struct depth){.start = mapping->start, .lowest = mapping->end};
	while (addr < mapping->end) {
		uint64_t want = (mapping->end - addr) / reading->page_bytes;
		ssize_t n = pread(reading->pagemap, entries,
				  (want < READ_ENTRIES ? want : READ_ENTRIES) * sizeof(*entries),
				  (off_t)(addr / reading->page_bytes * sizeof(*entries)));
		size_t nr = n > 0 ? n / sizeof(*entries) : 0;

		if (!nr)
			return -ENODATA;
		for (size_t i = 0; i < nr; i++, addr += reading->page_bytes) {
			if (entry__is_touched(entries[i])) {
				depth__note_lowest(depth, addr, &entries[i], nr - i);
				return 0;
			}
			if (entry__is_guard(entries[i])) {
				depth->guarded = true;
				depth->start = addr + reading->page_bytes;
			}
		}
	}
	return 0;
}

/* May the page have become one together with others, of which another was touched? */
static bool depth__is_huge(const struct depth *depth, const struct reading *reading)
{
	uint64_t frame = depth->entry & PAGEMAP_PRESENT ? depth->entry & PAGEMAP_FRAME_MASK : 0;
	uint64_t flags;

	if (frame && reading->page_flags >= 0 &&
	    pread(reading->page_flags, &flags, sizeof(flags), (off_t)(frame * sizeof(flags))) ==
		    sizeof(flags))
		return flags & KPF_COMPOUND;
	return depth->neighbours && !(depth->lowest % (SMALL_FOLIO_PAGES * reading->page_bytes));
}

static int reading__deliver(struct reading *reading, const struct mt_mapping *mapping,
			    bool guard_below, uint32_t tid)
{
	struct mt_stack_mark rec = {.end = mapping->end};
	struct depth depth;

	reading->bytes += mapping->end - mapping->start;
	if (mapping->end - mapping->start > MAX_STACK_BYTES || reading->bytes > MAX_BYTES ||
	    depth__read(&depth, reading, mapping) || depth.start >= mapping->end ||
	    (!guard_below && !depth.guarded))
		return 0;
	rec.hdr = (struct mt_record){
		.time_ns = clock__now_ns(),
		.tgid = reading->tgid,
		.tid = tid,
		.size_bytes = sizeof(rec),
		.kind = MT_KIND_STACK_MARK,
		.flags = reading->flags,
	};
	rec.start = depth.start;
	rec.lowest = depth.lowest;
	if (depth.lowest < mapping->end && depth__is_huge(&depth, reading))
		rec.hdr.flags |= MT_STACK_MARK_HUGE;
	/* Locked memory is there whether somebody touches it or not; this may be of it. */
	if (reading->locked_bytes >= mapping->end - mapping->start)
		rec.hdr.flags |= MT_STACK_MARK_LOCKED;
	return reading->fn(reading->ctx, &rec, sizeof(rec));
}

static uint64_t process__locked_bytes(uint32_t tgid)
{
	char path[64], text[4096];

	snprintf(path, sizeof(path), "/proc/%u/status", tgid);
	return procfs__read(path, text, sizeof(text)) > 0 ? procfs__field_bytes(text, "\nVmLck:")
							  : 0;
}

/* Not the main stack, which is known without this, nor the heap. */
static bool mapping__may_be_stack(const struct mt_mapping *mapping)
{
	return mapping->prot & PROT_WRITE && !mapping->shared &&
	       mapping->hdr.flags & MT_MAPPING_ANON &&
	       !(mapping->hdr.flags & (MT_MAPPING_STACK | MT_MAPPING_HEAP));
}

/* The mappings and the stack pointers are both in ascending order. */
static int reading__on_mapping(void *ctx, const void *record, size_t size)
{
	const struct mt_mapping *mapping = record;
	struct reading *reading = ctx;
	bool guarded = reading->guard_end == mapping->start;
	const struct stack_pointer *thread;

	(void)size;
	reading->guard_end = mapping->prot ? 0 : mapping->end;
	for (; reading->nr_threads && !reading->err; reading->threads++, reading->nr_threads--) {
		thread = reading->threads;
		if (thread->sp > mapping->end)
			break;
		if (thread->sp > mapping->start && mapping__may_be_stack(mapping))
			reading->err = reading__deliver(reading, mapping, guarded, thread->tid);
	}
	return reading->err;
}

static int by_sp(const void *a, const void *b)
{
	const struct stack_pointer *ta = a, *tb = b;

	return (ta->sp > tb->sp) - (ta->sp < tb->sp);
}

int stack_marks__read(uint32_t tgid, struct stack_pointer *threads, size_t nr, uint16_t flags,
		      source_fn fn, void *ctx)
{
	struct reading reading = {
		.tgid = tgid,
		.flags = flags,
		.fn = fn,
		.ctx = ctx,
		.page_bytes = sysconf(_SC_PAGESIZE),
	};
	int page_flags __closefd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	int pagemap __closefd = -1;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/pagemap", tgid);
	pagemap = open(path, O_RDONLY | O_CLOEXEC);
	if (pagemap < 0 || !nr)
		return 0;
	reading.pagemap = pagemap;
	reading.page_flags = page_flags;
	reading.locked_bytes = process__locked_bytes(tgid);
	qsort(threads, nr, sizeof(*threads), by_sp);
	reading.threads = threads;
	reading.nr_threads = nr;
	procfs__mappings(tgid, 0, reading__on_mapping, &reading);
	return reading.err;
}

struct gathering {
	uint32_t tgid;
	struct stack_pointer *items;
	size_t nr, cap;
	struct {
		uint32_t *items;
		size_t nr, cap;
	} running;
};

static int gather_thread(void *ctx, uint32_t tid)
{
	struct gathering *gathering = ctx;
	uint64_t sp = tid == gathering->tgid ? 0 : procfs__sp(gathering->tgid, tid);
	struct stack_pointer *slot = sp ? array__push(gathering) : NULL;
	uint32_t *running = sp || tid == gathering->tgid ? NULL : array__push(&gathering->running);

	if (slot)
		*slot = (struct stack_pointer){.tid = tid, .sp = sp};
	if (running)
		*running = tid;
	return 0;
}

static void gather_running(struct gathering *gathering)
{
	size_t nr = gathering->running.nr;

	usleep(1000);
	gathering->running.nr = 0;
	/* Each is read before the slot that it may go back to is written. */
	for (size_t i = 0; i < nr; i++)
		gather_thread(gathering, gathering->running.items[i]);
}

int stack_marks__read_all(uint32_t tgid, uint16_t flags, unsigned int tries, source_fn fn,
			  void *ctx)
{
	struct gathering gathering = {.tgid = tgid};
	int err;

	procfs__each_thread(tgid, gather_thread, &gathering);
	while (--tries && gathering.running.nr)
		gather_running(&gathering);
	err = stack_marks__read(tgid, gathering.items, gathering.nr, flags, fn, ctx);
	array__free(&gathering.running);
	array__free(&gathering);
	return err;
}
