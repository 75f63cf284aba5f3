// SPDX-License-Identifier: GPL-2.0-or-later
/* Which processes of two reports belong together. */
#include "report/diff_match.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"

#define DELETED " (deleted)"

int diff__compare_exe(const char *a, const char *b)
{
	if (!a || !b)
		return !!a - !!b;
	return strcmp(a, b);
}

static int by_key(const void *a, const void *b)
{
	const struct diff_entry *ea = a, *eb = b;
	int order = strcmp(ea->process->comm, eb->process->comm);

	order = order ?: diff__compare_exe(ea->process->exe, eb->process->exe);
	/* Of equals the order must not depend on the sort: names are taken from the first. */
	order = order ?: (int)ea->side - (int)eb->side;
	return order ?: (ea->process > eb->process) - (ea->process < eb->process);
}

static int by_program(const void *a, const void *b)
{
	const struct diff_group *ga = *(struct diff_group *const *)a,
				*gb = *(struct diff_group *const *)b;
	int order = strcmp(ga->entries->process->comm, gb->entries->process->comm);

	if (order)
		return order;
	if (ga->program_len != gb->program_len)
		return ga->program_len < gb->program_len ? -1 : 1;
	order = ga->program_len ? memcmp(ga->program, gb->program, ga->program_len) : 0;
	return order ?: (ga > gb) - (ga < gb);
}

static bool same_comm(const struct diff_group *a, const struct diff_group *b)
{
	return !strcmp(a->entries->process->comm, b->entries->process->comm);
}

static bool same_program(const struct diff_group *a, const struct diff_group *b)
{
	return same_comm(a, b) && a->program_len && a->program_len == b->program_len &&
	       !memcmp(a->program, b->program, a->program_len);
}

static void group__set_program(struct diff_group *group)
{
	const char *exe = group->entries->process->exe;
	size_t len, deleted = strlen(DELETED);

	if (!exe)
		return;
	group->program = path__last(exe);
	len = strlen(group->program);
	if (len > deleted && !strcmp(group->program + len - deleted, DELETED))
		len -= deleted;
	group->program_len = len;
}

/* The groups, in the order of their keys; groups[] has room for as many as there are entries. */
static size_t group_entries(struct diff_entry *entries, size_t nr, struct diff_group *groups)
{
	struct diff_group *group = NULL;
	size_t nr_groups = 0;

	qsort(entries, nr, sizeof(*entries), by_key);
	for (size_t i = 0; i < nr; i++) {
		const struct report_process *process = entries[i].process;

		if (!group || strcmp(group->entries->process->comm, process->comm) ||
		    diff__compare_exe(group->entries->process->exe, process->exe)) {
			group = &groups[nr_groups++];
			*group = (struct diff_group){.entries = &entries[i]};
			group__set_program(group);
		}
		group->nr++;
		group->nr_of[entries[i].side]++;
	}
	return nr_groups;
}

static bool is_left(const struct diff_group *group)
{
	return (!group->nr_of[DIFF_A] || !group->nr_of[DIFF_B]) && !group->elsewhere &&
	       !group->taken;
}

/* Of what is in one recording only and has no match yet: those that are the same, once in each. */
static int match_left(struct diff_group *groups, size_t nr,
		      bool (*same)(const struct diff_group *a, const struct diff_group *b))
{
	struct diff_group **left = calloc(nr + 1, sizeof(*left));
	size_t nr_left = 0, end;

	if (!left)
		return -ENOMEM;
	for (size_t i = 0; i < nr; i++)
		if (is_left(&groups[i]))
			left[nr_left++] = &groups[i];
	qsort(left, nr_left, sizeof(*left), by_program);
	for (size_t i = 0; i < nr_left; i = end) {
		struct diff_group *first = left[i], *second = i + 1 < nr_left ? left[i + 1] : NULL;

		for (end = i + 1; end < nr_left && same(first, left[end]);)
			end++;
		if (end - i != 2 || !first->nr_of[DIFF_A] == !second->nr_of[DIFF_A])
			continue;
		first->elsewhere = second;
		second->taken = true;
	}
	free(left);
	return 0;
}

int diff_groups__make(const struct report *const reports[], struct diff_groups *ret)
{
	size_t most = reports[DIFF_A]->nr_processes + reports[DIFF_B]->nr_processes, nr = 0;

	*ret = (struct diff_groups){
		.entries = calloc(most + 1, sizeof(*ret->entries)),
		.items = calloc(most + 1, sizeof(*ret->items)),
	};
	if (!ret->entries || !ret->items)
		return -ENOMEM;
	for (enum diff_side side = 0; side < DIFF_SIDES; side++)
		for (size_t i = 0; i < reports[side]->nr_processes; i++)
			ret->entries[nr++] = (struct diff_entry){
				.process = &reports[side]->processes[i], .side = side};
	ret->nr = group_entries(ret->entries, nr, ret->items);
	/*
	 * A deploy leaves a program in another directory. And the exe of a command is the path that
	 * was executed, that of what ran before the file: with a symbolic link two names.
	 */
	return match_left(ret->items, ret->nr, same_program)
		       ?: match_left(ret->items, ret->nr, same_comm);
}

void diff_groups__release(struct diff_groups *groups)
{
	free(groups->entries);
	free(groups->items);
}
