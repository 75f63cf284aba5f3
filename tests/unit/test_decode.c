// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "events.h"

/* Every kind that there is, with its smallest size. */
static const struct sample {
	uint16_t kind;
	uint16_t size;
	uint16_t flags;
} samples[] = {
	{MT_KIND_FAULTS, sizeof(struct mt_faults) + sizeof(struct mt_fault), 0},
	{MT_KIND_MAJOR, sizeof(struct mt_major), 0},
	{MT_KIND_MMAP, sizeof(struct mt_call), 0},
	{MT_KIND_MMAP, sizeof(struct mt_mmap_file), MT_CALL_FILE},
	{MT_KIND_MUNMAP, sizeof(struct mt_call), 0},
	{MT_KIND_BRK, sizeof(struct mt_call), 0},
	{MT_KIND_MREMAP, sizeof(struct mt_call), 0},
	{MT_KIND_MADVISE, sizeof(struct mt_call), 0},
	{MT_KIND_MPROTECT, sizeof(struct mt_call), 0},
	{MT_KIND_MLOCK, sizeof(struct mt_call), 0},
	{MT_KIND_MLOCKALL, sizeof(struct mt_call), 0},
	{MT_KIND_FORK, sizeof(struct mt_fork), 0},
	{MT_KIND_EXEC, sizeof(struct mt_exec), 0},
	{MT_KIND_EXIT, sizeof(struct mt_exit), 0},
	{MT_KIND_SIGNAL, sizeof(struct mt_signal), 0},
	{MT_KIND_MAPPING, sizeof(struct mt_mapping), 0},
	{MT_KIND_SESSION, sizeof(struct mt_session), 0},
	{MT_KIND_PROCESS, sizeof(struct mt_process), 0},
	{MT_KIND_THREAD, sizeof(struct mt_thread), 0},
	{MT_KIND_SAMPLE, sizeof(struct mt_sample), 0},
	{MT_KIND_TICK, sizeof(struct mt_tick), 0},
	{MT_KIND_WATERMARK, sizeof(struct mt_tick), 0},
	{MT_KIND_GONE, sizeof(struct mt_tick), 0},
	{MT_KIND_LOSS, sizeof(struct mt_losses), 0},
	{MT_KIND_PROBE, sizeof(struct mt_probe), 0},
	{MT_KIND_END, sizeof(struct mt_end), 0},
	{MT_KIND_BUILD_ID, sizeof(struct mt_build_id), 0},
	{MT_KIND_SYMBOL, sizeof(struct mt_symbol), 0},
	{MT_KIND_COUNTED, sizeof(struct mt_counted), 0},
	{MT_KIND_HUGE, sizeof(struct mt_huge), 0},
	{MT_KIND_ANON_NAME, sizeof(struct mt_anon_name), 0},
	{MT_KIND_TIMED_FAULTS, sizeof(struct mt_faults) + sizeof(struct mt_timed_fault), 0},
	{MT_KIND_LIMITS, sizeof(struct mt_limits), 0},
	{MT_KIND_STACK_COPY, sizeof(struct mt_stack_copy), 0},
	{MT_KIND_OOM_KILL, sizeof(struct mt_oom_kill), 0},
	{MT_KIND_RECLAIM, sizeof(struct mt_reclaim), 0},
	{MT_KIND_CGROUP, sizeof(struct mt_cgroup), 0},
	{MT_KIND_STACK, sizeof(struct mt_stack), 0},
	{MT_KIND_STACK_MARK, sizeof(struct mt_stack_mark), 0},
	{MT_KIND_MEMORY, sizeof(struct mt_memory), 0},
};
#define NR_SAMPLES (sizeof(samples) / sizeof(samples[0]))

static bool kind__is_batch(uint16_t kind)
{
	return kind == MT_KIND_FAULTS || kind == MT_KIND_TIMED_FAULTS;
}

/* A valid record in memory of exactly its size, so that the sanitizers see each byte too far. */
static struct mt_record *sample__new(const struct sample *sample)
{
	struct mt_record *record = calloc(1, sample->size);

	assert_non_null(record);
	*record = record__header(sample->kind, sample->size, PID, PID + 1);
	record->time_ns = 123456789;
	record->flags = sample->flags;
	if (kind__is_batch(sample->kind))
		((struct mt_faults *)record)->nr = 1;
	if (sample->kind == MT_KIND_MAPPING)
		((struct mt_mapping *)record)->end = PAGE;
	if (sample->kind == MT_KIND_STACK_MARK)
		((struct mt_stack_mark *)record)->end = PAGE;
	return record;
}

