#include <inttypes.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/cel/number.h"
#include "spec/cel/run.h"
#include "spec/cel/time.h"
#include "spec/cel/utf8.h"

const char *cel_kind_name(enum cel_kind kind)
{
    static const char *const names[] = {
        [CEL_NULL] = "null_type",
        [CEL_BOOL] = "bool",
        [CEL_INT] = "int",
        [CEL_UINT] = "uint",
        [CEL_DOUBLE] = "double",
        [CEL_DECIMAL] = "decimal",
        [CEL_STRING] = "string",
        [CEL_BYTES] = "bytes",
        [CEL_LIST] = "list",
        [CEL_MAP] = "map",
        [CEL_TIMESTAMP] = "google.protobuf.Timestamp",
        [CEL_DURATION] = "google.protobuf.Duration",
        [CEL_TYPE] = "type",
        [CEL_OPTIONAL] = "optional_type",
    };

    return names[kind];
}

/* run may be NULL: then nothing is charged and nothing fails. */
static bool charge(struct cel_run *run, uint64_t units)
{
    return !run || cel_charge(run, units);
}

static bool equal(struct cel_run *run, const struct cel_value *a, const struct cel_value *b, bool *out);

static bool is_name_key(const struct cel_value *key)
{
    return key->kind == CEL_STRING;
}

static bool lookup(
    struct cel_run *run, const struct cel_value *map, const struct cel_value *key, const struct cel_value **found)
{
    *found = NULL;
    /* Comparing names is several times cheaper than a step of the evaluator. */
    if (is_name_key(key) && !charge(run, map->as.map.count / 8))
        return false;
    for (size_t i = 0; i < map->as.map.count; i++) {
        const struct cel_entry *entry = &map->as.map.entries[i];
        bool same;

        if (is_name_key(key)) {
            same = is_name_key(&entry->key) && str_equal(key->as.text, entry->key.as.text);
        } else if (!equal(run, key, &entry->key, &same)) {
            return false;
        }
        if (same) {
            *found = &entry->value;
            break;
        }
    }
    return true;
}

static bool equal_lists(struct cel_run *run, const struct cel_value *a, const struct cel_value *b, bool *out)
{
    *out = a->as.list.count == b->as.list.count;
    for (size_t i = 0; *out && i < a->as.list.count; i++)
        if (!equal(run, &a->as.list.items[i], &b->as.list.items[i], out))
            return false;
    return true;
}

static bool equal_maps(struct cel_run *run, const struct cel_value *a, const struct cel_value *b, bool *out)
{
    *out = a->as.map.count == b->as.map.count;
    for (size_t i = 0; *out && i < a->as.map.count; i++) {
        const struct cel_entry *entry = &a->as.map.entries[i];
        const struct cel_value *other;

        if (!lookup(run, b, &entry->key, &other))
            return false;
        *out = other;
        if (other && !equal(run, &entry->value, other, out))
            return false;
    }
    return true;
}

static bool equal_texts(struct cel_run *run, struct str a, struct str b, bool *out)
{
    *out = str_equal(a, b);
    return charge(run, a.len == b.len ? a.len / 64 : 0);
}

static bool equal(struct cel_run *run, const struct cel_value *a, const struct cel_value *b, bool *out)
{
    *out = false;
    if (!charge(run, 1))
        return false;
    if (cel_is_number(a) && cel_is_number(b)) {
        if (a->kind == CEL_DECIMAL && b->kind == CEL_DECIMAL && str_equal(a->as.text, b->as.text)) {
            *out = true;
            return charge(run, a->as.text.len / 64);
        }
        *out = cel_number_compare(a, b) == 0;
        return charge(run, cel_number_compare_cost(a, b));
    }
    if (a->kind != b->kind)
        return true;
    switch (a->kind) {
    case CEL_NULL:
        *out = true;
        return true;
    case CEL_BOOL:
        *out = a->as.boolean == b->as.boolean;
        return true;
    case CEL_STRING:
    case CEL_BYTES:
    case CEL_TYPE:
        return equal_texts(run, a->as.text, b->as.text, out);
    case CEL_LIST:
        return equal_lists(run, a, b, out);
    case CEL_MAP:
        return equal_maps(run, a, b, out);
    case CEL_TIMESTAMP:
    case CEL_DURATION:
        *out = a->as.time.seconds == b->as.time.seconds && a->as.time.nanos == b->as.time.nanos;
        return true;
    case CEL_OPTIONAL:
        if (a->as.inner && b->as.inner)
            return equal(run, a->as.inner, b->as.inner, out);
        *out = !a->as.inner && !b->as.inner;
        return true;
    case CEL_INT:
    case CEL_UINT:
    case CEL_DOUBLE:
    case CEL_DECIMAL:
        break;
    }
    return true;
}

bool cel_run_equal(struct cel_run *run, const struct cel_value *a, const struct cel_value *b, bool *out)
{
    return equal(run, a, b, out);
}

