/* Subschemas to nodes, keyword by keyword (JSON Schema core and validation 2020-12). */
#include <stdint.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/event/json_schema_set.h"

/* Everything that a keyword's reader needs. */
struct reading {
    struct json_schema *set;
    struct schema_node *node;
    const char *keyword;
    const struct json *value;
};

static bool wrong(const struct reading *reading, const char *what)
{
    return schema_fail(
        reading->set, reading->node->place->pointer, reading->keyword, "'%s' must be %s", reading->keyword, what);
}

/* --- nodes -------------------------------------------------------------------------------------------------------- */

/* The node of a subschema; new ones are filled later, from the queue, so that no chain of references is recursion. */
static struct schema_node *node_of(struct json_schema *set, const struct json *json)
{
    struct str key = {(const char *)&json, sizeof(json)};
    struct schema_node *node = map_get(&set->nodes, key);
    const struct schema_place *place;

    if (node)
        return node;
    place = schema_find_place(set, json);
    node = ARENA_NEW(set->arena, struct schema_node);
    node->place = place;
    map_put(&set->nodes, (struct str){(const char *)&place->json, sizeof(place->json)}, node);
    VEC_PUSH(set->arena, &set->queue, node);
    return node;
}

static struct schema_node *child_node(const struct reading *reading)
{
    return node_of(reading->set, reading->value);
}

static bool read_nodes(const struct reading *reading, struct schema_nodes *out)
{
    const struct json *child = reading->value->child;

    if (!child)
        return wrong(reading, "an array that is not empty");
    out->items = ARENA_ARRAY(reading->set->arena, struct schema_node *, reading->value->count);
    for (; child; child = child->next)
        out->items[out->count++] = node_of(reading->set, child);
    return true;
}

/* --- values of keywords ------------------------------------------------------------------------------------------- */

static bool read_size(const struct reading *reading, size_t *out)
{
    struct decimal number;

    if (json_is(reading->value, JSON_NUMBER) && decimal_parse(reading->value->text, &number) &&
        decimal_to_size(&number, out))
        return true;
    return wrong(reading, "a whole number that is not negative");
}

static bool read_number(const struct reading *reading, const struct decimal **out)
{
    struct decimal *number = ARENA_NEW(reading->set->arena, struct decimal);

    if (!json_is(reading->value, JSON_NUMBER) || !decimal_parse(reading->value->text, number))
        return wrong(reading, "a number");
    *out = number;
    return true;
}

static bool read_strings(const struct reading *reading, const struct json *array, const struct str **out, size_t *count)
{
    struct str *strings;
    size_t work = 0;

    if (!json_is(array, JSON_ARRAY))
        return wrong(reading, "an array of strings");
    strings = ARENA_ARRAY(reading->set->arena, struct str, array->count);
    *count = 0;
    for (const struct json *child = array->child; child; child = child->next) {
        if (!json_is(child, JSON_STRING))
            return wrong(reading, "an array of strings");
        strings[(*count)++] = child->text;
    }
    *out = strings;
    return !schema_find_duplicate(reading->set->arena, array, &work) || wrong(reading, "an array without duplicates");
}

/* --- keywords ----------------------------------------------------------------------------------------------------- */

static bool read_type(const struct reading *reading, const struct json *name)
{
    static const struct {
        const char *name;
        unsigned bit;
    } types[] = {
        {"null", SCHEMA_TYPE_NULL},
        {"boolean", SCHEMA_TYPE_BOOLEAN},
        {"object", SCHEMA_TYPE_OBJECT},
        {"array", SCHEMA_TYPE_ARRAY},
        {"number", SCHEMA_TYPE_NUMBER},
        {"string", SCHEMA_TYPE_STRING},
        {"integer", SCHEMA_TYPE_INTEGER},
    };
    struct schema_node *node = reading->node;

    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        if (!json_is(name, JSON_STRING) || !str_is(name->text, types[i].name))
            continue;
        node->types |= types[i].bit;
        node->types_text = node->types_text
                               ? arena_printf(reading->set->arena, "%s or %s", node->types_text, types[i].name)
                               : types[i].name;
        return true;
    }
    return wrong(reading, "null, boolean, object, array, number, string, integer, or a list of some of them");
}

