/* Types, values, numbers and strings. */
#include <string.h>

#include "spec/base/arena.h"
#include "spec/event/compat_set.h"

static const char *type_words(const struct compat *compat, unsigned types)
{
    static const char *const names[] = {"null", "boolean", "object", "array", "string", "integer", "number"};
    const char *text = "";

    /* Whole numbers and others together are "number". */
    if (types & COMPAT_FRACTION)
        types &= ~(unsigned)COMPAT_INTEGER;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (types >> i & 1)
            text = *text ? arena_printf(compat->arena, "%s, %s", text, names[i]) : names[i];
    }
    return text;
}

static bool check_types(struct compat *compat, const struct compat_old *old, const struct json *schema)
{
    unsigned lost;

    if (!json_get(schema, "type"))
        return true;
    lost = old->types & ~compat_types_of(schema);
    /* What an enum leaves out is the enum's finding. */
    if (json_get(schema, "enum") || json_get(schema, "const")) {
        struct json only_type = {.type = JSON_OBJECT};
        struct json type = *json_get(schema, "type");

        type.next = NULL;
        only_type.child = only_type.last = &type;
        only_type.count = 1;
        lost = old->types & ~compat_types_of(&only_type);
    }
    if (!lost)
        return true;
    return compat_find(compat, lost == old->types ? "type_changed" : "type_narrowed",
        compat_old_pointer(compat, old, "type"), compat_pointer(compat, compat->new_set, schema, "type"),
        "allow the earlier types as well, or put the new meaning under a new name",
        "values of type %s were allowed before and are not any more", type_words(compat, lost));
}

/* Only null, true and false are few enough to be listed without an enum. */
static bool check_new_values(struct compat *compat, const struct compat_old *old, const struct json *schema)
{
    static const enum json_type candidates[] = {JSON_NULL, JSON_FALSE, JSON_TRUE};
    const char *keyword = json_get(schema, "const") ? "const" : "enum";
    const struct json *values = json_get(schema, keyword);
    bool finite = !(old->types & ~(unsigned)(COMPAT_NULL | COMPAT_BOOLEAN));

    if (!values)
        return true;
    for (size_t i = 0; finite && i < sizeof(candidates) / sizeof(*candidates); i++) {
        struct json value = {.type = candidates[i]};
        struct json_schema_error error;

        if (old->types & (candidates[i] == JSON_NULL ? COMPAT_NULL : COMPAT_BOOLEAN))
            finite = schema_validate_under(compat->new_set, schema, compat->arena, &value, &error);
    }
    return finite || compat_find(compat, "values_restricted", compat_old_pointer(compat, old, ""),
                         compat_pointer(compat, compat->new_set, schema, keyword),
                         "leave the values open, or put the restricted ones under a new name",
                         "'%s' restricts values that were free before", keyword);
}

/* --- numbers ------------------------------------------------------------------------------------------------------ */

static bool number_of(const struct json *value, struct decimal *out)
{
    return json_is(value, JSON_NUMBER) && decimal_parse(value->text, out);
}

/* Does an old bound keep values on the right side of the new one? sign 1: lower bounds, -1: upper bounds. */
static bool bound_holds(const struct compat_old *old, const char *keyword, bool exclusive, const struct decimal *wanted,
    bool wanted_exclusive, int sign)
{
    const struct json *value;
    struct decimal bound;

    for (size_t i = 0; compat_old_with(old, keyword, &i, &value);) {
        int order;

        if (!number_of(value, &bound))
            continue;
        order = decimal_compare(&bound, wanted) * sign;
        if (order > 0 || (!order && (exclusive || !wanted_exclusive)))
            return true;
    }
    return false;
}

static bool check_bound(struct compat *compat, const struct compat_old *old, const struct json *schema,
    const char *keyword, const char *inclusive, const char *exclusive, int sign)
{
    const struct json *value = json_get(schema, keyword);
    bool is_exclusive = !strcmp(keyword, exclusive);
    const struct json *other;
    struct decimal wanted;
    size_t i = 0, k = 0;
    bool had;

    if (!number_of(value, &wanted) || bound_holds(old, inclusive, false, &wanted, is_exclusive, sign) ||
        bound_holds(old, exclusive, true, &wanted, is_exclusive, sign))
        return true;
    had = compat_old_with(old, inclusive, &i, &other) || compat_old_with(old, exclusive, &k, &other);
    return compat_find(compat,
        sign > 0 ? (had ? "minimum_increased" : "minimum_added") : (had ? "maximum_decreased" : "maximum_added"),
        compat_old_pointer(compat, old, i <= old->count && had && k == 0 ? inclusive : exclusive),
        compat_pointer(compat, compat->new_set, schema, keyword), "keep the earlier limit or a wider one",
        "'%s' %.*s refuses numbers that were allowed before", keyword, STR_ARG(value->text));
}

