// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/escape.h"

#include <stdlib.h>
#include <string.h>

struct range {
	uint32_t first;
	uint32_t last;
};

/* They ascend: for the most frequent characters the first one ends the search. */
static bool in_ranges(uint32_t c, const struct range *ranges, size_t nr)
{
	for (size_t i = 0; i < nr && c >= ranges[i].first; i++) {
		if (c <= ranges[i].last)
			return true;
	}
	return false;
}

#define IN(c, ranges) in_ranges(c, ranges, sizeof(ranges) / sizeof((ranges)[0]))

size_t utf8__decode(const char *s, uint32_t *code_point)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *u = (const unsigned char *)s;
	uint32_t c = u[0];
	size_t len;

	if (c < 0x80) {
		*code_point = c;
		return 1;
	}
	if (c >= 0xc2 && c <= 0xdf)
		len = 2;
	else if (c >= 0xe0 && c <= 0xef)
		len = 3;
	else if (c >= 0xf0 && c <= 0xf4)
		len = 4;
	else
		return 0;
	c &= 0x7fU >> len;
	for (size_t i = 1; i < len; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return 0; /* a NUL stops here, too */
		c = c << 6 | (u[i] & 0x3f);
	}
	if (c < least[len] || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
		return 0;
	*code_point = c;
	return len;
}

