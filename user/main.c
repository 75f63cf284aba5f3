// SPDX-License-Identifier: GPL-2.0-or-later
#include <locale.h>
#include <malloc.h>

#include "cmd/diff.h"
#include "cmd/doctor.h"
#include "cmd/options.h"
#include "cmd/replay.h"
#include "cmd/terminal.h"
#include "cmd/trace.h"

static int (*const run[NR_VERBS])(const struct options *opt) = {
	[VERB_TRACE] = trace__run,   [VERB_RECORD] = trace__run, [VERB_REPORT] = replay__run,
	[VERB_EXPORT] = replay__run, [VERB_DIFF] = diff__run,	 [VERB_DOCTOR] = doctor__run,
};

/*
 * What is as large as that is mapped by itself, so that the memory of a burst goes back when it is
 * freed. glibc begins so, but each time such a thing is freed it takes the next ones of that size
 * from the heap, where what comes to lie above them keeps them for ever.
 */
#define MAP_FROM_BYTES (128 << 10)

int main(int argc, char **argv)
{
	struct options opt;
	int status;

	mallopt(M_MMAP_THRESHOLD, MAP_FROM_BYTES);
	terminal__fill_closed();
	setlocale(LC_CTYPE, "");
	status = options__parse(argc, argv, &opt);
	if (!status)
		status = run[opt.verb](&opt);
	options__release(&opt);
	return status;
}
