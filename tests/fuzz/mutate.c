// SPDX-License-Identifier: GPL-2.0-or-later
#include "mutate.h"

#include <stdbool.h>
#include <string.h>

#include <zstd.h>

#include "recording/pack.h"

#define STREAM_BYTES (1 << 20)
#define MAX_RECORDS 4096
#define MAX_CHANGES 8

struct span {
	size_t at;
	size_t size; /* padded */
};

struct stream {
	uint8_t *data;
	size_t size;
	size_t max_size;
	size_t nr;
	struct span spans[MAX_RECORDS];
	uint64_t seed;
};

/* xorshift64* (Vigna). */
static uint64_t next_random(struct stream *stream)
{
	stream->seed ^= stream->seed >> 12;
	stream->seed ^= stream->seed << 25;
	stream->seed ^= stream->seed >> 27;
	return stream->seed * 0x2545f4914f6cdd1dULL;
}

static uint64_t below(struct stream *stream, uint64_t limit)
{
	return (next_random(stream) >> 11) % limit;
}

/* What cannot be a record ends the stream: the rest is left as it is, behind. */
static size_t find_spans(const uint8_t *data, size_t size, struct span *spans)
{
	size_t at = 0, nr = 0;

	while (nr < MAX_RECORDS && size - at >= sizeof(struct mt_record)) {
		struct mt_record record;
		size_t padded;

		memcpy(&record, data + at, sizeof(record));
		padded = (record.size_bytes + 7U) & ~7U;
		if (record.size_bytes < sizeof(record) || padded > size - at)
			break;
		spans[nr++] = (struct span){at, padded};
		at += padded;
	}
	return nr;
}

static void rescan(struct stream *stream)
{
	stream->nr = find_spans(stream->data, stream->size, stream->spans);
}

static struct mt_record record__at(const struct stream *stream, size_t i)
{
	struct mt_record record;

	memcpy(&record, stream->data + stream->spans[i].at, sizeof(record));
	return record;
}

static void remove_bytes(struct stream *stream, size_t at, size_t size)
{
	memmove(stream->data + at, stream->data + at + size, stream->size - at - size);
	stream->size -= size;
	rescan(stream);
}

static void insert_bytes(struct stream *stream, size_t at, const void *bytes, size_t size)
{
	if (stream->size + size > stream->max_size)
		return;
	memmove(stream->data + at + size, stream->data + at, stream->size - at);
	memcpy(stream->data + at, bytes, size);
	stream->size += size;
	rescan(stream);
}

/* Some records in a row, mostly few. */
static struct span pick_run(struct stream *stream)
{
	size_t first = below(stream, stream->nr), nr = 1 + below(stream, 1 + below(stream, 16));
	struct span run = stream->spans[first];

	for (size_t i = 1; i < nr && first + i < stream->nr; i++)
		run.size += stream->spans[first + i].size;
	return run;
}

static void drop(struct stream *stream)
{
	struct span run = pick_run(stream);

	remove_bytes(stream, run.at, run.size);
}

static uint8_t scratch[1 << 16];

static void duplicate(struct stream *stream)
{
	size_t to = stream->spans[below(stream, stream->nr)].at;
	struct span run = pick_run(stream);

	if (run.size > sizeof(scratch))
		return;
	memcpy(scratch, stream->data + run.at, run.size);
	insert_bytes(stream, to, scratch, run.size);
}

static void move(struct stream *stream)
{
	struct span run = pick_run(stream);

	if (run.size > sizeof(scratch))
		return;
	memcpy(scratch, stream->data + run.at, run.size);
	remove_bytes(stream, run.at, run.size);
	if (stream->nr)
		insert_bytes(stream, stream->spans[below(stream, stream->nr)].at, scratch,
			     run.size);
}

#define NEW_STACK_FRAMES 3

/* What the decoder would refuse as zeros, and what says of which signal a stack is. */
static void new__fill(void *bytes, const struct mt_record *after)
{
	struct mt_stack *stack = bytes;
	struct mt_frame *frames = (struct mt_frame *)(stack + 1);

	if (stack->hdr.kind == MT_KIND_STACK_MARK)
		((struct mt_stack_mark *)bytes)->end = 1 << 21;
	if (stack->hdr.kind == MT_KIND_OOM_KILL)
		((struct mt_oom_kill *)bytes)->trigger_tgid = after->tgid;
	if (stack->hdr.kind != MT_KIND_STACK)
		return;
	stack->signal_time_ns = after->time_ns;
	stack->hdr.time_ns++;
	if (stack->hdr.size_bytes == sizeof(*stack))
		return;
	stack->nr = NEW_STACK_FRAMES;
	for (uint32_t i = 0; i < NEW_STACK_FRAMES; i++) {
		frames[i].cycle = frames[i].repeat = 1;
		memset(frames[i].symbol, 'f', i);
	}
}

