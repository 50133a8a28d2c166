/* Statements on rows, TRUNCATE, LOCK, SET and transaction control. */
#include <string.h>
#include <strings.h>

#include "compiler/postgres/analyse.h"
#include "compiler/postgres/lex.h"
#include "compiler/postgres/quote.h"

/* Does the condition pick single rows: an equality with constants on a unique key's only column? */
static bool is_bounded(const struct relation *relation, const struct sql_node *condition)
{
    const struct sql_node *expression = sql_as(condition, "A_Expr"), *boolean = sql_as(condition, "BoolExpr");
    const char *operator= sql_list_string(sql_get(expression, "name"), 0);
    const char *column =
        sql_list_string(sql_get(sql_as(sql_get(expression, "lexpr"), "ColumnRef"), "fields"), SIZE_MAX);

    if (sql_text_is(boolean, "boolop", "AND_EXPR")) {
        for (const struct sql_node *item = sql_first(sql_get(boolean, "args")); item; item = sql_next(item))
            if (is_bounded(relation, item))
                return true;
        return false;
    }
    if (!operator|| strcmp(operator, "=") != 0 || !column || sql_as(sql_get(expression, "rexpr"), "ColumnRef") ||
        sql_as(sql_get(expression, "rexpr"), "SubLink"))
        return false;
    for (size_t i = 0; i < relation->indexes.count; i++) {
        const struct index *index = relation->indexes.items[i]->index;

        if (index->unique && index->element_count == 1 && index->elements[0].column &&
            strcmp(index->elements[0].column, column) == 0)
            return true;
    }
    return false;
}

static void judge_write(struct analysis *x, const struct relation *relation, const char *verb)
{
    const struct sql_node *where = sql_get(x->body, "whereClause");
    size_t end, at = analysis_find_name(x, relation->name, sql_location(sql_get(x->body, "relation")), &end);

    if (!analysis_is_live(x, relation))
        return;
    inverse_impossible(&x->out->inverse, x->arena,
        arena_printf(x->arena, "the old rows of table %s are not kept: write 'down:', or use a backfill step",
            relation->qualified));
    if (where && is_bounded(relation, where))
        return;
    x->out->changes_rows = true;
    if (strcmp(verb, "DELETE") == 0 && !where)
        analysis_help(x,
            analysis_find(
                x, DIAG(PG203), at, end, "DELETE without WHERE loses every row of table '%s'", relation->name),
            "say which rows go");
    analysis_help(x,
        analysis_find(x, DIAG(PG109), at, end, "this %s may change any number of rows of table '%s' in one transaction",
            verb, relation->name),
        strcmp(verb, "UPDATE") == 0 ? "use a backfill step: it goes in batches and can be resumed"
                                    : "delete in batches, each in its own transaction");
}

/* Does an expression name this column of the updated table? Behind another table's name or alias it does not. */
static bool names_column(const struct sql_node *node, const char *table, const char *column)
{
    const struct sql_node *fields = sql_get(sql_as(node, "ColumnRef"), "fields");
    const char *name = sql_list_string(fields, SIZE_MAX), *qualifier = sql_list_string(fields, SIZE_MAX - 1);

    if (name && strcmp(name, column) == 0 && (sql_count(fields) == 1 || !qualifier || strcmp(qualifier, table) == 0))
        return true;
    for (const struct sql_node *child = sql_children(sql_fields(node)); child; child = sql_next(child))
        if (names_column(child, table, column))
            return true;
    return false;
}

/* Where SET's list ends: at WHERE, FROM or RETURNING outside of brackets. */
static size_t assignments_end(const struct analysis *x)
{
    struct lexer lexer = {.text = {x->sql.data, x->node->end}, .at = x->node->start};
    size_t depth = 0;
    bool distinct = false; /* IS DISTINCT FROM */

    for (struct lex_token token = lex_next(&lexer); token.kind != LEX_END; token = lex_next(&lexer)) {
        depth += lex_is(x->sql, token, "(");
        depth -= lex_is(x->sql, token, ")") && depth;
        if (!depth && (lex_is(x->sql, token, "where") || lex_is(x->sql, token, "returning") ||
                          (lex_is(x->sql, token, "from") && !distinct)))
            return token.start;
        distinct = lex_is(x->sql, token, "distinct");
    }
    return x->node->end;
}

