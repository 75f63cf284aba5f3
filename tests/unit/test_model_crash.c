// SPDX-License-Identifier: GPL-2.0-or-later
/* What was wrong with bad accesses, who died of them, and how it is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/name.h"
#include "report/build.h"
#include "report/crash.h"
#include "report/report.h"
#include "signals.h"

#define GAP (LIB + 0x100000)

static void assert_said(const struct crash *crash, enum crash_verdict verdict, const char *words)
{
	char *text = report_crash__text(crash);

	assert_string_equal(crash_verdict__name(crash->verdict), crash_verdict__name(verdict));
	assert_string_equal(text, words);
	free(text);
}

static void judge(struct feed *feed, struct mt_signal_more rec, enum crash_verdict verdict,
		  const char *words)
{
	assert_said(feed__crash(feed, &rec), verdict, words);
}

static void test_null_pointer(void **state)
{
	struct mt_signal_more rec = signal__at(0, SEGV_MAPERR, ERROR_EXEC);

	judge(*state, signal__at(0, SEGV_MAPERR, ERROR_READ), VERDICT_NULL_POINTER,
	      "null pointer: read of address 0");
	judge(*state, signal__at(24, SEGV_MAPERR, ERROR_WRITE), VERDICT_NULL_POINTER,
	      "null pointer: write to field at offset 24 (0x18)");
	judge(*state, signal__at(-16ULL, SEGV_MAPERR, ERROR_READ), VERDICT_NULL_POINTER,
	      "null pointer: read of field at offset -16 (-0x10)");
	judge(*state, signal__at(0xffff, SEGV_MAPERR, ERROR_READ), VERDICT_NULL_POINTER,
	      "null pointer: read of field at offset 65535 (0xffff)");
	judge(*state, signal__at(-0x10000ULL, SEGV_MAPERR, ERROR_READ), VERDICT_NULL_POINTER,
	      "null pointer: read of field at offset -65536 (-0x10000)");
	rec.signal.ip = 0;
	judge(*state, rec, VERDICT_NULL_POINTER, "call of a null pointer");
	rec.signal.addr = rec.signal.ip = 0x18;
	judge(*state, rec, VERDICT_NULL_POINTER, "null pointer: jump to 0x18");
	/* Not near enough; and where something is mapped, by MAP_FIXED. */
	judge(*state, signal__at(0x10000, SEGV_MAPERR, ERROR_READ), VERDICT_HOLE,
	      "in no mapping: 3.9 MiB below worker (read)");
	feed__mmap(*state, 0x1000, PAGE, PROT_READ, ANON | MAP_FIXED, FLT(0, 0));
	judge(*state, signal__at(0x1008, SEGV_ACCERR, ERROR_WRITE), VERDICT_READ_ONLY,
	      "write to read-only mapping [anon] r--");
}

static void test_forbidden(void **state)
{
	struct feed *feed = *state;
	struct mt_signal_more rec = signal__at(HEAP, SEGV_ACCERR, ERROR_EXEC);

	judge(feed, signal__at(LIB + 8, SEGV_ACCERR, ERROR_WRITE), VERDICT_READ_ONLY,
	      "write to read-only mapping /usr/lib/libc.so.6 r--");
	judge(feed, signal__at(TEXT + 8, SEGV_ACCERR, ERROR_WRITE), VERDICT_READ_ONLY,
	      "write to read-only mapping /usr/bin/worker r-x");
	judge(feed, rec, VERDICT_NOT_EXECUTABLE, "jump to non-executable mapping [heap] rw-");
	feed__mmap(feed, GAP, 2 * PAGE, PROT_NONE, ANON, FLT(0, 0));
	judge(feed, signal__at(GAP, SEGV_ACCERR, ERROR_READ), VERDICT_NOT_READABLE,
	      "read of inaccessible mapping [anon] ---");
	judge(feed, signal__at(GAP, SEGV_ACCERR, ERROR_WRITE), VERDICT_NOT_READABLE,
	      "write to inaccessible mapping [anon] ---");
	/* A guard by madvise: the kernel says MAPERR, and has a mapping. */
	feed__call(feed, MT_KIND_MPROTECT, PID, ARGS(GAP, 2 * PAGE, RW), 0, FLT(0, 0));
	feed__call(feed, MT_KIND_MADVISE, PID, ARGS(GAP, PAGE, 102), 0, FLT(0, 0));
	rec = signal__at(GAP + 16, SEGV_MAPERR, ERROR_READ);
	signal__set_vma(&rec, GAP, GAP + 2 * PAGE, PROT_READ | PROT_WRITE);
	judge(feed, rec, VERDICT_NOT_READABLE, "read of a guard page in [anon] rw-");
	/* Another thread was faster. */
	judge(feed, signal__at(HEAP, SEGV_ACCERR, ERROR_WRITE), VERDICT_OTHER,
	      "write to mapping [heap] rw-, which allows it by now");
}

