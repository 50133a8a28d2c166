/* Base 64 (RFC 4648, section 4), strict: padded, no white space, no stray bits, one text for each byte string. */
#ifndef SPEC_EVENT_BASE64_H
#define SPEC_EVENT_BASE64_H

#include <stdbool.h>

#include "spec/base/error.h"
#include "spec/base/str.h"

struct arena;

struct str base64_encode(struct arena *arena, struct str bytes);
bool base64_decode(struct arena *arena, struct str text, struct str *out) MUST_CHECK;

#endif
