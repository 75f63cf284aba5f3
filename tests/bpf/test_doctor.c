/* SPDX-License-Identifier: GPL-2.0-or-later */
/* memtrace doctor: what it says holds in a run, and it leaves nothing behind. */
#include "live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

static json_t *doctor(struct live *live, const char *options)
{
	char path[128], text[256];

	live__report_path(live, path, sizeof(path));
	snprintf(text, sizeof(text), "doctor -F json -o %s %s", path, options);
	live__run_memtrace(live, text, 0);
	return live__load_doctor(live, path);
}

/* What it would choose is what a run uses; what it does not offer has a reason. */
static void test_chosen(void **state)
{
	json_t *doc = doctor(*state, ""), *report, *result, *row, *probe;
	struct utsname uts;
	size_t i, j, nr = 0;

	uname(&uts);
	assert_string_equal(live__text(doc, "host.kernel"), uts.release);
	assert_string_equal(live__text(doc, "host.arch"), uts.machine);
	assert_true(json_is_true(live__at(doc, "works")));
	report = live__trace_pid(*state, "", "fault --pages 10", &result);
	json_array_foreach(live__at(doc, "probes"), i, row)
	{
		bool used = false;

		json_array_foreach(live__at(report, "probes"), j, probe) used |=
			!strcmp(live__text(probe, "fact"), live__text(row, "fact")) &&
			!strcmp(live__text(probe, "via"), live__text(row, "via"));
		if (used != json_is_true(live__at(row, "chosen")))
			fail_msg("%s by %s: used, or chosen, but not both", live__text(row, "fact"),
				 live__text(row, "via"));
		if (used)
			assert_true(json_is_true(live__at(row, "offered")));
		else if (!json_is_true(live__at(row, "offered")))
			assert_true(strlen(live__text(row, "why_not")) > 0);
		nr += used;
	}
	assert_true(nr >= 5);
}

static json_t *check_named(const json_t *doc, const char *name)
{
	json_t *check;
	size_t i;

	json_array_foreach(live__at(doc, "checks"), i,
			   check) if (!strcmp(live__text(check, "name"), name)) return check;
	fail_msg("no check of %s", name);
	return NULL;
}

static void test_checks(void **state)
{
	json_t *doc = doctor(*state, "");

	/* This test runs where tracing works. */
	assert_true(json_is_true(live__at(check_named(doc, "privileges"), "ok")));
	assert_true(json_is_true(live__at(check_named(doc, "BTF"), "ok")));
	assert_true(json_is_true(live__at(check_named(doc, "ring buffer"), "ok")));
}

static void test_forced(void **state)
{
	json_t *doc = doctor(*state, "--probe perf"), *row;
	size_t i;

	json_array_foreach(live__at(doc, "probes"), i, row)
	{
		if (strcmp(live__text(row, "fact"), "page faults"))
			continue;
		assert_int_equal(json_is_true(live__at(row, "chosen")),
				 !!strstr(live__text(row, "via"), "page-faults-min"));
	}
}

static size_t longest_line(const char *text)
{
	size_t longest = 0;

	while (*text) {
		size_t len = strcspn(text, "\n");

		longest = len > longest ? len : longest;
		text += len + !!text[len];
	}
	return longest;
}

/* In ASCII, where a byte is a column. */
static void test_text(void **state)
{
	struct live_process *memtrace =
		live__start_shell(*state, "export LC_ALL=C COLUMNS=80; memtrace doctor");

	assert_int_equal(live__exit_code(memtrace), 0);
	assert_non_null(strstr(live__out(memtrace), "\n  > yes "));
	assert_non_null(strstr(live__out(memtrace), "\nTracing works here"));
	/* Where tracing works lockdown is no hindrance, which must not read as "it is on". */
	assert_non_null(strstr(live__out(memtrace), "\n  lockdown        ok   "));
	assert_null(strstr(live__out(memtrace), "lockdown        ok   not "));
	assert_true(longest_line(live__out(memtrace)) <= 80);
	assert_string_equal(live__err(memtrace), "");
}

/* Best of the probes of page faults that have one of these names: 1 offered, 0 not, -1 not known.
 */
static int best_way(const json_t *doc, const json_t *names)
{
	json_t *row, *own, *name;
	int best = 0;
	size_t i, j;

	json_array_foreach(live__at(doc, "probes"), i, row)
	{
		bool among = false;

		if (strcmp(live__text(row, "fact"), "page faults"))
			continue;
		own = json_array_get(live__at(row, "probes"), 0);
		json_array_foreach(names, j, name) among |= json_equal(own, name);
		if (!among || json_is_false(live__at(row, "offered")))
			continue;
		if (json_is_true(live__at(row, "offered")))
			return 1;
		best = -1;
	}
	return best;
}

/* What goes with a probe of page faults is not surer than that is. */
static void assert_no_surer(const json_t *doc)
{
	size_t i, nr_unknown = 0;
	json_t *row, *offered;

	json_array_foreach(live__at(doc, "probes"), i, row)
	{
		if (json_is_null(live__at(row, "probes")))
			continue;
		offered = live__at(row, "offered");
		nr_unknown += json_is_null(offered);
		if (json_is_true(offered) && best_way(doc, live__at(row, "probes")) != 1)
			fail_msg("%s by %s: yes", live__text(row, "fact"), live__text(row, "via"));
		if (json_is_null(offered))
			assert_string_equal(live__text(row, "why_not"), "only root can tell");
	}
	/* Perf events at least are not known. */
	assert_true(nr_unknown > 0);
}

/* Without root it says what it can, and ends as a run would. */
static void test_without_root(void **state)
{
	struct live *live = *state;
	struct live_process *memtrace;
	char path[128], script[4600];
	json_t *doc;
	FILE *file;

	/* Where anyone may read it. */
	snprintf(script, sizeof(script),
		 "cp %s %s && chmod 755 %s %s/memtrace && exec setpriv --reuid=65534 "
		 "--regid=65534 --clear-groups %s/memtrace doctor -F json",
		 live__memtrace(), live->dir, live->dir, live->dir, live->dir);
	memtrace = live__start_shell(live, script);
	assert_int_equal(live__exit_code(memtrace), 1);
	live__report_path(*state, path, sizeof(path));
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(live__out(memtrace), file);
	fclose(file);
	doc = live__load_doctor(*state, path);
	assert_true(json_is_null(live__at(doc, "works")));
	assert_non_null(strstr(live__text(doc, "why_not"), "root"));
	assert_true(json_is_false(live__at(check_named(doc, "privileges"), "ok")));
	assert_true(json_is_true(live__at(check_named(doc, "BTF"), "ok")));
	assert_true(json_is_null(live__at(check_named(doc, "ring buffer"), "ok")));
	assert_no_surer(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		live_test(test_chosen), live_test(test_checks),	      live_test(test_forced),
		live_test(test_text),	live_test(test_without_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
