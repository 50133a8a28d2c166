#include "spec/event/item_transform.h"

#include <stdio.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/vec.h"
#include "spec/event/upcast_op.h" /* values of items as values of CEL, and back */

/* A value: an expression, or a literal. */
struct formula {
    const char *pointer;
    struct cel_program *program;
    struct cel_use use;
    const struct event_value *literal; /* NULL: the program's result */
};

struct assignment {
    struct str name;
    struct formula value;
};

struct item_transform {
    struct formula where; /* program NULL: every item */
    VEC(struct assignment) assignments;
    VEC(struct str) removed;
};

static bool fail(struct item_transform_problem *problem, const char *pointer, const char *message)
{
    memset(problem, 0, sizeof(*problem));
    snprintf(problem->pointer, sizeof(problem->pointer), "%s", pointer);
    snprintf(problem->message, sizeof(problem->message), "%s", message);
    return false;
}

static bool fail_in_expression(struct item_transform_problem *problem, const char *pointer, const struct cel_error *error)
{
    fail(problem, pointer, error->message);
    problem->in_expression = true;
    problem->expression = *error;
    return false;
}

static bool compile(struct arena *arena, const char *pointer, const struct json *value, struct formula *out,
    struct item_transform_problem *problem)
{
    static const struct cel_type dyn = {.kind = CEL_TYPE_DYN};
    static const struct cel_variable item = {"item", &dyn};
    static const struct cel_env env = {.variables = &item, .variable_count = 1};
    struct cel_error error;

    out->pointer = pointer;
    if (value->type == JSON_ARRAY || value->type == JSON_OBJECT)
        return fail(problem, pointer, "a value is an expression, a number, a boolean or null");
    if (value->type != JSON_STRING) {
        out->literal = event_value_from_json(arena, value);
        return true;
    }
    out->program = cel_compile(arena, &env, value->text, NULL, &error);
    if (!out->program)
        return fail_in_expression(problem, pointer, &error);
    out->use = cel_program_use(out->program, arena, "item");
    return true;
}

bool item_transform_create(struct arena *arena, const struct json *json, struct item_transform **out,
    struct item_transform_problem *problem)
{
    struct item_transform *change = ARENA_NEW(arena, struct item_transform);
    const struct json *where = json_get(json, "where"), *set = json_get(json, "set"), *removed = json_get(json, "remove");

    if (json_is(where, JSON_STRING) && !compile(arena, "/where", where, &change->where, problem))
        return false;
    for (const struct json *one = set ? set->child : NULL; one; one = one->next) {
        struct assignment assignment = {.name = one->key};

        if (!compile(arena, arena_printf(arena, "/set/%.*s", STR_ARG(one->key)), one, &assignment.value, problem))
            return false;
        VEC_PUSH(arena, &change->assignments, assignment);
    }
    for (const struct json *one = removed ? removed->child : NULL; one; one = one->next)
        VEC_PUSH(arena, &change->removed, json_text(one));
    *out = change;
    return true;
}

static bool evaluate(const struct formula *formula, struct arena *arena, const struct event_value *item,
    struct cel_value *out, struct item_transform_problem *problem)
{
    struct cel_error error;
    const struct cel_binding binding = {"item", formula->use.whole
            ? upcast_cel_from_event(arena, item)
            : upcast_cel_from_members(arena, item, formula->use.fields, formula->use.count)};

    return cel_eval(formula->program, arena, &binding, 1, CEL_COST_DEFAULT, out, &error) ||
        fail_in_expression(problem, formula->pointer, &error);
}

static bool value_of(const struct formula *formula, struct arena *arena, const struct event_value *item,
    const struct event_value **out, struct item_transform_problem *problem)
{
    struct cel_value value;
    const char *why;

    *out = formula->literal;
    if (formula->literal)
        return true;
    return evaluate(formula, arena, item, &value, problem) &&
        (upcast_cel_to_event(arena, &value, out, &why) || fail(problem, formula->pointer, why));
}

static bool is_selected(const struct item_transform *change, struct arena *arena, const struct event_value *item, bool *out,
    struct item_transform_problem *problem)
{
    struct cel_value value;

    *out = true;
    if (!change->where.program)
        return true;
    if (!evaluate(&change->where, arena, item, &value, problem))
        return false;
    if (value.kind != CEL_BOOL)
        return fail(problem, "/where", "the condition is neither true nor false");
    *out = value.as.boolean;
    return true;
}

static bool is_removed(const struct item_transform *change, struct str name)
{
    for (size_t i = 0; i < change->removed.count; i++)
        if (str_equal(change->removed.items[i], name))
            return true;
    return false;
}

static void put_member(struct event_member *members, size_t *count, struct str name, const struct event_value *value)
{
    for (size_t i = 0; i < *count; i++) {
        if (str_equal(members[i].name, name)) {
            members[i].value = value;
            return;
        }
    }
    members[(*count)++] = (struct event_member){name, value};
}

bool item_transform_apply(const struct item_transform *change, struct arena *arena, const struct event_value *item,
    bool *selected, const struct event_value **out, struct item_transform_problem *problem)
{
    struct event_member *members;
    struct event_value *after;
    size_t count = 0;

    *out = item;
    if (item->type != EVENT_MAP)
        return fail(problem, "", "an item is a map");
    if (!is_selected(change, arena, item, selected, problem))
        return false;
    if (!*selected)
        return true;
    members = ARENA_ARRAY(arena, struct event_member, item->count + change->assignments.count + 1);
    for (size_t i = 0; i < item->count; i++)
        if (!is_removed(change, item->members[i].name))
            members[count++] = item->members[i];
    for (size_t i = 0; i < change->assignments.count; i++) {
        const struct event_value *value;

        if (!value_of(&change->assignments.items[i].value, arena, item, &value, problem))
            return false;
        put_member(members, &count, change->assignments.items[i].name, value);
    }
    after = ARENA_NEW(arena, struct event_value);
    *after = (struct event_value){.type = EVENT_MAP, .members = members, .count = count};
    *out = after;
    return true;
}
