/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs that are recorded: the report is that of the live run, also of what a run cut short left. */
#include "recording.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ALL RECORDING_ALL
#define PATH_BYTES RECORDING_PATH_BYTES

static off_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : st.st_size;
}

/* Until the file has grown beyond this. */
static void await_size(const char *path, off_t size)
{
	int64_t limit_ns = live__now_ns() + LIVE_LIMIT_S * 1000000000LL;

	while (size_of(path) <= size)
		live__wait_a_moment(limit_ns);
}

/* A run on a workload that is recorded and reported at once; both are over when it returns. */
static struct live_process *run_both(struct live *live, const char *words, const char *options)
{
	struct live_process *workload = live__start_workload(live, words), *memtrace;
	char path[PATH_BYTES], text[512];

	snprintf(text, sizeof(text), "-f -p %d --force --record %s %s", workload->pid,
		 recording__path(live, path), options);
	memtrace = live__start_memtrace(live, text);
	live__await_tracing(memtrace);
	live__finish_workload(live, workload);
	assert_int_equal(live__exit_code(memtrace), 0);
	return memtrace;
}

static const char *const workloads[] = {
	"fault --pages 3000 --order random",
	"filefault --cold --pages 64",
	"threads --threads 8 --pages 100 --stack 64K",
	"forkcow --pages 64 --touch 10 --generations 4",
	"execchain --execs 4 --pages 20",
	"execchain --execs 3 --pages 20 --thread",
	"manyprocs --processes 80 --parallel 4 --pages 5",
	"stackover --limit 512K --handled",
	"stackover --mode thread --limit 128K",
	"mmaps --count 4 --bytes 256K --grow 1 --move 2 --protect 1 --bad-mmap 2 --touch",
	"populate --pages 100 --by mlock",
};

/* Byte for byte, the version of the program included: it is the same program. */
static void test_json_of_live_run(void **state)
{
	struct live *live = *state;
	char path[PATH_BYTES], options[256], *before, *after;
	json_t *report;

	for (size_t i = 0; i < sizeof(workloads) / sizeof(*workloads); i++) {
		live__report_path(live, path, sizeof(path));
		snprintf(options, sizeof(options), ALL " -i 0.1 -F json -o %s", path);
		run_both(live, workloads[i], options);
		before = live__read_file(path);
		report = live__load_report(live, path);
		live__assert_sound(report, 0);
		assert_int_equal(unlink(path), 0);
		snprintf(options, sizeof(options), ALL " -F json -o %s", path);
		recording__report(live, options, NULL);
		after = live__read_file(path);
		if (strcmp(before, after))
			fail_msg("%s: live %s\nthen %s", workloads[i], before, after);
		free(before);
		free(after);
		live__teardown(state);
		assert_int_equal(live__setup(state), 0);
		live = *state;
	}
}

/* All that is on standard output: the lines while it runs, and the report. */
static void check_text(struct live *live, const char *words, const char *options,
		       const char *report_options)
{
	struct live_process *memtrace = run_both(live, words, options);
	const char *after = live__out(recording__report(live, report_options, NULL));

	assert_non_null(strstr(after, "\nlost 0 of "));
	if (strcmp(live__out(memtrace), after))
		fail_msg("%s: live\n%s\nthen\n%s", words, live__out(memtrace), after);
}

static void test_text_of_live_run(void **state)
{
	for (size_t i = 0; i < sizeof(workloads) / sizeof(*workloads); i++) {
		check_text(*state, workloads[i], "-i 0.05", "");
		live__teardown(state);
		assert_int_equal(live__setup(state), 0);
	}
	check_text(*state, workloads[0], "-i 0 -v -n 3", "-q -v -n 3");
	check_text(*state, workloads[2], "-i 0.05 -v -n 0", "-v -n 0");
}

/* Its own exit code and words; the recording has them all. */
static void test_command(void **state)
{
	struct live *live = *state;
	struct live_process *memtrace;
	char path[PATH_BYTES], text[256];
	json_t *report, *process, *result;

	snprintf(text, sizeof(text),
		 "record -o %s -- build/workloads/execchain --code 7 --pages 33",
		 recording__path(live, path));
	memtrace = live__start_memtrace(live, text);
	result = live__read_json(live, memtrace);
	assert_int_equal(live__exit_code(memtrace), 7);
	assert_int_equal(live__count_lines(live__out(memtrace)), 1);
	report = recording__report_json(live, NULL);
	live__assert_sound(report, 0);
	process = live__process(report, live__number(result, "pid"));
	assert_number(process, "end.exit_code", 7);
	assert_number(live__mapping_at(process, live__text(result, "address")), "faults", 33);
	assert_string_equal(live__text(report, "session.ended_by"), "target_exit");

	snprintf(text, sizeof(text), "record --force -o %s -- build/workloads/exits --signal 9",
		 path);
	live__run_memtrace(live, text, 128 + SIGKILL);
	report = recording__report_json(live, NULL);
	process = json_array_get(live__at(report, "processes"), 0);
	assert_number(process, "end.signal", SIGKILL);
}

