/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `memtrace report` within the test program, on the recordings that are here. */
#ifndef SAVED_H
#define SAVED_H

#include "bpf/live.h"

#define SAVED_DIR "tests/replay/"

/* As scripts/record-replays has it that makes what is expected: a setup of cmocka's. */
int saved__set_looks(void **state);

/* All of a file, to be freed: NAME.kind, or an open one, which is closed. */
char *saved__read(const char *name, const char *kind);
char *saved__read_fd(int fd);

/* The command, with these words: its exit status, and what is on both streams, to be freed. */
int saved__report(const char *words, char **ret_out, char **ret_err);
/* The report of NAME.mtr, of which nothing else is said. */
char *saved__report_whole(const char *name, const char *options);

/* JSON, which is freed. */
json_t *saved__parse(char *text);

/* Every recording that is here. */
void saved__for_each(void (*check)(const char *name));

#endif
