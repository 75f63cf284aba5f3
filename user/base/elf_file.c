// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/elf_file.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

/* A file may claim what it likes; programs have a dozen of the one and some forty of the other. */
#define MAX_SEGMENTS 256
#define MAX_SECTIONS 4096

#define NATIVE_DATA (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB)

/* The two classes have the same fields, of other sizes. */
#define SEGMENT_OF(phdr)                                                                           \
	((struct elf_segment){(phdr).p_type, (phdr).p_offset, (phdr).p_filesz, (phdr).p_vaddr,     \
			      (phdr).p_align})
#define SECTION_OF(shdr)                                                                           \
	((struct elf_section){(shdr).sh_name, (shdr).sh_type, (shdr).sh_link, (shdr).sh_offset,    \
			      (shdr).sh_size})

/* A path may lead to a device a moment after it was looked at. */
int elf_file__open_path(const char *path)
{
	int place __closefd = open(path, O_PATH | O_CLOEXEC);
	char self[64];
	struct stat st;

	if (place < 0 || fstat(place, &st) || !S_ISREG(st.st_mode))
		return -1;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", place);
	return open(self, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

bool elf_file__read(const struct elf_file *file, void *data, size_t size, uint64_t offset)
{
	return pread(file->fd, data, size, (off_t)offset) == (ssize_t)size;
}

static unsigned int at_most(unsigned int nr, unsigned int max)
{
	return nr < max ? nr : max;
}

/* An entry size that is not ours: none of them can be read. */
#define FILL(file, ehdr, phdr_bytes, shdr_bytes)                                                   \
	do {                                                                                       \
		(file)->segments_offset = (ehdr).e_phoff;                                          \
		(file)->sections_offset = (ehdr).e_shoff;                                          \
		(file)->names = (ehdr).e_shstrndx;                                                 \
		if ((ehdr).e_phentsize == (phdr_bytes))                                            \
			(file)->nr_segments = at_most((ehdr).e_phnum, MAX_SEGMENTS);               \
		if ((ehdr).e_shentsize == (shdr_bytes))                                            \
			(file)->nr_sections = at_most((ehdr).e_shnum, MAX_SECTIONS);               \
	} while (0)

bool elf_file__init(struct elf_file *file, int fd)
{
	union {
		unsigned char ident[EI_NIDENT];
		Elf32_Ehdr elf32;
		Elf64_Ehdr elf64;
	} ehdr = {};

	*file = (struct elf_file){.fd = fd};
	/* A file of the smaller class may be shorter than the larger header. */
	if (!elf_file__read(file, &ehdr.elf32, sizeof(ehdr.elf32), 0) ||
	    memcmp(ehdr.ident, ELFMAG, SELFMAG) || ehdr.ident[EI_DATA] != NATIVE_DATA)
		return false;
	file->is_64 = ehdr.ident[EI_CLASS] == ELFCLASS64;
	if (!file->is_64)
		FILL(file, ehdr.elf32, sizeof(Elf32_Phdr), sizeof(Elf32_Shdr));
	else if (elf_file__read(file, &ehdr.elf64, sizeof(ehdr.elf64), 0))
		FILL(file, ehdr.elf64, sizeof(Elf64_Phdr), sizeof(Elf64_Shdr));
	return true;
}

bool elf_file__segment(const struct elf_file *file, unsigned int i, struct elf_segment *ret)
{
	size_t size = file->is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	union {
		Elf32_Phdr elf32;
		Elf64_Phdr elf64;
	} phdr;

	if (i >= file->nr_segments ||
	    !elf_file__read(file, &phdr, size, file->segments_offset + i * size))
		return false;
	*ret = file->is_64 ? SEGMENT_OF(phdr.elf64) : SEGMENT_OF(phdr.elf32);
	return true;
}

bool elf_file__section(const struct elf_file *file, unsigned int i, struct elf_section *ret)
{
	size_t size = file->is_64 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
	union {
		Elf32_Shdr elf32;
		Elf64_Shdr elf64;
	} shdr;

	if (i >= file->nr_sections ||
	    !elf_file__read(file, &shdr, size, file->sections_offset + i * size))
		return false;
	*ret = file->is_64 ? SECTION_OF(shdr.elf64) : SECTION_OF(shdr.elf32);
	return true;
}

bool elf_file__find_section(const struct elf_file *file, const char *name, struct elf_section *ret)
{
	size_t size = strlen(name) + 1;
	struct elf_section names;
	char here[32];

	if (size > sizeof(here) || !elf_file__section(file, file->names, &names))
		return false;
	for (unsigned int i = 0; elf_file__section(file, i, ret); i++)
		if (ret->name < names.size && size <= names.size - ret->name &&
		    elf_file__read(file, here, size, names.offset + ret->name) &&
		    !memcmp(here, name, size))
			return true;
	return false;
}
