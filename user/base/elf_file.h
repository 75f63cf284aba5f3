/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The headers of an ELF file that a stranger has mapped. Not with libelf: it believes what a header
 * says of the number of sections and headers, and a small file costs gigabytes. Files are read, not
 * mapped: one that is cut short meanwhile would end us by SIGBUS.
 */
#ifndef MEMTRACE_ELF_FILE_H
#define MEMTRACE_ELF_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of both classes. */
struct elf_file {
	int fd; /* borrowed */
	bool is_64;
	uint64_t segments_offset;
	unsigned int nr_segments; /* no more than a real file has */
	uint64_t sections_offset;
	unsigned int nr_sections;
	unsigned int names; /* the section that has the names of all */
};

struct elf_segment {
	uint32_t type;
	uint64_t offset;
	uint64_t size; /* in the file */
	uint64_t address;
	uint64_t align;
};

struct elf_section {
	uint32_t name; /* where it begins in the section of names */
	uint32_t type;
	uint32_t link;
	uint64_t offset;
	uint64_t size;
};

/* Only a regular file: to open a device or a pipe would do something. The descriptor, or -1. */
int elf_file__open_path(const char *path);

/* False: no ELF file of this machine's byte order. */
bool elf_file__init(struct elf_file *file, int fd);
bool elf_file__segment(const struct elf_file *file, unsigned int i, struct elf_segment *ret);
bool elf_file__section(const struct elf_file *file, unsigned int i, struct elf_section *ret);
/* The first one of that name. */
bool elf_file__find_section(const struct elf_file *file, const char *name, struct elf_section *ret);
/* All of size bytes, or false. */
bool elf_file__read(const struct elf_file *file, void *data, size_t size, uint64_t offset);

#endif
