/* Objects: the content models, names, dependencies. */
#include <string.h>

#include "spec/base/arena.h"
#include "spec/event/compat_set.h"

static bool size_of(const struct json *value, size_t *out)
{
    struct decimal number;

    return json_is(value, JSON_NUMBER) && decimal_parse(value->text, &number) && decimal_to_size(&number, out);
}

static const struct json *first_member(const struct json *object)
{
    return json_is(object, JSON_OBJECT) ? object->child : NULL;
}

static bool old_lists(const struct compat_old *old, struct str name)
{
    const struct json *properties;

    for (size_t i = 0; compat_old_with(old, "properties", &i, &properties);) {
        if (compat_member(properties, name))
            return true;
    }
    return false;
}

/* The subschema that forbids every name but those in its properties; NULL when there is none. */
static const struct compat_atom *closing_atom(const struct compat_old *old)
{
    for (size_t i = 0; i < old->count; i++) {
        const struct json *patterns = json_get(old->atoms[i].json, "patternProperties");

        if (json_is(json_get(old->atoms[i].json, "additionalProperties"), JSON_FALSE) &&
            (!patterns || !patterns->count))
            return &old->atoms[i];
    }
    return NULL;
}

/* --- members ------------------------------------------------------------------------------------------------------ */

static const char *property_pointer(struct compat *compat, const struct json *schema, struct str name)
{
    return schema_pointer_key(compat->arena, compat_pointer(compat, compat->new_set, schema, "properties"), name);
}

/* A name that only the new side lists. */
static bool report_added(struct compat *compat, const struct compat_old *old, const struct compat_old *property,
    const struct json *schema, struct str name)
{
    if (property->count)
        return compat_find(compat, "property_added_not_covered_by_partially_open_model",
            compat_old_pointer(compat, old, "additionalProperties"), property_pointer(compat, schema, name),
            "let the new property allow all that 'additionalProperties' or 'patternProperties' allowed before",
            "'%.*s' could hold something else before, since names that are not listed were allowed", STR_ARG(name));
    return compat_find(compat, "property_added_to_open_model", compat_old_pointer(compat, old, ""),
        property_pointer(compat, schema, name),
        "close the earlier version with 'additionalProperties: false' if no event holds more than it lists, or give "
        "the "
        "new property an empty schema",
        "'%.*s' could hold anything before, since the object is open", STR_ARG(name));
}

/* A name that only the old side lists: it meets what the new side says about the rest. */
static bool report_removed(
    struct compat *compat, const struct compat_old *old, const struct json *schema, struct str name)
{
    const char *keyword;
    const struct json *rest = compat_rest_of_object(schema, &keyword);
    const struct json *properties;
    const struct compat_atom *atom;
    const char *old_pointer = "";

    for (size_t i = 0; (atom = compat_old_with(old, "properties", &i, &properties)) != NULL;) {
        if (compat_member(properties, name))
            old_pointer = schema_pointer_key(
                compat->arena, compat_pointer(compat, compat->old_set, atom->json, "properties"), name);
    }
    return compat_find(compat,
        json_is(rest, JSON_FALSE) ? "property_removed_from_closed_model"
                                  : "property_removed_not_covered_by_partially_open_model",
        old_pointer, compat_pointer(compat, compat->new_set, schema, keyword),
        "keep the property (it may be optional), or let names that are not listed hold what it held",
        "'%.*s' was allowed before and is not any more", STR_ARG(name));
}

static bool check_name(struct compat *compat, const struct compat_old *old, const struct json *schema, struct str name)
{
    const struct json *listed = compat_member(json_get(schema, "properties"), name);
    const struct json *patterns = json_get(schema, "patternProperties");
    const char *keyword;
    const struct json *rest = compat_rest_of_object(schema, &keyword);
    struct compat_old property;
    bool in_old = old_lists(old, name);
    bool spoken_of = listed != NULL;
    bool compatible = true;

    compat_old_property(compat, old, name, &property);
    if (listed && in_old)
        compatible = compat_implies(compat, &property, listed);
    else if (listed && !compat_implies_quietly(compat, &property, listed))
        compatible = report_added(compat, old, &property, schema, name);
    for (const struct json *item = first_member(patterns); item; item = item->next) {
        if (!compat_pattern_matches(item->key, name))
            continue;
        spoken_of = true;
        compatible = compat_implies(compat, &property, item) && compatible;
    }
    if (spoken_of || !rest || (keyword[0] == 'u' && compat_speaks_of(compat->new_set, schema, name, true)))
        return compatible;
    return (compat_implies_quietly(compat, &property, rest) || report_removed(compat, old, schema, name)) && compatible;
}