static bool read_types(const struct reading *reading)
{
    if (!json_is(reading->value, JSON_ARRAY))
        return read_type(reading, reading->value);
    if (!reading->value->count)
        return wrong(reading, "a list that is not empty");
    for (const struct json *child = reading->value->child; child; child = child->next) {
        if (!read_type(reading, child))
            return false;
    }
    return true;
}

static bool read_const(const struct reading *reading)
{
    reading->node->constant = reading->value;
    return true;
}

static bool read_enum(const struct reading *reading)
{
    reading->node->enumeration = reading->value;
    return json_is(reading->value, JSON_ARRAY) || wrong(reading, "an array");
}

static bool read_minimum(const struct reading *reading)
{
    return read_number(reading, &reading->node->minimum);
}

static bool read_maximum(const struct reading *reading)
{
    return read_number(reading, &reading->node->maximum);
}

static bool read_exclusive_minimum(const struct reading *reading)
{
    return read_number(reading, &reading->node->exclusive_minimum);
}

static bool read_exclusive_maximum(const struct reading *reading)
{
    return read_number(reading, &reading->node->exclusive_maximum);
}

static bool read_multiple_of(const struct reading *reading)
{
    const struct decimal *divisor = NULL;

    if (!read_number(reading, &divisor) || !divisor)
        return false;
    if (!divisor->digit_count || divisor->negative)
        return wrong(reading, "a number above 0");
    if (divisor->digit_count > DECIMAL_DIVISOR_DIGITS_MAX)
        return wrong(reading, "a number of at most 100 digits");
    reading->node->multiple_of = divisor;
    return true;
}

static bool read_min_length(const struct reading *reading)
{
    return read_size(reading, &reading->node->min_length);
}

static bool read_max_length(const struct reading *reading)
{
    return read_size(reading, &reading->node->max_length);
}

static bool compile_pattern(const struct reading *reading, struct str text, struct regex **out)
{
    struct regex_error error;

    *out = pattern_compile(reading->set->arena, text, &error);
    if (*out)
        return true;
    return schema_fail(reading->set, reading->node->place->pointer, reading->keyword,
        "'%.*s' is not a regular expression: %s", (int)(text.len < 80 ? text.len : 80), text.data, error.message);
}

static bool read_pattern(const struct reading *reading)
{
    struct regex *pattern;

    if (!json_is(reading->value, JSON_STRING))
        return wrong(reading, "a string");
    if (!compile_pattern(reading, reading->value->text, &pattern))
        return false;
    reading->node->pattern = pattern;
    return true;
}

static bool read_min_items(const struct reading *reading)
{
    return read_size(reading, &reading->node->min_items);
}

static bool read_max_items(const struct reading *reading)
{
    return read_size(reading, &reading->node->max_items);
}

static bool read_min_contains(const struct reading *reading)
{
    return read_size(reading, &reading->node->min_contains);
}

static bool read_max_contains(const struct reading *reading)
{
    return read_size(reading, &reading->node->max_contains);
}

static bool read_unique_items(const struct reading *reading)
{
    reading->node->unique_items = json_is(reading->value, JSON_TRUE);
    return json_is(reading->value, JSON_TRUE) || json_is(reading->value, JSON_FALSE) || wrong(reading, "true or false");
}

static bool read_min_properties(const struct reading *reading)
{
    return read_size(reading, &reading->node->min_properties);
}

static bool read_max_properties(const struct reading *reading)
{
    return read_size(reading, &reading->node->max_properties);
}

static bool read_required(const struct reading *reading)
{
    return read_strings(reading, reading->value, &reading->node->required, &reading->node->required_count);
}

static bool read_dependent_required(const struct reading *reading)
{
    struct schema_names *items;
    struct schema_node *node = reading->node;

    if (!json_is(reading->value, JSON_OBJECT))
        return wrong(reading, "an object of arrays of strings");
    items = ARENA_ARRAY(reading->set->arena, struct schema_names, reading->value->count);
    for (const struct json *child = reading->value->child; child; child = child->next) {
        struct schema_names *item = &items[node->dependent_required_count++];

        item->name = child->key;
        if (!read_strings(reading, child, &item->needed, &item->count))
            return false;
    }
    node->dependent_required = items;
    return true;
}

