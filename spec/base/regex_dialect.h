/*
 * What regex.c has to know of a pattern before PCRE2 gets it: whether PCRE2 would read it as the pattern's own dialect
 * does (what it reads otherwise is refused, never reinterpreted), and what the price of a search depends on.
 */
#ifndef SPEC_BASE_REGEX_DIALECT_H
#define SPEC_BASE_REGEX_DIALECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec/base/error.h"
#include "spec/base/regex.h"

struct regex_traits {
    bool references;      /* to groups */
    bool ignores_case;    /* somewhere */
    uint32_t repeat_min;  /* the largest n of x{n}, x{n,} and x{n,m} */
    uint32_t repeat_room; /* the sum of m - n for groups: PCRE2 makes as many groups inside one another */
    uint64_t class_items; /* at most, beyond ASCII, in the class that has most: PCRE2 tries one after the other */
};

/*
 * pattern is UTF-8, of len bytes; \v, which is one character in both dialects, is rewritten in place so that it is one
 * in PCRE2 too. False with *error filled.
 */
bool regex_dialect_check(char *pattern, size_t len, enum regex_flavour flavour, struct regex_traits *traits,
    struct regex_error *error) MUST_CHECK;

#endif
