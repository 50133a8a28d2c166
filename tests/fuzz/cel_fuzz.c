/*
 * Compiles and evaluates an arbitrary text as an expression, checked and unchecked, against variables of many types.
 * Beyond not crashing: positions of errors lie inside the text, the same evaluation gives the same value, a value
 * has the static type that the checker promised, and an evaluation that may cost less fails or gives the same value.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/bug.h"
#include "spec/cel/cel.h"
#include "spec/cel/type.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { COST_LIMIT = 20000, CUTS = 24 };

static const struct cel_type strings = {.kind = CEL_TYPE_LIST, .of = &cel_type_string};
static const struct cel_type decimals = {.kind = CEL_TYPE_LIST, .of = &cel_type_decimal};
static const struct cel_type counts = {.kind = CEL_TYPE_MAP, .key = &cel_type_string, .of = &cel_type_int};
static const struct cel_type optional_int = {.kind = CEL_TYPE_OPTIONAL, .of = &cel_type_int};
static struct cel_field fields[] = {
    {"sku", &cel_type_string},
    {"price", &cel_type_decimal},
    {"tags", &strings},
    {"prices", &decimals},
    {"self", NULL},
    {"any", &cel_type_dyn},
};
static struct cel_type object = {.kind = CEL_TYPE_OBJECT, .fields = fields, .field_count = 6};

static const struct cel_variable variables[] = {
    {"event", &object},
    {"i", &cel_type_int},
    {"u", &cel_type_uint},
    {"d", &cel_type_double},
    {"n", &cel_type_decimal},
    {"s", &cel_type_string},
    {"b", &cel_type_bytes},
    {"t", &cel_type_timestamp},
    {"r", &cel_type_duration},
    {"m", &counts},
    {"o", &optional_int},
    {"x", &cel_type_dyn},
    {"a.b", &cel_type_bool},
    {"ns.v", &cel_type_int},
    {"unbound", &cel_type_int},
};

static struct cel_value text_value(enum cel_kind kind, const char *text)
{
    return (struct cel_value){.kind = kind, .as.text = str_from(text)};
}

static size_t make_bindings(struct cel_binding *out)
{
    static struct cel_value tags[3], prices[2], inner;
    static struct cel_entry entries[6], counted[2];
    const struct cel_value empty = {.kind = CEL_MAP};
    size_t count = 0;

    for (size_t i = 0; i < 3; i++)
        tags[i] = text_value(CEL_STRING, i ? "é" : "red");
    prices[0] = text_value(CEL_DECIMAL, "1.50");
    prices[1] = text_value(CEL_DECIMAL, "12345678901234567890123456789012345678");
    inner = (struct cel_value){.kind = CEL_INT, .as.integer = 7};
    entries[0] = (struct cel_entry){text_value(CEL_STRING, "sku"), text_value(CEL_STRING, "A-1")};
    entries[1] = (struct cel_entry){text_value(CEL_STRING, "price"), text_value(CEL_DECIMAL, "19.90")};
    entries[2] = (struct cel_entry){text_value(CEL_STRING, "tags"), {.kind = CEL_LIST, .as.list = {tags, 3}}};
    entries[3] = (struct cel_entry){text_value(CEL_STRING, "prices"), {.kind = CEL_LIST, .as.list = {prices, 2}}};
    entries[4] = (struct cel_entry){text_value(CEL_STRING, "self"), empty};
    entries[5] = (struct cel_entry){text_value(CEL_STRING, "any"), {.kind = CEL_NULL}};
    for (int64_t i = 0; i < 2; i++)
        counted[i] = (struct cel_entry){text_value(CEL_STRING, i ? "k" : "l"), {.kind = CEL_INT, .as.integer = i}};
    out[count++] = (struct cel_binding){"event", {.kind = CEL_MAP, .as.map = {entries, 6}}};
    out[count++] = (struct cel_binding){"i", {.kind = CEL_INT, .as.integer = -3}};
    out[count++] = (struct cel_binding){"u", {.kind = CEL_UINT, .as.uinteger = UINT64_MAX}};
    out[count++] = (struct cel_binding){"d", {.kind = CEL_DOUBLE, .as.real = 0.1}};
    out[count++] = (struct cel_binding){"n", text_value(CEL_DECIMAL, "-2.5e-7")};
    out[count++] = (struct cel_binding){"s", text_value(CEL_STRING, "héllo wörld")};
    out[count++] = (struct cel_binding){"b", text_value(CEL_BYTES, "\xff\x01z")};
    out[count++] = (struct cel_binding){"t", {.kind = CEL_TIMESTAMP, .as.time = {1234567890, 123456789}}};
    out[count++] = (struct cel_binding){"r", {.kind = CEL_DURATION, .as.time = {-90, -500000000}}};
    out[count++] = (struct cel_binding){"m", {.kind = CEL_MAP, .as.map = {counted, 2}}};
    out[count++] = (struct cel_binding){"o", {.kind = CEL_OPTIONAL, .as.inner = &inner}};
    out[count++] = (struct cel_binding){"x", {.kind = CEL_LIST, .as.list = {prices, 2}}};
    out[count++] = (struct cel_binding){"a.b", {.kind = CEL_BOOL, .as.boolean = true}};
    out[count++] = (struct cel_binding){"ns.v", {.kind = CEL_INT, .as.integer = INT64_MIN}};
    return count;
}

static bool has_type(const struct cel_value *value, const struct cel_type *type)
{
    if (type->kind == CEL_TYPE_DYN)
        return true;
    if (type->kind == CEL_TYPE_OBJECT)
        return value->kind == CEL_MAP;
    if (cel_type_of_kind(value->kind)->kind != type->kind)
        return false;
    if (value->kind == CEL_LIST)
        for (size_t i = 0; i < value->as.list.count; i++)
            if (!has_type(&value->as.list.items[i], type->of))
                return false;
    if (value->kind == CEL_MAP)
        for (size_t i = 0; i < value->as.map.count; i++)
            if (!has_type(&value->as.map.entries[i].key, type->key) ||
                !has_type(&value->as.map.entries[i].value, type->of))
                return false;
    return value->kind != CEL_OPTIONAL || !value->as.inner || has_type(value->as.inner, type->of);
}

static void check_error(const struct cel_error *error, size_t size)
{
    if (error->message[0] == '\0' || error->start > error->end || error->end > size + 1)
        BUG("error '%s' at %zu to %zu of %zu", error->message, error->start, error->end, size);
}

static void check_value(const struct cel_value *value, struct strbuf *printed)
{
    strbuf_clear(printed);
    cel_print(value, printed);
    if (utf8_invalid_at(printed->data, printed->len) != printed->len)
        BUG("the value is printed as invalid UTF-8");
}

/* Every place that charges sees the cost run out, and so the evaluation end there. */
static void cut_short(const struct cel_program *program, struct arena *arena, const struct cel_binding *bindings,
    size_t count, struct str expected)
{
    struct strbuf printed = STRBUF_INIT;
    struct cel_value value;
    struct cel_error error;

    for (uint64_t limit = 0; limit < CUTS; limit++) {
        if (!cel_eval(program, arena, bindings, count, limit, &value, &error))
            continue;
        check_value(&value, &printed);
        if (!str_equal(strbuf_view(&printed), expected))
            BUG("the value depends on what the evaluation may cost");
        break;
    }
    strbuf_free(&printed);
}

