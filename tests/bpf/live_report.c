/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looking things up in a report. */
#include "live.h"

#include <stdlib.h>
#include <string.h>

json_t *live__at(const json_t *json, const char *path)
{
	json_t *at = (json_t *)json;
	char key[64];
	size_t len;

	for (; *path; path += len + (path[len] == '.')) {
		len = strcspn(path, ".");
		assert_true(len < sizeof(key));
		memcpy(key, path, len);
		key[len] = '\0';
		at = json_object_get(at, key);
		if (!at)
			fail_msg("no key %s", path);
	}
	return at;
}

int64_t live__number(const json_t *json, const char *path)
{
	json_t *value = live__at(json, path);

	if (!json_is_integer(value))
		fail_msg("%s is not an integer", path);
	return json_integer_value(value);
}

const char *live__text(const json_t *json, const char *path)
{
	json_t *value = live__at(json, path);

	if (!json_is_string(value))
		fail_msg("%s is not a string", path);
	return json_string_value(value);
}

uint64_t live__address(const json_t *json, const char *path)
{
	const char *text = live__text(json, path);

	assert_int_equal(strncmp(text, "0x", 2), 0);
	return strtoull(text, NULL, 16);
}

bool live__has(const json_t *json, const char *key, const char *value)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text && !strcmp(text, value);
}

json_t *live__find_process(const json_t *report, int64_t pid)
{
	json_t *process, *found = NULL;
	size_t i;

	json_array_foreach(live__at(report, "processes"), i, process)
	{
		if (live__number(process, "pid") != pid)
			continue;
		if (found)
			fail_msg("pid %lld is there twice", (long long)pid);
		found = process;
	}
	return found;
}

json_t *live__process(const json_t *report, int64_t pid)
{
	json_t *found = live__find_process(report, pid);

	if (!found)
		fail_msg("pid %lld is not in the report", (long long)pid);
	return found;
}

int64_t live__sum(const json_t *report, const char *path)
{
	json_t *process;
	int64_t sum = 0;
	size_t i;

	json_array_foreach(live__at(report, "processes"), i, process) sum +=
		live__number(process, path);
	return sum;
}

static json_t *find_mapping(const json_t *process, const char *key, const char *value)
{
	json_t *row, *found = NULL;
	size_t i;

	json_array_foreach(live__at(process, "faults.by_mapping"), i, row)
	{
		if (!live__has(row, key, value))
			continue;
		if (found)
			fail_msg("two mappings with %s %s", key, value);
		found = row;
	}
	if (!found)
		fail_msg("no mapping with %s %s", key, value);
	return found;
}

json_t *live__mapping_at(const json_t *process, const char *address)
{
	return find_mapping(process, "start", address);
}

json_t *live__mapping_named(const json_t *process, const char *name)
{
	return find_mapping(process, "name", name);
}

int64_t live__failures(const json_t *process, const char *call, int err)
{
	json_t *row;
	size_t i;

	json_array_foreach(live__at(process, "heap.failures"), i,
			   row) if (!strcmp(live__text(row, "call"), call) &&
				    !strcmp(live__text(row, "errno"),
					    strerrorname_np(err))) return live__number(row,
										       "count");
	return 0;
}

json_t *live__limit(const json_t *process, const char *name)
{
	json_t *row;
	size_t i;

	json_array_foreach(live__at(process, "limits.table"), i, row)
	{
		if (!strcmp(live__text(row, "name"), name))
			return row;
	}
	fail_msg("no row of %s", name);
	return NULL;
}

static int64_t count_failures(const json_t *process, const json_t *like)
{
	int64_t nr = 0;
	json_t *row;
	size_t i;

	json_array_foreach(live__at(process, "limits.failures"), i, row)
	{
		if (!like ||
		    (live__has(row, "call", live__text(like, "call")) &&
		     live__has(row, "errno", strerrorname_np((int)live__number(like, "errno"))) &&
		     live__has(row, "cause", live__text(like, "cause"))))
			nr += live__number(row, "count");
	}
	return nr;
}

