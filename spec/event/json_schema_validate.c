/* Nodes over values (JSON Schema core and validation 2020-12). */
#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/bug.h"
#include "spec/event/json_schema_run.h"

/* The dynamic scope: resources entered on the way, the innermost first. */
struct scope {
    const struct scope *outer;
    const struct schema_resource *resource;
};

/* Which members or elements of one value were evaluated, for unevaluatedProperties and unevaluatedItems. */
struct marks {
    uint64_t *bits;
    size_t words;
};

static bool apply(struct schema_run *run, const struct schema_node *node, const struct schema_at *at,
    const struct scope *scope, struct marks *marks);

/* For branches: like apply(), but a failure is not reported. */
static bool try(struct schema_run *run, const struct schema_node *node, const struct schema_at *at,
    const struct scope *scope, struct marks *marks)
{
    bool valid;

    run->quiet++;
    valid = apply(run, node, at, scope, marks);
    if (run->quiet)
        run->quiet--;
    return valid && !run->stopped;
}

/* --- marks -------------------------------------------------------------------------------------------------------- */

static struct marks new_marks(struct schema_run *run, const struct json *value)
{
    struct marks marks = {NULL, value->count / 64 + 1};

    marks.bits = ARENA_ARRAY(run->arena, uint64_t, marks.words);
    run->work += marks.words;
    return marks;
}

static void mark(struct marks *marks, size_t index)
{
    if (marks)
        marks->bits[index / 64] |= (uint64_t)1 << index % 64;
}

static bool is_marked(const struct marks *marks, size_t index)
{
    return marks && (marks->bits[index / 64] >> index % 64 & 1);
}

static void add_marks(struct marks *marks, const struct marks *more)
{
    for (size_t i = 0; marks && more && i < marks->words; i++)
        marks->bits[i] |= more->bits[i];
}

/* A branch writes to marks of its own, which count only if it is valid. */
static bool try_branch(struct schema_run *run, const struct schema_node *node, const struct schema_at *at,
    const struct scope *scope, struct marks *marks)
{
    struct marks own = {NULL, 0};

    if (marks)
        own = new_marks(run, at->value);
    if (!try(run, node, at, scope, marks ? &own : NULL))
        return false;
    add_marks(marks, &own);
    return true;
}

/* --- arrays ------------------------------------------------------------------------------------------------------- */

static bool apply_element(struct schema_run *run, const struct schema_node *node, const struct json *element,
    size_t index, const struct schema_at *at, const struct scope *scope)
{
    const struct schema_at inner = {at, element, index};

    return apply(run, node, &inner, scope, NULL);
}

static bool check_contains(struct schema_run *run, const struct schema_node *node, const struct schema_at *at,
    const struct scope *scope, struct marks *marks)
{
    size_t found = 0, index = 0;

    for (const struct json *item = at->value->child; item; item = item->next, index++) {
        const struct schema_at inner = {at, item, index};

        if (try(run, node->contains, &inner, scope, NULL)) {
            found++;
            mark(marks, index);
        }
        if (run->stopped)
            return false;
    }
    if (found < node->min_contains)
        return schema_run_fail(run, node, node->min_contains == 1 ? "contains" : "minContains", at,
            "has %zu elements of the kind that it must contain, and needs at least %zu", found, node->min_contains);
    if (found > node->max_contains)
        return schema_run_fail(run, node, "maxContains", at, "has %zu elements of a kind of which it may contain %zu",
            found, node->max_contains);
    return true;
}

static bool check_array(struct schema_run *run, const struct schema_node *node, const struct schema_at *at,
    const struct scope *scope, struct marks *marks)
{
    const struct json *value = at->value;
    size_t index = 0;

    if (value->count < node->min_items)
        return schema_run_fail(
            run, node, "minItems", at, "has %zu elements, and needs at least %zu", value->count, node->min_items);
    if (value->count > node->max_items)
        return schema_run_fail(
            run, node, "maxItems", at, "has %zu elements, and may have %zu", value->count, node->max_items);
    if (node->unique_items && schema_find_duplicate(run->arena, value, &run->work))
        return schema_run_fail(run, node, "uniqueItems", at, "has the same element twice");
    if (!node->prefix_items.count && !node->items)
        return !node->contains || check_contains(run, node, at, scope, marks);
    for (const struct json *item = value->child; item; item = item->next, index++) {
        const struct schema_node *inner =
            index < node->prefix_items.count ? node->prefix_items.items[index] : node->items;

        if (!inner)
            break;
        if (!apply_element(run, inner, item, index, at, scope))
            return false;
        mark(marks, index);
    }
    return !node->contains || check_contains(run, node, at, scope, marks);
}

