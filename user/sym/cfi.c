// SPDX-License-Identifier: GPL-2.0-or-later
#include "sym/cfi.h"

#include <elf.h>
#include <string.h>

#include "sym/cfi_row.h"
#include "sym/pointer.h"

/* Longer ones are not of functions that a compiler has made. */
#define RECORD_BYTES 16384

struct cie {
	struct cfi_terms terms;
	uint64_t return_reg;
	bool is_signal;
	bool has_sizes; /* of augmentations */
	struct cursor program;
	uint8_t bytes[RECORD_BYTES / 16];
};

struct fde {
	uint64_t begin;
	uint64_t size;
	struct cursor program;
	uint8_t bytes[RECORD_BYTES];
};

static bool read_at(const struct cfi_file *file, uint64_t address, void *data, size_t size)
{
	for (unsigned int i = 0; i < file->nr_loads; i++) {
		const struct elf_segment *load = &file->loads[i];
		uint64_t at = address - load->address;

		if (at < load->size && size <= load->size - at)
			return elf_file__read(&file->elf, data, size, load->offset + at);
	}
	return false;
}

bool cfi_file__address(const struct cfi_file *file, uint64_t file_offset, uint64_t *ret)
{
	for (unsigned int i = 0; i < file->nr_loads; i++) {
		const struct elf_segment *load = &file->loads[i];

		if (file_offset - load->offset < load->size) {
			*ret = file_offset - load->offset + load->address;
			return true;
		}
	}
	return false;
}

/* What every linker writes: pairs of signed 32 bits, relative to the index. */
#define TABLE_ENCODING (POINTER_OF_DATA | POINTER_S4)

struct table_entry {
	int32_t begin;
	int32_t fde;
};

static bool index__init(struct cfi_file *file)
{
	uint8_t bytes[32] = {};
	struct cursor cursor = {bytes, bytes + sizeof(bytes), file->index, false};

	/* Its first bytes: what follows them are entries of the same 8 bytes. */
	if (!read_at(file, file->index, bytes, 12) || bytes[0] != 1 || bytes[3] != TABLE_ENCODING)
		return false;
	read_at(file, file->index, bytes, sizeof(bytes));
	cursor__skip(&cursor, 4);
	pointer__read(&cursor, bytes[1], file->index);
	file->nr_entries = pointer__read(&cursor, bytes[2], file->index);
	file->table = cursor.address;
	return !cursor.bad && file->nr_entries < 1ULL << 32;
}

bool cfi_file__init(struct cfi_file *file, int fd)
{
	struct elf_segment segment;
	bool has_index = false;

	*file = (struct cfi_file){};
	if (!elf_file__init(&file->elf, fd) || !file->elf.is_64)
		return false;
	for (unsigned int i = 0; elf_file__segment(&file->elf, i, &segment); i++) {
		if (segment.type == PT_LOAD && file->nr_loads < CFI_MAX_LOADS)
			file->loads[file->nr_loads++] = segment;
		if (segment.type == PT_GNU_EH_FRAME) {
			file->index = segment.address;
			has_index = true;
		}
	}
	return has_index && index__init(file);
}

/* The address of the last record that begins at or below an address. */
static bool index__find(const struct cfi_file *file, uint64_t address, uint64_t *ret)
{
	uint64_t low = 0, high = file->nr_entries;
	struct table_entry entry;
	bool found = false;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (!read_at(file, file->table + middle * sizeof(entry), &entry, sizeof(entry)))
			return false;
		if (file->index + (int64_t)entry.begin > address) {
			high = middle;
			continue;
		}
		low = middle + 1;
		*ret = file->index + (int64_t)entry.fde;
		found = true;
	}
	return found;
}

/* A record's content after its length; id: its first word. */
static bool read_record(const struct cfi_file *file, uint64_t address, uint8_t *bytes, size_t room,
			struct cursor *cursor, uint32_t *id)
{
	uint32_t head[2];

