#include "spec/base/decimal.h"

#include <string.h>

#include "spec/base/arena.h"

/* Far beyond any exponent that text below 4 GiB can make by its digits, and far from overflow. */
#define DECIMAL_EXPONENT_MAX ((int64_t)1 << 56)

enum {
    LIMB_BASE = 1000000000,
    LIMB_DIGITS = 9,
    /* one limb more than the divisor needs, so that a sum of two remainders fits */
    LIMB_COUNT = (DECIMAL_DIVISOR_DIGITS_MAX + LIMB_DIGITS - 1) / LIMB_DIGITS + 1,
    /* a divisor below 10^100 < 2^333 holds the factors 2 and 5 at most this often */
    SHIFT_MAX = 340,
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool parse_exponent(const char *at, const char *end, int64_t *out)
{
    bool negative = false;
    int64_t value = 0;

    if (at < end && (*at == '+' || *at == '-'))
        negative = *at++ == '-';
    if (at == end)
        return false;
    for (; at < end; at++) {
        if (!is_digit(*at))
            return false;
        if (value < DECIMAL_EXPONENT_MAX)
            value = value * 10 + (*at - '0');
    }
    if (value > DECIMAL_EXPONENT_MAX)
        value = DECIMAL_EXPONENT_MAX;
    *out = negative ? -value : value;
    return true;
}

bool decimal_parse(struct str text, struct decimal *out)
{
    const char *at = text.data;
    const char *end = text.data + text.len;
    const char *first = NULL, *last = NULL, *point = NULL;
    const char *mantissa_end;
    size_t digit_total = 0;
    int64_t exponent = 0;

    *out = (struct decimal){.digits = {"", 0}};
    if (at < end && (*at == '-' || *at == '+'))
        out->negative = *at++ == '-';
    for (; at < end && (is_digit(*at) || (*at == '.' && !point)); at++) {
        if (*at == '.') {
            point = at;
            continue;
        }
        digit_total++;
        if (*at != '0') {
            first = first ? first : at;
            last = at;
        }
    }
    if (!digit_total)
        return false;
    mantissa_end = at;
    if (at < end && (*at == 'e' || *at == 'E')) {
        if (!parse_exponent(at + 1, end, &exponent))
            return false;
    } else if (at != end) {
        return false;
    }
    if (!first) {
        out->negative = false;
        return true;
    }
    out->digits = (struct str){first, (size_t)(last - first) + 1};
    out->digit_count = out->digits.len - (point && point > first && point < last);
    if (!point)
        point = mantissa_end;
    exponent += point > last ? point - last - 1 : -(last - point);
    if (exponent > DECIMAL_EXPONENT_MAX)
        exponent = DECIMAL_EXPONENT_MAX;
    if (exponent < -DECIMAL_EXPONENT_MAX)
        exponent = -DECIMAL_EXPONENT_MAX;
    out->exponent = exponent;
    return true;
}

static int compare_digits(struct str a, struct str b)
{
    size_t i = 0, j = 0;

    for (;;) {
        i += i < a.len && a.data[i] == '.';
        j += j < b.len && b.data[j] == '.';
        if (i == a.len || j == b.len)
            return (i < a.len) - (j < b.len);
        if (a.data[i] != b.data[j])
            return a.data[i] < b.data[j] ? -1 : 1;
        i++;
        j++;
    }
}

int decimal_compare(const struct decimal *a, const struct decimal *b)
{
    int a_sign = a->digit_count ? (a->negative ? -1 : 1) : 0;
    int b_sign = b->digit_count ? (b->negative ? -1 : 1) : 0;
    int64_t a_magnitude = a->exponent + (int64_t)a->digit_count;
    int64_t b_magnitude = b->exponent + (int64_t)b->digit_count;

    if (a_sign != b_sign)
        return a_sign < b_sign ? -1 : 1;
    if (!a_sign)
        return 0;
    if (a_magnitude != b_magnitude)
        return (a_magnitude < b_magnitude ? -1 : 1) * a_sign;
    return compare_digits(a->digits, b->digits) * a_sign;
}

bool decimal_is_integer(const struct decimal *value)
{
    return value->exponent >= 0;
}

bool decimal_to_size(const struct decimal *value, size_t *out)
{
    size_t result = 0;
    int64_t zeros = value->exponent;

    if (value->negative || value->exponent < 0)
        return false;
    for (size_t i = 0; i < value->digits.len; i++) {
        if (value->digits.data[i] == '.')
            continue;
        if (result > (SIZE_MAX - 9) / 10) {
            *out = SIZE_MAX;
            return true;
        }
        result = result * 10 + (size_t)(value->digits.data[i] - '0');
    }
    for (; zeros > 0 && result; zeros--) {
        if (result > SIZE_MAX / 10) {
            *out = SIZE_MAX;
            return true;
        }
        result *= 10;
    }
    *out = result;
    return true;
}

/* --- remainder by a divisor of many digits: limbs of nine decimal digits, least significant first ----------------- */

struct limbs {
    uint32_t limb[LIMB_COUNT];
};

static struct limbs limbs_from_digits(const struct decimal *value)
{
    struct limbs result = {{0}};
    size_t position = value->digit_count;

