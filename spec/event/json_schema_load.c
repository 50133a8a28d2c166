/* Documents, resources, anchors and the places of subschemas (JSON Schema core 2020-12, sections 8 and 9). */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/event/json_schema_set.h"
#include "spec/event/uri.h"

#define DRAFT "https://json-schema.org/draft/2020-12/"

/* --- errors and pointers ------------------------------------------------------------------------------------------ */

bool schema_fail(struct json_schema *set, const char *pointer, const char *keyword, const char *format, ...)
{
    struct json_schema_error *error = set->error;
    va_list ap;

    memset(error, 0, sizeof(*error));
    snprintf(error->schema_pointer, sizeof(error->schema_pointer), "%s%s%s", pointer, *keyword ? "/" : "", keyword);
    va_start(ap, format);
    vsnprintf(error->message, sizeof(error->message), format, ap);
    va_end(ap);
    return false;
}

const char *schema_pointer_key(struct arena *arena, const char *base, struct str key)
{
    struct strbuf out = STRBUF_INIT;
    struct str result;

    strbuf_append_text(&out, base);
    strbuf_append_char(&out, '/');
    for (size_t i = 0; i < key.len; i++) {
        if (key.data[i] == '~' || key.data[i] == '/')
            strbuf_append_text(&out, key.data[i] == '~' ? "~0" : "~1");
        else
            strbuf_append_char(&out, key.data[i]);
    }
    result = strbuf_copy(&out, arena);
    strbuf_free(&out);
    return result.data;
}

const char *schema_pointer_index(struct arena *arena, const char *base, size_t index)
{
    return arena_printf(arena, "%s/%zu", base, index);
}

/* --- places ------------------------------------------------------------------------------------------------------- */

const struct schema_place *schema_find_place(const struct json_schema *set, const struct json *json)
{
    return map_get(&set->places, (struct str){(const char *)&json, sizeof(const struct json *)});
}

enum holds { HOLDS_SCHEMA, HOLDS_ARRAY, HOLDS_MAP };

static const struct {
    const char *keyword;
    enum holds holds;
} applicators[] = {
    {"$defs", HOLDS_MAP},
    {"additionalProperties", HOLDS_SCHEMA},
    {"allOf", HOLDS_ARRAY},
    {"anyOf", HOLDS_ARRAY},
    {"contains", HOLDS_SCHEMA},
    {"contentSchema", HOLDS_SCHEMA},
    {"definitions", HOLDS_MAP},
    {"dependentSchemas", HOLDS_MAP},
    {"else", HOLDS_SCHEMA},
    {"if", HOLDS_SCHEMA},
    {"items", HOLDS_SCHEMA},
    {"not", HOLDS_SCHEMA},
    {"oneOf", HOLDS_ARRAY},
    {"patternProperties", HOLDS_MAP},
    {"prefixItems", HOLDS_ARRAY},
    {"properties", HOLDS_MAP},
    {"propertyNames", HOLDS_SCHEMA},
    {"then", HOLDS_SCHEMA},
    {"unevaluatedItems", HOLDS_SCHEMA},
    {"unevaluatedProperties", HOLDS_SCHEMA},
};

static bool walk(struct json_schema *set, const struct json *json, struct schema_resource *resource,
    const char *pointer, size_t depth);

static bool walk_keyword(struct json_schema *set, const struct json *value, enum holds holds,
    struct schema_resource *resource, const char *pointer, size_t depth)
{
    size_t index = 0;

    if (holds == HOLDS_SCHEMA)
        return walk(set, value, resource, pointer, depth + 1);
    if (!json_is(value, holds == HOLDS_ARRAY ? JSON_ARRAY : JSON_OBJECT))
        return schema_fail(set, pointer, "",
            holds == HOLDS_ARRAY ? "this keyword needs an array of schemas"
                                 : "this keyword needs an object of schemas");
    for (const struct json *child = value->child; child; child = child->next, index++) {
        const char *at = holds == HOLDS_ARRAY ? schema_pointer_index(set->arena, pointer, index)
                                              : schema_pointer_key(set->arena, pointer, child->key);

        if (!walk(set, child, resource, at, depth + 1))
            return false;
    }
    return true;
}

static bool add_anchor(struct json_schema *set, const struct json *json, const char *keyword, bool dynamic,
    struct schema_resource *resource, const char *pointer)
{
    const struct json *name = json_get(json, keyword);
    struct schema_anchor *anchor;

    if (!name)
        return true;
    if (!json_is(name, JSON_STRING) || !name->text.len)
        return schema_fail(set, pointer, keyword, "'%s' must be a name", keyword);
    for (size_t i = 0; i < name->text.len; i++) {
        char c = name->text.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';

        if (!letter && (!i || !((c >= '0' && c <= '9') || c == '-' || c == '.')))
            return schema_fail(set, pointer, keyword, "'%.*s' is not a name for an anchor", STR_ARG(name->text));
    }
    anchor = map_get(&resource->anchors, name->text);
    if (anchor && anchor->json != json)
        return schema_fail(set, pointer, keyword, "the anchor '%.*s' is there twice", STR_ARG(name->text));
    if (!anchor) {
        anchor = ARENA_NEW(set->arena, struct schema_anchor);
        anchor->json = json;
        map_put(&resource->anchors, name->text, anchor);
    }
    anchor->dynamic = anchor->dynamic || dynamic;
    return true;
}

