// SPDX-License-Identifier: GPL-2.0-or-later
/* What was chosen of the table of probes, attached. */
#include <dirent.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "memtrace/control.h"
#include "source/probe.h"
#include "source/procfs.h"

#define MAX_NAME 64

/* The copy of a program in the object. NULL: it has not so many. */
static struct bpf_program *program__copy(const struct probe_program *p,
					 const struct bpf_object *object, int copy)
{
	char name[MAX_NAME];

	if (!copy)
		return bpf_object__find_program_by_name(object, p->program);
	snprintf(name, sizeof(name), "%s_%d", p->program, copy);
	return p->copied ? bpf_object__find_program_by_name(object, name) : NULL;
}

static void probe__set_autoload(const struct probe *probe, struct bpf_object *object, int copies)
{
	for_each_program(probe, p)
	{
		struct bpf_program *program;

		for (int copy = 0; (program = program__copy(p, object, copy)); copy++)
			bpf_program__set_autoload(program, copy < copies);
	}
}

void probe__select_programs(const struct probe_choice *choice, struct bpf_object *object)
{
	const struct probe *probe;

	for (size_t i = 0; (probe = probe__at(i)); i++)
		probe__set_autoload(probe, object, 0);
	for (size_t i = 0; i < choice->nr; i++)
		probe__set_autoload(choice->chosen[i], object, choice->copies ? MT_COPIES : 1);
}

static int links__add(struct probe_links *links, struct bpf_link *link)
{
	struct bpf_link **slot;

	if (!link)
		return -errno;
	slot = array__push(links);
	if (!slot) {
		bpf_link__destroy(link);
		return -ENOMEM;
	}
	*slot = link;
	return 0;
}

/* Detach all but the first nr. The faults first: what explains them stays to the end. */
static void links__cut(struct probe_links *links, size_t nr)
{
	while (links->nr > nr)
		bpf_link__destroy(links->items[--links->nr]);
}

/* The link owns the perf event from here on. */
static int links__add_perf_event(struct probe_links *links, struct bpf_program *program,
				 struct perf_event_attr *attr, pid_t tid, int cpu)
{
	struct bpf_link *link;
	int fd;

	fd = syscall(SYS_perf_event_open, attr, tid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return -errno;
	link = bpf_program__attach_perf_event(program, fd);
	if (!link) {
		int err = -errno;

		close(fd);
		return err;
	}
	return links__add(links, link);
}

/* Of a perf event: itself, and its link (Linux 5.15). */
#define FILES_PER_EVENT 2
/* What is opened while it runs: files of /proc, and of the output. */
#define SPARE_FILES 16

/* How many files are open: libbpf leaves gaps, so that the lowest free one does not tell. */
static int files__count(rlim_t *nr)
{
	DIR *files __closedir = opendir("/proc/self/fd");

	if (!files)
		return -errno;
	while (readdir(files))
		++*nr;
	return 0;
}

/* Raise the limit of open files for so many perf events. -EMFILE: it may not be that high. */
static int files__make_room(size_t nr_events)
{
	struct rlimit limit;
	rlim_t needed = 0;
	int err = files__count(&needed);

	if (err)
		return err;
	if (getrlimit(RLIMIT_NOFILE, &limit))
		return -errno;
	needed += nr_events * FILES_PER_EVENT + SPARE_FILES;
	if (needed <= limit.rlim_cur)
		return 0;
	if (needed > limit.rlim_max)
		return -EMFILE;
	limit.rlim_cur = needed;
	return setrlimit(RLIMIT_NOFILE, &limit) ? -errno : 0;
}

static int perf__attach_cpus(struct perf_event_attr *attr, struct bpf_program *program,
			     struct probe_links *links)
{
	int nr_cpus = libbpf_num_possible_cpus();

	if (nr_cpus < 0)
		return nr_cpus;
	files__make_room(nr_cpus); /* without it there may still be enough */
	for (int cpu = 0; cpu < nr_cpus; cpu++) {
		int err = links__add_perf_event(links, program, attr, -1, cpu);

		/* -ENODEV: that CPU is offline. */
		if (err && err != -ENODEV)
			return err;
	}
	return 0;
}

struct tids {
	uint32_t *items;
	size_t nr, cap;
};

static void tids__release(struct tids *tids)
{
	array__free(tids);
}

static int tids__add(void *ctx, uint32_t tid)
{
	struct tids *tids = ctx;
	uint32_t *slot = array__push(tids);

	if (!slot)
		return -ENOMEM;
	*slot = tid;
	return 0;
}

/*
 * Threads and children that are started from then on have the event, too: all are listed before the
 * first has it, or what inherits it while the list is read would get it twice. Of a thread that is
 * started meanwhile it may be missed: then none of its faults is sampled.
 */
static int perf__attach_threads(struct perf_event_attr *attr, const struct probe_targets *targets,
				struct bpf_program *program, struct probe_links *links)
{
	struct tids tids __cleanup(tids__release) = {};
	int err = 0;

