// SPDX-License-Identifier: GPL-2.0-or-later
/* What is written is what is read; blocks in time; a disk that is full, a reader that goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <zstd.h>

#include "base/clock.h"
#include "recordings.h"

/* In place of the C library's: who syncs what, and when. */
static struct {
	uint64_t nr;
	uint64_t bytes; /* the file's size at the last one */
	uint64_t time_ns;
} synced;

int fdatasync(int fd)
{
	struct stat st;
	int ret = (int)syscall(SYS_fdatasync, fd);

	assert_int_equal(fstat(fd, &st), 0);
	__atomic_store_n(&synced.bytes, st.st_size, __ATOMIC_RELAXED);
	__atomic_store_n(&synced.time_ns, clock__now_ns(), __ATOMIC_RELAXED);
	__atomic_add_fetch(&synced.nr, 1, __ATOMIC_RELEASE);
	return ret;
}

static uint64_t file_bytes(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_size;
}

/* Read it again from its beginning: all of it is there, and nothing else. */
static void check_whole(const struct tape *tape, int fd)
{
	struct playback playback;

	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(playback__run(&playback, tape, fd), 0);
	assert_int_equal(playback.state, READER_AT_END);
	assert_int_equal(playback.nr, tape->starts.nr);
	assert_int_equal(playback.offset, file_bytes(fd));
}

static void check_round_trip(size_t nr, uint64_t seed)
{
	struct tape tape = {};
	int fd = recording__open_file();
	uint64_t bytes;

	tape__fill(&tape, nr, seed);
	bytes = tape__write(&tape, fd);
	assert_int_equal(bytes, file_bytes(fd));
	check_whole(&tape, fd);
	close(fd);
	tape__free(&tape);
}

static void test_round_trip(void **state)
{
	(void)state;
	check_round_trip(1, 1);
	check_round_trip(2, 2);
	check_round_trip(100, 3);
	/* Many blocks. */
	check_round_trip(20000, 4);
	for (uint64_t seed = 5; seed < 25; seed++)
		check_round_trip(1 + seed * seed, seed);
}

static void test_nothing(void **state)
{
	struct tape tape = {};
	int fd = recording__open_file();
	uint64_t bytes = tape__write(&tape, fd);

	(void)state;
	assert_int_equal(bytes, sizeof(struct mt_recording_header));
	check_whole(&tape, fd);
	close(fd);
}

static void test_header(void **state)
{
	struct tape tape = {};
	struct mt_recording_header header;
	int fd = recording__open_file();

	(void)state;
	tape__write(&tape, fd);
	assert_int_equal(pread(fd, &header, sizeof(header), 0), sizeof(header));
	assert_memory_equal(header.magic, "\x89MTR\r\n\x1a\n", 8);
	assert_int_equal(header.byte_order, 0x01020304);
	assert_int_equal(header.major, 1);
	assert_int_equal(header.header_bytes, sizeof(header));
	assert_int_equal(header.page_bytes, sysconf(_SC_PAGESIZE));
	assert_true(*header.kernel && *header.arch);
	close(fd);
}

/* Sizes in bytes of the frames of a file; how many there are. */
static size_t list_frames(int fd, size_t *sizes, size_t max)
{
	size_t left = file_bytes(fd) - sizeof(struct mt_recording_header), nr = 0;
	uint8_t *data = recording__read(fd, file_bytes(fd));
	uint8_t *at = data + sizeof(struct mt_recording_header);

	while (left) {
		size_t size = ZSTD_findFrameCompressedSize(at, left);

		assert_false(ZSTD_isError(size));
		assert_true(nr < max);
		sizes[nr++] = size;
		at += size;
		left -= size;
	}
	free(data);
	return nr;
}

/* A watermark every 100 ms: the first one, and every fourth, hand over what there is. */
static void test_blocks_in_time(void **state)
{
	struct tape tape = {};
	int fd = recording__open_file();
	size_t sizes[100];

	(void)state;
	for (uint64_t i = 0; i <= 100; i++)
		tape__add_watermark(&tape, 1000000000 + i * 100000000);
	tape__write(&tape, fd);
	assert_int_equal(list_frames(fd, sizes, 100), 1 + 25);
	check_whole(&tape, fd);
	close(fd);
	tape__free(&tape);
}

/* Nobody waits for a watermark where a block is full. */
static void test_full_blocks(void **state)
{
	struct tape tape = {};
	int fd = recording__open_file();
	uint64_t seed = 1;
	size_t sizes[100];

	(void)state;
	while (tape.nr < 10 << 18)
		tape__add_any(&tape, &seed, 1000000000);
	tape__write(&tape, fd);
	/* Each block ends less than a largest record before it is full. */
	assert_in_range(list_frames(fd, sizes, 100), 10, 11);
	check_whole(&tape, fd);
	close(fd);
	tape__free(&tape);
}

static void await(bool (*come)(const void *), const void *ctx)
{
	struct timespec ms = {.tv_nsec = 1000000};
	uint64_t limit_ns = clock__now_ns() + 60 * NSEC_PER_SEC;

	while (!come(ctx)) {
		assert_true(clock__now_ns() < limit_ns);
		nanosleep(&ms, NULL);
	}
}

static bool has_synced_again(const void *nr)
{
	return __atomic_load_n(&synced.nr, __ATOMIC_ACQUIRE) > *(const uint64_t *)nr;
}

static bool is_past(const void *time_ns)
{
	return clock__now_ns() > *(const uint64_t *)time_ns;
}