/* SIGINT, SIGTERM and the time given end it in order, and all that it says is two lines. */
static void check_end(struct live *live, const char *options, int signo, const char *ended_by)
{
	struct live_process *workload = live__start_workload(live, "fault --pages 500"), *memtrace;
	char text[256], path[PATH_BYTES], announced[128], recorded[64];
	double seconds;
	json_t *report, *result;

	recording__path(live, path);
	snprintf(text, sizeof(text), "record --force -p %d -o %s %s", workload->pid, path, options);
	memtrace = live__start_memtrace(live, text);
	live__await_tracing(memtrace);
	live__say(workload, "\n");
	result = live__read_json(live, workload);
	if (signo)
		kill(memtrace->pid, signo);
	assert_int_equal(live__exit_code(memtrace), 0);
	assert_string_equal(live__out(memtrace), "");
	report = recording__report_json(live, NULL);
	live__assert_sound(report, 0);
	assert_string_equal(live__text(report, "session.ended_by"), ended_by);
	assert_number(live__process(report, workload->pid), "faults.minor",
		      live__number(result, "minor"));
	snprintf(announced, sizeof(announced), "memtrace: recording pid %d%s\n", workload->pid,
		 signo ? "; Ctrl-C ends it" : " for 1 s");
	assert_int_equal(strncmp(live__err(memtrace), announced, strlen(announced)), 0);
	assert_int_equal(live__count_lines(live__err(memtrace)), 2);
	assert_int_equal(sscanf(live__err(memtrace) + strlen(announced),
				"memtrace: recorded %lf %63s", &seconds, recorded),
			 2);
	assert_non_null(strstr(live__err(memtrace), path));
}

static void test_ends(void **state)
{
	check_end(*state, "", SIGINT, "interrupt");
	check_end(*state, "", SIGTERM, "interrupt");
	check_end(*state, "-d 1", 0, "duration");
}

static void test_quiet(void **state)
{
	struct live *live = *state;
	struct live_process *memtrace;
	char text[256], path[PATH_BYTES];

	snprintf(text, sizeof(text), "record -q -o %s -- /bin/true", recording__path(live, path));
	memtrace = live__run_memtrace(live, text, 0);
	assert_string_equal(live__err(memtrace), "");
	assert_string_equal(live__out(memtrace), "");
	recording__report_json(live, NULL);
}

#define NR_STEPS 3
#define STEP_PAGES 1000

/*
 * kill -9, a second after the last of several workloads has said that it has done its work; which
 * it began just after something was written, as late as can be. All of it is there.
 */
static void test_killed(void **state)
{
	struct live *live = *state;
	struct live_process *steps[NR_STEPS], *memtrace;
	int64_t begun_ns, done_ns = 0, killed_ns, limit_ns;
	char text[512], path[PATH_BYTES];
	size_t i, used;
	json_t *report;

	used = (size_t)snprintf(text, sizeof(text), "record -o %s -p ",
				recording__path(live, path));
	for (i = 0; i < NR_STEPS; i++) {
		steps[i] = live__start_workload(live, "fault --pages 1000 --order random");
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%d", i ? "," : "",
					 steps[i]->pid);
	}
	memtrace = live__start_memtrace(live, text);
	live__await_tracing(memtrace);
	begun_ns = live__now_ns();
	for (i = 0; i < NR_STEPS; i++) {
		await_size(path, size_of(path));
		live__say(steps[i], "\n");
		live__read_json(live, steps[i]);
		done_ns = live__now_ns();
	}
	/* As it is now, it can be reported, too. */
	recording__report_json(live, "run.mtr is incomplete: it breaks off after ");
	limit_ns = done_ns + LIVE_LIMIT_S * 1000000000LL;
	while (live__now_ns() < done_ns + 1000000000)
		live__wait_a_moment(limit_ns);
	killed_ns = live__now_ns();
	kill(memtrace->pid, SIGKILL);
	assert_int_equal(live__exit_code(memtrace), 128 + SIGKILL);
	report = recording__report_json(live, "run.mtr is incomplete: it breaks off after ");
	assert_string_equal(live__text(report, "session.ended_by"), "cut_off");
	assert_true(json_real_value(live__at(report, "session.duration_s")) * 1e9 >=
		    (double)(killed_ns - begun_ns) - 1e9);
	for (i = 0; i < NR_STEPS; i++) {
		json_t *process = live__process(report, steps[i]->pid);

		assert_number(process, "faults.total", STEP_PAGES);
		assert_number(process, "faults.minor", STEP_PAGES);
	}
}

