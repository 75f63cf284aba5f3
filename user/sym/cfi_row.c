// SPDX-License-Identifier: GPL-2.0-or-later
#include "sym/cfi_row.h"

#include <string.h>

#include "sym/pointer.h"

#define MAX_REMEMBERED 8

/* The machine that the programs are for. */
struct machine {
	const struct cfi_terms *terms;
	struct cursor *cursor;
	uint64_t location;
	struct cfi_row *row;
	struct cfi_row initial; /* after the common program */
	struct cfi_row remembered[MAX_REMEMBERED];
	unsigned int nr_remembered;
};

/* A place that nobody looks at, for registers that are not followed (floating point, vectors). */
static struct cfi_place *machine__place(struct machine *machine, uint64_t reg,
					struct cfi_place *nowhere)
{
	return reg < CFI_REGS ? &machine->row->regs[reg] : nowhere;
}

static struct cfi_place machine__expression(struct machine *machine, enum cfi_rule rule)
{
	struct cfi_row *row = machine->row;
	uint64_t size = cursor__uleb(machine->cursor);
	const uint8_t *from = machine->cursor->at;
	struct cfi_place place = {.rule = rule,
				  .expression = row->expressions_bytes,
				  .expression_bytes = (uint16_t)size};

	cursor__skip(machine->cursor, size);
	if (machine->cursor->bad ||
	    size > (uint64_t)CFI_EXPRESSION_BYTES - row->expressions_bytes) {
		machine->cursor->bad = true;
		return (struct cfi_place){};
	}
	memcpy(row->expressions + row->expressions_bytes, from, size);
	row->expressions_bytes += size;
	return place;
}

/* What a stranger writes may be too large: it wraps. */
static int64_t scaled(uint64_t n, int64_t factor)
{
	return (int64_t)(n * (uint64_t)factor);
}

static struct cfi_place at_offset(enum cfi_rule rule, int64_t offset)
{
	return (struct cfi_place){.rule = rule, .offset = offset};
}

static void machine__def_cfa(struct machine *machine, uint64_t reg, int64_t offset)
{
	if (reg >= CFI_REGS)
		machine->cursor->bad = true;
	else
		machine->row->cfa = (struct cfi_place){
			.rule = CFI_REGISTER_OFFSET, .reg = (uint8_t)reg, .offset = offset};
}

static void machine__remember(struct machine *machine)
{
	if (machine->nr_remembered == MAX_REMEMBERED)
		machine->cursor->bad = true;
	else
		machine->remembered[machine->nr_remembered++] = *machine->row;
}

static void machine__restore_all(struct machine *machine)
{
	if (!machine->nr_remembered)
		machine->cursor->bad = true;
	else
		*machine->row = machine->remembered[--machine->nr_remembered];
}

static void machine__restore(struct machine *machine, uint64_t reg)
{
	if (reg < CFI_REGS)
		machine->row->regs[reg] = machine->initial.regs[reg];
}

/* DW_CFA_*: of the first four the two high bits, with an operand in the low ones. */
enum {
	OP_ADVANCE = 0x40,
	OP_OFFSET = 0x80,
	OP_RESTORE = 0xc0,
	OP_HIGH = 0xc0,
	OP_NOP = 0x00,
	OP_SET_LOC = 0x01,
	OP_ADVANCE1 = 0x02,
	OP_ADVANCE2 = 0x03,
	OP_ADVANCE4 = 0x04,
	OP_OFFSET_EXTENDED = 0x05,
	OP_RESTORE_EXTENDED = 0x06,
	OP_UNDEFINED = 0x07,
	OP_SAME_VALUE = 0x08,
	OP_REGISTER = 0x09,
	OP_REMEMBER = 0x0a,
	OP_RESTORE_STATE = 0x0b,
	OP_DEF_CFA = 0x0c,
	OP_DEF_CFA_REGISTER = 0x0d,
	OP_DEF_CFA_OFFSET = 0x0e,
	OP_DEF_CFA_EXPRESSION = 0x0f,
	OP_EXPRESSION = 0x10,
	OP_OFFSET_EXTENDED_SF = 0x11,
	OP_DEF_CFA_SF = 0x12,
	OP_DEF_CFA_OFFSET_SF = 0x13,
	OP_VAL_OFFSET = 0x14,
	OP_VAL_OFFSET_SF = 0x15,
	OP_VAL_EXPRESSION = 0x16,
	OP_NEGATE_RA_STATE = 0x2d, /* arm64 */
	OP_GNU_ARGS_SIZE = 0x2e,
	OP_GNU_NEGATIVE_OFFSET = 0x2f,
};