static bool check_unevaluated_items(struct schema_run *run, const struct schema_node *node, const struct schema_at *at,
    const struct scope *scope, struct marks *marks)
{
    size_t index = 0;

    for (const struct json *item = at->value->child; item; item = item->next, index++) {
        if (is_marked(marks, index))
            continue;
        if (node->unevaluated_items->kind == SCHEMA_FALSE)
            return schema_run_fail(run, node, "unevaluatedItems", at, "element %zu is not allowed", index);
        if (!apply_element(run, node->unevaluated_items, item, index, at, scope))
            return false;
        mark(marks, index);
    }
    return true;
}

/* --- objects ------------------------------------------------------------------------------------------------------ */

/* The member of that name, looked for from `from` on and then before it: members mostly stand as they are asked for. */
static const struct json *find_member_from(
    struct schema_run *run, const struct json *object, const struct json *from, struct str name)
{
    for (const struct json *member = from; member; member = member->next) {
        run->work++;
        if (str_equal(member->key, name))
            return member;
    }
    for (const struct json *member = object->child; member != from; member = member->next) {
        run->work++;
        if (str_equal(member->key, name))
            return member;
    }
    return NULL;
}

static const struct json *find_member(struct schema_run *run, const struct json *object, struct str name)
{
    return find_member_from(run, object, object->child, name);
}

/* The schema of a property. *next: where in the map the next one is likely to be. */
static const struct schema_node *find_property(const struct schema_node *node, struct str name, size_t *next)
{
    enum { NEAR = 3 };
    const struct map *map = &node->properties;

    for (size_t i = *next; i < map->count && i < *next + NEAR; i++) {
        if (str_equal(map->entries[i].key, name)) {
            *next = i + 1;
            return map->entries[i].value;
        }
    }
    return map_get(map, name);
}

static bool check_names(struct schema_run *run, const struct schema_node *node, const struct schema_at *at)
{
    const struct json *value = at->value, *next = value->child;

    if (value->count < node->min_properties)
        return schema_run_fail(run, node, "minProperties", at, "has %zu properties, and needs at least %zu",
            value->count, node->min_properties);
    if (value->count > node->max_properties)
        return schema_run_fail(
            run, node, "maxProperties", at, "has %zu properties, and may have %zu", value->count, node->max_properties);
    for (size_t i = 0; i < node->required_count; i++) {
        const struct json *member = find_member_from(run, value, next, node->required[i]);

        if (!member)
            return schema_run_fail(run, node, "required", at, "lacks the property '%.*s'", STR_ARG(node->required[i]));
        next = member->next;
    }
    for (size_t i = 0; i < node->dependent_required_count; i++) {
        const struct schema_names *item = &node->dependent_required[i];

        if (!find_member(run, value, item->name))
            continue;
        for (size_t k = 0; k < item->count; k++) {
            if (!find_member(run, value, item->needed[k]))
                return schema_run_fail(run, node, "dependentRequired", at,
                    "lacks the property '%.*s', which '%.*s' needs", STR_ARG(item->needed[k]), STR_ARG(item->name));
        }
    }
    return true;
}

static bool check_member(struct schema_run *run, const struct schema_node *node, const struct schema_at *at,
    const struct scope *scope, size_t *next, bool *evaluated)
{
    const struct schema_node *property = find_property(node, at->value->key, next);

    *evaluated = property != NULL;
    if (property && property->kind == SCHEMA_FALSE)
        return schema_run_fail(run, property, "", at, "is a property that is not allowed");
    if (property && !apply(run, property, at, scope, NULL))
        return false;
    for (size_t i = 0; i < node->pattern_property_count; i++) {
        const struct schema_pattern *item = &node->pattern_properties[i];

        if (schema_run_matches(run, node, "patternProperties", item->pattern, at->value->key, at)) {
            *evaluated = true;
            if (!apply(run, item->node, at, scope, NULL))
                return false;
        }
        if (run->stopped)
            return false;
    }
    if (*evaluated || !node->additional_properties)
        return true;
    *evaluated = true;
    if (node->additional_properties->kind == SCHEMA_FALSE)
        return schema_run_fail(run, node, "additionalProperties", at, "is a property that is not allowed");
    return apply(run, node->additional_properties, at, scope, NULL);
}

