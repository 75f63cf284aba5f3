/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes bad accesses, and handles the signals that they end in, or dies of the first.
 *
 * badaccess [--times N] [--kind KIND] [--write] [--offset N] [--delay MS] [--thread] [--fatal]
 *           [--pass-on] [--child]
 * KIND, and how it accesses memory unless by --write:
 *   null: reads address 0; none: memory that was written and is PROT_NONE now; bus: beyond the end
 *   of a mapped file; hole: between two mappings far apart; freed: what another thread has
 * unmapped,
 *   --delay ms before; noncanonical: no address at all; pkey: what a protection key forbids
 *   readonly, rodata, file: writes what may only be read: memory, a constant, a file's mapping
 *   exec, stack: executes memory, its own stack; call: calls address 0
 *   barrier: as readonly, but the handler allows it and it then succeeds, in another page each time
 * --offset is added to the address. thread: another thread than the main one does it. fatal: with
 * no handler; then the line comes before the access, as a plan. pass-on: with one that has the
 * process die of the signal after all. child: in a child, which dies or not; its parent tells how.
 * What is said of the access itself, the handler saw.
 */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

/* Far from all else that is mapped. */
#define HOLE_START ((char *)0x100000000000)
#define HOLE_BYTES (1UL << 30)
#define FREED_PAGES 5
#define NON_CANONICAL ((char *)0x8000123400005678)
#define FILE_PAGES 3
#define UNSUPPORTED 77 /* exit code; the line says what this machine lacks */

enum how {
	HOW_READ,
	HOW_WRITE,
	HOW_CALL,
};

static uint64_t nr_times = 10, offset, delay_ms;
static const char *kind_name = "null";
static bool writes, by_thread, fatal, passes_on, in_child;

static const struct kind *kind;
static char *target;
static volatile uint64_t nr_handled;
static sigjmp_buf back;
static struct {
	int signo, code;
	const void *address;
	uintptr_t ip, sp;
	uint64_t first_ns, after_ns; /* before the first access, at the end of the last */
	uint32_t tid;
} seen;

/* How it came about, by kind. */
static struct {
	uint64_t before_ns, after_ns;
	uint32_t tid;
} freed;
static int pkey = -1;
static char file_path[] = "/tmp/memtrace-badaccess-XXXXXX";
static uint64_t file_offset;

static const char constant[] = "what the compiler keeps where nobody may write";

/* Each is in a report by its name: none may be made part of another, nor end with a jump. */
__attribute__((noinline)) void badaccess_read(volatile char *at)
{
	(void)*at;
	__asm__ volatile("" ::: "memory");
}

__attribute__((noinline)) void badaccess_write(volatile char *at)
{
	*at = 2;
	__asm__ volatile("" ::: "memory");
}

__attribute__((noinline)) void badaccess_call(volatile char *at)
{
	((void (*)(void))(uintptr_t)at)();
	__asm__ volatile("" ::: "memory");
}

static char *map__null(void)
{
	return NULL;
}

static char *map__with(int prot)
{
	char *map = map_alone(nr_times);

	memset(map, 1, nr_times * page_bytes());
	if (mprotect(map, nr_times * page_bytes(), prot))
		die("mprotect");
	return map;
}

static char *map__none(void)
{
	return map__with(PROT_NONE);
}

static char *map__readonly(void)
{
	return map__with(PROT_READ);
}

static char *map__exec(void)
{
	return map__with(PROT_READ | PROT_WRITE);
}

static char *map__rodata(void)
{
	return (char *)constant;
}

static char *map__stack(void)
{
	static uintptr_t start;
	uintptr_t end;

	/* Of the main stack, where there is nothing but zeros. */
	find_mapping(__builtin_frame_address(0), &start, &end);
	return (char *)start;
}

static char *map__noncanonical(void)
{
	return NON_CANONICAL;
}

/* FILE_PAGES of a file of that name, which has one less and half of another. */
static char *map__file(void)
{
	size_t bytes = FILE_PAGES * page_bytes();
	int fd;
	char *at;

	strcpy(file_path, "/tmp/memtrace-badaccess-XXXXXX");
	fd = mkstemp(file_path);
	if (fd < 0 || ftruncate(fd, (off_t)(bytes - page_bytes() - page_bytes() / 2)))
		die("mkstemp");
	at = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
	if (at == MAP_FAILED)
		die("mmap");
	close(fd);
	unlink(file_path);
	return at;
}