/* Where the processor does not say what was tried, the permissions do as far as they can. */
static void test_access_unknown(void **state)
{
	struct feed *feed = *state;
	struct mt_signal_more rec = signal__at(LIB, SEGV_ACCERR, 0);
	const struct crash *crash;

	rec.trap = MT_TRAP_UNKNOWN;
	judge(feed, rec, VERDICT_READ_ONLY, "write to read-only mapping /usr/lib/libc.so.6 r--");
	crash = crashes__last(feed__proc(feed));
	assert_int_equal(crash->access, ACCESS_UNKNOWN);
	rec.signal.addr = rec.signal.ip = HEAP;
	judge(feed, rec, VERDICT_NOT_EXECUTABLE, "jump to non-executable mapping [heap] rw-");
	/* Its exception has said it. */
	rec.signal.addr = LIB + 16;
	feed__fault_of(feed, PID, PID, LIB + 16, MT_FAULT_WRITE, FLT(0, 0), 0);
	crash = feed__crash(feed, &rec);
	assert_int_equal(crash->access, ACCESS_WRITE);
}

static void test_hole(void **state)
{
	struct feed *feed = *state;
	struct mt_signal_more rec;
	const struct crash *crash;

	judge(feed, signal__at(HEAP + 0x22000, SEGV_MAPERR, ERROR_READ), VERDICT_HOLE,
	      "in no mapping: 4.0 KiB above [heap] (read)");
	crash = crashes__last(feed__proc(feed));
	assert_true(crash->below.end == HEAP + 0x21000 && crash->above.start == LIB);
	assert_int_equal(crash->at.end, 0);
	/* Above all there is. */
	judge(feed, signal__at(0xffff800000000000ULL, SEGV_MAPERR, ERROR_WRITE), VERDICT_HOLE,
	      "in no mapping: 0xffff800000000000, the kernel's part of the address space (write)");
	/* The kernel knows better than the mirror, both ways. */
	rec = signal__at(LIB, SEGV_MAPERR, ERROR_READ);
	signal__set_vma(&rec, 0, 0, 0);
	crash = feed__crash(feed, &rec);
	assert_int_equal(crash->verdict, VERDICT_HOLE);
	assert_int_equal(crash->at.end, 0);
	rec = signal__at(GAP, SEGV_ACCERR, ERROR_WRITE);
	signal__set_vma(&rec, GAP, GAP + PAGE, PROT_READ);
	judge(feed, rec, VERDICT_READ_ONLY, "write to read-only mapping [other] r--");
}

/* A process that nothing is known of. */
static void test_nothing_known(void **state)
{
	struct feed feed;
	struct mt_signal_more rec = signal__at(GAP, SEGV_MAPERR, ERROR_READ);

	(void)state;
	feed__open(&feed);
	feed__session(&feed, 1000000000);
	judge(&feed, rec, VERDICT_HOLE, "in no mapping: 0x7f0000100000 (read)");
	judge(&feed, signal__at(GAP, SEGV_ACCERR, ERROR_READ), VERDICT_OTHER,
	      "SIGSEGV by SEGV_ACCERR");
	feed__close(&feed);
}

