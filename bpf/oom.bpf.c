// SPDX-License-Identifier: GPL-2.0-or-later
/* Out of memory: whom the kernel kills for it, and how long threads wait for memory to be freed. */
#include "common.bpf.h"

/* Below it, the argument of mark_victim is a pid and not a task: it is a task since 6.8. */
#define MIN_POINTER (1ULL << 32)
#define MAX_CGROUP_LEVELS 16
/* How far below its limit a cgroup may be when it is found that there is nothing to free. */
#define CGROUP_SLACK_PAGES 64

/* The cgroup around a task that has reached its limit. */
static __always_inline void oom__note_cgroup(struct mt_oom_kill *rec, struct task_struct *victim)
{
	__u32 id = bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id);
	struct css_set *set = BPF_CORE_READ(victim, cgroups);
	struct cgroup_subsys_state **slots = (void *)set + bpf_core_field_offset(set->subsys);
	struct cgroup_subsys_state *css = NULL;
	struct page_counter *memory;
	struct mem_cgroup *memcg = NULL;
	__u64 usage, max;

	bpf_probe_read_kernel(&css, sizeof(css), &slots[id]);
	memcg = (void *)css - bpf_core_field_offset(memcg->css);
	if (!css)
		return;
	memory = (void *)memcg + bpf_core_field_offset(memcg->memory);
	for (__u32 i = 0; i < MAX_CGROUP_LEVELS && memory; i++) {
		usage = BPF_CORE_READ(memory, usage.counter);
		max = BPF_CORE_READ(memory, max);
		if (usage + CGROUP_SLACK_PAGES >= max) {
			memcg = (void *)memory - bpf_core_field_offset(memcg->memory);
			rec->cgroup_limit_bytes = max << 12;
			rec->cgroup_usage_bytes = usage << 12;
			bpf_probe_read_kernel_str(rec->cgroup, sizeof(rec->cgroup),
						  BPF_CORE_READ(memcg, css.cgroup, kn, name));
			return;
		}
		memory = BPF_CORE_READ(memory, parent);
	}
}

static __always_inline void oom__note_victim(struct mt_oom_kill *rec, struct task_struct *victim)
{
	struct mm_struct *mm = BPF_CORE_READ(victim, mm);

	rec->hdr.flags = MT_OOM_SIZES_KNOWN;
	rec->file_pages = mm__pages(mm, 0);
	rec->anon_pages = mm__pages(mm, 1);
	rec->swap_pages = mm__pages(mm, 2);
	rec->shmem_pages = mm__pages(mm, 3);
	rec->pagetable_bytes = BPF_CORE_READ(mm, pgtables_bytes.counter);
	rec->total_pages = BPF_CORE_READ(mm, total_vm);
	rec->score_adj = BPF_CORE_READ(victim, signal, oom_score_adj);
	bpf_probe_read_kernel_str(rec->comm, sizeof(rec->comm),
				  (void *)victim + bpf_core_field_offset(victim->comm));
	oom__note_cgroup(rec, victim);
}

static __always_inline int oom__emit(__u32 victim_tgid, struct task_struct *victim)
{
	__u64 trigger = bpf_get_current_pid_tgid();
	struct mt_oom_kill *rec;

	if (!tgid__traced(victim_tgid) && !tgid__traced(trigger >> 32))
		return 0;
	rec = record__reserve(MT_KIND_OOM_KILL, sizeof(*rec));
	if (!rec)
		return 0;
	__builtin_memset((char *)rec + sizeof(rec->hdr), 0, sizeof(*rec) - sizeof(rec->hdr));
	rec->hdr.tgid = rec->hdr.tid = victim_tgid;
	rec->trigger_tgid = trigger >> 32;
	rec->trigger_tid = (__u32)trigger;
	bpf_get_current_comm(rec->trigger_comm, sizeof(rec->trigger_comm));
	rec->cgroup_limit_bytes = ~0ULL;
	if (victim)
		oom__note_victim(rec, victim);
	record__submit(rec);
	return 0;
}

/* Argument: the victim; before 6.8 its pid. Not BPF_PROG: which of them, the verifier must not
 * care.
 */