static char *map__bus(void)
{
	int fd = memfd_create("memtrace-badaccess", MFD_CLOEXEC);
	char *at;

	if (fd < 0 || ftruncate(fd, (off_t)page_bytes()))
		die("memfd_create");
	at = mmap(NULL, 2 * page_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		die("mmap");
	close(fd);
	file_offset = page_bytes();
	return at + page_bytes();
}

static char *map__hole(void)
{
	static const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
	size_t page = page_bytes();

	if (mmap(HOLE_START, page, PROT_READ, flags, -1, 0) == MAP_FAILED ||
	    mmap(HOLE_START + HOLE_BYTES - page, page, PROT_READ, flags, -1, 0) == MAP_FAILED)
		die("mmap");
	return HOLE_START + HOLE_BYTES / 2;
}

/* The unmapping is part of the act. */
static char *map__freed(void)
{
	char *map = map_alone(FREED_PAGES);

	memset(map, 1, FREED_PAGES * page_bytes());
	return map;
}

static char *map__pkey(void)
{
	char *map = map_alone(1);

	*map = 1;
	if (pkey < 0)
		pkey = pkey_alloc(0, PKEY_DISABLE_ACCESS);
	if (pkey < 0) {
		result__text("unsupported", "protection keys");
		result__flush();
		_exit(UNSUPPORTED);
	}
	if (pkey_mprotect(map, page_bytes(), PROT_READ | PROT_WRITE, pkey))
		die("pkey_alloc");
	return map;
}

static const struct kind {
	const char *name;
	char *(*map)(void);
	enum how how;
} kinds[] = {
	{"null", map__null, HOW_READ},
	{"none", map__none, HOW_READ},
	{"readonly", map__readonly, HOW_WRITE},
	{"exec", map__exec, HOW_CALL},
	{"bus", map__bus, HOW_READ},
	{"barrier", map__readonly, HOW_WRITE},
	{"hole", map__hole, HOW_READ},
	{"freed", map__freed, HOW_READ},
	{"noncanonical", map__noncanonical, HOW_READ},
	{"pkey", map__pkey, HOW_READ},
	{"rodata", map__rodata, HOW_WRITE},
	{"file", map__file, HOW_WRITE},
	{"stack", map__stack, HOW_CALL},
	{"call", map__null, HOW_CALL},
};

static const struct kind *kind__named(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	errno = EINVAL;
	die("--kind");
}

static bool is_barrier(void)
{
	return kind->map == map__readonly && !strcmp(kind->name, "barrier");
}

static enum how how(void)
{
	return writes ? HOW_WRITE : kind->how;
}

static void handle(int signo, siginfo_t *info, void *context)
{
	const ucontext_t *at = context;

	seen.after_ns = clock_ns();
	seen.signo = signo;
	seen.code = info->si_code;
	seen.address = info->si_addr;
#if defined(__x86_64__)
	seen.ip = (uintptr_t)at->uc_mcontext.gregs[REG_RIP];
	seen.sp = (uintptr_t)at->uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
	seen.ip = at->uc_mcontext.pc;
	seen.sp = at->uc_mcontext.sp;
#endif
	nr_handled++;
	if (!is_barrier())
		siglongjmp(back, 1);
	if (mprotect((void *)((uintptr_t)info->si_addr & ~(page_bytes() - 1)), page_bytes(),
		     PROT_READ | PROT_WRITE))
		die("mprotect");
}

/* As handlers that report do: the process is to die of the signal all the same. */
static void pass_on(int signo)
{
	if (signal(signo, SIG_DFL) == SIG_ERR || raise(signo))
		die("raise");
}

static void access_once(volatile char *at)
{
	/* Without the mask of signals: the handler does not block them. */
	if (sigsetjmp(back, 0))
		return;
	if (how() == HOW_CALL)
		badaccess_call(at);
	else if (how() == HOW_WRITE)
		badaccess_write(at);
	else
		badaccess_read(at);
}

static void access_all(void)
{
	uint64_t i;

	seen.tid = own_tid();
	seen.first_ns = clock_ns();
	for (i = 0; i < nr_times; i++)
		access_once(target + offset + (is_barrier() ? i * page_bytes() : 0));
}

static void *unmap(void *arg)
{
	(void)arg;
	freed.tid = own_tid();
	freed.before_ns = clock_ns();
	if (munmap(target, FREED_PAGES * page_bytes()))
		die("munmap");
	freed.after_ns = clock_ns();
	return NULL;
}

static void in_thread(void *(*function)(void *))
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, function, NULL);
	if (errno)
		die("pthread_create");
	pthread_join(thread, NULL);
}

