/* DROP of anything. */
#include <stdint.h>
#include <string.h>

#include "compiler/postgres/analyse.h"
#include "compiler/postgres/lex.h"
#include "compiler/postgres/probe.h"
#include "compiler/postgres/quote.h"

static bool is_cascade(const struct analysis *x)
{
    return sql_text_is(x->body, "behavior", "DROP_CASCADE");
}

static void report_dependent(struct analysis *x, const char *name, const char *dependent, const char *what)
{
    size_t end, at = analysis_find_name(x, name, x->node->start, &end);

    analysis_help(x,
        analysis_error(x, DIAG(PG015), at, end, "'%s' cannot be dropped: %s '%s' needs it", name, what, dependent),
        "drop that before, or say CASCADE in an sql step");
}

/* Does the same statement drop it? */
static bool is_dropped_here(const struct analysis *x, const struct relation *relation)
{
    for (const struct sql_node *item = sql_first(sql_get(x->body, "objects")); item; item = sql_next(item)) {
        const char *schema, *name;

        analysis_split_names(x, sql_get(sql_as(item, "List"), "items"), &schema, &name);
        if (strcmp(schema, relation->schema) == 0 && strcmp(name, relation->name) == 0)
            return true;
    }
    return false;
}

static bool has_dependents(struct analysis *x, const struct relation *relation)
{
    if (is_cascade(x))
        return false;
    for (size_t i = 0; i < relation->read_by.count; i++)
        if (!is_dropped_here(x, relation->read_by.items[i])) {
            report_dependent(x, relation->name, relation->read_by.items[i]->name, "view");
            return true;
        }
    for (const struct relation *up = relation; up; up = up->parent) /* a key to the whole is one to each partition */
        for (size_t i = 0; i < up->referenced_by.count; i++)
            if (up->referenced_by.items[i]->relation != relation &&
                !is_dropped_here(x, up->referenced_by.items[i]->relation)) {
                report_dependent(
                    x, relation->name, up->referenced_by.items[i]->relation->name, "a foreign key of table");
                return true;
            }
    return false;
}

static void lint_drop_table(struct analysis *x, const struct relation *relation)
{
    size_t end, at = analysis_find_name(x, relation->name, x->node->start, &end);

    if (analysis_is_live(x, relation))
        analysis_judge_late(x, (struct late_finding){.kind = LATE_DROPPED, .table = relation}, at, end);
    if (analysis_is_live(x, relation))
        analysis_help(x,
            analysis_find(x, DIAG(PG202), at, end,
                "dropping table '%s' loses its rows and breaks code that still uses it", relation->name),
            "release code that does not use the table first, then allow PG202 here and say so in the reason");
}

/* What catalog_table_sql() cannot bring back. */
static void name_other_losses(struct analysis *x, const struct relation *relation, struct inverse *inverse)
{
    for (size_t i = 0; i < relation->triggers.count; i++)
        if (!relation->triggers.items[i]->sql)
            inverse_lossy(inverse, x->arena, arena_printf(x->arena, "trigger %s", relation->triggers.items[i]->name));
    for (size_t i = 0; i < relation->policies.count; i++)
        if (!relation->policies.items[i]->sql)
            inverse_lossy(inverse, x->arena, arena_printf(x->arena, "policy %s", relation->policies.items[i]->name));
}

static void drop_reference(struct analysis *x, const struct constraint *foreign_key)
{
    size_t end, at = analysis_find_name(x, foreign_key->relation->name, x->node->start, &end);

    analysis_lock(x, foreign_key->referenced, LOCK_ACCESS_EXCLUSIVE);
    analysis_find_referenced(x, foreign_key, at, end);
}

