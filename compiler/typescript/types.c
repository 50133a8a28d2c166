/* JSON Schemas as types. What TypeScript cannot say (limits, patterns) is left to validation. */
#include <string.h>

#include "compiler/typescript/module.h"
#include "spec/event/upcast_op.h"

/* Where a schema goes beyond, and where it comes back to itself, any value is allowed. */
enum { TYPE_DEPTH_MAX = 12, TYPE_PARTS_MAX = 5000 };

struct typing {
    struct ts_module *module;
    const struct json *root;
    const struct json *around[TYPE_DEPTH_MAX + 1]; /* the schemas that the one at hand stands in, by depth */
    size_t part_count;
};

static void write_type(struct typing *typing, const struct json *schema, size_t depth);

static bool is_identifier(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (i && c >= '0' && c <= '9')))
            return false;
    }
    return text.len > 0;
}

static void write_literal(struct ts_module *module, const struct json *value)
{
    switch (value->type) {
    case JSON_STRING:
        ts_write_text(module, value->text);
        break;
    case JSON_TRUE:
    case JSON_FALSE:
    case JSON_NULL:
        json_write(module->out, value);
        break;
    case JSON_NUMBER:
        strbuf_append_str(module->out, STR("Decimal"));
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        strbuf_append_str(module->out, STR("Value"));
        break;
    }
}

/* The alternatives of an enum or of anyOf and oneOf. */
static void write_union(struct typing *typing, const struct json *list, bool literals, size_t depth)
{
    struct strbuf *out = typing->module->out;

    strbuf_append_char(out, '(');
    for (const struct json *item = list->child; item; item = item->next) {
        strbuf_append_text(out, item == list->child ? "" : " | ");
        if (literals)
            write_literal(typing->module, item);
        else
            write_type(typing, item, depth + 1);
    }
    strbuf_append_char(out, ')');
}

static bool is_required(const struct json *schema, struct str name)
{
    const struct json *required = json_get(schema, "required");

    for (const struct json *item = required ? required->child : NULL; item; item = item->next)
        if (str_equal(json_text(item), name))
            return true;
    return false;
}

static void write_object(struct typing *typing, const struct json *schema, size_t depth)
{
    const struct json *properties = json_get(schema, "properties");
    struct strbuf *out = typing->module->out;
    int indent = (int)(4 * (depth + 1));

    strbuf_append_char(out, '{');
    for (const struct json *property = json_is(properties, JSON_OBJECT) ? properties->child : NULL; property;
         property = property->next) {
        strbuf_printf(out, "\n%*s", indent, "");
        if (is_identifier(property->key))
            strbuf_append_str(out, property->key);
        else
            ts_write_text(typing->module, property->key);
        strbuf_append_text(out, is_required(schema, property->key) ? ": " : "?: ");
        write_type(typing, property, depth + 1);
        strbuf_append_char(out, ';');
    }
    if (!json_is(json_get(schema, "additionalProperties"), JSON_FALSE))
        strbuf_printf(out, "\n%*s[name: string]: Value | undefined;", indent, "");
    strbuf_printf(out, "\n%*s}", indent - 4, "");
}

/* A set of DynamoDB is an array without duplicates in JSON. */
static void write_array(struct typing *typing, const struct json *schema, size_t depth)
{
    const struct json *items = upcast_schema_items(typing->root, schema);
    struct str element = json_text(json_get(items, "type"));
    struct strbuf *out = typing->module->out;

    strbuf_append_char(out, '(');
    if (items)
        write_type(typing, items, depth + 1);
    else
        strbuf_append_str(out, STR("Value"));
    strbuf_append_str(out, STR(")[]"));
    if (!json_is(json_get(schema, "uniqueItems"), JSON_TRUE))
        return;
    if (str_is(element, "string"))
        strbuf_append_text(
            out, json_get(items, "contentEncoding") ? " | Set<string> | Set<Uint8Array>" : " | Set<string>");
    else if (str_is(element, "number") || str_is(element, "integer"))
        strbuf_append_str(out, STR(" | Set<Decimal>"));
}

static void write_named(struct typing *typing, const struct json *schema, struct str name, size_t depth)
{
    struct strbuf *out = typing->module->out;

    if (str_is(name, "object"))
        write_object(typing, schema, depth);
    else if (str_is(name, "array"))
        write_array(typing, schema, depth);
    else if (str_is(name, "string"))
        strbuf_append_text(out, json_get(schema, "contentEncoding") ? "string | Uint8Array" : "string");
    else if (str_is(name, "number") || str_is(name, "integer"))
        strbuf_append_str(out, STR("Decimal"));
    else if (str_is(name, "boolean") || str_is(name, "null"))
        strbuf_append_str(out, name);
    else
        strbuf_append_str(out, STR("Value"));
}

static void write_named_list(struct typing *typing, const struct json *schema, const struct json *names, size_t depth)
{
    for (const struct json *name = names->child; name; name = name->next) {
        strbuf_append_text(typing->module->out, name == names->child ? "" : " | ");
        write_named(typing, schema, json_text(name), depth);
    }
}

/* The schema to write, NULL where there is none to go by. */
static const struct json *enter(struct typing *typing, const struct json *schema, size_t depth)
{
    if (depth > TYPE_DEPTH_MAX || ++typing->part_count > TYPE_PARTS_MAX)
        return NULL;
    schema = upcast_schema_deref(typing->root, schema);
    for (size_t i = 0; i < depth; i++)
        if (typing->around[i] == schema)
            return NULL;
    typing->around[depth] = schema;
    return schema;
}

static void write_type(struct typing *typing, const struct json *schema, size_t depth)
{
    static const char *const unions[] = {"anyOf", "oneOf"};
    struct strbuf *out = typing->module->out;
    const struct json *type;

    schema = enter(typing, schema, depth);
    if (!json_is(schema, JSON_OBJECT)) {
        strbuf_append_str(out, json_is(schema, JSON_FALSE) ? STR("undefined") : STR("Value"));
        return;
    }
    type = json_get(schema, "type");
    if (json_get(schema, "const")) {
        write_literal(typing->module, json_get(schema, "const"));
        return;
    }
    if (json_is(json_get(schema, "enum"), JSON_ARRAY)) {
        write_union(typing, json_get(schema, "enum"), true, depth);
        return;
    }
    if (json_is(type, JSON_ARRAY)) {
        write_named_list(typing, schema, type, depth);
        return;
    }
    if (type || json_get(schema, "properties")) {
        write_named(typing, schema, type ? json_text(type) : STR("object"), depth);
        return;
    }
    for (size_t i = 0; i < sizeof(unions) / sizeof(*unions); i++) {
        if (json_is(json_get(schema, unions[i]), JSON_ARRAY)) {
            write_union(typing, json_get(schema, unions[i]), false, depth);
            return;
        }
    }
    strbuf_append_str(out, STR("Value"));
}

void ts_write_type(struct ts_module *module, const struct json *schema)
{
    struct typing typing = {.module = module, .root = schema};

    write_type(&typing, schema, 0);
}
