/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A thread that learns where a file lies as soon as it is mapped to be executed: who maps a library
 * may die in it at once, and the reader's turn comes a tenth of a second later. It needs
 * microseconds, but these at once, also where every processor is busy; so it asks for real-time
 * priority, and goes on without if it may not.
 */
#ifndef MEMTRACE_PATH_WATCH_H
#define MEMTRACE_PATH_WATCH_H

#include "source/paths.h"

struct path_watch;

/* By the ring buffer ring_fd of struct mt_mmap_file. NULL: it cannot be; the reader learns later.
 */
struct path_watch *path_watch__start(int ring_fd, struct paths *paths);
void path_watch__stop(struct path_watch *watch);

#endif
