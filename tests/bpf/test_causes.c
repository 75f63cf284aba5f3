/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Causes of faults: each workload knows what it did, getrusage how many faults that took. */
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* All rows of every table. */
#define ALL "-n 100000"
#define HUGE_BYTES (2LL << 20)

static void assert_totals(const json_t *process, const json_t *result)
{
	int64_t minor = live__number(result, "minor"), major = live__number(result, "major");

	/* The workload's promise: nothing but the act has faulted. */
	assert_number(result, "outside", 0);
	assert_number(result, "after", 0);
	assert_number(process, "check.kernel_minor", minor);
	assert_number(process, "check.kernel_major", major);
	assert_number(process, "faults.minor",
		      minor - live__number(process, "faults.by_cause.populated"));
	assert_number(process, "faults.major", major);
}

/* Does this run's probe of causes look when a fault ends, and not at the thread's next fault? */
static bool told_at_end(const json_t *report)
{
	json_t *probe;
	size_t i;

	json_array_foreach(live__at(report, "probes"), i, probe)
	{
		if (!strcmp(live__text(probe, "fact"), "fault causes"))
			return strstr(live__text(probe, "via"), "when it ends") != NULL;
	}
	return false;
}

#define MAX_ACTS 9

/* What a workload does, and the causes: "NEXT|END" if they are others where the end tells them. */
struct act {
	const char *words;
	const char *causes;
};

/* One after the other, by one memtrace. ret_processes: NULL, or of as many. */
static void check(struct live *live, const struct act *acts, size_t nr, json_t **ret_processes)
{
	struct live_run runs[MAX_ACTS] = {};
	json_t *report;
	size_t i;

	assert_true(nr <= MAX_ACTS);
	for (i = 0; i < nr; i++)
		runs[i].words = acts[i].words;
	report = live__trace_each(live, ALL, runs, nr);
	live__end_each(runs, nr);
	live__assert_sound(report, 0);
	for (i = 0; i < nr; i++) {
		const char *causes = acts[i].causes, *at_end = strchr(causes, '|');
		char next[256];

		assert_totals(runs[i].process, runs[i].result);
		snprintf(next, sizeof(next), "%.*s", (int)strcspn(causes, "|"), causes);
		live__assert_causes(runs[i].process, runs[i].result,
				    at_end && told_at_end(report) ? at_end + 1 : next);
		if (ret_processes)
			ret_processes[i] = runs[i].process;
	}
}

#define CHECK(live, acts) check(live, acts, sizeof(acts) / sizeof((acts)[0]), NULL)

static void test_anon(void **state)
{
	static const struct act acts[] = {
		{"fault --pages 1000", "anon_zero=1000"},
		{"fault --pages 300 --access read", "anon_zero=300"},
		{"fault --pages 300 --access kernel", "anon_zero=300"},
		/* The last of them might be huge: there is no further fault to tell. */
		{"fault --pages 500 --order stride --stride 700",
		 "anon_zero=499 anon_merged=1|anon_zero=500"},
		{"fault --pages 3000 --order random", "anon_zero=3000"},
		{"brksteps --steps 409600 --touch", "anon_zero=100"},
		/* The page of zeros, which all share, and then a copy of it. */
		{"fault --pages 300 --access both", "anon_zero=300 cow=300"},
	};

	CHECK(*state, acts);
}

/* Of a program that says itself which of its processes is to be traced. */
static void check_child(struct live *live, const char *words, const char *expect)
{
	struct live_run run = {.workload = live__start_words(live, words)};
	json_t *ready = live__read_json(live, run.workload);

	assert_int_not_equal(live__number(ready, "pid"), run.workload->pid);
	run.pid = (pid_t)live__number(ready, "pid");
	live__assert_sound(live__trace_each(live, ALL, &run, 1), 0);
	assert_number(run.result, "pid", run.pid);
	assert_totals(run.process, run.result);
	live__assert_causes(run.process, run.result, expect);
	live__end_each(&run, 1);
}

static void test_cow(void **state)
{
	static const struct act acts[] = {{"shared --pages 200", "cow=200"}};

	CHECK(*state, acts);
	check_child(*state, "shared --wait --by child --pages 200", "cow=200");
}

/* A fork that is followed: what the child wrote, and what its start took. */
static void test_fork(void **state)
{
	json_t *report, *process, *result, *child;
	int64_t pid;

	report = live__trace_pid(*state, ALL " -f", "forkcow --pages 300 --touch 250", &result);
	live__assert_sound(report, 0);
	child = json_array_get(live__at(result, "children"), 0);
	pid = live__number(child, "pid");
	assert_number(child, "minor", 250);
	process = live__process(report, pid);
	live__assert_causes_add_up(process);
	assert_number(process, "faults.minor", live__number(child, "minor_in_all"));
	/* Its stack and data are shared, too, and written; code is mapped anew. */
	assert_in_range(live__number(process, "faults.by_cause.cow"), 250,
			live__number(child, "minor_in_all"));
	assert_number(process, "faults.by_cause.anon_zero", 0);
	assert_number(process, "faults.by_cause.unknown", 0);
	live__assert_causes_add_up(live__process(report, live__number(result, "pid")));
}