/* --- names that neither side lists -------------------------------------------------------------------------------- */

static bool is_pattern_of(const struct json *schema, struct str pattern)
{
    return compat_member(json_get(schema, "patternProperties"), pattern) != NULL;
}

/* All that a subschema with patternProperties may say about such a name must fit: any of its patterns, or its rest. */
static bool every_alternative_fits(struct compat *compat, const struct compat_old *base, const struct compat_atom *atom,
    const struct json *schema, const struct json *wanted, bool is_rest)
{
    const char *keyword;
    const struct json *rest = compat_rest_of_object(atom->json, &keyword);
    struct compat_old one;

    for (const struct json *item = first_member(json_get(atom->json, "patternProperties")); item; item = item->next) {
        if (is_rest && is_pattern_of(schema, item->key))
            continue;
        one = *base;
        compat_old_add(compat, &one, item);
        if (!compat_implies_quietly(compat, &one, wanted))
            return false;
    }
    one = *base;
    if (rest && keyword[0] == 'a')
        compat_old_add(compat, &one, rest);
    return compat_implies_quietly(compat, &one, wanted);
}

/* wanted: what the new side asks of names under one of its patterns, or of its rest (is_rest). */
static bool unlisted_fit(struct compat *compat, const struct compat_old *old, const struct json *schema,
    const struct json *wanted, struct str pattern, bool is_rest)
{
    struct compat_old base;

    compat_old_init(&base);
    for (size_t i = 0; i < old->count; i++) {
        const struct json *atom = old->atoms[i].json;
        const char *keyword;
        const struct json *rest = compat_rest_of_object(atom, &keyword);
        const struct json *same = is_rest ? NULL : compat_member(json_get(atom, "patternProperties"), pattern);

        if (same)
            compat_old_add(compat, &base, same);
        if (rest && !first_member(json_get(atom, "patternProperties")) &&
            (keyword[0] == 'a' || !compat_speaks_of(compat->old_set, atom, STR(""), false)))
            compat_old_add(compat, &base, rest);
    }
    if (compat_implies_quietly(compat, &base, wanted))
        return true;
    for (size_t i = 0; i < old->count; i++) {
        if (first_member(json_get(old->atoms[i].json, "patternProperties")) &&
            every_alternative_fits(compat, &base, &old->atoms[i], schema, wanted, is_rest))
            return true;
    }
    return false;
}

static bool check_unlisted(struct compat *compat, const struct compat_old *old, const struct json *schema)
{
    const char *keyword;
    const struct json *rest = compat_rest_of_object(schema, &keyword);
    bool compatible = true;

    for (const struct json *item = first_member(json_get(schema, "patternProperties")); item; item = item->next) {
        if (!unlisted_fit(compat, old, schema, item, item->key, false))
            compatible =
                compat_find(compat, "pattern_property_narrowed", compat_old_pointer(compat, old, "patternProperties"),
                    schema_pointer_key(
                        compat->arena, compat_pointer(compat, compat->new_set, schema, "patternProperties"), item->key),
                    "keep the earlier schema of the pattern, or a wider one",
                    "names that match '%.*s' could hold something else before", STR_ARG(item->key));
    }
    if (rest && !unlisted_fit(compat, old, schema, rest, STR(""), true))
        compatible = compat_find(compat,
            json_is(rest, JSON_FALSE) ? "additional_properties_removed" : "additional_properties_narrowed",
            compat_old_pointer(compat, old, "additionalProperties"),
            compat_pointer(compat, compat->new_set, schema, keyword),
            "leave names that are not listed as open as they were", "'%s' refuses names that were allowed before",
            keyword);
    return compatible;
}

