/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory of a recorder of the whole system over a long time, while a compiler runs, processes
 * come and go as fast as a shell starts them, new programs are installed and run, one process
 * faults, and one lives long and has a new thread and a new mapping every few milliseconds.
 */
#include "bench.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the end may have over the beginning: no leak that matters hides in it. */
#define GROWTH_MAX_MIB 2

struct load {
	pid_t pid; /* of a group of its own */
};

static void load__start(struct load *load, const char *script, const char *directory)
{
	fflush(NULL);
	load->pid = fork();
	if (load->pid < 0)
		die("fork");
	if (load->pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	execl("/bin/sh", "sh", "-c", script, directory, NULL);
	die("sh");
}

static void load__stop(const struct load *load)
{
	kill(-load->pid, SIGKILL);
	waitpid(load->pid, NULL, 0);
}

static const char *const scripts[] = {
	"while :; do ${CC:-cc} -std=gnu17 -D_GNU_SOURCE -O2 -g -c tests/bench/result.c "
	"-o /dev/null; done",
	"while :; do /bin/true; done",
	"i=0; while :; do i=$((i + 1)); cp /bin/true \"$0/$i\"; \"$0/$i\"; "
	"rm -f \"$0/$((i - 1000))\"; sleep 0.1; done",
};

#define NR_LOADS (sizeof(scripts) / sizeof(scripts[0]))

#define NR_WORKERS 2

struct soak {
	struct tracer tracer;
	struct usage usage;
	struct counts counts;
	uint64_t file_bytes;
	double *rss_mib; /* a second each */
	unsigned int nr;
};

/* A second each; false: the recorder has ended before its time. */
static bool watch(const struct config *config, struct soak *soak)
{
	uint64_t start = now_ns(), due;

	while (soak->nr < config->soak_s) {
		show_progress("soak, second", soak->nr, config->soak_s);
		due = start + (soak->nr + 1) * 1000000000ULL;
		while (now_ns() < due)
			sleep_ms((unsigned int)((due - now_ns()) / 1000000 + 1));
		soak->rss_mib[soak->nr] = (double)memory__rss_bytes(soak->tracer.pid) / MIB;
		if (!soak->rss_mib[soak->nr++])
			return false;
	}
	show_progress(NULL, 0, 0);
	return true;
}

static void soak__record(const struct config *config, struct soak *soak)
{
	static const enum worker_kind kinds[NR_WORKERS] = {WORKER_PACED, WORKER_CHURN};
	char directory[PATH_BYTES];
	const char *const remove[] = {"rm", "-rf", directory, NULL};
	struct worker workers[NR_WORKERS];
	struct load loads[NR_LOADS];
	struct usage usage;
	bool whole;

	scratch__path(directory, "programs");
	if (mkdir(directory, 0700))
		die(directory);
	for (size_t i = 0; i < NR_WORKERS; i++)
		worker__start(&workers[i], kinds[i], -1);
	for (size_t i = 0; i < NR_LOADS; i++)
		load__start(&loads[i], scripts[i], directory);
	if (!tracer__start(&soak->tracer, TRACER_RECORD_ALL, NULL, 0))
		give_up("%s did not start", tracer__name(TRACER_RECORD_ALL));
	whole = watch(config, soak);
	tracer__stop(&soak->tracer, &soak->usage);
	for (size_t i = 0; i < NR_LOADS; i++)
		load__stop(&loads[i]);
	for (size_t i = 0; i < NR_WORKERS; i++)
		worker__stop(&workers[i]);
	command__run(remove, -1, NULL, &usage);
	if (!whole || soak->usage.status)
		give_up("the recorder ended after %u s, status %#x", soak->nr, soak->usage.status);
	soak->file_bytes = file__bytes(soak->tracer.file);
	if (!counts__replay(soak->tracer.file, &soak->counts))
		give_up("memtrace report failed");
	tracer__remove(&soak->tracer);
}

static void soak__report(const struct config *config, struct soak *soak, struct result *result)
{
	unsigned int part = soak->nr < 180 ? soak->nr / 3 : 60;
	struct spread first, last, all;
	char what[112];

	if (!part)
		part = 1;
	first = spread__of(soak->rss_mib, part);
	last = spread__of(soak->rss_mib + soak->nr - part, part);
	snprintf(what, sizeof(what), "`memtrace record -a` for %u s: resident in the first %u s",
		 config->soak_s, part);
	result__add(result, "soak_first_mib", what, "MiB", first, -1);
	snprintf(what, sizeof(what), "the same in the last %u s", part);
	result__add(result, "soak_last_mib", what, "MiB", last, -1);
	result__add(result, "soak_growth_mib", "growth of the median between them", "MiB",
		    spread__one(last.median - first.median), GROWTH_MAX_MIB);
	all = spread__of(soak->rss_mib, soak->nr);
	result__add(result, "soak_max_mib", "the most at any second", "MiB",
		    spread__one(soak->rss_mib[all.nr - 1]), -1);
	result__add(result, "soak_lost", "records lost meanwhile", "",
		    spread__one((double)soak->counts.lost), -1);
	result__note(result,
		     "Meanwhile a compiler ran, a shell started programs one after another, new "
		     "programs were installed and run, a process made 100,000 faults a second, and "
		     "one a thread and a mapping every few ms: %llu records, %.1f MiB, %.0f%% of a "
		     "CPU.",
		     (unsigned long long)soak->counts.records, (double)soak->file_bytes / MIB,
		     100 * soak->usage.cpu_s / config->soak_s);
}

void measure_soak(const struct config *config, struct result *result)
{
	struct soak soak = {.rss_mib = calloc(config->soak_s, sizeof(double))};

	if (!soak.rss_mib)
		die("calloc");
	soak__record(config, &soak);
	soak__report(config, &soak, result);
	free(soak.rss_mib);
}
