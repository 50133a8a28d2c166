/* CREATE TABLE and CREATE TABLE AS. */
#include <string.h>

#include "compiler/postgres/analyse.h"
#include "compiler/postgres/lex.h"
#include "compiler/postgres/partition.h"
#include "compiler/postgres/probe.h"

enum { LIKE_DEFAULTS = 1 << 3, LIKE_GENERATED = 1 << 4, LIKE_CONSTRAINTS = 1 << 2, LIKE_INDEXES = 1 << 6 };

static void copy_columns(struct analysis *x, struct relation *relation, const struct relation *from, int64_t options)
{
    relation->opaque = relation->opaque || from->opaque;
    for (size_t i = 0; i < from->columns.count; i++) {
        const struct column *column = from->columns.items[i];
        struct column *copy;

        if (relation_find_column(relation, column->name))
            continue;
        copy = catalog_add_column(x->catalog, relation, column->name, &column->type, x->analyser->ordinal);
        copy->type.serial = NULL;
        copy->not_null = column->not_null;
        copy->collation = column->collation;
        if (options & LIKE_DEFAULTS) {
            copy->default_sql = column->default_sql;
            copy->default_volatile = column->default_volatile;
        }
        if (options & LIKE_GENERATED)
            copy->generated_sql = column->generated_sql;
    }
    for (size_t i = 0; (options & LIKE_CONSTRAINTS) && i < from->constraints.count; i++) {
        const struct constraint *constraint = from->constraints.items[i];
        struct constraint *copy;

        if (constraint->kind != CONSTRAINT_CHECK || relation_find_constraint(relation, constraint->name))
            continue; /* what two parents have is one constraint of the child */
        copy = catalog_add_constraint(x->catalog, relation, CONSTRAINT_CHECK, constraint->name);
        copy->columns = constraint->columns;
        copy->column_count = constraint->column_count;
        copy->expression = constraint->expression;
        copy->not_null = constraint->not_null;
        copy->not_null_count = constraint->not_null_count;
    }
}

/* Keys of a parent or of LIKE … INCLUDING INDEXES get indexes of the new table's own. */
static void copy_keys(struct analysis *x, struct relation *relation, const struct relation *from)
{
    for (size_t i = 0; i < from->constraints.count; i++) {
        const struct constraint *constraint = from->constraints.items[i];
        struct constraint *copy;

        if (constraint->kind != CONSTRAINT_PRIMARY_KEY && constraint->kind != CONSTRAINT_UNIQUE)
            continue;
        copy = catalog_add_constraint(x->catalog, relation, constraint->kind,
            analyse_constraint_name(x, relation, constraint->columns,
                constraint->kind == CONSTRAINT_PRIMARY_KEY ? 0 : constraint->column_count,
                constraint->kind == CONSTRAINT_PRIMARY_KEY ? "pkey" : "key"));
        copy->columns = constraint->columns;
        copy->column_count = constraint->column_count;
        analyse_key_index(x, relation, copy, NULL);
        if (relation->parent == from)
            catalog_set_parent(x->catalog, copy->index, constraint->index);
    }
    for (size_t i = 0; relation->parent == from && i < from->indexes.count; i++)
        if (!from->indexes.items[i]->index->constraint && !from->indexes.items[i]->index->on_only)
            analyse_partition_index(x, from->indexes.items[i], relation);
}

/* The text between `from` and the next clause of CREATE TABLE. */
static const char *bound_text(const struct analysis *x, size_t from)
{
    struct lexer lexer = {.text = {x->sql.data, x->node->end}, .at = from};
    size_t end = from;

    for (struct lex_token token = lex_next(&lexer); token.kind != LEX_END; token = lex_next(&lexer)) {
        if (lex_is(x->sql, token, "partition") || lex_is(x->sql, token, "using") ||
            lex_is(x->sql, token, "tablespace") || (lex_is(x->sql, token, "with") && end > from))
            break; /* WITH comes first in a bound, and behind it in storage */
        end = token.end;
        if (lex_is(x->sql, token, "("))
            lexer.at = end = lex_find_close(x->sql, token.start) + 1;
    }
    return analysis_slice(x, from, end);
}

/* What a new table is made from was there before it. */
static struct relation *not_itself(
    struct analysis *x, const struct relation *made, struct relation *from, const struct sql_node *range_var)
{
    size_t end, at;

    if (from != made)
        return from;
    at = analysis_find_name(x, made->name, sql_location(range_var), &end);
    analysis_error(x, DIAG(PG002), at, end, "table '%s' cannot be made from itself", made->name);
    return NULL;
}

