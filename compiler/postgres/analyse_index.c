/* CREATE INDEX, and what maintains tables and indexes: REINDEX, CLUSTER, VACUUM, ANALYZE. */
#include <string.h>

#include "compiler/postgres/analyse.h"
#include "compiler/postgres/lex.h"
#include "compiler/postgres/probe.h"
#include "compiler/postgres/quote.h"

/* Where CREATE INDEX's list of columns opens: the first bracket behind the table (and USING method). */
static size_t list_open(const struct analysis *x, size_t from)
{
    struct lexer lexer = {.text = {x->sql.data, x->node->end}, .at = from};

    for (struct lex_token token = lex_next(&lexer); token.kind != LEX_END; token = lex_next(&lexer))
        if (lex_is(x->sql, token, "("))
            return token.start;
    return x->node->end;
}

/* Text of one element behind its column or expression: " DESC NULLS LAST". */
static const char *rest_of(const struct analysis *x, size_t from, size_t to)
{
    struct lexer lexer = {.text = {x->sql.data, to}, .at = from};
    struct lex_token token = lex_next(&lexer);

    if (token.kind == LEX_END || token.start >= to)
        return "";
    return arena_printf(x->arena, " %s", analysis_slice(x, token.start, to));
}

/* The elements, by the tree for what they are and by the text for how they are written. */
static struct index_element *read_elements(struct analysis *x, const struct relation *table, size_t open, size_t *count)
{
    const struct sql_node *params = sql_get(x->body, "indexParams");
    struct index_element *elements = ARENA_ARRAY(x->arena, struct index_element, sql_count(params) + 1);
    size_t at = open + 1;

    *count = 0;
    for (const struct sql_node *item = sql_first(params); item; item = sql_next(item), (*count)++) {
        const struct sql_node *fields = sql_as(item, "IndexElem");
        size_t end = lex_expression_end(x->sql, at, x->node->end);
        struct lexer lexer = {.text = {x->sql.data, end}, .at = at};
        struct lex_token token = lex_next(&lexer);
        struct index_element *element = &elements[*count];

        if (sql_text(fields, "name")) {
            element->column = arena_strdup(x->arena, sql_text(fields, "name"));
            analysis_column(x, table, element->column, at);
            element->options = rest_of(x, token.end, end);
        } else {
            size_t start = token.start, stop;

            expression_check(x, sql_get(fields, "expr"), table);
            /* either (expression) or a call f(…), perhaps with a schema */
            while (!lex_is(x->sql, token, "(") && token.kind != LEX_END)
                token = lex_next(&lexer);
            stop = lex_find_close(x->sql, token.start) + 1;
            element->sql = analysis_slice(x, start, stop);
            element->options = rest_of(x, stop, end);
        }
        at = end;
        while (at < x->node->end && x->sql.data[at] != ',')
            at++;
        at++;
    }
    return elements;
}

/* The name that the server gives to an index without one. */
static const char *index_name(struct analysis *x, const struct relation *table, const struct index *index)
{
    const char **names = ARENA_ARRAY(x->scratch, const char *, index->element_count + 1);

    for (size_t i = 0; i < index->element_count; i++)
        names[i] = index->elements[i].column ? index->elements[i].column : "expr";
    return analyse_constraint_name(x, table, names, index->element_count, "idx");
}

static const char *clause_text(struct analysis *x, const char *word, size_t from)
{
    struct lexer lexer = {.text = {x->sql.data, x->node->end}, .at = from};
    size_t start;

    for (struct lex_token token = lex_next(&lexer); token.kind != LEX_END; token = lex_next(&lexer)) {
        if (lex_is(x->sql, token, "("))
            lexer.at = lex_find_close(x->sql, token.start) + 1;
        else if (lex_is(x->sql, token, word)) {
            start = lex_next(&lexer).start;
            if (strcmp(word, "where") == 0)
                return analysis_slice(x, start, x->node->end);
            return analysis_slice(x, start + 1, lex_find_close(x->sql, start));
        }
    }
    return NULL;
}

static const char *const *include_names(struct analysis *x, const struct relation *table, size_t from, size_t *count)
{
    const struct sql_node *params = sql_get(x->body, "indexIncludingParams");
    const char **names = ARENA_ARRAY(x->arena, const char *, sql_count(params) + 1);

    *count = 0;
    for (const struct sql_node *item = sql_first(params); item; item = sql_next(item)) {
        const char *name = sql_text(sql_as(item, "IndexElem"), "name");

        if (!name)
            continue;
        analysis_column(x, table, name, from);
        names[(*count)++] = arena_strdup(x->arena, name);
    }
    return names;
}

static void lock_partitions(struct analysis *x, const struct relation *table)
{
    struct relation_list partitions = {0};

    analysis_descendants(x, table, &partitions);
    for (size_t i = 0; i < partitions.items.count; i++)
        analysis_lock(x, partitions.items.items[i], LOCK_SHARE)->scan =
            partitions.items.items[i]->kind == RELATION_TABLE;
}

