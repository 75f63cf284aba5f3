// SPDX-License-Identifier: GPL-2.0-or-later
/* The live source's set-up: load, map, attach, and say what is there. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "memtrace/control.h"
#include "memtrace.skel.h"
#include "source/live.h"
#include "source/pagetable.h"
#include "source/privilege.h"
#include "source/procfs.h"

/* Wake the reader out of turn when so much waits: a quarter of the ring. */
#define WAKEUP_BYTES (1 << 20)

static void live__freep(struct live **live)
{
	live_ops.free((struct source *)*live);
}

static uint32_t read_pid_max(void)
{
	FILE *file __fclose = fopen("/proc/sys/kernel/pid_max", "re");
	unsigned int pid_max = 0;

	if (file && fscanf(file, "%u", &pid_max) != 1)
		pid_max = 0;
	/* cppcheck-suppress resourceLeak ; the attribute closes it */
	return pid_max ?: 4 << 20; /* PID_MAX_LIMIT */
}

/* Maps, programs, links, and a perf event for each of a few CPUs. */
#define NEEDED_FILES 64

static int load__explain(int err, struct error *error)
{
	struct rlimit memlock, files;

	if (!getrlimit(RLIMIT_NOFILE, &files) && files.rlim_cur < NEEDED_FILES)
		return error__set(error, EMFILE,
				  "cannot load the BPF programs: RLIMIT_NOFILE is %llu, and %d "
				  "descriptors are needed (ulimit -n)",
				  (unsigned long long)files.rlim_cur, NEEDED_FILES);
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

static int live__choose(struct live *live, struct error *error)
{
	struct probe_kernel kernel;
	int err = probe_kernel__open(&kernel, error);

	if (err)
		return err;
	err = probe__choose(&kernel, live->config.only_ways, &live->choice, error);
	probe_kernel__close(&kernel);
	return err;
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
	err = live__choose(live, error);
	if (err)
		return err;
	live->skel = memtrace_bpf__open();
	if (!live->skel)
		return error__set(error, errno, "cannot open the BPF programs: %s",
				  strerror(errno));
	probe__select_programs(&live->choice, live->skel->obj);
	bpf_map__set_max_entries(live->skel->maps.traced,
				 config->all ? 1 : pid_max / MT_FILTER_GROUP + 1);
	bpf_map__set_max_entries(live->skel->maps.turns,
				 live->choice.copies ? pid_max / MT_FILTER_GROUP + 1 : 1);
	bpf_map__set_max_entries(live->skel->maps.batches, live->nr_cpus);
	bpf_map__set_autocreate(live->skel->maps.handlings,
				live->choice.way == WAY_FENTRY || live->choice.way == WAY_KPROBE);
	live->skel->rodata->settings = (struct mt_config){
		.all = config->all,
		.follow = config->follow,
		.self_tgid = getpid(),
		.wakeup_bytes = WAKEUP_BYTES,
		.minor_weight = probe__weight(&live->choice, "fault latency"),
		.slow_ns = config->slow_ns,
		.timed = live->choice.way != WAY_TRACEPOINT,
		.copies = live->choice.copies,
	};
	err = memtrace_bpf__load(live->skel);
	if (err)
		return load__explain(err, error);
	if (!pagetable__enable(live->skel))
		probe__choose_without_tables(&live->choice);
	return 0;
}

/* The ring's first page has the reader's position, the second the writers'. */
static int live__map_positions(struct live *live, struct error *error)
{
	size_t page = sysconf(_SC_PAGESIZE);
	unsigned char *pages =
		mmap(NULL, 2 * page, PROT_READ, MAP_SHARED, bpf_map__fd(live->skel->maps.ring), 0);

	if (pages == MAP_FAILED)
		return error__set(error, errno, "cannot map the ring buffer: %s", strerror(errno));
	live->consumed = (const unsigned long *)pages;
	live->reserved = (const unsigned long *)(pages + page);
	return 0;
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
	return live__map_positions(live, error);
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
	rec.hdr.flags = live->config.command ? MT_SESSION_COMMAND : 0;
	uname(&uts);
	snprintf(rec.kernel, sizeof(rec.kernel), "%.64s", uts.release);
	snprintf(rec.arch, sizeof(rec.arch), "%.64s", uts.machine);
	snprintf(rec.host, sizeof(rec.host), "%.64s", uts.nodename);
	snprintf(rec.target, sizeof(rec.target), "%s", live->config.target);
	return live__emit(live, &rec, sizeof(rec));
}

static void live__emit_probe(struct live *live, uint64_t time_ns, const struct probe *probe,
			     bool absent)
{
	struct mt_probe rec = {.weight = probe->weight ?: 1};

	record__start(&rec.hdr, MT_KIND_PROBE, sizeof(rec), time_ns);
	snprintf(rec.fact, sizeof(rec.fact), "%s", probe->fact);
	snprintf(rec.via, sizeof(rec.via), "%s", absent ? "none" : probe->via);
	snprintf(rec.misses, sizeof(rec.misses), "%s", absent ? "all" : probe->misses);
	if (!absent && probe->weight && live->config.slow_ns)
		rec.slow_ns = live->config.slow_ns;
	live__emit(live, &rec, sizeof(rec));
}

static void live__emit_probes(struct live *live, uint64_t time_ns)
{
	for (size_t i = 0; i < live->choice.nr; i++)
		live__emit_probe(live, time_ns, live->choice.chosen[i], false);
	for (size_t i = 0; i < live->choice.nr_absent; i++)
		live__emit_probe(live, time_ns, live->choice.absent[i], true);
}

/* Just the page with the pid's byte is mapped: the whole would count as our memory. */
static int live__set_filter(struct live *live, uint32_t pid)
{
	size_t page_bytes = sysconf(_SC_PAGESIZE), offset = pid / page_bytes * page_bytes;
	uint8_t *page = mmap(NULL, page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			     bpf_map__fd(live->skel->maps.traced), offset);

	if (page == MAP_FAILED)
		return -errno;
	page[pid - offset] = 1;
	munmap(page, page_bytes);
	return 0;
}

/* Let the programs see a target, then say what was there before. */
static int live__enable(struct live *live, uint32_t pid, uint64_t time_ns, struct error *error)
{
	int err = live__set_filter(live, pid);

	if (err)
		return error__set(error, -err, "cannot trace pid %u: %s", pid, strerror(-err));
	if (procfs__check_process(pid))
		return error__set(error, ESRCH, "no process with pid %u (it has just ended)", pid);
	live__introduce(live, pid, time_ns, MT_PROCESS_TARGET);
	return 0;
}

static int live__start(struct live *live, struct error *error)
{
	const struct probe_targets targets = {
		.pids = live->pids,
		.nr_pids = live->config.nr_pids,
		.all = live->config.all,
		.each = live->config.slow_ns,
	};
	uint64_t now = clock__now_ns();
	int err;

	live->tick_ns = now + live->config.interval_ns;
	live->epoch_ns = now + EPOCH_NS;
	live__emit_session(live, now);
	err = probe__attach(&live->choice, &targets, live->skel->obj, &live->links, error);
	if (err)
		return err;
	live__emit_probes(live, now);
	live__tell_memory(live, now);
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
	cgroup_reader__init(&live->cgroups, "/proc");
	live->pids = calloc(config->nr_pids + 1, sizeof(*live->pids));
	if (!live->pids)
		/* cppcheck-suppress memleak ; the attribute frees it */
		return error__set(error, ENOMEM, "out of memory");
	for (size_t i = 0; i < config->nr_pids; i++)
		live->pids[i] = config->pids[i];

	err = live__load(live, error);
	if (!err)
		err = live__map(live, error);
	if (!err)
		err = live__start(live, error);
	if (err)
		return err;
	*ret = &move_ptr(live)->source;
	return 0;
}