/* PARTITION OF what is partitioned, and INHERITS of what is not. */
static bool is_fit(struct analysis *x, const struct relation *parent, bool partition, size_t from)
{
    size_t end, at;

    if (parent->opaque || partition == (parent->kind == RELATION_PARTITIONED))
        return true;
    at = analysis_find_name(x, parent->name, from, &end);
    analysis_error(x, DIAG(PG010), at, end,
        partition ? "'%s' is not partitioned" : "nothing can inherit from '%s': it is partitioned", parent->name);
    return false;
}

static const char *bound_of(const struct analysis *x, const struct sql_node *bound)
{
    return sql_flag(bound, "is_default") ? "DEFAULT"
                                         : arena_printf(x->arena, "FOR VALUES %s", bound_text(x, sql_location(bound)));
}

static bool has_room(
    struct analysis *x, const struct relation *relation, const struct relation *parent, const struct sql_node *bound)
{
    const char *why = partition_refuses(x->arena, x->scratch, parent, str_from(bound_of(x, bound)));
    size_t end, at = analysis_find_name(x, relation->name, x->node->start, &end);

    if (why)
        analysis_error(x, DIAG(PG060), at, end, "'%s' cannot become a partition of '%s': %s", relation->name,
            parent->name, why);
    return !why;
}

static void apply_parents(struct analysis *x, struct relation *relation)
{
    const struct sql_node *bound = sql_get(x->body, "partbound");

    for (const struct sql_node *item = sql_first(sql_get(x->body, "inhRelations")); item; item = sql_next(item)) {
        const struct sql_node *named = sql_as(item, "RangeVar");
        struct relation *parent = not_itself(x, relation, analysis_table(x, named), named);

        if (!parent || !is_fit(x, parent, bound != NULL, sql_location(named))) {
            relation->opaque = true;
            continue;
        }
        if (bound && !has_room(x, relation, parent, bound))
            continue;
        copy_columns(x, relation, parent, LIKE_DEFAULTS | LIKE_GENERATED | LIKE_CONSTRAINTS);
        catalog_set_parent(x->catalog, relation, parent);
        analysis_lock(x, parent, bound ? LOCK_ACCESS_EXCLUSIVE : LOCK_SHARE_UPDATE_EXCLUSIVE);
        if (!bound)
            continue;
        copy_keys(x, relation, parent);
        analysis_touch_referencing(x, parent); /* a foreign key to the whole is one to each part */
        relation->is_default_partition = sql_flag(bound, "is_default");
        relation->partition_bound = bound_of(x, bound);
        for (size_t i = 0; i < parent->children.count; i++)
            if (parent->children.items[i]->is_default_partition && parent->children.items[i] != relation) {
                struct lock *lock = analysis_lock(x, parent->children.items[i], LOCK_ACCESS_EXCLUSIVE);

                lock->scan = true;
                if (lock->live)
                    analysis_help(x,
                        analysis_find(x, DIAG(PG118), x->node->start, x->node->end,
                            "a new partition of '%s' scans its default partition while the whole table is locked",
                            parent->name),
                        "make the table alone, add a CHECK that excludes its range to the default partition, then "
                        "ATTACH it");
            }
    }
}

static void apply_later(struct analysis *x, struct relation *relation, enum column_pass pass)
{
    for (const struct sql_node *item = sql_first(sql_get(x->body, "tableElts")); item; item = sql_next(item))
        if (sql_as(item, "ColumnDef"))
            analyse_column_later(x, relation, sql_as(item, "ColumnDef"), x->node->end, pass);
}

/* Table constraints: foreign keys to the table itself, or the others. */
static void apply_constraints(struct analysis *x, struct relation *relation, bool to_itself)
{
    for (const struct sql_node *item = sql_first(sql_get(x->body, "tableElts")); item; item = sql_next(item)) {
        const struct sql_node *node = sql_as(item, "Constraint");
        struct constraint *constraint;

        if (!node || analyse_refers_to_itself(x, relation, node) != to_itself)
            continue;
        constraint = analyse_constraint(x, relation, node, x->node->end, NULL);
        if (constraint && constraint->referenced && constraint->referenced != relation)
            analysis_lock(x, constraint->referenced, LOCK_SHARE_ROW_EXCLUSIVE);
    }
}