static bool check_multiple(struct compat *compat, const struct compat_old *old, const struct json *schema)
{
    const struct json *value = json_get(schema, "multipleOf");
    const struct json *other;
    struct decimal wanted, before;

    if (!number_of(value, &wanted) || !wanted.digit_count)
        return true;
    for (size_t i = 0; compat_old_with(old, "multipleOf", &i, &other);) {
        if (number_of(other, &before) && decimal_is_multiple(&before, &wanted))
            return true;
    }
    if (!(old->types & COMPAT_FRACTION) && decimal_parse(STR("1"), &before) && decimal_is_multiple(&before, &wanted))
        return true;
    return compat_find(compat, "multiple_changed", compat_old_pointer(compat, old, "multipleOf"),
        compat_pointer(compat, compat->new_set, schema, "multipleOf"),
        "take a divisor of the earlier one, or leave it out",
        "'multipleOf' %.*s refuses numbers that were allowed before", STR_ARG(value->text));
}

/* --- strings ------------------------------------------------------------------------------------------------------ */

static bool check_length(
    struct compat *compat, const struct compat_old *old, const struct json *schema, const char *keyword, int sign)
{
    const struct json *value = json_get(schema, keyword);
    struct decimal wanted, nothing;

    if (!number_of(value, &wanted) || bound_holds(old, keyword, false, &wanted, false, sign))
        return true;
    if (sign > 0 && decimal_parse(STR("0"), &nothing) && !decimal_compare(&wanted, &nothing))
        return true;
    return compat_find(compat, sign > 0 ? "min_length_increased" : "max_length_decreased",
        compat_old_pointer(compat, old, keyword), compat_pointer(compat, compat->new_set, schema, keyword),
        "keep the earlier limit or a wider one", "'%s' %.*s refuses texts that were allowed before", keyword,
        STR_ARG(value->text));
}

static bool check_pattern(struct compat *compat, const struct compat_old *old, const struct json *schema)
{
    const struct json *pattern = json_get(schema, "pattern");
    const struct json *other;
    size_t i = 0;

    if (!json_is(pattern, JSON_STRING) || compat_pattern_is_trivial(pattern->text))
        return true;
    while (compat_old_with(old, "pattern", &i, &other)) {
        if (str_equal(json_text(other), pattern->text))
            return true;
    }
    i = 0;
    return compat_find(compat, compat_old_with(old, "pattern", &i, &other) ? "pattern_changed" : "pattern_added",
        compat_old_pointer(compat, old, "pattern"), compat_pointer(compat, compat->new_set, schema, "pattern"),
        "keep the earlier pattern, or leave it out",
        "'pattern' may refuse texts that were allowed before; patterns are not compared further");
}

bool compat_check_scalars(struct compat *compat, const struct compat_old *old, const struct json *schema)
{
    bool compatible = check_types(compat, old, schema);

    if (!compatible)
        return false;
    compatible = check_new_values(compat, old, schema);
    if (old->types & (COMPAT_INTEGER | COMPAT_FRACTION)) {
        compatible = check_bound(compat, old, schema, "minimum", "minimum", "exclusiveMinimum", 1) && compatible;
        compatible =
            check_bound(compat, old, schema, "exclusiveMinimum", "minimum", "exclusiveMinimum", 1) && compatible;
        compatible = check_bound(compat, old, schema, "maximum", "maximum", "exclusiveMaximum", -1) && compatible;
        compatible =
            check_bound(compat, old, schema, "exclusiveMaximum", "maximum", "exclusiveMaximum", -1) && compatible;
        compatible = check_multiple(compat, old, schema) && compatible;
    }
    if (old->types & COMPAT_STRING) {
        compatible = check_length(compat, old, schema, "minLength", 1) && compatible;
        compatible = check_length(compat, old, schema, "maxLength", -1) && compatible;
        compatible = check_pattern(compat, old, schema) && compatible;
    }
    return compatible;
}
