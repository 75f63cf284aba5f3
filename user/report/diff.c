// SPDX-License-Identifier: GPL-2.0-or-later
/* What the processes of two reports that belong together have together. */
#include "report/diff.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/diff_match.h"
#include "report/diff_warning.h"

static int64_t add(int64_t a, int64_t b)
{
	int64_t sum;

	if (a == DIFF_UNKNOWN || b == DIFF_UNKNOWN)
		return DIFF_UNKNOWN;
	if (__builtin_add_overflow(a, b, &sum))
		return a < 0 ? -INT64_MAX : INT64_MAX;
	return sum == DIFF_UNKNOWN ? -INT64_MAX : sum;
}

static int64_t fold(enum diff_kind kind, int64_t a, int64_t b)
{
	if (kind != DIFF_LARGEST || a == DIFF_UNKNOWN || b == DIFF_UNKNOWN)
		return add(a, b);
	return a > b ? a : b;
}

static int64_t worst(int64_t a, int64_t b)
{
	if (a == DIFF_UNKNOWN || b == DIFF_UNKNOWN)
		return a == DIFF_UNKNOWN ? b : a;
	return a > b ? a : b;
}

static void add_process(struct diff_process *out, enum diff_side side,
			const struct report_process *process)
{
	out->nr[side]++;
	for (size_t i = 0; i < out->nr_rows; i++) {
		struct diff_row *row = &out->rows[i];
		const struct diff_metric *metric = row->metric;
		int64_t value = metric->get(process, row->index);

		if (metric->kind != DIFF_WORST)
			row->value[side] = fold(metric->kind, row->value[side], value);
		else
			row->value[side] =
				out->nr[side] == 1 ? value : worst(row->value[side], value);
	}
}

static int make_rows(struct diff_process *out)
{
	for (size_t i = 0; i < NR_DIFF_METRICS; i++)
		out->nr_rows += diff_metrics[i].nr ?: 1;
	out->rows = calloc(out->nr_rows, sizeof(*out->rows));
	if (!out->rows)
		return -ENOMEM;
	out->nr_rows = 0;
	for (size_t i = 0; i < NR_DIFF_METRICS; i++)
		for (unsigned int k = 0; k < (diff_metrics[i].nr ?: 1); k++)
			out->rows[out->nr_rows++] =
				(struct diff_row){.metric = &diff_metrics[i], .index = k};
	return 0;
}

static int add_group(struct diff_process *out, const struct diff_group *group)
{
	for (size_t i = 0; i < group->nr; i++) {
		const struct diff_entry *entry = &group->entries[i];

		if (!out->nr[entry->side] && entry->process->exe) {
			out->exe[entry->side] = strdup(entry->process->exe);
			if (!out->exe[entry->side])
				return -ENOMEM;
		}
		add_process(out, entry->side, entry->process);
	}
	return 0;
}

double diff_row__number(const struct diff_row *row, enum diff_side side)
{
	return row->value[side] == DIFF_UNKNOWN ? NAN : (double)row->value[side];
}

double diff_row__rate(const struct diff *diff, const struct diff_row *row, enum diff_side side)
{
	double duration_s = diff->report[side]->session.duration_s;

	if (!(duration_s > 0) || !diff_metric__adds_up(row->metric))
		return NAN;
	return diff_row__number(row, side) / duration_s;
}

double diff_row__compared(const struct diff *diff, const struct diff_row *row, enum diff_side side)
{
	return diff->basis == DIFF_BY_RATE && diff_metric__adds_up(row->metric)
		       ? diff_row__rate(diff, row, side)
		       : diff_row__number(row, side);
}

/* How far apart the sides are, whichever is larger; what is not known is no change. */
static double distance(const struct diff *diff, const struct diff_row *row)
{
	double change =
		diff_row__compared(diff, row, DIFF_B) - diff_row__compared(diff, row, DIFF_A);

	return isnan(change) ? 0 : fabs(change);
}

/* The largest change first; of equals, the larger. */
static bool comes_first(const struct diff *diff, const struct diff_row *a, const struct diff_row *b)
{
	double da = distance(diff, a), db = distance(diff, b);

	return da != db ? da > db : a->value[DIFF_B] > b->value[DIFF_B];
}

/* A handful of them. */
static void sort_rows(const struct diff *diff, struct diff_row *rows, size_t nr)
{
	for (size_t i = 1; i < nr; i++) {
		struct diff_row row = rows[i];
		size_t k = i;

		for (; k && comes_first(diff, &row, &rows[k - 1]); k--)
			rows[k] = rows[k - 1];
		rows[k] = row;
	}
}

static const char *cause_way(const struct report *report)
{
	for (size_t i = 0; i < report->nr_probes; i++)
		if (!strcmp(report->probes[i].fact, "fault causes"))
			return report->probes[i].via;
	return "";
}

bool diff__same_causes(const struct diff *diff)
{
	return !strcmp(cause_way(diff->report[DIFF_A]), cause_way(diff->report[DIFF_B]));
}

