// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Recordings of every workload, made on a live kernel by scripts/record-replays: their reports are
 * as expected, byte for byte; and what is left of them where they are cut short is reported.
 */
#include "saved.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zstd.h>

#include "cmd/options.h"
#include "memtrace/recording.h"

/* The version is the reporting program's own: "VERSION" in its place. */
static void hide_version(char **text, const char *before, const char *after)
{
	char own[64], *found, *hidden;

	snprintf(own, sizeof(own), "%s" MEMTRACE_VERSION "%s", before, after);
	found = strstr(*text, own);
	assert_non_null(found);
	assert_true(asprintf(&hidden, "%.*s%sVERSION%s%s", (int)(found - *text), *text, before,
			     after, found + strlen(own)) > 0);
	free(*text);
	*text = hidden;
}

/* The first line that is not the same says more than both texts. */
static void assert_same(const char *name, const char *kind, const char *text, const char *expected)
{
	size_t line = 1, at = 0;

	for (; text[at] && text[at] == expected[at]; at++)
		line += text[at] == '\n';
	if (text[at] == expected[at])
		return;
	while (at && text[at - 1] != '\n')
		at--;
	fail_msg("%s.%s, line %zu:\n%.*s\nexpected:\n%.*s", name, kind, line,
		 (int)strcspn(text + at, "\n"), text + at, (int)strcspn(expected + at, "\n"),
		 expected + at);
}

static void check_report(const char *name, const char *kind, const char *options,
			 const char *before, const char *after)
{
	char *text = saved__report_whole(name, options), *expected = saved__read(name, kind);

	hide_version(&text, before, after);
	assert_same(name, kind, text, expected);
	free(text);
	free(expected);
}

static void check_text(const char *name)
{
	check_report(name, "txt", "", "memtrace ", "\n");
}

static void check_json(const char *name)
{
	check_report(name, "json", "-F json", "\"version\":\"", "\"");
}

static void test_text(void **state)
{
	(void)state;
	saved__for_each(check_text);
}

static void test_json(void **state)
{
	(void)state;
	saved__for_each(check_json);
}

/* Of the whole frames of a recording up to a size: what zstd and the header alone say is in them.
 */
struct contents {
	int64_t nr_faults;
	uint64_t last_ns; /* of the record that is dated last */
	uint64_t first_ns;
	bool ended;
};

static void contents__add(struct contents *contents, const uint8_t *data, size_t size)
{
	for (size_t at = 0; at < size;) {
		const struct mt_record *record = (const struct mt_record *)(data + at);

		assert_true(record->size_bytes >= sizeof(*record));
		if (record->kind == MT_KIND_PACKED_FAULTS)
			contents->nr_faults += ((const struct mt_packed_faults *)record)->nr;
		if (record->kind == MT_KIND_TIMED_FAULTS)
			contents->nr_faults += ((const struct mt_faults *)record)->nr;
		if (record->kind == MT_KIND_SESSION)
			contents->first_ns = record->time_ns;
		contents->ended |= record->kind == MT_KIND_END;
		if (record->time_ns > contents->last_ns)
			contents->last_ns = record->time_ns;
		at += (record->size_bytes + 7U) & ~7U;
	}
}

/* The contents of the frames that end within size bytes; and of the one that goes beyond, too. */
static void contents__read(struct contents *whole, struct contents *begun, const uint8_t *data,
			   size_t file_size, size_t size)
{
	static _Alignas(8) uint8_t out[512 << 10];
	size_t at = sizeof(struct mt_recording_header), out_size;

	*whole = *begun = (struct contents){};
	while (at < file_size) {
		size_t frame = ZSTD_findFrameCompressedSize(data + at, file_size - at);

		assert_false(ZSTD_isError(frame));
		out_size = ZSTD_decompress(out, sizeof(out), data + at, frame);
		assert_false(ZSTD_isError(out_size));
		contents__add(begun, out, out_size);
		at += frame;
		if (at > size)
			return;
		*whole = *begun;
	}
}

/* The report of these bytes as JSON: its exit status; the error output is without the file's name.
 */