static void drop_table(struct analysis *x, struct relation *relation)
{
    struct sql_list again = {0};
    struct inverse inverse = {0};

    lint_drop_table(x, relation);
    analysis_lock(x, relation, LOCK_ACCESS_EXCLUSIVE);
    for (size_t i = 0; i < relation->referenced_by.count; i++)
        analysis_lock(x, relation->referenced_by.items[i]->relation, LOCK_ACCESS_EXCLUSIVE);
    for (size_t i = 0; i < relation->constraints.count; i++)
        if (relation->constraints.items[i]->referenced)
            drop_reference(x, relation->constraints.items[i]);
    if (relation->parent)
        analysis_lock(x, relation->parent, LOCK_ACCESS_EXCLUSIVE);
    analysis_touch_gone(x, relation);
    for (struct relation *up = relation->parent; up; up = up->parent)
        while (up->referenced_by.count) /* which CASCADE takes along */
            catalog_drop_constraint(
                x->catalog, up->referenced_by.items[up->referenced_by.count - 1], x->analyser->migration_id);
    if (relation->temporary)
        return;
    if (relation->opaque || relation->children.count || relation->parent || is_cascade(x)) {
        inverse_impossible(&inverse, x->arena,
            arena_printf(x->arena, "table %s, its rows and what depended on it cannot be made again: write 'down:'",
                relation->qualified));
    } else {
        catalog_table_sql(x->arena, relation, &again);
        for (size_t i = 0; i < again.items.count; i++)
            inverse_undo(&inverse, x->arena, again.items.items[i]);
        analysis_undo_privileges(x, &inverse, relation, relation->qualified);
        inverse_lossy(&inverse, x->arena, arena_printf(x->arena, "the rows of table %s", relation->qualified));
        name_other_losses(x, relation, &inverse);
    }
    inverse_put_before(&x->out->inverse, x->arena, &inverse);
}

static void drop_view(struct analysis *x, struct relation *relation)
{
    struct inverse inverse = {0};
    bool materialized = relation->kind == RELATION_MATERIALIZED_VIEW;

    analysis_lock(x, relation, LOCK_ACCESS_EXCLUSIVE);
    analysis_touch_gone(x, relation);
    if (is_cascade(x) && relation->read_by.count)
        inverse_impossible(&inverse, x->arena, "the views that read it go with it: write 'down:'");
    else if (!relation->sql || relation->stale)
        inverse_impossible(&inverse, x->arena,
            "the view's query is not known since something that it reads was renamed: write 'down:'");
    else
        inverse_undo(&inverse, x->arena,
            arena_printf(x->arena, "CREATE %sVIEW %s %s", materialized ? "MATERIALIZED " : "", relation->qualified,
                relation->sql));
    for (size_t i = 0; relation->sql && !relation->stale && i < relation->indexes.count; i++)
        inverse_undo(&inverse, x->arena, catalog_index_sql(x->arena, relation->indexes.items[i], false));
    inverse_comment(&inverse, x->arena,
        arena_printf(x->arena, "%sVIEW %s", materialized ? "MATERIALIZED " : "", relation->qualified),
        relation->comment);
    analysis_undo_privileges(x, &inverse, relation, relation->qualified);
    inverse_put_before(&x->out->inverse, x->arena, &inverse);
}

static void drop_index(struct analysis *x, struct relation *relation)
{
    bool concurrent = sql_flag(x->body, "concurrent");
    const struct relation *table = relation->index->table;
    struct inverse inverse = {0};
    size_t end, at = analysis_find_name(x, relation->name, x->node->start, &end);

    if (relation->index->constraint) {
        analysis_help(x, analysis_error(x, DIAG(PG015), at, end, "index '%s' belongs to a constraint", relation->name),
            "drop the constraint: its index goes with it");
        return;
    }
    analysis_lock(x, table, concurrent ? LOCK_SHARE_UPDATE_EXCLUSIVE : LOCK_ACCESS_EXCLUSIVE);
    analysis_lock(x, relation, concurrent ? LOCK_SHARE_UPDATE_EXCLUSIVE : LOCK_ACCESS_EXCLUSIVE);
    if (table->kind == RELATION_PARTITIONED)
        analysis_lock_partitions(x, table, LOCK_ACCESS_EXCLUSIVE);
    analysis_touch_gone(x, relation);
    if (!concurrent && analysis_is_live(x, table) && table->kind != RELATION_PARTITIONED)
        analysis_help(x,
            analysis_find(x, DIAG(PG102), at, end,
                "DROP INDEX waits for every reader of table '%s' and stops all that come after", table->name),
            "use the step drop_index, or DROP INDEX CONCURRENTLY");
    inverse_undo(&inverse, x->arena, catalog_index_sql(x->arena, relation, concurrent));
    if (concurrent) {
        x->out->alone = x->out->concurrent = true;
        x->out->probe = sql_probe_no_index(x->arena, relation->qualified);
        inverse.alone = true;
        inverse.probe = sql_probe_index(x->arena, relation);
        inverse.repair = arena_printf(x->arena, "DROP INDEX CONCURRENTLY IF EXISTS %s", relation->qualified);
        if (relation->comment) /* no other statement beside this one */
            inverse_lossy(&inverse, x->arena, arena_printf(x->arena, "the comment of index %s", relation->qualified));
    } else {
        inverse_comment(&inverse, x->arena, arena_printf(x->arena, "INDEX %s", relation->qualified), relation->comment);
    }
    inverse_put_before(&x->out->inverse, x->arena, &inverse);
}

