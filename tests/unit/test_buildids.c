// SPDX-License-Identifier: GPL-2.0-or-later
/* Build-ids of mapped files, judged by the notes that the loader has mapped of this very program.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <elf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "source/buildids.h"

struct own_id {
	uint8_t id[MT_BUILD_ID_MAX_BYTES];
	size_t size;
};

/* In memory: the notes of the first object, which is the program. */
static int find_own_id(struct dl_phdr_info *info, size_t size, void *ctx)
{
	struct own_id *own = ctx;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum && !own->size; i++) {
		const ElfW(Phdr) *phdr = &info->dlpi_phdr[i];
		const char *p = (const char *)(info->dlpi_addr + phdr->p_vaddr);
		const char *end = p + phdr->p_memsz;

		while (phdr->p_type == PT_NOTE && p + sizeof(ElfW(Nhdr)) <= end) {
			const ElfW(Nhdr) *note = (const ElfW(Nhdr) *)p;
			const char *desc = p + sizeof(*note) + ((note->n_namesz + 3) & ~3U);

			if (note->n_type == NT_GNU_BUILD_ID && note->n_descsz <= sizeof(own->id)) {
				memcpy(own->id, desc, note->n_descsz);
				own->size = note->n_descsz;
				break;
			}
			p = desc + ((note->n_descsz + 3) & ~3U);
		}
	}
	return 1;
}

static void own_id__read(struct own_id *own)
{
	*own = (struct own_id){};
	dl_iterate_phdr(find_own_id, own);
	assert_true(own->size >= 16);
}

static void test_own_file(void **state)
{
	uint8_t id[MT_BUILD_ID_MAX_BYTES];
	struct own_id own;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	(void)state;
	own_id__read(&own);
	assert_true(fd >= 0);
	assert_int_equal(buildid__of_file(fd, id, sizeof(id)), own.size);
	assert_memory_equal(id, own.id, own.size);
	/* No room: none is better than a part. */
	assert_int_equal(buildid__of_file(fd, id, own.size - 1), 0);
	close(fd);
}

/* Whatever the bytes of a file are: none found, nothing read beyond it. */
static void test_broken_files(void **state)
{
	uint8_t id[MT_BUILD_ID_MAX_BYTES], head[4096];
	int exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int fd = memfd_create("elf", MFD_CLOEXEC);

	(void)state;
	assert_true(exe >= 0 && fd >= 0);
	assert_int_equal(buildid__of_file(fd, id, sizeof(id)), 0); /* empty */
	assert_int_equal(pread(exe, head, sizeof(head), 0), sizeof(head));
	srand(1);
	for (int i = 0; i < 2000; i++) {
		uint8_t bytes[sizeof(head)];
		size_t size = rand() % sizeof(head);

		memcpy(bytes, head, sizeof(bytes));
		for (int n = 0; n < 8; n++)
			bytes[rand() % 1024] = rand();
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, bytes, size, 0), size);
		assert_true(buildid__of_file(fd, id, sizeof(id)) <= sizeof(id));
	}
	close(fd);
	close(exe);
}

static void put_at(int fd, const void *data, size_t size, off_t offset)
{
	assert_int_equal(pwrite(fd, data, size, offset), size);
}

/*
 * Small files, sparse where they look large, that claim the largest numbers of sections, program
 * headers and notes: reading them takes next to no memory.
 */
