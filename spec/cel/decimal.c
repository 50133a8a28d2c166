#include "spec/cel/decimal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/decimal.h"

/* Room for a product, or for two operands brought to the same exponent. */
enum { WIDE_DIGITS = 2 * CEL_DECIMAL_DIGITS + 2 };

/* A number as its text has it: where its digits are. digits may hold one point, which does not count. */
struct decimal_text {
    bool negative;
    struct str digits;     /* from the first digit that is not 0 on; empty for zero */
    int64_t leading_power; /* of ten, of the first digit */
};

struct digit_cursor {
    struct str left;
};

static int next_digit(struct digit_cursor *cursor)
{
    char c;

    if (cursor->left.len && *cursor->left.data == '.') {
        cursor->left.data++;
        cursor->left.len--;
    }
    if (!cursor->left.len)
        return -1;
    c = *cursor->left.data++;
    cursor->left.len--;
    return c - '0';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t count_digits(struct str text, size_t from)
{
    size_t at = from;

    while (at < text.len && is_digit(text.data[at]))
        at++;
    return at - from;
}

/* Reads the exponent at `at` ("e-12", or nothing). */
static bool read_exponent(struct str text, size_t at, int64_t *exponent)
{
    bool negative;

    *exponent = 0;
    if (at == text.len)
        return true;
    if (text.data[at] != 'e' && text.data[at] != 'E')
        return false;
    at++;
    negative = at < text.len && text.data[at] == '-';
    if (at < text.len && (text.data[at] == '-' || text.data[at] == '+'))
        at++;
    if (at == text.len || count_digits(text, at) != text.len - at)
        return false;
    for (; at < text.len; at++) {
        *exponent = *exponent * 10 + (text.data[at] - '0');
        if (*exponent > CEL_DECIMAL_EXPONENT_MAX)
            return false;
    }
    if (negative)
        *exponent = -*exponent;
    return true;
}

static bool scan(struct str text, struct decimal_text *out)
{
    size_t at = 0, whole, fraction = 0, start;

    *out = (struct decimal_text){0};
    if (text.len && text.data[0] == '-') {
        out->negative = true;
        at++;
    }
    start = at;
    whole = count_digits(text, at);
    if (whole == 0 || (whole > 1 && text.data[at] == '0'))
        return false;
    at += whole;
    if (at < text.len && text.data[at] == '.') {
        fraction = count_digits(text, at + 1);
        if (fraction == 0)
            return false;
        at += 1 + fraction;
    }
    if (!read_exponent(text, at, &out->leading_power))
        return false;
    out->leading_power += (int64_t)whole - 1;
    out->digits = (struct str){text.data + start, at - start};
    while (out->digits.len && (*out->digits.data == '0' || *out->digits.data == '.')) {
        if (*out->digits.data == '0')
            out->leading_power--;
        out->digits.data++;
        out->digits.len--;
    }
    if (!out->digits.len)
        out->negative = false;
    return true;
}

/* Cuts digits[0..count) to 38 by dropping zeros at both ends, and stores it. */
static bool store(const uint8_t *digits, int count, int64_t exponent, bool negative, struct cel_decimal *out)
{
    while (count && digits[0] == 0) {
        digits++;
        count--;
    }
    while (count > CEL_DECIMAL_DIGITS && digits[count - 1] == 0) {
        count--;
        exponent++;
    }
    if (count > CEL_DECIMAL_DIGITS || exponent > CEL_DECIMAL_EXPONENT_MAX || exponent < -CEL_DECIMAL_EXPONENT_MAX)
        return false;
    *out = (struct cel_decimal){.negative = negative && count, .count = count, .exponent = exponent};
    if (count)
        memcpy(out->digits, digits, (size_t)count);
    return true;
}

bool cel_decimal_read(struct str text, struct cel_decimal *out)
{
    struct decimal_text number;
    struct digit_cursor cursor;
    uint8_t digits[CEL_DECIMAL_DIGITS];
    int count = 0, digit;
    int64_t exponent;

    if (!scan(text, &number))
        return false;
    cursor.left = number.digits;
    exponent = number.leading_power;
    while ((digit = next_digit(&cursor)) >= 0) {
        if (count == CEL_DECIMAL_DIGITS) {
            /* Only zeros may follow; they carry no information beyond the exponent. */
            if (digit != 0)
                return false;
            continue;
        }
        digits[count++] = (uint8_t)digit;
    }
    exponent -= count - 1;
    if (count == 0)
        exponent = number.leading_power + 1 < 0 ? number.leading_power + 1 : 0;
    return store(digits, count, exponent, number.negative, out);
}

/* "-d.ddd…e±dd" with every digit of the exact value; the longest finite double has 767. */
static struct str double_text(double real, char buffer[800])
{
    int len = snprintf(buffer, 800, "%.766e", real);

    return (struct str){buffer, (size_t)len};
}

bool cel_decimal_from_double(double real, struct cel_decimal *out)
{
    char buffer[800];

    if (!isfinite(real) || !cel_decimal_read(double_text(real, buffer), out))
        return false;
    while (out->count && out->digits[out->count - 1] == 0) {
        out->count--;
        out->exponent++;
    }
    if (!out->count)
        out->exponent = 0;
    return true;
}

struct cel_decimal cel_decimal_from_u64(uint64_t value)
{
    struct cel_decimal out = {0};
    char buffer[24];

    if (value) {
        out.count = snprintf(buffer, sizeof(buffer), "%" PRIu64, value);
        for (int i = 0; i < out.count; i++)
            out.digits[i] = (uint8_t)(buffer[i] - '0');
    }
    return out;
}

struct cel_decimal cel_decimal_from_i64(int64_t value)
{
    struct cel_decimal out = cel_decimal_from_u64(value < 0 ? 0 - (uint64_t)value : (uint64_t)value);

    out.negative = value < 0;
    return out;
}

/* Room for what is printed: a sign, a point, zeros before or behind the digits, or an exponent. */
enum { TEXT_BYTES = 2 * CEL_DECIMAL_DIGITS + 32 };

static size_t print_scientific(const struct cel_decimal *value, int64_t power, char *out)
{
    size_t len = 0;

    for (int i = 0; i < value->count; i++) {
        out[len++] = (char)('0' + value->digits[i]);
        if (i == 0 && value->count > 1)
            out[len++] = '.';
    }
    return len + (size_t)snprintf(out + len, TEXT_BYTES - CEL_DECIMAL_DIGITS - 2, "e%+" PRId64, power);
}

struct str cel_decimal_print(struct arena *arena, const struct cel_decimal *value)
{
    char out[TEXT_BYTES];
    size_t len = 0;
    int64_t power = value->count + value->exponent - 1; /* of the first digit */
    bool plain =
        value->exponent <= 0 ? power >= -7 && value->exponent >= -CEL_DECIMAL_DIGITS : power < CEL_DECIMAL_DIGITS;

    if (value->negative)
        out[len++] = '-';
    if (value->count == 0) {
        out[len++] = '0';
        for (int64_t i = value->exponent; i < 0 && value->exponent >= -CEL_DECIMAL_DIGITS; i++) {
            if (i == value->exponent)
                out[len++] = '.';
            out[len++] = '0';
        }
    } else if (plain) {
        for (int64_t at = power < 0 ? 0 : power; at >= value->exponent || at >= 0; at--) {
            int64_t i = power - at;

            if (at == -1)
                out[len++] = '.';
            out[len++] = i >= 0 && i < value->count ? (char)('0' + value->digits[i]) : '0';
        }
    } else {
        len += print_scientific(value, power, out + len);
    }
    return (struct str){arena_strndup(arena, out, len), len};
}

/* Digits of value, right-aligned in WIDE_DIGITS, shifted left by shift places. False when they do not fit. */
static bool widen(const struct cel_decimal *value, int64_t shift, uint8_t wide[WIDE_DIGITS])
{
    memset(wide, 0, WIDE_DIGITS);
    if (value->count + shift > WIDE_DIGITS - 1)
        return false;
    memcpy(wide + WIDE_DIGITS - shift - value->count, value->digits, (size_t)value->count);
    return true;
}

/* left += right */
static void wide_add(uint8_t left[WIDE_DIGITS], const uint8_t right[WIDE_DIGITS])
{
    int carry = 0;

    for (int i = WIDE_DIGITS; i-- > 0;) {
        int sum = left[i] + right[i] + carry;

        left[i] = (uint8_t)(sum % 10);
        carry = sum / 10;
    }
}

/* left -= right, where left is not less */
static void wide_subtract(uint8_t left[WIDE_DIGITS], const uint8_t right[WIDE_DIGITS])
{
    int borrow = 0;

    for (int i = WIDE_DIGITS; i-- > 0;) {
        int difference = left[i] - right[i] - borrow;

        borrow = difference < 0;
        left[i] = (uint8_t)(difference + 10 * borrow);
    }
}

enum cel_decimal_status cel_decimal_add(
    const struct cel_decimal *a, const struct cel_decimal *b, struct cel_decimal *out)
{
    int64_t exponent = a->exponent < b->exponent ? a->exponent : b->exponent;
    uint8_t left[WIDE_DIGITS], right[WIDE_DIGITS];
    bool negative = a->negative;

    if (a->count == 0 || b->count == 0) {
        const struct cel_decimal *value = a->count ? a : b;
        int64_t shift = value->exponent - exponent;

        /* 0.00 + 1 is 1.00 where that fits. */
        if (shift + value->count > CEL_DECIMAL_DIGITS || !widen(value, shift, left)) {
            *out = *value;
            return CEL_DECIMAL_OK;
        }
        return store(left, WIDE_DIGITS, exponent, value->negative, out) ? CEL_DECIMAL_OK : CEL_DECIMAL_TOO_LONG;
    }
    if (!widen(a, a->exponent - exponent, left) || !widen(b, b->exponent - exponent, right))
        return CEL_DECIMAL_TOO_LONG;
    if (a->negative == b->negative) {
        wide_add(left, right);
    } else if (memcmp(left, right, WIDE_DIGITS) >= 0) {
        wide_subtract(left, right);
    } else {
        wide_subtract(right, left);
        memcpy(left, right, WIDE_DIGITS);
        negative = b->negative;
    }
    return store(left, WIDE_DIGITS, exponent, negative, out) ? CEL_DECIMAL_OK : CEL_DECIMAL_TOO_LONG;
}

enum cel_decimal_status cel_decimal_multiply(
    const struct cel_decimal *a, const struct cel_decimal *b, struct cel_decimal *out)
{
    int count = a->count + b->count;
    uint8_t digits[WIDE_DIGITS];

    memset(digits, 0, (size_t)count);
    for (int i = a->count; i-- > 0;) {
        int carry = 0;
        int at = count - (a->count - i);

        for (int j = b->count; j-- > 0; at--) {
            int sum = digits[at] + a->digits[i] * b->digits[j] + carry;

            digits[at] = (uint8_t)(sum % 10);
            carry = sum / 10;
        }
        digits[at] = (uint8_t)(digits[at] + carry);
    }
    return store(digits, count, a->exponent + b->exponent, a->negative != b->negative, out)
               ? CEL_DECIMAL_OK
               : CEL_DECIMAL_TOO_LONG;
}

/* One step of long division: takes divisor from the rest as often as it goes. Returns how often. */
static uint8_t wide_take(uint8_t rest[WIDE_DIGITS], const uint8_t divisor[WIDE_DIGITS])
{
    uint8_t times = 0;

    while (memcmp(rest, divisor, WIDE_DIGITS) >= 0) {
        wide_subtract(rest, divisor);
        times++;
    }
    return times;
}

static void wide_push(uint8_t rest[WIDE_DIGITS], uint8_t digit)
{
    memmove(rest, rest + 1, WIDE_DIGITS - 1);
    rest[WIDE_DIGITS - 1] = digit;
}

static bool wide_is_zero(const uint8_t digits[WIDE_DIGITS])
{
    static const uint8_t zero[WIDE_DIGITS];

    return memcmp(digits, zero, WIDE_DIGITS) == 0;
}

enum cel_decimal_status cel_decimal_divide(
    const struct cel_decimal *a, const struct cel_decimal *b, struct cel_decimal *out)
{
    uint8_t rest[WIDE_DIGITS] = {0}, divisor[WIDE_DIGITS], quotient[4 * CEL_DECIMAL_DIGITS + 1];
    int64_t exponent = a->exponent - b->exponent;
    int count = 0, significant = 0;

    if (b->count == 0)
        return CEL_DECIMAL_ZERO_DIVISOR;
    widen(b, 0, divisor);
    for (int i = 0; i < a->count || !wide_is_zero(rest); i++) {
        if (significant > CEL_DECIMAL_DIGITS)
            return CEL_DECIMAL_TOO_LONG;
        wide_push(rest, i < a->count ? a->digits[i] : 0);
        quotient[count] = wide_take(rest, divisor);
        if (quotient[count] || significant)
            significant++;
        count++;
        if (i >= a->count)
            exponent--;
    }
    return store(quotient, count, exponent, a->negative != b->negative, out) ? CEL_DECIMAL_OK : CEL_DECIMAL_TOO_LONG;
}

bool cel_decimal_is_whole(const struct cel_decimal *value)
{
    int64_t point = value->count + value->exponent; /* index of the first digit behind the point */

    for (int64_t i = point > 0 ? point : 0; i < value->count; i++)
        if (value->digits[i])
            return false;
    return true;
}

enum cel_decimal_status cel_decimal_remainder(
    const struct cel_decimal *a, const struct cel_decimal *b, struct cel_decimal *out)
{
    uint8_t rest[WIDE_DIGITS] = {0}, divisor[WIDE_DIGITS];
    int64_t places = a->count + a->exponent; /* digits of a before the point */

    if (b->count == 0)
        return CEL_DECIMAL_ZERO_DIVISOR;
    if (!cel_decimal_is_whole(a) || !cel_decimal_is_whole(b))
        return CEL_DECIMAL_FRACTION;
    if (places > 10 * CEL_DECIMAL_DIGITS || b->count + b->exponent > CEL_DECIMAL_DIGITS)
        return CEL_DECIMAL_TOO_LONG;
    memset(divisor, 0, sizeof(divisor));
    for (int64_t i = 0; i < b->count && i < b->count + b->exponent; i++)
        divisor[WIDE_DIGITS - (b->count + b->exponent) + i] = b->digits[i];
    for (int64_t i = 0; i < places; i++) {
        wide_push(rest, i < a->count ? a->digits[i] : 0);
        wide_take(rest, divisor);
    }
    return store(rest, WIDE_DIGITS, 0, a->negative, out) ? CEL_DECIMAL_OK : CEL_DECIMAL_TOO_LONG;
}

bool cel_decimal_to_u64(const struct cel_decimal *value, uint64_t *out)
{
    uint64_t result = 0;

    if (value->count && value->count + value->exponent > 20)
        return false;
    for (int64_t i = 0; i < value->count + value->exponent && value->count; i++) {
        unsigned digit = i < value->count ? value->digits[i] : 0;

        if (result > (UINT64_MAX - digit) / 10)
            return false;
        result = result * 10 + digit;
    }
    if (value->negative && result)
        return false;
    *out = result;
    return true;
}

bool cel_decimal_to_i64(const struct cel_decimal *value, int64_t *out)
{
    struct cel_decimal magnitude = *value;
    uint64_t result;

    magnitude.negative = false;
    if (!cel_decimal_to_u64(&magnitude, &result) || result > (uint64_t)INT64_MAX + (value->negative ? 1 : 0))
        return false;
    *out = value->negative ? (int64_t)(0 - result) : (int64_t)result;
    return true;
}

bool cel_decimal_compare(struct str a, struct str b, int *order)
{
    struct decimal left, right;

    if (!decimal_parse(a, &left) || !decimal_parse(b, &right))
        return false;
    *order = decimal_compare(&left, &right);
    return true;
}

bool cel_decimal_compare_double(struct str a, double b, int *order)
{
    char buffer[800];
    struct decimal number;

    if (isinf(b)) {
        *order = b > 0 ? -1 : 1;
        return decimal_parse(a, &number);
    }
    return cel_decimal_compare(a, double_text(b, buffer), order);
}
