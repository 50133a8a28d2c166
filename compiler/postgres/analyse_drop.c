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

static bool has_dependents(struct analysis *x, const struct relation *relation)
{
    if (is_cascade(x))
        return false;
    if (relation->read_by.count) {
        report_dependent(x, relation->name, relation->read_by.items[0]->name, "view");
        return true;
    }
    for (size_t i = 0; i < relation->referenced_by.count; i++)
        if (relation->referenced_by.items[i]->relation != relation) {
            report_dependent(
                x, relation->name, relation->referenced_by.items[i]->relation->name, "a foreign key of table");
            return true;
        }
    return false;
}

static void lint_drop_table(struct analysis *x, const struct relation *relation)
{
    size_t end, at = analysis_find_name(x, relation->name, x->node->start, &end);

    if (analysis_is_live(x, relation))
        analysis_help(x,
            analysis_find(x, DIAG(PG202), at, end,
                "dropping table '%s' loses its rows and breaks code that still uses it", relation->name),
            "release code that does not use the table first, then allow PG202 here and say so in the reason");
}

/* What catalog_table_sql() cannot bring back. */
static void name_other_losses(struct analysis *x, const struct relation *relation, struct inverse *inverse)
{
    const struct map_entry *entry;

    for (size_t i = 0; i < relation->triggers.count; i++)
        if (!relation->triggers.items[i]->sql)
            inverse_lossy(inverse, x->arena, arena_printf(x->arena, "trigger %s", relation->triggers.items[i]->name));
    for (size_t i = 0; i < relation->policies.count; i++)
        if (!relation->policies.items[i]->sql)
            inverse_lossy(inverse, x->arena, arena_printf(x->arena, "policy %s", relation->policies.items[i]->name));
    for (size_t i = 0; map_next(&x->catalog->privileges, &i, &entry);) {
        size_t end;

        if (lex_find_name(entry->key, 0, entry->key.len, relation->name, &end) != SIZE_MAX) {
            inverse_lossy(inverse, x->arena, arena_printf(x->arena, "the privileges on table %s", relation->qualified));
            return;
        }
    }
}

static void drop_table(struct analysis *x, struct relation *relation)
{
    struct sql_list again = {0};
    struct inverse inverse = {0};

    lint_drop_table(x, relation);
    analysis_lock(x, relation, LOCK_ACCESS_EXCLUSIVE);
    for (size_t i = 0; i < relation->referenced_by.count; i++) {
        analysis_lock(x, relation->referenced_by.items[i]->relation, LOCK_ACCESS_EXCLUSIVE);
        analysis_touch(x, relation->referenced_by.items[i]->relation);
    }
    for (size_t i = 0; i < relation->constraints.count; i++)
        if (relation->constraints.items[i]->referenced)
            analysis_lock(x, relation->constraints.items[i]->referenced, LOCK_ACCESS_EXCLUSIVE);
    if (relation->parent)
        analysis_lock(x, relation->parent, LOCK_ACCESS_EXCLUSIVE);
    analysis_touch(x, relation);
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
    analysis_touch(x, relation);
    if (!relation->sql || relation->stale)
        inverse_impossible(&inverse, x->arena,
            "the view's query is not known since something that it reads was renamed: write 'down:'");
    else
        inverse_undo(&inverse, x->arena,
            arena_printf(x->arena, "CREATE %sVIEW %s %s", materialized ? "MATERIALIZED " : "", relation->qualified,
                relation->sql));
    for (size_t i = 0; relation->sql && !relation->stale && i < relation->indexes.count; i++)
        inverse_undo(&inverse, x->arena, catalog_index_sql(x->arena, relation->indexes.items[i], false));
    if (relation->comment)
        inverse_undo(&inverse, x->arena,
            arena_printf(x->arena, "COMMENT ON %sVIEW %s IS %s", materialized ? "MATERIALIZED " : "",
                relation->qualified, quote_literal(x->arena, relation->comment)));
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
    analysis_touch(x, relation);
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
    }
    inverse_put_before(&x->out->inverse, x->arena, &inverse);
}