static const char *event__string(const struct event *ev)
{
	switch (ev->kind) {
	case MT_KIND_MMAP:
		return ev->call.name;
	case MT_KIND_MAPPING:
		return ev->mapping.name;
	case MT_KIND_EXEC:
		return ev->exec->path;
	case MT_KIND_SESSION:
		return ev->session->target;
	case MT_KIND_PROBE:
		return ev->probe->misses;
	case MT_KIND_OOM_KILL:
		return ev->oom_kill->cgroup;
	case MT_KIND_CGROUP:
		return ev->cgroup->path;
	case MT_KIND_STACK:
		return ev->stack->nr ? stack__frames(ev->stack)[ev->stack->nr - 1].file : "";
	default:
		return "";
	}
}

/* Take a checked record apart as the order stage does. */
static void record__walk(const struct mt_record *record)
{
	unsigned int nr = record__events(record);
	struct event ev;

	assert_in_range(nr, 1, MT_BATCH_FAULTS);
	for (unsigned int i = 0; i < nr; i++) {
		record__decode(record, i, &ev);
		assert_true(ev.time_ns == record__time(record, i));
		assert_true(strlen(event__string(&ev)) < MT_PATH_BYTES);
	}
}

/* Of a kind that has become another the events are the other's. */
static enum mt_kind event__kind(uint16_t record_kind)
{
	return record_kind == MT_KIND_MAJOR	     ? MT_KIND_COUNTED
	       : record_kind == MT_KIND_TIMED_FAULTS ? MT_KIND_FAULTS
						     : (enum mt_kind)record_kind;
}

static void test_whole(void **state)
{
	struct event ev;

	(void)state;
	for (size_t i = 0; i < NR_SAMPLES; i++) {
		struct mt_record *record = sample__new(&samples[i]);

		assert_int_equal(record__check(record, record->size_bytes), 0);
		assert_int_equal(record__events(record), 1);
		record__decode(record, 0, &ev);
		assert_int_equal(ev.kind, event__kind(samples[i].kind));
		assert_int_equal(ev.tgid, PID);
		assert_int_equal(ev.tid, PID + 1);
		assert_int_equal(ev.flags, samples[i].flags);
		record__walk(record);
		free(record);
	}
}

/* At each length: both what the reader got, and what the record says of itself. */
static void test_truncated(void **state)
{
	(void)state;
	for (size_t i = 0; i < NR_SAMPLES; i++) {
		struct mt_record *whole = sample__new(&samples[i]);

		for (size_t size = 0; size < samples[i].size; size++) {
			struct mt_record *cut = malloc(size ?: 1);

			memcpy(cut, whole, size);
			assert_int_equal(record__check(cut, size), -EBADMSG);
			if (size >= sizeof(*cut)) {
				cut->size_bytes = size;
				assert_int_equal(record__check(cut, size), -EBADMSG);
			}
			free(cut);
		}
		for (unsigned int size = 0; size < samples[i].size; size++) {
			whole->size_bytes = size;
			assert_int_equal(record__check(whole, samples[i].size), -EBADMSG);
		}
		free(whole);
	}
}

static void test_oversized(void **state)
{
	unsigned char *room = calloc(1, UINT16_MAX + 1);
	struct mt_record *record = (struct mt_record *)room;

	(void)state;
	for (size_t i = 0; i < NR_SAMPLES; i++) {
		struct mt_record *whole = sample__new(&samples[i]);

		memcpy(room, whole, samples[i].size);
		/* More than there is. */
		record->size_bytes = samples[i].size + 1;
		assert_int_equal(record__check(record, samples[i].size), -EBADMSG);
		/* More than any record has. */
		record->size_bytes = MT_RECORD_MAX_BYTES + 1;
		assert_int_equal(record__check(record, UINT16_MAX), -EBADMSG);
		record->size_bytes = UINT16_MAX;
		assert_int_equal(record__check(record, UINT16_MAX + 1), -EBADMSG);
		/* A later version may append: that is read, but for a batch, whose size is its nr.
		 */
		record->size_bytes = samples[i].size + 8;
		assert_int_equal(record__check(record, samples[i].size + 8),
				 kind__is_batch(samples[i].kind) ? -EBADMSG : 0);
		free(whole);
	}
	free(room);
}

