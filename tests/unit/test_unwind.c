// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Unwinding of this program's own stack, through its libraries, judged by the compiler's own
 * unwinder (backtrace(3)); and what damaged files and stacks do to it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <elf.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "random.h"
#include "sym/unwind.h"
#include "walked.h"

#define MAX_MODULES 256
#define MAX_DEPTH 20000
#define DEPTH 1000
struct own {
	struct unwind_module modules[MAX_MODULES];
	char paths[MAX_MODULES][128];
	int fds[MAX_MODULES];
	size_t nr_modules;
	uint64_t low, high; /* the stack that may be read */
	uint64_t overlay_at, overlay;
	int replaced; /* the file of this program; -1: as it is */
	bool hidden;  /* no file but that of this program can be read */
};

static struct own own;

static void own__read_maps(const void *on_stack)
{
	FILE *file = fopen("/proc/self/maps", "re");
	uint64_t here = (uintptr_t)on_stack, start, end, offset;
	char line[512], prot[8], path[128];

	assert_non_null(file);
	own.nr_modules = 0;
	own.replaced = -1;
	own.hidden = false;
	own.overlay_at = 0;
	while (fgets(line, sizeof(line), file)) {
		*path = '\0';
		if (sscanf(line, "%lx-%lx %7s %lx %*s %*s %127s", &start, &end, prot, &offset,
			   path) < 4)
			continue;
		if (here >= start && here < end) {
			own.low = here & ~7ULL;
			own.high = end;
		}
		if (prot[2] != 'x' || own.nr_modules == MAX_MODULES)
			continue;
		own.modules[own.nr_modules] =
			(struct unwind_module){start, end, offset, path[0] == '/'};
		own.fds[own.nr_modules] = -1;
		snprintf(own.paths[own.nr_modules++], sizeof(path), "%s", path);
	}
	fclose(file);
}

/* Also what the sanitizers keep between variables. */
__attribute__((no_sanitize("address"))) static bool read_own(void *ctx, uint64_t address,
							     uint64_t *ret)
{
	(void)ctx;
	assert_int_equal(address % 8, 0);
	if (address == own.overlay_at && address) {
		*ret = own.overlay;
		return true;
	}
	if (address < own.low || address >= own.high)
		return false;
	*ret = *(const volatile uint64_t *)(uintptr_t)address;
	return true;
}

static int open_own(void *ctx, size_t module)
{
	static char self[128];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	(void)ctx;
	assert_true(len > 0 && module < own.nr_modules);
	self[len] = '\0';
	assert_int_equal(own.fds[module], -1); /* once each */
	if (own.replaced >= 0 && !strcmp(own.paths[module], self))
		return own.fds[module] = dup(own.replaced);
	if (own.paths[module][0] == '/' && (!own.hidden || !strcmp(own.paths[module], self)))
		own.fds[module] = open(own.paths[module], O_RDONLY | O_CLOEXEC);
	return own.fds[module];
}

static void close_own(void)
{
	for (size_t i = 0; i < own.nr_modules; i++) {
		if (own.fds[i] >= 0)
			close(own.fds[i]);
		own.fds[i] = -1;
	}
}

static struct unwind own_unwind(const ucontext_t *uc)
{
	struct unwind unwind = {.modules = own.modules,
				.nr_modules = own.nr_modules,
				.read = read_own,
				.open = open_own};
#if defined(__x86_64__)
	static const int order[] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
				    REG_RBP, REG_RSP, REG_R8,  REG_R9,	REG_R10, REG_R11,
				    REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		unwind.regs[i] = (uint64_t)uc->uc_mcontext.gregs[order[i]];
#elif defined(__aarch64__)
	for (int i = 0; i < 31; i++)
		unwind.regs[i] = uc->uc_mcontext.regs[i];
	unwind.regs[31] = uc->uc_mcontext.sp;
	unwind.regs[32] = uc->uc_mcontext.pc;
#endif
	return unwind;
}

/* What is to be done at the innermost place, with its registers. */
static void (*at_bottom)(const struct unwind *unwind);
static volatile int sink;