/* A new record, of a kind that a seed may lack; all but its header is 0 until it is changed. */
static void insert_new(struct stream *stream)
{
	static const struct {
		uint16_t kind, size;
	} news[] = {
		{MT_KIND_MAJOR, sizeof(struct mt_major)},
		{MT_KIND_COUNTED, sizeof(struct mt_counted)},
		{MT_KIND_HUGE, sizeof(struct mt_huge)},
		{MT_KIND_ANON_NAME, sizeof(struct mt_anon_name)},
		{MT_KIND_MMAP, sizeof(struct mt_call)},
		{MT_KIND_MUNMAP, sizeof(struct mt_call)},
		{MT_KIND_BRK, sizeof(struct mt_call)},
		{MT_KIND_MREMAP, sizeof(struct mt_call)},
		{MT_KIND_MADVISE, sizeof(struct mt_call)},
		{MT_KIND_MPROTECT, sizeof(struct mt_call)},
		{MT_KIND_MLOCKALL, sizeof(struct mt_call)},
		{MT_KIND_FORK, sizeof(struct mt_fork)},
		{MT_KIND_EXEC, sizeof(struct mt_exec)},
		{MT_KIND_EXIT, sizeof(struct mt_exit)},
		{MT_KIND_SIGNAL, sizeof(struct mt_signal)},
		{MT_KIND_MAPPING, sizeof(struct mt_mapping)},
		{MT_KIND_SESSION, sizeof(struct mt_session)},
		{MT_KIND_PROCESS, sizeof(struct mt_process)},
		{MT_KIND_THREAD, sizeof(struct mt_thread)},
		{MT_KIND_SAMPLE, sizeof(struct mt_sample)},
		{MT_KIND_TICK, sizeof(struct mt_tick)},
		{MT_KIND_TICK, sizeof(struct mt_tick)},
		{MT_KIND_WATERMARK, sizeof(struct mt_tick)},
		{MT_KIND_LOSS, sizeof(struct mt_losses)},
		{MT_KIND_PROBE, sizeof(struct mt_probe)},
		{MT_KIND_END, sizeof(struct mt_end)},
		{MT_KIND_BUILD_ID, sizeof(struct mt_build_id)},
		{MT_KIND_BRK, sizeof(struct mt_call_use)},
		{MT_KIND_MMAP, sizeof(struct mt_call_use)},
		{MT_KIND_SIGNAL, sizeof(struct mt_signal_more)},
		{MT_KIND_LIMITS, sizeof(struct mt_limits)},
		{MT_KIND_STACK_COPY, sizeof(struct mt_stack_copy)},
		{MT_KIND_OOM_KILL, sizeof(struct mt_oom_kill)},
		{MT_KIND_RECLAIM, sizeof(struct mt_reclaim)},
		{MT_KIND_CGROUP, sizeof(struct mt_cgroup)},
		{MT_KIND_STACK, sizeof(struct mt_stack)},
		{MT_KIND_STACK,
		 sizeof(struct mt_stack) + NEW_STACK_FRAMES * sizeof(struct mt_frame)},
		{MT_KIND_STACK_MARK, sizeof(struct mt_stack_mark)},
		{MT_KIND_MEMORY, sizeof(struct mt_memory)},
	};
	size_t i = below(stream, sizeof(news) / sizeof(news[0])), after = below(stream, stream->nr);
	_Alignas(8) uint8_t bytes[1024] = {0};
	struct mt_record record = record__at(stream, after), other = record;

	record.size_bytes = news[i].size;
	record.kind = news[i].kind;
	memcpy(bytes, &record, sizeof(record));
	new__fill(bytes, &other);
	insert_bytes(stream, stream->spans[after].at, bytes, news[i].size);
}

