/*
 * Patterns of JSON Schema: ECMA-262 in spirit, PCRE2 in fact (spec/base/regex.h). Here the one difference that people
 * meet is translated: \p{Letter} and \p{General_Category=Letter} as well as \p{L}.
 */
#ifndef SPEC_EVENT_PATTERN_H
#define SPEC_EVENT_PATTERN_H

#include "spec/base/regex.h"
#include "spec/base/str.h"

/* NULL on failure. An offset in error is into the translated pattern. */
struct regex *pattern_compile(struct arena *arena, struct str text, struct regex_error *error);

#endif
