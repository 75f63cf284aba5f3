// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "base/clock.h"
#include "event/order.h"
#include "events.h"

/* An event as it went in or came out: when, and which it was. */
struct mark {
	uint64_t time_ns;
	uint64_t id;
};

struct marks {
	struct mark *items;
	size_t nr, cap;
	size_t stop_at; /* the callback fails once here; 0: never */
};

static void marks__add(struct marks *marks, uint64_t time_ns, uint64_t id)
{
	if (marks->nr == marks->cap) {
		marks->cap = marks->cap * 2 + 64;
		marks->items = realloc(marks->items, marks->cap * sizeof(*marks->items));
		assert_non_null(marks->items);
	}
	marks->items[marks->nr++] = (struct mark){.time_ns = time_ns, .id = id};
}

/* The identity of an event travels in its payload. */
static int marks__take(void *ctx, const struct event *ev)
{
	struct marks *marks = ctx;
	uint64_t id = ev->kind == MT_KIND_FAULTS   ? ev->fault.addr
		      : ev->kind == MT_KIND_SAMPLE ? ev->rss_bytes
						   : ev->counted.addr;

	marks__add(marks, ev->time_ns, id);
	return marks->nr == marks->stop_at ? -EPIPE : 0;
}

static struct order *order__open(struct marks *marks)
{
	struct order *order;

	*marks = (struct marks){};
	assert_int_equal(order__new(marks__take, marks, &order), 0);
	return order;
}

static void order__close(struct order *order, struct marks *marks)
{
	order__free(order);
	free(marks->items);
}

static int push_one(struct order *order, uint64_t time_ns, uint64_t id)
{
	struct mt_major rec = {.hdr = record__header(MT_KIND_MAJOR, sizeof(rec), 1, 1), .addr = id};

	rec.hdr.time_ns = time_ns;
	return order__push(order, &rec, sizeof(rec));
}

static int push_watermark(struct order *order, uint64_t time_ns)
{
	struct mt_tick rec = {.hdr = record__header(MT_KIND_WATERMARK, sizeof(rec), 0, 0)};

	rec.hdr.time_ns = time_ns;
	return order__push(order, &rec, sizeof(rec));
}

struct batch {
	struct mt_faults rec;
	struct mt_fault fault[MT_BATCH_FAULTS];
};

static void batch__begin(struct batch *batch, uint16_t cpu)
{
	memset(batch, 0, sizeof(*batch));
	batch->rec.hdr = record__header(MT_KIND_FAULTS, 0, 1, 1 + cpu);
	batch->rec.hdr.cpu = cpu;
}

static void batch__add(struct batch *batch, uint64_t time_ns, uint64_t id)
{
	batch->fault[batch->rec.nr++] = (struct mt_fault){.addr_flags = id, .time_ns = time_ns};
}

static int push_batch(struct order *order, struct batch *batch)
{
	batch->rec.hdr.time_ns = batch->fault[0].time_ns;
	batch->rec.hdr.size_bytes = sizeof(batch->rec) + batch->rec.nr * sizeof(batch->fault[0]);
	return order__push(order, batch, batch->rec.hdr.size_bytes);
}

static void assert_marks(const struct marks *marks, const char *ids)
{
	char text[256] = "";

	for (size_t i = 0; i < marks->nr && i < sizeof(text) - 1; i++)
		text[i] = (char)marks->items[i].id;
	assert_string_equal(text, ids);
}

static void test_nothing(void **state)
{
	struct marks marks;
	struct order *order = order__open(&marks);

	(void)state;
	assert_int_equal(push_watermark(order, 1000), 0);
	assert_int_equal(order__finish(order), 0);
	assert_int_equal(marks.nr, 0);
	assert_true(order__delivered(order) == 0);
	order__close(order, &marks);
	order__free(NULL);
}