/* Cf, Zl and Zp of Unicode, and the fillers and variation selectors. */
bool utf8__is_unsafe(uint32_t c)
{
	static const struct range unsafe[] = {
		{0x00, 0x1f},	    {0x7f, 0x9f},	{0xad, 0xad},	  {0x34f, 0x34f},
		{0x600, 0x605},	    {0x61c, 0x61c},	{0x6dd, 0x6dd},	  {0x70f, 0x70f},
		{0x115f, 0x1160},   {0x17b4, 0x17b5},	{0x180b, 0x180f}, {0x200b, 0x200f},
		{0x2028, 0x202e},   {0x2060, 0x206f},	{0x3164, 0x3164}, {0xfe00, 0xfe0f},
		{0xfeff, 0xfeff},   {0xffa0, 0xffa0},	{0xfff0, 0xfffb}, {0xfffe, 0xffff},
		{0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
	};

	/* Most are: names are ASCII nearly always. */
	return (c < 0x20 || c > 0x7e) && IN(c, unsafe);
}

/* Unicode's East Asian Width W and F, by block where a block is (nearly) all wide. */
static bool is_wide(uint32_t c)
{
	static const struct range wide[] = {
		{0x1100, 0x115f},   {0x231a, 0x231b},	{0x2329, 0x232a},   {0x23e9, 0x23ec},
		{0x25fd, 0x25fe},   {0x2614, 0x2615},	{0x2648, 0x2653},   {0x26a1, 0x26a1},
		{0x26bd, 0x26be},   {0x2705, 0x2705},	{0x270a, 0x270b},   {0x2728, 0x2728},
		{0x274c, 0x274c},   {0x2753, 0x2755},	{0x2b1b, 0x2b1c},   {0x2b50, 0x2b50},
		{0x2e80, 0x303e},   {0x3041, 0x4dbf},	{0x4e00, 0xa4cf},   {0xa960, 0xa97c},
		{0xac00, 0xd7a3},   {0xf900, 0xfaff},	{0xfe10, 0xfe19},   {0xfe30, 0xfe6f},
		{0xff01, 0xff60},   {0xffe0, 0xffe6},	{0x16fe0, 0x18aff}, {0x1b000, 0x1b2ff},
		{0x1f18e, 0x1f18e}, {0x1f191, 0x1f19a}, {0x1f200, 0x1f320}, {0x1f32d, 0x1f64f},
		{0x1f680, 0x1f6ff}, {0x1f7e0, 0x1f7eb}, {0x1f90c, 0x1f9ff}, {0x1fa70, 0x1faff},
		{0x20000, 0x3fffd},
	};

	return IN(c, wide);
}

/* Marks that are drawn over the character before them. */
static bool is_combining(uint32_t c)
{
	static const struct range combining[] = {
		{0x300, 0x36f},	  {0x483, 0x489},   {0x591, 0x5bd},   {0x5bf, 0x5bf},
		{0x5c1, 0x5c2},	  {0x5c4, 0x5c5},   {0x610, 0x61a},   {0x64b, 0x65f},
		{0x670, 0x670},	  {0x6d6, 0x6dc},   {0x6df, 0x6e4},   {0x900, 0x902},
		{0x93a, 0x93a},	  {0x93c, 0x93c},   {0x941, 0x948},   {0x94d, 0x94d},
		{0xe31, 0xe31},	  {0xe34, 0xe3a},   {0xe47, 0xe4e},   {0x1ab0, 0x1aff},
		{0x1dc0, 0x1dff}, {0x20d0, 0x20f0}, {0x302a, 0x302d}, {0x3099, 0x309a},
		{0xfe20, 0xfe2f},
	};

	return IN(c, combining);
}

char *escape__terminal(const char *s, bool utf8)
{
	static const char hex[] = "0123456789abcdef";
	char *ret, *out;
	uint32_t c;
	size_t len;

	ret = out = malloc(strlen(s) * 4 + 1);
	if (!ret)
		return NULL;
	for (; *s; s += len) {
		len = utf8__decode(s, &c);
		if (*s == '\\') {
			*out++ = '\\';
			*out++ = '\\';
		} else if (len && !utf8__is_unsafe(c) && (utf8 || c < 0x80)) {
			memcpy(out, s, len);
			out += len;
		} else {
			len = len ? len : 1;
			for (size_t i = 0; i < len; i++) {
				*out++ = '\\';
				*out++ = 'x';
				*out++ = hex[(unsigned char)s[i] >> 4];
				*out++ = hex[(unsigned char)s[i] & 0xf];
			}
		}
	}
	*out = '\0';
	return ret;
}

char *escape__utf8(const char *s)
{
	char *ret, *out;
	uint32_t c;
	size_t len;

	ret = out = malloc(strlen(s) * 3 + 1);
	if (!ret)
		return NULL;
	while (*s) {
		len = utf8__decode(s, &c);
		if (len) {
			memcpy(out, s, len);
			out += len;
			s += len;
		} else {
			memcpy(out, "\xef\xbf\xbd", 3);
			out += 3;
			s++;
		}
	}
	*out = '\0';
	return ret;
}

size_t escape__unit(const char *s, unsigned int *columns)
{
	uint32_t c;
	size_t len;

	*columns = 1;
	if (!*s)
		return 0;
	if (s[0] == '\\' && s[1] == 'x' && s[2] && s[3]) {
		*columns = 4;
		return 4;
	}
	if (s[0] == '\\' && s[1] == '\\') {
		*columns = 2;
		return 2;
	}
	len = utf8__decode(s, &c);
	if (!len)
		return 1;
	if (is_combining(c))
		*columns = 0;
	else if (is_wide(c))
		*columns = 2;
	return len;
}

unsigned int escape__width(const char *escaped)
{
	unsigned int width = 0, columns;
	size_t len;

	for (; *escaped; escaped += len) {
		len = escape__unit(escaped, &columns);
		width += columns;
	}
	return width;
}

/* How much of s fits into this many columns, in bytes. */
static size_t head_bytes(const char *s, unsigned int columns)
{
	unsigned int used = 0, c;
	size_t at = 0, len;

	while ((len = escape__unit(s + at, &c))) {
		if (used + c > columns)
			break;
		used += c;
		at += len;
	}
	return at;
}

/* head, whose first bytes are meant, and the rest. */
static char *join(const char *head, size_t bytes, const char *mark, const char *tail)
{
	char *ret = malloc(bytes + strlen(mark) + strlen(tail) + 1);

	if (!ret)
		return NULL;
	memcpy(ret, head, bytes);
	strcpy(ret + bytes, mark);
	strcat(ret, tail);
	return ret;
}

/* Where the path in "PATH+0x10" or "symbol (PATH)" begins; NULL: there is none. */
static const char *path__start(const char *s)
{
	const char *at = s;

	while ((at = strchr(at, '/')) && at > s && at[-1] != ' ' && at[-1] != '(')
		at++;
	return at;
}

/* The path's end, from that slash on with which it fits into these columns; else its last one. */
static const char *path__tail(const char *path, unsigned int columns)
{
	unsigned int left = escape__width(path), c;
	const char *base = strrchr(path, '/');

	while (path < base && (*path != '/' || left > columns)) {
		path += escape__unit(path, &c);
		left -= c;
	}
	return path;
}

static char *cut_middle(const char *escaped, unsigned int columns, const char *mark,
			unsigned int mark_columns)
{
	unsigned int width = escape__width(escaped), c;
	const char *tail = escaped;
	size_t head, len;

	if (width <= columns)
		return strdup(escaped);
	if (columns <= mark_columns) {
		mark = "";
		mark_columns = 0;
	}
	columns -= mark_columns;
	head = head_bytes(escaped, columns * 2 / 5);
	for (unsigned int left = width; left > columns - columns * 2 / 5; tail += len) {
		len = escape__unit(tail, &c);
		left -= c;
	}
	/* A mark on its own would be drawn over the cut. */
	while ((len = escape__unit(tail, &c)) && !c)
		tail += len;
	return join(escaped, head, mark, tail);
}

char *escape__fit(const char *escaped, unsigned int columns, bool utf8)
{
	const char *mark = utf8 ? "\u2026" : "..", *path = path__start(escaped), *tail;
	unsigned int mark_columns = utf8 ? 1 : 2, width = escape__width(escaped), kept;
	char *shorter, *fit;

	if (width <= columns || !path)
		return cut_middle(escaped, columns, mark, mark_columns);
	/* What is before the path, and the mark. */
	kept = width - escape__width(path) + mark_columns;
	tail = path__tail(path, columns > kept ? columns - kept : 0);
	if (tail == path)
		return cut_middle(escaped, columns, mark, mark_columns);
	if (kept + escape__width(tail) <= columns)
		return join(escaped, (size_t)(path - escaped), mark, tail);
	shorter = join(escaped, (size_t)(path - escaped), "", tail + 1);
	fit = shorter ? cut_middle(shorter, columns, mark, mark_columns) : NULL;
	free(shorter);
	return fit;
}
