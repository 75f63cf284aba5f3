// SPDX-License-Identifier: GPL-2.0-or-later
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "cmd/refused.h"
#include "cmd/verbs.h"

/* One word of the command line. */
struct word {
	enum verb verb;
	const char *text;
	bool is_last;
	bool takes_next; /* the next word is its value */
	bool told;	 /* it is what was refused, and the error says so */
	struct error *error;
};

#define tell(word, ...)                                                                            \
	do {                                                                                       \
		error__set((word)->error, EINVAL, __VA_ARGS__);                                    \
		(word)->told = true;                                                               \
	} while (0)

/* With this letter: of the verb, or of any other. */
static const struct argp_option *find_letter(enum verb verb, char letter, bool other)
{
	for (const struct verb_option *row = verb_options; row->verbs; row++)
		if (row->option.key == letter && (row->verbs >> verb & 1) != other)
			return &row->option;
	return NULL;
}

/* Whose name begins so, likewise; *matches: how many do, 1 if it is a whole name. */
static const struct argp_option *find_name(enum verb verb, const char *name, size_t len, bool other,
					   size_t *matches)
{
	const struct argp_option *found = NULL;

	*matches = 0;
	for (const struct verb_option *row = verb_options; row->verbs; row++) {
		const struct argp_option *option = &row->option;

		if (!option->name || strncmp(option->name, name, len) ||
		    (row->verbs >> verb & 1) == other)
			continue;
		*matches += !found || strcmp(found->name, option->name);
		found = option;
		if (!option->name[len]) {
			*matches = 1;
			break;
		}
	}
	return found;
}

/* "-aZ": a letter that the verb does not have. */
static void explain_letter(struct word *word, char letter)
{
	if (find_letter(word->verb, letter, true))
		tell(word, "%s takes no -%c", verbs[word->verb].program, letter);
	else if (isgraph((unsigned char)letter))
		tell(word, "unknown option '-%c'", letter);
	else /* a byte of a character that has more */
		tell(word, "unknown option '%s'", word->text);
}

static void explain_letters(struct word *word)
{
	for (const char *letter = word->text + 1; *letter; letter++) {
		const struct argp_option *option = find_letter(word->verb, *letter, false);

		if (!option) {
			explain_letter(word, *letter);
			return;
		}
		if (!option->arg)
			continue;
		word->takes_next = !letter[1];
		if (word->takes_next && word->is_last)
			tell(word, "-%c needs a value", *letter);
		return;
	}
}

/* "--name" or "--name=value". A name may be cut short where one option is meant. */
static void explain_name(struct word *word)
{
	const char *name = word->text + 2;
	size_t len = strcspn(name, "="), matches;
	const struct argp_option *option = find_name(word->verb, name, len, false, &matches);

	if (matches > 1) {
		tell(word, "'%s' may be more than one option", word->text);
	} else if (!option) {
		option = find_name(word->verb, name, len, true, &matches);
		if (matches == 1)
			tell(word, "%s takes no --%s", verbs[word->verb].program, option->name);
		else
			tell(word, "unknown option '%s'", word->text);
	} else if (!option->arg && name[len]) {
		tell(word, "--%s takes no value", option->name);
	} else if (option->arg && !name[len] && word->is_last) {
		tell(word, "--%s needs a value", option->name);
	} else {
		word->takes_next = option->arg && !name[len];
	}
}

void refused__explain(enum verb verb, int argc, char **argv, struct error *error)
{
	for (int i = 1; i < argc; i++) {
		struct word word = {
			.verb = verb, .text = argv[i], .is_last = i == argc - 1, .error = error};

		if (argv[i][0] != '-' || !argv[i][1])
			continue;
		if (argv[i][1] == '-')
			explain_name(&word);
		else
			explain_letters(&word);
		if (word.told)
			return;
		i += word.takes_next;
	}
	error__set(error, EINVAL, "the options cannot be understood");
}