static void read_assignments(struct analysis *x)
{
    const struct sql_node *list = sql_get(x->body, "targetList"), *range_var = sql_get(x->body, "relation");
    const char *alias = sql_text(sql_fields(sql_get(range_var, "alias")), "aliasname");
    struct assignment *assignments = ARENA_ARRAY(x->arena, struct assignment, sql_count(list) + 1);
    size_t count = 0;

    for (const struct sql_node *item = sql_first(list); item; item = sql_next(item)) {
        const struct sql_node *target = sql_as(item, "ResTarget"), *value = sql_get(target, "val");
        struct assignment *assignment = &assignments[count++];
        struct lexer lexer = {.text = {x->sql.data, x->node->end}, .at = sql_location(target)};
        size_t from;

        assignment->column = arena_strdup(x->arena, sql_text(target, "name"));
        if (sql_as(value, "MultiAssignRef") || sql_first(sql_get(target, "indirection")))
            continue;
        lex_next(&lexer); /* the column */
        lex_next(&lexer); /* = */
        from = lex_next(&lexer).start;
        assignment->sql = analysis_slice(x, from, lex_expression_end(x->sql, from, assignments_end(x)));
        assignment->repeatable =
            !expression_is_volatile(x, value) &&
            !names_column(value, alias ? alias : sql_text(range_var, "relname"), assignment->column);
    }
    x->out->assignments = assignments;
    x->out->assignment_count = count;
}

static void judge_insert(struct analysis *x, const struct relation *relation)
{
    bool from_query = sql_first(sql_get(sql_as(sql_get(x->body, "selectStmt"), "SelectStmt"), "fromClause")) != NULL;

    if (!analysis_is_live(x, relation))
        return;
    x->out->changes_rows = from_query;
    inverse_impossible(&x->out->inverse, x->arena,
        arena_printf(x->arena, "which rows of table %s it made is not known: write 'down:'", relation->qualified));
}

static void analyse_copy(struct analysis *x)
{
    struct relation *relation =
        sql_get(x->body, "relation") ? analysis_relation(x, sql_get(x->body, "relation")) : NULL;
    bool from = sql_flag(x->body, "is_from");

    if (relation)
        analysis_lock(x, relation, from ? LOCK_ROW_EXCLUSIVE : LOCK_ACCESS_SHARE);
    if (!sql_text(x->body, "filename"))
        analysis_error(
            x, DIAG(PG019), x->node->start, x->node->end, "COPY needs a client that sends or takes the rows");
    if (from)
        inverse_impossible(&x->out->inverse, x->arena, "which rows it made is not known: write 'down:'");
}

/* SELECT … INTO makes a table. */
static void apply_into(struct analysis *x, const struct sql_node *range_var)
{
    const char *schema = analysis_schema(x, range_var), *name = sql_text(range_var, "relname");
    size_t end, at = analysis_find_name(x, name, x->node->start, &end);
    struct relation *relation;

    if (!analysis_is_new_name(x, schema, name, at, end))
        return;
    relation = catalog_add_relation(x->catalog, RELATION_TABLE, schema, name, x->analyser->ordinal);
    relation->opaque = true;
    relation->temporary = strcmp(schema, "pg_temp") == 0;
    analysis_lock(x, relation, LOCK_ACCESS_EXCLUSIVE)->created = true;
    analysis_touch(x, relation);
    if (relation->temporary)
        return;
    inverse_undo(&x->out->inverse, x->arena, arena_printf(x->arena, "DROP TABLE %s", relation->qualified));
    inverse_lossy(&x->out->inverse, x->arena, arena_printf(x->arena, "the rows of table %s", relation->qualified));
}

static const char *constant(const struct sql_node *call, size_t index)
{
    const struct sql_node *item = sql_first(sql_get(call, "args"));

    while (item && index--)
        item = sql_next(item);
    if (sql_as(item, "TypeCast"))
        item = sql_get(sql_as(item, "TypeCast"), "arg");
    return sql_text(sql_get(sql_as(item, "A_Const"), "sval"), "sval");
}

/* SELECT set_config('search_path', '', false), as pg_dump writes it: a SET. */
static void judge_set_config(struct analysis *x, const struct sql_node *call)
{
    const struct sql_node *local = sql_first(sql_get(call, "args"));
    const char *name = constant(call, 0);

    for (size_t i = 0; local && i < 2; i++)
        local = sql_next(local);
    x->out->session = true;
    if (name && !sql_flag(sql_get(sql_as(local, "A_Const"), "boolval"), "boolval"))
        analysis_help(x,
            analysis_find(x, DIAG(PG114), x->node->start, x->node->end,
                "set_config('%s', …, false) stays in force for the steps that come after", name),
            "say true: it ends with the transaction then");
}

