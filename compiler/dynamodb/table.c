#include "compiler/dynamodb/dynamodb.h"
#include "spec/base/arena.h"

static struct json *table_request(struct arena *arena, const struct ddb_table *table)
{
    struct json *request = json_new(arena, JSON_OBJECT);

    json_set_text(arena, request, "TableName", table->name);
    return request;
}

static bool read_indexes(struct dynamodb_backend *backend, struct ddb_table *table, const struct node *indexes, bool local)
{
    bool ok = true;

    for (size_t i = 0; indexes && i < indexes->count; i++) {
        const struct node *body = indexes->members[i].value;
        struct ddb_index index = {.name = node_text(indexes->members[i].key), .local = local, .capacity = table->capacity};

        if (!rule_index_name(backend, indexes->members[i].key) || !read_key(backend, node_get(body, "key"), &index) ||
            !read_projection(backend, node_get(body, "projection"), &index.projection)) {
            ok = false;
            continue;
        }
        VEC_PUSH(backend->compilation->arena, &table->indexes, index);
    }
    return ok;
}

static bool read_table(struct dynamodb_backend *backend, struct ddb_table *table, const struct node *body)
{
    struct ddb_index key = {0};

    if (!rule_table_name(backend, node_get(body, "name"), table->name) || !read_key(backend, node_get(body, "key"), &key) ||
        !read_capacity(backend, node_get(body, "billing"), &table->capacity))
        return false;
    for (size_t i = 0; i < key.key.count; i++)
        VEC_PUSH(backend->compilation->arena, &table->key, key.key.items[i]);
    table->stream = read_stream(node_get(body, "stream"));
    if (str_is(node_text(node_get(body, "table_class")), "standard_infrequent_access"))
        table->table_class = "STANDARD_INFREQUENT_ACCESS";
    return read_tags(backend, node_get(body, "tags"), table) &&
           read_indexes(backend, table, node_get(body, "local_indexes"), true) &&
           read_indexes(backend, table, node_get(body, "indexes"), false) &&
           rule_indexes(backend, table, node_get(body, "name")) &&
           rule_attribute_types(backend, table, node_get(body, "key"));
}

static void push_create(struct dynamodb_backend *backend, const struct project_step *step, const struct ddb_table *table,
    struct lowered_parts *out)
{
    struct arena *arena = backend->compilation->arena;
    struct lowered_part part = ddb_part(backend, step, "create");
    struct json *guard = json_new(arena, JSON_OBJECT);
    struct ddb_call create = {"CreateTable", request_create_table(arena, table), "active", NULL, NULL, false};
    struct ddb_call remove = {"DeleteTable", table_request(arena, table), "absent", NULL, NULL, false};

    part.step.action = ddb_call_action(arena, table, &create, probe_table(arena, table, false, expect_table(arena, table)));
    json_set_text(arena, guard, "table", table->name);
    json_set(arena, guard, "empty", json_new_bool(arena, true));
    part.step.inverse.grade = GRADE_EXACT;
    part.step.inverse.guard = guard;
    part.step.inverse.why = arena_printf(arena, "the items of table %s", table->name);
    part.step.inverse.action = ddb_call_action(arena, table, &remove, probe_table(arena, table, true, NULL));
    ddb_part_effect(backend, &part, table, false);
    VEC_PUSH(arena, &out->items, part);
}

static bool lower_create(struct dynamodb_backend *backend, const struct project_step *step, struct lowered_parts *out)
{
    const struct node *body = step->body, *name = node_get(body, "name");
    struct ddb_table *known = map_get(&backend->tables, node_text(name));
    struct ddb_table *table;

    if (known) {
        struct diag *diag = diag_report(backend->compilation->diags, DIAG(DDB009), name->span,
            "table '%.*s' exists already at this point", STR_ARG(node_text(name)));

        diag_add_note(backend->compilation->diags, diag, known->defined_at, "it is created here");
        return false;
    }
    table = catalog_add_table(backend, node_text(name), name->span);
    if (!read_table(backend, table, body))
        return false;
    push_create(backend, step, table, out);
    return lower_setting_step(backend, step, out);
}

/* What a DeleteTable takes away comes back as an empty table of the same shape. */
static bool lower_delete(struct dynamodb_backend *backend, const struct project_step *step, struct lowered_parts *out)
{
    struct arena *arena = backend->compilation->arena;
    struct ddb_table *table = catalog_table(backend, node_get(step->body, "name"));
    struct lowered_part part = ddb_part(backend, step, "delete");
    struct ddb_call remove, create;
    struct diag *diag;

    if (!table)
        return false;
    if (table->deletion_protection) {
        diag = diag_report(backend->compilation->diags, DIAG(DDB011), node_get(step->body, "name")->span,
            "table '%.*s' is protected from deletion at this point", STR_ARG(table->authored_name));
        diag_add_help(backend->compilation->diags, diag,
            "put set_deletion_protection: { table: %.*s, enabled: false } before it", STR_ARG(table->authored_name));
        return false;
    }
    remove = (struct ddb_call){"DeleteTable", table_request(arena, table), "absent", NULL, NULL, false};
    create = (struct ddb_call){"CreateTable", request_create_table(arena, table), "active", NULL, NULL, false};
    part.step.phase = PHASE_CONTRACT;
    part.step.action = ddb_call_action(arena, table, &remove, probe_table(arena, table, true, NULL));
    part.step.inverse.grade = GRADE_LOSSY;
    part.step.inverse.why = arena_printf(arena, "every item of table %s, its tags, TTL and recovery settings", table->name);
    part.step.inverse.action =
        ddb_call_action(arena, table, &create, probe_table(arena, table, false, expect_table(arena, table)));
    ddb_part_effect(backend, &part, table, true);
    VEC_PUSH(arena, &out->items, part);
    catalog_remove_table(backend, table, step->key);
    return true;
}

bool lower_table_step(struct dynamodb_backend *backend, const struct project_step *step, struct lowered_parts *out)
{
    return step->kind == STEP_CREATE_TABLE ? lower_create(backend, step, out) : lower_delete(backend, step, out);
}