static void drop_sequence(struct analysis *x, struct relation *relation)
{
    struct inverse inverse = {0};

    analysis_lock(x, relation, LOCK_ACCESS_EXCLUSIVE);
    analysis_touch_gone(x, relation);
    inverse_undo(&inverse, x->arena,
        arena_printf(x->arena, "CREATE SEQUENCE %s%s%s", relation->qualified, relation->sql ? " " : "",
            relation->sql ? relation->sql : ""));
    inverse_comment(&inverse, x->arena, arena_printf(x->arena, "SEQUENCE %s", relation->qualified), relation->comment);
    analysis_undo_privileges(x, &inverse, relation, arena_printf(x->arena, "SEQUENCE %s", relation->qualified));
    inverse_lossy(&inverse, x->arena, arena_printf(x->arena, "where sequence %s stood", relation->qualified));
    inverse_put_before(&x->out->inverse, x->arena, &inverse);
}

static bool fits_kind(const struct relation *relation, const char *kind)
{
    static const struct {
        const char *kind;
        enum relation_kind relation;
    } kinds[] = {
        {"OBJECT_TABLE", RELATION_TABLE},
        {"OBJECT_TABLE", RELATION_PARTITIONED},
        {"OBJECT_VIEW", RELATION_VIEW},
        {"OBJECT_MATVIEW", RELATION_MATERIALIZED_VIEW},
        {"OBJECT_INDEX", RELATION_INDEX},
        {"OBJECT_SEQUENCE", RELATION_SEQUENCE},
        {"OBJECT_FOREIGN_TABLE", RELATION_FOREIGN_TABLE},
    };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i].kind, kind) == 0 && kinds[i].relation == relation->kind)
            return true;
    return false;
}

/* Another one of the list took it along. */
static bool is_gone_already(const struct analysis *x, const char *schema, const char *name)
{
    const char *by = catalog_find_dropped(x->catalog, schema, name);

    return sql_count(sql_get(x->body, "objects")) > 1 && by && strcmp(by, x->analyser->migration_id) == 0 &&
           !catalog_find_relation(x->catalog, schema, name);
}

static void drop_relation(struct analysis *x, const struct sql_node *names, const char *kind, const char *what)
{
    const char *schema, *name;
    struct relation *relation;
    size_t at, end;

    analysis_split_names(x, names, &schema, &name);
    if (sql_flag(x->body, "missing_ok") && !catalog_find_relation(x->catalog, schema, name) &&
        !catalog_find_relation(x->catalog, "pg_temp", name))
        return;
    if (is_gone_already(x, schema, name))
        return;
    relation = analysis_relation_named(x, names, x->node->start, what);
    if (!relation) {
        inverse_impossible(&x->out->inverse, x->arena, "it is not an object of this history: write 'down:'");
        return;
    }
    if (!fits_kind(relation, kind)) {
        at = analysis_find_name(x, name, x->node->start, &end);
        analysis_error(
            x, DIAG(PG010), at, end, "'%s' is a %s, not a %s", name, relation_kind_name(relation->kind), what);
        return;
    }
    if (has_dependents(x, relation))
        return;
    x->out->label = arena_printf(x->arena, "drop_%s_%s", what, name);
    if (relation->kind == RELATION_INDEX)
        drop_index(x, relation);
    else if (relation->kind == RELATION_SEQUENCE)
        drop_sequence(x, relation);
    else if (relation_is_table(relation))
        drop_table(x, relation);
    else
        drop_view(x, relation);
    if (!x->failed) {
        if (!x->out->probe && sql_count(sql_get(x->body, "objects")) == 1)
            x->out->probe = sql_probe_no_relation(x->arena, relation->qualified);
        catalog_drop_relation(x->catalog, relation, x->analyser->migration_id);
    }
}

