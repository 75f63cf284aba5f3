/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loss and memory while processes fault flat out, and the time to start and to end. */
#include "bench.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define LIMIT_START_MS 150
#define LIMIT_RSS_MIB 24

int two_cpus(int cpus[2])
{
	cpu_set_t set;
	int nr = 0;

	if (sched_getaffinity(0, sizeof(set), &set))
		die("sched_getaffinity");
	for (int cpu = 0; cpu < CPU_SETSIZE && nr < 2; cpu++)
		if (CPU_ISSET(cpu, &set))
			cpus[nr++] = cpu;
	return nr;
}

struct flood {
	struct counts counts;
	struct usage usage;
	struct memory memory;
	double duration_s;
	uint64_t made;
	uint64_t file_bytes;
	char disk[128]; /* that the file is on */
};

/* "ext4 on /dev/vda1": what a file is on. */
static void disk__describe(const char *path, char *text, size_t size)
{
	unsigned int major, minor;
	char line[1024], type[32], source[64];
	const char *rest;
	struct stat st;
	FILE *file;

	snprintf(text, size, "an unknown disk");
	file = fopen("/proc/self/mountinfo", "r");
	if (!file || stat(path, &st))
		die(path);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%*d %*d %u:%u", &major, &minor) != 2 ||
		    makedev(major, minor) != st.st_dev)
			continue;
		rest = strstr(line, " - ");
		if (rest && sscanf(rest, " - %31s %63s", type, source) == 2)
			snprintf(text, size, "%s on %s", type, source);
	}
	fclose(file);
}

static void flood__count(struct flood *flood, const struct tracer *tracer, enum tracer_kind kind)
{
	bool counted = kind == TRACER_RECORD ? counts__replay(tracer->file, &flood->counts)
					     : counts__read(tracer->file, &flood->counts);

	if (!counted)
		give_up("memtrace made no report");
	flood->file_bytes = file__bytes(tracer->file);
	disk__describe(tracer->file, flood->disk, sizeof(flood->disk));
}

/* One process on each of nr CPUs faults flat out, all of them targets. */
static void measure_flood(const struct config *config, enum tracer_kind tracer_kind,
			  enum worker_kind kind, int nr, struct flood *flood)
{
	struct worker workers[2];
	struct tracer tracer;
	uint64_t start, made = 0;
	pid_t pids[2];
	int cpus[2];

	*flood = (struct flood){0};
	if (two_cpus(cpus) < nr)
		nr = 1;
	for (int i = 0; i < nr; i++) {
		worker__start(&workers[i], kind, cpus[i]);
		pids[i] = workers[i].pid;
	}
	if (!tracer__start(&tracer, tracer_kind, pids, nr))
		give_up("%s did not start", tracer__name(tracer_kind));
	start = now_ns();
	for (int i = 0; i < nr; i++)
		made -= worker__faults(&workers[i]);
	sleep_ms(config->flood_s * 1000);
	for (int i = 0; i < nr; i++)
		made += worker__faults(&workers[i]);
	flood->made = made;
	flood->duration_s = (double)(now_ns() - start) / 1e9;
	memory__read(tracer.pid, &flood->memory);
	tracer__stop(&tracer, &flood->usage);
	for (int i = 0; i < nr; i++)
		worker__stop(&workers[i]);
	flood__count(flood, &tracer, tracer_kind);
	tracer__remove(&tracer);
}

static void report_flood(struct result *result, const char *key, const char *what,
			 const struct flood *flood)
{
	char row_key[40], row_what[112];

	snprintf(row_key, sizeof(row_key), "lost_%s", key);
	snprintf(row_what, sizeof(row_what), "records lost, %s", what);
	result__add(result, row_key, row_what, "", spread__one((double)flood->counts.lost), 0);
	snprintf(row_key, sizeof(row_key), "unexplained_%s", key);
	snprintf(row_what, sizeof(row_what), "faults unexplained, %s", what);
	result__add(result, row_key, row_what, "", spread__one((double)flood->counts.unexplained),
		    0);
	result__note(result,
		     "%s: %.2f M faults/s made, %llu reported, %lld unexplained; "
		     "memtrace used %.0f%% of a CPU and %.1f MiB.",
		     what, (double)flood->made / flood->duration_s / 1e6,
		     (unsigned long long)flood->counts.faults, (long long)flood->counts.unexplained,
		     100 * flood->usage.cpu_s / flood->duration_s,
		     (double)flood->usage.peak_rss_bytes / MIB);
}

static void report_memory(struct result *result, const struct flood *flood)
{
	const struct memory *memory = &flood->memory;

	result__add(result, "rss_mib", "peak resident memory, one target that faults flat out",
		    "MiB", spread__one((double)flood->usage.peak_rss_bytes / MIB), LIMIT_RSS_MIB);
	result__note(
		result,
		"Of %.1f MiB before its end (peak %.1f) the ring buffer is %.1f (mapped twice "
		"over), heap %.1f, program and libraries %.1f; besides in the kernel, for maps "
		"and programs, %.1f MiB (a byte of it for each pid that kernel.pid_max allows).",
		(double)memory->rss_bytes / MIB, (double)memory->peak_bytes / MIB,
		(double)memory->ring_bytes / MIB, (double)memory->heap_bytes / MIB,
		(double)memory->file_bytes / MIB, (double)memory->kernel_bytes / MIB);
}

void measure_floods(const struct config *config, struct result *result)
{
	struct flood flood;

	measure_flood(config, TRACER_MEMTRACE_TARGET, WORKER_WRITE, 1, &flood);
	report_memory(result, &flood);
	measure_flood(config, TRACER_MEMTRACE_TARGET, WORKER_WRITE, 2, &flood);
	report_flood(result, "write", "two processes write flat out", &flood);
	measure_flood(config, TRACER_MEMTRACE_TARGET, WORKER_READ, 2, &flood);
	report_flood(result, "read", "two processes read flat out", &flood);
	measure_flood(config, TRACER_RECORD, WORKER_WRITE, 2, &flood);
	report_flood(result, "recorded_write", "the same writing, recorded", &flood);
	measure_flood(config, TRACER_RECORD, WORKER_READ, 2, &flood);
	report_flood(result, "recorded_read", "the same reading, recorded", &flood);
	result__note(result, "Recordings went to a file, %s; the last took %.1f MiB/s.", flood.disk,
		     (double)flood.file_bytes / MIB / flood.duration_s);
}

void measure_starts(const struct config *config, struct result *result)
{
	unsigned int nr = config->starts;
	double *ms = calloc(nr, sizeof(*ms)), *end_ms = calloc(nr, sizeof(*end_ms));
	struct worker idle;
	struct tracer tracer;
	uint64_t start;

	if (!ms || !end_ms)
		die("calloc");
	worker__start(&idle, WORKER_IDLE, -1);
	for (unsigned int i = 0; i < nr; i++) {
		start = now_ns();
		if (!tracer__start(&tracer, TRACER_MEMTRACE_TARGET, &idle.pid, 1))
			give_up("memtrace did not start");
		ms[i] = (double)(now_ns() - start) / 1e6;
		start = now_ns();
		tracer__stop(&tracer, NULL);
		end_ms[i] = (double)(now_ns() - start) / 1e6;
		tracer__remove(&tracer);
	}
	worker__stop(&idle);
	result__add(result, "start_ms", "from start to attached", "ms", spread__of(ms, nr),
		    LIMIT_START_MS);
	result__add(result, "end_ms", "from Ctrl-C to the end", "ms", spread__of(end_ms, nr), -1);
	free(ms);
	free(end_ms);
}