/* What an instruction that says where a register is has after it; 0: it is none of those. */
enum operand {
	OPERAND_NOTHING = 1,
	OPERAND_SCALED, /* an offset, by the data factor */
	OPERAND_SCALED_SIGNED,
	OPERAND_SCALED_NEGATIVE,
	OPERAND_REGISTER,
	OPERAND_EXPRESSION,
};

struct place_op {
	enum operand operand;
	enum cfi_rule rule;
};

static const struct place_op place_ops[] = {
	[OP_OFFSET_EXTENDED] = {OPERAND_SCALED, CFI_AT_OFFSET},
	[OP_UNDEFINED] = {OPERAND_NOTHING, CFI_UNDEFINED},
	[OP_SAME_VALUE] = {OPERAND_NOTHING, CFI_SAME},
	[OP_REGISTER] = {OPERAND_REGISTER, CFI_REGISTER},
	[OP_EXPRESSION] = {OPERAND_EXPRESSION, CFI_AT_EXPRESSION},
	[OP_OFFSET_EXTENDED_SF] = {OPERAND_SCALED_SIGNED, CFI_AT_OFFSET},
	[OP_VAL_OFFSET] = {OPERAND_SCALED, CFI_OFFSET},
	[OP_VAL_OFFSET_SF] = {OPERAND_SCALED_SIGNED, CFI_OFFSET},
	[OP_VAL_EXPRESSION] = {OPERAND_EXPRESSION, CFI_EXPRESSION},
	[OP_GNU_NEGATIVE_OFFSET] = {OPERAND_SCALED_NEGATIVE, CFI_AT_OFFSET},
};

static struct cfi_place machine__read_place(struct machine *machine, const struct place_op *op)
{
	struct cursor *cursor = machine->cursor;
	int64_t factor = machine->terms->data_factor;
	uint64_t reg;

	switch (op->operand) {
	case OPERAND_SCALED:
		return at_offset(op->rule, scaled(cursor__uleb(cursor), factor));
	case OPERAND_SCALED_SIGNED:
		return at_offset(op->rule, scaled((uint64_t)cursor__sleb(cursor), factor));
	case OPERAND_SCALED_NEGATIVE:
		return at_offset(op->rule, scaled(0 - cursor__uleb(cursor), factor));
	case OPERAND_REGISTER:
		reg = cursor__uleb(cursor);
		return reg < CFI_REGS ? (struct cfi_place){.rule = op->rule, .reg = (uint8_t)reg}
				      : at_offset(CFI_UNDEFINED, 0);
	case OPERAND_EXPRESSION:
		return machine__expression(machine, op->rule);
	default:
		return at_offset(op->rule, 0);
	}
}

/* Where is a register? True if the instruction says that. */
static bool machine__take_place(struct machine *machine, uint8_t op)
{
	struct cfi_place nowhere, *place;

	if (op >= sizeof(place_ops) / sizeof(place_ops[0]) || !place_ops[op].operand)
		return false;
	place = machine__place(machine, cursor__uleb(machine->cursor), &nowhere);
	*place = machine__read_place(machine, &place_ops[op]);
	return true;
}

