// SPDX-License-Identifier: GPL-2.0-or-later
/* What the tables of faults by place say: pages touched, how much of a mapping, what a slice held.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "events.h"
#include "report/build.h"
#include "report/report.h"

#define AREA 0x7f1000000000ULL

/* A page that is touched faulted, and did so where it is counted. */
static struct report *build(struct feed *feed)
{
	const struct report_process *row;
	struct report *report;

	assert_int_equal(report__build(feed->model, "1", 0, &report), 0);
	row = &report->processes[0];
	for (size_t i = 0; i < row->faults.nr_mappings; i++)
		assert_true(row->faults.mappings[i].pages_touched <=
			    row->faults.mappings[i].faults);
	for (size_t i = 0; i < row->faults.nr_slices; i++)
		assert_true(row->faults.slices[i].pages_touched <= row->faults.slices[i].faults);
	for (int i = 0; i < REPORT_ANON_SIZES; i++)
		assert_true(row->faults.anon_sizes[i].pages_touched <=
			    row->faults.anon_sizes[i].faults);
	return report;
}

/* NULL: there is no such row. */
static const struct report_mapping *find(const struct report *report, const char *name,
					 enum region region)
{
	const struct report_process *row = &report->processes[0];

	for (size_t i = 0; i < row->faults.nr_mappings; i++)
		if (!strcmp(row->faults.mappings[i].name, name) &&
		    row->faults.mappings[i].region == region)
			return &row->faults.mappings[i];
	return NULL;
}

static void assert_row(const struct report *report, const char *name, enum region region,
		       uint64_t faults, uint64_t pages_touched)
{
	const struct report_mapping *mapping = find(report, name, region);

	assert_non_null(mapping);
	assert_int_equal(mapping->faults, faults);
	assert_int_equal(mapping->pages_touched, pages_touched);
}

static const struct report_slice *slice_at(const struct report *report, uint64_t start)
{
	const struct report_process *row = &report->processes[0];

	for (size_t i = 0; i < row->faults.nr_slices; i++)
		if (row->faults.slices[i].start == start)
			return &row->faults.slices[i];
	fail_msg("no slice at %#llx", (unsigned long long)start);
	return NULL;
}

/* Each fault is counted by the kernel before the next one. */
static void touch(struct feed *feed, uint64_t start, unsigned int nr_pages)
{
	for (unsigned int i = 0; i < nr_pages; i++) {
		const struct thread *thread = feed__thread(feed, PID);

		feed__fault(feed, PID, start + i * PAGE,
			    FLT(thread->flt.min + thread->pending.open, 0));
	}
}

/* The dynamic linker's write protection, and a snapshot after it, make no file of the data. */
static void test_relro_stays_data(void **state)
{
	struct feed *feed = *state;
	struct mt_mapping rec = {
		.hdr = record__header(MT_KIND_MAPPING, sizeof(rec), PID, PID),
		.dev_major = 8,
		.ino = 78,
	};
	struct report *report;

	feed__map_file(feed, LIB, 8 * PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, 0, "libjvm.so");
	feed__map_file(feed, LIB + 8 * PAGE, 12 * PAGE, RW, MAP_PRIVATE, 0, "libjvm.so");
	touch(feed, LIB + 8 * PAGE, 12);
	feed__call(feed, MT_KIND_MPROTECT, PID, ARGS(LIB + 8 * PAGE, 8 * PAGE, PROT_READ), 0,
		   FLT(12, 0));
	report = build(feed);
	assert_row(report, "libjvm.so", REGION_DATA, 12, 12);
	report__free(report);
	/* As /proc lists it now. */
	for (int i = 0; i < 3; i++) {
		static const uint64_t pages[] = {0, 8, 16, 20};
		static const uint32_t prots[] = {PROT_READ | PROT_EXEC, PROT_READ, RW};

		rec.hdr.flags = i ? 0 : MT_MAPPING_FIRST;
		rec.start = LIB + pages[i] * PAGE;
		rec.end = LIB + pages[i + 1] * PAGE;
		rec.offset = i == 2 ? 8 * PAGE : 0;
		rec.prot = prots[i];
		snprintf(rec.name, sizeof(rec.name), "libjvm.so");
		feed__now(feed, &rec);
	}
	report = build(feed);
	assert_row(report, "libjvm.so", REGION_DATA, 12, 12);
	assert_int_equal(find(report, "libjvm.so", REGION_DATA)->mapped_bytes, 12 * PAGE);
	assert_false(find(report, "libjvm.so", REGION_DATA)->unmapped);
	assert_null(find(report, "libjvm.so", REGION_FILE));
	report__free(report);
	/* Another file in its place is what it is. */
	feed__mapping(feed, MT_MAPPING_FIRST, LIB + 8 * PAGE, LIB + 16 * PAGE, PROT_READ,
		      "libother.so");
	assert_int_equal(mirror__find(&feed__proc(feed)->mirror, LIB + 8 * PAGE)->region,
			 REGION_FILE);
}

