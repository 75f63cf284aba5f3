/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MEMTRACE_SIGNAL_NAME_H
#define MEMTRACE_SIGNAL_NAME_H

/* "SIGSEGV", "signal 99". */
struct signal_text {
	char s[24];
};
struct signal_text signal__name(int signo);
/* Of SIGSEGV and SIGBUS: "SEGV_MAPERR"; NULL: it has no name. */
const char *signal_code__name(int signo, int code);

#endif