static bool read_dependent_schemas(const struct reading *reading)
{
    struct schema_property *items = ARENA_ARRAY(reading->set->arena, struct schema_property, reading->value->count);
    struct schema_node *node = reading->node;

    for (const struct json *child = reading->value->child; child; child = child->next)
        items[node->dependent_schema_count++] = (struct schema_property){child->key, node_of(reading->set, child)};
    node->dependent_schemas = items;
    return true;
}

static bool read_properties(const struct reading *reading)
{
    for (const struct json *child = reading->value->child; child; child = child->next)
        map_put(&reading->node->properties, child->key, node_of(reading->set, child));
    return true;
}

static bool read_pattern_properties(const struct reading *reading)
{
    struct schema_pattern *items = ARENA_ARRAY(reading->set->arena, struct schema_pattern, reading->value->count);
    struct schema_node *node = reading->node;

    for (const struct json *child = reading->value->child; child; child = child->next) {
        struct schema_pattern *item = &items[node->pattern_property_count++];

        item->node = node_of(reading->set, child);
        if (!compile_pattern(reading, child->key, &item->pattern))
            return false;
    }
    node->pattern_properties = items;
    return true;
}

static bool read_all_of(const struct reading *reading)
{
    return read_nodes(reading, &reading->node->all_of);
}

static bool read_any_of(const struct reading *reading)
{
    return read_nodes(reading, &reading->node->any_of);
}

static bool read_one_of(const struct reading *reading)
{
    return read_nodes(reading, &reading->node->one_of);
}

static bool read_prefix_items(const struct reading *reading)
{
    return read_nodes(reading, &reading->node->prefix_items);
}

#define READ_NODE(name, member)                                                                                        \
    static bool read_##name(const struct reading *reading)                                                             \
    {                                                                                                                  \
        reading->node->member = child_node(reading);                                                                   \
        return true;                                                                                                   \
    }

READ_NODE(additional_properties, additional_properties)
READ_NODE(contains, contains)
READ_NODE(else, else_)
READ_NODE(if, if_)
READ_NODE(items, items)
READ_NODE(not, not_)
READ_NODE(property_names, property_names)
READ_NODE(then, then)
READ_NODE(unevaluated_items, unevaluated_items)
READ_NODE(unevaluated_properties, unevaluated_properties)

static bool read_ref(const struct reading *reading)
{
    const struct schema_place *target;

    if (!json_is(reading->value, JSON_STRING))
        return wrong(reading, "a URI reference");
    if (!schema_resolve(reading->set, reading->node->place, reading->keyword, reading->value->text, &target, NULL))
        return false;
    reading->node->ref = node_of(reading->set, target->json);
    return true;
}

static bool read_dynamic_ref(const struct reading *reading)
{
    const struct schema_place *target;

    if (!json_is(reading->value, JSON_STRING))
        return wrong(reading, "a URI reference");
    reading->node->dynamic_name = STR("");
    if (!schema_resolve(reading->set, reading->node->place, reading->keyword, reading->value->text, &target,
            &reading->node->dynamic_name))
        return false;
    reading->node->dynamic_ref = node_of(reading->set, target->json);
    return true;
}

