// SPDX-License-Identifier: GPL-2.0-or-later
/* What /proc says, asked about the test itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "event/event.h"
#include "source/procfs.h"
#include "source/tgids.h"

#define NAME "a) (b\nc\\"
#define SIZE (64UL << 12)

/* The records of one question. */
struct records {
	size_t nr;
	int stop; /* what the callback returns */
	struct mt_process process;
	struct mt_thread thread[8];
	struct mt_sample sample;
	struct mt_mapping mapping[1024];
};

static int take(void *ctx, const void *data, size_t size)
{
	struct records *records = ctx;
	const struct mt_record *record = data;

	assert_int_equal(record__check(record, size), 0);
	assert_int_equal(record->size_bytes, size);
	assert_int_equal(record->tgid, getpid());
	if (record->kind == MT_KIND_PROCESS)
		memcpy(&records->process, data, size);
	else if (record->kind == MT_KIND_THREAD && records->nr < 8)
		memcpy(&records->thread[records->nr], data, size);
	else if (record->kind == MT_KIND_SAMPLE)
		memcpy(&records->sample, data, size);
	else if (record->kind == MT_KIND_MAPPING && records->nr < 1024)
		memcpy(&records->mapping[records->nr], data, size);
	records->nr++;
	return records->stop;
}

static const struct mt_mapping *mapping_at(const struct records *records, const void *addr)
{
	uint64_t at = (uint64_t)(uintptr_t)addr;

	for (size_t i = 0; i < records->nr; i++)
		if (records->mapping[i].start <= at && at < records->mapping[i].end)
			return &records->mapping[i];
	fail_msg("%p is not mapped", addr);
	return NULL;
}

static void test_process(void **state)
{
	struct records *records = calloc(1, sizeof(*records));
	const struct mt_process *rec = &records->process;
	struct rlimit limit;
	char exe[256];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe));

	(void)state;
	assert_int_equal(prctl(PR_SET_NAME, NAME), 0);
	assert_int_equal(getrlimit(RLIMIT_STACK, &limit), 0);
	assert_int_equal(procfs__process(getpid(), 77, MT_PROCESS_TARGET, take, records), 0);
	assert_true(rec->hdr.time_ns == 77 && rec->hdr.flags == MT_PROCESS_TARGET);
	assert_int_equal(rec->ppid, getppid());
	assert_int_equal(rec->nr_threads, 1);
	assert_string_equal(rec->comm, NAME);
	assert_int_equal(strlen(rec->exe), n);
	assert_memory_equal(rec->exe, exe, n);
	assert_true(rec->stack_limit_bytes == limit.rlim_cur);
	assert_true(rec->start_brk && rec->start_brk <= (uint64_t)(uintptr_t)sbrk(0));
	assert_true(rec->start_stack > (uint64_t)(uintptr_t)&limit);
	assert_true(rec->start_ns > 0);
	free(records);
}

