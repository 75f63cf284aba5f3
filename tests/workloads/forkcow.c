/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes pages, forks, and lets the child write some of them: copy on write.
 *
 * forkcow [--pages N] [--touch M] [--generations K] [--vfork] [-- PROGRAM ARG...]
 * Each child forks the next one, K generations of them; the last one execs PROGRAM, if given, with
 * its stdout read by the first, whose result line has it as "program". vfork: the child writes the
 * pages in the memory that it shares.
 */
#include "common.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_GENERATIONS 64

struct child {
	int pid, ppid;
	int64_t minor, major;		    /* of the writes */
	int64_t minor_in_all, major_in_all; /* since the fork; nothing faults after it */
	int64_t status;
};

static uint64_t nr_pages = 64, nr_touch = 16, nr_generations = 1;
static bool by_vfork;
static char *map;
static struct child *children; /* shared with all generations */
static char *program_text;
static int pipe_fd[2];

static void write_pages(uint64_t nr)
{
	uint64_t i;

	for (i = 0; i < nr; i++)
		*(volatile char *)(map + i * page_bytes()) += 1;
}

static void exec_program(char **program)
{
	dup2(pipe_fd[1], 1);
	execv(program[0], program);
	die(program[0]);
}

static void generation(uint64_t nr);

/* In the child, on the stack of generation(). */
static void child_act(uint64_t nr)
{
	struct child *child = &children[nr];
	struct rusage before, after;
	int status = 0;

	warm_after_fork();
	getrusage(RUSAGE_SELF, &after);
	getrusage(RUSAGE_SELF, &before);
	child->pid = (int)syscall(SYS_getpid);
	child->ppid = (int)syscall(SYS_getppid);
	child->status = 0;
	getrusage(RUSAGE_SELF, &before);
	write_pages(nr_touch);
	getrusage(RUSAGE_SELF, &after);
	child->minor = after.ru_minflt - before.ru_minflt;
	child->major = after.ru_majflt - before.ru_majflt;
	if (nr + 1 < nr_generations)
		generation(nr + 1);
	else if (workload__rest())
		exec_program(workload__rest());
	warm_after_fork();
	/* The first time only to have its copy of the stack: the counts are read before written. */
	getrusage(RUSAGE_SELF, &after);
	getrusage(RUSAGE_SELF, &after);
	child->minor_in_all = after.ru_minflt;
	child->major_in_all = after.ru_majflt;
	syscall(SYS_exit_group, status);
}

static void generation(uint64_t nr)
{
	int status = 0;
	pid_t pid;

	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid)
		child_act(nr);
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	children[nr].status = status;
}

/* The child only calls what leaves the parent's memory as it should be. */
static __attribute__((noinline)) void vfork_generation(void)
{
	pid_t pid = vfork();

	if (pid < 0)
		die("vfork");
	if (!pid) {
		struct rusage before, after;

		children[0].pid = (int)syscall(SYS_getpid);
		children[0].ppid = (int)syscall(SYS_getppid);
		getrusage(RUSAGE_SELF, &before);
		write_pages(nr_touch);
		getrusage(RUSAGE_SELF, &after);
		children[0].minor = after.ru_minflt - before.ru_minflt;
		children[0].major = after.ru_majflt - before.ru_majflt;
		if (workload__rest())
			exec_program(workload__rest());
		getrusage(RUSAGE_SELF, &after);
		children[0].minor_in_all = after.ru_minflt;
		children[0].major_in_all = after.ru_majflt;
		syscall(SYS_exit_group, 0);
	}
	waitpid(pid, NULL, 0);
}

static void prepare(void)
{
	errno = EINVAL;
	if (!nr_generations || nr_generations > MAX_GENERATIONS || nr_touch > nr_pages)
		die("--generations is 1 to 64, --touch at most --pages");
	children = mmap(NULL, 2 * page_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	if (children == MAP_FAILED || pipe(pipe_fd))
		die("mmap or pipe");
	memset(children, 0, 2 * page_bytes());
	program_text = map_alone(16);
	memset(program_text, 0, 16 * page_bytes());
	map = map_alone(nr_pages);
	if (!by_vfork)
		write_pages(nr_pages);
}

static void read_program(void)
{
	size_t len = 0, room = 16 * page_bytes() - 1;
	ssize_t n;

	close(pipe_fd[1]);
	while ((n = read(pipe_fd[0], program_text + len, room - len)) > 0)
		len += (size_t)n;
	program_text[len] = '\0';
	program_text[strcspn(program_text, "\n")] = '\0';
}

static void act(void)
{
	if (by_vfork)
		vfork_generation();
	else
		generation(0);
	read_program();
}

static void report(void)
{
	uint64_t i;

	result__pages(map, nr_pages);
	result__number("touched", nr_touch);
	result__open("children", '[');
	for (i = 0; i < nr_generations; i++) {
		result__open(NULL, '{');
		result__signed("pid", children[i].pid);
		result__signed("ppid", children[i].ppid);
		result__signed("minor", children[i].minor);
		result__signed("major", children[i].major);
		result__signed("minor_in_all", children[i].minor_in_all);
		result__signed("major_in_all", children[i].major_in_all);
		result__signed("status", children[i].status);
		result__close('{');
	}
	result__close('[');
	if (*program_text)
		result__raw("program", program_text);
}

static const struct workload_option options[] = {
	{"--pages", OPTION_NUMBER, &nr_pages},
	{"--touch", OPTION_NUMBER, &nr_touch},
	{"--generations", OPTION_NUMBER, &nr_generations},
	{"--vfork", OPTION_FLAG, &by_vfork},
	OPTION_END,
};

int main(int argc, char **argv)
{
	static const struct workload workload = {options, prepare, act, report, NULL};

	workload__main(&workload, argc, argv);
}
