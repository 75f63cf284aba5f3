// SPDX-License-Identifier: GPL-2.0-or-later
#include <locale.h>

#include "cmd/options.h"
#include "cmd/terminal.h"
#include "cmd/trace.h"

int main(int argc, char **argv)
{
	struct options opt;
	int status;

	terminal__fill_closed();
	setlocale(LC_CTYPE, "");
	status = options__parse(argc, argv, &opt);
	if (!status)
		status = trace__run(&opt);
	options__release(&opt);
	return status;
}
