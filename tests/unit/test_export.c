// SPDX-License-Identifier: GPL-2.0-or-later
/* Events as rows: what each kind says, when there is none, bounded memory. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "events.h"
#include "render/event_lines.h"
#include "report/event_row.h"

#define AREA 0x7f1000000000ULL
#define CHILD 5000U
/* A model that is fed, and its events as lines. */
struct export
{
	struct feed *feed;
	struct event_lines lines;
	char *text;
	size_t size;
};

static void take(void *ctx, struct model *model, const struct event *ev)
{
	struct export *export = ctx;
	struct report_event row;

	if (report__event(model, ev, &row))
		assert_int_equal(event_lines__add(&export->lines, &row), 0);
}

static struct export *export__open(struct feed *feed, const struct line_format *format)
{
	struct export *export = calloc(1, sizeof(*export));
	FILE *out = open_memstream(&export->text, &export->size);

	assert_non_null(out);
	assert_int_equal(event_lines__begin(&export->lines, format, out), 0);
	export->feed = feed;
	feed->taken = take;
	feed->ctx = export;
	return export;
}

/* The text so far. */
static const char *export__text(struct export *export)
{
	assert_int_equal(event_lines__flush(&export->lines), 0);
	return export->text;
}

static void export__close(struct export *export)
{
	export->feed->taken = NULL;
	fclose(export->lines.out);
	free(export->text);
	free(export);
}

/* The last line, as an object. */
static json_t *last_row(struct export *export)
{
	const char *text = export__text(export), *line;
	json_error_t error;
	json_t *row;

	assert_true(export->size && text[export->size - 1] == '\n');
	line = memrchr(text, '\n', export->size - 1);
	row = json_loads(line ? line + 1 : text, JSON_REJECT_DUPLICATES, &error);
	if (!row)
		fail_msg("%s in: %s", error.text, line ? line + 1 : text);
	return row;
}

/* The last line has these members, as JSON has them, and of the others that are not in each null.
 */
static void assert_row(struct export *export, const char *expected)
{
	static const char *const always[] = {"time", "t_ns", "pid", "tid", "comm", "thread"};
	json_t *row = last_row(export), *want = json_loads(expected, 0, NULL), *value;
	const char *key;

	assert_non_null(want);
	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		if (!json_object_get(want, always[i]))
			json_object_del(row, always[i]);
	json_object_foreach(row, key, value) if (!json_object_get(want, key))
		json_object_set_new(want, key, json_null());
	if (!json_equal(row, want))
		fail_msg("row %s\nnot %s", json_dumps(row, JSON_SORT_KEYS),
			 json_dumps(want, JSON_SORT_KEYS));
	json_decref(row);
	json_decref(want);
}

static void test_common_columns(void **state)
{
	struct feed *feed = *state;
	struct export *export = export__open(feed, &ndjson_lines);

	feed__fault(feed, PID, HEAP, FLT(0, 0));
	/* The first record, the session, is of 1.000001000 s. */
	assert_row(export,
		   "{\"time\":\"2026-11-21T09:26:48.123466789Z\",\"t_ns\":10000,\"pid\":4242,"
		   "\"tid\":4242,\"comm\":\"worker\",\"thread\":\"reader\",\"kind\":\"fault\","
		   "\"address\":\"0x700000\",\"region\":\"heap\",\"access\":\"write\","
		   "\"cause\":\"anon_merged\"}");
	/* The second changes within the fraction, and on to another day. */
	feed->now_ns = 1000001000 + 876543210 - 1000;
	feed__fault(feed, PID, HEAP, FLT(1, 0));
	assert_row(export, "{\"time\":\"2026-11-21T09:26:48.999999999Z\",\"t_ns\":876543210,"
			   "\"kind\":\"fault\",\"address\":\"0x700000\",\"region\":\"heap\","
			   "\"access\":\"write\",\"cause\":\"anon_merged\"}");
	feed__fault(feed, PID, HEAP, FLT(2, 0));
	assert_row(export, "{\"time\":\"2026-11-21T09:26:49.000000999Z\",\"t_ns\":876544210,"
			   "\"kind\":\"fault\",\"address\":\"0x700000\",\"region\":\"heap\","
			   "\"access\":\"write\",\"cause\":\"anon_merged\"}");
	feed->now_ns += 86400ULL * 1000000000 - 1000;
	feed__fault(feed, PID, HEAP, FLT(3, 0));
	assert_row(export, "{\"time\":\"2026-11-22T09:26:49.000000999Z\",\"t_ns\":86400876544210,"
			   "\"kind\":\"fault\",\"address\":\"0x700000\",\"region\":\"heap\","
			   "\"access\":\"write\",\"cause\":\"anon_merged\"}");
	/* Before the session: its reader has dated it so. */
	feed->now_ns = 999998000;
	feed__fault(feed, PID, HEAP, FLT(4, 0));
	assert_row(export, "{\"time\":\"2026-11-21T09:26:48.123454789Z\",\"t_ns\":-2000,"
			   "\"kind\":\"fault\",\"address\":\"0x700000\",\"region\":\"heap\","
			   "\"access\":\"write\",\"cause\":\"anon_merged\"}");
	export__close(export);
}

