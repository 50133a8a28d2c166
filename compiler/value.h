/* Forms of scalar values: durations, dates, ids. */
#ifndef COMPILER_VALUE_H
#define COMPILER_VALUE_H

#include <stdbool.h>

#include "spec/base/str.h"

enum { VALUE_ID_MAX_BYTES = 200, VALUE_NAME_MAX_BYTES = 255 };

/* "500ms", "30s", "5m", "1h", "7d": a whole number and its unit, at most 3,650 days. */
bool value_to_ms(struct str text, int64_t *out_ms);
/* "2025-12-31", a day that there is. */
bool value_is_date(struct str text);
/* A migration's id: letters, digits, '-', '_' and '.', the first a letter or digit. */
bool value_is_id(struct str text);
/* Not empty, one line, no blanks around it. */
bool value_is_name(struct str text);

#endif
