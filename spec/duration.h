/* Durations as people write them: a whole number and its unit, ms, s, m, h or d. */
#ifndef SPEC_DURATION_H
#define SPEC_DURATION_H

#include <stdbool.h>
#include <stdint.h>

#include "spec/base/str.h"

bool duration_parse(struct str text, int64_t *ms); /* false: malformed, or more than INT64_MAX */
/* The largest unit that divides it: 90000 is "90s", 120000 is "2m". */
void duration_print(struct strbuf *out, int64_t ms);
/* To about two digits, for estimates: "450 ms", "9.5 s", "13 s", "3 min", "2.1 h". */
void duration_print_rough(struct strbuf *out, int64_t ms);

#endif
