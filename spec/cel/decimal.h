/*
 * Exact decimal arithmetic on numbers of up to 38 significant digits. Nothing is ever rounded: an operation whose exact
 * result has more digits fails. As in SQL, 1.50 + 1 is 2.50: results keep the places of their operands, as far as they
 * fit.
 */
#ifndef SPEC_CEL_DECIMAL_H
#define SPEC_CEL_DECIMAL_H

#include <stdbool.h>
#include <stdint.h>

#include "spec/base/str.h"

struct arena;

enum { CEL_DECIMAL_DIGITS = 38, CEL_DECIMAL_EXPONENT_MAX = 1000000 };

/* digits × 10^exponent. Zero has count 0. Otherwise digits[0] is not 0; values of digits are 0 to 9. */
struct cel_decimal {
    bool negative;
    int count;
    int64_t exponent; /* of the last digit */
    uint8_t digits[CEL_DECIMAL_DIGITS];
};

enum cel_decimal_status {
    CEL_DECIMAL_OK,
    CEL_DECIMAL_TOO_LONG, /* more than 38 digits, or an exponent beyond ±1,000,000 */
    CEL_DECIMAL_ZERO_DIVISOR,
    CEL_DECIMAL_FRACTION, /* the remainder of numbers that are not whole */
};

/* Grammar of JSON numbers. False for other texts and for numbers outside the limits above. */
bool cel_decimal_read(struct str text, struct cel_decimal *out);
/* The exact value of a finite double; false when it needs more than 38 digits (as 0.1 does). */
bool cel_decimal_from_double(double real, struct cel_decimal *out);
struct cel_decimal cel_decimal_from_i64(int64_t value);
struct cel_decimal cel_decimal_from_u64(uint64_t value);
/* In the arena: plain up to 38 places, else like 1.5e40. */
struct str cel_decimal_print(struct arena *arena, const struct cel_decimal *value);

enum cel_decimal_status cel_decimal_add(
    const struct cel_decimal *a, const struct cel_decimal *b, struct cel_decimal *out);
enum cel_decimal_status cel_decimal_multiply(
    const struct cel_decimal *a, const struct cel_decimal *b, struct cel_decimal *out);
/* The exact quotient. */
enum cel_decimal_status cel_decimal_divide(
    const struct cel_decimal *a, const struct cel_decimal *b, struct cel_decimal *out);
/* Of whole numbers, with the sign of a. */
enum cel_decimal_status cel_decimal_remainder(
    const struct cel_decimal *a, const struct cel_decimal *b, struct cel_decimal *out);

bool cel_decimal_is_whole(const struct cel_decimal *value);
/* Towards zero; false when it does not fit. */
bool cel_decimal_to_i64(const struct cel_decimal *value, int64_t *out);
bool cel_decimal_to_u64(const struct cel_decimal *value, uint64_t *out);

/*
 * Compares two decimal texts of any length by value. False when one of them is no number; *order is -1, 0 or 1.
 */
bool cel_decimal_compare(struct str a, struct str b, int *order);
/* Compares with the exact value of a double, which must not be a NaN. */
bool cel_decimal_compare_double(struct str a, double b, int *order);

#endif