static void bus(struct feed *feed, uint64_t addr, uint64_t file_offset, uint64_t file_bytes,
		enum crash_verdict verdict, const char *words)
{
	struct mt_signal_more rec = signal__at(addr, BUS_ADRERR, ERROR_READ);

	rec.signal.signo = SIGBUS;
	if (file_bytes != BYTES_UNKNOWN) {
		signal__set_vma(&rec, GAP, GAP + 8 * PAGE, PROT_READ);
		rec.file_offset = file_offset;
		rec.file_bytes = file_bytes;
	}
	judge(feed, rec, verdict, words);
}

static void test_beyond_eof(void **state)
{
	struct feed *feed = *state;
	const struct crash *crash;

	feed__map_file(feed, GAP, 8 * PAGE, PROT_READ, MAP_SHARED, 0, "data.bin");
	bus(feed, GAP + 3 * PAGE, 0, PAGE, VERDICT_BEYOND_EOF,
	    "8,192 bytes beyond the end of data.bin (4,096 bytes) (read)");
	crash = crashes__last(feed__proc(feed));
	assert_int_equal(crash->file_bytes, PAGE);
	assert_int_equal(crash->file_offset, 3 * PAGE);
	bus(feed, GAP + PAGE, 0, PAGE, VERDICT_BEYOND_EOF,
	    "right beyond the end of data.bin (4,096 bytes) (read)");
	bus(feed, GAP, 4 * PAGE, 100, VERDICT_BEYOND_EOF,
	    "16,284 bytes beyond the end of data.bin (100 bytes) (read)");
	/* The rest of the last page can be accessed: that is something else. */
	bus(feed, GAP + 200, 0, 100, VERDICT_OTHER,
	    "no page to be had, an input/output error or no room: data.bin r--");
	bus(feed, GAP + 2 * PAGE, 0, BYTES_UNKNOWN, VERDICT_BEYOND_EOF,
	    "beyond the end of data.bin: offset 8,192 (read)");
	crash = crashes__last(feed__proc(feed));
	assert_true(crash->file_bytes == BYTES_UNKNOWN);
	bus(feed, HEAP, 0, BYTES_UNKNOWN, VERDICT_OTHER, "no page to be had for [heap] rw-");
}

static void coded(struct feed *feed, int signo, int code, uint32_t trap, uint64_t addr,
		  enum crash_verdict verdict, const char *words)
{
	struct mt_signal_more rec = signal__at(addr, code, ERROR_READ);

	rec.signal.signo = signo;
	rec.trap = trap;
	rec.pkey = 3;
	judge(feed, rec, verdict, words);
}

static void test_other_codes(void **state)
{
	static const char gp[] = "general protection: an address that is not canonical, or a "
				 "misaligned vector access; the processor does not tell it";
	struct mt_signal_more rec = signal__at(HEAP, BUS_ADRERR, ERROR_READ);
	struct feed *feed = *state;

	coded(feed, SIGSEGV, SI_KERNEL, 13, 0, VERDICT_NON_CANONICAL, gp);
	assert_false(crashes__last(feed__proc(feed))->addr_known);
	assert_int_equal(crashes__last(feed__proc(feed))->access, ACCESS_UNKNOWN);
	coded(feed, SIGBUS, SI_KERNEL, 12, 0, VERDICT_NON_CANONICAL, gp);
	coded(feed, SIGSEGV, SI_KERNEL, 0, 0, VERDICT_OTHER,
	      "raised by the kernel, without an address");
	coded(feed, SIGSEGV, SEGV_PKUERR, 14, HEAP, VERDICT_PROTECTION_KEY,
	      "protection key 3 forbids to read [heap] rw-");
	coded(feed, SIGSEGV, SEGV_BNDERR, 5, HEAP, VERDICT_OTHER,
	      "beyond the bounds that were checked");
	coded(feed, SIGSEGV, 9, MT_TRAP_UNKNOWN, HEAP, VERDICT_OTHER, "memory tag mismatch");
	coded(feed, SIGSEGV, 77, 14, HEAP, VERDICT_OTHER,
	      "read of mapping [heap] rw-, which allows it by now");
	coded(feed, SIGBUS, BUS_ADRALN, 17, HEAP, VERDICT_OTHER, "misaligned access");
	coded(feed, SIGBUS, BUS_MCEERR_AR, 18, HEAP, VERDICT_OTHER, "hardware memory error");
	rec.signal.signo = SIGBUS;
	signal__set_vma(&rec, HEAP, HEAP + 0x200000, 0x400003); /* VM_HUGETLB */
	rec.file_bytes = 0x200000;
	judge(feed, rec, VERDICT_OTHER, "no huge page left for [heap] rw-");
}