static __attribute__((noinline, noclone)) void bottom(void)
{
	struct unwind unwind;
	ucontext_t uc;

	own__read_maps(__builtin_frame_address(0));
	getcontext(&uc);
	unwind = own_unwind(&uc);
	own.low = unwind.regs[7] & ~7ULL;
	at_bottom(&unwind);
	close_own();
	sink++;
}

#define DESCEND(name, option)                                                                      \
	static __attribute__((noinline, noclone, optimize(option))) int name(int depth)            \
	{                                                                                          \
		volatile char frame[40];                                                           \
                                                                                                   \
		frame[0] = (char)depth;                                                            \
		if (depth)                                                                         \
			sink = name(depth - 1);                                                    \
		else                                                                               \
			bottom();                                                                  \
		return frame[0];                                                                   \
	}

DESCEND(descend, "omit-frame-pointer")
DESCEND(descend_with_pointers, "no-omit-frame-pointer")

/*
 * Frame by frame: ours begins at the caller of the function that asks, and has that by another
 * address. A sanitizer has frames of its own before.
 */
static void compare_with(const struct unwound *unwound, void *const *expected, int nr, bool *exact)
{
	uint64_t first = unwound->sites[unwound->frames[1]].ip + 1;
	int at = 0;

	while (at < nr && (uintptr_t)expected[at] != first)
		at++;
	assert_true(nr < MAX_DEPTH);
	assert_int_equal(unwound->nr_frames - 1, nr - at);
	*exact = true;
	for (size_t i = 1; i < unwound->nr_frames; i++) {
		uint64_t ip = unwound->sites[unwound->frames[i]].ip;
		uint64_t wanted = (uintptr_t)expected[at + i - 1];

		assert_true(ip + 1 == wanted || ip == wanted);
		*exact &= ip + 1 == wanted;
	}
}

static bool compare_all(const struct unwind *unwind)
{
	static void *expected[MAX_DEPTH];
	int nr = backtrace(expected, MAX_DEPTH);
	struct unwound unwound;
	bool exact;

	assert_int_equal(unwind__walk(unwind, &unwound), 0);
	assert_true(unwound.whole);
	compare_with(&unwound, expected, nr, &exact);
	unwound__release(&unwound);
	return exact;
}

static void compare(const struct unwind *unwind)
{
	assert_true(compare_all(unwind));
}

static void test_own(void **state)
{
	(void)state;
	at_bottom = compare;
	descend(0);
	descend(DEPTH);
	descend_with_pointers(DEPTH);
}

/* So many frames are of one function, by its begin. */
static void count(const struct unwind *unwind)
{
	struct unwound unwound;
	uint64_t begin = 0;
	size_t nr = 0;

	assert_int_equal(unwind__walk(unwind, &unwound), 0);
	begin = unwound.sites[unwound.frames[1]].begin;
	for (size_t i = 0; i < unwound.nr_frames; i++) {
		const struct unwind_site *site = &unwound.sites[unwound.frames[i]];

		nr += site->by_cfi && site->begin == begin;
	}
	assert_int_equal(nr, DEPTH + 1);
	assert_true(unwound.nr_sites < 50);
	unwound__release(&unwound);
}

static void test_functions(void **state)
{
	(void)state;
	at_bottom = count;
	descend(DEPTH);
}

static void *in_thread(void *arg)
{
	descend(*(int *)arg);
	return NULL;
}

static void test_thread(void **state)
{
	pthread_t thread;
	int depth = DEPTH;

	(void)state;
	at_bottom = compare;
	assert_int_equal(pthread_create(&thread, NULL, in_thread, &depth), 0);
	pthread_join(thread, NULL);
}

static int by_descending(const void *a, const void *b)
{
	static bool done;

	if (!done)
		descend(3);
	done = true;
	return *(const int *)a - *(const int *)b;
}

/* Through the C library, which has no frame pointers. */
static void test_library(void **state)
{
	int numbers[] = {3, 1, 2};

	(void)state;
	at_bottom = compare;
	qsort(numbers, 3, sizeof(numbers[0]), by_descending);
}