/* A value from elsewhere in the stream, near one, or at an end of the number's range. */
static uint64_t pick_number(struct stream *stream)
{
	static const uint64_t edges[] = {
		0,
		1,
		2,
		63,
		64,
		4095,
		4096,
		1 << 21,
		1U << 31,
		UINT32_MAX,
		1ULL << 32,
		1000000000,
		1ULL << 47,
		1ULL << 56,
		1ULL << 57,
		1ULL << 63,
		INT64_MAX,
		UINT64_MAX,
		UINT64_MAX - 4095,
		UINT64_MAX - 1,
	};
	uint64_t number;
	struct span span;

	if (below(stream, 3) == 0)
		return edges[below(stream, sizeof(edges) / sizeof(edges[0]))];
	span = stream->spans[below(stream, stream->nr)];
	memcpy(&number, stream->data + span.at + 8 * below(stream, span.size / 8), sizeof(number));
	switch (below(stream, 6)) {
	case 0:
		return number + 1;
	case 1:
		return number - 1;
	case 2:
		return number + ((int64_t)below(stream, 64) - 32) * 4096;
	case 3:
		return number + below(stream, 4000000000ULL) - 2000000000;
	default:
		return number;
	}
}

static void change_word(struct stream *stream, struct span span)
{
	size_t at = span.at + 8 * below(stream, span.size / 8);
	uint64_t number = pick_number(stream);

	if (below(stream, 2))
		memcpy(stream->data + at, &number, 8);
	else
		memcpy(stream->data + at + 4 * below(stream, 2), &number, 4);
}

/* Whose record it is, when it was made, of what kind: mostly as another one's. */
static void change_header(struct stream *stream, struct span span)
{
	struct mt_record record, other = record__at(stream, below(stream, stream->nr));

	memcpy(&record, stream->data + span.at, sizeof(record));
	switch (below(stream, 8)) {
	case 0:
		record.time_ns = other.time_ns + below(stream, 5) - 2;
		break;
	case 1:
		record.time_ns = pick_number(stream);
		break;
	case 2:
		record.tgid = other.tgid;
		record.tid = below(stream, 2) ? other.tid : other.tgid;
		break;
	case 3:
		record.tgid = (uint32_t)pick_number(stream);
		break;
	case 4:
		record.tid = below(stream, 2) ? other.tgid : (uint32_t)pick_number(stream);
		break;
	case 5:
		record.flags ^= 1U << below(stream, 8);
		break;
	case 6:
		record.cpu = (uint16_t)below(stream, 4);
		break;
	default:
		/* A kind of the same size, or else the decoder refuses it. */
		record.kind = record.kind >= MT_KIND_MMAP && record.kind <= MT_KIND_MLOCKALL
				      ? MT_KIND_MMAP + below(stream, 8)
				      : other.kind;
		break;
	}
	memcpy(stream->data + span.at, &record, sizeof(record));
}

static void change(struct stream *stream)
{
	struct span span = stream->spans[below(stream, stream->nr)];
	size_t body = sizeof(struct mt_record);

	switch (below(stream, 8)) {
	case 0:
	case 1:
	case 2:
		change_header(stream, span);
		break;
	case 3:
		/* In place: the record keeps its size. */
		if (span.size > body)
			LLVMFuzzerMutate(stream->data + span.at + body, span.size - body,
					 span.size - body);
		break;
	default:
		change_word(stream, span);
		break;
	}
	rescan(stream);
}

/* The time of a signal is in other records, too: a stack without its signal, or with another's. */
static void retime(struct stream *stream)
{
	struct mt_record signal = record__at(stream, below(stream, stream->nr));
	size_t first = below(stream, stream->nr);
	struct mt_stack stack;

	for (size_t i = first; i < stream->nr; i++) {
		struct mt_record record = record__at(stream, i);
		uint8_t *at = stream->data + stream->spans[i].at;

		if (record.kind == MT_KIND_SIGNAL && below(stream, 2))
			signal = record;
		if (record.kind != MT_KIND_STACK || record.size_bytes < sizeof(stack))
			continue;
		memcpy(&stack, at, sizeof(stack));
		stack.signal_time_ns = signal.time_ns;
		if (below(stream, 4)) {
			stack.hdr.tgid = signal.tgid;
			stack.hdr.tid = signal.tid;
		}
		memcpy(at, &stack, sizeof(stack));
		return;
	}
}

