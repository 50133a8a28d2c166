/* transform_items and assert: expressions on the items of a table, checked here and run by the executor. */
#include <stdio.h>

#include "compiler/dynamodb/dynamodb.h"
#include "compiler/dynamodb/event_types.h"
#include "spec/base/arena.h"
#include "spec/event/item_transform.h"

enum { SEGMENTS_DEFAULT = 64 };

static void report_problem(struct dynamodb_backend *backend, const struct project_step *step,
    const struct item_transform_problem *problem)
{
    struct diag_list *diags = backend->compilation->diags;
    const struct node *at = node_at_pointer(backend->compilation->arena, step->body, problem->pointer);
    struct diag *diag;

    if (!problem->in_expression) {
        diag_report(diags, DIAG(DDB017), at->span, "%s", problem->message);
        return;
    }
    diag = diag_report(diags, DIAG(CEL001),
        at->kind == NODE_SCALAR ? node_text_span(at, problem->expression.start, problem->expression.end) : at->span, "%s",
        problem->expression.message);
    if (problem->expression.help[0])
        diag_add_help(diags, diag, "%s", problem->expression.help);
}

static bool is_key(const struct ddb_table *table, struct str name)
{
    for (size_t i = 0; i < table->key.count; i++)
        if (str_equal(table->key.items[i].name, name))
            return true;
    return false;
}

static bool bad_change(struct dynamodb_backend *backend, const struct node *at, const char *message)
{
    diag_report(backend->compilation->diags, DIAG(DDB017), at->span, "%s", message);
    return false;
}

static bool check_attribute(struct dynamodb_backend *backend, const struct ddb_table *table, const struct node *name)
{
    if (!is_key(table, node_text(name)))
        return true;
    return bad_change(backend, name,
        arena_printf(backend->compilation->arena, "'%.*s' is of the table's key and cannot change", STR_ARG(node_text(name))));
}

static bool check_attributes(struct dynamodb_backend *backend, const struct project_step *step, const struct ddb_table *table)
{
    const struct node *set = node_get(step->body, "set"), *removed = node_get(step->body, "remove");

    if (!set && !removed)
        return bad_change(backend, step->key, "neither 'set' nor 'remove' says what changes");
    for (size_t i = 0; set && i < set->count; i++)
        if (!check_attribute(backend, table, set->members[i].key))
            return false;
    for (size_t i = 0; removed && i < removed->count; i++) {
        if (!check_attribute(backend, table, removed->items[i]))
            return false;
        for (size_t j = 0; set && j < set->count; j++)
            if (str_equal(node_text(set->members[j].key), node_text(removed->items[i])))
                return bad_change(backend, removed->items[i], "an attribute cannot be both set and removed");
    }
    return true;
}

static void set_limit(struct arena *arena, struct json *forward, const char *key, const struct node *node)
{
    int64_t value;

    if (node && node_to_i64(node, &value))
        json_set_integer(arena, forward, key, value);
    else
        json_set(arena, forward, key, json_new(arena, JSON_NULL));
}

static void set_segments(struct arena *arena, struct json *forward, const struct project_step *step)
{
    int64_t segments = SEGMENTS_DEFAULT;

    if (node_get(step->body, "segments"))
        (void)node_to_i64(node_get(step->body, "segments"), &segments); /* checked already */
    json_set_integer(arena, forward, "segments", segments);
}

static struct json *json_or_null(struct arena *arena, struct node *node)
{
    return node ? node_to_json(arena, node) : json_new(arena, JSON_NULL);
}

bool lower_transform_items(struct dynamodb_backend *backend, const struct project_migration *migration,
    const struct project_step *step, struct lowered_parts *out)
{
    struct arena *arena = backend->compilation->arena;
    struct ddb_table *table = catalog_table(backend, node_get(step->body, "table"));
    struct lowered_part part = ddb_part(backend, step, "transform");
    struct json *forward = json_new(arena, JSON_OBJECT), *undo = json_new(arena, JSON_OBJECT);
    struct item_transform_problem problem;
    struct item_transform *change;

    if (!table || !check_attributes(backend, step, table))
        return false;
    json_set_text(arena, forward, "table", table->name);
    json_set(arena, forward, "where", json_or_null(arena, node_get(step->body, "where")));
    json_set(arena, forward, "set", json_or_null(arena, node_get(step->body, "set")));
    json_set(arena, forward, "remove", json_or_null(arena, node_get(step->body, "remove")));
    set_segments(arena, forward, step);
    set_limit(arena, forward, "max_wcu", node_get(step->body, "max_wcu"));
    set_limit(arena, forward, "max_rcu", node_get(step->body, "max_rcu"));
    if (!item_transform_create(arena, forward, &change, &problem)) {
        report_problem(backend, step, &problem);
        return false;
    }
    part.step.phase = PHASE_MIGRATE;
    part.step.timeouts.wait_ms = 0; /* as long as the table is large: it goes on where it stopped */
    part.step.action = (struct plan_action){.instruction = INSTRUCTION_DDB_TRANSFORM_ITEMS, .forward = forward};
    json_set_text(arena, undo, "restore", arena_printf(arena, "%s/%s/transform", migration->id, step->name));
    part.step.inverse.grade = GRADE_EXACT;
    part.step.inverse.why = "items that were written by somebody else meanwhile stay as they are";
    part.step.inverse.action = (struct plan_action){.instruction = INSTRUCTION_DDB_TRANSFORM_ITEMS, .forward = undo};
    VEC_PUSH(arena, &out->items, part);
    return true;
}

bool lower_assert_items(struct dynamodb_backend *backend, const struct project_step *step, struct lowered_parts *out)
{
    struct arena *arena = backend->compilation->arena;
    struct ddb_table *table = catalog_table(backend, node_get(step->body, "table"));
    const struct node *every = node_get(step->body, "every"), *message = node_get(step->body, "message");
    struct lowered_part part = ddb_part(backend, step, "assert");
    struct json *forward = json_new(arena, JSON_OBJECT), *condition = json_new(arena, JSON_OBJECT);
    struct item_transform_problem problem;
    struct item_transform *change;

    if (!table)
        return false;
    json_set(arena, condition, "where", json_new_string(arena, node_text(every)));
    if (!item_transform_create(arena, condition, &change, &problem)) {
        snprintf(problem.pointer, sizeof(problem.pointer), "/every");
        report_problem(backend, step, &problem);
        return false;
    }
    json_set_text(arena, forward, "table", table->name);
    json_set(arena, forward, "every", json_new_string(arena, node_text(every)));
    json_set(arena, forward, "message", message ? json_new_string(arena, node_text(message))
                                                : json_new_text(arena, "the condition does not hold"));
    set_segments(arena, forward, step);
    set_limit(arena, forward, "max_rcu", node_get(step->body, "max_rcu"));
    part.step.phase = PHASE_MIGRATE;
    part.step.timeouts.wait_ms = 0;
    part.step.action = (struct plan_action){.instruction = INSTRUCTION_DDB_ASSERT, .forward = forward};
    part.step.inverse.grade = GRADE_EXACT;
    part.step.inverse.action.none = true;
    VEC_PUSH(arena, &out->items, part);
    return true;
}