static void apply_elements(struct analysis *x, struct relation *relation)
{
    struct lock *lock;

    for (const struct sql_node *item = sql_first(sql_get(x->body, "tableElts")); item; item = sql_next(item)) {
        const struct sql_node *column = sql_as(item, "ColumnDef"), *like = sql_as(item, "TableLikeClause");

        if (column) {
            struct column_facts facts = analyse_column(x, relation, column, x->node->end, true);

            for (size_t i = 0; i < facts.referenced.items.count; i++)
                if (facts.referenced.items.items[i] != relation)
                    analysis_lock(x, facts.referenced.items.items[i], LOCK_SHARE_ROW_EXCLUSIVE);
        } else if (like) {
            const struct sql_node *named = sql_get(like, "relation");
            struct relation *from = not_itself(x, relation, analysis_relation(x, named), named);

            if (!from) {
                relation->opaque = true;
                continue;
            }
            analysis_lock(x, from, LOCK_ACCESS_SHARE);
            copy_columns(x, relation, from, sql_integer(like, "options", 0));
            if (sql_integer(like, "options", 0) & LIKE_INDEXES)
                copy_keys(x, relation, from);
        }
    }
    apply_later(x, relation, COLUMN_GENERATED);
    apply_later(x, relation, COLUMN_CHECKS);
    apply_constraints(x, relation, false);
    apply_later(x, relation, COLUMN_SELF_REFERENCES);
    apply_constraints(x, relation, true);
    lock = analysis_lock(x, relation, LOCK_ACCESS_EXCLUSIVE);
    lock->created = true;
    lock->scan = relation->indexes.count > 0;
}

static bool same_key(const struct constraint *left, const struct constraint *right)
{
    if (left->column_count != right->column_count || strcmp(left->options, right->options) != 0)
        return false;
    for (size_t i = 0; i < left->column_count; i++)
        if (strcmp(left->columns[i], right->columns[i]) != 0)
            return false;
    return left->index && right->index && left->index->index->nulls_not_distinct == right->index->index->nulls_not_distinct;
}

/* UNIQUE PRIMARY KEY, or UNIQUE twice, is one key to the server. */
static void merge_keys(struct analysis *x, struct relation *relation)
{
    for (size_t i = relation->constraints.count; i > 0; i--) {
        struct constraint *unique = relation->constraints.items[i - 1];
        bool merged = false;

        for (size_t k = 0; unique->kind == CONSTRAINT_UNIQUE && k < relation->constraints.count && !merged; k++) {
            const struct constraint *other = relation->constraints.items[k];

            merged = other != unique && same_key(unique, other) &&
                     (other->kind == CONSTRAINT_PRIMARY_KEY || (other->kind == CONSTRAINT_UNIQUE && k < i - 1));
        }
        if (!merged)
            continue;
        analysis_touch_not(x, unique->index);
        catalog_drop_constraint(x->catalog, unique, NULL);
    }
}

static const char *storage_text(const struct analysis *x)
{
    size_t from = sql_first_location(sql_get(x->body, "options")), end;

    if (!sql_first(sql_get(x->body, "options")) || from == SIZE_MAX)
        return NULL;
    end = lex_expression_end(x->sql, from, x->node->end);
    while (end < x->node->end && x->sql.data[end] != ')')
        end = lex_expression_end(x->sql, end + 1, x->node->end);
    return arena_printf(x->arena, " WITH (%s)", analysis_slice(x, from, end));
}

/* A foreign key to a partitioned table keeps its partitions from being dropped before they are detached. */
static bool is_referenced(const struct relation *relation)
{
    for (; relation; relation = relation->parent)
        if (relation->referenced_by.count)
            return true;
    return false;
}

/* OF: its columns are the type's. */
static void note_type(struct analysis *x, struct relation *relation)
{
    const struct sql_node *type = sql_get(x->body, "ofTypename");
    const char *schema, *name;

    if (!type)
        return;
    relation->opaque = true;
    analysis_split_names(x, sql_get(type, "names"), &schema, &name);
    relation->of_type = catalog_find_type(x->catalog, schema, name);
}

