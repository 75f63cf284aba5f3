// SPDX-License-Identifier: GPL-2.0-or-later
#include <locale.h>

#include "cmd/diff.h"
#include "cmd/options.h"
#include "cmd/replay.h"
#include "cmd/terminal.h"
#include "cmd/trace.h"

static int (*const run[NR_VERBS])(const struct options *opt) = {
	[VERB_TRACE] = trace__run,   [VERB_RECORD] = trace__run, [VERB_REPORT] = replay__run,
	[VERB_EXPORT] = replay__run, [VERB_DIFF] = diff__run,
};

int main(int argc, char **argv)
{
	struct options opt;
	int status;

	terminal__fill_closed();
	setlocale(LC_CTYPE, "");
	status = options__parse(argc, argv, &opt);
	if (!status)
		status = run[opt.verb](&opt);
	options__release(&opt);
	return status;
}
