// SPDX-License-Identifier: GPL-2.0-or-later
/* The live source: the running kernel, through the BPF programs and /proc. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "memtrace/control.h"
#include "memtrace.skel.h"
#include "source/privilege.h"
#include "source/probe.h"
#include "source/procfs.h"
#include "source/source.h"
#include "source/tgids.h"

/* The reader's turn: short enough that a ring buffer at two million faults a second has room. */
#define EPOCH_NS (100 * NSEC_PER_MSEC)
#define EPOCH_MAX_BYTES (1 << 20)
/* Wake the reader out of turn when so much waits: a quarter of the ring. */
#define WAKEUP_BYTES (1 << 20)
/* A program that has taken its time stamp delivers its record within this, unless preempted. */
#define IN_FLIGHT_NS (2 * NSEC_PER_MSEC)

struct runner {
	uint32_t tgid;
	uint32_t tid;
	unsigned int tries;
};

struct leaver {
	uint32_t tgid;
	uint64_t time_ns;
};

struct live {
	struct source source;
	struct source_config config;
	uint32_t *pids; /* config.pids */
	source_fn fn;
	void *ctx;

	struct memtrace_bpf *skel;
	struct probe_choice choice;
	struct probe_links links;
	struct ring_buffer *ring;
	const struct mt_batch *batches; /* mapped from the kernel, one per CPU */
	int nr_cpus;
	struct tgids tgids;

	/* Threads that ran when they were met: their stack pointer is asked for again. */
	struct {
		struct runner *items;
		size_t nr, cap;
	} runners;
	/* Processes whose last threads may still be on their way out. */
	struct {
		struct leaver *items;
		size_t nr, cap;
	} leaving;

	uint64_t epoch_ns;     /* the next is due */
	uint64_t epoch_bytes;  /* delivered since the last */
	uint64_t tick_ns;      /* the next is due */
	uint64_t nr_delivered; /* events from the kernel */
	int fn_err;
};

static struct live *live__of(struct source *source)
{
	return (struct live *)source;
}

static int live__emit(struct live *live, const void *record, size_t size)
{
	if (!live->fn_err)
		live->fn_err = live->fn(live->ctx, record, size);
	return live->fn_err;
}

static int live__emit_proc(void *ctx, const void *record, size_t size)
{
	return live__emit(ctx, record, size);
}

#define MAX_RUNNERS 4096

static int live__emit_thread(void *ctx, const void *record, size_t size)
{
	const struct mt_thread *thread = record;
	struct live *live = ctx;
	struct runner *slot;

	if (!thread->sp && live->runners.nr < MAX_RUNNERS) {
		slot = array__push(&live->runners);
		if (slot)
			*slot = (struct runner){.tgid = thread->hdr.tgid, .tid = thread->hdr.tid};
	}
	return live__emit(live, record, size);
}

/* A thread that runs has no stack pointer that can be read; it will not run at every look. */
#define MAX_TRIES 100

static void live__ask_runners(struct live *live)
{
	size_t left = 0;

	for (size_t i = 0; i < live->runners.nr; i++) {
		struct runner runner = live->runners.items[i];

		if (procfs__thread_sp(runner.tgid, runner.tid, live__emit_proc, live) == -EAGAIN &&
		    ++runner.tries < MAX_TRIES)
			live->runners.items[left++] = runner;
	}
	live->runners.nr = left;
}

static void record__start(struct mt_record *hdr, uint16_t kind, size_t size, uint64_t time_ns)
{
	*hdr = (struct mt_record){.time_ns = time_ns, .size_bytes = size, .kind = kind};
}

/* A process that the stream has no history of: tell what /proc knows, unless it is gone already. */
static void live__introduce(struct live *live, uint32_t tgid, uint64_t time_ns, uint16_t flags)
{
	tgids__add(&live->tgids, tgid);
	procfs__process(tgid, time_ns, flags, live__emit_proc, live);
	procfs__mappings(tgid, time_ns, live__emit_proc, live);
	procfs__threads(tgid, time_ns, 0, live__emit_thread, live);
}

static void live__note_exit(struct live *live, uint32_t tgid)
{
	struct leaver *slot;

	if (!tgids__alive(&live->tgids, tgid))
		return;
	tgids__exit(&live->tgids, tgid);
	slot = live->config.all ? NULL : array__push(&live->leaving);
	if (slot)
		*slot = (struct leaver){.tgid = tgid, .time_ns = clock__now_ns()};
}

