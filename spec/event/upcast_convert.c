#include <stdlib.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/base64.h"
#include "spec/base/decimal.h"
#include "spec/event/upcast_op.h"

static const char *const names[UPCAST_CONVERSION_COUNT] = {
    [UPCAST_TO_STRING] = "string",
    [UPCAST_TO_NUMBER] = "number",
    [UPCAST_TO_INTEGER] = "integer",
    [UPCAST_TO_BOOLEAN] = "boolean",
    [UPCAST_TO_BINARY] = "binary",
    [UPCAST_TO_LIST] = "list",
    [UPCAST_TO_STRING_SET] = "string_set",
    [UPCAST_TO_NUMBER_SET] = "number_set",
    [UPCAST_TO_BINARY_SET] = "binary_set",
};

bool upcast_conversion_from_name(struct str name, enum upcast_conversion *out)
{
    for (size_t i = 0; i < UPCAST_CONVERSION_COUNT; i++) {
        if (str_is(name, names[i])) {
            *out = (enum upcast_conversion)i;
            return true;
        }
    }
    return false;
}

const char *upcast_conversion_name(enum upcast_conversion conversion)
{
    return names[conversion];
}

static bool is_set(enum upcast_conversion kind)
{
    return kind == UPCAST_TO_STRING_SET || kind == UPCAST_TO_NUMBER_SET || kind == UPCAST_TO_BINARY_SET;
}

static bool is_number(enum upcast_conversion kind)
{
    return kind == UPCAST_TO_NUMBER || kind == UPCAST_TO_INTEGER;
}

bool upcast_conversion_possible(enum upcast_conversion from, enum upcast_conversion to)
{
    if (from == to || (is_number(from) && is_number(to)))
        return true;
    switch (to) {
    case UPCAST_TO_STRING:
        return is_number(from) || from == UPCAST_TO_BOOLEAN || from == UPCAST_TO_BINARY;
    case UPCAST_TO_NUMBER:
    case UPCAST_TO_INTEGER:
        return from == UPCAST_TO_STRING || from == UPCAST_TO_BOOLEAN;
    case UPCAST_TO_BOOLEAN:
        return from == UPCAST_TO_STRING || is_number(from);
    case UPCAST_TO_BINARY:
        return from == UPCAST_TO_STRING;
    case UPCAST_TO_LIST:
        return is_set(from);
    default:
        return from == UPCAST_TO_LIST;
    }
}

const char *upcast_conversion_loss(enum upcast_conversion from, enum upcast_conversion to)
{
    if (from == UPCAST_TO_STRING && is_number(to))
        return "how the text wrote the number ('007' and '7' become the same)";
    if (from == UPCAST_TO_LIST && is_set(to))
        return "the order of the list";
    return NULL;
}

bool upcast_is_kind(const struct event_value *value, enum upcast_conversion kind)
{
    static const enum event_type types[UPCAST_CONVERSION_COUNT] = {
        [UPCAST_TO_STRING] = EVENT_STRING,
        [UPCAST_TO_NUMBER] = EVENT_NUMBER,
        [UPCAST_TO_INTEGER] = EVENT_NUMBER,
        [UPCAST_TO_BOOLEAN] = EVENT_BOOL,
        [UPCAST_TO_BINARY] = EVENT_BINARY,
        [UPCAST_TO_LIST] = EVENT_LIST,
        [UPCAST_TO_STRING_SET] = EVENT_STRING_SET,
        [UPCAST_TO_NUMBER_SET] = EVENT_NUMBER_SET,
        [UPCAST_TO_BINARY_SET] = EVENT_BINARY_SET,
    };
    struct decimal number;

    if (value->type != types[kind])
        return false;
    return kind != UPCAST_TO_INTEGER || (decimal_parse(value->text, &number) && decimal_is_integer(&number));
}

static bool to_string(struct arena *arena, const struct event_value *value, const struct event_value **out)
{
    switch (value->type) {
    case EVENT_NUMBER:
        *out = upcast_new_string(arena, value->text);
        return true;
    case EVENT_BOOL:
        *out = upcast_new_string(arena, value->boolean ? STR("true") : STR("false"));
        return true;
    case EVENT_BINARY:
        *out = upcast_new_string(arena, base64_encode(arena, value->text));
        return true;
    default:
        return false;
    }
}

