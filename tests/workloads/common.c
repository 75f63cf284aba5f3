/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#if defined(__has_include) && __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#define HAVE_RSEQ
#endif

#define WARM_STACK_BYTES (96 * 1024)
#define MAX_CODE_RANGES 16

extern char __data_start[], _end[];

/* No stdio for output: its buffers would be allocated, and fault, at moments of its own. */
static char line[512 * 1024];
static size_t line_len;
static char proc_text[128 * 1024];
static bool waits;
static int exit_code;
static char **rest;

void die(const char *what)
{
	dprintf(2, "%s: %s: %s\n", program_invocation_short_name, what,
		errno ? strerror(errno) : "failed");
	_exit(1);
}

size_t page_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

uint32_t own_tid(void)
{
	return (uint32_t)syscall(SYS_gettid);
}

uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

__attribute__((format(printf, 1, 2))) static void append(const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line + line_len, sizeof(line) - line_len, format, args);
	va_end(args);
	if (len < 0 || (size_t)len >= sizeof(line) - line_len)
		die("result line too long");
	line_len += (size_t)len;
}

static void append_key(const char *key)
{
	char last = line_len ? line[line_len - 1] : '{';

	if (!line_len)
		append("{");
	append(last == '{' || last == '[' ? "" : ",");
	if (key)
		append("\"%s\":", key);
}

void result__number(const char *key, uint64_t value)
{
	append_key(key);
	append("%llu", (unsigned long long)value);
}

void result__signed(const char *key, int64_t value)
{
	append_key(key);
	append("%lld", (long long)value);
}

void result__address(const char *key, const volatile void *address)
{
	append_key(key);
	append("\"0x%llx\"", (unsigned long long)(uintptr_t)address);
}

void result__text(const char *key, const char *text)
{
	append_key(key);
	append("\"%s\"", text);
}

void result__pages(const volatile void *address, uint64_t nr_pages)
{
	result__address("address", address);
	result__number("bytes", nr_pages * page_bytes());
	result__number("pages", nr_pages);
}

void result__open(const char *key, char bracket)
{
	append_key(key);
	append("%c", bracket);
}

void result__close(char bracket)
{
	append("%c", bracket == '[' ? ']' : '}');
}

void result__raw(const char *key, const char *json)
{
	append_key(key);
	append("%s", json);
}

void result__flush(void)
{
	size_t done = 0;
	ssize_t n;

	append("}\n");
	while (done < line_len) {
		n = write(1, line + done, line_len - done);
		if (n < 0 && errno != EINTR)
			die("stdout");
		done += n > 0 ? (size_t)n : 0;
	}
	line_len = 0;
}

static size_t read_proc(const char *path)
{
	size_t len = 0;
	ssize_t n;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die(path);
	while ((n = read(fd, proc_text + len, sizeof(proc_text) - 1 - len)) > 0)
		len += (size_t)n;
	close(fd);
	proc_text[len] = '\0';
	return len;
}

uint64_t status_bytes(const char *key)
{
	const char *found;

	read_proc("/proc/self/status");
	found = strstr(proc_text, key);
	if (!found)
		die(key);
	return strtoull(found + strlen(key), NULL, 10) * 1024;
}

__attribute__((noinline)) void use_stack(uint64_t left)
{
	volatile char frame[2048];

	frame[0] = 1;
	if (left > sizeof(frame))
		use_stack(left - sizeof(frame));
	frame[1] = frame[0];
}

void find_mapping(const volatile void *address, uintptr_t *start, uintptr_t *end)
{
	char *at = proc_text, *after;

	read_proc("/proc/self/maps");
	while (at && *at) {
		*start = strtoull(at, &after, 16);
		*end = strtoull(after + 1, NULL, 16);
		if ((uintptr_t)address >= *start && (uintptr_t)address < *end)
			return;
		at = strchr(at, '\n');
		at = at ? at + 1 : NULL;
	}
	*start = 0;
	*end = 0;
}

