#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/decimal.h"
#include "spec/event/upcast_op.h"

/* --- values ------------------------------------------------------------------------------------------------------- */

struct cel_value upcast_cel_from_event(struct arena *arena, const struct event_value *value)
{
    struct cel_value result = {.kind = CEL_NULL, .origin = value};

    switch (value->type) {
    case EVENT_NULL:
        break;
    case EVENT_BOOL:
        result.kind = CEL_BOOL;
        result.as.boolean = value->boolean;
        break;
    case EVENT_NUMBER:
        result.kind = CEL_DECIMAL;
        result.as.text = value->text;
        break;
    case EVENT_STRING:
        result.kind = CEL_STRING;
        result.as.text = value->text;
        break;
    case EVENT_BINARY:
        result.kind = CEL_BYTES;
        result.as.text = value->text;
        break;
    case EVENT_LIST:
    case EVENT_STRING_SET:
    case EVENT_NUMBER_SET:
    case EVENT_BINARY_SET: {
        struct cel_value *items = ARENA_ARRAY(arena, struct cel_value, value->count);

        for (size_t i = 0; i < value->count; i++)
            items[i] = upcast_cel_from_event(arena, value->items[i]);
        result.kind = CEL_LIST;
        result.as.list.items = items;
        result.as.list.count = value->count;
        break;
    }
    case EVENT_MAP: {
        struct cel_entry *entries = ARENA_ARRAY(arena, struct cel_entry, value->count);

        for (size_t i = 0; i < value->count; i++) {
            entries[i].key = (struct cel_value){.kind = CEL_STRING, .as.text = value->members[i].name};
            entries[i].value = upcast_cel_from_event(arena, value->members[i].value);
        }
        result.kind = CEL_MAP;
        result.as.map.entries = entries;
        result.as.map.count = value->count;
        break;
    }
    }
    return result;
}

struct cel_value upcast_cel_from_members(
    struct arena *arena, const struct event_value *map, const struct str *names, size_t count)
{
    struct cel_value result = {.kind = CEL_MAP};
    struct cel_entry *entries = count ? ARENA_ARRAY(arena, struct cel_entry, count) : NULL;

    for (size_t i = 0; i < count; i++) {
        const struct event_value *value = event_value_member(map, names[i]);

        if (!value)
            continue;
        entries[result.as.map.count].key = (struct cel_value){.kind = CEL_STRING, .as.text = names[i]};
        entries[result.as.map.count++].value = upcast_cel_from_event(arena, value);
    }
    result.as.map.entries = entries;
    return result;
}

static bool number_to_event(struct arena *arena, struct str text, const struct event_value **out, const char **why)
{
    struct decimal number;

    *why = "the result is a number of more than 38 digits or out of range";
    if (!decimal_parse(text, &number) || !decimal_is_storable(&number))
        return false;
    *out = upcast_new_number(arena, str_copy(arena, text));
    return true;
}

/* The shortest decimal text that reads back as the same double. */
static bool double_to_event(struct arena *arena, double real, const struct event_value **out, const char **why)
{
    char text[40];

    *why = "the result is not a finite number";
    if (!isfinite(real))
        return false;
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, real);
        if (digits == 17 || !(strtod(text, NULL) < real || strtod(text, NULL) > real))
            break;
    }
    return number_to_event(arena, str_from(text), out, why);
}

static bool to_event(
    struct arena *arena, const struct cel_value *value, size_t depth, const struct event_value **out, const char **why);

static bool list_to_event(
    struct arena *arena, const struct cel_value *value, size_t depth, const struct event_value **out, const char **why)
{
    struct event_value *result = ARENA_NEW(arena, struct event_value);
    const struct event_value **items = ARENA_ARRAY(arena, const struct event_value *, value->as.list.count);

