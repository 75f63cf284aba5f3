/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a fault takes on disk, and how fast recordings are read: by memtrace report, and by perf
 * report from a perf.data of the same workload, in turn, on one CPU. The rate is of events a
 * second of the reader's processor time, its start and its output included.
 */
#include "bench.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIMIT_READ_M_PER_S 5

enum reader {
	READER_MEMTRACE,
	/* The least that perf report can do: no symbols, no files. */
	READER_PERF_PID,
	READER_PERF,
	NR_READERS,
};

static const struct {
	const char *key;
	const char *what;
	const char *column;
	bool reads_perf_data;
} readers[NR_READERS] = {
	[READER_MEMTRACE] = {"read", "`memtrace report`", "`memtrace report`", false},
	[READER_PERF_PID] = {"perf_read_pid", "`perf report --stdio --sort pid` (no symbols)",
			     "`perf report --sort pid`", true},
	[READER_PERF] = {"perf_read", "`perf report --stdio`", "`perf report`", true},
};

struct recorded {
	const struct workload *workload;
	char recording[PATH_BYTES], perf_data[PATH_BYTES];
	struct counts counts;
	uint64_t perf_samples;
	double *cpu_s[NR_READERS], *wall_s[NR_READERS];
};

static void recorded__command(const struct recorded *recorded, enum reader reader,
			      const char *argv[10])
{
	static const char *const perf[] = {"perf", "report", "--stdio", "-i", NULL, NULL};
	const char *const memtrace[] = {memtrace_path, "report", recorded->recording, NULL};

	if (reader == READER_MEMTRACE) {
		memcpy(argv, memtrace, sizeof(memtrace));
		return;
	}
	memcpy(argv, perf, sizeof(perf));
	argv[4] = recorded->perf_data;
	argv[5] = reader == READER_PERF_PID ? "--sort" : NULL;
	argv[6] = reader == READER_PERF_PID ? "pid" : NULL;
	argv[7] = NULL;
}

static void run_well(const char *const *argv, const char *out, const char *what)
{
	struct usage usage;

	command__run(argv, -1, out, &usage);
	if (usage.status)
		give_up("%s failed: status %#x", what, usage.status);
}

/* perf report --stats says "SAMPLE events: N" twice: of all, and of the one event. */
static uint64_t count_samples(const struct recorded *recorded)
{
	const char *const argv[] = {"perf",    "report", "--stats", "-i", recorded->perf_data,
				    "--stdio", NULL};
	unsigned long long nr = 0;
	char path[PATH_BYTES], line[256];
	const char *at;
	FILE *file;

	scratch__path(path, "stats");
	run_well(argv, path, "perf report --stats");
	file = fopen(path, "r");
	if (!file)
		die(path);
	while (!nr && fgets(line, sizeof(line), file)) {
		at = strstr(line, " SAMPLE events:");
		if (at)
			sscanf(at, " SAMPLE events: %llu", &nr);
	}
	fclose(file);
	unlink(path);
	if (!nr)
		give_up("perf report --stats tells no number of samples");
	return nr;
}

static void record_workload(struct recorded *recorded, const char *self)
{
	const char *name = recorded->workload->name;
	const char *const record[] = {
		memtrace_path, "record", "-q",	   "-f", "-o", recorded->recording,
		"--",	       self,	 "--work", name, NULL};
	/* A buffer that loses nothing, if that can be. */
	const char *const perf[] = {"perf", "record", "-q",  "-e", "page-faults",	"-c",
				    "1",    "-m",     "16M", "-o", recorded->perf_data, "--",
				    self,   "--work", name,  NULL};

	run_well(record, NULL, "memtrace record");
	if (!counts__replay(recorded->recording, &recorded->counts))
		give_up("memtrace report failed");
	if (!program__installed("perf"))
		return;
	run_well(perf, NULL, "perf record");
	recorded->perf_samples = count_samples(recorded);
}

static bool recorded__has(const struct recorded *recorded, enum reader reader)
{
	return !readers[reader].reads_perf_data || recorded->perf_samples;
}

static void read_recording(const struct config *config, struct recorded *recorded)
{
	const char *argv[10];
	struct usage usage;
	int cpus[2], nr = two_cpus(cpus);

	for (int reader = 0; reader < NR_READERS; reader++) {
		recorded->cpu_s[reader] = calloc(config->reads, sizeof(double));
		recorded->wall_s[reader] = calloc(config->reads, sizeof(double));
	}
	for (unsigned int i = 0; i < config->reads; i++) {
		show_progress(recorded->workload->name, i, config->reads);
		for (int reader = 0; reader < NR_READERS; reader++) {
			if (!recorded__has(recorded, reader))
				continue;
			recorded__command(recorded, reader, argv);
			command__run(argv, cpus[nr - 1], NULL, &usage);
			if (usage.status)
				give_up("%s failed: status %#x", readers[reader].what,
					usage.status);
			recorded->cpu_s[reader][i] = usage.cpu_s;
			recorded->wall_s[reader][i] = usage.wall_s;
		}
	}
	show_progress(NULL, 0, 0);
}