/* Pages that faulted before the program named them are touched where they were counted. */
static void test_named_later(void **state)
{
	struct feed *feed = *state;
	struct report *report;

	feed__mmap(feed, AREA, 8 * PAGE, RW, ANON, FLT(0, 0));
	touch(feed, AREA, 6);
	feed__anon_name(feed, AREA, 4 * PAGE, "pool");
	touch(feed, AREA, 1); /* again: it was touched before */
	report = build(feed);
	assert_row(report, "[anon]", REGION_ANON, 6, 2);
	assert_row(report, "[anon:pool]", REGION_ANON, 1, 0);
	report__free(report);
	feed__call(feed, MT_KIND_MUNMAP, PID, ARGS(AREA, 8 * PAGE), 0, FLT(7, 0));
	report = build(feed);
	assert_row(report, "[anon]", REGION_ANON, 6, 6);
	report__free(report);
}

/* One file, mapped, touched and unmapped again and again, is one row. */
static void test_several_lives(void **state)
{
	struct feed *feed = *state;
	const struct report_mapping *mapping;
	struct report *report;

	for (int i = 0; i < 5; i++) {
		feed__map_file(feed, AREA, 4 * PAGE, RW, MAP_PRIVATE, 0, "data.db");
		touch(feed, AREA, 3);
		report = build(feed);
		/* What is mapped now counts, not what was. */
		mapping = find(report, "data.db", REGION_FILE);
		assert_int_equal(mapping->faults, 3 * (i + 1));
		assert_int_equal(mapping->pages_touched, 3);
		assert_false(mapping->unmapped || mapping->several);
		report__free(report);
		feed__call(feed, MT_KIND_MUNMAP, PID, ARGS(AREA, 4 * PAGE), 0, FLT(3 * (i + 1), 0));
		report = build(feed);
		mapping = find(report, "data.db", REGION_FILE);
		assert_int_equal(mapping->pages_touched, 3 * (i + 1));
		assert_int_equal(mapping->mapped_bytes, 4 * PAGE);
		assert_true(mapping->unmapped);
		assert_int_equal(mapping->several, i > 0);
		report__free(report);
	}
}

/* Its faults name a slice, not what happens to be mapped there at the end. */
static void test_slice_of_the_unmapped(void **state)
{
	struct feed *feed = *state;
	struct report *report;

	feed__map_file(feed, AREA + PAGE, 256 * PAGE, PROT_READ, MAP_SHARED, 0, "libzstd.so");
	touch(feed, AREA + PAGE, 2);
	for (uint32_t i = 0; i < 10; i++) {
		feed__map_file(feed, AREA, PAGE, RW, MAP_SHARED, 0, "data.db");
		touch(feed, AREA, 1);
		feed__call(feed, MT_KIND_MUNMAP, PID, ARGS(AREA, PAGE), 0, FLT(3 + i, 0));
	}
	report = build(feed);
	assert_string_equal(slice_at(report, AREA)->name, "data.db");
	assert_int_equal(slice_at(report, AREA)->faults, 12);
	assert_int_equal(slice_at(report, AREA)->pages_touched, 2);
	assert_int_equal(slice_at(report, AREA)->mapped_pages, 256);
	report__free(report);
}

