/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a stranger's recording goes through, from its bytes to the rendered report, with what must
 * hold of every report looked at on the way. Ends the program where it does not hold.
 */
#ifndef MEMTRACE_TESTS_DRIVE_H
#define MEMTRACE_TESTS_DRIVE_H

#include <stddef.h>
#include <stdint.h>

/* Reports, a diff and lines, each once more with little that may be taken for it. */
#define DRIVE_WAYS 10U

/* A stream of records, each padded to 8 bytes, as the frames of a recording hold it. */
void drive__records(const uint8_t *data, size_t size, unsigned int way);

/* A whole recording. */
void drive__file(const uint8_t *data, size_t size, unsigned int way);

/* For a fuzzer: one of them, mostly with all that a recording of this size may take. */
unsigned int drive__pick_way(size_t size);

#endif