static void say_how_it_came_about(void)
{
	size_t page = page_bytes();

	if (kind->map == map__hole) {
		result__address("below_end", HOLE_START + page);
		result__address("above_start", HOLE_START + HOLE_BYTES - page);
	} else if (kind->map == map__freed) {
		result__number("freed_tid", freed.tid);
		result__number("freed_bytes", FREED_PAGES * page);
		result__number("freed_before_ns", freed.before_ns);
		result__number("freed_after_ns", freed.after_ns);
	} else if (kind->map == map__file) {
		result__text("file", strrchr(file_path, '/') + 1);
		result__number("file_bytes", (FILE_PAGES - 1) * page - page / 2);
	} else if (kind->map == map__bus) {
		result__text("file", "memfd:memtrace-badaccess");
		result__number("file_bytes", page);
	} else if (kind->map == map__pkey) {
		result__signed("pkey", pkey);
	}
}

static void say_facts(void)
{
	static const char *const names[] = {"read", "write", "exec"};
	uintptr_t start = 0, end = 0;

	find_mapping(target, &start, &end);
	result__text("kind", kind->name);
	result__text("access", names[how()]);
	result__text("symbol", how() == HOW_READ    ? "badaccess_read"
			       : how() == HOW_WRITE ? "badaccess_write"
						    : "badaccess_call");
	result__address("address", target + offset);
	result__number("file_offset", file_offset + offset);
	result__address("mapping_start", (void *)start);
	result__address("mapping_end", (void *)end);
	say_how_it_came_about();
}

static void *do_access(void *arg)
{
	(void)arg;
	if (by_thread && prctl(PR_SET_NAME, "bad-worker"))
		die("prctl");
	if (fatal) {
		result__number("pid", (uint64_t)getpid());
		result__number("tid", own_tid());
		say_facts();
		result__flush();
	}
	access_all();
	return NULL;
}

static void wait_a_while(void)
{
	struct timespec rest = {.tv_sec = (time_t)(delay_ms / 1000),
				.tv_nsec = (long)(delay_ms % 1000) * 1000000};

	while (nanosleep(&rest, &rest) && errno == EINTR)
		;
}

static void act_here(void)
{
	if (kind->map == map__freed) {
		in_thread(unmap);
		wait_a_while();
	}
	if (by_thread)
		in_thread(do_access);
	else
		do_access(NULL);
}

static pid_t child;
static int child_status;

static void act(void)
{
	if (!in_child) {
		act_here();
		return;
	}
	child = fork();
	if (child < 0)
		die("fork");
	if (!child) {
		act_here();
		_exit(0);
	}
	if (waitpid(child, &child_status, 0) != child)
		die("waitpid");
}

static void prepare(void)
{
	struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_NODEFER};

	errno = EINVAL;
	if (!nr_times)
		die("--times starts at 1");
	kind = kind__named(kind_name);
	target = kind->map();
	if (passes_on &&
	    (signal(SIGSEGV, pass_on) == SIG_ERR || signal(SIGBUS, pass_on) == SIG_ERR))
		die("signal");
	if (fatal)
		return;
	if (sigaction(SIGSEGV, &action, NULL) || sigaction(SIGBUS, &action, NULL))
		die("sigaction");
	act_here();
	target = kind->map();
	nr_handled = 0;
}

static void report(void)
{
	result__number("times", nr_times);
	if (in_child) {
		result__number("child", (uint64_t)child);
		result__signed("child_signal",
			       WIFSIGNALED(child_status) ? WTERMSIG(child_status) : 0);
		return;
	}
	say_facts();
	result__number("tid", seen.tid);
	result__number("handled", nr_handled);
	result__signed("signal", seen.signo);
	result__signed("code", seen.code);
	result__address("seen_address", seen.address);
	result__address("ip", (void *)seen.ip);
	result__address("sp", (void *)seen.sp);
	result__number("first_ns", seen.first_ns);
	result__number("after_ns", seen.after_ns);
}

static const struct workload_option options[] = {
	{"--times", OPTION_NUMBER, &nr_times}, {"--kind", OPTION_TEXT, &kind_name},
	{"--write", OPTION_FLAG, &writes},     {"--offset", OPTION_NUMBER, &offset},
	{"--delay", OPTION_NUMBER, &delay_ms}, {"--thread", OPTION_FLAG, &by_thread},
	{"--fatal", OPTION_FLAG, &fatal},      {"--pass-on", OPTION_FLAG, &passes_on},
	{"--child", OPTION_FLAG, &in_child},   OPTION_END,
};

int main(int argc, char **argv)
{
	static const struct workload workload = {options, prepare, act, report, NULL};

	workload__main(&workload, argc, argv);
}