static void test_huge_claims(void **state)
{
	const Elf64_Shdr section = {.sh_size = 8 << 20, .sh_info = 64 << 20};
	Elf64_Phdr notes = {.p_type = PT_NOTE, .p_filesz = 65536, .p_align = 4};
	Elf64_Ehdr header;
	uint8_t id[MT_BUILD_ID_MAX_BYTES];
	int exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC),
	    fd = memfd_create("elf", MFD_CLOEXEC);
	struct rusage before, after;

	(void)state;
	assert_true(exe >= 0 && fd >= 0);
	assert_int_equal(pread(exe, &header, sizeof(header), 0), sizeof(header));
	header.e_shoff = header.e_phoff = sizeof(header);
	header.e_shnum = 0;
	header.e_phnum = PN_XNUM;
	assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
	assert_int_equal(ftruncate(fd, 8LL << 30), 0);
	put_at(fd, &header, sizeof(header), 0);
	put_at(fd, &section, sizeof(section), sizeof(header));
	assert_int_equal(buildid__of_file(fd, id, sizeof(id)), 0);

	for (int i = 0; i < 20000; i++) {
		notes.p_offset = sizeof(header) + i * sizeof(notes);
		put_at(fd, &notes, sizeof(notes), (off_t)notes.p_offset);
	}
	header.e_phnum = 20000;
	put_at(fd, &header, sizeof(header), 0);
	assert_int_equal(buildid__of_file(fd, id, sizeof(id)), 0);
	assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
	assert_true(after.ru_maxrss - before.ru_maxrss < 4096); /* KiB */
	close(fd);
	close(exe);
}

struct seen {
	struct mt_build_id rec;
	unsigned int nr;
};

static int take(void *ctx, const void *record, size_t size)
{
	struct seen *seen = ctx;

	assert_int_equal(size, sizeof(seen->rec));
	memcpy(&seen->rec, record, size);
	seen->nr++;
	return 0;
}