static void live__note_life(struct live *live, const struct mt_record *record)
{
	const struct mt_fork *fork = (const struct mt_fork *)record;

	if (tgids__unknown(&live->tgids, record->tgid))
		live__introduce(live, record->tgid, record->time_ns, 0);
	tgids__note_active(&live->tgids, record->tgid);
	if (record->kind == MT_KIND_FORK && !(record->flags & MT_FORK_THREAD))
		tgids__add(&live->tgids, fork->child_tgid);
	if (record->kind == MT_KIND_EXIT && record->flags & MT_EXIT_GROUP)
		live__note_exit(live, record->tgid);
}

static int live__on_record(void *ctx, void *data, size_t size)
{
	const struct mt_record *record = data;
	struct live *live = ctx;

	live__note_life(live, record);
	live->epoch_bytes += size;
	live->nr_delivered +=
		record->kind == MT_KIND_FAULTS ? ((const struct mt_faults *)record)->nr : 1;
	live__emit(live, record, size);
	if (record->kind == MT_KIND_EXEC && !(record->flags & MT_EXEC_MAPPED))
		procfs__mappings(record->tgid, record->time_ns, live__emit_proc, live);
	return live->fn_err;
}

/* Fetch the faults that wait on a CPU for their batch to fill. */
static void live__flush_batches(struct live *live)
{
	for (int cpu = 0; cpu < live->nr_cpus; cpu++) {
		LIBBPF_OPTS(bpf_test_run_opts, opts, .flags = BPF_F_TEST_RUN_ON_CPU, .cpu = cpu);

		if (!__atomic_load_n(&live->batches[cpu].rec.nr, __ATOMIC_RELAXED))
			continue;
		bpf_prog_test_run_opts(bpf_program__fd(live->skel->progs.flush_batch), &opts);
	}
}

static int live__consume(struct live *live)
{
	int n = ring_buffer__consume(live->ring);

	return live->fn_err ?: n < 0 ? n : 0;
}

/* All that happened before now is in the stream: say so. */
static int live__epoch(struct live *live)
{
	struct mt_tick rec;
	uint64_t now = clock__now_ns();
	int err;

	live__ask_runners(live);
	live__flush_batches(live);
	err = live__consume(live);
	if (err)
		return err;
	record__start(&rec.hdr, MT_KIND_WATERMARK, sizeof(rec), now - IN_FLIGHT_NS);
	live->epoch_ns = now + EPOCH_NS;
	live->epoch_bytes = 0;
	return live__emit(live, &rec, sizeof(rec));
}

static int live__emit_losses(struct live *live, uint64_t time_ns)
{
	struct mt_losses rec = {.delivered = live->nr_delivered};

	record__start(&rec.hdr, MT_KIND_LOSS, sizeof(rec), time_ns);
	for (int i = 0; i < MT_LOSS_NR; i++)
		rec.lost[i] = __atomic_load_n(&live->skel->bss->control.lost[i], __ATOMIC_RELAXED);
	return live__emit(live, &rec, sizeof(rec));
}

/* Resident sizes: of the targets, and of whoever did something since the last time. */
static void live__sample(struct live *live, uint64_t time_ns)
{
	for (size_t i = 0; i < live->config.nr_pids; i++)
		tgids__note_active(&live->tgids, live->pids[i]);
	for (size_t i = 0; i < live->tgids.active.nr; i++) {
		uint32_t tgid = live->tgids.active.items[i];

		if (tgids__alive(&live->tgids, tgid))
			procfs__sample(tgid, time_ns, live__emit_proc, live);
	}
	tgids__reset_active(&live->tgids);
}