	attr->inherit = 1;
	for (size_t i = 0; i < targets->nr_pids; i++) {
		err = procfs__each_thread(targets->pids[i], tids__add, &tids);
		if (err && err != -ESRCH)
			return err;
	}
	err = files__make_room(tids.nr);
	for (size_t i = 0; i < tids.nr && !err; i++) {
		err = links__add_perf_event(links, program, attr, (pid_t)tids.items[i], -1);
		if (err == -ESRCH) /* it has ended */
			err = 0;
	}
	return err;
}

static int perf__attach(const struct probe *probe, unsigned int event,
			const struct probe_targets *targets, struct bpf_program *program,
			struct probe_links *links)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = event,
		.sample_period = targets->each ? 1 : probe->weight ?: 1,
	};

	/* An event on a CPU costs every process on it some 20 ns a fault. */
	if (!probe->by_task || targets->all)
		return perf__attach_cpus(&attr, program, links);
	return perf__attach_threads(&attr, targets, program, links);
}

static int functions__attach(const struct probe_program *p, struct bpf_program *program,
			     struct probe_links *links)
{
	LIBBPF_OPTS(bpf_kprobe_multi_opts, opts, .retprobe = p->at_return);
	const char *syms[PROBE_MAX_FUNCTIONS];

	while (opts.cnt < PROBE_MAX_FUNCTIONS && p->functions[opts.cnt]) {
		syms[opts.cnt] = p->functions[opts.cnt];
		opts.cnt++;
	}
	opts.syms = syms;
	return links__add(links, bpf_program__attach_kprobe_multi_opts(program, NULL, &opts));
}

/* One copy after the other: a tracepoint runs first what was attached first. */
static int tracepoint__attach(const struct probe_program *p, struct bpf_object *object,
			      struct probe_links *links)
{
	struct bpf_program *program;
	int err = 0;

	for (int copy = 0; !err && (program = program__copy(p, object, copy)); copy++)
		if (bpf_program__autoload(program))
			err = links__add(links, bpf_program__attach(program));
	return err;
}

static int program__attach(const struct probe *probe, const struct probe_program *p,
			   const struct probe_targets *targets, struct bpf_object *object,
			   struct probe_links *links)
{
	struct bpf_program *program = bpf_object__find_program_by_name(object, p->program);

	switch (probe->how) {
	case PROBE_TP_BTF:
		return p->functions ? functions__attach(p, program, links)
				    : tracepoint__attach(p, object, links);
	case PROBE_FENTRY:
	case PROBE_KPROBE:
		return links__add(links, bpf_program__attach(program));
	case PROBE_PERF:
		return perf__attach(probe, p->event, targets, program, links);
	case PROBE_TABLES:
	case PROBE_NONE:
		break;
	}
	return -EINVAL;
}

/* All programs of a probe, or none. */
static int probe__attach_one(const struct probe *probe, const struct probe_targets *targets,
			     struct bpf_object *object, struct probe_links *links,
			     struct error *error)
{
	size_t nr = links->nr;

	for_each_program(probe, p)
	{
		int err = program__attach(probe, p, targets, object, links);

		if (!err)
			continue;
		links__cut(links, nr);
		return error__set(error, -err, "cannot attach %s (%s): %s", p->program, probe->via,
				  strerror(-err));
	}
	return 0;
}

static void choice__drop(struct probe_choice *choice, size_t i)
{
	choice->absent[choice->nr_absent++] = choice->chosen[i];
	choice->nr--;
	memmove(&choice->chosen[i], &choice->chosen[i + 1],
		(choice->nr - i) * sizeof(*choice->chosen));
}

/*
 * Where a process may not have the files for it: the next best way to the same fact. What is but a
 * sample can be gone without.
 */
static int choice__attach(struct probe_choice *choice, size_t i,
			  const struct probe_targets *targets, struct bpf_object *object,
			  struct probe_links *links, struct error *error)
{
	for (;;) {
		const struct probe *probe = choice->chosen[i];
		int err = probe__attach_one(probe, targets, object, links, error);

		if (err != -EMFILE && err != -ENFILE)
			return err;
		if (probe->weight <= 1)
			return err;
		choice->chosen[i] = probe__next(probe, choice->way);
		if (choice->chosen[i])
			continue;
		choice->chosen[i] = probe;
		choice__drop(choice, i);
		return 0;
	}
}

int probe__attach(struct probe_choice *choice, const struct probe_targets *targets,
		  struct bpf_object *object, struct probe_links *links, struct error *error)
{
	/* The faults last: all that explains them is in place before the first. */
	for (size_t i = choice->nr; i-- > 0;) {
		int err = choice__attach(choice, i, targets, object, links, error);

		if (!err)
			continue;
		probe__detach(links);
		return err;
	}
	return 0;
}

void probe__detach(struct probe_links *links)
{
	links__cut(links, 0);
	array__free(links);
}

/* The kernel counts skipped runs since 5.12. */
static uint64_t program__skipped(const struct bpf_program *program)
{
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);
	int fd = bpf_program__fd(program);

	return fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) ? 0 : info.recursion_misses;
}

/* An event is missed if all copies are skipped: no more often than that of them which is least so.
 */
static uint64_t program__missed(const struct probe_program *p, const struct bpf_object *object)
{
	struct bpf_program *program = program__copy(p, object, 0);
	uint64_t least = program__skipped(program);

	for (int copy = 1; (program = program__copy(p, object, copy)); copy++) {
		uint64_t skipped = program__skipped(program);

		if (bpf_program__autoload(program) && skipped < least)
			least = skipped;
	}
	return least;
}

uint64_t probe__missed(const struct probe_choice *choice, const struct bpf_object *object)
{
	uint64_t missed = 0;

	for (size_t i = 0; i < choice->nr; i++)
		for_each_program(choice->chosen[i], p) missed += program__missed(p, object);
	return missed;
}