static bool check_members(struct compat *compat, const struct compat_old *old, const struct json *schema)
{
    const struct json *listed = json_get(schema, "properties");
    const struct json *properties;
    bool compatible = true;

    for (const struct json *item = first_member(listed); item; item = item->next)
        compatible = check_name(compat, old, schema, item->key) && compatible;
    for (size_t i = 0; compat_old_with(old, "properties", &i, &properties);) {
        for (const struct json *item = first_member(properties); item; item = item->next) {
            if (!compat_member(listed, item->key))
                compatible = check_name(compat, old, schema, item->key) && compatible;
        }
    }
    return check_unlisted(compat, old, schema) && compatible;
}

/* --- names -------------------------------------------------------------------------------------------------------- */

static bool has_default(struct compat *compat, const struct json *schema, struct str name)
{
    const struct json *property = compat_member(json_get(schema, "properties"), name);
    const struct json *target = property ? compat_target(compat->new_set, property, "$ref") : NULL;

    return json_get(property, "default") || json_get(target, "default");
}

/* A required property that is new is filled from its default, where it has one. */
static bool check_required(struct compat *compat, const struct compat_old *old, const struct json *schema)
{
    const struct json *required = json_get(schema, "required");
    bool compatible = true;

    for (const struct json *item = json_is(required, JSON_ARRAY) ? required->child : NULL; item; item = item->next) {
        struct str name = json_text(item);

        if (compat_old_requires(old, name) || has_default(compat, schema, name))
            continue;
        compatible = compat_find(compat, "required_added", compat_old_pointer(compat, old, "required"),
            compat_pointer(compat, compat->new_set, schema, "required"),
            "give the property a 'default', or leave it optional", "'%.*s' is required now and was not before",
            STR_ARG(name));
    }
    return compatible;
}

static size_t fewest_members(const struct compat_old *old)
{
    size_t fewest = 0;

    for (size_t i = 0; i < old->count; i++) {
        const struct json *required = json_get(old->atoms[i].json, "required");
        size_t size;

        if (size_of(json_get(old->atoms[i].json, "minProperties"), &size) && size > fewest)
            fewest = size;
        if (json_is(required, JSON_ARRAY) && required->count > fewest)
            fewest = required->count;
    }
    return fewest;
}

static size_t most_members(const struct compat_old *old)
{
    const struct compat_atom *closed = closing_atom(old);
    const struct json *properties = closed ? json_get(closed->json, "properties") : NULL;
    size_t most = closed ? (properties ? properties->count : 0) : SIZE_MAX;

    for (size_t i = 0; i < old->count; i++) {
        size_t size;

        if (size_of(json_get(old->atoms[i].json, "maxProperties"), &size) && size < most)
            most = size;
    }
    return most;
}

static bool check_counts(struct compat *compat, const struct compat_old *old, const struct json *schema)
{
    bool compatible = true;
    size_t wanted;

    if (size_of(json_get(schema, "minProperties"), &wanted) && wanted > fewest_members(old))
        compatible = compat_find(compat, "min_properties_increased", compat_old_pointer(compat, old, "minProperties"),
            compat_pointer(compat, compat->new_set, schema, "minProperties"), "keep the earlier limit or a lower one",
            "'minProperties' %zu refuses objects that were allowed before", wanted);
    if (size_of(json_get(schema, "maxProperties"), &wanted) && wanted < most_members(old))
        compatible = compat_find(compat, "max_properties_decreased", compat_old_pointer(compat, old, "maxProperties"),
            compat_pointer(compat, compat->new_set, schema, "maxProperties"), "keep the earlier limit or a higher one",
            "'maxProperties' %zu refuses objects that were allowed before", wanted);
    return compatible;
}

