/* Conversions between types: int(), string() and the like. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "spec/cel/decimal.h"
#include "spec/cel/function.h"
#include "spec/cel/number.h"
#include "spec/cel/time.h"

static bool fail_range(struct cel_run *run, const char *type)
{
    return cel_fail(run, "the value is out of the range of %s", type);
}

static bool fail_text(struct cel_run *run, const char *what, const char *example)
{
    cel_fail(run, "the string is no %s", what);
    return cel_fail_help(run, "it must look like %s", example);
}

static bool read_decimal(struct cel_run *run, const struct cel_value *value, struct cel_decimal *out)
{
    if (!cel_charge_bytes(run, value->as.text.len))
        return false;
    return cel_decimal_read(value->as.text, out) ||
           cel_fail(run, "the decimal has more than %d digits", CEL_DECIMAL_DIGITS);
}

bool cel_convert_same(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    (void)run;
    (void)count;
    *out = args[0];
    return true;
}

bool cel_convert_type(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    (void)run;
    (void)count;
    *out = cel_make_type(cel_kind_name(args[0].kind));
    return true;
}

bool cel_convert_int(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    struct cel_decimal number;
    int64_t result = 0;

    (void)count;
    switch (args[0].kind) {
    case CEL_UINT:
        if (args[0].as.uinteger > INT64_MAX)
            return fail_range(run, "int");
        result = (int64_t)args[0].as.uinteger;
        break;
    case CEL_DOUBLE:
        /* The limits themselves are left out: a double there may stand for a number beyond. */
        if (!(fabs(args[0].as.real) < 9223372036854775808.0))
            return fail_range(run, "int");
        result = (int64_t)args[0].as.real;
        break;
    case CEL_DECIMAL:
        if (!read_decimal(run, &args[0], &number))
            return false;
        if (!cel_decimal_to_i64(&number, &result))
            return fail_range(run, "int");
        break;
    case CEL_TIMESTAMP:
        result = args[0].as.time.seconds;
        break;
    default:
        if (!str_to_i64(args[0].as.text, &result))
            return fail_text(run, "int of 64 bits", "\"-12\"");
    }
    *out = cel_make_int(result);
    return true;
}

bool cel_convert_uint(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    struct cel_decimal number;
    uint64_t result = 0;

    (void)count;
    switch (args[0].kind) {
    case CEL_INT:
        if (args[0].as.integer < 0)
            return fail_range(run, "uint");
        result = (uint64_t)args[0].as.integer;
        break;
    case CEL_DOUBLE:
        if (!(args[0].as.real > -1.0 && args[0].as.real < 0x1p64))
            return fail_range(run, "uint");
        result = (uint64_t)args[0].as.real;
        break;
    case CEL_DECIMAL:
        if (!read_decimal(run, &args[0], &number))
            return false;
        if (!cel_decimal_to_u64(&number, &result))
            return fail_range(run, "uint");
        break;
    default:
        if (!str_to_u64(args[0].as.text, &result))
            return fail_text(run, "uint of 64 bits", "\"12\"");
    }
    *out = cel_make_uint(result);
    return true;
}

bool cel_convert_double(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    double result = 0;

    (void)count;
    switch (args[0].kind) {
    case CEL_INT:
        result = (double)args[0].as.integer;
        break;
    case CEL_UINT:
        result = (double)args[0].as.uinteger;
        break;
    case CEL_DECIMAL:
        if (!cel_charge_bytes(run, args[0].as.text.len))
            return false;
        if (!cel_double_read(args[0].as.text, &result))
            return fail_range(run, "double");
        break;
    default:
        if (!cel_charge_bytes(run, args[0].as.text.len))
            return false;
        if (!cel_double_read(args[0].as.text, &result))
            return fail_text(run, "double", "\"-1.5e3\"");
    }
    *out = cel_make_double(result);
    return true;
}

