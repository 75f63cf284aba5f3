// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "model/mirror.h"
#include "model/name.h"

#define PAGE 4096ULL
#define RW (PROT_READ | PROT_WRITE)

static struct vma *nth(const struct mirror *mirror, size_t n)
{
	struct vma *vma = mirror__first(mirror);

	while (n--)
		vma = mirror__next(vma);
	return vma;
}

static void map(struct mirror *mirror, uint64_t page, uint64_t nr_pages, uint8_t prot)
{
	struct vma vma = {
		.start = page * PAGE,
		.end = (page + nr_pages) * PAGE,
		.origin = mirror__new_origin(mirror),
		.prot = prot,
		.region = REGION_ANON,
	};

	assert_int_equal(mirror__map(mirror, &vma), 0);
}

static int unmap(struct mirror *mirror, uint64_t page, uint64_t nr_pages)
{
	return mirror__unmap(mirror, page * PAGE, (page + nr_pages) * PAGE);
}

/* The mappings in pages: "10-14rw 14-15r" (g: guard, s: shared). */
static void assert_mirror(const struct mirror *mirror, const char *expected)
{
	char text[512] = "";
	size_t used = 0;

	for (size_t i = 0; i < mirror->nr && used < sizeof(text); i++) {
		const struct vma *vma = nth(mirror, i);

		used += snprintf(text + used, sizeof(text) - used, "%s%llu-%llu%s%s%s%s",
				 i ? " " : "", vma->start / PAGE, vma->end / PAGE,
				 vma->prot & PROT_READ ? "r" : "",
				 vma->prot & PROT_WRITE ? "w" : "", vma->guard ? "g" : "",
				 vma->shared ? "s" : "");
	}
	assert_string_equal(text, expected);
}

static void test_split_by_unmap(void **state)
{
	struct mirror mirror = {};

	(void)state;
	map(&mirror, 10, 10, RW);
	assert_int_equal(unmap(&mirror, 14, 2), 0);
	assert_mirror(&mirror, "10-14rw 16-20rw");
	assert_true(mirror.anon_bytes == 8 * PAGE);
	assert_true(nth(&mirror, 0)->origin == nth(&mirror, 1)->origin);
	assert_true(nth(&mirror, 1)->offset == 6 * PAGE);
	assert_null(mirror__find(&mirror, 14 * PAGE));
	assert_null(mirror__find(&mirror, 16 * PAGE - 1));
	assert_ptr_equal(mirror__find(&mirror, 16 * PAGE), nth(&mirror, 1));
	assert_ptr_equal(mirror__find(&mirror, 14 * PAGE - 1), nth(&mirror, 0));
	assert_ptr_equal(mirror__find_above(&mirror, 14 * PAGE), nth(&mirror, 1));
	assert_null(mirror__find_above(&mirror, 20 * PAGE));
	mirror__clear(&mirror);
}

static void test_unmap_across_several(void **state)
{
	struct mirror mirror = {};

	(void)state;
	for (uint64_t page = 0; page < 50; page += 10)
		map(&mirror, page, 5, page % 20 ? RW : PROT_READ);
	assert_mirror(&mirror, "0-5r 10-15rw 20-25r 30-35rw 40-45r");
	assert_int_equal(unmap(&mirror, 12, 30), 0);
	assert_mirror(&mirror, "0-5r 10-12rw 42-45r");
	assert_true(mirror.anon_bytes == 2 * PAGE);
	/* Where nothing is, and beyond all. */
	assert_int_equal(unmap(&mirror, 6, 2), 0);
	assert_int_equal(unmap(&mirror, 100, 100), 0);
	assert_mirror(&mirror, "0-5r 10-12rw 42-45r");
	assert_int_equal(mirror__unmap(&mirror, 0, UINT64_MAX), 0);
	assert_mirror(&mirror, "");
	assert_true(mirror.anon_bytes == 0);
	mirror__clear(&mirror);
}

static void test_replace(void **state)
{
	struct mirror mirror = {};

	(void)state;
	map(&mirror, 10, 10, RW);
	map(&mirror, 13, 2, PROT_READ); /* MAP_FIXED into the middle */
	assert_mirror(&mirror, "10-13rw 13-15r 15-20rw");
	assert_true(nth(&mirror, 0)->origin == nth(&mirror, 2)->origin);
	assert_true(nth(&mirror, 0)->origin != nth(&mirror, 1)->origin);
	assert_true(mirror.anon_bytes == 8 * PAGE);
	map(&mirror, 12, 10, RW); /* over several, and beyond */
	assert_mirror(&mirror, "10-12rw 12-22rw");
	assert_true(mirror.anon_bytes == 12 * PAGE);
	map(&mirror, 12, 10, PROT_NONE); /* exactly */
	assert_mirror(&mirror, "10-12rw 12-22");
	assert_true(mirror.anon_bytes == 2 * PAGE);
	mirror__clear(&mirror);
}

