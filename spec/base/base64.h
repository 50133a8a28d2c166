/* Base 64 (RFC 4648, section 4). */
#ifndef SPEC_BASE_BASE64_H
#define SPEC_BASE_BASE64_H

#include <stdbool.h>

#include "spec/base/error.h"
#include "spec/base/str.h"

struct arena;

/* Strict: padded, no stray bits, one text for each byte string. Tolerant: padding may be missing, stray bits do not
 * count. Neither takes white space. */
enum base64_form { BASE64_STRICT, BASE64_TOLERANT };

struct str base64_encode(struct arena *arena, struct str bytes);
bool base64_decode(struct arena *arena, struct str text, enum base64_form form, struct str *out) MUST_CHECK;

#endif
