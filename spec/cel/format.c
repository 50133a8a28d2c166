/* string.format(list): the clauses %s %d %f %e %b %o %x %X and %%, with a precision for %f and %e. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "spec/cel/decimal.h"
#include "spec/cel/function.h"
#include "spec/cel/number.h"
#include "spec/cel/time.h"
#include "spec/cel/utf8.h"

enum { PRECISION_DEFAULT = 6, PRECISION_MAX = 1000 };

struct format {
    struct cel_run *run;
    struct strbuf out;
    size_t charged; /* bytes of out that are paid for */
};

static bool fail_clause(struct format *format, char clause, const struct cel_value *value)
{
    return cel_fail(format->run, "%%%c cannot format %s", clause, cel_kind_name(value->kind));
}

/* Pays for what was written since the last call; one step for the call. */
static bool pay(struct format *format)
{
    size_t bytes = format->out.len - format->charged;

    format->charged = format->out.len;
    return cel_charge(format->run, 1 + bytes / 64);
}

static bool format_value(struct format *format, const struct cel_value *value);

static bool format_list(struct format *format, const struct cel_value *list)
{
    strbuf_append_char(&format->out, '[');
    for (size_t i = 0; i < list->as.list.count; i++) {
        if (i)
            strbuf_append_text(&format->out, ", ");
        if (!format_value(format, &list->as.list.items[i]))
            return false;
    }
    strbuf_append_char(&format->out, ']');
    return true;
}

struct formatted_entry {
    struct str key;
    const struct cel_value *value;
};

static int order_entries(const void *a, const void *b)
{
    const struct formatted_entry *x = a, *y = b;

    return str_compare(x->key, y->key);
}

/* Entries in the order of their keys as text, so that equal maps look alike. */
static bool format_map(struct format *format, const struct cel_value *map)
{
    struct formatted_entry *entries = ARENA_ARRAY(format->run->arena, struct formatted_entry, map->as.map.count);

    for (size_t i = 0; i < map->as.map.count; i++) {
        struct format key = {.run = format->run};
        bool done = format_value(&key, &map->as.map.entries[i].key);

        entries[i] = (struct formatted_entry){strbuf_copy(&key.out, format->run->arena), &map->as.map.entries[i].value};
        strbuf_free(&key.out);
        if (!done)
            return false;
    }
    if (map->as.map.count)
        qsort(entries, map->as.map.count, sizeof(entries[0]), order_entries);
    strbuf_append_char(&format->out, '{');
    for (size_t i = 0; i < map->as.map.count; i++) {
        if (i)
            strbuf_append_text(&format->out, ", ");
        strbuf_append_str(&format->out, entries[i].key);
        strbuf_append_text(&format->out, ": ");
        if (!format_value(format, entries[i].value))
            return false;
    }
    strbuf_append_char(&format->out, '}');
    return true;
}

/* Bytes as text, with U+FFFD for what is no UTF-8. */
static void format_bytes(struct format *format, struct str bytes)
{
    for (size_t at = 0; at < bytes.len;)
        cel_utf8_append(&format->out, cel_utf8_next(bytes, &at));
}

/* %s */
static bool format_value(struct format *format, const struct cel_value *value)
{
    switch (value->kind) {
    case CEL_STRING:
    case CEL_DECIMAL:
    case CEL_TYPE:
        strbuf_append_str(&format->out, value->as.text);
        break;
    case CEL_BYTES:
        if (!cel_charge_bytes(format->run, value->as.text.len))
            return false;
        format_bytes(format, value->as.text);
        break;
    case CEL_DOUBLE:
        cel_double_print(value->as.real, &format->out);
        break;
    case CEL_UINT:
        strbuf_printf(&format->out, "%" PRIu64, value->as.uinteger);
        break;
    case CEL_TIMESTAMP:
        cel_timestamp_print(value, &format->out);
        break;
    case CEL_DURATION:
        cel_duration_print(value, &format->out);
        break;
    case CEL_LIST:
        return pay(format) && format_list(format, value);
    case CEL_MAP:
        return pay(format) && format_map(format, value);
    case CEL_OPTIONAL:
        return fail_clause(format, 's', value);
    case CEL_NULL:
    case CEL_BOOL:
    case CEL_INT:
        cel_print(value, &format->out);
        break;
    }
    return pay(format);
}

/* %d */
static bool format_number(struct format *format, const struct cel_value *value)
{
    return cel_is_number(value) ? format_value(format, value) : fail_clause(format, 'd', value);
}

