// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer: a recording as a file. Bytes that are changed within a frame only show that zstd's
 * checksum is looked at, so most mutations unpack the frames and compress what they make of them.
 */
#include <string.h>

#include <zstd.h>

#include "drive.h"
#include "memtrace/recording.h"
#include "mutate.h"

#define STREAM_BYTES (1 << 20)
#define HEADER_BYTES sizeof(struct mt_recording_header)

static uint8_t records[STREAM_BYTES], records2[STREAM_BYTES], crossed[STREAM_BYTES];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	drive__file(data, size, drive__pick_way(size * 8));
	return 0;
}

/* Frames of whole and of torn records; 0 where there is no room for them. */
static size_t pack(const uint8_t *from, size_t size, uint8_t *data, size_t max_size,
		   unsigned int seed)
{
	size_t frame_bytes = seed % 3 ? size + 1 : 1 + seed / 3 % (size + 1), used = HEADER_BYTES;

	if (max_size < HEADER_BYTES)
		return 0;
	for (size_t at = 0; at < size; at += frame_bytes) {
		size_t part = size - at < frame_bytes ? size - at : frame_bytes;
		size_t n = ZSTD_compress(data + used, max_size - used, from + at, part, 1);

		if (ZSTD_isError(n))
			return 0;
		used += n;
	}
	return used;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	size_t nr = seed % 4 ? mutate__unpack(data, size, records, sizeof(records)) : 0, packed;

	if (nr < sizeof(struct mt_record))
		return LLVMFuzzerMutate(data, size, max_size);
	nr = mutate__records(records, nr, sizeof(records), seed);
	packed = pack(records, nr, data, max_size, seed / 4);
	return packed ? packed : LLVMFuzzerMutate(data, size, max_size);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2,
				 size_t size2, uint8_t *out, size_t max_size, unsigned int seed)
{
	size_t nr1 = mutate__unpack(data1, size1, records, sizeof(records));
	size_t nr2 = mutate__unpack(data2, size2, records2, sizeof(records2)), nr;

	if (size1 < HEADER_BYTES || max_size < HEADER_BYTES)
		return 0;
	nr = mutate__cross(records, nr1, records2, nr2, crossed, sizeof(crossed), seed);
	memcpy(out, data1, HEADER_BYTES);
	return pack(crossed, nr, out, max_size, seed);
}