/* Many files in turn: which had most is said while it is known, else that it is not. */
static void test_slice_of_many(void **state)
{
	struct feed *feed = *state;
	struct report *report;
	char name[16];

	for (int i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), "file%d", i % 6);
		feed__map_file(feed, AREA, PAGE, RW, MAP_SHARED, 0, name);
		touch(feed, AREA, 1);
		feed__call(feed, MT_KIND_MADVISE, PID, ARGS(AREA, PAGE, MADV_NORMAL), 0,
			   FLT(i + 1, 0));
	}
	report = build(feed);
	assert_int_equal(slice_at(report, AREA)->faults, 60);
	assert_string_equal(slice_at(report, AREA)->name, "[several]");
	report__free(report);
	feed__mmap(feed, AREA + PAGE, 100 * PAGE, RW, ANON, FLT(60, 0));
	touch(feed, AREA + PAGE, 100);
	report = build(feed);
	assert_string_equal(slice_at(report, AREA)->name, "[anon]");
	report__free(report);
}

/* What was no fault names no slice; what is known later does. */
static void test_slice_changes_its_mind(void **state)
{
	struct feed *feed = *state;
	struct report *report;

	touch(feed, AREA, 3);
	report = build(feed);
	assert_string_equal(slice_at(report, AREA)->name, "[other]");
	report__free(report);
	feed__map_program(feed);
	feed__mapping(feed, 0, AREA, AREA + 8 * PAGE, RW, "/srv/data.db");
	report = build(feed);
	assert_string_equal(slice_at(report, AREA)->name, "/srv/data.db");
	assert_row(report, "/srv/data.db", REGION_FILE, 3, 3);
	report__free(report);
	feed__call(feed, MT_KIND_MADVISE, PID, ARGS(AREA, PAGE, MADV_DONTNEED), 0, FLT(3, 0));
	/* Two pages of bss whose faults were none, and one of the heap in the same slice. */
	feed__fault(feed, PID, BSS, FLT(3, 0));
	feed__fault(feed, PID, BSS + PAGE, FLT(3, 0));
	feed__fault(feed, PID, HEAP, FLT(3, 0));
	report = build(feed);
	assert_string_equal(slice_at(report, 0x600000)->name, "[heap]");
	assert_int_equal(slice_at(report, 0x600000)->faults, 1);
	report__free(report);
}

/* Each page of anonymous memory that is mapped is in one row, and so is each fault in it. */
static void assert_mapped_once(struct feed *feed, uint64_t faults)
{
	struct report *report = build(feed);
	const struct report_process *row = &report->processes[0];
	uint64_t mapped = 0, by_size = 0, total = 0;

	for (size_t i = 0; i < row->faults.nr_mappings; i++) {
		const struct report_mapping *mapping = &row->faults.mappings[i];

		if (mapping->region != REGION_ANON)
			continue;
		total += mapping->faults;
		mapped += mapping->unmapped ? 0 : mapping->mapped_bytes;
		by_size += mapping->unmapped && mapping->start ? mapping->mapped_bytes : 0;
	}
	assert_int_equal(total, faults);
	assert_int_equal(mapped, feed__proc(feed)->mirror.anon_bytes);
	by_size += mapped;
	for (int i = 0; i < REPORT_ANON_SIZES; i++)
		by_size -= row->faults.anon_sizes[i].mapped_bytes;
	assert_int_equal(by_size, 0);
	report__free(report);
}

/* The kernel joins neighbours, and so does the mirror where there are many: none counts twice. */
static void check_neighbours(int64_t step, unsigned int nr)
{
	struct feed *feed;
	uint64_t at = AREA;
	void *fed;

	feed__setup(&fed);
	feed = fed;
	for (unsigned int i = 0; i < nr; i++, at += (uint64_t)step) {
		feed__mmap(feed, at, 4 * PAGE, RW, ANON, FLT(i, 0));
		touch(feed, at, 1);
	}
	assert_mapped_once(feed, nr);
	feed__teardown(&fed);
}

static void test_neighbours(void **state)
{
	(void)state;
	check_neighbours(-4 * (int64_t)PAGE, 20000);
	check_neighbours(4 * (int64_t)PAGE, 20000);
	check_neighbours(-8 * (int64_t)PAGE, 6000);
}

