/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Uses so many bytes of the main stack, and returns. "stack_bytes" is what the kernel then holds
 * against the limit (VmStk), "peak_bytes" the largest address space (VmPeak).
 *
 * stackgrow [--bytes B]
 */
#include "common.h"

#include <stddef.h>

static uint64_t bytes = 1 << 20;
static uint64_t before_bytes, after_bytes;

static void prepare(void)
{
	use_stack(0);
	before_bytes = status_bytes("VmStk:");
}

static void act(void)
{
	use_stack(bytes);
}

static void report(void)
{
	after_bytes = status_bytes("VmStk:");
	result__number("used_bytes", bytes);
	result__number("before_bytes", before_bytes);
	result__number("stack_bytes", after_bytes);
	result__number("peak_bytes", status_bytes("VmPeak:"));
}

static const struct workload_option options[] = {
	{"--bytes", OPTION_NUMBER, &bytes},
	OPTION_END,
};

int main(int argc, char **argv)
{
	static const struct workload workload = {options, prepare, act, report, NULL};

	workload__main(&workload, argc, argv);
}