/* A file of 64 pages; each is a fault: those that had to be read once more, if any, are major. */
struct file_act {
	const char *options, *cause;
	bool is_some; /* neighbours are mapped along, or read ahead, as many as the kernel likes */
	char words[256], causes[128];
};

static void file_act__fill(struct file_act *file, const struct live *live)
{
	const char *options = file->options, *cause = file->cause;

	snprintf(file->words, sizeof(file->words), "filefault --dir %s --pages 64 %s", live->dir,
		 options);
	if (live__retries_are_major() && strstr(options, "write") && !strstr(options, "private"))
		snprintf(file->causes, sizeof(file->causes), "%s=64|%s=64",
			 strcmp(cause, "file_minor") ? cause : "file_merged", cause);
	else
		snprintf(file->causes, sizeof(file->causes), "%s=minor file_major=major", cause);
}

static void check_files(struct live *live, struct file_act *files, size_t nr, const char *number)
{
	struct act acts[MAX_ACTS];
	json_t *processes[MAX_ACTS];
	size_t i;

	assert_true(nr <= MAX_ACTS);
	for (i = 0; i < nr; i++) {
		file_act__fill(&files[i], live);
		acts[i] = (struct act){files[i].words, files[i].causes};
	}
	check(live, acts, nr, processes);
	for (i = 0; i < nr; i++)
		assert_in_range(live__number(processes[i], number), files[i].is_some ? 1 : 64, 64);
}

static void test_file(void **state)
{
	struct file_act files[] = {
		{.options = "", .cause = "file_minor", .is_some = true},
		{.options = "--map private", .cause = "file_minor", .is_some = true},
		{.options = "--stride 17", .cause = "file_minor"},
		{.options = "--stride 17 --map private", .cause = "file_minor"},
		{.options = "--stride 17 --access exec --map private", .cause = "file_minor"},
		/* The first access maps the page so that it may be written. */
		{.options = "--stride 17 --access write", .cause = "file_minor"},
		{.options = "--access write --map private", .cause = "cow"},
		{.options = "--access write --map private --seen", .cause = "cow"},
		{.options = "--access write --seen", .cause = "write_notify"},
	};

	check_files(*state, files, sizeof(files) / sizeof(*files), "faults.total");
}

static void test_major(void **state)
{
	struct file_act files[] = {
		{.options = "--cold", .cause = "file_minor"},
		{.options = "--cold --map private", .cause = "file_minor"},
		{.options = "--cold --access write --map private", .cause = "file_minor"},
		/* What the kernel has read ahead is minor. */
		{.options = "--cold --ahead", .cause = "file_minor", .is_some = true},
		{.options = "--cold --ahead --stride 3", .cause = "file_minor", .is_some = true},
	};

	check_files(*state, files, sizeof(files) / sizeof(*files), "faults.major");
}

static void test_shmem(void **state)
{
	static const struct act acts[] = {
		{"shmem --pages 200", "shmem=200"},
		{"shmem --pages 200 --kind memfd", "shmem=200"},
		/* Files of a tmpfs: what is there is mapped, and may be written from then on. */
		{"filefault --pages 64 --stride 17 --dir /dev/shm", "shmem=64"},
		{"filefault --pages 64 --stride 17 --dir /dev/shm --seen --access write", ""},
		{"filefault --pages 64 --dir /dev/shm --access write --map private", "cow=64"},
	};

	CHECK(*state, acts);
}

static void test_stack(void **state)
{
	json_t *report, *process, *result;
	int64_t grown;

	report = live__trace_pid(*state, ALL, "stackgrow --bytes 1M", &result);
	live__assert_sound(report, 0);
	process = live__process(report, live__number(result, "pid"));
	assert_totals(process, result);
	live__assert_causes_add_up(process);
	/* VmStk: what the kernel has added to the stack, a page a fault. */
	grown = live__number(result, "stack_bytes") - live__number(result, "before_bytes");
	assert_true(grown >= 100 * sysconf(_SC_PAGESIZE));
	assert_number(process, "faults.by_cause.stack_growth", grown / sysconf(_SC_PAGESIZE));
	/* The rest: untouched pages that the stack had from the start. */
	live__assert_causes(process, result, "stack_growth+anon_zero=minor");
}

static void test_populate(void **state)
{
	static const struct act acts[] = {
		{"populate --pages 100 --by mmap", "populated=100"},
		{"populate --pages 100 --by mlock", "populated=100"},
	};

	CHECK(*state, acts);
}

