// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Call frame information of files without an index, which are made by hand: what is found in the
 * section, and what it costs whatever that claims.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <elf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sym/cfi.h"

/* Where it is in the file; all of that is loaded at this address. */
#define LOADED 0x400000ULL
#define FRAMES 4096
#define MAX_WORDS 64

static const char names[] = "\0.shstrtab\0.eh_frame";

struct made {
	Elf64_Ehdr ehdr;
	Elf64_Phdr load;
	Elf64_Shdr sections[3];
	char names[sizeof(names)];
	struct {
		uint32_t words[MAX_WORDS];
		unsigned int nr;
	} frames;
	uint64_t size; /* of the section; 0: of what is in it */
};

static struct made made__begin(void)
{
	struct made made = {};

	memcpy(made.ehdr.e_ident, ELFMAG, SELFMAG);
	made.ehdr.e_ident[EI_CLASS] = ELFCLASS64;
	made.ehdr.e_ident[EI_DATA] = ELFDATA2LSB;
	made.ehdr.e_phoff = offsetof(struct made, load);
	made.ehdr.e_phentsize = sizeof(Elf64_Phdr);
	made.ehdr.e_phnum = 1;
	made.ehdr.e_shoff = offsetof(struct made, sections);
	made.ehdr.e_shentsize = sizeof(Elf64_Shdr);
	made.ehdr.e_shnum = 3;
	made.ehdr.e_shstrndx = 1;
	made.load =
		(Elf64_Phdr){.p_type = PT_LOAD, .p_vaddr = LOADED, .p_filesz = UINT64_MAX - LOADED};
	made.sections[1] = (Elf64_Shdr){.sh_name = 1,
					.sh_type = SHT_STRTAB,
					.sh_offset = offsetof(struct made, names),
					.sh_size = sizeof(names)};
	made.sections[2] = (Elf64_Shdr){
		.sh_name = 1 + sizeof(".shstrtab"), .sh_type = SHT_PROGBITS, .sh_offset = FRAMES};
	memcpy(made.names, names, sizeof(names));
	return made;
}

static uint32_t *made__add(struct made *made, const void *words, size_t size)
{
	uint32_t *at = made->frames.words + made->frames.nr;

	assert_true(size % sizeof(*at) == 0 && made->frames.nr + size / sizeof(*at) <= MAX_WORDS);
	memcpy(at, words, size);
	made->frames.nr += size / sizeof(*at);
	return at;
}

/* The CFA is register 7 plus 8, and the caller (16) is right below; addresses are 32 bits. */
static void made__add_cie(struct made *made)
{
	static const uint8_t cie[] = {20,
				      0,
				      0,
				      0,
				      0,
				      0,
				      0,
				      0,
				      1,
				      'z',
				      'R',
				      0,
				      1,
				      1,
				      16,
				      1,
				      3 /* 4 bytes, absolute */,
				      0x0c,
				      7,
				      8,
				      0x05,
				      16,
				      1,
				      0};

	made__add(made, cie, sizeof(cie));
}

static uint32_t *made__add_fde(struct made *made, uint32_t begin, uint32_t size)
{
	const uint32_t fde[] = {16, (made->frames.nr + 1) * sizeof(uint32_t), begin, size, 0};

	return made__add(made, fde, sizeof(fde));
}

/* In a file that is larger than what is in it: of zeros, which take no room. */
static int made__file(struct made *made, off_t file_bytes)
{
	int fd = memfd_create("made", MFD_CLOEXEC);
	size_t size = made->frames.nr * sizeof(uint32_t);

	made->sections[2].sh_size = made->size ? made->size : size;
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, made, sizeof(*made), 0), sizeof(*made));
	assert_int_equal(pwrite(fd, made->frames.words, size, FRAMES), size);
	if (file_bytes)
		assert_int_equal(ftruncate(fd, file_bytes), 0);
	return fd;
}

/* What is said of an address, and what of the bytes was taken. 0: nothing. */
static uint64_t look_up(struct made *made, uint64_t address, uint64_t bytes, uint64_t *taken)
{
	uint64_t left = bytes, begin = 0;
	int fd = made__file(made, 0);
	struct cfi_file file;
	struct cfi_row row;

	if (cfi_file__init(&file, fd, &left) && cfi_file__find(&file, address, &row)) {
		assert_int_equal(row.return_reg, 16);
		assert_int_equal(row.cfa.rule, CFI_REGISTER_OFFSET);
		assert_int_equal(row.regs[16].rule, CFI_AT_OFFSET);
		begin = row.begin;
	}
	assert_true(left <= bytes);
	if (taken)
		*taken = bytes - left;
	cfi_file__release(&file);
	close(fd);
	return begin;
}

static uint64_t find(struct made *made, uint64_t address)
{
	return look_up(made, address, CFI_SCAN_BYTES, NULL);
}

/* Whose functions are in no order. */
static struct made three(void)
{
	struct made made = made__begin();

	made__add_cie(&made);
	made__add_fde(&made, 0x401000, 0x100);
	made__add_fde(&made, 0x403000, 0x100);
	made__add_fde(&made, 0x402000, 0x100);
	return made;
}

