/* Views: what their queries read, making, replacing and refreshing them. */
#include <string.h>

#include "compiler/postgres/analyse.h"
#include "compiler/postgres/lex.h"
#include "compiler/postgres/probe.h"
#include "compiler/postgres/quote.h"
#include "compiler/postgres/setting.h"

/* --- what a view reads ------------------------------------------------------------------------------------------- */

static void add_column(struct analysis *x, struct relation *view, const struct column *column)
{
    for (size_t i = 0; i < view->read_columns.count; i++)
        if (view->read_columns.items[i] == column)
            return;
    VEC_PUSH(x->arena, &view->read_columns, column);
}

/* SELECT *, SELECT a.*: the columns that the tables of this FROM have now. alias: NULL for all of them. */
static void add_star(struct analysis *x, struct relation *view, const struct sql_node *from, const char *alias)
{
    const struct sql_node *fields = sql_fields(from), *range_var = sql_as(from, "RangeVar");
    const struct relation *relation;
    const char *name = sql_text(sql_fields(sql_get(fields, "alias")), "aliasname");

    if (sql_as(from, "JoinExpr")) {
        add_star(x, view, sql_get(fields, "larg"), alias);
        add_star(x, view, sql_get(fields, "rarg"), alias);
    } else if (range_var && sql_text(range_var, "relname")) {
        relation = catalog_find_relation(x->catalog, analysis_schema(x, range_var), sql_text(range_var, "relname"));
        if (relation && (!alias || strcmp(alias, name ? name : relation->name) == 0))
            for (size_t i = 0; i < relation->columns.count; i++)
                add_column(x, view, relation->columns.items[i]);
    }
}

static void add_stars(struct analysis *x, struct relation *view, const struct sql_node *tree)
{
    const struct sql_node *select = sql_as(tree, "SelectStmt");

    for (const struct sql_node *item = sql_first(sql_get(select, "targetList")); item; item = sql_next(item)) {
        const struct sql_node *fields =
            sql_get(sql_as(sql_get(sql_as(item, "ResTarget"), "val"), "ColumnRef"), "fields");
        size_t count = sql_count(fields);
        const struct sql_node *last = sql_first(fields);

        while (last && sql_next(last))
            last = sql_next(last);
        if (!last || !sql_as(last, "A_Star"))
            continue;
        view->has_star = true;
        for (const struct sql_node *from = sql_first(sql_get(select, "fromClause")); from; from = sql_next(from))
            add_star(x, view, from, count > 1 ? sql_list_string(fields, count - 2) : NULL);
    }
    for (const struct sql_node *child = sql_children(sql_fields(tree)); child; child = sql_next(child))
        add_stars(x, view, child);
}

void analyse_view_reads(struct analysis *x, struct relation *view, const struct sql_node *query)
{
    struct relation_list reads = {0};

    catalog_clear_reads(view);
    expression_relations(x, query, &reads);
    for (size_t i = 0; i < reads.items.count; i++) {
        const struct relation *relation = reads.items.items[i];
        size_t count;
        const char *const *names = expression_columns(x, query, relation, &count);

        if (relation == view)
            continue;
        catalog_add_read(x->catalog, view, reads.items.items[i]);
        for (size_t k = 0; k < count; k++)
            add_column(x, view, relation_find_column(relation, names[k]));
    }
    add_stars(x, view, query);
}

/* --- statements -------------------------------------------------------------------------------------------------- */

/* What was replaced comes back, and with it the views that read it, for it has to go first. */
static void undo_replaced(struct analysis *x, struct relation *relation, const char *before, bool grown)
{
    struct inverse *inverse = &x->out->inverse;
    struct relation_list readers = {0};

    if (!before || !analysis_undo_readers(x, relation, &readers)) {
        inverse_impossible(inverse, x->arena,
            "the view's query before is not known since something that it reads was renamed: write 'down:'");
        return;
    }
    for (size_t i = 0; i < readers.items.count; i++)
        inverse_undo(inverse, x->arena,
            arena_printf(x->arena, "DROP %s %s", relation_words(readers.items.items[i]),
                readers.items.items[i]->qualified));
    inverse_undo(inverse, x->arena, arena_printf(x->arena, "DROP VIEW %s", relation->qualified));
    analysis_undo_view(x, relation, before, grown, inverse);
    analysis_make_readers(x, &readers, inverse);
}

void analyse_create_view(struct analysis *x)
{
    const struct sql_node *range_var = sql_get(x->body, "view");
    const char *schema = analysis_schema(x, range_var), *name = sql_text(range_var, "relname"), *before = NULL;
    size_t end, at = analysis_find_name(x, name, sql_location(range_var), &end), from;
    struct lexer lexer = {.text = {x->sql.data, x->node->end}, .at = end};
    struct relation *relation = catalog_find_relation(x->catalog, schema, name);
    bool replaced = false, grown = false;

    x->out->phase = PHASE_EXPAND;
    x->out->label = arena_printf(x->arena, "create_view_%s", name);
    expression_check_query(x, sql_get(x->body, "query"));
    for (size_t i = 0; i < x->out->locks.count; i++)
        x->out->locks.items[i].scan = false; /* the query is only parsed */
    if (relation && !(sql_flag(x->body, "replace") && relation->kind == RELATION_VIEW)) {
        analysis_is_new_name(x, schema, name, at, end);
        return;
    }
    if (relation) {
        before = relation->stale ? NULL : relation->sql;
        grown = relation->grown;
        replaced = true;
        relation->stale = false;
    } else {
        if (!analysis_is_new_name(x, schema, name, at, end))
            return;
        relation = catalog_add_relation(x->catalog, RELATION_VIEW, schema, name, x->analyser->ordinal);
    }
    relation->temporary = strcmp(schema, "pg_temp") == 0;
    relation->opaque = true;
    from = lex_next(&lexer).start;
    relation->sql = analysis_slice(x, from, x->node->end);
    analyse_view_reads(x, relation, sql_get(x->body, "query"));
    analysis_lock(x, relation, LOCK_ACCESS_EXCLUSIVE)->created = !replaced;
    analysis_touch(x, relation);
    if (relation->temporary)
        return;
    if (replaced) {
        undo_replaced(x, relation, before, grown);
        setting_forget_options(relation); /* WITH (…) says them all anew */
        catalog_note_growth(relation);
        return;
    }
    inverse_undo(&x->out->inverse, x->arena, arena_printf(x->arena, "DROP VIEW %s", relation->qualified));
    x->out->probe = sql_probe_relation(x->arena, relation->qualified, "v");
}

void analyse_refresh(struct analysis *x)
{
    struct relation *relation = analysis_relation(x, sql_get(x->body, "relation"));
    bool concurrent = sql_flag(x->body, "concurrent");
    struct lock *lock;

    x->out->phase = PHASE_MIGRATE;
    if (!relation)
        return;
    analysis_touch(x, relation); /* WITH NO DATA empties it */
    for (size_t i = 0; i < relation->reads.count; i++)
        analysis_lock(x, relation->reads.items[i], LOCK_ACCESS_SHARE)->scan = true;
    lock = analysis_lock(x, relation, concurrent ? LOCK_EXCLUSIVE : LOCK_ACCESS_EXCLUSIVE);
    lock->scan = true;
    lock->rewrite = !concurrent;
    if (!concurrent && lock->live)
        analysis_help(x,
            analysis_find(x, DIAG(PG119), x->node->start, x->node->end,
                "REFRESH keeps everybody from reading '%s' for as long as its query takes", relation->name),
            "REFRESH MATERIALIZED VIEW CONCURRENTLY, which needs a unique index on it");
}