/* --- vocabularies ------------------------------------------------------------------------------------------------- */

static const struct json *find_document(struct json_schema *set, struct str uri)
{
    for (size_t i = 0; i < schema_meta_count; i++) {
        struct json_error error;

        if (str_is(uri, schema_metas[i].uri))
            return json_read(set->arena, str_from(schema_metas[i].text), JSON_STRICT, &error);
    }
    return set->resolver ? set->resolver(set->resolver_context, uri) : NULL;
}

static bool read_vocabularies(
    struct json_schema *set, const struct json *meta, struct schema_resource *resource, const char *pointer)
{
    static const char *const known[] = {
        "core", "applicator", "unevaluated", "validation", "meta-data", "format-annotation", "content"};
    const struct json *vocabularies = json_get(meta, "$vocabulary");

    if (!json_is(vocabularies, JSON_OBJECT))
        return true;
    resource->validates = false;
    for (const struct json *item = vocabularies->child; item; item = item->next) {
        const size_t prefix = sizeof(DRAFT "vocab/") - 1;
        bool is_known = false;

        for (size_t i = 0; str_starts_with(item->key, DRAFT "vocab/") && i < sizeof(known) / sizeof(*known); i++)
            is_known = is_known || str_is((struct str){item->key.data + prefix, item->key.len - prefix}, known[i]);
        if (!is_known && json_is(item, JSON_TRUE))
            return schema_fail(
                set, pointer, "$schema", "the vocabulary '%.*s' is required and not known", STR_ARG(item->key));
        if (str_is(item->key, DRAFT "vocab/validation"))
            resource->validates = true;
    }
    return true;
}

static bool read_dialect(
    struct json_schema *set, const struct json *json, struct schema_resource *resource, const char *pointer)
{
    const struct json *dialect = json_get(json, "$schema");
    const struct json *meta;
    struct str uri, fragment;

    if (!dialect)
        return true;
    if (!json_is(dialect, JSON_STRING))
        return schema_fail(set, pointer, "$schema", "'$schema' must be a URI");
    uri_split_fragment(dialect->text, &uri, &fragment);
    resource->validates = true;
    if (str_is(uri, DRAFT "schema"))
        return true;
    if (str_starts_with(uri, "http://json-schema.org/") || str_starts_with(uri, "https://json-schema.org/"))
        return schema_fail(
            set, pointer, "$schema", "'%.*s' is not supported; write the schema for " DRAFT "schema", STR_ARG(uri));
    meta = find_document(set, uri);
    if (!meta)
        return schema_fail(set, pointer, "$schema", "the meta-schema '%.*s' is not known", STR_ARG(uri));
    return read_vocabularies(set, meta, resource, pointer);
}

/* --- resources ---------------------------------------------------------------------------------------------------- */

static struct schema_resource *new_resource(
    struct json_schema *set, const struct json *root, struct str uri, const char *pointer)
{
    struct schema_resource *resource = ARENA_NEW(set->arena, struct schema_resource);

    resource->uri = uri;
    resource->root = root;
    resource->pointer = pointer;
    resource->validates = true;
    map_init(&resource->anchors, set->arena);
    VEC_PUSH(set->arena, &set->all_resources, resource);
    return resource;
}

/* A subschema with an $id starts a resource of its own. */
static bool enter_resource(
    struct json_schema *set, const struct json *json, const char *pointer, struct schema_resource **resource)
{
    const struct json *id = json_get(json, "$id");
    struct str uri, fragment;
    bool validates = (*resource)->validates;

    if (!id)
        return true;
    if (!json_is(id, JSON_STRING))
        return schema_fail(set, pointer, "$id", "'$id' must be a URI");
    uri_split_fragment(uri_resolve(set->arena, (*resource)->uri, id->text), &uri, &fragment);
    if (fragment.len)
        return schema_fail(set, pointer, "$id", "'$id' must not have a fragment; use '$anchor' for names within");
    if ((*resource)->root == json) {
        (*resource)->uri = uri;
    } else {
        *resource = new_resource(set, json, uri, pointer);
        (*resource)->validates = validates;
    }
    if (map_has(&set->resources, uri) && map_get(&set->resources, uri) != *resource)
        return schema_fail(set, pointer, "$id", "'%.*s' is there twice", STR_ARG(uri));
    map_put(&set->resources, uri, *resource);
    return true;
}

