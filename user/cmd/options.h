/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line, parsed once. */
#ifndef MEMTRACE_OPTIONS_H
#define MEMTRACE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum verb {
	VERB_TRACE, /* without a name of its own: trace live, report at the end */
	VERB_RECORD,
	VERB_REPORT,
	VERB_EXPORT,
	VERB_DIFF,
	VERB_DOCTOR,
	NR_VERBS,
};

enum output_format {
	FORMAT_TEXT,
	FORMAT_JSON,
	FORMAT_NDJSON, /* the events themselves, a line each */
	FORMAT_CSV,
};

static inline bool format__is_stream(enum output_format format)
{
	return format == FORMAT_NDJSON || format == FORMAT_CSV;
}

enum exit_status {
	STATUS_OK = 0,
	STATUS_FAILURE = 1,
	STATUS_USAGE = 2,
	STATUS_UNSUPPORTED = 77, /* this kernel cannot do it */
	STATUS_NOT_EXECUTABLE = 126,
	STATUS_NOT_FOUND = 127,
};

#define OPTIONS_MAX_FILES 2

struct options {
	enum verb verb;
	const char
		*files[OPTIONS_MAX_FILES]; /* recordings to read, borrowed from argv; "-": stdin */
	size_t nr_files;
	const char *keep; /* the recording to write, borrowed from argv; "-": stdout; NULL: none */
	bool force;	  /* also where that would replace a file */
	struct {
		uint32_t *items;
		size_t nr, cap;
	} pids;
	bool all;
	bool follow;
	char **command;	   /* NULL-terminated, borrowed from argv; NULL: none */
	double duration_s; /* 0: until the end of the target, or a signal */
	double interval_s; /* 0: no lines while it runs */
	enum output_format format;
	const char *output;	/* borrowed from argv; NULL: standard output */
	const char *on_hit;	/* a command for a shell, borrowed from argv; NULL: none */
	uint64_t slow_ns;	/* list faults that took as long; 0: none */
	unsigned int only_ways; /* --probe: of enum fault_way, a bit; 0: any */
	size_t top;
	bool quiet;
	bool verbose;
};

/*
 * Parses argv: 0, or the exit status with which to end, its one line printed. --help and --version
 * print and end the program. options__release() in any case.
 */
int options__parse(int argc, char **argv, struct options *opt);
void options__release(struct options *opt);

/* What is traced, in words: "pid 1, 2", "every process", "command sleep 1". */
void options__describe_target(const struct options *opt, char *text, size_t size);

#endif