void analyse_create_table(struct analysis *x)
{
    const struct sql_node *range_var = sql_get(x->body, "relation"), *spec = sql_get(x->body, "partspec");
    const char *schema = analysis_schema(x, range_var), *name = sql_text(range_var, "relname");
    struct relation *relation;
    size_t end, at = analysis_find_name(x, name, sql_location(range_var), &end);

    x->out->phase = PHASE_EXPAND;
    x->out->label = arena_printf(x->arena, "create_table_%s", name);
    if (sql_flag(x->body, "if_not_exists") && catalog_find_relation(x->catalog, schema, name))
        return;
    if (!analysis_is_new_name(x, schema, name, at, end))
        return;
    relation = catalog_add_relation(
        x->catalog, spec ? RELATION_PARTITIONED : RELATION_TABLE, schema, name, x->analyser->ordinal);
    relation->temporary = strcmp(schema, "pg_temp") == 0;
    relation->drop_on_commit = sql_text_is(x->body, "oncommit", "ONCOMMIT_DROP");
    relation->unlogged = sql_text_is(range_var, "relpersistence", "u");
    note_type(x, relation);
    relation->storage = storage_text(x);
    analyse_made_options(x, relation, sql_get(x->body, "options"));
    if (spec) {
        size_t from = analysis_behind_word(x, "by", sql_location(spec));
        struct lexer lexer = {.text = {x->sql.data, x->node->end}, .at = from};

        from = lex_next(&lexer).start;
        relation->partition_by =
            analysis_slice(x, from, lex_find_close(x->sql, analysis_behind_word(x, "(", from) - 1) + 1);
    }
    apply_parents(x, relation);
    apply_elements(x, relation);
    merge_keys(x, relation);
    relation->opaque = relation->opaque || x->failed;
    analysis_touch(x, relation);
    if (!relation->temporary && !relation->parent && !relation->opaque && relation->kind == RELATION_TABLE)
        analysis_find_late(x, relation, NULL, at, end);
    if (relation->temporary)
        return;
    if (relation->partition_bound && relation->parent && is_referenced(relation->parent))
        inverse_undo(&x->out->inverse, x->arena,
            arena_printf(
                x->arena, "ALTER TABLE %s DETACH PARTITION %s", relation->parent->qualified, relation->qualified));
    inverse_undo(&x->out->inverse, x->arena, arena_printf(x->arena, "DROP TABLE %s", relation->qualified));
    inverse_guard(&x->out->inverse, x->arena,
        arena_printf(x->arena, "NOT EXISTS (SELECT FROM %s)", relation->qualified),
        arena_printf(x->arena, "the rows of table %s", relation->qualified));
    if (!relation->opaque)
        x->out->probe = sql_probe_table(x->arena, relation);
}

void analyse_create_table_as(struct analysis *x)
{
    const struct sql_node *into = sql_get(x->body, "into"), *range_var = sql_get(into, "rel");
    const char *schema = analysis_schema(x, range_var), *name = sql_text(range_var, "relname");
    bool materialized = sql_text_is(x->body, "objtype", "OBJECT_MATVIEW");
    size_t end, at = analysis_find_name(x, name, sql_location(range_var), &end), from;
    struct relation *relation;

    x->out->phase = PHASE_EXPAND;
    expression_check_query(x, sql_get(x->body, "query"));
    if (sql_flag(into, "skipData"))
        for (size_t i = 0; i < x->out->locks.count; i++)
            x->out->locks.items[i].scan = false;
    if (sql_flag(x->body, "if_not_exists") && catalog_find_relation(x->catalog, schema, name))
        return;
    if (!analysis_is_new_name(x, schema, name, at, end))
        return;
    relation = catalog_add_relation(
        x->catalog, materialized ? RELATION_MATERIALIZED_VIEW : RELATION_TABLE, schema, name, x->analyser->ordinal);
    relation->temporary = strcmp(schema, "pg_temp") == 0;
    relation->drop_on_commit = sql_text_is(into, "onCommit", "ONCOMMIT_DROP");
    relation->opaque = true;
    analysis_lock(x, relation, LOCK_ACCESS_EXCLUSIVE)->created = true;
    analysis_touch(x, relation);
    if (relation->temporary)
        return;
    if (materialized) {
        analyse_view_reads(x, relation, sql_get(x->body, "query"));
        from = lex_next(&(struct lexer){.text = x->sql, .at = end}).start;
        relation->sql = analysis_slice(x, from, x->node->end);
        inverse_undo(
            &x->out->inverse, x->arena, arena_printf(x->arena, "DROP MATERIALIZED VIEW %s", relation->qualified));
        x->out->probe = sql_probe_relation(x->arena, relation->qualified, "m");
        return;
    }
    inverse_undo(&x->out->inverse, x->arena, arena_printf(x->arena, "DROP TABLE %s", relation->qualified));
    inverse_lossy(&x->out->inverse, x->arena, arena_printf(x->arena, "the rows of table %s", relation->qualified));
    x->out->probe = sql_probe_relation(x->arena, relation->qualified, "r");
}