static bool check_property_name(
    struct schema_run *run, const struct schema_node *node, const struct schema_at *at, const struct scope *scope)
{
    struct json name = {.type = JSON_STRING, .text = at->value->key, .key = at->value->key};
    const struct schema_at inner = {at->above, &name, 0};

    if (try(run, node->property_names, &inner, scope, NULL))
        return true;
    return schema_run_fail(run, node, "propertyNames", at, "has a name that is not allowed");
}

static bool check_object(struct schema_run *run, const struct schema_node *node, const struct schema_at *at,
    const struct scope *scope, struct marks *marks)
{
    size_t index = 0, next = 0;

    if (!check_names(run, node, at))
        return false;
    for (size_t i = 0; i < node->dependent_schema_count; i++) {
        const struct schema_property *item = &node->dependent_schemas[i];

        if (find_member(run, at->value, item->name) && !apply(run, item->node, at, scope, marks))
            return false;
    }
    if (!node->properties.count && !node->pattern_property_count && !node->additional_properties &&
        !node->property_names)
        return true;
    for (const struct json *member = at->value->child; member; member = member->next, index++) {
        const struct schema_at inner = {at, member, 0};
        bool evaluated;

        if (!schema_run_spend(run, node, at, 1) ||
            (node->property_names && !check_property_name(run, node, &inner, scope)) ||
            !check_member(run, node, &inner, scope, &next, &evaluated))
            return false;
        if (evaluated)
            mark(marks, index);
    }
    return true;
}

static bool check_unevaluated_properties(struct schema_run *run, const struct schema_node *node,
    const struct schema_at *at, const struct scope *scope, struct marks *marks)
{
    size_t index = 0;

    for (const struct json *member = at->value->child; member; member = member->next, index++) {
        const struct schema_at inner = {at, member, 0};

        if (is_marked(marks, index))
            continue;
        if (node->unevaluated_properties->kind == SCHEMA_FALSE)
            return schema_run_fail(run, node, "unevaluatedProperties", &inner, "is a property that is not allowed");
        if (!apply(run, node->unevaluated_properties, &inner, scope, NULL))
            return false;
        mark(marks, index);
    }
    return true;
}

/* --- applicators -------------------------------------------------------------------------------------------------- */

/* The anchor of the outermost resource on the way that has a dynamic one of that name. */
static const struct schema_node *dynamic_target(
    const struct schema_run *run, const struct schema_node *node, const struct scope *scope)
{
    const struct schema_node *target = node->dynamic_ref;

    for (; node->dynamic_name.len && scope; scope = scope->outer) {
        const struct schema_anchor *anchor = map_get(&scope->resource->anchors, node->dynamic_name);

        if (anchor && anchor->dynamic)
            target = map_get(&run->set->nodes, (struct str){(const char *)&anchor->json, sizeof(anchor->json)});
    }
    return target;
}

static bool check_branches(struct schema_run *run, const struct schema_node *node, const struct schema_at *at,
    const struct scope *scope, struct marks *marks)
{
    size_t matched = 0;

    for (size_t i = 0; i < node->any_of.count; i++) {
        matched += try_branch(run, node->any_of.items[i], at, scope, marks);
        /* Without anybody who asks which members were evaluated, one is enough. */
        if (run->stopped || (matched && !marks))
            break;
    }
    if (run->stopped)
        return false;
    if (node->any_of.count && !matched)
        return schema_run_fail(
            run, node, "anyOf", at, "matches none of the schemas of which it must match one or more");
    matched = 0;
    for (size_t i = 0; i < node->one_of.count && matched < 2; i++) {
        matched += try_branch(run, node->one_of.items[i], at, scope, marks);
        if (run->stopped)
            return false;
    }
    if (node->one_of.count && matched != 1)
        return schema_run_fail(run, node, "oneOf", at, "matches %s the schemas of which it must match exactly one",
            matched ? "more than one of" : "none of");
    return true;
}