static void on_signal(int signo)
{
	(void)signo;
	descend(3);
}

/* Through the frame that the kernel has made, whose places are expressions. */
static void compare_over_signal(const struct unwind *unwind)
{
	/* What a signal interrupts is at the address itself, and so is what it returns to. */
	assert_false(compare_all(unwind));
}

static void test_signal(void **state)
{
	(void)state;
	at_bottom = compare_over_signal;
	signal(SIGUSR1, on_signal);
	raise(SIGUSR1);
	signal(SIGUSR1, SIG_DFL);
}

static struct walked walk(const struct unwind *unwind)
{
	struct walked walked = walked__walk(unwind);

	close_own();
	return walked;
}

#if defined(__x86_64__)
/* As a call to nowhere leaves it: the caller on top of the stack. */
static void call_nowhere(const struct unwind *unwind)
{
	struct unwind nowhere = *unwind;
	struct walked walked = walk(unwind), then;

	own.overlay_at = unwind->regs[7] - 8;
	own.overlay = unwind->regs[16] + 1;
	nowhere.regs[7] = own.overlay_at;
	for (int i = 0; i < 2; i++) {
		nowhere.regs[16] = i ? (uintptr_t)&own : 0;
		then = walk(&nowhere);
		assert_int_equal(then.nr_frames, walked.nr_frames + 1);
		assert_true(walked.whole && then.whole && !then.by_pointers);
	}
	own.overlay = 12345; /* no code */
	walked = walk(&nowhere);
	assert_int_equal(walked.nr_frames, 1);
	assert_false(walked.whole);
}

static void test_nowhere(void **state)
{
	(void)state;
	at_bottom = call_nowhere;
	descend(5);
}
#endif

/* The copy ends before the stack does. */
static void cut(const struct unwind *unwind)
{
	uint64_t high = own.high;
	size_t before = SIZE_MAX;
	struct walked walked;

	for (uint64_t size = 64 << 10; size; size /= 2) {
		own.high = own.low + size < high ? own.low + size : high;
		walked = walk(unwind);
		assert_true(walked.nr_frames <= before);
		assert_false(walked.whole);
		before = walked.nr_frames;
	}
	assert_true(before < 10);
}

static void test_cut_off(void **state)
{
	(void)state;
	at_bottom = cut;
	descend(DEPTH);
}

/* Through a library whose file is not there it is a guess, wherever that ends. */
static void hide(const struct unwind *unwind)
{
	struct walked walked = walk(unwind);
	struct unwind none = *unwind;

	assert_true(walked.whole && !walked.no_file && !walked.by_pointers);
	own.hidden = true;
	walked = walk(unwind);
	assert_true(walked.no_file && walked.by_pointers);
	/* A register that is 0 for another reason. */
	own.replaced = open("/dev/null", O_RDONLY | O_CLOEXEC);
	none.regs[FP] = 0;
	walked = walk(&none);
	assert_int_equal(walked.nr_frames, 1);
	assert_true(!walked.whole && walked.no_file && walked.by_pointers);
	close(own.replaced);
}

static void test_hidden(void **state)
{
	(void)state;
	at_bottom = hide;
	descend(5);
}

/* A copy of this program's file, and where in it is what is said of frames. */
struct copy {
	char *image;
	off_t size;
	uint64_t index, range;
};

/* By the file's index, or as a program that is linked statically: it has none. */
static bool without_index;

static struct copy copy__make(void)
{
	int exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct copy copy = {.size = lseek(exe, 0, SEEK_END)};
	Elf64_Phdr *phdr;

	copy.image = mmap(NULL, copy.size, PROT_READ | PROT_WRITE, MAP_PRIVATE, exe, 0);
	own.replaced = memfd_create("copy", MFD_CLOEXEC);
	assert_true(copy.image != MAP_FAILED && own.replaced >= 0);
	phdr = (Elf64_Phdr *)(copy.image + ((Elf64_Ehdr *)copy.image)->e_phoff);
	for (; phdr->p_type != PT_GNU_EH_FRAME; phdr++)
		;
	/* .eh_frame follows its index, and is larger. */
	copy.index = phdr->p_offset;
	copy.range = 5 * phdr->p_filesz;
	if (without_index)
		phdr->p_type = PT_NULL;
	assert_int_equal(pwrite(own.replaced, copy.image, copy.size, 0), copy.size);
	close(exe);
	return copy;
}