static void test_fault_numbers(void **state)
{
	size_t size = sizeof(struct mt_faults) + MT_BATCH_FAULTS * sizeof(struct mt_fault);
	struct mt_faults *rec = calloc(1, size + sizeof(struct mt_fault));
	/* The last one's bytes overflow 32 bits to none. */
	static const uint32_t wrong[] = {
		0, 2, 65, 1000, UINT32_MAX, 0x80000000U, 0x0aaaaaabU, 0x40000001U, 0x20000001U};

	(void)state;
	rec->hdr = record__header(MT_KIND_FAULTS, sizeof(*rec) + sizeof(struct mt_fault), 1, 1);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		rec->nr = wrong[i];
		assert_int_equal(record__check(rec, rec->hdr.size_bytes), -EBADMSG);
	}
	for (uint32_t nr = 1; nr <= MT_BATCH_FAULTS + 1; nr++) {
		rec->nr = nr;
		rec->hdr.size_bytes = sizeof(*rec) + nr * sizeof(struct mt_fault);
		assert_int_equal(record__check(rec, size + sizeof(struct mt_fault)),
				 nr <= MT_BATCH_FAULTS ? 0 : -EBADMSG);
	}
	free(rec);
}

static void test_unknown_kinds(void **state)
{
	struct mt_tick rec = {.hdr = record__header(0, sizeof(rec), 1, 1)};

	(void)state;
	for (unsigned int kind = 0; kind <= UINT16_MAX; kind++) {
		bool known = false;

		for (size_t i = 0; i < NR_SAMPLES; i++)
			known |= samples[i].kind == kind;
		rec.hdr.kind = kind;
		if (!known)
			assert_int_equal(record__check(&rec, sizeof(rec)), -ENOTSUP);
	}
	/* Skipping by size needs a size that can be trusted. */
	rec.hdr.kind = 999;
	rec.hdr.size_bytes = sizeof(rec) + 1;
	assert_int_equal(record__check(&rec, sizeof(rec)), -EBADMSG);
}

static void test_strings(void **state)
{
#define FIELD(k, type, field)                                                                      \
	{                                                                                          \
		{k, sizeof(struct type), 0}, offsetof(struct type, field),                         \
			sizeof(((struct type *)0)->field)                                          \
	}
	static const struct {
		struct sample sample;
		size_t offset;
		size_t size;
	} fields[] = {
		FIELD(MT_KIND_EXEC, mt_exec, comm),
		FIELD(MT_KIND_EXEC, mt_exec, path),
		FIELD(MT_KIND_SIGNAL, mt_signal, comm),
		FIELD(MT_KIND_MAPPING, mt_mapping, name),
		FIELD(MT_KIND_SESSION, mt_session, kernel),
		FIELD(MT_KIND_SESSION, mt_session, arch),
		FIELD(MT_KIND_SESSION, mt_session, host),
		FIELD(MT_KIND_SESSION, mt_session, target),
		FIELD(MT_KIND_PROCESS, mt_process, comm),
		FIELD(MT_KIND_PROCESS, mt_process, exe),
		FIELD(MT_KIND_THREAD, mt_thread, comm),
		FIELD(MT_KIND_PROBE, mt_probe, fact),
		FIELD(MT_KIND_PROBE, mt_probe, via),
		FIELD(MT_KIND_PROBE, mt_probe, misses),
		FIELD(MT_KIND_BUILD_ID, mt_build_id, name),
		FIELD(MT_KIND_SYMBOL, mt_symbol, file),
		FIELD(MT_KIND_SYMBOL, mt_symbol, symbol),
		FIELD(MT_KIND_ANON_NAME, mt_anon_name, name),
		FIELD(MT_KIND_OOM_KILL, mt_oom_kill, comm),
		FIELD(MT_KIND_OOM_KILL, mt_oom_kill, trigger_comm),
		FIELD(MT_KIND_OOM_KILL, mt_oom_kill, cgroup),
		FIELD(MT_KIND_CGROUP, mt_cgroup, path),
		{{MT_KIND_MMAP, sizeof(struct mt_mmap_file), MT_CALL_FILE},
		 offsetof(struct mt_mmap_file, file.name),
		 MT_NAME_BYTES},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		struct mt_record *record = sample__new(&fields[i].sample);
		char *text = (char *)record + fields[i].offset;

		memset(text, 'x', fields[i].size);
		assert_int_equal(record__check(record, record->size_bytes), -EBADMSG);
		text[fields[i].size - 1] = '\0';
		assert_int_equal(record__check(record, record->size_bytes), 0);
		free(record);
	}
}

