/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MEMTRACE_PRIVILEGE_H
#define MEMTRACE_PRIVILEGE_H

#include "base/error.h"

/*
 * May this process trace? 0; -EPERM naming the capabilities that are missing; -ENOTSUP in a pid
 * namespace, where the kernel's pids are not those that the user sees.
 */
int privilege__check(struct error *error);

#endif
