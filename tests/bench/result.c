/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading what was measured, and saying it. */
#include "bench.h"

#include <dirent.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double quantile(const double *sorted, size_t nr, double q)
{
	double at = q * (double)(nr - 1);
	size_t i = (size_t)at;

	if (i + 1 >= nr)
		return sorted[nr - 1];
	return sorted[i] + (sorted[i + 1] - sorted[i]) * (at - (double)i);
}

struct spread spread__of(double *values, size_t nr)
{
	if (!nr)
		return (struct spread){0};
	qsort(values, nr, sizeof(*values), compare);
	return (struct spread){
		.q1 = quantile(values, nr, 0.25),
		.median = quantile(values, nr, 0.5),
		.q3 = quantile(values, nr, 0.75),
		.nr = nr,
	};
}

bool counts__read(const char *file, struct counts *counts)
{
	json_t *root = json_load_file(file, 0, NULL), *process;
	size_t i;

	*counts = (struct counts){0};
	if (!root)
		return false;
	counts->lost = (uint64_t)json_integer_value(
		json_object_get(json_object_get(root, "loss"), "records"));
	json_array_foreach(json_object_get(root, "processes"), i, process)
	{
		counts->faults += (uint64_t)json_integer_value(
			json_object_get(json_object_get(process, "faults"), "total"));
		counts->unexplained += json_integer_value(
			json_object_get(json_object_get(process, "check"), "unexplained"));
	}
	json_decref(root);
	return true;
}

static void memory__read_smaps(pid_t pid, struct memory *memory)
{
	uint64_t *part = &memory->file_bytes;
	char path[64], line[512];
	unsigned long long kib;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "Rss: %llu kB", &kib) == 1)
			*part += kib << 10;
		else if (strstr(line, "bpf-map"))
			part = &memory->ring_bytes;
		else if (strchr(line, '/'))
			part = &memory->file_bytes;
		else if (strchr(line, '-') && strchr(line, '-') < strchr(line, ' '))
			part = &memory->heap_bytes;
	}
	if (file)
		fclose(file);
}

static void memory__read_fdinfo(pid_t pid, struct memory *memory)
{
	char path[320], line[256];
	const struct dirent *entry;
	unsigned long long bytes;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%d/fdinfo/%s", pid, entry->d_name);
		file = fopen(path, "r");
		while (file && fgets(line, sizeof(line), file))
			if (sscanf(line, "memlock: %llu", &bytes) == 1)
				memory->kernel_bytes += bytes;
		if (file)
			fclose(file);
	}
	if (dir)
		closedir(dir);
}

void memory__read(pid_t pid, struct memory *memory)
{
	char path[64], line[256];
	unsigned long long kib;
	FILE *file;

	*memory = (struct memory){0};
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "VmHWM: %llu", &kib) == 1)
			memory->peak_bytes = kib << 10;
		if (sscanf(line, "VmRSS: %llu", &kib) == 1)
			memory->rss_bytes = kib << 10;
	}
	if (file)
		fclose(file);
	memory__read_smaps(pid, memory);
	memory__read_fdinfo(pid, memory);
}

struct row *result__add(struct result *result, const char *key, const char *what, const char *unit,
			struct spread value, double limit)
{
	struct row *row = &result->rows[result->nr++];

	snprintf(row->key, sizeof(row->key), "%s", key);
	snprintf(row->what, sizeof(row->what), "%s", what);
	row->unit = unit;
	row->value = value;
	row->limit = limit;
	return row;
}

void result__note(struct result *result, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(result->notes[result->nr_notes++], sizeof(result->notes[0]), format, args);
	va_end(args);
}

static bool row__met(const struct row *row)
{
	return row->limit < 0 || row->value.median <= row->limit;
}

static void describe_host(char *text, size_t size)
{
	time_t now = time(NULL);
	struct utsname uts;
	char date[32];
	struct tm tm;

	uname(&uts);
	gmtime_r(&now, &tm);
	strftime(date, sizeof(date), "%Y-%m-%d", &tm);
	snprintf(text, size, "%s, Linux %s %s, %ld CPUs", date, uts.release, uts.machine,
		 sysconf(_SC_NPROCESSORS_ONLN));
}

bool result__print(const struct result *result, FILE *out)
{
	char host[256], value[32], spread[48], limit[32];
	bool met = true;

	describe_host(host, sizeof(host));
	fprintf(out, "%s\n\n%-58s %12s  %-20s %s\n", host, "what", "median", "quartiles",
		"promised");
	for (size_t i = 0; i < result->nr; i++) {
		const struct row *row = &result->rows[i];
		bool small = row->value.median < 10 && row->value.median > -10;
		int digits = small && *row->unit ? 1 : 0; /* counts have no unit */

		snprintf(value, sizeof(value), "%.*f %s", digits, row->value.median, row->unit);
		snprintf(spread, sizeof(spread), "%.*f to %.*f", digits, row->value.q1, digits,
			 row->value.q3);
		snprintf(limit, sizeof(limit), "%g: %s", row->limit,
			 row__met(row) ? "met" : "NOT MET");
		fprintf(out, "%-58s %12s  %-20s %s\n", row->what, value,
			row->value.nr > 1 ? spread : "", row->limit < 0 ? "" : limit);
		met &= row__met(row);
	}
	for (size_t i = 0; i < result->nr_notes; i++)
		fprintf(out, "%s%s\n", i ? "" : "\n", result->notes[i]);
	return met;
}

int result__write_json(const struct result *result, const char *path)
{
	json_t *root = json_object(), *rows = json_array(), *notes = json_array();
	char host[256];
	int err;

	describe_host(host, sizeof(host));
	for (size_t i = 0; i < result->nr; i++) {
		const struct row *row = &result->rows[i];

		json_array_append_new(
			rows,
			json_pack("{s:s, s:s, s:s, s:f, s:f, s:f, s:i, s:o, s:o}", "key", row->key,
				  "what", row->what, "unit", row->unit, "median", row->value.median,
				  "q1", row->value.q1, "q3", row->value.q3, "samples",
				  (int)row->value.nr, "limit",
				  row->limit < 0 ? json_null() : json_real(row->limit), "met",
				  row->limit < 0 ? json_null() : json_boolean(row__met(row))));
	}
	for (size_t i = 0; i < result->nr_notes; i++)
		json_array_append_new(notes, json_string(result->notes[i]));
	json_object_set_new(root, "host", json_string(host));
	json_object_set_new(root, "rows", rows);
	json_object_set_new(root, "notes", notes);
	err = strcmp(path, "-") ? json_dump_file(root, path, JSON_INDENT(2))
				: json_dumpf(root, stdout, JSON_INDENT(2));
	json_decref(root);
	return err;
}
