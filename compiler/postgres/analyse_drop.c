/* DROP of tables, views, indexes and sequences. */
#include <string.h>

#include "compiler/postgres/analyse.h"
#include "compiler/postgres/lex.h"
#include "compiler/postgres/probe.h"
#include "compiler/postgres/quote.h"

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
    if (analysis_is_cascade(x))
        return false;
    for (size_t i = 0; i < relation->read_by.count; i++)
        if (!is_dropped_here(x, relation->read_by.items[i])) {
            analysis_report_dependent(x, relation->name, relation->read_by.items[i]->name, "view");
            return true;
        }
    for (const struct relation *up = relation; up; up = up->parent) /* a key to the whole is one to each partition */
        for (size_t i = 0; i < up->referenced_by.count; i++)
            if (up->referenced_by.items[i]->relation != relation &&
                !is_dropped_here(x, up->referenced_by.items[i]->relation)) {
                analysis_report_dependent(
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
    for (size_t i = 0; i < relation->extras.count; i++)
        if (!relation->extras.items[i]->sql)
            inverse_lossy(inverse, x->arena,
                arena_printf(x->arena, "%s %s", extra_words(relation->extras.items[i]), relation->extras.items[i]->name));
}

static void drop_reference(struct analysis *x, const struct constraint *foreign_key)
{
    size_t end, at = analysis_find_name(x, foreign_key->relation->name, x->node->start, &end);

    analysis_lock(x, foreign_key->referenced, LOCK_ACCESS_EXCLUSIVE);
    analysis_find_referenced(x, foreign_key, at, end);
}

/* Of a view's columns, which the catalogue does not have. */
static void undo_column_comments(struct analysis *x, const struct relation *view, struct inverse *inverse)
{
    const char *prefix = arena_printf(x->scratch, "COLUMN %s.", view->qualified);
    const struct map_entry *entry;

    for (size_t i = 0; map_next(&x->catalog->comments, &i, &entry);)
        if (strncmp(entry->key.data, prefix, strlen(prefix)) == 0)
            inverse_comment(inverse, x->arena, entry->key.data, entry->value);
}

static void forget_column_comments(struct analysis *x, const struct relation *view)
{
    const char *prefix = arena_printf(x->scratch, "COLUMN %s.", view->qualified);
    const struct map_entry *entry;

    for (size_t i = 0; map_next(&x->catalog->comments, &i, &entry);)
        if (strncmp(entry->key.data, prefix, strlen(prefix)) == 0)
            map_remove(&x->catalog->comments, entry->key);
}

void analysis_undo_view(
    struct analysis *x, const struct relation *view, const char *sql, bool grown, struct inverse *inverse)
{
    struct sql_list parts = {0};

    inverse_undo(
        inverse, x->arena, arena_printf(x->arena, "CREATE %s %s %s", relation_words(view), view->qualified, sql));
    catalog_relation_parts(x->arena, view, &parts);
    for (size_t i = 0; i < parts.items.count; i++)
        inverse_undo(inverse, x->arena, parts.items.items[i]);
    undo_column_comments(x, view, inverse);
    if (grown)
        inverse_lossy(inverse, x->arena,
            arena_printf(x->arena, "how many columns %s had: its SELECT * gives more of them now", view->qualified));
    analysis_give_again(x, view, inverse);
}

/* Views that read it, directly or through others: those first that nothing reads. */
static void add_readers(struct analysis *x, struct relation *relation, struct relation_list *list)
{
    struct reading {
        struct relation *relation;
        size_t next; /* of read_by */
    };
    struct {
        VEC(struct reading) items;
    } way = {0}; /* in place of recursion: views over views may be many */

    relation->walk = ++x->analyser->walk;
    VEC_PUSH(x->scratch, &way.items, (struct reading){relation, 0});
    while (way.items.count) {
        struct reading *at = &way.items.items[way.items.count - 1];
        struct relation *reader;

        if (at->next == at->relation->read_by.count) {
            if (at->relation != relation)
                VEC_PUSH(x->scratch, &list->items, at->relation);
            way.items.count--;
            continue;
        }
        reader = at->relation->read_by.items[at->next++];
        if (reader->walk == x->analyser->walk)
            continue;
        reader->walk = x->analyser->walk;
        VEC_PUSH(x->scratch, &way.items, (struct reading){reader, 0});
    }
}

bool analysis_undo_readers(struct analysis *x, struct relation *relation, struct relation_list *readers)
{
    add_readers(x, relation, readers);
    for (size_t i = 0; i < readers->items.count; i++)
        if (!readers->items.items[i]->sql || readers->items.items[i]->stale)
            return false;
    return true;
}

void analysis_make_readers(struct analysis *x, const struct relation_list *readers, struct inverse *inverse)
{
    for (size_t i = readers->items.count; i > 0; i--) {
        const struct relation *reader = readers->items.items[i - 1];

        analysis_undo_view(x, reader, reader->sql, reader->grown, inverse);
        name_other_losses(x, reader, inverse);
    }
}

static void drop_view(struct analysis *x, struct relation *relation)
{
    struct relation_list readers = {0};
    struct inverse inverse = {0};

    analysis_lock(x, relation, LOCK_ACCESS_EXCLUSIVE);
    analysis_touch_gone(x, relation);
    if (!analysis_undo_readers(x, relation, &readers) || !relation->sql || relation->stale) {
        inverse_impossible(&inverse, x->arena,
            "the view's query is not known since something that it reads was renamed: write 'down:'");
    } else {
        analysis_undo_view(x, relation, relation->sql, relation->grown, &inverse);
        name_other_losses(x, relation, &inverse);
        analysis_make_readers(x, &readers, &inverse);
    }
    forget_column_comments(x, relation);
    inverse_put_before(&x->out->inverse, x->arena, &inverse);
}

static bool is_referenced(const struct relation *relation)
{
    for (size_t i = 0; i < relation->referenced_by.count; i++)
        if (relation->referenced_by.items[i]->relation != relation)
            return true;
    return false;
}

static void undo_drop_table(struct analysis *x, struct relation *relation, struct inverse *inverse)
{
    const struct relation *whole = relation->partition_bound ? relation->parent : NULL;
    struct relation_list readers = {0};
    struct sql_list again = {0};

    if (!analysis_undo_readers(x, relation, &readers) || relation->opaque || relation->children.count ||
        (relation->parent && !whole) || is_referenced(relation)) {
        inverse_impossible(inverse, x->arena,
            arena_printf(x->arena, "table %s, its rows and what depended on it cannot be made again: write 'down:'",
                relation->qualified));
        return;
    }
    catalog_table_sql(x->arena, relation, &again);
    for (size_t i = 0; i < again.items.count; i++)
        inverse_undo(inverse, x->arena, again.items.items[i]);
    if (whole)
        inverse_undo(inverse, x->arena,
            arena_printf(x->arena, "ALTER TABLE %s ATTACH PARTITION %s %s", whole->qualified,
                relation->qualified, relation->partition_bound));
    analysis_give_again(x, relation, inverse);
    inverse_lossy(inverse, x->arena, arena_printf(x->arena, "the rows of table %s", relation->qualified));
    name_other_losses(x, relation, inverse);
    analysis_make_readers(x, &readers, inverse);
}

static void drop_table(struct analysis *x, struct relation *relation)
{
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
    undo_drop_table(x, relation, &inverse);
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

/* The columns whose values it gives: an identity keeps it, a default does unless CASCADE takes that along. False:
 * diagnosed. */
static bool leave_columns(struct analysis *x, const struct relation *sequence, struct inverse *inverse)
{
    const struct map_entry *entry;

    for (size_t i = 0; map_next(&x->catalog->relations, &i, &entry);) {
        const struct relation *table = entry->value;

        for (size_t k = 0; k < table->columns.count && !table->opaque; k++) {
            struct column *column = table->columns.items[k];
            bool draws = column_draws_from(column, sequence) && strstr(column->default_sql, sequence->qualified);

            if ((column->sequence == sequence && column->identity) || (draws && !analysis_is_cascade(x))) {
                analysis_report_dependent(x, sequence->name,
                    arena_printf(x->scratch, "%s.%s", table->name, column->name), "column");
                return false;
            }
            if (!draws)
                continue;
            inverse_undo(inverse, x->arena,
                arena_printf(x->arena, "ALTER TABLE %s ALTER COLUMN %s SET DEFAULT %s", table->qualified,
                    quote_name(x->arena, column->name), column->default_sql));
            column->default_sql = NULL;
        }
    }
    return true;
}

static void drop_sequence(struct analysis *x, struct relation *relation)
{
    struct inverse inverse = {0}, defaults = {0};

    analysis_touch_gone(x, relation); /* before the defaults that name it go */
    if (!leave_columns(x, relation, &defaults))
        return;
    analysis_lock(x, relation, LOCK_ACCESS_EXCLUSIVE);
    inverse_undo(&inverse, x->arena, catalog_sequence_sql(x->arena, relation));
    if (relation->owner)
        inverse_undo(&inverse, x->arena,
            arena_printf(x->arena, "ALTER SEQUENCE %s OWNED BY %s.%s", relation->qualified, relation->owner->qualified,
                quote_name(x->arena, relation->owner_column)));
    inverse_comment(&inverse, x->arena, arena_printf(x->arena, "SEQUENCE %s", relation->qualified), relation->comment);
    analysis_give_again(x, relation, &inverse);
    for (size_t i = 0; i < defaults.undo.count; i++)
        inverse_undo(&inverse, x->arena, defaults.undo.items[i]);
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
        analysis_error(x, DIAG(PG010), at, end, "'%s' is %s, not %s", name,
            analysis_with_article(x, relation_kind_name(relation->kind)), analysis_with_article(x, what));
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

/* The words that an error has for it. NULL: no relation. */
static const char *what_is(const char *kind)
{
    static const struct {
        const char *kind, *what;
    } names[] = {
        {"OBJECT_TABLE", "table"},
        {"OBJECT_FOREIGN_TABLE", "table"},
        {"OBJECT_VIEW", "view"},
        {"OBJECT_MATVIEW", "view"},
        {"OBJECT_INDEX", "index"},
        {"OBJECT_SEQUENCE", "sequence"},
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i].kind, kind) == 0)
            return names[i].what;
    return NULL;
}

static void drop_object(struct analysis *x, const char *kind, const struct sql_node *object)
{
    const char *what = what_is(kind);

    if (what)
        drop_relation(x, sql_get(sql_as(object, "List"), "items"), kind, what);
    else
        analyse_drop_object(x, kind, object);
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