static bool to_number(struct arena *arena, const struct event_value *value, bool integer,
    const struct event_value **out, const char **why)
{
    struct decimal number;

    if (value->type == EVENT_BOOL) {
        *out = upcast_new_number(arena, value->boolean ? STR("1") : STR("0"));
        return true;
    }
    if (value->type != EVENT_STRING && value->type != EVENT_NUMBER)
        return false;
    if (!decimal_parse(value->text, &number)) {
        *why = "its text is not a number";
        return false;
    }
    if (value->type == EVENT_STRING && !decimal_is_storable(&number)) {
        *why = "its text is a number of more than 38 digits or out of range";
        return false;
    }
    if (integer && !decimal_is_integer(&number)) {
        *why = "it has a fraction";
        return false;
    }
    /* A number stays as it is. */
    *out = value->type == EVENT_NUMBER ? value : upcast_new_number(arena, value->text);
    return true;
}

static bool to_boolean(
    struct arena *arena, const struct event_value *value, const struct event_value **out, const char **why)
{
    struct event_value *result = ARENA_NEW(arena, struct event_value);
    struct decimal number;

    result->type = EVENT_BOOL;
    *out = result;
    if (value->type == EVENT_STRING) {
        result->boolean = str_is(value->text, "true");
        *why = "its text is neither 'true' nor 'false'";
        return result->boolean || str_is(value->text, "false");
    }
    if (value->type != EVENT_NUMBER || !decimal_parse(value->text, &number))
        return false;
    *why = "it is neither 0 nor 1";
    result->boolean = number.digit_count > 0;
    return !number.digit_count ||
           (number.digit_count == 1 && number.digits.data[0] == '1' && !number.exponent && !number.negative);
}

static bool to_set(struct arena *arena, const struct event_value *value, enum event_type set_type,
    enum event_type item_type, const struct event_value **out, const char **why)
{
    struct event_value *result = ARENA_NEW(arena, struct event_value);
    const struct event_value **sorted;

    if (value->type != EVENT_LIST)
        return false;
    *why = "a set cannot be empty";
    if (!value->count)
        return false;
    sorted = ARENA_ARRAY(arena, const struct event_value *, value->count);
    memcpy(sorted, value->items, value->count * sizeof(*sorted));
    for (size_t i = 0; i < value->count; i++) {
        *why = "the list has an element of another type";
        if (sorted[i]->type != item_type)
            return false;
    }
    qsort(sorted, value->count, sizeof(*sorted), event_scalar_compare);
    for (size_t i = 1; i < value->count; i++) {
        *why = "the list has the same element twice";
        if (!event_scalar_compare(&sorted[i - 1], &sorted[i]))
            return false;
    }
    *result = *value;
    result->type = set_type;
    *out = result;
    return true;
}

static bool to_list(struct arena *arena, const struct event_value *value, const struct event_value **out)
{
    struct event_value *result = ARENA_NEW(arena, struct event_value);

    if (value->type != EVENT_STRING_SET && value->type != EVENT_NUMBER_SET && value->type != EVENT_BINARY_SET)
        return false;
    *result = *value;
    result->type = EVENT_LIST;
    *out = result;
    return true;
}

bool upcast_convert_value(struct arena *arena, const struct event_value *value, enum upcast_conversion to,
    const struct event_value **out, const char **why)
{
    struct str bytes;

    *why = "values of its type cannot be converted to that";
    if (upcast_is_kind(value, to)) {
        *out = value;
        return true;
    }
    switch (to) {
    case UPCAST_TO_STRING:
        return to_string(arena, value, out);
    case UPCAST_TO_NUMBER:
    case UPCAST_TO_INTEGER:
        return to_number(arena, value, to == UPCAST_TO_INTEGER, out, why);
    case UPCAST_TO_BOOLEAN:
        return to_boolean(arena, value, out, why);
    case UPCAST_TO_BINARY: {
        struct event_value *result = ARENA_NEW(arena, struct event_value);

        if (value->type != EVENT_STRING)
            return false;
        *why = "its text is not base 64";
        if (!base64_decode(arena, value->text, BASE64_STRICT, &bytes))
            return false;
        result->type = EVENT_BINARY;
        result->text = bytes;
        *out = result;
        return true;
    }
    case UPCAST_TO_LIST:
        return to_list(arena, value, out);
    case UPCAST_TO_STRING_SET:
        return to_set(arena, value, EVENT_STRING_SET, EVENT_STRING, out, why);
    case UPCAST_TO_NUMBER_SET:
        return to_set(arena, value, EVENT_NUMBER_SET, EVENT_NUMBER, out, why);
    case UPCAST_TO_BINARY_SET:
        return to_set(arena, value, EVENT_BINARY_SET, EVENT_BINARY, out, why);
    case UPCAST_CONVERSION_COUNT:
        break;
    }
    return false;
}
