/* Steps on indexes: built concurrently, also on partitioned tables, one partition after the other. */
#include <string.h>

#include "compiler/postgres/backend.h"
#include "compiler/postgres/probe.h"
#include "compiler/postgres/quote.h"

/* --- of partitioned tables --------------------------------------------------------------------------------------- */

static void add_names(struct arena *arena, const struct relation *index, struct json *out)
{
    for (size_t i = 0; i < index->children.count; i++) {
        const struct relation *child = index->children.items[i];

        json_set_text(arena, out, child->index->table->qualified, child->name);
        add_names(arena, child, out);
    }
}

static struct json *index_form(struct arena *arena, const struct relation *index, bool dropping)
{
    struct json *form = json_new(arena, JSON_OBJECT), *names = json_new(arena, JSON_OBJECT);

    json_set_text(arena, form, dropping ? "drop" : "index", index->qualified);
    json_set_text(arena, form, "name", index->name);
    json_set_text(arena, form, "table", index->index->table->qualified);
    if (!dropping) {
        json_set(arena, form, "unique", json_new_bool(arena, index->index->unique));
        json_set_text(arena, form, "definition", catalog_index_definition(arena, index->index));
    }
    add_names(arena, index, names);
    json_set(arena, form, "names", names);
    return form;
}

static const struct plan_action *index_action(struct arena *arena, const struct relation *index, bool dropping)
{
    struct plan_action *action = ARENA_NEW(arena, struct plan_action);
    struct json *probe = json_new(arena, JSON_OBJECT);

    json_set_text(
        arena, probe, "sql", dropping ? sql_probe_no_index(arena, index->qualified) : sql_probe_index(arena, index));
    *action = (struct plan_action){
        .instruction = INSTRUCTION_PG_INDEX_PARTITIONS, .forward = index_form(arena, index, dropping), .probe = probe};
    return action;
}

const struct plan_action *step_partitioned_index_action(struct backend *backend, const struct relation *index)
{
    return index_action(backend->arena, index, false);
}

/* The locks of each piece: partitions are built concurrently, the rest holds no row. */
static void weaken_locks(struct statement *statement)
{
    for (size_t i = 0; i < statement->locks.count; i++)
        if (statement->locks.items[i].kind == RELATION_TABLE)
            statement->locks.items[i].mode = LOCK_SHARE_UPDATE_EXCLUSIVE;
    statement->alone = true;
}

void step_make_partitioned_index(struct backend *backend, const struct node *name_node, const struct node *table_node)
{
    struct part part = {.name = "create"};
    const struct relation *index;
    struct name table;
    const char *name;
    bool ok;

    backend->analyser->quiet = true; /* what is said of CREATE INDEX does not hold */
    ok = part_add_text(
        backend, &part, step_index_text(backend, name_node, table_node, backend->step->body, false), "IndexStmt");
    backend->analyser->quiet = false;
    if (!ok || !backend_read_name(backend, table_node, &table) || !backend_read_plain_name(backend, name_node, &name))
        return;
    index = catalog_find_relation(&backend->analyser->catalog, table.schema, name);
    if (!index || !index->index)
        return;
    weaken_locks(&part.statements.items.items[0]);
    part.action = index_action(backend->arena, index, false);
    part.undo = index_action(backend->arena, index, true);
    part_finish(backend, &part);
}

/* --- the steps --------------------------------------------------------------------------------------------------- */

struct text *step_index_text(struct backend *backend, const struct node *name_node, const struct node *table_node,
    const struct node *body, bool concurrently)
{
    const struct node *columns = node_get(body, "columns"), *where = node_get(body, "where");
    const struct node *using = node_get(body, "using");
    struct text_builder builder;
    struct name table;
    const char *name, *method;
    bool unique = false;

    backend_begin(&builder, backend);
    if (!backend_read_plain_name(backend, name_node, &name) || !backend_read_name(backend, table_node, &table))
        return text_end(&builder);
    if (node_get(body, "unique"))
        node_to_bool(node_get(body, "unique"), &unique);
    text_add_format(&builder, "CREATE %sINDEX %s", unique ? "UNIQUE " : "", concurrently ? "CONCURRENTLY " : "");
    text_add_name(&builder, quote_name(backend->arena, name), name_node);
    text_add(&builder, " ON ");
    text_add_name(&builder, table.quoted, table_node);
    if (using && backend_read_plain_name(backend, using, &method)) {
        text_add(&builder, " USING ");
        text_add_name(&builder, quote_name(backend->arena, method), using);
    }
    text_add(&builder, " (");
    for (size_t i = 0; i < columns->count; i++) {
        backend_check_fragment(backend, columns->items[i], FRAGMENT_SINGLE);
        text_add(&builder, i ? ", " : "");
        text_add_fragment(&builder, columns->items[i]);
    }
    text_add(&builder, ")");
    if (node_get(body, "include")) {
        text_add(&builder, " INCLUDE ");
        backend_add_names(&builder, backend, node_get(body, "include"));
    }
    if (where) {
        backend_check_fragment(backend, where, FRAGMENT_SINGLE);
        text_add(&builder, " WHERE (");
        text_add_fragment(&builder, where);
        text_add(&builder, ")");
    }
    return text_end(&builder);
}

void step_create_index(struct backend *backend)
{
    const struct node *table = backend_key(backend, "table");
    const struct relation *relation = backend_find_table(backend, table);
    bool plain = backend_is_plain(backend, table);

    if (relation && relation->kind == RELATION_PARTITIONED && relation->born != backend->analyser->ordinal &&
        backend_flag(backend, "online", true))
        step_make_partitioned_index(backend, backend_key(backend, "name"), table);
    else
        part_make(backend, "create",
            step_index_text(backend, backend_key(backend, "name"), table, backend->step->body, !plain), "IndexStmt",
            false);
}

/* In a part of its own: what is undone concurrently is one statement, which cannot bring a comment back. */
static bool remove_comment(struct backend *backend, const struct relation *index, const struct name *name)
{
    struct text_builder builder;

    backend_begin(&builder, backend);
    text_add(&builder, "COMMENT ON INDEX ");
    text_add_name(&builder, index->qualified, name->node);
    text_add(&builder, " IS NULL");
    return part_make(backend, "comment", text_end(&builder), "CommentStmt", false);
}

/* Dropped concurrently unless its table is new, partitioned, or the plain form is asked for. */
void step_drop_index(struct backend *backend)
{
    struct part part = {.name = "drop"};
    const struct relation *index;
    struct text_builder builder;
    struct name name;
    bool plain, partitioned, fresh;

    if (!backend_read_name(backend, backend_key(backend, "name"), &name))
        return;
    index = catalog_find_relation(&backend->analyser->catalog, name.schema, name.name);
    partitioned = index && index->index && index->index->table->kind == RELATION_PARTITIONED;
    fresh = index && index->index && index->index->table->born == backend->analyser->ordinal;
    plain = !backend_flag(backend, "online", true) || partitioned || fresh;
    if (partitioned && !fresh && !index->index->on_only)
        part.undo = step_partitioned_index_action(backend, index);
    if (index && index->comment && !plain && !remove_comment(backend, index, &name))
        return;
    backend_begin(&builder, backend);
    text_add_format(&builder, "DROP INDEX %s", plain ? "" : "CONCURRENTLY ");
    text_add_name(&builder, name.quoted, name.node);
    if (part_add_text(backend, &part, text_end(&builder), "DropStmt"))
        part_finish(backend, &part);
}