static void test_populate_by_madvise(void **state)
{
	static const struct act acts[] = {
		{"populate --pages 100 --by madvise", "populated=100"},
	};

	/* A kernel that knows the advice takes it for no memory at all. */
	if (madvise(NULL, 0, MADV_POPULATE_WRITE) && errno == EINVAL) {
		print_message("skip: MADV_POPULATE_WRITE is of Linux 5.14\n");
		skip();
	}
	CHECK(*state, acts);
}

static void test_invalid(void **state)
{
	static const struct act acts[] = {
		{"badaccess --times 23 --kind null", "invalid=handled"},
		{"badaccess --times 23 --kind none", "invalid=handled"},
		{"badaccess --times 23 --kind readonly", "invalid=handled"},
		{"badaccess --times 23 --kind exec", "invalid=handled"},
		{"badaccess --times 23 --kind bus", "invalid=handled"},
		/* What the handler allows may take a fault of its own, as the kernel likes. */
		{"badaccess --times 23 --kind barrier", "invalid=23 cow=minor"},
	};

	CHECK(*state, acts);
}

/* Those who come late find the page there, or do not and find it then. */
static void test_race(void **state)
{
	static const struct act acts[] = {
		{"race --pages 3000", "anon_zero+raced+anon_merged=minor"},
		{"race --pages 1000 --threads 5", "anon_zero+raced+anon_merged=minor"},
	};

	CHECK(*state, acts);
}