static void test_fatal_and_handled(void **state)
{
	struct feed *feed = *state;
	struct crashes *crashes = &feed__proc(feed)->crashes;
	struct mt_signal_more rec = signal__at(8, SEGV_MAPERR, ERROR_READ);
	const struct crash *crash;

	rec.signal.hdr.flags = MT_SIGNAL_HANDLED;
	crash = feed__crash(feed, &rec);
	assert_true(crash->handled_known && crash->handled && !crash->fatal);
	rec.signal.hdr.flags = 0;
	crash = feed__crash(feed, &rec);
	assert_true(crash->handled_known && !crash->handled && crash->fatal);
	assert_int_equal(crashes->fatal, 1);
	assert_int_equal(crashes->handled, 1);
	assert_int_equal(crashes->list.nr, 2);
	assert_string_equal(name__text(crash->ip_name), "/usr/bin/worker");
	assert_int_equal(crash->ip_offset, 0x123);
}

/* A runtime that handles them by the thousand does not crowd out the one that it dies of. */
static void test_bounds(void **state)
{
	struct feed *feed = *state;
	struct crashes *crashes = &feed__proc(feed)->crashes;
	struct mt_signal_more rec = signal__at(8, SEGV_MAPERR, ERROR_READ);

	rec.signal.hdr.flags = MT_SIGNAL_HANDLED;
	for (int i = 0; i < 5000; i++)
		feed__now(feed, &rec);
	assert_int_equal(crashes->list.nr, MAX_CRASHES_HANDLED);
	rec.signal.hdr.flags = 0;
	for (int i = 0; i < 5000; i++)
		feed__now(feed, &rec);
	assert_int_equal(crashes->list.nr, MAX_CRASHES_HANDLED + MAX_CRASHES);
	assert_int_equal(crashes->handled, 5000);
	assert_int_equal(crashes->fatal, 5000);
	assert_null(crashes__find(feed__proc(feed), PID, feed->now_ns - 1000 * RECENT_CRASHES));
	assert_non_null(
		crashes__find(feed__proc(feed), PID, feed->now_ns - 1000 * (RECENT_CRASHES - 1)));
}

/* Of an old recording: the process has told by its end. */
static void old_signal(struct feed *feed, uint64_t addr)
{
	struct mt_signal rec = signal__at(addr, SEGV_MAPERR, 0).signal;

	rec.hdr.size_bytes = sizeof(rec);
	feed__now(feed, &rec);
}

static void test_old_record(void **state)
{
	struct feed *feed = *state;
	const struct crash *crash;

	old_signal(feed, 8);
	old_signal(feed, 16);
	crash = crashes__last(feed__proc(feed));
	assert_int_equal(crash->verdict, VERDICT_NULL_POINTER);
	assert_false(crash->handled_known || crash->fatal);
	assert_int_equal(feed__proc(feed)->crashes.fatal, 0);
	feed__exit(feed, PID, PID, true, SIGSEGV | 0x80, FLT(0, 0));
	assert_true(crash->fatal);
	assert_int_equal(feed__proc(feed)->crashes.fatal, 1);
	assert_int_equal(feed__proc(feed)->crashes.handled, 1);
	assert_true(feed__proc(feed)->crashes.list.items[1].fatal);
	assert_false(feed__proc(feed)->crashes.list.items[0].fatal);
}

