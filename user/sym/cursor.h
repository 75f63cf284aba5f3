/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading DWARF's encodings from bytes in memory: what runs over the end is 0, and is noted. */
#ifndef MEMTRACE_CURSOR_H
#define MEMTRACE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
	const uint8_t *at;
	const uint8_t *end;
	uint64_t address; /* of the byte at at */
	bool bad;
};

static inline bool cursor__more(const struct cursor *cursor)
{
	return !cursor->bad && cursor->at < cursor->end;
}

static inline void cursor__skip(struct cursor *cursor, uint64_t bytes)
{
	if (bytes > (uint64_t)(cursor->end - cursor->at)) {
		cursor->bad = true;
		return;
	}
	cursor->at += bytes;
	cursor->address += bytes;
}

static inline uint64_t cursor__unsigned(struct cursor *cursor, unsigned int bytes)
{
	uint64_t value = 0;

	/* The file is of this machine's byte order, and that is little endian. */
	if (bytes <= (uint64_t)(cursor->end - cursor->at))
		memcpy(&value, cursor->at, bytes);
	cursor__skip(cursor, bytes);
	return cursor->bad ? 0 : value;
}

static inline int64_t cursor__signed(struct cursor *cursor, unsigned int bytes)
{
	unsigned int unused = 64 - 8 * bytes;

	return (int64_t)(cursor__unsigned(cursor, bytes) << unused) >> unused;
}

/* LEB128 (DWARF 5, 7.6); what does not fit into 64 bits is cut off. */
static inline uint64_t cursor__leb(struct cursor *cursor, bool is_signed)
{
	uint64_t value = 0, byte;
	unsigned int shift = 0;

	do {
		byte = cursor__unsigned(cursor, 1);
		if (shift < 64)
			value |= (byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	if (is_signed && byte & 0x40 && shift < 64)
		value |= ~0ULL << shift;
	return value;
}

static inline uint64_t cursor__uleb(struct cursor *cursor)
{
	return cursor__leb(cursor, false);
}

static inline int64_t cursor__sleb(struct cursor *cursor)
{
	return (int64_t)cursor__leb(cursor, true);
}

#endif
