#include <math.h>

#include "spec/cel/decimal.h"
#include "spec/cel/number.h"
#include "spec/cel/run.h"
#include "spec/cel/time.h"

static bool fail_overload(
    struct cel_run *run, enum cel_operator op, const struct cel_value *a, const struct cel_value *b)
{
    cel_fail(run, "'%s' cannot be applied to %s and %s", cel_operator_text(op), cel_kind_name(a->kind),
        cel_kind_name(b->kind));
    return cel_fail_help(run, "convert one side with int(), uint(), double(), decimal() or string()");
}

static bool fail_overflow(struct cel_run *run, enum cel_operator op, const char *type)
{
    cel_fail(run, "'%s' overflows %s", cel_operator_text(op), type);
    return cel_fail_help(run, "compute with decimal() or double() where results can be that large");
}

static bool operate_int(struct cel_run *run, enum cel_operator op, int64_t a, int64_t b, struct cel_value *out)
{
    int64_t result = 0;
    bool overflow = false;

    switch (op) {
    case CEL_OPERATOR_ADD:
        overflow = __builtin_add_overflow(a, b, &result);
        break;
    case CEL_OPERATOR_SUBTRACT:
        overflow = __builtin_sub_overflow(a, b, &result);
        break;
    case CEL_OPERATOR_MULTIPLY:
        overflow = __builtin_mul_overflow(a, b, &result);
        break;
    default:
        if (b == 0)
            return cel_fail(run, op == CEL_OPERATOR_DIVIDE ? "division by zero" : "remainder of a division by zero");
        if (a == INT64_MIN && b == -1)
            overflow = true;
        else
            result = op == CEL_OPERATOR_DIVIDE ? a / b : a % b;
    }
    if (overflow)
        return fail_overflow(run, op, "int");
    *out = cel_make_int(result);
    return true;
}

static bool operate_uint(struct cel_run *run, enum cel_operator op, uint64_t a, uint64_t b, struct cel_value *out)
{
    uint64_t result = 0;
    bool overflow = false;

    switch (op) {
    case CEL_OPERATOR_ADD:
        overflow = __builtin_add_overflow(a, b, &result);
        break;
    case CEL_OPERATOR_SUBTRACT:
        overflow = __builtin_sub_overflow(a, b, &result);
        break;
    case CEL_OPERATOR_MULTIPLY:
        overflow = __builtin_mul_overflow(a, b, &result);
        break;
    default:
        if (b == 0)
            return cel_fail(run, op == CEL_OPERATOR_DIVIDE ? "division by zero" : "remainder of a division by zero");
        result = op == CEL_OPERATOR_DIVIDE ? a / b : a % b;
    }
    if (overflow)
        return fail_overflow(run, op, "uint");
    *out = cel_make_uint(result);
    return true;
}

static bool operate_double(struct cel_run *run, enum cel_operator op, const struct cel_value *a,
    const struct cel_value *b, struct cel_value *out)
{
    double x = a->as.real, y = b->as.real;

    switch (op) {
    case CEL_OPERATOR_ADD:
        *out = cel_make_double(x + y);
        return true;
    case CEL_OPERATOR_SUBTRACT:
        *out = cel_make_double(x - y);
        return true;
    case CEL_OPERATOR_MULTIPLY:
        *out = cel_make_double(x * y);
        return true;
    case CEL_OPERATOR_DIVIDE:
        *out = cel_make_double(x / y);
        return true;
    default:
        return fail_overload(run, op, a, b);
    }
}

/* An operand of decimal arithmetic. */
static bool to_decimal(struct cel_run *run, const struct cel_value *value, struct cel_decimal *out)
{
    switch (value->kind) {
    case CEL_INT:
        *out = cel_decimal_from_i64(value->as.integer);
        return true;
    case CEL_UINT:
        *out = cel_decimal_from_u64(value->as.uinteger);
        return true;
    case CEL_DOUBLE:
        if (!cel_charge(run, 10))
            return false;
        if (cel_decimal_from_double(value->as.real, out))
            return true;
        cel_fail(run, "the double is no exact decimal of at most %d digits", CEL_DECIMAL_DIGITS);
        return cel_fail_help(run, "write decimal(\"0.1\") for 0.1, or convert the other side with double()");
    default:
        if (!cel_charge_bytes(run, value->as.text.len))
            return false;
        if (cel_decimal_read(value->as.text, out))
            return true;
        cel_fail(run, "the decimal has more than %d digits", CEL_DECIMAL_DIGITS);
        return cel_fail_help(run, "convert it with double() where an approximation will do");
    }
}

