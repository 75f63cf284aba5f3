// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "source/probe.h"
#include "source/try.h"

#define WAY(way) (1U << WAY_##way)

/* By handle_mm_fault(), the kernel's own handler of all page faults. */
#define HANDLER "handle_mm_fault"

#define OOM_KILLER "__oom_kill_process"

#define MISSES_POPULATED                                                                           \
	"pages populated without an exception (they are in the check, unexplained where direct "   \
	"I/O, io_uring or ptrace did it)"

#if defined(__x86_64__)
#define SYSCALL_FUNC(name) "__x64_sys_" #name
#elif defined(__aarch64__)
#define SYSCALL_FUNC(name) "__arm64_sys_" #name
#endif

static const char *const begin_functions[] = {"wake_up_new_task", NULL};
static const char *const exec_begin_functions[] = {"begin_new_exec", NULL};
static const char *const exec_end_functions[] = {"finalize_exec", NULL};
static const char *const end_functions[] = {"exit_mm_release", NULL};
static const char *const reclaim_functions[] = {"try_to_free_pages", NULL};
static const char *const cgroup_reclaim_functions[] = {"try_to_free_mem_cgroup_pages", NULL};
static const char *const call_functions[PROBE_MAX_FUNCTIONS + 1] = {
	SYSCALL_FUNC(brk),	     SYSCALL_FUNC(mmap),    SYSCALL_FUNC(munmap),
	SYSCALL_FUNC(mremap),	     SYSCALL_FUNC(madvise), SYSCALL_FUNC(mprotect),
	SYSCALL_FUNC(mlock),	     SYSCALL_FUNC(mlock2),  SYSCALL_FUNC(mlockall),
	SYSCALL_FUNC(pkey_mprotect), SYSCALL_FUNC(prctl),   SYSCALL_FUNC(setrlimit),
	SYSCALL_FUNC(prlimit64),
};

