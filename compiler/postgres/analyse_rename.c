/* RENAME, SET SCHEMA and OWNER TO. */
#include <string.h>

#include "compiler/postgres/alter.h"
#include "compiler/postgres/probe.h"
#include "compiler/postgres/quote.h"

static void lint_rename(struct analysis *x, const struct relation *relation, const char *what, const char *name)
{
    if (analysis_is_live(x, relation))
        analysis_help(x,
            analysis_find(x, DIAG(PG204), x->node->start, x->node->end,
                "renaming %s '%s' breaks code that still uses the old name", what, name),
            "add the new one, let code move over, drop the old one; or keep a view under the old name");
}

static void rename_relation(struct analysis *x, struct relation *relation)
{
    const char *to = sql_text(x->body, "newname"), *from = relation->qualified;
    size_t end, at = analysis_find_name(x, to, x->node->start, &end);
    bool is_index = relation->kind == RELATION_INDEX;
    const char *words = is_index                                       ? "INDEX"
                        : relation->kind == RELATION_VIEW              ? "VIEW"
                        : relation->kind == RELATION_MATERIALIZED_VIEW ? "MATERIALIZED VIEW"
                        : relation->kind == RELATION_SEQUENCE          ? "SEQUENCE"
                                                                       : "TABLE";

    if (!analysis_is_new_name(x, relation->schema, to, at, end))
        return;
    analysis_lock(x, relation, is_index ? LOCK_SHARE_UPDATE_EXCLUSIVE : LOCK_ACCESS_EXCLUSIVE);
    if (!is_index)
        lint_rename(x, relation, relation_kind_name(relation->kind), relation->name);
    analysis_touch(x, relation);
    inverse_undo(&x->out->inverse, x->arena,
        arena_printf(x->arena, "ALTER %s %s RENAME TO %s", words, quote_qualified(x->arena, relation->schema, to),
            quote_name(x->arena, relation->name)));
    if (is_index && relation->index->constraint)
        relation->index->constraint->name = arena_strdup(x->arena, to);
    map_put(&x->catalog->dropped, catalog_key(x->catalog, relation->schema, relation->name),
        arena_strdup(x->arena, x->analyser->migration_id));
    catalog_rename_relation(x->catalog, relation, relation->schema, to);
    analysis_touch(x, relation);
    x->out->probe = sql_probe_condition(x->arena,
        arena_printf(x->arena, "pg_catalog.to_regclass(%s) IS NULL AND pg_catalog.to_regclass(%s) IS NOT NULL",
            quote_literal(x->arena, from), quote_literal(x->arena, relation->qualified)));
    x->out->label = arena_printf(x->arena, "rename_%s", to);
}

static void rename_in_children(struct analysis *x, const struct relation *relation, const char *from, const char *to)
{
    for (size_t i = 0; i < relation->children.count; i++) {
        struct relation *child = relation->children.items[i];
        struct column *column = relation_find_column(child, from);

        analysis_lock(x, child, LOCK_ACCESS_EXCLUSIVE);
        analysis_touch(x, child);
        if (column)
            catalog_rename_column(x->catalog, child, column, to);
        rename_in_children(x, child, from, to);
    }
}

static void rename_column(struct analysis *x, struct relation *relation)
{
    const char *from = sql_text(x->body, "subname"), *to = sql_text(x->body, "newname");
    size_t start = sql_location(sql_get(x->body, "relation")), end, at;
    struct column *column = analysis_column(x, relation, from, start);

    if (!column)
        return;
    if (relation_find_column(relation, to)) {
        at = analysis_find_name(x, to, start, &end);
        analysis_error(x, DIAG(PG005), at, end, "table '%s' has a column '%s' already", relation->name, to);
        return;
    }
    analysis_lock(x, relation, LOCK_ACCESS_EXCLUSIVE);
    if (column->born != x->analyser->ordinal)
        lint_rename(x, relation, "column", from);
    analysis_touch(x, relation);
    inverse_undo(&x->out->inverse, x->arena,
        arena_printf(x->arena, "ALTER TABLE %s RENAME COLUMN %s TO %s", relation->qualified, quote_name(x->arena, to),
            quote_name(x->arena, from)));
    catalog_rename_column(x->catalog, relation, column, to);
    rename_in_children(x, relation, from, to);
    x->out->probe = sql_probe_column(x->arena, relation, column, NULL);
}

static void rename_constraint(struct analysis *x, struct relation *relation)
{
    const char *from = sql_text(x->body, "subname"), *to = sql_text(x->body, "newname");
    struct command c = {.x = x,
        .relation = relation,
        .fields = x->body,
        .name = from,
        .from = sql_location(sql_get(x->body, "relation"))};
    struct constraint *constraint = command_find_constraint(&c);

    if (!constraint)
        return;
    analysis_lock(x, relation, LOCK_ACCESS_EXCLUSIVE);
    analysis_touch(x, relation);
    inverse_undo(&x->out->inverse, x->arena,
        arena_printf(x->arena, "ALTER TABLE %s RENAME CONSTRAINT %s TO %s", relation->qualified,
            quote_name(x->arena, to), quote_name(x->arena, from)));
    constraint->name = arena_strdup(x->arena, to);
    if (constraint->index)
        catalog_rename_relation(x->catalog, constraint->index, relation->schema, to);
    x->out->probe = sql_probe_constraint(x->arena, constraint);
}