static bool operate_decimal(struct cel_run *run, enum cel_operator op, const struct cel_value *left,
    const struct cel_value *right, struct cel_value *out)
{
    struct cel_decimal a, b, result;
    enum cel_decimal_status status;

    if (!to_decimal(run, left, &a) || !to_decimal(run, right, &b))
        return false;
    switch (op) {
    case CEL_OPERATOR_ADD:
        status = cel_decimal_add(&a, &b, &result);
        break;
    case CEL_OPERATOR_SUBTRACT:
        b.negative = !b.negative && b.count;
        status = cel_decimal_add(&a, &b, &result);
        break;
    case CEL_OPERATOR_MULTIPLY:
        status = cel_decimal_multiply(&a, &b, &result);
        break;
    case CEL_OPERATOR_DIVIDE:
        status = cel_decimal_divide(&a, &b, &result);
        break;
    default:
        status = cel_decimal_remainder(&a, &b, &result);
    }
    switch (status) {
    case CEL_DECIMAL_OK:
        *out = (struct cel_value){.kind = CEL_DECIMAL, .as.text = cel_decimal_print(run->arena, &result)};
        return true;
    case CEL_DECIMAL_TOO_LONG:
        cel_fail(run, "the exact result of '%s' has more than %d digits", cel_operator_text(op), CEL_DECIMAL_DIGITS);
        return cel_fail_help(run, "decimals are never rounded; convert with double() where an approximation will do");
    case CEL_DECIMAL_ZERO_DIVISOR:
        return cel_fail(run, op == CEL_OPERATOR_DIVIDE ? "division by zero" : "remainder of a division by zero");
    case CEL_DECIMAL_FRACTION:
        return cel_fail(run, "'%%' takes whole numbers");
    }
    return false;
}

static bool concat_texts(
    struct cel_run *run, const struct cel_value *a, const struct cel_value *b, struct cel_value *out)
{
    struct strbuf text = STRBUF_INIT;

    if (!cel_charge_bytes(run, a->as.text.len) || !cel_charge_bytes(run, b->as.text.len))
        return false;
    strbuf_append_str(&text, a->as.text);
    strbuf_append_str(&text, b->as.text);
    return cel_make_text_from(run, a->kind, &text, out);
}

static bool concat_lists(
    struct cel_run *run, const struct cel_value *a, const struct cel_value *b, struct cel_value *out)
{
    size_t count = a->as.list.count + b->as.list.count;
    struct cel_value *items;

    if (!cel_charge(run, count))
        return false;
    items = ARENA_ARRAY(run->arena, struct cel_value, count);
    for (size_t i = 0; i < a->as.list.count; i++)
        items[i] = a->as.list.items[i];
    for (size_t i = 0; i < b->as.list.count; i++)
        items[a->as.list.count + i] = b->as.list.items[i];
    *out = (struct cel_value){.kind = CEL_LIST, .as.list = {items, count}};
    return true;
}

static bool time_result(struct cel_run *run, enum cel_operator op, bool in_range)
{
    return in_range || cel_fail(run,
                           "the result of '%s' is out of range: timestamps have years 1 to 9999, durations "
                           "at most 292 years",
                           cel_operator_text(op));
}

static bool operate_time(struct cel_run *run, enum cel_operator op, const struct cel_value *a,
    const struct cel_value *b, struct cel_value *out)
{
    bool add = op == CEL_OPERATOR_ADD;
    int64_t nanos = 0;
    bool overflow;

    if (!add && op != CEL_OPERATOR_SUBTRACT)
        return fail_overload(run, op, a, b);
    if (a->kind == CEL_TIMESTAMP && b->kind == CEL_TIMESTAMP && !add)
        return time_result(run, op, cel_time_subtract(a, b, out));
    if (a->kind == CEL_DURATION && b->kind == CEL_TIMESTAMP && add)
        return time_result(run, op, cel_time_add(b, cel_duration_nanos(a), out));
    if (b->kind != CEL_DURATION)
        return fail_overload(run, op, a, b);
    nanos = cel_duration_nanos(b);
    if (a->kind == CEL_TIMESTAMP)
        return time_result(run, op, (add || nanos != INT64_MIN) && cel_time_add(a, add ? nanos : -nanos, out));
    overflow = add ? __builtin_add_overflow(cel_duration_nanos(a), nanos, &nanos)
                   : __builtin_sub_overflow(cel_duration_nanos(a), nanos, &nanos);
    *out = cel_duration_make(nanos);
    return time_result(run, op, !overflow);
}

static bool is_time(const struct cel_value *value)
{
    return value->kind == CEL_TIMESTAMP || value->kind == CEL_DURATION;
}

