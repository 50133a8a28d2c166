#include "spec/cel/number.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "spec/cel/decimal.h"

bool cel_is_number(const struct cel_value *value)
{
    return value->kind == CEL_INT || value->kind == CEL_UINT || value->kind == CEL_DOUBLE || value->kind == CEL_DECIMAL;
}

/* Writes digits "ddd…" with the point behind the first `point` of them; point may lie outside. */
static void print_plain(const char *digits, int count, int point, struct strbuf *out)
{
    if (point <= 0)
        strbuf_append_text(out, "0.");
    for (int i = point; i < 0; i++)
        strbuf_append_char(out, '0');
    for (int i = 0; i < count || i < point; i++) {
        if (i == point && i > 0)
            strbuf_append_char(out, '.');
        strbuf_append_char(out, i < count ? digits[i] : '0');
    }
}

void cel_double_print(double real, struct strbuf *out)
{
    char buffer[40], digits[20];
    /* 15 digits are enough for whatever was written with at most that many, save for subnormal numbers. */
    int count = 0, precision = fabs(real) < DBL_MIN ? 0 : 14;

    if (isnan(real) || isinf(real)) {
        strbuf_append_text(out, isnan(real) ? "NaN" : real > 0 ? "Infinity" : "-Infinity");
        return;
    }
    do
        snprintf(buffer, sizeof(buffer), "%.*e", precision++, real);
    while (precision < 17 && strtod(buffer, NULL) != real);
    if (signbit(real))
        strbuf_append_char(out, '-');
    for (const char *c = buffer; *c != 'e'; c++)
        if (*c >= '0' && *c <= '9')
            digits[count++] = *c;
    while (count > 1 && digits[count - 1] == '0')
        count--;
    if (real == 0)
        strbuf_append_char(out, '0');
    else
        print_plain(digits, count, (int)strtol(strchr(buffer, 'e') + 1, NULL, 10) + 1, out);
}

static bool is_decimal_literal(struct str text)
{
    size_t digits = 0, i = 0;

    if (i < text.len && (text.data[i] == '-' || text.data[i] == '+'))
        i++;
    for (; i < text.len && text.data[i] >= '0' && text.data[i] <= '9'; i++)
        digits++;
    if (i < text.len && text.data[i] == '.')
        for (i++; i < text.len && text.data[i] >= '0' && text.data[i] <= '9'; i++)
            digits++;
    if (digits == 0)
        return false;
    if (i < text.len && (text.data[i] == 'e' || text.data[i] == 'E')) {
        i++;
        if (i < text.len && (text.data[i] == '-' || text.data[i] == '+'))
            i++;
        if (i == text.len)
            return false;
        while (i < text.len && text.data[i] >= '0' && text.data[i] <= '9')
            i++;
    }
    return i == text.len;
}

static bool is_word(struct str text, const char *word)
{
    return text.len == strlen(word) && strncasecmp(text.data, word, text.len) == 0;
}

bool cel_double_read(struct str text, double *out)
{
    struct str unsigned_text = text;
    struct strbuf buffer = STRBUF_INIT;
    bool negative = text.len && text.data[0] == '-';

    if (text.len && (text.data[0] == '-' || text.data[0] == '+'))
        unsigned_text = (struct str){text.data + 1, text.len - 1};
    if (is_word(unsigned_text, "Infinity") || is_word(unsigned_text, "Inf")) {
        *out = negative ? -HUGE_VAL : HUGE_VAL;
        return true;
    }
    if (is_word(text, "NaN")) {
        *out = (double)NAN;
        return true;
    }
    if (!is_decimal_literal(text))
        return false;
    strbuf_append_str(&buffer, text);
    *out = strtod(buffer.data, NULL);
    strbuf_free(&buffer);
    return !isinf(*out);
}

static int order_doubles(double a, double b)
{
    return isnan(a) || isnan(b) ? CEL_UNORDERED : (a > b) - (a < b);
}

static double as_double(const struct cel_value *value)
{
    return value->kind == CEL_INT    ? (double)value->as.integer
           : value->kind == CEL_UINT ? (double)value->as.uinteger
                                     : value->as.real;
}

/* The value as a decimal text: integers in the buffer, decimals as they are. */
static struct str as_text(const struct cel_value *value, char buffer[24])
{
    int len;

    if (value->kind == CEL_DECIMAL)
        return value->as.text;
    len = value->kind == CEL_INT ? snprintf(buffer, 24, "%" PRId64, value->as.integer)
                                 : snprintf(buffer, 24, "%" PRIu64, value->as.uinteger);
    return (struct str){buffer, (size_t)len};
}

static int compare_decimals(const struct cel_value *a, const struct cel_value *b)
{
    char left[24], right[24];
    int order = 0;
    bool good;

    if (b->kind == CEL_DOUBLE) {
        good = !isnan(b->as.real) && cel_decimal_compare_double(a->as.text, b->as.real, &order);
    } else if (a->kind == CEL_DOUBLE) {
        good = !isnan(a->as.real) && cel_decimal_compare_double(b->as.text, a->as.real, &order);
        order = -order;
    } else {
        good = cel_decimal_compare(as_text(a, left), as_text(b, right), &order);
    }
    return good ? order : CEL_UNORDERED;
}

int cel_number_compare(const struct cel_value *a, const struct cel_value *b)
{
    if (a->kind == CEL_DECIMAL || b->kind == CEL_DECIMAL)
        return compare_decimals(a, b);
    if (a->kind == CEL_DOUBLE || b->kind == CEL_DOUBLE)
        return order_doubles(as_double(a), as_double(b));
    if (a->kind == CEL_INT && b->kind == CEL_INT)
        return (a->as.integer > b->as.integer) - (a->as.integer < b->as.integer);
    if (a->kind == CEL_INT && a->as.integer < 0)
        return -1;
    if (b->kind == CEL_INT && b->as.integer < 0)
        return 1;
    /* What is left is not negative, and the members of the union have the same bits then. */
    return (a->as.uinteger > b->as.uinteger) - (a->as.uinteger < b->as.uinteger);
}

uint64_t cel_number_compare_cost(const struct cel_value *a, const struct cel_value *b)
{
    uint64_t bytes = (a->kind == CEL_DECIMAL ? a->as.text.len : 0) + (b->kind == CEL_DECIMAL ? b->as.text.len : 0);
    bool writes_double =
        (a->kind == CEL_DECIMAL && b->kind == CEL_DOUBLE) || (a->kind == CEL_DOUBLE && b->kind == CEL_DECIMAL);

    /* A double is written with all its digits, which takes about as long as ten steps. */
    return bytes / 64 + (writes_double ? 10 : 0);
}
