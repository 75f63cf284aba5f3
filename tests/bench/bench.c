/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench [--rounds N] [--window MS] [--flood SEC] [--starts N] [--only-memtrace] [--json FILE]
 * Exit code 1: something that memtrace promises was not kept; 2: it could not be measured.
 */
#include "bench.h"

#include <getopt.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What memtrace promises. */
#define LIMIT_TRACED_NS 75
#define LIMIT_UNTRACED_NS 20
#define LIMIT_START_MS 150
#define LIMIT_RSS_MIB 24

static unsigned int rounds = 30;
static unsigned int window_ms = 150;
static unsigned int flood_s = 5;
static unsigned int starts = 10;
static bool only_memtrace;
static const char *json_path;

_Noreturn void die(const char *what)
{
	perror(what);
	exit(2);
}

struct series {
	double *fault_ns; /* added by the tracer */
	double *call_ns;
	size_t nr;
};

struct paired {
	struct worker worker;
	struct worker other; /* idle: the process that is traced when the worker is not */
	struct series added[NR_TRACERS];
	double *base_fault_ns, *base_call_ns;
	size_t nr_base;
	uint64_t made; /* by the worker, surely traced */
	struct counts counts;
};

/* The differences that memtrace makes are smaller than the noise of a window: more of them. */
static unsigned int repeats(enum tracer_kind kind)
{
	return kind <= TRACER_MEMTRACE_OTHER ? 3 : 1;
}

static struct window measure_base(struct paired *paired)
{
	struct window base = worker__measure(&paired->worker, window_ms);

	paired->base_fault_ns[paired->nr_base] = base.fault_ns;
	paired->base_call_ns[paired->nr_base++] = base.call_ns;
	return base;
}

/* Every fault that the worker made while it was traced must be in the report. */
static void check_delivered(struct paired *paired, const struct tracer *tracer, uint64_t made)
{
	struct counts counts;

	if (!counts__read(tracer->file, &counts) || counts.faults < made) {
		fprintf(stderr, "bench: %llu faults made, %llu in the report\n",
			(unsigned long long)made, (unsigned long long)counts.faults);
		exit(2);
	}
	paired->made += made;
	paired->counts.faults += counts.faults;
	paired->counts.lost += counts.lost;
	paired->counts.unexplained += counts.unexplained;
}

/* One window with this tracer, then one without. */
static void measure_with(struct paired *paired, enum tracer_kind kind, struct window *before)
{
	const struct worker *target =
		kind == TRACER_MEMTRACE_OTHER ? &paired->other : &paired->worker;
	struct series *added = &paired->added[kind];
	struct window with, after;
	struct tracer tracer;
	uint64_t made;

	if (!tracer__start(&tracer, kind, &target->pid, 1)) {
		fprintf(stderr, "bench: %s did not start\n", tracer__name(kind));
		tracer__stop(&tracer, NULL);
		tracer__remove(&tracer);
		return;
	}
	made = worker__faults(&paired->worker);
	with = worker__measure(&paired->worker, window_ms);
	made = worker__faults_since(&paired->worker, made);
	tracer__stop(&tracer, NULL);
	if (kind == TRACER_MEMTRACE_TARGET)
		check_delivered(paired, &tracer, made);
	tracer__remove(&tracer);
	after = measure_base(paired);
	added->fault_ns[added->nr] = with.fault_ns - (before->fault_ns + after.fault_ns) / 2;
	added->call_ns[added->nr++] = with.call_ns - (before->call_ns + after.call_ns) / 2;
	*before = after;
}

static void show_progress(unsigned int round)
{
	if (!isatty(STDERR_FILENO))
		return;
	if (round < rounds)
		fprintf(stderr, "\rround %u of %u ", round + 1, rounds);
	else
		fprintf(stderr, "\r%24s\r", "");
}

static void measure_paired(struct paired *paired)
{
	struct window before;

	for (int kind = 0; kind < NR_TRACERS; kind++) {
		paired->added[kind].fault_ns = calloc(rounds * repeats(kind), sizeof(double));
		paired->added[kind].call_ns = calloc(rounds * repeats(kind), sizeof(double));
	}
	paired->base_fault_ns = calloc(rounds * 3 * NR_TRACERS + 1, sizeof(double));
	paired->base_call_ns = calloc(rounds * 3 * NR_TRACERS + 1, sizeof(double));
	worker__start(&paired->worker, WORKER_TIMED, -1);
	worker__start(&paired->other, WORKER_IDLE, -1);
	worker__measure(&paired->worker, window_ms); /* warm */
	before = measure_base(paired);
	for (unsigned int round = 0; round < rounds; round++) {
		show_progress(round);
		for (int kind = 0; kind < NR_TRACERS; kind++) {
			if (only_memtrace && kind > TRACER_MEMTRACE_OTHER)
				break;
			if (!tracer__installed(kind))
				continue;
			for (unsigned int i = 0; i < repeats(kind); i++)
				measure_with(paired, kind, &before);
		}
	}
	show_progress(rounds);
	worker__stop(&paired->worker);
	worker__stop(&paired->other);
}