SEC("raw_tp/mark_victim")
int oom_victim(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 arg = ctx->args[0];
	struct task_struct *victim = (void *)arg;

	if (arg < MIN_POINTER)
		return oom__emit((__u32)arg, NULL);
	return oom__emit(BPF_CORE_READ(victim, tgid), victim);
}

SEC("kprobe/__oom_kill_process")
int oom_kill(struct pt_regs *ctx)
{
	struct task_struct *victim = (void *)PT_REGS_PARM1(ctx);

	return oom__emit(BPF_CORE_READ(victim, tgid), victim);
}

/* When a thread began to free memory, and for whom. */
struct reclaim {
	__u64 begin_ns;
	__u64 start_boottime; /* of the thread: a tid comes round again */
	__u64 flags;
};

/* A thread that ends in the middle of it leaves its entry. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct reclaim);
} reclaims SEC(".maps");

static __always_inline int reclaim__begin(__u16 flags)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct reclaim reclaim;
	__u32 tid = (__u32)id;

	if (!tgid__traced(id >> 32))
		return 0;
	reclaim.begin_ns = bpf_ktime_get_ns();
	reclaim.start_boottime = BPF_CORE_READ(current__task(), start_boottime);
	reclaim.flags = flags;
	bpf_map_update_elem(&reclaims, &tid, &reclaim, BPF_ANY);
	return 0;
}

static __always_inline int reclaim__end(__u16 flags, __u64 reclaimed_pages)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 tid = (__u32)id;
	struct reclaim *found, begin;
	struct mt_reclaim *rec;

	if (!tgid__traced(id >> 32))
		return 0;
	found = bpf_map_lookup_elem(&reclaims, &tid);
	if (!found)
		return 0;
	begin = *found;
	bpf_map_delete_elem(&reclaims, &tid);
	/* Of another beginning, whose end was missed, as this one's beginning was. */
	if (begin.flags != flags ||
	    begin.start_boottime != BPF_CORE_READ(current__task(), start_boottime))
		return 0;
	rec = record__reserve(MT_KIND_RECLAIM, sizeof(*rec));
	if (!rec)
		return 0;
	rec->hdr.flags = flags;
	rec->duration_ns = rec->hdr.time_ns - begin.begin_ns;
	rec->reclaimed_pages = reclaimed_pages;
	record__submit(rec);
	return 0;
}

SEC("tp_btf/mm_vmscan_direct_reclaim_begin")
int BPF_PROG(reclaim_begin)
{
	return reclaim__begin(0);
}

SEC("tp_btf/mm_vmscan_direct_reclaim_end")
int BPF_PROG(reclaim_end, unsigned long reclaimed)
{
	return reclaim__end(0, reclaimed);
}

SEC("tp_btf/mm_vmscan_memcg_reclaim_begin")
int BPF_PROG(cgroup_reclaim_begin)
{
	return reclaim__begin(MT_RECLAIM_CGROUP);
}

SEC("tp_btf/mm_vmscan_memcg_reclaim_end")
int BPF_PROG(cgroup_reclaim_end, unsigned long reclaimed)
{
	return reclaim__end(MT_RECLAIM_CGROUP, reclaimed);
}

/*
 * Where tracepoints run preemptibly, a program may be skipped: then the functions themselves are
 * asked. What they return is what the tracepoints tell.
 */
SEC("kprobe.multi")
int reclaim_enter(struct pt_regs *ctx)
{
	return reclaim__begin(0);
}

SEC("kretprobe.multi")
int reclaim_return(struct pt_regs *ctx)
{
	return reclaim__end(0, PT_REGS_RC(ctx));
}

SEC("kprobe.multi")
int cgroup_reclaim_enter(struct pt_regs *ctx)
{
	return reclaim__begin(MT_RECLAIM_CGROUP);
}

SEC("kretprobe.multi")
int cgroup_reclaim_return(struct pt_regs *ctx)
{
	return reclaim__end(MT_RECLAIM_CGROUP, PT_REGS_RC(ctx));
}

char LICENSE[] SEC("license") = "GPL";