static void copy__end(struct copy *copy)
{
	munmap(copy->image, copy->size);
	close(own.replaced);
}

static void compare_without_index(const struct unwind *unwind)
{
	struct copy copy = copy__make();

	compare(unwind);
	copy__end(&copy);
}

static void test_without_index(void **state)
{
	(void)state;
	without_index = true;
	at_bottom = compare_without_index;
	descend(0);
	descend(DEPTH);
	descend_with_pointers(DEPTH);
	without_index = false;
}

/* A file that can be read, without an index and without sections: it says nothing. */
static void walk_without_sections(const struct unwind *unwind)
{
	const Elf64_Ehdr none = {};
	struct copy copy = copy__make();
	struct walked walked;

	assert_int_equal(pwrite(own.replaced, &none.e_shnum, sizeof(none.e_shnum),
				offsetof(Elf64_Ehdr, e_shnum)),
			 sizeof(none.e_shnum));
	walked = walk(unwind);
	assert_true(walked.no_file && walked.by_pointers);
	copy__end(&copy);
}

static void test_without_sections(void **state)
{
	(void)state;
	without_index = true;
	at_bottom = walk_without_sections;
	descend(5);
	without_index = false;
}

/* Bytes of this program's file are changed: wherever what is said of frames lies. */
static void walk_damaged(const struct unwind *unwind)
{
	struct copy copy = copy__make();
	unsigned int nr_whole = 0;
	uint64_t seed = 4242;

	for (int i = 0; i < 2000; i++) {
		/* Some stay. */
		for (int n = 0; n < 16; n++) {
			off_t at = (off_t)(i % 8 ? copy.index + random__below(&seed, copy.range)
						 : random__below(&seed, 1024));
			char changed = (char)random__next(&seed);

			if (at < copy.size && (i % 8 || !n))
				assert_int_equal(pwrite(own.replaced, &changed, 1, at), 1);
		}
		nr_whole += walk(unwind).whole;
		if (i % 20 == 19)
			assert_int_equal(pwrite(own.replaced, copy.image, copy.size, 0), copy.size);
	}
	assert_true(nr_whole > 0);
	assert_true(nr_whole < 2000);
	copy__end(&copy);
}

static void test_damaged_file(void **state)
{
	(void)state;
	at_bottom = walk_damaged;
	descend(20);
	without_index = true;
	descend(20);
	without_index = false;
}

/* And of the stack. */
static void walk_damaged_stack(const struct unwind *unwind)
{
	struct unwind damaged = *unwind;
	uint64_t seed = 77;

	for (int i = 0; i < 1000; i++) {
		own.overlay_at = own.low + (random__below(&seed, 4096) & ~7ULL);
		own.overlay = i % 2 ? own.low + random__below(&seed, 8192)
				    : own.modules[0].start + random__below(&seed, 1 << 20);
		damaged.regs[random__below(&seed, CFI_REGS)] ^= random__next(&seed) % 4096;
		walk(&damaged);
		if (i % 4 == 3)
			damaged = *unwind;
	}
}

static void test_damaged_stack(void **state)
{
	(void)state;
	at_bottom = walk_damaged_stack;
	descend(20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own),
		cmocka_unit_test(test_functions),
		cmocka_unit_test(test_thread),
		cmocka_unit_test(test_library),
		cmocka_unit_test(test_signal),
#if defined(__x86_64__)
		cmocka_unit_test(test_nowhere),
#endif
		cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_hidden),
		cmocka_unit_test(test_without_index),
		cmocka_unit_test(test_without_sections),
		cmocka_unit_test(test_damaged_file),
		cmocka_unit_test(test_damaged_stack),
	};

	return cmocka_run_group_tests_name("unwind", tests, NULL, NULL);
}
