// SPDX-License-Identifier: GPL-2.0-or-later
#include "sym/expression.h"

#include "sym/cursor.h"
#include "sym/unwind.h"

#define MAX_DEPTH 16

enum {
	OP_ADDR = 0x03,
	OP_DEREF = 0x06,
	OP_CONST1U = 0x08,
	OP_CONST1S = 0x09,
	OP_CONST2U = 0x0a,
	OP_CONST2S = 0x0b,
	OP_CONST4U = 0x0c,
	OP_CONST4S = 0x0d,
	OP_CONST8U = 0x0e,
	OP_CONST8S = 0x0f,
	OP_CONSTU = 0x10,
	OP_CONSTS = 0x11,
	OP_DUP = 0x12,
	OP_DROP = 0x13,
	OP_OVER = 0x14,
	OP_SWAP = 0x16,
	OP_AND = 0x1a,
	OP_MINUS = 0x1c,
	OP_MUL = 0x1e,
	OP_NEG = 0x1f,
	OP_NOT = 0x20,
	OP_OR = 0x21,
	OP_PLUS = 0x22,
	OP_PLUS_UCONST = 0x23,
	OP_SHL = 0x24,
	OP_SHR = 0x25,
	OP_XOR = 0x27,
	OP_EQ = 0x29,
	OP_GE = 0x2a,
	OP_GT = 0x2b,
	OP_LE = 0x2c,
	OP_LT = 0x2d,
	OP_NE = 0x2e,
	OP_LIT0 = 0x30,
	OP_LIT31 = 0x4f,
	OP_BREG0 = 0x70,
	OP_BREG31 = 0x8f,
	OP_BREGX = 0x92,
	OP_NOP = 0x96,
};

struct calculator {
	const struct unwind *unwind;
	const uint64_t *regs;
	struct cursor cursor;
	uint64_t stack[MAX_DEPTH];
	unsigned int depth;
};

static void push(struct calculator *calc, uint64_t value)
{
	if (calc->depth == MAX_DEPTH)
		calc->cursor.bad = true;
	else
		calc->stack[calc->depth++] = value;
}

static uint64_t pop(struct calculator *calc)
{
	if (!calc->depth) {
		calc->cursor.bad = true;
		return 0;
	}
	return calc->stack[--calc->depth];
}

static void push_register(struct calculator *calc, uint64_t reg)
{
	int64_t offset = cursor__sleb(&calc->cursor);

	if (reg < CFI_REGS)
		push(calc, calc->regs[reg] + (uint64_t)offset);
	else
		calc->cursor.bad = true;
}

static void deref(struct calculator *calc)
{
	uint64_t address = pop(calc), value = 0;

	if (calc->cursor.bad || !calc->unwind->read(calc->unwind->ctx, address, &value))
		calc->cursor.bad = true;
	push(calc, value);
}

/* True if it is one of those that put a constant on the stack. */
static bool take_constant(struct calculator *calc, uint8_t op)
{
	struct cursor *cursor = &calc->cursor;

	if (op >= OP_LIT0 && op <= OP_LIT31)
		push(calc, op - OP_LIT0);
	else if (op == OP_ADDR)
		/* An address of the file: where it is mapped makes it another one. */
		cursor->bad = true;
	else if (op == OP_CONSTU)
		push(calc, cursor__uleb(cursor));
	else if (op == OP_CONSTS)
		push(calc, (uint64_t)cursor__sleb(cursor));
	else if (op >= OP_CONST1U && op <= OP_CONST8S && op % 2)
		push(calc, (uint64_t)cursor__signed(cursor, 1U << (op - OP_CONST1U) / 2));
	else if (op >= OP_CONST1U && op <= OP_CONST8S)
		push(calc, cursor__unsigned(cursor, 1U << (op - OP_CONST1U) / 2));
	else
		return false;
	return true;
}

/* Of two values; true if it is one of those. */
static bool calculate(uint8_t op, uint64_t a, uint64_t b, uint64_t *ret)
{
	int64_t sa = (int64_t)a, sb = (int64_t)b;

	switch (op) {
	case OP_AND:
		*ret = a & b;
		return true;
	case OP_OR:
		*ret = a | b;
		return true;
	case OP_XOR:
		*ret = a ^ b;
		return true;
	case OP_PLUS:
		*ret = a + b;
		return true;
	case OP_MINUS:
		*ret = a - b;
		return true;
	case OP_MUL:
		*ret = a * b;
		return true;
	case OP_SHL:
		*ret = b < 64 ? a << b : 0;
		return true;
	case OP_SHR:
		*ret = b < 64 ? a >> b : 0;
		return true;
	case OP_EQ:
		*ret = sa == sb;
		return true;
	case OP_NE:
		*ret = sa != sb;
		return true;
	case OP_GE:
		*ret = sa >= sb;
		return true;
	case OP_GT:
		*ret = sa > sb;
		return true;
	case OP_LE:
		*ret = sa <= sb;
		return true;
	case OP_LT:
		*ret = sa < sb;
		return true;
	default:
		return false;
	}
}

static bool take_calculation(struct calculator *calc, uint8_t op)
{
	uint64_t a, b, value;

	if (!calculate(op, 0, 0, &value))
		return false;
	b = pop(calc);
	a = pop(calc);
	calculate(op, a, b, &value);
	push(calc, value);
	return true;
}

static void take_other(struct calculator *calc, uint8_t op)
{
	uint64_t a, b;

	switch (op) {
	case OP_NOP:
		break;
	case OP_DEREF:
		deref(calc);
		break;
	case OP_DUP:
		a = pop(calc);
		push(calc, a);
		push(calc, a);
		break;
	case OP_DROP:
		pop(calc);
		break;
	case OP_OVER:
	case OP_SWAP:
		b = pop(calc);
		a = pop(calc);
		push(calc, op == OP_OVER ? a : b);
		push(calc, op == OP_OVER ? b : a);
		if (op == OP_OVER)
			push(calc, a);
		break;
	case OP_NEG:
		push(calc, 0 - pop(calc));
		break;
	case OP_NOT:
		push(calc, ~pop(calc));
		break;
	case OP_PLUS_UCONST:
		a = pop(calc);
		push(calc, a + cursor__uleb(&calc->cursor));
		break;
	case OP_BREGX:
		push_register(calc, cursor__uleb(&calc->cursor));
		break;
	default:
		calc->cursor.bad = true;
	}
}

bool expression__evaluate(const struct unwind *unwind, const uint64_t *regs, const uint8_t *bytes,
			  size_t size, const uint64_t *first, uint64_t *steps, uint64_t *ret)
{
	struct calculator calc = {.unwind = unwind, .regs = regs, .cursor = {bytes, bytes + size}};

	if (first)
		push(&calc, *first);
	for (; cursor__more(&calc.cursor); ++*steps) {
		uint8_t op = (uint8_t)cursor__unsigned(&calc.cursor, 1);

		if (op >= OP_BREG0 && op <= OP_BREG31)
			push_register(&calc, op - OP_BREG0);
		else if (!take_constant(&calc, op) && !take_calculation(&calc, op))
			take_other(&calc, op);
	}
	*ret = pop(&calc);
	return !calc.cursor.bad;
}
