// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The build-id of an ELF file that a stranger has mapped. Not with libelf: it believes what a
 * header says of the number of sections and headers, and a small file costs gigabytes.
 */
#include <elf.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "source/buildids.h"

/* A file may claim what it likes; programs have a dozen headers, and notes of a few hundred bytes.
 */
#define MAX_HEADERS 256
#define MAX_NOTES_BYTES 65536

#define NATIVE_DATA (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB)

union file_header {
	unsigned char ident[EI_NIDENT];
	Elf32_Ehdr elf32;
	Elf64_Ehdr elf64;
};

union program_header {
	Elf32_Phdr elf32;
	Elf64_Phdr elf64;
};

/* Of both classes. */
struct headers {
	bool is_64;
	uint64_t offset;
	unsigned int nr;
};

struct segment {
	uint32_t type;
	uint64_t offset;
	uint64_t size;
	uint64_t align;
};

/* Read, not mapped: a file that is cut short meanwhile would end us by SIGBUS. */
static bool read_at(int fd, void *data, size_t size, uint64_t offset)
{
	return pread(fd, data, size, (off_t)offset) == (ssize_t)size;
}

static bool headers__find(struct headers *headers, int fd)
{
	union file_header file = {};
	unsigned int entry_bytes;

	/* A file of the smaller class may be shorter than the larger header. */
	if (!read_at(fd, &file.elf32, sizeof(file.elf32), 0) ||
	    memcmp(file.ident, ELFMAG, SELFMAG) || file.ident[EI_DATA] != NATIVE_DATA)
		return false;
	headers->is_64 = file.ident[EI_CLASS] == ELFCLASS64;
	if (headers->is_64) {
		if (!read_at(fd, &file.elf64, sizeof(file.elf64), 0))
			return false;
		headers->offset = file.elf64.e_phoff;
		headers->nr = file.elf64.e_phnum;
		entry_bytes = file.elf64.e_phentsize;
	} else {
		headers->offset = file.elf32.e_phoff;
		headers->nr = file.elf32.e_phnum;
		entry_bytes = file.elf32.e_phentsize;
	}
	if (headers->nr > MAX_HEADERS)
		headers->nr = MAX_HEADERS;
	return entry_bytes == (headers->is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr));
}

static bool headers__get(const struct headers *headers, int fd, unsigned int i, struct segment *ret)
{
	size_t size = headers->is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	union program_header phdr;

	if (!read_at(fd, &phdr, size, headers->offset + i * size))
		return false;
	if (headers->is_64)
		*ret = (struct segment){phdr.elf64.p_type, phdr.elf64.p_offset, phdr.elf64.p_filesz,
					phdr.elf64.p_align};
	else
		*ret = (struct segment){phdr.elf32.p_type, phdr.elf32.p_offset, phdr.elf32.p_filesz,
					phdr.elf32.p_align};
	return true;
}

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
	struct headers headers;
	size_t found = 0;

	if (!headers__find(&headers, fd))
		return 0;
	for (unsigned int i = 0; i < headers.nr && !found; i++) {
		struct segment segment;

		if (!headers__get(&headers, fd, i, &segment))
			break;
		if (segment.type != PT_NOTE || segment.size > left ||
		    !read_at(fd, notes, segment.size, segment.offset))
			continue;
		left -= segment.size;
		found = notes__find(notes, segment.size, segment.align == 8 ? 8 : 4, id, size);
	}
	return found;
}
