/*
 * Characters of strings. Strings are UTF-8; should one hold something else all the same, each invalid byte counts as
 * one character, CEL_UTF8_REPLACEMENT.
 */
#ifndef SPEC_CEL_UTF8_H
#define SPEC_CEL_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec/base/str.h"

enum { CEL_UTF8_REPLACEMENT = 0xFFFD, CEL_UTF8_MAX = 0x10FFFF };

/* Reads the character at *position, which must be below text.len, and moves *position behind it. */
uint32_t cel_utf8_next(struct str text, size_t *position);
/* False for surrogates and codes above U+10FFFF; nothing is appended then. */
bool cel_utf8_append(struct strbuf *out, uint32_t code);
/* Byte offset of the character at index, or SIZE_MAX when the text is shorter; text.len is the offset of its end. */
size_t cel_utf8_offset(struct str text, int64_t index);
/* Unicode's White_Space. */
bool cel_utf8_is_space(uint32_t code);
int cel_hex_digit(char c); /* -1 when it is none */

#endif
