// SPDX-License-Identifier: GPL-2.0-or-later
#include "sym/cfi.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
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

static bool functions__find(const struct cfi_file *file, uint64_t address, uint64_t *ret)
{
	size_t low = 0, high = file->functions.nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (file->functions.items[middle].begin > address)
			high = middle;
		else
			low = middle + 1;
	}
	if (low)
		*ret = file->functions.items[low - 1].record;
	return low;
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

/* Of a record while an index is made: its length, its first word, where its function begins. */
#define HEAD_BYTES 16
#define WINDOW_BYTES 16384
#define KNOWN_CIES 16

struct scan {
	const struct cfi_file *file;
	uint64_t *bytes_left;
	uint64_t at, end; /* addresses */
	uint64_t window_at;
	size_t window_bytes;
	uint8_t window[WINDOW_BYTES];
	struct {
		uint64_t address; /* 0: of none */
		uint8_t pointers;
	} cies[KNOWN_CIES];
};

/* Whatever is read or kept has its price: what a file says may lead anywhere, again and again. */
static bool scan__pay(struct scan *scan, uint64_t bytes)
{
	if (*scan->bytes_left < bytes)
		return false;
	*scan->bytes_left -= bytes;
	return true;
}

/* The next record's head, which is shorter where the section ends. */
static bool scan__head(struct scan *scan, struct cursor *ret)
{
	uint64_t left = scan->end - scan->at, from = scan->at - scan->window_at;
	size_t head = left < HEAD_BYTES ? left : HEAD_BYTES;

	if (from > scan->window_bytes || head > scan->window_bytes - from) {
		scan->window_at = scan->at;
		scan->window_bytes = left < WINDOW_BYTES ? left : WINDOW_BYTES;
		from = 0;
		if (!scan__pay(scan, scan->window_bytes) ||
		    !read_at(scan->file, scan->at, scan->window, scan->window_bytes))
			return false;
	}
	*ret = (struct cursor){scan->window + from, scan->window + from + head, scan->at, false};
	return true;
}

/* How a record's CIE has its addresses. The few that a file has come up by turns. */
static bool scan__pointers(struct scan *scan, uint64_t address, uint8_t *ret)
{
	size_t i = address / sizeof(uint32_t) % KNOWN_CIES;
	struct cie cie;

	if (!address || scan->cies[i].address != address) {
		if (!scan__pay(scan, sizeof(cie.bytes)) || !cie__read(scan->file, address, &cie))
			return false;
		scan->cies[i].address = address;
		scan->cies[i].pointers = cie.terms.pointers;
	}
	*ret = scan->cies[i].pointers;
	return true;
}

/* A record that cannot be read is passed by; false: there is no next one. */
static bool scan__next(struct scan *scan, struct cfi_file *file)
{
	struct cfi_function function = {.record = scan->at}, *slot;
	struct cursor cursor;
	uint64_t size, back;
	uint8_t pointers;

	if (scan->at >= scan->end || !scan__head(scan, &cursor))
		return false;
	size = cursor__unsigned(&cursor, sizeof(uint32_t));
	back = cursor__unsigned(&cursor, sizeof(uint32_t));
	scan->at += sizeof(uint32_t);
	/* Of length 0 is the last one. */
	if (cursor.bad || !size || size > scan->end - scan->at)
		return false;
	if (back && scan__pointers(scan, scan->at - back, &pointers)) {
		function.begin = pointer__read(&cursor, pointers, 0);
		slot = cursor.bad || !scan__pay(scan, sizeof(*slot))
			       ? NULL
			       : array__push(&file->functions);
		if (slot)
			*slot = function;
	}
	scan->at += size;
	return true;
}

static int by_begin(const void *a, const void *b)
{
	const struct cfi_function *fa = a, *fb = b;

	return (fa->begin > fb->begin) - (fa->begin < fb->begin);
}

static bool make_index(struct cfi_file *file, uint64_t *scan_bytes)
{
	struct scan scan = {.file = file, .bytes_left = scan_bytes};
	struct elf_section section;

	/* Each section costs reading its header and its name. */
	if (!scan__pay(&scan, file->elf.nr_sections * 2 * sizeof(Elf64_Shdr)) ||
	    !elf_file__find_section(&file->elf, ".eh_frame", &section) ||
	    section.type == SHT_NOBITS || !cfi_file__address(file, section.offset, &scan.at) ||
	    section.size > UINT64_MAX - scan.at)
		return false;
	scan.end = scan.at + section.size;
	while (scan__next(&scan, file))
		;
	if (file->functions.nr)
		qsort(file->functions.items, file->functions.nr, sizeof(*file->functions.items),
		      by_begin);
	return file->functions.nr;
}

bool cfi_file__init(struct cfi_file *file, int fd, uint64_t *scan_bytes)
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
	return (has_index && index__init(file)) || make_index(file, scan_bytes);
}

void cfi_file__release(struct cfi_file *file)
{
	array__free(&file->functions);
}

bool cfi_file__find(const struct cfi_file *file, uint64_t address, struct cfi_row *row)
{
	struct cie cie;
	struct fde fde;
	uint64_t at = 0;
	bool told = file->functions.nr ? functions__find(file, address, &at)
				       : index__find(file, address, &at);

	if (!told || !fde__read(file, at, &fde, &cie) || address - fde.begin >= fde.size)
		return false;
	*row = (struct cfi_row){.begin = fde.begin,
				.return_reg = (uint8_t)cie.return_reg,
				.is_signal = cie.is_signal};
	return cfi_row__make(row, &cie.terms, cie.program, fde.program, address) &&
	       row->cfa.rule != CFI_SAME;
}