static void test_protect(void **state)
{
	struct mirror mirror = {};
	struct vma file = {
		.start = 30 * PAGE, .end = 34 * PAGE, .prot = PROT_READ, .region = REGION_FILE};

	(void)state;
	/* A reservation is no heap until it may be written. */
	map(&mirror, 10, 10, PROT_NONE);
	assert_true(mirror.anon_bytes == 0);
	assert_int_equal(mirror__protect(&mirror, 10 * PAGE, 14 * PAGE, RW), 0);
	assert_mirror(&mirror, "10-14rw 14-20");
	assert_true(mirror.anon_bytes == 4 * PAGE);
	assert_int_equal(mirror__protect(&mirror, 12 * PAGE, 18 * PAGE, PROT_READ), 0);
	assert_mirror(&mirror, "10-12rw 12-18r 18-20");
	assert_true(mirror.anon_bytes == 2 * PAGE);
	/* What it is stays: whether it is a program's data is not for mprotect to say. */
	assert_int_equal(mirror__map(&mirror, &file), 0);
	assert_int_equal(mirror__protect(&mirror, 31 * PAGE, 32 * PAGE, RW), 0);
	assert_int_equal(mirror__find(&mirror, 30 * PAGE)->region, REGION_FILE);
	assert_int_equal(mirror__find(&mirror, 31 * PAGE)->region, REGION_FILE);
	assert_true(mirror.anon_bytes == 2 * PAGE);
	mirror__clear(&mirror);
}

static void test_guard(void **state)
{
	struct mirror mirror = {};

	(void)state;
	map(&mirror, 10, 10, RW);
	assert_int_equal(mirror__guard(&mirror, 10 * PAGE, 11 * PAGE, true), 0);
	assert_mirror(&mirror, "10-11rwg 11-20rw");
	assert_true(mirror.anon_bytes == 10 * PAGE);
	assert_int_equal(mirror__guard(&mirror, 10 * PAGE, 20 * PAGE, false), 0);
	assert_mirror(&mirror, "10-20rw");
	mirror__clear(&mirror);
}

/* As an emulator does it with the code that it has translated: what was one mapping is again. */
static void test_protect_page_by_page(void **state)
{
	struct mirror mirror = {};

	(void)state;
	map(&mirror, 90, 10, RW); /* a neighbour, and not one of its pieces */
	map(&mirror, 100, 4000, RW);
	for (uint64_t page = 100; page < 4100; page += 2)
		mirror__protect(&mirror, page * PAGE, (page + 1) * PAGE, PROT_READ);
	assert_int_equal(mirror.nr, 1 + 4000);
	assert_true(mirror.anon_bytes == 2010 * PAGE);
	for (uint64_t i = 0; i < 2000; i++) {
		uint64_t page = 100 + i * 2006 % 4000; /* each of them once, in a wild order */

		mirror__protect(&mirror, page * PAGE, (page + 1) * PAGE, RW);
	}
	assert_mirror(&mirror, "90-100rw 100-4100rw");
	assert_true(mirror.anon_bytes == 4010 * PAGE);
	for (uint64_t page = 100; page < 4100; page++) {
		mirror__protect(&mirror, page * PAGE, (page + 1) * PAGE, PROT_READ);
		assert_true(mirror.nr <= 3);
	}
	assert_mirror(&mirror, "90-100rw 100-4100r");
	mirror__clear(&mirror);
}

static void test_remap(void **state)
{
	struct mirror mirror = {};

	(void)state;
	map(&mirror, 10, 10, RW);
	/* Larger in place. */
	mirror__remap(&mirror, 10 * PAGE, 10 * PAGE, 10 * PAGE, 15 * PAGE, false);
	assert_mirror(&mirror, "10-25rw");
	/* Smaller in place. */
	mirror__remap(&mirror, 10 * PAGE, 15 * PAGE, 10 * PAGE, 4 * PAGE, false);
	assert_mirror(&mirror, "10-14rw");
	assert_true(mirror.anon_bytes == 4 * PAGE);
	/* Moved, and larger. */
	mirror__remap(&mirror, 10 * PAGE, 4 * PAGE, 40 * PAGE, 6 * PAGE, false);
	assert_mirror(&mirror, "40-46rw");
	assert_true(mirror.anon_bytes == 6 * PAGE);
	/* A part moved, onto something else. */
	map(&mirror, 60, 4, PROT_READ);
	mirror__remap(&mirror, 42 * PAGE, 2 * PAGE, 61 * PAGE, 2 * PAGE, false);
	assert_mirror(&mirror, "40-42rw 44-46rw 60-61r 61-63rw 63-64r");
	assert_true(nth(&mirror, 3)->offset == 2 * PAGE);
	assert_true(nth(&mirror, 3)->origin == nth(&mirror, 0)->origin);
	/* The old place stays mapped: MREMAP_DONTUNMAP. */
	mirror__remap(&mirror, 40 * PAGE, 2 * PAGE, 80 * PAGE, 2 * PAGE, true);
	assert_mirror(&mirror, "40-42rw 44-46rw 60-61r 61-63rw 63-64r 80-82rw");
	assert_true(mirror.anon_bytes == 8 * PAGE);
	/* Of what is not known nothing is made. */
	mirror__remap(&mirror, 90 * PAGE, 2 * PAGE, 92 * PAGE, 2 * PAGE, false);
	assert_int_equal(mirror.nr, 6);
	mirror__clear(&mirror);
}