/* --- types, functions and the rest ------------------------------------------------------------------------------- */

/* DROP TYPE … CASCADE. */
static void drop_columns_of(struct analysis *x, const struct type_object *type)
{
    const struct map_entry *entry;

    analysis_touch_type_users(x, type);
    for (size_t i = 0; map_next(&x->catalog->relations, &i, &entry);) {
        struct relation *relation = entry->value;

        for (size_t k = relation->columns.count; k > 0; k--)
            if (relation->columns.items[k - 1]->type.object == type)
                catalog_drop_column(x->catalog, relation, relation->columns.items[k - 1], x->analyser->migration_id);
    }
}

static void drop_type(struct analysis *x, const struct sql_node *names)
{
    const char *schema, *name;
    const struct map_entry *entry;
    struct type_object *type;
    struct inverse inverse = {0};
    size_t end, at;

    analysis_split_names(x, names, &schema, &name);
    at = analysis_find_name(x, name, x->node->start, &end);
    type = catalog_find_type(x->catalog, schema, name);
    if (!type) {
        if (!sql_flag(x->body, "missing_ok") && !x->catalog->opaque)
            analysis_error(x, DIAG(PG004), at, end, "there is no type '%s' at this point of the history", name);
        return;
    }
    for (size_t i = 0; !is_cascade(x) && map_next(&x->catalog->relations, &i, &entry);) {
        const struct relation *relation = entry->value;

        for (size_t k = 0; k < relation->columns.count; k++)
            if (relation->columns.items[k]->type.object == type) {
                report_dependent(x, name, relation->name, "a column of table");
                return;
            }
    }
    analysis_touch_type(x, type);
    x->out->label = arena_printf(x->arena, "drop_type_%s", name);
    if (is_cascade(x)) {
        drop_columns_of(x, type);
        inverse_impossible(&inverse, x->arena, "what depended on the type goes with it: write 'down:'");
    } else {
        const char *object =
            arena_printf(x->arena, "%s %s", type->kind == TYPE_KIND_DOMAIN ? "DOMAIN" : "TYPE", type->qualified);
        struct strbuf buf = STRBUF_INIT;

        strbuf_append_text(&buf, type->sql);
        if (type->kind == TYPE_KIND_ENUM) { /* with the values that came later */
            strbuf_clear(&buf);
            strbuf_printf(&buf, "CREATE TYPE %s AS ENUM (", type->qualified);
            for (size_t i = 0; i < type->labels.count; i++)
                strbuf_printf(&buf, "%s%s", i ? ", " : "", quote_literal(x->scratch, type->labels.items[i]));
            strbuf_append_char(&buf, ')');
        }
        inverse_undo(&inverse, x->arena, strbuf_copy(&buf, x->arena).data);
        strbuf_free(&buf);
        inverse_comment(&inverse, x->arena, object, type->comment);
        analysis_undo_privileges(x, &inverse, type, object);
    }
    inverse_put_before(&x->out->inverse, x->arena, &inverse);
    x->out->probe = sql_probe_condition(x->arena,
        arena_printf(x->arena, "pg_catalog.to_regtype(%s) IS NULL", quote_literal(x->arena, type->qualified)));
    map_remove(&x->catalog->types, catalog_key(x->catalog, schema, name));
}

/* DROP FUNCTION … CASCADE: triggers go, and what else calls it. */
static void drop_callers(struct analysis *x, const struct function *function)
{
    const struct map_entry *entry;

    analysis_touch_mentions(x, function->name);
    for (size_t i = 0; map_next(&x->catalog->relations, &i, &entry);) {
        struct relation *relation = entry->value;

        for (size_t k = relation->triggers.count; k > 0; k--)
            if (relation->triggers.items[k - 1]->function == function)
                catalog_drop_trigger(relation, relation->triggers.items[k - 1]);
    }
}

