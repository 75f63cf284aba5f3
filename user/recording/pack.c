// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Neighbours differ little: the next page, a microsecond later, one fault more on the counter. Of
 * each entry's 24 bytes 6 are left so, most of them the same from entry to entry, which is what
 * zstd needs to make 2 of them.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "recording/pack.h"

#define OFFSET_BITS 12
#define OFFSET_MASK ((1U << OFFSET_BITS) - 1)
#define PAGE_BITS (MT_FAULT_ADDR_BITS - OFFSET_BITS)

static inline uint8_t *put_number(uint8_t *p, uint64_t value)
{
	while (value >= 0x80) {
		*p++ = value | 0x80;
		value >>= 7;
	}
	*p++ = value;
	return p;
}

/* Small for small differences of both signs. */
static inline uint64_t zigzag(int64_t value)
{
	return (uint64_t)value << 1 ^ -(uint64_t)(value < 0);
}

static inline int64_t unzigzag(uint64_t value)
{
	return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

static uint64_t fault__page(const struct mt_fault *fault)
{
	return (fault->addr_flags & MT_FAULT_ADDR_MASK) >> OFFSET_BITS;
}

static uint8_t *put_addresses(uint8_t *p, const struct mt_fault *fault, unsigned int nr)
{
	uint64_t page = 0;

	for (unsigned int i = 0; i < nr; i++) {
		p = put_number(p, zigzag((int64_t)(fault__page(&fault[i]) - page)));
		page = fault__page(&fault[i]);
	}
	for (unsigned int i = 0; i < nr; i++)
		*p++ = fault[i].addr_flags;
	for (unsigned int i = 0; i < nr; i++)
		p = put_number(p, fault[i].addr_flags >> MT_FAULT_ADDR_BITS << 4 |
					  (fault[i].addr_flags >> 8 & 0xf));
	return p;
}

static uint8_t *put_counters(uint8_t *p, const struct mt_fault *fault, unsigned int nr)
{
	struct mt_flt flt = {};

	for (unsigned int i = 0; i < nr; i++) {
		p = put_number(p, fault[i].flt.min_flt - flt.min_flt);
		flt.min_flt = fault[i].flt.min_flt;
	}
	for (unsigned int i = 0; i < nr; i++) {
		p = put_number(p, fault[i].flt.maj_flt - flt.maj_flt);
		flt.maj_flt = fault[i].flt.maj_flt;
	}
	return p;
}

size_t pack__faults(const struct mt_faults *faults, void *out)
{
	const struct mt_fault *fault = (const struct mt_fault *)(faults + 1);
	struct mt_packed_faults *packed = out;
	uint8_t *p = (uint8_t *)(packed + 1);
	uint64_t time_ns = faults->hdr.time_ns;

	*packed = (struct mt_packed_faults){
		.hdr = faults->hdr, .nr = faults->nr, .lost = faults->lost};
	for (unsigned int i = 0; i < faults->nr; i++) {
		p = put_number(p, fault[i].time_ns - time_ns);
		time_ns = fault[i].time_ns;
	}
	p = put_addresses(p, fault, faults->nr);
	p = put_counters(p, fault, faults->nr);
	while ((uintptr_t)p % 8 != (uintptr_t)out % 8)
		*p++ = 0;
	packed->hdr.kind = MT_KIND_PACKED_FAULTS;
	packed->hdr.size_bytes = p - (uint8_t *)out;
	return packed->hdr.size_bytes;
}

struct cursor {
	const uint8_t *p;
	const uint8_t *end;
	bool failed;
};

static inline uint64_t take_number(struct cursor *cursor)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; cursor->p < cursor->end && shift < 64; shift += 7) {
		uint8_t byte = *cursor->p++;

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return value;
	}
	cursor->failed = true;
	return 0;
}

static void take_addresses(struct cursor *cursor, struct mt_fault *fault, unsigned int nr)
{
	uint64_t page = 0;

	for (unsigned int i = 0; i < nr; i++) {
		page += unzigzag(take_number(cursor));
		fault[i].addr_flags = (page & ((1ULL << PAGE_BITS) - 1)) << OFFSET_BITS;
	}
	if ((size_t)(cursor->end - cursor->p) < nr) {
		cursor->failed = true;
		return;
	}
	for (unsigned int i = 0; i < nr; i++)
		fault[i].addr_flags |= *cursor->p++;
	for (unsigned int i = 0; i < nr; i++) {
		uint64_t high = take_number(cursor);

		fault[i].addr_flags |= (high & 0xf) << 8 | high >> 4 << MT_FAULT_ADDR_BITS;
	}
}

static void take_counters(struct cursor *cursor, struct mt_fault *fault, unsigned int nr)
{
	struct mt_flt flt = {};

	for (unsigned int i = 0; i < nr; i++) {
		flt.min_flt += take_number(cursor);
		fault[i].flt.min_flt = flt.min_flt;
	}
	for (unsigned int i = 0; i < nr; i++) {
		flt.maj_flt += take_number(cursor);
		fault[i].flt.maj_flt = flt.maj_flt;
	}
}

int pack__unpack(const void *data, size_t size, struct faults_record *out)
{
	const struct mt_packed_faults *packed = data;
	struct cursor cursor = {.p = (const uint8_t *)(packed + 1),
				.end = (const uint8_t *)data + size};
	uint64_t time_ns;

	if (size < sizeof(*packed) || !packed->nr || packed->nr > MT_BATCH_FAULTS)
		return -EBADMSG;
	time_ns = packed->hdr.time_ns;
	for (unsigned int i = 0; i < packed->nr; i++) {
		time_ns += take_number(&cursor);
		out->fault[i].time_ns = time_ns;
	}
	take_addresses(&cursor, out->fault, packed->nr);
	take_counters(&cursor, out->fault, packed->nr);
	if (cursor.failed || cursor.end - cursor.p >= 8)
		return -EBADMSG;
	out->rec = (struct mt_faults){.hdr = packed->hdr, .nr = packed->nr, .lost = packed->lost};
	out->rec.hdr.kind = MT_KIND_FAULTS;
	out->rec.hdr.size_bytes = sizeof(out->rec) + packed->nr * sizeof(out->fault[0]);
	return 0;
}
