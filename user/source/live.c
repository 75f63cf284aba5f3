// SPDX-License-Identifier: GPL-2.0-or-later
/* The live source while it runs: the running kernel, through the BPF programs and /proc. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/array.h"
#include "base/clock.h"
#include "memtrace/control.h"
#include "memtrace.skel.h"
#include "source/live.h"
#include "source/procfs.h"

#define EPOCH_MAX_BYTES (1 << 20)
/* By how much the clocks of two CPUs may differ, and a store be seen late: with much to spare. */
#define IN_FLIGHT_NS (2 * NSEC_PER_MSEC)
/* A program that is interrupted at a batch by our looking at it is soon through. */
#define FLUSH_TRIES 8
/* How long the end of a run waits for a program that was interrupted. */
#define LAST_RECORDS_NS (2 * NSEC_PER_SEC)

int live__emit(struct live *live, const void *record, size_t size)
{
	if (live->config.build_ids)
		buildids__note(&live->build_ids, record);
	if (!live->fn_err)
		live->fn_err = live->fn(live->ctx, record, size);
	return live->fn_err;
}

int live__emit_proc(void *ctx, const void *record, size_t size)
{
	return live__emit(ctx, record, size);
}

int live__on_record(void *ctx, void *data, size_t size)
{
	const struct mt_record *record = data;
	struct live *live = ctx;

	live__note_life(live, record);
	live__note_limits(live, record);
	live->epoch_bytes += size;
	live->nr_delivered += record->kind == MT_KIND_FAULTS || record->kind == MT_KIND_TIMED_FAULTS
				      ? ((const struct mt_faults *)record)->nr
				      : 1;
	live__emit(live, record, size);
	if (record->kind == MT_KIND_EXEC && !(record->flags & MT_EXEC_MAPPED))
		procfs__mappings(record->tgid, record->time_ns, live__emit_proc, live);
	return live->fn_err;
}

/*
 * Fetch the faults that wait on a CPU for their batch to fill. One that is being added has its time
 * only after its program has said that it is at the batch: false if there is one, which may be for
 * long where programs run preemptibly.
 */
static bool live__flush_batches(struct live *live)
{
	bool all = true;

	for (int cpu = 0; cpu < live->nr_cpus; cpu++) {
		LIBBPF_OPTS(bpf_test_run_opts, opts, .flags = BPF_F_TEST_RUN_ON_CPU, .cpu = cpu);
		const struct mt_batch *batch = &live->batches[cpu];

		for (int tries = 0; tries < FLUSH_TRIES; tries++) {
			if (!__atomic_load_n(&batch->busy, __ATOMIC_RELAXED) &&
			    !__atomic_load_n(&batch->rec.nr, __ATOMIC_RELAXED))
				break;
			if (bpf_prog_test_run_opts(bpf_program__fd(live->skel->progs.flush_batch),
						   &opts) ||
			    !opts.retval)
				break;
		}
		all &= !opts.retval;
	}
	return all;
}

static int live__consume(struct live *live)
{
	int n = ring_buffer__consume(live->ring);

	return live->fn_err ?: n < 0 ? n : 0;
}

static int live__emit_build_ids(struct live *live, uint64_t time_ns)
{
	return buildids__read(&live->build_ids, time_ns, live__emit_proc, live);
}

/*
 * A program reserves its record before it looks at the clock. So what is older than now has been
 * reserved, once the faults that wait are in the ring, too.
 */
static bool live__set_mark(struct live *live, uint64_t now)
{
	if (!live__flush_batches(live))
		return false;
	live->mark_ns = now;
	live->mark_at = __atomic_load_n(live->reserved, __ATOMIC_ACQUIRE);
	return true;
}

/*
 * A record that is reserved and not yet submitted holds up all behind it, for as long as its
 * program has no CPU: hypervisors take it away, and on 7.x the scheduler does.
 */
static bool live__past_mark(const struct live *live)
{
	return (long)(__atomic_load_n(live->consumed, __ATOMIC_RELAXED) - live->mark_at) >= 0;
}

/* Once all that happened before the mark is in the stream: say so. */
static int live__epoch(struct live *live)
{
	struct mt_tick rec;
	uint64_t now = clock__now_ns();
	bool marked;
	int err;

	live__ask_runners(live);
	marked = live->mark_ns || live__set_mark(live, now);
	err = live__consume(live);
	if (err)
		return err;
	live->epoch_ns = now + EPOCH_NS;
	live->epoch_bytes = 0;
	if (!marked || !live__past_mark(live))
		return 0;
	record__start(&rec.hdr, MT_KIND_WATERMARK, sizeof(rec), live->mark_ns - IN_FLIGHT_NS);
	live->mark_ns = 0;
	return live__emit(live, &rec, sizeof(rec)) ?: live__emit_build_ids(live, now);
}