static void retype_columns(struct analysis *x, const struct type_object *type)
{
    const struct map_entry *entry;

    for (size_t i = 0; map_next(&x->catalog->relations, &i, &entry);) {
        const struct relation *relation = entry->value;

        for (size_t k = 0; k < relation->columns.count; k++) {
            struct type *used = &relation->columns.items[k]->type;

            if (used->object != type)
                continue;
            used->base = type->qualified;
            used->text = used->array ? arena_printf(x->arena, "%s[]", type->qualified) : type->qualified;
        }
    }
}

static void rename_type(struct analysis *x)
{
    const struct sql_node *names = sql_get(sql_as(sql_get(x->body, "object"), "List"), "items");
    const char *schema, *name, *to = sql_text(x->body, "newname");
    struct type_object *type;
    struct str key;

    analysis_split_names(x, names, &schema, &name);
    type = catalog_find_type(x->catalog, schema, name);
    if (!type)
        return;
    key = catalog_key(x->catalog, schema, name);
    analysis_touch_object(x, (struct object){OBJECT_TYPE, arena_printf(x->arena, "type %s", type->qualified),
                                 type->schema, type->name, NULL});
    map_remove(&x->catalog->types, key);
    type->name = arena_strdup(x->arena, to);
    inverse_undo(&x->out->inverse, x->arena,
        arena_printf(
            x->arena, "ALTER TYPE %s RENAME TO %s", quote_qualified(x->arena, schema, to), quote_name(x->arena, name)));
    type->qualified = quote_qualified(x->arena, schema, to);
    retype_columns(x, type);
    map_put(&x->catalog->types, catalog_key(x->catalog, schema, to), type);
    analysis_touch_object(x, (struct object){OBJECT_TYPE, arena_printf(x->arena, "type %s", type->qualified),
                                 type->schema, type->name, NULL});
}

void analyse_rename(struct analysis *x)
{
    const char *kind = sql_text(x->body, "renameType");
    struct relation *relation;

    x->out->phase = PHASE_CONTRACT;
    x->what = strcmp(kind, "OBJECT_INDEX") == 0      ? "index"
              : strcmp(kind, "OBJECT_VIEW") == 0     ? "view"
              : strcmp(kind, "OBJECT_SEQUENCE") == 0 ? "sequence"
                                                     : "table";
    if (!sql_get(x->body, "relation")) {
        if (strcmp(kind, "OBJECT_TYPE") == 0 || strcmp(kind, "OBJECT_DOMAIN") == 0)
            rename_type(x);
        else
            inverse_impossible(
                &x->out->inverse, x->arena, "invplan does not know how to undo this rename: write 'down:'");
        return;
    }
    if (sql_flag(x->body, "missing_ok") &&
        !catalog_find_relation(x->catalog, analysis_schema(x, sql_get(x->body, "relation")),
            sql_text(sql_get(x->body, "relation"), "relname")))
        return;
    relation = analysis_relation(x, sql_get(x->body, "relation"));
    if (!relation) {
        inverse_impossible(&x->out->inverse, x->arena, "it is not an object of this history: write 'down:'");
        return;
    }
    if (!analysis_is_live(x, relation) || relation->kind == RELATION_INDEX)
        x->out->phase = PHASE_EXPAND;
    if (strcmp(kind, "OBJECT_COLUMN") == 0)
        rename_column(x, relation);
    else if (strcmp(kind, "OBJECT_TABCONSTRAINT") == 0)
        rename_constraint(x, relation);
    else if (strcmp(kind, "OBJECT_TRIGGER") == 0 || strcmp(kind, "OBJECT_POLICY") == 0 ||
             strcmp(kind, "OBJECT_RULE") == 0)
        inverse_impossible(&x->out->inverse, x->arena, "invplan does not know how to undo this rename: write 'down:'");
    else
        rename_relation(x, relation);
}

void analyse_set_schema(struct analysis *x)
{
    const char *to = sql_text(x->body, "newschema"), *old_schema;
    struct relation *relation;

    x->out->phase = PHASE_CONTRACT;
    relation = sql_get(x->body, "relation") ? analysis_relation(x, sql_get(x->body, "relation")) : NULL;
    if (!relation) {
        inverse_impossible(&x->out->inverse, x->arena, "invplan does not know how to undo this: write 'down:'");
        return;
    }
    analysis_lock(x, relation, LOCK_ACCESS_EXCLUSIVE);
    lint_rename(x, relation, relation_kind_name(relation->kind), relation->name);
    analysis_touch(x, relation);
    old_schema = relation->schema;
    catalog_rename_relation(x->catalog, relation, to, relation->name);
    for (size_t i = 0; i < relation->indexes.count; i++)
        catalog_rename_relation(x->catalog, relation->indexes.items[i], to, relation->indexes.items[i]->name);
    analysis_touch(x, relation);
    inverse_undo(&x->out->inverse, x->arena,
        arena_printf(x->arena, "ALTER TABLE %s SET SCHEMA %s", relation->qualified, quote_name(x->arena, old_schema)));
}

void analyse_owner(struct analysis *x)
{
    x->out->phase = PHASE_EXPAND;
    inverse_impossible(&x->out->inverse, x->arena, "invplan does not know the owner before: write 'down:'");
}
