/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "oom.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define LIMIT_BYTES (24LL << 20)

/* The last record of the kernel's log that has all of these words. */
static bool kmsg__find(const char *word, const char *other, char *line, size_t size)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char record[8192];
	bool found = false;
	ssize_t n;

	assert_true(fd >= 0);
	for (;;) {
		n = read(fd, record, sizeof(record) - 1);
		if (n < 0 && errno == EPIPE) /* what was next has been overwritten */
			continue;
		if (n <= 0)
			break;
		record[n] = '\0';
		if (!strstr(record, word) || !strstr(record, other))
			continue;
		found = true;
		snprintf(line, size, "%.1000s", record);
	}
	close(fd);
	return found;
}

static int64_t logged_kib(const char *line, const char *key)
{
	const char *at = strstr(line, key);

	assert_non_null(at);
	return strtoll(at + strlen(key), NULL, 10);
}

static bool kernel__counts_per_cpu(void)
{
	unsigned int major = 0, minor = 0;
	struct utsname uts;

	assert_int_equal(uname(&uts), 0);
	assert_int_equal(sscanf(uts.release, "%u.%u", &major, &minor), 2);
	return major > 6 || (major == 6 && minor >= 2);
}

void oom__check_kill(const json_t *kill, int64_t pid, const char *constraint)
{
	static const char *const sizes[][2] = {
		{"victim.virtual_bytes", "total-vm:"},	 {"victim.anon_bytes", "anon-rss:"},
		{"victim.file_bytes", "file-rss:"},	 {"victim.shmem_bytes", "shmem-rss:"},
		{"victim.pagetable_bytes", "pgtables:"},
	};
	/* Since 6.2 the kernel counts per CPU, and adds up what is above a few dozen pages. */
	int64_t slack = kernel__counts_per_cpu() ? 64 * sysconf(_SC_NPROCESSORS_CONF) * 4096 : 0;
	char line[1024], word[64];
	int64_t badness = 0;

	snprintf(word, sizeof(word), "Killed process %lld (", (long long)pid);
	assert_true(kmsg__find(word, live__text(kill, "victim.comm"), line, sizeof(line)));
	assert_number(kill, "victim.pid", pid);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		if (llabs(live__number(kill, sizes[i][0]) - (logged_kib(line, sizes[i][1]) << 10)) >
		    (strstr(sizes[i][1], "rss") ? slack : 0))
			fail_msg("%s %lld is not as logged: %s", sizes[i][0],
				 (long long)live__number(kill, sizes[i][0]), line);
	assert_number(kill, "victim.score_adj", logged_kib(line, "oom_score_adj:"));
	for (size_t i = 1; i < sizeof(sizes) / sizeof(*sizes); i++)
		badness += live__number(kill, sizes[i][0]) / 4096;
	badness += live__number(kill, "victim.swap_bytes") / 4096;
	assert_number(kill, "victim.badness_pages", badness);
	snprintf(word, sizeof(word), "pid=%lld,", (long long)pid);
	assert_true(kmsg__find(constraint, word, line, sizeof(line)));
}

/* Who is killed runs a hook, and that may be over later than memtrace. */
static void check_hook(const char *path, const json_t *report)
{
	int64_t pid = live__number(oom__process(report), "pid");
	char expected[64], *said = live__read_file(path);

	snprintf(expected, sizeof(expected), "oom_kill %lld SIGKILL\n", (long long)pid);
	assert_string_equal(said, expected);
	free(said);
}