	if (!read_at(file, address, head, sizeof(head)) || head[0] < sizeof(*id) ||
	    head[0] > room || !read_at(file, address + sizeof(*head), bytes, head[0]))
		return false;
	*cursor = (struct cursor){bytes, bytes + head[0], address + sizeof(*head), false};
	*id = (uint32_t)cursor__unsigned(cursor, sizeof(*id));
	return true;
}

/* What the letters after "z" announce, in their order. */
static void cie__read_augmentation(struct cie *cie, struct cursor *cursor, const char *letters)
{
	uint8_t encoding;

	for (; *letters && !cursor->bad; letters++)
		switch (*letters) {
		case 'R':
			cie->terms.pointers = (uint8_t)cursor__unsigned(cursor, 1);
			break;
		case 'P':
			encoding = (uint8_t)cursor__unsigned(cursor, 1);
			if (encoding != POINTER_OMITTED)
				pointer__read(cursor, encoding & ~0x80, 0);
			break;
		case 'L':
			cursor__skip(cursor, 1);
			break;
		case 'S':
			cie->is_signal = true;
			break;
		case 'B': /* arm64: return addresses are signed with the other key */
			break;
		default:
			cursor->bad = true;
		}
}

static bool cie__read(const struct cfi_file *file, uint64_t address, struct cie *cie)
{
	struct cursor cursor, augmentation;
	uint64_t version, size = 0;
	const char *letters;
	uint32_t id;

	*cie = (struct cie){.terms.pointers = POINTER_ABSOLUTE};
	if (!read_record(file, address, cie->bytes, sizeof(cie->bytes), &cursor, &id) || id)
		return false;
	version = cursor__unsigned(&cursor, 1);
	letters = (const char *)cursor.at;
	if ((version != 1 && version != 3) || !memchr(letters, 0, cursor.end - cursor.at))
		return false;
	cursor__skip(&cursor, strlen(letters) + 1);
	cie->terms.code_factor = cursor__uleb(&cursor);
	cie->terms.data_factor = cursor__sleb(&cursor);
	cie->return_reg = version == 1 ? cursor__unsigned(&cursor, 1) : cursor__uleb(&cursor);
	cie->has_sizes = *letters == 'z';
	if (cie->has_sizes)
		size = cursor__uleb(&cursor);
	else if (*letters)
		return false;
	augmentation = cursor;
	cursor__skip(&cursor, size);
	if (cie->has_sizes)
		cie__read_augmentation(cie, &augmentation, letters + 1);
	cie->program = cursor;
	return !cursor.bad && !augmentation.bad && cie->return_reg < CFI_REGS;
}

static bool fde__read(const struct cfi_file *file, uint64_t address, struct fde *fde,
		      struct cie *cie)
{
	struct cursor cursor;
	uint32_t back;

	/* Its first word is the way back to its CIE, from that word on. */
	if (!read_record(file, address, fde->bytes, sizeof(fde->bytes), &cursor, &back) || !back ||
	    !cie__read(file, address + sizeof(back) - back, cie))
		return false;
	fde->begin = pointer__read(&cursor, cie->terms.pointers, 0);
	fde->size = pointer__read(&cursor, cie->terms.pointers & POINTER_FORMAT, 0);
	if (cie->has_sizes)
		cursor__skip(&cursor, cursor__uleb(&cursor));
	fde->program = cursor;
	return !cursor.bad;
}

bool cfi_file__find(const struct cfi_file *file, uint64_t address, struct cfi_row *row)
{
	struct cie cie;
	struct fde fde;
	uint64_t at;

	if (!index__find(file, address, &at) || !fde__read(file, at, &fde, &cie) ||
	    address - fde.begin >= fde.size)
		return false;
	*row = (struct cfi_row){.begin = fde.begin,
				.return_reg = (uint8_t)cie.return_reg,
				.is_signal = cie.is_signal};
	return cfi_row__make(row, &cie.terms, cie.program, fde.program, address) &&
	       row->cfa.rule != CFI_SAME;
}