/* Redis and others report in their handler, and then have the signal's own effect. */
static void test_passed_on(void **state)
{
	struct feed *feed = *state;
	struct crashes *crashes = &feed__proc(feed)->crashes;
	struct mt_signal_more rec = signal__at(8, SEGV_MAPERR, ERROR_READ);

	feed->model->notices.wanted = true;
	rec.signal.hdr.flags = MT_SIGNAL_HANDLED;
	for (int i = 0; i <= MAX_CRASHES_HANDLED; i++)
		feed__now(feed, &rec);
	assert_int_equal(crashes->list.nr, MAX_CRASHES_HANDLED);
	assert_int_equal(feed->model->notices.nr, 0);
	feed->now_ns += CRASH_ENDED_SOON_NS - 1000;
	feed__exit(feed, PID, PID, true, SIGSEGV, FLT(0, 0));
	assert_int_equal(crashes->fatal, 1);
	assert_int_equal(crashes->handled, MAX_CRASHES_HANDLED);
	assert_int_equal(crashes->list.nr, MAX_CRASHES_HANDLED + 1);
	assert_true(crashes->list.items[MAX_CRASHES_HANDLED].fatal);
	assert_true(crashes->list.items[MAX_CRASHES_HANDLED].passed_on);
	assert_int_equal(feed->model->notices.nr, 1);
	assert_false(feed->model->notices.items[0].handled);
}

static void test_not_passed_on(void **state)
{
	struct feed *feed = *state;
	struct mt_signal_more rec = signal__at(8, SEGV_MAPERR, ERROR_READ);

	rec.signal.hdr.flags = MT_SIGNAL_HANDLED;
	feed__now(feed, &rec);
	feed->now_ns += CRASH_ENDED_SOON_NS;
	feed__exit(feed, PID, PID, true, SIGSEGV, FLT(0, 0));
	assert_int_equal(feed__proc(feed)->crashes.fatal, 0);
}

/* A handler that reports, and exits: as far as that can be told from its code. */
static void assert_exit(struct feed *feed, uint32_t exit_code, int reported)
{
	struct mt_signal_more rec = signal__at(8, SEGV_MAPERR, ERROR_READ);
	struct report_process *process;
	struct report *report;

	rec.signal.hdr.flags = MT_SIGNAL_HANDLED;
	for (int i = 0; i <= MAX_CRASHES_HANDLED; i++)
		feed__now(feed, &rec);
	feed->now_ns += 200000;
	feed__exit(feed, PID, PID, true, exit_code, FLT(0, 0));
	assert_int_equal(report__build(feed->model, "0", 0, &report), 0);
	process = &report->processes[0];
	assert_int_equal(process->crashes.fatal, 0);
	assert_int_equal(process->crashes.ended_soon, 0);
	assert_int_equal(process->crashes.exited_soon, reported != 0);
	assert_int_equal(process->crashes.nr, MAX_CRASHES_HANDLED + (reported != 0));
	assert_int_equal(process->crashes.list[process->crashes.nr - 1].exit_code, reported);
	assert_int_equal(process->crashes.list[process->crashes.nr - 1].ended_by, 0);
	report__free(report);
}

static void test_exit_code(void **state)
{
	assert_exit(*state, 3 << 8, 3);
}

static void test_exit_code_0(void **state)
{
	assert_exit(*state, 0, 0);
}

static void test_old_record_other_end(void **state)
{
	struct feed *feed = *state;

	old_signal(feed, 8);
	feed__exit(feed, PID, PID, true, SIGTERM, FLT(0, 0));
	assert_int_equal(feed__proc(feed)->crashes.fatal, 0);
	assert_int_equal(feed__proc(feed)->crashes.handled, 1);
}