/* Linux moves a range of several mappings since 6.17, and has always shrunk one. */
static void test_remap_several(void **state)
{
	struct mirror mirror = {};

	(void)state;
	map(&mirror, 10, 2, RW);
	map(&mirror, 12, 2, PROT_READ);
	map(&mirror, 15, 3, RW);
	mirror__remap(&mirror, 10 * PAGE, 8 * PAGE, 40 * PAGE, 8 * PAGE, false);
	assert_mirror(&mirror, "40-42rw 42-44r 45-48rw");
	assert_true(mirror.anon_bytes == 5 * PAGE);
	mirror__remap(&mirror, 40 * PAGE, 8 * PAGE, 40 * PAGE, 3 * PAGE, false);
	assert_mirror(&mirror, "40-42rw 42-43r");
	mirror__clear(&mirror);
}

/* Sizes that no kernel would have granted leave the mirror in order. */
static void test_top_of_address_space(void **state)
{
	struct mirror mirror = {};
	struct vma top = {.start = 0 - 2 * PAGE, .end = UINT64_MAX, .prot = RW};
	struct vma inverted = {.start = 20 * PAGE, .end = 10 * PAGE, .prot = RW};

	(void)state;
	map(&mirror, 10, 10, RW);
	assert_int_equal(mirror__map(&mirror, &inverted), 0);
	assert_int_equal(mirror__unmap(&mirror, 20 * PAGE, 10 * PAGE), 0);
	assert_int_equal(mirror__unmap(&mirror, 12 * PAGE, 12 * PAGE), 0);
	assert_int_equal(mirror__protect(&mirror, 12 * PAGE, 12 * PAGE, PROT_NONE), 0);
	assert_mirror(&mirror, "10-20rw");
	assert_int_equal(mirror__map(&mirror, &top), 0);
	assert_int_equal(mirror.nr, 2);
	assert_true(nth(&mirror, 1)->end == UINT64_MAX - (PAGE - 1));
	assert_null(mirror__find(&mirror, UINT64_MAX));
	assert_null(mirror__find_above(&mirror, UINT64_MAX));
	assert_int_equal(mirror__unmap(&mirror, 0 - PAGE, UINT64_MAX), 0);
	mirror__remap(&mirror, 10 * PAGE, UINT64_MAX, 12 * PAGE, UINT64_MAX - 13 * PAGE, false);
	mirror__remap(&mirror, 10 * PAGE, PAGE, 0 - PAGE, 4 * PAGE, false);
	for (size_t i = 1; i < mirror.nr; i++)
		assert_true(nth(&mirror, i - 1)->end <= nth(&mirror, i)->start);
	mirror__clear(&mirror);
}

/* Addresses and sizes within a page are about the whole page. */
static void test_widened_to_pages(void **state)
{
	struct mirror mirror = {};
	struct vma vma = {.start = 10 * PAGE, .end = 12 * PAGE + 1, .prot = RW};

	(void)state;
	assert_int_equal(mirror__map(&mirror, &vma), 0);
	assert_mirror(&mirror, "10-13rw");
	assert_int_equal(mirror__protect(&mirror, 11 * PAGE + 5, 11 * PAGE + 6, PROT_READ), 0);
	assert_mirror(&mirror, "10-11rw 11-12r 12-13rw");
	assert_int_equal(mirror__unmap(&mirror, 12 * PAGE + 1, 12 * PAGE + 2), 0);
	assert_mirror(&mirror, "10-11rw 11-12r");
	mirror__clear(&mirror);
}