static bool operate(struct cel_run *run, enum cel_operator op, const struct cel_value *a, const struct cel_value *b,
    struct cel_value *out)
{
    if (cel_is_number(a) && cel_is_number(b)) {
        if (a->kind == CEL_DECIMAL || b->kind == CEL_DECIMAL)
            return operate_decimal(run, op, a, b, out);
        if (a->kind != b->kind)
            return fail_overload(run, op, a, b);
        if (a->kind == CEL_INT)
            return operate_int(run, op, a->as.integer, b->as.integer, out);
        if (a->kind == CEL_UINT)
            return operate_uint(run, op, a->as.uinteger, b->as.uinteger, out);
        return operate_double(run, op, a, b, out);
    }
    if (is_time(a) && is_time(b))
        return operate_time(run, op, a, b, out);
    if (op == CEL_OPERATOR_ADD && a->kind == b->kind) {
        if (a->kind == CEL_STRING || a->kind == CEL_BYTES)
            return concat_texts(run, a, b, out);
        if (a->kind == CEL_LIST)
            return concat_lists(run, a, b, out);
    }
    return fail_overload(run, op, a, b);
}

static int order_times(const struct cel_value *a, const struct cel_value *b)
{
    if (a->as.time.seconds != b->as.time.seconds)
        return a->as.time.seconds > b->as.time.seconds ? 1 : -1;
    return (a->as.time.nanos > b->as.time.nanos) - (a->as.time.nanos < b->as.time.nanos);
}

static bool order(struct cel_run *run, enum cel_operator op, const struct cel_value *a, const struct cel_value *b,
    struct cel_value *out)
{
    uint64_t cost = 0;
    int result;

    if (cel_is_number(a) && cel_is_number(b)) {
        result = cel_number_compare(a, b);
        cost = cel_number_compare_cost(a, b);
    } else if (a->kind != b->kind) {
        return fail_overload(run, op, a, b);
    } else if (a->kind == CEL_STRING || a->kind == CEL_BYTES) {
        result = str_compare(a->as.text, b->as.text);
        cost = (a->as.text.len < b->as.text.len ? a->as.text.len : b->as.text.len) / 64;
    } else if (a->kind == CEL_BOOL) {
        result = a->as.boolean - b->as.boolean;
    } else if (is_time(a)) {
        result = order_times(a, b);
    } else {
        return fail_overload(run, op, a, b);
    }
    *out = cel_make_bool(result != CEL_UNORDERED && (op == CEL_OPERATOR_LESS            ? result < 0
                                                        : op == CEL_OPERATOR_LESS_EQUAL ? result <= 0
                                                        : op == CEL_OPERATOR_GREATER    ? result > 0
                                                                                        : result >= 0));
    return cel_charge(run, cost);
}

static bool contains(struct cel_run *run, const struct cel_value *a, const struct cel_value *b, struct cel_value *out)
{
    const struct cel_value *found;
    bool same = false;

    if (b->kind == CEL_MAP) {
        if (!cel_run_lookup(run, b, a, &found))
            return false;
        *out = cel_make_bool(found);
        return true;
    }
    if (b->kind != CEL_LIST)
        return fail_overload(run, CEL_OPERATOR_IN, a, b);
    for (size_t i = 0; i < b->as.list.count && !same; i++)
        if (!cel_run_equal(run, a, &b->as.list.items[i], &same))
            return false;
    *out = cel_make_bool(same);
    return true;
}

bool cel_operator_run(struct cel_run *run, enum cel_operator op, const struct cel_value *a, const struct cel_value *b,
    struct cel_value *out)
{
    bool equal;

    switch (op) {
    case CEL_OPERATOR_EQUAL:
    case CEL_OPERATOR_NOT_EQUAL:
        if (!cel_run_equal(run, a, b, &equal))
            return false;
        *out = cel_make_bool(equal == (op == CEL_OPERATOR_EQUAL));
        return true;
    case CEL_OPERATOR_LESS:
    case CEL_OPERATOR_LESS_EQUAL:
    case CEL_OPERATOR_GREATER:
    case CEL_OPERATOR_GREATER_EQUAL:
        return order(run, op, a, b, out);
    case CEL_OPERATOR_IN:
        return contains(run, a, b, out);
    default:
        return operate(run, op, a, b, out);
    }
}

bool cel_operator_negate(struct cel_run *run, const struct cel_value *a, struct cel_value *out)
{
    struct cel_decimal number;

    switch (a->kind) {
    case CEL_INT:
        if (a->as.integer == INT64_MIN)
            return fail_overflow(run, CEL_OPERATOR_SUBTRACT, "int");
        *out = cel_make_int(-a->as.integer);
        return true;
    case CEL_DOUBLE:
        *out = cel_make_double(-a->as.real);
        return true;
    case CEL_DECIMAL:
        if (!to_decimal(run, a, &number))
            return false;
        number.negative = !number.negative && number.count;
        *out = (struct cel_value){.kind = CEL_DECIMAL, .as.text = cel_decimal_print(run->arena, &number)};
        return true;
    default:
        return cel_fail(run, "'-' cannot be applied to %s", cel_kind_name(a->kind));
    }
}