/* %f %e: of doubles, and of the other numbers as doubles. */
static bool format_real(struct format *format, char clause, int precision, const struct cel_value *value)
{
    double real = 0;

    if (!cel_is_number(value))
        return fail_clause(format, clause, value);
    if (value->kind == CEL_DECIMAL) {
        if (!cel_charge_bytes(format->run, value->as.text.len))
            return false;
        if (!cel_double_read(value->as.text, &real))
            return cel_fail(format->run, "the value is out of the range of double");
    } else {
        real = value->kind == CEL_INT    ? (double)value->as.integer
               : value->kind == CEL_UINT ? (double)value->as.uinteger
                                         : value->as.real;
    }
    if (!isfinite(real))
        cel_double_print(real, &format->out);
    else if (clause == 'f')
        strbuf_printf(&format->out, "%.*f", precision, real);
    else
        strbuf_printf(&format->out, "%.*e", precision, real);
    return pay(format);
}

static void append_digits(struct strbuf *out, uint64_t value, unsigned base, bool upper)
{
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    char buffer[64];
    size_t at = sizeof(buffer);

    do {
        buffer[--at] = digits[value % base];
        value /= base;
    } while (value);
    strbuf_append(out, buffer + at, sizeof(buffer) - at);
}

/* %b %o %x %X */
static bool format_base(struct format *format, char clause, const struct cel_value *value)
{
    unsigned base = clause == 'b' ? 2 : clause == 'o' ? 8 : 16;
    const char *digits = clause == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    uint64_t magnitude;

    if (base == 16 && (value->kind == CEL_STRING || value->kind == CEL_BYTES)) {
        if (!cel_charge_bytes(format->run, 2 * value->as.text.len))
            return false;
        for (size_t i = 0; i < value->as.text.len; i++) {
            strbuf_append_char(&format->out, digits[(unsigned char)value->as.text.data[i] >> 4]);
            strbuf_append_char(&format->out, digits[value->as.text.data[i] & 15]);
        }
        return pay(format);
    }
    if (base == 2 && value->kind == CEL_BOOL)
        magnitude = value->as.boolean;
    else if (value->kind == CEL_UINT)
        magnitude = value->as.uinteger;
    else if (value->kind == CEL_INT)
        magnitude = value->as.integer < 0 ? 0 - (uint64_t)value->as.integer : (uint64_t)value->as.integer;
    else
        return fail_clause(format, clause, value);
    if (value->kind == CEL_INT && value->as.integer < 0)
        strbuf_append_char(&format->out, '-');
    append_digits(&format->out, magnitude, base, clause == 'X');
    return pay(format);
}

static bool format_clause(struct format *format, char clause, int precision, const struct cel_value *value)
{
    switch (clause) {
    case 's':
        return format_value(format, value);
    case 'd':
        return format_number(format, value);
    case 'f':
    case 'e':
        return format_real(format, clause, precision < 0 ? PRECISION_DEFAULT : precision, value);
    case 'b':
    case 'o':
    case 'x':
    case 'X':
        return format_base(format, clause, value);
    default:
        cel_fail(format->run, "unknown clause '%%%c' in a format", clause >= ' ' && clause < 0x7F ? clause : '?');
        return cel_fail_help(format->run, "known are %%s %%d %%f %%e %%b %%o %%x %%X and %%%%");
    }
}

/* ".3" behind the '%'; -1 when there is none. */
static bool read_precision(struct format *format, struct str text, size_t *at, int *precision)
{
    *precision = -1;
    if (*at >= text.len || text.data[*at] != '.')
        return true;
    *precision = 0;
    for (++*at; *at < text.len && text.data[*at] >= '0' && text.data[*at] <= '9'; ++*at) {
        *precision = *precision * 10 + (text.data[*at] - '0');
        if (*precision > PRECISION_MAX)
            return cel_fail(format->run, "a precision of more than %d", PRECISION_MAX);
    }
    return true;
}

static bool format_all(struct format *format, struct str text, const struct cel_value *list)
{
    size_t used = 0;
    int precision;

    for (size_t at = 0; at < text.len;) {
        if (text.data[at] != '%') {
            strbuf_append_char(&format->out, text.data[at++]);
            continue;
        }
        at++;
        if (at < text.len && text.data[at] == '%') {
            strbuf_append_char(&format->out, text.data[at++]);
            continue;
        }
        if (!read_precision(format, text, &at, &precision))
            return false;
        if (at == text.len)
            return cel_fail(format->run, "the format ends in the middle of a clause");
        if (used == list->as.list.count)
            return cel_fail(format->run, "the format has more clauses than the list has elements (%zu)", used);
        if (!format_clause(format, text.data[at++], precision, &list->as.list.items[used++]))
            return false;
    }
    return true;
}

bool cel_text_format(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    struct format format = {.run = run};

    (void)count;
    if (!cel_charge_bytes(run, args[0].as.text.len) || !format_all(&format, args[0].as.text, &args[1])) {
        strbuf_free(&format.out);
        return false;
    }
    return cel_make_text_from(run, CEL_STRING, &format.out, out);
}
