// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The doctor tries what it tells of: it opens a live source that has no target, which loads and
 * attaches all that a run would, and takes it back at once.
 */
#include "cmd/doctor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include <bpf/libbpf.h>

#include "base/clock.h"
#include "cmd/message.h"
#include "cmd/output.h"
#include "cmd/terminal.h"
#include "render/render.h"
#include "report/doctor.h"
#include "source/checkup.h"
#include "source/probe.h"
#include "source/source.h"

static void text__copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from);
}

static const struct {
	const char *name;
	int (*look)(struct error *found);
} checks[] = {
	{"privileges", checkup__privileges},   {"BTF", checkup__btf},
	{"ring buffer", checkup__ring_buffer}, {"BPF helpers", checkup__helpers},
	{"page tables", checkup__page_tables}, {"lockdown", checkup__lockdown},
	{"RLIMIT_MEMLOCK", checkup__memlock},
};

#define NR_CHECKS (sizeof(checks) / sizeof(checks[0]))
_Static_assert(NR_CHECKS <= DOCTOR_MAX_CHECKS, "too many");

static void doctor__check(struct doctor *doctor)
{
	bool privileged = true;

	for (size_t i = 0; i < NR_CHECKS; i++) {
		struct doctor_check *check = &doctor->checks[doctor->nr_checks++];
		struct error found = {};
		int err = checks[i].look(&found);

		check->name = checks[i].name;
		check->answer = !err				    ? DOCTOR_YES
				: i && err == -EPERM && !privileged ? DOCTOR_UNKNOWN
								    : DOCTOR_NO;
		privileged &= i || !err;
		text__copy(check->detail, sizeof(check->detail),
			   check->answer == DOCTOR_UNKNOWN ? "only root can tell" : found.text);
	}
}

static enum doctor_answer doctor__answer_to(const struct doctor *doctor, const char *name)
{
	for (size_t i = 0; i < doctor->nr_checks; i++)
		if (!strcmp(doctor->checks[i].name, name))
			return doctor->checks[i].answer;
	return DOCTOR_UNKNOWN;
}

static enum doctor_answer probe__answer(const struct doctor *doctor, const struct probe *probe,
					const struct probe_kernel *kernel, struct error *why)
{
	bool tried = probe->how == PROBE_FENTRY || probe->how == PROBE_KPROBE ||
		     probe->how == PROBE_PERF || probe->how == PROBE_TABLES;

	if (tried && doctor__answer_to(doctor, "privileges") != DOCTOR_YES) {
		error__set(why, EPERM, "only root can tell");
		return DOCTOR_UNKNOWN;
	}
	if (probe->how == PROBE_TABLES) {
		error__set(why, ENOTSUP, "page tables cannot be read here");
		return doctor__answer_to(doctor, "page tables");
	}
	return probe__offered(probe, kernel, why) ? DOCTOR_YES : DOCTOR_NO;
}

static void doctor__list_ways(struct doctor_probe *row, unsigned int ways)
{
	size_t used = 0;

	for (enum fault_way way = 0; way < NR_WAYS; way++)
		if (ways >> way & 1)
			used += snprintf(row->probes + used, sizeof(row->probes) - used, "%s%s",
					 used ? ", " : "", fault_way__name(way));
}

/* The ways to page faults that may be there, and those that are. */
struct ways {
	unsigned int maybe, sure;
};

/* What goes with a way to page faults is there if the way is: those come first. */
static enum doctor_answer ways__bound(struct ways *ways, const struct probe *probe,
				      enum doctor_answer offered, struct error *why)
{
	if (!strcmp(probe->fact, probe__at(0)->fact)) {
		ways->maybe |= offered != DOCTOR_NO ? probe->ways : 0;
		ways->sure |= offered == DOCTOR_YES ? probe->ways : 0;
		return offered;
	}
	if (!probe->ways || offered != DOCTOR_YES || probe->ways & ways->sure)
		return offered;
	if (probe->ways & ways->maybe) {
		error__set(why, EPERM, "only root can tell");
		return DOCTOR_UNKNOWN;
	}
	error__set(why, ENOTSUP, "its probe of page faults is not to be had");
	return DOCTOR_NO;
}

