// SPDX-License-Identifier: GPL-2.0-or-later
#include "sym/symbols.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/elf_file.h"
#include "base/fit.h"
#include "sym/demangle.h"

/* Chromium has some 500,000. */
#define MAX_SYMBOLS (2U << 20)
/* Symbols that overlap have to be looked at for each query in them; those of real files do not. */
#define MAX_STEPS (8U << 20)
#define CHUNK_BYTES 49152
/* Of C++ some are long; a longer one remains as it is. */
#define MAX_MANGLED_BYTES 4096

struct table {
	const struct elf_file *file;
	struct elf_section strings;
	struct symbol_query *queries;
	size_t nr;
	uint32_t steps;
};

struct function {
	uint64_t begin;
	uint64_t size;
	uint32_t name; /* in the strings */
};

static int by_address(const void *a, const void *b)
{
	const struct symbol_query *qa = a, *qb = b;

	return (qa->address > qb->address) - (qa->address < qb->address);
}

/* A file's offset is an address by the segment that it is loaded with. */
static void query__set_address(struct symbol_query *query, const struct elf_file *file)
{
	struct elf_segment segment;

	query->address = query->offset = 0;
	query->found = false;
	query->name[0] = '\0';
	for (unsigned int i = 0; elf_file__segment(file, i, &segment); i++)
		if (segment.type == PT_LOAD && query->file_offset - segment.offset < segment.size)
			query->address = query->file_offset - segment.offset + segment.address;
}

/* The first query at or above an address. */
static size_t table__find(const struct table *table, uint64_t address)
{
	size_t low = 0, high = table->nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (table->queries[middle].address < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void table__read_name(const struct table *table, uint32_t at, char *name)
{
	uint64_t left = table->strings.size - at;
	char symbol[MAX_MANGLED_BYTES];
	size_t size = left < sizeof(symbol) ? left : sizeof(symbol);

	if (at >= table->strings.size ||
	    !elf_file__read(table->file, symbol, size, table->strings.offset + at))
		size = 1;
	symbol[size - 1] = '\0';
	if (!demangle(symbol, name, SYMBOL_NAME_BYTES))
		fit__copy(name, SYMBOL_NAME_BYTES, symbol);
}

/* Of several names for one function the first will do. */
static void table__match(struct table *table, const struct function *function)
{
	for (size_t i = table__find(table, function->begin);
	     i < table->nr && table->steps < MAX_STEPS; i++, table->steps++) {
		struct symbol_query *query = &table->queries[i];

		if (query->address - function->begin >= function->size)
			break;
		if (query->found)
			continue;
		query->found = true;
		table__read_name(table, function->name, query->name);
		query->offset = query->address - function->begin;
	}
}

/* The two classes have the same fields in another order. */
#define MATCH(table, sym)                                                                          \
	do {                                                                                       \
		unsigned int type_ = ELF64_ST_TYPE((sym)->st_info);                                \
		struct function function_ = {(sym)->st_value, (sym)->st_size, (sym)->st_name};     \
		if ((type_ == STT_FUNC || type_ == STT_GNU_IFUNC) &&                               \
		    (sym)->st_shndx != SHN_UNDEF && function_.size)                                \
			table__match(table, &function_);                                           \
	} while (0)

static void table__scan(struct table *table, const struct elf_section *section)
{
	size_t entry_bytes = table->file->is_64 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
	uint64_t nr = section->size / entry_bytes, at = section->offset;
	union {
		Elf32_Sym elf32[CHUNK_BYTES / sizeof(Elf32_Sym)];
		Elf64_Sym elf64[CHUNK_BYTES / sizeof(Elf64_Sym)];
	} chunk;

	nr = nr < MAX_SYMBOLS ? nr : MAX_SYMBOLS;
	while (nr) {
		size_t here = nr < CHUNK_BYTES / entry_bytes ? nr : CHUNK_BYTES / entry_bytes;

		if (!elf_file__read(table->file, &chunk, here * entry_bytes, at))
			return;
		for (size_t i = 0; i < here; i++) {
			if (table->file->is_64)
				MATCH(table, &chunk.elf64[i]);
			else
				MATCH(table, &chunk.elf32[i]);
		}
		at += here * entry_bytes;
		nr -= here;
	}
}

static void scan_sections(struct table *table, uint32_t type)
{
	struct elf_section section;

	for (unsigned int i = 0; elf_file__section(table->file, i, &section); i++) {
		if (section.type != type ||
		    !elf_file__section(table->file, section.link, &table->strings))
			continue;
		table__scan(table, &section);
		return;
	}
}

void symbols__look_up(int fd, struct symbol_query *queries, size_t nr)
{
	struct elf_file file;
	struct table table = {.file = &file, .queries = queries, .nr = nr};
	bool is_elf = elf_file__init(&file, fd);

	for (size_t i = 0; i < nr; i++)
		query__set_address(&queries[i], &file);
	if (!is_elf)
		return;
	qsort(queries, nr, sizeof(*queries), by_address);
	scan_sections(&table, SHT_SYMTAB);
	scan_sections(&table, SHT_DYNSYM);
}