static void lock_and_lint(struct analysis *x, const struct relation *table, bool concurrent)
{
    size_t from = sql_location(sql_get(x->body, "relation")), end, at = analysis_find_name(x, table->name, from, &end);
    struct lock *lock =
        analysis_lock(x, table, concurrent ? LOCK_SHARE_UPDATE_EXCLUSIVE : lock_of_statement("IndexStmt"));

    if (table->kind == RELATION_PARTITIONED) {
        if (concurrent) {
            analysis_help(x,
                analysis_error(x, DIAG(PG115), at, end,
                    "an index on partitioned table '%s' cannot be built concurrently", table->name),
                "create it ON ONLY the table, build one concurrently on each partition, and attach those to it");
            return;
        }
        if (sql_flag(sql_get(x->body, "relation"), "inh"))
            lock_partitions(x, table);
    } else {
        lock->scan = true;
    }
    if (concurrent && sql_flag(x->body, "if_not_exists"))
        analysis_help(x,
            analysis_find(x, DIAG(PG303), x->node->start, x->node->end,
                "CREATE INDEX CONCURRENTLY IF NOT EXISTS is content with an invalid index of an attempt that failed"),
            "leave IF NOT EXISTS out: the executor looks for itself, and drops what is invalid first");
    if (!concurrent && analysis_is_live(x, table) && (table->kind != RELATION_PARTITIONED || table->children.count))
        analysis_help(x,
            analysis_find(x, DIAG(PG101), at, end,
                "building this index blocks writes to table '%s' for as long as it takes", table->name),
            table->kind == RELATION_PARTITIONED
                ? "create it ON ONLY the table, build one concurrently on each partition, and attach those to it"
                : "use the step create_index, or CREATE INDEX CONCURRENTLY");
}

static void set_recovery(struct analysis *x, const struct relation *index, bool concurrent)
{
    struct inverse *inverse = &x->out->inverse;

    x->out->probe = sql_probe_index(x->arena, index);
    if (!concurrent) {
        inverse_undo(inverse, x->arena, arena_printf(x->arena, "DROP INDEX %s", index->qualified));
        return;
    }
    x->out->alone = x->out->concurrent = true;
    x->out->repair = arena_printf(x->arena, "DROP INDEX CONCURRENTLY IF EXISTS %s", index->qualified);
    inverse_undo(inverse, x->arena, x->out->repair);
    inverse->alone = true;
    inverse->probe = sql_probe_no_index(x->arena, index->qualified);
}

void analyse_partition_index(struct analysis *x, struct relation *parent, struct relation *table)
{
    struct relation *relation;
    struct index *index;

    if (!relation_is_table(table))
        return;
    index = ARENA_NEW(x->arena, struct index);
    *index = *parent->index;
    index->table = table;
    relation = catalog_add_relation(
        x->catalog, RELATION_INDEX, table->schema, index_name(x, table, index), x->analyser->ordinal);
    relation->index = index;
    catalog_set_parent(x->catalog, relation, parent);
    VEC_PUSH(x->arena, &table->indexes, relation);
    analysis_touch(x, relation);
    for (size_t i = 0; table->kind == RELATION_PARTITIONED && i < table->children.count; i++)
        analyse_partition_index(x, relation, table->children.items[i]);
}

static bool holds_partition_key(struct analysis *x, const struct index *index, size_t at, size_t end)
{
    const char **columns = ARENA_ARRAY(x->scratch, const char *, index->element_count);
    size_t count = 0;

    for (size_t i = 0; i < index->element_count; i++)
        if (index->elements[i].column)
            columns[count++] = index->elements[i].column;
    return analyse_holds_partition_key(x, index->table, columns, count, at, end);
}

void analyse_create_index(struct analysis *x)
{
    const struct sql_node *range_var = sql_get(x->body, "relation");
    struct relation *table = analysis_relation(x, range_var), *relation;
    bool concurrent = sql_flag(x->body, "concurrent");
    struct index *index = ARENA_NEW(x->arena, struct index);
    size_t open, close, end, at;
    const char *name;

    x->out->phase = PHASE_EXPAND;
    if (!table)
        return;
    analysis_find_name(x, table->name, sql_location(range_var), &end);
    open = list_open(x, end);
    close = lex_find_close(x->sql, open);
    if (close == SIZE_MAX)
        return;
    *index = (struct index){.table = table,
        .unique = sql_flag(x->body, "unique"),
        .nulls_not_distinct = sql_flag(x->body, "nulls_not_distinct"),
        .on_only = !sql_flag(range_var, "inh"),
        .method =
            arena_strdup(x->arena, sql_text(x->body, "accessMethod") ? sql_text(x->body, "accessMethod") : "btree")};
    index->elements = read_elements(x, table, open, &index->element_count);
    index->include = include_names(x, table, close, &index->include_count);
    expression_check(x, sql_get(x->body, "whereClause"), table);
    if (sql_first(sql_get(x->body, "options")))
        index->with = clause_text(x, "with", close);
    if (sql_get(x->body, "whereClause"))
        index->where = clause_text(x, "where", close);
    name = sql_text(x->body, "idxname");
    if (!name)
        name = index_name(x, table, index);
    x->out->label = arena_printf(x->arena, "create_index_%s", name);
    lock_and_lint(x, table, concurrent);
    if (sql_flag(x->body, "if_not_exists") && catalog_find_relation(x->catalog, table->schema, name))
        return;
    at = analysis_find_name(x, name, x->node->start, &end);
    if (x->failed || !analysis_is_new_name(x, table->schema, name, at, end) ||
        (index->unique && !holds_partition_key(x, index, at, end)))
        return;
    relation = catalog_add_relation(x->catalog, RELATION_INDEX, table->schema, name, x->analyser->ordinal);
    relation->index = index;
    analyse_made_options(x, relation, sql_get(x->body, "options"));
    VEC_PUSH(x->arena, &table->indexes, relation);
    for (size_t i = 0; table->kind == RELATION_PARTITIONED && !index->on_only && i < table->children.count; i++)
        analyse_partition_index(x, relation, table->children.items[i]);
    if (!table->temporary) {
        analysis_judge_late(x, (struct late_finding){.kind = LATE_INDEX, .table = table, .index = relation}, at, end);
        analysis_touch(x, relation);
        set_recovery(x, relation, concurrent);
    }
}