static void test_mapping_range(void **state)
{
	struct mt_mapping rec = {.hdr = record__header(MT_KIND_MAPPING, sizeof(rec), 1, 1)};

	(void)state;
	assert_int_equal(record__check(&rec, sizeof(rec)), -EBADMSG);
	rec.start = rec.end = PAGE;
	assert_int_equal(record__check(&rec, sizeof(rec)), -EBADMSG);
	rec.start = 2 * PAGE;
	assert_int_equal(record__check(&rec, sizeof(rec)), -EBADMSG);
	rec.end = UINT64_MAX;
	assert_int_equal(record__check(&rec, sizeof(rec)), 0);
}

/* Only an mmap record can hold a file, whatever its flags say. */
static void test_file_flag_elsewhere(void **state)
{
	struct event ev;

	(void)state;
	for (size_t i = 0; i < NR_SAMPLES; i++) {
		struct mt_record *record = sample__new(&samples[i]);

		record->flags = UINT16_MAX;
		if (samples[i].kind == MT_KIND_MMAP && !samples[i].flags) {
			assert_int_equal(record__check(record, record->size_bytes), -EBADMSG);
		} else {
			assert_int_equal(record__check(record, record->size_bytes), 0);
			record__decode(record, 0, &ev);
			record__walk(record);
		}
		if (samples[i].kind == MT_KIND_BRK)
			assert_false(ev.call.has_file);
		free(record);
	}
}

static void test_fault_fields(void **state)
{
	static const struct {
		uint64_t flags;
		enum fault_access access;
		bool kernel, protection;
	} cases[] = {
		{0, ACCESS_READ, false, false},
		{MT_FAULT_WRITE, ACCESS_WRITE, false, false},
		{MT_FAULT_EXEC, ACCESS_EXEC, false, false},
		{MT_FAULT_KERNEL, ACCESS_READ, true, false},
		{MT_FAULT_KERNEL | MT_FAULT_WRITE, ACCESS_WRITE, true, false},
		{MT_FAULT_PROT | MT_FAULT_WRITE, ACCESS_WRITE, false, true},
	};
	struct {
		struct mt_faults faults;
		struct mt_fault fault[6];
	} rec = {.faults = {.hdr = record__header(MT_KIND_FAULTS, sizeof(rec), 7, 8), .nr = 6}};
	struct event ev;

	(void)state;
	rec.faults.lost = 17;
	rec.faults.hdr.cpu = 3;
	for (unsigned int i = 0; i < 6; i++)
		rec.fault[i] = (struct mt_fault){
			.addr_flags = (MT_FAULT_ADDR_MASK - i * PAGE) | cases[i].flags,
			.time_ns = 1000 + i,
			.flt = FLT(UINT32_MAX - i, i),
		};
	assert_int_equal(record__check(&rec, sizeof(rec)), 0);
	assert_int_equal(record__events(&rec.faults.hdr), 6);
	for (unsigned int i = 0; i < 6; i++) {
		record__decode(&rec.faults.hdr, i, &ev);
		assert_true(ev.time_ns == 1000 + i);
		assert_true(record__time(&rec.faults.hdr, i) == 1000 + i);
		assert_true(ev.fault.addr == MT_FAULT_ADDR_MASK - i * PAGE);
		assert_int_equal(ev.fault.access, cases[i].access);
		assert_int_equal(ev.fault.kernel, cases[i].kernel);
		assert_int_equal(ev.fault.protection, cases[i].protection);
		assert_true(ev.fault.flt.min == UINT32_MAX - i && ev.fault.flt.maj == i);
		assert_int_equal(ev.fault.lost_on_cpu, 17);
		assert_int_equal(ev.cpu, 3);
	}
}

static struct event decode_call(enum mt_kind kind, const uint64_t arg[6], int64_t ret)
{
	struct mt_call rec = {.hdr = record__header(kind, sizeof(rec), 1, 1), .ret = ret};
	struct event ev;

	memcpy(rec.arg, arg, sizeof(rec.arg));
	assert_int_equal(record__check(&rec, sizeof(rec)), 0);
	record__decode(&rec.hdr, 0, &ev);
	return ev;
}

