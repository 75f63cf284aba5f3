/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Moves the program break by given steps.
 *
 * brksteps [--steps BYTES,-BYTES,...] [--touch] [--fail N]
 * touch: writes each page that a step adds. fail: N calls more, for a break that cannot be.
 */
#include "common.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_STEPS 256

static const char *steps_text = "65536,131072,-65536";
static bool touch;
static uint64_t nr_fail;

static long steps[MAX_STEPS];
static uintptr_t breaks[MAX_STEPS];
static size_t nr_steps;
static uintptr_t start;
static uint64_t grown, shrunk, peak, pages;

static uintptr_t set_break(uintptr_t at)
{
	return (uintptr_t)syscall(SYS_brk, at);
}

static void touch_new(uintptr_t from, uintptr_t to)
{
	size_t page = page_bytes();
	uintptr_t at;

	for (at = (from + page - 1) & ~(page - 1); at < to; at += page) {
		*(volatile char *)at = 1;
		pages++;
	}
}

static void prepare(void)
{
	const char *at = steps_text;
	char *end;

	errno = EINVAL;
	while (*at) {
		if (nr_steps == MAX_STEPS)
			die("--steps: too many");
		steps[nr_steps++] = strtol(at, &end, 0);
		if (end == at || (*end && *end != ','))
			die("--steps");
		at = *end ? end + 1 : end;
	}
	start = set_break(0);
	touch_new(start, start);
	/* Page aligned from here on, as the kernel shows it in its maps. */
	start = set_break((start + page_bytes() - 1) & ~(page_bytes() - 1));
}

static void act(void)
{
	uintptr_t now = start, next;
	size_t i;

	for (i = 0; i < nr_steps; i++) {
		next = set_break(now + (uintptr_t)steps[i]);
		breaks[i] = next;
		grown += next > now ? next - now : 0;
		shrunk += next < now ? now - next : 0;
		if (touch && next > now)
			touch_new(now, next);
		now = next;
		peak = now > start && now - start > peak ? now - start : peak;
	}
	for (i = 0; i < nr_fail; i++)
		if (set_break(now + (1UL << 46)) != now)
			die("the break moved");
}

static void report(void)
{
	size_t i;

	result__address("start", (void *)start);
	result__open("breaks", '[');
	for (i = 0; i < nr_steps; i++)
		result__address(NULL, (void *)breaks[i]);
	result__close('[');
	result__number("calls", nr_steps + nr_fail);
	result__number("failed", nr_fail);
	result__number("grown_bytes", grown);
	result__number("shrunk_bytes", shrunk);
	result__signed("growth_bytes", (int64_t)(breaks[nr_steps - 1] - start));
	result__number("peak_growth_bytes", peak);
	result__number("pages", pages);
}

static const struct workload_option options[] = {
	{"--steps", OPTION_TEXT, &steps_text},
	{"--touch", OPTION_FLAG, &touch},
	{"--fail", OPTION_NUMBER, &nr_fail},
	OPTION_END,
};

int main(int argc, char **argv)
{
	static const struct workload workload = {options, prepare, act, report, NULL};

	workload__main(&workload, argc, argv);
}
