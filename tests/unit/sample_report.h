/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reports made by hand for the tests of the renderers. report__free() frees them. */
#ifndef MEMTRACE_TESTS_SAMPLE_REPORT_H
#define MEMTRACE_TESTS_SAMPLE_REPORT_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report/report.h"

#define MIB (1024ULL * 1024)

/* A session with nothing in it, and room for this many processes. */
static inline struct report *sample__empty(size_t nr_processes)
{
	struct report *report = calloc(1, sizeof(*report));

	report->version = "0.1.0";
	report->host.name = strdup("db1");
	report->host.kernel = strdup("6.18.44");
	report->host.arch = strdup("x86_64");
	report->host.page_bytes = 4096;
	report->host.cpus = 2;
	report->session.start_realtime_ns = 1795253208123456789ULL;
	report->session.duration_s = 12.345678901;
	report->session.interval_s = 1;
	report->session.target = strdup("-p 4242");
	report->session.ended_by = "duration";
	report->loss.fault_weight_max = 1;
	report->loss.nr_causes = 2;
	report->loss.by_cause = calloc(2, sizeof(*report->loss.by_cause));
	report->loss.by_cause[0].cause = "ring_full_faults";
	report->loss.by_cause[1].cause = "filter_full";
	report->processes = calloc(nr_processes + 1, sizeof(*report->processes));
	report->nr_processes = nr_processes;
	for (size_t i = 0; i < nr_processes; i++) {
		report->processes[i].pid = (uint32_t)(4242 + i);
		report->processes[i].ppid = 1;
		report->processes[i].comm = strdup("postgres");
		report->processes[i].nr_threads = 1;
		report->processes[i].heap.rss_bytes = BYTES_UNKNOWN;
		report->processes[i].heap.peak_rss_bytes = BYTES_UNKNOWN;
	}
	return report;
}

static inline void sample__probe(struct report *report)
{
	report->probes = calloc(1, sizeof(*report->probes));
	report->nr_probes = 1;
	report->probes[0].fact = strdup("page faults");
	report->probes[0].via = strdup("tp_btf/page_fault_user");
	report->probes[0].misses = calloc(2, sizeof(char *));
	report->probes[0].misses[0] = strdup("faults of get_user_pages");
	report->probes[0].misses[1] = strdup("what nobody sees");
	report->probes[0].nr_misses = 2;
}

static inline void sample__faults(struct report_process *process)
{
	static const char *const names[] = {"/usr/lib/x86_64-linux-gnu/a-long-directory/libc.so.6",
					    "/home/\u65e5\u672c\u8a9e/\u30c7\u30fc\u30bf",
					    "[heap]"};

	process->faults.minor = 1990;
	process->faults.major = 10;
	process->faults.total = 2000;
	process->faults.user = 1900;
	process->faults.kernel = 100;
	process->faults.by_region[REGION_HEAP] = 1500;
	process->faults.by_region[REGION_FILE] = 499;
	process->faults.by_region[REGION_THREAD_STACK] = 1;
	process->faults.by_access[ACCESS_READ] = 500;
	process->faults.by_access[ACCESS_WRITE] = 1500;
	process->faults.nr_timeline = 4;
	process->faults.timeline = calloc(4, sizeof(*process->faults.timeline));
	for (size_t i = 0; i < 4; i++) {
		process->faults.timeline[i].t_s = (double)(i + 1);
		process->faults.timeline[i].minor = i * 350;
	}
	process->faults.nr_mappings = 3;
	process->faults.mappings = calloc(3, sizeof(*process->faults.mappings));
	process->faults.nr_slices = 3;
	process->faults.slices = calloc(3, sizeof(*process->faults.slices));
	for (size_t i = 0; i < 3; i++) {
		process->faults.mappings[i] = (struct report_mapping){
			.name = strdup(names[i]),
			.region = i == 2 ? REGION_HEAP : REGION_THREAD_STACK,
			.start = i == 1 ? 0 : 0x7f0000000000 + i * MIB,
			.mapped_bytes = 4 * MIB,
			.faults = 1000 - i * 300,
			.pages_touched = 512,
			.pattern = (enum fault_pattern)i,
			.unmapped = i == 1,
		};
		process->faults.slices[i] = (struct report_slice){
			.start = 0x7f0000000000 + i * MIB,
			.size_bytes = MIB,
			.faults = i == 1 ? 10 : 1000 - i,
			.pages_touched = 64,
			.mapped_pages = 256,
			.name = strdup(names[i]),
		};
	}
	process->faults.run_pages_log2[0] = 30;
	process->faults.run_pages_log2[2] = 10;
}

