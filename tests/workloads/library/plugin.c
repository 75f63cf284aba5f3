// SPDX-License-Identifier: GPL-2.0-or-later
/* A library that recurse loads (--plugin), and that dies at once, some calls deep. */

int plugin_run(int levels, volatile int *address);

static __attribute__((noinline, noclone)) int plugin_step(int levels, volatile int *address)
{
	return (levels ? plugin_step(levels - 1, address) : *address) + 1;
}

int plugin_run(int levels, volatile int *address)
{
	return plugin_step(levels, address) + 1;
}
