/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "recording.h"

#include <stdio.h>
#include <string.h>

const char *recording__path(struct live *live, char *path)
{
	snprintf(path, RECORDING_PATH_BYTES, "%s/" RECORDING_NAME, live->dir);
	return path;
}

struct live_process *recording__report(struct live *live, const char *options, const char *words)
{
	char text[512], path[RECORDING_PATH_BYTES];
	struct live_process *report;

	snprintf(text, sizeof(text), "report %s %s", recording__path(live, path), options);
	report = live__run_memtrace(live, text, 0);
	if (words ? !strstr(live__err(report), words) : *live__err(report))
		fail_msg("memtrace %s said: %s", text, live__err(report));
	return report;
}

json_t *recording__report_json(struct live *live, const char *words)
{
	char options[512], path[RECORDING_PATH_BYTES];

	live__report_path(live, path, sizeof(path));
	snprintf(options, sizeof(options), RECORDING_ALL " -F json -o %s", path);
	recording__report(live, options, words);
	return live__load_report(live, path);
}

void recording__export(struct live *live, const char *format, const char *name)
{
	char text[512];

	snprintf(text, sizeof(text), "export %s -F %s -o %s", live__path(live, RECORDING_NAME).s,
		 format, live__path(live, name).s);
	live__run_memtrace(live, text, 0);
}
