#include "compiler/schema.h"

#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/json.h"
#include "spec/event/upcast.h"

/* JSON Schema draft 7: what editors' YAML support reads best. */
struct generator {
    struct arena *arena;
    const struct key_table *keys;
    bool variables; /* a value may be ${var:…} instead */
};

static struct json *type_schema(struct generator *generator, const struct key_type *type);

static struct json *new_object(struct generator *generator, const char *type)
{
    struct json *json = json_new(generator->arena, JSON_OBJECT);

    if (type)
        json_set_text(generator->arena, json, "type", type);
    return json;
}

static struct json *reference(struct generator *generator, const char *definition)
{
    struct json *json = new_object(generator, NULL);

    json_set_text(generator->arena, json, "$ref", arena_printf(generator->arena, "#/definitions/%s", definition));
    return json;
}

/* Plain numbers and words such as true are texts where a text is wanted. */
static struct json *text_schema(struct generator *generator, const char *pattern, bool may_be_empty)
{
    struct json *json = new_object(generator, NULL), *types = json_new(generator->arena, JSON_ARRAY);

    json_append(types, json_new_text(generator->arena, "string"));
    json_append(types, json_new_text(generator->arena, "number"));
    json_append(types, json_new_text(generator->arena, "boolean"));
    json_set(generator->arena, json, "type", types);
    if (pattern)
        json_set_text(generator->arena, json, "pattern", pattern);
    else if (!may_be_empty)
        json_set_integer(generator->arena, json, "minLength", 1);
    return json;
}

static struct json *any_of(struct generator *generator, struct json *first, struct json *second)
{
    struct json *json = new_object(generator, NULL), *list = json_new(generator->arena, JSON_ARRAY);

    json_append(list, first);
    json_append(list, second);
    json_set(generator->arena, json, "anyOf", list);
    return json;
}

/* A context of one engine, or what both have under its name. */
static struct json *context_reference(struct generator *generator, const char *name)
{
    const struct key_context *postgres = key_context_find(generator->keys, name, ENGINE_POSTGRES);
    const struct key_context *dynamodb = key_context_find(generator->keys, name, ENGINE_DYNAMODB);

    if (postgres && dynamodb && postgres != dynamodb)
        return any_of(generator, reference(generator, postgres->name), reference(generator, dynamodb->name));
    return reference(generator, postgres ? postgres->name : dynamodb->name);
}

static struct json *scalar_schema(struct generator *generator, const struct key_type *type)
{
    struct arena *arena = generator->arena;
    struct json *json, *words;

    switch (type->kind) {
    case KEY_BOOL:
        return new_object(generator, "boolean");
    case KEY_INT:
        json = new_object(generator, "integer");
        json_set_integer(arena, json, "minimum", type->min);
        json_set_integer(arena, json, "maximum", type->max);
        return json;
    case KEY_ENUM:
        json = new_object(generator, NULL);
        words = json_new(arena, JSON_ARRAY);
        for (size_t i = 0; i < type->word_count; i++)
            json_append(words, json_new_text(arena, type->words[i]));
        json_set(arena, json, "enum", words);
        return json;
    case KEY_ID:
        return text_schema(generator, "^[A-Za-z0-9][A-Za-z0-9._-]*$", false);
    case KEY_DURATION:
        return text_schema(generator, "^[0-9]+(ms|s|m|h|d)$", false);
    case KEY_DATE:
        return text_schema(generator, "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", false);
    case KEY_TEXT:
        return text_schema(generator, NULL, true);
    default:
        return text_schema(generator, NULL, false);
    }
}

static struct json *collection_schema(struct generator *generator, const struct key_type *type)
{
    struct arena *arena = generator->arena;
    struct json *json = new_object(generator, type->kind == KEY_LIST ? "array" : "object"), *names;

    json_set(
        arena, json, type->kind == KEY_LIST ? "items" : "additionalProperties", type_schema(generator, type->element));
    if (type->kind == KEY_NUMBERS) {
        names = new_object(generator, NULL);
        json_set_text(arena, names, "pattern", "^[1-9][0-9]*$");
        json_set(arena, json, "propertyNames", names);
    }
    if (!type->may_be_empty)
        json_set_integer(arena, json, type->kind == KEY_LIST ? "minItems" : "minProperties", 1);
    return json;
}

static struct json *alternative_schema(struct generator *generator, const struct key_type *type)
{
    switch (type->kind) {
    case KEY_ANY:
        return json_new_bool(generator->arena, true);
    case KEY_STEP:
        return reference(generator, "step");
    case KEY_OBJECT:
        return context_reference(generator, type->context);
    case KEY_LIST:
    case KEY_MAP:
    case KEY_NUMBERS:
        return collection_schema(generator, type);
    default:
        return scalar_schema(generator, type);
    }
}

static struct json *type_schema(struct generator *generator, const struct key_type *type)
{
    struct json *json, *list;