void live__assert_limit_failures(const json_t *process, const json_t *result)
{
	int64_t sum = 0;
	json_t *row;
	size_t i;

	json_array_foreach(live__at(result, "failures"), i, row)
	{
		if (count_failures(process, row) != live__number(row, "count"))
			fail_msg("%s, not %s", json_dumps(live__at(process, "limits.failures"), 0),
				 json_dumps(row, 0));
		sum += live__number(row, "count");
	}
	assert_true(sum > 0);
	assert_int_equal(count_failures(process, NULL), sum);
}

static void assert_check(const json_t *process)
{
	json_t *check = live__at(process, "check");

	int64_t sum = live__number(check, "observed") + live__number(check, "explained.populated") -
		      live__number(check, "explained.not_counted") +
		      live__number(check, "explained.lost") -
		      live__number(check, "explained.in_flight") +
		      live__number(check, "unexplained");

	if (!json_is_true(live__at(check, "ok")) || live__number(check, "unexplained") ||
	    live__number(check, "kernel_minor") + live__number(check, "kernel_major") != sum)
		fail_msg("check of pid %lld: %s", (long long)live__number(process, "pid"),
			 json_dumps(check, JSON_COMPACT));
}

void live__assert_sound(const json_t *report, int64_t pid)
{
	json_t *process;
	size_t i;

	if (live__number(report, "loss.records"))
		fail_msg("losses: %s", json_dumps(live__at(report, "loss"), JSON_COMPACT));
	assert_number(report, "loss.fault_weight_max", 1);
	json_array_foreach(live__at(report, "processes"), i,
			   process) if (!pid || live__number(process, "pid") == pid)
		assert_check(process);
}

/* What stands in by_cause beside the causes of the faults that are counted. */
static bool is_cause(const char *key)
{
	return strcmp(key, "invalid") && strcmp(key, "populated");
}

void live__assert_causes_add_up(const json_t *process)
{
	int64_t sum = 0;
	const char *key;
	json_t *value;

	json_object_foreach(live__at(process, "faults.by_cause"), key, value) sum +=
		is_cause(key) ? json_integer_value(value) : 0;
	assert_int_equal(sum, live__number(process, "faults.total"));
	assert_number(process, "faults.by_cause.populated",
		      live__number(process, "check.explained.populated"));
	assert_int_equal(live__number(process, "faults.huge_bytes"),
			 live__number(process, "faults.by_cause.huge") * (2LL << 20));
}

/* A number, or the name of one in the workload's result. */
static int64_t wanted_number(const json_t *result, const char *text)
{
	return *text >= '0' && *text <= '9' ? strtoll(text, NULL, 10) : live__number(result, text);
}

void live__assert_causes(const json_t *process, const json_t *result, const char *expect)
{
	json_t *counts = json_copy(live__at(process, "faults.by_cause"));
	char text[256], *word, *words = text, *cause, *causes, *value;
	const char *key;
	json_t *count;
	int64_t sum;

	live__assert_causes_add_up(process);
	assert_non_null(counts);
	assert_true(strlen(expect) < sizeof(text));
	strcpy(text, expect);
	while ((word = strtok_r(words, " ", &words))) {
		value = strchr(word, '=');
		assert_non_null(value);
		*value++ = '\0';
		causes = word;
		sum = 0;
		while ((cause = strtok_r(causes, "+", &causes))) {
			sum += live__number(counts, cause);
			json_object_del(counts, cause);
		}
		if (strcmp(value, "any") && sum != wanted_number(result, value))
			fail_msg("not %s, but %s", expect,
				 json_dumps(live__at(process, "faults.by_cause"), JSON_COMPACT));
	}
	json_object_foreach(counts, key, count) if (json_integer_value(count))
		fail_msg("%s beside %s: %s", key, expect,
			 json_dumps(live__at(process, "faults.by_cause"), JSON_COMPACT));
	json_decref(counts);
}
