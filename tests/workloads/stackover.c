/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs a stack into its end, or makes another bad access.
 *
 * stackover [--mode main|thread|gap|as|altstack|growsdown|fiber|null|wild] [--limit BYTES]
 *           [--mutual] [--handled] [--no-altstack] [--child]
 * The limit is RLIMIT_STACK (main; the program execs itself under it) or the size of the stack that
 * is made (thread, altstack, fiber: one that the program itself switches to, above a guard page).
 * gap: a mapping lies that far below the main stack as it is; as: RLIMIT_AS allows that much more;
 * growsdown: RLIMIT_STACK, for a thread on a mapping with MAP_GROWSDOWN. mutual: two functions call
 * each other. The result line comes before the bad access, as a plan. handled: a handler on another
 * stack catches the signal, prints a line with address, sp and the depth of the recursion, and the
 * program ends with code 0. no-altstack: there is a handler, and no stack for it. child: a child
 * does it; when it has died, its parent says the depth.
 */
#include "common.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define ALT_STACK_BYTES (256 * 1024)
#define WILD_ADDRESS ((char *)0x10000000000)
#define AGAIN "WORKLOAD_STACKOVER_AGAIN"

static const char *mode = "main";
static uint64_t limit_bytes;
static bool handled, no_altstack, mutual, in_child;
static char *alt_stack, *own_stack; /* for the handler; what is overrun */
static uint64_t *depth;		    /* of the recursion, also when the child has died */
static const void *obstacle_end;
static uint64_t as_limit_bytes;
static char *volatile null_pointer;
static volatile bool deeper = true;

static bool is(const char *name)
{
	return !strcmp(mode, name);
}

/* Each is in a report by its name. */
__attribute__((noinline)) int stackover_deeper(int level)
{
	volatile char frame[1024];

	*depth = (uint64_t)level + 1;
	frame[0] = (char)level;
	if (!deeper)
		return level;
	return stackover_deeper(level + 1) + frame[0];
}

int stackover_odd(int level);

__attribute__((noinline)) int stackover_even(int level)
{
	volatile char frame[1024];

	*depth = (uint64_t)level + 1;
	frame[0] = (char)level;
	if (!deeper)
		return level;
	return stackover_odd(level + 1) + frame[0];
}

__attribute__((noinline)) int stackover_odd(int level)
{
	volatile char frame[512];

	*depth = (uint64_t)level + 1;
	frame[0] = (char)level;
	if (!deeper)
		return level;
	return stackover_even(level + 1) + frame[0];
}

static void overflow(void)
{
	if (mutual)
		stackover_even(0);
	else
		stackover_deeper(0);
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
	result__number("depth", *depth);
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

	find_mapping(own_stack ? (void *)own_stack : &here, &start, &end);
	result__number("pid", (uint64_t)getpid());
	result__number("tid", own_tid());
	result__text("mode", mode);
	result__number("limit_bytes", limit_bytes);
	result__address("stack_start", (void *)start);
	result__address("stack_end", (void *)end);
	result__address("obstacle_end", obstacle_end);
	result__number("as_limit_bytes", as_limit_bytes);
	result__signed("signal", SIGSEGV);
	result__flush();
}

static void plan_and_overflow(void)
{
	plan();
	overflow();
}

static void *thread_overflow(void *arg)
{
	(void)arg;
	catch_on_this_thread();
	plan_and_overflow();
	return NULL;
}

/* stack NULL: one that pthread_create() makes. */
static void run_thread(void *stack, size_t bytes)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	errno = stack ? pthread_attr_setstack(&attr, stack, bytes)
		      : pthread_attr_setstacksize(&attr, bytes);
	if (errno)
		die("--limit");
	errno = pthread_create(&thread, &attr, thread_overflow, NULL);
	if (errno)
		die("pthread_create");
	pthread_join(thread, NULL);
}

static void act__thread(void)
{
	run_thread(NULL, limit_bytes);
}

/* The kernel keeps its distance (stack_guard_gap, 256 pages) from what a stack grows towards. */
static void act__gap(void)
{
	uintptr_t start = 0, end;
	char *obstacle;

	find_mapping(&start, &start, &end);
	obstacle = (char *)start - limit_bytes - page_bytes();
	if (mmap(obstacle, page_bytes(), PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != obstacle)
		die("mmap");
	obstacle_end = obstacle + page_bytes();
	plan_and_overflow();
}

static void act__as(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_AS, &limit))
		die("getrlimit");
	limit.rlim_cur = status_bytes("VmSize:") + limit_bytes;
	if (setrlimit(RLIMIT_AS, &limit))
		die("setrlimit");
	as_limit_bytes = limit.rlim_cur;
	plan_and_overflow();
}