static struct spread faults_of(struct paired *paired, enum tracer_kind kind)
{
	return spread__of(paired->added[kind].fault_ns, paired->added[kind].nr);
}

static struct spread calls_of(struct paired *paired, enum tracer_kind kind)
{
	return spread__of(paired->added[kind].call_ns, paired->added[kind].nr);
}

static struct spread one(double value)
{
	return (struct spread){.q1 = value, .median = value, .q3 = value, .nr = 1};
}

static void report_paired(struct paired *paired, struct result *result)
{
	static const char *const keys[NR_TRACERS] = {
		[TRACER_PERF_STAT] = "perf_stat_ns",
		[TRACER_PERF_RECORD] = "perf_record_ns",
		[TRACER_BPFTRACE] = "bpftrace_ns",
	};
	char what[80];

	result__add(result, "fault_ns", "a fault, nobody tracing", "ns",
		    spread__of(paired->base_fault_ns, paired->nr_base), -1);
	result__add(result, "traced_fault_ns", "+ a fault of the target", "ns",
		    faults_of(paired, TRACER_MEMTRACE_TARGET), LIMIT_TRACED_NS);
	result__add(result, "untraced_fault_ns", "+ a fault of another process", "ns",
		    faults_of(paired, TRACER_MEMTRACE_OTHER), LIMIT_UNTRACED_NS);
	for (int kind = TRACER_PERF_STAT; kind < NR_TRACERS; kind++) {
		if (!paired->added[kind].nr)
			continue;
		snprintf(what, sizeof(what), "+ a fault under %s", tracer__name(kind));
		result__add(result, keys[kind], what, "ns", faults_of(paired, kind), -1);
	}
	result__add(result, "call_ns", "a system call (getppid), nobody tracing", "ns",
		    spread__of(paired->base_call_ns, paired->nr_base), -1);
	result__add(result, "traced_call_ns", "+ a system call of the target", "ns",
		    calls_of(paired, TRACER_MEMTRACE_TARGET), -1);
	result__add(result, "untraced_call_ns", "+ a system call of another process", "ns",
		    calls_of(paired, TRACER_MEMTRACE_OTHER), -1);
	result__add(result, "paired_lost", "records lost in these rounds", "",
		    one((double)paired->counts.lost), 0);
	result__add(result, "paired_unexplained", "faults unexplained in these rounds", "",
		    one((double)paired->counts.unexplained), 0);
	result__note(result,
		     "in these rounds the target made %llu faults or more while it was traced, and "
		     "%llu were reported, %lld unexplained",
		     (unsigned long long)paired->made, (unsigned long long)paired->counts.faults,
		     (long long)paired->counts.unexplained);
}

/* The first two CPUs that we may run on. */
static int two_cpus(int cpus[2])
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
};

static void wait_s(unsigned int seconds)
{
	struct timespec ts = {.tv_sec = seconds};

	nanosleep(&ts, NULL);
}

/* One process on each of nr CPUs faults flat out, all of them targets. */
static void measure_flood(enum worker_kind kind, int nr, struct flood *flood)
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
	if (!tracer__start(&tracer, TRACER_MEMTRACE_TARGET, pids, nr))
		die("bench: memtrace did not start");
	start = now_ns();
	for (int i = 0; i < nr; i++)
		made -= worker__faults(&workers[i]);
	wait_s(flood_s);
	for (int i = 0; i < nr; i++)
		made += worker__faults(&workers[i]);
	flood->made = made;
	flood->duration_s = (double)(now_ns() - start) / 1e9;
	memory__read(tracer.pid, &flood->memory);
	tracer__stop(&tracer, &flood->usage);
	if (!counts__read(tracer.file, &flood->counts)) {
		fprintf(stderr, "bench: memtrace made no report\n");
		exit(2);
	}
	tracer__remove(&tracer);
	for (int i = 0; i < nr; i++)
		worker__stop(&workers[i]);
}

