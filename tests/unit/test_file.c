// SPDX-License-Identifier: GPL-2.0-or-later
/* A recording as a source: what it adds where the file breaks off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "recordings.h"
#include "source/file.h"

/* What came, by kind, and the last of those that matter here. */
struct taken {
	size_t nr, nr_sessions, nr_ends;
	struct mt_session session;
	struct mt_end end;
};

static int taken__take(void *ctx, const void *data, size_t size)
{
	const struct mt_record *record = data;
	struct taken *taken = ctx;

	assert_int_equal(record->size_bytes, size);
	/* Nothing comes after the end. */
	assert_int_equal(taken->nr_ends, 0);
	taken->nr++;
	if (record->kind == MT_KIND_SESSION) {
		taken->session = *(const struct mt_session *)record;
		taken->nr_sessions++;
	} else if (record->kind == MT_KIND_END) {
		taken->end = *(const struct mt_end *)record;
		taken->nr_ends++;
	}
	return 0;
}

/* Pumps a tape of which the last bytes are not in the file. */
static enum reader_state pump(const struct tape *tape, size_t less_bytes, struct taken *taken)
{
	int fd = recording__open_file();
	struct source *source;
	struct error error;
	enum reader_state state;
	char path[64];

	assert_int_equal(ftruncate(fd, (off_t)(tape__write(tape, fd) - less_bytes)), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	*taken = (struct taken){};
	assert_int_equal(file__open(path, taken__take, taken, &error, &source), 0);
	assert_int_equal(taken->nr, 0);
	while (source->ops->alive(source))
		assert_int_equal(source->ops->pump(source), 0);
	state = file__state(source);
	assert_int_equal(file__error(source), 0);
	source->ops->free(source);
	close(fd);
	return state;
}

static void test_whole(void **state)
{
	struct tape tape = {};
	struct taken taken;

	(void)state;
	tape__fill(&tape, 50, 1);
	assert_int_equal(pump(&tape, 0, &taken), READER_AT_END);
	assert_int_equal(taken.nr, 50);
	assert_int_equal(taken.nr_ends, 1);
	assert_int_equal(taken.end.ended_by, MT_ENDED_DURATION);
	tape__free(&tape);
}

/* The end is as late as the last fault of a batch, and not as its first. */
static void test_without_end(void **state)
{
	struct tape tape = {};
	struct taken taken;
	uint64_t seed = 1;
	const struct mt_faults *faults;
	const struct mt_fault *last;

	(void)state;
	tape__add_watermark(&tape, 999000000);
	tape__add_faults(&tape, &seed, 1000000000);
	faults = (const struct mt_faults *)tape__at(&tape, 1);
	last = (const struct mt_fault *)(faults + 1) + faults->nr - 1;
	assert_true(faults->nr > 1 && last->time_ns > faults->hdr.time_ns);
	assert_int_equal(pump(&tape, 0, &taken), READER_AT_END);
	assert_int_equal(taken.nr, 3);
	assert_int_equal(taken.nr_ends, 1);
	assert_int_equal(taken.nr_sessions, 0);
	assert_int_equal(taken.end.ended_by, MT_ENDED_CUT_OFF);
	assert_int_equal(taken.end.hdr.time_ns, last->time_ns);
	tape__free(&tape);
}

/* Nothing but a header: it says whose recording it was to be. */
static void test_without_records(void **state)
{
	struct tape tape = {};
	struct taken taken;

	(void)state;
	tape__fill(&tape, 3, 2);
	assert_int_equal(pump(&tape, 1, &taken), READER_TRUNCATED);
	/* Of the frame nothing could be read, or all but its checksum; then it has an end. */
	assert_int_equal(taken.nr_ends, 1);
	tape__free(&tape);
	tape = (struct tape){};
	assert_int_equal(pump(&tape, 0, &taken), READER_AT_END);
	assert_int_equal(taken.nr, 2);
	assert_int_equal(taken.nr_sessions, 1);
	assert_int_equal(taken.session.page_bytes, sysconf(_SC_PAGESIZE));
	assert_int_equal(taken.session.start_realtime_ns, 0);
	assert_true(*taken.session.kernel && *taken.session.arch);
	assert_int_equal(taken.end.ended_by, MT_ENDED_CUT_OFF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_without_end),
		cmocka_unit_test(test_without_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