static void test_mappings(void **state)
{
	struct records *records = calloc(1, sizeof(*records));
	char *rw = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *none = mmap(NULL, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *shared = mmap(NULL, SIZE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int fd = memfd_create("two\nlines", MFD_CLOEXEC);
	const struct mt_mapping *at;
	char *memfd;

	(void)state;
	assert_int_equal(ftruncate(fd, SIZE), 0);
	memfd = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_int_equal(procfs__mappings(getpid(), 88, take, records), 0);
	for (size_t i = 0; i < records->nr; i++) {
		at = &records->mapping[i];
		assert_true(at->hdr.time_ns == 88);
		assert_int_equal(!(at->hdr.flags & MT_MAPPING_FIRST), i > 0);
		assert_true(!i || at[-1].end <= at->start);
	}
	at = mapping_at(records, rw);
	assert_true(at->prot == (PROT_READ | PROT_WRITE) && !at->shared);
	assert_true((at->hdr.flags & ~MT_MAPPING_FIRST) == MT_MAPPING_ANON);
	at = mapping_at(records, none);
	assert_true(at->prot == PROT_NONE && at->hdr.flags == MT_MAPPING_ANON);
	at = mapping_at(records, shared);
	assert_true(at->shared && at->prot == PROT_READ && at->hdr.flags & MT_MAPPING_SHMEM);
	at = mapping_at(records, memfd);
	assert_true(at->shared && at->hdr.flags & MT_MAPPING_SHMEM && at->ino);
	assert_int_equal(strncmp(at->name, "/memfd:two\\012lines", 18), 0);
	at = mapping_at(records, (void *)(uintptr_t)take);
	assert_true(at->prot & PROT_EXEC && at->ino && *at->name == '/' && !at->hdr.flags);
	at = mapping_at(records, &at);
	assert_true(at->hdr.flags == (MT_MAPPING_ANON | MT_MAPPING_STACK));
	munmap(memfd, SIZE);
	munmap(shared, SIZE);
	munmap(none, SIZE);
	munmap(rw, SIZE);
	close(fd);
	free(records);
}

static void *wait_for_end(void *ctx)
{
	char byte;

	while (read(*(int *)ctx, &byte, 1) > 0)
		;
	return NULL;
}

static void test_threads(void **state)
{
	struct records *records = calloc(1, sizeof(*records));
	pthread_t threads[3];
	struct rusage before, after;
	uint64_t minor = 0;
	int pipe_fd[2];

	(void)state;
	assert_int_equal(pipe(pipe_fd), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, wait_for_end, &pipe_fd[0]), 0);
	assert_int_equal(getrusage(RUSAGE_THREAD, &before), 0);
	assert_int_equal(procfs__threads(getpid(), 0, 0, take, records), 0);
	assert_int_equal(getrusage(RUSAGE_THREAD, &after), 0);
	assert_int_equal(records->nr, 4);
	for (int i = 0; i < 4; i++) {
		assert_true(records->thread[i].hdr.time_ns > 0);
		if (records->thread[i].hdr.tid == (uint32_t)getpid())
			minor = records->thread[i].flt.min_flt;
	}
	assert_in_range(minor, before.ru_minflt, after.ru_minflt);
	close(pipe_fd[1]);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	close(pipe_fd[0]);
	free(records);
}

static void test_sample(void **state)
{
	struct records *records = calloc(1, sizeof(*records));

	(void)state;
	assert_int_equal(procfs__sample(getpid(), 99, take, records), 0);
	assert_true(records->sample.rss_bytes >= 1 << 18);
	assert_true(records->sample.rss_bytes % sysconf(_SC_PAGESIZE) == 0);
	free(records);
}

/* What the callback returns is passed on, at once. */
static void test_callback_stops(void **state)
{
	struct records *records = calloc(1, sizeof(*records));

	(void)state;
	records->stop = -EPIPE;
	assert_int_equal(procfs__mappings(getpid(), 1, take, records), -EPIPE);
	assert_int_equal(procfs__threads(getpid(), 1, 0, take, records), -EPIPE);
	assert_int_equal(procfs__process(getpid(), 1, 0, take, records), -EPIPE);
	assert_int_equal(procfs__sample(getpid(), 1, take, records), -EPIPE);
	assert_int_equal(records->nr, 4);
	free(records);
}

static void test_gone(void **state)
{
	struct records *records = calloc(1, sizeof(*records));
	pid_t pid = fork();

	(void)state;
	if (!pid)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(procfs__mappings(pid, 1, take, records), -ESRCH);
	assert_int_equal(procfs__threads(pid, 1, 0, take, records), -ESRCH);
	assert_int_equal(procfs__process(pid, 1, 0, take, records), -ESRCH);
	assert_int_equal(procfs__sample(pid, 1, take, records), -ESRCH);
	assert_int_equal(procfs__check_process(pid), -ESRCH);
	assert_int_equal(procfs__check_process(getpid()), 0);
	assert_int_equal(records->nr, 0);
	free(records);
}

static void test_tgids(void **state)
{
	struct tgids tgids;

	(void)state;
	assert_int_equal(tgids__init(&tgids, 100), 0);
	assert_true(tgids__unknown(&tgids, 5) && !tgids__alive(&tgids, 5));
	tgids__add(&tgids, 5);
	tgids__add(&tgids, 5);
	assert_true(tgids__alive(&tgids, 5) && !tgids__unknown(&tgids, 5));
	assert_int_equal(tgids.nr_alive, 1);
	tgids__note_active(&tgids, 5);
	tgids__note_active(&tgids, 5);
	assert_int_equal(tgids.active.nr, 1);
	tgids__add(&tgids, 70);
	tgids__exit(&tgids, 5);
	tgids__exit(&tgids, 5);
	assert_true(!tgids__alive(&tgids, 5) && tgids__alive(&tgids, 70));
	assert_true(!tgids__unknown(&tgids, 5) && tgids__unknown(&tgids, 69));
	tgids__forget_gone(&tgids);
	assert_true(tgids__unknown(&tgids, 5) && !tgids__unknown(&tgids, 70));
	tgids__exit(&tgids, 70);
	assert_true(!tgids__alive(&tgids, 70) && tgids.nr_alive == 0);
	tgids__add(&tgids, 5);
	assert_true(tgids__alive(&tgids, 5));
	tgids__reset_active(&tgids);
	assert_int_equal(tgids.active.nr, 0);
	/* Ids beyond the limit are nobody's. */
	tgids__add(&tgids, 100);
	tgids__note_active(&tgids, UINT32_MAX);
	tgids__exit(&tgids, UINT32_MAX);
	assert_true(!tgids__alive(&tgids, 100) && !tgids__unknown(&tgids, 100));
	assert_true(tgids.nr_alive == 1 && tgids.active.nr == 0);
	tgids__release(&tgids);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_process),	       cmocka_unit_test(test_mappings),
		cmocka_unit_test(test_threads),	       cmocka_unit_test(test_sample),
		cmocka_unit_test(test_callback_stops), cmocka_unit_test(test_gone),
		cmocka_unit_test(test_tgids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
