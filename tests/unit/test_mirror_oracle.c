// SPDX-License-Identifier: GPL-2.0-or-later
/* Mirrors held against an oracle: a row of pages, each with what is known of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "model/mirror.h"
#include "random.h"

#define PAGE 4096ULL
#define RW (PROT_READ | PROT_WRITE)
#define ORACLE_PAGES 96

struct page {
	uint64_t origin; /* 0: nothing is mapped */
	uint64_t offset;
	uint8_t prot;
	uint8_t region;
	bool shared;
	bool guard;
};

struct oracle {
	struct page pages[ORACLE_PAGES];
	struct mirror mirror;
	uint64_t seed;
};

static uint64_t oracle__random(struct oracle *oracle, uint64_t limit)
{
	return random__below(&oracle->seed, limit);
}

static uint8_t oracle__prot(struct oracle *oracle)
{
	static const uint8_t prots[] = {PROT_NONE, PROT_READ, RW, RW};

	return prots[oracle__random(oracle, 4)];
}

static void oracle__map(struct oracle *oracle, uint64_t first, uint64_t nr)
{
	static const uint8_t regions[] = {REGION_ANON, REGION_ANON, REGION_FILE,
					  REGION_THREAD_STACK};
	struct vma vma = {
		.start = first * PAGE,
		.end = (first + nr) * PAGE,
		.offset = oracle__random(oracle, 100) * PAGE,
		.origin = mirror__new_origin(&oracle->mirror),
		.prot = oracle__prot(oracle),
		.region = regions[oracle__random(oracle, 4)],
		.shared = !oracle__random(oracle, 4),
	};

	for (uint64_t i = 0; i < nr; i++)
		oracle->pages[first + i] = (struct page){
			.origin = vma.origin,
			.offset = vma.offset + i * PAGE,
			.prot = vma.prot,
			.region = vma.region,
			.shared = vma.shared,
		};
	assert_int_equal(mirror__map(&oracle->mirror, &vma), 0);
}

static void oracle__unmap(struct oracle *oracle, uint64_t first, uint64_t nr)
{
	memset(&oracle->pages[first], 0, nr * sizeof(oracle->pages[0]));
	assert_int_equal(mirror__unmap(&oracle->mirror, first * PAGE, (first + nr) * PAGE), 0);
}

static void oracle__protect(struct oracle *oracle, uint64_t first, uint64_t nr)
{
	uint8_t prot = oracle__prot(oracle);

	for (uint64_t i = first; i < first + nr; i++) {
		struct page *page = &oracle->pages[i];

		if (!page->origin)
			continue;
		page->prot = prot;
	}
	assert_int_equal(mirror__protect(&oracle->mirror, first * PAGE, (first + nr) * PAGE, prot),
			 0);
}

static void oracle__guard(struct oracle *oracle, uint64_t first, uint64_t nr)
{
	bool guard = oracle__random(oracle, 2);

	for (uint64_t i = first; i < first + nr; i++)
		if (oracle->pages[i].origin)
			oracle->pages[i].guard = guard;
	assert_int_equal(mirror__guard(&oracle->mirror, first * PAGE, (first + nr) * PAGE, guard),
			 0);
}

/* What the kernel demands: no overlap, no holes, and for another size all from one mapping. */
static bool oracle__may_remap(const struct oracle *oracle, uint64_t from, uint64_t nr, uint64_t to,
			      uint64_t new_nr)
{
	const struct page *first = &oracle->pages[from];

	if (from != to && from < to + new_nr && to < from + nr)
		return false;
	for (uint64_t i = 0; i < nr; i++) {
		const struct page *page = &oracle->pages[from + i];

		if (!page->origin)
			return false;
		if (nr == new_nr)
			continue;
		if (page->origin != first->origin || page->offset != first->offset + i * PAGE ||
		    page->prot != first->prot || page->region != first->region ||
		    page->guard != first->guard)
			return false;
	}
	return true;
}

static void oracle__remap(struct oracle *oracle, uint64_t from, uint64_t nr)
{
	uint64_t new_nr = oracle__random(oracle, 3) ? nr : 1 + oracle__random(oracle, 12);
	uint64_t to = oracle__random(oracle, 3) ? oracle__random(oracle, ORACLE_PAGES) : from;
	bool keep_old = nr == new_nr && to != from && !oracle__random(oracle, 3);
	struct page moved[ORACLE_PAGES];

	if (to + new_nr > ORACLE_PAGES || !oracle__may_remap(oracle, from, nr, to, new_nr))
		return;
	memcpy(moved, &oracle->pages[from], nr * sizeof(moved[0]));
	for (uint64_t i = nr; i < new_nr; i++) {
		moved[i] = moved[0];
		moved[i].offset += i * PAGE;
	}
	if (!keep_old)
		memset(&oracle->pages[from], 0, nr * sizeof(moved[0]));
	memcpy(&oracle->pages[to], moved, new_nr * sizeof(moved[0]));
	assert_int_equal(mirror__remap(&oracle->mirror, from * PAGE, nr * PAGE, to * PAGE,
				       new_nr * PAGE, keep_old),
			 0);
}

static void oracle__compare(struct oracle *oracle)
{
	uint64_t anon_bytes = 0, nr = 0;

	for (uint64_t i = 0; i < ORACLE_PAGES; i++) {
		const struct page *page = &oracle->pages[i];
		const struct vma *vma = mirror__find(&oracle->mirror, i * PAGE + 123);

		assert_int_equal(!vma, !page->origin);
		if (!vma)
			continue;
		assert_true(vma->origin == page->origin);
		assert_true(vma->offset + i * PAGE - vma->start == page->offset);
		assert_int_equal(vma->prot, page->prot);
		assert_int_equal(vma->region, page->region);
		assert_int_equal(vma->shared, page->shared);
		assert_int_equal(vma->guard, page->guard);
		if (page->region == REGION_ANON && !page->shared && page->prot & PROT_WRITE)
			anon_bytes += PAGE;
	}
	assert_true(oracle->mirror.anon_bytes == anon_bytes);
	for (struct vma *vma = mirror__first(&oracle->mirror); vma; vma = mirror__next(vma)) {
		const struct vma *before = mirror__before(vma);

		assert_true(vma->start < vma->end && vma->end <= ORACLE_PAGES * PAGE);
		assert_true(!before || before->end <= vma->start);
		nr++;
	}
	assert_int_equal(nr, oracle->mirror.nr);
}

static void test_against_pages(void **state)
{
	static void (*const steps[])(struct oracle *, uint64_t, uint64_t) = {
		oracle__map,   oracle__map,   oracle__unmap, oracle__protect,
		oracle__guard, oracle__remap, oracle__remap,
	};
	struct oracle oracle = {.seed = 7};

	(void)state;
	for (unsigned int round = 0; round < 20000; round++) {
		uint64_t nr = 1 + oracle__random(&oracle, 20);
		uint64_t first = oracle__random(&oracle, ORACLE_PAGES - nr);
		size_t step = oracle__random(&oracle, sizeof(steps) / sizeof(steps[0]));

		steps[step](&oracle, first, nr);
		oracle__compare(&oracle);
	}
	mirror__clear(&oracle.mirror);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
