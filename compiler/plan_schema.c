#include "compiler/plan_schema.h"

#include <string.h>

#include "spec/base/arena.h"
#include "spec/plan_key.h"

static struct json *type(struct arena *arena, const char *name)
{
    struct json *schema = json_new(arena, JSON_OBJECT);

    json_set_text(arena, schema, "type", name);
    return schema;
}

static struct json *type_with(struct arena *arena, const char *name, const char *key, struct json *value)
{
    struct json *schema = type(arena, name);

    json_set(arena, schema, key, value);
    return schema;
}

static struct json *reference(struct arena *arena, enum plan_object object)
{
    struct json *schema = json_new(arena, JSON_OBJECT);

    json_set_text(arena, schema, "$ref", arena_printf(arena, "#/$defs/%s", plan_object_name(object)));
    return schema;
}

static struct json *constant(struct arena *arena, struct json *value)
{
    struct json *schema = json_new(arena, JSON_OBJECT);

    json_set(arena, schema, "const", value);
    return schema;
}

static struct json *any_of(struct arena *arena, struct json *a, struct json *b)
{
    struct json *schema = json_new(arena, JSON_OBJECT), *list = json_new(arena, JSON_ARRAY);

    json_append(list, a);
    json_append(list, b);
    json_set(arena, schema, "anyOf", list);
    return schema;
}

static struct json *enumeration(struct arena *arena, enum plan_kind kind)
{
    struct json *schema = json_new(arena, JSON_OBJECT), *list = json_new(arena, JSON_ARRAY);
    size_t count;
    const char *const *names = plan_kind_names(kind, &count);

    for (size_t i = 0; i < count; i++)
        if (names[i])
            json_append(list, json_new_text(arena, names[i]));
    json_set(arena, schema, "enum", list);
    return schema;
}

static struct json *list_of(struct arena *arena, struct json *items)
{
    return type_with(arena, "array", "items", items);
}

static struct json *text_with_pattern(struct arena *arena, const char *pattern)
{
    return type_with(arena, "string", "pattern", json_new_text(arena, pattern));
}

/* {"none":true}, an action, or null. */
static struct json *inverse_action(struct arena *arena, enum plan_object action)
{
    struct json *none = type(arena, "object"), *properties = json_new(arena, JSON_OBJECT);
    struct json *required = json_new(arena, JSON_ARRAY);

    json_set(arena, properties, "none", constant(arena, json_new_bool(arena, true)));
    json_append(required, json_new_text(arena, "none"));
    json_set(arena, none, "properties", properties);
    json_set(arena, none, "required", required);
    json_set(arena, none, "additionalProperties", json_new_bool(arena, false));
    return any_of(arena, any_of(arena, reference(arena, action), none), type(arena, "null"));
}

static struct json *minimum(struct arena *arena, int64_t value)
{
    return type_with(arena, "integer", "minimum", json_new_integer(arena, value));
}

static struct json *value_schema(struct arena *arena, const struct plan_key *key)
{
    switch (key->kind) {
    case PLAN_KIND_NAME:
    case PLAN_KIND_STEP_ID:
        return text_with_pattern(arena, "^[^\\u0000-\\u001f\\u007f]+$");
    case PLAN_KIND_PATH:
        return text_with_pattern(arena, "^[^/]");
    case PLAN_KIND_DIGEST:
        return text_with_pattern(arena, "^[0-9a-f]{64}$");
    case PLAN_KIND_TEXT:
        return type(arena, "string");
    case PLAN_KIND_INTEGER:
    case PLAN_KIND_SMALL:
        return minimum(arena, 0);
    case PLAN_KIND_COUNT:
        return minimum(arena, 1);
    case PLAN_KIND_ESTIMATE:
        return any_of(arena, minimum(arena, 0), type(arena, "null"));
    case PLAN_KIND_BOOL:
        return type(arena, "boolean");
    case PLAN_KIND_TRUE:
        return constant(arena, json_new_bool(arena, true));
    case PLAN_KIND_FORMAT:
        return constant(arena, json_new_integer(arena, PLAN_FORMAT));
    case PLAN_KIND_JSON:
        return json_new(arena, JSON_OBJECT);
    case PLAN_KIND_JSON_OBJECT:
        return type(arena, "object");
    case PLAN_KIND_JSON_LIST:
        return list_of(arena, type(arena, "object"));
    case PLAN_KIND_OBJECT:
    case PLAN_KIND_POINTER:
        return reference(arena, key->of);
    case PLAN_KIND_OBJECTS:
        return list_of(arena, reference(arena, key->of));
    case PLAN_KIND_NAMES:
        return list_of(arena, text_with_pattern(arena, "^[^\\u0000-\\u001f\\u007f]+$"));
    case PLAN_KIND_TEXTS: {
        struct json *list = list_of(arena, type(arena, "string"));

        json_set_integer(arena, list, "minItems", 1);
        return list;
    }
    case PLAN_KIND_CONNECTION:
        return type_with(arena, "object", "additionalProperties", type(arena, "string"));
    case PLAN_KIND_INVERSE_ACTION:
        return inverse_action(arena, key->of);
    case PLAN_KIND_ENGINE:
    case PLAN_KIND_PHASE:
    case PLAN_KIND_RETRY:
    case PLAN_KIND_GRADE:
    case PLAN_KIND_ON_FAILURE:
    case PLAN_KIND_INSTRUCTION:
        break;
    }
    return enumeration(arena, key->kind);
}

