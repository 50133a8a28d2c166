#include "compiler/dynamodb/dynamodb.h"
#include "spec/base/arena.h"

/* An UpdateTable with one index creation or deletion: the service takes no more than one a call. */
static struct json *index_update(struct arena *arena, const struct ddb_table *table, const char *verb, struct json *body)
{
    struct json *request = json_new(arena, JSON_OBJECT), *updates = json_new(arena, JSON_ARRAY);
    struct json *update = json_new(arena, JSON_OBJECT);

    json_set_text(arena, request, "TableName", table->name);
    if (json_get(body, "KeySchema")) /* a creation defines its key attributes, a deletion needs none */
        json_set(arena, request, "AttributeDefinitions", request_attribute_definitions(arena, table));
    json_set(arena, update, verb, body);
    json_append(updates, update);
    json_set(arena, request, "GlobalSecondaryIndexUpdates", updates);
    return request;
}

static struct plan_action create_action(struct arena *arena, const struct ddb_table *table, const struct ddb_index *index,
    bool skip_violations)
{
    struct ddb_call call = {"UpdateTable", index_update(arena, table, "Create", request_index(arena, table, index)),
        "index_active", index->name.data, NULL, skip_violations};

    return ddb_call_action(arena, table, &call,
        probe_index(arena, table, index->name, false, expect_index(arena, table, index)));
}

static struct plan_action delete_action(struct arena *arena, const struct ddb_table *table, const struct ddb_index *index)
{
    struct json *body = json_new(arena, JSON_OBJECT);
    struct ddb_call call = {"UpdateTable", NULL, "index_absent", index->name.data, NULL, false};

    json_set(arena, body, "IndexName", json_new_string(arena, index->name));
    call.request = index_update(arena, table, "Delete", body);
    return ddb_call_action(arena, table, &call, probe_index(arena, table, index->name, true, NULL));
}

static bool lower_add(struct dynamodb_backend *backend, const struct project_step *step, struct lowered_parts *out)
{
    struct arena *arena = backend->compilation->arena;
    struct ddb_table *table = catalog_table(backend, node_get(step->body, "table"));
    const struct node *name = node_get(step->body, "name");
    struct lowered_part part = ddb_part(backend, step, "create");
    const struct node *look = node_get(step->body, "look_for_violations");
    struct ddb_index index = {.name = node_text(name)};
    bool looked_for = true, skip = look && node_to_bool(look, &looked_for) && !looked_for;

    if (!table || !rule_index_name(backend, name) || !read_key(backend, node_get(step->body, "key"), &index) ||
        !read_projection(backend, node_get(step->body, "projection"), &index.projection))
        return false;
    index.capacity = table->capacity;
    if (node_get(step->body, "capacity") && !read_capacity(backend, node_get(step->body, "capacity"), &index.capacity))
        return false;
    VEC_PUSH(arena, &table->indexes, index);
    if (!rule_indexes(backend, table, name) || !rule_attribute_types(backend, table, name))
        return false;
    part.step.action = create_action(arena, table, &index, skip);
    part.step.inverse.grade = GRADE_EXACT;
    part.step.inverse.action = delete_action(arena, table, &index);
    ddb_part_effect(backend, &part, table, false);
    VEC_PUSH(arena, &out->items, part);
    return true;
}

static bool lower_drop(struct dynamodb_backend *backend, const struct project_step *step, struct lowered_parts *out)
{
    struct arena *arena = backend->compilation->arena;
    struct ddb_table *table = catalog_table(backend, node_get(step->body, "table"));
    struct ddb_index *index = table ? catalog_index(backend, table, node_get(step->body, "name")) : NULL;
    struct lowered_part part = ddb_part(backend, step, "delete");

    if (!index)
        return false;
    if (index->local) {
        diag_report(backend->compilation->diags, DIAG(DDB007), node_get(step->body, "name")->span,
            "a local index lives as long as its table and cannot be dropped");
        return false;
    }
    part.step.phase = PHASE_CONTRACT;
    part.step.inverse.grade = GRADE_EXACT; /* an index holds nothing that its table does not: it is built again */
    part.step.inverse.action = create_action(arena, table, index, true); /* it was built before: what does not fit is known */
    part.step.action = delete_action(arena, table, index);
    catalog_remove_index(table, index);
    ddb_part_effect(backend, &part, table, false);
    VEC_PUSH(arena, &out->items, part);
    return true;
}

bool lower_index_step(struct dynamodb_backend *backend, const struct project_step *step, struct lowered_parts *out)
{
    return step->kind == STEP_ADD_INDEX ? lower_add(backend, step, out) : lower_drop(backend, step, out);
}