static bool check_if(struct schema_run *run, const struct schema_node *node, const struct schema_at *at,
    const struct scope *scope, struct marks *marks)
{
    const struct schema_node *branch;

    if (!node->if_)
        return true;
    branch = try_branch(run, node->if_, at, scope, marks) ? node->then : node->else_;
    return !run->stopped && (!branch || apply(run, branch, at, scope, marks));
}

static bool check_in_place(struct schema_run *run, const struct schema_node *node, const struct schema_at *at,
    const struct scope *scope, struct marks *marks)
{
    if (!node->applies_in_place)
        return true;
    if (node->ref && !apply(run, node->ref, at, scope, marks))
        return false;
    if (node->dynamic_ref && !apply(run, dynamic_target(run, node, scope), at, scope, marks))
        return false;
    for (size_t i = 0; i < node->all_of.count; i++) {
        if (!apply(run, node->all_of.items[i], at, scope, marks))
            return false;
    }
    if (node->not_ && try(run, node->not_, at, scope, NULL))
        return schema_run_fail(run, node, "not", at, "matches the schema that it must not match");
    return !run->stopped && check_branches(run, node, at, scope, marks) && check_if(run, node, at, scope, marks);
}

static bool check_keywords(struct schema_run *run, const struct schema_node *node, const struct schema_at *at,
    const struct scope *scope, struct marks *marks)
{
    if (!schema_check_any(run, node, at))
        return false;
    switch (at->value->type) {
    case JSON_NUMBER:
        return schema_check_number(run, node, at) && check_in_place(run, node, at, scope, marks);
    case JSON_STRING:
        return schema_check_string(run, node, at) && check_in_place(run, node, at, scope, marks);
    case JSON_ARRAY:
        return check_array(run, node, at, scope, marks) && check_in_place(run, node, at, scope, marks) &&
               (!node->unevaluated_items || check_unevaluated_items(run, node, at, scope, marks));
    case JSON_OBJECT:
        return check_object(run, node, at, scope, marks) && check_in_place(run, node, at, scope, marks) &&
               (!node->unevaluated_properties || check_unevaluated_properties(run, node, at, scope, marks));
    default:
        return check_in_place(run, node, at, scope, marks);
    }
}

static bool apply(struct schema_run *run, const struct schema_node *node, const struct schema_at *at,
    const struct scope *scope, struct marks *marks)
{
    const struct scope inner = {scope, node->place->resource};
    struct marks own = {NULL, 0};
    bool needs_own = (node->unevaluated_items && at->value->type == JSON_ARRAY) ||
                     (node->unevaluated_properties && at->value->type == JSON_OBJECT);
    bool valid;

    if (node->kind == SCHEMA_TRUE)
        return schema_run_spend(run, node, at, 1);
    if (node->kind == SCHEMA_FALSE)
        return schema_run_fail(run, node, "", at, "nothing is allowed here");
    if (run->depth == SCHEMA_EVAL_DEPTH_MAX)
        return schema_run_stop(run, node, "", at, "schemas apply one another without end, or too deep");
    if (needs_own)
        own = new_marks(run, at->value);
    if (!schema_run_spend(run, node, at, 1))
        return false;
    run->depth++;
    if (!scope || scope->resource != inner.resource)
        scope = &inner;
    /* unevaluated… sees what the keywords beside it evaluated, and not what cousins did. */
    valid = check_keywords(run, node, at, scope, needs_own ? &own : marks);
    run->depth--;
    if (valid && needs_own)
        add_marks(marks, &own);
    return valid && schema_run_spend(run, node, at, 0);
}

bool schema_validate_under(const struct json_schema *set, const struct json *subschema, struct arena *arena,
    const struct json *instance, struct json_schema_error *error)
{
    struct schema_run run = {.set = set, .arena = arena, .error = error};
    const struct schema_at at = {NULL, instance, 0};
    const struct schema_node *node = map_get(&set->nodes, (struct str){(const char *)&subschema, sizeof(subschema)});

    error->schema_pointer[0] = error->instance_pointer[0] = error->message[0] = '\0';
    if (node)
        return apply(&run, node, &at, NULL, NULL);
    BUG("a subschema that was not compiled");
}

bool json_schema_validate(
    const struct json_schema *schema, struct arena *arena, const struct json *instance, struct json_schema_error *error)
{
    return schema_validate_under(schema, schema->root->place->json, arena, instance, error);
}