static void test_nothing_known(void **state)
{
	struct feed feed;
	struct export *export;

	(void)state;
	feed__open(&feed);
	export = export__open(&feed, &ndjson_lines);
	feed__fault(&feed, 7, 0, FLT(0, 0));
	assert_row(export, "{\"time\":null,\"t_ns\":null,\"pid\":4242,\"tid\":7,\"comm\":null,"
			   "\"thread\":null,\"kind\":\"fault\",\"address\":\"0x0\","
			   "\"region\":\"other\",\"access\":\"write\","
			   "\"cause\":\"unknown\"}");
	export__close(export);
	feed__close(&feed);
}

static void test_accesses(void **state)
{
	struct feed *feed = *state;
	struct export *export = export__open(feed, &ndjson_lines);

	feed__fault_of(feed, PID, PID, LIB + 8, MT_FAULT_KERNEL, FLT(0, 0), 0);
	assert_row(export, "{\"kind\":\"fault\",\"address\":\"0x7f0000000008\",\"region\":\"file\","
			   "\"access\":\"read\",\"name\":\"/usr/lib/libc.so.6\","
			   "\"detail\":\"kernel\",\"cause\":\"file_merged\"}");
	feed__fault_of(feed, PID, PID, TEXT, MT_FAULT_EXEC, FLT(1, 0), 0);
	assert_row(export, "{\"kind\":\"fault\",\"address\":\"0x400000\",\"region\":\"text\","
			   "\"access\":\"exec\",\"name\":\"/usr/bin/worker\","
			   "\"cause\":\"file_merged\"}");
	feed__fault_of(feed, PID, PID, HEAP, MT_FAULT_WRITE | MT_FAULT_PROT | MT_FAULT_KERNEL,
		       FLT(2, 0), 0);
	assert_row(export, "{\"kind\":\"fault\",\"address\":\"0x700000\",\"region\":\"heap\","
			   "\"access\":\"write\",\"detail\":\"kernel protection\","
			   "\"cause\":\"cow\"}");
	feed__major(feed, PID, LIB);
	assert_row(export, "{\"kind\":\"major\",\"address\":\"0x7f0000000000\",\"region\":\"file\","
			   "\"name\":\"/usr/lib/libc.so.6\"}");
	/* As of the event: the same address is something else by then. */
	feed__fault(feed, PID, AREA, FLT(3, 0));
	assert_row(export, "{\"kind\":\"fault\",\"address\":\"0x7f1000000000\","
			   "\"region\":\"other\",\"access\":\"write\","
			   "\"cause\":\"unknown\"}");
	feed__mmap(feed, AREA, PAGE, RW, ANON, FLT(3, 0));
	feed__fault(feed, PID, AREA, FLT(3, 0));
	assert_row(export, "{\"kind\":\"fault\",\"address\":\"0x7f1000000000\","
			   "\"region\":\"anon\",\"access\":\"write\","
			   "\"cause\":\"anon_merged\"}");
	export__close(export);
}

