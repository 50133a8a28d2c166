/*
 * What a JSON Schema says about one attribute, read off its own keywords. Only what is certain counts: where
 * combinators or patterns could say something else, the answer is "unknown".
 */
#include <string.h>

#include "spec/event/upcast_op.h"

static const struct json *member(const struct json *object, struct str name)
{
    if (!json_is(object, JSON_OBJECT))
        return NULL;
    for (const struct json *child = object->child; child; child = child->next) {
        if (str_equal(child->key, name))
            return child;
    }
    return NULL;
}

/* One token of a JSON pointer equals a key, with ~0 and ~1 undone. */
static bool token_is(struct str token, struct str key)
{
    size_t k = 0;

    for (size_t i = 0; i < token.len; i++, k++) {
        char c = token.data[i];

        if (c == '~' && i + 1 < token.len)
            c = token.data[++i] == '1' ? '/' : '~';
        if (k == key.len || key.data[k] != c)
            return false;
    }
    return k == key.len;
}

static const struct json *follow_pointer(const struct json *root, struct str pointer)
{
    const struct json *at = root;

    for (size_t i = 0; at && i < pointer.len;) {
        size_t start = ++i;
        const struct json *child;

        while (i < pointer.len && pointer.data[i] != '/')
            i++;
        if (!json_is(at, JSON_OBJECT))
            return NULL;
        child = at->child;
        while (child && !token_is((struct str){pointer.data + start, i - start}, child->key))
            child = child->next;
        at = child;
    }
    return at;
}

const struct json *upcast_schema_deref(const struct json *root, const struct json *schema)
{
    enum { STEPS_MAX = 8 };

    for (size_t step = 0; step < STEPS_MAX; step++) {
        struct str ref = json_text(json_get(schema, "$ref"));

        if (!ref.len)
            return schema;
        if (schema->count > 1 && (json_get(schema, "properties") || json_get(schema, "type")))
            return schema;
        if (ref.data[0] != '#' || (ref.len > 1 && ref.data[1] != '/'))
            return NULL;
        schema = follow_pointer(root, (struct str){ref.data + 1, ref.len - 1});
        if (!schema)
            return NULL;
    }
    return NULL;
}

static bool has_combinator(const struct json *schema)
{
    static const char *const keywords[] = {
        "$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "if", "dependentRequired", "dependentSchemas"};

    for (size_t i = 0; i < sizeof(keywords) / sizeof(*keywords); i++) {
        if (json_get(schema, keywords[i]))
            return true;
    }
    return false;
}

enum upcast_presence upcast_schema_presence(const struct json *root, const struct json *schema, struct str name)
{
    const struct json *property, *required;

    schema = upcast_schema_deref(root, schema);
    if (json_is(schema, JSON_FALSE))
        return UPCAST_PRESENCE_FORBIDDEN;
    if (!json_is(schema, JSON_OBJECT))
        return UPCAST_PRESENCE_UNKNOWN;
    property = member(json_get(schema, "properties"), name);
    if (json_is(property, JSON_FALSE))
        return UPCAST_PRESENCE_FORBIDDEN;
    required = json_get(schema, "required");
    for (const struct json *item = json_is(required, JSON_ARRAY) ? required->child : NULL; item; item = item->next) {
        if (str_equal(json_text(item), name))
            return UPCAST_PRESENCE_REQUIRED;
    }
    if (!property && !json_get(schema, "patternProperties") &&
        (json_is(json_get(schema, "additionalProperties"), JSON_FALSE) ||
            (json_is(json_get(schema, "unevaluatedProperties"), JSON_FALSE) && !has_combinator(schema))))
        return UPCAST_PRESENCE_FORBIDDEN;
    return has_combinator(schema) ? UPCAST_PRESENCE_UNKNOWN : UPCAST_PRESENCE_OPTIONAL;
}

const struct json *upcast_schema_property(const struct json *root, const struct json *schema, struct str name)
{
    return member(json_get(upcast_schema_deref(root, schema), "properties"), name);
}

const struct json *upcast_schema_items(const struct json *root, const struct json *schema)
{
    schema = upcast_schema_deref(root, schema);
    return json_get(schema, "prefixItems") ? NULL : json_get(schema, "items");
}