static const struct probe probes[] = {
	{
		.fact = "page faults",
		.via = "fentry and fexit of " HANDLER,
		.misses = MISSES_POPULATED,
		.how = PROBE_FENTRY,
		.ways = WAY(FENTRY),
		.kernel_func = HANDLER,
		/* The end first: a fault whose beginning was missed is told all the same. */
		.programs = {{.program = "handle_fault_exit"}, {.program = "handle_fault"}},
	},
	{
		.fact = "page faults",
		.via = "tp_btf page_fault_user, page_fault_kernel",
		.misses = MISSES_POPULATED,
		.how = PROBE_TP_BTF,
		.ways = WAY(TRACEPOINT),
		.programs = {{"page_fault_user", "page_fault_user"},
			     {"page_fault_kernel", "page_fault_kernel"}},
	},
	{
		.fact = "page faults",
		.via = "kprobe and kretprobe of " HANDLER,
		.misses = MISSES_POPULATED,
		.how = PROBE_KPROBE,
		.ways = WAY(KPROBE),
		.kernel_func = HANDLER,
		.programs = {{.program = "handle_fault_kretprobe"},
			     {.program = "handle_fault_kprobe"}},
	},
	{
		.fact = "page faults",
		.via = "perf software events page-faults-min, page-faults-maj",
		.misses = "what kind of access it was; " MISSES_POPULATED,
		.how = PROBE_PERF,
		.ways = WAY(PERF),
		.required = true,
		.since = "perf software events (CONFIG_PERF_EVENTS)",
		.programs = {{"fault_counted_minor", .event = PERF_COUNT_SW_PAGE_FAULTS_MIN},
			     {"fault_counted_major", .event = PERF_COUNT_SW_PAGE_FAULTS_MAJ}},
	},
	{
		.fact = "major faults",
		.via = "perf software event page-faults-maj, with task->maj_flt",
		.misses = "",
		.how = PROBE_PERF,
		.ways = WAY(TRACEPOINT),
		.programs = {{"page_fault_major", .event = PERF_COUNT_SW_PAGE_FAULTS_MAJ}},
	},
	{
		.fact = "major faults",
		.via = "what " HANDLER " returns",
		.misses = "",
		.how = PROBE_NONE,
		.ways = WAY(FENTRY) | WAY(KPROBE),
	},
	{
		.fact = "major faults",
		.via = "perf software event page-faults-maj",
		.misses = "",
		.how = PROBE_NONE,
		.ways = WAY(PERF),
	},
	{
		.fact = "fault causes",
		.via = "page tables, when a fault begins and at the next of its thread",
		.misses = "whether a thread's last fault, or its last before another one faults on "
			  "the CPU, mapped a huge page (anon_merged, file_merged, shmem_merged)",
		.how = PROBE_TABLES,
		.ways = WAY(TRACEPOINT),
	},
	{
		.fact = "fault causes",
		.via = "mappings and error codes",
		.misses = "what a page table tells: anon_merged, file_merged and shmem_merged are "
			  "several causes each",
		.how = PROBE_NONE,
		.ways = WAY(TRACEPOINT),
	},
	{
		.fact = "fault causes",
		.via = "page tables, when a fault begins and when it ends",
		.misses = "",
		.how = PROBE_TABLES,
		.ways = WAY(FENTRY) | WAY(KPROBE),
	},
	{
		.fact = "fault causes",
		.via = "mappings",
		.misses = "what a page table tells: anon_merged, file_merged and shmem_merged are "
			  "several causes each, cow, write_notify and protection among them",
		.how = PROBE_NONE,
		.ways = WAY(FENTRY) | WAY(KPROBE) | WAY(PERF),
	},
	{
		.fact = "fault latency",
		.via = HANDLER ", from its begin to its end",
		.misses = "what comes before it: the exception's entry, and the wait for mmap_lock",
		.how = PROBE_NONE,
		.ways = WAY(FENTRY) | WAY(KPROBE),
	},
	{
		.fact = "fault latency",
		.via = "exception to perf page-faults-min (one of 17), -maj (each)",
		.misses = "minor faults of threads that began while memtrace did, and of set-uid "
			  "programs that a target starts",
		.how = PROBE_PERF,
		.ways = WAY(TRACEPOINT),
		/* A prime, so that programs that repeat themselves do not show one part only. */
		.weight = 17,
		.by_task = true,
		.programs = {{"page_fault_minor", .event = PERF_COUNT_SW_PAGE_FAULTS_MIN}},
	},
	{
		/* Where targets have more threads than a process may have files. */
		.fact = "fault latency",
		.via = "exception to perf page-faults-min (1 of 17, all CPUs), -maj",
		.misses = "",
		.how = PROBE_PERF,
		.ways = WAY(TRACEPOINT),
		.weight = 17,
		.programs = {{"page_fault_minor", .event = PERF_COUNT_SW_PAGE_FAULTS_MIN}},
	},
	{
		.fact = "processes and threads",
		.via = "kprobe.multi at fork, exec and exit",
		.misses = "",
		.how = PROBE_TP_BTF,
		.kernel_func = "register_fprobe_syms",
		.if_preemptible = true,
		.programs = {{"process_begin", .functions = begin_functions},
			     {"exec_begin", .functions = exec_begin_functions},
			     {"exec_end", .functions = exec_end_functions},
			     {"process_end", .functions = end_functions, .at_return = true}},
	},
	{
		.fact = "processes and threads",
		.via = "tp_btf sched_process_fork, _exec, _exit",
		.misses = "",
		.how = PROBE_TP_BTF,
		.required = true,
		.since = "raw tracepoints with BTF (Linux 5.5)",
		.programs = {{"process_fork", "sched_process_fork", .copied = true},
			     {"process_exec", "sched_process_exec", .copied = true},
			     {"process_exit", "sched_process_exit", .copied = true}},
	},
	{
		.fact = "memory calls",
		.via = "kretprobe.multi of the calls",
		.misses = "calls of 32-bit programs; mappings made without these calls (shmat, "
			  "io_uring)",
		.how = PROBE_TP_BTF,
		.kernel_func = "register_fprobe_syms",
		.if_preemptible = true,
		.programs = {{"call_return", .functions = call_functions, .at_return = true}},
	},
	{
		.fact = "memory calls",
		.via = "tp_btf sys_exit",
		.misses = "calls of 32-bit programs; mappings made without these calls (shmat, "
			  "io_uring)",
		.how = PROBE_TP_BTF,
		.required = true,
		.since = "the sys_exit tracepoint (CONFIG_HAVE_SYSCALL_TRACEPOINTS)",
		.programs = {{"call_exit", "sys_exit", .copied = true}},
	},
	{
		.fact = "stack-limit hits",
		.via = "tp_btf signal_generate, with bpf_find_vma",
		.misses = "stacks that jump over their guard page into other memory",
		.how = PROBE_TP_BTF,
		.kernel_func = "bpf_find_vma",
		.programs = {{"bad_access_vma", "signal_generate"}},
	},
	{
		.fact = "stack-limit hits",
		.via = "tp_btf signal_generate",
		.misses = "stacks that jump over their guard page into other memory",
		.how = PROBE_TP_BTF,
		.since = "tracepoint signal_generate",
		.programs = {{"bad_access", "signal_generate"}},
	},
	{
		.fact = "out-of-memory kills",
		.via = "kprobe of " OOM_KILLER,
		.misses = "",
		.how = PROBE_KPROBE,
		.kernel_func = OOM_KILLER,
		.programs = {{.program = "oom_kill"}},
	},
	{
		.fact = "out-of-memory kills",
		.via = "raw tracepoint mark_victim",
		.misses = "",
		.how = PROBE_TP_BTF,
		.programs = {{"oom_victim", "mark_victim"}},
	},
	{
		.fact = "reclaim stalls",
		.via = "kprobe.multi of try_to_free_pages, try_to_free_mem_cgroup_pages",
		.misses = "the sleep of who is over memory.high",
		.how = PROBE_TP_BTF,
		.kernel_func = "register_fprobe_syms",
		.if_preemptible = true,
		/* The ends first: where the beginning was missed, there is nothing to tell. */
		.programs = {{"reclaim_return", .functions = reclaim_functions, .at_return = true},
			     {"reclaim_enter", .functions = reclaim_functions},
			     {"cgroup_reclaim_return", .functions = cgroup_reclaim_functions,
			      .at_return = true},
			     {"cgroup_reclaim_enter", .functions = cgroup_reclaim_functions}},
	},
	{
		.fact = "reclaim stalls",
		.via = "tp_btf mm_vmscan_direct_reclaim, mm_vmscan_memcg_reclaim",
		.misses = "the sleep of who is over memory.high",
		.how = PROBE_TP_BTF,
		.programs = {{"reclaim_begin", "mm_vmscan_direct_reclaim_begin"},
			     {"reclaim_end", "mm_vmscan_direct_reclaim_end"},
			     {"cgroup_reclaim_begin", "mm_vmscan_memcg_reclaim_begin"},
			     {"cgroup_reclaim_end", "mm_vmscan_memcg_reclaim_end"}},
	},
};