static const struct {
    const char *name;
    bool (*read)(const struct reading *reading);
    bool is_validation; /* of the vocabulary that a meta-schema may leave out */
} keywords[] = {
    {"$dynamicRef", read_dynamic_ref, false},
    {"$ref", read_ref, false},
    {"additionalProperties", read_additional_properties, false},
    {"allOf", read_all_of, false},
    {"anyOf", read_any_of, false},
    {"const", read_const, true},
    {"contains", read_contains, false},
    {"dependentRequired", read_dependent_required, true},
    {"dependentSchemas", read_dependent_schemas, false},
    {"else", read_else, false},
    {"enum", read_enum, true},
    {"exclusiveMaximum", read_exclusive_maximum, true},
    {"exclusiveMinimum", read_exclusive_minimum, true},
    {"if", read_if, false},
    {"items", read_items, false},
    {"maxContains", read_max_contains, true},
    {"maxItems", read_max_items, true},
    {"maxLength", read_max_length, true},
    {"maxProperties", read_max_properties, true},
    {"maximum", read_maximum, true},
    {"minContains", read_min_contains, true},
    {"minItems", read_min_items, true},
    {"minLength", read_min_length, true},
    {"minProperties", read_min_properties, true},
    {"minimum", read_minimum, true},
    {"multipleOf", read_multiple_of, true},
    {"not", read_not, false},
    {"oneOf", read_one_of, false},
    {"pattern", read_pattern, true},
    {"patternProperties", read_pattern_properties, false},
    {"prefixItems", read_prefix_items, false},
    {"properties", read_properties, false},
    {"propertyNames", read_property_names, false},
    {"required", read_required, true},
    {"then", read_then, false},
    {"type", read_types, true},
    {"unevaluatedItems", read_unevaluated_items, false},
    {"unevaluatedProperties", read_unevaluated_properties, false},
    {"uniqueItems", read_unique_items, true},
};

/* What the loader did not check because it only looks for places: keywords of the wrong shape were refused there. */
static bool fill_node(struct json_schema *set, struct schema_node *node)
{
    const struct schema_place *place = node->place;

    map_init(&node->properties, set->arena);
    node->max_length = node->max_items = node->max_contains = node->max_properties = SIZE_MAX;
    node->min_contains = 1;
    if (json_is(place->json, JSON_TRUE) || json_is(place->json, JSON_FALSE)) {
        node->kind = json_is(place->json, JSON_TRUE) ? SCHEMA_TRUE : SCHEMA_FALSE;
        return true;
    }
    for (size_t i = 0; i < sizeof(keywords) / sizeof(*keywords); i++) {
        struct reading reading = {set, node, keywords[i].name, json_get(place->json, keywords[i].name)};

        if (!reading.value || (keywords[i].is_validation && !place->resource->validates))
            continue;
        if (!keywords[i].read(&reading))
            return false;
    }
    node->applies_in_place = node->ref || node->dynamic_ref || node->all_of.count || node->any_of.count ||
                             node->one_of.count || node->not_ || node->if_;
    return true;
}

/* Fills what is queued; a reference may load documents, and each brings anchors that $dynamicRef may end at. */
static bool fill_all(struct json_schema *set)
{
    size_t resources_done = 0;

    while (set->queue_done < set->queue.count || resources_done < set->all_resources.count) {
        const struct map_entry *entry;

        if (set->queue_done < set->queue.count) {
            if (!fill_node(set, set->queue.items[set->queue_done++]))
                return false;
            continue;
        }
        for (size_t i = 0; map_next(&set->all_resources.items[resources_done]->anchors, &i, &entry);) {
            const struct schema_anchor *anchor = entry->value;

            if (anchor->dynamic)
                node_of(set, anchor->json);
        }
        resources_done++;
    }
    return true;
}

bool json_schema_compile(struct arena *arena, const struct json *schema, json_schema_resolver resolver, void *context,
    struct json_schema **out, struct json_schema_error *error)
{
    struct json_schema *set = ARENA_NEW(arena, struct json_schema);
    struct schema_resource *resource;

    *out = NULL;
    set->arena = arena;
    set->resolver = resolver;
    set->resolver_context = context;
    set->error = error;
    map_init(&set->resources, arena);
    map_init(&set->places, arena);
    map_init(&set->nodes, arena);
    if (schema_load_document(set, STR(""), schema, &resource)) {
        size_t own = set->all_places.count;

        set->root = node_of(set, schema);
        /* The whole document is checked, reached or not; of others only what is reached. */
        for (size_t i = 0; i < own; i++)
            node_of(set, set->all_places.items[i]->json);
        if (fill_all(set)) {
            *out = set;
            return true;
        }
    }
    return false;
}
