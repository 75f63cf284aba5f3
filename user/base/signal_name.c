// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/signal_name.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

struct signal_text signal__name(int signo)
{
	const char *name = sigabbrev_np(signo);
	struct signal_text text;

	if (name)
		snprintf(text.s, sizeof(text.s), "SIG%s", name);
	else
		snprintf(text.s, sizeof(text.s), "signal %d", signo);
	return text;
}

const char *signal_code__name(int signo, int code)
{
	static const char *const segv[] = {
		[SEGV_MAPERR] = "SEGV_MAPERR", [SEGV_ACCERR] = "SEGV_ACCERR",
		[SEGV_BNDERR] = "SEGV_BNDERR", [SEGV_PKUERR] = "SEGV_PKUERR",
		[8] = "SEGV_MTEAERR",	       [9] = "SEGV_MTESERR",
		[10] = "SEGV_CPERR",
	};
	static const char *const bus[] = {
		[BUS_ADRALN] = "BUS_ADRALN",	   [BUS_ADRERR] = "BUS_ADRERR",
		[BUS_OBJERR] = "BUS_OBJERR",	   [BUS_MCEERR_AR] = "BUS_MCEERR_AR",
		[BUS_MCEERR_AO] = "BUS_MCEERR_AO",
	};

	if (code == SI_KERNEL)
		return "SI_KERNEL";
	if (signo == SIGSEGV && code > 0 && code < (int)(sizeof(segv) / sizeof(segv[0])))
		return segv[code];
	if (signo == SIGBUS && code > 0 && code < (int)(sizeof(bus) / sizeof(bus[0])))
		return bus[code];
	return NULL;
}