/* --- maintenance ------------------------------------------------------------------------------------------------- */

static bool has_option(const struct sql_node *options, const char *name)
{
    for (const struct sql_node *item = sql_first(options); item; item = sql_next(item)) {
        const struct sql_node *option = sql_as(item, "DefElem");
        const char *value = sql_string(sql_get(option, "arg"));

        if (sql_text_is(option, "defname", name))
            return !value || (strcmp(value, "off") != 0 && strcmp(value, "false") != 0 && strcmp(value, "0") != 0);
    }
    return false;
}

void analyse_reindex(struct analysis *x)
{
    const char *kind = sql_text(x->body, "kind");
    bool concurrent = has_option(sql_get(x->body, "params"), "concurrently");
    struct relation *relation =
        sql_get(x->body, "relation") ? analysis_relation(x, sql_get(x->body, "relation")) : NULL;
    struct relation *table;
    struct lock *lock;

    x->out->phase = PHASE_MIGRATE;
    x->out->alone =
        concurrent || (strcmp(kind, "REINDEX_OBJECT_INDEX") != 0 && strcmp(kind, "REINDEX_OBJECT_TABLE") != 0);
    x->out->concurrent = concurrent;
    if (!relation)
        return;
    table = relation->kind == RELATION_INDEX ? relation->index->table : relation;
    lock = analysis_lock(x, table, concurrent ? LOCK_SHARE_UPDATE_EXCLUSIVE : lock_of_statement("ReindexStmt"));
    lock->scan = true;
    if (relation != table)
        analysis_lock(x, relation, concurrent ? LOCK_SHARE_UPDATE_EXCLUSIVE : LOCK_ACCESS_EXCLUSIVE)->rewrite = true;
    if (!concurrent && analysis_is_live(x, table))
        analysis_help(x,
            analysis_find(x, DIAG(PG122), x->node->start, x->node->end,
                "REINDEX blocks writes to table '%s', and reads that use the index", table->name),
            "REINDEX … CONCURRENTLY");
}

void analyse_cluster(struct analysis *x)
{
    struct relation *table = sql_get(x->body, "relation") ? analysis_relation(x, sql_get(x->body, "relation")) : NULL;
    struct lock *lock;

    x->out->phase = PHASE_MIGRATE;
    x->out->alone = !sql_get(x->body, "relation");
    if (!table)
        return;
    lock = analysis_lock(x, table, lock_of_statement("ClusterStmt"));
    lock->scan = lock->rewrite = true;
    if (lock->live)
        analysis_help(x,
            analysis_find(x, DIAG(PG112), x->node->start, x->node->end,
                "CLUSTER writes table '%s' anew while nobody can read or write it", table->name),
            "pg_repack does it online");
}

void analyse_vacuum(struct analysis *x)
{
    bool vacuum = sql_flag(x->body, "is_vacuumcmd"), full = has_option(sql_get(x->body, "options"), "full");

    x->out->phase = PHASE_MIGRATE;
    x->out->alone = vacuum;
    for (const struct sql_node *item = sql_first(sql_get(x->body, "rels")); item; item = sql_next(item)) {
        struct relation *table = analysis_relation(x, sql_get(sql_as(item, "VacuumRelation"), "relation"));
        struct lock *lock;

        if (!table)
            continue;
        lock = analysis_lock(x, table, full ? LOCK_ACCESS_EXCLUSIVE : LOCK_SHARE_UPDATE_EXCLUSIVE);
        lock->rewrite = lock->scan = full;
        if (full && lock->live)
            analysis_help(x,
                analysis_find(x, DIAG(PG112), x->node->start, x->node->end,
                    "VACUUM FULL writes table '%s' anew while nobody can read or write it", table->name),
                "a plain VACUUM makes the room reusable; pg_repack gives it back online");
    }
    /* it can be done any number of times */
    if (vacuum)
        x->out->probe = "SELECT 'not done', NULL::pg_catalog.text";
}
