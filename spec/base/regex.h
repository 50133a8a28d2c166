/*
 * Regular expressions of users, by PCRE2, in UTF-8 mode. A pattern is read in its own dialect: what PCRE2 would read in
 * another way is refused. A search takes work from a budget, and ends when that is used up: neither a pattern nor a
 * subject can make it hang. Unanchored, as JSON Schema's `pattern` and CEL's matches() want it.
 *
 *     struct regex *regex = regex_compile(&arena, pattern, REGEX_FLAVOUR_RE2, &error);
 *     uint64_t work = REGEX_WORK_MAX;
 *     if (regex && regex_search(regex, subject, &work) == REGEX_MATCH) ...
 */
#ifndef SPEC_BASE_REGEX_H
#define SPEC_BASE_REGEX_H

#include <stddef.h>
#include <stdint.h>

#include "spec/base/str.h"

struct arena;
struct regex;

enum {
    REGEX_PATTERN_MAX_BYTES = 16 * 1024,
    REGEX_WORK_MAX = 1000000, /* for one search where the caller has no budget of its own: some 0.2 s */
};

enum regex_flavour {
    REGEX_FLAVOUR_ECMA, /* JSON Schema: ECMA-262; \d and \w are ASCII; and (?i), (?m), (?s) */
    REGEX_FLAVOUR_RE2,  /* CEL: neither looks around nor references to groups; {n} up to 1000 */
};

/*
 * REGEX_LIMIT: more work is needed than was left (*work is 0 then), or more memory than a search may take: it can go
 * back to 250,000 places at most.
 */
enum regex_result { REGEX_MATCH, REGEX_NO_MATCH, REGEX_LIMIT };

struct regex_error {
    size_t offset; /* bytes into the pattern */
    char message[160];
    char help[128]; /* or "" */
};

/* NULL with *error filled when the pattern is wrong, has what the flavour has not, or is too large (64 KB compiled). */
struct regex *regex_compile(
    struct arena *arena, struct str pattern, enum regex_flavour flavour, struct regex_error *error);
/* What compiling a pattern of that length may cost, in the same units. */
uint64_t regex_compile_work(struct str pattern);
/*
 * Takes what it did from *work: a unit is 64 characters run over, or 3 items of the pattern tried. The result depends
 * on pattern, subject and *work alone. Bytes that are not UTF-8 match nothing.
 */
enum regex_result regex_search(const struct regex *regex, struct str subject, uint64_t *work);

#endif