    for (size_t i = 0; i < value->as.list.count; i++) {
        if (!to_event(arena, &value->as.list.items[i], depth + 1, &items[i], why))
            return false;
    }
    *result = (struct event_value){.type = EVENT_LIST, .items = items, .count = value->as.list.count};
    *out = result;
    return true;
}

static bool map_to_event(
    struct arena *arena, const struct cel_value *value, size_t depth, const struct event_value **out, const char **why)
{
    struct event_value *result = ARENA_NEW(arena, struct event_value);
    struct event_member *members = ARENA_ARRAY(arena, struct event_member, value->as.map.count);

    for (size_t i = 0; i < value->as.map.count; i++) {
        const struct cel_entry *entry = &value->as.map.entries[i];

        *why = "the result is a map with a key that is not a string";
        if (entry->key.kind != CEL_STRING)
            return false;
        members[i].name = entry->key.as.text;
        if (!to_event(arena, &entry->value, depth + 1, &members[i].value, why))
            return false;
    }
    *result = (struct event_value){.type = EVENT_MAP, .members = members, .count = value->as.map.count};
    *out = result;
    return true;
}

static bool to_event(
    struct arena *arena, const struct cel_value *value, size_t depth, const struct event_value **out, const char **why)
{
    struct event_value *result;
    char text[32];

    /* Handed on unchanged: the original, byte for byte. */
    if (value->origin) {
        *out = value->origin;
        return true;
    }
    *why = "the result nests deeper than an item can";
    if (depth > UPCAST_VALUE_DEPTH_MAX)
        return false;
    result = ARENA_NEW(arena, struct event_value);
    *out = result;
    switch (value->kind) {
    case CEL_NULL:
        return true;
    case CEL_BOOL:
        result->type = EVENT_BOOL;
        result->boolean = value->as.boolean;
        return true;
    case CEL_INT:
        snprintf(text, sizeof(text), "%" PRId64, value->as.integer);
        return number_to_event(arena, str_from(text), out, why);
    case CEL_UINT:
        snprintf(text, sizeof(text), "%" PRIu64, value->as.uinteger);
        return number_to_event(arena, str_from(text), out, why);
    case CEL_DOUBLE:
        return double_to_event(arena, value->as.real, out, why);
    case CEL_DECIMAL:
        return number_to_event(arena, value->as.text, out, why);
    case CEL_STRING:
    case CEL_BYTES:
        result->type = value->kind == CEL_STRING ? EVENT_STRING : EVENT_BINARY;
        result->text = str_copy(arena, value->as.text);
        return true;
    case CEL_LIST:
        return list_to_event(arena, value, depth, out, why);
    case CEL_MAP:
        return map_to_event(arena, value, depth, out, why);
    case CEL_TIMESTAMP:
    case CEL_DURATION:
        *why = "the result is a timestamp or a duration, which cannot be stored; put string(…) around it";
        return false;
    case CEL_TYPE:
        *why = "the result is a type, which cannot be stored; put string(…) around it";
        return false;
    case CEL_OPTIONAL:
        *why = "the result is an optional, which cannot be stored; end it with .orValue(…)";
        return false;
    }
    return false;
}

bool upcast_cel_to_event(
    struct arena *arena, const struct cel_value *value, const struct event_value **out, const char **why)
{
    return to_event(arena, value, 0, out, why);
}

/* --- types -------------------------------------------------------------------------------------------------------- */

enum { TYPE_DEPTH_MAX = 12 };

static const struct cel_type dyn_type = {.kind = CEL_TYPE_DYN};

static const struct cel_type *type_of(
    struct arena *arena, const struct json *root, const struct json *schema, bool is_map, size_t depth);

/*
 * An object's fields. Where the schema leaves additionalProperties unsaid, JSON Schema lets any further name pass, but
 * an expression that uses a name nobody wrote down is most likely misspelt: it must be listed, or additionalProperties
 * be said to be true.
 */