#define NR_PROBES (sizeof(probes) / sizeof(probes[0]))

const char *fault_way__name(enum fault_way way)
{
	static const char *const names[NR_WAYS] = {
		[WAY_FENTRY] = "fentry",
		[WAY_TRACEPOINT] = "tracepoint",
		[WAY_KPROBE] = "kprobe",
		[WAY_PERF] = "perf",
	};

	return names[way];
}

const struct probe *probe__at(size_t i)
{
	return i < NR_PROBES ? &probes[i] : NULL;
}

int probe_kernel__open(struct probe_kernel *kernel, struct error *error)
{
	kernel->btf = btf__load_vmlinux_btf();
	if (kernel->btf)
		return 0;
	return error__set(error, ENOTSUP,
			  "this kernel has no BTF (/sys/kernel/btf/vmlinux): it needs one built "
			  "with CONFIG_DEBUG_INFO_BTF, Linux 5.8 or newer");
}

void probe_kernel__close(struct probe_kernel *kernel)
{
	btf__free(kernel->btf);
}

/*
 * The programs on it run under SRCU, not with preemption off: since 7.0. Another lock of that name
 * was there up to 6.12, before SRCU had its struct srcu_ctr (6.15).
 */
static bool tracepoints__preemptible(const struct probe_kernel *kernel)
{
	const struct btf *btf = kernel->btf;

	return btf__find_by_name_kind(btf, "trace_call_bpf_faultable", BTF_KIND_FUNC) >= 0 ||
	       (btf__find_by_name_kind(btf, "tracepoint_srcu_srcu_data", BTF_KIND_VAR) >= 0 &&
		btf__find_by_name_kind(btf, "srcu_ctr", BTF_KIND_STRUCT) >= 0);
}

static bool tp_btf__offered(const struct probe *probe, const struct probe_kernel *kernel,
			    struct error *why)
{
	char name[128];

	for_each_program(probe, p)
	{
		if (!p->tracepoint)
			continue;
		snprintf(name, sizeof(name), "btf_trace_%s", p->tracepoint);
		if (btf__find_by_name_kind(kernel->btf, name, BTF_KIND_TYPEDEF) >= 0)
			continue;
		error__set(why, ENOTSUP, "this kernel has no tracepoint %s", p->tracepoint);
		return false;
	}
	return true;
}