static void drop_function(struct analysis *x, const struct sql_node *with_args)
{
    const char *schema, *name;
    struct function *function = analysis_function(x, with_args);
    struct inverse inverse = {0};

    analysis_split_names(x, sql_get(with_args, "objname"), &schema, &name);
    if (!function) {
        size_t end, at = analysis_find_name(x, name, x->node->start, &end);

        if (!sql_flag(x->body, "missing_ok") && !x->catalog->opaque && !qualify_is_system_schema(schema))
            analysis_error(x, DIAG(PG008), at, end, "there is no function '%s(%s)' at this point of the history", name,
                analysis_argument_types(x, with_args));
        return;
    }
    x->out->label = arena_printf(x->arena, "drop_function_%s", name);
    analysis_touch_function(x, function);
    if (is_cascade(x))
        drop_callers(x, function);
    if (is_cascade(x))
        inverse_impossible(&inverse, x->arena, "what depended on the function goes with it: write 'down:'");
    else
        inverse_undo(&inverse, x->arena, function->sql);
    if (!is_cascade(x)) {
        inverse_comment(&inverse, x->arena, arena_printf(x->arena, "%s %s", function->keyword, function->identity),
            function->comment);
        analysis_undo_privileges(x, &inverse, function,
            arena_printf(x->arena, "%s %s", strcmp(function->keyword, "PROCEDURE") == 0 ? "PROCEDURE" : "FUNCTION",
                function->identity));
    }
    inverse_put_before(&x->out->inverse, x->arena, &inverse);
    x->out->probe = sql_probe_condition(x->arena,
        arena_printf(x->arena, "pg_catalog.to_regprocedure(%s) IS NULL", quote_literal(x->arena, function->identity)));
    catalog_drop_function(x->catalog, function);
}

static void drop_on_table(struct analysis *x, const struct sql_node *names, const char *kind)
{
    struct name_pair {
        const char *schema, *table, *name;
    } of = {x->analyser->schema, sql_list_string(names, SIZE_MAX - 1), sql_list_string(names, SIZE_MAX)};
    struct relation *relation;
    struct inverse inverse = {0};
    const char *sql = NULL, *comment = NULL;
    size_t end, at;
    bool found = false, disabled = false, is_trigger = strcmp(kind, "OBJECT_TRIGGER") == 0;

    if (sql_count(names) > 2)
        of.schema = sql_list_string(names, 0);
    relation = catalog_find_relation(x->catalog, of.schema, of.table);
    at = analysis_find_name(x, relation ? of.name : of.table, x->node->start, &end);
    if (!relation) {
        if (!sql_flag(x->body, "missing_ok") && !x->catalog->opaque)
            analysis_error(x, DIAG(PG002), at, end, "there is no table '%s' at this point of the history", of.table);
        return;
    }
    analysis_lock(x, relation, LOCK_ACCESS_EXCLUSIVE);
    analysis_touch(x, relation);
    if (is_trigger) {
        struct trigger *trigger = relation_find_trigger(relation, of.name);

        if (trigger) {
            found = true;
            sql = trigger->sql;
            comment = trigger->comment;
            disabled = trigger->disabled;
            if (relation->kind == RELATION_PARTITIONED && trigger->each_row)
                analysis_lock_partitions(x, relation, LOCK_ACCESS_EXCLUSIVE);
            catalog_drop_trigger(relation, trigger);
        }
    } else if (strcmp(kind, "OBJECT_POLICY") == 0) {
        for (size_t i = 0; i < relation->policies.count && !found; i++)
            if (strcmp(relation->policies.items[i]->name, of.name) == 0) {
                found = true;
                sql = relation->policies.items[i]->sql;
                comment = relation->policies.items[i]->comment;
                memmove(&relation->policies.items[i], &relation->policies.items[i + 1],
                    (relation->policies.count - i - 1) * sizeof(relation->policies.items[0]));
                relation->policies.count--;
            }
    } else {
        found = true; /* rules are not kept */
    }
    if (!found && !sql_flag(x->body, "missing_ok") && !relation->opaque && !x->catalog->opaque)
        analysis_error(x, DIAG(PG008), at, end, "table '%s' has no %s '%s' at this point of the history",
            relation->name, is_trigger ? "trigger" : "policy", of.name);
    if (sql)
        inverse_undo(&inverse, x->arena, sql);
    else if (found)
        inverse_impossible(&inverse, x->arena, "its definition is not known: write 'down:'");
    if (disabled)
        inverse_undo(&inverse, x->arena,
            arena_printf(x->arena, "ALTER TABLE %s DISABLE TRIGGER %s", relation->qualified,
                quote_name(x->arena, of.name)));
    inverse_comment(&inverse, x->arena,
        arena_printf(x->arena, "%s %s ON %s", is_trigger ? "TRIGGER" : "POLICY", quote_name(x->arena, of.name),
            relation->qualified),
        comment);
    inverse_put_before(&x->out->inverse, x->arena, &inverse);
}

