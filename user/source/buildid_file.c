// SPDX-License-Identifier: GPL-2.0-or-later
#include <elf.h>
#include <stdbool.h>
#include <string.h>

#include "base/elf_file.h"
#include "source/buildids.h"

/* A file may claim what it likes; real ones have a few hundred bytes. */
#define MAX_NOTES_BYTES 65536

static uint64_t align_up(uint64_t value, uint64_t align)
{
	return (value + align - 1) & ~(align - 1);
}

/* ELF, "Note Section": sizes of 32 bits, so that no sum of these overflows. */
static size_t notes__find(const uint8_t *notes, uint64_t size, uint64_t align, uint8_t *id,
			  size_t max)
{
	uint64_t at = 0, id_at;
	Elf64_Nhdr note;

	for (; at + sizeof(note) <= size; at = align_up(id_at + note.n_descsz, align)) {
		memcpy(&note, notes + at, sizeof(note));
		id_at = align_up(at + sizeof(note) + note.n_namesz, align);
		if (id_at + note.n_descsz > size)
			break;
		if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != sizeof("GNU") ||
		    memcmp(notes + at + sizeof(note), "GNU", sizeof("GNU")) || note.n_descsz > max)
			continue;
		memcpy(id, notes + id_at, note.n_descsz);
		return note.n_descsz;
	}
	return 0;
}

size_t buildid__of_file(int fd, uint8_t *id, size_t size)
{
	uint8_t notes[MAX_NOTES_BYTES];
	uint64_t left = sizeof(notes);
	struct elf_file file;
	size_t found = 0;

	if (!elf_file__init(&file, fd))
		return 0;
	for (unsigned int i = 0; i < file.nr_segments && !found; i++) {
		struct elf_segment segment;

		if (!elf_file__segment(&file, i, &segment))
			break;
		if (segment.type != PT_NOTE || segment.size > left ||
		    !elf_file__read(&file, notes, segment.size, segment.offset))
			continue;
		left -= segment.size;
		found = notes__find(notes, segment.size, segment.align == 8 ? 8 : 4, id, size);
	}
	return found;
}