static void test_call_fields(void **state)
{
	struct event ev = decode_call(MT_KIND_MMAP, ARGS(1, 2, 3, 4, 5, 6), 0x7f0000001000);

	(void)state;
	assert_int_equal(ev.call.call, CALL_MMAP);
	assert_int_equal(ev.call.err, 0);
	assert_true(ev.call.ret == 0x7f0000001000);
	assert_true(ev.call.size_bytes == 2 && ev.call.prot == 3 && ev.call.flags == 4);
	assert_true(ev.call.offset == 6 && !ev.call.has_file);
	assert_string_equal(ev.call.name, "");
	ev = decode_call(MT_KIND_MREMAP, ARGS(PAGE, 2, 3, 4, 5), 9);
	assert_true(ev.call.call == CALL_MREMAP && ev.call.addr == PAGE);
	assert_true(ev.call.new_size_bytes == 3 && ev.call.flags == 4);
	ev = decode_call(MT_KIND_MADVISE, ARGS(PAGE, PAGE, MADV_DONTNEED), 0);
	assert_true(ev.call.call == CALL_MADVISE && ev.call.advice == MADV_DONTNEED);
	ev = decode_call(MT_KIND_MPROTECT, ARGS(PAGE, PAGE, PROT_READ), 0);
	assert_true(ev.call.call == CALL_MPROTECT && ev.call.prot == PROT_READ);
	ev = decode_call(MT_KIND_MLOCK, ARGS(PAGE, PAGE), 0);
	assert_true(ev.call.call == CALL_MLOCK && !ev.call.all && ev.call.size_bytes == PAGE);
	ev = decode_call(MT_KIND_MLOCKALL, ARGS(MCL_FUTURE, 99), 0);
	assert_true(ev.call.call == CALL_MLOCK && ev.call.all && ev.call.flags == MCL_FUTURE);
	assert_true(!ev.call.addr && !ev.call.size_bytes);
}

static void test_call_errors(void **state)
{
	(void)state;
	assert_int_equal(decode_call(MT_KIND_MMAP, ARGS(0, PAGE), -ENOMEM).call.err, ENOMEM);
	assert_int_equal(decode_call(MT_KIND_MMAP, ARGS(0, PAGE), -4095).call.err, 4095);
	/* No errno: addresses at the top. */
	assert_int_equal(decode_call(MT_KIND_MMAP, ARGS(0, PAGE), -4096).call.err, 0);
	assert_int_equal(decode_call(MT_KIND_MMAP, ARGS(0, PAGE), INT64_MIN).call.err, 0);
	/* brk asks with 0, and answers a refusal with the break as it is. */
	assert_int_equal(decode_call(MT_KIND_BRK, ARGS(0), HEAP).call.err, 0);
	assert_int_equal(decode_call(MT_KIND_BRK, ARGS(HEAP), HEAP).call.err, 0);
	assert_int_equal(decode_call(MT_KIND_BRK, ARGS(HEAP + 1), HEAP).call.err, ENOMEM);
	assert_true(decode_call(MT_KIND_BRK, ARGS(HEAP, 5), HEAP).call.size_bytes == 0);
}

#define RANDOM_ROUNDS 20000

/* Anything at all, half of the time with a kind and sizes that could be true. */
static void test_random_bytes(void **state)
{
	uint64_t seed = 1, accepted = 0;

	(void)state;
	for (unsigned int round = 0; round < RANDOM_ROUNDS; round++) {
		const struct sample *sample = &samples[random__below(&seed, NR_SAMPLES)];
		size_t size = random__below(&seed, 4) ? sample->size : random__below(&seed, 2048);
		unsigned char *bytes = malloc(size ?: 1);
		struct mt_record *record = (struct mt_record *)bytes;
		uint64_t zeros = random__next(&seed);

		for (size_t i = 0; i < size; i++)
			bytes[i] = zeros & 1 && random__below(&seed, 3) ? 0 : random__next(&seed);
		if (round % 2 && size >= sizeof(*record)) {
			record->kind = sample->kind;
			record->size_bytes = size - random__below(&seed, 3) / 2;
		}
		if (!record__check(record, size)) {
			accepted++;
			record__walk(record);
		}
		free(bytes);
	}
	/* Were nothing accepted, nothing would have been tested. */
	assert_in_range(accepted, RANDOM_ROUNDS / 10, RANDOM_ROUNDS / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),	      cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_oversized),     cmocka_unit_test(test_fault_numbers),
		cmocka_unit_test(test_unknown_kinds), cmocka_unit_test(test_strings),
		cmocka_unit_test(test_mapping_range), cmocka_unit_test(test_file_flag_elsewhere),
		cmocka_unit_test(test_fault_fields),  cmocka_unit_test(test_call_fields),
		cmocka_unit_test(test_call_errors),   cmocka_unit_test(test_random_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