static void test_calls(void **state)
{
	struct feed *feed = *state;
	struct export *export = export__open(feed, &ndjson_lines);

	feed__mmap(feed, AREA, 4 * PAGE, RW, ANON | MAP_POPULATE | MAP_FIXED, FLT(0, 0));
	assert_row(export, "{\"kind\":\"mmap\",\"address\":\"0x7f1000000000\",\"region\":\"anon\","
			   "\"size_bytes\":16384,\"result\":\"0x7f1000000000\","
			   "\"detail\":\"prot=rw- private anonymous fixed populate\"}");
	feed__map_file(feed, AREA + 8 * PAGE, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, 0, "x.so");
	assert_row(export, "{\"kind\":\"mmap\",\"address\":\"0x7f1000008000\",\"region\":\"text\","
			   "\"size_bytes\":4096,\"result\":\"0x7f1000008000\",\"name\":\"x.so\","
			   "\"detail\":\"prot=r-x shared offset=0x0\"}");
	feed__call(feed, MT_KIND_MMAP, PID, ARGS(0, ~0ULL, 0, ANON | 0x4000000, -1ULL, 0), -ENOMEM,
		   FLT(0, 0));
	assert_row(export, "{\"kind\":\"mmap\",\"size_bytes\":9223372036854775807,"
			   "\"result\":\"ENOMEM\","
			   "\"detail\":\"prot=--- private anonymous flags=0x4000000 "
			   "cause=address_space limit=140737488355328\"}");
	feed__call(feed, MT_KIND_MPROTECT, PID, ARGS(AREA, PAGE, PROT_READ), 0, FLT(0, 0));
	assert_row(export, "{\"kind\":\"mprotect\",\"address\":\"0x7f1000000000\","
			   "\"region\":\"anon\",\"size_bytes\":4096,\"result\":\"0\","
			   "\"detail\":\"prot=r--\"}");
	feed__call(feed, MT_KIND_MADVISE, PID, ARGS(AREA, PAGE, 4), 0, FLT(0, 0));
	assert_row(export, "{\"kind\":\"madvise\",\"address\":\"0x7f1000000000\","
			   "\"region\":\"anon\",\"size_bytes\":4096,\"result\":\"0\","
			   "\"detail\":\"dontneed\"}");
	feed__call(feed, MT_KIND_MADVISE, PID, ARGS(AREA, PAGE, 9999), -EINVAL, FLT(0, 0));
	assert_row(export, "{\"kind\":\"madvise\",\"address\":\"0x7f1000000000\","
			   "\"region\":\"anon\",\"size_bytes\":4096,\"result\":\"EINVAL\","
			   "\"detail\":\"advice=9999 cause=bad_argument\"}");
	feed__call(feed, MT_KIND_MREMAP, PID,
		   ARGS(AREA + PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED),
		   AREA + 64 * PAGE, FLT(0, 0));
	assert_row(export, "{\"kind\":\"mremap\",\"address\":\"0x7f1000001000\","
			   "\"region\":\"anon\",\"size_bytes\":8192,"
			   "\"result\":\"0x7f1000040000\","
			   "\"detail\":\"old_size_bytes=4096 maymove fixed\"}");
	feed__call(feed, MT_KIND_MUNMAP, PID, ARGS(AREA, PAGE), 0, FLT(0, 0));
	assert_row(export, "{\"kind\":\"munmap\",\"address\":\"0x7f1000000000\","
			   "\"size_bytes\":4096,\"result\":\"0\"}");
	feed__call(feed, MT_KIND_BRK, PID, ARGS(HEAP + 0x30000), HEAP + 0x30000, FLT(0, 0));
	assert_row(export, "{\"kind\":\"brk\",\"address\":\"0x730000\",\"region\":\"heap\","
			   "\"size_bytes\":196608,\"result\":\"0x730000\"}");
	feed__call(feed, MT_KIND_BRK, PID, ARGS(HEAP + (1ULL << 40)), HEAP + 0x30000, FLT(0, 0));
	assert_row(export, "{\"kind\":\"brk\",\"address\":\"0x10000700000\",\"region\":\"heap\","
			   "\"size_bytes\":196608,\"result\":\"ENOMEM\","
			   "\"detail\":\"cause=unknown\"}");
	feed__call(feed, MT_KIND_BRK, PID, ARGS(0), HEAP + 0x30000, FLT(0, 0));
	assert_row(export, "{\"kind\":\"brk\",\"region\":\"heap\",\"size_bytes\":196608,"
			   "\"result\":\"0x730000\"}");
	feed__call(feed, MT_KIND_MLOCK, PID, ARGS(HEAP, PAGE), -4000, FLT(0, 0));
	assert_row(export, "{\"kind\":\"mlock\",\"address\":\"0x700000\",\"region\":\"heap\","
			   "\"size_bytes\":4096,\"result\":\"-4000\","
			   "\"detail\":\"cause=unknown\"}");
	feed__call(feed, MT_KIND_MLOCKALL, PID, ARGS(MCL_CURRENT | MCL_FUTURE), 0, FLT(0, 0));
	assert_row(export, "{\"kind\":\"mlockall\",\"result\":\"0\","
			   "\"detail\":\"current future\"}");
	export__close(export);
}