/* The executable mapping of this program, as /proc has it. */
static void own_mapping(struct mt_mapping *rec)
{
	char exe[MT_PATH_BYTES] = {}, line[1024];
	FILE *maps = fopen("/proc/self/maps", "re");
	bool found = false;

	assert_non_null(maps);
	assert_true(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	*rec = (struct mt_mapping){
		.hdr = {.tgid = getpid(), .size_bytes = sizeof(*rec), .kind = MT_KIND_MAPPING},
		.prot = PROT_READ | PROT_EXEC,
	};
	memcpy(rec->name, exe, sizeof(exe));
	while (!found && fgets(line, sizeof(line), maps))
		found = strstr(line, " r-xp ") && strstr(line, exe) &&
			sscanf(line, "%llx-%llx %*s %*s %x:%x %llu", &rec->start, &rec->end,
			       &rec->dev_major, &rec->dev_minor, &rec->ino) == 5;
	assert_true(found);
	fclose(maps);
}

static void test_each_file_once(void **state)
{
	struct mt_mapping mapping, data;
	struct buildids ids = {};
	struct seen seen = {};
	struct own_id own;

	(void)state;
	own_id__read(&own);
	own_mapping(&mapping);
	data = mapping;
	data.prot = PROT_READ;
	buildids__note(&ids, &data.hdr);
	assert_int_equal(buildids__read(&ids, 1, take, &seen), 0);
	assert_int_equal(seen.nr, 0); /* not executable */

	buildids__note(&ids, &mapping.hdr);
	buildids__note(&ids, &mapping.hdr);
	assert_int_equal(buildids__read(&ids, 7, take, &seen), 0);
	assert_int_equal(seen.nr, 1);
	assert_int_equal(seen.rec.hdr.time_ns, 7);
	assert_int_equal(seen.rec.hdr.kind, MT_KIND_BUILD_ID);
	assert_int_equal(seen.rec.ino, mapping.ino);
	assert_int_equal(seen.rec.id_bytes, own.size);
	assert_memory_equal(seen.rec.id, own.id, own.size);
	assert_string_equal(seen.rec.name, mapping.name);

	buildids__note(&ids, &mapping.hdr);
	assert_int_equal(buildids__read(&ids, 8, take, &seen), 0);
	assert_int_equal(seen.nr, 1);
	buildids__release(&ids);
}

/* Its process has ended: where the path still leads to the file it is told all the same. */
static void test_by_path(void **state)
{
	struct buildids ids = {};
	struct mt_mapping gone;
	struct seen seen = {};

	(void)state;
	own_mapping(&gone);
	gone.hdr.tgid = 0x7fffffff; /* above every pid */
	buildids__note(&ids, &gone.hdr);
	assert_int_equal(buildids__read(&ids, 1, take, &seen), 0);
	assert_int_equal(seen.nr, 1);
	/* Another file is there by now. */
	gone.ino++;
	buildids__note(&ids, &gone.hdr);
	assert_int_equal(buildids__read(&ids, 2, take, &seen), 0);
	assert_int_equal(seen.nr, 1);
	buildids__release(&ids);
}

/* With no path to it: not told, and found when another one maps the file. */
static void test_out_of_reach(void **state)
{
	struct mt_mapping mapping, gone;
	struct buildids ids = {};
	struct seen seen = {};

	(void)state;
	own_mapping(&mapping);
	gone = mapping;
	gone.hdr.tgid = 0x7fffffff;
	strcpy(gone.name, strrchr(mapping.name, '/') + 1);
	buildids__note(&ids, &gone.hdr);
	assert_int_equal(buildids__read(&ids, 1, take, &seen), 0);
	assert_int_equal(seen.nr, 0);
	buildids__note(&ids, &mapping.hdr);
	assert_int_equal(buildids__read(&ids, 2, take, &seen), 0);
	assert_int_equal(seen.nr, 1);
	buildids__release(&ids);
}

/* Who compiles all day long maps new files all day long: memory is bounded, and goes on. */
static void test_files_are_bounded(void **state)
{
	const unsigned int nr = 10000;
	struct mt_mapping mapping, other;
	struct buildids ids = {};
	struct seen seen = {};

	(void)state;
	own_mapping(&mapping);
	other = mapping;
	for (unsigned int i = 1; i <= nr; i++) {
		other.ino = mapping.ino + i;
		buildids__note(&ids, &other.hdr);
		if (i % 1000 == 0)
			assert_int_equal(buildids__read(&ids, i, take, &seen), 0);
	}
	assert_int_equal(seen.nr, nr);
	/* The latest are known, the first are not. */
	buildids__note(&ids, &other.hdr);
	assert_int_equal(ids.waiting.nr, 0);
	other.ino = mapping.ino + 1;
	buildids__note(&ids, &other.hdr);
	assert_int_equal(ids.waiting.nr, 1);
	buildids__release(&ids);
}

/* A path leads to another file by now, or to one that is not to be opened. */
static void test_other_file_by_that_name(void **state)
{
	struct mt_mapping mapping;
	struct buildids ids = {};
	struct seen seen = {};

	(void)state;
	own_mapping(&mapping);
	mapping.start = mapping.end = 0; /* no such mapping: the name is tried */
	mapping.ino++;
	buildids__note(&ids, &mapping.hdr);
	snprintf(mapping.name, sizeof(mapping.name), "/dev/null");
	mapping.ino++;
	buildids__note(&ids, &mapping.hdr);
	assert_int_equal(buildids__read(&ids, 1, take, &seen), 0);
	assert_int_equal(seen.nr, 0);
	buildids__release(&ids);
}

/* By the time that one looks, another file is mapped in the same place. */
static void test_other_file_mapped_there(void **state)
{
	struct mt_mapping mapping;
	struct buildids ids = {};
	struct seen seen = {};

	(void)state;
	own_mapping(&mapping);
	mapping.ino++;
	snprintf(mapping.name, sizeof(mapping.name), "plugin.so");
	buildids__note(&ids, &mapping.hdr);
	assert_int_equal(buildids__read(&ids, 1, take, &seen), 0);
	assert_int_equal(seen.nr, 0);
	buildids__release(&ids);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_file),
		cmocka_unit_test(test_broken_files),
		cmocka_unit_test(test_huge_claims),
		cmocka_unit_test(test_each_file_once),
		cmocka_unit_test(test_by_path),
		cmocka_unit_test(test_out_of_reach),
		cmocka_unit_test(test_files_are_bounded),
		cmocka_unit_test(test_other_file_by_that_name),
		cmocka_unit_test(test_other_file_mapped_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