static const struct cel_type *object_type(
    struct arena *arena, const struct json *root, const struct json *schema, size_t depth)
{
    static const char *const opening[] = {
        "$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "if", "dependentSchemas", "patternProperties"};
    const struct json *properties = json_get(schema, "properties");
    const struct json *additional = json_get(schema, "additionalProperties");
    struct cel_type *type = ARENA_NEW(arena, struct cel_type);
    struct cel_field *fields;

    if (!json_is(properties, JSON_OBJECT))
        return &dyn_type;
    fields = ARENA_ARRAY(arena, struct cel_field, properties->count);
    type->kind = CEL_TYPE_OBJECT;
    type->open = additional && !json_is(additional, JSON_FALSE);
    for (size_t i = 0; i < sizeof(opening) / sizeof(*opening); i++)
        type->open = type->open || json_get(schema, opening[i]);
    for (const struct json *property = properties->child; property; property = property->next) {
        fields[type->field_count].name = property->key.data;
        fields[type->field_count++].type = type_of(arena, root, property, false, depth + 1);
    }
    type->fields = fields;
    return type;
}

static const struct cel_type *type_of(
    struct arena *arena, const struct json *root, const struct json *schema, bool is_map, size_t depth)
{
    static const struct {
        const char *name;
        struct cel_type type;
    } scalars[] = {
        {"string", {.kind = CEL_TYPE_STRING}},
        {"number", {.kind = CEL_TYPE_DECIMAL}},
        {"integer", {.kind = CEL_TYPE_DECIMAL}},
        {"boolean", {.kind = CEL_TYPE_BOOL}},
        {"null", {.kind = CEL_TYPE_NULL}},
    };
    struct str name;

    if (depth > TYPE_DEPTH_MAX)
        return &dyn_type;
    schema = upcast_schema_deref(root, schema);
    if (!json_is(schema, JSON_OBJECT))
        return &dyn_type;
    name = json_text(json_get(schema, "type"));
    if (is_map || str_is(name, "object"))
        return object_type(arena, root, schema, depth);
    /* Base 64 in the JSON form is binary in the table. */
    if (str_is(name, "string") && json_get(schema, "contentEncoding"))
        return &dyn_type;
    if (str_is(name, "array")) {
        struct cel_type *list = ARENA_NEW(arena, struct cel_type);
        const struct json *items = upcast_schema_items(root, schema);

        list->kind = CEL_TYPE_LIST;
        list->of = items ? type_of(arena, root, items, false, depth + 1) : &dyn_type;
        return list;
    }
    for (size_t i = 0; i < sizeof(scalars) / sizeof(*scalars); i++) {
        if (str_is(name, scalars[i].name))
            return &scalars[i].type;
    }
    return &dyn_type;
}

/* The fields of type, with those in names replaced or added as dyn. */
static void override_fields(struct arena *arena, struct cel_type *type, const struct upcast_names *names)
{
    struct cel_field *fields = ARENA_ARRAY(arena, struct cel_field, type->field_count + names->names.count);

    if (type->field_count)
        memcpy(fields, type->fields, type->field_count * sizeof(*fields));
    for (size_t i = 0; i < names->names.count; i++) {
        struct str name = names->names.items[i];
        size_t k = 0;

        while (k < type->field_count && !str_is(name, fields[k].name))
            k++;
        fields[k].name = arena_strndup(arena, name.data, name.len);
        fields[k].type = &dyn_type;
        type->field_count += k == type->field_count;
    }
    type->fields = fields;
}

const struct cel_type *upcast_cel_type(struct arena *arena, const struct json *root, const struct json *schema,
    const struct upcast_names *touched, const struct upcast_names *extra)
{
    const struct cel_type *known = schema ? type_of(arena, root, schema, true, 0) : &dyn_type;
    struct cel_type *type;

    if (known->kind != CEL_TYPE_OBJECT)
        return known;
    type = ARENA_NEW(arena, struct cel_type);
    *type = *known;
    override_fields(arena, type, touched);
    override_fields(arena, type, extra);
    return type;
}
