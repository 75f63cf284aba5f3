// SPDX-License-Identifier: GPL-2.0-or-later
/* What the kernel offers, as text. */
#include <stdlib.h>
#include <string.h>

#include "render/render.h"
#include "render/text.h"
#include "report/doctor.h"

static void head(struct text *text, const struct doctor *doctor)
{
	char *kernel = text__safe(text, doctor->kernel);

	text__style(text, STYLE_BOLD);
	text__addf(text, "memtrace %s", doctor->version);
	text__style(text, STYLE_NONE);
	text__wrapf(text, 2, " on Linux %s, %s", kernel ? kernel : "", doctor->arch);
	text__end(text);
	free(kernel);
}

struct answers {
	struct {
		const char *word;
		enum text_style style;
	} of[3];
	unsigned int columns; /* of the widest, and what is between it and the next column */
};

static void answer(struct text *text, const struct answers *answers, enum doctor_answer answer)
{
	unsigned int column = text->column + answers->columns;

	text__style(text, answers->of[answer].style);
	text__add(text, answers->of[answer].word);
	text__style(text, STYLE_NONE);
	text__pad(text, column);
}

#define NAME_COLUMNS 18

/* It is no hindrance, or it is one: "lockdown  yes" would be read as something else. */
static const struct answers is_fine = {
	.of = {[DOCTOR_NO] = {"bad", STYLE_BAD},
	       [DOCTOR_YES] = {"ok", STYLE_GOOD},
	       [DOCTOR_UNKNOWN] = {"?", STYLE_DIM}},
	.columns = 5,
};

static void checks(struct text *text, const struct doctor *doctor)
{
	text__end(text);
	text__heading(text, "Kernel");
	for (size_t i = 0; i < doctor->nr_checks; i++) {
		const struct doctor_check *check = &doctor->checks[i];
		char *detail = text__safe(text, check->detail);

		text__addf(text, "  %s", check->name);
		text__pad(text, NAME_COLUMNS);
		answer(text, &is_fine, check->answer);
		text__wrap(text, NAME_COLUMNS + is_fine.columns, detail ? detail : "");
		text__end(text);
		free(detail);
	}
}

#define VIA_COLUMN 12

static const struct answers is_offered = {
	.of = {[DOCTOR_NO] = {"no", STYLE_BAD},
	       [DOCTOR_YES] = {"yes", STYLE_GOOD},
	       [DOCTOR_UNKNOWN] = {"?", STYLE_DIM}},
	.columns = 5,
};

static void probe(struct text *text, const struct doctor_probe *row)
{
	text__addf(text, "  %s", row->chosen ? text__either(text, "▸ ", "> ") : "  ");
	answer(text, &is_offered, row->offered);
	text__pad(text, VIA_COLUMN);
	text__wrapf(text, VIA_COLUMN, *row->probes ? "%s [%s]" : "%s", row->via, row->probes);
	text__end(text);
	if (row->offered != DOCTOR_YES) {
		char *why = text__safe(text, row->why);

		text__pad(text, VIA_COLUMN);
		text__wrap(text, VIA_COLUMN, why ? why : "");
		text__end(text);
		free(why);
	}
	if (row->chosen && *row->misses) {
		text__pad(text, VIA_COLUMN);
		text__wrapf(text, VIA_COLUMN, "misses: %s", row->misses);
		text__end(text);
	}
}

static bool has_chosen(const struct doctor *doctor, const char *fact)
{
	for (size_t i = 0; i < doctor->nr_probes; i++)
		if (doctor->probes[i].chosen && !strcmp(doctor->probes[i].fact, fact))
			return true;
	return false;
}

static void probes(struct text *text, const struct doctor *doctor)
{
	const char *fact = "";

	text__end(text);
	text__heading(text, "Probes, for each fact the best first [names for --probe]");
	for (size_t i = 0; i < doctor->nr_probes; i++) {
		const struct doctor_probe *row = &doctor->probes[i];

		if (strcmp(row->fact, fact))
			text__linef(text, "  %s%s", row->fact,
				    doctor->works != DOCTOR_YES || has_chosen(doctor, row->fact)
					    ? ""
					    : ": not to be had here");
		fact = row->fact;
		probe(text, row);
	}
}

static void verdict(struct text *text, const struct doctor *doctor)
{
	char *why = text__safe(text, doctor->why);

	text__end(text);
	if (doctor->works == DOCTOR_YES)
		text__wrapf(text, 0, "Tracing works here, by the probes marked %s.",
			    text__either(text, "▸", ">"));
	else
		text__wrapf(text, 0, "Tracing does not work%s: %s",
			    doctor->works == DOCTOR_UNKNOWN ? " like this" : " here",
			    why ? why : "");
	text__end(text);
	free(why);
}

int render_text__doctor(const struct doctor *doctor, const struct render_options *opt, FILE *out)
{
	struct text text;

	text__open(&text, opt, out);
	head(&text, doctor);
	checks(&text, doctor);
	probes(&text, doctor);
	verdict(&text, doctor);
	return text__close(&text);
}