char *map_alone(size_t nr_pages)
{
	size_t page = page_bytes();
	size_t bytes = nr_pages * page;
	char *map;

	map = mmap(NULL, bytes + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		die("mmap");
	map = mmap(map + page, bytes, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (map == MAP_FAILED)
		die("mmap");
	/* A kernel without huge pages refuses the advice, and does not need it. */
	if (madvise(map, bytes, MADV_NOHUGEPAGE) && errno != EINVAL)
		die("madvise");
	return map;
}

void add_rusage(const struct rusage *from, const struct rusage *to)
{
	result__signed("minor", to->ru_minflt - from->ru_minflt);
	result__signed("major", to->ru_majflt - from->ru_majflt);
}

static void read_line(void)
{
	char c;
	ssize_t n;

	do {
		n = read(0, &c, 1);
	} while ((n == 1 && c != '\n') || (n < 0 && errno == EINTR));
}

static __attribute__((noinline)) void warm_stack(void)
{
	volatile char room[WARM_STACK_BYTES];
	size_t at;

	for (at = 0; at < sizeof(room); at += 1024)
		room[at] = 1;
}

static struct {
	uintptr_t start, end;
} code[MAX_CODE_RANGES];
static size_t nr_code;

/* All code of the program and its libraries, from /proc/self/maps. */
static void find_code(void)
{
	char *at = proc_text, *after;
	uintptr_t start, end;

	read_proc("/proc/self/maps");
	while (at && *at && nr_code < MAX_CODE_RANGES) {
		start = strtoull(at, &after, 16);
		end = strtoull(after + 1, &after, 16);
		if (!strncmp(after, " r-xp", 5) && strchr(after, '/') &&
		    strchr(after, '/') < strchr(after, '\n')) {
			code[nr_code].start = start;
			code[nr_code++].end = end;
		}
		at = strchr(at, '\n');
		at = at ? at + 1 : NULL;
	}
}

/*
 * The kernel maps the neighbours of a page that faults, but not one that somebody else has locked
 * at that moment: to be sure of a page is to touch it.
 */
static void warm_code(void)
{
	uintptr_t at;
	size_t i;

	for (i = 0; i < nr_code; i++)
		for (at = code[i].start; at < code[i].end; at += page_bytes())
			(void)*(volatile char *)at;
}

void warm_after_fork(void)
{
#ifdef HAVE_RSEQ
	/* The kernel writes there when the thread is preempted, whenever that is. */
	volatile char *rseq = (char *)__builtin_thread_pointer() + __rseq_offset;

	if (__rseq_size)
		rseq[offsetof(struct rseq, flags)] = rseq[offsetof(struct rseq, flags)];
#endif
	warm_code();
}

/* Reads and writes each page of the program's own data. */
static void warm_data(void)
{
	uintptr_t page = page_bytes(), at;
	volatile char *byte;

	for (at = (uintptr_t)__data_start; at < (uintptr_t)_end; at = (at | (page - 1)) + 1) {
		byte = (volatile char *)at;
		*byte = *byte;
	}
}

/* Touches all that runs between ready and the result line: code, buffers, stack, lazy bindings. */
static void warm(void)
{
	uintptr_t start, end;
	struct rusage usage;

	warm_stack();
	warm_code();
	warm_data();
	find_mapping(&usage, &start, &end);
	status_bytes("VmStk:");
	getrusage(RUSAGE_SELF, &usage);
	result__number("number", UINT64_MAX);
	result__signed("signed", INT64_MIN);
	result__address("address", line);
	result__text("text", "text");
	result__open("list", '[');
	result__open(NULL, '{');
	add_rusage(&usage, &usage);
	result__close('{');
	result__close('[');
	result__raw("raw", "{}");
	line_len = 0;
	own_tid();
	getpid();
	if (read(0, line, 0) < 0 || write(1, line, 0) < 0)
		return; /* only touched: a closed stream shows later */
}

static uint64_t parse_number(const char *name, const char *text)
{
	static const char units[] = "KMG";
	const char *unit;
	uint64_t value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 0);
	unit = *end ? strchr(units, *end) : NULL;
	if (errno || end == text || (*end && (!unit || end[1]))) {
		errno = EINVAL;
		die(name);
	}
	return unit ? value << (10 * (unit - units + 1)) : value;
}

static void set_option(const struct workload_option *option, const char *text)
{
	if (option->type == OPTION_FLAG)
		*(bool *)option->value = true;
	else if (option->type == OPTION_NUMBER)
		*(uint64_t *)option->value = parse_number(option->name, text);
	else
		*(const char **)option->value = text;
}

static void parse(const struct workload_option *options, int argc, char **argv)
{
	const struct workload_option *option;
	int i;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--")) {
			rest = argv + i + 1;
			return;
		}
		if (!strcmp(argv[i], "--wait")) {
			waits = true;
			continue;
		}
		for (option = options; option && option->name; option++)
			if (!strcmp(argv[i], option->name))
				break;
		errno = EINVAL;
		if (!option || !option->name)
			die(argv[i]);
		if (option->type != OPTION_FLAG && i + 1 >= argc)
			die(argv[i]);
		set_option(option, option->type == OPTION_FLAG ? NULL : argv[++i]);
	}
}

char **workload__rest(void)
{
	return rest && *rest ? rest : NULL;
}

void workload__set_exit_code(int code)
{
	exit_code = code;
}

bool workload__waits(void)
{
	return waits;
}

static void say_ready(void)
{
	result__raw("ready", "true");
	result__number("pid", (uint64_t)getpid());
	result__flush();
}

static struct rusage at_ready, before, after;

void workload__main(const struct workload *workload, int argc, char **argv)
{
	parse(workload->options, argc, argv);
	/* Before prepare(): what that maps is not to be touched. */
	find_code();
	if (workload->prepare)
		workload->prepare();
	warm();
	if (waits) {
		say_ready();
		getrusage(RUSAGE_SELF, &at_ready);
		read_line();
	} else {
		getrusage(RUSAGE_SELF, &at_ready);
	}
	getrusage(RUSAGE_SELF, &before);
	workload->act();
	getrusage(RUSAGE_SELF, &after);
	/* A fork has left all of it to be copied on write: now, and not after the last count. */
	warm_after_fork();
	warm_data();
	result__number("pid", (uint64_t)getpid());
	add_rusage(&before, &after);
	if (workload->report)
		workload->report();
	/* A second look: what report() itself has faulted is outside of the act, too. */
	result__signed("outside", before.ru_minflt + before.ru_majflt - at_ready.ru_minflt -
					  at_ready.ru_majflt);
	getrusage(RUSAGE_SELF, &before);
	result__signed("after",
		       before.ru_minflt + before.ru_majflt - after.ru_minflt - after.ru_majflt);
	result__signed("minor_in_all", before.ru_minflt);
	result__signed("major_in_all", before.ru_majflt);
	result__flush();
	if (waits)
		read_line();
	if (workload->clean)
		workload->clean();
	_exit(exit_code);
}