static struct json *key_schema(struct arena *arena, const struct plan_key *key)
{
    struct json *schema = value_schema(arena, key);

    if (key->flags != PLAN_FLAG_NONE)
        schema = any_of(arena, schema, type(arena, "null"));
    json_set_text(arena, schema, "description", key->doc);
    return schema;
}

/* "if the instruction is this one, then forward has this form". */
static struct json *instruction_rule(struct arena *arena, enum instruction instruction)
{
    struct json *rule = json_new(arena, JSON_OBJECT), *condition = json_new(arena, JSON_OBJECT);
    struct json *consequence = json_new(arena, JSON_OBJECT), *is = json_new(arena, JSON_OBJECT);
    struct json *members = json_new(arena, JSON_OBJECT), *forward;
    enum plan_object inverse = plan_inverse_form(instruction), probe = plan_probe_form(instruction);

    forward = reference(arena, plan_forward_form(instruction));
    if (inverse != PLAN_OBJECT_NOTHING)
        forward = any_of(arena, forward, reference(arena, inverse));
    json_set(arena, is, "instruction", constant(arena, json_new_text(arena, instruction_name(instruction))));
    json_set(arena, condition, "properties", is);
    json_set(arena, members, "forward", forward);
    json_set(arena, members, "probe",
        probe == PLAN_OBJECT_NOTHING ? type(arena, "null")
                                     : any_of(arena, reference(arena, probe), type(arena, "null")));
    json_set(arena, consequence, "properties", members);
    json_set(arena, rule, "if", condition);
    json_set(arena, rule, "then", consequence);
    return rule;
}

static struct json *object_schema(struct arena *arena, enum plan_object object)
{
    struct json *schema = json_new(arena, JSON_OBJECT), *properties = json_new(arena, JSON_OBJECT);
    struct json *required = json_new(arena, JSON_ARRAY), *rules = json_new(arena, JSON_ARRAY);
    size_t count;
    const struct plan_key *keys = plan_object_keys(object, &count);

    for (size_t i = 0; i < count; i++) {
        json_set(arena, properties, keys[i].name, key_schema(arena, &keys[i]));
        if (!(keys[i].flags & PLAN_FLAG_OPTIONAL))
            json_append(required, json_new_text(arena, keys[i].name));
    }
    json_set_text(arena, schema, "description", plan_object_doc(object));
    json_set_text(arena, schema, "type", "object");
    json_set(arena, schema, "properties", properties);
    json_set(arena, schema, "required", required);
    json_set(arena, schema, "additionalProperties", json_new_bool(arena, false));
    if (object == PLAN_OBJECT_ACTION) {
        for (size_t i = 0; i < INSTRUCTION_COUNT; i++)
            json_append(rules, instruction_rule(arena, (enum instruction)i));
        json_set(arena, schema, "allOf", rules);
    }
    return schema;
}

void plan_schema_write(struct strbuf *out)
{
    static const enum plan_object lines[] = {
        PLAN_OBJECT_HEADER, PLAN_OBJECT_MIGRATION, PLAN_OBJECT_STEP, PLAN_OBJECT_TRAILER};
    struct arena arena = ARENA_INIT;
    struct json *schema = json_new(&arena, JSON_OBJECT), *choices = json_new(&arena, JSON_ARRAY);
    struct json *definitions = json_new(&arena, JSON_OBJECT);

    json_set_text(&arena, schema, "$schema", "https://json-schema.org/draft/2020-12/schema");
    json_set_text(&arena, schema, "title", "a line of an invplan plan");
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        json_append(choices, reference(&arena, lines[i]));
    json_set(&arena, schema, "oneOf", choices);
    for (size_t i = 0; i < PLAN_OBJECT_COUNT; i++)
        json_set(&arena, definitions, plan_object_name((enum plan_object)i), object_schema(&arena, (enum plan_object)i));
    json_set(&arena, schema, "$defs", definitions);
    json_write_pretty(out, schema);
    strbuf_append_char(out, '\n');
    arena_free(&arena);
}