static void feed__signal(struct feed *feed, int signo, int code, uint64_t addr, uint64_t sp)
{
	struct mt_signal rec = {
		.hdr = record__header(MT_KIND_SIGNAL, sizeof(rec), PID, PID),
		.signo = signo,
		.code = code,
		.addr = addr,
		.sp = sp,
		.ip = TEXT + 0x10,
		.stack_limit_bytes = STACK_LIMIT,
		.stack_vm_bytes = STACK_LIMIT,
		.comm = "deep",
	};

	feed__now(feed, &rec);
}

static void test_signals(void **state)
{
	struct feed *feed = *state;
	struct export *export = export__open(feed, &ndjson_lines);
	uint64_t below = STACK_END - STACK_LIMIT - PAGE;

	feed__signal(feed, SIGSEGV, SEGV_MAPERR, below, below);
	assert_row(export,
		   "{\"thread\":\"deep\",\"kind\":\"signal\",\"address\":\"0x7ffcff8ff000\","
		   "\"region\":\"other\",\"size_bytes\":8388608,\"result\":\"SIGSEGV\","
		   "\"detail\":\"SEGV_MAPERR hit=main_limit limit_bytes=8388608 "
		   "sp=0x7ffcff8ff000 ip=0x400010 verdict=stack_overflow\"}");
	feed__signal(feed, SIGSEGV, SEGV_MAPERR, 0, STACK_START);
	assert_row(export, "{\"kind\":\"signal\",\"address\":\"0x0\",\"region\":\"other\","
			   "\"result\":\"SIGSEGV\","
			   "\"detail\":\"SEGV_MAPERR sp=0x7ffd000df000 ip=0x400010 "
			   "verdict=null_pointer\"}");
	/* With the registers of the one before: what that has led to. */
	feed__signal(feed, SIGSEGV, SI_KERNEL, ~0ULL, STACK_START);
	assert_row(export, "{\"kind\":\"signal\",\"address\":\"0xffffffffffffffff\","
			   "\"region\":\"other\",\"result\":\"SIGSEGV\","
			   "\"detail\":\"SI_KERNEL sp=0x7ffd000df000 ip=0x400010\"}");
	feed__signal(feed, SIGBUS, BUS_ADRERR, LIB, STACK_START);
	assert_row(export, "{\"kind\":\"signal\",\"address\":\"0x7f0000000000\","
			   "\"region\":\"file\",\"name\":\"/usr/lib/libc.so.6\","
			   "\"result\":\"SIGBUS\","
			   "\"detail\":\"BUS_ADRERR sp=0x7ffd000df000 ip=0x400010 "
			   "verdict=beyond_eof\"}");
	feed__signal(feed, 99, -6, LIB, STACK_START);
	assert_row(export, "{\"kind\":\"signal\",\"address\":\"0x7f0000000000\","
			   "\"region\":\"file\",\"name\":\"/usr/lib/libc.so.6\","
			   "\"result\":\"signal 99\","
			   "\"detail\":\"code=-6 sp=0x7ffd000df000 ip=0x400010 "
			   "verdict=other\"}");
	export__close(export);
}