static void doctor__look_at_probes(struct doctor *doctor)
{
	struct probe_kernel kernel;
	struct error why = {};
	const struct probe *probe;
	bool known = !probe_kernel__open(&kernel, &why);
	struct ways ways = {};

	for (size_t i = 0; (probe = probe__at(i)) && i < DOCTOR_MAX_PROBES; i++) {
		struct doctor_probe *row = &doctor->probes[doctor->nr_probes++];

		row->fact = probe->fact;
		row->via = probe->via;
		row->misses = probe->misses;
		doctor__list_ways(row, probe->ways);
		row->offered = known ? probe__answer(doctor, probe, &kernel, &why) : DOCTOR_NO;
		row->offered = ways__bound(&ways, probe, row->offered, &why);
		if (row->offered != DOCTOR_YES)
			text__copy(row->why, sizeof(row->why), why.text);
	}
	if (known)
		probe_kernel__close(&kernel);
}

/* The probes in use are among the records with which a source begins. */
static int doctor__take(void *ctx, const void *record, size_t size)
{
	const struct mt_probe *used = record;
	struct doctor *doctor = ctx;

	if (used->hdr.kind != MT_KIND_PROBE || size < sizeof(*used))
		return 0;
	for (size_t i = 0; i < doctor->nr_probes; i++)
		if (!strcmp(doctor->probes[i].fact, used->fact) &&
		    !strcmp(doctor->probes[i].via, used->via))
			doctor->probes[i].chosen = true;
	return 0;
}

static int doctor__try(struct doctor *doctor, const struct options *opt, struct error *error)
{
	const struct source_config config = {
		.interval_ns = NSEC_PER_SEC,
		.only_ways = opt->only_ways,
		.target = "",
	};
	struct source *source;
	int err = live__open(&config, doctor__take, doctor, error, &source);

	doctor->works = err ? DOCTOR_NO : DOCTOR_YES;
	if (err == -EPERM && doctor__answer_to(doctor, "privileges") != DOCTOR_YES)
		doctor->works = DOCTOR_UNKNOWN;
	if (err)
		text__copy(doctor->why, sizeof(doctor->why), error->text);
	else
		source->ops->free(source);
	return err;
}

static int doctor__write(const struct doctor *doctor, const struct options *opt,
			 struct error *error)
{
	struct render_options render;
	struct output out;
	int err = output__open(&out, opt->output, true, error);

	if (err)
		return err;
	terminal__options(out.stream, opt, &render);
	if (opt->format == FORMAT_JSON)
		err = render_json__doctor(doctor, out.stream);
	else
		err = render_text__doctor(doctor, &render, out.stream);
	return output__close(&out, err, error);
}

int doctor__run(const struct options *opt)
{
	struct doctor *doctor = calloc(1, sizeof(*doctor));
	struct error error = {}, trouble = {};
	struct utsname uts;
	int err, status;

	if (!doctor)
		return message__failure(&error, error__set(&error, ENOMEM, "out of memory"));
	if (!opt->verbose)
		libbpf_set_print(NULL);
	uname(&uts);
	doctor->version = MEMTRACE_VERSION;
	text__copy(doctor->kernel, sizeof(doctor->kernel), uts.release);
	text__copy(doctor->arch, sizeof(doctor->arch), uts.machine);
	doctor__check(doctor);
	doctor__look_at_probes(doctor);
	err = doctor__try(doctor, opt, &trouble);
	status = !err ? STATUS_OK : err == -ENOTSUP ? STATUS_UNSUPPORTED : STATUS_FAILURE;
	err = doctor__write(doctor, opt, &error);
	free(doctor);
	return err ? message__failure(&error, err) : status;
}
