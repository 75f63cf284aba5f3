/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records made by hand, checked, decoded and given to a model: what the live source and the order
 * stage do, without a kernel. Include after cmocka.h.
 */
#ifndef MEMTRACE_TESTS_EVENTS_H
#define MEMTRACE_TESTS_EVENTS_H

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "event/event.h"
#include "model/model.h"
#include "random.h"

#define PAGE 4096ULL
#define PID 4242U
#define FLT(minor, major)                                                                          \
	((struct mt_flt){                                                                          \
		.min_flt = (minor),                                                                \
		.maj_flt = (major),                                                                \
	})

struct feed {
	struct model *model;
	uint64_t now_ns; /* each record is dated a microsecond after the one before */
	/* What is to be done after each event; NULL: nothing. */
	void (*taken)(void *ctx, struct model *model, const struct event *ev);
	void *ctx;
};

static inline struct mt_record record__header(uint16_t kind, size_t size, uint32_t tgid,
					      uint32_t tid)
{
	return (struct mt_record){
		.tgid = tgid,
		.tid = tid,
		.size_bytes = size,
		.kind = kind,
	};
}

static inline void feed__open(struct feed *feed)
{
	*feed = (struct feed){.now_ns = 1000000000};
	assert_int_equal(model__new(&feed->model), 0);
}

static inline void feed__close(struct feed *feed)
{
	model__free(feed->model);
}

/* Give a record to the model as it is. */
static inline void feed__take(struct feed *feed, const void *data)
{
	const struct mt_record *record = data;
	struct event ev;

	assert_int_equal(record__check(record, record->size_bytes), 0);
	for (unsigned int i = 0; i < record__events(record); i++) {
		record__decode(record, i, &ev);
		assert_int_equal(model__take(feed->model, &ev), 0);
		if (feed->taken)
			feed->taken(feed->ctx, feed->model, &ev);
	}
}

/* Date it now, then give it to the model. */
static inline void feed__now(struct feed *feed, void *data)
{
	struct mt_record *record = data;

	feed->now_ns += 1000;
	record->time_ns = feed->now_ns;
	feed__take(feed, record);
}

static inline struct process *feed__process_of(struct feed *feed, uint32_t pid)
{
	struct process *proc;

	HASH_FIND(hh, feed->model->by_pid, &pid, sizeof(pid), proc);
	assert_non_null(proc);
	return proc;
}

static inline struct process *feed__proc(struct feed *feed)
{
	return feed__process_of(feed, PID);
}

static inline struct thread *feed__thread(struct feed *feed, uint32_t tid)
{
	struct process *proc = feed__proc(feed);
	struct thread *thread;

	HASH_FIND(hh, proc->threads, &tid, sizeof(tid), thread);
	assert_non_null(thread);
	return thread;
}

static inline void feed__session(struct feed *feed, uint64_t interval_ns)
{
	struct mt_session rec = {
		.hdr = record__header(MT_KIND_SESSION, sizeof(rec), 0, 0),
		.start_realtime_ns = 1795253208123456789ULL,
		.start_boottime_ns = 5000000000ULL,
		.interval_ns = interval_ns,
		.page_bytes = PAGE,
		.cpus = 2,
		.kernel = "6.1.0",
		.arch = "x86_64",
		.host = "db1",
		.target = "pid 4242",
	};

	feed__now(feed, &rec);
}

static inline void feed__process(struct feed *feed, uint32_t pid, uint64_t start_ns,
				 uint64_t start_brk, uint64_t stack_limit_bytes)
{
	struct mt_process rec = {
		.hdr = record__header(MT_KIND_PROCESS, sizeof(rec), pid, pid),
		.ppid = 1,
		.nr_threads = 1,
		.start_ns = start_ns,
		.start_brk = start_brk,
		.stack_limit_bytes = stack_limit_bytes,
		.comm = "worker",
		.exe = "/usr/bin/worker",
	};

	feed__now(feed, &rec);
}

static inline void feed__thread_read(struct feed *feed, uint32_t tid, struct mt_flt flt,
				     uint64_t sp, uint16_t flags)
{
	struct mt_thread rec = {
		.hdr = record__header(MT_KIND_THREAD, sizeof(rec), PID, tid),
		.flt = flt,
		.sp = sp,
		.comm = "reader",
	};

	rec.hdr.flags = flags;
	feed__now(feed, &rec);
}

