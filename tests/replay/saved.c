// SPDX-License-Identifier: GPL-2.0-or-later
#include "saved.h"

#include <fcntl.h>
#include <glob.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "cmd/options.h"
#include "cmd/replay.h"

#define MAX_WORDS 16

char *saved__read_fd(int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);
	char *text = calloc(1, (size_t)size + 1);

	assert_non_null(text);
	assert_int_equal(pread(fd, text, (size_t)size, 0), size);
	close(fd);
	return text;
}

char *saved__read(const char *name, const char *kind)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), SAVED_DIR "%s.%s", name, kind);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail_msg("%s: not there", path);
	return saved__read_fd(fd);
}

/* A stream of ours goes into memory; what it was comes back by stream__restore(). */
static int stream__divert(FILE *stream, int *ret_memory)
{
	int before;

	fflush(stream);
	before = fcntl(fileno(stream), F_DUPFD_CLOEXEC, 10);
	*ret_memory = memfd_create("said", MFD_CLOEXEC);
	assert_true(before >= 0 && *ret_memory >= 0);
	assert_true(dup2(*ret_memory, fileno(stream)) >= 0);
	return before;
}

static char *stream__restore(FILE *stream, int before, int memory)
{
	fflush(stream);
	assert_true(dup2(before, fileno(stream)) >= 0);
	close(before);
	return saved__read_fd(memory);
}

int saved__report(const char *words, char **ret_out, char **ret_err)
{
	char text[512], *argv[MAX_WORDS + 1], *rest = text;
	int argc = 0, out, err, out_before, err_before, status;
	struct options opt;

	snprintf(text, sizeof(text), "memtrace report %s", words);
	while (argc < MAX_WORDS && (argv[argc] = strtok_r(rest, " ", &rest)))
		argc++;
	argv[argc] = NULL;
	out_before = stream__divert(stdout, &out);
	err_before = stream__divert(stderr, &err);
	status = options__parse(argc, argv, &opt);
	if (!status)
		status = replay__run(&opt);
	options__release(&opt);
	*ret_err = stream__restore(stderr, err_before, err);
	*ret_out = stream__restore(stdout, out_before, out);
	return status;
}

char *saved__report_whole(const char *name, const char *options)
{
	char words[256], *out, *err;

	snprintf(words, sizeof(words), SAVED_DIR "%s.mtr %s", name, options);
	if (saved__report(words, &out, &err) || *err)
		fail_msg("%s: %s", words, err);
	free(err);
	return out;
}

void saved__for_each(void (*check)(const char *name))
{
	char name[128];
	glob_t found;

	assert_int_equal(glob(SAVED_DIR "*.mtr", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		snprintf(name, sizeof(name), "%s", found.gl_pathv[i] + strlen(SAVED_DIR));
		*strrchr(name, '.') = '\0';
		check(name);
	}
	globfree(&found);
}

int saved__set_looks(void **state)
{
	(void)state;
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		return -1;
	setenv("TZ", "UTC", 1);
	setenv("COLUMNS", "80", 1);
	tzset();
	return 0;
}

json_t *saved__parse(char *text)
{
	json_error_t error;
	json_t *json = json_loads(text, 0, &error);

	if (!json)
		fail_msg("%s in: %s", error.text, text);
	free(text);
	return json;
}
