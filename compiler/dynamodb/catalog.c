#include "compiler/dynamodb/dynamodb.h"

#include "spec/base/arena.h"

static const char *nearest_table(struct dynamodb_backend *backend, struct str name)
{
    VEC(const char *) names = {0};
    const struct map_entry *entry;

    for (size_t i = 0; map_next(&backend->tables, &i, &entry);)
        VEC_PUSH(backend->compilation->arena, &names, entry->key.data);
    return str_did_you_mean(name, names.items, names.count);
}

struct ddb_table *catalog_table(struct dynamodb_backend *backend, const struct node *name)
{
    struct diag_list *diags = backend->compilation->diags;
    struct ddb_table *table = map_get(&backend->tables, node_text(name));
    const struct node *dropped = map_get(&backend->dropped, node_text(name));
    const char *nearest;
    struct diag *diag;

    if (table)
        return table;
    diag = diag_report(diags, DIAG(DDB001), name->span, "there is no table '%.*s' on target '%s' at this point",
        STR_ARG(node_text(name)), backend->target->name);
    if (dropped) {
        diag_add_note(diags, diag, dropped->span, "it was deleted here");
        return NULL;
    }
    nearest = nearest_table(backend, node_text(name));
    if (nearest)
        diag_add_help(diags, diag, "did you mean '%s'?", nearest);
    else
        diag_add_help(diags, diag, "create it in an earlier step with create_table");
    return NULL;
}

struct ddb_index *catalog_index(struct dynamodb_backend *backend, struct ddb_table *table, const struct node *name)
{
    struct diag_list *diags = backend->compilation->diags;
    VEC(const char *) names = {0};
    const char *nearest;
    struct diag *diag;

    for (size_t i = 0; i < table->indexes.count; i++) {
        if (str_equal(table->indexes.items[i].name, node_text(name)))
            return &table->indexes.items[i];
        VEC_PUSH(backend->compilation->arena, &names, table->indexes.items[i].name.data);
    }
    diag = diag_report(diags, DIAG(DDB002), name->span, "table '%.*s' has no index '%.*s' at this point",
        STR_ARG(table->authored_name), STR_ARG(node_text(name)));
    nearest = str_did_you_mean(node_text(name), names.items, names.count);
    if (nearest)
        diag_add_help(diags, diag, "did you mean '%s'?", nearest);
    return NULL;
}

struct ddb_table *catalog_add_table(struct dynamodb_backend *backend, struct str authored_name, struct span span)
{
    struct arena *arena = backend->compilation->arena;
    struct ddb_table *table = ARENA_NEW(arena, struct ddb_table);

    table->authored_name = authored_name;
    table->name = arena_printf(arena, "%s%.*s", backend->target->table_prefix, STR_ARG(authored_name));
    table->defined_at = span;
    table->made_by = backend->migration->id;
    map_put(&backend->tables, authored_name, table);
    map_remove(&backend->dropped, authored_name);
    return table;
}

void catalog_remove_table(struct dynamodb_backend *backend, struct ddb_table *table, struct node *by)
{
    map_remove(&backend->tables, table->authored_name);
    map_put(&backend->dropped, table->authored_name, by);
}

void catalog_remove_index(struct ddb_table *table, const struct ddb_index *index)
{
    size_t at = (size_t)(index - table->indexes.items);

    for (size_t i = at + 1; i < table->indexes.count; i++)
        table->indexes.items[i - 1] = table->indexes.items[i];
    table->indexes.count--;
}