/* A relation in the schema; NULL: none. */
static struct relation *relation_in(const struct analysis *x, const char *schema)
{
    const struct map_entry *entry;

    for (size_t i = 0; map_next(&x->catalog->relations, &i, &entry);)
        if (strcmp(((struct relation *)entry->value)->schema, schema) == 0)
            return entry->value;
    return NULL;
}

static void remove_in(struct map *map, const char *schema)
{
    const struct map_entry *entry;

    for (size_t i = 0; map_next(map, &i, &entry);)
        if (strcmp(entry->key.data, schema) == 0) /* a key begins with the schema and NUL */
            map_remove(map, entry->key);
}

/* Everything in it goes. */
static void empty_schema(struct analysis *x, const char *schema)
{
    struct relation *relation;

    analysis_touch_all_in(x, schema);
    while ((relation = relation_in(x, schema)))
        catalog_drop_relation(x->catalog, relation, x->analyser->migration_id);
    remove_in(&x->catalog->types, schema);
    remove_in(&x->catalog->functions, schema);
}

/* The comment of a schema or an extension. */
static void undo_named_comment(struct analysis *x, const char *object)
{
    inverse_comment(&x->out->inverse, x->arena, object, map_remove(&x->catalog->comments, str_from(object)));
}

static void drop_schema(struct analysis *x, const char *name)
{
    size_t end, at = analysis_find_name(x, name, x->node->start, &end);

    if (!map_has(&x->catalog->schemas, str_from(name))) {
        if (!sql_flag(x->body, "missing_ok") && !x->catalog->opaque)
            analysis_error(x, DIAG(PG008), at, end, "there is no schema '%s' at this point of the history", name);
        return;
    }
    if (!is_cascade(x) && relation_in(x, name)) {
        analysis_error(x, DIAG(PG015), at, end, "schema '%s' is not empty", name);
        return;
    }
    analysis_touch_schema(x, name);
    map_remove(&x->catalog->schemas, str_from(name));
    if (is_cascade(x)) {
        empty_schema(x, name);
        inverse_impossible(&x->out->inverse, x->arena, "everything in the schema goes with it: write 'down:'");
        analysis_help(x, analysis_find(x, DIAG(PG202), at, end, "dropping schema '%s' loses everything in it", name),
            "drop what is in it step by step");
        return;
    }
    inverse_undo(&x->out->inverse, x->arena, arena_printf(x->arena, "CREATE SCHEMA %s", quote_name(x->arena, name)));
    undo_named_comment(x, arena_printf(x->arena, "SCHEMA %s", quote_name(x->arena, name)));
    analysis_undo_privileges(
        x, &x->out->inverse, NULL, arena_printf(x->arena, "SCHEMA %s", quote_name(x->arena, name)));
}

static void drop_extension(struct analysis *x, const char *name)
{
    const struct extension *extension = map_get(&x->catalog->extensions, str_from(name));

    analysis_touch_extension(x, name);
    map_remove(&x->catalog->extensions, str_from(name));
    if (is_cascade(x) || !extension)
        inverse_impossible(&x->out->inverse, x->arena, "what depended on the extension goes with it: write 'down:'");
    else
        inverse_undo(&x->out->inverse, x->arena,
            arena_printf(x->arena, "CREATE EXTENSION %s%s%s", quote_name(x->arena, name),
                extension->schema ? " WITH SCHEMA " : "",
                extension->schema ? quote_name(x->arena, extension->schema) : ""));
    undo_named_comment(x, arena_printf(x->arena, "EXTENSION %s", quote_name(x->arena, name)));
    x->out->probe = sql_probe_condition(
        x->arena, arena_printf(x->arena, "NOT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = %s)",
                      quote_literal(x->arena, name)));
}

