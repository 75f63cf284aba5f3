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

/* expect: "NEXT|END", if it is another where the end of a fault tells it. */
static json_t *check(struct live *live, const char *words, const char *expect)
{
	json_t *report, *process, *result;
	char next[256];

	report = live__trace_pid(live, ALL, words, &result);
	live__assert_sound(report, 0);
	process = live__process(report, live__number(result, "pid"));
	assert_totals(process, result);
	snprintf(next, sizeof(next), "%.*s", (int)strcspn(expect, "|"), expect);
	if (strchr(expect, '|') && told_at_end(report))
		snprintf(next, sizeof(next), "%s", strchr(expect, '|') + 1);
	live__assert_causes(process, result, next);
	return process;
}

static void test_anon(void **state)
{
	check(*state, "fault --pages 1000", "anon_zero=1000");
	check(*state, "fault --pages 300 --access read", "anon_zero=300");
	check(*state, "fault --pages 300 --access kernel", "anon_zero=300");
	/* The last of them might be huge: there is no further fault to tell. */
	check(*state, "fault --pages 500 --order stride --stride 700",
	      "anon_zero=499 anon_merged=1|anon_zero=500");
	check(*state, "fault --pages 3000 --order random", "anon_zero=3000");
	check(*state, "brksteps --steps 409600 --touch", "anon_zero=100");
	/* The page of zeros, which all share, and then a copy of it. */
	check(*state, "fault --pages 300 --access both", "anon_zero=300 cow=300");
}

/* Of a program that says itself which of its processes is to be traced. */
static void check_child(struct live *live, const char *words, const char *expect)
{
	struct live_process *workload, *memtrace;
	json_t *ready, *result, *process, *report;
	char path[128], text[512];

	workload = live__start_words(live, words);
	ready = live__read_json(live, workload);
	assert_int_not_equal(live__number(ready, "pid"), workload->pid);
	live__report_path(live, path, sizeof(path));
	snprintf(text, sizeof(text), "-p %d -i 0 -F json -o %s " ALL,
		 (int)live__number(ready, "pid"), path);
	memtrace = live__start_memtrace(live, text);
	live__await_tracing(memtrace);
	live__say(workload, "\n");
	result = live__read_json(live, workload);
	assert_int_equal(kill(memtrace->pid, SIGINT), 0);
	assert_int_equal(live__exit_code(memtrace), 0);
	report = live__load_report(live, path);
	live__assert_sound(report, 0);
	process = live__process(report, live__number(result, "pid"));
	assert_totals(process, result);
	live__assert_causes(process, result, expect);
	live__close_stdin(workload);
	live__wait(workload);
}

static void test_cow(void **state)
{
	check(*state, "shared --pages 200", "cow=200");
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
static void check_file(struct live *live, const char *options, const char *cause)
{
	char words[256], expect[128];
	json_t *process;

	snprintf(words, sizeof(words), "filefault --dir %s --pages 64 %s", live->dir, options);
	if (live__retries_are_major() && strstr(options, "write") && !strstr(options, "private"))
		snprintf(expect, sizeof(expect), "%s=64|%s=64",
			 strcmp(cause, "file_minor") ? cause : "file_merged", cause);
	else
		snprintf(expect, sizeof(expect), "%s=minor file_major=major", cause);
	process = check(live, words, expect);
	if (!strcmp(cause, "file_minor") && !strstr(options, "--stride 17"))
		return; /* neighbours are mapped along, as many as the kernel likes */
	assert_number(process, "faults.total", 64);
}

static void test_file(void **state)
{
	check_file(*state, "", "file_minor");
	check_file(*state, "--map private", "file_minor");
	check_file(*state, "--stride 17", "file_minor");
	check_file(*state, "--stride 17 --map private", "file_minor");
	check_file(*state, "--stride 17 --access exec --map private", "file_minor");
	/* The first access maps the page so that it may be written. */
	check_file(*state, "--stride 17 --access write", "file_minor");
	check_file(*state, "--access write --map private", "cow");
	check_file(*state, "--access write --map private --seen", "cow");
	check_file(*state, "--access write --seen", "write_notify");
}

static void check_cold(struct live *live, const char *options, bool ahead)
{
	char words[256];
	json_t *process;

	snprintf(words, sizeof(words), "filefault --dir %s --pages 64 --cold %s", live->dir,
		 options);
	process = check(live, words, "file_minor=minor file_major=major");
	assert_in_range(live__number(process, "faults.major"), ahead ? 1 : 64, 64);
}

static void test_major(void **state)
{
	check_cold(*state, "", false);
	check_cold(*state, "--map private", false);
	check_cold(*state, "--access write --map private", false);
	/* What the kernel has read ahead is minor. */
	check_cold(*state, "--ahead", true);
	check_cold(*state, "--ahead --stride 3", true);
}

static void test_shmem(void **state)
{
	check(*state, "shmem --pages 200", "shmem=200");
	check(*state, "shmem --pages 200 --kind memfd", "shmem=200");
	/* Files of a tmpfs: what is there already is mapped, and may be written from then on. */
	check(*state, "filefault --pages 64 --stride 17 --dir /dev/shm", "shmem=64");
	check(*state, "filefault --pages 64 --stride 17 --dir /dev/shm --seen --access write", "");
	check(*state, "filefault --pages 64 --dir /dev/shm --access write --map private", "cow=64");
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
	check(*state, "populate --pages 100 --by mmap", "populated=100");
	check(*state, "populate --pages 100 --by mlock", "populated=100");
}

static void test_populate_by_madvise(void **state)
{
	/* A kernel that knows the advice takes it for no memory at all. */
	if (madvise(NULL, 0, MADV_POPULATE_WRITE) && errno == EINVAL) {
		print_message("skip: MADV_POPULATE_WRITE is of Linux 5.14\n");
		skip();
	}
	check(*state, "populate --pages 100 --by madvise", "populated=100");
}

static void test_invalid(void **state)
{
	static const char *const kinds[] = {"null", "none", "readonly", "exec", "bus"};
	char words[64];
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		snprintf(words, sizeof(words), "badaccess --times 23 --kind %s", kinds[i]);
		check(*state, words, "invalid=handled");
	}
	/* What the handler has made possible may take a fault of its own, as the kernel likes. */
	check(*state, "badaccess --times 23 --kind barrier", "invalid=23 cow=minor");
}