/* Causes and latency, one of 17 minor faults timed; two faults were slow. */
static inline void sample__latency(struct report_process *process)
{
	process->faults.causes_known = true;
	process->faults.by_cause[CAUSE_ANON_ZERO] = 1500;
	process->faults.by_cause[CAUSE_HUGE] = 488;
	process->faults.by_cause[CAUSE_FILE_MAJOR] = 10;
	process->faults.by_cause[CAUSE_RACED] = 2;
	process->faults.huge_bytes = 488 * 2 * MIB;
	process->faults.invalid = 3;
	process->faults.latency.known = true;
	process->faults.latency.weight = 17;
	process->faults.latency.by_cause[CAUSE_ANON_ZERO] =
		(struct report_latency){88, 1215, 1599, 3967, 12345, true, false, 1500 * 1300.0};
	process->faults.latency.by_cause[CAUSE_HUGE] = (struct report_latency){
		29, 61439, 90111, 125000, 125000, true, false, 488 * 62500.0};
	process->faults.latency.by_cause[CAUSE_FILE_MAJOR] =
		(struct report_latency){10, 950271, 4718591, 20266428, 20266428, true, false, 44e6};
	process->faults.latency.by_region[REGION_HEAP] =
		(struct report_latency){88, 1215, 1599, 3967, 12345, true, false, 1500 * 1300.0};
	process->faults.latency.all =
		(struct report_latency){127, 1279, 61439, 950271, 20266428, true, false, 76.45e6};
	process->faults.latency.log2[10] = 88 * 17;
	process->faults.latency.log2[15] = 29 * 17;
	process->faults.latency.log2[20] = 10;
	process->faults.latency.share_known = true;
	process->faults.latency.share = 0.00826;
}

static inline void sample__slow(struct report_process *process)
{
	process->faults.latency.slow_ns = 1000500;
	process->faults.latency.minor_slow_ns = 1000000;
	process->faults.latency.slow_total = 3;
	process->faults.latency.nr_slow = 2;
	process->faults.latency.slow = calloc(2, sizeof(*process->faults.latency.slow));
	process->faults.latency.slow[0] = (struct report_slow_fault){
		.t_s = 3.5,
		.tid = 4250,
		.cause = CAUSE_FILE_MAJOR,
		.latency_ns = 20266428,
		.address = 0x7f0000001234,
		.mapping = strdup("/srv/db/\033[2Jindex"),
		.offset = 0x1234,
		.ip = 0x7f3e10001000,
		.ip_mapping = strdup("libc.so.6"),
		.ip_offset = 0x1000,
		.ip_symbol = strdup("memset"),
		.ip_symbol_offset = 0x1f,
	};
	process->faults.latency.slow[1] = (struct report_slow_fault){
		.t_s = 1.25,
		.tid = 4242,
		.cause = CAUSE_FILE_MAJOR,
		.latency_ns = 1000500,
		.address = 0x7f0000002000,
		.mapping = strdup("[anon]"),
		.offset = 0x2000,
		.ip = 0xffffffff81b6a330,
	};
}

static inline void sample__heap(struct report_process *process)
{
	process->heap.brk_bytes = 4 * MIB;
	process->heap.anon_mmap_bytes = 8 * MIB;
	process->heap.growth_bytes = -3 * (int64_t)MIB;
	process->heap.peak_bytes = 15 * MIB;
	process->heap.rss_bytes = 20 * MIB;
	process->heap.calls[CALL_BRK] = (struct report_call){.count = 3, .bytes = 4 * MIB};
	process->heap.calls[CALL_MMAP] =
		(struct report_call){.count = 40, .failed = 3, .bytes = 8 * MIB};
	process->heap.nr_failures = 2;
	process->heap.failures = calloc(2, sizeof(*process->heap.failures));
	process->heap.failures[0] = (struct report_failure){CALL_MMAP, ENOMEM, 2};
	process->heap.failures[1] = (struct report_failure){CALL_MMAP, 4000, 1};
	process->heap.call_size_log2[CALL_MMAP] = calloc(REPORT_CALL_SIZES, sizeof(uint64_t));
	process->heap.call_size_log2[CALL_MMAP][12] = 30;
	process->heap.call_size_log2[CALL_MMAP][13] = 7;
	process->heap.nr_timeline = 2;
	process->heap.timeline = calloc(2, sizeof(*process->heap.timeline));
	process->heap.timeline[0] = (struct report_heap_point){1, 4 * MIB, 4 * MIB, 10 * MIB};
	process->heap.timeline[1] = (struct report_heap_point){2, 4 * MIB, 8 * MIB, BYTES_UNKNOWN};
}

