// SPDX-License-Identifier: GPL-2.0-or-later
/* What fuzzing or reading has found to go wrong goes right, as does what was the seed of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <glob.h>
#include <stdio.h>
#include <sys/stat.h>

#include "fuzz/drive.h"

/* drive.c ends the program where something does not hold: the last name said is the culprit's. */
static size_t replay_all(const char *pattern,
			 void (*drive)(const uint8_t *data, size_t size, unsigned int way))
{
	glob_t paths;
	size_t nr;

	assert_int_equal(glob(pattern, GLOB_BRACE, NULL, &paths), 0);
	nr = paths.gl_pathc;
	for (size_t i = 0; i < nr; i++) {
		FILE *file = fopen(paths.gl_pathv[i], "re");
		struct stat st;
		uint8_t *data;

		printf("%s\n", paths.gl_pathv[i]);
		fflush(stdout);
		assert_non_null(file);
		assert_int_equal(fstat(fileno(file), &st), 0);
		data = malloc(st.st_size + 1);
		assert_non_null(data);
		assert_int_equal(fread(data, 1, st.st_size, file), st.st_size);
		fclose(file);
		/* In each of the ways that a recording may be used. */
		for (unsigned int way = 0; way < DRIVE_WAYS; way++)
			drive(data, st.st_size, way);
		free(data);
	}
	globfree(&paths);
	return nr;
}

static void test_records(void **state)
{
	(void)state;
	assert_in_range(replay_all("tests/fuzz/found/*.bin", drive__records), 2, 1000);
}

static void test_recordings(void **state)
{
	(void)state;
	assert_in_range(replay_all("tests/{replay,fuzz/found}/*.mtr", drive__file), 10, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_recordings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
