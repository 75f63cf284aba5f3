// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer: a stream of records, as a recording's frames hold it, through to the report. A seed
 * may be a recording, and is unpacked when it is changed for the first time.
 */
#include <string.h>

#include "drive.h"
#include "mutate.h"

static uint8_t unpacked[2][1 << 20];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t nr = mutate__unpack(data, size, unpacked[0], sizeof(unpacked[0]));

	drive__records(nr ? unpacked[0] : data, nr ? nr : size, drive__pick_way(size));
	return 0;
}

/* One in eight by libFuzzer's own means: sizes and lengths that lie. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	size_t nr = mutate__unpack(data, size, unpacked[0],
				   max_size < sizeof(unpacked[0]) ? max_size : sizeof(unpacked[0]));

	memcpy(data, unpacked[0], nr);
	size = nr ? nr : size;
	if (seed % 8 == 0 || size < 32)
		return LLVMFuzzerMutate(data, size, max_size);
	return mutate__records(data, size, max_size, seed);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2,
				 size_t size2, uint8_t *out, size_t max_size, unsigned int seed)
{
	size_t nr1 = mutate__unpack(data1, size1, unpacked[0], sizeof(unpacked[0]));
	size_t nr2 = mutate__unpack(data2, size2, unpacked[1], sizeof(unpacked[1]));

	return mutate__cross(nr1 ? unpacked[0] : data1, nr1 ? nr1 : size1,
			     nr2 ? unpacked[1] : data2, nr2 ? nr2 : size2, out, max_size, seed);
}
