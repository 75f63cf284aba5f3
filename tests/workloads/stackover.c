/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs a stack into its end, or makes another bad access.
 *
 * stackover [--mode main|thread|null|wild] [--limit BYTES] [--handled]
 * The limit is RLIMIT_STACK (main; the program execs itself under it) or the size of the thread's
 * stack. The result line comes before the bad access, as a plan. handled: a handler on another
 * stack catches the signal, prints a line with address and sp, and the program ends with code 0.
 */
#include "common.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define ALT_STACK_BYTES (256 * 1024)
#define WILD_ADDRESS ((char *)0x10000000000)
#define AGAIN "WORKLOAD_STACKOVER_AGAIN"

static const char *mode = "main";
static uint64_t limit_bytes;
static bool handled;
static char *alt_stack;
static char *volatile null_pointer;
static volatile bool deeper = true;

static __attribute__((noinline)) int overflow(int depth)
{
	volatile char frame[1024];

	frame[0] = (char)depth;
	if (!deeper)
		return depth;
	return overflow(depth + 1) + frame[0];
}

static void on_signal(int signo, siginfo_t *info, void *context)
{
	uintptr_t sp = 0;

#if defined(__x86_64__)
	sp = (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
	sp = ((ucontext_t *)context)->uc_mcontext.sp;
#endif
	result__signed("signal", signo);
	result__signed("code", info->si_code);
	result__address("address", info->si_addr);
	result__address("sp", (void *)sp);
	result__number("tid", own_tid());
	result__flush();
	_exit(0);
}

static void catch_on_this_thread(void)
{
	stack_t stack = {.ss_sp = alt_stack, .ss_size = ALT_STACK_BYTES};

	if (handled && sigaltstack(&stack, NULL))
		die("sigaltstack");
}

static void plan(void)
{
	uintptr_t start, end;
	int here = 0;

	find_mapping(&here, &start, &end);
	result__number("pid", (uint64_t)getpid());
	result__number("tid", own_tid());
	result__text("mode", mode);
	result__number("limit_bytes", limit_bytes);
	result__address("stack_start", (void *)start);
	result__address("stack_end", (void *)end);
	result__signed("signal", SIGSEGV);
	result__flush();
}

static void *thread_overflow(void *arg)
{
	(void)arg;
	catch_on_this_thread();
	plan();
	overflow(0);
	return NULL;
}

static void run_thread(void)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	errno = pthread_attr_setstacksize(&attr, limit_bytes);
	if (errno)
		die("--limit");
	errno = pthread_create(&thread, &attr, thread_overflow, NULL);
	if (errno)
		die("pthread_create");
	pthread_join(thread, NULL);
}

static void exec_under_limit(void)
{
	struct rlimit limit;
	char exe[] = "/proc/self/exe", **argv, *text;
	size_t len = 0, nr = 0, i;
	FILE *file;

	if (getrlimit(RLIMIT_STACK, &limit))
		die("getrlimit");
	if (!limit_bytes || getenv(AGAIN)) {
		limit_bytes = limit.rlim_cur;
		return;
	}
	limit.rlim_cur = limit_bytes;
	if (setrlimit(RLIMIT_STACK, &limit) || setenv(AGAIN, "1", 1))
		die("setrlimit");
	file = fopen("/proc/self/cmdline", "r");
	text = calloc(1, 65536);
	argv = calloc(256, sizeof(*argv));
	if (!file || !text || !argv)
		die("/proc/self/cmdline");
	len = fread(text, 1, 65535, file);
	for (i = 0; i < len && nr < 255; i += strlen(text + i) + 1)
		argv[nr++] = text + i;
	fclose(file);
	execv(exe, argv);
	die(exe);
}

static void prepare(void)
{
	struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};

	if (!strcmp(mode, "main"))
		exec_under_limit();
	else if (!limit_bytes)
		limit_bytes = 256 * 1024;
	alt_stack = mmap(NULL, ALT_STACK_BYTES, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (alt_stack == MAP_FAILED)
		die("mmap");
	catch_on_this_thread();
	if (handled && sigaction(SIGSEGV, &action, NULL))
		die("sigaction");
}

static void act(void)
{
	if (!strcmp(mode, "thread")) {
		run_thread();
		return;
	}
	plan();
	if (!strcmp(mode, "main"))
		overflow(0);
	else if (!strcmp(mode, "null"))
		*(volatile char *)null_pointer = 1;
	else if (!strcmp(mode, "wild"))
		*(volatile char *)WILD_ADDRESS = 1;
}

static const struct workload_option options[] = {
	{"--mode", OPTION_TEXT, &mode},
	{"--limit", OPTION_NUMBER, &limit_bytes},
	{"--handled", OPTION_FLAG, &handled},
	OPTION_END,
};

int main(int argc, char **argv)
{
	static const struct workload workload = {options, prepare, act, NULL, NULL};

	workload__main(&workload, argc, argv);
}