static void drop_sequence(struct analysis *x, struct relation *relation)
{
    struct inverse inverse = {0};

    analysis_lock(x, relation, LOCK_ACCESS_EXCLUSIVE);
    analysis_touch(x, relation);
    inverse_undo(&inverse, x->arena,
        arena_printf(x->arena, "CREATE SEQUENCE %s%s%s", relation->qualified, relation->sql ? " " : "",
            relation->sql ? relation->sql : ""));
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

static void drop_relation(struct analysis *x, const struct sql_node *names, const char *kind, const char *what)
{
    const char *schema, *name;
    struct relation *relation;
    size_t at, end;

    analysis_split_names(x, names, &schema, &name);
    if (sql_flag(x->body, "missing_ok") && !catalog_find_relation(x->catalog, schema, name) &&
        !catalog_find_relation(x->catalog, "pg_temp", name))
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
    analysis_touch_object(x, (struct object){OBJECT_TYPE, arena_printf(x->arena, "type %s", type->qualified),
                                 type->schema, type->name, NULL});
    x->out->label = arena_printf(x->arena, "drop_type_%s", name);
    if (is_cascade(x)) {
        inverse_impossible(&inverse, x->arena, "what depended on the type goes with it: write 'down:'");
    } else {
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
    }
    inverse_put_before(&x->out->inverse, x->arena, &inverse);
    x->out->probe = sql_probe_condition(x->arena,
        arena_printf(x->arena, "pg_catalog.to_regtype(%s) IS NULL", quote_literal(x->arena, type->qualified)));
    map_remove(&x->catalog->types, catalog_key(x->catalog, schema, name));
}

static const char *argument_types(struct analysis *x, const struct sql_node *with_args)
{
    struct strbuf buf = STRBUF_INIT;
    const char *result;

    for (const struct sql_node *item = sql_first(sql_get(with_args, "objargs")); item; item = sql_next(item)) {
        struct type type;

        if (sql_as(item, "TypeName") && analysis_type(x, sql_as(item, "TypeName"), &type))
            strbuf_printf(&buf, "%s%s", buf.len ? ", " : "", type.text);
    }
    result = strbuf_copy(&buf, x->arena).data;
    strbuf_free(&buf);
    return result;
}

static void drop_function(struct analysis *x, const struct sql_node *with_args)
{
    const char *schema, *name, *arguments = argument_types(x, with_args);
    bool any = sql_flag(with_args, "args_unspecified");
    struct function *function, *previous = NULL;
    struct inverse inverse = {0};
    struct str key;

    analysis_split_names(x, sql_get(with_args, "objname"), &schema, &name);
    for (function = catalog_find_functions(x->catalog, schema, name); function;
         previous = function, function = function->next)
        if (any || strcmp(function->arguments, arguments) == 0)
            break;
    if (!function) {
        size_t end, at = analysis_find_name(x, name, x->node->start, &end);

        if (!sql_flag(x->body, "missing_ok") && !x->catalog->opaque && !qualify_is_system_schema(schema))
            analysis_error(
                x, DIAG(PG008), at, end, "there is no function '%s(%s)' at this point of the history", name, arguments);
        return;
    }
    x->out->label = arena_printf(x->arena, "drop_function_%s", name);
    analysis_touch_object(x, (struct object){OBJECT_FUNCTION, arena_printf(x->arena, "function %s", function->identity),
                                 function->schema, function->name, function->identity});
    if (is_cascade(x))
        inverse_impossible(&inverse, x->arena, "what depended on the function goes with it: write 'down:'");
    else
        inverse_undo(&inverse, x->arena, function->sql);
    if (!is_cascade(x) && function->comment)
        inverse_undo(&inverse, x->arena,
            arena_printf(x->arena, "COMMENT ON %s %s IS %s", function->keyword, function->identity,
                quote_literal(x->arena, function->comment)));
    inverse_put_before(&x->out->inverse, x->arena, &inverse);
    x->out->probe = sql_probe_condition(x->arena,
        arena_printf(x->arena, "pg_catalog.to_regprocedure(%s) IS NULL", quote_literal(x->arena, function->identity)));
    key = catalog_key(x->catalog, schema, name);
    if (previous)
        previous->next = function->next;
    else if (function->next)
        map_put(&x->catalog->functions, key, function->next);
    else
        map_remove(&x->catalog->functions, key);
}

static void drop_on_table(struct analysis *x, const struct sql_node *names, const char *kind)
{
    struct name_pair {
        const char *schema, *table, *name;
    } of = {x->analyser->schema, sql_list_string(names, SIZE_MAX - 1), sql_list_string(names, SIZE_MAX)};
    struct relation *relation;
    struct inverse inverse = {0};
    const char *sql = NULL;
    size_t end, at;
    bool found = false;

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
    if (strcmp(kind, "OBJECT_TRIGGER") == 0) {
        struct trigger *trigger = relation_find_trigger(relation, of.name);

        if (trigger) {
            found = true;
            sql = trigger->sql;
            for (size_t i = 0; i < relation->triggers.count; i++)
                if (relation->triggers.items[i] == trigger) {
                    memmove(&relation->triggers.items[i], &relation->triggers.items[i + 1],
                        (relation->triggers.count - i - 1) * sizeof(relation->triggers.items[0]));
                    relation->triggers.count--;
                    break;
                }
        }
    } else if (strcmp(kind, "OBJECT_POLICY") == 0) {
        for (size_t i = 0; i < relation->policies.count && !found; i++)
            if (strcmp(relation->policies.items[i]->name, of.name) == 0) {
                found = true;
                sql = relation->policies.items[i]->sql;
                memmove(&relation->policies.items[i], &relation->policies.items[i + 1],
                    (relation->policies.count - i - 1) * sizeof(relation->policies.items[0]));
                relation->policies.count--;
            }
    } else {
        found = true; /* rules are not kept */
    }
    if (!found && !sql_flag(x->body, "missing_ok") && !relation->opaque)
        analysis_error(x, DIAG(PG008), at, end, "table '%s' has no %s '%s' at this point of the history",
            relation->name, strcmp(kind, "OBJECT_TRIGGER") == 0 ? "trigger" : "policy", of.name);
    if (sql)
        inverse_undo(&inverse, x->arena, sql);
    else if (found)
        inverse_impossible(&inverse, x->arena, "its definition is not known: write 'down:'");
    inverse_put_before(&x->out->inverse, x->arena, &inverse);
}

static bool schema_is_empty(const struct analysis *x, const char *schema)
{
    const struct map_entry *entry;

    for (size_t i = 0; map_next(&x->catalog->relations, &i, &entry);)
        if (strcmp(((const struct relation *)entry->value)->schema, schema) == 0)
            return false;
    return true;
}

static void drop_schema(struct analysis *x, const char *name)
{
    size_t end, at = analysis_find_name(x, name, x->node->start, &end);

    if (!map_has(&x->catalog->schemas, str_from(name))) {
        if (!sql_flag(x->body, "missing_ok") && !x->catalog->opaque)
            analysis_error(x, DIAG(PG008), at, end, "there is no schema '%s' at this point of the history", name);
        return;
    }
    if (!is_cascade(x) && !schema_is_empty(x, name)) {
        analysis_error(x, DIAG(PG015), at, end, "schema '%s' is not empty", name);
        return;
    }
    analysis_touch_object(
        x, (struct object){OBJECT_SCHEMA, arena_printf(x->arena, "schema %s", quote_name(x->arena, name)), NULL,
               arena_strdup(x->arena, name), NULL});
    map_remove(&x->catalog->schemas, str_from(name));
    if (is_cascade(x)) {
        inverse_impossible(&x->out->inverse, x->arena, "everything in the schema goes with it: write 'down:'");
        analysis_help(x, analysis_find(x, DIAG(PG202), at, end, "dropping schema '%s' loses everything in it", name),
            "drop what is in it step by step");
        x->catalog->opaque = true;
        return;
    }
    inverse_undo(&x->out->inverse, x->arena, arena_printf(x->arena, "CREATE SCHEMA %s", quote_name(x->arena, name)));
}

static void drop_extension(struct analysis *x, const char *name)
{
    const struct extension *extension = map_get(&x->catalog->extensions, str_from(name));

    analysis_touch_object(
        x, (struct object){OBJECT_EXTENSION, arena_printf(x->arena, "extension %s", quote_name(x->arena, name)), NULL,
               arena_strdup(x->arena, name), NULL});
    map_remove(&x->catalog->extensions, str_from(name));
    if (is_cascade(x) || !extension)
        inverse_impossible(&x->out->inverse, x->arena, "what depended on the extension goes with it: write 'down:'");
    else
        inverse_undo(&x->out->inverse, x->arena,
            arena_printf(x->arena, "CREATE EXTENSION %s%s%s", quote_name(x->arena, name),
                extension->schema ? " WITH SCHEMA " : "",
                extension->schema ? quote_name(x->arena, extension->schema) : ""));
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

void analyse_drop(struct analysis *x)
{
    const char *kind = sql_text(x->body, "removeType");

    x->out->phase = PHASE_CONTRACT;
    for (const struct sql_node *item = sql_first(sql_get(x->body, "objects")); item; item = sql_next(item))
        drop_object(x, kind, item);
}
