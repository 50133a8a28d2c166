/* Arrays: tuples, elements, contains. */
#include <string.h>

#include "spec/base/arena.h"
#include "spec/event/compat_set.h"

static bool size_of(const struct json *value, size_t *out)
{
    struct decimal number;

    return json_is(value, JSON_NUMBER) && decimal_parse(value->text, &number) && decimal_to_size(&number, out);
}

/* The most elements that the old side allows: by maxItems, or by a closed tuple. */
static size_t most_elements(const struct compat_old *old)
{
    size_t most = SIZE_MAX;

    for (size_t i = 0; i < old->count; i++) {
        const struct json *schema = old->atoms[i].json;
        const struct json *prefix = json_get(schema, "prefixItems");
        size_t size;

        if (size_of(json_get(schema, "maxItems"), &size) && size < most)
            most = size;
        size = json_is(prefix, JSON_ARRAY) ? prefix->count : 0;
        if (json_is(json_get(schema, "items"), JSON_FALSE) && size < most)
            most = size;
    }
    return most;
}

static size_t fewest_elements(const struct compat_old *old)
{
    const struct json *value;
    size_t fewest = 0, size;

    for (size_t i = 0; compat_old_with(old, "minItems", &i, &value);) {
        if (size_of(value, &size) && size > fewest)
            fewest = size;
    }
    return fewest;
}

static bool check_counts(struct compat *compat, const struct compat_old *old, const struct json *schema)
{
    bool compatible = true;
    size_t wanted;

    if (size_of(json_get(schema, "minItems"), &wanted) && wanted > fewest_elements(old))
        compatible = compat_find(compat, "min_items_increased", compat_old_pointer(compat, old, "minItems"),
            compat_pointer(compat, compat->new_set, schema, "minItems"), "keep the earlier limit or a lower one",
            "'minItems' %zu refuses arrays that were allowed before", wanted);
    if (size_of(json_get(schema, "maxItems"), &wanted) && wanted < most_elements(old))
        compatible = compat_find(compat, "max_items_decreased", compat_old_pointer(compat, old, "maxItems"),
            compat_pointer(compat, compat->new_set, schema, "maxItems"), "keep the earlier limit or a higher one",
            "'maxItems' %zu refuses arrays that were allowed before", wanted);
    if (json_is(json_get(schema, "uniqueItems"), JSON_TRUE) && most_elements(old) > 1) {
        const struct json *value;

        for (size_t i = 0; compat_old_with(old, "uniqueItems", &i, &value);) {
            if (json_is(value, JSON_TRUE))
                return compatible;
        }
        compatible = compat_find(compat, "unique_items_added", compat_old_pointer(compat, old, ""),
            compat_pointer(compat, compat->new_set, schema, "uniqueItems"), "leave 'uniqueItems' out",
            "arrays with equal elements were allowed before");
    }
    return compatible;
}

/* An element that one side names in its tuple and the other does not meets the other's rest. */
static bool report_element(struct compat *compat, const struct compat_old *old, const struct compat_old *element,
    const struct json *schema, size_t index, bool in_new)
{
    const char *keyword;
    const struct json *rest = compat_rest_of_array(schema, &keyword);

    if (in_new)
        return compat_find(compat,
            element->count ? "item_added_not_covered_by_partially_open_model" : "item_added_to_open_model",
            compat_old_pointer(compat, old, ""),
            arena_printf(
                compat->arena, "%s/%zu", compat_pointer(compat, compat->new_set, schema, "prefixItems"), index),
            "give the new element an empty schema, or close the earlier tuple with 'items: false' if nothing more was "
            "ever written",
            "arrays may hold something else at position %zu", index);
    return compat_find(compat,
        json_is(rest, JSON_FALSE) ? "item_removed_from_closed_model"
                                  : "item_removed_not_covered_by_partially_open_model",
        compat_old_pointer(compat, old, "prefixItems"), compat_pointer(compat, compat->new_set, schema, keyword),
        "keep the element in 'prefixItems', or let 'items' allow it",
        "arrays may hold an element at position %zu, which is not allowed any more", index);
}

