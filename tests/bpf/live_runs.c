/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole runs on workloads, and their reports. */
#include "live.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

const char *live__report_path(struct live *live, char *buf, size_t size)
{
	snprintf(buf, size, "%s/report-%u.json", live->dir, live->nr_reports++);
	return buf;
}

struct live_process *live__start_runs(struct live *live, const char *options, struct live_run *runs,
				      size_t nr, struct live_path *ret_path)
{
	struct live_process *memtrace;
	char text[2048] = "-p ";
	size_t len = strlen(text);

	for (size_t i = 0; i < nr; i++) {
		struct live_run *run = &runs[i];

		if (!run->workload)
			run->workload = live__start_workload(live, run->words);
		if (!run->pid)
			run->pid = run->workload->pid;
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%d", i ? "," : "",
					run->pid);
	}
	live__report_path(live, ret_path->s, sizeof(ret_path->s));
	snprintf(text + len, sizeof(text) - len, " -i 0 -F json -o %s %s", ret_path->s, options);
	memtrace = live__start_memtrace(live, text);
	live__await_tracing(memtrace);
	return memtrace;
}

json_t *live__load_runs(struct live *live, const struct live_path *path, struct live_run *runs,
			size_t nr)
{
	json_t *report = live__load_report(live, path->s);

	for (size_t i = 0; i < nr; i++)
		runs[i].process = live__process(report, runs[i].pid);
	return report;
}

json_t *live__trace_each(struct live *live, const char *options, struct live_run *runs, size_t nr)
{
	struct live_path path;
	struct live_process *memtrace = live__start_runs(live, options, runs, nr, &path);

	for (size_t i = 0; i < nr; i++) {
		live__say(runs[i].workload, "\n");
		runs[i].result = live__read_json(live, runs[i].workload);
		if (i + 1 < nr)
			live__await_stacks(memtrace);
	}
	assert_int_equal(kill(memtrace->pid, SIGINT), 0);
	assert_int_equal(live__exit_code(memtrace), 0);
	return live__load_runs(live, &path, runs, nr);
}

void live__end_each(struct live_run *runs, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		live__close_stdin(runs[i].workload);
		runs[i].code = live__exit_code(runs[i].workload);
	}
}

json_t *live__trace_to_ends(struct live *live, const char *options, struct live_run *runs,
			    size_t nr)
{
	struct live_path path;
	struct live_process *memtrace = live__start_runs(live, options, runs, nr, &path);
	json_t *report;

	for (size_t i = 0; i < nr; i++) {
		live__say(runs[i].workload, "\n");
		runs[i].code = live__exit_code(runs[i].workload);
		if (i + 1 < nr)
			live__await_stacks(memtrace);
	}
	assert_int_equal(live__exit_code(memtrace), 0);
	report = live__load_runs(live, &path, runs, nr);
	live__assert_sound(report, 0);
	return report;
}

json_t *live__trace_pid(struct live *live, const char *options, const char *words,
			json_t **ret_result)
{
	struct live_run run = {.words = words};
	json_t *report = live__trace_each(live, options, &run, 1);

	live__end_each(&run, 1);
	*ret_result = run.result;
	return report;
}

json_t *live__trace_pair(struct live *live, const char *options,
			 struct live_process *const workloads[2], int signo, json_t *results[2])
{
	struct live_run runs[2] = {{.workload = workloads[0]}, {.workload = workloads[1]}};
	struct live_path path;
	struct live_process *memtrace = live__start_runs(live, options, runs, 2, &path);
	size_t i;

	for (i = 0; i < 2; i++)
		live__say(workloads[i], "\n");
	for (i = 0; i < 2; i++)
		results[i] = live__read_json(live, workloads[i]);
	assert_int_equal(kill(memtrace->pid, signo), 0);
	assert_int_equal(live__exit_code(memtrace), 0);
	return live__load_runs(live, &path, runs, 2);
}

json_t *live__trace_command(struct live *live, const char *options, const char *words,
			    json_t **ret_result, int *ret_exit_code)
{
	struct live_process *memtrace;
	char path[128], text[1024];

	live__report_path(live, path, sizeof(path));
	snprintf(text, sizeof(text), "-i 0 -F json -o %s %s -- %s%s", path, options,
		 strchr(words, '/') && strchr(words, '/') < words + strcspn(words, " ")
			 ? ""
			 : "build/workloads/",
		 words);
	memtrace = live__start_memtrace(live, text);
	if (ret_result)
		*ret_result = live__read_json(live, memtrace);
	*ret_exit_code = live__exit_code(memtrace);
	return live__load_report(live, path);
}