static void test_found(void **state)
{
	struct made made = three();

	(void)state;
	assert_int_equal(find(&made, 0x401000), 0x401000);
	assert_int_equal(find(&made, 0x4010ff), 0x401000);
	assert_int_equal(find(&made, 0x402010), 0x402000);
	assert_int_equal(find(&made, 0x4030ff), 0x403000);
	assert_int_equal(find(&made, 0x401100), 0);
	assert_int_equal(find(&made, 0x400fff), 0);
	assert_int_equal(find(&made, 0x403100), 0);
}

static void test_sections(void **state)
{
	struct made made = three();

	(void)state;
	made.ehdr.e_shstrndx = 7;
	assert_int_equal(find(&made, 0x402000), 0);
	made.ehdr.e_shstrndx = 1;
	made.sections[1].sh_size -= 1; /* the name is not whole */
	assert_int_equal(find(&made, 0x402000), 0);
	made.sections[1].sh_size = UINT64_MAX;
	made.sections[2].sh_name = UINT32_MAX;
	assert_int_equal(find(&made, 0x402000), 0);
	made = three();
	made.sections[2].sh_offset = UINT64_MAX - 8;
	assert_int_equal(find(&made, 0x402000), 0);
	made = three();
	made.size = UINT64_MAX;
	assert_int_equal(find(&made, 0x402000), 0);
	made = three();
	made.ehdr.e_shnum = 0;
	assert_int_equal(find(&made, 0x402000), 0);
}

/* What is before remains. */
static void test_lengths(void **state)
{
	static const uint32_t lengths[] = {0, 1, 3, 17, 1 << 20, UINT32_MAX - 1, UINT32_MAX};
	uint32_t *second;
	struct made made;

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		made = made__begin();
		made__add_cie(&made);
		made__add_fde(&made, 0x401000, 0x100);
		second = made__add_fde(&made, 0x402000, 0x100);
		*second = lengths[i];
		made__add_fde(&made, 0x403000, 0x100);
		assert_int_equal(find(&made, 0x401000), 0x401000);
		if (lengths[i] != 17)
			assert_int_equal(find(&made, 0x402000), 0);
		if (!lengths[i] || lengths[i] > 17)
			assert_int_equal(find(&made, 0x403000), 0);
	}
}

/* A way back that leads to the record itself, to another one, or nowhere: it is passed by. */
static void test_ways_back(void **state)
{
	static const uint32_t ways[] = {1, 4, 24, UINT32_MAX, 1U << 31, FRAMES + 0x400000};
	struct made made;

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		made = made__begin();
		made__add_cie(&made);
		made__add_fde(&made, 0x401000, 0x100)[1] = ways[i];
		made__add_fde(&made, 0x402000, 0x100);
		assert_int_equal(find(&made, 0x401000), 0);
		assert_int_equal(find(&made, 0x402000), 0x402000);
	}
}

static void test_bounds(void **state)
{
	struct made made = three();
	uint64_t taken;

	(void)state;
	assert_int_equal(look_up(&made, 0x402000, CFI_SCAN_BYTES, &taken), 0x402000);
	/* All that is in it, its one CIE once, and the headers. */
	assert_in_range(taken, made.frames.nr * sizeof(uint32_t), 2048);
	assert_int_equal(look_up(&made, 0x402000, taken, &taken), 0x402000);
	assert_int_equal(look_up(&made, 0x402000, taken - 1, NULL), 0);
	assert_int_equal(look_up(&made, 0x402000, 0, &taken), 0);
	assert_int_equal(taken, 0);
}

/* Nothing but records of such a length in 4 GiB, of a CIE at the begin or of none. */
static void scan_without_end(bool has_cie, uint32_t length)
{
	static uint32_t words[4 << 20];
	const size_t nr = sizeof(words) / sizeof(*words), step = 1 + length / 4;
	struct made made = made__begin();
	uint64_t left = CFI_SCAN_BYTES;
	struct cfi_file file;
	size_t at = 0;
	int fd;

	memset(words, 0, sizeof(words));
	made__add_cie(&made);
	if (has_cie) {
		at = made.frames.nr;
		memcpy(words, made.frames.words, at * sizeof(*words));
	}
	for (; at + 2 < nr; at += step) {
		words[at] = length;
		words[at + 1] = (uint32_t)(at + 1) * sizeof(*words);
	}
	made.size = UINT32_MAX;
	fd = made__file(&made, (off_t)FRAMES + UINT32_MAX);
	assert_int_equal(pwrite(fd, words, sizeof(words), FRAMES), sizeof(words));
	assert_int_equal(cfi_file__init(&file, fd, &left), has_cie);
	assert_true(left < CFI_SCAN_BYTES);
	assert_true((file.functions.nr != 0) == has_cie);
	assert_true(file.functions.nr * sizeof(*file.functions.items) < CFI_SCAN_BYTES);
	cfi_file__release(&file);
	close(fd);
}

static void test_without_end(void **state)
{
	static const uint32_t lengths[] = {4, 8, 12, 20, 16400};

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		scan_without_end(false, lengths[i]);
		scan_without_end(true, lengths[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found),	cmocka_unit_test(test_sections),
		cmocka_unit_test(test_lengths), cmocka_unit_test(test_ways_back),
		cmocka_unit_test(test_bounds),	cmocka_unit_test(test_without_end),
	};

	return cmocka_run_group_tests_name("cfi", tests, NULL, NULL);
}