/* What was reserved until now, though a program may still be at it. */
static int live__consume_last(struct live *live)
{
	uint64_t now = clock__now_ns(), end = now + LAST_RECORDS_NS;
	bool marked = live__set_mark(live, now);
	int err = live__consume(live);

	while (!err && !(marked && live__past_mark(live)) && clock__now_ns() < end) {
		usleep(1000);
		marked = marked || live__set_mark(live, now);
		err = live__consume(live);
	}
	return err;
}

static int live__emit_losses(struct live *live, uint64_t time_ns)
{
	struct mt_losses rec = {.delivered = live->nr_delivered};

	record__start(&rec.hdr, MT_KIND_LOSS, sizeof(rec), time_ns);
	for (int i = 0; i < MT_LOSS_NR; i++)
		rec.lost[i] = __atomic_load_n(&live->skel->bss->control.lost[i], __ATOMIC_RELAXED);
	rec.lost[MT_LOSS_MISSED] = probe__missed(&live->choice, live->skel->obj);
	live->lost_records = rec.lost[MT_LOSS_RING_RECORDS] + rec.lost[MT_LOSS_MISSED];
	return live__emit(live, &rec, sizeof(rec));
}

/* It may also be that its exit record is on its way: the mark is dated after it. */
static void live__note_gone(struct live *live, uint32_t tgid)
{
	struct mt_tick rec;

	tgids__exit(&live->tgids, tgid);
	record__start(&rec.hdr, MT_KIND_GONE, sizeof(rec), clock__now_ns());
	rec.hdr.tgid = rec.hdr.tid = tgid;
	live__emit(live, &rec, sizeof(rec));
}

/* Resident sizes: of the targets, and of whoever did something since the last time. */
static void live__sample(struct live *live, uint64_t time_ns)
{
	for (size_t i = 0; i < live->config.nr_pids; i++) {
		tgids__note_active(&live->tgids, live->pids[i]);
		/* Gone without an exit record: it was lost, and nobody shall wait for it. */
		if (tgids__alive(&live->tgids, live->pids[i]) && !procfs__nr_threads(live->pids[i]))
			live__note_gone(live, live->pids[i]);
	}
	for (size_t i = 0; i < live->tgids.active.nr; i++) {
		uint32_t tgid = live->tgids.active.items[i];

		if (!tgids__alive(&live->tgids, tgid))
			continue;
		if (procfs__sample(tgid, time_ns, live__emit_proc, live) == -ESRCH)
			live__note_gone(live, tgid);
	}
	tgids__reset_active(&live->tgids);
}

/* Calls, execs or exits were lost: nobody's mappings are sure any more, nor that he is there. */
static void live__resnapshot(struct live *live)
{
	uint64_t now = clock__now_ns();

	for (uint32_t tgid = 0; tgid < live->tgids.limit; tgid++) {
		if (!tgids__alive(&live->tgids, tgid))
			continue;
		/* That none are left is also so of a leader that has ended before its threads. */
		if (procfs__mappings(tgid, now, live__emit_proc, live) == -ESRCH &&
		    !procfs__nr_threads(tgid))
			live__note_gone(live, tgid);
	}
	tgids__forget_gone(&live->tgids);
}

static int live__tick(struct live *live)
{
	uint64_t lost_before = live->lost_records;
	struct mt_tick rec;
	int err;

	live__sample(live, live->tick_ns);
	live__sample_cgroups(live, live->tick_ns, live->config.interval_ns / 2);
	err = live__emit_losses(live, live->tick_ns);
	if (err)
		return err;
	if (live->lost_records != lost_before)
		live__resnapshot(live);
	record__start(&rec.hdr, MT_KIND_TICK, sizeof(rec), live->tick_ns);
	live->tick_ns += live->config.interval_ns;
	/* Have it delivered as soon as nothing older can come. */
	live->epoch_ns = clock__now_ns() + 2 * IN_FLIGHT_NS;
	return live__emit(live, &rec, sizeof(rec));
}

static int live__pump(struct source *source)
{
	struct live *live = live__of(source);
	int err = live__consume(live);

	/* A tick comes before the watermark that would pass it by. */
	while (!err && clock__now_ns() >= live->tick_ns)
		err = live__tick(live);
	if (!err && (live->epoch_bytes >= EPOCH_MAX_BYTES || clock__now_ns() >= live->epoch_ns))
		err = live__epoch(live);
	return err;
}

