// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files that are made to keep `memtrace report` busy, and how much memory and time it takes for
 * them: as a whole, which is a process of its own here.
 */
#include "saved.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zstd.h>

#include "memtrace/recording.h"

#define MIB (1U << 20)
#define FILE_BYTES (2 * MIB)
#define STREAM_BYTES (64 * MIB)
#define FRAME_BYTES (256U << 10)

/*
 * What the whole may take, with the model and the report of it. The sanitizers put a lot around
 * each piece of memory and keep what was freed.
 */
#ifdef __SANITIZE_ADDRESS__
#define MAX_MIB 3072
#else
#define MAX_MIB 1024
#endif
#define MAX_CPU_S 120

struct bomb {
	const char *name;
	size_t (*put)(uint8_t *to, uint32_t i); /* the i-th record; its size */
	const char *options;
	const char *reported; /* part of the report */
	const char *said;     /* part of what is told on standard error */
};

#define JSON "-F json"
#define TOO_COSTLY "\"ended_by\":\"too_costly\""
#define CUT_OFF "\"ended_by\":\"cut_off\""
#define TAKES_MORE "takes more memory or time than a recording of its size may"

static size_t put_header(uint8_t *to, uint16_t kind, size_t size, uint32_t pid, uint32_t tid,
			 uint64_t time_ns)
{
	struct mt_record record = {
		.time_ns = time_ns, .tgid = pid, .tid = tid, .size_bytes = size, .kind = kind};

	memset(to, 0, size);
	memcpy(to, &record, sizeof(record));
	return size;
}

static size_t put_process(uint8_t *to, uint32_t i)
{
	return put_header(to, MT_KIND_MAJOR, sizeof(struct mt_major), i, i, 1000);
}

static size_t put_thread(uint8_t *to, uint32_t i)
{
	return put_header(to, MT_KIND_MAJOR, sizeof(struct mt_major), 1, i, 1000);
}

static size_t put_tick(uint8_t *to, uint32_t i)
{
	if (i < 10000)
		return put_process(to, i);
	return put_header(to, i % 2 ? MT_KIND_WATERMARK : MT_KIND_TICK, sizeof(struct mt_tick), 0,
			  0, 1000 + i);
}

/* Far apart pages, 64 to a record, that differ by a stride. */
static size_t put_pages(uint8_t *to, uint32_t i)
{
	struct {
		struct mt_faults rec;
		struct mt_fault fault[MT_BATCH_FAULTS];
	} batch = {.rec.nr = MT_BATCH_FAULTS};

	put_header((uint8_t *)&batch.rec.hdr, MT_KIND_FAULTS, sizeof(struct mt_record), 1, 1, 1000);
	batch.rec.hdr.size_bytes = sizeof(batch);
	for (uint64_t n = 0; n < MT_BATCH_FAULTS; n++)
		batch.fault[n] =
			(struct mt_fault){.addr_flags = (i * 64ULL + n) << 21, .time_ns = 1000};
	memcpy(to, &batch, sizeof(batch));
	return sizeof(batch);
}

static size_t put_nothing(uint8_t *to, uint32_t i)
{
	(void)i;
	return put_header(to, MT_KIND_MAJOR, sizeof(struct mt_major), 1, 1, 1000);
}

/* Frames as the writer makes them, until the file or the stream is large enough. */
static size_t write_bomb(const struct bomb *bomb, const char *path)
{
	struct mt_recording_header header = {
		.magic = MT_RECORDING_MAGIC,
		.byte_order = MT_RECORDING_BYTE_ORDER,
		.major = MT_RECORDING_MAJOR,
		.header_bytes = sizeof(header),
		.page_bytes = 4096,
	};
	size_t cap = ZSTD_compressBound(FRAME_BYTES + MT_RECORD_MAX_BYTES), size = sizeof(header),
	       total = 0;
	uint8_t *records = malloc(FRAME_BYTES + MT_RECORD_MAX_BYTES), *frame = malloc(cap);
	FILE *file = fopen(path, "we");
	uint32_t nr = 0;

	assert_true(records && frame && file);
	assert_int_equal(fwrite(&header, sizeof(header), 1, file), 1);
	while (size < FILE_BYTES && total < STREAM_BYTES) {
		size_t used = 0, n;

		while (used < FRAME_BYTES)
			used += bomb->put(records + used, nr++);
		n = ZSTD_compress(frame, cap, records, used, 3);
		assert_false(ZSTD_isError(n));
		assert_int_equal(fwrite(frame, n, 1, file), 1);
		size += n;
		total += used;
	}
	assert_int_equal(fclose(file), 0);
	free(records);
	free(frame);
	return size;
}

/* In the child, whose memory and time are its own. */
static void report_and_exit(const struct bomb *bomb, const char *path)
{
	char words[256], *out, *err;

	snprintf(words, sizeof(words), "-q %s %s", bomb->options, path);
	if (saved__report(words, &out, &err)) {
		fprintf(stderr, "%s: %s\n", bomb->name, err);
		_exit(1);
	}
	if (!strstr(out, bomb->reported) || !strstr(err, bomb->said)) {
		fprintf(stderr, "%s: %.800s\n%s\n", bomb->name, out, err);
		_exit(2);
	}
	_exit(0);
}

static void check_bomb(const struct bomb *bomb)
{
	char path[] = "/tmp/memtrace-bomb-XXXXXX";
	int fd = mkstemp(path), status;
	struct rusage usage;
	pid_t pid;

	assert_true(fd >= 0);
	close(fd);
	write_bomb(bomb, path);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		setrlimit(RLIMIT_CPU, &(struct rlimit){MAX_CPU_S, MAX_CPU_S});
		report_and_exit(bomb, path);
	}
	assert_int_equal(wait4(pid, &status, 0, &usage), pid);
	unlink(path);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		fail_msg("%s: status 0x%x", bomb->name, status);
	if (usage.ru_maxrss / 1024 > MAX_MIB)
		fail_msg("%s: %ld MiB", bomb->name, usage.ru_maxrss / 1024);
	printf("%s: %ld MiB, %ld s\n", bomb->name, usage.ru_maxrss / 1024,
	       usage.ru_utime.tv_sec + usage.ru_stime.tv_sec);
}

static void test_processes(void **state)
{
	(void)state;
	check_bomb(&(struct bomb){"processes", put_process, JSON, TOO_COSTLY, TAKES_MORE});
}

static void test_threads(void **state)
{
	(void)state;
	check_bomb(&(struct bomb){"threads", put_thread, JSON, TOO_COSTLY, TAKES_MORE});
}

static void test_ticks(void **state)
{
	(void)state;
	check_bomb(&(struct bomb){"ticks", put_tick, "", "the rest of the recording was not read",
				  TAKES_MORE});
}

static void test_pages(void **state)
{
	(void)state;
	check_bomb(&(struct bomb){"pages", put_pages, JSON, TOO_COSTLY, TAKES_MORE});
}

/* Nothing but the same record: zstd needs no bytes at all for it. */
static void test_nothing(void **state)
{
	(void)state;
	check_bomb(&(struct bomb){"nothing", put_nothing, JSON, CUT_OFF, "is damaged at byte"});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_processes), cmocka_unit_test(test_nothing),
/* The sanitizers' share of hundreds of MiB takes long; test_costs has the same with less. */
#ifndef __SANITIZE_ADDRESS__
		cmocka_unit_test(test_threads),	  cmocka_unit_test(test_ticks),
		cmocka_unit_test(test_pages),
#endif
	};

	(void)test_threads;
	(void)test_ticks;
	(void)test_pages;
	return cmocka_run_group_tests(tests, saved__set_looks, NULL);
}