/* In the midst of a flood of records. */
static void test_killed_at_work(void **state)
{
	struct live *live = *state;
	struct live_process *workload, *memtrace;
	char text[256], path[PATH_BYTES];
	json_t *report;
	int64_t nr;

	workload = live__start_workload(live, "fault --access read --pages 400000 --order random");
	snprintf(text, sizeof(text), "record -o %s -p %d", recording__path(live, path),
		 workload->pid);
	memtrace = live__start_memtrace(live, text);
	live__await_tracing(memtrace);
	live__say(workload, "\n");
	await_size(path, 300000);
	kill(memtrace->pid, SIGKILL);
	live__exit_code(memtrace);
	report = recording__report_json(live, "run.mtr is incomplete: it breaks off after ");
	nr = live__number(live__process(report, workload->pid), "faults.total");
	assert_in_range(nr, 10000, 400000);
	/* The workload goes on, and nothing else of memtrace is left. */
	live__read_json(live, workload);
}

/* Its words, and what it has kept, of a run on a disk of 512 KiB that is nobody else's. */
static void check_full_disk(struct live *live, const char *verb)
{
	char text[1024], kept[PATH_BYTES];
	struct live_process *workload, *shell;
	json_t *report;
	int64_t nr;

	workload = live__start_workload(live, "fault --access read --pages 200000 --order random");
	recording__path(live, kept);
	/* The copy is for the report, and so is what is behind it. */
	snprintf(text, sizeof(text),
		 "exec unshare -m sh -c 'mount -t tmpfs -o size=512k none /mnt || exit 9; "
		 "%s %s /mnt/run.mtr -p %d; code=$?; cp /mnt/run.mtr %s; exit $code'",
		 live__memtrace(), verb, workload->pid, kept);
	shell = live__start_shell(live, text);
	live__await_tracing(shell);
	live__say(workload, "\n");
	assert_int_equal(live__exit_code(shell), 1);
	assert_non_null(strstr(live__err(shell),
			       "\nmemtrace: cannot write /mnt/run.mtr: No space left on device; "
			       "what was written before is kept\n"));
	assert_int_equal(live__count_lines(live__err(shell)), 2);
	report = recording__report_json(live, "run.mtr is incomplete: it breaks off after ");
	assert_string_equal(live__text(report, "session.ended_by"), "cut_off");
	nr = live__number(live__process(report, workload->pid), "faults.total");
	assert_in_range(nr, 1000, 200000);
	assert_in_range(size_of(kept), 128 << 10, 512 << 10);
	/* The target lives on: it was the disk that ended the run. */
	live__read_json(live, workload);
	live__close_stdin(workload);
	assert_int_equal(live__exit_code(workload), 0);
}

static void test_full_disk(void **state)
{
	check_full_disk(*state, "record -o");
	check_full_disk(*state, "-i 0 -F json -o /dev/null --record");
}

/* What the ring buffer could not hold is told by the recorder, and by the report. */
static void test_losses(void **state)
{
	struct live *live = *state;
	struct live_process *workload, *memtrace;
	char text[256], path[PATH_BYTES];
	json_t *report;
	int status;

	workload = live__start_workload(live, "fault --access read --pages 400000");
	snprintf(text, sizeof(text), "record -o %s -p %d", recording__path(live, path),
		 workload->pid);
	memtrace = live__start_memtrace(live, text);
	live__await_tracing(memtrace);
	kill(memtrace->pid, SIGSTOP);
	assert_int_equal(waitpid(memtrace->pid, &status, WUNTRACED), memtrace->pid);
	live__say(workload, "\n");
	live__read_json(live, workload);
	kill(memtrace->pid, SIGCONT);
	kill(memtrace->pid, SIGINT);
	assert_int_equal(live__exit_code(memtrace), 0);
	assert_non_null(strstr(live__err(memtrace), "\nmemtrace: lost "));
	assert_non_null(strstr(live__err(memtrace), " records: the recording is incomplete\n"));
	report = recording__report_json(live, " records: the report is incomplete\n");
	assert_true(live__number(report, "loss.records") > 0);
	assert_string_equal(live__text(report, "session.ended_by"), "interrupt");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		live_test(test_json_of_live_run),
		live_test(test_text_of_live_run),
		live_test(test_command),
		live_test(test_ends),
		live_test(test_quiet),
		live_test(test_killed),
		live_test(test_killed_at_work),
		live_test(test_full_disk),
		live_test(test_losses),
	};

	return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
