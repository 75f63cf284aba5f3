// SPDX-License-Identifier: GPL-2.0-or-later
/* Symbols of files, judged by the linker's own of this very program; and what strangers may claim.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sym/symbols.h"

struct place {
	uint64_t address;
	uint64_t file_offset;
};

/* By the headers that the loader has mapped: which bytes of the file are at the address? */
static int find_offset(struct dl_phdr_info *info, size_t size, void *ctx)
{
	struct place *place = ctx;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *phdr = &info->dlpi_phdr[i];
		uint64_t start = info->dlpi_addr + phdr->p_vaddr;

		if (phdr->p_type == PT_LOAD && place->address - start < phdr->p_filesz) {
			place->file_offset = place->address - start + phdr->p_offset;
			return 1;
		}
	}
	return 0;
}

static uint64_t offset_of(const void *address)
{
	struct place place = {.address = (uintptr_t)address};

	assert_int_equal(dl_iterate_phdr(find_offset, &place), 1);
	return place.file_offset;
}

static int open_own(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static const struct symbol_query *find(const struct symbol_query *queries, size_t nr,
				       uint64_t file_offset)
{
	for (size_t i = 0; i < nr; i++)
		if (queries[i].file_offset == file_offset)
			return &queries[i];
	fail_msg("a query is gone");
	return NULL;
}

/* Functions of this file, local ones too, at their begin and inside; and what is no function. */
static void test_own(void **state)
{
	uint64_t begin = offset_of(test_own), lookup = offset_of(symbols__look_up);
	uint64_t data = offset_of("data");
	struct symbol_query queries[] = {{.file_offset = data},
					 {.file_offset = lookup + 3},
					 {.file_offset = 1ULL << 60},
					 {.file_offset = begin}};
	int fd = open_own();

	(void)state;
	symbols__look_up(fd, queries, 4);
	assert_true(find(queries, 4, begin)->found);
	assert_string_equal(find(queries, 4, begin)->name, "test_own");
	assert_int_equal(find(queries, 4, begin)->offset, 0);
	assert_string_equal(find(queries, 4, lookup + 3)->name, "symbols__look_up");
	assert_int_equal(find(queries, 4, lookup + 3)->offset, 3);
	assert_false(find(queries, 4, data)->found);
	assert_false(find(queries, 4, 1ULL << 60)->found);
	close(fd);
}

/* As a C++ compiler names cache::load(int). */
static __attribute__((noinline)) int load(int key) __asm__("_ZN5cache4loadEi");

static int load(int key)
{
	return key + 1;
}

static void test_mangled(void **state)
{
	struct symbol_query query = {.file_offset = offset_of(load)};
	int fd = open_own();

	(void)state;
	assert_int_equal(load(1), 2);
	symbols__look_up(fd, &query, 1);
	assert_true(query.found);
	assert_string_equal(query.name, "cache::load");
	close(fd);
}

/* A library without .symtab: the dynamic linker's table serves. */
static void test_library(void **state)
{
	uint64_t offset;
	struct symbol_query query;
	Dl_info info;
	int fd;

	(void)state;
	assert_true(dladdr((void *)(uintptr_t)cmocka_set_message_output, &info));
	offset = offset_of(info.dli_saddr);
	query = (struct symbol_query){.file_offset = offset + 1};
	fd = open(info.dli_fname, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	symbols__look_up(fd, &query, 1);
	assert_true(query.found);
	assert_string_equal(query.name, "cmocka_set_message_output");
	assert_int_equal(query.offset, 1);
	close(fd);
}

static uint64_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return *state >> 33;
}

/* Whatever the bytes of its headers and tables are, names end and nothing is read beyond them. */
static void test_damaged(void **state)
{
	uint64_t seed = 4242, begin = offset_of(test_damaged);
	int own = open_own(), fd = memfd_create("damaged", MFD_CLOEXEC);
	off_t size = lseek(own, 0, SEEK_END);
	char *image = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, own, 0);
	unsigned int nr_found = 0;

	(void)state;
	assert_true(fd >= 0 && image != MAP_FAILED);
	for (int i = 0; i < 300; i++) {
		struct symbol_query queries[] = {{.file_offset = begin}, {.file_offset = 64}};
		ElfW(Ehdr) *ehdr = (ElfW(Ehdr) *)image;
		/* The header, and the sections' headers at the end. */
		off_t at = i % 2 ? (off_t)(next_random(&seed) % sizeof(*ehdr))
				 : (off_t)(ehdr->e_shoff +
					   next_random(&seed) % (size - ehdr->e_shoff));
		char was = image[at];

		image[at] = (char)next_random(&seed);
		assert_int_equal(pwrite(fd, image, size, 0), size);
		symbols__look_up(fd, queries, 2);
		nr_found += find(queries, 2, begin)->found;
		for (int q = 0; q < 2; q++)
			assert_true(memchr(queries[q].name, 0, sizeof(queries[q].name)));
		image[at] = was;
	}
	assert_true(nr_found > 0 && nr_found < 300);
	munmap(image, size);
	close(own);
	close(fd);
}

/* No ELF, cut off, empty. */
static void test_no_file(void **state)
{
	struct symbol_query query = {.file_offset = 64};
	int fd = memfd_create("none", MFD_CLOEXEC);

	(void)state;
	symbols__look_up(fd, &query, 1);
	assert_false(query.found);
	assert_int_equal(pwrite(fd, ELFMAG, SELFMAG, 0), SELFMAG);
	symbols__look_up(fd, &query, 1);
	assert_false(query.found);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own),	cmocka_unit_test(test_mangled),
		cmocka_unit_test(test_library), cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_no_file),
	};

	return cmocka_run_group_tests_name("symbols", tests, NULL, NULL);
}