static void test_lives(void **state)
{
	struct feed *feed = *state;
	struct export *export = export__open(feed, &ndjson_lines);

	feed__fork(feed, PID, CHILD, CHILD, 0, FLT(0, 0));
	assert_row(export, "{\"pid\":4242,\"comm\":\"worker\",\"kind\":\"fork\","
			   "\"child_pid\":5000,\"child_tid\":5000}");
	feed__fork(feed, PID, PID, 4243, 0, FLT(0, 0));
	assert_row(export, "{\"pid\":4242,\"kind\":\"fork\",\"child_pid\":4242,"
			   "\"child_tid\":4243,\"detail\":\"thread\"}");
	feed__exec(feed, PID, 0x900000, FLT(1, 0));
	assert_row(export, "{\"comm\":\"fresh\",\"kind\":\"exec\",\"name\":\"/bin/fresh\"}");
	feed__exec(feed, 4243, 0x900000, FLT(1, 0));
	assert_row(export, "{\"comm\":\"fresh\",\"kind\":\"exec\",\"name\":\"/bin/fresh\","
			   "\"detail\":\"old_tid=4243\"}");
	feed__mapping(feed, MT_MAPPING_FIRST, TEXT, TEXT + PAGE, PROT_READ | PROT_EXEC, "/a b");
	assert_row(export, "{\"kind\":\"mapping\",\"address\":\"0x400000\",\"region\":\"text\","
			   "\"size_bytes\":4096,\"name\":\"/a b\","
			   "\"detail\":\"prot=r-x private first offset=0x0\"}");
	feed__mapping(feed, MT_MAPPING_ANON | MT_MAPPING_HEAP, HEAP, HEAP + PAGE, RW, "[heap]");
	assert_row(export,
		   "{\"kind\":\"mapping\",\"address\":\"0x700000\",\"region\":\"heap\","
		   "\"size_bytes\":4096,\"name\":\"[heap]\",\"detail\":\"prot=rw- private\"}");
	feed__exit(feed, CHILD, CHILD, true, SIGKILL | 0x80, FLT(0, 0));
	assert_row(export, "{\"pid\":5000,\"kind\":\"exit\",\"result\":\"SIGKILL\","
			   "\"detail\":\"process core peak_rss_bytes=67108864\"}");
	feed__exit(feed, PID, 4242, true, 3 << 8, FLT(1, 0));
	assert_row(export, "{\"kind\":\"exit\",\"result\":\"3\","
			   "\"detail\":\"process peak_rss_bytes=67108864\"}");
	export__close(export);
}

static void feed__losses(struct feed *feed, uint64_t faults, uint64_t records)
{
	struct mt_losses rec = {
		.hdr = record__header(MT_KIND_LOSS, sizeof(rec), 0, 0),
		.lost = {[MT_LOSS_RING_FAULTS] = faults, [MT_LOSS_RING_RECORDS] = records},
	};

	feed__now(feed, &rec);
}

static void test_losses(void **state)
{
	struct feed *feed = *state;
	struct export *export = export__open(feed, &ndjson_lines);

	feed__losses(feed, 0, 0);
	assert_string_equal(export__text(export), "");
	feed__losses(feed, 64, 0);
	assert_row(export, "{\"pid\":null,\"tid\":null,\"comm\":null,\"thread\":null,"
			   "\"kind\":\"loss\",\"result\":\"64\","
			   "\"detail\":\"ring_full_faults=64\"}");
	feed__losses(feed, 70, 3);
	assert_row(export, "{\"kind\":\"loss\",\"result\":\"9\","
			   "\"detail\":\"ring_full_faults=6 ring_full_records=3\"}");
	feed__losses(feed, 70, 3);
	assert_row(export, "{\"kind\":\"loss\",\"result\":\"9\","
			   "\"detail\":\"ring_full_faults=6 ring_full_records=3\"}");
	assert_int_equal(export->size, strlen(export->text));
	export__close(export);
}

static size_t count_lines(const char *text)
{
	size_t nr = 0;

	for (; (text = strchr(text, '\n')); text++)
		nr++;
	return nr;
}

/* The end of a fault that has begun tells how long it took, that of another page nothing of it. */
static void test_ends(void **state)
{
	struct feed *feed = *state;
	struct export *export = export__open(feed, &ndjson_lines);
	struct mt_counted end = {.hdr = record__header(MT_KIND_COUNTED, sizeof(end), PID, PID),
				 .addr = HEAP + 8,
				 .weight = 17};

	feed__fault(feed, PID, HEAP + 8, FLT(0, 0));
	feed->now_ns += 700;
	feed__now(feed, &end);
	assert_row(export, "{\"kind\":\"minor\",\"address\":\"0x700008\",\"region\":\"heap\","
			   "\"detail\":\"weight=17\",\"cause\":\"anon_merged\","
			   "\"latency_ns\":1700}");
	end.addr = HEAP + PAGE;
	feed__now(feed, &end);
	assert_int_equal(count_lines(export__text(export)), 2);
	feed__fault(feed, PID, HEAP + PAGE, FLT(1, 0));
	end.hdr.flags = MT_COUNTED_MAJOR;
	end.weight = 1;
	feed->now_ns += 41000;
	feed__now(feed, &end);
	assert_row(export, "{\"kind\":\"major\",\"address\":\"0x701000\",\"region\":\"heap\","
			   "\"cause\":\"swap_in\",\"latency_ns\":42000}");
	export__close(export);
}

