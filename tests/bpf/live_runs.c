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

json_t *live__trace_pid(struct live *live, const char *options, const char *words,
			json_t **ret_result)
{
	struct live_process *workload, *memtrace;
	char path[128], text[1024];

	workload = live__start_workload(live, words);
	live__report_path(live, path, sizeof(path));
	snprintf(text, sizeof(text), "-p %d -i 0 -F json -o %s %s", workload->pid, path, options);
	memtrace = live__start_memtrace(live, text);
	live__await_tracing(memtrace);
	live__say(workload, "\n");
	*ret_result = live__read_json(live, workload);
	assert_int_equal(kill(memtrace->pid, SIGINT), 0);
	assert_int_equal(live__exit_code(memtrace), 0);
	live__close_stdin(workload);
	live__wait(workload);
	return live__load_report(live, path);
}

json_t *live__trace_pair(struct live *live, const char *options,
			 struct live_process *const workloads[2], int signo, json_t *results[2])
{
	struct live_process *memtrace;
	char path[128], text[1024];
	size_t i;

	live__report_path(live, path, sizeof(path));
	snprintf(text, sizeof(text), "-p %d,%d -i 0 -F json -o %s %s", workloads[0]->pid,
		 workloads[1]->pid, path, options);
	memtrace = live__start_memtrace(live, text);
	live__await_tracing(memtrace);
	for (i = 0; i < 2; i++)
		live__say(workloads[i], "\n");
	for (i = 0; i < 2; i++)
		results[i] = live__read_json(live, workloads[i]);
	assert_int_equal(kill(memtrace->pid, signo), 0);
	assert_int_equal(live__exit_code(memtrace), 0);
	return live__load_report(live, path);
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
