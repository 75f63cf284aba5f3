/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MEMTRACE_POINTER_H
#define MEMTRACE_POINTER_H

#include <stdint.h>

#include "sym/cursor.h"

/* How pointers are encoded (LSB Core, 10.5.1): the low four bits the format, three the base. */
enum {
	POINTER_ABSOLUTE = 0x00,
	POINTER_ULEB = 0x01,
	POINTER_U2 = 0x02,
	POINTER_U4 = 0x03,
	POINTER_U8 = 0x04,
	POINTER_SLEB = 0x09,
	POINTER_S2 = 0x0a,
	POINTER_S4 = 0x0b,
	POINTER_S8 = 0x0c,
	POINTER_FORMAT = 0x0f,
	POINTER_OF_ITSELF = 0x10,
	POINTER_OF_DATA = 0x30,
	POINTER_BASE = 0x70,
	POINTER_OMITTED = 0xff,
};

/* data: the address that POINTER_OF_DATA is relative to. */
uint64_t pointer__read(struct cursor *cursor, uint8_t encoding, uint64_t data);

#endif