static int report_bytes(const uint8_t *data, size_t size, char **ret_out, char **ret_err)
{
	int fd = memfd_create("piece", MFD_CLOEXEC), status;
	char words[64], *err;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), size);
	snprintf(words, sizeof(words), "/proc/self/fd/%d -F json", fd);
	status = saved__report(words, ret_out, &err);
	close(fd);
	*ret_err = strdup(*err ? err + strlen("memtrace: ") + strcspn(words, " ") : "");
	assert_non_null(*ret_err);
	free(err);
	return status;
}

/*
 * A piece of a recording: its report has all that is in its whole frames, and no more than what is
 * in the one that is cut. It ends with the last record, and says so.
 */
static void check_piece(const char *name, const uint8_t *data, size_t file_size, size_t size)
{
	struct contents whole, begun;
	double duration_ns;
	char *out, *err;
	json_t *json;
	int status = report_bytes(data, size, &out, &err);

	if (size < sizeof(struct mt_recording_header)) {
		assert_int_equal(status, STATUS_FAILURE);
		assert_string_equal(out, "");
		assert_string_equal(err, !size	    ? " is empty\n"
					 : size < 8 ? " is not a recording of memtrace\n"
						    : " ends within its header\n");
		free(out);
		free(err);
		return;
	}
	if (status)
		fail_msg("%s, %zu bytes: %s", name, size, err);
	json = saved__parse(out);
	contents__read(&whole, &begun, data, file_size, size);
	assert_in_range(live__sum(json, "check.observed"), whole.nr_faults, begun.nr_faults);
	duration_ns = json_real_value(live__at(json, "session.duration_s")) * 1e9;
	/* JSON has microseconds. */
	assert_true(duration_ns >= (double)(whole.last_ns - whole.first_ns) - 1000);
	if (whole.ended) {
		assert_string_equal(err, "");
		assert_string_not_equal(live__text(json, "session.ended_by"), "cut_off");
	} else {
		assert_string_equal(live__text(json, "session.ended_by"), "cut_off");
		assert_int_equal(strncmp(err, " is incomplete: it breaks off ", 30), 0);
	}
	json_decref(json);
	free(err);
}

/* A recording, to be freed. */
static uint8_t *read_recording(const char *name, size_t *ret_size)
{
	char path[256];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), SAVED_DIR "%s.mtr", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	*ret_size = (size_t)st.st_size;
	return (uint8_t *)saved__read_fd(fd);
}

static void check_pieces(const char *name)
{
	size_t size;
	uint8_t *data = read_recording(name, &size);

	for (size_t percent = 0; percent <= 100; percent++)
		check_piece(name, data, size, size * percent / 100);
	free(data);
}

/* At every percent of one recording after the other. */
static void test_pieces(void **state)
{
	(void)state;
	saved__for_each(check_pieces);
}

/* It works, says these words of the file, and ends so. */
static void check_words(const uint8_t *data, size_t size, const char *words, const char *ended_by)
{
	char *out, *err;
	json_t *json;

	assert_int_equal(report_bytes(data, size, &out, &err), 0);
	if (strncmp(err, words, strlen(words)))
		fail_msg("not \"%s\" but \"%s\"", words, err);
	/* One line, which is whole. */
	assert_ptr_equal(strchr(err, '\n'), err + strlen(err) - 1);
	json = saved__parse(out);
	assert_string_equal(live__text(json, "session.ended_by"), ended_by);
	json_decref(json);
	free(err);
}

/* What is said of a recording that is not as it was, and what its report says of the end. */
static void test_words(void **state)
{
	size_t size, begin = sizeof(struct mt_recording_header);
	uint8_t *data = read_recording("demo", &size), *longer = malloc(2 * size);
	size_t first = ZSTD_findFrameCompressedSize(data + begin, size - begin);

	(void)state;
	assert_non_null(longer);
	memcpy(longer, data, size);
	memcpy(longer + size, data, size);
	check_words(longer, 2 * size, " goes on after its end, at byte ", "target_exit");
	check_words(data, begin, " is incomplete: it breaks off before its first record\n",
		    "cut_off");
	check_words(data, size - 100, " is incomplete: it breaks off after ", "cut_off");
	data[begin + first + 20] ^= 0xff;
	check_words(data, size, " is damaged at byte ", "cut_off");
	data[begin + 20] ^= 0xff;
	check_words(data, size, " is damaged: it breaks off before its first record\n", "cut_off");
	free(longer);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests_name("replay", tests, saved__set_looks, NULL);
}