/* Those who come late find the page there, or do not and find it then. */
static void test_race(void **state)
{
	check(*state, "race --pages 3000", "anon_zero+raced+anon_merged=minor");
	check(*state, "race --pages 1000 --threads 5", "anon_zero+raced+anon_merged=minor");
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
	json_t *process, *row;

	skip_without_thp();
	process = check(*state, "huge --pages 8 --last", "huge=8 anon_zero=1");
	assert_number(process, "faults.huge_bytes", 8 * HUGE_BYTES);
	row = json_array_get(live__at(process, "faults.by_mapping"), 0);
	assert_number(row, "faults", 8);
	assert_number(row, "pages_touched", 8 * HUGE_BYTES / 4096);
	assert_number(row, "mapped_bytes", 8 * HUGE_BYTES);
	assert_string_equal(live__text(row, "pattern"), "up");
	check(*state, "huge --pages 8 --last --each", "huge=8 anon_zero=1");
	check(*state, "huge --pages 8 --last --access read", "huge=8 anon_zero=1");
	/* It is the next fault that tells: without one, or once it is gone, nobody knows. */
	check(*state, "huge --pages 8", "huge=7 anon_merged=1|huge=8");
	check(*state, "huge --pages 8 --drop --last",
	      "anon_merged=8 anon_zero=1|huge=8 anon_zero=1");
}

static void test_no_huge(void **state)
{
	/* Each page by itself, in memory that could have been huge. */
	check(*state, "huge --pages 3 --advice never --each", "anon_zero=1536");
	check(*state, "huge --pages 8 --advice never --last", "anon_zero=9");
}

/* Another thread faults on the CPU before a huge page has been looked at. */
static void test_huge_by_turns(void **state)
{
	skip_without_thp();
	/* Each thread's own stack is touched, too. */
	check(*state, "huge --pages 64 --threads 2 --last", "huge=64 anon_zero=any");
}

static void test_huge_everywhere(void **state)
{
	char before[256];

	live__needs_guest();
	skip_without_thp();
	read_setting(THP, before, sizeof(before));
	write_setting(THP, "always");
	check(*state, "huge --pages 8 --last --advice none", "huge=8 anon_zero=1");
	check(*state, "huge --pages 8 --last --advice never", "anon_zero=9");
	check(*state, "fault --pages 3000", "anon_zero=3000");
	write_setting(THP, "madvise");
}

static void test_hugetlb(void **state)
{
	live__needs_guest();
	write_setting("/proc/sys/vm/nr_hugepages", "16");
	check(*state, "huge --pages 8 --last --advice hugetlb", "huge=8 anon_zero=1");
	write_setting("/proc/sys/vm/nr_hugepages", "0");
}

static void test_swap(void **state)
{
	live__needs_guest();
	check(*state, "swap --pages 300", "swap_in=swapped");
	check(*state, "swap --pages 300 --access write", "swap_in=swapped");
	check(*state, "swap --pages 300 --kind shmem", "swap_in=major shmem=minor");
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