static bool machine__take_cfa(struct machine *machine, uint8_t op)
{
	struct cursor *cursor = machine->cursor;
	int64_t factor = machine->terms->data_factor;
	struct cfi_place *cfa = &machine->row->cfa;
	uint64_t reg;

	switch (op) {
	case OP_DEF_CFA:
		reg = cursor__uleb(cursor);
		machine__def_cfa(machine, reg, (int64_t)cursor__uleb(cursor));
		return true;
	case OP_DEF_CFA_SF:
		reg = cursor__uleb(cursor);
		machine__def_cfa(machine, reg, scaled((uint64_t)cursor__sleb(cursor), factor));
		return true;
	case OP_DEF_CFA_REGISTER:
		machine__def_cfa(machine, cursor__uleb(cursor), cfa->offset);
		return true;
	case OP_DEF_CFA_OFFSET:
		cfa->offset = (int64_t)cursor__uleb(cursor);
		return true;
	case OP_DEF_CFA_OFFSET_SF:
		cfa->offset = scaled((uint64_t)cursor__sleb(cursor), factor);
		return true;
	case OP_DEF_CFA_EXPRESSION:
		*cfa = machine__expression(machine, CFI_EXPRESSION);
		return true;
	default:
		return false;
	}
}

static void machine__take_other(struct machine *machine, uint8_t op)
{
	struct cursor *cursor = machine->cursor;

	switch (op) {
	case OP_NOP:
	case OP_NEGATE_RA_STATE:
		break;
	case OP_RESTORE_EXTENDED:
		machine__restore(machine, cursor__uleb(cursor));
		break;
	case OP_REMEMBER:
		machine__remember(machine);
		break;
	case OP_RESTORE_STATE:
		machine__restore_all(machine);
		break;
	case OP_GNU_ARGS_SIZE:
		cursor__uleb(cursor);
		break;
	default:
		cursor->bad = true;
	}
}

/* Goes to another location: true if the instruction does that. */
static bool machine__advance(struct machine *machine, uint8_t op)
{
	uint64_t factor = machine->terms->code_factor;

	if ((op & OP_HIGH) == OP_ADVANCE)
		machine->location += (op & ~OP_HIGH) * factor;
	else if (op == OP_SET_LOC)
		machine->location = pointer__read(machine->cursor, machine->terms->pointers, 0);
	else if (op >= OP_ADVANCE1 && op <= OP_ADVANCE4)
		machine->location +=
			cursor__unsigned(machine->cursor, 1U << (op - OP_ADVANCE1)) * factor;
	else
		return false;
	return true;
}

/* Until the row that an address is in is made. */
static bool machine__run(struct machine *machine, struct cursor *program, uint64_t address)
{
	struct cfi_place nowhere;

	machine->cursor = program;
	while (cursor__more(program)) {
		uint8_t op = (uint8_t)cursor__unsigned(program, 1);

		if (machine__advance(machine, op)) {
			if (machine->location > address)
				break;
		} else if ((op & OP_HIGH) == OP_OFFSET) {
			*machine__place(machine, op & ~OP_HIGH, &nowhere) =
				machine__read_place(machine, &place_ops[OP_OFFSET_EXTENDED]);
		} else if ((op & OP_HIGH) == OP_RESTORE) {
			machine__restore(machine, op & ~OP_HIGH);
		} else if (!machine__take_place(machine, op) && !machine__take_cfa(machine, op)) {
			machine__take_other(machine, op);
		}
	}
	return !program->bad;
}

bool cfi_row__make(struct cfi_row *row, const struct cfi_terms *terms, struct cursor common,
		   struct cursor own, uint64_t address)
{
	struct machine machine = {.terms = terms, .location = row->begin, .row = row};

	/* It is for all addresses. */
	if (!machine__run(&machine, &common, UINT64_MAX))
		return false;
	machine.initial = *row;
	machine.location = row->begin;
	return machine__run(&machine, &own, address);
}
