/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Recordings as a stranger reads them: tests/replay/read_recording.py knows the man page alone, and
 * must come to the figures of `memtrace report`.
 */
#include "live.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Both readers on one file: the faults that they agree on. */
static long compare_readers(struct live *live, const char *path)
{
	char *const argv[] = {"/usr/bin/python3", "tests/replay/compare_reader.py",
			      (char *)live__memtrace(), (char *)path, NULL};
	struct live_process *process = live__start(live, argv);
	long nr_faults;

	live__close_stdin(process);
	if (live__exit_code(process))
		fail_msg("%s: %s%s", path, live__out(process), live__err(process));
	assert_int_equal(sscanf(live__out(process), "%ld faults, ", &nr_faults), 1);
	return nr_faults;
}

static void record(struct live *live, const char *path, const char *words, int code)
{
	char text[512];

	snprintf(text, sizeof(text), "record -q --force -o %s %s", path, words);
	live__run_memtrace(live, text, code);
}

static void test_readers_agree(void **state)
{
	static const struct {
		const char *words;
		int code;
		long min_faults;
	} runs[] = {
		{"-- build/workloads/fault --pages 3000 --order random", 0, 3000},
		{"-- build/workloads/threads --threads 20 --pages 50", 0, 1000},
		{"-f -- build/workloads/forkcow --pages 64 --touch 10 --generations 5", 0, 100},
		{"-f -- build/workloads/forkcow --vfork -- build/workloads/fault --pages 123", 0,
		 123},
		{"-- build/workloads/execchain --execs 5 --pages 50 --code 7", 7, 250},
		{"-- build/workloads/execchain --execs 4 --pages 20 --thread --code 3", 3, 80},
		{"-- build/workloads/mmaps --count 4 --bytes 256K --grow 1 --move 2 --touch", 0,
		 256},
		{"-- build/workloads/brksteps --steps 65536,4096 --fail 3", 0, 1},
		{"-- build/workloads/populate --pages 100 --by mlock", 0, 1},
		{"-- build/workloads/filefault --cold --pages 64", 0, 1},
		{"-- build/workloads/exits --signal 9", 128 + 9, 1},
		{"-- build/workloads/badaccess --times 40 --kind hole", 0, 40},
		{"-f -- build/workloads/badaccess --kind bus --fatal --child", 0, 1},
		{"-- build/workloads/stackover --limit 1M", 128 + 11, 200},
		{"-- build/workloads/stackover --limit 1M --no-altstack", 128 + 11, 200},
		{"-f -- build/workloads/manyprocs --processes 50 --parallel 4 --pages 3", 0, 150},
	};
	struct live *live = *state;
	char path[128];

	snprintf(path, sizeof(path), "%s/run.mtr", live->dir);
	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		record(live, path, runs[i].words, runs[i].code);
		if (compare_readers(live, path) < runs[i].min_faults)
			fail_msg("%s: too few faults: %s", runs[i].words,
				 live__out(&live->processes[live->nr_processes - 1]));
	}
}

/*
 * What is left of a recording that is cut short is the same to both. zstd gives it by blocks of
 * 128 KiB, some 20,000 faults: a somewhat shorter piece may have no fewer.
 */
static void test_readers_agree_on_pieces(void **state)
{
	struct live *live = *state;
	long nr_faults, nr_before, nr_whole;
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/piece.mtr", live->dir);
	record(live, path, "-- build/workloads/fault --pages 100000 --order random", 0);
	assert_int_equal(stat(path, &st), 0);
	nr_faults = nr_whole = compare_readers(live, path);
	assert_true(nr_whole >= 100000);
	for (int tenths = 9; tenths > 1; tenths -= 2) {
		assert_int_equal(truncate(path, st.st_size * tenths / 10), 0);
		nr_before = nr_faults;
		nr_faults = compare_readers(live, path);
		assert_true(nr_faults <= nr_before);
	}
	assert_in_range(nr_faults, 1, nr_whole / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		live_test(test_readers_agree),
		live_test(test_readers_agree_on_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