/* Millions a second, of times. */
static struct spread rates__of(uint64_t nr_events, double *seconds, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		seconds[i] = (double)nr_events / 1e6 / seconds[i];
	return spread__of(seconds, nr);
}

static struct row *recorded__add(const struct recorded *recorded, struct result *result,
				 const char *key, const char *what, const char *column,
				 struct spread value, double limit)
{
	const char *unit = strstr(key, "read") ? "M/s" : "B";
	char full_key[40];
	struct row *row;

	snprintf(full_key, sizeof(full_key), "%s_%s", recorded->workload->name, key);
	row = result__add(result, full_key, what, unit, value, limit);
	row->line = recorded->workload->what;
	row->column = column;
	return row;
}

static void report_size(const struct recorded *recorded, struct result *result)
{
	const struct workload *workload = recorded->workload;
	char what[112];
	double bytes;

	snprintf(what, sizeof(what), "on disk a fault, %s: %s", workload->name, workload->what);
	bytes = (double)file__bytes(recorded->recording) / (double)recorded->counts.faults;
	recorded__add(recorded, result, "bytes", what, "recording", spread__one(bytes),
		      workload->limit_bytes);
	if (!recorded->perf_samples)
		return;
	bytes = (double)file__bytes(recorded->perf_data) / (double)recorded->perf_samples;
	recorded__add(recorded, result, "perf_bytes",
		      "for comparison: perf.data of `perf record -e page-faults -c 1`", "perf.data",
		      spread__one(bytes), -1);
}

static void report_rates(const struct config *config, const struct recorded *recorded,
			 struct result *result)
{
	char what[112];

	for (int reader = 0; reader < NR_READERS; reader++) {
		bool ours = reader == READER_MEMTRACE;
		uint64_t nr = ours ? recorded->counts.faults : recorded->perf_samples;

		if (!recorded__has(recorded, reader))
			continue;
		if (ours)
			snprintf(what, sizeof(what), "faults read a second of one CPU, %s: %s",
				 recorded->workload->name, readers[reader].what);
		else
			snprintf(what, sizeof(what), "for comparison: %s", readers[reader].what);
		recorded__add(recorded, result, readers[reader].key, what, readers[reader].column,
			      rates__of(nr, recorded->cpu_s[reader], config->reads),
			      ours ? LIMIT_READ_M_PER_S : -1)
			->at_least = true;
	}
}

static void note_recorded(const struct config *config, const struct recorded *recorded,
			  struct result *result)
{
	const struct counts *counts = &recorded->counts;
	double wall =
		rates__of(counts->faults, recorded->wall_s[READER_MEMTRACE], config->reads).median;

	result__note(result,
		     "Read, %s: %llu faults of %llu records, %llu processes, %.1f MiB, %llu lost; "
		     "%.1f M/s by the clock. perf.data: %llu samples, %.1f MiB.",
		     recorded->workload->name, (unsigned long long)counts->faults,
		     (unsigned long long)counts->records, (unsigned long long)counts->processes,
		     (double)file__bytes(recorded->recording) / MIB,
		     (unsigned long long)counts->lost, wall,
		     (unsigned long long)recorded->perf_samples,
		     recorded->perf_samples ? (double)file__bytes(recorded->perf_data) / MIB : 0);
}

static void recorded__free(struct recorded *recorded)
{
	unlink(recorded->recording);
	unlink(recorded->perf_data);
	for (int reader = 0; reader < NR_READERS; reader++) {
		free(recorded->cpu_s[reader]);
		free(recorded->wall_s[reader]);
	}
}

static void measure_workload(const struct config *config, const struct workload *workload,
			     const char *self, struct result *result)
{
	struct recorded recorded = {.workload = workload};

	scratch__path(recorded.recording, "recording");
	scratch__path(recorded.perf_data, "perf.data");
	show_progress(workload->name, 0, config->reads);
	record_workload(&recorded, self);
	read_recording(config, &recorded);
	report_size(&recorded, result);
	report_rates(config, &recorded, result);
	note_recorded(config, &recorded, result);
	recorded__free(&recorded);
}

void measure_reading(const struct config *config, struct result *result)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		die("/proc/self/exe");
	self[n] = '\0';
	for (size_t i = 0; i < nr_workloads; i++)
		measure_workload(config, &workloads[i], self, result);
}