static void drop_object(struct analysis *x, const char *kind, const struct sql_node *object)
{
    const struct sql_node *names = sql_get(sql_as(object, "List"), "items");
    const struct sql_node *type_name = sql_as(object, "TypeName");

    if (strcmp(kind, "OBJECT_TABLE") == 0 || strcmp(kind, "OBJECT_FOREIGN_TABLE") == 0)
        drop_relation(x, names, kind, "table");
    else if (strcmp(kind, "OBJECT_VIEW") == 0 || strcmp(kind, "OBJECT_MATVIEW") == 0)
        drop_relation(x, names, kind, "view");
    else if (strcmp(kind, "OBJECT_INDEX") == 0)
        drop_relation(x, names, kind, "index");
    else if (strcmp(kind, "OBJECT_SEQUENCE") == 0)
        drop_relation(x, names, kind, "sequence");
    else if (strcmp(kind, "OBJECT_TYPE") == 0 || strcmp(kind, "OBJECT_DOMAIN") == 0)
        drop_type(x, type_name ? sql_get(type_name, "names") : names);
    else if (strcmp(kind, "OBJECT_FUNCTION") == 0 || strcmp(kind, "OBJECT_PROCEDURE") == 0 ||
             strcmp(kind, "OBJECT_ROUTINE") == 0)
        drop_function(x, sql_as(object, "ObjectWithArgs"));
    else if (strcmp(kind, "OBJECT_TRIGGER") == 0 || strcmp(kind, "OBJECT_POLICY") == 0 ||
             strcmp(kind, "OBJECT_RULE") == 0)
        drop_on_table(x, names, kind);
    else if (strcmp(kind, "OBJECT_SCHEMA") == 0)
        drop_schema(x, sql_string(object));
    else if (strcmp(kind, "OBJECT_EXTENSION") == 0)
        drop_extension(x, sql_string(object));
    else
        inverse_impossible(
            &x->out->inverse, x->arena, "invplan does not know how to undo this statement: write 'down:'");
}

static const struct relation *relation_of(struct analysis *x, const struct sql_node *object)
{
    const char *schema, *name;

    analysis_split_names(x, sql_get(sql_as(object, "List"), "items"), &schema, &name);
    return catalog_find_relation(x->catalog, schema, name);
}

/* Does a table of items[0..count) that is not done refer to this one? */
static bool is_awaited(
    const struct relation *relation, const struct relation *const *items, const bool *done, size_t count)
{
    for (size_t i = 0; relation && i < relation->referenced_by.count; i++)
        for (size_t k = 0; k < count; k++)
            if (!done[k] && items[k] != relation && items[k] == relation->referenced_by.items[i]->relation)
                return true;
    return false;
}

/* Of several tables those first that refer to others: made again the other way round, each finds what it refers to. */
static void drop_tables(struct analysis *x, const char *kind)
{
    const struct sql_node *objects = sql_get(x->body, "objects");
    size_t count = sql_count(objects), at = 0;
    const struct sql_node **items = ARENA_ARRAY(x->scratch, const struct sql_node *, count);
    const struct relation **relations = ARENA_ARRAY(x->scratch, const struct relation *, count);
    bool *done = ARENA_ARRAY(x->scratch, bool, count);

    for (const struct sql_node *item = sql_first(objects); item; item = sql_next(item)) {
        items[at] = item;
        done[at] = false;
        relations[at++] = relation_of(x, item);
    }
    for (size_t left = count; left; left--) {
        for (at = 0; at < count && (done[at] || is_awaited(relations[at], relations, done, count));)
            at++;
        for (size_t i = 0; at == count && i < count; i++) /* a circle: anywhere */
            if (!done[i])
                at = i;
        done[at] = true;
        drop_object(x, kind, items[at]);
    }
}

void analyse_drop(struct analysis *x)
{
    const char *kind = sql_text(x->body, "removeType");

    x->out->phase = PHASE_CONTRACT;
    if (strcmp(kind, "OBJECT_TABLE") == 0 && sql_count(sql_get(x->body, "objects")) > 1)
        drop_tables(x, kind);
    else
        for (const struct sql_node *item = sql_first(sql_get(x->body, "objects")); item; item = sql_next(item))
            drop_object(x, kind, item);
}
