/* What is wrong with a value, and the keywords that look at one value alone (JSON Schema validation 2020-12). */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/event/json_schema_run.h"

/* --- reports ------------------------------------------------------------------------------------------------------ */

static void print_instance_pointer(struct arena *arena, const struct schema_at *at, char *out, size_t size)
{
    const char *text = "";

    for (; at->above; at = at->above) {
        const char *step = at->above->value->type == JSON_OBJECT ? schema_pointer_key(arena, "", at->value->key)
                                                                 : schema_pointer_index(arena, "", at->index);

        text = arena_printf(arena, "%s%s", step, text);
    }
    snprintf(out, size, "%s", text);
}

bool schema_run_fail(struct schema_run *run, const struct schema_node *node, const char *keyword,
    const struct schema_at *at, const char *format, ...)
{
    struct json_schema_error *error = run->error;
    va_list ap;

    if (run->quiet || run->stopped)
        return false;
    memset(error, 0, sizeof(*error));
    snprintf(error->schema_pointer, sizeof(error->schema_pointer), "%s%s%s", node->place->pointer, *keyword ? "/" : "",
        keyword);
    print_instance_pointer(run->arena, at, error->instance_pointer, sizeof(error->instance_pointer));
    va_start(ap, format);
    vsnprintf(error->message, sizeof(error->message), format, ap);
    va_end(ap);
    return false;
}

bool schema_run_stop(struct schema_run *run, const struct schema_node *node, const char *keyword,
    const struct schema_at *at, const char *reason)
{
    if (!run->stopped) {
        run->quiet = 0;
        schema_run_fail(run, node, keyword, at, "%s", reason);
        run->stopped = true;
    }
    return false;
}

/* --- any value ---------------------------------------------------------------------------------------------------- */

static bool is_whole(struct str text)
{
    struct decimal number;
    size_t i = 0;

    while (i < text.len && text.data[i] >= '0' && text.data[i] <= '9')
        i++;
    return (i && i == text.len) || (decimal_parse(text, &number) && decimal_is_integer(&number));
}

static bool is_of_types(const struct json *value, unsigned types)
{
    static const unsigned bits[] = {
        [JSON_NULL] = SCHEMA_TYPE_NULL,
        [JSON_FALSE] = SCHEMA_TYPE_BOOLEAN,
        [JSON_TRUE] = SCHEMA_TYPE_BOOLEAN,
        [JSON_NUMBER] = SCHEMA_TYPE_NUMBER,
        [JSON_STRING] = SCHEMA_TYPE_STRING,
        [JSON_ARRAY] = SCHEMA_TYPE_ARRAY,
        [JSON_OBJECT] = SCHEMA_TYPE_OBJECT,
    };

    return (types & bits[value->type]) ||
           ((types & SCHEMA_TYPE_INTEGER) && value->type == JSON_NUMBER && is_whole(value->text));
}

static const char *type_name(const struct json *value)
{
    static const char *const names[] = {
        [JSON_NULL] = "null",
        [JSON_FALSE] = "a boolean",
        [JSON_TRUE] = "a boolean",
        [JSON_NUMBER] = "a number",
        [JSON_STRING] = "a string",
        [JSON_ARRAY] = "an array",
        [JSON_OBJECT] = "an object",
    };

    return names[value->type];
}

bool schema_check_any(struct schema_run *run, const struct schema_node *node, const struct schema_at *at)
{
    const struct json *value = at->value;

    if (node->types && !is_of_types(value, node->types))
        return schema_run_fail(run, node, "type", at, "must be of type %s, and is %s", node->types_text,
            json_is(value, JSON_NUMBER) && !(node->types & SCHEMA_TYPE_NUMBER) && (node->types & SCHEMA_TYPE_INTEGER)
                ? "a number with a fraction"
                : type_name(value));
    if (node->constant && !schema_values_equal(node->constant, value, &run->work))
        return schema_run_fail(run, node, "const", at, "is not the one value that is allowed");
    if (node->enumeration) {
        const struct json *item = node->enumeration->child;

        while (item && !schema_values_equal(item, value, &run->work))
            item = item->next;
        if (!item)
            return schema_run_fail(run, node, "enum", at, "is not one of the values that are allowed");
    }
    return true;
}

/* --- numbers and strings ------------------------------------------------------------------------------------------ */

bool schema_check_number(struct schema_run *run, const struct schema_node *node, const struct schema_at *at)
{
    struct str text = at->value->text;
    struct decimal number;

    if (!decimal_parse(text, &number))
        return schema_run_fail(run, node, "", at, "is not a number");
    if (node->minimum && decimal_compare(&number, node->minimum) < 0)
        return schema_run_fail(run, node, "minimum", at, "is less than the minimum");
    if (node->exclusive_minimum && decimal_compare(&number, node->exclusive_minimum) <= 0)
        return schema_run_fail(run, node, "exclusiveMinimum", at, "is not more than the exclusive minimum");
    if (node->maximum && decimal_compare(&number, node->maximum) > 0)
        return schema_run_fail(run, node, "maximum", at, "is more than the maximum");
    if (node->exclusive_maximum && decimal_compare(&number, node->exclusive_maximum) >= 0)
        return schema_run_fail(run, node, "exclusiveMaximum", at, "is not less than the exclusive maximum");
    if (node->multiple_of) {
        /* Each digit costs a few dozen steps. */
        if (!schema_run_spend(run, node, at, text.len))
            return false;
        if (!decimal_is_multiple(&number, node->multiple_of))
            return schema_run_fail(run, node, "multipleOf", at, "is not a multiple of what it must be");
    }
    return true;
}

bool schema_run_matches(struct schema_run *run, const struct schema_node *node, const char *keyword,
    const struct regex *pattern, struct str text, const struct schema_at *at)
{
    uint64_t work = REGEX_WORK_MAX;
    enum regex_result result = regex_search(pattern, text, &work);

    if (result == REGEX_LIMIT)
        return schema_run_stop(run, node, keyword, at, "matching the pattern takes too much work");
    return schema_run_spend(run, node, at, (size_t)(REGEX_WORK_MAX - work)) && result == REGEX_MATCH;
}

bool schema_check_string(struct schema_run *run, const struct schema_node *node, const struct schema_at *at)
{
    struct str text = at->value->text;

    if (node->min_length || node->max_length != SIZE_MAX) {
        size_t length = utf8_count(text.data, text.len);

        if (length < node->min_length)
            return schema_run_fail(
                run, node, "minLength", at, "has %zu characters, and needs at least %zu", length, node->min_length);
        if (length > node->max_length)
            return schema_run_fail(
                run, node, "maxLength", at, "has %zu characters, and may have %zu", length, node->max_length);
    }
    if (node->pattern && !schema_run_matches(run, node, "pattern", node->pattern, text, at))
        return schema_run_fail(run, node, "pattern", at, "does not match the pattern");
    return true;
}