static void test_watermark_holds_back(void **state)
{
	struct marks marks;
	struct order *order = order__open(&marks);

	(void)state;
	push_one(order, 30, 'c');
	push_one(order, 10, 'a');
	push_one(order, 20, 'b');
	assert_marks(&marks, "");
	/* What is dated like the watermark may still get company. */
	push_watermark(order, 20);
	assert_marks(&marks, "a");
	push_watermark(order, 20);
	assert_marks(&marks, "a");
	push_watermark(order, 21);
	assert_marks(&marks, "ab");
	assert_int_equal(order__finish(order), 0);
	assert_marks(&marks, "abc");
	assert_int_equal(order__finish(order), 0);
	assert_marks(&marks, "abc");
	order__close(order, &marks);
}

static void test_equal_times_keep_arrival(void **state)
{
	struct batch first, second;
	struct marks marks;
	struct order *order = order__open(&marks);

	(void)state;
	batch__begin(&first, 0);
	batch__add(&first, 10, 'b');
	batch__add(&first, 10, 'c');
	batch__add(&first, 20, 'g');
	batch__begin(&second, 1);
	batch__add(&second, 10, 'd');
	batch__add(&second, 20, 'h');
	push_one(order, 10, 'a');
	push_batch(order, &first);
	push_batch(order, &second);
	push_one(order, 10, 'e');
	push_one(order, 10, 'f');
	push_one(order, 20, 'i');
	order__finish(order);
	assert_marks(&marks, "abcdefghi");
	order__close(order, &marks);
}

/* Equal times across a watermark that let some of the earlier batch through. */
static void test_batches_interleave(void **state)
{
	struct batch batch[2];
	struct marks marks;
	struct order *order = order__open(&marks);

	(void)state;
	for (unsigned int cpu = 0; cpu < 2; cpu++) {
		batch__begin(&batch[cpu], cpu);
		for (unsigned int i = 0; i < 5; i++)
			batch__add(&batch[cpu], 10 + 10 * i + 5 * cpu, 'A' + 2 * i + cpu);
	}
	push_one(order, 27, 'x');
	push_batch(order, &batch[1]);
	push_batch(order, &batch[0]);
	push_one(order, 12, 'y');
	push_watermark(order, 26);
	assert_marks(&marks, "AyBCD");
	push_one(order, 28, 'z');
	push_watermark(order, 41);
	assert_marks(&marks, "AyBCDxzEFG");
	order__finish(order);
	assert_marks(&marks, "AyBCDxzEFGHIJ");
	assert_true(order__delivered(order) == 13);
	order__close(order, &marks);
}

/* A record that comes too late is not lost, and does not upset the others. */
static void test_late(void **state)
{
	struct marks marks;
	struct order *order = order__open(&marks);

	(void)state;
	push_one(order, 50, 'c');
	push_watermark(order, 60);
	push_one(order, 10, 'a');
	push_one(order, 70, 'd');
	push_watermark(order, 65);
	assert_marks(&marks, "ca");
	push_watermark(order, 5); /* older than the last: says nothing new */
	push_one(order, 64, 'b');
	order__finish(order);
	assert_marks(&marks, "cabd");
	order__close(order, &marks);
}

static void test_end_of_time(void **state)
{
	struct marks marks;
	struct order *order = order__open(&marks);

	(void)state;
	push_one(order, UINT64_MAX, 'b');
	push_one(order, 0, 'a');
	push_watermark(order, UINT64_MAX);
	assert_marks(&marks, "a");
	order__finish(order);
	assert_marks(&marks, "ab");
	order__close(order, &marks);
}

static void test_bad_records_are_counted(void **state)
{
	struct mt_tick rec = {.hdr = record__header(MT_KIND_TICK, sizeof(rec), 0, 0)};
	struct marks marks;
	struct order *order = order__open(&marks);

	(void)state;
	assert_int_equal(order__push(order, &rec, 10), 0);
	assert_int_equal(order__push(order, &rec, 0), 0);
	assert_true(order__malformed(order) == 2 && order__unknown(order) == 0);
	rec.hdr.kind = 1234;
	assert_int_equal(order__push(order, &rec, sizeof(rec)), 0);
	assert_true(order__malformed(order) == 2 && order__unknown(order) == 1);
	order__finish(order);
	assert_int_equal(marks.nr, 0);
	order__close(order, &marks);
}

