/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MEMTRACE_TRACEFS_H
#define MEMTRACE_TRACEFS_H

/*
 * A descriptor of tracefs' root: the mounted one, or else a detached mount of our own, which is
 * visible to nobody and gone when the descriptor is closed (fsopen, Linux 5.2). -errno on failure.
 */
int tracefs__open(void);

/* The id of a classic tracepoint ("syscalls/sys_exit_brk"), for perf_event_open; -errno. */
int tracefs__event_id(int tracefs_fd, const char *event);

#endif