bool probe__offered(const struct probe *probe, const struct probe_kernel *kernel, struct error *why)
{
	if (probe->kernel_func &&
	    btf__find_by_name_kind(kernel->btf, probe->kernel_func, BTF_KIND_FUNC) < 0) {
		error__set(why, ENOTSUP, "this kernel has no function %s that can be probed",
			   probe->kernel_func);
		return false;
	}
	if (probe->if_preemptible && !tracepoints__preemptible(kernel)) {
		error__set(why, ENOTSUP, "not needed: tracepoints run with preemption off");
		return false;
	}
	switch (probe->how) {
	case PROBE_TP_BTF:
		return tp_btf__offered(probe, kernel, why);
	case PROBE_FENTRY:
		return !try__fentry(kernel->btf, probe->kernel_func, why);
	case PROBE_KPROBE:
		return !try__kprobe(probe->kernel_func, why);
	case PROBE_PERF:
		return !try__perf_event(probe->programs[0].event, why);
	case PROBE_TABLES:
	case PROBE_NONE:
		break;
	}
	return true;
}

static bool probe__is_of(const struct probe *probe, unsigned int ways)
{
	return !probe->ways || !ways || probe->ways & ways;
}

const struct probe *probe__next(const struct probe *probe, enum fault_way way)
{
	for (const struct probe *next = probe + 1;
	     next < probes + NR_PROBES && !strcmp(next->fact, probe->fact); next++)
		if (probe__is_of(next, 1U << way))
			return next;
	return NULL;
}

void probe__choose_without_tables(struct probe_choice *choice)
{
	for (size_t i = 0; i < choice->nr; i++)
		while (choice->chosen[i]->how == PROBE_TABLES)
			choice->chosen[i] = probe__next(choice->chosen[i], choice->way);
}

/* Where the kernel preempts itself it skips fentry programs, too: only by request, then. */
static bool probe__is_skipped(const struct probe *probe, const struct probe_kernel *kernel)
{
	return probe->how == PROBE_FENTRY && tracepoints__preemptible(kernel);
}

/* The first row of a fact that is offered; NULL: none. *i: where the fact begins, and its end. */
static const struct probe *probe__first(const struct probe_kernel *kernel, size_t *i,
					unsigned int ways, struct error *why)
{
	const char *fact = probes[*i].fact;
	const struct probe *first = NULL;

	for (; *i < NR_PROBES && !strcmp(probes[*i].fact, fact); ++*i)
		if (!first && probe__is_of(&probes[*i], ways) &&
		    (ways || !probe__is_skipped(&probes[*i], kernel)) &&
		    probe__offered(&probes[*i], kernel, why))
			first = &probes[*i];
	return first;
}

static int probe__lacks(const struct probe *last, unsigned int only, struct error *why,
			struct error *error)
{
	if (last->ways && only)
		return error__set(error, ENOTSUP, "--probe %s: %s",
				  fault_way__name(__builtin_ctz(only)), why->text);
	return error__set(error, ENOTSUP, "this kernel does not offer %s: %s is missing",
			  last->fact, last->since);
}

int probe__choose(const struct probe_kernel *kernel, unsigned int only, struct probe_choice *choice,
		  struct error *error)
{
	unsigned int ways = only;
	struct error why;

	*choice = (struct probe_choice){};
	choice->copies = tracepoints__preemptible(kernel);
	for (size_t i = 0; i < NR_PROBES;) {
		const struct probe *chosen = probe__first(kernel, &i, ways, &why);
		const struct probe *last = &probes[i - 1];

		if (!chosen && last->required)
			return probe__lacks(last, only, &why, error);
		if (!chosen) {
			choice->absent[choice->nr_absent++] = last;
			continue;
		}
		/* Page faults are the first fact: their way decides. */
		if (!choice->nr)
			ways = chosen->ways;
		choice->chosen[choice->nr++] = chosen;
	}
	choice->way = (enum fault_way)__builtin_ctz(ways);
	return 0;
}

unsigned int probe__weight(const struct probe_choice *choice, const char *fact)
{
	for (size_t i = 0; i < choice->nr; i++)
		if (!strcmp(choice->chosen[i]->fact, fact))
			return choice->chosen[i]->weight ?: 1;
	return 1;
}