static inline void sample__stack(struct report_process *process)
{
	process->stack.limit_known = true;
	process->stack.limit_bytes = 8 * MIB;
	process->stack.peak_bytes = 8 * MIB;
	process->stack.peak_exact = true;
	process->stack.nr_threads = 3;
	process->stack.threads = calloc(3, sizeof(*process->stack.threads));
	process->stack.threads[0] = (struct report_stack_mark){
		.tid = 4250,
		.comm = strdup("wor\033ker"),
		.size_bytes = 256 << 10,
		.peak_bytes = 220 << 10,
		.misses = "in a huge page: at most",
	};
	process->stack.threads[1] = (struct report_stack_mark){
		.tid = 4251,
		.comm = strdup("worker"),
		.size_bytes = 8 << 20,
		.peak_bytes = 12 << 10,
	};
	process->stack.threads[2] = (struct report_stack_mark){
		.tid = 4252,
		.comm = strdup("worker"),
		.size_bytes = 8 << 20,
		.peak_bytes = BYTES_UNKNOWN,
		.misses = "not seen",
	};
	process->stack.nr_hits = 2;
	process->stack.hits_total = 2;
	process->stack.hits = calloc(2, sizeof(*process->stack.hits));
	process->stack.hits[0] = (struct report_hit){
		.t_s = 3.201456,
		.tid = 4242,
		.comm = strdup("deep\033[2J"),
		.kind = HIT_MAIN_LIMIT,
		.address = 0x7ffc1f3fefd8,
		.sp = 0x7ffc1f3fefe0,
		.size_bytes = 8 * MIB,
		.limit_bytes = 8 * MIB,
	};
	process->stack.hits[1] = (struct report_hit){
		.t_s = 9.1,
		.tid = 4250,
		.comm = strdup("worker"),
		.kind = HIT_THREAD_GUARD,
		.address = 0x7f3e1f3fefd8,
		.sp = 0x7f3e1f3fefe0,
		.size_bytes = 256 * 1024,
		.limit_bytes = BYTES_UNKNOWN,
	};
}

static inline void sample__check(struct report_process *process)
{
	process->check = (struct report_check){
		.known = true,
		.kernel_minor = 2051,
		.kernel_major = 10,
		.observed = 2000,
		.populated = 64,
		.not_counted = 3,
		.ok = true,
	};
}

/* One process with everything in it. */
static inline struct report *sample__full(void)
{
	struct report *report = sample__empty(1);
	struct report_process *process = &report->processes[0];

	sample__probe(report);
	report->loss.delivered = 655360;
	process->exe = strdup("/usr/bin/postgres");
	process->start_s = -120;
	process->ended = true;
	process->end_s = 9.25;
	process->exit_code = -1;
	process->exit_signal = 11;
	sample__faults(process);
	sample__heap(process);
	sample__stack(process);
	sample__check(process);
	process->nr_threads = 2;
	process->nr_threads_listed = 1;
	process->threads = calloc(1, sizeof(*process->threads));
	process->threads[0] = (struct report_thread){4250, strdup("worker"), 1500, 10, true};
	return report;
}

/* The same of a newer recording, with --slow. */
static inline struct report *sample__timed(void)
{
	struct report *report = sample__full();

	sample__latency(&report->processes[0]);
	sample__slow(&report->processes[0]);
	return report;
}

/* Every number as large as it can be. */
static inline struct report *sample__huge(void)
{
	struct report *report = sample__timed();
	struct report_process *process = &report->processes[0];

	process->faults.by_cause[CAUSE_ANON_MERGED] = UINT64_MAX;
	process->faults.huge_bytes = UINT64_MAX - 1;
	process->faults.latency.by_cause[CAUSE_FILE_MAJOR].max_ns = UINT64_MAX;
	process->faults.latency.by_cause[CAUSE_FILE_MAJOR].total_ns = 1e30;
	process->faults.latency.all.total_ns = 1e30;
	process->faults.latency.share = 1e21;
	process->faults.latency.log2[39] = UINT64_MAX / 2;
	process->faults.latency.slow_total = UINT64_MAX;
	process->faults.latency.slow[0].latency_ns = UINT64_MAX;
	report->loss.records = UINT64_MAX / 2;
	report->loss.delivered = UINT64_MAX / 2;
	report->loss.by_cause[0].count = UINT64_MAX / 2;
	process->faults.minor = process->faults.total = UINT64_MAX;
	process->faults.by_region[REGION_HEAP] = UINT64_MAX;
	process->faults.timeline[3].minor = UINT64_MAX / 2;
	process->faults.mappings[0].faults = UINT64_MAX;
	process->faults.mappings[0].mapped_bytes = UINT64_MAX - 1;
	process->faults.slices[0].faults = UINT64_MAX;
	process->faults.run_pages_log2[31] = UINT64_MAX / 2;
	process->heap.growth_bytes = INT64_MIN;
	process->heap.peak_bytes = UINT64_MAX - 1;
	process->heap.call_size_log2[CALL_MMAP][47] = UINT64_MAX / 2;
	process->check.unexplained = INT64_MIN;
	process->check.ok = false;
	return report;
}

#endif