static void finish_process(const struct diff *diff, struct diff_process *process)
{
	bool same_causes = diff__same_causes(diff);
	size_t end;

	for (size_t i = 0; i < process->nr_rows; i++)
		if (process->rows[i].metric == &diff_metrics[DIFF_BY_CAUSE] && !same_causes)
			process->rows[i].value[DIFF_A] = process->rows[i].value[DIFF_B] =
				DIFF_UNKNOWN;
	for (size_t i = 0; i < process->nr_rows; i = end) {
		for (end = i + 1; end < process->nr_rows &&
				  process->rows[end].metric == process->rows[i].metric;)
			end++;
		sort_rows(diff, &process->rows[i], end - i);
	}
}

static int by_change(const void *a, const void *b, void *ctx)
{
	static const enum diff_metric_id ids[] = {DIFF_FAULTS, DIFF_HEAP_PEAK, DIFF_HEAP_GROWTH};
	const struct diff_process *pa = a, *pb = b;
	int order = 0;

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]) && !order; i++) {
		double da = distance(ctx, diff_process__row(pa, ids[i]));
		double db = distance(ctx, diff_process__row(pb, ids[i]));

		order = (da < db) - (da > db);
	}
	order = order ?: strcmp(pa->comm, pb->comm);
	order = order ?: diff__compare_exe(pa->exe[DIFF_A], pb->exe[DIFF_A]);
	return order ?: diff__compare_exe(pa->exe[DIFF_B], pb->exe[DIFF_B]);
}

static int build_process(struct diff *diff, const struct diff_group *group)
{
	struct diff_process *out = &diff->processes[diff->nr_processes++];
	int err = make_rows(out);

	out->comm = strdup(group->entries->process->comm);
	if (!err && !out->comm)
		err = -ENOMEM;
	if (!err)
		err = add_group(out, group);
	if (!err && group->elsewhere)
		err = add_group(out, group->elsewhere);
	if (!err)
		finish_process(diff, out);
	return err;
}

static int build_processes(struct diff *diff, const struct diff_groups *groups)
{
	int err = 0;

	diff->processes = calloc(groups->nr + 1, sizeof(*diff->processes));
	if (!diff->processes)
		return -ENOMEM;
	for (size_t i = 0; i < groups->nr && !err; i++)
		if (!groups->items[i].taken)
			err = build_process(diff, &groups->items[i]);
	if (!err)
		qsort_r(diff->processes, diff->nr_processes, sizeof(*diff->processes), by_change,
			diff);
	return err;
}

static int build_all(struct diff *diff)
{
	int err = make_rows(&diff->all);

	if (err)
		return err;
	for (enum diff_side side = 0; side < DIFF_SIDES; side++)
		for (size_t i = 0; i < diff->report[side]->nr_processes; i++)
			add_process(&diff->all, side, &diff->report[side]->processes[i]);
	finish_process(diff, &diff->all);
	return 0;
}

static int build(struct diff *diff)
{
	struct diff_groups groups;
	int err = diff_groups__make(diff->report, &groups);

	if (!err)
		err = build_all(diff) ?: build_processes(diff, &groups);
	diff_groups__release(&groups);
	return err ?: diff__warn(diff);
}

static enum diff_basis choose_basis(const struct report *a, const struct report *b)
{
	double a_s = a->session.duration_s, b_s = b->session.duration_s;

	if (!(a_s > 0) || !(b_s > 0))
		return DIFF_BY_TOTAL_NO_TIME;
	if (fabs(a_s - b_s) <= DIFF_NOTABLE * fmax(a_s, b_s))
		return DIFF_BY_TOTAL;
	/* Of a whole run, how long it took is a result, and no measure of the rest. */
	return a->session.whole_run && b->session.whole_run ? DIFF_BY_TOTAL_WHOLE_RUNS
							    : DIFF_BY_RATE;
}

int diff__build(const struct report *a, const struct report *b, const char *a_file,
		const char *b_file, struct diff **ret)
{
	struct diff *diff = calloc(1, sizeof(*diff));
	int err;

	if (!diff)
		return -ENOMEM;
	*diff = (struct diff){
		.report = {a, b}, .file = {a_file, b_file}, .basis = choose_basis(a, b)};
	err = build(diff);
	if (err) {
		diff__free(diff);
		return err;
	}
	*ret = diff;
	return 0;
}

static void process__release(struct diff_process *process)
{
	free(process->comm);
	for (enum diff_side side = 0; side < DIFF_SIDES; side++)
		free(process->exe[side]);
	free(process->rows);
}

void diff__free(struct diff *diff)
{
	if (!diff)
		return;
	for (size_t i = 0; i < diff->warnings.nr; i++)
		free(diff->warnings.items[i].text);
	free(diff->warnings.items);
	for (size_t i = 0; i < diff->nr_processes; i++)
		process__release(&diff->processes[i]);
	free(diff->processes);
	process__release(&diff->all);
	free(diff);
}

const struct diff_row *diff_process__row(const struct diff_process *process, enum diff_metric_id id)
{
	const struct diff_row *row = process->rows;

	while (row->metric != &diff_metrics[id])
		row++;
	return row;
}

int64_t diff_row__change(const struct diff_row *row)
{
	int64_t a = row->value[DIFF_A];

	return add(row->value[DIFF_B], a == DIFF_UNKNOWN ? a : -a);
}

double diff__percent(double from, double to)
{
	if (!(from > 0) || !(to >= 0))
		return NAN;
	return (to - from) / from * 100;
}
