/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The recording of a live test, and what `memtrace report` and `export` make of it. */
#ifndef RECORDING_H
#define RECORDING_H

#include "live.h"

/* In the test's directory. */
#define RECORDING_NAME "run.mtr"
#define RECORDING_PATH_BYTES 128
/* All rows of every table. */
#define RECORDING_ALL "-n 100000"

/* Where it is, in a buffer of that size. */
const char *recording__path(struct live *live, char *path);

/* The report, with these options. It has said just these words among others; NULL: nothing. */
struct live_process *recording__report(struct live *live, const char *options, const char *words);
json_t *recording__report_json(struct live *live, const char *words);
/* Its events, as a file of this name beside it. */
void recording__export(struct live *live, const char *format, const char *name);

#endif