static bool check_property_names(struct compat *compat, const struct compat_old *old, const struct json *schema)
{
    const struct json *wanted = json_get(schema, "propertyNames");
    const struct compat_atom *closed = closing_atom(old);
    const struct json *value;
    struct compat_old names;
    bool fits = closed != NULL;

    if (!wanted)
        return true;
    compat_old_init(&names);
    names.types = COMPAT_STRING;
    for (size_t i = 0; compat_old_with(old, "propertyNames", &i, &value);)
        compat_old_add(compat, &names, value);
    if (compat_implies_quietly(compat, &names, wanted))
        return true;
    for (const struct json *item = closed ? first_member(json_get(closed->json, "properties")) : NULL; item && fits;
         item = item->next) {
        struct json name = {.type = JSON_STRING, .text = item->key};
        struct json_schema_error error;

        fits = schema_validate_under(compat->new_set, wanted, compat->arena, &name, &error);
    }
    return fits || compat_find(compat, "property_names_narrowed", compat_old_pointer(compat, old, "propertyNames"),
                       compat_pointer(compat, compat->new_set, schema, "propertyNames"),
                       "keep the earlier schema of names, or a wider one",
                       "'propertyNames' refuses names that were allowed before");
}

/* --- dependencies ------------------------------------------------------------------------------------------------- */

static bool is_forbidden(struct compat *compat, const struct compat_old *old, struct str name)
{
    struct compat_old property;

    compat_old_property(compat, old, name, &property);
    return property.never || !property.types;
}

static bool old_depends(const struct compat_old *old, struct str name, struct str needed)
{
    const struct json *dependencies;

    for (size_t i = 0; compat_old_with(old, "dependentRequired", &i, &dependencies);) {
        const struct json *list = compat_member(dependencies, name);

        for (const struct json *item = json_is(list, JSON_ARRAY) ? list->child : NULL; item; item = item->next) {
            if (str_equal(json_text(item), needed))
                return true;
        }
    }
    return compat_old_requires(old, needed);
}

static bool check_dependent_required(struct compat *compat, const struct compat_old *old, const struct json *schema)
{
    const struct json *dependencies = json_get(schema, "dependentRequired");
    bool compatible = true;

    for (const struct json *item = first_member(dependencies); item; item = item->next) {
        for (const struct json *needed = item->child; needed; needed = needed->next) {
            if (old_depends(old, item->key, json_text(needed)) || is_forbidden(compat, old, item->key))
                continue;
            compatible = compat_find(compat, "dependency_added", compat_old_pointer(compat, old, "dependentRequired"),
                schema_pointer_key(
                    compat->arena, compat_pointer(compat, compat->new_set, schema, "dependentRequired"), item->key),
                "leave the dependency out", "'%.*s' needs '%.*s' now and did not before", STR_ARG(item->key),
                STR_ARG(json_text(needed)));
        }
    }
    return compatible;
}

static bool check_dependent_schemas(struct compat *compat, const struct compat_old *old, const struct json *schema)
{
    bool compatible = true;

    for (const struct json *item = first_member(json_get(schema, "dependentSchemas")); item; item = item->next) {
        struct compat_old narrowed = *old;
        const struct json *dependencies;

        if (is_forbidden(compat, old, item->key))
            continue;
        for (size_t i = 0; compat_old_with(old, "dependentSchemas", &i, &dependencies);) {
            const struct json *before = compat_member(dependencies, item->key);

            if (before)
                compat_old_add(compat, &narrowed, before);
        }
        narrowed.types &= COMPAT_OBJECT;
        if (!compat_implies_quietly(compat, &narrowed, item))
            compatible = compat_find(compat, "dependency_narrowed", compat_old_pointer(compat, old, "dependentSchemas"),
                schema_pointer_key(
                    compat->arena, compat_pointer(compat, compat->new_set, schema, "dependentSchemas"), item->key),
                "keep the earlier dependency, or a wider one",
                "objects with '%.*s' are refused that were allowed before", STR_ARG(item->key));
    }
    return compatible;
}

bool compat_check_object(struct compat *compat, const struct compat_old *old, const struct json *schema)
{
    bool compatible = check_members(compat, old, schema);

    compatible = check_required(compat, old, schema) && compatible;
    compatible = check_counts(compat, old, schema) && compatible;
    compatible = check_property_names(compat, old, schema) && compatible;
    compatible = check_dependent_required(compat, old, schema) && compatible;
    return check_dependent_schemas(compat, old, schema) && compatible;
}
