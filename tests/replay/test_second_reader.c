// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every recording that is here, read by read_recording.py, which knows memtrace-recording(5) alone:
 * the figures are those of the report that is expected.
 */
#include "saved.h"

#include <stdio.h>
#include <string.h>

static long nr_faults;

static void check_second_reader(const char *name)
{
	char command[512], said[4096] = "";
	long faults;
	FILE *reader;
	size_t len;

	snprintf(command, sizeof(command),
		 "/usr/bin/python3 " SAVED_DIR "compare_reader.py " SAVED_DIR "%s.json " SAVED_DIR
		 "%s.mtr 2>&1",
		 name, name);
	reader = popen(command, "r");
	assert_non_null(reader);
	len = fread(said, 1, sizeof(said) - 1, reader);
	said[len] = '\0';
	if (pclose(reader) || sscanf(said, "%ld faults, ", &faults) != 1)
		fail_msg("%s: %s", name, said);
	nr_faults += faults;
}

static void test_second_reader(void **state)
{
	(void)state;
	saved__for_each(check_second_reader);
	assert_true(nr_faults > 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_second_reader)};

	return cmocka_run_group_tests_name("second_reader", tests, NULL, NULL);
}