static void run(struct str text, bool unchecked)
{
    struct arena arena = ARENA_INIT;
    struct cel_binding bindings[16];
    size_t count = make_bindings(bindings);
    struct cel_env env = {.variables = variables,
        .variable_count = sizeof(variables) / sizeof(variables[0]),
        .container = "ns.inner",
        .unchecked = unchecked};
    const struct cel_type *type = NULL;
    struct cel_value value;
    struct cel_error error;
    struct strbuf first = STRBUF_INIT, second = STRBUF_INIT;
    struct cel_program *program = cel_compile(&arena, &env, text, &type, &error);

    if (!program) {
        check_error(&error, text.len);
    } else if (!cel_eval(program, &arena, bindings, count, COST_LIMIT, &value, &error)) {
        check_error(&error, text.len);
    } else {
        if (!unchecked && !has_type(&value, type))
            BUG("a %s where the check promised %s", cel_kind_name(value.kind), cel_type_print(&arena, type));
        check_value(&value, &first);
        if (!cel_eval(program, &arena, bindings, count, COST_LIMIT, &value, &error))
            BUG("the second evaluation fails: %s", error.message);
        check_value(&value, &second);
        if (!str_equal(strbuf_view(&first), strbuf_view(&second)))
            BUG("the second evaluation differs");
        cut_short(program, &arena, bindings, count, strbuf_view(&first));
    }
    strbuf_free(&first);
    strbuf_free(&second);
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};

    fields[4].type = &object; /* a type that holds itself */
    run(text, false);
    run(text, true);
    return 0;
}
