/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words that memtrace may be called with, the options that each takes, and what --help says. */
#ifndef MEMTRACE_VERBS_H
#define MEMTRACE_VERBS_H

#include <argp.h>

#include "cmd/options.h"

struct verb_info {
	const char *program; /* as the user calls it */
	const char *name;    /* the word; NULL: none */
	const char *args;
	const char *doc;
	size_t nr_files;	   /* recordings that it reads */
	unsigned int formats;	   /* a bit for each */
	enum output_format format; /* unless told otherwise */
};

extern const struct verb_info verbs[NR_VERBS];

static inline bool verb__traces(enum verb verb)
{
	return verb == VERB_TRACE || verb == VERB_RECORD;
}

/* The verb of this name; VERB_TRACE: none has it. */
enum verb verb__named(const char *name);

/* The verb that may have been meant by a word that is none; VERB_TRACE: it is like none. */
enum verb verb__like(const char *word);

/* An option, or with neither name nor key a heading, and the verbs that have it, a bit for each. */
struct verb_option {
	unsigned int verbs;
	struct argp_option option;
};

/* Keys of the options without a letter. */
#define KEY_RECORD 0x100
#define KEY_FORCE 0x101
#define KEY_SLOW 0x102
#define KEY_PROBE 0x103
#define KEY_ON_HIT 0x104

#define MAX_VERB_OPTIONS 40
extern const struct verb_option verb_options[]; /* ended by one of no verb */

/* Those of one verb, for argp: ended by an empty one. */
void verb__options(enum verb verb, struct argp_option options[MAX_VERB_OPTIONS]);

#endif