/* Of what memtrace does itself there are no lines, and none after the end of the run. */
static void test_no_rows(void **state)
{
	struct feed *feed = *state;
	struct mt_sample sample = {.hdr = record__header(MT_KIND_SAMPLE, sizeof(sample), PID, PID),
				   .rss_bytes = 12288};
	struct export *export = export__open(feed, &ndjson_lines);

	feed__session(feed, 1000000000);
	feed__program(feed);
	feed__tick(feed, MT_KIND_TICK, feed->now_ns + 1000);
	assert_int_equal(count_lines(export__text(export)), 7); /* of feed__map_program() */
	assert_row(export, "{\"kind\":\"mapping\",\"address\":\"0x7ffd00200000\","
			   "\"region\":\"vdso\",\"size_bytes\":8192,\"name\":\"[vdso]\","
			   "\"detail\":\"prot=r-x private\"}");
	feed__now(feed, &sample);
	assert_row(export, "{\"kind\":\"rss\",\"size_bytes\":12288}");
	feed__gone(feed, PID + 1);
	assert_row(export, "{\"kind\":\"rss\",\"size_bytes\":12288}");
	feed__tick(feed, MT_KIND_END, feed->now_ns + 1000);
	feed__fault(feed, PID, HEAP, FLT(0, 0));
	assert_row(export, "{\"kind\":\"rss\",\"size_bytes\":12288}");
	export__close(export);
}

static void feed__named_exit(struct feed *feed, uint32_t pid)
{
	struct mt_exit rec = {
		.hdr = record__header(MT_KIND_EXIT, sizeof(rec), pid, pid),
		.flt = FLT(1, 0),
		.comm = "child",
	};

	rec.hdr.flags = MT_EXIT_GROUP;
	feed__now(feed, &rec);
}

/* Each child faults in an address space that is far from the others', and ends. */
static void live_and_die(struct feed *feed, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++) {
		uint32_t pid = CHILD + i;
		uint64_t addr = AREA + ((uint64_t)i << 30);

		feed__fork(feed, PID, pid, pid, 0, FLT(0, 0));
		feed__fault_of(feed, pid, pid, addr, MT_FAULT_WRITE, FLT(0, 0), 0);
		/* It comes to nothing: what was noted of it is taken back. */
		feed__fault_of(feed, pid, pid, addr + PAGE, MT_FAULT_WRITE, FLT(0, 0), 0);
		feed__fault_of(feed, PID, PID, addr, MT_FAULT_WRITE, FLT(i, 0), 0);
		feed__named_exit(feed, pid);
	}
}

/* Without a report to come, what has ended is forgotten, but not before its row is made. */
static void test_memory_is_bounded(void **state)
{
	struct export *export;
	struct feed feed;
	size_t nr_exits = 0;

	(void)state;
	feed__open(&feed);
	feed.model->forgets_ended = true;
	export = export__open(&feed, &ndjson_lines);
	feed__session(&feed, 1000000000);
	feed__program(&feed);
	live_and_die(&feed, 1000);
	assert_true(feed.model->nr_processes <= 100);
	assert_true(feed.model->current.nr <= 100);
	assert_true(HASH_COUNT(feed.model->by_pid) <= 100);
	assert_int_equal(HASH_COUNT(feed__proc(&feed)->faults.pages.slices), 0);
	assert_int_equal(feed__proc(&feed)->check.observed, 1000);
	for (const char *at = export__text(export);
	     (at = strstr(at, "\"comm\":\"child\",\"kind\":\"exit\"")); at++)
		nr_exits++;
	assert_int_equal(nr_exits, 1000);
	/* A tick closes the last interval of those that are left, the next one forgets them. */
	feed__tick(&feed, MT_KIND_TICK, feed.now_ns + 1000);
	feed__tick(&feed, MT_KIND_TICK, feed.now_ns + 1000);
	assert_int_equal(feed.model->nr_processes, 1);
	export__close(export);
	feed__close(&feed);
}