static void report_flood(struct result *result, const char *key, const char *unexplained_key,
			 const char *what, const struct flood *flood)
{
	char missing[80];

	snprintf(missing, sizeof(missing), "records lost, %s", what);
	result__add(result, key, missing, "", one((double)flood->counts.lost), 0);
	snprintf(missing, sizeof(missing), "faults unexplained, %s", what);
	result__add(result, unexplained_key, missing, "", one((double)flood->counts.unexplained),
		    0);
	result__note(result,
		     "%s: %.2f M faults/s made, %llu reported, %lld unexplained; "
		     "memtrace used %.0f%% of a CPU and %.1f MiB",
		     what, (double)flood->made / flood->duration_s / 1e6,
		     (unsigned long long)flood->counts.faults, (long long)flood->counts.unexplained,
		     100 * flood->usage.cpu_s / flood->duration_s,
		     (double)flood->usage.peak_rss_bytes / (1 << 20));
}

static void report_memory(struct result *result, const struct flood *flood)
{
	const struct memory *memory = &flood->memory;
	const double mib = 1 << 20;

	result__add(result, "rss_mib", "peak resident memory, one target that faults flat out",
		    "MiB", one((double)flood->usage.peak_rss_bytes / mib), LIMIT_RSS_MIB);
	result__note(result,
		     "of %.1f MiB before its end, peak %.1f: ring buffer %.1f (mapped twice over), "
		     "heap %.1f, program and libraries %.1f",
		     (double)memory->rss_bytes / mib, (double)memory->peak_bytes / mib,
		     (double)memory->ring_bytes / mib, (double)memory->heap_bytes / mib,
		     (double)memory->file_bytes / mib);
	result__note(result, "besides in the kernel, for maps and programs: %.1f MiB",
		     (double)memory->kernel_bytes / mib);
}

static void measure_starts(struct result *result)
{
	double *ms = calloc(starts, sizeof(*ms)), *end_ms = calloc(starts, sizeof(*end_ms));
	struct worker idle;
	struct tracer tracer;
	uint64_t start;

	worker__start(&idle, WORKER_IDLE, -1);
	for (unsigned int i = 0; i < starts; i++) {
		start = now_ns();
		if (!tracer__start(&tracer, TRACER_MEMTRACE_TARGET, &idle.pid, 1))
			die("bench: memtrace did not start");
		ms[i] = (double)(now_ns() - start) / 1e6;
		start = now_ns();
		tracer__stop(&tracer, NULL);
		end_ms[i] = (double)(now_ns() - start) / 1e6;
		tracer__remove(&tracer);
	}
	worker__stop(&idle);
	result__add(result, "start_ms", "from start to attached", "ms", spread__of(ms, starts),
		    LIMIT_START_MS);
	result__add(result, "end_ms", "from Ctrl-C to the end", "ms", spread__of(end_ms, starts),
		    -1);
	free(ms);
	free(end_ms);
}

static unsigned int number(const char *text)
{
	unsigned long value = strtoul(text, NULL, 10);

	if (!value || value > 100000) {
		fprintf(stderr, "bench: '%s' is not a number from 1 to 100000\n", text);
		exit(2);
	}
	return (unsigned int)value;
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = {
		{"rounds", required_argument, NULL, 'r'},
		{"window", required_argument, NULL, 'w'},
		{"flood", required_argument, NULL, 'f'},
		{"starts", required_argument, NULL, 's'},
		{"only-memtrace", no_argument, NULL, 'o'},
		{"json", required_argument, NULL, 'j'},
		{"memtrace", required_argument, NULL, 'm'},
		{0},
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 'r':
			rounds = number(optarg);
			break;
		case 'w':
			window_ms = number(optarg);
			break;
		case 'f':
			flood_s = number(optarg);
			break;
		case 's':
			starts = number(optarg);
			break;
		case 'o':
			only_memtrace = true;
			break;
		case 'j':
			json_path = optarg;
			break;
		case 'm':
			memtrace_path = optarg;
			break;
		default:
			exit(2);
		}
	}
}

int main(int argc, char **argv)
{
	static struct result result;
	struct paired paired = {0};
	struct flood flood;
	bool met;

	parse(argc, argv);
	measure_paired(&paired);
	report_paired(&paired, &result);
	measure_starts(&result);
	measure_flood(WORKER_WRITE, 1, &flood);
	report_memory(&result, &flood);
	measure_flood(WORKER_WRITE, 2, &flood);
	report_flood(&result, "lost_write", "unexplained_write", "two processes write flat out",
		     &flood);
	measure_flood(WORKER_READ, 2, &flood);
	report_flood(&result, "lost_read", "unexplained_read", "two processes read flat out",
		     &flood);
	met = result__print(&result, json_path && !strcmp(json_path, "-") ? stderr : stdout);
	if (json_path && result__write_json(&result, json_path))
		die(json_path);
	return !met;
}
