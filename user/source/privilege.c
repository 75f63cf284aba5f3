// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "source/privilege.h"

/* The inode of the first pid namespace (PROC_PID_INIT_INO in the kernel's proc_ns.h). */
#define PID_NS_INIT_INO 0xEFFFFFFCU

static uint64_t effective_capabilities(void)
{
	FILE *status __fclose = fopen("/proc/self/status", "re");
	unsigned long long caps = 0;
	char line[256];

	while (status && fgets(line, sizeof(line), status))
		if (sscanf(line, "CapEff: %llx", &caps) == 1)
			break;
	return caps;
}

static bool has(uint64_t caps, int cap)
{
	/* Before 5.8, and still, CAP_SYS_ADMIN stands for CAP_BPF and CAP_PERFMON. */
	if ((cap == CAP_BPF || cap == CAP_PERFMON) && caps & 1ULL << CAP_SYS_ADMIN)
		return true;
	return caps & 1ULL << cap;
}

int privilege__check(struct error *error)
{
	static const struct {
		int cap;
		const char *name;
	} needed[] = {{CAP_BPF, "CAP_BPF"},
		      {CAP_PERFMON, "CAP_PERFMON"},
		      {CAP_SYS_PTRACE, "CAP_SYS_PTRACE"}};
	uint64_t caps = effective_capabilities();
	char missing[128] = "";
	struct stat ns;

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (has(caps, needed[i].cap))
			continue;
		if (*missing)
			strcat(missing, ", ");
		strcat(missing, needed[i].name);
	}
	if (*missing)
		return error__set(
			error, EPERM,
			"not permitted to trace: %s missing; run it as root (sudo memtrace …)",
			missing);
	if (!stat("/proc/self/ns/pid", &ns) && ns.st_ino != PID_NS_INIT_INO)
		return error__set(error, ENOTSUP,
				  "this is a pid namespace (a container), and the kernel counts in "
				  "the host's pids: run memtrace on the host, or with the host's "
				  "pid namespace");
	return 0;
}