bool cel_run_lookup(
    struct cel_run *run, const struct cel_value *map, const struct cel_value *key, const struct cel_value **found)
{
    return lookup(run, map, key, found);
}

bool cel_equal(const struct cel_value *a, const struct cel_value *b)
{
    bool out;

    return equal(NULL, a, b, &out) && out;
}

bool cel_run_charge_size(struct cel_run *run, const struct cel_value *value)
{
    switch (value->kind) {
    case CEL_STRING:
    case CEL_BYTES:
    case CEL_DECIMAL:
    case CEL_TYPE:
        return cel_charge(run, 1 + value->as.text.len / 64);
    case CEL_LIST:
        if (!cel_charge(run, 1))
            return false;
        for (size_t i = 0; i < value->as.list.count; i++)
            if (!cel_run_charge_size(run, &value->as.list.items[i]))
                return false;
        return true;
    case CEL_MAP:
        if (!cel_charge(run, 1))
            return false;
        for (size_t i = 0; i < value->as.map.count; i++)
            if (!cel_run_charge_size(run, &value->as.map.entries[i].key) ||
                !cel_run_charge_size(run, &value->as.map.entries[i].value))
                return false;
        return true;
    case CEL_OPTIONAL:
        return cel_charge(run, 1) && (!value->as.inner || cel_run_charge_size(run, value->as.inner));
    default:
        return cel_charge(run, 1);
    }
}

/* As a literal of the language. Bytes that are no ASCII are escaped in bytes, control characters in both. */
static void print_quoted(struct strbuf *out, struct str text, bool bytes)
{
    static const char names[] = "abtnvfr"; /* of the codes 7 to 13 */

    strbuf_append_text(out, bytes ? "b\"" : "\"");
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (c == '"' || c == '\\')
            strbuf_printf(out, "\\%c", c);
        else if (c >= 7 && c <= 13)
            strbuf_printf(out, "\\%c", names[c - 7]);
        else if (c < 0x20 || c == 0x7F || (bytes && c >= 0x80))
            strbuf_printf(out, "\\x%02x", c);
        else
            strbuf_append_char(out, (char)c);
    }
    strbuf_append_char(out, '"');
}

static void print_double(double real, struct strbuf *out)
{
    struct strbuf text = STRBUF_INIT;

    cel_double_print(real, &text);
    if (strpbrk(text.data, "Nn"))
        strbuf_printf(out, "double(\"%s\")", text.data);
    else
        strbuf_printf(out, strchr(text.data, '.') ? "%s" : "%s.0", text.data);
    strbuf_free(&text);
}

static void print_map(const struct cel_value *map, struct strbuf *out)
{
    strbuf_append_char(out, '{');
    for (size_t i = 0; i < map->as.map.count; i++) {
        if (i)
            strbuf_append_text(out, ", ");
        cel_print(&map->as.map.entries[i].key, out);
        strbuf_append_text(out, ": ");
        cel_print(&map->as.map.entries[i].value, out);
    }
    strbuf_append_char(out, '}');
}

static void print_list(const struct cel_value *list, struct strbuf *out)
{
    strbuf_append_char(out, '[');
    for (size_t i = 0; i < list->as.list.count; i++) {
        if (i)
            strbuf_append_text(out, ", ");
        cel_print(&list->as.list.items[i], out);
    }
    strbuf_append_char(out, ']');
}

void cel_print(const struct cel_value *value, struct strbuf *out)
{
    switch (value->kind) {
    case CEL_NULL:
        strbuf_append_text(out, "null");
        break;
    case CEL_BOOL:
        strbuf_append_text(out, value->as.boolean ? "true" : "false");
        break;
    case CEL_INT:
        strbuf_printf(out, "%" PRId64, value->as.integer);
        break;
    case CEL_UINT:
        strbuf_printf(out, "%" PRIu64 "u", value->as.uinteger);
        break;
    case CEL_DOUBLE:
        print_double(value->as.real, out);
        break;
    case CEL_DECIMAL:
    case CEL_TYPE:
        strbuf_append_str(out, value->as.text);
        break;
    case CEL_STRING:
        print_quoted(out, value->as.text, false);
        break;
    case CEL_BYTES:
        print_quoted(out, value->as.text, true);
        break;
    case CEL_LIST:
        print_list(value, out);
        break;
    case CEL_MAP:
        print_map(value, out);
        break;
    case CEL_TIMESTAMP:
        strbuf_append_text(out, "timestamp(\"");
        cel_timestamp_print(value, out);
        strbuf_append_text(out, "\")");
        break;
    case CEL_DURATION:
        strbuf_append_text(out, "duration(\"");
        cel_duration_print(value, out);
        strbuf_append_text(out, "\")");
        break;
    case CEL_OPTIONAL:
        strbuf_append_text(out, value->as.inner ? "optional.of(" : "optional.none(");
        if (value->as.inner)
            cel_print(value->as.inner, out);
        strbuf_append_char(out, ')');
        break;
    }
}