/*
 * What a watermark hands over is on the disk without more to come after it, unless the last sync
 * is less than 300 ms ago: then the next one, in 400 ms, brings it along.
 */
static void test_sync(void **state)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct tape tape = {};
	struct writer *writer;
	uint64_t bytes, nr, due_ns;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(writer__new(fd, &writer), 0);
	for (size_t i = 0; i < 4; i++) {
		nr = __atomic_load_n(&synced.nr, __ATOMIC_ACQUIRE);
		tape__add_watermark(&tape, 1000000000 + i * 400000000);
		assert_int_equal(
			writer__push(writer, tape__at(&tape, i), tape__at(&tape, i)->size_bytes),
			0);
		await(has_synced_again, &nr);
		assert_int_equal(__atomic_load_n(&synced.bytes, __ATOMIC_RELAXED), file_bytes(fd));
		due_ns = __atomic_load_n(&synced.time_ns, __ATOMIC_RELAXED) + 300 * NSEC_PER_MSEC;
		await(is_past, &due_ns);
	}
	assert_int_equal(writer__finish(writer, &bytes), 0);
	writer__free(writer);
	check_whole(&tape, fd);
	close(fd);
	tape__free(&tape);
}

/* Push until it fails. What is there is whole frames, and the beginning of what was pushed. */
static void push_until_error(struct writer *writer, const struct tape *tape, int expected)
{
	uint64_t bytes;
	size_t i = 0;
	int err = 0;

	/* The error shows when another block is handed over: again and again from the start. */
	while (!err) {
		const struct mt_record *record = tape__at(tape, i++ % tape->starts.nr);

		err = writer__push(writer, record, record->size_bytes);
	}
	assert_int_equal(err, expected);
	/* Then and at the end. */
	assert_int_equal(writer__finish(writer, &bytes), expected);
	writer__free(writer);
}

static void check_kept(const struct tape *tape, int fd, uint64_t limit_bytes)
{
	struct playback playback;

	assert_true(file_bytes(fd) <= limit_bytes);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(playback__run(&playback, tape, fd), 0);
	/* No half frame at the end: nothing says that it is cut off but the lack of an end. */
	assert_int_equal(playback.state, READER_AT_END);
	assert_int_equal(playback.offset, file_bytes(fd));
}

/* More than one round of it must not fit: what is read is held against one. */
static void fill_incompressible(struct tape *tape)
{
	uint64_t seed = 1;

	while (tape->nr < 4 << 20)
		tape__add_any(tape, &seed, 1000000000);
}

static void test_full_disk(void **state)
{
	static const uint64_t limits[] = {300000, 131072, 5000, sizeof(struct mt_recording_header)};
	struct rlimit before, limit;
	struct tape tape = {};
	struct writer *writer;

	(void)state;
	fill_incompressible(&tape);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

		assert_true(fd >= 0);
		limit = before;
		limit.rlim_cur = limits[i];
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
		assert_int_equal(writer__new(fd, &writer), 0);
		push_until_error(writer, &tape, -EFBIG);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
		check_kept(&tape, fd, limits[i]);
		close(fd);
	}
	tape__free(&tape);
}

/* What was in a file before, to which the recording is appended, is not for us to cut off. */
static void test_full_disk_appending(void **state)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_APPEND | O_CLOEXEC, 0600);
	struct rlimit before, limit;
	struct tape tape = {};
	struct writer *writer;
	char old[250000] = "old", again[4] = "";

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, old, sizeof(old)), sizeof(old));
	fill_incompressible(&tape);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = 300000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(writer__new(fd, &writer), 0);
	push_until_error(writer, &tape, -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_true(file_bytes(fd) >= sizeof(old) + sizeof(struct mt_recording_header));
	assert_int_equal(pread(fd, again, 3, 0), 3);
	assert_string_equal(again, "old");
	close(fd);
	tape__free(&tape);
}

static void test_no_room_for_header(void **state)
{
	struct writer *writer;
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(writer__new(fd, &writer), -ENOSPC);
	close(fd);
}

static void test_reader_gone(void **state)
{
	struct tape tape = {};
	struct writer *writer;
	int fds[2];

	(void)state;
	fill_incompressible(&tape);
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(writer__new(fds[1], &writer), 0);
	close(fds[0]);
	push_until_error(writer, &tape, -EPIPE);
	close(fds[1]);
	tape__free(&tape);
}

/* Both ends of a pipe may be set not to block, by whoever shares them: then one waits. */
static void check_pipe(int flags)
{
	struct playback playback;
	struct tape tape = {};
	pid_t pid;
	int fds[2], status;

	tape__fill(&tape, 5000, 1);
	assert_int_equal(pipe2(fds, O_CLOEXEC | flags), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		close(fds[0]);
		tape__write(&tape, fds[1]);
		_exit(0);
	}
	close(fds[1]);
	assert_int_equal(playback__run(&playback, &tape, fds[0]), 0);
	assert_int_equal(playback.state, READER_AT_END);
	assert_int_equal(playback.nr, tape.starts.nr);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(fds[0]);
	tape__free(&tape);
}

static void test_pipe(void **state)
{
	(void)state;
	check_pipe(0);
	check_pipe(O_NONBLOCK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_blocks_in_time),
		cmocka_unit_test(test_full_blocks),
		cmocka_unit_test(test_sync),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_full_disk_appending),
		cmocka_unit_test(test_no_room_for_header),
		cmocka_unit_test(test_reader_gone),
		cmocka_unit_test(test_pipe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