static size_t longest_tuple(const struct compat_old *old)
{
    const struct json *prefix;
    size_t longest = 0;

    for (size_t i = 0; compat_old_with(old, "prefixItems", &i, &prefix);) {
        if (json_is(prefix, JSON_ARRAY) && prefix->count > longest)
            longest = prefix->count;
    }
    return longest;
}

static bool check_elements(struct compat *compat, const struct compat_old *old, const struct json *schema)
{
    const struct json *prefix = json_get(schema, "prefixItems");
    const char *keyword;
    const struct json *rest = compat_rest_of_array(schema, &keyword);
    size_t new_length = json_is(prefix, JSON_ARRAY) ? prefix->count : 0;
    size_t old_length = longest_tuple(old);
    size_t most = most_elements(old);
    const struct json *wanted = new_length ? prefix->child : NULL;
    struct compat_old element;
    bool compatible = true;
    size_t i = 0;

    for (; i < most && (i < new_length || i < old_length); i++) {
        const struct json *schema_at = wanted ? wanted : rest;

        wanted = wanted ? wanted->next : NULL;
        if (!schema_at)
            break;
        compat_old_element(compat, old, i, &element);
        if ((i < new_length) == (i < old_length))
            compatible = compat_implies(compat, &element, schema_at) && compatible;
        else if (!compat_implies_quietly(compat, &element, schema_at))
            compatible = report_element(compat, old, &element, schema, i, i < new_length);
    }
    if (!rest || i >= most)
        return compatible;
    compat_old_element(compat, old, SIZE_MAX, &element);
    if (!json_is(rest, JSON_FALSE) && element.count)
        return compat_implies(compat, &element, rest) && compatible;
    if (compat_implies_quietly(compat, &element, rest))
        return compatible;
    return compat_find(compat, json_is(rest, JSON_FALSE) ? "items_forbidden" : "items_narrowed",
        compat_old_pointer(compat, old, "items"), compat_pointer(compat, compat->new_set, schema, keyword),
        "leave further elements as open as they were", "'%s' refuses elements that were allowed before", keyword);
}

/* --- contains ----------------------------------------------------------------------------------------------------- */

static size_t limit(const struct json *schema, const char *keyword, size_t fallback)
{
    size_t size;

    return size_of(json_get(schema, keyword), &size) ? size : fallback;
}

/* The old kind of element implies the new one, so at least as many are there; or the other way round for the most. */
static bool contains_holds(struct compat *compat, const struct compat_old *old, const struct json *schema, bool most)
{
    const struct json *wanted = json_get(schema, "contains");
    const struct json *value;
    const struct compat_atom *atom;

    for (size_t i = 0; (atom = compat_old_with(old, "contains", &i, &value)) != NULL;) {
        struct compat_old kind;
        size_t work = 0;

        compat_old_init(&kind);
        compat_old_add(compat, &kind, value);
        if (!most && limit(atom->json, "minContains", 1) >= limit(schema, "minContains", 1) &&
            compat_implies_quietly(compat, &kind, wanted))
            return true;
        if (most && limit(atom->json, "maxContains", SIZE_MAX) <= limit(schema, "maxContains", SIZE_MAX) &&
            schema_values_equal(value, wanted, &work))
            return true;
    }
    return false;
}

static bool check_contains(struct compat *compat, const struct compat_old *old, const struct json *schema)
{
    bool few = limit(schema, "minContains", 1) > 0;
    bool many = limit(schema, "maxContains", SIZE_MAX) < most_elements(old);

    if (!json_get(schema, "contains"))
        return true;
    if ((!few || contains_holds(compat, old, schema, false)) && (!many || contains_holds(compat, old, schema, true)))
        return true;
    return compat_find(compat, "contains_narrowed", compat_old_pointer(compat, old, "contains"),
        compat_pointer(compat, compat->new_set, schema, "contains"), "leave 'contains' as it was, or widen it",
        "'contains' refuses arrays that were allowed before");
}

bool compat_check_array(struct compat *compat, const struct compat_old *old, const struct json *schema)
{
    bool compatible = check_counts(compat, old, schema);

    compatible = check_elements(compat, old, schema) && compatible;
    return check_contains(compat, old, schema) && compatible;
}