/* The handler had no stack to run on: the kernel raises a signal of its own, which is no other. */
static void test_no_room(void **state)
{
	struct feed *feed = *state;
	struct crashes *crashes = &feed__proc(feed)->crashes;
	struct mt_signal_more rec = signal__at(8, SEGV_MAPERR, ERROR_READ), second;

	rec.signal.hdr.flags = MT_SIGNAL_HANDLED;
	feed__now(feed, &rec);
	second = rec;
	second.signal.hdr.flags = 0;
	second.signal.code = SI_KERNEL;
	second.signal.addr = 0;
	feed__now(feed, &second);
	assert_int_equal(crashes->fatal, 1);
	assert_int_equal(crashes->handled, 0);
	assert_int_equal(crashes->list.nr, 1);
	assert_true(crashes->list.items[0].fatal && crashes->list.items[0].no_room);
	assert_said(&crashes->list.items[0], VERDICT_NULL_POINTER,
		    "null pointer: read of field at offset 8 (0x8); its handler had no stack to "
		    "run on");
	/* Once; and not of another thread, place or time. */
	feed__now(feed, &second);
	assert_int_equal(crashes->list.nr, 2);
	feed__now(feed, &rec);
	second.signal.ip++;
	feed__now(feed, &second);
	assert_int_equal(crashes->list.nr, 4);
	assert_int_equal(crashes->handled, 1);
}

/* SA_RESETHAND: the handler has had its turn, and the instruction is tried again. */
static void test_reset_handler(void **state)
{
	struct feed *feed = *state;
	struct crashes *crashes = &feed__proc(feed)->crashes;
	struct mt_signal_more rec = signal__at(0, SI_KERNEL, 0);

	rec.trap = 13;
	rec.signal.hdr.flags = MT_SIGNAL_HANDLED;
	feed__now(feed, &rec);
	rec.signal.hdr.flags = 0;
	feed__now(feed, &rec);
	assert_int_equal(crashes->handled, 1);
	assert_int_equal(crashes->fatal, 1);
	assert_int_equal(crashes->list.nr, 2);
	assert_false(crashes->list.items[0].fatal || crashes->list.items[1].no_room);
}

/* An exec begins with a clean slate of mappings, and keeps what there was. */
static void test_exec_and_fork(void **state)
{
	struct feed *feed = *state;
	struct mt_signal_more rec = signal__at(LIB, SEGV_ACCERR, ERROR_WRITE);

	feed__now(feed, &rec);
	feed__fork(feed, PID, PID + 7, PID + 7, 0, FLT(0, 0));
	assert_int_equal(feed__process_of(feed, PID + 7)->crashes.fatal, 0);
	rec.signal.hdr.tgid = rec.signal.hdr.tid = PID + 7;
	feed__now(feed, &rec);
	assert_int_equal(feed__process_of(feed, PID + 7)->crashes.list.items[0].verdict,
			 VERDICT_READ_ONLY);
	feed__exec(feed, PID, HEAP, FLT(0, 0));
	assert_int_equal(feed__proc(feed)->crashes.list.nr, 1);
	assert_string_equal(name__text(feed__proc(feed)->crashes.list.items[0].at.name),
			    "/usr/lib/libc.so.6");
	judge(feed, signal__at(LIB, SEGV_MAPERR, ERROR_READ), VERDICT_HOLE,
	      "in no mapping: 0x7f0000000000 (read)");
}

/* A recorder keeps the last ones, for those who want to know at once. */
static void test_forgetting(void **state)
{
	struct feed *feed = *state;
	struct mt_signal_more rec = signal__at(LIB, SEGV_ACCERR, ERROR_WRITE);

	feed__proc(feed)->forgets = true;
	for (int i = 0; i < 100; i++)
		assert_int_equal(feed__crash(feed, &rec)->verdict, VERDICT_READ_ONLY);
	assert_int_equal(feed__proc(feed)->crashes.list.nr, 0);
	assert_int_equal(feed__proc(feed)->crashes.fatal, 100);
}