static int live__fd(struct source *source)
{
	return ring_buffer__epoll_fd(live__of(source)->ring);
}

static int live__timeout_ms(struct source *source)
{
	const struct live *live = live__of(source);
	uint64_t due = live->tick_ns < live->epoch_ns ? live->tick_ns : live->epoch_ns;
	uint64_t now = clock__now_ns();

	return due <= now ? 0 : (int)((due - now + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC);
}

static int live__snapshot(struct source *source, uint32_t tgid)
{
	struct live *live = live__of(source);

	return procfs__mappings(tgid, clock__now_ns(), live__emit_proc, live);
}

/* Copied: to map it would make all of it ours, and count as such. */
static int live__read_stack(struct source *source, uint32_t chunk, void *bytes)
{
	int fd = bpf_map__fd(live__of(source)->skel->maps.stacks);

	return bpf_map_lookup_elem(fd, &chunk, bytes) ? -errno : 0;
}

static void live__release_stack(struct source *source, uint32_t slot)
{
	bpf_map_delete_elem(bpf_map__fd(live__of(source)->skel->maps.stack_claims), &slot);
}

static size_t live__alive(struct source *source)
{
	struct live *live = live__of(source);

	if (!live->tgids.nr_alive)
		live__see_off(live);
	return live->tgids.nr_alive + live->leaving.nr;
}

/* Of every process there may be thousands: who is read too late is known by his faults alone. */
#define LAST_STACKS_NS (200 * NSEC_PER_MSEC)
#define LAST_STACKS_TRIES 10

static void live__read_last_stacks(struct live *live)
{
	uint64_t end = clock__now_ns() + LAST_STACKS_NS;

	for (uint32_t tgid = 0; tgid < live->tgids.limit; tgid++)
		if (tgids__alive(&live->tgids, tgid) && clock__now_ns() < end)
			stack_marks__read_all(tgid, MT_STACK_MARK_FINAL,
					      live->config.all ? 1 : LAST_STACKS_TRIES,
					      live__emit_proc, live);
}

static int live__finish(struct source *source, enum mt_ended_by ended_by)
{
	struct live *live = live__of(source);
	struct mt_end rec = {.ended_by = ended_by};
	uint64_t now;
	int err;

	live__consume(live);
	live__read_last_stacks(live);
	/* Before the probes go: a counter read later would hold faults that nobody observed. */
	for (uint32_t tgid = 0; tgid < live->tgids.limit; tgid++)
		if (tgids__alive(&live->tgids, tgid) &&
		    procfs__threads(tgid, 0, MT_THREAD_FINAL, live__emit_proc, live) == -ESRCH)
			live__note_gone(live, tgid);
	/*
	 * The run ends here: the probes go one after the other, and what some of them still tell
	 * while others are gone would be half the truth. END is older than it.
	 */
	now = clock__now_ns();
	live__sample(live, now);
	live__finish_limits(live, now);
	probe__detach(&live->links);
	err = live__consume_last(live);
	if (!err)
		err = live__emit_losses(live, now);
	if (!err)
		err = live__emit_build_ids(live, now);
	record__start(&rec.hdr, MT_KIND_END, sizeof(rec), now);
	return err ?: live__emit(live, &rec, sizeof(rec));
}

static void live__free(struct source *source)
{
	struct live *live = live__of(source);

	if (!live)
		return;
	probe__detach(&live->links);
	if (live->consumed)
		munmap((void *)live->consumed, 2 * sysconf(_SC_PAGESIZE));
	if (live->batches)
		munmap((void *)live->batches, live->nr_cpus * sizeof(struct mt_batch));
	ring_buffer__free(live->ring);
	memtrace_bpf__destroy(live->skel);
	tgids__release(&live->tgids);
	cgroup_reader__release(&live->cgroups);
	buildids__release(&live->build_ids);
	array__free(&live->runners);
	array__free(&live->leaving);
	array__free(&live->stacks);
	free(live->pids);
	free(live);
}

const struct source_ops live_ops = {
	.fd = live__fd,
	.timeout_ms = live__timeout_ms,
	.pump = live__pump,
	.snapshot = live__snapshot,
	.read_stack = live__read_stack,
	.release_stack = live__release_stack,
	.alive = live__alive,
	.finish = live__finish,
	.free = live__free,
};