json_t *oom__trace_in(struct live *live, const struct cgroup *cgroup, const char *command, int code)
{
	struct live_path hook = live__path(live, "hook");
	bool is_killed = code == 128 + SIGKILL;
	char script[1536], path[256], enter[160] = "", until[256] = "";
	struct live_process *shell;
	json_t *report;

	if (cgroup)
		snprintf(enter, sizeof(enter), "echo $$ >%s/cgroup.procs && ", cgroup->path);
	if (is_killed)
		snprintf(until, sizeof(until), "while ! test -s %s; do sleep 0.1; done; ", hook.s);
	live__report_path(live, path, sizeof(path));
	snprintf(script, sizeof(script),
		 "memtrace -q -F json -n 1000 -o %s --on-hit '"
		 "echo $MEMTRACE_EVENT $MEMTRACE_PID $MEMTRACE_SIGNAL >%s' -- sh -c '%sexec %s'; "
		 "code=$?; %sexit $code",
		 path, hook.s, enter, command, until);
	shell = live__start_shell(live, script);
	live__wait(shell);
	assert_int_equal(live__exit_code(shell), code);
	report = live__load_report(live, path);
	if (is_killed)
		check_hook(hook.s, report);
	return report;
}

const json_t *oom__process(const json_t *report)
{
	const json_t *processes = live__at(report, "processes");

	assert_int_equal(json_array_size(processes), 1);
	return json_array_get(processes, 0);
}

static const json_t *only_kill(const json_t *process, const char *role)
{
	const json_t *kills = live__at(process, "oom.kills");

	assert_int_equal(json_array_size(kills), 1);
	assert_string_equal(live__text(json_array_get(kills, 0), "role"), role);
	return json_array_get(kills, 0);
}

static void check_cgroup(const json_t *kill, const struct cgroup *cgroup)
{
	assert_string_equal(live__text(kill, "scope"), "cgroup");
	assert_string_equal(live__text(kill, "cgroup.name"), cgroup->name);
	assert_number(kill, "cgroup.limit_bytes", LIMIT_BYTES);
	assert_true(live__number(kill, "cgroup.usage_bytes") <= LIMIT_BYTES);
	assert_true(live__number(kill, "cgroup.usage_bytes") > LIMIT_BYTES - (1 << 20));
}

/* Where pages cannot go to swap instead. */
static void make_cgroup_without_swap(struct cgroup *cgroup)
{
	cgroup__make(cgroup, LIMIT_BYTES);
	if (!cgroup->v1)
		cgroup__set(cgroup, "memory.swap.max", 0);
}

void oom__check_cgroup_kill(struct live *live)
{
	struct cgroup cgroup = {};
	const json_t *process, *kill;
	json_t *report;

	make_cgroup_without_swap(&cgroup);
	report = oom__trace_in(live, &cgroup, "build/workloads/fault --pages 12000", 128 + SIGKILL);
	cgroup__remove(&cgroup);
	live__assert_sound(report, 0);
	process = oom__process(report);
	assert_number(process, "end.signal", SIGKILL);
	assert_true(json_is_true(live__at(process, "oom.killed")));
	kill = only_kill(process, "both");
	assert_number(kill, "trigger.pid", live__number(process, "pid"));
	assert_string_equal(live__text(kill, "trigger.comm"), "fault");
	check_cgroup(kill, &cgroup);
	oom__check_kill(kill, live__number(process, "pid"), "constraint=CONSTRAINT_MEMCG");
	/* Before it came to that, the kernel tried to find something to free. */
	assert_true(live__number(process, "oom.reclaim.cgroup.count") > 0);
}

static struct live_process *start_in(struct live *live, const struct cgroup *cgroup,
				     unsigned int pages, int score_adj)
{
	struct live_process *workload;
	char script[256];
	json_t *ready;

	snprintf(script, sizeof(script),
		 "echo $$ >%s/cgroup.procs && echo %d >/proc/$$/oom_score_adj && "
		 "exec build/workloads/fault --wait --pages %u",
		 cgroup->path, score_adj, pages);
	workload = live__start_shell(live, script);
	ready = live__read_json(live, workload);
	assert_true(json_is_true(live__at(ready, "ready")));
	return workload;
}