static void test_notices(void **state)
{
	struct feed *feed = *state;
	struct notices *notices = &feed->model->notices;
	struct mt_signal_more rec = signal__at(8, SEGV_MAPERR, ERROR_READ);

	notices->wanted = true;
	rec.signal.hdr.flags = MT_SIGNAL_HANDLED | MT_SIGNAL_COPIED;
	feed__now(feed, &rec);
	assert_int_equal(notices->nr, 0);
	rec.signal.hdr.flags = MT_SIGNAL_COPIED;
	feed__now(feed, &rec);
	assert_int_equal(notices->nr, 1);
	assert_int_equal(notices->items[0].kind, NOTICE_CRASH);
	assert_int_equal(notices->items[0].ip, TEXT + 0x123);
	assert_true(notices->items[0].awaits_stack && !notices->items[0].handled);
	/* A stack hit is one also if it is handled. */
	rec = signal__at(STACK_END - STACK_LIMIT - 8, SEGV_MAPERR, ERROR_WRITE);
	rec.signal.sp = rec.signal.addr;
	rec.signal.hdr.flags = MT_SIGNAL_HANDLED;
	feed__now(feed, &rec);
	assert_int_equal(notices->nr, 2);
	assert_int_equal(notices->items[1].kind, NOTICE_STACK_HIT);
	assert_true(notices->items[1].handled);
}

/* Whatever a recording says. */
static void test_hostile(void **state)
{
	static const uint64_t values[] = {0,   1,	   PAGE,      STACK_START - 8,
					  LIB, 1ULL << 63, ~0ULL - 1, ~0ULL};
	struct feed *feed = *state;
	struct mt_signal_more rec;
	uint64_t random = 1;
	char *text;

#define ANY (values[random__below(&random, sizeof(values) / sizeof(values[0]))])
	for (int i = 0; i < 20000; i++) {
		rec = signal__at(ANY, (int)random__below(&random, 12) - 1, (uint32_t)ANY);
		rec.signal.signo = i % 3 ? SIGSEGV : (int)ANY;
		rec.signal.sp = ANY;
		rec.signal.ip = ANY;
		rec.trap = i % 5 ? MT_TRAP_PAGE_FAULT : (uint32_t)ANY;
		rec.signal.hdr.flags = (uint16_t)random__below(&random, 8);
		rec.signal.vma_start = ANY;
		rec.signal.vma_end = ANY;
		rec.signal.vma_flags = ANY;
		rec.signal.stack_limit_bytes = ANY;
		rec.signal.stack_vm_bytes = ANY;
		rec.file_offset = ANY;
		rec.file_bytes = ANY;
		rec.altstack_start = ANY;
		rec.altstack_bytes = ANY;
		rec.as_limit_bytes = ANY;
		rec.use.total_pages = ANY;
		feed__now(feed, &rec);
		text = report_crash__text(crashes__last(feed__proc(feed)));
		assert_non_null(text);
		assert_true(*text);
		free(text);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, feed__setup, feed__teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_null_pointer),
		TEST(test_forbidden),
		TEST(test_access_unknown),
		TEST(test_hole),
		cmocka_unit_test(test_nothing_known),
		TEST(test_beyond_eof),
		TEST(test_other_codes),
		TEST(test_fatal_and_handled),
		TEST(test_bounds),
		TEST(test_old_record),
		TEST(test_passed_on),
		TEST(test_not_passed_on),
		TEST(test_exit_code),
		TEST(test_exit_code_0),
		TEST(test_old_record_other_end),
		TEST(test_no_room),
		TEST(test_reset_handler),
		TEST(test_exec_and_fork),
		TEST(test_forgetting),
		TEST(test_notices),
		TEST(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
