/* Functions of math.*, after cel-go's math extension; floor and its like take decimals too, and stay exact. */
#include <math.h>

#include "spec/cel/decimal.h"
#include "spec/cel/function.h"
#include "spec/cel/number.h"

static bool extremum(struct cel_run *run, const struct cel_value *list, int wanted, struct cel_value *out)
{
    if (!list->as.list.count)
        return cel_fail(run, "the list is empty");
    for (size_t i = 0; i < list->as.list.count; i++) {
        const struct cel_value *item = &list->as.list.items[i];

        if (!cel_charge(run, 1 + (item->kind == CEL_DECIMAL ? item->as.text.len / 64 : 0)))
            return false;
        if (!cel_is_number(item))
            return cel_fail(run, "%s is no number", cel_kind_name(item->kind));
        if (i == 0 || cel_number_compare(item, out) == wanted)
            *out = *item;
    }
    return true;
}

bool cel_math_greatest(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    (void)count;
    return extremum(run, &args[0], 1, out);
}

bool cel_math_least(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    (void)count;
    return extremum(run, &args[0], -1, out);
}

static bool read_decimal(struct cel_run *run, const struct cel_value *value, struct cel_decimal *out)
{
    if (!cel_charge_bytes(run, value->as.text.len))
        return false;
    return cel_decimal_read(value->as.text, out) ||
           cel_fail(run, "the decimal has more than %d digits", CEL_DECIMAL_DIGITS);
}

static struct cel_value make_decimal(struct cel_run *run, const struct cel_decimal *number)
{
    return (struct cel_value){.kind = CEL_DECIMAL, .as.text = cel_decimal_print(run->arena, number)};
}

bool cel_math_abs(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    struct cel_decimal number;

    (void)count;
    switch (args[0].kind) {
    case CEL_INT:
        if (args[0].as.integer == INT64_MIN)
            return cel_fail(run, "the absolute value overflows int");
        *out = cel_make_int(args[0].as.integer < 0 ? -args[0].as.integer : args[0].as.integer);
        return true;
    case CEL_DOUBLE:
        *out = cel_make_double(fabs(args[0].as.real));
        return true;
    default:
        if (!read_decimal(run, &args[0], &number))
            return false;
        number.negative = false;
        *out = make_decimal(run, &number);
        return true;
    }
}

bool cel_math_sign(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    struct cel_decimal number;

    (void)count;
    switch (args[0].kind) {
    case CEL_INT:
        *out = cel_make_int((args[0].as.integer > 0) - (args[0].as.integer < 0));
        return true;
    case CEL_UINT:
        *out = cel_make_uint(args[0].as.uinteger > 0);
        return true;
    case CEL_DOUBLE:
        *out = cel_make_double(
            isnan(args[0].as.real) ? args[0].as.real : (double)((args[0].as.real > 0) - (args[0].as.real < 0)));
        return true;
    default:
        if (!read_decimal(run, &args[0], &number))
            return false;
        number = cel_decimal_from_i64(number.count ? (number.negative ? -1 : 1) : 0);
        *out = make_decimal(run, &number);
        return true;
    }
}

enum rounding { ROUND_DOWN, ROUND_UP, ROUND_TO_ZERO, ROUND_NEAREST };

/* Whether the whole number towards zero is too near to it. value is not whole. */
static bool moves_away(const struct cel_decimal *value, enum rounding rounding)
{
    int64_t point = value->count + value->exponent; /* index of the first digit behind the point */

    switch (rounding) {
    case ROUND_DOWN:
        return value->negative;
    case ROUND_UP:
        return !value->negative;
    case ROUND_TO_ZERO:
        return false;
    case ROUND_NEAREST: /* halves away from zero */
        return point >= 0 && value->digits[point] >= 5;
    }
    return false;
}

static bool round_decimal(
    struct cel_run *run, const struct cel_value *value, enum rounding rounding, struct cel_value *out)
{
    struct cel_decimal number, whole, one;
    int64_t point;

    if (!read_decimal(run, value, &number))
        return false;
    if (number.exponent >= 0) {
        *out = *value;
        return true;
    }
    whole = number;
    point = number.count + number.exponent;
    whole.count = point > 0 ? (int)point : 0;
    whole.exponent = 0;
    one = cel_decimal_from_i64(number.negative ? -1 : 1);
    if (!cel_decimal_is_whole(&number) && moves_away(&number, rounding) &&
        cel_decimal_add(&whole, &one, &whole) != CEL_DECIMAL_OK)
        return cel_fail(run, "the result has more than %d digits", CEL_DECIMAL_DIGITS);
    whole.negative = whole.count && number.negative;
    *out = make_decimal(run, &whole);
    return true;
}

static bool round_number(struct cel_run *run, const struct cel_value *value, enum rounding rounding,
    double (*of_double)(double), struct cel_value *out)
{
    if (value->kind == CEL_DECIMAL)
        return round_decimal(run, value, rounding, out);
    *out = cel_make_double(of_double(value->as.real));
    return true;
}

bool cel_math_ceil(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    (void)count;
    return round_number(run, &args[0], ROUND_UP, ceil, out);
}

bool cel_math_floor(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    (void)count;
    return round_number(run, &args[0], ROUND_DOWN, floor, out);
}

bool cel_math_round(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    (void)count;
    return round_number(run, &args[0], ROUND_NEAREST, round, out);
}

bool cel_math_trunc(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    (void)count;
    return round_number(run, &args[0], ROUND_TO_ZERO, trunc, out);
}

bool cel_math_is_nan(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    (void)run;
    (void)count;
    *out = cel_make_bool(isnan(args[0].as.real));
    return true;
}

bool cel_math_is_inf(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    (void)run;
    (void)count;
    *out = cel_make_bool(isinf(args[0].as.real));
    return true;
}

bool cel_math_is_finite(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    (void)run;
    (void)count;
    *out = cel_make_bool(isfinite(args[0].as.real));
    return true;
}

/* The bits of an int or uint, and back to the kind they came from. */
static uint64_t bits_of(const struct cel_value *value)
{
    return value->kind == CEL_INT ? (uint64_t)value->as.integer : value->as.uinteger;
}

static bool give_bits(const struct cel_value *like, uint64_t bits, struct cel_value *out)
{
    *out = like->kind == CEL_INT ? cel_make_int((int64_t)bits) : cel_make_uint(bits);
    return true;
}

bool cel_math_bit_and(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    (void)run;
    (void)count;
    return give_bits(&args[0], bits_of(&args[0]) & bits_of(&args[1]), out);
}

bool cel_math_bit_or(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    (void)run;
    (void)count;
    return give_bits(&args[0], bits_of(&args[0]) | bits_of(&args[1]), out);
}

bool cel_math_bit_xor(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    (void)run;
    (void)count;
    return give_bits(&args[0], bits_of(&args[0]) ^ bits_of(&args[1]), out);
}

bool cel_math_bit_not(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    (void)run;
    (void)count;
    return give_bits(&args[0], ~bits_of(&args[0]), out);
}

static bool shift(struct cel_run *run, const struct cel_value *args, bool left, struct cel_value *out)
{
    int64_t places = args[1].as.integer;
    uint64_t bits = bits_of(&args[0]);

    if (places < 0)
        return cel_fail(run, "bits cannot be shifted by a negative number");
    return give_bits(&args[0], places > 63 ? 0 : left ? bits << places : bits >> places, out);
}

bool cel_math_bit_shift_left(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    (void)count;
    return shift(run, args, true, out);
}

bool cel_math_bit_shift_right(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    (void)count;
    return shift(run, args, false, out);
}