    if (type->kind == KEY_ANY || (!type->next && !generator->variables))
        return alternative_schema(generator, type);
    json = new_object(generator, NULL);
    list = json_new(generator->arena, JSON_ARRAY);
    for (; type; type = type->next)
        json_append(list, alternative_schema(generator, type));
    if (generator->variables)
        json_append(list, reference(generator, "variable"));
    json_set(generator->arena, json, "anyOf", list);
    return json;
}

/* The keys that cannot hold variables are those that are the same in every environment. */
static bool has_variables(const struct key_context *context)
{
    static const char *const fixed[] = {
        "top", "include", "target", "environment", "migration", "allow", "step", "events"};

    for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++)
        if (strcmp(context->name, fixed[i]) == 0)
            return false;
    return true;
}

static void set_one_of(struct generator *generator, struct json *json, const struct key_context *context)
{
    struct json *choices = json_new(generator->arena, JSON_ARRAY);
    const char *words = context->one_of;
    struct str word;

    if (!words)
        return;
    while (key_next_word(&words, &word)) {
        struct json *choice = new_object(generator, NULL), *required = json_new(generator->arena, JSON_ARRAY);

        json_append(required, json_new_string(generator->arena, word));
        json_set(generator->arena, choice, "required", required);
        json_append(choices, choice);
    }
    json_set(generator->arena, json, "oneOf", choices);
}

/* The type's schema with a description, which `$ref` alone does not let stand beside it. */
static struct json *described(struct generator *generator, const char *description, struct json *schema)
{
    struct json *json, *all;

    if (schema->type == JSON_OBJECT && !json_get(schema, "$ref")) {
        json_set_text(generator->arena, schema, "description", description);
        return schema;
    }
    json = new_object(generator, NULL);
    json_set_text(generator->arena, json, "description", description);
    if (schema->type == JSON_OBJECT) {
        all = json_new(generator->arena, JSON_ARRAY);
        json_append(all, schema);
        json_set(generator->arena, json, "allOf", all);
    }
    return json;
}

static struct json *context_schema(struct generator *generator, const struct key_context *context)
{
    struct arena *arena = generator->arena;
    struct json *json = new_object(generator, "object"), *properties = new_object(generator, NULL);
    struct json *required = json_new(arena, JSON_ARRAY);

    generator->variables = has_variables(context);
    json_set_text(arena, json, "description", context->description);
    for (size_t i = 0; i < context->keys.count; i++) {
        const struct key *key = &context->keys.items[i];

        if (key->presence == KEY_FORBIDDEN)
            continue;
        json_set(
            arena, properties, key->name, described(generator, key->description, type_schema(generator, key->type)));
        if (key->presence == KEY_REQUIRED)
            json_append(required, json_new_text(arena, key->name));
    }
    json_set(arena, json, "properties", properties);
    if (required->count)
        json_set(arena, json, "required", required);
    set_one_of(generator, json, context);
    json_set(arena, json, "additionalProperties", json_new_bool(arena, false));
    return json;
}

/* { NAME: count } */
static struct json *property_count(struct generator *generator, const char *name, int count)
{
    struct json *json = new_object(generator, NULL);

    json_set_integer(generator->arena, json, name, count);
    return json;
}

/* A step: one kind, and its name where it has one. */
static struct json *step_schema(struct generator *generator, const struct key_context *context)
{
    struct arena *arena = generator->arena;
    struct json *json = context_schema(generator, context), *properties = (struct json *)json_get(json, "properties");
    struct json *has_name = new_object(generator, NULL), *named = json_new(arena, JSON_ARRAY);

    for (enum step_kind kind = 0; kind < STEP_COUNT; kind++) {
        const char *name = arena_printf(arena, "step.%s", step_kind_name(kind));
        const struct key_context *body = key_context_find(generator->keys, name, ENGINE_POSTGRES);
        struct json *schema = context_reference(generator, name);

        if (!body)
            body = key_context_find(generator->keys, name, ENGINE_DYNAMODB);
        if (body->short_key)
            schema = any_of(generator, text_schema(generator, NULL, false), schema);
        json_set(arena, properties, step_kind_name(kind), described(generator, step_kind_description(kind), schema));
    }
    json_append(named, json_new_text(arena, "name"));
    json_set(arena, has_name, "required", named);
    json_set_integer(arena, json, "minProperties", 1);
    json_set_integer(arena, json, "maxProperties", 2);
    json_set(arena, json, "if", has_name);
    json_set(arena, json, "then", property_count(generator, "minProperties", 2));
    json_set(arena, json, "else", property_count(generator, "maxProperties", 1));
    return json;
}

/* A version of an event: its lists of operators are more than lists of mappings. */
static struct json *version_schema(struct generator *generator, const struct key_context *context)
{
    static const char *const lists[] = {"upcast", "downcast"};
    struct json *json = context_schema(generator, context);

    for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
        struct json *list = (struct json *)json_get(json_get(json, "properties"), lists[i]);