static inline void feed__mapping(struct feed *feed, uint16_t flags, uint64_t start, uint64_t end,
				 uint32_t prot, const char *name)
{
	struct mt_mapping rec = {
		.hdr = record__header(MT_KIND_MAPPING, sizeof(rec), PID, PID),
		.start = start,
		.end = end,
		.prot = prot,
	};

	rec.hdr.flags = flags;
	if (!(flags & MT_MAPPING_ANON)) {
		rec.dev_major = 8;
		rec.ino = 77;
	}
	snprintf(rec.name, sizeof(rec.name), "%s", name);
	feed__now(feed, &rec);
}

static inline void feed__call(struct feed *feed, enum mt_kind kind, uint32_t tid,
			      const uint64_t arg[6], int64_t ret, struct mt_flt flt)
{
	struct mt_call rec = {
		.hdr = record__header(kind, sizeof(rec), PID, tid),
		.ret = ret,
		.flt = flt,
	};

	memcpy(rec.arg, arg, sizeof(rec.arg));
	feed__now(feed, &rec);
}

#define ARGS(...) ((const uint64_t[6]){__VA_ARGS__})

static inline void feed__mmap(struct feed *feed, uint64_t addr, uint64_t size, uint32_t prot,
			      uint32_t flags, struct mt_flt flt)
{
	feed__call(feed, MT_KIND_MMAP, PID, ARGS(0, size, prot, flags, -1ULL, 0), (int64_t)addr,
		   flt);
}

#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static inline void feed__map_file(struct feed *feed, uint64_t addr, uint64_t size, uint32_t prot,
				  uint32_t flags, uint16_t record_flags, const char *name)
{
	struct mt_mmap_file rec = {
		.call = {.hdr = record__header(MT_KIND_MMAP, sizeof(rec), PID, PID),
			 .arg = {0, size, prot, flags, 3, 0},
			 .ret = (int64_t)addr},
		.file = {.dev_major = 8, .ino = 78},
	};

	rec.call.hdr.flags = MT_CALL_FILE | record_flags;
	snprintf(rec.file.name, sizeof(rec.file.name), "%s", name);
	feed__now(feed, &rec);
}

static inline void feed__fault_of(struct feed *feed, uint32_t pid, uint32_t tid, uint64_t addr,
				  uint64_t flags, struct mt_flt flt, uint32_t lost)
{
	struct {
		struct mt_faults faults;
		struct mt_fault fault;
	} rec = {
		.faults = {.hdr = record__header(MT_KIND_FAULTS, sizeof(rec), pid, tid),
			   .nr = 1,
			   .lost = lost},
		.fault = {.addr_flags = addr | flags, .flt = flt},
	};

	rec.fault.time_ns = feed->now_ns + 1000;
	feed__now(feed, &rec);
}

static inline void feed__fault(struct feed *feed, uint32_t tid, uint64_t addr, struct mt_flt flt)
{
	feed__fault_of(feed, PID, tid, addr, MT_FAULT_WRITE, flt, 0);
}

static inline void feed__major(struct feed *feed, uint32_t tid, uint64_t addr)
{
	struct mt_major rec = {
		.hdr = record__header(MT_KIND_MAJOR, sizeof(rec), PID, tid),
		.addr = addr,
	};

	feed__now(feed, &rec);
}

static inline void feed__anon_name(struct feed *feed, uint64_t start, uint64_t size_bytes,
				   const char *name)
{
	struct mt_anon_name rec = {
		.hdr = record__header(MT_KIND_ANON_NAME, sizeof(rec), PID, PID),
		.start = start,
		.size_bytes = size_bytes,
	};

	snprintf(rec.name, sizeof(rec.name), "%s", name);
	feed__now(feed, &rec);
}

static inline void feed__fork(struct feed *feed, uint32_t pid, uint32_t child_tgid,
			      uint32_t child_tid, uint64_t child_sp, struct mt_flt flt)
{
	struct mt_fork rec = {
		.hdr = record__header(MT_KIND_FORK, sizeof(rec), pid, pid),
		.child_tgid = child_tgid,
		.child_tid = child_tid,
		.child_start_ns = 7000000000ULL + child_tid,
		.child_sp = child_sp,
		.flt = flt,
	};

	rec.hdr.flags = child_tgid == pid ? MT_FORK_THREAD : 0;
	feed__now(feed, &rec);
}