static int live__tick(struct live *live)
{
	struct mt_tick rec;
	int err;

	live__sample(live, live->tick_ns);
	err = live__emit_losses(live, live->tick_ns);
	if (err)
		return err;
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

/* Longer than this no thread takes from its exit's begin to the probe: the pid is another's. */
#define LEAVING_NS (200 * NSEC_PER_MSEC)

/* The threads of a process that end together pass the probe one by one. */
static void live__see_off(struct live *live)
{
	uint64_t now = clock__now_ns();
	size_t left = 0;

	for (size_t i = 0; i < live->leaving.nr; i++) {
		struct leaver leaver = live->leaving.items[i];

		if (now - leaver.time_ns < LEAVING_NS && procfs__nr_threads(leaver.tgid))
			live->leaving.items[left++] = leaver;
	}
	live->leaving.nr = left;
}

static size_t live__alive(struct source *source)
{
	struct live *live = live__of(source);

	if (!live->tgids.nr_alive)
		live__see_off(live);
	return live->tgids.nr_alive + live->leaving.nr;
}

static int live__finish(struct source *source, enum mt_ended_by ended_by)
{
	struct live *live = live__of(source);
	struct mt_end rec = {.ended_by = ended_by};
	uint64_t now;
	int err;

	live__consume(live);
	/* Before the probes go: a counter read later would hold faults that nobody observed. */
	for (uint32_t tgid = 0; tgid < live->tgids.limit; tgid++)
		if (tgids__alive(&live->tgids, tgid))
			procfs__threads(tgid, 0, MT_THREAD_FINAL, live__emit_proc, live);
	probe__detach(&live->links);
	now = clock__now_ns();
	live__sample(live, now);
	live__flush_batches(live);
	err = live__consume(live);
	if (!err)
		err = live__emit_losses(live, now);
	record__start(&rec.hdr, MT_KIND_END, sizeof(rec), now);
	return err ?: live__emit(live, &rec, sizeof(rec));
}

static void live__free(struct source *source)
{
	struct live *live = live__of(source);

	if (!live)
		return;
	probe__detach(&live->links);
	if (live->batches)
		munmap((void *)live->batches, live->nr_cpus * sizeof(struct mt_batch));
	ring_buffer__free(live->ring);
	memtrace_bpf__destroy(live->skel);
	tgids__release(&live->tgids);
	array__free(&live->runners);
	array__free(&live->leaving);
	free(live->pids);
	free(live);
}

static void live__freep(struct live **live)
{
	live__free((struct source *)*live);
}

static const struct source_ops live_ops = {
	.fd = live__fd,
	.timeout_ms = live__timeout_ms,
	.pump = live__pump,
	.snapshot = live__snapshot,
	.alive = live__alive,
	.finish = live__finish,
	.free = live__free,
};

static uint32_t read_pid_max(void)
{
	FILE *file __fclose = fopen("/proc/sys/kernel/pid_max", "re");
	unsigned int pid_max;

	if (!file || fscanf(file, "%u", &pid_max) != 1)
		return 4 << 20; /* PID_MAX_LIMIT */
	return pid_max;
}

static int load__explain(int err, struct error *error)
{
	struct rlimit memlock;

	if (libbpf_probe_bpf_map_type(BPF_MAP_TYPE_RINGBUF, NULL) == 0)
		return error__set(error, ENOTSUP,
				  "this kernel has no BPF ring buffer (Linux 5.8 or newer has)");
	if (err == -EPERM && !getrlimit(RLIMIT_MEMLOCK, &memlock) &&
	    memlock.rlim_cur != RLIM_INFINITY)
		return error__set(error, EPERM,
				  "cannot load the BPF programs: RLIMIT_MEMLOCK is %llu KiB and "
				  "cannot be raised (kernels before 5.11 charge BPF memory to it; "
				  "CAP_SYS_RESOURCE or `ulimit -l unlimited` helps)",
				  (unsigned long long)memlock.rlim_cur >> 10);
	return error__set(error, -err,
			  "cannot load the BPF programs: %s (-v shows the kernel's reason)",
			  strerror(-err));
}

static int live__load(struct live *live, struct error *error)
{
	const struct source_config *config = &live->config;
	uint32_t pid_max = read_pid_max();
	int err;

	live->nr_cpus = libbpf_num_possible_cpus();
	if (live->nr_cpus < 0)
		return error__set(error, -live->nr_cpus, "cannot tell the number of CPUs");
	if (tgids__init(&live->tgids, pid_max))
		return error__set(error, ENOMEM, "out of memory");
	err = probe__choose(&live->choice, error);
	if (err)
		return err;
	live->skel = memtrace_bpf__open();
	if (!live->skel)
		return error__set(error, errno, "cannot open the BPF programs: %s",
				  strerror(errno));
	probe__select_programs(&live->choice, live->skel->obj);
	bpf_map__set_max_entries(live->skel->maps.traced, config->all ? 1 : pid_max);
	bpf_map__set_max_entries(live->skel->maps.batches, live->nr_cpus);
	live->skel->rodata->settings = (struct mt_config){
		.all = config->all,
		.follow = config->follow,
		.self_tgid = getpid(),
		.wakeup_bytes = WAKEUP_BYTES,
	};
	err = memtrace_bpf__load(live->skel);
	return err ? load__explain(err, error) : 0;
}

static int live__map(struct live *live, struct error *error)
{
	size_t size = live->nr_cpus * sizeof(struct mt_batch);
	void *batches =
		mmap(NULL, size, PROT_READ, MAP_SHARED, bpf_map__fd(live->skel->maps.batches), 0);

	if (batches == MAP_FAILED)
		return error__set(error, errno, "cannot map the fault batches: %s",
				  strerror(errno));
	live->batches = batches;
	live->ring =
		ring_buffer__new(bpf_map__fd(live->skel->maps.ring), live__on_record, live, NULL);
	if (!live->ring)
		return error__set(error, errno, "cannot map the ring buffer: %s", strerror(errno));
	return 0;
}

static int live__emit_session(struct live *live, uint64_t time_ns)
{
	struct mt_session rec = {
		.start_realtime_ns = clock__read_ns(CLOCK_REALTIME),
		.start_boottime_ns = clock__read_ns(CLOCK_BOOTTIME),
		.interval_ns = live->config.interval_ns,
		.page_bytes = sysconf(_SC_PAGESIZE),
		.cpus = sysconf(_SC_NPROCESSORS_ONLN),
	};
	struct utsname uts;

	record__start(&rec.hdr, MT_KIND_SESSION, sizeof(rec), time_ns);
	uname(&uts);
	snprintf(rec.kernel, sizeof(rec.kernel), "%.64s", uts.release);
	snprintf(rec.arch, sizeof(rec.arch), "%.64s", uts.machine);
	snprintf(rec.target, sizeof(rec.target), "%s", live->config.target);
	return live__emit(live, &rec, sizeof(rec));
}

static void live__emit_probe(struct live *live, uint64_t time_ns, const struct probe *probe,
			     bool absent)
{
	struct mt_probe rec = {};

	record__start(&rec.hdr, MT_KIND_PROBE, sizeof(rec), time_ns);
	snprintf(rec.fact, sizeof(rec.fact), "%s", probe->fact);
	snprintf(rec.via, sizeof(rec.via), "%s", absent ? "none" : probe->via);
	snprintf(rec.misses, sizeof(rec.misses), "%s", absent ? "all" : probe->misses);
	live__emit(live, &rec, sizeof(rec));
}

/* Let the programs see a target, then say what was there before. */
static int live__enable(struct live *live, uint32_t pid, uint64_t time_ns, struct error *error)
{
	uint8_t on = 1;
	int err;

	err = bpf_map__update_elem(live->skel->maps.traced, &pid, sizeof(pid), &on, sizeof(on),
				   BPF_ANY);
	if (err)
		return error__set(error, -err, "cannot trace pid %u: %s", pid, strerror(-err));
	if (procfs__check_process(pid))
		return error__set(error, ESRCH, "no process with pid %u (it has just ended)", pid);
	live__introduce(live, pid, time_ns, MT_PROCESS_TARGET);
	return 0;
}

static int live__start(struct live *live, struct error *error)
{
	uint64_t now = clock__now_ns();
	int err;

	live->tick_ns = now + live->config.interval_ns;
	live->epoch_ns = now + EPOCH_NS;
	live__emit_session(live, now);
	for (size_t i = 0; i < live->choice.nr; i++)
		live__emit_probe(live, now, live->choice.chosen[i], false);
	for (size_t i = 0; i < live->choice.nr_absent; i++)
		live__emit_probe(live, now, live->choice.absent[i], true);
	err = probe__attach(&live->choice, live->skel->obj, &live->links, error);
	for (size_t i = 0; !err && i < live->config.nr_pids; i++)
		err = live__enable(live, live->pids[i], now, error);
	if (!err && live->fn_err)
		err = error__set(error, -live->fn_err, "cannot take the first records: %s",
				 strerror(-live->fn_err));
	return err;
}

int live__open(const struct source_config *config, source_fn fn, void *ctx, struct error *error,
	       struct source **ret)
{
	struct live *live __cleanup(live__freep) = NULL;
	int err = privilege__check(error);

	if (err)
		return err;
	live = calloc(1, sizeof(*live));
	if (!live)
		return error__set(error, ENOMEM, "out of memory");
	live->source.ops = &live_ops;
	live->config = *config;
	live->fn = fn;
	live->ctx = ctx;
	live->pids = calloc(config->nr_pids + 1, sizeof(*live->pids));
	if (!live->pids)
		return error__set(error, ENOMEM, "out of memory");
	memcpy(live->pids, config->pids, config->nr_pids * sizeof(*live->pids));

	err = live__load(live, error);
	if (!err)
		err = live__map(live, error);
	if (!err)
		err = live__start(live, error);
	if (err)
		return err;
	*ret = (struct source *)move_ptr(live);
	return 0;
}