void oom__check_other_is_killed(struct live *live)
{
	struct live_process *victim, *trigger, *memtrace;
	struct cgroup cgroup = {};
	const json_t *process, *kill;
	char path[128], text[256];
	json_t *report;
	pid_t victim_pid, trigger_pid;

	make_cgroup_without_swap(&cgroup);
	victim = start_in(live, &cgroup, 4000, 0);
	/*
	 * The kernel passes over who has been killed and has let go of its mappings, though their
	 * pages may not all be free yet: it must not find another to kill then.
	 */
	trigger = start_in(live, &cgroup, 3500, -1000);
	victim_pid = victim->pid;
	trigger_pid = trigger->pid;
	live__report_path(live, path, sizeof(path));
	snprintf(text, sizeof(text), "-p %d,%d -i 0 -F json -o %s", victim_pid, trigger_pid, path);
	memtrace = live__start_memtrace(live, text);
	live__await_tracing(memtrace);
	live__say(victim, "\n");
	live__read_json(live, victim);
	live__finish_workload(live, trigger);
	assert_int_equal(live__exit_code(victim), 128 + SIGKILL);
	assert_int_equal(live__exit_code(memtrace), 0);
	cgroup__remove(&cgroup);
	report = live__load_report(live, path);
	live__assert_sound(report, 0);

	process = live__process(report, victim_pid);
	assert_true(json_is_true(live__at(process, "oom.killed")));
	kill = only_kill(process, "victim");
	check_cgroup(kill, &cgroup);
	oom__check_kill(kill, victim_pid, "constraint=CONSTRAINT_MEMCG");
	assert_true(live__number(kill, "victim.anon_bytes") >= 4000 * 4096);
	process = live__process(report, trigger_pid);
	assert_true(json_is_false(live__at(process, "oom.killed")));
	kill = only_kill(process, "trigger");
	assert_number(kill, "victim.pid", victim_pid);
	assert_number(kill, "trigger.pid", trigger_pid);
	assert_number(kill, "trigger.tid", trigger_pid);
	assert_number(process, "end.exit_code", 0);
}

void oom__check_reclaim(struct live *live, const char *file)
{
	struct cgroup cgroup = {};
	int64_t stolen, events, reclaimed, count;
	const json_t *process;
	char command[256];
	json_t *report;
	double time_s;

	cgroup__make(&cgroup, LIMIT_BYTES);
	if (file)
		cgroup__set(&cgroup, file, LIMIT_BYTES / 2);
	/* Four times what it may have: written pages and all. */
	snprintf(command, sizeof(command), "dd if=/dev/zero of=%s bs=64K count=1536 status=none",
		 live__path(live, "cached").s);
	report = oom__trace_in(live, &cgroup, command, 0);
	events = cgroup.v1 ? cgroup__get(&cgroup, "memory.failcnt", NULL)
			   : cgroup__get(&cgroup, "memory.events", file ? "high" : "max");
	stolen = cgroup.v1 ? -1 : cgroup__get(&cgroup, "memory.stat", "pgsteal");
	unlink(live__path(live, "cached").s);
	cgroup__remove(&cgroup);
	live__assert_sound(report, 0);
	process = oom__process(report);
	assert_number(process, "end.exit_code", 0);
	assert_int_equal(json_array_size(live__at(process, "oom.kills")), 0);
	count = live__number(process, "oom.reclaim.cgroup.count");
	reclaimed = live__number(process, "oom.reclaim.cgroup.reclaimed_bytes") / 4096;
	time_s = json_number_value(live__at(process, "oom.reclaim.cgroup.time_s"));
	print_message("%lld events, %lld stalls of %f s, %lld pages of %lld\n", (long long)events,
		      (long long)count, time_s, (long long)reclaimed, (long long)stolen);
	assert_true(count > 0 && events > 0);
	assert_true(time_s > 0 &&
		    time_s < json_number_value(live__at(report, "session.duration_s")));
	assert_true(json_number_value(live__at(process, "oom.reclaim.cgroup.longest_s")) <= time_s);
	/* 96 MiB have passed through 24, or 12. */
	assert_true(reclaimed > 0);
	if (stolen >= 0)
		assert_true(reclaimed >= stolen / 2 && reclaimed <= stolen * 2);
	assert_number(process, "oom.reclaim.system.count", 0);
}
