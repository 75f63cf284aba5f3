/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes pages of anonymous mappings that have names by prctl(PR_SET_VMA): "before" has its name
 * when the program is ready, "during" gets it in the act.
 *
 * named [--pages N]
 * In the result: whether the kernel took the names ("named").
 */
#include "common.h"

#include <linux/prctl.h>
#include <sys/prctl.h>

static uint64_t nr_pages = 64;
static char *before, *during;
static bool named;

static bool set_name(char *map, const char *name)
{
	return !prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, map, nr_pages * page_bytes(), name);
}

static void write_pages(char *map)
{
	for (uint64_t i = 0; i < nr_pages; i++)
		*(volatile char *)(map + i * page_bytes()) = 1;
}

static void prepare(void)
{
	before = map_alone(nr_pages);
	during = map_alone(nr_pages);
	named = set_name(before, "before");
}

static void act(void)
{
	named = set_name(during, "during") && named;
	write_pages(before);
	write_pages(during);
}

static void report(void)
{
	result__number("pages", nr_pages);
	result__number("named", named);
}

static const struct workload_option options[] = {
	{"--pages", OPTION_NUMBER, &nr_pages},
	OPTION_END,
};

int main(int argc, char **argv)
{
	static const struct workload workload = {options, prepare, act, report, NULL};

	workload__main(&workload, argc, argv);
}