/* The size given, between two pages that nobody may touch. */
static char *map_own_stack(void)
{
	own_stack = mmap(NULL, limit_bytes + 2 * page_bytes(), PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (own_stack == MAP_FAILED)
		die("mmap");
	own_stack += page_bytes();
	if (mprotect(own_stack, limit_bytes, PROT_READ | PROT_WRITE))
		die("mprotect");
	return own_stack;
}

static void overflow_in_handler(int signo)
{
	(void)signo;
	overflow();
}

/* Overrun, it is for the kernel a stack that nobody is on: the next handler begins at its top. */
static void act__altstack(void)
{
	struct sigaction action = {.sa_handler = overflow_in_handler, .sa_flags = SA_ONSTACK};
	stack_t stack = {.ss_sp = map_own_stack(), .ss_size = limit_bytes};

	if (sigaltstack(&stack, NULL) || sigaction(SIGUSR1, &action, NULL))
		die("sigaltstack");
	plan();
	raise(SIGUSR1);
}

static void act__fiber(void)
{
	static ucontext_t here, fiber;

	if (getcontext(&fiber))
		die("getcontext");
	fiber.uc_stack.ss_sp = map_own_stack();
	fiber.uc_stack.ss_size = limit_bytes;
	fiber.uc_link = &here;
	makecontext(&fiber, overflow, 0);
	plan();
	swapcontext(&here, &fiber);
}

#define ROOM_BYTES (64UL << 20)
#define GROWSDOWN_BYTES (64UL << 10)

/* With nothing below it for a while. */
static void act__growsdown(void)
{
	struct rlimit limit;
	char *room;

	room = mmap(NULL, ROOM_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (room == MAP_FAILED || munmap(room, ROOM_BYTES))
		die("mmap");
	own_stack =
		mmap(room + ROOM_BYTES - GROWSDOWN_BYTES, GROWSDOWN_BYTES, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_STACK | MAP_FIXED, -1, 0);
	if (own_stack == MAP_FAILED || getrlimit(RLIMIT_STACK, &limit))
		die("mmap");
	limit.rlim_cur = limit_bytes;
	if (setrlimit(RLIMIT_STACK, &limit))
		die("setrlimit");
	run_thread(own_stack, GROWSDOWN_BYTES);
}

static void act__null(void)
{
	plan();
	*(volatile char *)null_pointer = 1;
}

static void act__wild(void)
{
	plan();
	*(volatile char *)WILD_ADDRESS = 1;
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

static const struct {
	const char *name;
	void (*act)(void);
	uint64_t default_limit_bytes;
} modes[] = {
	{"main", plan_and_overflow, 0},
	{"thread", act__thread, 256 << 10},
	{"gap", act__gap, 3 << 20},
	{"as", act__as, 512 << 10},
	{"altstack", act__altstack, 64 << 10},
	{"fiber", act__fiber, 128 << 10},
	{"growsdown", act__growsdown, 1 << 20},
	{"null", act__null, 256 << 10},
	{"wild", act__wild, 256 << 10},
};
static size_t mode_index;

static void find_mode(void)
{
	while (!is(modes[mode_index].name)) {
		if (++mode_index == sizeof(modes) / sizeof(modes[0])) {
			errno = EINVAL;
			die("--mode");
		}
	}
	if (!limit_bytes)
		limit_bytes = modes[mode_index].default_limit_bytes;
}

static void prepare(void)
{
	struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};

	find_mode();
	if (is("main"))
		exec_under_limit();
	alt_stack = mmap(NULL, ALT_STACK_BYTES, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	depth = mmap(NULL, page_bytes(), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (alt_stack == MAP_FAILED || depth == MAP_FAILED)
		die("mmap");
	catch_on_this_thread();
	if ((handled || no_altstack) && sigaction(SIGSEGV, &action, NULL))
		die("sigaction");
}

static void act(void)
{
	int status;
	pid_t pid;

	if (!in_child) {
		modes[mode_index].act();
		return;
	}
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid)
		modes[mode_index].act();
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	result__number("child", (uint64_t)pid);
	result__signed("child_signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	result__number("depth", *depth);
}

static const struct workload_option options[] = {
	{"--mode", OPTION_TEXT, &mode},
	{"--limit", OPTION_NUMBER, &limit_bytes},
	{"--mutual", OPTION_FLAG, &mutual},
	{"--handled", OPTION_FLAG, &handled},
	{"--no-altstack", OPTION_FLAG, &no_altstack},
	{"--child", OPTION_FLAG, &in_child},
	OPTION_END,
};

int main(int argc, char **argv)
{
	static const struct workload workload = {options, prepare, act, NULL, NULL};

	workload__main(&workload, argc, argv);
}
