// SPDX-License-Identifier: GPL-2.0-or-later
#include "sym/pointer.h"

uint64_t pointer__read(struct cursor *cursor, uint8_t encoding, uint64_t data)
{
	uint64_t base = 0, value;

	switch (encoding & POINTER_BASE) {
	case POINTER_ABSOLUTE:
		break;
	case POINTER_OF_ITSELF:
		base = cursor->address;
		break;
	case POINTER_OF_DATA:
		base = data;
		break;
	default:
		cursor->bad = true;
	}
	switch (encoding & POINTER_FORMAT) {
	case POINTER_ABSOLUTE:
	case POINTER_U8:
	case POINTER_S8:
		value = cursor__unsigned(cursor, 8);
		break;
	case POINTER_U4:
		value = cursor__unsigned(cursor, 4);
		break;
	case POINTER_S4:
		value = (uint64_t)cursor__signed(cursor, 4);
		break;
	case POINTER_U2:
		value = cursor__unsigned(cursor, 2);
		break;
	case POINTER_S2:
		value = (uint64_t)cursor__signed(cursor, 2);
		break;
	case POINTER_ULEB:
		value = cursor__uleb(cursor);
		break;
	case POINTER_SLEB:
		value = (uint64_t)cursor__sleb(cursor);
		break;
	default:
		cursor->bad = true;
		value = 0;
	}
	return base + value;
}