/* SELECT setval('s', 1): the position of a sequence, and no more. */
static void judge_setval(struct analysis *x, const struct sql_node *call)
{
    const char *name = constant(call, 0);
    const struct map_entry *entry;

    for (size_t i = 0; name && map_next(&x->catalog->relations, &i, &entry);) {
        const struct relation *sequence = entry->value;

        if (sequence->kind == RELATION_SEQUENCE && !analysis_is_live(x, sequence) &&
            (strcmp(sequence->qualified, name) == 0 || strcmp(sequence->name, name) == 0))
            return; /* what is new goes when the migration is undone */
    }
    inverse_lossy(
        &x->out->inverse, x->arena, arena_printf(x->arena, "where sequence %s stood", name ? name : "that it sets"));
}

/* The one function that SELECT f(…) calls; NULL: it is another SELECT. */
static const struct sql_node *only_call(const struct analysis *x)
{
    const struct sql_node *targets = sql_get(x->body, "targetList");

    if (sql_count(targets) != 1 || sql_get(x->body, "fromClause") || sql_get(x->body, "intoClause"))
        return NULL;
    return sql_as(sql_get(sql_as(sql_first(targets), "ResTarget"), "val"), "FuncCall");
}

static void judge_select(struct analysis *x)
{
    const struct sql_node *into = sql_get(sql_get(x->body, "intoClause"), "rel"), *call = only_call(x);
    const char *name = sql_list_string(sql_get(call, "funcname"), SIZE_MAX);

    if (into)
        apply_into(x, into);
    analysis_touch_calls(x, x->node->tree);
    if (name && strcmp(name, "set_config") == 0)
        judge_set_config(x, call);
    else if (name && strcmp(name, "setval") == 0)
        judge_setval(x, call);
    else if (expression_is_volatile(x, x->node->tree))
        inverse_impossible(
            &x->out->inverse, x->arena, "what the functions that it calls did is not known: write 'down:'");
}

void analyse_query(struct analysis *x)
{
    const struct sql_node *range_var = sql_get(x->body, "relation");
    struct relation *relation;

    x->out->phase = PHASE_MIGRATE;
    if (strcmp(x->out->tag, "CopyStmt") == 0) {
        analyse_copy(x);
        return;
    }
    expression_check_query(x, x->node->tree);
    if (strcmp(x->out->tag, "SelectStmt") == 0) {
        judge_select(x);
        return;
    }
    relation = catalog_find_relation(x->catalog, analysis_schema(x, range_var), sql_text(range_var, "relname"));
    if (!relation) {
        inverse_impossible(&x->out->inverse, x->arena, "the old rows are not kept: write 'down:'");
        return;
    }
    x->out->label = arena_printf(x->arena, "write_%s", relation->name);
    if (strcmp(x->out->tag, "UpdateStmt") == 0)
        read_assignments(x);
    if (strcmp(x->out->tag, "InsertStmt") == 0)
        judge_insert(x, relation);
    else
        judge_write(x, relation,
            strcmp(x->out->tag, "UpdateStmt") == 0   ? "UPDATE"
            : strcmp(x->out->tag, "DeleteStmt") == 0 ? "DELETE"
                                                     : "MERGE");
}

static bool is_listed(const struct relation_list *list, const struct relation *relation)
{
    for (size_t i = 0; i < list->items.count; i++)
        if (list->items.items[i] == relation)
            return true;
    return false;
}

