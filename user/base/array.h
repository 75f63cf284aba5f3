/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Growing arrays: struct { T *items; size_t nr, cap; } */
#ifndef MEMTRACE_ARRAY_H
#define MEMTRACE_ARRAY_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Room for at least nr items of item_bytes. 0 or -ENOMEM (the array is as it was). */
static inline int array__reserve_bytes(void **items, size_t *cap, size_t nr, size_t item_bytes)
{
	size_t want = *cap ? *cap : 8;
	void *grown;

	if (nr <= *cap)
		return 0;
	while (want < nr)
		want += want / 2 + 1;
	if (want > SIZE_MAX / item_bytes)
		return -ENOMEM;
	grown = realloc(*items, want * item_bytes);
	if (!grown)
		return -ENOMEM;
	*items = grown;
	*cap = want;
	return 0;
}

#define array__reserve(a, n)                                                                       \
	array__reserve_bytes((void **)&(a)->items, &(a)->cap, (n), sizeof(*(a)->items))

/* Give back what is beyond nr items, if that many hold all there are. */
static inline void array__trim_bytes(void **items, size_t *cap, size_t nr, size_t item_bytes)
{
	void *trimmed = *cap > nr && nr ? realloc(*items, nr * item_bytes) : NULL;

	if (!trimmed)
		return;
	*items = trimmed;
	*cap = nr;
}

#define array__trim(a, n)                                                                          \
	((a)->nr <= (n)                                                                            \
		 ? array__trim_bytes((void **)&(a)->items, &(a)->cap, (n), sizeof(*(a)->items))    \
		 : (void)0)

/* Pointer to a new last item (not initialised), or NULL without memory. */
#define array__push(a) (array__reserve((a), (a)->nr + 1) ? NULL : &(a)->items[(a)->nr++])

#define array__free(a)                                                                             \
	do {                                                                                       \
		free((a)->items);                                                                  \
		(a)->items = NULL;                                                                 \
		(a)->nr = (a)->cap = 0;                                                            \
	} while (0)

#endif