/* Page by page, upwards, downwards and into a hole: neighbours become one beyond the threshold. */
static void test_merge_above_threshold(void **state)
{
	struct mirror mirror = {};
	size_t nr;

	(void)state;
	for (uint64_t i = 0; i < 5000; i++)
		map(&mirror, 100000 + 2 * i, 1, RW);
	nr = mirror.nr;
	assert_int_equal(nr, 5000);
	assert_true(mirror.anon_bytes == 5000 * PAGE);
	map(&mirror, 100001, 1, RW); /* joins both neighbours */
	assert_int_equal(mirror.nr, nr - 1);
	map(&mirror, 99999, 1, RW); /* joins the one above */
	assert_int_equal(mirror.nr, nr - 1);
	map(&mirror, 99998, 1, PROT_READ); /* differs: stays alone */
	assert_int_equal(mirror.nr, nr);
	assert_true(mirror__find(&mirror, 99999 * PAGE)->end == 100003 * PAGE);
	for (uint64_t i = 0; i < 100000; i++)
		map(&mirror, 200000 + i, 1, RW);
	assert_int_equal(mirror.nr, nr + 1);
	assert_true(mirror.anon_bytes == 105002 * PAGE);
	mirror__clear(&mirror);
}

/* References: each piece holds one, and what goes gives it back. */
static void test_names(void **state)
{
	struct names *names = names__new(NULL);
	struct mirror mirror = {}, copy = {};
	struct vma vma = {.start = 0, .end = 10 * PAGE, .region = REGION_FILE};
	const struct vma empty = {
		.start = PAGE, .end = PAGE, .name = names__get(names, 8, 1, 7, "libx.so")};

	(void)state;
	vma.name = names__get(names, 8, 1, 7, "/usr/lib/libx.so");
	assert_ptr_equal(vma.name, empty.name);
	assert_int_equal(mirror__map(&mirror, &vma), 0);
	assert_int_equal(mirror__map(&mirror, &empty), 0);
	assert_int_equal(unmap(&mirror, 4, 1), 0);
	assert_int_equal(mirror__protect(&mirror, PAGE, 2 * PAGE, RW), 0);
	mirror__remap(&mirror, 6 * PAGE, PAGE, 20 * PAGE, PAGE, false);
	assert_int_equal(mirror__copy(&copy, &mirror), 0);
	mirror__clear(&mirror);
	assert_string_equal(name__text(nth(&copy, 0)->name), "/usr/lib/libx.so");
	mirror__clear(&copy);
	/* The last has gone: it is made anew, with what is known now. */
	vma.name = names__get(names, 8, 1, 7, "libx.so");
	assert_string_equal(name__text(vma.name), "libx.so");
	name__put(vma.name);
	names__free(names);
}

static void test_copy(void **state)
{
	struct mirror mirror = {.known = true}, copy = {}, none = {};

	(void)state;
	map(&mirror, 10, 4, RW);
	nth(&mirror, 0)->place = (struct place *)&mirror;
	assert_int_equal(mirror__copy(&copy, &mirror), 0);
	assert_mirror(&copy, "10-14rw");
	assert_null(nth(&copy, 0)->place);
	assert_true(copy.known && copy.anon_bytes == 4 * PAGE);
	/* Each goes its own way. */
	assert_int_equal(unmap(&copy, 11, 1), 0);
	assert_mirror(&mirror, "10-14rw");
	assert_true(mirror.anon_bytes == 4 * PAGE && copy.anon_bytes == 3 * PAGE);
	mirror__clear(&copy);
	assert_int_equal(mirror__copy(&copy, &none), 0);
	assert_mirror(&copy, "");
	mirror__clear(&copy);
	mirror__clear(&mirror);
}

/* Origins stay new after a clear: places of before are found by them. */
static void test_clear_keeps_origins(void **state)
{
	struct mirror mirror = {};
	uint64_t first = mirror__new_origin(&mirror);

	(void)state;
	assert_true(first >= ORIGIN_FIRST_CALL);
	mirror__clear(&mirror);
	assert_true(mirror__new_origin(&mirror) > first);
}

static void test_set_region(void **state)
{
	struct mirror mirror = {};

	(void)state;
	map(&mirror, 10, 4, RW);
	mirror__set_region(&mirror, nth(&mirror, 0), REGION_THREAD_STACK);
	assert_true(mirror.anon_bytes == 0);
	mirror__set_region(&mirror, nth(&mirror, 0), REGION_ANON);
	assert_true(mirror.anon_bytes == 4 * PAGE);
	mirror__clear(&mirror);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split_by_unmap),
		cmocka_unit_test(test_unmap_across_several),
		cmocka_unit_test(test_replace),
		cmocka_unit_test(test_protect),
		cmocka_unit_test(test_guard),
		cmocka_unit_test(test_protect_page_by_page),
		cmocka_unit_test(test_remap),
		cmocka_unit_test(test_remap_several),
		cmocka_unit_test(test_top_of_address_space),
		cmocka_unit_test(test_widened_to_pages),
		cmocka_unit_test(test_merge_above_threshold),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_clear_keeps_origins),
		cmocka_unit_test(test_set_region),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
