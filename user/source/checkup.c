// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "source/checkup.h"
#include "source/pagetable.h"
#include "source/privilege.h"
#include "source/probe.h"

/* A finding that is no hindrance. */
#define found__set(found, ...) (error__set(found, 0, __VA_ARGS__), 0)

int checkup__privileges(struct error *found)
{
	return privilege__check(found) ?: found__set(found, "those that tracing needs");
}

int checkup__btf(struct error *found)
{
	struct probe_kernel kernel;
	int err = probe_kernel__open(&kernel, found);

	if (err)
		return err;
	probe_kernel__close(&kernel);
	return found__set(found, "/sys/kernel/btf/vmlinux");
}

int checkup__ring_buffer(struct error *found)
{
	if (privilege__check(found))
		return -EPERM;
	if (libbpf_probe_bpf_map_type(BPF_MAP_TYPE_RINGBUF, NULL) == 1)
		return found__set(found, "%s", "");
	return error__set(found, ENOTSUP, "BPF_MAP_TYPE_RINGBUF (Linux 5.8) is missing");
}

/* Where a kernel lacks one, memtrace takes another way or knows less. */
static const struct {
	const char *name;
	const char *since;
	bool is_func;
} helpers[] = {
	{"BPF_FUNC_get_current_task_btf", "5.11", false},
	{"BPF_FUNC_task_pt_regs", "5.15", false},
	{"BPF_FUNC_find_vma", "5.17", false},
	{"bpf_rdonly_cast", "6.2", true},
	{"bpf_iter_task_vma_new", "6.7", true},
};

static bool enum__has(const struct btf *btf, const char *type_name, const char *name)
{
	const struct btf_type *type =
		btf__type_by_id(btf, btf__find_by_name_kind(btf, type_name, BTF_KIND_ENUM));

	for (int i = 0; type && i < btf_vlen(type); i++)
		if (!strcmp(btf__name_by_offset(btf, btf_enum(type)[i].name_off), name))
			return true;
	return false;
}

int checkup__helpers(struct error *found)
{
	struct probe_kernel kernel;
	char lacking[200] = "";
	size_t used = 0;
	int err = probe_kernel__open(&kernel, found);

	if (err)
		return err;
	for (size_t i = 0; i < sizeof(helpers) / sizeof(helpers[0]); i++) {
		bool has = helpers[i].is_func
				   ? btf__find_by_name_kind(kernel.btf, helpers[i].name,
							    BTF_KIND_FUNC) >= 0
				   : enum__has(kernel.btf, "bpf_func_id", helpers[i].name);

		if (!has)
			used += snprintf(lacking + used, sizeof(lacking) - used, "%s%s (%s)",
					 used ? ", " : "", helpers[i].name, helpers[i].since);
	}
	probe_kernel__close(&kernel);
	return used ? found__set(found, "done without, less exactly or at a higher cost: %s",
				 lacking)
		    : found__set(found, "all that memtrace can use");
}

int checkup__page_tables(struct error *found)
{
	if (privilege__check(found))
		return -EPERM;
	return pagetable__try(found) ?: found__set(found, "read when a fault begins");
}

int checkup__lockdown(struct error *found)
{
	FILE *file __fclose = fopen("/sys/kernel/security/lockdown", "re");
	char line[128] = "", *begin, *end;

	if (!file || !fgets(line, sizeof(line), file) || !(begin = strchr(line, '[')) ||
	    !(end = strchr(begin, ']')))
		/* cppcheck-suppress resourceLeak ; the attribute closes it */
		return found__set(found, "none told by this kernel");
	*end = '\0';
	if (!strcmp(begin + 1, "confidentiality"))
		/* cppcheck-suppress resourceLeak ; the attribute closes it */
		return error__set(found, EPERM,
				  "confidentiality: BPF programs may not read kernel memory");
	/* cppcheck-suppress resourceLeak ; the attribute closes it */
	return found__set(found, "%s", begin + 1);
}

int checkup__memlock(struct error *found)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit))
		return found__set(found, "not known");
	if (limit.rlim_cur == RLIM_INFINITY)
		return found__set(found, "unlimited");
	return found__set(found, "%llu KiB; BPF memory counts before Linux 5.11",
			  (unsigned long long)limit.rlim_cur >> 10);
}