/* A callback that stops loses nothing: the next delivery goes on behind it. */
static void test_callback_stops(void **state)
{
	struct batch batch;
	struct marks marks;
	struct order *order = order__open(&marks);

	(void)state;
	batch__begin(&batch, 0);
	for (unsigned int i = 0; i < 4; i++)
		batch__add(&batch, 10 * i, 'a' + i);
	push_batch(order, &batch);
	push_one(order, 35, 'e');
	marks.stop_at = 2;
	assert_int_equal(push_watermark(order, 100), -EPIPE);
	assert_marks(&marks, "ab");
	assert_int_equal(order__finish(order), 0);
	assert_marks(&marks, "abcde");
	order__close(order, &marks);
}

/* Only events of the kernel's records are told as delivered. */
static void test_delivered(void **state)
{
	struct mt_sample rec = {.hdr = record__header(MT_KIND_SAMPLE, sizeof(rec), 1, 1)};
	struct marks marks;
	struct order *order = order__open(&marks);

	(void)state;
	order__push(order, &rec, sizeof(rec));
	push_one(order, 1, 'a');
	order__finish(order);
	assert_int_equal(marks.nr, 2);
	assert_true(order__delivered(order) == 1);
	order__close(order, &marks);
}

#define CPUS 4
#define ROUNDS 400

/* A machine: each CPU gathers a batch, other records overtake it, watermarks follow behind. */
struct machine {
	struct order *order;
	struct marks expected; /* in the order of arrival */
	struct batch batch[CPUS];
	uint64_t now_ns;
	uint64_t seed;
	uint64_t next_id;
};

static void machine__send(struct machine *machine, unsigned int cpu)
{
	struct batch *batch = &machine->batch[cpu];

	if (!batch->rec.nr)
		return;
	for (uint32_t i = 0; i < batch->rec.nr; i++)
		marks__add(&machine->expected, batch->fault[i].time_ns, batch->fault[i].addr_flags);
	assert_int_equal(push_batch(machine->order, batch), 0);
	batch__begin(batch, cpu);
}

static void machine__step(struct machine *machine)
{
	unsigned int cpu = random__below(&machine->seed, CPUS);
	struct batch *batch = &machine->batch[cpu];
	uint64_t id = machine->next_id++;

	/* Often nothing: equal times are to be common. */
	machine->now_ns += random__below(&machine->seed, 3);
	if (!random__below(&machine->seed, 5)) {
		marks__add(&machine->expected, machine->now_ns, id);
		assert_int_equal(push_one(machine->order, machine->now_ns, id), 0);
		return;
	}
	batch__add(batch, machine->now_ns, id);
	if (batch->rec.nr == MT_BATCH_FAULTS || !random__below(&machine->seed, 40))
		machine__send(machine, cpu);
}

static void machine__watermark(struct machine *machine)
{
	uint64_t due = machine->now_ns;

	/* Now and then nobody is flushed: then the oldest that waits bounds what is known. */
	for (unsigned int cpu = 0; cpu < CPUS; cpu++) {
		const struct batch *batch = &machine->batch[cpu];

		if (random__below(&machine->seed, 3))
			machine__send(machine, cpu);
		else if (batch->rec.nr && batch->fault[0].time_ns < due)
			due = batch->fault[0].time_ns;
	}
	due -= random__below(&machine->seed, 50) < due ? random__below(&machine->seed, 20) : 0;
	assert_int_equal(push_watermark(machine->order, due), 0);
}

/* By insertion, so that equal times keep their order whatever the library's sort does. */
static void sort_stable(struct mark *marks, size_t nr)
{
	for (size_t i = 1; i < nr; i++) {
		struct mark mark = marks[i];
		size_t at = i;

		for (; at && marks[at - 1].time_ns > mark.time_ns; at--)
			marks[at] = marks[at - 1];
		marks[at] = mark;
	}
}

