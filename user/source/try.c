// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include "base/cleanup.h"
#include "source/try.h"

/* return 0; */
static const struct bpf_insn nothing[] = {
	{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
	{.code = BPF_JMP | BPF_EXIT},
};

int try__fentry(const struct btf *vmlinux, const char *kernel_func, struct error *error)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_FENTRY);
	int program __closefd = -1, link __closefd = -1;

	opts.attach_btf_id = btf__find_by_name_kind(vmlinux, kernel_func, BTF_KIND_FUNC);
	program = bpf_prog_load(BPF_PROG_TYPE_TRACING, "memtrace_try", "GPL", nothing,
				sizeof(nothing) / sizeof(nothing[0]), &opts);
	if (program >= 0)
		link = bpf_link_create(program, 0, BPF_TRACE_FENTRY, NULL);
	if (link >= 0)
		return 0;
	return error__set(error, errno, "the kernel refuses an fentry program on %s: %s",
			  kernel_func, strerror(errno));
}

int try__kprobe(const char *kernel_func, struct error *error)
{
	FILE *file __fclose = fopen("/sys/bus/event_source/devices/kprobe/type", "re");
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.config1 = (uintptr_t)kernel_func,
	};
	int fd __closefd = -1;

	if (!file || fscanf(file, "%u", &attr.type) != 1)
		return error__set(error, ENOTSUP,
				  "this kernel has no kprobes "
				  "(CONFIG_KPROBE_EVENTS)");
	fd = syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd >= 0)
		return 0;
	return error__set(error, errno, "the kernel refuses a kprobe on %s: %s", kernel_func,
			  strerror(errno));
}

int try__perf_event(unsigned int event, struct error *error)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = event,
		.sample_period = 1,
		.disabled = 1,
	};
	int fd __closefd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd >= 0)
		return 0;
	return error__set(error, errno, "the kernel refuses perf software events: %s",
			  strerror(errno));
}