void analyse_truncate(struct analysis *x)
{
    bool cascade = sql_text_is(x->body, "behavior", "DROP_CASCADE");
    struct relation_list tables = {0};

    x->out->phase = PHASE_MIGRATE;
    for (const struct sql_node *item = sql_first(sql_get(x->body, "relations")); item; item = sql_next(item)) {
        struct relation *relation = analysis_table(x, sql_as(item, "RangeVar"));

        if (relation)
            VEC_PUSH(x->scratch, &tables.items, relation);
    }
    for (size_t i = 0; i < tables.items.count; i++) { /* grows with CASCADE and with partitions */
        struct relation *relation = tables.items.items[i];
        struct lock *lock = analysis_lock(x, relation, lock_of_statement("TruncateStmt"));
        size_t end, at = analysis_find_name(x, relation->name, x->node->start, &end);

        lock->rewrite = true;
        lock->scan = relation->indexes.count > 0;
        for (size_t k = 0; k < relation->referenced_by.count; k++) {
            struct relation *child = relation->referenced_by.items[k]->relation;

            if (is_listed(&tables, child))
                continue;
            if (cascade)
                VEC_PUSH(x->scratch, &tables.items, child);
            else
                analysis_error(x, DIAG(PG015), at, end,
                    "'%s' cannot be truncated: a foreign key of table '%s' refers to it", relation->name, child->name);
        }
        for (size_t k = 0; k < relation->children.count; k++)
            if (!is_listed(&tables, relation->children.items[k]))
                VEC_PUSH(x->scratch, &tables.items, relation->children.items[k]);
        if (!lock->live || (relation->parent && is_listed(&tables, relation->parent)))
            continue;
        analysis_help(x,
            analysis_find(x, DIAG(PG203), at, end, "TRUNCATE loses every row of table '%s'", relation->name),
            "allow PG203 here and say in the reason why they may go");
        inverse_impossible(
            &x->out->inverse, x->arena, arena_printf(x->arena, "the rows of table %s are gone", relation->qualified));
    }
}

void analyse_lock(struct analysis *x)
{
    int64_t mode = sql_integer(x->body, "mode", 8);

    x->out->phase = PHASE_MIGRATE;
    for (const struct sql_node *item = sql_first(sql_get(x->body, "relations")); item; item = sql_next(item)) {
        struct relation *relation = analysis_relation(x, sql_as(item, "RangeVar"));
        struct lock *lock;

        if (!relation)
            continue;
        lock = analysis_lock(x, relation, (enum lock_mode)(mode - 1));
        if (lock->live && lock->mode >= LOCK_SHARE)
            analysis_help(x,
                analysis_find(x, DIAG(PG110), x->node->start, x->node->end,
                    "LOCK TABLE blocks %s on table '%s' until the commit", lock_mode_blocks(lock->mode),
                    relation->name),
                "leave it out: each statement takes the lock that it needs");
    }
}

/* Schemas that are there; what the server puts in by itself is left out. */
static void set_search_path(struct analysis *x, const struct sql_node *args)
{
    struct {
        VEC(const char *) items;
    } path = {0};

    for (const struct sql_node *item = sql_first(args); item; item = sql_next(item)) {
        const char *name = sql_text(sql_get(sql_as(item, "A_Const"), "sval"), "sval");

        if (name && *name && strcmp(name, "$user") != 0 && !qualify_is_system_schema(name) &&
            (sql_count(args) == 1 || map_has(&x->catalog->schemas, str_from(name))))
            VEC_PUSH(x->arena, &path.items, arena_strdup(x->arena, name));
    }
    if (!path.items.count)
        return;
    x->analyser->schema = path.items.items[0];
    x->analyser->others = path.items.items + 1;
    x->analyser->other_count = path.items.count - 1;
}

void analyse_set(struct analysis *x)
{
    const char *name = sql_text(x->body, "name"), *kind = sql_text(x->body, "kind");
    const struct sql_node *value = sql_as(sql_first(sql_get(x->body, "args")), "A_Const");
    const char *text = sql_text(sql_get(value, "sval"), "sval");

    x->out->session = true;
    x->out->phase = PHASE_EXPAND;
    if (!name || strcmp(kind, "VAR_SET_VALUE") != 0)
        return;
    if (strcmp(name, "timezone") == 0)
        x->analyser->timezone_utc = text && (strcasecmp(text, "UTC") == 0 || strcasecmp(text, "Etc/UTC") == 0);
    if (strcmp(name, "search_path") == 0)
        set_search_path(x, sql_get(x->body, "args"));
    if (!sql_flag(x->body, "is_local"))
        analysis_help(x,
            analysis_find(x, DIAG(PG114), x->node->start, x->node->end,
                "SET %s stays in force for the steps that come after", name),
            "SET LOCAL ends with the transaction");
}

void analyse_transaction(struct analysis *x)
{
    analysis_help(x,
        analysis_error(x, DIAG(PG012), x->node->start, x->node->end, "transactions are the executor's business"),
        "leave BEGIN, COMMIT and savepoints out: a migration's steps share a transaction wherever they can");
}