/* A record of a stranger's: well-formed, with anything in it. */
static bool make_hostile(struct mt_record *record, uint64_t *seed, uint64_t time_ns)
{
	static const uint16_t sizes[] = {
		[MT_KIND_FAULTS] = sizeof(struct mt_faults) + sizeof(struct mt_fault),
		[MT_KIND_MAJOR] = sizeof(struct mt_major),
		[MT_KIND_MMAP] = sizeof(struct mt_mmap_file),
		[MT_KIND_MUNMAP] = sizeof(struct mt_call),
		[MT_KIND_BRK] = sizeof(struct mt_call),
		[MT_KIND_MREMAP] = sizeof(struct mt_call),
		[MT_KIND_MADVISE] = sizeof(struct mt_call),
		[MT_KIND_MPROTECT] = sizeof(struct mt_call),
		[MT_KIND_MLOCK] = sizeof(struct mt_call),
		[MT_KIND_MLOCKALL] = sizeof(struct mt_call),
		[MT_KIND_FORK] = sizeof(struct mt_fork),
		[MT_KIND_EXEC] = sizeof(struct mt_exec),
		[MT_KIND_EXIT] = sizeof(struct mt_exit),
		[MT_KIND_SIGNAL] = sizeof(struct mt_signal),
		[MT_KIND_OOM_KILL] = sizeof(struct mt_oom_kill),
		[MT_KIND_RECLAIM] = sizeof(struct mt_reclaim),
		[MT_KIND_MAPPING] = sizeof(struct mt_mapping),
		[MT_KIND_SAMPLE] = sizeof(struct mt_sample),
		[MT_KIND_LOSS] = sizeof(struct mt_losses),
	};
	uint16_t kind = random__below(seed, sizeof(sizes) / sizeof(sizes[0]));
	uint8_t *bytes = (uint8_t *)record;

	if (!sizes[kind])
		return false;
	/* Half of the bytes are ends of strings, ordinary flags, or small numbers. */
	for (size_t i = sizeof(*record); i < sizes[kind]; i++)
		bytes[i] = random__below(seed, 2) ? random__next(seed) : random__below(seed, 4);
	*record = record__header(kind, sizes[kind], random__below(seed, 4), random__below(seed, 4));
	record->time_ns = time_ns;
	record->flags = random__next(seed);
	if (kind == MT_KIND_FAULTS)
		((struct mt_faults *)record)->nr = 1;
	if (kind == MT_KIND_FORK)
		((struct mt_fork *)record)->child_tgid %= 4;
	return record__check(record, record->size_bytes) == 0;
}

/* Whatever is in a record, its line is JSON. */
static void test_hostile_records(void **state)
{
	union {
		struct mt_record header;
		uint8_t bytes[512];
	} record;
	struct export *export;
	struct feed feed;
	uint64_t seed = 4242;
	size_t nr = 0, nr_lines;
	const char *at;

	(void)state;
	feed__open(&feed);
	feed.model->forgets_ended = true;
	export = export__open(&feed, &ndjson_lines);
	feed__session(&feed, 1000000000);
	for (uint64_t i = 0; i < 60000; i++)
		if (make_hostile(&record.header, &seed, feed.now_ns + i * 1000)) {
			feed__take(&feed, &record);
			nr++;
		}
	at = export__text(export);
	nr_lines = count_lines(at);
	assert_true(nr > 10000 && nr_lines > nr / 2 && nr_lines <= nr);
	for (size_t i = 0; i < nr_lines; i++) {
		json_t *row = json_loads(at, JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, NULL);

		assert_non_null(row);
		assert_int_equal(json_object_size(row), 18);
		json_decref(row);
		at = strchr(at, '\n') + 1;
	}
	export__close(export);
	feed__close(&feed);
}

#define fed_test(f) cmocka_unit_test_setup_teardown(f, feed__setup, feed__teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		fed_test(test_common_columns),
		cmocka_unit_test(test_nothing_known),
		fed_test(test_accesses),
		fed_test(test_ends),
		fed_test(test_calls),
		fed_test(test_signals),
		fed_test(test_lives),
		fed_test(test_losses),
		fed_test(test_no_rows),
		cmocka_unit_test(test_memory_is_bounded),
		cmocka_unit_test(test_hostile_records),
	};

	return cmocka_run_group_tests_name("export", tests, NULL, NULL);
}
