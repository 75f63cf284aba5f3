/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ownership by attribute: what a variable holds is released when it goes out of scope. */
#ifndef MEMTRACE_CLEANUP_H
#define MEMTRACE_CLEANUP_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define __cleanup(fn) __attribute__((cleanup(fn)))

/* Hand the pointer on to another owner: the variable no longer releases it. */
#define move_ptr(p)                                                                                \
	({                                                                                         \
		__typeof__(p) moved_ = (p);                                                        \
		(p) = NULL;                                                                        \
		moved_;                                                                            \
	})

#define move_fd(fd)                                                                                \
	({                                                                                         \
		int moved_ = (fd);                                                                 \
		(fd) = -1;                                                                         \
		moved_;                                                                            \
	})

static inline void cleanup__free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup__close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup__fclose(FILE **file)
{
	if (*file)
		fclose(*file);
}

static inline void cleanup__closedir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

#define __free __cleanup(cleanup__free)
#define __closefd __cleanup(cleanup__close)
#define __fclose __cleanup(cleanup__fclose)
#define __closedir __cleanup(cleanup__closedir)

#endif
