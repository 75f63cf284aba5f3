// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/function.h"
#include "model/mirror.h"
#include "model/name.h"
#include "model/usage.h"

static struct function *functions__at(const struct functions *functions, const struct name *file,
				      uint64_t file_offset)
{
	struct function_key key = {(uint64_t)(uintptr_t)file, file_offset};
	struct function *function;

	HASH_FIND(hh, functions->table, &key, sizeof(key), function);
	return function;
}

static struct function *functions__add(struct functions *functions, struct name *file,
				       uint64_t file_offset)
{
	struct function *function = usage__alloc(functions->usage, sizeof(*function));

	if (!function)
		return NULL;
	function->key = (struct function_key){(uint64_t)(uintptr_t)file, file_offset};
	HASH_ADD(hh, functions->table, key, sizeof(function->key), function);
	if (!hash__added(function)) {
		usage__free(functions->usage, function, sizeof(*function));
		return NULL;
	}
	function->file = name__hold(file);
	return function;
}

int functions__ask(struct functions *functions, const struct vma *vma, uint64_t ip, uint32_t pid)
{
	uint64_t file_offset = ip - vma->start + vma->offset;
	struct function *function;

	if (!vma->name || HASH_COUNT(functions->table) >= MAX_FUNCTIONS ||
	    functions__at(functions, vma->name, file_offset))
		return 0;
	function = functions__add(functions, vma->name, file_offset);
	if (!function)
		return -ENOMEM;
	function->asked = true;
	function->pid = pid;
	function->start = vma->start;
	function->end = vma->end;
	if (!functions->next)
		functions->next = function;
	return 0;
}

struct function *functions__take_asked(struct functions *functions)
{
	struct function *function = functions->next;

	while (function && !function->asked)
		function = function->hh.next;
	functions->next = function ? function->hh.next : NULL;
	return function;
}

int functions__take(struct functions *functions, struct names *names, const struct mt_symbol *rec)
{
	struct name *file = names__get(names, rec->dev_major, rec->dev_minor, rec->ino, rec->file);
	struct function *function;

	if (!file)
		return -ENOMEM;
	function = functions__at(functions, file, rec->file_offset);
	if (!function && HASH_COUNT(functions->table) < MAX_FUNCTIONS)
		function = functions__add(functions, file, rec->file_offset);
	name__put(file);
	if (!function || function->symbol || !*rec->symbol)
		return 0;
	function->offset = rec->offset;
	function->symbol = strdup(rec->symbol);
	if (!function->symbol)
		return -ENOMEM;
	usage__add(functions->usage, strlen(function->symbol));
	return 0;
}

const struct function *functions__find(const struct functions *functions, const struct name *file,
				       uint64_t file_offset)
{
	const struct function *function = functions__at(functions, file, file_offset);

	return function && function->symbol ? function : NULL;
}

void functions__release(struct functions *functions)
{
	struct function *function, *next;

	HASH_ITER (hh, functions->table, function, next) {
		HASH_DELETE(hh, functions->table, function);
		name__put(function->file);
		if (function->symbol)
			usage__sub(functions->usage, strlen(function->symbol));
		free(function->symbol);
		usage__free(functions->usage, function, sizeof(*function));
	}
}
