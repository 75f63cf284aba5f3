// SPDX-License-Identifier: GPL-2.0-or-later
/* The verdict on a bad access, in words. */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/page.h"
#include "base/path.h"
#include "base/signal_name.h"
#include "base/units.h"
#include "model/crash.h"
#include "model/name.h"
#include "report/crash.h"
#include "report/process.h"

/* Farther away, a mapping has nothing to do with it. */
#define NEIGHBOUR_BYTES (1ULL << 30)
#define FAR_BEYOND_BYTES (64ULL << 10)

/* Two paths and what is said of them; what does not fit is cut off. */
struct words {
	char s[2 * MT_PATH_BYTES + 256];
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void words__add(struct words *words, const char *fmt,
							     ...)
{
	size_t room = sizeof(words->s) - words->len;
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(words->s + words->len, room, fmt, args);
	va_end(args);
	if (len > 0)
		words->len += (size_t)len < room ? (size_t)len : room - 1;
}

static const char *access__words(enum fault_access access)
{
	static const char *const words[NR_ACCESSES + 1] = {
		[ACCESS_READ] = "read of",
		[ACCESS_WRITE] = "write to",
		[ACCESS_EXEC] = "jump to",
		[ACCESS_UNKNOWN] = "access to",
	};

	return words[access];
}

static void add_access(struct words *words, const struct crash *crash)
{
	if (crash->access != ACCESS_UNKNOWN)
		words__add(words, " (%s)", fault_access__name(crash->access));
}

static const char *mapping__name(const struct crash_mapping *mapping)
{
	return report__mapping_name(mapping->name, mapping->region);
}

static const char *mapping__short_name(const struct crash_mapping *mapping)
{
	const char *name = mapping__name(mapping), *last = path__last(name);

	return *last ? last : name;
}

static void add_mapping(struct words *words, const struct crash_mapping *mapping)
{
	words__add(words, "%s %s", mapping__name(mapping), units__prot(mapping->prot).s);
}

static void null_pointer(struct words *words, const struct crash *crash)
{
	int64_t offset = (int64_t)crash->addr;
	uint64_t size = offset < 0 ? 0 - crash->addr : crash->addr;
	const char *sign = offset < 0 ? "-" : "";

	if (crash->access == ACCESS_EXEC && !offset)
		words__add(words, "call of a null pointer");
	else if (crash->access == ACCESS_EXEC)
		words__add(words, "null pointer: jump to %s0x%llx", sign, (unsigned long long)size);
	else if (!size)
		words__add(words, "null pointer: %s address 0", access__words(crash->access));
	else
		words__add(words, "null pointer: %s field at offset %s%llu (%s0x%llx)",
			   access__words(crash->access), sign, (unsigned long long)size, sign,
			   (unsigned long long)size);
}

/* By one large frame. */
static void add_asked(struct words *words, const struct stack_hit *hit)
{
	if (hit->asked_bytes > hit->limit_bytes + FAR_BEYOND_BYTES)
		words__add(words, " (%s asked for)", units__count(hit->asked_bytes).s);
}

/* What stopped it. */
static void add_wall(struct words *words, const struct crash *crash)
{
	const struct stack_hit *hit = &crash->hit;

	switch (hit->kind) {
	case HIT_MAIN_LIMIT:
		words__add(words, "RLIMIT_STACK");
		add_asked(words, hit);
		break;
	case HIT_THREAD_GUARD:
		words__add(words, hit->beyond ? "beyond its end" : "guard page");
		add_asked(words, hit);
		break;
	case HIT_GUARD_GAP:
		words__add(words, "%s is in the way",
			   crash->below.end ? mapping__short_name(&crash->below) : "a mapping");
		break;
	case HIT_NO_MEMORY:
		words__add(words, "no memory to grow");
		if (hit->as_limit_bytes != BYTES_UNKNOWN)
			words__add(words, ", RLIMIT_AS of %s", units__bytes(hit->as_limit_bytes).s);
		break;
	default:
		words__add(words, "stack for signal handlers");
		break;
	}
}

static void stack_overflow(struct words *words, const struct crash *crash)
{
	const struct stack_hit *hit = &crash->hit;

	words__add(words, "stack overflow: %s", units__count(hit->size_bytes).s);
	if (hit->limit_bytes != BYTES_UNKNOWN)
		words__add(words, " of %s", units__count(hit->limit_bytes).s);
	words__add(words, " bytes, ");
	add_wall(words, crash);
}

static void read_only(struct words *words, const struct crash *crash)
{
	words__add(words, "write to read-only mapping ");
	add_mapping(words, &crash->at);
}

static void not_readable(struct words *words, const struct crash *crash)
{
	words__add(words, "%s %s ", access__words(crash->access),
		   crash->at.guard  ? "a guard page in"
		   : crash->at.prot ? "unreadable mapping"
				    : "inaccessible mapping");
	add_mapping(words, &crash->at);
}

static void not_executable(struct words *words, const struct crash *crash)
{
	words__add(words, "jump to non-executable mapping ");
	add_mapping(words, &crash->at);
}

/* Where the words go, µs may be none. */
static void add_age(struct words *words, uint64_t ns)
{
	if (ns >= NSEC_PER_MSEC)
		words__add(words, "%s", units__latency(ns, false).s);
	else
		words__add(words, "%.3f ms", ns > 1000 ? (double)ns / 1e6 : 0.001);
}

static void freed(struct words *words, const struct crash *crash)
{
	words__add(words, "freed ");
	add_age(words, crash->freed_ns);
	words__add(words, " ago: %s", units__bytes(crash->freed_bytes).s);
	if (crash->freed_name)
		words__add(words, " of %s", name__text(crash->freed_name));
	words__add(words, " unmapped by tid %u", crash->freed_tid);
	add_access(words, crash);
}

static void hole(struct words *words, const struct crash *crash)
{
	const struct crash_mapping *below = &crash->below, *above = &crash->above;
	bool near_below = below->end && crash->addr - below->end <= NEIGHBOUR_BYTES;
	bool near_above = above->end && above->start - crash->addr <= NEIGHBOUR_BYTES;

	words__add(words, "in no mapping");
	if (!near_below && !near_above)
		words__add(words, ": %s", units__address(crash->addr).s);
	if (crash->addr >> 63) {
		words__add(words, ", the kernel's part of the address space");
		add_access(words, crash);
		return;
	}
	if (near_below)
		words__add(words, ": %s above %s", units__bytes(crash->addr - below->end).s,
			   mapping__short_name(below));
	if (near_above)
		words__add(words, "%s %s below %s", near_below ? "," : ":",
			   units__bytes(above->start - crash->addr).s, mapping__short_name(above));
	add_access(words, crash);
}

static void beyond_eof(struct words *words, const struct crash *crash)
{
	const char *name = mapping__short_name(&crash->at);

	if (crash->file_bytes == BYTES_UNKNOWN)
		words__add(words, "beyond the end of %s: offset %s", name,
			   units__count(crash->file_offset).s);
	else if (crash->file_offset == crash->file_bytes)
		words__add(words, "right beyond the end of %s (%s bytes)", name,
			   units__count(crash->file_bytes).s);
	else
		words__add(words, "%s bytes beyond the end of %s (%s bytes)",
			   units__count(crash->file_offset - crash->file_bytes).s, name,
			   units__count(crash->file_bytes).s);
	add_access(words, crash);
}

static void protection_key(struct words *words, const struct crash *crash)
{
	if (crash->pkey_known)
		words__add(words, "protection key %u", crash->pkey);
	else
		words__add(words, "a protection key");
	words__add(words, " forbids %s ",
		   crash->access == ACCESS_WRITE ? "to write to" : "to read");
	add_mapping(words, &crash->at);
}

static void non_canonical(struct words *words, const struct crash *crash)
{
	(void)crash;
	words__add(words, "general protection: an address that is not canonical, or a misaligned "
			  "vector access; the processor does not tell it");
}

/* What else SIGSEGV and SIGBUS say by si_code. */
static const struct {
	int signo;
	int code;
	const char *words;
} codes[] = {
	{SIGBUS, BUS_ADRALN, "misaligned access"},
	{SIGBUS, BUS_OBJERR, "hardware error"},
	{SIGBUS, BUS_MCEERR_AR, "hardware memory error"},
	{SIGBUS, BUS_MCEERR_AO, "hardware memory error"},
	{SIGSEGV, SEGV_BNDERR, "beyond the bounds that were checked"},
	{SIGSEGV, 8 /* SEGV_MTEAERR */, "memory tag mismatch"},
	{SIGSEGV, 9 /* SEGV_MTESERR */, "memory tag mismatch"},
	{SIGSEGV, 10 /* SEGV_CPERR */, "control-flow protection"},
};

static void no_page(struct words *words, const struct crash *crash)
{
	if (crash->hugetlb)
		words__add(words, "no huge page left for ");
	else if (crash->at.name)
		words__add(words, "no page to be had, an input/output error or no room: ");
	else
		words__add(words, "no page to be had for ");
	add_mapping(words, &crash->at);
}

static void other(struct words *words, const struct crash *crash)
{
	const char *name = signal_code__name(crash->signo, crash->code);

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if (codes[i].signo != crash->signo || codes[i].code != crash->code)
			continue;
		words__add(words, "%s", codes[i].words);
		return;
	}
	if (crash->signo == SIGBUS && crash->code == BUS_ADRERR && crash->at.end) {
		no_page(words, crash);
	} else if (crash->addr_known && crash->at.end) {
		words__add(words, "%s mapping ", access__words(crash->access));
		add_mapping(words, &crash->at);
		words__add(words, ", which allows it by now");
	} else if (!crash->addr_known) {
		words__add(words, "raised by the kernel, without an address");
	} else {
		words__add(words, "%s by %s", signal__name(crash->signo).s, name ? name : "a code");
	}
}

char *report_crash__text(const struct crash *crash)
{
	static void (*const add[NR_VERDICTS])(struct words *, const struct crash *) = {
		[VERDICT_NULL_POINTER] = null_pointer,
		[VERDICT_STACK_OVERFLOW] = stack_overflow,
		[VERDICT_READ_ONLY] = read_only,
		[VERDICT_NOT_READABLE] = not_readable,
		[VERDICT_NOT_EXECUTABLE] = not_executable,
		[VERDICT_FREED] = freed,
		[VERDICT_HOLE] = hole,
		[VERDICT_BEYOND_EOF] = beyond_eof,
		[VERDICT_PROTECTION_KEY] = protection_key,
		[VERDICT_NON_CANONICAL] = non_canonical,
		[VERDICT_OTHER] = other,
	};
	struct words words = {};

	add[crash->verdict](&words, crash);
	if (crash->no_room)
		words__add(&words, "; its handler had no stack to run on");
	return strdup(words.s);
}