/* The same records for another process: pids collide or do not, as it comes. */
static void renumber(struct stream *stream)
{
	uint32_t from = record__at(stream, below(stream, stream->nr)).tgid;
	uint32_t to = record__at(stream, below(stream, stream->nr)).tgid + below(stream, 3) - 1;
	size_t first = below(stream, stream->nr), last = first + below(stream, 64);

	for (size_t i = first; i < last && i < stream->nr; i++) {
		struct mt_record record = record__at(stream, i);

		if (record.tgid != from)
			continue;
		record.tid = record.tid == from ? to : record.tid;
		record.tgid = to;
		memcpy(stream->data + stream->spans[i].at, &record, sizeof(record));
	}
}

static struct stream stream;

size_t mutate__records(uint8_t *data, size_t size, size_t max_size, uint64_t seed)
{
	static void (*const changes[])(struct stream *) = {
		change, change, change, change, drop, duplicate, move, insert_new, renumber, retime,
	};
	unsigned int nr;

	stream = (struct stream){
		.data = data, .size = size, .max_size = max_size, .seed = seed * 2 + 1};
	rescan(&stream);
	nr = 1 + below(&stream, MAX_CHANGES);
	while (nr-- && stream.nr)
		changes[below(&stream, sizeof(changes) / sizeof(changes[0]))](&stream);
	return stream.size;
}

struct sink {
	uint8_t *out;
	size_t size;
	size_t max_size;
};

static bool sink__put(struct sink *sink, const void *data, size_t size)
{
	if (size > sink->max_size - sink->size)
		return false;
	memcpy(sink->out + sink->size, data, size);
	sink->size += size;
	return true;
}

static size_t decompress(const uint8_t *data, size_t size, uint8_t *out)
{
	ZSTD_inBuffer in = {data, size, sizeof(struct mt_recording_header)};
	ZSTD_outBuffer to = {out, STREAM_BYTES, 0};
	ZSTD_DCtx *zstd = ZSTD_createDCtx();

	while (in.pos < in.size && to.pos < to.size) {
		size_t before = in.pos + to.pos;

		if (ZSTD_isError(ZSTD_decompressStream(zstd, &to, &in)) ||
		    in.pos + to.pos == before)
			break;
	}
	ZSTD_freeDCtx(zstd);
	return to.pos;
}

size_t mutate__unpack(const uint8_t *data, size_t size, uint8_t *out, size_t max_size)
{
	static _Alignas(8) uint8_t records[STREAM_BYTES];
	static struct span spans[MAX_RECORDS];
	struct sink sink = {.out = out, .max_size = max_size};
	size_t nr;

	if (size <= sizeof(struct mt_recording_header) ||
	    memcmp(data, MT_RECORDING_MAGIC, sizeof(((struct mt_recording_header *)0)->magic)))
		return 0;
	nr = find_spans(records, decompress(data, size, records), spans);
	for (size_t i = 0; i < nr; i++) {
		const struct mt_record *record = (const struct mt_record *)(records + spans[i].at);
		struct faults_record faults;
		bool packed = record->kind == MT_KIND_PACKED_FAULTS &&
			      !pack__unpack(record, record->size_bytes, &faults);

		if (!(packed ? sink__put(&sink, &faults, faults.rec.hdr.size_bytes)
			     : sink__put(&sink, record, spans[i].size)))
			break;
	}
	return sink.size;
}

size_t mutate__cross(const uint8_t *data1, size_t size1, const uint8_t *data2, size_t size2,
		     uint8_t *out, size_t max_size, uint64_t seed)
{
	static struct span spans1[MAX_RECORDS], spans2[MAX_RECORDS];
	size_t nr1 = find_spans(data1, size1, spans1), nr2 = find_spans(data2, size2, spans2);
	struct sink sink = {.out = out, .max_size = max_size};
	size_t i1 = 0, i2 = 0, cut;

	stream.seed = seed * 2 + 1;
	cut = below(&stream, 2) ? below(&stream, nr1 + 1) : SIZE_MAX;
	while (i1 < nr1 || i2 < nr2) {
		bool first = i1 < nr1 &&
			     (i2 == nr2 || (cut == SIZE_MAX ? below(&stream, 2) != 0 : i1 < cut));
		const struct span *span = first ? &spans1[i1++] : &spans2[i2++];

		if (!sink__put(&sink, (first ? data1 : data2) + span->at, span->size))
			break;
	}
	return sink.size;
}
