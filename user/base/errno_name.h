/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MEMTRACE_ERRNO_NAME_H
#define MEMTRACE_ERRNO_NAME_H

/* "ENOMEM", "errno 999". */
struct errno_text {
	char s[24];
};
struct errno_text errno__name(int err);

#endif