static void read_setting(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? 0 : read(fd, text, size - 1);

	text[len > 0 ? len : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

static void write_setting(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		fail_msg("%s: %s", path, strerror(errno));
	close(fd);
}

#define THP "/sys/kernel/mm/transparent_hugepage/enabled"

static void skip_without_thp(void)
{
	char text[256];

	read_setting(THP, text, sizeof(text));
	if (*text && !strstr(text, "[never]"))
		return;
	print_message("skip: no transparent huge pages here\n");
	skip();
}

static void test_huge(void **state)
{
	static const struct act acts[] = {
		{"huge --pages 8 --last", "huge=8 anon_zero=1"},
		{"huge --pages 8 --last --each", "huge=8 anon_zero=1"},
		{"huge --pages 8 --last --access read", "huge=8 anon_zero=1"},
		/* The next fault tells: without one, or once it is gone, nobody knows. */
		{"huge --pages 8", "huge=7 anon_merged=1|huge=8"},
		{"huge --pages 8 --drop --last", "anon_merged=8 anon_zero=1|huge=8 anon_zero=1"},
	};
	json_t *processes[sizeof(acts) / sizeof(*acts)], *row;

	skip_without_thp();
	check(*state, acts, sizeof(acts) / sizeof(*acts), processes);
	assert_number(processes[0], "faults.huge_bytes", 8 * HUGE_BYTES);
	row = json_array_get(live__at(processes[0], "faults.by_mapping"), 0);
	assert_number(row, "faults", 8);
	assert_number(row, "pages_touched", 8 * HUGE_BYTES / 4096);
	assert_number(row, "mapped_bytes", 8 * HUGE_BYTES);
	assert_string_equal(live__text(row, "pattern"), "up");
}

static void test_no_huge(void **state)
{
	static const struct act acts[] = {
		/* Each page by itself, in memory that could have been huge. */
		{"huge --pages 3 --advice never --each", "anon_zero=1536"},
		{"huge --pages 8 --advice never --last", "anon_zero=9"},
	};

	CHECK(*state, acts);
}

/* Another thread faults on the CPU before a huge page has been looked at. */
static void test_huge_by_turns(void **state)
{
	static const struct act acts[] = {
		/* Each thread's own stack is touched, too. */
		{"huge --pages 64 --threads 2 --last", "huge=64 anon_zero=any"},
	};

	skip_without_thp();
	CHECK(*state, acts);
}

static void test_huge_everywhere(void **state)
{
	static const struct act acts[] = {
		{"huge --pages 8 --last --advice none", "huge=8 anon_zero=1"},
		{"huge --pages 8 --last --advice never", "anon_zero=9"},
		{"fault --pages 3000", "anon_zero=3000"},
	};
	char before[256];

	live__needs_guest();
	skip_without_thp();
	read_setting(THP, before, sizeof(before));
	write_setting(THP, "always");
	CHECK(*state, acts);
	write_setting(THP, "madvise");
}

static void test_hugetlb(void **state)
{
	static const struct act acts[] = {
		{"huge --pages 8 --last --advice hugetlb", "huge=8 anon_zero=1"},
	};

	live__needs_guest();
	write_setting("/proc/sys/vm/nr_hugepages", "16");
	CHECK(*state, acts);
	write_setting("/proc/sys/vm/nr_hugepages", "0");
}

static void test_swap(void **state)
{
	static const struct act acts[] = {
		{"swap --pages 300", "swap_in=swapped"},
		{"swap --pages 300 --access write", "swap_in=swapped"},
		{"swap --pages 300 --kind shmem", "swap_in=major shmem=minor"},
	};

	live__needs_guest();
	/* Each alone: what is read ahead for one could be another's. */
	for (size_t i = 0; i < sizeof(acts) / sizeof(*acts); i++)
		check(*state, &acts[i], 1, NULL);
}

#define NUMA_BALANCING "/proc/sys/kernel/numa_balancing"

static int64_t numa_hints_of_all(void)
{
	char text[16384], *at;

	read_setting("/proc/vmstat", text, sizeof(text));
	at = strstr(text, "\nnuma_hint_faults ");
	assert_non_null(at);
	return strtoll(at + strlen("\nnuma_hint_faults "), NULL, 10);
}

/* The kernel has them begin when it likes: nothing else makes this program fault while it waits. */
static void test_numa_hint(void **state)
{
	json_t *report, *process, *result;
	int64_t hints;

	live__needs_guest();
	hints = numa_hints_of_all();
	write_setting(NUMA_BALANCING, "1");
	report = live__trace_pid(*state, ALL, "numahint --pages 512 --faults 64", &result);
	write_setting(NUMA_BALANCING, "0");
	hints = numa_hints_of_all() - hints;
	live__assert_sound(report, 0);
	process = live__process(report, live__number(result, "pid"));
	live__assert_causes(process, result, "numa_hint=any");
	assert_true(live__number(result, "minor") >= 64);
	assert_in_range(live__number(process, "faults.total"), live__number(result, "minor"),
			hints);
}

/* Programs that nobody here wrote, and all that they start. */
static void check_program(struct live *live, const char *program, const char *script)
{
	json_t *report, *process;
	int64_t merged = 0, total = 0;
	char path[128], words[256];
	size_t i;
	FILE *f;
	int code;

	if (access(program, X_OK)) {
		print_message("skip: no %s here\n", program);
		skip();
	}
	snprintf(path, sizeof(path), "%s/script", live->dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, script, program, live->dir);
	assert_int_equal(fclose(f), 0);
	snprintf(words, sizeof(words), "/bin/sh %s", path);
	report = live__trace_command(live, ALL " -f", words, NULL, &code);
	assert_int_equal(code, 0);
	live__assert_sound(report, 0);
	json_array_foreach(live__at(report, "processes"), i, process)
	{
		live__assert_causes_add_up(process);
		assert_number(process, "faults.by_cause.unknown", 0);
		merged += live__number(process, "faults.by_cause.anon_merged") +
			  live__number(process, "faults.by_cause.file_merged") +
			  live__number(process, "faults.by_cause.shmem_merged");
		total += live__number(process, "faults.total");
	}
	/* The last faults of some threads at most. */
	assert_true(total > 100 && merged * 100 <= total);
}

static void test_python(void **state)
{
	check_program(
		*state, "/usr/bin/python3",
		"%s -c 'import decimal, json, sys, threading\n"
		"ts = [threading.Thread(target=lambda: bytearray(9000000)) for i in range(9)]\n"
		"[t.start() for t in ts]; [t.join() for t in ts]\n"
		"sum(len(str(i)) for i in range(99999))'\n");
}

static void test_compiler(void **state)
{
	check_program(*state, "/usr/bin/gcc",
		      "%s -O2 -D_GNU_SOURCE -c tests/workloads/common.c -o %s/common.o\n");
}

static void test_database(void **state)
{
	check_program(
		*state, "/usr/bin/sqlite3",
		"%s %s/db <<'EOS'\n"
		"CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT);\n"
		"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000)\n"
		"INSERT INTO t SELECT i, hex(randomblob(40)) FROM n;\n"
		"PRAGMA mmap_size = 10000000;\n"
		"SELECT count(*), max(b) FROM t ORDER BY b;\n"
		"EOS\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		live_test(test_anon),
		live_test(test_cow),
		live_test(test_fork),
		live_test(test_file),
		live_test(test_major),
		live_test(test_shmem),
		live_test(test_stack),
		live_test(test_populate),
		live_test(test_populate_by_madvise),
		live_test(test_invalid),
		live_test(test_race),
		live_test(test_huge),
		live_test(test_no_huge),
		live_test(test_huge_by_turns),
		live_test(test_huge_everywhere),
		live_test(test_hugetlb),
		live_test(test_swap),
		live_test(test_numa_hint),
		live_test(test_python),
		live_test(test_compiler),
		live_test(test_database),
	};

	return cmocka_run_group_tests_name("causes", tests, NULL, NULL);
}
