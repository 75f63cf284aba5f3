/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading what was measured, and saying it. */
#include "bench.h"

#include <dirent.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

struct spread spread__one(double value)
{
	return (struct spread){.q1 = value, .median = value, .q3 = value, .nr = 1};
}

void scratch__path(char path[PATH_BYTES], const char *name)
{
	int n = snprintf(path, PATH_BYTES, "%s/%s", getenv("TMPDIR") ?: "/tmp", name);

	if (n >= PATH_BYTES)
		give_up("the path of TMPDIR is too long");
}

uint64_t file__bytes(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		die(path);
	return (uint64_t)st.st_size;
}

bool counts__read(const char *file, struct counts *counts)
{
	json_t *root = json_load_file(file, 0, NULL), *loss, *process;
	size_t i;

	*counts = (struct counts){0};
	if (!root)
		return false;
	loss = json_object_get(root, "loss");
	counts->lost = (uint64_t)json_integer_value(json_object_get(loss, "records"));
	counts->records = (uint64_t)json_integer_value(json_object_get(loss, "delivered"));
	counts->processes = json_array_size(json_object_get(root, "processes"));
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

static void memory__read_status(pid_t pid, struct memory *memory)
{
	char path[64], line[256];
	unsigned long long kib;
	FILE *file;

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
}

uint64_t memory__rss_bytes(pid_t pid)
{
	struct memory memory = {0};

	memory__read_status(pid, &memory);
	return memory.rss_bytes;
}

void memory__read(pid_t pid, struct memory *memory)
{
	*memory = (struct memory){0};
	memory__read_status(pid, memory);
	memory__read_smaps(pid, memory);
	memory__read_fdinfo(pid, memory);
}

struct row *result__add(struct result *result, const char *key, const char *what, const char *unit,
			struct spread value, double limit)
{
	struct row *row = &result->rows[result->nr];

	if (result->nr++ >= sizeof(result->rows) / sizeof(result->rows[0]))
		give_up("more results than there is room for");
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

	if (result->nr_notes >= sizeof(result->notes) / sizeof(result->notes[0]))
		give_up("more notes than there is room for");
	va_start(args, format);
	vsnprintf(result->notes[result->nr_notes++], sizeof(result->notes[0]), format, args);
	va_end(args);
}

static bool row__met(const struct row *row)
{
	if (row->limit < 0)
		return true;
	return row->at_least ? row->value.median >= row->limit : row->value.median <= row->limit;
}

struct cells {
	char value[32];
	char spread[48];
	char limit[32];
};

static void row__format(const struct row *row, struct cells *cells)
{
	bool small = row->value.median < 10 && row->value.median > -10;
	int digits = small && *row->unit ? 1 : 0; /* counts have no unit */

	*cells = (struct cells){0};
	snprintf(cells->value, sizeof(cells->value), "%.*f%s%s", digits, row->value.median,
		 *row->unit ? " " : "", row->unit);
	if (row->value.nr > 1)
		snprintf(cells->spread, sizeof(cells->spread), "%.*f to %.*f", digits,
			 row->value.q1, digits, row->value.q3);
	if (row->limit >= 0)
		snprintf(cells->limit, sizeof(cells->limit), "%s%g",
			 row->at_least ? "at least " : "", row->limit);
}

/* x86's flag; other machines do not tell. */
static bool is_virtual(void)
{
	FILE *file = fopen("/proc/cpuinfo", "r");
	bool found = false;
	char line[8192];

	while (file && !found && fgets(line, sizeof(line), file))
		found = !strncmp(line, "flags", 5) && strstr(line, " hypervisor ");
	if (file)
		fclose(file);
	return found;
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
	/* Without what the builder of the kernel has added to its version. */
	snprintf(text, size, "%s, Linux %.*s %s, a %smachine with %ld CPUs", date,
		 (int)strcspn(uts.release, "-+"), uts.release, uts.machine,
		 is_virtual() ? "virtual " : "", sysconf(_SC_NPROCESSORS_ONLN));
}

bool result__print(const struct result *result, FILE *out)
{
	struct cells cells;
	bool met = true;
	char host[256];

	describe_host(host, sizeof(host));
	fprintf(out, "%s\n\n%-84s %12s  %-16s %s\n", host, "what", "median", "quartiles",
		"promised");
	for (size_t i = 0; i < result->nr; i++) {
		const struct row *row = &result->rows[i];

		row__format(row, &cells);
		fprintf(out, "%-84s %12s  %-16s %s%s\n", row->what, cells.value, cells.spread,
			cells.limit,
			!*cells.limit	? ""
			: row__met(row) ? ": met"
					: ": NOT MET");
		met &= row__met(row);
	}
	for (size_t i = 0; i < result->nr_notes; i++)
		fprintf(out, "%s%s\n", i ? "" : "\n", result->notes[i]);
	return met;
}

/* What is to be zero is told in one row, as long as it is. */
static bool row__is_nothing(const struct row *row)
{
	return row->limit == 0 && row->value.median == 0;
}

static void markdown__write_rows(const struct result *result, FILE *out)
{
	unsigned int nr_nothing = 0;
	struct cells cells;

	fprintf(out, "| what | median | quartiles | promised |\n| --- | --- | --- | --- |\n");
	for (size_t i = 0; i < result->nr; i++) {
		const struct row *row = &result->rows[i];

		nr_nothing += row__is_nothing(row);
		if (row->line || row__is_nothing(row))
			continue;
		row__format(row, &cells);
		fprintf(out, "| %s | %s | %s | %s |\n", row->what, cells.value, cells.spread,
			cells.limit);
	}
	if (nr_nothing)
		fprintf(out, "| records lost and faults unexplained, in all of this | 0 | | 0 |\n");
}

static void markdown__write_head(const struct result *result, const struct row *first, FILE *out)
{
	const struct row *end = result->rows + result->nr;

	fprintf(out, "\n| on disk, a fault; read, faults a second of one CPU |");
	for (const struct row *row = first; row < end && row->line == first->line; row++)
		fprintf(out, " %s |", row->column);
	fprintf(out, "\n| --- |");
	for (const struct row *row = first; row < end && row->line == first->line; row++)
		fprintf(out, " --- |");
}

/* Rows of one line follow each other, and all lines have the same columns. */
static void markdown__write_lines(const struct result *result, FILE *out)
{
	const struct row *before = NULL;
	struct cells cells;

	for (size_t i = 0; i < result->nr; i++) {
		const struct row *row = &result->rows[i];

		if (!row->line)
			continue;
		if (!before)
			markdown__write_head(result, row, out);
		if (!before || before->line != row->line)
			fprintf(out, "\n| %s |", row->line);
		before = row;
		row__format(row, &cells);
		fprintf(out, " %s", cells.value);
		if (*cells.spread)
			fprintf(out, " (%s)", cells.spread);
		fprintf(out, *cells.limit ? ", promised %s |" : " |", cells.limit);
	}
	if (before)
		fputc('\n', out);
}

int result__write_markdown(const struct result *result, const char *path)
{
	FILE *out = fopen(path, "w");
	char host[256];

	if (!out)
		return -1;
	describe_host(host, sizeof(host));
	fprintf(out, "%s:\n\n", host);
	markdown__write_rows(result, out);
	markdown__write_lines(result, out);
	for (size_t i = 0; i < result->nr_notes; i++)
		fprintf(out, "%s- %s\n", i ? "" : "\n", result->notes[i]);
	return fclose(out);
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
			json_pack("{s:s, s:s, s:s, s:f, s:f, s:f, s:i, s:o, s:b, s:o}", "key",
				  row->key, "what", row->what, "unit", row->unit, "median",
				  row->value.median, "q1", row->value.q1, "q3", row->value.q3,
				  "samples", (int)row->value.nr, "limit",
				  row->limit < 0 ? json_null() : json_real(row->limit), "at_least",
				  row->at_least, "met",
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