static inline void feed__exec(struct feed *feed, uint32_t old_tid, uint64_t start_brk,
			      struct mt_flt flt)
{
	struct mt_exec rec = {
		.hdr = record__header(MT_KIND_EXEC, sizeof(rec), PID, PID),
		.old_tid = old_tid,
		.flt = flt,
		.start_brk = start_brk,
		.brk = start_brk,
		.stack_limit_bytes = 8 << 20,
		.comm = "fresh",
		.path = "/bin/fresh",
	};

	feed__now(feed, &rec);
}

static inline void feed__exit(struct feed *feed, uint32_t pid, uint32_t tid, bool last,
			      uint32_t exit_code, struct mt_flt flt)
{
	struct mt_exit rec = {
		.hdr = record__header(MT_KIND_EXIT, sizeof(rec), pid, tid),
		.flt = flt,
		.exit_code = exit_code,
		.max_rss_bytes = last ? 64 << 20 : 0,
	};

	rec.hdr.flags = last ? MT_EXIT_GROUP : 0;
	feed__now(feed, &rec);
}

static inline void feed__gone(struct feed *feed, uint32_t pid)
{
	struct mt_tick rec = {.hdr = record__header(MT_KIND_GONE, sizeof(rec), pid, pid)};

	feed__now(feed, &rec);
}

static inline void feed__tick(struct feed *feed, enum mt_kind kind, uint64_t time_ns)
{
	struct mt_end rec = {.hdr = record__header(kind, sizeof(rec), 0, 0)};

	feed->now_ns = rec.hdr.time_ns = time_ns;
	feed__take(feed, &rec);
}

/* A process with the usual mappings: a file's text and data, bss, heap, libraries, stack, vdso. */
#define TEXT 0x400000ULL
#define DATA 0x600000ULL
#define BSS 0x604000ULL
#define HEAP 0x700000ULL
#define LIB 0x7f0000000000ULL
#define STACK_END 0x7ffd00100000ULL
#define STACK_START (STACK_END - 0x21000)
#define VDSO 0x7ffd00200000ULL
#define STACK_LIMIT (8ULL << 20)

static inline void feed__map_program(struct feed *feed)
{
	feed__mapping(feed, MT_MAPPING_FIRST, TEXT, TEXT + 0x10000, PROT_READ | PROT_EXEC,
		      "/usr/bin/worker");
	feed__mapping(feed, 0, DATA, BSS, RW, "/usr/bin/worker");
	feed__mapping(feed, MT_MAPPING_ANON, BSS, BSS + 0x2000, RW, "");
	feed__mapping(feed, MT_MAPPING_ANON | MT_MAPPING_HEAP, HEAP, HEAP + 0x21000, RW, "[heap]");
	feed__mapping(feed, 0, LIB, LIB + 0x1000, PROT_READ, "/usr/lib/libc.so.6");
	feed__mapping(feed, MT_MAPPING_ANON | MT_MAPPING_STACK, STACK_START, STACK_END, RW,
		      "[stack]");
	feed__mapping(feed, MT_MAPPING_ANON | MT_MAPPING_VDSO, VDSO, VDSO + 0x2000,
		      PROT_READ | PROT_EXEC, "[vdso]");
}

static inline void feed__program(struct feed *feed)
{
	feed__process(feed, PID, 6000000000ULL, HEAP, STACK_LIMIT);
	feed__map_program(feed);
	feed__thread_read(feed, PID, FLT(0, 0), STACK_START + 0x20000, 0);
}

/* The stack has reached its limit. */
static inline void feed__overflow(struct feed *feed, uint32_t pid, struct mt_flt flt)
{
	struct mt_signal sig = {
		.hdr = record__header(MT_KIND_SIGNAL, sizeof(sig), pid, pid),
		.flt = flt,
		.signo = SIGSEGV,
		.code = SEGV_MAPERR,
		.addr = STACK_END - STACK_LIMIT - 8,
		.sp = STACK_END - STACK_LIMIT,
		.stack_limit_bytes = STACK_LIMIT,
		.stack_vm_bytes = STACK_LIMIT,
	};

	feed__now(feed, &sig);
}

/* Fixtures: a run of intervals of a second with one program in it, as *state. */
static inline int feed__setup(void **state)
{
	struct feed *feed = malloc(sizeof(*feed));

	feed__open(feed);
	feed__session(feed, 1000000000);
	feed__program(feed);
	*state = feed;
	return 0;
}

static inline int feed__teardown(void **state)
{
	feed__close(*state);
	free(*state);
	return 0;
}

#endif