static void test_against_a_naive_sort(void **state)
{
	struct machine machine = {.now_ns = 1000, .seed = 20};
	struct marks marks;

	(void)state;
	machine.order = order__open(&marks);
	for (unsigned int cpu = 0; cpu < CPUS; cpu++)
		batch__begin(&machine.batch[cpu], cpu);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		for (unsigned int i = random__below(&machine.seed, 200); i; i--)
			machine__step(&machine);
		machine__watermark(&machine);
	}
	for (unsigned int cpu = 0; cpu < CPUS; cpu++)
		machine__send(&machine, cpu);
	assert_true(marks.nr > machine.expected.nr / 2);
	assert_int_equal(order__finish(machine.order), 0);
	assert_int_equal(marks.nr, machine.expected.nr);
	assert_true(order__delivered(machine.order) == marks.nr);
	sort_stable(machine.expected.items, machine.expected.nr);
	for (size_t i = 0; i < marks.nr; i++) {
		assert_true(marks.items[i].time_ns == machine.expected.items[i].time_ns);
		assert_true(marks.items[i].id == machine.expected.items[i].id);
	}
	free(machine.expected.items);
	order__close(machine.order, &marks);
}

/* No watermark ever says that nothing older is to come. */
static void test_no_watermark(void **state)
{
	const uint64_t nr = 3000000;
	struct marks marks;
	struct order *order = order__open(&marks);
	size_t most_held = 0;

	(void)state;
	for (uint64_t i = 0; i < nr; i++) {
		assert_int_equal(push_one(order, i, i), 0);
		if (i + 1 - marks.nr > most_held)
			most_held = i + 1 - marks.nr;
	}
	/* 64 MiB of records, about. */
	assert_in_range(most_held, 500000, 2200000);
	assert_int_equal(order__finish(order), 0);
	assert_int_equal(marks.nr, nr);
	for (uint64_t i = 0; i < nr; i++)
		assert_true(marks.items[i].id == i && marks.items[i].time_ns == i);
	order__close(order, &marks);
}

/* The records of a snapshot, before the watermark that lets the older ones pass. */
static void test_large_burst(void **state)
{
	const uint64_t nr = 65530; /* mappings: as many as a process may have by default */
	struct mt_mapping rec = {.hdr = record__header(MT_KIND_MAPPING, sizeof(rec), 1, 1),
				 .end = 1};
	struct marks marks;
	struct order *order = order__open(&marks);

	(void)state;
	rec.hdr.time_ns = 20;
	for (uint64_t i = 0; i < nr; i++)
		assert_int_equal(order__push(order, &rec, sizeof(rec)), 0);
	push_one(order, 10, 'a');
	assert_int_equal(marks.nr, 0);
	push_watermark(order, 15);
	assert_marks(&marks, "a");
	push_watermark(order, 21);
	assert_int_equal(marks.nr, nr + 1);
	order__close(order, &marks);
}

/* What waits for a time to come must not be gone through for each watermark. */
static void test_many_wait(void **state)
{
	const uint64_t nr = 200000;
	struct marks marks;
	struct order *order = order__open(&marks);
	uint64_t before_ns = clock__read_ns(CLOCK_THREAD_CPUTIME_ID);

	(void)state;
	for (uint64_t i = 0; i < nr; i++)
		push_one(order, 1ULL << 60, i);
	for (uint64_t i = 0; i < nr; i++) {
		push_one(order, i, i);
		push_watermark(order, i + 1);
		assert_int_equal(marks.nr, i + 1);
	}
	/* It takes a fraction of a second; minutes if each were a walk. */
	assert_in_range(clock__read_ns(CLOCK_THREAD_CPUTIME_ID) - before_ns, 0, 10 * NSEC_PER_SEC);
	assert_int_equal(order__finish(order), 0);
	for (uint64_t i = 0; i < nr; i++)
		assert_true(marks.items[nr + i].id == i);
	order__close(order, &marks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_watermark_holds_back),
		cmocka_unit_test(test_equal_times_keep_arrival),
		cmocka_unit_test(test_batches_interleave),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_end_of_time),
		cmocka_unit_test(test_bad_records_are_counted),
		cmocka_unit_test(test_callback_stops),
		cmocka_unit_test(test_delivered),
		cmocka_unit_test(test_against_a_naive_sort),
		cmocka_unit_test(test_no_watermark),
		cmocka_unit_test(test_large_burst),
		cmocka_unit_test(test_many_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
