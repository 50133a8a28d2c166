/*
 * Decimal numbers as text, compared exactly: nothing is rounded, and an exponent of a million costs no memory. The
 * digits are a view into the text that was parsed, so the text must outlive the decimal.
 */
#ifndef SPEC_BASE_DECIMAL_H
#define SPEC_BASE_DECIMAL_H

#include <stdbool.h>
#include <stdint.h>

#include "spec/base/str.h"

struct arena;

enum {
    DECIMAL_DIVISOR_DIGITS_MAX = 100, /* significant digits of a divisor in decimal_is_multiple() */
    DECIMAL_STORED_DIGITS_MAX = 38,   /* of a storable number */
};

/* value = digits * 10^exponent. Zero has no digits; else neither the first nor the last digit is '0'. */
struct decimal {
    bool negative;
    struct str digits; /* from the first to the last significant digit; may hold one '.' that does not count */
    size_t digit_count;
    int64_t exponent; /* clamped to ±DECIMAL_EXPONENT_MAX: beyond it numbers are told apart by their digits alone */
};

/*
 * Reads an optional sign, digits with an optional '.', and an optional exponent ("-1.50", ".5", "+2.", "1E-3"): JSON's
 * numbers, and the looser forms that stores take. False for any other text.
 */
bool decimal_parse(struct str text, struct decimal *out);
int decimal_compare(const struct decimal *a, const struct decimal *b); /* <0, 0, >0 */
bool decimal_is_integer(const struct decimal *value);
/* The value, or SIZE_MAX when it is larger; false when negative or not an integer. */
bool decimal_to_size(const struct decimal *value, size_t *out);
/* divisor > 0 with at most DECIMAL_DIVISOR_DIGITS_MAX significant digits; value of any length. */
bool decimal_is_multiple(const struct decimal *value, const struct decimal *divisor);
/* Within the limits of storable numbers: DECIMAL_STORED_DIGITS_MAX digits, magnitude 0 or 1E-130 to 9.99…E+125. */
bool decimal_is_storable(const struct decimal *value);
/* A JSON number of the same value, without needless digits; exponents only where plain digits would be longer than 40.
 */
struct str decimal_print(struct arena *arena, const struct decimal *value);

#endif
