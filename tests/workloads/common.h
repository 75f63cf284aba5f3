/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every workload shares: options, the --wait protocol, and the result line.
 *
 * A workload prepares, then acts, then prints one JSON line on stdout with what it did, in its own
 * knowledge, and the page faults that the kernel counted for it (getrusage): it is the judge of a
 * tracer's numbers. With --wait it prints {"ready":true,"pid":N} when all that it needs has been
 * touched, reads a line from stdin before it acts, and another (or end of file) before it ends.
 * Between ready and the result line nothing but the act itself faults; "outside" counts what did.
 */
#ifndef WORKLOAD_COMMON_H
#define WORKLOAD_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

struct workload_option {
	const char *name; /* "--pages" */
	enum { OPTION_FLAG, OPTION_NUMBER, OPTION_TEXT } type;
	void *value; /* bool, uint64_t (decimal or 0x; K, M, G), const char * */
};

#define OPTION_END                                                                                 \
	{                                                                                          \
		NULL, OPTION_FLAG, NULL                                                            \
	}

struct workload {
	const struct workload_option *options;
	/* Maps what is needed and runs the act's code on something small. May be NULL. */
	void (*prepare)(void);
	void (*act)(void);
	/* Adds to the result line by result__*(). May be NULL. */
	void (*report)(void);
	/* Before the exit, for what must be removed. May be NULL. */
	void (*clean)(void);
};

/* Parses, runs; does not return but by _exit: no library code faults after the last count. */
_Noreturn void workload__main(const struct workload *workload, int argc, char **argv);

/* What follows "--" on the command line; NULL: nothing. */
char **workload__rest(void);
void workload__set_exit_code(int code);
bool workload__waits(void);

void result__number(const char *key, uint64_t value);
void result__signed(const char *key, int64_t value);
void result__address(const char *key, const volatile void *address);
void result__text(const char *key, const char *text);
/* "address", "bytes" and "pages" of a mapping. */
void result__pages(const volatile void *address, uint64_t nr_pages);
/* key NULL inside of a list. close is given the same character as its open: '[' or '{'. */
void result__open(const char *key, char bracket);
void result__close(char bracket);
/* A JSON value that somebody else wrote. */
void result__raw(const char *key, const char *json);
/* Ends the line and writes it; the next one starts empty. */
void result__flush(void);

/* Ends the program with a message and code 1; errno is named where it is set. */
_Noreturn void die(const char *what);

size_t page_bytes(void);
uint32_t own_tid(void);
uint64_t clock_ns(void); /* CLOCK_MONOTONIC */

/*
 * Anonymous private memory of nr_pages, between two pages without access so that it stays a
 * mapping of its own, and without huge pages so that each page faults by itself.
 */
char *map_alone(size_t nr_pages);

/* Writes to so many bytes of the stack below the caller's frame, or a little more. */
void use_stack(uint64_t left);

/* The start and end of the mapping that holds an address, as /proc/self/maps has it. */
void find_mapping(const volatile void *address, uintptr_t *start, uintptr_t *end);

/* A value in kB of /proc/self/status ("VmStk:"), in bytes. */
uint64_t status_bytes(const char *key);

/* After a fork, in both: touches what it will use until its end without knowing. */
void warm_after_fork(void);

void add_rusage(const struct rusage *from, const struct rusage *to);

#endif