        json_set(generator->arena, list, "items", reference(generator, "operator"));
    }
    return json;
}

/* One operator of an upcaster. What stands inside it is checked when it is compiled. */
static struct json *operator_schema(struct generator *generator)
{
    struct arena *arena = generator->arena;
    struct json *json = new_object(generator, "object"), *properties = new_object(generator, NULL);

    json_set_text(arena, json, "description", "One operator of an upcaster.");
    for (size_t i = 0; upcast_operator_name(i); i++)
        json_set(arena, properties, upcast_operator_name(i),
            described(generator, upcast_operator_description(i), new_object(generator, NULL)));
    json_set(arena, json, "properties", properties);
    json_set_integer(arena, json, "minProperties", 1);
    json_set_integer(arena, json, "maxProperties", 1);
    json_set(arena, json, "additionalProperties", json_new_bool(arena, false));
    return json;
}

void schema_print_migrations(struct arena *arena, const struct key_table *keys, struct strbuf *out)
{
    struct generator generator = {.arena = arena, .keys = keys};
    struct json *json = new_object(&generator, NULL), *definitions = new_object(&generator, NULL);
    struct json *variable = new_object(&generator, "string"), *is_main = new_object(&generator, NULL);
    struct json *required = json_new(arena, JSON_ARRAY);

    json_set_text(arena, json, "$schema", "http://json-schema.org/draft-07/schema#");
    json_set_text(arena, json, "title", "invplan: migrations.yaml and the files that it includes");
    json_set_text(arena, variable, "pattern", "\\$\\{var:");
    json_set(arena, definitions, "variable", variable);
    for (size_t i = 0; i < keys->contexts.count; i++) {
        const struct key_context *context = keys->contexts.items[i];

        json_set(arena, definitions, context->name,
            strcmp(context->name, "step") == 0            ? step_schema(&generator, context)
            : strcmp(context->name, "event_version") == 0 ? version_schema(&generator, context)
                                                          : context_schema(&generator, context));
    }
    json_set(arena, definitions, "operator", operator_schema(&generator));
    json_append(required, json_new_text(arena, "project"));
    json_set(arena, is_main, "required", required);
    json_set(arena, json, "if", is_main);
    json_set(arena, json, "then", reference(&generator, "top"));
    json_set(arena, json, "else", reference(&generator, "include"));
    json_set(arena, json, "definitions", definitions);
    json_write_pretty(out, json);
    strbuf_append_char(out, '\n');
}

/* --- the key reference ---------------------------------------------------------------------------------------- */

static void append_cell(struct strbuf *out, const char *text)
{
    for (; *text; text++)
        strbuf_append_text(out, *text == '|' ? "\\|" : (char[]){*text, '\0'});
}

static void print_heading(const struct key_context *context, struct strbuf *out)
{
    const char *engine = strchr(context->name, '@');

    if (context->step != STEP_COUNT)
        strbuf_printf(out, "\n### `%s`", context->label);
    else
        strbuf_printf(out, "\n### `%.*s`", (int)strcspn(context->name, "@"), context->name);
    if (engine)
        strbuf_printf(out, " on %s", strcmp(engine, "@postgres") == 0 ? "PostgreSQL" : "DynamoDB");
    strbuf_append_text(out, "\n\n");
    if (context->step != STEP_COUNT) {
        strbuf_append_char(out, (char)(context->description[0] - 'a' + 'A'));
        strbuf_printf(out, "%s.", context->description + 1);
    } else {
        strbuf_append_text(out, context->description);
    }
    if (context->short_key)
        strbuf_printf(out, " In short: `%s: %s`.", context->label, context->short_key);
    strbuf_append_text(out, "\n");
}

static void print_context(const struct key_context *context, struct strbuf *out)
{
    print_heading(context, out);
    if (context->one_of) {
        const char *words = context->one_of;
        struct str word;
        size_t count = 0;

        strbuf_append_text(out, "\nExactly one of ");
        while (key_next_word(&words, &word))
            strbuf_printf(out, "%s`%.*s`", count++ ? " and " : "", STR_ARG(word));
        strbuf_append_text(out, ".\n");
    }
    if (context->keys.count == 0)
        return;
    strbuf_append_text(out, "\n| Key | Value | | |\n| --- | --- | --- | --- |\n");
    for (size_t i = 0; i < context->keys.count; i++) {
        const struct key *key = &context->keys.items[i];

        if (key->presence == KEY_FORBIDDEN)
            continue;
        strbuf_printf(out, "| `%s` | `", key->name);
        append_cell(out, key->type_text);
        strbuf_printf(out, "` | %s | ", key->presence == KEY_REQUIRED ? "required" : "");
        append_cell(out, key->description);
        strbuf_append_text(out, " |\n");
    }
}

void schema_print_keys(const struct key_table *keys, struct strbuf *out)
{
    for (size_t i = 0; i < keys->contexts.count; i++)
        print_context(keys->contexts.items[i], out);
}
