// SPDX-License-Identifier: GPL-2.0-or-later
/* The rows of one process: the high-water marks of its threads' stacks. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"
#include "model/stack_mark.h"
#include "report/process.h"
#include "report/report.h"

static int add_row(const struct stack_mark *mark, uint32_t tid, const char *comm,
		   struct report_process *row)
{
	struct report_stack_mark *out = &row->stack.threads[row->stack.nr_threads];

	if (!mark->end)
		return 0;
	*out = (struct report_stack_mark){
		.tid = tid,
		.comm = strndup(comm, MT_COMM_BYTES),
		.size_bytes = mark->end - mark->start,
		.peak_bytes = stack_mark__peak_bytes(mark),
		.misses = stack_mark__misses(mark),
	};
	if (!out->comm)
		return -ENOMEM;
	row->stack.nr_threads++;
	return 0;
}

static double used(const struct report_stack_mark *mark)
{
	return mark->peak_bytes == BYTES_UNKNOWN
		       ? -1
		       : (double)mark->peak_bytes / (double)mark->size_bytes;
}

static int by_used(const void *a, const void *b)
{
	const struct report_stack_mark *ma = a, *mb = b;

	if (used(ma) != used(mb))
		return used(ma) > used(mb) ? -1 : 1;
	return (ma->tid > mb->tid) - (ma->tid < mb->tid);
}

int report_stack_marks__build(const struct process *proc, struct report_process *row)
{
	const struct thread *thread, *next;
	int err = 0;

	row->stack.threads = calloc(HASH_COUNT(proc->threads) + proc->stack.kept_marks.nr + 1,
				    sizeof(*row->stack.threads));
	if (!row->stack.threads)
		return -ENOMEM;
	HASH_ITER (hh, proc->threads, thread, next)
		err = err
			      ?: add_row(&thread->stack, thread->tid,
					 *thread->comm ? thread->comm : proc->comm, row);
	for (size_t i = 0; i < proc->stack.kept_marks.nr && !err; i++) {
		const struct kept_mark *kept = &proc->stack.kept_marks.items[i];

		err = add_row(&kept->mark, kept->tid, *kept->comm ? kept->comm : proc->comm, row);
	}
	qsort(row->stack.threads, row->stack.nr_threads, sizeof(*row->stack.threads), by_used);
	return err;
}