/* What fills the gap between two joins all three, and what was counted at each stays counted. */
static void test_filled_gaps(void **state)
{
	struct feed *feed = *state;
	const unsigned int nr = 6000;
	struct report *report;

	for (unsigned int i = 0; i < nr; i++) {
		feed__mmap(feed, AREA + i * 2 * PAGE, PAGE, RW, ANON, FLT(i, 0));
		touch(feed, AREA + i * 2 * PAGE, 1);
	}
	for (unsigned int i = 0; i < nr; i++) {
		feed__mmap(feed, AREA + (i * 2 + 1) * PAGE, PAGE, RW, ANON, FLT(nr + i, 0));
		touch(feed, AREA + (i * 2 + 1) * PAGE, 1);
	}
	assert_mapped_once(feed, 2 * nr);
	/* All of it goes: no row says that it was more than there was. */
	feed__call(feed, MT_KIND_MUNMAP, PID, ARGS(AREA, 2 * nr * PAGE), 0, FLT(2 * nr, 0));
	assert_mapped_once(feed, 2 * nr);
	report = build(feed);
	for (size_t i = 0; i < report->processes[0].faults.nr_mappings; i++)
		assert_true(report->processes[0].faults.mappings[i].mapped_bytes <= 2 * nr * PAGE);
	report__free(report);
}

/* Mapped and unmapped at random, with a report now and then. */
static void test_mapped_at_random(void **state)
{
	struct feed *feed = *state;
	uint64_t seed = 7;
	uint32_t faults = 0;

	for (unsigned int i = 0; i < 30000; i++) {
		uint64_t at = AREA + random__below(&seed, 12000) * PAGE;
		uint64_t bytes = (1 + random__below(&seed, 3)) * PAGE;

		if (i > 15000 && i % 3 == 0) {
			feed__call(feed, MT_KIND_MUNMAP, PID, ARGS(at, bytes), 0, FLT(faults, 0));
			continue;
		}
		feed__mmap(feed, at, bytes, RW, ANON, FLT(faults, 0));
		touch(feed, at, 1);
		faults++;
		if (i % 5000 == 0)
			assert_mapped_once(feed, faults);
	}
	assert_mapped_once(feed, faults);
}

/* A snapshot has as one what the kernel has joined. */
static void test_joined_by_snapshot(void **state)
{
	struct feed *feed = *state;
	struct report *report;

	for (unsigned int i = 0; i < 10; i++) {
		feed__mmap(feed, AREA + i * 2 * PAGE, 2 * PAGE, RW, ANON, FLT(i ? i - 1 : 0, 0));
		if (i)
			touch(feed, AREA + i * 2 * PAGE, 1);
	}
	feed__mmap(feed, AREA + 100 * PAGE, PAGE, RW, ANON, FLT(9, 0));
	touch(feed, AREA + 100 * PAGE, 1);
	feed__mapping(feed, MT_MAPPING_FIRST | MT_MAPPING_ANON, AREA, AREA + 20 * PAGE, RW, "");
	report = build(feed);
	assert_int_equal(report->processes[0].faults.anon_sizes[1].nr_mappings, 1);
	assert_int_equal(report->processes[0].faults.anon_sizes[1].faults, 9);
	assert_int_equal(report->processes[0].faults.anon_sizes[1].mapped_bytes, 20 * PAGE);
	/* Not listed any more: it is unmapped. */
	assert_int_equal(report->processes[0].faults.anon_sizes[0].nr_mappings, 1);
	assert_int_equal(report->processes[0].faults.anon_sizes[0].mapped_bytes, PAGE);
	report__free(report);
	assert_mapped_once(feed, 10);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, feed__setup, feed__teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_relro_stays_data),   TEST(test_named_later),
		TEST(test_several_lives),      TEST(test_slice_of_the_unmapped),
		TEST(test_slice_of_many),      TEST(test_slice_changes_its_mind),
		TEST(test_filled_gaps),	       TEST(test_mapped_at_random),
		TEST(test_joined_by_snapshot), cmocka_unit_test(test_neighbours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
