// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Recursion of known depth: of one function, or of two or three that call each other, until the
 * stack ends (--overflow) or at a null pointer (--depth, of the program or inside of qsort), on the
 * main stack or a thread's; or in a library that it has just loaded (--plugin). How deep it was at
 * an overflow is told by the addresses of its frames. Built with frame pointers and without, and
 * linked statically.
 */
#include "common.h"

#include <dlfcn.h>
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
#define MAX_CYCLE 3

static uint64_t cycle = 1, depth = 100, thread_bytes;
static bool overflows, in_thread, by_library, fatal;
static char *alt_stack;
static const char *plugin;
static char *volatile null_pointer;
/* Where the callers' frames end of the first calls: the first is that of depth 1. */
static volatile uintptr_t frame_ends[MAX_CYCLE + 1];
static volatile uint64_t limit;
static volatile int sink;

#define alone __attribute__((noinline, noclone))

static alone int bad_access(void)
{
	*null_pointer = 1;
	return sink;
}

static alone int alpha(uint64_t level);
static alone int beta(uint64_t level);
static alone int delta(uint64_t level);

/* The size differs, the rest does not. */
#define RECURSE(name, bytes, next)                                                                 \
	static alone int name(uint64_t level)                                                      \
	{                                                                                          \
		volatile char frame[bytes];                                                        \
                                                                                                   \
		if (level <= MAX_CYCLE + 1)                                                        \
			frame_ends[level - 1] = (uintptr_t)__builtin_dwarf_cfa();                  \
		frame[0] = (char)level;                                                            \
		sink = level < limit ? next(level + 1) : bad_access();                             \
		return frame[0];                                                                   \
	}

RECURSE(alpha, 40, (cycle == 1 ? alpha : beta))
RECURSE(beta, 200, (cycle == 2 ? alpha : delta))
RECURSE(delta, 72, alpha)

/* A frame is there once its return address has been written, below the end of its caller's. */
static uint64_t frames_down_to(uintptr_t sp)
{
	uint64_t stride = frame_ends[0] - frame_ends[cycle];
	uint64_t used = frame_ends[0] - sizeof(uintptr_t) - sp, frames = used / stride * cycle;

	for (uint64_t i = 0; i < cycle; i++)
		frames += used % stride >= frame_ends[0] - frame_ends[i];
	return frames;
}

static void on_signal(int signo, siginfo_t *info, void *context)
{
	uintptr_t sp = 0;

	(void)info;
#if defined(__x86_64__)
	sp = (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
	sp = ((ucontext_t *)context)->uc_mcontext.sp;
#endif
	result__number("pid", (uint64_t)getpid());
	result__number("tid", own_tid());
	result__signed("signal", signo);
	result__address("sp", (void *)sp);
	result__number("frames", overflows ? frames_down_to(sp) : depth);
	result__flush();
	_exit(0);
}

static alone int compare(const void *a, const void *b)
{
	(void)a;
	(void)b;
	return alpha(1);
}

static alone void begin(void)
{
	int numbers[] = {2, 1};
	stack_t stack = {.ss_sp = alt_stack, .ss_size = ALT_STACK_BYTES};

	if (!fatal && sigaltstack(&stack, NULL))
		die("sigaltstack");
	if (by_library)
		qsort(numbers, 2, sizeof(numbers[0]), compare);
	else
		sink = alpha(1);
	sink++;
}

static void *begin_thread(void *arg)
{
	begin();
	return arg;
}

static void run_thread(void)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	errno = thread_bytes ? pthread_attr_setstacksize(&attr, thread_bytes) : 0;
	if (errno)
		die("--stack");
	errno = pthread_create(&thread, &attr, begin_thread, NULL);
	if (errno)
		die("pthread_create");
	pthread_join(thread, NULL);
}

static void prepare(void)
{
	struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};

	if (cycle < 1 || cycle > MAX_CYCLE || !depth)
		die("--cycle is 1 to 3, --depth 1 or more");
	limit = overflows ? UINT64_MAX : depth;
	alt_stack = mmap(NULL, ALT_STACK_BYTES, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (alt_stack == MAP_FAILED)
		die("mmap");
	if (!fatal && sigaction(SIGSEGV, &action, NULL))
		die("sigaction");
}

static alone void call_plugin(void)
{
#if defined(LINKED_STATICALLY)
	die("--plugin");
#else
	void *library = dlopen(plugin, RTLD_NOW);
	int (*run)(int levels, volatile int *address) =
		library ? dlsym(library, "plugin_run") : NULL;

	if (!run)
		die("--plugin");
	sink = run((int)depth, (volatile int *)null_pointer) + 1;
#endif
}

static void act(void)
{
	if (plugin)
		call_plugin();
	else if (in_thread)
		run_thread();
	else
		begin();
}

static const struct workload_option options[] = {
	{"--cycle", OPTION_NUMBER, &cycle},
	{"--depth", OPTION_NUMBER, &depth},
	{"--overflow", OPTION_FLAG, &overflows},
	{"--thread", OPTION_FLAG, &in_thread},
	{"--stack", OPTION_NUMBER, &thread_bytes},
	{"--qsort", OPTION_FLAG, &by_library},
	{"--fatal", OPTION_FLAG, &fatal},
	{"--plugin", OPTION_TEXT, &plugin},
	OPTION_END,
};

int main(int argc, char **argv)
{
	static const struct workload workload = {options, prepare, act, NULL, NULL};

	workload__main(&workload, argc, argv);
}