    for (size_t i = 0; i < value->digits.len; i++) {
        uint32_t weight = 1;

        if (value->digits.data[i] == '.')
            continue;
        position--;
        for (size_t k = 0; k < position % LIMB_DIGITS; k++)
            weight *= 10;
        result.limb[position / LIMB_DIGITS] += weight * (uint32_t)(value->digits.data[i] - '0');
    }
    return result;
}

static void limbs_add_mod(struct limbs *a, const struct limbs *b, const struct limbs *modulus)
{
    uint32_t carry = 0;
    bool reduce = true;

    for (size_t i = 0; i < LIMB_COUNT; i++) {
        uint32_t sum = a->limb[i] + b->limb[i] + carry;

        carry = sum >= LIMB_BASE;
        a->limb[i] = carry ? sum - LIMB_BASE : sum;
    }
    for (size_t i = LIMB_COUNT; i-- > 0;) {
        if (a->limb[i] != modulus->limb[i]) {
            reduce = a->limb[i] > modulus->limb[i];
            break;
        }
    }
    if (!reduce)
        return;
    carry = 0;
    for (size_t i = 0; i < LIMB_COUNT; i++) {
        uint32_t take = modulus->limb[i] + carry;

        carry = a->limb[i] < take;
        a->limb[i] = carry ? a->limb[i] + LIMB_BASE - take : a->limb[i] - take;
    }
}

/* value = (value * 10 + digit) mod modulus, by additions alone. */
static void limbs_append_digit(struct limbs *value, uint32_t digit, const struct limbs *modulus)
{
    const struct limbs once = *value;
    const struct limbs one = {{1}};

    limbs_add_mod(value, value, modulus);
    limbs_add_mod(value, value, modulus);
    limbs_add_mod(value, &once, modulus);
    limbs_add_mod(value, value, modulus);
    for (uint32_t i = 0; i < digit; i++)
        limbs_add_mod(value, &one, modulus);
}

static bool limbs_are_zero(const struct limbs *value)
{
    for (size_t i = 0; i < LIMB_COUNT; i++) {
        if (value->limb[i])
            return false;
    }
    return true;
}

bool decimal_is_multiple(const struct decimal *value, const struct decimal *divisor)
{
    struct limbs remainder = {{0}};
    struct limbs modulus;
    int64_t shift = value->exponent - divisor->exponent;

    if (!value->digit_count)
        return true;
    /* The last digit of value is not 0, so ten times the divisor's digits cannot divide value's digits. */
    if (shift < 0)
        return false;
    modulus = limbs_from_digits(divisor);
    for (size_t i = 0; i < value->digits.len; i++) {
        if (value->digits.data[i] != '.')
            limbs_append_digit(&remainder, (uint32_t)(value->digits.data[i] - '0'), &modulus);
    }
    /* Each ten brings one factor 2 and one factor 5: more than the divisor holds of them changes nothing. */
    for (; shift > 0 && !limbs_are_zero(&remainder); shift--) {
        if (shift > SHIFT_MAX)
            shift = SHIFT_MAX;
        limbs_append_digit(&remainder, 0, &modulus);
    }
    return limbs_are_zero(&remainder);
}

bool decimal_is_storable(const struct decimal *value)
{
    int64_t magnitude = value->exponent + (int64_t)value->digit_count; /* of 0.ddd * 10^magnitude */

    if (!value->digit_count)
        return true;
    return value->digit_count <= DECIMAL_STORED_DIGITS_MAX && magnitude >= -129 && magnitude <= 126;
}

static void append_digits(struct strbuf *out, const struct decimal *value, size_t from, size_t to)
{
    size_t position = 0;

    for (size_t i = 0; i < value->digits.len; i++) {
        if (value->digits.data[i] == '.')
            continue;
        if (position >= from && position < to)
            strbuf_append_char(out, value->digits.data[i]);
        position++;
    }
}

static void append_zeros(struct strbuf *out, int64_t count)
{
    for (; count > 0; count--)
        strbuf_append_char(out, '0');
}

struct str decimal_print(struct arena *arena, const struct decimal *value)
{
    enum { PLAIN_MAX = 40 };
    struct strbuf out = STRBUF_INIT;
    struct str result;
    size_t count = value->digit_count;
    int64_t point = value->exponent + (int64_t)count; /* digits before the point */

    if (!count)
        return str_copy(arena, STR("0"));
    if (value->negative)
        strbuf_append_char(&out, '-');
    if (value->exponent >= 0 && point <= PLAIN_MAX) {
        append_digits(&out, value, 0, count);
        append_zeros(&out, value->exponent);
    } else if (value->exponent < 0 && point > 0) {
        append_digits(&out, value, 0, (size_t)point);
        strbuf_append_char(&out, '.');
        append_digits(&out, value, (size_t)point, count);
    } else if (value->exponent < 0 && value->exponent >= -PLAIN_MAX) {
        strbuf_append_text(&out, "0.");
        append_zeros(&out, -point);
        append_digits(&out, value, 0, count);
    } else {
        append_digits(&out, value, 0, 1);
        if (count > 1)
            strbuf_append_char(&out, '.');
        append_digits(&out, value, 1, count);
        strbuf_printf(&out, "E%+lld", (long long)(point - 1));
    }
    result = strbuf_copy(&out, arena);
    strbuf_free(&out);
    return result;
}
