/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ends with a code, or by a signal that it sends to itself.
 *
 * exits [--code C] [--signal S]
 */
#include "common.h"

#include <signal.h>
#include <unistd.h>

static uint64_t code, signo;

static void act(void)
{
	if (signo) {
		signal((int)signo, SIG_DFL);
		kill(getpid(), (int)signo);
		pause();
	}
	workload__set_exit_code((int)code);
}

static const struct workload_option options[] = {
	{"--code", OPTION_NUMBER, &code},
	{"--signal", OPTION_NUMBER, &signo},
	OPTION_END,
};

int main(int argc, char **argv)
{
	static const struct workload workload = {options, NULL, act, NULL, NULL};

	workload__main(&workload, argc, argv);
}
