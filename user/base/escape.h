/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Strings of strangers (process names, paths) made safe for a medium, and measured for a terminal.
 */
#ifndef MEMTRACE_ESCAPE_H
#define MEMTRACE_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The character at s, as UTF-8 (RFC 3629: no overlong forms, no surrogates, up to U+10FFFF).
 * Returns its bytes, 1 to 4, and the code point; 0: not valid there. s is NUL-terminated.
 */
size_t utf8__decode(const char *s, uint32_t *code_point);

/* Controls, and the characters that reorder or hide what is around them. */
bool utf8__is_unsafe(uint32_t code_point);

/*
 * For a terminal, in memory that the caller frees; NULL: out of memory. A byte becomes \xNN if it
 * belongs to a control character (C0, DEL, C1), to one that changes the direction of the text or
 * is invisible, or to no valid UTF-8; a backslash is doubled, so that nothing is ambiguous.
 * utf8 false: every byte that is not ASCII.
 */
char *escape__terminal(const char *s, bool utf8);

/* Valid UTF-8, U+FFFD for each byte that is not; the caller frees it; NULL: out of memory. */
char *escape__utf8(const char *s);

/* Of a string that escape__terminal() made: the columns it takes. */
unsigned int escape__width(const char *escaped);

/* Of such a string: the bytes of what must stay together at s (a character, or \xNN). */
size_t escape__unit(const char *s, unsigned int *columns);

/*
 * Of such a string: cut so that it takes at most this many columns. Of a path, alone or with words
 * around it, the first directories go; what is too long still is cut in its middle. The tail keeps
 * more than the head: names differ at the end. The caller frees it; NULL: out of memory.
 */
char *escape__fit(const char *escaped, unsigned int columns, bool utf8);

#endif
