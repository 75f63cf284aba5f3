/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What /proc says of a process, as records. All functions deliver through fn and pass on its
 * result; a process that is gone, or may not be read, is -ESRCH or the -errno of the open.
 */
#ifndef MEMTRACE_PROCFS_H
#define MEMTRACE_PROCFS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "source/source.h"

/* The whole of a small file, NUL-terminated; its length, or -errno. -ESRCH: there is none. */
ssize_t procfs__read(const char *path, char *text, size_t size);

/*
 * The bytes of "NAME: VALUE kB", a line of /proc/PID/status or /proc/meminfo; 0 if there is none.
 * name: "\nVmSize:", as only the first line of a file has none before it.
 */
uint64_t procfs__field_bytes(const char *text, const char *name);

/*
 * Is this a process that can be traced? 0; -ESRCH: it does not exist; -EOWNERDEAD: it has ended,
 * and is a zombie; -EINVAL: it is a thread; -ENODATA: a kernel thread, which has no address space.
 */
int procfs__check_process(uint32_t pid);

/* MT_KIND_PROCESS, dated time_ns. flags: MT_PROCESS_*. */
int procfs__process(uint32_t tgid, uint64_t time_ns, uint16_t flags, source_fn fn, void *ctx);

/* The MT_KIND_MAPPING records of an address space, dated time_ns. */
int procfs__mappings(uint32_t tgid, uint64_t time_ns, source_fn fn, void *ctx);

/*
 * MT_KIND_THREAD of each thread. time_ns 0: each dated when it was read. flags: MT_THREAD_*.
 * A thread that ends meanwhile is left out.
 */
int procfs__threads(uint32_t tgid, uint64_t time_ns, uint16_t flags, source_fn fn, void *ctx);

/*
 * MT_KIND_THREAD of one thread, just to tell its stack pointer. -EAGAIN: it runs, and has none that
 * can be read; -ESRCH: it is gone.
 */
int procfs__thread_sp(uint32_t tgid, uint32_t tid, source_fn fn, void *ctx);

/* The user stack pointer of a thread that does not run just now; else 0. */
uint64_t procfs__sp(uint32_t tgid, uint32_t tid);

/* Threads of a process that have not exited: 0 if it is gone, or a zombie. */
unsigned int procfs__nr_threads(uint32_t tgid);

/* MT_KIND_SAMPLE: resident set size. */
int procfs__sample(uint32_t tgid, uint64_t time_ns, source_fn fn, void *ctx);

/* Calls fn for each thread, until it returns something else than 0: that. -ESRCH: no such process.
 */
int procfs__each_thread(uint32_t tgid, int (*fn)(void *ctx, uint32_t tid), void *ctx);

#endif