static bool walk(struct json_schema *set, const struct json *json, struct schema_resource *resource,
    const char *pointer, size_t depth)
{
    struct schema_place *place;

    if (schema_find_place(set, json))
        return true;
    if (depth > SCHEMA_DEPTH_MAX)
        return schema_fail(set, pointer, "", "the schema nests deeper than %d levels", SCHEMA_DEPTH_MAX);
    if (set->all_places.count == SCHEMA_NODES_MAX)
        return schema_fail(set, pointer, "", "more than %d subschemas", SCHEMA_NODES_MAX);
    if (json_is(json, JSON_OBJECT)) {
        if (!enter_resource(set, json, pointer, &resource) ||
            (resource->root == json && !read_dialect(set, json, resource, pointer)) ||
            !add_anchor(set, json, "$anchor", false, resource, pointer) ||
            !add_anchor(set, json, "$dynamicAnchor", true, resource, pointer))
            return false;
    } else if (!json_is(json, JSON_TRUE) && !json_is(json, JSON_FALSE)) {
        return schema_fail(set, pointer, "", "a schema must be an object, true or false");
    }
    place = ARENA_NEW(set->arena, struct schema_place);
    *place = (struct schema_place){json, resource, pointer};
    map_put(&set->places, (struct str){(const char *)&place->json, sizeof(place->json)}, place);
    VEC_PUSH(set->arena, &set->all_places, place);
    for (size_t i = 0; i < sizeof(applicators) / sizeof(*applicators); i++) {
        const struct json *value = json_get(json, applicators[i].keyword);

        if (value && !walk_keyword(set, value, applicators[i].holds, resource,
                         schema_pointer_key(set->arena, pointer, str_from(applicators[i].keyword)), depth))
            return false;
    }
    return true;
}

bool schema_load_document(
    struct json_schema *set, struct str base, const struct json *json, struct schema_resource **out)
{
    /* The first document is the schema itself; places in all others are named with their URI. */
    const char *pointer = set->document_count ? arena_printf(set->arena, "%.*s#", STR_ARG(base)) : "";
    struct schema_resource *resource = new_resource(set, json, base, pointer);

    if (++set->document_count > SCHEMA_DOCUMENTS_MAX)
        return schema_fail(set, "", "", "more than %d documents are referred to", SCHEMA_DOCUMENTS_MAX);
    *out = resource;
    if (!map_has(&set->resources, base))
        map_put(&set->resources, base, resource);
    return walk(set, json, resource, pointer, 0);
}

/* --- references --------------------------------------------------------------------------------------------------- */

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

static const struct json *step(const struct json *json, struct str token)
{
    uint64_t index;

    if (json_is(json, JSON_ARRAY))
        return str_to_u64(token, &index) && (token.len == 1 || token.data[0] != '0') ? json_at(json, (size_t)index)
                                                                                     : NULL;
    if (!json_is(json, JSON_OBJECT))
        return NULL;
    for (const struct json *child = json->child; child; child = child->next) {
        if (token_is(token, child->key))
            return child;
    }
    return NULL;
}

/* RFC 6901 from the resource's root. What is found in a place that no keyword makes a schema is read as one. */
static bool follow_pointer(struct json_schema *set, const struct schema_place *from, const char *keyword,
    struct schema_resource *resource, struct str pointer, const struct schema_place **out)
{
    const struct json *at = resource->root;
    const char *at_pointer = resource->pointer;

    for (size_t i = 0; i < pointer.len;) {
        const struct schema_place *place = schema_find_place(set, at);
        size_t start = ++i;

        if (place)
            resource = place->resource;
        while (i < pointer.len && pointer.data[i] != '/')
            i++;
        at = step(at, (struct str){pointer.data + start, i - start});
        if (!at)
            return schema_fail(set, from->pointer, keyword, "there is nothing at '%.*s'", STR_ARG(pointer));
        at_pointer = arena_printf(set->arena, "%s/%.*s", at_pointer, (int)(i - start), pointer.data + start);
    }
    if (!walk(set, at, resource, at_pointer, 0))
        return false;
    *out = schema_find_place(set, at);
    return true;
}

static bool find_resource(struct json_schema *set, const struct schema_place *from, const char *keyword, struct str uri,
    struct schema_resource **out)
{
    const struct json *document;

    *out = map_get(&set->resources, uri);
    if (*out)
        return true;
    document = find_document(set, uri);
    if (!document)
        return schema_fail(
            set, from->pointer, keyword, "'%.*s' is not known, and nothing is fetched from the network", STR_ARG(uri));
    return schema_load_document(set, uri, document, out);
}

bool schema_resolve(struct json_schema *set, const struct schema_place *place, const char *keyword, struct str ref,
    const struct schema_place **out, struct str *dynamic_anchor)
{
    struct schema_resource *resource;
    const struct schema_anchor *anchor;
    struct str uri, fragment, name;

    uri_split_fragment(uri_resolve(set->arena, place->resource->uri, ref), &uri, &fragment);
    if (!find_resource(set, place, keyword, uri, &resource))
        return false;
    if (!uri_decode(set->arena, fragment, &name))
        return schema_fail(set, place->pointer, keyword, "'%.*s' is not a URI", STR_ARG(ref));
    if (!name.len || name.data[0] == '/')
        return follow_pointer(set, place, keyword, resource, name, out);
    anchor = map_get(&resource->anchors, name);
    if (!anchor)
        return schema_fail(set, place->pointer, keyword, "there is no anchor '%.*s'", STR_ARG(name));
    *out = schema_find_place(set, anchor->json);
    if (dynamic_anchor && anchor->dynamic)
        *dynamic_anchor = name;
    return true;
}
