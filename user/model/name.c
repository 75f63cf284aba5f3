// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/path.h"
#include "model/name.h"
#include "model/usage.h"

struct name_key {
	uint64_t ino;
	uint32_t dev_major;
	uint32_t dev_minor;
	uint32_t text_hash; /* of the last component */
	uint32_t pad;
};

struct name {
	struct name_key key;
	struct names *names;
	unsigned int refs;
	char *text;
	UT_hash_handle hh;
};

struct names {
	struct name *table;
	struct usage *usage;
};

struct names *names__new(struct usage *usage)
{
	struct names *names = calloc(1, sizeof(*names));

	if (names)
		names->usage = usage;
	return names;
}

static void name__destroy(struct name *name)
{
	struct usage *usage = name->names->usage;

	HASH_DELETE(hh, name->names->table, name);
	usage__free(usage, name->text, strlen(name->text));
	usage__free(usage, name, sizeof(*name));
}

void names__free(struct names *names)
{
	struct name *name, *next;

	if (!names)
		return;
	HASH_ITER (hh, names->table, name, next)
		name__destroy(name);
	free(names);
}

/* What /proc adds to the path of a file that has been unlinked, and the kernel's name has not. */
#define DELETED " (deleted)"

/* FNV-1a, 32 bits (Fowler, Noll, Vo). */
static uint32_t text__hash(const char *text)
{
	size_t len = strlen(text), mark = strlen(DELETED);
	uint32_t hash = 2166136261U;

	if (len > mark && !strcmp(text + len - mark, DELETED))
		len -= mark;
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)text[i]) * 16777619U;
	return hash;
}

static const char *last_component(const char *text)
{
	return *text == '/' ? path__last(text) : text;
}

/* The longer text wins: a path over its last component. */
static void name__improve(struct name *name, const char *text)
{
	char *copy;

	if (strlen(text) <= strlen(name->text))
		return;
	copy = strdup(text);
	if (!copy)
		return;
	usage__add(name->names->usage, strlen(copy));
	usage__free(name->names->usage, name->text, strlen(name->text));
	name->text = copy;
}

static struct name *names__add(struct names *names, const struct name_key *key, const char *text)
{
	struct name *name = calloc(1, sizeof(*name));

	if (!name)
		return NULL;
	name->text = strdup(text);
	name->key = *key;
	name->names = names;
	name->refs = 1;
	if (name->text)
		HASH_ADD(hh, names->table, key, sizeof(name->key), name);
	if (!hash__added(name)) {
		free(name->text);
		free(name);
		return NULL;
	}
	usage__add(names->usage, sizeof(*name));
	usage__add(names->usage, strlen(text));
	return name;
}

struct name *names__get(struct names *names, uint32_t dev_major, uint32_t dev_minor, uint64_t ino,
			const char *text)
{
	struct name_key key = {
		.ino = ino,
		.dev_major = dev_major,
		.dev_minor = dev_minor,
		.text_hash = text__hash(last_component(text)),
	};
	struct name *name;

	HASH_FIND(hh, names->table, &key, sizeof(key), name);
	if (name) {
		name__improve(name, text);
		return name__hold(name);
	}
	return names__add(names, &key, text);
}

struct name *name__hold(struct name *name)
{
	if (name)
		name->refs++;
	return name;
}

void name__put(struct name *name)
{
	if (name && !--name->refs)
		name__destroy(name);
}

const char *name__text(const struct name *name)
{
	return name ? name->text : "";
}

struct name_file name__file(const struct name *name)
{
	return (struct name_file){name->key.dev_major, name->key.dev_minor, name->key.ino};
}
