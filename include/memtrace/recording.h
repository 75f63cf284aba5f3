/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The file format of a recording; memtrace-recording(5) describes it for other readers.
 *
 * A header, then zstd frames (RFC 8878), each on its own, with a checksum. What is in them, put
 * together, is a stream of records (record.h), each at a multiple of 8 bytes: those of the ring
 * buffer and of user space, in the order in which they came. Only MT_KIND_FAULTS is written more
 * tightly, as MT_KIND_PACKED_FAULTS.
 */
#ifndef MEMTRACE_RECORDING_H
#define MEMTRACE_RECORDING_H

#include "memtrace/record.h"

/* As PNG's: shows transfers that strip the eighth bit, convert line ends or stop at a ^Z. */
#define MT_RECORDING_MAGIC "\x89MTR\r\n\x1a\n"
#define MT_RECORDING_BYTE_ORDER 0x01020304
/* A reader refuses another major version; of a newer minor one it skips the kinds unknown to it. */
#define MT_RECORDING_MAJOR 1
#define MT_RECORDING_MINOR 2
/* What a reader must be ready to hold. */
#define MT_RECORDING_WINDOW_LOG 20

struct mt_recording_header {
	__u8 magic[8];
	__u32 byte_order; /* MT_RECORDING_BYTE_ORDER as the writer's machine has it */
	__u16 major;
	__u16 minor;
	__u32 header_bytes; /* the first frame begins here */
	__u32 page_bytes;
	char host[65];	 /* uname nodename; NUL-terminated, as the others */
	char kernel[65]; /* uname release */
	char arch[62];	 /* uname machine */
};

/*
 * MT_KIND_PACKED_FAULTS: the entries of struct mt_faults as columns of differences. After the
 * struct follow, for all nr entries each: time, page, offset low, offset high and flags, min_flt,
 * maj_flt. All but the bytes of "offset low" are unsigned LEB128 numbers.
 */
struct mt_packed_faults {
	struct mt_record hdr; /* time_ns: as in struct mt_faults */
	__u32 nr;
	__u32 lost;
};

_Static_assert(sizeof(struct mt_recording_header) == 216, "on-disk ABI");
_Static_assert(sizeof(struct mt_packed_faults) == 32, "on-disk ABI");

#endif