bool cel_convert_decimal(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    struct cel_decimal number;

    (void)count;
    switch (args[0].kind) {
    case CEL_INT:
        number = cel_decimal_from_i64(args[0].as.integer);
        break;
    case CEL_UINT:
        number = cel_decimal_from_u64(args[0].as.uinteger);
        break;
    case CEL_DOUBLE:
        if (!cel_charge(run, 10))
            return false;
        if (!cel_decimal_from_double(args[0].as.real, &number)) {
            cel_fail(run, "the double is no exact decimal of at most %d digits", CEL_DECIMAL_DIGITS);
            return cel_fail_help(run, "write decimal(\"0.1\"), or decimal(string(value)) for the shortest text");
        }
        break;
    default:
        if (!cel_charge_bytes(run, args[0].as.text.len))
            return false;
        if (!cel_decimal_read(args[0].as.text, &number))
            return fail_text(run, "decimal of at most 38 digits", "\"-1.50\"");
    }
    *out = (struct cel_value){.kind = CEL_DECIMAL, .as.text = cel_decimal_print(run->arena, &number)};
    return true;
}

bool cel_convert_string(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    struct strbuf text = STRBUF_INIT;

    (void)count;
    switch (args[0].kind) {
    case CEL_BOOL:
        strbuf_append_text(&text, args[0].as.boolean ? "true" : "false");
        break;
    case CEL_INT:
        strbuf_printf(&text, "%" PRId64, args[0].as.integer);
        break;
    case CEL_UINT:
        strbuf_printf(&text, "%" PRIu64, args[0].as.uinteger);
        break;
    case CEL_DOUBLE:
        cel_double_print(args[0].as.real, &text);
        break;
    case CEL_TIMESTAMP:
        cel_timestamp_print(&args[0], &text);
        break;
    case CEL_DURATION:
        cel_duration_print(&args[0], &text);
        break;
    default:
        if (!cel_charge_bytes(run, args[0].as.text.len))
            return false;
        if (args[0].kind == CEL_BYTES &&
            utf8_invalid_at(args[0].as.text.data, args[0].as.text.len) != args[0].as.text.len) {
            cel_fail(run, "the bytes are no UTF-8");
            return cel_fail_help(run, "use base64.encode()");
        }
        *out = (struct cel_value){.kind = CEL_STRING, .as.text = args[0].as.text};
        return true;
    }
    return cel_make_text_from(run, CEL_STRING, &text, out);
}

bool cel_convert_bytes(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    (void)run;
    (void)count;
    *out = (struct cel_value){.kind = CEL_BYTES, .as.text = args[0].as.text};
    return true;
}

bool cel_convert_bool(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
    static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};

    (void)count;
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        if (str_is(args[0].as.text, yes[i]) || str_is(args[0].as.text, no[i])) {
            *out = cel_make_bool(str_is(args[0].as.text, yes[i]));
            return true;
        }
    }
    return fail_text(run, "bool", "\"true\" or \"false\"");
}

/* Seconds since the epoch; a decimal may have a fraction of up to nine places. */
static bool timestamp_from_decimal(struct cel_run *run, const struct cel_value *value, struct cel_value *out)
{
    const struct cel_decimal billion = cel_decimal_from_u64(1000000000);
    struct cel_decimal number, whole, fraction;
    int64_t seconds, nanos;

    if (!read_decimal(run, value, &number))
        return false;
    if (!cel_decimal_to_i64(&number, &seconds) || !cel_timestamp_make(seconds, 0, out))
        return fail_range(run, "timestamp");
    whole = cel_decimal_from_i64(-seconds);
    if (cel_decimal_add(&number, &whole, &fraction) != CEL_DECIMAL_OK ||
        cel_decimal_multiply(&fraction, &billion, &fraction) != CEL_DECIMAL_OK || !cel_decimal_is_whole(&fraction) ||
        !cel_decimal_to_i64(&fraction, &nanos))
        return cel_fail(run, "the number of seconds has more than nine places");
    return cel_time_add(out, nanos, out) || fail_range(run, "timestamp");
}

bool cel_convert_timestamp(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    (void)count;
    if (args[0].kind == CEL_INT)
        return cel_timestamp_make(args[0].as.integer, 0, out) || fail_range(run, "timestamp");
    if (args[0].kind == CEL_DECIMAL)
        return timestamp_from_decimal(run, &args[0], out);
    return cel_timestamp_read(args[0].as.text, out) ||
           fail_text(run, "timestamp (RFC 3339, years 1 to 9999)", "\"2024-05-17T09:30:00Z\"");
}

bool cel_convert_duration(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    (void)count;
    if (!cel_charge_bytes(run, args[0].as.text.len))
        return false;
    return cel_duration_read(args[0].as.text, out) ||
           fail_text(run, "duration of at most 292 years", "\"1h30m\" or \"1.5s\"");
}
