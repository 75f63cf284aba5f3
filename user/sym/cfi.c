// SPDX-License-Identifier: GPL-2.0-or-later
#include "sym/cfi.h"

#include <elf.h>
#include <string.h>

#include "sym/cursor.h"

/* How pointers are encoded (LSB Core, 10.5.1): the low four bits the format, three the base. */
enum {
	POINTER_ABSOLUTE = 0x00,
	POINTER_ULEB = 0x01,
	POINTER_U2 = 0x02,
	POINTER_U4 = 0x03,
	POINTER_U8 = 0x04,
	POINTER_SLEB = 0x09,
	POINTER_S2 = 0x0a,
	POINTER_S4 = 0x0b,
	POINTER_S8 = 0x0c,
	POINTER_FORMAT = 0x0f,
	POINTER_OF_ITSELF = 0x10,
	POINTER_OF_DATA = 0x30,
	POINTER_BASE = 0x70,
	POINTER_OMITTED = 0xff,
};

/* Longer ones are not of functions that a compiler has made. */
#define RECORD_BYTES 16384
#define MAX_REMEMBERED 8

struct cie {
	uint64_t code_factor;
	int64_t data_factor;
	uint64_t return_reg;
	uint8_t pointers; /* their encoding in FDEs */
	bool is_signal;
	bool has_sizes; /* of augmentations */
	struct cursor program;
	uint8_t bytes[RECORD_BYTES / 16];
};

struct fde {
	uint64_t begin;
	uint64_t size;
	struct cursor program;
	uint8_t bytes[RECORD_BYTES];
};

static bool read_at(const struct cfi_file *file, uint64_t address, void *data, size_t size)
{
	for (unsigned int i = 0; i < file->nr_loads; i++) {
		const struct elf_segment *load = &file->loads[i];
		uint64_t at = address - load->address;

		if (at < load->size && size <= load->size - at)
			return elf_file__read(&file->elf, data, size, load->offset + at);
	}
	return false;
}

bool cfi_file__address(const struct cfi_file *file, uint64_t file_offset, uint64_t *ret)
{
	for (unsigned int i = 0; i < file->nr_loads; i++) {
		const struct elf_segment *load = &file->loads[i];

		if (file_offset - load->offset < load->size) {
			*ret = file_offset - load->offset + load->address;
			return true;
		}
	}
	return false;
}

static uint64_t read_pointer(struct cursor *cursor, uint8_t encoding, uint64_t data)
{
	uint64_t base = 0, value;

	switch (encoding & POINTER_BASE) {
	case POINTER_ABSOLUTE:
		break;
	case POINTER_OF_ITSELF:
		base = cursor->address;
		break;
	case POINTER_OF_DATA:
		base = data;
		break;
	default:
		cursor->bad = true;
	}
	switch (encoding & POINTER_FORMAT) {
	case POINTER_ABSOLUTE:
	case POINTER_U8:
	case POINTER_S8:
		value = cursor__unsigned(cursor, 8);
		break;
	case POINTER_U4:
		value = cursor__unsigned(cursor, 4);
		break;
	case POINTER_S4:
		value = (uint64_t)cursor__signed(cursor, 4);
		break;
	case POINTER_U2:
		value = cursor__unsigned(cursor, 2);
		break;
	case POINTER_S2:
		value = (uint64_t)cursor__signed(cursor, 2);
		break;
	case POINTER_ULEB:
		value = cursor__uleb(cursor);
		break;
	case POINTER_SLEB:
		value = (uint64_t)cursor__sleb(cursor);
		break;
	default:
		cursor->bad = true;
		value = 0;
	}
	return base + value;
}

/* What every linker writes: pairs of signed 32 bits, relative to the index. */
#define TABLE_ENCODING (POINTER_OF_DATA | POINTER_S4)

struct table_entry {
	int32_t begin;
	int32_t fde;
};

static bool index__init(struct cfi_file *file)
{
	uint8_t bytes[32] = {};
	struct cursor cursor = {bytes, bytes + sizeof(bytes), file->index, false};

	/* Its first bytes: what follows them are entries of the same 8 bytes. */
	if (!read_at(file, file->index, bytes, 12) || bytes[0] != 1 || bytes[3] != TABLE_ENCODING)
		return false;
	read_at(file, file->index, bytes, sizeof(bytes));
	cursor__skip(&cursor, 4);
	read_pointer(&cursor, bytes[1], file->index);
	file->nr_entries = read_pointer(&cursor, bytes[2], file->index);
	file->table = cursor.address;
	return !cursor.bad && file->nr_entries < 1ULL << 32;
}

bool cfi_file__init(struct cfi_file *file, int fd)
{
	struct elf_segment segment;
	bool has_index = false;

	*file = (struct cfi_file){};
	if (!elf_file__init(&file->elf, fd) || !file->elf.is_64)
		return false;
	for (unsigned int i = 0; elf_file__segment(&file->elf, i, &segment); i++) {
		if (segment.type == PT_LOAD && file->nr_loads < CFI_MAX_LOADS)
			file->loads[file->nr_loads++] = segment;
		if (segment.type == PT_GNU_EH_FRAME) {
			file->index = segment.address;
			has_index = true;
		}
	}
	return has_index && index__init(file);
}

/* The address of the last record that begins at or below an address. */
static bool index__find(const struct cfi_file *file, uint64_t address, uint64_t *ret)
{
	uint64_t low = 0, high = file->nr_entries;
	struct table_entry entry;
	bool found = false;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (!read_at(file, file->table + middle * sizeof(entry), &entry, sizeof(entry)))
			return false;
		if (file->index + (int64_t)entry.begin > address) {
			high = middle;
			continue;
		}
		low = middle + 1;
		*ret = file->index + (int64_t)entry.fde;
		found = true;
	}
	return found;
}

/* A record's content after its length; id: its first word. */
static bool read_record(const struct cfi_file *file, uint64_t address, uint8_t *bytes, size_t room,
			struct cursor *cursor, uint32_t *id)
{
	uint32_t head[2];

	if (!read_at(file, address, head, sizeof(head)) || head[0] < sizeof(*id) ||
	    head[0] > room || !read_at(file, address + sizeof(*head), bytes, head[0]))
		return false;
	*cursor = (struct cursor){bytes, bytes + head[0], address + sizeof(*head), false};
	*id = (uint32_t)cursor__unsigned(cursor, sizeof(*id));
	return true;
}

/* What the letters after "z" announce, in their order. */
static void cie__read_augmentation(struct cie *cie, struct cursor *cursor, const char *letters)
{
	uint8_t encoding;

	for (; *letters && !cursor->bad; letters++)
		switch (*letters) {
		case 'R':
			cie->pointers = (uint8_t)cursor__unsigned(cursor, 1);
			break;
		case 'P':
			encoding = (uint8_t)cursor__unsigned(cursor, 1);
			if (encoding != POINTER_OMITTED)
				read_pointer(cursor, encoding & ~0x80, 0);
			break;
		case 'L':
			cursor__skip(cursor, 1);
			break;
		case 'S':
			cie->is_signal = true;
			break;
		case 'B': /* arm64: return addresses are signed with the other key */
			break;
		default:
			cursor->bad = true;
		}
}

static bool cie__read(const struct cfi_file *file, uint64_t address, struct cie *cie)
{
	struct cursor cursor, augmentation;
	uint64_t version, size = 0;
	const char *letters;
	uint32_t id;

	*cie = (struct cie){.pointers = POINTER_ABSOLUTE};
	if (!read_record(file, address, cie->bytes, sizeof(cie->bytes), &cursor, &id) || id)
		return false;
	version = cursor__unsigned(&cursor, 1);
	letters = (const char *)cursor.at;
	if ((version != 1 && version != 3) || !memchr(letters, 0, cursor.end - cursor.at))
		return false;
	cursor__skip(&cursor, strlen(letters) + 1);
	cie->code_factor = cursor__uleb(&cursor);
	cie->data_factor = cursor__sleb(&cursor);
	cie->return_reg = version == 1 ? cursor__unsigned(&cursor, 1) : cursor__uleb(&cursor);
	cie->has_sizes = *letters == 'z';
	if (cie->has_sizes)
		size = cursor__uleb(&cursor);
	else if (*letters)
		return false;
	augmentation = cursor;
	cursor__skip(&cursor, size);
	if (cie->has_sizes)
		cie__read_augmentation(cie, &augmentation, letters + 1);
	cie->program = cursor;
	return !cursor.bad && !augmentation.bad && cie->return_reg < CFI_REGS;
}

static bool fde__read(const struct cfi_file *file, uint64_t address, struct fde *fde,
		      struct cie *cie)
{
	struct cursor cursor;
	uint32_t back;

	/* Its first word is the way back to its CIE, from that word on. */
	if (!read_record(file, address, fde->bytes, sizeof(fde->bytes), &cursor, &back) || !back ||
	    !cie__read(file, address + sizeof(back) - back, cie))
		return false;
	fde->begin = read_pointer(&cursor, cie->pointers, 0);
	fde->size = read_pointer(&cursor, cie->pointers & POINTER_FORMAT, 0);
	if (cie->has_sizes)
		cursor__skip(&cursor, cursor__uleb(&cursor));
	fde->program = cursor;
	return !cursor.bad;
}

/* The machine that the programs are for. */
struct machine {
	const struct cie *cie;
	struct cursor *cursor;
	uint64_t location;
	struct cfi_row *row;
	struct cfi_row initial; /* after the CIE's program */
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
	int64_t factor = machine->cie->data_factor;
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
	int64_t factor = machine->cie->data_factor;
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
	uint64_t factor = machine->cie->code_factor;

	if ((op & OP_HIGH) == OP_ADVANCE)
		machine->location += (op & ~OP_HIGH) * factor;
	else if (op == OP_SET_LOC)
		machine->location = read_pointer(machine->cursor, machine->cie->pointers, 0);
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

bool cfi_file__find(const struct cfi_file *file, uint64_t address, struct cfi_row *row)
{
	struct machine machine = {.row = row};
	struct cie cie;
	struct fde fde;
	uint64_t at;

	if (!index__find(file, address, &at) || !fde__read(file, at, &fde, &cie) ||
	    address - fde.begin >= fde.size)
		return false;
	*row = (struct cfi_row){.begin = fde.begin,
				.return_reg = (uint8_t)cie.return_reg,
				.is_signal = cie.is_signal};
	machine.cie = &cie;
	machine.location = fde.begin;
	/* A CIE's program is for all addresses. */
	if (!machine__run(&machine, &cie.program, UINT64_MAX))
		return false;
	machine.initial = *row;
	machine.location = fde.begin;
	return machine__run(&machine, &fde.program, address) && row->cfa.rule != CFI_SAME;
}
